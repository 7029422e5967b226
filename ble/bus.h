#pragma once

/*
 * bus.h - one D-Bus connection (sd-bus) under the loop of hub/rt.
 *
 * sd-bus is asked for its descriptor, events and deadline after each dispatch and after
 * each bus_touch, and handles at most 64 messages per turn, so that a noisy bus cannot
 * starve the sockets to the other processes.
 *
 * The bus can be held while what came from it cannot be handed on. Nothing is lost then: what comes waits in
 * the socket, and behind it with the bus daemon, which keeps up to 127 MB for a client of the system bus
 * (max_outgoing_bytes) before it drops any.
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

/*
 * bus_hold - dispatch nothing that comes from the bus, or go on.
 *
 * May be called from inside sd-bus's callbacks: the message under way is the last one. Going on happens in the
 * next turn of the loop, never inside this call.
 *
 * While held, a message that is sent goes out at once as long as the socket takes it (200 KB at least); what is left
 * over waits for the release, because sd-bus cannot write without dispatching. Deadlines of pending calls do
 * not fire, but time goes on for them: one that is over at the release ends with a timeout although its answer
 * may lie in the socket. sd-bus has no other order, so holds must be short beside the deadlines of calls. The
 * end of the connection is found at the release.
 */
void bus_hold(struct bus *b, bool on);

void bus_free(struct bus *b); /* NULL is fine; not from inside an sd-bus callback */
