#pragma once

/*
 * anchors.h - by which roots a hub judges its clinic's servers while the clinic goes over to another root. Pure.
 *
 *   ONE     the root it has, and no other
 *   BESIDE  the next one, too: whoever shows a chain to either is the clinic
 *   ALONE   the next one only, on trial: the one before is still on the disk
 *
 *   any -the root it has-> ONE        ONE, BESIDE -a next one-> BESIDE       on_told
 *   ONE, BESIDE -a next one, and that alone-> ALONE                         on_told
 *   ALONE -the clinic has acknowledged something, and it is kept-> ONE      on_acknowledged, on_kept
 *   ALONE -ANCHORS_TRIAL_MS-> BESIDE -ANCHORS_AGAIN_MS-> ALONE              next
 *
 * Invariants
 *   1. The root that the hub has goes only for one by which alone a connection came about that the clinic acknowledged
 *      something on.
 *   2. Nothing but the clinic's word, in a config, begins or ends this: BESIDE has no end of its own. A hub that is off for
 *      months in the middle of it goes on where it was.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/time.h"

enum {
	ANCHORS_TRIAL_MS = 15 * 60 * 1000,
	ANCHORS_AGAIN_MS = 60 * 60 * 1000,
};

enum anchors_state { ANCHORS_ONE = 0, ANCHORS_BESIDE, ANCHORS_ALONE };

enum anchors_do {
	ANCHORS_NOTHING = 0,
	ANCHORS_USE, /* other roots count now: what is connected was judged by those of before */
	ANCHORS_KEEP, /* the next one is to be made durable as the one; anchors_on_kept follows */
};

/* All zero is a good start. Fields are private. */
struct anchors {
	enum anchors_state state;
	bool only; /* the one before is to go */
	bool use_due, keep_due;
	struct mono until; /* ALONE: the end of the trial; BESIDE and only: of the wait */
};

enum anchors_state anchors_state(const struct anchors *a);

/* anchors_on_same - the clinic says that its root is the one that the hub has. */
void anchors_on_same(struct anchors *a);

/*
 * anchors_on_next - it has a next one, for which the one that the hub has vouches.
 *
 * another   than was said last, if anything was
 * only      the one that the hub has is to go
 */
void anchors_on_next(struct anchors *a, bool another, bool only, struct mono now);

/* anchors_on_acknowledged - the clinic has, on a connection that was made since the last ANCHORS_USE. */
void anchors_on_acknowledged(struct anchors *a);

/* ok: it is the one now. Else it is tried again with the next acknowledgement. */
void anchors_on_kept(struct anchors *a, bool ok);

enum anchors_do anchors_next(struct anchors *a, struct mono now);
struct mono anchors_deadline(const struct anchors *a);
