/*
 * forward.c - batches up, answers down; at most FORWARD_SLOTS of them held at a time.
 *
 *   FREE  -> READY on a batch from hub-store, in forward_on_batch
 *   READY -> SENT  within the window, alarms first, then oldest first, in next_send
 *   SENT  -> READY on loss of the session, request given up, wait asked for, useless answer
 *   SENT  -> DONE  on an answer that settles the batch, in forward_answer.c
 *   DONE  -> FREE  when hub-store is told, in next_ack
 *   SENT, READY -> DONE  too large, in forward_answer.c and forward_size.c: hub-store makes smaller ones of its records
 *   any   -> FREE  on loss of hub-store, which still has the records
 *
 * Must never: change a byte of a batch; acknowledge what a reply does not name.
 *
 * Invariants
 *   1. An answer counts only if it carries the token of a request that is unanswered on this session.
 *   2. Only 2.04 with a well-formed reply that has contig, naming nothing beyond the highest seq
 *      known to exist, acknowledges; hub-store gets exactly that reply.
 *   3. SENT slots <= min(window, server's window, FORWARD_SLOTS).
 *   4. Credits given to hub-store + batches held <= FORWARD_SLOTS.
 *   5. After a useless answer nothing is sent for a growing pause; after FORWARD_TROUBLE_MAX in a row
 *      the session is given up. So no server can make us send without bound.
 *   6. A batch is made smaller only if it can be: not a heartbeat, and not what is one record alone.
 */
#include <string.h>

#include "coap/forward_inside.h"
#include "hub/core/err.h"

static size_t count(const struct forward *f, enum forward_slot_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < FORWARD_SLOTS; i++)
		n += f->slots[i].state == state;
	return n;
}

static struct forward_slot *find_state(struct forward *f, enum forward_slot_state state)
{
	for (size_t i = 0; i < FORWARD_SLOTS; i++)
		if (f->slots[i].state == state)
			return &f->slots[i];
	return NULL;
}

static struct forward_slot *find_sent(struct forward *f, uint32_t token)
{
	for (size_t i = 0; i < FORWARD_SLOTS; i++)
		if (f->slots[i].state == FORWARD_SLOT_SENT && f->slots[i].token == token)
			return &f->slots[i];
	return NULL;
}

static bool is_alarm(const struct forward_slot *s)
{
	return s->batch.flags & BATCH_ALARM;
}

static bool goes_before(const struct forward_slot *a, const struct forward_slot *b)
{
	if (is_alarm(a) != is_alarm(b))
		return is_alarm(a);
	return a->order < b->order;
}

static struct forward_slot *first_ready(struct forward *f)
{
	struct forward_slot *best = NULL;

	for (size_t i = 0; i < FORWARD_SLOTS; i++) {
		struct forward_slot *s = &f->slots[i];

		if (s->state == FORWARD_SLOT_READY && (!best || goes_before(s, best)))
			best = s;
	}
	return best;
}

static bool is_paused(const struct forward *f, struct mono now)
{
	return f->paused && !mono_reached(now, f->pause_until);
}

static size_t window(const struct forward *f)
{
	if (f->probing)
		return 1;
	return f->server_window && f->server_window < f->window ? f->server_window
								: f->window;
}

static void want_time(struct forward *f)
{
	f->time_wanted = true;
	f->time_asked = false;
	f->time_forced = false;
}

void forward_init(struct forward *f)
{
	memset(f, 0, sizeof(*f));
	f->window = FORWARD_WINDOW_START;
	f->token = FORWARD_TOKEN_FIRST - 1;
	f->size = BATCH_BYTES_FULL;
	f->size_told = true; /* nobody assumes anything else */
	f->heartbeat_ms = CONFIG_HEARTBEAT_MAX_S * 1000ULL;
}

void forward_on_config(struct forward *f, uint16_t heartbeat_s)
{
	f->heartbeat_ms = heartbeat_s * 1000ULL;
}

void forward_report_at(struct forward *f, struct mono at)
{
	f->report = true;
	f->report_at = at;
}

void forward_on_store_up(struct forward *f)
{
	f->store_up = true;
	f->size_told = f->size == BATCH_BYTES_FULL;
}

void forward_on_store_down(struct forward *f)
{
	f->store_up = false;
	f->granted = 0;
	f->alarm_waits = false;
	f->heartbeat_asked = false;
	f->time_asked = false;
	for (size_t i = 0; i < FORWARD_SLOTS; i++)
		f->slots[i].state = FORWARD_SLOT_FREE;
}

int forward_on_batch(struct forward *f, const struct msg_batch *batch)
{
	struct forward_slot *s = find_state(f, FORWARD_SLOT_FREE);

	if (f->granted == 0 || !s)
		return -ENOSPC;
	f->granted--;
	f->heartbeat_asked = false;
	if (batch->last > f->highest)
		f->highest = batch->last;
	s->state = FORWARD_SLOT_READY;
	s->order = ++f->order;
	s->batch = *batch;
	return 0;
}

void forward_on_queue_state(struct forward *f, const struct msg_queue_state *q)
{
	f->highest_known = true;
	f->alarm_waits = q->alarm;
	if (q->highest > f->highest)
		f->highest = q->highest;
}

void forward_on_session_up(struct forward *f)
{
	f->session_up = true;
	f->window = FORWARD_WINDOW_START;
	f->server_window = 0;
	f->clean = 0;
	f->trouble = 0;
	f->halved = false;
	f->leave = false;
	f->leave_forbidden = false;
	f->probing = false; /* the handshake has passed */
	want_time(f);
}

void forward_on_session_down(struct forward *f)
{
	f->session_up = false;
	f->leave = false;
	forward_size_on_session_down(f);
	for (size_t i = 0; i < FORWARD_SLOTS; i++)
		if (f->slots[i].state == FORWARD_SLOT_SENT)
			f->slots[i].state = FORWARD_SLOT_READY;
}

bool forward_on_response(struct forward *f, const struct forward_response *r,
			 uint32_t dice, struct mono now)
{
	struct forward_slot *s = f->session_up ? find_sent(f, r->token) : NULL;

	if (!s)
		return false;
	f->probing = false;
	forward_answer(f, s, r, dice, now);
	return true;
}

void forward_on_retransmitted(struct forward *f, struct mono now)
{
	for (size_t i = 0; i < FORWARD_SLOTS; i++)
		f->slots[i].clean = false; /* which one it was is not said */
	f->clean = 0;
	if (f->halved && mono_since(now, f->halved_at) < FORWARD_HALVE_MS)
		return;
	f->halved = true;
	f->halved_at = now;
	if (f->window >
	    FORWARD_WINDOW_START) /* one alone may be lost so often that the session seems dead */
		f->window = f->window / 2 > FORWARD_WINDOW_START ? f->window / 2
								 : FORWARD_WINDOW_START;
}

void forward_on_undelivered(struct forward *f, uint32_t token, struct mono now)
{
	struct forward_slot *s = find_sent(f, token);

	if (!s)
		return;
	s->state = FORWARD_SLOT_READY;
	forward_size_note_loss(f, s);
	forward_note_trouble(f, now);
}

static bool next_ack(struct forward *f, struct forward_action *ret)
{
	struct forward_slot *s = find_state(f, FORWARD_SLOT_DONE);

	if (!s)
		return false;
	ret->what = FORWARD_ACK;
	ret->good = s->good;
	ret->ack = (struct msg_ack){ .batch = s->batch.id,
				     .recut = s->recut,
				     .reply = s->reply };
	s->state = FORWARD_SLOT_FREE;
	return true;
}

static bool next_fact(struct forward *f, struct forward_action *ret)
{
	if (f->incident) {
		ret->what = FORWARD_INCIDENT;
		ret->incident = f->incident;
		f->incident = INCIDENT_NONE;
		return true;
	}
	if (f->time_ready) {
		ret->what = FORWARD_TIME;
		ret->time = f->time;
		f->time_ready = false;
		return true;
	}
	if (f->leave && f->session_up) {
		ret->what = FORWARD_LEAVE;
		ret->forbidden = f->leave_forbidden;
		f->leave = false;
		f->leave_forbidden = false;
		return true;
	}
	return false;
}

static bool heartbeat_due(const struct forward *f, struct mono now)
{
	if (!f->store_up || count(f, FORWARD_SLOT_FREE) < FORWARD_SLOTS)
		return false;
	return !f->sent || mono_since(now, f->sent_at) >= f->heartbeat_ms ||
	       (f->report && mono_reached(now, f->report_at));
}

static bool next_want(struct forward *f, struct mono now, struct forward_action *ret)
{
	size_t unused = count(f, FORWARD_SLOT_FREE) - f->granted;
	bool ask_time = f->session_up && f->time_wanted && !f->time_asked;
	/* The time is worth a request of its own if nothing else waits, but only once. */
	bool force = ask_time && !f->time_forced &&
		     count(f, FORWARD_SLOT_FREE) == FORWARD_SLOTS;
	bool heartbeat = f->session_up && !f->heartbeat_asked && !is_paused(f, now) &&
			 (heartbeat_due(f, now) || force);

	if (!f->store_up || (unused == 0 && !heartbeat && !ask_time && f->size_told))
		return false;
	f->size_told = true;
	f->granted += (unsigned)unused;
	f->time_asked = f->time_asked || ask_time;
	f->time_forced = f->time_forced || ask_time;
	f->heartbeat_asked = f->heartbeat_asked || heartbeat;
	f->report &= !(heartbeat && mono_reached(now, f->report_at));
	ret->what = FORWARD_WANT;
	ret->want = (struct msg_want){ .batches = (uint8_t)unused,
				       .heartbeat = heartbeat,
				       .want_time = ask_time,
				       .size = f->size };
	return true;
}

static bool next_send(struct forward *f, struct mono now, struct forward_action *ret)
{
	struct forward_slot *s = first_ready(f);

	if (!s || !f->session_up || is_paused(f, now) ||
	    count(f, FORWARD_SLOT_SENT) >= window(f))
		return false;
	if (f->sent && mono_since(now, f->sent_at) >= FORWARD_IDLE_MS) {
		f->window = FORWARD_WINDOW_START;
		f->clean = 0;
		f->probing = true;
	}
	s->state = FORWARD_SLOT_SENT;
	s->token = ++f->token;
	s->sent_at = now;
	s->clean = true;
	f->sent = true;
	f->sent_at = now;
	ret->what = FORWARD_SEND;
	ret->token = s->token;
	ret->batch = &s->batch;
	return true;
}

/* An empty acknowledgement and then nothing: the library waits for ever, we do not. */
static void expire(struct forward *f, struct mono now)
{
	for (size_t i = 0; i < FORWARD_SLOTS; i++) {
		struct forward_slot *s = &f->slots[i];

		if (s->state == FORWARD_SLOT_SENT &&
		    mono_since(now, s->sent_at) >= FORWARD_REPLY_MS)
			forward_on_undelivered(f, s->token, now);
	}
	if (f->has_time && !f->time_wanted &&
	    mono_since(now, f->time_at) >= FORWARD_TIME_REFRESH_MS)
		want_time(f);
}

bool forward_next(struct forward *f, struct mono now, struct forward_action *ret)
{
	*ret = (struct forward_action){ 0 };
	expire(f, now);
	forward_size_adapt(f, now);
	return next_ack(f, ret) || next_fact(f, ret) || next_want(f, now, ret) ||
	       next_send(f, now, ret);
}

bool forward_has_work(const struct forward *f, struct mono now)
{
	return count(f, FORWARD_SLOT_READY) + count(f, FORWARD_SLOT_SENT) > 0 ||
	       heartbeat_due(f, now);
}

bool forward_has_alarm(const struct forward *f)
{
	for (size_t i = 0; i < FORWARD_SLOTS; i++) {
		const struct forward_slot *s = &f->slots[i];

		if ((s->state == FORWARD_SLOT_READY || s->state == FORWARD_SLOT_SENT) &&
		    is_alarm(s))
			return true;
	}
	/* all slots are taken by what came before it: it is next when there is an answer */
	return f->alarm_waits &&
	       count(f, FORWARD_SLOT_READY) + count(f, FORWARD_SLOT_SENT) > 0;
}

bool forward_is_owed(const struct forward *f)
{
	return f->session_up && count(f, FORWARD_SLOT_SENT) > 0;
}

struct mono forward_deadline(const struct forward *f, struct mono now)
{
	struct mono d = MONO_NEVER;

	if (f->sent && mono_add(f->sent_at, f->heartbeat_ms).ms > now.ms)
		d = mono_add(f->sent_at, f->heartbeat_ms);
	if (is_paused(f, now) && f->pause_until.ms < d.ms)
		d = f->pause_until;
	if (f->report && f->report_at.ms > now.ms && f->report_at.ms < d.ms)
		d = f->report_at;
	for (size_t i = 0; i < FORWARD_SLOTS; i++) {
		const struct forward_slot *s = &f->slots[i];
		struct mono end = mono_add(s->sent_at, FORWARD_REPLY_MS);

		if (s->state == FORWARD_SLOT_SENT && end.ms < d.ms)
			d = end;
	}
	return d;
}
