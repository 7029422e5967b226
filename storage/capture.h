#pragma once

/*
 * capture.h - values that hub-ble has handed over and that are not sealed yet.
 *
 * hub-ble sends the raw bytes first (RAW), then what its decoder made of them (DECODED, same
 * capture). Both are sealed as one record. If the decoder dies or is slow, the raw bytes are sealed
 * alone: no reading waits longer than CAPTURE_WAIT_MS, and none is lost with hub-ble.
 *
 *   WAITING -> READY  on DECODED, in captures_on_decoded
 *   WAITING -> READY  on the deadline, in captures_on_time        with MARK_UNDECODED
 *   WAITING -> READY  on loss of hub-ble, in captures_on_down     with MARK_UNDECODED
 *   READY   -> gone   taken by captures_pop, wiped
 *
 * Invariants
 *   1. Captures leave in the order in which they came; one that waits holds back those
 *      behind it, for CAPTURE_WAIT_MS at most.
 *   2. A capture that is here already is not taken a second time.
 *   3. A place that is given up is wiped: it held a reading in clear.
 *
 * Pure, no allocation; the caller keeps it in secret memory.
 */
#include <stdbool.h>
#include <stddef.h>

#include "hub/core/msg.h"

enum {
	CAPTURES_MAX = 64,
	CAPTURE_WAIT_MS = 1000,
};

enum capture_stage {
	CAPTURE_NONE = 0,
	CAPTURE_WAITING = 1, /* for DECODED */
	CAPTURE_READY = 2,   /* can be sealed */
};

struct capture {
	enum capture_stage stage;
	uint64_t instance, capture; /* hub-ble's name for it */
	struct mono due;	    /* end of the wait for DECODED */
	enum record_class class;
	struct reading reading;
};

/* Fields are private: a ring in order of arrival. */
struct captures {
	struct capture ring[CAPTURES_MAX];
	size_t first, count;
};

void captures_init(struct captures *c);

/*
 * captures_on_raw - a value arrived at 'now'.
 *
 * Returns 0, -EEXIST (it is here already), or -ENOSPC (CAPTURES_MAX wait). Pure.
 */
int captures_on_raw(struct captures *c, const struct msg_raw *m, struct mono now);

/* captures_has - is it here, waiting or ready? Pure. */
bool captures_has(const struct captures *c, uint64_t instance, uint64_t capture);

/* captures_on_decoded - of this instance of hub-ble. Returns 0,
 * or -ENOENT if none waits for it (late, or never seen). Pure. */
int captures_on_decoded(struct captures *c, uint64_t instance,
			const struct msg_decoded *m);

/* captures_on_down - hub-ble is gone, no DECODED will come. Pure. */
void captures_on_down(struct captures *c);

/* captures_on_time - what has waited too long is ready as it is. Pure. */
void captures_on_time(struct captures *c, struct mono now);

/* captures_deadline - when captures_on_time must be
 * called next; MONO_NEVER if nothing waits. Pure. */
struct mono captures_deadline(const struct captures *c);

/* captures_first - the oldest capture if it is ready,
 * else NULL; borrowed until captures_pop. Pure. */
const struct capture *captures_first(const struct captures *c);

/* captures_pop - the oldest is dealt with: forget and wipe it. Pure. */
void captures_pop(struct captures *c);
