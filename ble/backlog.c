/*
 * backlog.c - values on their way to hub-store; see backlog.h.
 */
#include "ble/backlog.h"

#include <string.h>

_Static_assert(BACKLOG_MAX <= UINT8_MAX, "a place fits its number");
_Static_assert(sizeof(struct backlog) <= 1 << 19, "512 KiB: the hub is small");

void backlog_init(struct backlog *b, uint64_t instance)
{
	b->count = 0;
	b->discard_count = 0;
	b->instance = instance;
	b->last = 0;
	for (size_t i = 0; i < BACKLOG_MAX; i++)
		b->order[i] = (uint8_t)i;
}

static const struct backlog_entry *look(const struct backlog *b, size_t i)
{
	return &b->places[b->order[i]];
}

struct backlog_entry *backlog_add(struct backlog *b, size_t device,
				  const struct msg_raw *raw)
{
	struct backlog_entry *e;

	if (b->count == BACKLOG_MAX)
		return NULL;
	e = &b->places[b->order[b->count]];
	*e = (struct backlog_entry){ .device = device,
				     .raw = *raw,
				     .position = (uint8_t)b->count };
	e->raw.instance = b->instance;
	e->raw.capture = ++b->last;
	b->count++;
	return e;
}

struct backlog_entry *backlog_find(struct backlog *b, uint64_t capture)
{
	for (size_t i = 0; i < b->count; i++)
		if (look(b, i)->raw.capture == capture)
			return &b->places[b->order[i]];
	return NULL;
}

struct backlog_entry *backlog_after(struct backlog *b, const struct backlog_entry *e)
{
	size_t i = e ? (size_t)e->position + 1 : 0;

	return i < b->count ? &b->places[b->order[i]] : NULL;
}

void backlog_disown(struct backlog *b, size_t device)
{
	for (struct backlog_entry *e = backlog_after(b, NULL); e; e = backlog_after(b, e))
		if (e->device == device)
			e->device = BACKLOG_NOBODY;
}

void backlog_finish(struct backlog_entry *e, const struct msg_decoded *finished)
{
	e->finished = *finished;
	e->finished.capture = e->raw.capture;
	e->raw.link = finished->link;
	e->raw.unverified = finished->unverified;
	e->ready = true;
}

static size_t count_in_flight(const struct backlog *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->count; i++)
		n += look(b, i)->raw_sent;
	return n;
}

bool backlog_next(const struct backlog *b, bool raws, struct msg *ret)
{
	if (b->discard_count) {
		*ret = (struct msg){ .kind = MSG_DISCARD, .discard = { b->discards[0] } };
		return true;
	}
	raws = raws && count_in_flight(b) < BACKLOG_FLIGHT_MAX;
	for (size_t i = 0; i < b->count; i++) {
		const struct backlog_entry *e = look(b, i);

		if (raws && !e->raw_sent) {
			ret->kind = MSG_RAW;
			ret->raw = e->raw;
			return true;
		}
		if (e->raw_sent && e->ready && !e->decoded_sent) {
			ret->kind = MSG_DECODED;
			ret->decoded = e->finished;
			return true;
		}
	}
	return false;
}

void backlog_sent(struct backlog *b, const struct msg *m)
{
	struct backlog_entry *e;

	if (m->kind == MSG_DISCARD) {
		b->discard_count--;
		memmove(b->discards, b->discards + 1,
			b->discard_count * sizeof(b->discards[0]));
		return;
	}
	e = backlog_find(b, m->kind == MSG_RAW ? m->raw.capture : m->decoded.capture);
	if (e && m->kind == MSG_RAW)
		e->raw_sent = true;
	else if (e)
		e->decoded_sent = true;
}

static void unsend(struct backlog_entry *e)
{
	e->raw_sent = false;
	e->decoded_sent = false;
}

void backlog_offer_again(struct backlog *b)
{
	for (size_t i = 0; i < b->count; i++)
		unsend(&b->places[b->order[i]]);
	b->discard_count = 0;
}

void backlog_refused(struct backlog *b, uint64_t capture)
{
	struct backlog_entry *e = backlog_find(b, capture);

	if (e)
		unsend(e);
}

void backlog_remove(struct backlog *b, struct backlog_entry *e)
{
	size_t i = e->position;
	uint8_t place = b->order[i];

	b->count--;
	for (; i < b->count; i++) {
		b->order[i] = b->order[i + 1];
		b->places[b->order[i]].position = (uint8_t)i;
	}
	b->order[b->count] = place;
	/* a reading stays in memory no longer than it must */
	explicit_bzero(e, sizeof(*e));
}

/* What is not sent has its place: RAWs wait for discards, so the two together never are more than
 * may be in flight. */
void backlog_discard(struct backlog *b, struct backlog_entry *e)
{
	if (e->raw_sent)
		b->discards[b->discard_count++] = e->raw.capture;
	backlog_remove(b, e);
}

bool backlog_is_high(const struct backlog *b)
{
	return b->count >= BACKLOG_HIGH;
}
