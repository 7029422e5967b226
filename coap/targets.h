#pragma once

/*
 * targets.h - the endpoints that may be connected to: those of the config, and, until one of these has
 * acknowledged something, those of the config before.
 */
#include <stdbool.h>
#include <stddef.h>

#include "hub/core/config.h"

enum { TARGETS_MAX = 2 * CONFIG_ENDPOINTS_MAX };

/* Fields may be read. */
struct targets {
	size_t count;
	size_t fresh; /* so many at the head are not confirmed; 0: all are */
	struct config_endpoint list[TARGETS_MAX];
};

/* What supervisor_on_endpoints is to be told. */
struct targets_change {
	size_t count, kept;
	int used; /* -1: not in the list any more */
};

/*
 * targets_replace - there is another config.
 *
 * t       all zero at first
 * e       at most CONFIG_ENDPOINTS_MAX, most wanted first; copied
 * used    where in the list the endpoint is that requests go to now; -1: none
 *
 * If the one in use is among the new ones, they are confirmed by that. Else the confirmed ones of the list before
 * stay behind them, without those that are among the new ones.
 *
 * Returns true with *ret, or false: nothing has changed. Pure.
 */
bool targets_replace(struct targets *t, const struct config_endpoint *e, size_t count,
		     int used, struct targets_change *ret);

/* targets_confirm - the new ones are good, the old ones go. Pure. */
void targets_confirm(struct targets *t);
