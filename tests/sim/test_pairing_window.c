/*
 * test_pairing_window.c - windows: outside nothing is paired, inside nobody is guessed, and afterwards nothing is left.
 */
#include "tests/sim/pairing_world.h"

/* ---- what a window is ---- */

static void test_outside_window(void)
{
	struct world w = start_closed(three, 3);
	uint32_t key = 0;

	check_closed(&w);
	tell(&w, CUFF, true, false);
	check_closed(&w);
	CHECK_INT(pairing_on_passkey(&w.p, CUFF, &key), -EACCES);
	CHECK(!pairing_wants_candidates(&w.p));
	CHECK(!pairing_wants_test(&w.p, CUFF));
	CHECK(!pairing_on_value(&w.p, CUFF, now(&w)));
	CHECK_UINT(pairing_deadline(&w.p).ms, UINT64_MAX);
	CHECK_UINT(pairing_window_id(&w.p), 0);
	/* nobody */
	pairing_on_facts(&w.p, 99, (struct pairing_facts){ .present = true }, now(&w));
	CHECK(!pairing_is_busy_with(&w.p, 99));
	CHECK(!pairing_wants_test(&w.p, 99));
	CHECK_INT(pairing_device_state(&w.p, 99), DEVICE_UNBONDED);
	CHECK_INT(pairing_device_reason(&w.p, 99), PAIRING_REASON_NONE);
	CHECK_INT(pairing_strength(&w.p, 99), LINK_UNKNOWN);
	CHECK(!pairing_is_proven(&w.p, 99));
	/* somebody else made the adapter bondable */
	w.bondable = true;
	pairing_on_bondable(&w.p, true);
	expect(&w, PAIRING_BONDABLE_OFF);
	check_closed(&w);
}

/* It cannot be switched off: tried three times, then again every 10 s. */
static void test_untidy(void)
{
	struct world w = start_closed(three, 3);

	w.bondable = true;
	pairing_on_bondable(&w.p, true);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < PAIRING_CLOSE_TRIES; i++) {
			CHECK_INT(next(&w), PAIRING_BONDABLE_OFF);
			done(&w, -EIO);
			if (i == PAIRING_CLOSE_TRIES - 1)
				break;
			CHECK_INT(next(&w), PAIRING_NOTHING);
			CHECK_UINT(pairing_deadline(&w.p).ms,
				   w.now + PAIRING_CLOSE_AGAIN_MS);
			w.now += PAIRING_CLOSE_AGAIN_MS;
		}
		CHECK_INT(next(&w), PAIRING_NOTHING);
		CHECK_INT(w.p.state, PAIRING_IDLE);
		CHECK_UINT(pairing_deadline(&w.p).ms, w.now + PAIRING_TIDY_MS);
		w.now += PAIRING_TIDY_MS;
	}
	expect(&w, PAIRING_BONDABLE_OFF);
	check_closed(&w);
	CHECK_UINT(pairing_deadline(&w.p).ms, UINT64_MAX);
}

static void test_good(void)
{
	struct world w = start();
	uint32_t key = 0;

	CHECK_INT(pairing_window_state(&w.p), WINDOW_OPEN);
	CHECK_UINT(pairing_window_id(&w.p), 1);
	find(&w);
	CHECK_INT(pairing_device_state(&w.p, 0), DEVICE_PAIRING);
	CHECK(pairing_is_busy_with(&w.p, 0));
	CHECK_INT(pairing_on_passkey(&w.p, 1, &key), -EACCES);
	CHECK_INT(pairing_on_passkey(&w.p, 99, &key), -EACCES);
	CHECK_INT(pairing_on_passkey(&w.p, 0, &key), 0);
	CHECK_UINT(key, 123456);
	CHECK_INT(pairing_on_passkey(&w.p, 0, &key), -EACCES); /* once */
	tell(&w, 0, true, true);
	done(&w, 0);
	CHECK_INT(next(&w), PAIRING_ASK_FACTS);
	pairing_on_done(&w.p, PAIRING_ASK_FACTS, 0, now(&w)); /* asked: no answer yet */
	CHECK_INT(next(&w), PAIRING_NOTHING);
	facts(&w, LINK_SC_AUTHENTICATED, 16);
	CHECK(pairing_is_busy_with(&w.p, 0));
	CHECK(!pairing_wants_test(&w.p, 0));
	CHECK_INT(next(&w), PAIRING_SET_TRUSTED);
	CHECK_INT(pairing_device_state(&w.p, 0), DEVICE_PAIRING);
	done(&w, 0);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	expect(&w, PAIRING_BONDED);
	check_closed(&w);
	tell(&w, 0, true, true); /* nothing new */
	CHECK(!pairing_is_busy_with(&w.p, 0));
	CHECK_INT(pairing_on_passkey(&w.p, 0, &key), -EACCES);
	CHECK_INT(pairing_strength(&w.p, 0), LINK_SC_AUTHENTICATED);
	CHECK(pairing_is_proven(&w.p, 0));
	/* the test */
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OPEN);
	CHECK_UINT(pairing_deadline(&w.p).ms, w.window_end);
	CHECK(!pairing_wants_test(&w.p, 1));
	CHECK(pairing_wants_test(&w.p, 0));
	CHECK(pairing_on_value(&w.p, 0, now(&w)));
	CHECK(!pairing_on_value(&w.p, 0, now(&w)));
	CHECK_INT(pairing_window_state(&w.p), WINDOW_DONE);
	check_closed(&w);
	CHECK_UINT(pairing_deadline(&w.p).ms, UINT64_MAX);
}

static void test_no_test_reading(void)
{
	struct world w = start();

	pair_cuff(&w);
	expect(&w, PAIRING_BONDED);
	w.now = w.window_end - 1;
	CHECK_INT(next(&w), PAIRING_NOTHING);
	CHECK(pairing_wants_test(&w.p, 0));
	w.now++;
	CHECK(!pairing_on_value(&w.p, 0, now(&w)));
	check_closed(&w);
	CHECK(!pairing_wants_test(&w.p, 0));
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OVER);
	CHECK(w.good[0]); /* the bond stays */
}

/* Served is a matter of one window. */
static void test_served_once(void)
{
	struct world w = start_closed(three, 2);

	order(&w, 1, 1, false);
	pair_cuff(&w);
	expect(&w, PAIRING_BONDED);
	CHECK(pairing_on_value(&w.p, CUFF, now(&w)));
	CHECK_INT(pairing_window_state(&w.p), WINDOW_DONE);
	order(&w, 2, 2, false);
	open_search(&w);
	w.now = w.window_end;
	expect(&w, PAIRING_SEARCH_OFF);
	expect_closed(&w);
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OVER);
	/* and so is a test: bonded anew, it has another one */
	w.good[CUFF] = false;
	order(&w, 3, 1, true);
	expect(&w, PAIRING_AGENT_ON);
	expect(&w, PAIRING_BONDABLE_ON);
	expect(&w, PAIRING_REMOVE);
	expect(&w, PAIRING_SEARCH_ON);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	tell(&w, CUFF, true, false);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_START);
	paired(&w, true);
	facts(&w, LINK_LEGACY_PASSKEY, 16);
	expect(&w, PAIRING_SET_TRUSTED);
	CHECK(pairing_wants_test(&w.p, CUFF));
}

/* A new order does not wait for what failed in an older one. */
static void test_order_resets(void)
{
	struct world w = start();

	find(&w);
	done(&w, -EIO);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.now += PAIRING_RETRY_MS;
	CHECK_INT(next(&w), PAIRING_START);
	done(&w, -EIO);
	expect(&w, PAIRING_REMOVE);
	expect_closed(&w);
	CHECK_INT(pairing_device_state(&w.p, 0), DEVICE_PAIRING_FAILED);
	order(&w, 2, 0, false);
	CHECK_INT(pairing_device_state(&w.p, 0), DEVICE_UNBONDED);
	open_search(&w);
	CHECK_UINT(w.p.devices[0].failures, 0);
}

/* What cannot be switched off is tried again; what is off by itself needs no trying. */
static void test_close_fails(void)
{
	struct world w = start();

	open_search(&w);
	order(&w, 0, 0, false);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_BONDABLE_OFF);
	done(&w, -EIO);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.bondable = false;
	pairing_on_bondable(&w.p, false);
	w.now += PAIRING_CLOSE_AGAIN_MS;
	for (int i = 0; i < PAIRING_CLOSE_TRIES; i++) {
		CHECK_INT(next(&w), PAIRING_AGENT_OFF);
		done(&w, -EIO);
		CHECK_INT(next(&w), PAIRING_NOTHING);
		w.now += i == PAIRING_CLOSE_TRIES - 1 ? 0 : PAIRING_CLOSE_AGAIN_MS;
	}
	w.now += PAIRING_TIDY_MS;
	expect(&w, PAIRING_AGENT_OFF);
	check_closed(&w);
}

static void test_window_ids(void)
{
	struct world w = start();

	open_search(&w);
	/* the same order again: its time anew */
	w.now += WINDOW_MS - 1;
	order(&w, 1, 0, false);
	w.now += WINDOW_MS - 1;
	CHECK_INT(next(&w), PAIRING_NOTHING);
	/* another order: what is under way is undone first */
	order(&w, 2, 1, false);
	CHECK_UINT(pairing_window_id(&w.p), 2);
	expect(&w, PAIRING_SEARCH_OFF);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	open_search(&w);
	/* closed */
	order(&w, 0, 0, false);
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OVER);
	expect(&w, PAIRING_SEARCH_OFF);
	expect_closed(&w);
	/* an order that was served is not served again */
	order(&w, 2, 1, false);
	w.window = false;
	check_closed(&w);
	order(&w, 0, 0, false);
	check_closed(&w);
	/* a window for somebody whom nobody knows */
	order(&w, 3, 77, false);
	check_closed(&w);
	w.now = w.window_end;
	check_closed(&w);
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OVER);
}

static void test_nothing_wanted(void)
{
	struct world w = start_closed(three, 0);

	order(&w, 1, 0, false);
	check_closed(&w);
	w = start();
	tell(&w, 0, true, true);
	w.good[0] = true;
	check_closed(&w);
	/* a window for another one does not concern it */
	w = start_closed(three, 2);
	order(&w, 1, 2, false);
	open_search(&w);
	tell(&w, CUFF, true, false);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	tell(&w, SCALE, true, false);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_START);
	CHECK_UINT(w.open_device, SCALE);
}

static void test_two_devices(void)
{
	struct world w = start_closed(three, 2);

	order(&w, 1, 0, false);
	pair_cuff(&w);
	expect(&w, PAIRING_BONDED);
	tell(&w, SCALE, true, false);
	expect(&w, PAIRING_AGENT_ON); /* the test holds nobody up */
	expect(&w, PAIRING_BONDABLE_ON);
	expect(&w, PAIRING_REMOVE); /* seen before this search */
	expect(&w, PAIRING_SEARCH_ON);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	CHECK(pairing_on_value(&w.p, CUFF, now(&w)));
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OPEN);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	/* the other one is not there: not in vain */
	w.now = w.window_end;
	expect(&w, PAIRING_SEARCH_OFF);
	expect_closed(&w);
	CHECK_INT(pairing_window_state(&w.p), WINDOW_DONE);
}

/* Two tests at once: the window ends with the second one, and not while somebody is bonded but
 * not yet found good. */
static void test_two_tests(void)
{
	for (int when = 0; when < 3; when++) {
		struct world w = start_closed(three, 2);

		order(&w, 1, 0, false);
		pair_cuff(&w);
		expect(&w, PAIRING_BONDED);
		open_search(&w);
		tell(&w, SCALE, true, false);
		expect(&w, PAIRING_SEARCH_OFF);
		CHECK_INT(next(&w), PAIRING_START);
		paired(&w, false);
		if (when == 0)
			CHECK(pairing_on_value(&w.p, CUFF, now(&w)));
		facts(&w, LINK_SC_JUST_WORKS, 16);
		CHECK_INT(next(&w), PAIRING_SET_TRUSTED);
		if (when == 1)
			CHECK(pairing_on_value(&w.p, CUFF, now(&w)));
		CHECK_INT(pairing_window_state(&w.p), WINDOW_OPEN);
		done(&w, 0);
		expect(&w, PAIRING_BONDABLE_OFF);
		expect(&w, PAIRING_AGENT_OFF);
		expect(&w, PAIRING_BONDED);
		check_closed(&w);
		if (when == 2) {
			CHECK(pairing_on_value(&w.p, CUFF, now(&w)));
			CHECK_INT(pairing_window_state(&w.p), WINDOW_OPEN);
		}
		CHECK(pairing_on_value(&w.p, SCALE, now(&w)));
		CHECK_INT(pairing_window_state(&w.p), WINDOW_DONE);
		check_closed(&w);
	}
}

/* One was tested, the other was not: the window was not served. */
static void test_one_test(void)
{
	struct world w = start_closed(three, 2);

	order(&w, 1, 0, false);
	pair_cuff(&w);
	expect(&w, PAIRING_BONDED);
	open_search(&w);
	tell(&w, SCALE, true, false);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_START);
	paired(&w, false);
	facts(&w, LINK_SC_JUST_WORKS, 16);
	expect(&w, PAIRING_SET_TRUSTED);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	expect(&w, PAIRING_BONDED);
	CHECK(pairing_on_value(&w.p, CUFF, now(&w)));
	w.now = w.window_end;
	check_closed(&w);
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OVER);
}

static void test_repair(void)
{
	struct world w = start_closed(three, 2);

	tell(&w, CUFF, true, true);
	tell(&w, SCALE, true, true);
	w.good[CUFF] = w.good[SCALE] = true;
	order(&w, 1, 0, true); /* nobody is named: nothing is forgotten */
	check_closed(&w);
	CHECK(!pairing_is_busy_with(&w.p, CUFF));
	order(&w, 2, 1, false); /* named, but not to be forgotten */
	check_closed(&w);
	order(&w, 3, 1, true);
	w.good[CUFF] = false;
	CHECK(pairing_is_busy_with(&w.p, CUFF));
	CHECK(!pairing_is_busy_with(&w.p, SCALE));
	expect(&w, PAIRING_AGENT_ON);
	expect(&w, PAIRING_BONDABLE_ON);
	expect(&w, PAIRING_REMOVE);
	CHECK(!pairing_is_busy_with(&w.p, CUFF));
	expect(&w, PAIRING_SEARCH_ON);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	tell(&w, CUFF, true, false);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_START);
	paired(&w, true);
	facts(&w, LINK_LEGACY_PASSKEY, 16);
	expect(&w, PAIRING_SET_TRUSTED);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	expect(&w, PAIRING_BONDED);
	check_closed(&w); /* and not forgotten once more */
	CHECK(pairing_on_value(&w.p, CUFF, now(&w)));
	CHECK_INT(pairing_window_state(&w.p), WINDOW_DONE);
}

/* The window ends, or the bond cannot be removed, before anything was done: the bond stays. */
static void test_repair_not_done(void)
{
	struct world w = start_closed(three, 1);

	tell(&w, CUFF, true, true);
	w.good[CUFF] = true;
	pairing_on_quiet(&w.p, true);
	order(&w, 1, 1, true);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	order(&w, 0, 0, false);
	pairing_on_quiet(&w.p, false);
	check_closed(&w);
	CHECK(!pairing_is_busy_with(&w.p, CUFF));
	order(&w, 2, 1, true);
	w.good[CUFF] = false;
	expect(&w, PAIRING_AGENT_ON);
	expect(&w, PAIRING_BONDABLE_ON);
	CHECK_INT(next(&w), PAIRING_REMOVE);
	done(&w, -EIO);
	expect_closed(&w);
	w.now += PAIRING_BACKOFF_MIN_MS - 1;
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.now++;
	expect(&w, PAIRING_AGENT_ON);
	expect(&w, PAIRING_BONDABLE_ON);
	/* meanwhile it has no object: nothing to forget */
	tell(&w, CUFF, false, false);
	expect(&w, PAIRING_SEARCH_ON);
	CHECK(!pairing_is_busy_with(&w.p, CUFF));
	/* a new configuration does not order it again */
	pairing_set_devices(&w.p, three, 1);
	CHECK(!pairing_is_busy_with(&w.p, CUFF));
}

/* A configuration that comes with, or after, its window. */
static void test_config_after_window(void)
{
	struct world w = start_closed(three, 0);

	order(&w, 1, 1, true);
	check_closed(&w);
	pairing_set_devices(&w.p, three, 3);
	tell(&w, CUFF, true, true);
	CHECK(pairing_is_busy_with(&w.p, CUFF));
	expect(&w, PAIRING_AGENT_ON);
	expect(&w, PAIRING_BONDABLE_ON);
	expect(&w, PAIRING_REMOVE);
}

/* ---- devices without address ---- */

static void test_candidate(void)
{
	struct world w = start_with(&three[METER]);

	CHECK(pairing_wants_candidates(&w.p));
	hear(&w, 8, -40); /* before the search: old, and no contradiction */
	hear(&w, 9, -40);
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OPEN);
	open_search(&w);
	CHECK_UINT(pairing_deadline(&w.p).ms, w.window_end);
	adopt(&w, 5);
	CHECK(!pairing_wants_candidates(&w.p));
	done(&w, 0);
	CHECK(pairing_is_busy_with(&w.p, 0));
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_START);
	paired(&w, false);
	facts(&w, LINK_SC_JUST_WORKS, 16);
	expect(&w, PAIRING_SET_TRUSTED);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	expect(&w, PAIRING_BONDED);
	CHECK(w.adopted[0]); /* kept */
	CHECK(pairing_on_value(&w.p, 0, now(&w)));
	CHECK_INT(pairing_window_state(&w.p), WINDOW_DONE);
	check_closed(&w);
	/* it has an address from now on */
	tell(&w, 0, false, false);
	order(&w, 2, 3, false);
	CHECK(!pairing_wants_candidates(&w.p));
	open_search(&w);
	hear(&w, 6, -40);
	w.now += PAIRING_COLLECT_MS;
	CHECK_INT(next(&w), PAIRING_NOTHING);
	tell(&w, 0, true, false);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_START);
}

static void expect_two(struct world *w)
{
	CHECK_INT(pairing_window_state(&w->p), WINDOW_TWO_CANDIDATES);
	w->window = false;
	expect(w, PAIRING_SEARCH_OFF);
	expect_closed(w);
	CHECK_UINT(w->pairs, 0);
	CHECK(!w->adopted[0]);
	CHECK_UINT(pairing_deadline(&w->p).ms, UINT64_MAX);
}

static void test_two_candidates(void)
{
	struct pairing_candidate c = somebody(5, -40);
	struct world w = start_with(&three[METER]);

	open_search(&w);
	hear(&w, 5, -40);
	w.now += PAIRING_COLLECT_MS - 1;
	hear(&w, 6, PAIRING_RSSI_UNKNOWN);
	expect_two(&w);
	/* the same address of another type is somebody else */
	order(&w, 2, 0, false);
	open_search(&w);
	hear(&w, 5, -40);
	c.addr_type = ADDR_PUBLIC;
	pairing_on_candidate(&w.p, &c, now(&w));
	expect_two(&w);
	/* heard while the search is being switched on */
	order(&w, 3, 0, false);
	expect(&w, PAIRING_AGENT_ON);
	expect(&w, PAIRING_BONDABLE_ON);
	CHECK_INT(next(&w), PAIRING_SEARCH_ON);
	hear(&w, 5, -40);
	hear(&w, 6, -40);
	done(&w, 0);
	expect_two(&w);
}

/* One candidate that may be either of two devices. */
static void test_ambiguous(void)
{
	struct config_device twins[2] = { three[METER], three[METER] };
	struct world w;

	twins[1].num = 4;
	w = start_closed(twins, 2);
	order(&w, 1, 0, false);
	open_search(&w);
	hear(&w, 5, -40);
	expect_two(&w);
	/* one of them is named: no doubt */
	order(&w, 2, 4, false);
	open_search(&w);
	adopt(&w, 5);
	CHECK_UINT(w.open_device, 1);
}

static void test_not_candidates(void)
{
	struct pairing_candidate c = somebody(6, -40);
	struct world w = start_with(&three[METER]);

	open_search(&w);
	hear(&w, 6, PAIRING_RSSI_FLOOR - 1); /* next door */
	c.services = TRAITS_BLS | TRAITS_UDS;
	pairing_on_candidate(&w.p, &c, now(&w)); /* something else */
	c.services = 0;
	pairing_on_candidate(&w.p, &c, now(&w));
	w.now += PAIRING_COLLECT_MS;
	CHECK_INT(next(&w), PAIRING_NOTHING);
	adopt(&w, 5); /* none of them contradicts */
	done(&w, 0);
	hear(&w, 7, -40); /* too late to */
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OPEN);
}

/* A candidate that does not pair is let go, and whoever is heard next has its chance. */
static void test_candidate_fails(void)
{
	struct world w = start_with(&three[METER]);

	open_search(&w);
	adopt(&w, 5);
	done(&w, 0);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_START);
	done(&w, -EIO);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.now += PAIRING_RETRY_MS;
	CHECK_INT(next(&w), PAIRING_START);
	done(&w, -EIO);
	expect(&w, PAIRING_REMOVE);
	expect(&w, PAIRING_RELEASE);
	expect_failed(&w, PAIRING_REASON_FAILED, PAIRING_BACKOFF_MIN_MS);
	open_search(&w);
	adopt(&w, 6);
	/* the object was gone when it should have been adopted */
	done(&w, -ENOENT);
	expect(&w, PAIRING_RELEASE);
	CHECK_INT(pairing_device_reason(&w.p, 0), PAIRING_REASON_FAILED);
}

/* The search goes on when the back-off of one whose address is known ends. */
static void test_no_search_again(void)
{
	struct world w = start_closed(three, 3);

	order(&w, 1, 0, false);
	open_search(&w);
	tell(&w, SCALE, true, false);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_START);
	done(&w, -EIO);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.now += PAIRING_RETRY_MS;
	CHECK_INT(next(&w), PAIRING_START);
	done(&w, -EIO);
	expect(&w, PAIRING_REMOVE);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	open_search(&w);
	w.now += PAIRING_BACKOFF_MIN_MS;
	CHECK_INT(next(&w), PAIRING_NOTHING);
	CHECK_INT(w.p.state, PAIRING_LOOKING);
}

/* bluetoothd tells of an advertiser once per search: whoever was heard too early, or while
 * nobody was wanted, is looked for anew. */
static void test_candidate_again(void)
{
	struct world w = start_closed(three, 3);

	order(&w, 1, 0, false);
	tell(&w, SCALE, true, true);
	w.good[SCALE] = true;
	open_search(&w); /* for cuff and meter */
	adopt(&w, 5);
	done(&w, 0);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_START);
	done(&w, -EIO);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.now += PAIRING_RETRY_MS;
	CHECK_INT(next(&w), PAIRING_START);
	done(&w, -EIO);
	expect(&w, PAIRING_REMOVE);
	expect(&w, PAIRING_RELEASE);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	open_search(&w); /* for the cuff; the meter has to wait */
	CHECK_UINT(pairing_deadline(&w.p).ms, w.now + PAIRING_BACKOFF_MIN_MS);
	w.now += PAIRING_BACKOFF_MIN_MS;
	expect(&w, PAIRING_SEARCH_OFF);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	open_search(&w);
	/* heard, but the machine was not asked for long */
	hear(&w, 5, -40);
	w.now += PAIRING_FRESH_MS;
	expect(&w, PAIRING_SEARCH_OFF);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	open_search(&w);
	adopt(&w, 5);
}

/* ---- the window ends at any moment ---- */

/* One step of a device that does everything right. */
static void go_on(struct world *w, enum pairing_op op)
{
	if (op == PAIRING_START)
		tell_link(w, true, true, true);
	if (op == PAIRING_CONNECT)
		tell_link(w, true, false, false);
	if (op == PAIRING_ASK_FACTS)
		facts(w, LINK_SC_JUST_WORKS, 16);
	else if (op != PAIRING_NOTHING)
		done(w, 0);
	else if (w->p.state == PAIRING_LOOKING && w->p.devices[0].heard)
		w->now += PAIRING_COLLECT_MS;
	else if (w->p.state == PAIRING_LOOKING)
		hear(w, 5, -40);
	else if (w->p.state == PAIRING_RESOLVE)
		tell_link(w, true, true, false);
}

static enum window_state end_window(struct world *w, int how)
{
	switch (how) {
	case 0: w->now = w->window_end; return WINDOW_OVER;
	case 1: order(w, 0, 0, false); return WINDOW_OVER;
	default: /* a second candidate, where there can be one */
		if (w->p.state != PAIRING_LOOKING)
			return end_window(w, 0);
		hear(w, 5, -40);
		hear(w, 6, -40);
		w->window = false;
		return WINDOW_TWO_CANDIDATES;
	}
}

/* Whatever was under way: nothing is left that could make a bond, and no bond but a good one.
 * answered: what was under way is answered, else it never is. */
static void check_end(struct world *w, int how, bool answered)
{
	enum window_state state;
	enum pairing_op op;

	if (how == 2 && w->open)
		how = 0;
	state = end_window(w, how);
	for (int i = 0; i < 30; i++) {
		op = next(w);
		if (op == PAIRING_NOTHING && w->open == PAIRING_NOTHING)
			break;
		if (op == PAIRING_NOTHING && !answered) {
			restart(w, false);
			restart(w, true);
		} else if (w->open == PAIRING_START || w->open == PAIRING_CONNECT) {
			done(w, -EIO);
		} else if (w->open != PAIRING_ASK_FACTS) {
			done(w, 0);
		}
	}
	check_closed(w);
	CHECK_INT(pairing_window_state(&w->p), state);
	CHECK_INT(w->facts[0].bonded, w->good[0]);
	CHECK_INT(w->adopted[0], w->good[0]);
	CHECK(!pairing_is_busy_with(&w->p, 0));
	CHECK(w->good[0] || !w->facts[0].present);
	if (!w->good[0]) /* that the time was over is nobody's fault */
		CHECK_INT(pairing_device_reason(&w->p, 0), PAIRING_REASON_NONE);
}

static void test_window_ends_anywhere(void)
{
	unsigned seen = 0;

	for (int variant = 0; variant < 12; variant++) {
		for (int steps = 0; steps < 24; steps++) {
			struct world w = start_with(&three[METER]);

			if (variant >= 6)
				pairing_set_traits(&w.p, 0, &connects);
			for (int i = 0; i < steps; i++)
				go_on(&w, next(&w));
			next(&w);
			seen |= 1u << w.p.state;
			check_end(&w, variant % 3, variant % 6 < 3);
		}
	}
	/* every state that lasts, and that a device which does everything right can be in */
	for (int s = PAIRING_IDLE; s <= PAIRING_CLOSE_AGENT; s++)
		if (s != PAIRING_RETRY && s != PAIRING_CANCEL && s != PAIRING_CHECK &&
		    s != PAIRING_DISCARD && s != PAIRING_RELEASING &&
		    s != PAIRING_CLOSE_SEARCH && s != PAIRING_CLEANING)
			CHECK(seen & 1u << s);
}

/* ---- a random life ---- */

static void random_facts(struct world *w, size_t i)
{
	struct pairing_facts f = { .present = test_random() % 4 != 0 };

	if (w->p.devices[i].adopted || w->p.devices[i].has_addr || !f.present) {
		f.paired = f.present && test_random() % 3 == 0;
		f.bonded = f.paired && test_random() % 2;
		f.connected = f.present && test_random() % 2;
		f.resolved = f.connected && test_random() % 2;
		f.unfinished = f.bonded && test_random() % 8 == 0;
		w->facts[i] = f;
		pairing_on_facts(&w->p, i, f, now(w));
	}
	w->good[i] = false; /* anything may have happened to it */
}

static void random_window(struct world *w)
{
	static uint32_t id;
	const struct msg_window m = { .id = test_random() % 4 ? ++id : 0,
				      .device = (uint16_t)(test_random() % 4),
				      .ms_left = (uint32_t)(test_random() % WINDOW_MS),
				      .repair = test_random() % 4 == 0 };

	pairing_on_window(&w->p, &m, now(w));
	w->window = m.id != 0;
	w->window_end = w->now + m.ms_left;
	for (size_t i = 0; i < 3; i++)
		w->good[i] &= !(m.repair && three[i].num == m.device);
}

static void random_answer(struct world *w)
{
	enum link_strength s = (enum link_strength)(test_random() % 5);
	uint8_t size = test_random() % 8 ? 16 : 7;

	if (w->open == PAIRING_ASK_FACTS && test_random() % 8) {
		w->open = PAIRING_NOTHING;
		pairing_on_bond_facts(&w->p, w->open_device, test_random() % 4 != 0, s,
				      size, now(w));
	} else if (w->open == PAIRING_START && test_random() % 2) {
		uint32_t key;

		if (test_random() % 4)
			pairing_on_passkey(&w->p, w->open_device, &key);
		tell(w, w->open_device, true, true);
		done(w, 0);
	} else if (w->open) {
		int err = test_random() % 4   ? 0
			  : test_random() % 2 ? -EIO
					      : -EKEYREJECTED;

		if (w->open == PAIRING_ADOPT)
			err = test_random() % 8 ? 0 : -ENOENT;
		if (w->open == PAIRING_RELEASE || w->open == PAIRING_BONDED)
			err = 0;
		if (w->open == PAIRING_ADOPT && err)
			w->adopted[w->open_device] =
				true; /* as far as the machine knows */
		done(w, err);
	}
}

static void random_event(struct world *w)
{
	size_t i = test_random() % 3;

	switch (test_random() % 20) {
	case 0: random_facts(w, i); break;
	case 1: pairing_on_quiet(&w->p, test_random() % 4 == 0); break;
	case 2:
		if (test_random() % 16 == 0)
			restart(w, !w->radio);
		break;
	case 3:
		if (test_random() % 64 == 0)
			random_window(w);
		break;
	case 4:
	case 5:
		hear(w, test_random() % 64 ? 5 : 6,
		     (int16_t)(-(int)(test_random() % 100)));
		w->window &= pairing_window_state(&w->p) == WINDOW_OPEN;
		break;
	case 6:
		if (pairing_on_value(&w->p, i, now(w)))
			CHECK(w->window && w->now < w->window_end);
		w->window &= pairing_window_state(&w->p) == WINDOW_OPEN;
		break;
	case 7:
		w->good[i] = false;
		pairing_on_identity(&w->p, i, test_random() % 4 != 0, now(w));
		break;
	case 8:
		w->good[i] = false;
		pairing_on_bond_facts(&w->p, i, test_random() % 2, LINK_SC_JUST_WORKS, 16,
				      now(w));
		if (w->open == PAIRING_ASK_FACTS && w->p.outstanding != w->open)
			w->open = PAIRING_NOTHING;
		break;
	default: random_answer(w); break;
	}
}

/*
 * Hours with a bluetoothd that answers, refuses, forgets and restarts at random, and with windows that open and end.
 * 'next' checks the order of what is asked; here: no key is told outside an attempt in a window, at rest everything is
 * closed or was tried to be, a failing device is not tried in a storm, and with the last window everything ends.
 */
static void test_random_life(void)
{
	struct config_device mixed[3] = { three[0], three[1], with_serial };
	struct world w = start_closed(mixed, 3);
	uint64_t began = w.now;

	for (int i = 0; i < 400000; i++) {
		uint32_t key;
		size_t device = test_random() % 4;

		if (pairing_on_passkey(&w.p, device, &key) == 0) {
			CHECK(w.window);
			CHECK(w.open == PAIRING_START || w.open == PAIRING_CONNECT ||
			      w.p.state == PAIRING_RESOLVE);
			CHECK_UINT(device, w.p.candidate);
			CHECK_UINT(key, 123456);
		}
		if (i % 1000 == 0)
			pairing_set_traits(&w.p, device % 3,
					   test_random() % 2
						   ? &connects
						   : traits_find(NULL, NULL, NULL));
		random_event(&w);
		next(&w);
		if (w.p.state == PAIRING_IDLE && w.radio && !w.open &&
		    mono_reached(now(&w), w.p.tidy_at))
			CHECK(!w.searching && !w.agent && !w.bondable);
		w.now += test_random() % 500;
	}
	CHECK(w.pairs > 10); /* it did something */
	CHECK(w.bonds > 10);
	CHECK(w.pairs < (w.now - began) / 1000);
	/* the end */
	order(&w, 0, 0, false);
	if (!w.radio)
		restart(&w, true);
	memset(w.good, 0, sizeof(w.good));
	for (int i = 0; i < 100 && (next(&w) != PAIRING_NOTHING || w.open); i++) {
		w.now += 100;
		if (w.open)
			done(&w, w.open == PAIRING_ASK_FACTS ? -EIO : 0);
	}
	w.now += PAIRING_TIDY_MS;
	for (int i = 0; i < 100 && next(&w) != PAIRING_NOTHING; i++)
		done(&w, 0);
	check_closed(&w);
}

/* Its bond goes outside of a window, and nobody else's; so does the address that was found for it. */
static void test_unpair(void)
{
	struct world w = start_closed(three, 3);

	tell(&w, CUFF, true, true);
	tell(&w, SCALE, true, true);
	w.good[CUFF] = w.good[SCALE] = true;
	CHECK_INT(next(&w), PAIRING_NOTHING);
	CHECK(!pairing_is_unpaired(&w.p, CUFF) && pairing_is_unpaired(&w.p, METER));
	w.good[CUFF] = false;
	pairing_unpair(&w.p, CUFF, true);
	CHECK_INT(next(&w), PAIRING_REMOVE);
	CHECK(!pairing_is_unpaired(&w.p, CUFF));
	done(&w, -EIO); /* tried again */
	CHECK(!pairing_is_unpaired(&w.p, CUFF));
	check_closed(&w);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.now += PAIRING_BACKOFF_MIN_MS;
	expect(&w, PAIRING_REMOVE);
	check_closed(&w);
	CHECK(pairing_is_unpaired(&w.p, CUFF) && !pairing_is_unpaired(&w.p, SCALE));
	tell(&w, CUFF, true, false); /* it advertises on */
	check_closed(&w);
	/* no object: there is nothing to remove, and its address is given back */
	w.adopted[METER] = true;
	pairing_unpair(&w.p, METER, false);
	CHECK(!pairing_is_unpaired(&w.p, METER));
	expect(&w, PAIRING_RELEASE);
	check_closed(&w);
	CHECK(pairing_is_unpaired(&w.p, METER));
	pairing_unpair(&w.p, 99, true); /* nobody */
	check_closed(&w);
	/* and it can be paired again */
	order(&w, 1, 1, false);
	expect(&w, PAIRING_AGENT_ON);
}

/* In the middle of its window: nothing of the bond is told or counts any more, and that window does not bring it back. */
static void test_unpair_in_window(void)
{
	struct world w = start();

	pair_cuff(&w); /* to be announced */
	w.good[CUFF] = false;
	pairing_unpair(&w.p, CUFF, true);
	CHECK_INT(pairing_strength(&w.p, CUFF), LINK_UNKNOWN);
	CHECK(!pairing_is_proven(&w.p, CUFF));
	CHECK(!pairing_wants_test(&w.p, CUFF));
	pairing_on_bond_facts(&w.p, CUFF, true, LINK_LEGACY_PASSKEY, 16, now(&w));
	CHECK(!pairing_is_proven(&w.p, CUFF));
	CHECK_INT(next(&w), PAIRING_REMOVE);
	tell(&w, CUFF, true, false); /* told before it is answered */
	CHECK(!pairing_is_unpaired(&w.p, CUFF));
	done(&w, 0);
	check_closed(&w);
	CHECK(pairing_is_unpaired(&w.p, CUFF));
	tell(&w, CUFF, true, false); /* it advertises on */
	check_closed(&w);
	CHECK(!pairing_is_busy_with(&w.p, CUFF));
}

/* What failed before is forgotten, too; and its bond is removed at once. */
static void test_unpair_after_failure(void)
{
	struct world w = start();

	find(&w);
	paired(&w, true);
	facts(&w, LINK_SC_JUST_WORKS, 16); /* too weak */
	CHECK_INT(pairing_device_state(&w.p, CUFF), DEVICE_PAIRING_FAILED);
	CHECK_INT(next(&w), PAIRING_REMOVE);
	done(&w, -EIO);
	expect_closed(&w);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	pairing_unpair(&w.p, CUFF, true);
	CHECK_INT(pairing_device_state(&w.p, CUFF), DEVICE_UNBONDED);
	expect(&w, PAIRING_REMOVE);
	check_closed(&w);
	CHECK(pairing_is_unpaired(&w.p, CUFF));
}

/* One that was found: whoever is found next may be another one. */
static void test_unpair_found(void)
{
	struct world w = start_with(&three[METER]);

	open_search(&w);
	adopt(&w, 5);
	done(&w, 0);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_START);
	paired(&w, false);
	facts(&w, LINK_SC_JUST_WORKS, 16);
	expect(&w, PAIRING_SET_TRUSTED);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	expect(&w, PAIRING_BONDED);
	CHECK(pairing_on_value(&w.p, 0, now(&w)));
	w.good[0] = false;
	pairing_unpair(&w.p, 0, false);
	expect(&w, PAIRING_REMOVE);
	CHECK(!pairing_is_unpaired(&w.p, 0)); /* its address is not given back */
	expect(&w, PAIRING_RELEASE);
	check_closed(&w);
	CHECK(pairing_is_unpaired(&w.p, 0));
	order(&w, 2, 0, false);
	CHECK(pairing_wants_candidates(&w.p));
	open_search(&w);
	adopt(&w, 6);
}

TEST_MAIN("pairing_window", test_outside_window, test_untidy, test_good,
	  test_no_test_reading, test_served_once, test_order_resets, test_close_fails,
	  test_window_ids, test_nothing_wanted, test_two_devices, test_two_tests,
	  test_one_test, test_repair, test_repair_not_done, test_config_after_window,
	  test_candidate, test_two_candidates, test_ambiguous, test_not_candidates,
	  test_candidate_fails, test_candidate_again, test_no_search_again,
	  test_window_ends_anywhere, test_random_life, test_unpair, test_unpair_in_window,
	  test_unpair_after_failure, test_unpair_found)
