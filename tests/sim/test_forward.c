/*
 * test_forward.c - both machines of hub-coap between a simulated hub-store and a simulated clinic.
 *
 * Virtual time; a network that loses, doubles and delays; a library that retransmits as libcoap does; a
 * clinic that restarts, is busy, talks nonsense or lies; processes that die at any message. Checked in every
 * step: what is acknowledged is stored, windows and credits keep their bounds, bytes never change.
 */
#include "coap/code.h"
#include "coap/forward.h"
#include "coap/supervisor.h"
#include "hub/core/err.h"
#include "tests/unit/test.h"

enum { SEQ_MAX = 4000, EVENTS = 512, BATCH_MAX = 5 };

#define SECOND 1000ULL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

enum answer {
	ANSWER_GOOD = 0,
	ANSWER_BUSY, /* 5.03 */
	ANSWER_MUTE,
	ANSWER_EMPTY, /* 2.04 without body */
	ANSWER_NO_CONTIG,
	ANSWER_GARBAGE,
	ANSWER_LIE, /* contig beyond anything that exists */
	ANSWER_FORBIDDEN,
	ANSWER_MISSING, /* 4.04 */
	ANSWER_COUNT,
};

enum event_kind {
	EVENT_NONE = 0,
	EVENT_TRANSMIT,
	EVENT_ARRIVE,
	EVENT_REPLY,
	EVENT_GIVE_UP
};

struct event {
	enum event_kind kind;
	struct mono at;
	unsigned session; /* it belongs to; of another one it is lost */
	uint32_t token;
	unsigned round; /* TRANSMIT: how often before */
	struct msg_batch batch;
	struct forward_response response;
	uint8_t body[REPLY_BYTES_MAX];
};

struct sim {
	struct mono now;
	struct forward f;
	struct supervisor s;
	/* network */
	struct event events[EVENTS];
	unsigned session;	 /* of the hub, 0: none */
	unsigned server_session; /* that the clinic knows */
	unsigned sessions;
	bool network;
	unsigned loss_percent, delay_ms;
	uint32_t answered[64]; /* tokens answered lately on this session */
	size_t answered_count;
	/* hub-store */
	uint64_t highest, next;
	unsigned credits;
	uint32_t batch_id;
	bool handed[SEQ_MAX + 1], acked[SEQ_MAX + 1], parked[SEQ_MAX + 1];
	bool want_time;
	uint16_t size;
	struct msg_batch out[FORWARD_SLOTS * 4]; /* handed over and not answered */
	uint64_t alarm_every;
	/* clinic */
	bool stored[SEQ_MAX + 1];
	enum answer answer;
	uint8_t window;
	uint64_t refuse_seq; /* refuse_code for any batch with it */
	int refuse_code;
	unsigned mtu;	     /* larger datagrams are lost, 0: none are */
	unsigned accept_max; /* 4.13 for what is larger, 0: none is */
	/* counted */
	unsigned recuts;
	unsigned sends, connects, transmissions, acks, times, leaves, incidents[32],
		max_in_flight;
	uint64_t acked_count;
};

static bool chance(unsigned percent)
{
	return test_random() % 100 < percent;
}

static struct event *add_event(struct sim *m, enum event_kind kind, uint64_t in_ms)
{
	for (size_t i = 0; i < EVENTS; i++)
		if (m->events[i].kind == EVENT_NONE) {
			m->events[i] = (struct event){ .kind = kind,
						       .at = mono_add(m->now, in_ms),
						       .session = m->session };
			return &m->events[i];
		}
	CHECK(false); /* the network is full: requests are not bounded */
	abort();
}

static uint64_t travel(const struct sim *m)
{
	return m->delay_ms / 2 + test_random() % (m->delay_ms + 1);
}

/* ---- hub-store ----------------------------------------------------------------------- */

/* The bytes of a batch here: first and last seq, then a pattern that follows from the id. */
static void fill(struct msg_batch *b)
{
	for (size_t i = 0; i < b->len; i++)
		b->bytes[i] = (uint8_t)(b->id * 31 + i);
}

static void check_bytes(const struct msg_batch *b)
{
	struct msg_batch want = { .id = b->id, .len = b->len };

	fill(&want);
	CHECK_MEM(b->bytes, want.bytes, want.len);
}

static void hand_over(struct sim *m, uint64_t first, uint64_t last)
{
	struct msg_batch b = { .id = ++m->batch_id, .first = first, .last = last };

	for (uint64_t seq = first; first && seq <= last; seq++) {
		m->handed[seq] = true;
		if (m->alarm_every && seq % m->alarm_every == 0)
			b.flags |= BATCH_ALARM;
	}
	if (m->want_time)
		b.flags |= BATCH_WANT_TIME;
	m->want_time = false;
	b.len = (uint16_t)(20 + b.id * 97 % (m->size - 20u));
	/* one record alone may be larger than what is wanted */
	if (first == last && (m->mtu || m->accept_max))
		b.len = (uint16_t)(20 + b.id * 97 % (BATCH_BYTES_LEAST - 20u));
	else if (first == last && b.id % 7 == 0)
		b.len = BATCH_BYTES_MAX;
	fill(&b);
	CHECK(m->credits > 0);
	m->credits--;
	CHECK_INT(forward_on_batch(&m->f, &b), 0);
	for (size_t i = 0; i < sizeof(m->out) / sizeof(*m->out); i++)
		if (m->out[i].id == 0) {
			m->out[i] = b;
			return;
		}
	CHECK(false); /* more batches are out than credits were given */
}

static bool is_open(const struct sim *m, uint64_t seq)
{
	return seq <= m->highest && !m->handed[seq] && !m->acked[seq] && !m->parked[seq];
}

static void hand_over_all(struct sim *m)
{
	for (uint64_t seq = 1; seq <= m->highest && m->credits; seq++) {
		uint64_t last = seq, size = 1 + test_random() % BATCH_MAX;

		if (!is_open(m, seq))
			continue;
		while (last - seq + 1 < size && is_open(m, last + 1) &&
		       last + 1 != m->refuse_seq && last != m->refuse_seq)
			last++;
		hand_over(m, seq, last);
		seq = last;
	}
}

static void on_want(struct sim *m, const struct msg_want *w)
{
	m->credits += w->batches;
	CHECK(m->credits <= FORWARD_SLOTS);
	m->want_time |= w->want_time;
	CHECK(w->size >= BATCH_BYTES_LEAST && w->size <= BATCH_BYTES_FULL);
	m->size = w->size;
	hand_over_all(m);
	if (w->heartbeat && m->credits == FORWARD_SLOTS)
		hand_over(m, 0, 0);
}

static void on_ack(struct sim *m, const struct msg_ack *a)
{
	struct msg_batch *b = NULL;

	m->acks++;
	for (size_t i = 0; i < sizeof(m->out) / sizeof(*m->out); i++)
		if (m->out[i].id == a->batch)
			b = &m->out[i];
	CHECK(b); /* answered once, and only what was handed over */
	if (a->recut) {
		CHECK(b->first != b->last && b->len > m->size);
		CHECK(!a->reply.has_contig && !a->reply.refused_count);
		m->recuts++;
	}
	/* a lie is taken for nothing (hub-store knows what it gave) */
	for (uint64_t seq = 1; seq <= m->highest; seq++)
		if (reply_highest(&a->reply) <= m->highest && !m->acked[seq] &&
		    reply_covers(&a->reply, seq)) {
			CHECK(m->stored[seq]); /* the heart of it */
			m->acked[seq] = true;
			m->acked_count++;
		}
	for (size_t i = 0; i < a->reply.refused_count; i++)
		m->parked[a->reply.refused[i].seq] = true;
	for (uint64_t seq = b->first; b->first && seq <= b->last; seq++)
		m->handed[seq] =
			false; /* what was not acknowledged is handed over anew */
	b->id = 0;
}

static void restart_store(struct sim *m)
{
	forward_on_store_down(&m->f);
	memset(m->handed, 0, sizeof(m->handed));
	memset(m->out, 0, sizeof(m->out));
	m->credits = 0;
	m->want_time = false;
	m->size = BATCH_BYTES_FULL;
	forward_on_store_up(&m->f);
	forward_on_queue_state(&m->f, &(struct msg_queue_state){ .highest = m->highest });
}

static void add_reading(struct sim *m)
{
	if (m->highest == SEQ_MAX)
		return;
	m->highest++;
	forward_on_queue_state(&m->f, &(struct msg_queue_state){ .highest = m->highest });
	hand_over_all(m);
}

/* ---- clinic -------------------------------------------------------------------------- */

static void make_reply(struct sim *m, struct reply *r)
{
	*r = (struct reply){ .has_contig = true,
			     .has_time = true,
			     .utc_ms = (int64_t)m->now.ms + 7 };
	r->time_quality = CLOCK_QUALITY_NTP;
	r->window = m->window;
	while (r->contig < SEQ_MAX && m->stored[r->contig + 1])
		r->contig++;
	for (uint64_t seq = r->contig + 1; seq <= m->highest; seq++) {
		struct seq_range *last =
			r->range_count ? &r->ranges[r->range_count - 1] : NULL;

		if (!m->stored[seq])
			continue;
		if (last && last->last == seq - 1)
			last->last = seq;
		else if (r->range_count < REPLY_RANGES_MAX)
			r->ranges[r->range_count++] = (struct seq_range){ seq, seq };
	}
	if (m->answer == ANSWER_LIE)
		r->contig = m->highest + 1 + test_random() % 1000;
	if (m->answer == ANSWER_LIE || m->answer == ANSWER_NO_CONTIG)
		r->range_count = 0;
	r->has_contig = m->answer != ANSWER_NO_CONTIG;
}

static int code_of(enum answer a)
{
	switch (a) {
	case ANSWER_GOOD:
	case ANSWER_MUTE:
	case ANSWER_EMPTY:
	case ANSWER_NO_CONTIG:
	case ANSWER_GARBAGE:
	case ANSWER_LIE: return COAP_CODE_CHANGED;
	case ANSWER_BUSY: return COAP_CODE_UNAVAILABLE;
	case ANSWER_FORBIDDEN: return COAP_CODE_FORBIDDEN;
	case ANSWER_MISSING: return COAP_CODE_NOT_FOUND;
	case ANSWER_COUNT: break;
	}
	return 0;
}

static void clinic_answers(struct sim *m, const struct event *request)
{
	struct event *e;
	struct reply r;
	int n = 0;

	if (m->answer == ANSWER_MUTE)
		return;
	e = add_event(m, EVENT_REPLY, travel(m));
	e->token = request->token;
	e->response.token = request->token;
	e->response.code = code_of(m->answer);
	e->response.max_age_s = 30;
	if (m->refuse_seq && request->batch.first <= m->refuse_seq &&
	    request->batch.last >= m->refuse_seq) {
		e->response.code = m->refuse_code;
	} else if (m->accept_max && request->batch.len > m->accept_max) {
		e->response.code = COAP_CODE_TOO_LARGE;
	} else if (m->answer == ANSWER_GARBAGE) {
		n = 1 + (int)(test_random() % 40);
		for (int i = 0; i < n; i++)
			e->body[i] =
				(uint8_t)(test_random() | 0x1c); /* no item starts so */
	} else if (m->answer != ANSWER_EMPTY) {
		make_reply(m, &r);
		n = reply_encode(&r, e->body, sizeof(e->body));
		CHECK(n > 0);
	}
	e->response.len = (size_t)n;
}

static void clinic_gets(struct sim *m, const struct event *e)
{
	bool stores = (m->answer == ANSWER_GOOD || m->answer == ANSWER_MUTE ||
		       m->answer == ANSWER_EMPTY || m->answer == ANSWER_NO_CONTIG) &&
		      (!m->accept_max || e->batch.len <= m->accept_max);

	if (e->session != m->server_session)
		return; /* restarted: it knows no such session */
	for (uint64_t seq = e->batch.first; stores && seq && seq <= e->batch.last; seq++)
		if (!m->refuse_seq || e->batch.first > m->refuse_seq ||
		    e->batch.last < m->refuse_seq)
			m->stored[seq] = true;
	clinic_answers(m, e);
}

/* ---- library and network ------------------------------------------------------------- */

static bool is_answered(const struct sim *m, uint32_t token)
{
	for (size_t i = 0; i < m->answered_count && i < 64; i++)
		if (m->answered[i] == token)
			return true;
	return false;
}

/* One transmission of a CON; then the next one after 2..3 s, doubled, as RFC 7252 and libcoap do it. */
static void transmit(struct sim *m, const struct event *e)
{
	struct event *next, copy = *e;

	if (copy.session != m->session || is_answered(m, copy.token))
		return;
	m->transmissions++;
	if (copy.round)
		forward_on_retransmitted(&m->f, m->now);
	for (int twice = 0; twice < 2; twice++) {
		if (!m->network || chance(m->loss_percent) || (twice && !chance(5)) ||
		    (m->mtu && copy.batch.len > m->mtu))
			continue;
		next = add_event(m, EVENT_ARRIVE, travel(m));
		next->token = copy.token;
		next->batch = copy.batch;
	}
	next = add_event(m, copy.round < 4 ? EVENT_TRANSMIT : EVENT_GIVE_UP,
			 (2000 + test_random() % 1000) << copy.round);
	next->token = copy.token;
	next->batch = copy.batch;
	next->round = copy.round + 1;
}

static void reply_arrives(struct sim *m, struct event *e)
{
	bool matched;

	if (!m->network || chance(m->loss_percent) || e->session != m->session)
		return;
	e->response.body = e->body;
	matched =
		forward_on_response(&m->f, &e->response, (uint32_t)test_random(), m->now);
	supervisor_on_heard(&m->s, forward_is_owed(&m->f), m->now);
	for (size_t i = 0; i < EVENTS; i++)
		if (m->events[i].token == e->token &&
		    m->events[i].session == e->session &&
		    (m->events[i].kind == EVENT_TRANSMIT ||
		     m->events[i].kind == EVENT_GIVE_UP))
			m->events[i].kind = EVENT_NONE;
	if (matched)
		CHECK(!is_answered(m,
				   e->token)); /* a doubled answer has no second effect */
	m->answered[m->answered_count++ % 64] = e->token;
	if (m->answered_count > 64)
		m->answered_count = 64 + m->answered_count % 64;
}

static void happen(struct sim *m, struct event *slot)
{
	struct event e = *slot;

	slot->kind = EVENT_NONE;
	switch (e.kind) {
	case EVENT_NONE: break;
	case EVENT_TRANSMIT: transmit(m, &e); break;
	case EVENT_ARRIVE: clinic_gets(m, &e); break;
	case EVENT_REPLY: reply_arrives(m, &e); break;
	case EVENT_GIVE_UP:
		if (e.session == m->session && !is_answered(m, e.token))
			forward_on_undelivered(&m->f, e.token, m->now);
		break;
	}
}

/* ---- the shell ----------------------------------------------------------------------- */

static void do_forward(struct sim *m, const struct forward_action *a)
{
	struct event e = { .kind = EVENT_TRANSMIT,
			   .session = m->session,
			   .token = a->token };

	switch (a->what) {
	case FORWARD_NOTHING: break;
	case FORWARD_SEND:
		CHECK(m->session);
		check_bytes(a->batch);
		m->sends++;
		e.batch = *a->batch;
		supervisor_on_sent(&m->s, m->now);
		transmit(m, &e);
		break;
	case FORWARD_WANT: on_want(m, &a->want); break;
	case FORWARD_ACK: on_ack(m, &a->ack); break;
	case FORWARD_TIME:
		m->times++;
		CHECK_INT(a->time.utc.quality, CLOCK_QUALITY_CLINIC);
		CHECK(llabs(a->time.utc.ms - (int64_t)a->time.at.ms - 7) <=
		      (long long)a->time.utc.uncertainty_ms);
		break;
	case FORWARD_INCIDENT: m->incidents[a->incident]++; break;
	case FORWARD_LEAVE:
		m->leaves++;
		supervisor_on_failed(
			&m->s, a->forbidden ? SUPERVISOR_FORBIDDEN : SUPERVISOR_LOST,
			m->now);
		break;
	}
}

static void do_supervisor(struct sim *m, const struct supervisor_action *a)
{
	if (a->what == SUPERVISOR_RELEASE) {
		m->session = 0;
		forward_on_session_down(&m->f);
	}
	if (a->what == SUPERVISOR_FIND)
		supervisor_on_found(&m->s, a->line, 1, m->now);
	if (a->what != SUPERVISOR_CONNECT)
		return;
	m->connects++;
	if (!m->network || chance(m->loss_percent / 2))
		return; /* the handshake's deadline ends it */
	m->session = m->server_session = ++m->sessions;
	m->answered_count = 0;
	supervisor_on_connected(&m->s, a->line, m->now);
	forward_on_session_up(&m->f);
}

static void check_bounds(struct sim *m)
{
	unsigned sent = 0, held = 0;

	for (size_t i = 0; i < FORWARD_SLOTS; i++) {
		sent += m->f.slots[i].state == FORWARD_SLOT_SENT;
		held += m->f.slots[i].state != FORWARD_SLOT_FREE;
	}
	CHECK(m->f.window >= 1 && m->f.window <= FORWARD_SLOTS);
	CHECK(sent == 0 || m->session);
	CHECK(held + m->f.granted <= FORWARD_SLOTS);
	CHECK_UINT(m->f.granted, m->credits);
	if (sent > m->max_in_flight)
		m->max_in_flight = sent;
}

static void drain(struct sim *m)
{
	struct supervisor_action sa;
	struct forward_action fa;

	for (;;) {
		supervisor_on_work(&m->s, forward_has_work(&m->f, m->now),
				   forward_has_alarm(&m->f));
		if (supervisor_next(&m->s, (uint32_t)test_random(), m->now, &sa))
			do_supervisor(m, &sa);
		else if (forward_next(&m->f, m->now, &fa))
			do_forward(m, &fa);
		else
			break;
	}
	check_bounds(m);
}

static void sim_run(struct sim *m, uint64_t ms)
{
	struct mono end = mono_add(m->now, ms);

	drain(m);
	for (;;) {
		struct mono d = supervisor_deadline(&m->s),
			    fd = forward_deadline(&m->f, m->now);
		struct event *first = NULL;

		for (size_t i = 0; i < EVENTS; i++)
			if (m->events[i].kind &&
			    (!first || m->events[i].at.ms < first->at.ms))
				first = &m->events[i];
		if (fd.ms < d.ms)
			d = fd;
		CHECK(d.ms > m->now.ms); /* no deadline that fires for ever */
		if (first && first->at.ms <= d.ms)
			d = first->at;
		else
			first = NULL;
		if (d.ms > end.ms)
			break;
		m->now = d;
		if (first)
			happen(m, first);
		drain(m);
	}
	m->now = end;
	drain(m);
}

static struct sim *sim_new(void)
{
	struct sim *m = calloc(1, sizeof(*m));

	CHECK(m);
	m->now.ms = 1000000;
	m->network = true;
	m->delay_ms = 50;
	m->size = BATCH_BYTES_FULL;
	forward_init(&m->f);
	supervisor_init(&m->s);
	forward_on_config(&m->f, 300);
	supervisor_on_endpoints(&m->s, 1, 0, SUPERVISOR_NOWHERE, m->now);
	forward_on_store_up(&m->f);
	forward_on_queue_state(&m->f, &(struct msg_queue_state){ 0 });
	return m;
}

static bool all_acked(const struct sim *m)
{
	for (uint64_t seq = 1; seq <= m->highest; seq++)
		if (!m->acked[seq] && !m->parked[seq])
			return false;
	return true;
}

static void run_until_acked(struct sim *m, uint64_t limit_ms)
{
	struct mono end = mono_add(m->now, limit_ms);

	while (!all_acked(m)) {
		CHECK(m->now.ms < end.ms);
		sim_run(m, SECOND);
	}
}

/* ---- tests --------------------------------------------------------------------------- */

static void test_steady_state(void)
{
	struct sim *m = sim_new();

	for (int i = 0; i < 48; i++) {
		add_reading(m);
		sim_run(m, 30 * MINUTE);
	}
	CHECK(all_acked(m));
	CHECK_UINT(m->connects, 1);
	CHECK(m->sends >= 48 + 24 * 9); /* readings and heartbeats, no more */
	CHECK(m->sends <= 48 + 24 * 12 + 6);
	CHECK(m->times >= 1);
	CHECK_UINT(m->leaves, 0);
	free(m);
}

/* A report is a heartbeat before its time, once; what is to be told of goes with it. */
static void test_report(void)
{
	struct sim *m = sim_new();
	unsigned sends;

	add_reading(m);
	sim_run(m, 40 * MINUTE);
	sim_run(m, 1000);
	while (mono_since(m->now, m->f.sent_at) > MINUTE) /* a heartbeat has just been */
		sim_run(m, 1000);
	sends = m->sends;
	forward_report_at(&m->f, mono_add(m->now, 3000));
	CHECK(forward_deadline(&m->f, m->now).ms <= m->now.ms + 3000);
	sim_run(m, 2900);
	CHECK_UINT(m->sends, sends);
	sim_run(m, 5000);
	CHECK_UINT(m->sends, sends + 1);
	sim_run(m, MINUTE);
	CHECK_UINT(m->sends, sends + 1);
	/* while there is no network: when there is one again */
	m->network = false;
	forward_report_at(&m->f, m->now);
	sim_run(m, 2 * MINUTE);
	m->network = true;
	sim_run(m, 60 * MINUTE);
	CHECK(!m->f.report);
	CHECK(m->sends <= sends + 40);
	free(m);
}

static void outage(unsigned days, unsigned most_connects)
{
	struct sim *m = sim_new();
	unsigned before;

	sim_run(m, HOUR);
	m->network = false;
	before = m->sends;
	for (unsigned i = 0; i < days * 48; i++) {
		add_reading(m);
		sim_run(m, 30 * MINUTE);
	}
	CHECK_UINT(m->acked_count, 0);
	CHECK(m->sends - before <= 8); /* the window of the session that was up */
	CHECK(m->connects <= most_connects);
	m->network = true;
	run_until_acked(m, HOUR);
	for (uint64_t seq = 1; seq <= m->highest; seq++)
		CHECK(m->stored[seq] && m->acked[seq]);
	CHECK(m->max_in_flight <= FORWARD_SLOTS);
	free(m);
}

static void test_outages(void)
{
	outage(1, 24 * 10 + 15);
	outage(30, 30 * 24 * 10);
}

/* 30 % loss, 2 s round trips, restarts of everything: still each reading, and a bounded number of sends. */
static void test_bad_network(void)
{
	struct sim *m = sim_new();

	m->loss_percent = 30;
	m->delay_ms = 1000;
	for (int i = 0; i < 300; i++) {
		add_reading(m);
		sim_run(m, MINUTE);
	}
	run_until_acked(m, 2 * HOUR);
	CHECK(m->sends < 2000);
	free(m);
}

/* The window opens on a clean path up to its bound and no further, and the server's limit holds. */
static void test_window(void)
{
	for (int limited = 0; limited < 2; limited++) {
		struct sim *m = sim_new();

		m->window = limited ? 3 : 0;
		for (int i = 0; i < 2000; i++)
			m->highest++;
		forward_on_queue_state(
			&m->f, &(struct msg_queue_state){ .highest = m->highest });
		run_until_acked(m, HOUR);
		CHECK_UINT(m->max_in_flight, limited ? 3 : FORWARD_SLOTS);
		free(m);
	}
}

/* One more for as many clean exchanges as the window is wide, half of it for a loss. */
static void test_grows_and_halves(void)
{
	struct sim *m = sim_new();
	unsigned before, exchanges = 0;

	m->highest = 2000;
	forward_on_queue_state(&m->f, &(struct msg_queue_state){ .highest = m->highest });
	for (unsigned w = FORWARD_WINDOW_START; w < FORWARD_SLOTS; w++) {
		while (m->f.window == w)
			sim_run(m, 1);
		exchanges += w;
		/* those of the same millisecond count for the next one */
		CHECK(m->acks >= exchanges && m->acks - exchanges < w);
	}
	forward_on_retransmitted(&m->f, m->now);
	CHECK_UINT(m->f.window, 4);
	forward_on_retransmitted(&m->f, m->now); /* of the same loss */
	CHECK_UINT(m->f.window, 4);
	before = m->f.window;
	m->now.ms += FORWARD_HALVE_MS;
	forward_on_retransmitted(&m->f, m->now);
	CHECK_UINT(m->f.window, before / 2);
	free(m);
}

/* Each kind of useless server for a day: bounded requests, nothing acknowledged; then all arrives. */
static void test_useless_servers(void)
{
	for (int a = ANSWER_BUSY; a < ANSWER_COUNT; a++) {
		struct sim *m = sim_new();

		m->answer = (enum answer)a;
		for (int i = 0; i < 48; i++) {
			add_reading(m);
			sim_run(m, 30 * MINUTE);
		}
		CHECK_UINT(m->acked_count, 0);
		CHECK(m->sends < 24 * 130); /* busy: one each 30 s and more */
		CHECK(m->connects < 24 * 12);
		/* Busy and mute are for the pause and the silence; all others: somewhere else. */
		CHECK(a == ANSWER_BUSY || a == ANSWER_MUTE || m->leaves > 10);
		if (a == ANSWER_LIE)
			CHECK(m->incidents[INCIDENT_ROLLBACK] > 0);
		m->answer = ANSWER_GOOD;
		run_until_acked(m, 2 * HOUR);
		free(m);
	}
}

/* One record that the clinic refuses: parked and reported, all the others pass. */
static void test_refused_record(void)
{
	static const int codes[] = { COAP_CODE_BAD_REQUEST, COAP_CODE_BAD_OPTION,
				     COAP_CODE_TOO_LARGE };

	for (size_t c = 0; c < sizeof(codes) / sizeof(*codes); c++) {
		struct sim *m = sim_new();

		m->refuse_seq = 7;
		m->refuse_code = codes[c];
		for (int i = 0; i < 50; i++)
			add_reading(m);
		run_until_acked(m, HOUR);
		CHECK(m->parked[7]);
		CHECK(!m->acked[7] && !m->stored[7]);
		CHECK_UINT(m->acked_count, 49);
		CHECK_UINT(m->incidents[INCIDENT_REFUSED], 1);
		CHECK_UINT(m->f.size, BATCH_BYTES_FULL); /* it could not be cut */
		free(m);
	}
}

/* A server that takes small batches only: they are made smaller, nothing is parked. */
static void test_too_large(void)
{
	struct sim *m = sim_new();

	m->accept_max = 300;
	for (int i = 0; i < 500; i++)
		add_reading(m);
	run_until_acked(m, HOUR);
	CHECK(m->recuts > 0);
	CHECK(m->recuts <= FORWARD_SLOTS * 2);
	CHECK_UINT(m->f.size, BATCH_BYTES_LEAST);
	CHECK_UINT(m->acked_count, 500);
	CHECK_UINT(m->incidents[INCIDENT_REFUSED], 0);
	CHECK_UINT(m->leaves, 0);
	free(m);
}

/* A path that loses large datagrams and says nothing: smaller ones after two losses, large ones again after a day. */
static void test_small_path(void)
{
	static const struct {
		unsigned mtu;
		uint16_t size;
	} paths[] = { { 540, 512 }, { 300, 256 } };

	for (size_t i = 0; i < 2; i++) {
		struct sim *m = sim_new();

		m->mtu = paths[i].mtu;
		for (int k = 0; k < 400; k++)
			add_reading(m);
		run_until_acked(m, HOUR);
		CHECK_UINT(m->f.size, paths[i].size);
		CHECK(m->connects <= 8);
		m->mtu = 0;
		sim_run(m, DAY - HOUR);
		CHECK_UINT(m->f.size, paths[i].size);
		sim_run(m, 2 * HOUR);
		CHECK_UINT(m->f.size, BATCH_BYTES_FULL);
		for (int k = 0; k < 400; k++)
			add_reading(m);
		run_until_acked(m, HOUR);
		CHECK_UINT(m->f.size, BATCH_BYTES_FULL);
		free(m);
	}
}

/* After an idle hour one request goes alone, and the window starts anew. */
static void test_idle_hour(void)
{
	struct sim *m = sim_new();

	forward_on_config(&m->f, 3 * 3600);
	for (int i = 0; i < 400; i++)
		add_reading(m);
	run_until_acked(m, HOUR);
	CHECK(m->f.window > FORWARD_WINDOW_START);
	sim_run(m, HOUR);
	m->max_in_flight = 0;
	for (int i = 0; i < 40; i++)
		m->highest++;
	forward_on_queue_state(&m->f, &(struct msg_queue_state){ .highest = m->highest });
	hand_over_all(m);
	drain(m);
	CHECK_UINT(m->max_in_flight, 1);
	CHECK_UINT(m->f.window, FORWARD_WINDOW_START);
	run_until_acked(m, HOUR);
	CHECK(m->max_in_flight >= FORWARD_WINDOW_START);
	free(m);
}

/* The clinic asks for what it has lost: its wish reaches hub-store, and the window is one. */
static void test_resync(void)
{
	struct reply r = { .has_contig = true, .contig = 1, .resync_from = 2 };
	uint8_t body[REPLY_BYTES_MAX];
	struct forward_response re = { .code = COAP_CODE_CHANGED, .body = body };
	struct sim *m = sim_new();
	struct forward_action a;
	bool seen = false;

	m->highest = 300;
	forward_on_queue_state(&m->f, &(struct msg_queue_state){ .highest = m->highest });
	while (m->f.window < 4)
		sim_run(m, 100);
	for (size_t i = 0; i < FORWARD_SLOTS; i++)
		if (m->f.slots[i].state == FORWARD_SLOT_SENT)
			re.token = m->f.slots[i].token;
	re.len = (size_t)reply_encode(&r, body, sizeof(body));
	CHECK(forward_on_response(&m->f, &re, 0, m->now));
	CHECK_UINT(m->f.window, 1);
	while (forward_next(&m->f, m->now, &a))
		seen |= a.what == FORWARD_ACK && a.ack.reply.resync_from == 2;
	CHECK(seen);
	free(m);
}

/* An alarm that is held goes before everything that is held. */
static void test_alarm_first(void)
{
	struct forward f;
	struct forward_action a;
	struct mono now = { 5000 };
	uint32_t sent[FORWARD_SLOTS];
	size_t n = 0;

	forward_init(&f);
	forward_on_store_up(&f);
	CHECK(forward_next(&f, now, &a));
	CHECK_INT(a.what, FORWARD_WANT);
	CHECK_UINT(a.want.batches, FORWARD_SLOTS);
	for (uint32_t id = 1; id <= FORWARD_SLOTS; id++) {
		struct msg_batch b = { .id = id, .first = id, .last = id, .len = 1 };

		b.flags = id == 6 || id == 8 ? BATCH_ALARM : 0;
		CHECK_INT(forward_on_batch(&f, &b), 0);
	}
	CHECK_INT(forward_on_batch(&f, &(struct msg_batch){ .id = 9 }), -ENOSPC);
	for (size_t i = 0; i < FORWARD_SLOTS; i++) /* only routine ones, for a moment */
		f.slots[i].batch.flags = 0;
	CHECK(!forward_has_alarm(&f));
	forward_on_queue_state(&f,
			       &(struct msg_queue_state){ .highest = 9, .alarm = true });
	CHECK(forward_has_alarm(&f)); /* it has no slot, but is known */
	forward_on_queue_state(&f, &(struct msg_queue_state){ .highest = 9 });
	CHECK(!forward_has_alarm(&f));
	f.slots[5].batch.flags = f.slots[7].batch.flags = BATCH_ALARM;
	forward_on_session_up(&f);
	f.window = FORWARD_SLOTS;
	while (forward_next(&f, now, &a))
		if (a.what == FORWARD_SEND)
			sent[n++] = a.batch->id;
	CHECK_UINT(n, FORWARD_SLOTS);
	CHECK_MEM(sent, ((uint32_t[]){ 6, 8, 1, 2, 3, 4, 5, 7 }), sizeof(sent));
}

/* Max-Age is bounded on both sides, and the jitter is 20 % at most. */
static void test_wait_bounds(void)
{
	static const struct {
		uint32_t max_age_s;
		uint64_t least_ms;
	} cases[] = { { 0, 1000 },	 { 1, 1000 },	    { 60, 60000 },
		      { 3600, 3600000 }, { 3601, 3600000 }, { UINT32_MAX, 3600000 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct forward_response r = { .token = FORWARD_TOKEN_FIRST,
					      .code = COAP_CODE_UNAVAILABLE };
		struct mono now = { 5000 };
		struct forward_action a;
		struct forward f;

		forward_init(&f);
		forward_on_store_up(&f);
		CHECK(forward_next(&f, now, &a));
		CHECK_INT(forward_on_batch(
				  &f,
				  &(struct msg_batch){ .id = 1, .first = 1, .last = 1 }),
			  0);
		forward_on_session_up(&f);
		while (forward_next(&f, now, &a))
			;
		r.max_age_s = cases[i].max_age_s;
		CHECK(forward_on_response(&f, &r, (uint32_t)test_random(), now));
		CHECK_UINT(f.window, 1);
		CHECK(f.pause_until.ms - now.ms >= cases[i].least_ms);
		CHECK(f.pause_until.ms - now.ms <= cases[i].least_ms * 6 / 5);
		while (forward_next(&f, (struct mono){ f.pause_until.ms - 1 }, &a))
			CHECK(a.what != FORWARD_SEND);
		CHECK(forward_deadline(&f, now).ms == f.pause_until.ms);
		CHECK(forward_next(&f, f.pause_until, &a));
		CHECK_INT(a.what, FORWARD_SEND);
	}
}

/* Answers to nothing: other tokens, other sessions, twice. */
static void test_stray_answers(void)
{
	uint8_t body[REPLY_BYTES_MAX];
	struct reply good = { .has_contig = true, .contig = 1 };
	struct forward_response r = { .code = COAP_CODE_CHANGED, .body = body };
	struct mono now = { 5000 };
	struct forward_action a;
	struct forward f;

	forward_init(&f);
	forward_on_store_up(&f);
	while (forward_next(&f, now, &a))
		;
	r.len = (size_t)reply_encode(&good, body, sizeof(body));
	CHECK_INT(forward_on_batch(&f,
				   &(struct msg_batch){ .id = 5, .first = 1, .last = 1 }),
		  0);
	for (r.token = 0; r.token < 50; r.token++)
		CHECK(!forward_on_response(&f, &r, 0, now)); /* no session */
	forward_on_session_up(&f);
	while (forward_next(&f, now, &a) && a.what != FORWARD_SEND)
		;
	CHECK_INT(a.what, FORWARD_SEND);
	r.token = a.token + 1;
	CHECK(!forward_on_response(&f, &r, 0, now));
	r.token = a.token;
	forward_on_session_down(&f);
	CHECK(!forward_on_response(&f, &r, 0, now));
	forward_on_session_up(&f);
	while (forward_next(&f, now, &a) && a.what != FORWARD_SEND)
		;
	CHECK(r.token != a.token); /* never the same on two sessions */
	CHECK(!forward_on_response(&f, &r, 0, now));
	r.token = a.token;
	CHECK(forward_on_response(&f, &r, 0, now));
	CHECK(!forward_on_response(&f, &r, 0, now));
	CHECK(forward_next(&f, now, &a));
	CHECK_INT(a.what, FORWARD_ACK);
	CHECK_UINT(a.ack.batch, 5);
}

/* An empty acknowledgement and then nothing: sent again all the same. */
static void test_acknowledged_never_answered(void)
{
	struct mono now = { 5000 };
	struct forward_action a;
	struct forward f;
	uint32_t token;

	forward_init(&f);
	forward_on_store_up(&f);
	while (forward_next(&f, now, &a))
		;
	CHECK_INT(forward_on_batch(&f,
				   &(struct msg_batch){ .id = 5, .first = 1, .last = 1 }),
		  0);
	forward_on_session_up(&f);
	while (forward_next(&f, now, &a) && a.what != FORWARD_SEND)
		;
	token = a.token;
	CHECK(!forward_next(&f, now, &a));
	now = forward_deadline(&f, now);
	CHECK_UINT(now.ms, 5000 + FORWARD_REPLY_MS);
	CHECK(!forward_next(&f, now, &a)); /* after a pause */
	now = forward_deadline(&f, now);
	CHECK(forward_next(&f, now, &a));
	CHECK_INT(a.what, FORWARD_SEND);
	CHECK(a.token != token);
}

/* Only the answer to a first transmission tells the time. */
static void test_time_needs_clean_exchange(void)
{
	for (int clean = 0; clean < 2; clean++) {
		struct reply good = { .has_contig = true,
				      .has_time = true,
				      .utc_ms = 1000000 };
		uint8_t body[REPLY_BYTES_MAX];
		struct forward_response r = { .code = COAP_CODE_CHANGED, .body = body };
		struct mono now = { 5000 };
		struct forward_action a;
		struct forward f;
		bool told = false;

		good.time_quality = CLOCK_QUALITY_UNSYNC;
		r.len = (size_t)reply_encode(&good, body, sizeof(body));
		forward_init(&f);
		forward_on_store_up(&f);
		forward_on_session_up(&f);
		CHECK(forward_next(&f, now, &a));
		CHECK(a.what == FORWARD_WANT && a.want.want_time && a.want.heartbeat);
		CHECK_INT(forward_on_batch(
				  &f, &(struct msg_batch){ .id = 5,
							   .flags = BATCH_WANT_TIME }),
			  0);
		while (forward_next(&f, now, &a) && a.what != FORWARD_SEND)
			;
		r.token = a.token;
		if (!clean)
			forward_on_retransmitted(&f, now);
		now.ms += 200;
		CHECK(forward_on_response(&f, &r, 0, now));
		while (forward_next(&f, now, &a)) {
			if (a.what == FORWARD_TIME) {
				told = true;
				CHECK_UINT(a.time.at.ms, 5100);
				CHECK_INT(a.time.utc.ms, 1000000);
				CHECK_UINT(a.time.utc.uncertainty_ms, 101);
			}
			if (a.what ==
			    FORWARD_WANT) /* asked again, but no storm of heartbeats */
				CHECK(!a.want.heartbeat && a.want.want_time == !clean);
		}
		CHECK_INT(told, clean);
	}
}

/* Everything at once, in random order, with reboots at any message: nothing lost, nothing made up. */
static void test_random_worlds(void)
{
	for (int run = 0; run < 60; run++) {
		struct sim *m = sim_new();

		m->loss_percent = (unsigned)(test_random() % 40);
		m->delay_ms = (unsigned)(1 + test_random() % 3000);
		m->window = (uint8_t)(test_random() % 10);
		m->alarm_every = test_random() % 20;
		for (int i = 0; i < 150; i++) {
			switch (test_random() % 12) {
			case 0: m->network = !m->network; break;
			case 1:
				m->answer = (enum answer)(test_random() % ANSWER_COUNT);
				break;
			case 2:
			case 3: m->answer = ANSWER_GOOD; break;
			case 4: m->server_session = 0; break; /* the clinic restarts */
			case 5: restart_store(m); break;
			case 6: /* hub-coap restarts */
				forward_init(&m->f);
				supervisor_init(&m->s);
				forward_on_config(&m->f, 300);
				supervisor_on_endpoints(&m->s, 2, 0, SUPERVISOR_NOWHERE,
							m->now);
				m->session = 0;
				restart_store(m);
				break;
			default: add_reading(m);
			}
			sim_run(m, test_random() % (chance(20) ? HOUR : 20 * SECOND));
		}
		m->network = true;
		m->answer = ANSWER_GOOD;
		m->loss_percent = m->loss_percent / 2;
		run_until_acked(m, 6 * HOUR);
		CHECK_UINT(m->acked_count, m->highest);
		CHECK(m->max_in_flight <= FORWARD_SLOTS);
		free(m);
	}
}

TEST_MAIN("forward", test_steady_state, test_report, test_outages, test_bad_network,
	  test_window, test_grows_and_halves, test_useless_servers, test_refused_record,
	  test_too_large, test_small_path, test_idle_hour, test_resync, test_alarm_first,
	  test_wait_bounds, test_stray_answers, test_acknowledged_never_answered,
	  test_time_needs_clean_exchange, test_random_worlds)
