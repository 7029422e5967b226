/*
 * backlog.c - values on their way to hub-store; see backlog.h.
 */
#include "ble/backlog.h"

#include <errno.h>
#include <string.h>

void backlog_init(struct backlog *b, uint64_t instance)
{
	b->count = 0;
	b->instance = instance;
	b->last = 0;
}

static struct backlog_entry *find(struct backlog *b, uint64_t capture)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->entries[i].raw.capture == capture)
			return &b->entries[i];
	return NULL;
}

struct backlog_entry *backlog_add(struct backlog *b, size_t device,
				  const struct msg_raw *raw)
{
	struct backlog_entry *e;

	if (b->count == BACKLOG_MAX)
		return NULL;
	e = &b->entries[b->count++];
	*e = (struct backlog_entry){ .device = device, .raw = *raw };
	e->raw.instance = b->instance;
	e->raw.capture = ++b->last;
	return e;
}

void backlog_finish(struct backlog_entry *e, const struct msg_decoded *finished)
{
	e->finished = *finished;
	e->finished.capture = e->raw.capture;
	e->ready = true;
}

bool backlog_next(const struct backlog *b, struct msg *ret)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct backlog_entry *e = &b->entries[i];

		if (!e->raw_sent) {
			ret->kind = MSG_RAW;
			ret->raw = e->raw;
			return true;
		}
		if (e->ready && !e->decoded_sent) {
			ret->kind = MSG_DECODED;
			ret->decoded = e->finished;
			return true;
		}
	}
	return false;
}

void backlog_sent(struct backlog *b, const struct msg *m)
{
	struct backlog_entry *e =
		find(b, m->kind == MSG_RAW ? m->raw.capture : m->decoded.capture);

	if (!e)
		return;
	if (m->kind == MSG_RAW)
		e->raw_sent = true;
	else
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
		unsend(&b->entries[i]);
}

void backlog_refused(struct backlog *b, uint64_t capture)
{
	struct backlog_entry *e = find(b, capture);

	if (e)
		unsend(e);
}

int backlog_remove(struct backlog *b, uint64_t capture, size_t *ret_device)
{
	struct backlog_entry *e = find(b, capture);
	struct backlog_entry *end = &b->entries[b->count];

	if (!e)
		return -ENOENT;
	*ret_device = e->device;
	memmove(e, e + 1, (size_t)(end - (e + 1)) * sizeof(*e));
	b->count--;
	explicit_bzero(
		end - 1,
		sizeof(*end)); /* a reading stays in memory no longer than it must */
	return 0;
}
