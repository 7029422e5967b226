#pragma once

/*
 * forward_inside.h - what forward*.c share and nobody else sees. Pure.
 */
#include "coap/forward.h"

/* One record, with nothing beside it, or no record at all. */
static inline bool forward_is_whole(const struct forward_slot *s)
{
	return s->batch.first == s->batch.last;
}

/* --- forward_answer.c ------------------------------------------------------------------------- */

/* An authenticated answer to what this slot has SENT; the slot is SENT no more afterwards. */
void forward_answer(struct forward *f, struct forward_slot *s,
		    const struct forward_response *r, uint32_t dice, struct mono now);

/* The answer was of no use, or there was none: slow down, and leave if it goes on like this. */
void forward_note_trouble(struct forward *f, struct mono now);

/* --- forward_size.c --------------------------------------------------------------------------- */

/* Smaller from now on, for a day. */
void forward_size_halve(struct forward *f, struct mono now);

/* This one did not get through, as far as can be told. */
void forward_size_note_loss(struct forward *f, const struct forward_slot *s);

/* The session is over; what was on its way is still SENT. */
void forward_size_on_session_down(struct forward *f);

/* Smaller from now on, larger again; and what is still too large is made anew once hub-store knows. */
void forward_size_adapt(struct forward *f, struct mono now);
