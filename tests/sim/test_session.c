/*
 * test_session.c - the session machine in virtual time: the steps, each timer, and months of random connections.
 */
#include "tests/unit/test.h"

#include "ble/session.h"

static struct mono at(uint64_t ms)
{
	return (struct mono){ ms };
}

static struct session fresh(void)
{
	struct session s;

	session_init(&s);
	session_on_store(&s, true, at(0));
	return s;
}

static struct session linked(void)
{
	struct session s = fresh();

	session_on_linked(&s, at(1000));
	CHECK_INT(s.state, SESSION_LINKED);
	return s;
}

static const struct session_plan everything = {
	.steps = (1u << STEP_COUNT) - 1,
	.idle_ms = SESSION_IDLE_MS,
};
static const struct session_plan nothing = { .idle_ms = SESSION_IDLE_MS };
static const struct session_plan clock_only = {
	.steps = 1u << STEP_CLOCK_READ | 1u << STEP_SETTLE | 1u << STEP_CLOCK_SET |
		 1u << STEP_CLOCK_CHECK,
	.idle_ms = SESSION_IDLE_MS,
};

/* The machine wants this step, once; then it is answered. */
static void expect_step(struct session *s, enum session_step step, uint64_t now)
{
	CHECK_INT(session_next(s, at(now)), SESSION_BEGIN_STEP);
	CHECK_INT(session_step(s), step);
	CHECK_INT(session_next(s, at(now)), SESSION_NOTHING);
}

static void test_whole(void)
{
	struct session s = linked();

	CHECK(!session_clock_settled(&s));
	CHECK_INT(session_next(&s, at(1000)), SESSION_NOTHING);
	session_on_ready(&s, &everything, at(1100));
	expect_step(&s, STEP_CONSENT, 1100);
	session_on_step(&s, STEP_CONSENT, at(1105));
	expect_step(&s, STEP_PREPARE, 1105);
	session_on_step(&s, STEP_CLOCK_READ, at(1110)); /* not the one under way */
	CHECK_INT(session_step(&s), STEP_PREPARE);
	session_on_step(&s, STEP_PREPARE, at(1120));
	expect_step(&s, STEP_CLOCK_READ, 1120);
	CHECK(!session_clock_settled(&s));
	session_on_step(&s, STEP_CLOCK_READ, at(1250));
	CHECK(session_clock_settled(&s));
	expect_step(&s, STEP_HISTORY, 1250);
	session_on_value(&s, at(1400));
	session_on_step(&s, STEP_HISTORY, at(1440));
	expect_step(&s, STEP_LIVE, 1440);
	session_on_step(&s, STEP_LIVE, at(1450));
	session_on_value(&s, at(1460)); /* values that come by themselves */
	CHECK_UINT(session_deadline(&s).ms, 1460 + SESSION_QUIET_MS);
	CHECK_INT(session_next(&s, at(1460 + SESSION_QUIET_MS - 1)), SESSION_NOTHING);
	expect_step(&s, STEP_CLOCK_SET, 1460 + SESSION_QUIET_MS);
	session_on_step(&s, STEP_CLOCK_SET, at(2600));
	expect_step(&s, STEP_CLOCK_CHECK, 2600);
	session_on_step(&s, STEP_CLOCK_CHECK, at(2650));
	expect_step(&s, STEP_INFO, 2650);
	session_on_step(&s, STEP_INFO, at(2700));
	CHECK_INT(s.state, SESSION_LISTEN);
	CHECK_INT(session_next(&s, at(62699)), SESSION_NOTHING);
	CHECK_INT(session_next(&s, at(62700)),
		  SESSION_NOTHING); /* two values are not durable */
	session_on_durable(&s, at(62800));
	session_on_durable(&s, at(62800));
	CHECK_INT(session_next(&s, at(62700 + SESSION_IDLE_AGAIN_MS - 1)),
		  SESSION_NOTHING);
	CHECK_INT(session_next(&s, at(62700 + SESSION_IDLE_AGAIN_MS)),
		  SESSION_DISCONNECT);
	CHECK_INT(session_next(&s, at(63701)), SESSION_NOTHING);
	CHECK_INT(session_next(&s, at(73700)),
		  SESSION_DISCONNECT); /* bluetoothd forgot? again */
	session_on_gone(&s, at(73800));
	CHECK_INT(s.state, SESSION_ABSENT);
	CHECK_UINT(session_deadline(&s).ms, UINT64_MAX);
}

static void test_clock_first(void)
{
	static const enum session_step order[] = { STEP_CONSENT,     STEP_PREPARE,
						   STEP_CLOCK_READ,  STEP_CLOCK_SET,
						   STEP_CLOCK_CHECK, STEP_HISTORY,
						   STEP_LIVE,	     STEP_INFO };
	struct session_plan plan = everything;
	struct session s = linked();

	plan.clock_first = true;
	session_on_ready(&s, &plan, at(1100));
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		expect_step(&s, order[i], 1100 + SESSION_QUIET_MS + i);
		session_on_step(&s, order[i], at(1100 + SESSION_QUIET_MS + i));
	}
	CHECK_INT(s.state, SESSION_LISTEN);
}

static void test_no_steps(void)
{
	struct session s = linked();

	session_on_ready(&s, &nothing, at(1100));
	CHECK_INT(s.state, SESSION_LISTEN);
	CHECK(session_clock_settled(&s));
	CHECK_INT(session_step(&s), STEP_COUNT);
}

static void test_skip_clock(void)
{
	struct session s = linked();

	session_on_ready(&s, &clock_only, at(1100));
	expect_step(&s, STEP_CLOCK_READ, 1100);
	session_skip_clock(&s);
	session_on_step(&s, STEP_CLOCK_READ, at(1200));
	CHECK_INT(s.state, SESSION_LISTEN);
	CHECK_INT(session_next(&s, at(1200)), SESSION_NOTHING);
}

/* A step that does not end is left at its limit; its late end changes nothing. */
static void test_step_limits(void)
{
	static const uint64_t limits[STEP_COUNT] = {
		SESSION_CONSENT_MS,   SESSION_CHAIN_MS,	    SESSION_OPERATION_MS,
		SESSION_HISTORY_MS,   SESSION_OPERATION_MS, SESSION_QUIET_MS,
		SESSION_OPERATION_MS, SESSION_OPERATION_MS, SESSION_CHAIN_MS
	};

	for (unsigned step = 0; step < STEP_COUNT; step++) {
		struct session_plan plan = { .steps = 1u << step,
					     .idle_ms = SESSION_IDLE_MS };
		struct session s = linked();

		session_on_ready(&s, &plan, at(1100));
		session_next(&s, at(1100));
		CHECK_INT(session_next(&s, at(1100 + limits[step] - 1)), SESSION_NOTHING);
		CHECK_INT(session_step(&s), (enum session_step)step);
		CHECK_INT(session_next(&s, at(1100 + limits[step])), SESSION_NOTHING);
		CHECK_INT(s.state, SESSION_LISTEN);
		session_on_step(&s, (enum session_step)step, at(1101 + limits[step]));
		CHECK_INT(s.state, SESSION_LISTEN);
	}
}

static void test_endless(void)
{
	struct session_plan plan = { .endless = true, .idle_ms = SESSION_IDLE_MS };
	struct session s = linked();

	session_on_ready(&s, &plan, at(1100));
	CHECK_UINT(session_deadline(&s).ms, UINT64_MAX);
	CHECK(session_is_worn(&s));
	CHECK_INT(session_next(&s, at(86400000)), SESSION_NOTHING);
	session_close(&s, at(86400001));
	CHECK_INT(session_next(&s, at(86400001)), SESSION_DISCONNECT);
	session_on_gone(&s, at(86400002));
	session_on_linked(&s,
			  at(86400003)); /* the next link is limited until it is known */
	CHECK_UINT(session_deadline(&s).ms, 86400003 + SESSION_SERVICES_MS);
}

static void test_no_services(void)
{
	struct session s = linked();

	CHECK_INT(session_next(&s, at(1000 + SESSION_SERVICES_MS - 1)), SESSION_NOTHING);
	CHECK_INT(session_next(&s, at(1000 + SESSION_SERVICES_MS)), SESSION_DISCONNECT);
}

static void test_ready_counts_once(void)
{
	struct session s = linked();

	session_on_ready(&s, &clock_only, at(1100));
	expect_step(&s, STEP_CLOCK_READ, 1100);
	session_on_ready(&s, &everything, at(1150)); /* ServicesResolved toggles */
	CHECK_INT(session_next(&s, at(1150)), SESSION_NOTHING);
}

static void test_store_away(void)
{
	struct session s = linked();

	session_on_store(&s, false, at(1100));
	CHECK_INT(session_next(&s, at(1100)), SESSION_DISCONNECT);
	session_on_gone(&s, at(1200));
	CHECK(!session_bond_doubtful(&s));
	session_on_linked(&s, at(1300)); /* it comes although nobody wants it */
	CHECK_INT(session_next(&s, at(1300)), SESSION_DISCONNECT);
}

static void test_longest(void)
{
	struct session s = linked();

	session_on_ready(&s, &nothing, at(1100));
	for (uint64_t t = 2000; t < 1000 + SESSION_LONGEST_MS; t += 10000) {
		session_on_value(&s, at(t));
		CHECK_INT(session_next(&s, at(t)), SESSION_NOTHING);
	}
	CHECK_UINT(session_deadline(&s).ms, 1000 + SESSION_LONGEST_MS);
	CHECK_INT(session_next(&s, at(1000 + SESSION_LONGEST_MS)), SESSION_DISCONNECT);
}

static uint64_t lose(struct session *s, uint64_t now)
{
	session_on_linked(s, at(now));
	session_on_gone(s, at(now + 100));
	return now + 200;
}

static void test_storm(void)
{
	struct session s = fresh();
	uint64_t now = 1000;

	for (int i = 1; i < SESSION_STORM_COUNT; i++) {
		now = lose(&s, now);
		CHECK_INT(session_next(&s, at(now)), SESSION_NOTHING);
	}
	CHECK(!session_bond_doubtful(&s));
	now = lose(&s, now);
	CHECK(session_bond_doubtful(&s));
	CHECK_INT(session_next(&s, at(now)), SESSION_DISARM);
	CHECK(session_is_disarmed(&s));
	CHECK_INT(session_next(&s, at(now - 100 + SESSION_PAUSE_MIN_MS - 1)),
		  SESSION_NOTHING);
	CHECK_INT(session_next(&s, at(now - 100 + SESSION_PAUSE_MIN_MS)), SESSION_ARM);
	CHECK(!session_is_disarmed(&s));
	now = lose(&s, now + 10000); /* one more is enough now, and the pause is longer */
	CHECK_INT(session_next(&s, at(now)), SESSION_DISARM);
	CHECK_UINT(session_deadline(&s).ms, now - 100 + SESSION_PAUSE_MAX_MS);
}

/* A link that was begun before the pause, and may even be of use: ARM has to wait for its end. */
static void test_link_in_pause(void)
{
	struct session s = fresh();
	uint64_t now = 1000;

	for (int i = 0; i < SESSION_STORM_COUNT; i++)
		now = lose(&s, now);
	CHECK_INT(session_next(&s, at(now)), SESSION_DISARM);
	session_on_linked(&s, at(now + 500));
	session_on_ready(&s, &nothing, at(now + 600));
	CHECK(!session_bond_doubtful(&s));
	CHECK_INT(session_next(&s, at(now + SESSION_PAUSE_MAX_MS)), SESSION_NOTHING);
	CHECK(session_is_disarmed(&s));
	now += 2 * SESSION_PAUSE_MAX_MS;
	session_on_gone(&s, at(now));
	CHECK_INT(session_next(&s, at(now)), SESSION_ARM);
	CHECK_INT(session_next(&s, at(now)), SESSION_NOTHING);
	/* bluetoothd may have had another link just then */
	session_on_linked(&s, at(now + 10));
	session_on_ready(&s, &nothing, at(now + 20));
	CHECK_INT(session_next(&s, at(now + 30)), SESSION_NOTHING);
	session_on_gone(&s, at(now + 40));
	CHECK_INT(session_next(&s, at(now + 40)), SESSION_ARM);
	lose(&s, now + 100);
	CHECK_INT(session_next(&s, at(now + 300)), SESSION_NOTHING);
}

/* Five in an hour are no storm. */
static void test_no_storm(void)
{
	struct session s = fresh();
	uint64_t now = 1000;

	for (int i = 0; i < 20; i++) {
		lose(&s, now);
		CHECK_INT(session_next(&s, at(now + 200)), SESSION_NOTHING);
		now += SESSION_STORM_MS / 3;
	}
	CHECK(!session_bond_doubtful(&s));
}

struct world {
	struct session s;
	uint64_t now;
	bool linked, stepping, store, disarmed;
	bool up;    /* bluetoothd has a link; told later */
	bool deaf;  /* it does not make one by itself */
	bool begun; /* but had begun to */
	unsigned undurable;
};

static void random_event(struct world *w)
{
	struct mono now = at(w->now);

	switch (test_random() % 10) {
	case 0:
		if (w->up && !w->linked) {
			w->linked = true;
			session_on_linked(&w->s, now);
		} else if (!w->deaf || w->begun) {
			w->up = true;
			w->begun = false;
		}
		break;
	case 1:
		if (w->linked)
			w->linked = w->up = w->stepping = false;
		session_on_gone(&w->s, now);
		break;
	case 2:
		if (w->linked)
			session_on_ready(
				&w->s,
				&(struct session_plan){ .steps = (unsigned)test_random() %
								 (1u << STEP_COUNT),
							.clock_first = test_random() % 2,
							.idle_ms = SESSION_IDLE_MS },
				now);
		break;
	case 3:
	case 4:
		if (w->stepping) {
			if (test_random() % 4 == 0)
				session_skip_clock(&w->s);
			session_on_step(&w->s, session_step(&w->s), now);
		}
		w->stepping = false;
		break;
	case 5:
		w->undurable += w->linked;
		if (w->linked)
			session_on_value(&w->s, now);
		break;
	case 6:
		if (w->undurable)
			session_on_durable(&w->s, now);
		w->undurable -= w->undurable > 0;
		break;
	case 7:
		w->store = test_random() % 8 != 0;
		session_on_store(&w->s, w->store, now);
		break;
	default: break;
	}
}

/* Invariants 2, 3 and 5 of session.h, and that the machine neither spins nor sleeps for ever with a link. */
static void check_action(struct world *w, enum session_action a)
{
	if (a == SESSION_BEGIN_STEP) {
		CHECK(w->linked && w->store);
		CHECK(session_step(&w->s) < STEP_COUNT);
		w->stepping = true;
	} else if (a == SESSION_DISCONNECT) {
		CHECK(w->linked);
		CHECK_INT(w->s.state, SESSION_CLOSING);
	} else if (a == SESSION_DISARM) {
		CHECK(!w->linked);
		w->deaf = true;
		w->begun = !w->up && test_random() % 2;
	} else if (a == SESSION_ARM) {
		CHECK(!w->linked);
		w->deaf &= w->up;
	}
}

static void test_random_life(void)
{
	struct world w = { .s = fresh(), .now = 1000, .store = true };

	for (int i = 0; i < 300000; i++) {
		enum session_state before = w.s.state;
		enum session_action a;
		int turns = 0;

		random_event(&w);
		while ((a = session_next(&w.s, at(w.now))) != SESSION_NOTHING) {
			check_action(&w, a);
			CHECK(++turns < 4 + STEP_COUNT);
			if (a == SESSION_DISCONNECT && before == SESSION_LISTEN &&
			    w.store && w.now < w.s.linked_at.ms + SESSION_LONGEST_MS)
				CHECK_UINT(w.s.undurable, 0);
		}
		CHECK_INT(w.s.linked, w.linked);
		if (!w.up && !w.begun && !session_is_disarmed(&w.s))
			CHECK(!w.deaf);
		CHECK_UINT(w.s.undurable, w.undurable);
		CHECK(!w.linked ||
		      session_deadline(&w.s).ms <= w.now + SESSION_LONGEST_MS);
		CHECK(session_deadline(&w.s).ms > w.now);
		if (test_random() % 4 == 0 && session_deadline(&w.s).ms != UINT64_MAX)
			w.now = session_deadline(&w.s).ms;
		else
			w.now += test_random() % 3000;
	}
	session_on_store(&w.s, true, at(w.now));
	if (w.up && !w.linked)
		session_on_linked(&w.s, at(w.now));
	session_on_gone(&w.s, at(w.now));
	for (int i = 0; i < 3; i++) {
		session_next(&w.s, at(w.now));
		w.now += 10000;
	}
	CHECK_INT(w.s.state, SESSION_ABSENT);
	CHECK(!session_is_disarmed(&w.s));
}

TEST_MAIN("session", test_whole, test_clock_first, test_no_steps, test_skip_clock,
	  test_step_limits, test_endless, test_no_services, test_ready_counts_once,
	  test_store_away, test_longest, test_storm, test_link_in_pause, test_no_storm,
	  test_random_life)
