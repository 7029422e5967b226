/*
 * home.c - a hub of the swarm; see home.h.
 *
 *   reading: WAITING -> HANDED on a batch with it, in hand_over
 *            HANDED  -> GONE   when an answer names it, in take_ack
 *            HANDED  -> WAITING when its batch's answer does not
 *
 * Invariants
 *   1. A reading is in 'made' of the ledger before it is in a batch, in 'acked' before it is GONE.
 *   2. A reading is in one batch at most that has no answer yet.
 *   3. Alarms go alone and first, as in hub-store: so answers with ranges above the mark occur.
 */
#include "tests/swarm/home.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coap/uplink.h"
#include "hub/core/batch.h"
#include "hub/core/cose.h"
#include "hub/rt/ipc.h"

enum {
	EPOCH = 1,
	BODY_MIN =
		110, /* a thermometer's, sealed; a cuff's with all its fields is in between */
	BODY_MAX = 250,
	ALARM_EVERY = 16,
	PAYLOAD_MAX = BATCH_BYTES_FULL - COSE_OVERHEAD_MAX,
};

enum reading_state { READING_WAITING = 0, READING_HANDED, READING_GONE };

struct kept {
	enum reading_state state;
	bool alarm;
	uint32_t assignment; /* when it was made */
	uint32_t batch;	     /* HANDED */
	size_t len;
	uint8_t body[BODY_MAX];
};

struct home {
	const struct home_config *cfg;
	const struct home_identity *id;
	size_t first;
	char dir[PATH_MAX];
	struct ipc *store, *hubd;
	struct uplink *uplink;
	struct rt_timer *timer;
	bool connected, back;
	unsigned made, credits;
	uint32_t batch_id;
	bool want_time, heartbeat;
	size_t room;	       /* for the payload of a batch, as hub-coap asked last */
	struct kept *readings; /* [seq - 1] */
};

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "swarm: %s failed\n", what);
	exit(1);
}

static uint32_t below(uint32_t bound)
{
	uint32_t d;

	crypto_random((uint8_t *)&d, sizeof(d));
	return (uint32_t)((uint64_t)d * bound >> 32);
}

/* --- as hub-store ------------------------------------------------------------------ */

static void tell_queue(struct home *h)
{
	struct msg m = { .kind = MSG_QUEUE_STATE };

	m.queue_state.highest = h->made;
	for (unsigned i = 0; i < h->made; i++)
		m.queue_state.unsent += h->readings[i].state != READING_GONE;
	if (ipc_is_up(h->store))
		need(ipc_send(h->store, &m) == 0, "message to the uplink");
}

static void make_reading(struct home *h)
{
	struct kept *k = &h->readings[h->made++];

	k->alarm = below(ALARM_EVERY) == 0;
	k->assignment = h->cfg->assignment;
	k->len = BODY_MIN + below(BODY_MAX - BODY_MIN + 1);
	crypto_random(k->body, k->len);
	ledger_made(h->cfg->ledger, h->id->hub, EPOCH, h->made, k->body, k->len);
	h->cfg->totals->made++;
}

static uint64_t contig(const struct home *h)
{
	uint64_t n = 0;

	while (n < h->made && h->readings[n].state == READING_GONE)
		n++;
	return n;
}

static bool alarm_waits(const struct home *h)
{
	for (unsigned i = 0; i < h->made; i++)
		if (h->readings[i].state == READING_WAITING && h->readings[i].alarm)
			return true;
	return false;
}

/* As many as fit, of one class. Returns the length of the payload. */
static size_t fill(struct home *h, struct batch *b, uint8_t payload[static PAYLOAD_MAX])
{
	int n = batch_encode(b, payload, PAYLOAD_MAX), with;

	for (unsigned i = 0; i < h->made && b->record_count < BATCH_RECORDS_MAX; i++) {
		struct kept *k = &h->readings[i];

		if (k->state != READING_WAITING || k->alarm != !!(b->flags & BATCH_ALARM))
			continue;
		b->records[b->record_count++] =
			(struct record){ .assignment = k->assignment,
					 .seq = i + 1,
					 .class = k->alarm ? CLASS_ALARM : CLASS_ROUTINE,
					 .kind = READING_BLOOD_PRESSURE,
					 .body = k->body,
					 .body_len = k->len };
		with = batch_encode(b, payload, PAYLOAD_MAX);
		if (with < 0 || (b->record_count > 1 && (size_t)with > h->room)) {
			b->record_count--;
			break;
		}
		n = with;
		k->state = READING_HANDED;
		k->batch = h->batch_id;
	}
	need(n > 0 && batch_encode(b, payload, PAYLOAD_MAX) == n, "batch");
	return (size_t)n;
}

/* One batch, a heartbeat if nothing waits. */
static void send_batch(struct home *h)
{
	struct msg m = { .kind = MSG_UPLOAD };
	uint8_t payload[PAYLOAD_MAX];
	struct batch b = { .epoch = EPOCH, .acked = contig(h), .highest = h->made };
	size_t len;
	int n;

	memcpy(b.hub, h->id->hub, HUB_ID_LEN);
	b.flags = (uint8_t)((h->want_time ? BATCH_WANT_TIME : 0) |
			    (alarm_waits(h) ? BATCH_ALARM : 0));
	b.queued = h->made - b.acked;
	m.batch.id = ++h->batch_id;
	m.batch.flags = b.flags;
	len = fill(h, &b, payload);
	n = sign1_make(SIGN_CONTEXT_BATCH, h->id->sign_private, payload, len,
		       m.batch.bytes, sizeof(m.batch.bytes));
	need(n > 0, "signature");
	m.batch.len = (uint16_t)n;
	if (b.record_count) {
		m.batch.first = b.records[0].seq;
		m.batch.last = b.records[b.record_count - 1].seq;
	}
	h->want_time = h->heartbeat = false;
	h->credits--;
	need(ipc_send(h->store, &m) == 0, "message to the uplink");
}

static bool something_waits(const struct home *h)
{
	for (unsigned i = 0; i < h->made; i++)
		if (h->readings[i].state == READING_WAITING)
			return true;
	return false;
}

static void hand_over(struct home *h)
{
	while (ipc_is_up(h->store) && h->credits && (something_waits(h) || h->heartbeat))
		send_batch(h);
}

static void note_refused(struct home *h, const struct reply *r)
{
	for (size_t i = 0; i < r->refused_count; i++)
		fprintf(stderr, "swarm: seq %llu refused, reason %u\n",
			(unsigned long long)r->refused[i].seq, r->refused[i].reason);
	h->cfg->totals->refused += (unsigned)r->refused_count;
}

static void take_ack(struct home *h, const struct msg_ack *ack)
{
	for (unsigned i = 0; i < h->made; i++) {
		struct kept *k = &h->readings[i];

		if (k->state == READING_GONE)
			continue;
		if (reply_covers(&ack->reply, i + 1)) {
			ledger_acked(h->cfg->ledger, h->id->hub, EPOCH, i + 1);
			h->cfg->totals->acked++;
			k->state = READING_GONE;
		} else if (k->state == READING_HANDED && k->batch == ack->batch) {
			k->state = READING_WAITING;
		}
	}
	note_refused(h, &ack->reply);
}

static void on_store_up(void *arg, struct ipc *link)
{
	struct home *h = arg;

	(void)link;
	h->credits = 0;
	tell_queue(h);
}

static void on_store_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct home *h = arg;

	(void)link;
	if (m->kind == MSG_WANT) {
		h->credits += m->want.batches;
		h->room = m->want.size ? m->want.size - COSE_OVERHEAD_MAX : PAYLOAD_MAX;
		h->want_time |= m->want.want_time;
		h->heartbeat |= m->want.heartbeat;
	} else if (m->kind == MSG_ACK) {
		take_ack(h, &m->ack);
	}
	hand_over(h);
}

/* --- as hubd ----------------------------------------------------------------------- */

static void on_hubd_up(void *arg, struct ipc *link)
{
	struct home *h = arg;
	const struct home_config *cfg = h->cfg;
	struct msg m = { .kind = MSG_COAP_CONFIG };

	m.coap_config.heartbeat_s = cfg->heartbeat_s;
	m.coap_config.endpoint_count = (uint8_t)cfg->endpoint_count;
	for (size_t i = 0; i < cfg->endpoint_count; i++)
		m.coap_config.endpoints[i] =
			cfg->endpoints[(h->first + i) % cfg->endpoint_count];
	need(ipc_send(link, &m) == 0, "config to the uplink");
}

static void set_connected(struct home *h, bool connected)
{
	struct home_totals *t = h->cfg->totals;

	if (connected == h->connected)
		return;
	h->connected = connected;
	if (!connected) {
		t->up--;
		return;
	}
	t->up++;
	t->handshakes++;
	t->back += !h->back;
	h->back = true;
}

static void on_hubd_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct home *h = arg;

	(void)link;
	if (m->kind == MSG_STATUS && m->status.what == STATUS_UPLINK)
		set_connected(h, m->status.a != 0);
	else if (m->kind == MSG_INCIDENT)
		h->cfg->totals->incidents += m->incident.count;
}

/* --- life -------------------------------------------------------------------------- */

static void begin(struct home *h)
{
	static const struct ipc_handlers store = { .up = on_store_up,
						   .message = on_store_message };
	static const struct ipc_handlers hubd = { .up = on_hubd_up,
						  .message = on_hubd_message };
	struct ipc_config link = { .self = ROLE_STORE,
				   .peer = ROLE_COAP,
				   .run_dir = h->dir,
				   .same_user = true };
	struct uplink_config cfg = { .identity = { h->id->pair.cert, h->id->pair.key,
						   h->cfg->root_pem },
				     .run_dir = h->dir,
				     .same_user = true };

	need(ipc_listen(h->cfg->rt, &link, &store, h, &h->store) == 0, "socket");
	link.self = ROLE_HUBD;
	need(ipc_listen(h->cfg->rt, &link, &hubd, h, &h->hubd) == 0, "socket");
	need(uplink_new(h->cfg->rt, &cfg, &h->uplink) == 0, "uplink");
}

/* The next reading is there. */
static void on_timer(void *arg)
{
	struct home *h = arg;
	unsigned pace = h->cfg->pace_ms;

	if (!h->uplink)
		begin(h);
	do {
		if (h->made < h->cfg->readings)
			make_reading(h);
	} while (pace == 0 && h->made < h->cfg->readings);
	tell_queue(h);
	hand_over(h);
	if (h->made < h->cfg->readings)
		rt_timer_set(h->timer, mono_add(rt_mono(), pace / 2 + below(pace + 1)));
}

struct home *home_new(const struct home_config *cfg, const struct home_identity *id,
		      const char *dir, size_t first)
{
	struct home *h = calloc(1, sizeof(*h));

	need(h != NULL, "memory");
	h->cfg = cfg;
	h->first = first;
	h->id = id;
	snprintf(h->dir, sizeof(h->dir), "%s", dir);
	h->readings = calloc(cfg->readings + 1, sizeof(*h->readings));
	need(h->readings != NULL, "memory");
	h->timer = rt_timer_new(cfg->rt, on_timer, h);
	rt_timer_set(h->timer, mono_add(rt_mono(), below(cfg->spread_ms + 1)));
	return h;
}

void home_free(struct home *h)
{
	if (!h)
		return;
	uplink_free(h->uplink);
	ipc_free(h->store);
	ipc_free(h->hubd);
	rt_timer_free(h->timer);
	free(h->readings);
	free(h);
}

void home_mark(struct home *h)
{
	h->back = false;
}
