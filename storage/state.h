#pragma once

/*
 * state.h - state.db: what hub-store knows about devices. Open only while hubd gives the
 * engine share.
 *
 * For now it holds one thing, the readings already taken from devices that send their memory again:
 * a keyed hash of the raw value, for values whose raw bytes carry the device's own time. Without a
 * time two equal values can be two measurements, so those are never compared.
 *
 * What it must never do: stand in the way of capture. Every failure here means 'not known', at
 * worst a reading is stored twice and the clinic sees the same device time twice.
 *
 * Here also belong, when they come: bonds for a replacement hub, device registry, local metadata.
 */
#include <stdbool.h>

#include "hub/core/reading.h"
#include "storage/db.h"

enum {
	STATE_READINGS_MAX = 4096, /* newest, over all devices */
	STATE_HASH_LEN = 16,
	STATE_MARK_LEN = 1 + 2 + STATE_HASH_LEN,
};

#define STATE_FILE "state.db"

struct state;

/* A reading as the registry knows it. */
struct state_mark {
	bool timed;	 /* decoded, and carries the device's own time */
	uint16_t device; /* local number */
	uint8_t hash[STATE_HASH_LEN];
};

/* state_open - dir/STATE_FILE, made if it is not
 * there. Returns 0 with *ret, or what db_open says. */
int state_open(const char *dir, const struct db_key *key, struct state **ret);
void state_close(struct state *s); /* NULL is fine; wipes its key */

/*
 * state_mark_of - the mark to remember a reading by. Returns false if it must not have one: decoded, and without
 * the device's own time, so that an equal value can be another measurement.
 */
bool state_mark_of(const struct state *s, const struct reading *rd,
		   struct state_mark *ret);

/*
 * state_mark_same - do two marks mean the same reading? Equal raw bytes do if one of them is known to carry the
 * device's time (then the other does too); raw bytes that were never decoded stay apart. Pure.
 */
bool state_mark_same(const struct state_mark *a, const struct state_mark *b);

/* state_mark_encode, state_mark_decode - a mark as the queue keeps it beside the record: timed u8,
 * device u16, hash. Pure. */
void state_mark_encode(const struct state_mark *m, uint8_t ret[static STATE_MARK_LEN]);
void state_mark_decode(const uint8_t in[static STATE_MARK_LEN], struct state_mark *ret);

/* state_has - Returns 1 if it was taken before, 0 if not known, or an error. */
int state_has(struct state *s, const struct state_mark *m);

/* state_add - these readings are durable in the queue; the oldest beyond
 * STATE_READINGS_MAX are forgotten. Returns 0 or an error, with none of them added. */
int state_add(struct state *s, const struct state_mark *m, size_t count);
