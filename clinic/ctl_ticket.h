#pragma once

/*
 * ctl_ticket.h - clinicctl ticket: its parts, and what other verbs show of tickets.
 */
#include "clinic/ctl.h"
#include "clinic/store.h"

/* clinicctl ticket list. */
int ctl_ticket_list(int argc, char **argv);

/* ctl_ticket_alarms - one line for each ticket that somebody came with who should not have, within the last 30 days. The
 * store may be within a transaction that reads. Returns 0 or an error of store.h. */
int ctl_ticket_alarms(struct store *s, int64_t now_ms);
