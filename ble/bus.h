#pragma once

/*
 * bus.h - one D-Bus connection (sd-bus) under the loop of hub/rt.
 *
 * sd-bus is asked for its descriptor, events and deadline after each dispatch and after
 * each bus_touch, and handles at most 64 messages per turn, so that a noisy bus cannot
 * starve the sockets to the other processes.
 */
#include <systemd/sd-bus.h>

#include "hub/rt/rt.h"

struct bus;

/* The connection is lost for good: free it. Called from the loop, never from inside sd-bus. */
typedef void bus_lost_fn(void *arg);

/*
 * bus_open - start connecting; nothing blocks, messages may be queued at once.
 *
 * address   D-Bus address; NULL: the system bus
 *
 * Returns 0 with *ret, or -EIO (no such bus; try later), -ENOMEM.
 */
int bus_open(struct rt *rt, const char *address, bus_lost_fn *lost, void *arg,
	     struct bus **ret);

/* The connection itself, for calls and vtables; borrowed. */
sd_bus *bus_sd(struct bus *b);

/* bus_touch - something was queued outside sd-bus's own callbacks. */
void bus_touch(struct bus *b);

void bus_free(struct bus *b); /* NULL is fine; not from inside an sd-bus callback */
