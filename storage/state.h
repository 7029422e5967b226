#pragma once

/*
 * state.h - state.db: what hub-store knows about devices. Open only while hubd gives the
 * engine share.
 *
 * taken    the readings already taken from devices that send their memory again, as keyed hashes of
 *          what identifies a reading:
 *            - raw bytes that carry the device's own time identify it by themselves, decoded or not;
 *            - a CGM value carries the minutes since its session began: raw bytes and the time that
 *              was made of them and of the session's start;
 *            - a stored record without a time (glucose context): raw bytes with its sequence, the
 *              life of the memory it came from (history) and the assignment epoch.
 *          Everything else, streams and device information among them, is never compared: two equal
 *          values can be two measurements.
 *          Of each device the newest STATE_READINGS_MAX are kept: more than a device remembers
 *          (meters some 500 to 3,000 records, each perhaps with a context; a CGM 288 a day), so that
 *          what is still in its memory is still here, and a busy device displaces nobody else's.
 * memory   how far the memory of each device is durable, as hub-ble said: MSG_MEMORY. A row belongs to
 *          the assignment epoch under which it was written; rows of another epoch are never read.
 *
 * What it must never do: stand in the way of capture. Every failure here means 'not known', at
 * worst a reading is stored twice and the clinic sees the same device time twice.
 *
 * Here also belong, when they come: bonds for a replacement hub, device registry, local metadata.
 */
#include <stdbool.h>

#include "hub/core/msg.h"
#include "hub/core/reading.h"
#include "storage/db.h"

enum {
	STATE_PAGES_MAX = 4096,	   /* 16 MB, the default quota */
	STATE_READINGS_MAX = 8192, /* newest, of each device */
	STATE_MEMORIES_MAX = 64,   /* rows of one assignment epoch; no more are taken */
	STATE_HASH_LEN = 16,
	STATE_MARK_LEN = 1 + 2 + STATE_HASH_LEN,
};

#define STATE_FILE "state.db"

struct state;

/* A reading as the registry knows it. */
struct state_mark {
	bool timed; /* the hash says which reading it is; else two equal ones may differ */
	uint16_t device; /* local number */
	uint8_t hash[STATE_HASH_LEN];
};

/*
 * state_open - dir/STATE_FILE, made if it is not there.
 *
 * pages_max   quota, 0: STATE_PAGES_MAX
 *
 * Returns 0 with *ret, or what db_open says.
 */
int state_open(const char *dir, const struct db_key *key, uint32_t pages_max,
	       struct state **ret);
void state_close(struct state *s); /* NULL is fine; wipes its key */

/*
 * state_mark_of - the mark to remember a reading by; assignment: under which it is sealed. Returns false if
 * it must not have one: decoded, and with nothing that tells it from an equal one.
 */
bool state_mark_of(const struct state *s, const struct reading *rd, uint32_t assignment,
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

/* state_add - these readings are durable in the queue; of each device the oldest beyond
 * STATE_READINGS_MAX are forgotten. Writes what state_remember has gathered, too. A quota that is
 * used up empties 'taken'. Returns 0 or an error, with nothing of it written. */
int state_add(struct state *s, const struct state_mark *m, size_t count);

/*
 * state_remember - hub-ble says how far a device's memory is durable. Written with the next state_add or
 * state_flush; when it is lost with a kill before, records are fetched and recognised once more.
 *
 * Within one memory (same history and anchor) nothing goes back: the mark and the fence only rise, a fence stays,
 * what is not empty stays so. A higher history, or the same with another anchor, is another memory and takes the
 * row; a lower history changes nothing.
 *
 * Returns 0, or what state_flush says.
 */
int state_remember(struct state *s, uint32_t assignment, const struct msg_memory *m);

/* state_flush - Returns 0 or an error, with nothing of it written. */
int state_flush(struct state *s);

/* state_memories - the rows of this assignment epoch. Returns 0 with *ret_count, or an error. */
int state_memories(struct state *s, uint32_t assignment,
		   struct msg_memory ret[static STATE_MEMORIES_MAX], size_t *ret_count);
