/*
 * capture.c - from RAW and DECODED to one reading; see capture.h.
 */
#include "storage/capture.h"

#include <errno.h>
#include <string.h>

_Static_assert(CAPTURES_MAX <= UINT8_MAX, "a place fits its number");

void captures_init(struct captures *c)
{
	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < CAPTURES_MAX; i++)
		c->order[i] = (uint8_t)i;
}

static struct capture *nth(struct captures *c, size_t i)
{
	return &c->places[c->order[i]];
}

static const struct capture *look(const struct captures *c, size_t i)
{
	return &c->places[c->order[i]];
}

/* Its position in the order, or c->count. */
static size_t find(const struct captures *c, uint64_t instance, uint64_t capture)
{
	size_t i = 0;

	while (i < c->count &&
	       (look(c, i)->instance != instance || look(c, i)->capture != capture))
		i++;
	return i;
}

bool captures_has(const struct captures *c, uint64_t instance, uint64_t capture)
{
	return find(c, instance, capture) < c->count;
}

static bool waits(const struct capture *e)
{
	return e->stage == CAPTURE_WAITING || e->stage == CAPTURE_QUARANTINED;
}

/* The one function that makes a capture ready without its decoder. */
static void give_up_waiting(struct capture *e)
{
	if (!waits(e))
		return;
	e->reading.decoded.marks |= MARK_UNDECODED;
	e->stage = CAPTURE_READY;
}

/* Invariant 4, before one more goes into quarantine. */
static void limit_quarantine(struct captures *c)
{
	struct capture *oldest = NULL;
	size_t held = 0;

	for (size_t i = 0; i < c->count; i++) {
		if (nth(c, i)->stage != CAPTURE_QUARANTINED)
			continue;
		held++;
		oldest = oldest ? oldest : nth(c, i);
	}
	if (held >= CAPTURES_QUARANTINE_MAX)
		give_up_waiting(oldest);
}

/* In its place, so that no second copy of a reading in clear is left on the stack. */
static void fill(struct capture *e, const struct msg_raw *m, struct mono now)
{
	*e = (struct capture){ .aside = m->unverified,
			       .instance = m->instance,
			       .capture = m->capture,
			       .assignment = m->assignment,
			       .class = CLASS_ROUTINE };
	e->stage = m->unverified ? CAPTURE_QUARANTINED : CAPTURE_WAITING;
	e->due = mono_add(now, m->unverified ? CAPTURE_VERIFY_MS : CAPTURE_WAIT_MS);
	e->reading.kind = m->kind;
	e->reading.characteristic = m->characteristic;
	e->reading.raw_len = m->raw_len;
	memcpy(e->reading.raw, m->raw, m->raw_len);
	e->reading.peripheral = m->peripheral;
	e->reading.captured = m->captured;
	e->reading.utc_offset_min = m->utc_offset_min;
	e->reading.link = m->link;
	if (m->unverified)
		e->reading.decoded.marks = MARK_UNVERIFIED;
}

int captures_on_raw(struct captures *c, const struct msg_raw *m, struct mono now)
{
	if (captures_has(c, m->instance, m->capture))
		return -EEXIST;
	if (c->count == CAPTURES_MAX)
		return -ENOSPC;
	if (m->unverified)
		limit_quarantine(c);
	fill(nth(c, c->count++), m, now);
	return 0;
}

int captures_on_decoded(struct captures *c, uint64_t instance,
			const struct msg_decoded *m)
{
	size_t i = find(c, instance, m->capture);
	struct reading *rd;

	if (i == c->count || !waits(nth(c, i)))
		return -ENOENT;
	rd = &nth(c, i)->reading;
	rd->decoded = m->decoded;
	rd->decoded.marks &= ~(uint32_t)MARK_UNVERIFIED;
	if (m->unverified)
		rd->decoded.marks |= MARK_UNVERIFIED;
	rd->link = m->link;
	rd->clock = m->clock;
	rd->attribution = m->attribution;
	rd->history = m->history;
	nth(c, i)->class = m->class;
	nth(c, i)->stage = CAPTURE_READY;
	return 0;
}

static void remove_at(struct captures *c, size_t i)
{
	uint8_t place = c->order[i];

	explicit_bzero(&c->places[place], sizeof(c->places[place]));
	c->count--;
	memmove(&c->order[i], &c->order[i + 1], c->count - i);
	c->order[c->count] = place;
}

int captures_on_discard(struct captures *c, uint64_t instance, uint64_t capture)
{
	size_t i = find(c, instance, capture);

	if (i == c->count || !(look(c, i)->reading.decoded.marks & MARK_UNVERIFIED))
		return -ENOENT;
	remove_at(c, i);
	return 0;
}

void captures_on_down(struct captures *c)
{
	for (size_t i = 0; i < c->count; i++)
		give_up_waiting(nth(c, i));
}

void captures_on_time(struct captures *c, struct mono now)
{
	for (size_t i = 0; i < c->count; i++)
		if (mono_reached(now, nth(c, i)->due))
			give_up_waiting(nth(c, i));
}

struct mono captures_deadline(const struct captures *c)
{
	struct mono next = MONO_NEVER;

	for (size_t i = 0; i < c->count; i++)
		if (waits(look(c, i)) && look(c, i)->due.ms < next.ms)
			next = look(c, i)->due;
	return next;
}

/* Position of the next one to be sealed, or c->count. */
static size_t first(const struct captures *c)
{
	bool held_back = false;
	size_t i = 0;

	for (; i < c->count; i++) {
		const struct capture *e = look(c, i);

		if (e->stage == CAPTURE_READY && (e->aside || !held_back))
			break;
		held_back |= e->stage == CAPTURE_WAITING;
	}
	return i;
}

const struct capture *captures_first(const struct captures *c)
{
	size_t i = first(c);

	return i < c->count ? look(c, i) : NULL;
}

void captures_pop(struct captures *c)
{
	size_t i = first(c);

	if (i < c->count)
		remove_at(c, i);
}
