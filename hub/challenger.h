#pragma once

/*
 * challenger.h - the hub's side of a challenge that a technician carries away: one at a time, for half an hour of being powered on,
 * for one answer. Pure. Invariants: challenger.c.
 */
#include "hub/core/time.h"
#include "hub/core/token.h"

enum {
	CHALLENGER_MS = 30 * 60 * 1000,
	CHALLENGER_DELAY_MAX_MS = 15 * 60 * 1000,
	CHALLENGER_FORGET_MS =
		10 * 60 * 1000, /* one wrong answer is forgotten in this time */
};

/* Fields are private. All zero: nothing is out. */
struct challenger {
	bool out;
	struct challenge said;
	struct mono drawn;
	uint32_t bad; /* wrong answers, as of bad_at */
	struct mono bad_at;
};

/* challenger_draw - a new one; what was out is void. said: all of it, with a nonce that was drawn for it alone. */
void challenger_draw(struct challenger *c, const struct challenge *said, struct mono now);

/*
 * challenger_out - what an answer has to name.
 *
 * lock_epoch   in force: what was said in another one is void
 *
 * Returns NULL if nothing is out, or it ran out. Borrowed until the next call that is not of a const challenger.
 */
const struct challenge *challenger_out(const struct challenger *c, uint32_t lock_epoch,
				       struct mono now);

/* challenger_use - it was answered rightly: nobody answers it again. Wrong answers are forgotten. */
void challenger_use(struct challenger *c);
/* challenger_bad - it was answered wrongly. */
void challenger_bad(struct challenger *c, struct mono now);
/* challenger_wait_ms - nothing is looked at before so long. */
uint64_t challenger_wait_ms(const struct challenger *c, struct mono now);
