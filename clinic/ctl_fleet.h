#pragma once

/*
 * ctl_fleet.h - what concerns the configurations of all hubs: looked at, or changed one after the other.
 *
 * Hubs that are retired or lost are left out, and those that wait for a configuration of their own, as after a new
 * enrolment: it is made from the clinic's folder as that is then.
 */
#include "clinic/ctl_config.h"

/* ctl_fleet_fn says so of a hub that needs no change. No value of enum ctl_exit. */
enum { CTL_FLEET_SAME = -1 };

struct ctl_fleet {
	unsigned changed, same, failed; /* hubs */
};

/* Looks at one; anything but 0 ends the walk. c has passkeys. */
typedef int ctl_fleet_look(void *arg, const struct hub *h, const struct config *c);

/* ctl_fleet_each - all of them, by name. Returns CTL_OK, what look returned, or an exit code after a complaint. */
int ctl_fleet_each(const char *dir, ctl_fleet_look *look, void *arg);

/*
 * ctl_fleet_change - each of them by ctl_config_next, in a transaction of its own: a second run goes on with what is left.
 *
 * fn    as ctl_config_fn; also CTL_FLEET_SAME: nothing is signed
 * ret   how many; filled also on failure
 *
 * Returns CTL_OK, or after complaints CTL_FAILED: some hubs were not changed.
 */
int ctl_fleet_change(const char *dir, ctl_config_fn *fn, void *arg,
		     struct ctl_fleet *ret);
