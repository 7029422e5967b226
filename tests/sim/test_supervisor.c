/*
 * test_supervisor.c - weeks of a hub's connection in virtual time: outages, attacks by silence, fleets.
 */
#include "coap/supervisor.h"
#include "tests/unit/test.h"

#define SECOND 1000ULL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* A network and a server that can be switched off; the shell around the supervisor. */
struct sim {
	struct supervisor s;
	struct mono now;
	bool reachable, connected;
	unsigned connects, releases, used[4];
	uint64_t longest_wait; /* between a release and the next attempt */
	struct mono released_at;
};

static void sim_init(struct sim *m, size_t endpoints)
{
	*m = (struct sim){ .now = { 1000000 }, .reachable = true };
	supervisor_init(&m->s);
	supervisor_on_endpoints(&m->s, endpoints);
	supervisor_on_work(&m->s, true, false, m->now);
}

static void sim_connect(struct sim *m, size_t endpoint)
{
	CHECK(!m->connected);
	CHECK(endpoint < 4);
	m->connects++;
	m->used[endpoint]++;
	if (m->releases && mono_since(m->now, m->released_at) > m->longest_wait)
		m->longest_wait = mono_since(m->now, m->released_at);
	m->connected = true;
	if (m->reachable)
		supervisor_on_connected(&m->s, m->now);
}

static void sim_drain(struct sim *m)
{
	struct supervisor_action a;

	while (supervisor_next(&m->s, (uint32_t)test_random(), m->now, &a)) {
		if (a.what == SUPERVISOR_CONNECT) {
			sim_connect(m, a.endpoint);
		} else {
			CHECK_INT(a.what, SUPERVISOR_RELEASE);
			CHECK(m->connected);
			m->connected = false;
			m->releases++;
			m->released_at = m->now;
		}
	}
}

/* Lets time pass, stopping at each deadline. */
static void sim_run(struct sim *m, uint64_t ms)
{
	struct mono end = mono_add(m->now, ms);

	sim_drain(m);
	for (;;) {
		struct mono d = supervisor_deadline(&m->s);

		if (d.ms > end.ms)
			break;
		CHECK(d.ms > m->now.ms); /* no deadline that fires for ever */
		m->now = d;
		sim_drain(m);
	}
	m->now = end;
	sim_drain(m);
}

static void test_connects_and_idles(void)
{
	struct sim m;

	sim_init(&m, 1);
	supervisor_on_work(&m.s, false, false, m.now);
	sim_run(&m, DAY);
	CHECK_UINT(m.connects, 0); /* nothing to send, nothing done */
	supervisor_on_work(&m.s, true, false, m.now);
	sim_run(&m, 30 * DAY);
	CHECK_UINT(m.connects,
		   1); /* a quiet connection stays: CID carries it over any NAT */
	CHECK_INT(m.s.state, SUPERVISOR_UP);
}

static void test_no_endpoint_no_attempt(void)
{
	struct sim m;

	sim_init(&m, 0);
	sim_run(&m, DAY);
	CHECK_UINT(m.connects, 0);
	supervisor_on_endpoints(&m.s, 1);
	sim_run(&m, SECOND);
	CHECK_UINT(m.connects, 1);
}

/* An answer owed and nothing heard: dead after 30 s, not earlier; anything heard counts. */
static void test_liveness(void)
{
	struct sim m;

	sim_init(&m, 1);
	sim_run(&m, MINUTE);
	supervisor_on_sent(&m.s, m.now);
	sim_run(&m, SUPERVISOR_SILENCE_MS - 1);
	CHECK_UINT(m.releases, 0);
	supervisor_on_heard(&m.s, true, m.now);
	supervisor_on_sent(&m.s, m.now); /* more requests do not move the limit */
	sim_run(&m, SUPERVISOR_SILENCE_MS / 2);
	supervisor_on_sent(&m.s, m.now);
	sim_run(&m, SUPERVISOR_SILENCE_MS / 2 - 1);
	CHECK_UINT(m.releases, 0);
	sim_run(&m, 1);
	CHECK_UINT(m.releases, 1);
	sim_run(&m, 2 * SECOND);
	CHECK_UINT(m.connects, 2); /* first wait: 0.5 s to 1.5 s */
}

static void test_handshake_deadline(void)
{
	struct sim m;

	sim_init(&m, 1);
	m.reachable = false;
	sim_run(&m, SUPERVISOR_HANDSHAKE_MS - 1);
	CHECK_UINT(m.releases, 0);
	sim_run(&m, 1);
	CHECK_UINT(m.releases, 1);
}

/* The n-th wait lies between half and one and a half of 1 s x 2^n, and never above its bound. */
static void test_backoff(void)
{
	for (int forbidden = 0; forbidden < 2; forbidden++) {
		uint64_t bound =
			forbidden ? SUPERVISOR_REFUSED_MAX_MS : SUPERVISOR_BACKOFF_MAX_MS;
		uint64_t nominal = 1000, seen_min = UINT64_MAX, seen_max = 0;
		struct sim m;

		sim_init(&m, 1);
		supervisor_on_work(&m.s, true, true,
				   m.now); /* an alarm: no draw for the fleet */
		m.s.cut = true;
		m.s.cut_at = mono_add(m.now, 1000 * DAY); /* and no cut either */
		for (int i = 0; i < 400; i++, nominal *= nominal < DAY ? 2 : 1) {
			uint64_t wait;

			sim_drain(&m);
			CHECK(m.connected);
			supervisor_on_failed(
				&m.s, forbidden ? SUPERVISOR_FORBIDDEN : SUPERVISOR_LOST,
				m.now);
			sim_drain(&m);
			CHECK(!m.connected);
			wait = supervisor_deadline(&m.s).ms - m.now.ms;
			CHECK(wait <= bound);
			CHECK(wait >=
			      (nominal < bound / 3 * 2 ? nominal : bound / 3 * 2) / 2);
			CHECK(wait <= nominal + nominal / 2);
			if (i > 20 && wait < seen_min)
				seen_min = wait;
			if (i > 20 && wait > seen_max)
				seen_max = wait;
			m.now = supervisor_deadline(&m.s);
		}
		CHECK(seen_min < bound / 3 + bound / 20); /* the whole range is used */
		CHECK(seen_max > bound - bound / 20);
	}
}

static void test_backoff_resets_after_stable(void)
{
	struct sim m;

	sim_init(&m, 1);
	m.reachable = false;
	sim_run(&m, HOUR);
	m.reachable = true;
	sim_run(&m, 40 * MINUTE);
	CHECK_INT(m.s.state, SUPERVISOR_UP);
	sim_run(&m, SUPERVISOR_STABLE_MS);
	supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
	sim_drain(&m);
	CHECK(supervisor_deadline(&m.s).ms - m.now.ms <= 1500);
}

/* A server that answers handshakes and drops the connection at once: no storm. */
static void test_flapping_server(void)
{
	struct sim m;
	struct mono end;

	sim_init(&m, 1);
	end = mono_add(m.now, DAY);
	while (m.now.ms < end.ms) {
		sim_drain(&m);
		supervisor_on_failed(&m.s, SUPERVISOR_GOODBYE, m.now);
		sim_run(&m, 100);
	}
	CHECK(m.connects < 24 * 13);
}

/* Weeks without network, then back: bounded attempts, and up again within the longest wait. */
static void outage(uint64_t length, unsigned least, unsigned most)
{
	struct sim m;
	struct mono back;

	sim_init(&m, 1);
	sim_run(&m, HOUR);
	CHECK_UINT(m.connects, 1);
	m.reachable = false;
	supervisor_on_sent(&m.s, m.now);
	sim_run(&m, length);
	CHECK(m.connects >= least);
	CHECK(m.connects <= most);
	CHECK(m.longest_wait <= SUPERVISOR_SPREAD_MS);
	m.reachable = true;
	back = m.now;
	while (m.s.state != SUPERVISOR_UP)
		sim_run(&m, SECOND);
	CHECK(mono_since(m.now, back) <=
	      SUPERVISOR_BACKOFF_MAX_MS + SUPERVISOR_HANDSHAKE_MS + 2 * SECOND);
}

static void test_outages(void)
{
	/* 60 s of handshake and 5 to 15 min of wait: about 5.5 attempts an hour */
	outage(DAY, 24 * 3, 24 * 10 + 15);
	outage(30 * DAY, 30 * 24 * 3, 30 * 24 * 10);
}

/* A fleet whose server was away for over 10 minutes does not come back in one moment. */
static void test_fleet_spreads(void)
{
	enum { HUBS = 300, BINS = 30 };
	unsigned bins[BINS] = { 0 };

	for (int hub = 0; hub < HUBS; hub++) {
		struct sim m;
		bool spread = false;

		sim_init(&m, 1);
		m.reachable = false;
		while (!spread) {
			sim_run(&m, SECOND);
			spread = m.s.spread;
			CHECK(m.now.ms < 1000000 + HOUR);
		}
		bins[(supervisor_deadline(&m.s).ms - m.now.ms) * BINS /
		     (SUPERVISOR_SPREAD_MS + 1)]++;
	}
	for (int i = 0; i < BINS; i++)
		CHECK(bins[i] < HUBS / 8); /* 10 expected in each */
}

/* Each long silence is spread anew: something heard in between ends the old one. */
static void test_each_silence_spreads(void)
{
	struct sim m;

	sim_init(&m, 1);
	for (int i = 0; i < 3; i++) {
		m.reachable = false;
		supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
		sim_run(&m, 5 * MINUTE);
		CHECK(!m.s.spread);
		sim_run(&m, HOUR);
		CHECK(m.s.spread);
		m.reachable = true;
		sim_run(&m, HOUR);
		CHECK_INT(m.s.state, SUPERVISOR_UP);
		supervisor_on_heard(&m.s, false, m.now);
	}
}

/* An alarm ends a wait, once a minute at most; and is never drawn into the fleet's half hour. */
static void test_alarm(void)
{
	struct sim m;
	unsigned before;

	sim_init(&m, 1);
	m.reachable = false;
	sim_run(&m, DAY);
	while (m.s.state != SUPERVISOR_BACKOFF)
		sim_run(&m, SECOND);
	before = m.connects;
	supervisor_on_work(&m.s, true, true, m.now);
	sim_drain(&m);
	CHECK_UINT(m.connects, before + 1);
	for (int i = 0; i < 3600; i++) { /* the alarm is said again with each event */
		supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
		supervisor_on_work(&m.s, true, true, m.now);
		sim_run(&m, SECOND);
	}
	CHECK(m.connects - before <= 62);
	CHECK(m.connects - before >= 58);
}

static void test_next_endpoint(void)
{
	struct sim m;

	sim_init(&m, 3);
	m.reachable = false;
	sim_run(&m, DAY);
	for (int i = 0; i < 3; i++)
		CHECK(m.used[i] >= m.connects / 3);
	CHECK_UINT(m.used[3], 0);
	supervisor_on_endpoints(&m.s, 2); /* a new list starts at its head, at once */
	m.connects = m.used[0] = 0;
	sim_run(&m, 0);
	CHECK_UINT(m.connects, 1);
	CHECK_UINT(m.used[0], 1);
}

static void test_goodbye_when_idle_waits_for_work(void)
{
	struct sim m;

	sim_init(&m, 1);
	sim_run(&m, HOUR);
	supervisor_on_work(&m.s, false, false, m.now);
	supervisor_on_failed(&m.s, SUPERVISOR_GOODBYE, m.now);
	sim_run(&m, HOUR);
	CHECK_UINT(m.connects, 1);
	CHECK_INT(m.s.state, SUPERVISOR_IDLE);
	supervisor_on_work(&m.s, true, false, m.now);
	sim_drain(&m);
	CHECK_UINT(m.connects, 2);
}

/* Any order of events: the diagram's invariants hold. */
static void test_random_events(void)
{
	for (int run = 0; run < 2000; run++) {
		struct sim m;

		sim_init(&m, 1 + test_random() % 4);
		for (int i = 0; i < 300; i++) {
			switch (test_random() % 9) {
			case 0: supervisor_on_connected(&m.s, m.now); break;
			case 1: supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now); break;
			case 2:
				supervisor_on_failed(&m.s, SUPERVISOR_FORBIDDEN, m.now);
				break;
			case 3:
				supervisor_on_failed(&m.s, SUPERVISOR_GOODBYE, m.now);
				break;
			case 4: supervisor_on_sent(&m.s, m.now); break;
			case 5:
				supervisor_on_heard(&m.s, test_random() % 2, m.now);
				break;
			case 6:
				supervisor_on_work(&m.s, test_random() % 2,
						   test_random() % 2, m.now);
				break;
			case 7:
				if (test_random() % 8 == 0)
					supervisor_on_endpoints(&m.s,
								1 + test_random() % 4);
				break;
			case 8: m.reachable = test_random() % 2; break;
			}
			sim_run(&m,
				test_random() % (test_random() % 8 ? MINUTE : 6 * HOUR));
			CHECK(m.s.state != SUPERVISOR_CLOSE);
			CHECK(m.connected == (m.s.state == SUPERVISOR_HANDSHAKE ||
					      m.s.state == SUPERVISOR_UP));
			CHECK(m.s.state != SUPERVISOR_IDLE || !m.s.work);
			CHECK_UINT(m.connects, m.releases + (m.connected ? 1 : 0));
		}
	}
}

TEST_MAIN("supervisor", test_connects_and_idles, test_no_endpoint_no_attempt,
	  test_liveness, test_handshake_deadline, test_backoff,
	  test_backoff_resets_after_stable, test_flapping_server, test_outages,
	  test_fleet_spreads, test_each_silence_spreads, test_alarm, test_next_endpoint,
	  test_goodbye_when_idle_waits_for_work, test_random_events)
