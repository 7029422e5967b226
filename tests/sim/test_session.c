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

static void test_whole(void)
{
	struct session s = linked();

	CHECK(!session_clock_settled(&s));
	CHECK_INT(session_next(&s, at(1000)), SESSION_NOTHING);
	session_on_ready(&s, true, true, at(1100));
	CHECK_INT(session_next(&s, at(1100)), SESSION_READ_CLOCK);
	CHECK_INT(session_next(&s, at(1100)), SESSION_NOTHING);
	session_on_value(&s, at(1200)); /* stored values come by themselves */
	session_on_clock_read(&s, true, at(1300));
	CHECK(session_clock_settled(&s));
	session_on_value(&s, at(1500));
	CHECK_UINT(session_deadline(&s).ms, 1500 + SESSION_QUIET_MS);
	CHECK_INT(session_next(&s, at(1500 + SESSION_QUIET_MS - 1)), SESSION_NOTHING);
	CHECK_INT(session_next(&s, at(1500 + SESSION_QUIET_MS)), SESSION_SET_CLOCK);
	session_on_clock_set(&s, true, at(2600));
	CHECK_INT(session_next(&s, at(2600)), SESSION_READ_CLOCK);
	session_on_clock_read(&s, true, at(2700)); /* once is enough */
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

static void test_no_clock(void)
{
	struct session s = linked();

	session_on_ready(&s, false, false, at(1100));
	CHECK_INT(s.state, SESSION_LISTEN);
	CHECK(session_clock_settled(&s));
	s = linked();
	session_on_ready(&s, false, true, at(1100)); /* write-only */
	CHECK_INT(session_next(&s, at(2100)), SESSION_SET_CLOCK);
	session_on_clock_set(&s, true, at(2200));
	CHECK_INT(s.state, SESSION_LISTEN);
}

/* A clock that does not answer is skipped at each step; a late answer changes nothing. */
static void test_clock_time_limits(void)
{
	struct session s = linked();

	session_on_ready(&s, true, true, at(1100));
	session_next(&s, at(1100));
	CHECK_INT(session_next(&s, at(1100 + SESSION_OPERATION_MS)), SESSION_NOTHING);
	CHECK_INT(s.state, SESSION_LISTEN);
	session_on_clock_read(&s, true, at(20000));
	CHECK_INT(s.state, SESSION_LISTEN);
	s = linked();
	session_on_ready(&s, true, true, at(1100));
	session_next(&s, at(1100));
	session_on_clock_read(&s, true, at(1200));
	CHECK_INT(session_next(&s, at(2100)), SESSION_SET_CLOCK);
	session_on_clock_set(&s, false, at(2200)); /* refused: not fatal */
	CHECK_INT(s.state, SESSION_LISTEN);
	CHECK_INT(session_next(&s, at(2200)), SESSION_NOTHING);
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

	session_on_ready(&s, true, true, at(1100));
	CHECK_INT(session_next(&s, at(1100)), SESSION_READ_CLOCK);
	session_on_ready(&s, true, true, at(1150)); /* ServicesResolved toggles */
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

	session_on_ready(&s, false, false, at(1100));
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
	session_on_linked(
		&s,
		at(now + 500)); /* in the pause, by itself: it is armed all the same */
	CHECK_INT(session_next(&s, at(now + 500)), SESSION_ARM);
	session_on_ready(&s, false, false, at(now + 600));
	CHECK(!session_bond_doubtful(&s));
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
	bool linked, reading, setting, store, disarmed;
	unsigned undurable, actions;
};

static void random_event(struct world *w)
{
	struct mono now = at(w->now);

	switch (test_random() % 10) {
	case 0:
		w->linked = true;
		session_on_linked(&w->s, now);
		break;
	case 1:
		w->linked = w->reading = w->setting = false;
		session_on_gone(&w->s, now);
		break;
	case 2:
		if (w->linked)
			session_on_ready(&w->s, test_random() % 2, test_random() % 2,
					 now);
		break;
	case 3:
		if (w->reading)
			session_on_clock_read(&w->s, test_random() % 2, now);
		w->reading = false;
		break;
	case 4:
		if (w->setting)
			session_on_clock_set(&w->s, test_random() % 2, now);
		w->setting = false;
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

/* Invariants 2 and 3 of session.h, and that the machine neither spins nor sleeps for ever with a link. */
static void check_action(struct world *w, enum session_action a)
{
	if (a == SESSION_READ_CLOCK || a == SESSION_SET_CLOCK) {
		CHECK(w->linked && w->store);
		w->reading = a == SESSION_READ_CLOCK;
		w->setting = a == SESSION_SET_CLOCK;
	} else if (a == SESSION_DISCONNECT) {
		CHECK(w->linked);
		CHECK_INT(w->s.state, SESSION_CLOSING);
	} else if (a == SESSION_DISARM) {
		CHECK(!w->disarmed);
		w->disarmed = true;
	} else if (a == SESSION_ARM) {
		CHECK(w->disarmed);
		w->disarmed = false;
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
			CHECK(++turns < 4);
			if (a == SESSION_DISCONNECT && before == SESSION_LISTEN &&
			    w.store && w.now < w.s.linked_at.ms + SESSION_LONGEST_MS)
				CHECK_UINT(w.s.undurable, 0);
		}
		CHECK_INT(w.s.linked, w.linked);
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
	session_on_gone(&w.s, at(w.now));
	for (int i = 0; i < 3; i++) {
		session_next(&w.s, at(w.now));
		w.now += 10000;
	}
	CHECK_INT(w.s.state, SESSION_ABSENT);
	CHECK(!session_is_disarmed(&w.s));
}

TEST_MAIN("session", test_whole, test_no_clock, test_clock_time_limits, test_no_services,
	  test_ready_counts_once, test_store_away, test_longest, test_storm,
	  test_no_storm, test_random_life)
