/*
 * triggers.c - see triggers.h.
 *
 *   empty -> filling   a signal, in fill
 *   filling -> empty   powered-on time; each bucket leaks on its own
 *   filling -> over    the signal that fills it, in overflow: the effect begins
 *   over -> over       signals are counted and fill nothing
 *   over -> empty      as the row says when an effect ends, in tidy or triggers_on_good
 *   over -> void       TRIGGER_END_RELEASE: the lock epoch has gone on, in tidy
 *
 * Must never: end a level above 1 (lockdown.h does, by a release), or read a byte that an outsider wrote: a signal is a number,
 * a number of a peer and a count.
 *
 * Invariants (those of the lockdown as a whole; tests/sim/test_triggers.c explores them with lockdown.c and its disk)
 *   INV-1 No signal leads to level 4, and none to a level at which readings are not captured, kept and forwarded.
 *   INV-2 What outsiders, faults and wear cause leads to level 1 at most, and that ends by itself at the latest DAY_MS of
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

#include <stdlib.h>
#include <string.h>

enum {
	SECOND_MS = 1000,
	MINUTE_MS = 60 * SECOND_MS,
	HOUR_MS = 60 * MINUTE_MS,
	DAY_MS = 24 * HOUR_MS,
	BEYOND = UINT8_MAX,
};

#define BIT(role) (1u << (role))

_Static_assert(sizeof(struct trigger_signal) == TRIGGER_SIGNAL_LEN &&
		       sizeof(struct mono) + sizeof(enum trigger) + sizeof(enum role) +
				       3 * sizeof(uint32_t) + sizeof(uint16_t) +
				       sizeof(bool) + sizeof(uint8_t) ==
			       TRIGGER_SIGNAL_LEN,
	       "INV-8: numbers, and no room for anything else");

static const unsigned anybody =
	BIT(ROLE_BLE) | BIT(ROLE_STORE) | BIT(ROLE_COAP) | BIT(ROLE_HUBD);

static const struct {
	struct trigger_row row;
	const char *text;
} table[] = {
	{ { TRIGGER_TOKEN, TRIGGER_CLASS_OUTSIDER, BIT(ROLE_HUBD), 8, 10 * MINUTE_MS,
	    LOCKDOWN_GUARDED, TRIGGER_END_QUIET, 10 * MINUTE_MS },
	  "token" },
	{ { TRIGGER_RADIO, TRIGGER_CLASS_OUTSIDER, BIT(ROLE_BLE), 20, 10 * SECOND_MS,
	    LOCKDOWN_GUARDED, TRIGGER_END_AFTER, HOUR_MS },
	  "radio" },
	/* it is counted and told; the bond stays, and so does the level */
	{ { TRIGGER_IMPOSTOR, TRIGGER_CLASS_OUTSIDER, BIT(ROLE_BLE), 3, HOUR_MS,
	    LOCKDOWN_NORMAL, TRIGGER_END_GOOD, DAY_MS },
	  "impostor" },
	{ { TRIGGER_SERVER, TRIGGER_CLASS_OUTSIDER, BIT(ROLE_COAP), 1, 6 * HOUR_MS,
	    LOCKDOWN_GUARDED, TRIGGER_END_GOOD, DAY_MS },
	  "server" },
	{ { TRIGGER_HANDSHAKE, TRIGGER_CLASS_OUTSIDER, BIT(ROLE_COAP), 30, MINUTE_MS,
	    LOCKDOWN_GUARDED, TRIGGER_END_GOOD, DAY_MS },
	  "handshake" },
	{ { TRIGGER_TIME, TRIGGER_CLASS_OUTSIDER, BIT(ROLE_COAP) | BIT(ROLE_HUBD), 1,
	    HOUR_MS, LOCKDOWN_GUARDED, TRIGGER_END_GOOD, DAY_MS },
	  "time" },
	{ { TRIGGER_DECODER, TRIGGER_CLASS_FAULT, BIT(ROLE_BLE), 10, HOUR_MS,
	    LOCKDOWN_GUARDED, TRIGGER_END_AFTER, DAY_MS },
	  "decoder" },
	/* hub-ble's: a value that hub-store would not take */
	{ { TRIGGER_STORAGE, TRIGGER_CLASS_FAULT, BIT(ROLE_STORE) | BIT(ROLE_BLE), 1,
	    HOUR_MS, LOCKDOWN_GUARDED, TRIGGER_END_GOOD, DAY_MS },
	  "storage" },
	{ { TRIGGER_POWER, TRIGGER_CLASS_FAULT, BIT(ROLE_HUBD), 10, HOUR_MS,
	    LOCKDOWN_NORMAL, TRIGGER_END_AFTER, DAY_MS },
	  "power" },
	/* the port stays off; with the case opened it is level 2, as that is alone */
	{ { TRIGGER_USB, TRIGGER_CLASS_POSSESSION, BIT(ROLE_MEASURE), 1, HOUR_MS,
	    LOCKDOWN_GUARDED, TRIGGER_END_RELEASE, 0 },
	  "usb" },
	{ { TRIGGER_CASE, TRIGGER_CLASS_POSSESSION, BIT(ROLE_MEASURE), 1, HOUR_MS,
	    LOCKDOWN_QUARANTINED, TRIGGER_END_RELEASE, 0 },
	  "case" },
	{ { TRIGGER_CODE, TRIGGER_CLASS_MEASUREMENT, BIT(ROLE_MEASURE), 1, HOUR_MS,
	    LOCKDOWN_QUARANTINED, TRIGGER_END_RELEASE, 0 },
	  "code" },
	{ { TRIGGER_IPC, TRIGGER_CLASS_MEASUREMENT, anybody, 1, HOUR_MS,
	    LOCKDOWN_QUARANTINED, TRIGGER_END_RELEASE, 0 },
	  "ipc" },
	{ { TRIGGER_AUDIT, TRIGGER_CLASS_MEASUREMENT, BIT(ROLE_STORE), 1, HOUR_MS,
	    LOCKDOWN_QUARANTINED, TRIGGER_END_RELEASE, 0 },
	  "audit" },
	{ { TRIGGER_ROLLBACK, TRIGGER_CLASS_MEASUREMENT, BIT(ROLE_STORE) | BIT(ROLE_HUBD),
	    1, HOUR_MS, LOCKDOWN_QUARANTINED, TRIGGER_END_RELEASE, 0 },
	  "rollback" },
	{ { TRIGGER_SOCKET, TRIGGER_CLASS_MEASUREMENT, BIT(ROLE_MEASURE), 1, HOUR_MS,
	    LOCKDOWN_QUARANTINED, TRIGGER_END_RELEASE, 0 },
	  "socket" },
};

const struct trigger_row *trigger_row(enum trigger id)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].row.id == id)
			return &table[i].row;
	return NULL;
}

/* One that there is: ids are looked at where a signal comes and where a file is read. */
static const struct trigger_row *row_for(enum trigger id)
{
	const struct trigger_row *r = trigger_row(id);

	if (!r)
		abort();
	return r;
}

static const struct trigger_row *row_of(const struct trigger_bucket *b)
{
	return row_for(b->id);
}

const char *trigger_text(enum trigger id)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].row.id == id)
			return table[i].text;
	return "?";
}

bool trigger_may_report(enum trigger id, enum role by)
{
	const struct trigger_row *r = trigger_row(id);

	return r && r->seen_by & BIT(by);
}

/* --- one bucket --------------------------------------------------------------------------------- */

static uint64_t powered(const struct triggers *t, struct mono now)
{
	return t->base_ms + now.ms;
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static bool is_over(const struct trigger_bucket *b)
{
	return b->over_ms > 0;
}

static bool needs_release(const struct trigger_bucket *b)
{
	return row_of(b)->end == TRIGGER_END_RELEASE;
}

/* As if nothing had been; triggers_init and tidy give its place to another one. */
static void empty(struct trigger_bucket *b)
{
	b->over_ms = b->empty_ms = 0;
	b->count = 0;
}

static bool has_ended(const struct trigger_bucket *b, uint64_t now)
{
	const struct trigger_row *r = row_of(b);
	uint64_t left = since(b->empty_ms, now), quiet = since(now, b->last_ms);

	switch (r->end) {
	case TRIGGER_END_RELEASE: break;
	case TRIGGER_END_QUIET:
		return left * 4 <= (uint64_t)r->capacity * r->leak_ms &&
		       quiet >= r->end_ms;
	case TRIGGER_END_AFTER: return since(now, b->over_ms) >= r->end_ms;
	case TRIGGER_END_GOOD: return quiet >= r->end_ms;
	}
	return false;
}

/* When has_ended says so if nothing happens until then. */
static uint64_t ends_at(const struct trigger_bucket *b)
{
	const struct trigger_row *r = row_of(b);
	uint64_t full = (uint64_t)r->capacity * r->leak_ms, at, quiet;

	switch (r->end) {
	case TRIGGER_END_RELEASE: break;
	case TRIGGER_END_QUIET:
		at = b->empty_ms - full / 4;
		quiet = b->last_ms + r->end_ms;
		return at > quiet ? at : quiet;
	case TRIGGER_END_AFTER: return b->over_ms + r->end_ms;
	case TRIGGER_END_GOOD: return b->last_ms + r->end_ms;
	}
	return UINT64_MAX;
}

/* Returns true if it overflows by this. */
static bool fill(struct trigger_bucket *b, uint32_t count, uint64_t now)
{
	const struct trigger_row *r = row_of(b);
	uint64_t full = (uint64_t)r->capacity * r->leak_ms;
	uint64_t left = since(b->empty_ms, now) + (uint64_t)count * r->leak_ms;

	b->count = count > UINT32_MAX - b->count ? UINT32_MAX : b->count + count;
	b->last_ms = now;
	if (is_over(b))
		return false;
	b->empty_ms = now + (left < full ? left : full);
	return left > full - r->leak_ms;
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
		bool over = is_over(b);

		if (needs_release(b) ? b->lock_epoch >= t->lock_epoch
				     : (over ? !has_ended(b, now) : b->empty_ms > now))
			continue;
		t->effect |= over || row_of(b)->to == LOCKDOWN_NORMAL;
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

		if (!needs_release(b) &&
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
		t->effect |= is_over(&t->held.buckets[i]);
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
	if (last && is_over(b) && b->lock_epoch < s->next_epoch)
		empty(b); /* seen while the release of the first one is being written */
	over = fill(b, s->count, at);
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
	if (!r || !(r->seen_by & BIT(s.by))) {
		r = row_for(TRIGGER_IPC);
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

	if (!b || !is_over(b) || row_of(b)->end != TRIGGER_END_GOOD)
		return;
	empty(b);
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
		signal_one(t, row_for(TRIGGER_POWER),
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
	return is_over(b) && row_of(b)->class == TRIGGER_CLASS_MEASUREMENT;
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
	} else if (since(at, t->clean_ms) >= TRIGGERS_CLEAN_MS) {
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

		if (is_over(b) && row_of(b)->to > level)
			level = row_of(b)->to;
	}
	return has_two(t) || (t->watched && has_one(t)) ? TRIGGERS_TWO : level;
}

bool triggers_needs_release(const struct triggers *t)
{
	const struct trigger_bucket *b = t->held.buckets;

	for (size_t i = 0; i < t->held.bucket_count; i++)
		if (is_over(&b[i]) && needs_release(&b[i]))
			return triggers_level(t) == LOCKDOWN_GUARDED;
	return false;
}

bool triggers_throttled(const struct triggers *t, enum trigger id, uint16_t peer)
{
	for (size_t i = 0; i < t->held.bucket_count; i++) {
		const struct trigger_bucket *b = &t->held.buckets[i];

		if (b->id == id && b->peer == peer && is_over(b))
			return true;
	}
	return false;
}

/* Is a the more important one to tell of? */
static bool is_before(const struct trigger_bucket *a, const struct trigger_bucket *b)
{
	uint8_t to_a = is_over(a) ? row_of(a)->to : 0;
	uint8_t to_b = is_over(b) ? row_of(b)->to : 0;

	return to_a != to_b ? to_a > to_b : a->last_ms > b->last_ms;
}

static bool is_told(const struct trigger_bucket *b)
{
	return is_over(b) || row_of(b)->to == LOCKDOWN_NORMAL;
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
			.to = is_over(best[i]) ? row_of(best[i])->to : 0,
		};
	return count;
}

/* --- what to do --------------------------------------------------------------------------------- */

static struct mono save_at(const struct triggers *t)
{
	bool runs = false;

	for (size_t i = 0; i < t->held.bucket_count; i++)
		runs |= is_over(&t->held.buckets[i]) &&
			!needs_release(&t->held.buckets[i]);
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
		uint64_t e = is_over(b)		? ends_at(b)
			     : needs_release(b) ? UINT64_MAX
						: b->empty_ms;

		first = e < first ? e : first;
	}
	if (first == UINT64_MAX)
		return save;
	end = mono_add(now, since(first, at));
	return end.ms < save.ms ? end : save;
}
