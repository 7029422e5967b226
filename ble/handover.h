#pragma once

/*
 * handover.h - the link to hub-store: hands values over, keeps each until it is durable.
 *
 *   value -> MSG_RAW at once -> MSG_DECODED when finished -> MSG_DURABLE -> forgotten
 *                            -> MSG_DISCARD when its link proved to be nobody's -> forgotten
 *
 * hub-store away or blocked: values wait in memory (backlog.h) and are offered again,
 * under the same numbers, when it says that it is ready. What it has got already is finished,
 * or discarded, also while it takes nothing new.
 *
 * The other thing that passes here is how far the memories of devices are durable: hub-store
 * tells what it knows at each connection before it says that it is ready, and records what it
 * is told.
 */
#include "ble/backlog.h"
#include "hub/rt/ipc.h"
#include "hub/rt/options.h"

enum { HANDOVER_MEMORIES_MAX = 32 };

struct handover;

struct handover_handlers {
	/* handover_is_ready or handover_is_full may have changed. */
	void (*changed)(void *arg);
	/* This value is durable. e is borrowed for the call, and gone after it. */
	void (*durable)(void *arg, const struct backlog_entry *e);
	/* What hub-store has on record of a device's memory; borrowed. */
	void (*memory)(void *arg, const struct msg_memory *m);
	/* hub-store broke the rules of the link. */
	void (*violation)(void *arg, unsigned count);
};

/* handover_new - Returns 0 with *ret, or what ipc_connect says. h is copied. */
int handover_new(struct rt *rt, const struct options *opt,
		 const struct handover_handlers *h, void *arg, struct handover **ret);

/* handover_is_ready - hub-store takes readings. */
bool handover_is_ready(const struct handover *h);

/* handover_is_full - take no more values from the bus before it is false again:
 * hub-store has not kept pace yet. Happens in each long download and is no fault. */
bool handover_is_full(const struct handover *h);

/* handover_raw - number a value, keep it, send it. Returns its entry, valid until it is
 * durable or discarded, NULL if there is no room. */
struct backlog_entry *handover_raw(struct handover *h, size_t device,
				   const struct msg_raw *raw);

/*
 * handover_unfinished - the next value whose MSG_DECODED has not been given; start with NULL.
 *
 * after   still here: before one is discarded, ask for the one that follows it
 */
struct backlog_entry *handover_unfinished(struct handover *h,
					  const struct backlog_entry *after);

/* handover_finish - give the second message of an entry. */
void handover_finish(struct handover *h, struct backlog_entry *e,
		     const struct msg_decoded *d);

/* handover_discard - an unverified entry came over a link that proved to be
 * nobody's: it is forgotten here and at hub-store. The entry is gone. */
void handover_discard(struct handover *h, struct backlog_entry *e);

/*
 * handover_memory - tell hub-store how far a device's memory is durable; copied.
 *
 * While hub-store is away it is kept, the last one of each (num, service), until it can be sent. Beyond
 * HANDOVER_MEMORIES_MAX the oldest are forgotten: their records are fetched, and recognised, again.
 */
void handover_memory(struct handover *h, const struct msg_memory *m);

/* handover_forget_memories - what hub-store has not been told yet is of no use any more. */
void handover_forget_memories(struct handover *h);

/* handover_disown - another device comes to this place: its values belong to no place any more. */
void handover_disown(struct handover *h, size_t device);

/* handover_is_empty - every value is durable. */
bool handover_is_empty(const struct handover *h);

void handover_free(struct handover *h); /* NULL is fine */
