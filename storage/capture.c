/*
 * capture.c - from RAW and DECODED to one reading; see capture.h.
 */
#include "storage/capture.h"

#include <errno.h>
#include <string.h>

void captures_init(struct captures *c)
{
	memset(c, 0, sizeof(*c));
}

static struct capture *nth(struct captures *c, size_t i)
{
	return &c->ring[(c->first + i) % CAPTURES_MAX];
}

static struct capture *find(struct captures *c, uint64_t instance, uint64_t capture)
{
	for (size_t i = 0; i < c->count; i++)
		if (nth(c, i)->instance == instance && nth(c, i)->capture == capture)
			return nth(c, i);
	return NULL;
}

bool captures_has(const struct captures *c, uint64_t instance, uint64_t capture)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct capture *e = &c->ring[(c->first + i) % CAPTURES_MAX];

		if (e->instance == instance && e->capture == capture)
			return true;
	}
	return false;
}

/* The one function that makes a capture ready without its decoder. */
static void give_up_waiting(struct capture *e)
{
	if (e->stage != CAPTURE_WAITING)
		return;
	e->reading.decoded.marks |= MARK_UNDECODED;
	e->stage = CAPTURE_READY;
}

int captures_on_raw(struct captures *c, const struct msg_raw *m, struct mono now)
{
	struct capture *e;

	if (find(c, m->instance, m->capture))
		return -EEXIST;
	if (c->count == CAPTURES_MAX)
		return -ENOSPC;
	e = nth(c, c->count++);
	*e = (struct capture){ .stage = CAPTURE_WAITING,
			       .instance = m->instance,
			       .capture = m->capture,
			       .due = mono_add(now, CAPTURE_WAIT_MS),
			       .class = CLASS_ROUTINE };
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
	return 0;
}

int captures_on_decoded(struct captures *c, uint64_t instance,
			const struct msg_decoded *m)
{
	struct capture *e = find(c, instance, m->capture);
	uint32_t marks;

	if (!e || e->stage != CAPTURE_WAITING)
		return -ENOENT;
	marks = e->reading.decoded.marks;
	e->reading.decoded = m->decoded;
	e->reading.decoded.marks |= marks;
	e->reading.clock = m->clock;
	e->reading.attribution = m->attribution;
	e->class = m->class;
	e->stage = CAPTURE_READY;
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

	for (size_t i = 0; i < c->count; i++) {
		const struct capture *e = &c->ring[(c->first + i) % CAPTURES_MAX];

		if (e->stage == CAPTURE_WAITING && e->due.ms < next.ms)
			next = e->due;
	}
	return next;
}

const struct capture *captures_first(const struct captures *c)
{
	const struct capture *e = &c->ring[c->first];

	return c->count > 0 && e->stage == CAPTURE_READY ? e : NULL;
}

void captures_pop(struct captures *c)
{
	explicit_bzero(&c->ring[c->first], sizeof(c->ring[0]));
	c->first = (c->first + 1) % CAPTURES_MAX;
	c->count--;
}
