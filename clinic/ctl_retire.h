#pragma once

/*
 * ctl_retire.h - what an order to retire a hub means for its life here: with its second signature the hub drains, with one that
 * cancels it the hub is as it was.
 */
#include "clinic/store_command.h"

/*
 * ctl_retire_check - before a signature is made.
 *
 * h   locked
 * o   to be signed: a new one, or one that gets its second signature
 *
 * Returns CTL_OK, or an exit code after a complaint: it would be void, or come too late.
 */
int ctl_retire_check(struct store *s, const struct hub *h, const struct order *o);

/*
 * ctl_retire_settle - in the transaction in which the order got its last signature: the hub's life, and a line in its journal.
 * Orders of other verbs change nothing.
 *
 * Returns 0, or an error of store.h.
 */
int ctl_retire_settle(struct store *s, const struct hub *h, const struct order *o);
