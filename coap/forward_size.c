/*
 * forward_size.c - how large a batch may be: some paths lose large datagrams and say nothing.
 *
 * A request that is given up, or a session that ends while a request on it was resent, is a loss. If
 * FORWARD_LARGE_LOST_MAX requests above the least size are lost, none of more than half the size passes, and
 * small ones pass (the handshake did, or the session would not be), batches are halved for a day.
 */
#include "coap/forward_inside.h"

static void recut(struct forward_slot *s)
{
	s->state = FORWARD_SLOT_DONE;
	s->recut = true;
	s->good = false;
	s->reply = (struct reply){ 0 };
}

static void set_size(struct forward *f, uint16_t size)
{
	f->size = size;
	f->size_told = false;
	f->large_lost = 0;
}

void forward_size_halve(struct forward *f, struct mono now)
{
	uint16_t half = f->size / 2;

	set_size(f, half > BATCH_BYTES_LEAST ? half : BATCH_BYTES_LEAST);
	f->small_until = mono_add(now, FORWARD_SMALL_MS);
}

/* A smaller one might get through where this one does not. */
static bool is_large(const struct forward *f, const struct forward_slot *s)
{
	return f->size > BATCH_BYTES_LEAST && s->batch.len > BATCH_BYTES_LEAST;
}

/* A large one did not get through, as far as can be told. */
void forward_size_note_loss(struct forward *f, const struct forward_slot *s)
{
	f->large_lost += is_large(f, s);
}

/* The session is over: was one of those that had been resent a large one? */
static bool lost_large(const struct forward *f)
{
	for (size_t i = 0; i < FORWARD_SLOTS; i++) {
		const struct forward_slot *s = &f->slots[i];

		if (s->state == FORWARD_SLOT_SENT && !s->clean && is_large(f, s))
			return true;
	}
	return false;
}

void forward_size_on_session_down(struct forward *f)
{
	f->large_lost += lost_large(f);
}

/* Smaller from now on, larger again; and what is still too large is made anew once hub-store knows. */
void forward_size_adapt(struct forward *f, struct mono now)
{
	if (f->large_lost >= FORWARD_LARGE_LOST_MAX)
		forward_size_halve(f, now);
	if (f->size < BATCH_BYTES_FULL && mono_reached(now, f->small_until))
		set_size(f, BATCH_BYTES_FULL);
	for (size_t i = 0; f->size_told && i < FORWARD_SLOTS; i++) {
		struct forward_slot *s = &f->slots[i];

		if (s->state == FORWARD_SLOT_READY && s->batch.len > f->size &&
		    !forward_is_whole(s))
			recut(s);
	}
}
