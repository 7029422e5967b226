#pragma once

/*
 * devices.h - the configured peripherals: brings what bluetoothd, hub-store and hubd say
 * to the pure machines (session.h, pairing.h, clock.h) and carries out what they want.
 *
 * A value is taken only from a configured device that is paired and bonded, over a link
 * that is up or ended less than two seconds ago. What is not verified yet: that this very
 * link was encrypted with the bond when the value came. bluetoothd passes values on
 * before encryption, so an impostor with a copied address can place one; D-Bus does not
 * tell. LINK_UNKNOWN in each reading says so, until bond facts and a link probe exist.
 *
 * Links may exist (adapter powered) only while hub-store takes readings: a device that cannot reach
 * us keeps its own copy, one that reaches us has its copy confirmed before we have it on disk.
 */
#include "hub/rt/options.h"
#include "hub/rt/rt.h"

struct devices;

/* stopped: everything is switched off and handed over after devices_stop, or 3 s have passed. */
typedef void devices_stopped_fn(void *arg);

/* devices_new - opens bus and links; Returns 0 with
 * *ret, or -EIO, -ENOENT, -ENOMEM. opt is borrowed. */
int devices_new(struct rt *rt, const struct options *opt, devices_stopped_fn *stopped,
		void *arg, struct devices **ret);

/* devices_stop - disconnect, radio off, hand over what is left; then 'stopped' is called once. */
void devices_stop(struct devices *d);

void devices_free(struct devices *d); /* NULL is fine */
