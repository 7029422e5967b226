#pragma once

/*
 * intake.h - from captures to durable records: seal, commit in groups, say so.
 *
 *   captures (clear) -> group (sealed, in memory) -> records (durable) -> told to hub-ble
 *
 * Invariants
 *   1. A capture is told durable only after the commit that holds it, or because it was in an
 *      earlier one.
 *   2. A reading is in clear only in 'captures'; its place is wiped when it is sealed.
 *   3. A group whose commit failed for lack of space stays as it is, sealed under its numbers, and
 *      is tried again; nothing new is sealed before it is in.
 *   4. A reading is sealed under the assignment of its capture, whatever hubd has said since.
 *   5. A reading that a device sends a second time from its memory makes no second record.
 *
 * The caller keeps it in secret memory.
 */
#include "storage/capture.h"
#include "storage/records.h"
#include "storage/state.h"

/* Under what a reading is sealed: from MSG_STORE_CONFIG. Its assignment is its own, that of its capture; the one here
 * is for what hub-store says itself. */
struct intake_target {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint32_t assignment;
	uint8_t seal_key_id;
	uint8_t seal_public[SEAL_PUBLIC_LEN];
};

/* Fields are private but for 'captures', which the caller feeds. */
struct intake {
	struct captures captures;
	size_t count; /* of the group */
	struct queue_entry group[QUEUE_GROUP_MAX];
	uint8_t bodies[QUEUE_GROUP_MAX][SEALED_BODY_MAX];
	size_t mark_count;
	/* of those in the group that carry a time */
	struct state_mark marks[QUEUE_GROUP_MAX];
};

struct intake_handlers {
	void *arg;
	/* This capture is durable. */
	void (*durable)(void *arg, uint64_t instance, uint64_t capture);
	/* state.db has failed (negative errno); it must not be used again before it was opened anew. */
	void (*state_failed)(void *arg, int err);
};

void intake_init(struct intake *in);

/* intake_has - is this capture sealed and waiting for its commit? */
bool intake_has(const struct intake *in, uint64_t instance, uint64_t capture);

/* intake_holds - does a group wait because its commit failed? */
bool intake_holds(const struct intake *in);

/*
 * intake_run - seal and commit everything that is ready.
 *
 * state   NULL while it is closed: then nothing is recognised as sent before
 *
 * Returns 0, or what records_insert says, with the group kept.
 */
int intake_run(struct intake *in, struct records *q, struct state *state,
	       const struct intake_target *target, const struct intake_handlers *h);
