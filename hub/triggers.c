/*
 * triggers.c - see triggers.h.
 *
 *   empty -> filling   a signal, in trigger_bucket_fill
 *   filling -> empty   powered-on time; each bucket leaks on its own
 *   filling -> over    the signal that fills it, in signal_one: the effect begins
 *   over -> over       signals are counted and fill nothing
 *   over -> empty      as the row says when an effect ends, in tidy or triggers_on_good
 *   over -> void       TRIGGER_END_RELEASE: the lock epoch has gone on, in tidy
 *
 * Must never: end a level above 1 (lockdown.h does, by a release), or read a byte that an outsider wrote: a signal is a number,
 * a number of a peer and a count.
 *
 * Invariants (those of the lockdown as a whole; tests/sim/test_triggers.c explores them with lockdown.c and its disk)
 *   INV-1 No signal leads to level 4, and none to a level at which readings are not captured, kept and forwarded.
 *   INV-2 What outsiders, faults and wear cause leads to level 1 at most, and that ends by itself at the latest a day of
 *         powered-on time after the last signal.
 *   INV-3 A level above 1 is durable in lockdown.h's two copies before anything acts on it, and ends by a verified release
 *         only. Its cause is durable before the level: a power cut between the two raises it at the next start. A cause
 *         belongs to the lock epoch in which it was seen: the release of that one ends it, at level 1, too, where there is one
 *         for what somebody with the box in hand has done, and for nothing that measures (triggers_needs_release). What is
 *         seen while a release is being written belongs to the epoch after it, and locks anew. No release empties the bucket
 *         of an outsider or a fault.
 *   INV-4 Values become durable before they are confirmed: hub-store's, at every level alike (tests/explore/test_ack_order.c).
 *   INV-5 Level 4 is not reachable from here: two signatures of two roles (command.h).
 *   INV-6 A release names hub, lock epoch and nonce (command.h, lockdown.h; challenger.h, token_open.h).
 *   INV-7 A cause raises the level in the turn in which it is heard; a disk that takes nothing does not keep it from that.
 *   INV-8 Signals have a fixed form (MSG_INCIDENT, struct trigger_signal). A process that reports what it cannot see counts as
 *         TRIGGER_IPC. Of what people sign nothing but the frame is read before its signature is good (tests/unit/test_signed_first.c).
 *   INV-9 Orders name one hub (hub/core/command.h).
 *
 * Level 3 takes two measurements that do not depend on each other: different things, seen by different processes. One process
 * that is broken, or in other hands, can so do no more than anybody with one key: level 2.
 */
#include "hub/triggers.h"

#include <string.h>

enum { BEYOND = UINT8_MAX };

_Static_assert(sizeof(struct trigger_signal) == TRIGGER_SIGNAL_LEN &&
		       sizeof(struct mono) + sizeof(enum trigger) + sizeof(enum role) +
				       3 * sizeof(uint32_t) + sizeof(uint16_t) +
				       sizeof(bool) + sizeof(uint8_t) ==
			       TRIGGER_SIGNAL_LEN,
	       "INV-8: numbers, and no room for anything else");

static uint64_t powered(const struct triggers *t, struct mono now)
{
	return t->base_ms + now.ms;
}

/* --- all of them -------------------------------------------------------------------------------- */

static void remove_at(struct triggers *t, size_t i)
{
	struct triggers_held *h = &t->held;

	h->bucket_count--;
	memmove(h->buckets + i, h->buckets + i + 1,
		(h->bucket_count - i) * sizeof(h->buckets[0]));
	h->buckets[h->bucket_count] = (struct trigger_bucket){ 0 };
}

/* What has ended, and what has leaked to nothing. */
static void tidy(struct triggers *t, uint64_t now)
{
	for (size_t i = t->held.bucket_count; i-- > 0;) {
		struct trigger_bucket *b = &t->held.buckets[i];
		bool over = trigger_bucket_is_over(b);

		if (trigger_bucket_needs_release(b)
			    ? b->lock_epoch >= t->lock_epoch
			    : (over ? !trigger_bucket_has_ended(b, now)
				    : b->empty_ms > now))
			continue;
		t->effect |= over || trigger_bucket_row(b)->to == LOCKDOWN_NORMAL;
		t->dirty |= over;
		remove_at(t, i);
	}
}

/* The older one of two causes that are the same thing, seen by the same process: alone the other one calls for as much. */
static size_t twin(const struct triggers *t)
{
	const struct trigger_bucket *b = t->held.buckets;

	for (size_t i = 0; i < t->held.bucket_count; i++)
		for (size_t j = 0; j < i; j++)
			if (b[i].id == b[j].id && b[i].by == b[j].by)
				return b[i].lock_epoch < b[j].lock_epoch ? i : j;
	return BEYOND;
}

/* Who makes room: of what only a release ends nothing but a twin. */
static size_t least(const struct triggers *t)
{
	size_t found = BEYOND;

	for (size_t i = 0; i < t->held.bucket_count; i++) {
		const struct trigger_bucket *b = &t->held.buckets[i];

		if (!trigger_bucket_needs_release(b) &&
		    (found == BEYOND || b->empty_ms < t->held.buckets[found].empty_ms))
			found = i;
	}
	return found == BEYOND ? twin(t) : found;
}

static struct trigger_bucket *find(struct triggers *t, enum trigger id, uint16_t peer,
				   uint8_t by)
{
	for (size_t i = 0; i < t->held.bucket_count; i++) {
		struct trigger_bucket *b = &t->held.buckets[i];

		if (b->id == id && b->peer == peer && b->by == by)
			return b;
	}
	return NULL;
}

/* Returns NULL if there is no room: then as many different causes as that hold the level already. */
static struct trigger_bucket *find_or_add(struct triggers *t, enum trigger id,
					  uint16_t peer, uint8_t by)
{
	struct trigger_bucket *b = find(t, id, peer, by);

	if (b)
		return b;
	if (t->held.bucket_count == TRIGGER_ROWS_MAX) {
		size_t i = least(t);

		if (i == BEYOND)
			return NULL;
		t->effect |= trigger_bucket_is_over(&t->held.buckets[i]);
		remove_at(t, i);
	}
	b = &t->held.buckets[t->held.bucket_count++];
	*b = (struct trigger_bucket){ .id = id, .peer = peer, .by = by };
	return b;
}

/* What hub-measure would see, or would see the traces of. */
static bool is_measurable(enum trigger id)
{
	return id == TRIGGER_CODE || id == TRIGGER_IPC || id == TRIGGER_SOCKET;
}

static void signal_one(struct triggers *t, const struct trigger_row *r,
		       const struct trigger_signal *s)
{
	bool last = r->end == TRIGGER_END_RELEASE;
	struct trigger_bucket *b =
		find_or_add(t, r->id, s->peer, last ? (uint8_t)s->by : 0);
	uint64_t at = powered(t, s->at);
	bool over;

	if (is_measurable(r->id))
		t->clean = 0;
	if (!b)
		return;
	if (last && trigger_bucket_is_over(b) && b->lock_epoch < s->next_epoch)
		trigger_bucket_empty(
			b); /* seen while the release of the first one is being written */
	over = trigger_bucket_fill(b, s->count, at);
	t->dirty = true;
	t->effect |= r->to == LOCKDOWN_NORMAL;
	if (!over)
		return;
	b->lock_epoch = s->next_epoch;
	b->over_ms = at ? at : 1;
	t->effect = true;
	t->urgent |= last;
}

static void take_signal(struct triggers *t, struct trigger_signal s)
{
	const struct trigger_row *r = trigger_row(s.id);

	t->lock_epoch = s.lock_epoch;
	t->watched = s.watched;
	tidy(t, powered(t, s.at));
	if (!r || !(r->seen_by & 1u << s.by)) {
		r = trigger_row_of(TRIGGER_IPC);
		s.peer = (uint16_t)s.by;
		s.by = ROLE_HUBD;
	}
	if (s.count > 0)
		signal_one(t, r, &s);
}

void triggers_on_signal(struct triggers *t, enum trigger id, uint16_t peer, enum role by,
			uint32_t count, const struct lockdown *l, struct mono now)
{
	const struct trigger_signal s = { .at = now,
					  .id = id,
					  .by = by,
					  .count = count,
					  .lock_epoch = lockdown_lock_epoch(l),
					  .next_epoch = lockdown_next_epoch(l),
					  .peer = peer,
					  .watched = lockdown_is_watched(l) };

	take_signal(t, s);
}

void triggers_on_good(struct triggers *t, enum trigger id, uint16_t peer, struct mono now)
{
	struct trigger_bucket *b = find(t, id, peer, 0);

	if (!b || !trigger_bucket_is_over(b) ||
	    trigger_bucket_row(b)->end != TRIGGER_END_GOOD)
		return;
	trigger_bucket_empty(b);
	t->dirty = t->effect = true;
	tidy(t, powered(t, now));
}

void triggers_init(struct triggers *t, const struct triggers_held *held,
		   const struct lockdown *l, const uint8_t boot[static LOCKDOWN_BOOT_LEN],
		   struct mono now)
{
	bool here = held && memcmp(held->boot, boot, LOCKDOWN_BOOT_LEN) == 0;

	*t = (struct triggers){ .dirty = true,
				.urgent = true,
				.effect = true,
				.lock_epoch = lockdown_lock_epoch(l),
				.watched = lockdown_is_watched(l) };
	if (held)
		t->held = *held;
	/* the clock of this boot began at its start */
	t->base_ms = t->held.powered_ms;
	if (here)
		t->base_ms -= held->mono_ms < now.ms ? held->mono_ms : now.ms;
	memcpy(t->held.boot, boot, LOCKDOWN_BOOT_LEN);
	if (held && !here && !held->stopped)
		signal_one(t, trigger_row_of(TRIGGER_POWER),
			   &(struct trigger_signal){
				   .at = now, .by = ROLE_HUBD, .count = 1 });
	for (size_t i = 0; i < t->held.bucket_count; i++)
		if (t->held.buckets[i].lock_epoch > t->lock_epoch)
			t->held.buckets[i].lock_epoch = t->lock_epoch;
	t->held.stopped = false;
}

void triggers_on_stop(struct triggers *t)
{
	t->held.stopped = true;
	t->dirty = t->urgent = true;
}

const struct triggers_held *triggers_held(struct triggers *t, struct mono now)
{
	t->held.mono_ms = now.ms;
	t->held.powered_ms = powered(t, now);
	return &t->held;
}

/* --- what it comes to --------------------------------------------------------------------------- */

static bool is_cause(const struct trigger_bucket *b)
{
	return trigger_bucket_is_over(b) &&
	       trigger_bucket_row(b)->class == TRIGGER_CLASS_MEASUREMENT;
}

/* Two measurements of different things by different processes. */
static bool has_two(const struct triggers *t)
{
	const struct trigger_bucket *b = t->held.buckets;

	for (size_t i = 0; i < t->held.bucket_count; i++)
		for (size_t j = 0; j < i && is_cause(&b[i]); j++)
			if (is_cause(&b[j]) && b[i].id != b[j].id && b[i].by != b[j].by)
				return true;
	return false;
}

static bool has_one(const struct triggers *t)
{
	for (size_t i = 0; i < t->held.bucket_count; i++)
		if (is_cause(&t->held.buckets[i]))
			return true;
	return false;
}

void triggers_on_measured(struct triggers *t, unsigned findings, struct mono now)
{
	uint64_t at = powered(t, now);

	if (findings > 0) {
		t->clean = 0;
	} else if (t->clean == 0) {
		t->clean = 1;
		t->clean_ms = at;
	} else if (trigger_since(at, t->clean_ms) >= TRIGGERS_CLEAN_MS) {
		t->clean = TRIGGERS_CLEAN;
	}
}

bool triggers_is_clean(const struct triggers *t, unsigned count)
{
	for (size_t i = 0; i < t->held.bucket_count; i++)
		if (is_cause(&t->held.buckets[i]) &&
		    is_measurable(t->held.buckets[i].id) && t->clean < count)
			return false;
	return true;
}

uint8_t triggers_level(const struct triggers *t)
{
	uint8_t level = LOCKDOWN_NORMAL;

	for (size_t i = 0; i < t->held.bucket_count; i++) {
		const struct trigger_bucket *b = &t->held.buckets[i];

		if (trigger_bucket_is_over(b) && trigger_bucket_row(b)->to > level)
			level = trigger_bucket_row(b)->to;
	}
	return has_two(t) || (t->watched && has_one(t)) ? TRIGGERS_TWO : level;
}

bool triggers_needs_release(const struct triggers *t)
{
	const struct trigger_bucket *b = t->held.buckets;

	for (size_t i = 0; i < t->held.bucket_count; i++)
		if (trigger_bucket_is_over(&b[i]) && trigger_bucket_needs_release(&b[i]))
			return triggers_level(t) == LOCKDOWN_GUARDED;
	return false;
}

bool triggers_throttled(const struct triggers *t, enum trigger id, uint16_t peer)
{
	for (size_t i = 0; i < t->held.bucket_count; i++) {
		const struct trigger_bucket *b = &t->held.buckets[i];

		if (b->id == id && b->peer == peer && trigger_bucket_is_over(b))
			return true;
	}
	return false;
}

/* Is a the more important one to tell of? */
static bool is_before(const struct trigger_bucket *a, const struct trigger_bucket *b)
{
	uint8_t to_a = trigger_bucket_is_over(a) ? trigger_bucket_row(a)->to : 0;
	uint8_t to_b = trigger_bucket_is_over(b) ? trigger_bucket_row(b)->to : 0;

	return to_a != to_b ? to_a > to_b : a->last_ms > b->last_ms;
}

static bool is_told(const struct trigger_bucket *b)
{
	return trigger_bucket_is_over(b) || trigger_bucket_row(b)->to == LOCKDOWN_NORMAL;
}

size_t triggers_tell(const struct triggers *t,
		     struct health_trigger ret[static HEALTH_TRIGGERS_MAX])
{
	const struct trigger_bucket *best[HEALTH_TRIGGERS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < t->held.bucket_count; i++) {
		const struct trigger_bucket *b = &t->held.buckets[i];
		size_t at = count;

		if (!is_told(b))
			continue;
		while (at > 0 && is_before(b, best[at - 1]))
			at--;
		if (at == HEALTH_TRIGGERS_MAX)
			continue;
		count += count < HEALTH_TRIGGERS_MAX;
		for (size_t k = count - 1; k > at; k--)
			best[k] = best[k - 1];
		best[at] = b;
	}
	for (size_t i = 0; i < count; i++)
		ret[i] = (struct health_trigger){
			.id = (uint8_t)best[i]->id,
			.peer = best[i]->peer,
			.count = best[i]->count,
			.to = trigger_bucket_is_over(best[i])
				      ? trigger_bucket_row(best[i])->to
				      : 0,
		};
	return count;
}

/* --- what to do --------------------------------------------------------------------------------- */

static struct mono save_at(const struct triggers *t)
{
	bool runs = false;

	for (size_t i = 0; i < t->held.bucket_count; i++)
		runs |= trigger_bucket_is_over(&t->held.buckets[i]) &&
			!trigger_bucket_needs_release(&t->held.buckets[i]);
	if (t->asked || t->stuck)
		return MONO_NEVER;
	if (t->urgent)
		return (struct mono){ 0 };
	if (t->dirty)
		return mono_add(t->saved_at, TRIGGER_SAVE_MS);
	return runs ? mono_add(t->saved_at, TRIGGER_CLOCK_MS) : MONO_NEVER;
}

void triggers_on_saved(struct triggers *t, bool good, struct mono now)
{
	if (!t->asked)
		return;
	t->asked = false;
	t->stuck = !good;
	t->saved_at = now;
	if (!good)
		t->dirty = true;
}

void triggers_again(struct triggers *t)
{
	t->stuck = false;
}

bool triggers_next(struct triggers *t, struct lockdown *l, struct mono now,
		   enum triggers_do *ret)
{
	uint8_t level;

	t->lock_epoch = lockdown_lock_epoch(l);
	t->watched = lockdown_is_watched(l);
	tidy(t, powered(t, now));
	level = triggers_level(t);
	lockdown_on_guarded(l, triggers_needs_release(t));
	*ret = TRIGGERS_NOTHING;
	if (mono_reached(now, save_at(t))) {
		t->asked = true;
		t->dirty = t->urgent = false;
		*ret = TRIGGERS_SAVE;
		return true;
	}
	if (level >= LOCKDOWN_QUARANTINED && level > lockdown_level(l) &&
	    lockdown_raise(l, level, now)) {
		*ret = TRIGGERS_RAISED;
		return true;
	}
	if (!t->effect)
		return false;
	t->effect = false;
	*ret = TRIGGERS_EFFECT;
	return true;
}

struct mono triggers_deadline(const struct triggers *t, struct mono now)
{
	uint64_t first = UINT64_MAX, at = powered(t, now);
	struct mono save = save_at(t), end;

	for (size_t i = 0; i < t->held.bucket_count; i++) {
		const struct trigger_bucket *b = &t->held.buckets[i];
		uint64_t e = trigger_bucket_is_over(b)	       ? trigger_bucket_ends_at(b)
			     : trigger_bucket_needs_release(b) ? UINT64_MAX
							       : b->empty_ms;

		first = e < first ? e : first;
	}
	if (first == UINT64_MAX)
		return save;
	end = mono_add(now, trigger_since(first, at));
	return end.ms < save.ms ? end : save;
}
