/*
 * test_supervisor.c - weeks of a hub's connection in virtual time: outages, attacks by silence, fleets.
 */
#include "coap/supervisor.h"
#include "tests/unit/test.h"

#define SECOND 1000ULL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

enum { ENDPOINTS = 8 };

/* A network and servers that can be switched off; the shell around the supervisor. */
struct sim {
	struct supervisor s;
	struct mono now;
	bool network;		 /* packets leave this machine */
	bool only_small;	 /* larger datagrams get lost */
	bool down[ENDPOINTS];	 /* this endpoint answers nothing */
	bool forbids[ENDPOINTS]; /* lets us in and sends us away at once */
	bool useless[ENDPOINTS]; /* lets us in and acknowledges nothing */
	size_t addresses, good;	 /* how many a name has, which of them is right */
	bool connected[SUPERVISOR_LINES];
	int active; /* the line that requests go over; -1: none */
	unsigned connects, releases, used[ENDPOINTS], used_address[4];
	size_t first_address[ENDPOINTS]; /* that was tried of this endpoint */
	unsigned switches, both, probes, small, confirmed, unconfirmed, tallied;
	uint64_t longest_wait; /* between a release and the next attempt */
	struct mono released_at;
};

static void set_reachable(struct sim *m, bool reachable)
{
	for (size_t i = 0; i < ENDPOINTS; i++)
		m->down[i] = !reachable;
}

static void sim_init(struct sim *m, size_t endpoints)
{
	*m = (struct sim){
		.now = { 1000000 }, .network = true, .addresses = 1, .active = -1
	};
	supervisor_init(&m->s);
	supervisor_on_endpoints(&m->s, endpoints, 0, SUPERVISOR_NOWHERE, m->now);
	supervisor_on_work(&m->s, true, false);
}

static const struct supervisor_line *line(const struct sim *m)
{
	return &m->s.lines[m->s.current];
}

static enum supervisor_state state(const struct sim *m)
{
	return line(m)->state;
}

static bool is_up(const struct sim *m)
{
	return m->active >= 0;
}

static void sim_connect(struct sim *m, const struct supervisor_action *a)
{
	CHECK(!m->connected[a->line]);
	CHECK(a->endpoint < m->s.endpoint_count);
	CHECK(a->address < m->addresses);
	m->connects++;
	if (m->used[a->endpoint]++ == 0)
		m->first_address[a->endpoint] = a->address;
	m->used_address[a->address]++;
	m->small += a->small;
	if (m->releases && mono_since(m->now, m->released_at) > m->longest_wait)
		m->longest_wait = mono_since(m->now, m->released_at);
	if (!m->network) {
		supervisor_on_line_failed(&m->s, a->line, SUPERVISOR_NO_ROUTE, m->now);
		return;
	}
	m->connected[a->line] = true;
	if (!m->down[a->endpoint] && a->address == m->good &&
	    (a->small || !m->only_small))
		supervisor_on_connected(&m->s, a->line, m->now);
}

static void sim_release(struct sim *m, unsigned i)
{
	m->connected[i] = false;
	if (m->active == (int)i)
		m->active = -1;
	m->releases++;
	m->released_at = m->now;
}

/* The forward machine asks for the time on each new connection, so there is an answer at once. */
static void sim_switch(struct sim *m, const struct supervisor_action *a)
{
	CHECK(m->connected[a->line]);
	m->active = (int)a->line;
	m->switches++;
	CHECK_INT(supervisor_endpoint(&m->s), a->endpoint);
	if (m->forbids[a->endpoint])
		supervisor_on_failed(&m->s, SUPERVISOR_FORBIDDEN, m->now);
	if (m->useless[a->endpoint] || m->forbids[a->endpoint])
		return;
	supervisor_on_heard(&m->s, false, m->now);
	supervisor_on_acknowledged(&m->s);
}

static void sim_do(struct sim *m, const struct supervisor_action *a)
{
	switch (a->what) {
	case SUPERVISOR_NOTHING: CHECK(false); break;
	case SUPERVISOR_FIND:
		supervisor_on_found(&m->s, a->line, m->addresses, m->now);
		break;
	case SUPERVISOR_CONNECT: sim_connect(m, a); break;
	case SUPERVISOR_SWITCH: sim_switch(m, a); break;
	case SUPERVISOR_RELEASE: sim_release(m, a->line); break;
	case SUPERVISOR_PROBE:
		m->probes++;
		if (m->network)
			supervisor_on_route(&m->s, (uint32_t)test_random(), m->now);
		break;
	case SUPERVISOR_CONFIRMED: m->confirmed++; break;
	case SUPERVISOR_UNCONFIRMED: m->unconfirmed++; break;
	case SUPERVISOR_TALLY: m->tallied += a->handshakes; break;
	}
}

static void sim_drain(struct sim *m)
{
	struct supervisor_action a;

	while (supervisor_next(&m->s, (uint32_t)test_random(), m->now, &a)) {
		sim_do(m, &a);
		m->both += m->connected[0] && m->connected[1];
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
	supervisor_on_work(&m.s, false, false);
	sim_run(&m, DAY);
	CHECK_UINT(m.connects, 0); /* nothing to send, nothing done */
	supervisor_on_work(&m.s, true, false);
	sim_run(&m, 30 * DAY);
	CHECK_UINT(m.connects,
		   1); /* a quiet connection stays: CID carries it over any NAT */
	CHECK_INT(state(&m), SUPERVISOR_UP);
}

static void test_no_endpoint_no_attempt(void)
{
	struct sim m;

	sim_init(&m, 0);
	sim_run(&m, DAY);
	CHECK_UINT(m.connects, 0);
	supervisor_on_endpoints(&m.s, 1, 0, SUPERVISOR_NOWHERE, m.now);
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

/* On a slow way the limit is 15 times the wait before a retransmission. */
static void test_liveness_slow(void)
{
	static const uint32_t timeouts[] = { 1000, 2000, 2001, 3000 };
	static const uint64_t limits[] = { 30000, 30000, 30015, 45000 };

	for (size_t i = 0; i < 4; i++) {
		struct sim m;

		sim_init(&m, 1);
		sim_run(&m, MINUTE);
		supervisor_set_ack_timeout(&m.s, timeouts[i]);
		supervisor_on_sent(&m.s, m.now);
		sim_run(&m, limits[i] - 1);
		CHECK_UINT(m.releases, 0);
		sim_run(&m, 1);
		CHECK_UINT(m.releases, 1);
	}
}

static void test_handshake_deadline(void)
{
	struct sim m;

	sim_init(&m, 1);
	set_reachable(&m, false);
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
		m.useless[0] = true; /* what brings something is tried again sooner */
		supervisor_on_work(&m.s, true,
				   true); /* an alarm: no draw for the fleet */
		m.s.cut = true;
		m.s.cut_at = mono_add(m.now, 1000 * DAY); /* and no cut either */
		for (int i = 0; i < 400; i++, nominal *= nominal < DAY ? 2 : 1) {
			uint64_t wait;

			sim_drain(&m);
			CHECK(is_up(&m));
			supervisor_on_failed(
				&m.s, forbidden ? SUPERVISOR_FORBIDDEN : SUPERVISOR_LOST,
				m.now);
			sim_drain(&m);
			CHECK(!is_up(&m));
			wait = line(&m)->deadline.ms - m.now.ms;
			CHECK(wait <= bound);
			CHECK(wait >=
			      (nominal < bound / 3 * 2 ? nominal : bound / 3 * 2) / 2);
			CHECK(wait <= nominal + nominal / 2);
			if (i > 20 && wait < seen_min)
				seen_min = wait;
			if (i > 20 && wait > seen_max)
				seen_max = wait;
			m.now = line(&m)->deadline;
		}
		CHECK(seen_min < bound / 3 + bound / 20); /* the whole range is used */
		CHECK(seen_max > bound - bound / 20);
	}
}

static void test_backoff_resets_after_stable(void)
{
	struct sim m;

	sim_init(&m, 1);
	set_reachable(&m, false);
	sim_run(&m, HOUR);
	set_reachable(&m, true);
	sim_run(&m, 40 * MINUTE);
	CHECK_INT(state(&m), SUPERVISOR_UP);
	sim_run(&m, SUPERVISOR_STABLE_MS);
	supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
	sim_drain(&m);
	CHECK(line(&m)->deadline.ms - m.now.ms <= 1500);
}

/* One that brought something and is lost early is tried again soon, however many failures there were before. */
static void test_backoff_after_progress(void)
{
	struct sim m;

	for (int acked = 0; acked < 2; acked++) {
		sim_init(&m, 1);
		m.useless[0] = !acked;
		set_reachable(&m, false);
		sim_run(&m, HOUR);
		set_reachable(&m, true);
		while (state(&m) != SUPERVISOR_UP)
			sim_run(&m, 1000);
		supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
		sim_drain(&m);
		if (acked)
			CHECK(line(&m)->deadline.ms - m.now.ms <= 12000);
		else
			CHECK(line(&m)->deadline.ms - m.now.ms > 12000);
	}
}

/* A server that answers handshakes and drops the connection at once: no storm. */
static void test_flapping_server(void)
{
	struct sim m;
	struct mono end;

	sim_init(&m, 1);
	m.useless[0] = true;
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
	set_reachable(&m, false);
	supervisor_on_sent(&m.s, m.now);
	sim_run(&m, length);
	CHECK(m.connects >= least);
	CHECK(m.connects <= most);
	CHECK(m.longest_wait <= SUPERVISOR_SPREAD_MS);
	set_reachable(&m, true);
	back = m.now;
	while (state(&m) != SUPERVISOR_UP)
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
		set_reachable(&m, false);
		while (!spread) {
			sim_run(&m, SECOND);
			spread = m.s.spread;
			CHECK(m.now.ms < 1000000 + HOUR);
		}
		bins[(line(&m)->deadline.ms - m.now.ms) * BINS /
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
		set_reachable(&m, false);
		supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
		sim_run(&m, 5 * MINUTE);
		CHECK(!m.s.spread);
		sim_run(&m, HOUR);
		CHECK(m.s.spread);
		set_reachable(&m, true);
		sim_run(&m, HOUR);
		CHECK_INT(state(&m), SUPERVISOR_UP);
		supervisor_on_heard(&m.s, false, m.now);
	}
}

/* An alarm ends a wait, once a minute at most; and is never drawn into the fleet's half hour. */
static void test_alarm(void)
{
	struct sim m;
	unsigned before;

	sim_init(&m, 1);
	set_reachable(&m, false);
	sim_run(&m, DAY);
	while (state(&m) != SUPERVISOR_BACKOFF)
		sim_run(&m, SECOND);
	before = m.connects;
	supervisor_on_work(&m.s, true, true);
	sim_drain(&m);
	CHECK_UINT(m.connects, before + 1);
	for (int i = 0; i < 3600; i++) { /* the alarm is said again with each event */
		supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
		supervisor_on_work(&m.s, true, true);
		sim_run(&m, SECOND);
	}
	CHECK(m.connects - before <= 62);
	CHECK(m.connects - before >= 58);
}

/* The same while nothing else happens at all: its own deadlines are enough, and no draw for the fleet comes between. */
static void test_alarm_in_silence(void)
{
	struct sim m;
	unsigned before;

	sim_init(&m, 1);
	set_reachable(&m, false);
	sim_run(&m, DAY);
	before = m.connects;
	supervisor_on_work(&m.s, true, true);
	sim_run(&m, HOUR);
	/* a handshake of a minute, then no wait: the cut before is a minute old */
	CHECK(m.connects - before >= 55 && m.connects - before <= 62);
	set_reachable(&m, true);
	sim_run(&m, 2 * MINUTE);
	CHECK(is_up(&m));
}

/* A connection that breaks while nothing is due counts as failed too: the next one is another's. */
static void test_lost_while_idle(void)
{
	struct sim m;

	sim_init(&m, 2);
	sim_run(&m, HOUR);
	supervisor_on_work(&m.s, false, false);
	supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
	sim_drain(&m);
	CHECK_INT(state(&m), SUPERVISOR_BACKOFF);
	sim_run(&m, MINUTE);
	CHECK_UINT(m.connects, 1);
	supervisor_on_work(&m.s, true, false);
	sim_run(&m, MINUTE);
	CHECK_INT(supervisor_endpoint(&m.s), 1);
}

static void test_next_endpoint(void)
{
	struct sim m;

	sim_init(&m, 3);
	set_reachable(&m, false);
	sim_run(&m, DAY);
	for (int i = 0; i < 3; i++)
		CHECK(m.used[i] >= m.connects / 3);
	CHECK_UINT(m.used[3], 0);
	supervisor_on_endpoints(&m.s, 2, 0, SUPERVISOR_NOWHERE,
				m.now); /* a new list starts at its head, at once */
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
	supervisor_on_work(&m.s, false, false);
	supervisor_on_failed(&m.s, SUPERVISOR_GOODBYE, m.now);
	sim_run(&m, HOUR);
	CHECK_UINT(m.connects, 1);
	CHECK_INT(state(&m), SUPERVISOR_IDLE);
	supervisor_on_work(&m.s, true, false);
	sim_drain(&m);
	CHECK_UINT(m.connects, 2);
}

/* --- the second connection ------------------------------------------------------------ */

/* The first endpoint is away: the next one serves, and an hour later the first again, without a gap. */
static void test_home(void)
{
	for (int i = 0; i < 50; i++) {
		struct sim m;
		struct mono up;

		sim_init(&m, 3);
		m.down[0] = true;
		sim_run(&m, 2 * MINUTE);
		CHECK_INT(supervisor_endpoint(&m.s), 1);
		up = line(&m)->up_at;
		m.down[0] = false;
		sim_run(&m, mono_add(up, SUPERVISOR_HOME_MS).ms - m.now.ms - 1);
		CHECK_INT(supervisor_endpoint(&m.s), 1);
		CHECK_UINT(m.both, 0);
		sim_run(&m, SUPERVISOR_HOME_JITTER_MS + 1);
		CHECK_INT(supervisor_endpoint(&m.s), 0);
		CHECK(is_up(&m));
		CHECK(m.both > 0); /* there was no moment without a connection */
		CHECK_UINT(m.switches, 2);
		CHECK_UINT(m.releases,
			   2); /* the failed attempt, then the one that stood by */
		sim_run(&m, DAY);
		CHECK_UINT(m.connects, 3);
	}
}

/* The first endpoint stays away: one attempt an hour, and the connection in use is not touched. */
static void test_home_away(void)
{
	struct sim m;

	sim_init(&m, 2);
	m.down[0] = true;
	sim_run(&m, DAY);
	CHECK_INT(supervisor_endpoint(&m.s), 1);
	CHECK_UINT(m.switches, 1);
	CHECK(m.used[0] >= 18 && m.used[0] <= 25);
	CHECK_UINT(m.used[1], 1);
}

/* It lets us in and acknowledges nothing: back after a minute, to the connection that stood by. */
static void test_home_useless(void)
{
	struct sim m;
	unsigned away = 0;

	sim_init(&m, 2);
	m.down[0] = true;
	sim_run(&m, 5 * MINUTE);
	m.down[0] = false;
	m.useless[0] = true;
	for (int i = 0; i < 24 * 60; i++) {
		sim_run(&m, MINUTE);
		CHECK(is_up(&m));
		away += supervisor_endpoint(&m.s) == 0;
	}
	CHECK_UINT(m.used[1], 1); /* the one that stood by is the same all day */
	CHECK(m.used[0] >= 18 && m.used[0] <= 26);
	CHECK(away <= 2 * m.used[0]); /* minutes */
	m.useless[0] = false;
	sim_run(&m, 2 * HOUR);
	CHECK_INT(supervisor_endpoint(&m.s), 0);
}

/* What has acknowledged nothing is no place to look further from. */
static void test_no_candidate_before_proof(void)
{
	struct sim m;

	sim_init(&m, 2);
	sim_run(&m, MINUTE); /* this line has proven itself once */
	m.down[0] = true;
	m.useless[1] = true;
	supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
	sim_run(&m, 3 * HOUR);
	CHECK_INT(supervisor_endpoint(&m.s), 1);
	CHECK_UINT(m.used[0], 1);
	supervisor_on_acknowledged(&m.s);
	sim_run(&m, 2 * HOUR);
	CHECK(m.used[0] > 1);
}

/* The connection in use dies while another one is on its way: no wait, that one is it. */
static void test_candidate_takes_over(void)
{
	struct sim m;

	sim_init(&m, 2);
	m.down[0] = true;
	sim_run(&m, 5 * MINUTE);
	while (m.s.lines[m.s.current ^ 1].state != SUPERVISOR_HANDSHAKE)
		sim_run(&m, SECOND);
	supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
	sim_drain(&m);
	CHECK_INT(state(&m), SUPERVISOR_HANDSHAKE);
	CHECK_INT(m.s.lines[m.s.current ^ 1].state, SUPERVISOR_IDLE);
	supervisor_on_connected(&m.s, m.s.current, m.now);
	sim_drain(&m);
	CHECK_INT(supervisor_endpoint(&m.s), 0);
	CHECK(is_up(&m));
}

/* The one that took over fails before it has acknowledged anything, in each way there is. */
static void test_trial_fails(void)
{
	static const enum supervisor_failure ways[] = { SUPERVISOR_LOST,
							SUPERVISOR_FORBIDDEN,
							SUPERVISOR_GOODBYE };

	for (size_t i = 0; i < 3; i++) {
		struct sim m;

		sim_init(&m, 2);
		m.down[0] = true;
		sim_run(&m, 5 * MINUTE);
		m.down[0] = false;
		m.useless[0] = true;
		while (supervisor_endpoint(&m.s) == 1) {
			sim_run(&m, SECOND);
			supervisor_on_heard(&m.s, false, m.now);
			supervisor_on_sent(&m.s,
					   m.now); /* there is always something owed */
		}
		sim_run(&m,
			SUPERVISOR_SILENCE_MS - SECOND); /* what stands by owes nothing */
		supervisor_on_sent(&m.s, m.now);
		supervisor_on_failed(&m.s, ways[i], m.now);
		sim_drain(&m);
		CHECK_INT(supervisor_endpoint(&m.s), 1);
		CHECK(is_up(&m));
		CHECK_UINT(m.used[1], 1);
		supervisor_on_sent(&m.s, m.now); /* and it is alive */
		sim_run(&m, SUPERVISOR_SILENCE_MS - 1);
		CHECK_INT(supervisor_endpoint(&m.s), 1);
		sim_run(&m, 1); /* or not */
		CHECK(!is_up(&m));
	}
}

/* --- another list of endpoints -------------------------------------------------------- */

static void test_confirm(void)
{
	struct sim m;

	sim_init(&m, 1);
	sim_run(&m, HOUR);
	CHECK_UINT(m.connects, 1);
	supervisor_on_endpoints(&m.s, 2, 1, 2,
				m.now); /* the one in use is the third now */
	sim_drain(&m);
	CHECK_INT(supervisor_endpoint(&m.s), 0);
	CHECK(m.both > 0);
	CHECK_UINT(m.confirmed, 1);
	CHECK_UINT(m.s.endpoint_count, 2);
	sim_run(&m, DAY);
	CHECK_UINT(m.connects, 2);
	CHECK_UINT(m.unconfirmed, 0);
	CHECK_UINT(m.switches, 2);
}

/* The new ones do not answer: the old one serves as if nothing had been; when they come, they are taken. */
static void test_confirm_fails(void)
{
	for (int how = 0; how < 3; how++) {
		struct sim m;
		unsigned before;

		sim_init(&m, 1);
		sim_run(&m, HOUR);
		m.down[0] = m.down[1] = how == 0;
		m.useless[0] = m.useless[1] = how == 1;
		m.forbids[0] = m.forbids[1] = how == 2;
		supervisor_on_endpoints(&m.s, 2, 1, 2, m.now);
		CHECK(supervisor_deadline(&m.s).ms <= m.s.confirm_until.ms);
		sim_run(&m, SUPERVISOR_CONFIRM_MS - 1);
		CHECK_UINT(m.unconfirmed, 0);
		CHECK(supervisor_deadline(&m.s).ms <= m.s.confirm_until.ms);
		sim_run(&m, 1);
		CHECK_UINT(m.unconfirmed, 1);
		CHECK(m.used[0] >= 3 && m.used[0] <= 12); /* one of its own, before */
		CHECK(m.used[1] >= 2 && m.used[1] <= 12);
		CHECK_UINT(m.used[2], 0); /* its connection was never given up */
		before = m.connects;
		sim_run(&m, DAY);
		CHECK(m.connects - before >= 18 && m.connects - before <= 26);
		CHECK_UINT(m.unconfirmed, 1);
		CHECK_UINT(m.used[2], 0);
		m.down[1] = m.useless[1] = m.forbids[1] = false;
		while (!m.confirmed && m.connects - before < 40)
			sim_run(&m, SECOND);
		CHECK_UINT(m.confirmed, 1);
		CHECK_INT(supervisor_endpoint(&m.s), 1);
		CHECK_UINT(m.s.endpoint_count, 2);
		m.down[0] = m.useless[0] = m.forbids[0] = false;
		sim_run(&m, 2 * HOUR); /* and from there to the first, as ever */
		CHECK_INT(supervisor_endpoint(&m.s), 0);
	}
}

/* There is no connection when the new list comes: both are tried, the old ones are the way out. */
static void test_confirm_without_connection(void)
{
	struct sim m;

	sim_init(&m, 1);
	set_reachable(&m, false);
	sim_run(&m, 5 * MINUTE);
	m.down[2] = false; /* the old one comes back, the new ones do not */
	supervisor_on_endpoints(&m.s, 2, 1, SUPERVISOR_NOWHERE, m.now);
	sim_run(&m, 5 * MINUTE);
	CHECK_INT(supervisor_endpoint(&m.s), 2);
	CHECK_UINT(m.confirmed, 0);
	m.down[0] = false;
	sim_run(&m, 15 * MINUTE);
	CHECK_UINT(m.confirmed, 1);
	CHECK_INT(supervisor_endpoint(&m.s), 0);
}

/* Another list while a second connection is on its way: that one was to an endpoint of the list before. */
static void test_list_during_candidate(void)
{
	struct sim m;

	sim_init(&m, 2);
	m.down[0] = true;
	sim_run(&m, 5 * MINUTE);
	while (m.s.lines[m.s.current ^ 1].state != SUPERVISOR_HANDSHAKE)
		sim_run(&m, SECOND);
	supervisor_on_endpoints(&m.s, 1, 0, 0, m.now); /* the one in use alone */
	sim_drain(&m);
	CHECK_INT(m.s.lines[m.s.current ^ 1].state, SUPERVISOR_IDLE);
	CHECK_INT(supervisor_endpoint(&m.s), 0);
	CHECK(is_up(&m));
}

/* One of the new endpoints is the one in use: nothing happens to its connection. */
static void test_list_with_the_one_in_use(void)
{
	struct sim m;

	sim_init(&m, 2);
	sim_run(&m, MINUTE);
	supervisor_on_endpoints(&m.s, 3, 0, 1, m.now);
	sim_run(&m, 50 * MINUTE);
	CHECK_UINT(m.connects, 1);
	CHECK_INT(supervisor_endpoint(&m.s), 1);
	sim_run(&m, 30 * MINUTE); /* then the first one of the list, as ever */
	CHECK_INT(supervisor_endpoint(&m.s), 0);
	CHECK_UINT(m.connects, 2);
}

/* --- names and the network ------------------------------------------------------------ */

/* All addresses of a name are tried, then the next endpoint; a name without any counts as failed. */
static void test_addresses(void)
{
	struct sim m;

	sim_init(&m, 2);
	m.addresses = 3;
	m.good = 2;
	sim_run(&m, 3 * MINUTE + 10 * SECOND);
	CHECK_INT(supervisor_endpoint(&m.s), 0);
	CHECK_UINT(m.used[1], 0);
	for (int i = 0; i < 3; i++)
		CHECK_UINT(m.used_address[i], 1);
	m.good = 4; /* none of them */
	supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
	sim_run(&m, 3 * HOUR);
	CHECK(!is_up(&m));
	CHECK(m.used[0] >= 4 && m.used[1] >= 4);
	CHECK(m.used[0] <= m.used[1] + 3 && m.used[1] <= m.used[0] + 3);
	CHECK_UINT(m.first_address[1], 0);
	m.addresses = 0;
	m.connects = m.releases = 0;
	sim_run(&m, 3 * HOUR);
	CHECK_UINT(m.connects, 0);
	CHECK(m.releases >= 10 && m.releases <= 30);
	m.addresses = 1; /* fewer than before, and another one is right */
	m.good = 0;
	sim_run(&m, HOUR);
	CHECK(is_up(&m));
}

/* Fewer addresses than there were at the attempt before. */
static void test_fewer_addresses(void)
{
	struct sim m;

	sim_init(&m, 1);
	m.addresses = 3;
	m.good = 1;
	sim_run(&m, SUPERVISOR_HANDSHAKE_MS - 1);
	m.addresses = 1;
	m.good = 0;
	sim_run(&m, 5 * SECOND);
	CHECK(is_up(&m));
}

/* Nobody answers what a name's addresses are. */
static void test_resolve_deadline(void)
{
	struct supervisor_action a;
	struct sim m;

	sim_init(&m, 2);
	CHECK(supervisor_next(&m.s, 0, m.now, &a));
	CHECK_INT(a.what, SUPERVISOR_FIND);
	CHECK(!supervisor_next(&m.s, 0, m.now, &a));
	m.now.ms += SUPERVISOR_RESOLVE_MS - 1;
	CHECK(!supervisor_next(&m.s, 0, m.now, &a));
	m.now.ms++;
	CHECK_UINT(supervisor_deadline(&m.s).ms, m.now.ms);
	CHECK(supervisor_next(&m.s, 0, m.now, &a));
	CHECK_INT(a.what, SUPERVISOR_RELEASE);
	supervisor_on_found(&m.s, a.line, 1, m.now); /* too late */
	CHECK_INT(state(&m), SUPERVISOR_BACKOFF);
	CHECK_UINT(m.s.next.endpoint, 1);
}

/* The cable is out for a day: it is looked for, not shouted into; then a fleet is back within ten seconds,
 * each hub at a moment of its own. */
static void test_no_route(void)
{
	enum { HUBS = 200, BINS = 5 };
	unsigned bins[BINS] = { 0 };

	for (int hub = 0; hub < HUBS; hub++) {
		struct sim m;
		uint64_t took;
		struct mono back;

		sim_init(&m, 2);
		sim_run(&m, MINUTE);
		m.network = false;
		supervisor_on_sent(&m.s, m.now);
		sim_run(&m, hub == 0 ? DAY : 20 * MINUTE);
		CHECK(m.connects < 24 * 7);
		CHECK(hub || m.probes > 20 * 60 * 24 / 2);
		sim_run(&m,
			4000); /* between two looks: the cable knows nothing of them */
		m.network = true;
		back = m.now;
		while (!is_up(&m))
			sim_run(&m, 10);
		took = mono_since(m.now, back);
		CHECK(took <= SUPERVISOR_PROBE_MS + SUPERVISOR_ROUTE_JITTER_MS + 20);
		bins[took * BINS /
		     (SUPERVISOR_PROBE_MS + SUPERVISOR_ROUTE_JITTER_MS + 21)]++;
	}
	for (int i = 0; i < BINS; i++)
		CHECK(bins[i] < HUBS / 2);
}

/* What failed for want of a cable was no server's failure: the waits begin anew, and no fleet needs to spread. */
static void test_route_then_server(void)
{
	for (int i = 0; i < 100; i++) {
		struct sim m;

		sim_init(&m, 1);
		m.network = false;
		sim_run(&m, 5 * HOUR);
		m.network = true;
		set_reachable(&m, false);
		while (state(&m) != SUPERVISOR_HANDSHAKE)
			sim_run(&m, 100);
		if (m.s.no_route)
			continue; /* its wait was over before the cable was found */
		sim_run(&m, SUPERVISOR_HANDSHAKE_MS);
		CHECK_INT(m.s.failures, 1);
		CHECK(m.s.silent_since.ms >= 5 * HOUR);
		CHECK(!m.s.spread);
	}
}

/* After a failed handshake the other size is tried; the one that went through is kept for a day. */
static void test_small(void)
{
	struct sim m;

	sim_init(&m, 1);
	m.only_small = true;
	sim_run(&m, 2 * MINUTE);
	CHECK(is_up(&m));
	CHECK_UINT(m.connects, 2);
	CHECK_UINT(m.small, 1);
	supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now); /* not in a handshake */
	sim_run(&m, MINUTE);
	CHECK(is_up(&m));
	CHECK_UINT(m.small, 2);
	m.only_small = false;
	sim_run(&m, DAY);
	supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
	sim_run(&m, MINUTE);
	CHECK(is_up(&m));
	CHECK_UINT(m.small, 2);	  /* large ones again */
	set_reachable(&m, false); /* with nobody there both sizes have their turn */
	supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
	m.connects = m.small = 0;
	sim_run(&m, DAY);
	CHECK(m.small >= m.connects / 2 && m.small <= m.connects / 2 + 1);
}

/* Each day of uptime says how many handshakes it had; none is left out or told twice. */
static void test_tally(void)
{
	struct sim m;

	sim_init(&m, 1);
	for (int day = 0; day < 10; day++) {
		sim_run(&m, 5 * HOUR);
		set_reachable(&m, false);
		supervisor_on_failed(&m.s, SUPERVISOR_LOST, m.now);
		sim_run(&m, 2 * HOUR);
		set_reachable(&m, true);
		sim_run(&m, 17 * HOUR);
		CHECK_UINT(m.tallied, m.connects);
	}
}

/* --- a fleet -------------------------------------------------------------------------- */

enum { FLEET = 10000, FLEET_OUTAGE = 60, FLEET_MINUTES = 40 };

struct fleet {
	unsigned tries[FLEET_MINUTES], ups[FLEET_MINUTES];
	unsigned alarm_worst_s; /* from the alarm to the connection */
};

/* One hub, from the end of the outage until it is connected. An alarm comes a minute after that, if at all. */
static void one_of_fleet(struct fleet *f, struct sim *m, bool alarm)
{
	for (unsigned minute = 0; minute < FLEET_MINUTES; minute++) {
		unsigned before = m->connects;

		for (unsigned second = 0; second < 60 && !is_up(m); second++) {
			if (alarm && minute >= 1)
				supervisor_on_work(&m->s, true, true);
			sim_run(m, SECOND);
			if (alarm && is_up(m) && minute >= 1 &&
			    (minute - 1) * 60 + second > f->alarm_worst_s)
				f->alarm_worst_s = (minute - 1) * 60 + second;
		}
		f->tries[minute] += m->connects - before;
		if (!is_up(m))
			continue;
		f->ups[minute]++;
		return;
	}
	CHECK(false); /* never */
}

/* Ten thousand hubs lose their server for an hour; how many attempts reach it in each minute after? */
static void test_fleet(void)
{
	static struct fleet f;
	unsigned worst = 0, last = 0;

	for (int hub = 0; hub < FLEET; hub++) {
		struct sim m;

		sim_init(&m, 1);
		sim_run(&m, test_random() % MINUTE);
		set_reachable(&m, false);
		supervisor_on_sent(&m.s,
				   m.now); /* the heartbeat after the server's end */
		sim_run(&m, FLEET_OUTAGE * MINUTE);
		set_reachable(&m, true);
		one_of_fleet(&f, &m, hub % 100 == 0);
	}
	for (unsigned minute = 0; minute < FLEET_MINUTES; minute++) {
		if (f.tries[minute] > worst)
			worst = f.tries[minute];
		if (f.ups[minute])
			last = minute + 1;
	}
	printf("  fleet: at most %u of %d attempts in one minute; all back after %u min; "
	       "an alarm after %u s at worst\n",
	       worst, FLEET, last, f.alarm_worst_s);
	CHECK(worst <= FLEET / 8);
	/* Longest wait and a handshake that had begun; nobody waits longer than the half hour. */
	CHECK(last <= SUPERVISOR_SPREAD_MS / MINUTE + 1);
	/* One that is in a handshake already is not hurried. */
	CHECK(f.alarm_worst_s <= SUPERVISOR_HANDSHAKE_MS / SECOND + 2);
}

static void random_endpoints(struct sim *m)
{
	size_t count = 1 + test_random() % 4, kept = test_random() % 5;
	int used = (int)(test_random() % (count + kept)) - (test_random() % 4 == 0);

	supervisor_on_endpoints(
		&m->s, count, kept,
		supervisor_endpoint(&m->s) < 0 ? SUPERVISOR_NOWHERE : used, m->now);
}

static void random_event(struct sim *m)
{
	unsigned line = test_random() % SUPERVISOR_LINES;
	size_t e = test_random() % ENDPOINTS;

	switch (test_random() % 14) {
	case 0:
		if (m->connected[line])
			supervisor_on_connected(&m->s, line, m->now);
		break;
	case 1: supervisor_on_line_failed(&m->s, line, SUPERVISOR_LOST, m->now); break;
	case 2: supervisor_on_failed(&m->s, SUPERVISOR_FORBIDDEN, m->now); break;
	case 3: supervisor_on_line_failed(&m->s, line, SUPERVISOR_GOODBYE, m->now); break;
	case 4: supervisor_on_sent(&m->s, m->now); break;
	case 5: supervisor_on_heard(&m->s, test_random() % 2, m->now); break;
	case 6: supervisor_on_work(&m->s, test_random() % 2, test_random() % 2); break;
	case 7:
		if (test_random() % 8 == 0)
			random_endpoints(m);
		break;
	case 8: set_reachable(m, test_random() % 2); break;
	case 9: m->network = test_random() % 4; break;
	case 10: m->down[e] = !m->down[e]; break;
	case 11: m->useless[e] = !m->useless[e]; break;
	case 12: supervisor_on_found(&m->s, line, test_random() % 3, m->now); break;
	case 13:
		supervisor_set_ack_timeout(&m->s,
					   1000 + (uint32_t)(test_random() % 2001));
		break;
	}
}

static void check_sim(const struct sim *m)
{
	for (unsigned i = 0; i < SUPERVISOR_LINES; i++) {
		const struct supervisor_line *x = &m->s.lines[i];

		CHECK(x->state != SUPERVISOR_CLOSE && !x->begin);
		CHECK(!m->connected[i] || x->state == SUPERVISOR_HANDSHAKE ||
		      x->state == SUPERVISOR_UP);
		CHECK(m->connected[i] || x->state != SUPERVISOR_UP);
		CHECK(i == m->s.current || x->state != SUPERVISOR_BACKOFF);
		CHECK(i == m->s.current || x->state == SUPERVISOR_IDLE ||
		      state(m) == SUPERVISOR_UP);
	}
	CHECK(state(m) != SUPERVISOR_IDLE || !m->s.work);
	CHECK_INT(m->active, state(m) == SUPERVISOR_UP ? (int)m->s.current : -1);
	CHECK(m->s.fresh < m->s.endpoint_count);
}

/* Any order of events: the diagram's invariants hold. */
static void test_random_events(void)
{
	for (int run = 0; run < 2000; run++) {
		struct sim m;

		sim_init(&m, 1 + test_random() % 4);
		m.addresses = test_random() % 4;
		m.good = test_random() % 4;
		for (int i = 0; i < 300; i++) {
			random_event(&m);
			sim_run(&m,
				test_random() % (test_random() % 8 ? MINUTE : 6 * HOUR));
			check_sim(&m);
		}
	}
}

TEST_MAIN("supervisor", test_connects_and_idles, test_no_endpoint_no_attempt,
	  test_liveness, test_liveness_slow, test_handshake_deadline, test_backoff,
	  test_backoff_resets_after_stable, test_backoff_after_progress,
	  test_flapping_server, test_outages, test_fleet_spreads,
	  test_each_silence_spreads, test_alarm, test_alarm_in_silence,
	  test_lost_while_idle, test_next_endpoint, test_goodbye_when_idle_waits_for_work,
	  test_home, test_home_away, test_home_useless, test_no_candidate_before_proof,
	  test_candidate_takes_over, test_trial_fails, test_confirm, test_confirm_fails,
	  test_confirm_without_connection, test_list_during_candidate,
	  test_list_with_the_one_in_use, test_addresses, test_fewer_addresses,
	  test_resolve_deadline, test_no_route, test_route_then_server, test_small,
	  test_tally, test_fleet, test_random_events)
