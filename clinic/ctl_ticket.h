#pragma once

/*
 * ctl_ticket.h - clinicctl ticket: its parts, and what other verbs show of tickets.
 */
#include "clinic/ctl.h"
#include "clinic/store.h"

/* clinicctl ticket list. */
int ctl_ticket_list(int argc, char **argv);

/*
 * ctl_ticket_alarms - one line for each ticket that somebody came with who should not have, within the last 30 days: of the
 * clinic's folder, where tickets are.
 *
 * json   one object a line, as 'ticket list' has it, with "alarm" before it
 *
 * Returns CTL_OK, or another enum ctl_exit after a complaint.
 */
int ctl_ticket_alarms(const char *dir, int64_t now_ms, bool json);
