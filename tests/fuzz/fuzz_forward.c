/*
 * fuzz_forward.c - hub-coap's forward machine under any order of events: sessions that come and go, hub-store that
 * does, losses, answers of every code with bodies that are made or taken from the input.
 *
 * Each octet is an event, the ones after it are what it needs. hub-store is played here and hands over what it is asked
 * for. Whatever comes:
 *
 *   a batch is sent only on a session, within window and slots, byte for byte as it was handed over, under a token of
 *   its own; it is answered to hub-store at most once, with what the answer says and nothing else;
 *   never more credits than slots; nothing is asked of a hub-store that is away; time never makes it spin.
 */
#include <stdlib.h>
#include <string.h>

#include "coap/code.h"
#include "coap/forward.h"
#include "hub/core/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HIGHEST = 60, TURNS_MAX = 300, TOKENS = 16, STEP_MS = 500 };

struct held {
	uint32_t id; /* 0: none */
	struct msg_batch batch;
};

struct world {
	struct forward f;
	struct reader r;
	struct mono now;
	bool store_up, session_up;
	unsigned credits;
	uint16_t size;
	uint32_t id, last_token;
	uint32_t tokens[TOKENS]; /* sent lately */
	uint64_t seq;
	struct held held[FORWARD_SLOTS];
	struct reply answer; /* the last one that was decoded */
	bool answered;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static struct held *find(struct world *w, uint32_t id)
{
	for (size_t i = 0; i < FORWARD_SLOTS; i++)
		if (w->held[i].id == id)
			return &w->held[i];
	return NULL;
}

/* As hub-store makes them: one record, several, or none; of any size that is wanted, one alone of any size. */
static void hand_over(struct world *w, bool heartbeat)
{
	struct held *h = find(w, 0);
	struct msg_batch *b;
	uint8_t shape = read_u8(&w->r);

	check(h != NULL);
	h->id = ++w->id;
	b = &h->batch;
	memset(b, 0, sizeof(*b));
	b->id = h->id;
	b->flags = shape & 1 ? BATCH_ALARM : 0;
	if (!heartbeat) {
		b->first = 1 + w->seq % HIGHEST;
		b->last = b->first + (shape >> 1 & 3);
		if (b->last > HIGHEST)
			b->last = HIGHEST;
		w->seq = b->last;
	}
	b->len = (uint16_t)(b->first == b->last && shape & 128
				    ? BATCH_BYTES_MAX
				    : 1 + (shape >> 3) * (w->size - 1u) / 31u);
	memset(b->bytes, (int)(b->id & 0xff), b->len);
	w->credits--;
	check(forward_on_batch(&w->f, b) == 0);
}

static void on_want(struct world *w, const struct msg_want *m)
{
	check(w->store_up);
	check(m->size >= BATCH_BYTES_LEAST && m->size <= BATCH_BYTES_FULL);
	w->size = m->size;
	w->credits += m->batches;
	check(w->credits <= FORWARD_SLOTS);
	if (m->heartbeat && w->credits)
		hand_over(w, true);
	while (w->credits > (read_u8(&w->r) & 3u))
		hand_over(w, false);
}

static void on_send(struct world *w, const struct forward_action *a)
{
	struct held *h = find(w, a->batch->id);

	check(w->session_up && h != NULL);
	check(a->token > w->last_token);
	w->last_token = a->token;
	w->tokens[a->token % TOKENS] = a->token;
	check(a->batch->len == h->batch.len);
	check(memcmp(a->batch->bytes, h->batch.bytes, h->batch.len) == 0);
}

static void on_ack(struct world *w, const struct forward_action *a)
{
	const struct reply *r = &a->ack.reply;
	struct held *h = find(w, a->ack.batch);

	check(w->store_up && a->ack.batch != 0 && h != NULL);
	check(!a->good || (r->has_contig && reply_highest(r) <= HIGHEST));
	check(!a->ack.recut || (!r->has_contig && h->batch.first != h->batch.last &&
				h->batch.len > w->size));
	/* without a mark nothing is named but the one record that was refused alone */
	if (!r->has_contig)
		check(r->range_count == 0 &&
		      (r->refused_count == 0 ||
		       (r->refused_count == 1 && h->batch.first == h->batch.last &&
			r->refused[0].seq == h->batch.first)));
	else
		check(w->answered && r->contig == w->answer.contig &&
		      r->range_count == w->answer.range_count);
	h->id = 0;
}

static void check_bounds(const struct world *w)
{
	size_t sent = 0, held = 0;

	for (size_t i = 0; i < FORWARD_SLOTS; i++) {
		sent += w->f.slots[i].state == FORWARD_SLOT_SENT;
		held += w->f.slots[i].state != FORWARD_SLOT_FREE;
	}
	check(sent == 0 || w->session_up);
	check(held + w->f.granted <= FORWARD_SLOTS);
	check(w->f.granted == w->credits);
	check(w->f.window >= 1 && w->f.window <= FORWARD_SLOTS);
	check(forward_is_owed(&w->f) == (sent > 0));
}

static void drain(struct world *w)
{
	struct forward_action a;
	unsigned turns = 0;

	while (forward_next(&w->f, w->now, &a)) {
		check(++turns < TURNS_MAX);
		switch (a.what) {
		case FORWARD_SEND: on_send(w, &a); break;
		case FORWARD_WANT: on_want(w, &a.want); break;
		case FORWARD_ACK: on_ack(w, &a); break;
		case FORWARD_TIME: check(w->session_up); break;
		case FORWARD_LEAVE: check(w->session_up); break;
		case FORWARD_INCIDENT: check(a.incident != INCIDENT_NONE); break;
		case FORWARD_NOTHING: check(false);
		}
		check_bounds(w);
	}
	check(forward_deadline(&w->f, w->now).ms > w->now.ms);
}

static void store_down(struct world *w)
{
	forward_on_store_down(&w->f);
	w->store_up = false;
	w->credits = 0;
	w->size = BATCH_BYTES_FULL;
	memset(w->held, 0, sizeof(w->held));
}

static void store_up(struct world *w)
{
	forward_on_store_up(&w->f);
	forward_on_queue_state(&w->f, &(struct msg_queue_state){ .highest = HIGHEST });
	w->store_up = true;
}

/* A good reply of any content, or octets of the input. */
static size_t make_body(struct world *w, uint8_t buf[static REPLY_BYTES_MAX])
{
	struct reply r = { .has_contig = true };
	uint8_t how = read_u8(&w->r);
	size_t len = how & 63;
	const uint8_t *raw;
	int n;

	if (how & 128) {
		len = len < reader_left(&w->r) ? len : reader_left(&w->r);
		raw = read_span(&w->r, len);
		if (raw)
			memcpy(buf, raw, len);
		return raw ? len : 0;
	}
	r.contig = read_u8(&w->r) % (HIGHEST + 4);
	r.window = how & 1 ? read_u8(&w->r) : 0;
	r.resync_from = how & 2 ? 1 + read_u8(&w->r) % (HIGHEST + 4) : 0;
	r.has_time = how & 4;
	r.time_quality = CLOCK_QUALITY_NTP;
	r.utc_ms = 1795246265000;
	if (how & 8) {
		r.range_count = 1;
		r.ranges[0].first = r.contig + 2;
		r.ranges[0].last = r.contig + 2 + (read_u8(&w->r) & 7);
	}
	n = reply_encode(&r, buf, REPLY_BYTES_MAX);
	return n > 0 ? (size_t)n : 0;
}

static void answer(struct world *w)
{
	static const int codes[] = {
		COAP_CODE_CHANGED,     COAP_CODE_CHANGED,   COAP_CODE_CHANGED,
		COAP_CODE_BAD_REQUEST, COAP_CODE_FORBIDDEN, COAP_CODE_NOT_FOUND,
		COAP_CODE_INCOMPLETE,  COAP_CODE_TOO_LARGE, COAP_CODE_UNSUPPORTED_FORMAT,
		COAP_CODE_UNAVAILABLE, COAP_CODE_TOO_MANY,  COAP_CODE_BAD_OPTION,
	};
	uint8_t body[REPLY_BYTES_MAX], which = read_u8(&w->r);
	struct forward_response a = { .body = body };

	a.token = w->tokens[which % TOKENS];
	a.code = codes[read_u8(&w->r) % (sizeof(codes) / sizeof(*codes))];
	a.max_age_s = (uint32_t)read_u8(&w->r) << (which >> 4);
	a.len = make_body(w, body);
	w->answered = reply_decode(body, a.len, &w->answer) == 0;
	(void)forward_on_response(&w->f, &a, (uint32_t)which << 24, w->now);
}

static void event(struct world *w)
{
	uint8_t what = read_u8(&w->r);

	switch (what % 12) {
	case 0:
		if (!w->session_up)
			forward_on_session_up(&w->f);
		w->session_up = true;
		break;
	case 1:
		forward_on_session_down(&w->f);
		w->session_up = false;
		break;
	case 2: store_down(w); break;
	case 3:
		if (!w->store_up)
			store_up(w);
		break;
	case 4: forward_on_retransmitted(&w->f, w->now); break;
	case 5:
		forward_on_undelivered(&w->f, w->tokens[what / 12 % TOKENS], w->now);
		break;
	case 6: w->now.ms += (uint64_t)STEP_MS << what / 12; break;
	case 7: forward_on_config(&w->f, (uint16_t)(10 + what * 200)); break;
	default: answer(w); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.now.ms = 1000000;
	w.size = BATCH_BYTES_FULL;
	reader_init(&w.r, data, size);
	forward_init(&w.f);
	w.last_token = FORWARD_TOKEN_FIRST - 1;
	forward_on_config(&w.f, 60);
	store_up(&w);
	while (reader_left(&w.r) > 0) {
		event(&w);
		drain(&w); /* one thing at a time: what was answered is told before the next answer */
	}
	return 0;
}
