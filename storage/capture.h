#pragma once

/*
 * capture.h - values that hub-ble has handed over and that are not sealed yet.
 *
 * hub-ble sends the raw bytes first (RAW), then what its decoder made of them (DECODED, same
 * capture). Both are sealed as one record. If the decoder dies or is slow, the raw bytes are sealed
 * alone: no reading waits longer than CAPTURE_WAIT_MS, and none is lost with hub-ble.
 *
 * A RAW whose link is not known to be encrypted with a good bond (unverified) waits in quarantine, in
 * memory only, until hub-ble knows: DECODED says that it is good, or that nobody will ever know;
 * DISCARD says that it was nobody's. Without either it is sealed as MARK_UNVERIFIED.
 *
 *   WAITING     -> READY  on DECODED, in captures_on_decoded
 *   WAITING     -> READY  on the deadline, in captures_on_time        with MARK_UNDECODED
 *   WAITING     -> READY  on loss of hub-ble, in captures_on_down     with MARK_UNDECODED
 *   QUARANTINED -> READY  as WAITING, but later; undecoded ones also with MARK_UNVERIFIED
 *   QUARANTINED -> READY  the oldest, in captures_on_raw, if there are too many; with both marks
 *   QUARANTINED, READY and MARK_UNVERIFIED -> gone  on DISCARD, in captures_on_discard, wiped
 *   READY       -> gone   taken by captures_pop, wiped
 *
 * Invariants
 *   1. Captures leave in the order in which they came; one that is WAITING holds back those behind
 *      it, for CAPTURE_WAIT_MS at most. Those that came unverified step aside: they hold back
 *      nobody, nobody holds them back, and what is ready goes in order of arrival.
 *   2. A capture that is here already is not taken a second time.
 *   3. A place that is given up is wiped: it held a reading in clear.
 *   4. At most CAPTURES_QUARANTINE_MAX are in quarantine, so that an impostor cannot take all
 *      places, and none of them for longer than CAPTURE_VERIFY_MS.
 *   5. Nothing but a DISCARD of an unverified one loses a capture.
 *
 * Pure, no allocation; the caller keeps it in secret memory.
 */
#include <stdbool.h>
#include <stddef.h>

#include "hub/core/msg.h"

enum {
	CAPTURES_MAX = 64,
	CAPTURES_QUARANTINE_MAX = CAPTURES_MAX / 2,
	CAPTURE_WAIT_MS = 1000,
	/* hub-ble decides within 30 s; the rest is for its way here */
	CAPTURE_VERIFY_MS = 35000,
};

enum capture_stage {
	CAPTURE_NONE = 0,
	CAPTURE_WAITING = 1,	 /* for DECODED */
	CAPTURE_READY = 2,	 /* can be sealed */
	CAPTURE_QUARANTINED = 3, /* for DECODED or DISCARD */
};

struct capture {
	enum capture_stage stage;
	bool aside;		    /* came unverified: see invariant 1 */
	uint64_t instance, capture; /* hub-ble's name for it */
	uint32_t assignment;	    /* under which it was captured */
	struct mono due;	    /* end of the wait */
	enum record_class class;
	struct reading reading;
};

/* Fields are private. */
struct captures {
	struct capture places[CAPTURES_MAX];
	/* each place once; the first 'count' are taken, in order of arrival */
	uint8_t order[CAPTURES_MAX];
	size_t count;
};

void captures_init(struct captures *c);

/*
 * captures_on_raw - a value arrived at 'now'.
 *
 * Returns 0, -EEXIST (it is here already), or -ENOSPC (CAPTURES_MAX wait). Pure.
 */
int captures_on_raw(struct captures *c, const struct msg_raw *m, struct mono now);

/* captures_has - is it here, in whichever stage? Pure. */
bool captures_has(const struct captures *c, uint64_t instance, uint64_t capture);

/* captures_on_decoded - of this instance of hub-ble. Returns 0,
 * or -ENOENT if none waits for it (late, or never seen). Pure. */
int captures_on_decoded(struct captures *c, uint64_t instance,
			const struct msg_decoded *m);

/* captures_on_discard - forget and wipe it. Returns 0, or -ENOENT: not here (any
 * more), or not marked unverified, and then it stays. Pure. */
int captures_on_discard(struct captures *c, uint64_t instance, uint64_t capture);

/* captures_on_down - hub-ble is gone, nothing more will be said of them. Pure. */
void captures_on_down(struct captures *c);

/* captures_on_time - what has waited too long is ready as it is. Pure. */
void captures_on_time(struct captures *c, struct mono now);

/* captures_deadline - when captures_on_time must be
 * called next; MONO_NEVER if nothing waits. Pure. */
struct mono captures_deadline(const struct captures *c);

/* captures_first - the next capture to be sealed, or NULL;
 * borrowed until another function changes c. Pure. */
const struct capture *captures_first(const struct captures *c);

/* captures_pop - the one that captures_first gives is dealt with: forget and wipe it. Pure. */
void captures_pop(struct captures *c);
