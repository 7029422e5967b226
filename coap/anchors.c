/*
 * anchors.c - see anchors.h.
 */
#include "coap/anchors.h"

static void set(struct anchors *a, enum anchors_state state)
{
	a->use_due |= a->state != state;
	a->state = state;
	a->keep_due = false;
}

enum anchors_state anchors_state(const struct anchors *a)
{
	return a->state;
}

void anchors_on_same(struct anchors *a)
{
	set(a, ANCHORS_ONE);
	a->only = false;
}

static void try_alone(struct anchors *a, struct mono now)
{
	set(a, ANCHORS_ALONE);
	a->until = mono_add(now, ANCHORS_TRIAL_MS);
}

void anchors_on_next(struct anchors *a, bool another, bool only, struct mono now)
{
	bool news = another || a->state == ANCHORS_ONE || a->only != only;

	a->use_due |= another;
	if (!news)
		return; /* hubd says all again after a restart: the trial, or the wait, goes on */
	a->only = only;
	if (only)
		try_alone(a, now);
	else
		set(a, ANCHORS_BESIDE);
}

void anchors_on_acknowledged(struct anchors *a)
{
	a->keep_due |= a->state == ANCHORS_ALONE && !a->use_due;
}

void anchors_on_kept(struct anchors *a, bool ok)
{
	if (!ok)
		return;
	a->state =
		ANCHORS_ONE; /* no other root counts than did on trial: what is connected stays */
	a->only = false;
}

enum anchors_do anchors_next(struct anchors *a, struct mono now)
{
	if (a->use_due) {
		a->use_due = false;
		return ANCHORS_USE;
	}
	if (a->keep_due) {
		a->keep_due = false;
		return ANCHORS_KEEP;
	}
	if (a->state == ANCHORS_ONE || !a->only || !mono_reached(now, a->until))
		return ANCHORS_NOTHING;
	if (a->state == ANCHORS_BESIDE) {
		try_alone(a, now);
	} else {
		set(a, ANCHORS_BESIDE);
		a->until = mono_add(now, ANCHORS_AGAIN_MS);
	}
	a->use_due = false;
	return ANCHORS_USE;
}

struct mono anchors_deadline(const struct anchors *a)
{
	if (a->use_due || a->keep_due)
		return (struct mono){ 0 };
	return a->state != ANCHORS_ONE && a->only ? a->until : MONO_NEVER;
}
