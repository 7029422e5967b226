/*
 * test_uplink_days.c - the way from the hub's numbers to the clinic's, in virtual time: hub-store's hand-over, both
 * machines of hub-coap with the round-trip estimate, and the clinic's reply, over networks and weeks that are bad.
 *
 * Real: handover, ranges, batch, signature's frame, forward, supervisor, rtt, ingest_reply. Models: libcoap's
 * retransmission (RFC 7252, 4.2), a handshake as three round trips, the queue's rows and the clinic's.
 *
 * Checked at each answer: what hub-store takes for durable is committed at the clinic. In the end: each reading is
 * there, committed once, and its class is its own. Datagrams, requests and handshakes are counted, bounded and printed.
 */
#include <errno.h>

#include "clinic/ingest.h"
#include "coap/code.h"
#include "coap/forward.h"
#include "coap/rtt.h"
#include "coap/supervisor.h"
#include "hub/core/cose.h"
#include "storage/handover.h"
#include "storage/ranges.h"
#include "tests/unit/test.h"

enum {
	READINGS_MAX = 10000,
	EVENTS = 256,
	WORLDS = 600,	/* UPLINK_WORLDS: so many instead */
	BODY_LEN = 100, /* sealed: five to a batch, as of a blood pressure reading */
	HANDSHAKE_DATAGRAMS = 8,
	RETRANSMITS = 4,
	ALARM_EVERY = 50,
};

#define SECOND 1000ULL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* --- hub-store's rows, as handover.c asks for them --------------------------------------- */

struct records {
	uint64_t highest;
	enum record_class class[READINGS_MAX + 1];
	struct seq_range at[READINGS_MAX];
	struct ranges acked;
	uint8_t body[BODY_LEN];
};

static struct records rows;

bool records_owner(const struct records *r, uint8_t ret_hub[static HUB_ID_LEN],
		   uint32_t *ret_epoch)
{
	(void)r;
	memset(ret_hub, 7, HUB_ID_LEN);
	*ret_epoch = 3;
	return true;
}

uint64_t records_highest(const struct records *r)
{
	return r->highest;
}

uint64_t records_contig(const struct records *r)
{
	return r->acked.count && r->at[0].first == 1 ? r->at[0].last : 0;
}

uint64_t records_unsent(const struct records *r)
{
	return r->highest - ranges_count(&r->acked);
}

int records_read(struct records *r, enum record_class class, uint64_t after, uint8_t *buf,
		 size_t cap, struct record *ret)
{
	uint64_t seq = after + 1;

	while (seq <= r->highest &&
	       (r->class[seq] != class || ranges_contains(&r->acked, seq)))
		seq++;
	if (seq > r->highest)
		return 0;
	*ret = (struct record){ .assignment = 1,
				.seq = seq,
				.class = class,
				.kind = 1,
				.body = buf,
				.body_len = BODY_LEN };
	if (cap < BODY_LEN)
		return -EMSGSIZE;
	memcpy(buf, r->body, BODY_LEN);
	memcpy(buf, &seq, sizeof(seq));
	return 1;
}

int records_tombstones(struct records *r, size_t max, struct tombstone *ret,
		       size_t *ret_count)
{
	(void)r;
	(void)max;
	(void)ret;
	*ret_count = 0;
	return 0;
}

/* --- the world -------------------------------------------------------------------------- */

enum event_kind { NOTHING = 0, TRANSMIT, ARRIVE, REPLY, GIVE_UP, CONNECTED };

struct event {
	enum event_kind kind;
	struct mono at;
	unsigned session, line;
	uint32_t token;
	unsigned round; /* TRANSMIT: how often before */
	uint32_t timeout_ms;
	unsigned
		address; /* REPLY: that it goes to; lost if the hub's is another one by then */
	struct msg_batch batch;
	size_t len;
	uint8_t body[REPLY_BYTES_MAX];
};

static struct {
	struct mono now;
	struct forward f;
	struct supervisor s;
	struct rtt rtt;
	struct handover h;
	uint8_t private[P256_PRIVATE_LEN];
	struct event events[EVENTS];
	/* the path */
	bool network;
	bool no_alarms, all_alarms; /* of the readings that are added */
	unsigned loss_percent, delay_ms, double_percent;
	unsigned session, server_session, sessions;
	unsigned address; /* of the hub, as the clinic sees it: changes with the NAT */
	/* the clinic */
	bool has[READINGS_MAX + 1];
	unsigned commits[READINGS_MAX + 1];
	uint64_t contig, stored;
	unsigned crash_percent; /* a request kills it, before or after its commit */
	/* counted */
	uint64_t datagrams, requests, handshakes, gave_up, answers;
	uint64_t alarm_requests; /* until the alarm was there, 0: it is not yet */
	uint64_t alarm;		 /* that is watched */
	uint64_t requests_at_up; /* when the session came up */
} w;

static bool chance(unsigned percent)
{
	return test_random() % 100 < percent;
}

static struct event *add_event(enum event_kind kind, uint64_t in_ms)
{
	for (size_t i = 0; i < EVENTS; i++)
		if (w.events[i].kind == NOTHING) {
			w.events[i].kind = kind;
			w.events[i].at = mono_add(w.now, in_ms);
			w.events[i].session = w.session;
			return &w.events[i];
		}
	CHECK(false); /* requests are not bounded */
	abort();
}

/* One way; sometimes much longer, so that datagrams overtake each other. */
static uint64_t travel(void)
{
	uint64_t ms = w.delay_ms / 2 + test_random() % (w.delay_ms + 1);

	return chance(5) ? 3 * ms : ms;
}

static bool arrives(void)
{
	w.datagrams++;
	return w.network && !chance(w.loss_percent);
}

/* --- the clinic --------------------------------------------------------------------------- */

static void restart_clinic(void)
{
	w.server_session = 0;
}

static void commit(const struct batch *b)
{
	for (size_t i = 0; i < b->record_count; i++) {
		const struct record *r = &b->records[i];
		uint64_t in_body;

		memcpy(&in_body, r->body, sizeof(in_body));
		CHECK(r->seq <= rows.highest);
		CHECK_UINT(in_body, r->seq);
		CHECK_INT(r->class, rows.class[r->seq]);
		if (w.has[r->seq])
			continue;
		w.has[r->seq] = true;
		w.commits[r->seq]++;
		w.stored++;
		if (r->seq == w.alarm)
			w.alarm_requests = w.requests - w.requests_at_up;
	}
	while (w.contig < READINGS_MAX && w.has[w.contig + 1])
		w.contig++;
}

static void clinic_gets(const struct event *e)
{
	const struct wall utc = { 1795246265000 + (int64_t)w.now.ms, 500,
				  CLOCK_QUALITY_NTP };
	struct cose_sign1 c;
	struct reply r;
	struct batch b;
	int n;

	if (e->session != w.server_session)
		return; /* it knows no such session */
	CHECK_INT(cose_parse(e->batch.bytes, e->batch.len, &c), 0);
	CHECK_INT(batch_decode(c.payload, c.payload_len, &b), 0);
	if (chance(w.crash_percent)) {
		if (chance(50))
			commit(&b); /* and no answer */
		restart_clinic();
		return;
	}
	commit(&b);
	r = ingest_reply(&b, w.contig, utc);
	CHECK_UINT(r.resync_from, 0);
	if (!arrives())
		return;
	{
		struct event *reply = add_event(REPLY, travel());

		reply->session = e->session;
		reply->token = e->token;
		reply->address = w.address;
		n = reply_encode(&r, reply->body, sizeof(reply->body));
		CHECK(n > 0);
		reply->len = (size_t)n;
	}
}

/* --- the library ---------------------------------------------------------------------------- */

static void forget_request(uint32_t token)
{
	for (size_t i = 0; i < EVENTS; i++)
		if ((w.events[i].kind == TRANSMIT || w.events[i].kind == GIVE_UP) &&
		    w.events[i].token == token && w.events[i].session == w.session)
			w.events[i].kind = NOTHING;
}

static void send_datagram(const struct event *e)
{
	struct event *there;

	if (!arrives())
		return;
	there = add_event(ARRIVE, travel());
	there->session = e->session;
	there->token = e->token;
	there->batch = e->batch;
}

static void transmit(const struct event *slot)
{
	struct event e = *slot, *next;

	if (e.session != w.session)
		return;
	if (e.round > 0) {
		rtt_on_retransmitted(&w.rtt);
		forward_on_retransmitted(&w.f, w.now);
	}
	send_datagram(&e);
	if (chance(w.double_percent))
		send_datagram(&e);
	next = add_event(e.round < RETRANSMITS ? TRANSMIT : GIVE_UP,
			 (uint64_t)e.timeout_ms << e.round);
	next->token = e.token;
	next->batch = e.batch;
	next->timeout_ms = e.timeout_ms;
	next->round = e.round + 1;
}

/* --- the shells: uplink.c and store.c ---------------------------------------------------------- */

static void on_ack(const struct msg_ack *a)
{
	struct msg_ack unsettled = { .batch = a->batch, .reply = { .has_contig = true } };
	const struct reply *r = &a->reply;
	bool lie = reply_highest(r) > rows.highest;

	CHECK(!lie);
	CHECK(handover_has(&w.h, a->batch));
	CHECK_UINT(r->refused_count, 0);
	for (uint64_t seq = records_contig(&rows) + 1;
	     r->has_contig && seq <= rows.highest; seq++) {
		if (!reply_covers(r, seq))
			continue;
		CHECK(w.has[seq]); /* the heart of it */
		CHECK_INT(ranges_add(&rows.acked, (struct seq_range){ seq, seq }), 0);
	}
	CHECK_INT(handover_on_ack(&w.h, lie ? &unsettled : a, w.now), 0);
}

/* What hub-store says when something was saved or delivered. */
static void tell_queue_state(void)
{
	struct msg_queue_state q = { .unsent = records_unsent(&rows),
				     .highest = rows.highest };
	uint8_t body[BODY_LEN];
	struct record rec;

	q.alarm = records_read(&rows, CLASS_ALARM, 0, body, sizeof(body), &rec) == 1;
	forward_on_queue_state(&w.f, &q);
}

static void hand_over(void)
{
	struct msg_batch b;
	int r;

	while ((r = handover_make(&w.h, &rows, 0, w.now, &b)) == 1)
		CHECK_INT(forward_on_batch(&w.f, &b), 0);
	CHECK_INT(r, 0);
}

static void do_forward(const struct forward_action *a)
{
	struct event e = { .kind = TRANSMIT, .session = w.session, .token = a->token };

	switch (a->what) {
	case FORWARD_NOTHING: break;
	case FORWARD_SEND:
		w.requests++;
		e.timeout_ms = rtt_timeout_ms(&w.rtt);
		supervisor_set_ack_timeout(&w.s, e.timeout_ms);
		e.timeout_ms += (uint32_t)(test_random() % (e.timeout_ms / 2));
		e.batch = *a->batch;
		rtt_on_sent(&w.rtt, a->token, w.now);
		supervisor_on_sent(&w.s, w.now);
		transmit(&e);
		break;
	case FORWARD_WANT:
		handover_on_want(&w.h, &a->want);
		hand_over();
		break;
	case FORWARD_ACK:
		if (a->good)
			supervisor_on_acknowledged(&w.s);
		on_ack(&a->ack);
		tell_queue_state();
		break;
	case FORWARD_TIME: break;
	case FORWARD_INCIDENT: CHECK(false); break; /* nobody lies or refuses here */
	case FORWARD_LEAVE:
		supervisor_on_failed(
			&w.s, a->forbidden ? SUPERVISOR_FORBIDDEN : SUPERVISOR_LOST,
			w.now);
		break;
	}
}

static void connect_line(unsigned line)
{
	struct event *e;
	bool good = w.network;

	w.handshakes++;
	w.datagrams += HANDSHAKE_DATAGRAMS;
	/* each flight is resent: it takes more than one loss in a row to fail */
	for (int flight = 0; flight < 3; flight++)
		good = good && !(chance(w.loss_percent) && chance(w.loss_percent) &&
				 chance(w.loss_percent));
	if (!good)
		return; /* the supervisor's deadline ends it */
	e = add_event(CONNECTED, 3 * (travel() + travel()));
	e->line = line;
	e->session = ++w.sessions;
}

static void end_session(void)
{
	w.session = 0;
	forward_on_session_down(&w.f);
}

static void do_supervisor(const struct supervisor_action *a)
{
	switch (a->what) {
	case SUPERVISOR_FIND: supervisor_on_found(&w.s, a->line, 1, w.now); break;
	case SUPERVISOR_CONNECT: connect_line(a->line); break;
	case SUPERVISOR_SWITCH:
		rtt_init(&w.rtt, w.now);
		forward_on_session_up(&w.f);
		w.requests_at_up = w.requests;
		break;
	case SUPERVISOR_RELEASE: end_session(); break;
	case SUPERVISOR_PROBE:
		if (w.network)
			supervisor_on_route(&w.s, (uint32_t)test_random(), w.now);
		break;
	case SUPERVISOR_NOTHING:
	case SUPERVISOR_CONFIRMED:
	case SUPERVISOR_UNCONFIRMED:
	case SUPERVISOR_TALLY: break;
	}
}

static void check_bounds(void)
{
	size_t sent = 0, held = 0;

	for (size_t i = 0; i < FORWARD_SLOTS; i++) {
		sent += w.f.slots[i].state == FORWARD_SLOT_SENT;
		held += w.f.slots[i].state != FORWARD_SLOT_FREE;
	}
	CHECK(sent <= FORWARD_SLOTS && held + w.f.granted <= FORWARD_SLOTS);
	CHECK(w.f.window >= 1 && w.f.window <= FORWARD_SLOTS);
	CHECK_UINT(w.f.granted, w.h.credits);
}

static void drain(void)
{
	struct supervisor_action sa;
	struct forward_action fa;

	hand_over();
	for (;;) {
		supervisor_on_work(&w.s, forward_has_work(&w.f, w.now),
				   forward_has_alarm(&w.f));
		if (supervisor_next(&w.s, (uint32_t)test_random(), w.now, &sa))
			do_supervisor(&sa);
		else if (forward_next(&w.f, w.now, &fa))
			do_forward(&fa);
		else
			break;
	}
	check_bounds();
}

static void reply_arrives(const struct event *e)
{
	struct forward_response r = { .token = e->token,
				      .code = COAP_CODE_CHANGED,
				      .max_age_s = COAP_MAX_AGE_DEFAULT_S,
				      .body = e->body,
				      .len = e->len };

	if (e->session != w.session || e->address != w.address)
		return;
	w.answers++;
	forget_request(e->token);
	rtt_on_answered(&w.rtt, e->token, w.now);
	(void)forward_on_response(&w.f, &r, (uint32_t)test_random(), w.now);
	supervisor_on_heard(&w.s, forward_is_owed(&w.f), w.now);
}

static void happen(struct event *slot)
{
	struct event e = *slot;

	slot->kind = NOTHING;
	switch (e.kind) {
	case NOTHING: break;
	case TRANSMIT: transmit(&e); break;
	case ARRIVE: clinic_gets(&e); break;
	case REPLY: reply_arrives(&e); break;
	case GIVE_UP:
		if (e.session == w.session) {
			w.gave_up++;
			forward_on_undelivered(&w.f, e.token, w.now);
		}
		break;
	case CONNECTED:
		w.session = w.server_session = e.session;
		supervisor_on_connected(&w.s, e.line, w.now);
		break;
	}
}

static struct event *first_event(void)
{
	struct event *first = NULL;

	for (size_t i = 0; i < EVENTS; i++)
		if (w.events[i].kind && (!first || w.events[i].at.ms < first->at.ms))
			first = &w.events[i];
	return first;
}

static struct mono earlier(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

static void run(uint64_t ms)
{
	struct mono end = mono_add(w.now, ms);

	for (drain(); w.now.ms < end.ms; drain()) {
		struct event *e = first_event();
		struct mono next =
			earlier(supervisor_deadline(&w.s), forward_deadline(&w.f, w.now));

		next = earlier(next, handover_deadline(&w.h, w.now));
		CHECK(next.ms > w.now.ms); /* nothing fires for ever */
		if (e && e->at.ms <= next.ms && e->at.ms <= end.ms) {
			w.now = earlier(end, e->at.ms > w.now.ms ? e->at : w.now);
			happen(e);
		} else {
			w.now = earlier(end, next);
		}
	}
}

static void start_coap(void)
{
	forward_init(&w.f);
	supervisor_init(&w.s);
	rtt_init(&w.rtt, w.now);
	forward_on_config(&w.f, 300);
	supervisor_on_endpoints(&w.s, 1, 0, SUPERVISOR_NOWHERE, w.now);
	forward_on_store_up(&w.f);
	tell_queue_state();
}

/* hub-coap dies, or hub-store does. */
static void restart_coap(void)
{
	w.session = 0;
	handover_on_down(&w.h);
	start_coap();
}

static void start(void)
{
	CHECK_INT(crypto_init(), 0);
	memset(&w, 0, sizeof(w));
	memset(&rows, 0, sizeof(rows));
	ranges_init(&rows.acked, rows.at, READINGS_MAX);
	for (size_t i = 0; i < sizeof(w.private); i++)
		w.private[i] = (uint8_t)(i + 1);
	w.now.ms = 1000000;
	w.network = true;
	w.delay_ms = 50;
	handover_init(&w.h, 1 + (uint32_t)(test_random() >> 40));
	handover_set_key(&w.h, w.private);
	start_coap();
}

static void add_readings(unsigned n)
{
	for (; n > 0 && rows.highest < READINGS_MAX; n--) {
		rows.highest++;
		rows.class[rows.highest] =
			w.all_alarms || (!w.no_alarms && test_random() % ALARM_EVERY == 0)
				? CLASS_ALARM
				: CLASS_ROUTINE;
	}
	tell_queue_state();
}

static bool all_there(void)
{
	return records_contig(&rows) == rows.highest;
}

/* Each reading once, and the hub knows it. */
static void check_all(void)
{
	CHECK_UINT(w.contig, rows.highest);
	CHECK_UINT(w.stored, rows.highest);
	for (uint64_t seq = 1; seq <= rows.highest; seq++)
		CHECK_UINT(w.commits[seq], 1);
	CHECK_UINT(records_unsent(&rows), 0);
}

/* Until all is there; bad: the clinic restarts each minute, the address changes. */
static void finish(uint64_t limit_ms, bool bad)
{
	struct mono end = mono_add(w.now, limit_ms);

	while (!all_there()) {
		CHECK(w.now.ms < end.ms);
		run(bad ? 20 * SECOND : SECOND);
		if (bad && chance(33))
			restart_clinic();
		if (bad)
			w.address += chance(50);
	}
	check_all();
}

/* --- cases -------------------------------------------------------------------------------- */

/* What a world did, for the record. */
static void tell(const char *what)
{
	printf("  %s: %" PRIu64 " readings, %" PRIu64 " requests, %" PRIu64
	       " datagrams, %" PRIu64 " handshakes\n",
	       what, rows.highest, w.requests, w.datagrams, w.handshakes);
}

/* Two weeks with a good network: one handshake, and no datagram without a reason. */
static void test_quiet_weeks(void)
{
	start();
	for (int hour = 0; hour < 14 * 24; hour++) {
		if (hour % 2 == 0)
			add_readings(1);
		run(HOUR);
	}
	check_all();
	tell("two quiet weeks");
	CHECK_UINT(w.handshakes, 1);
	CHECK(w.requests <= rows.highest + 14 * 24 * 12 + 4 * 14);
	/* a request that looks lost on this path is not: the estimate is above what it takes */
	CHECK(w.datagrams <= HANDSHAKE_DATAGRAMS + 2 * w.requests + w.requests / 50);
}

/* 10,000 readings over the worst path there is: 30 % lost each way, 2 s round trips, doubled and overtaken datagrams,
 * a clinic that dies each minute and at requests, another address again and again. */
static void test_ten_thousand(void)
{
	start();
	w.loss_percent = 30;
	w.delay_ms = 1000;
	w.double_percent = 10;
	w.crash_percent = 1;
	add_readings(READINGS_MAX);
	finish(60 * DAY, true);
	tell("10,000 over the worst path");
	CHECK(w.requests < 3 * READINGS_MAX);
	CHECK(w.datagrams < 10 * READINGS_MAX);
}

/* A month without an answer, then all of it; and a bounded number of attempts meanwhile: each some minutes, or each
 * minute while there is an alarm. */
static void month_offline(bool alarm)
{
	uint64_t handshakes, requests;

	start();
	run(HOUR);
	w.network = false;
	w.no_alarms = !alarm;
	w.all_alarms = alarm;
	for (int hour = 0; hour < 30 * 24; hour++) {
		add_readings(2);
		run(HOUR);
	}
	handshakes = w.handshakes;
	requests = w.requests;
	CHECK_UINT(w.stored, 0);
	w.network = true;
	finish(2 * HOUR, false);
	tell(alarm ? "30 days offline with an alarm" : "30 days offline");
	CHECK(handshakes <= 30 * 24 * (alarm ? 61 : 9));
	CHECK(w.requests - requests <= rows.highest / 3);
}

static void test_month_offline(void)
{
	month_offline(false);
	month_offline(true);
}

/* An alarm of this moment behind a backlog, while hub-coap waits: it connects soon, and the alarm is in the first exchanges. */
static void test_alarm_overtakes(void)
{
	for (int i = 0; i < 50; i++) {
		start();
		w.delay_ms = 100;
		run(MINUTE);
		w.network = false;
		w.no_alarms = true;
		add_readings(2000);
		run(HOUR);
		w.all_alarms = true;
		w.alarm = rows.highest + 1;
		add_readings(1);
		w.network = true;
		run(2 *
		    MINUTE); /* whatever wait there was: all slots were taken before it came */
		CHECK(w.alarm_requests > 0);
		finish(2 * HOUR, false);
		CHECK(w.alarm_requests <= FORWARD_SLOTS);
	}
}

static void random_world(uint64_t *requests, uint64_t *datagrams, uint64_t *handshakes)
{
	static const unsigned losses[] = { 0, 5, 30 }, delays[] = { 1, 50, 300, 1000 };
	bool bad;

	start();
	w.loss_percent = losses[test_random() % 3];
	w.delay_ms = delays[test_random() % 4];
	w.double_percent = (unsigned)(test_random() % 20);
	w.crash_percent = (unsigned)(test_random() % 3);
	bad = chance(50);
	for (uint64_t i = 5 + test_random() % 20; i > 0; i--) {
		add_readings((unsigned)(test_random() % 12));
		w.network = !chance(20);
		if (chance(10))
			restart_coap();
		if (chance(20))
			restart_clinic();
		run(test_random() % (chance(10) ? DAY : 2 * MINUTE));
	}
	w.network = true;
	finish(2 * DAY, bad);
	CHECK(w.requests <= 40 * (rows.highest + 300));
	*requests += w.requests;
	*datagrams += w.datagrams;
	*handshakes += w.handshakes;
}

static void test_random_worlds(void)
{
	const char *more = getenv("UPLINK_WORLDS");
	uint64_t readings = 0, requests = 0, datagrams = 0, handshakes = 0;
	int worlds = more ? atoi(more) : WORLDS;

	for (int i = 0; i < worlds; i++) {
		random_world(&requests, &datagrams, &handshakes);
		readings += rows.highest;
	}
	printf("  %d random worlds: %" PRIu64 " readings, %" PRIu64 " requests, %" PRIu64
	       " datagrams, %" PRIu64 " handshakes\n",
	       worlds, readings, requests, datagrams, handshakes);
}

TEST_MAIN("uplink_days", test_quiet_weeks, test_ten_thousand, test_month_offline,
	  test_alarm_overtakes, test_random_worlds)
