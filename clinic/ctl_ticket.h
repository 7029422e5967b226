#pragma once

/*
 * ctl_ticket.h - clinicctl ticket: its parts, and what other verbs show of tickets.
 */
#include "clinic/ctl.h"
#include "clinic/remote.h"

/* clinicctl ticket list. */
int ctl_ticket_list(int argc, char **argv);

/*
 * ctl_ticket_alarms - one line for each ticket that somebody came with who should not have, within the last 30 days.
 *
 * json   one object a line, as 'ticket list' has it, with "alarm" before it
 *
 * Returns as remote_ask.
 */
int ctl_ticket_alarms(struct remote *clinic, int64_t now_ms, bool json);
