/*
 * handover.c - the link to hub-store; see handover.h.
 */
#include "ble/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"

enum { RETRY_MS = 200, REFUSED_RETRY_MS = 2000 };

struct handover {
	struct handover_handlers h;
	void *arg;
	struct ipc *link;
	struct rt_timer *retry;
	enum store_blocked blocked;
	bool heard; /* hub-store has said on this connection whether it takes readings */
	struct backlog backlog;
	struct msg_memory memories[HANDOVER_MEMORIES_MAX]; /* to be sent, oldest first */
	size_t memory_count;
};

static bool is_there(const struct handover *h)
{
	return h->link && ipc_is_up(h->link) && h->heard;
}

static bool next_message(const struct handover *h, struct msg *ret)
{
	if (!is_there(h))
		return false;
	if (backlog_next(&h->backlog, h->blocked == STORE_READY, ret))
		return true;
	if (h->memory_count == 0)
		return false;
	ret->kind = MSG_MEMORY;
	ret->memory = h->memories[0];
	return true;
}

static void drop_memory(struct handover *h, size_t i)
{
	h->memory_count--;
	memmove(&h->memories[i], &h->memories[i + 1],
		(h->memory_count - i) * sizeof(h->memories[0]));
}

static void note_sent(struct handover *h, const struct msg *m)
{
	if (m->kind == MSG_MEMORY)
		drop_memory(h, 0);
	else
		backlog_sent(&h->backlog, m);
	if (m->kind == MSG_RAW)
		FAILPOINT("ble.raw.sent");
	else if (m->kind == MSG_DECODED)
		FAILPOINT("ble.decoded.sent");
}

static void pump(struct handover *h)
{
	struct msg m;

	while (next_message(h, &m)) {
		if (ipc_send(h->link, &m) != 0) {
			rt_timer_set(h->retry, mono_add(rt_mono(), RETRY_MS));
			return;
		}
		note_sent(h, &m);
	}
}

static void on_retry(void *arg)
{
	pump(arg);
}

static void on_down(void *arg, struct ipc *link)
{
	struct handover *h = arg;

	(void)link;
	h->heard = false;
	backlog_offer_again(&h->backlog);
	h->h.changed(h->arg);
}

static void on_state(struct handover *h, enum store_blocked blocked)
{
	if (h->heard && blocked == h->blocked)
		return;
	h->heard = true;
	h->blocked = blocked;
	log_info("store-state", "blocked=%d waiting=%zu", (int)blocked, h->backlog.count);
	pump(h);
	h->h.changed(h->arg);
}

static void on_durable(struct handover *h, const struct msg_durable *m)
{
	struct backlog_entry *e = backlog_find(&h->backlog, m->capture);

	FAILPOINT("ble.durable.received");
	if (m->durable) {
		/* none: a second answer to a value offered twice, or it was discarded too late */
		if (e) {
			h->h.durable(h->arg, e);
			backlog_remove(&h->backlog, e);
		}
		pump(h); /* one less in flight */
		h->h.changed(h->arg);
		return;
	}
	backlog_refused(&h->backlog, m->capture);
	if (m->blocked != STORE_READY)
		on_state(h, m->blocked);
	else
		rt_timer_set(h->retry, mono_add(rt_mono(), REFUSED_RETRY_MS));
}

static void on_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct handover *h = arg;

	(void)link;
	if (m->kind == MSG_STORE_STATE)
		on_state(h, m->store_state.blocked);
	else if (m->kind == MSG_DURABLE)
		on_durable(h, &m->durable);
	else if (m->kind == MSG_MEMORY)
		h->h.memory(h->arg, &m->memory);
}

static void on_violation(void *arg, struct ipc *link, unsigned count)
{
	struct handover *h = arg;

	(void)link;
	h->h.violation(h->arg, count);
}

int handover_new(struct rt *rt, const struct options *opt,
		 const struct handover_handlers *handlers, void *arg,
		 struct handover **ret)
{
	static const struct ipc_handlers ipc = { .down = on_down,
						 .message = on_message,
						 .violation = on_violation };
	const struct ipc_config cfg = { ROLE_BLE, ROLE_STORE, opt->run_dir,
					opt->same_user };
	struct handover *h = calloc(1, sizeof(*h));
	uint64_t instance;
	int r;

	if (!h)
		return -ENOMEM;
	h->h = *handlers;
	h->arg = arg;
	if (getrandom(&instance, sizeof(instance), 0) != sizeof(instance)) {
		free(h);
		return -EIO;
	}
	backlog_init(&h->backlog, instance);
	r = ipc_connect(rt, &cfg, &ipc, h, &h->link);
	if (r) {
		free(h);
		return r;
	}
	h->retry = rt_timer_new(rt, on_retry, h);
	*ret = h;
	return 0;
}

bool handover_is_ready(const struct handover *h)
{
	return is_there(h) && h->blocked == STORE_READY;
}

bool handover_is_full(const struct handover *h)
{
	return backlog_is_high(&h->backlog);
}

struct backlog_entry *handover_raw(struct handover *h, size_t device,
				   const struct msg_raw *raw)
{
	struct backlog_entry *e = backlog_add(&h->backlog, device, raw);

	if (e)
		pump(h);
	return e;
}

struct backlog_entry *handover_unfinished(struct handover *h,
					  const struct backlog_entry *after)
{
	struct backlog_entry *e = backlog_after(&h->backlog, after);

	while (e && e->ready)
		e = backlog_after(&h->backlog, e);
	return e;
}

void handover_finish(struct handover *h, struct backlog_entry *e,
		     const struct msg_decoded *d)
{
	backlog_finish(e, d);
	pump(h);
}

void handover_discard(struct handover *h, struct backlog_entry *e)
{
	backlog_discard(&h->backlog, e);
	pump(h);
}

void handover_memory(struct handover *h, const struct msg_memory *m)
{
	for (size_t i = 0; i < h->memory_count; i++)
		if (h->memories[i].num == m->num &&
		    h->memories[i].service == m->service) {
			drop_memory(h, i);
			break;
		}
	if (h->memory_count == HANDOVER_MEMORIES_MAX)
		drop_memory(h, 0);
	h->memories[h->memory_count++] = *m;
	pump(h);
}

void handover_forget_memories(struct handover *h)
{
	h->memory_count = 0;
}

void handover_disown(struct handover *h, size_t device)
{
	backlog_disown(&h->backlog, device);
}

bool handover_is_empty(const struct handover *h)
{
	return h->backlog.count == 0;
}

void handover_free(struct handover *h)
{
	if (!h)
		return;
	rt_timer_free(h->retry);
	ipc_free(h->link);
	explicit_bzero(&h->backlog, sizeof(h->backlog)); /* readings in clear */
	free(h);
}
