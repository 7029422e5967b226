/*
 * test_pairing.c - one pairing: its steps, how strong the bond must be, and what may go wrong.
 */
#include "tests/sim/pairing_world.h"

/* ---- pairing ---- */

/* Objects of an earlier search are removed, and one grown old during this search too. */
static void test_stale(void)
{
	struct world w = start();

	tell(&w, 0, true, false);
	expect(&w, PAIRING_AGENT_ON);
	expect(&w, PAIRING_BONDABLE_ON);
	expect(&w, PAIRING_REMOVE);
	expect(&w, PAIRING_SEARCH_ON);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	tell(&w, 0, true, false);
	w.now += PAIRING_FRESH_MS - 1;
	tell(&w, 0, true, false); /* nothing new: as old as before */
	w.now++;
	expect(&w, PAIRING_REMOVE);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	CHECK_INT(w.p.state, PAIRING_LOOKING);
	tell(&w, 0, true, false);
	w.now += PAIRING_FRESH_MS - 1;
	CHECK_INT(next(&w), PAIRING_SEARCH_OFF);
}

/* Nothing of a wrong passkey is left behind, and the meter is not asked in a storm. */
static void test_rejected(void)
{
	struct world w = start();
	uint64_t wait = PAIRING_BACKOFF_MIN_MS;
	uint32_t key;

	for (int i = 0; i < 10; i++) {
		order(&w, 1, 0, false);
		find(&w);
		CHECK_INT(pairing_on_passkey(&w.p, 0, &key), 0);
		done(&w, -EKEYREJECTED);
		CHECK_INT(next(&w), PAIRING_NOTHING);
		w.now += PAIRING_RETRY_MS;
		CHECK_INT(next(&w), PAIRING_START);
		/* each Pair may ask once */
		CHECK_INT(pairing_on_passkey(&w.p, 0, &key), 0);
		done(&w, i % 2 ? -EACCES : -EKEYREJECTED);
		CHECK_INT(next(&w), PAIRING_REMOVE);
		done(&w, 0);
		order(&w, 1, 0, false);
		w.window_end += WINDOW_MS; /* longer than the longest wait */
		w.p.window_end.ms += WINDOW_MS;
		expect_failed(&w, PAIRING_REASON_REJECTED, wait);
		wait = wait * 2 < PAIRING_BACKOFF_MAX_MS ? wait * 2
							 : PAIRING_BACKOFF_MAX_MS;
	}
	CHECK_UINT(w.pairs, 20);
	CHECK(!w.facts[0].present);
	/* a new order starts without the wait */
	find(&w);
	done(&w, -EIO);
	order(&w, 2, 0, false);
	expect(&w, PAIRING_REMOVE);
	CHECK_INT(pairing_device_state(&w.p, 0), DEVICE_UNBONDED);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	open_search(&w);
}

static void test_retry_succeeds(void)
{
	struct world w = start();

	find(&w);
	done(&w, -EIO);
	w.now += PAIRING_RETRY_MS - 1;
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.now++;
	CHECK_INT(next(&w), PAIRING_START);
	tell(&w, 0, true, true);
	uint32_t key;
	CHECK_INT(pairing_on_passkey(&w.p, 0, &key), 0);
	done(&w, -EEXIST);
	CHECK_INT(next(&w), PAIRING_ASK_FACTS);
	facts(&w, LINK_LEGACY_PASSKEY, 16);
	expect(&w, PAIRING_SET_TRUSTED);
	CHECK_INT(pairing_device_state(&w.p, 0), DEVICE_UNBONDED); /* nothing failed */
}

static void test_time_limit(void)
{
	struct world w = start();

	find(&w);
	CHECK_UINT(pairing_deadline(&w.p).ms, w.now + PAIRING_PAIR_MS);
	w.now += PAIRING_PAIR_MS - 1;
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.now++;
	CHECK_INT(next(&w), PAIRING_STOP);
	pairing_on_done(&w.p, PAIRING_START, -EIO, now(&w)); /* the late answer */
	done(&w, 0);
	CHECK_INT(next(&w), PAIRING_REMOVE);
	done(&w, 0);
	expect_failed(&w, PAIRING_REASON_TIMEOUT, PAIRING_BACKOFF_MIN_MS);
}

static void test_not_bonded(void)
{
	struct world w = start();
	uint32_t key;

	find(&w);
	pairing_on_passkey(&w.p, 0, &key);
	w.facts[0] = (struct pairing_facts){ .present = true, .paired = true };
	pairing_on_facts(&w.p, 0, w.facts[0], now(&w));
	done(&w, 0);
	w.now += PAIRING_CHECK_MS - 1;
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.now++;
	CHECK_INT(next(&w), PAIRING_REMOVE);
	CHECK_INT(pairing_device_reason(&w.p, 0), PAIRING_REASON_NOT_BONDED);
}

/* Bonded, or gone, before Pair: somebody else's doing. */
static void test_not_askable(void)
{
	struct world w = start();

	open_search(&w);
	tell(&w, 0, true, false);
	CHECK_INT(next(&w), PAIRING_SEARCH_OFF);
	tell(&w, 0, true, true);
	done(&w, 0);
	CHECK_INT(next(&w), PAIRING_REMOVE);
	CHECK_INT(pairing_device_reason(&w.p, 0), PAIRING_REASON_FAILED);
	w = start();
	open_search(&w);
	tell(&w, 0, true, false);
	CHECK_INT(next(&w), PAIRING_SEARCH_OFF);
	tell(&w, 0, false, false);
	done(&w, 0);
	expect_closed(&w);
	CHECK_INT(pairing_device_reason(&w.p, 0), PAIRING_REASON_FAILED);
}

/* bluetoothd switches it off after a while. */
static void test_bondable_again(void)
{
	struct world w = start();

	find(&w);
	done(&w, -EIO);
	w.bondable = false;
	pairing_on_bondable(&w.p, false);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.now += PAIRING_RETRY_MS;
	expect(&w, PAIRING_BONDABLE_ON);
	CHECK_INT(next(&w), PAIRING_START);
	w = start();
	pairing_set_traits(&w.p, 0, &connects);
	open_search(&w);
	tell(&w, 0, true, false);
	w.bondable = false;
	pairing_on_bondable(&w.p, false);
	expect(&w, PAIRING_SEARCH_OFF);
	expect(&w, PAIRING_BONDABLE_ON);
	CHECK_INT(next(&w), PAIRING_CONNECT);
}

/* A failed attempt is forgotten with the first good one. */
static void test_fails_then_good(void)
{
	struct world w = start();
	uint64_t wait = PAIRING_BACKOFF_MIN_MS;

	for (int round = 0; round < 2; round++) {
		find(&w);
		done(&w, -EIO);
		CHECK_INT(next(&w), PAIRING_NOTHING);
		w.now += PAIRING_RETRY_MS;
		CHECK_INT(next(&w), PAIRING_START);
		done(&w, -EIO);
		CHECK_INT(next(&w), PAIRING_REMOVE);
		done(&w, 0);
		expect_failed(&w, PAIRING_REASON_FAILED, wait);
		pair_cuff(&w);
		expect(&w, PAIRING_BONDED);
		CHECK_INT(pairing_device_reason(&w.p, 0), PAIRING_REASON_NONE);
		w.good[0] = false;
		tell(&w, 0, false, false);
	}
}

/* The bond of a failed attempt does not go at once. */
static void test_remove_fails(void)
{
	struct world w = start();

	find(&w);
	paired(&w, true);
	facts(&w, LINK_LEGACY_PASSKEY, 7);
	CHECK_INT(next(&w), PAIRING_REMOVE);
	done(&w, -EIO);
	expect_closed(&w);
	CHECK(pairing_is_busy_with(&w.p, 0));
	CHECK_UINT(pairing_deadline(&w.p).ms, w.now + PAIRING_BACKOFF_MIN_MS);
	w.now += PAIRING_BACKOFF_MIN_MS - 1;
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.now++;
	expect(&w, PAIRING_REMOVE);
	open_search(&w);
	CHECK(!pairing_is_busy_with(&w.p, 0));
}

/* ---- strength ---- */

static const struct {
	size_t device; /* of three */
	enum link_strength strength;
	uint8_t key_size;
	enum pairing_reason reason;
} records[] = {
	{ CUFF, LINK_LEGACY_PASSKEY, 16, PAIRING_REASON_NONE },
	{ CUFF, LINK_SC_AUTHENTICATED, 16, PAIRING_REASON_NONE },
	{ CUFF, LINK_LEGACY_PASSKEY, 15, PAIRING_REASON_KEY_SHORT },
	{ CUFF, LINK_LEGACY_PASSKEY, 7, PAIRING_REASON_KEY_SHORT },
	{ CUFF, LINK_SC_AUTHENTICATED, 0, PAIRING_REASON_KEY_SHORT },
	{ CUFF, LINK_LEGACY_JUST_WORKS, 16, PAIRING_REASON_WEAK },
	{ CUFF, LINK_SC_JUST_WORKS, 16, PAIRING_REASON_WEAK },
	{ CUFF, LINK_UNKNOWN, 16, PAIRING_REASON_KEY_BAD },
	{ CUFF, LINK_UNKNOWN, 0, PAIRING_REASON_KEY_BAD },
	{ SCALE, LINK_LEGACY_JUST_WORKS, 16, PAIRING_REASON_NONE },
	{ SCALE, LINK_SC_JUST_WORKS, 16, PAIRING_REASON_NONE },
	{ SCALE, LINK_LEGACY_PASSKEY, 16, PAIRING_REASON_NONE },
	{ SCALE, LINK_LEGACY_JUST_WORKS, 15, PAIRING_REASON_KEY_SHORT },
	{ SCALE, LINK_UNKNOWN, 16, PAIRING_REASON_KEY_BAD },
};

/* A passkey that is configured must have been used, whatever else is allowed. */
static void test_passkey_and_just_works(void)
{
	struct config_device both = three[CUFF];
	struct world w;

	both.just_works = true;
	w = start_with(&both);
	find(&w);
	paired(&w, true);
	facts(&w, LINK_SC_JUST_WORKS, 16);
	CHECK_INT(next(&w), PAIRING_REMOVE);
	CHECK_INT(pairing_device_reason(&w.p, 0), PAIRING_REASON_WEAK);
}

static void test_records(void)
{
	for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++) {
		struct world w = start_with(&three[records[i].device]);

		find(&w);
		paired(&w, records[i].device == CUFF);
		facts(&w, records[i].strength, records[i].key_size);
		CHECK_INT(pairing_device_reason(&w.p, 0), records[i].reason);
		if (records[i].reason == PAIRING_REASON_NONE) {
			CHECK_INT(next(&w), PAIRING_SET_TRUSTED);
			continue;
		}
		expect(&w, PAIRING_REMOVE);
		expect_failed(&w, records[i].reason, PAIRING_BACKOFF_MIN_MS);
		CHECK(!w.facts[0].bonded);
		CHECK_INT(pairing_window_state(&w.p), WINDOW_OPEN); /* stays */
	}
}

/* A model that can do better is not taken for less. */
static void test_traits_strength(void)
{
	static const struct traits secure = { .pair_first = true,
					      .strength_min = LINK_SC_JUST_WORKS };
	struct world w = start_with(&three[SCALE]);

	pairing_set_traits(&w.p, 0, &secure);
	pairing_set_traits(&w.p, 99, &secure);
	find(&w);
	paired(&w, false);
	facts(&w, LINK_LEGACY_JUST_WORKS, 16);
	CHECK_INT(next(&w), PAIRING_REMOVE);
	CHECK_INT(pairing_device_reason(&w.p, 0), PAIRING_REASON_WEAK);
}

static void no_facts(struct world *w, int how)
{
	if (how == 0)
		pairing_on_bond_facts(&w->p, 0, false, LINK_SC_AUTHENTICATED, 16, now(w));
	else if (how == 1)
		pairing_on_done(&w->p, PAIRING_ASK_FACTS, -EAGAIN, now(w));
	else
		w->now += PAIRING_FACTS_MS;
	w->open = PAIRING_NOTHING;
}

/* hub-bondinfo is away: whoever should have asked for the passkey must have; not proven. */
static void test_facts_away(void)
{
	for (int how = 0; how < 3; how++) {
		struct world w = start();

		find(&w);
		paired(&w, true);
		CHECK_INT(next(&w), PAIRING_NOTHING);
		CHECK_UINT(pairing_deadline(&w.p).ms, w.now + PAIRING_FACTS_MS);
		no_facts(&w, how);
		CHECK_INT(next(&w), PAIRING_SET_TRUSTED);
		done(&w, 0);
		CHECK(!pairing_is_proven(&w.p, 0));
		CHECK_INT(pairing_strength(&w.p, 0), LINK_UNKNOWN);
		w = start();
		find(&w);
		paired(&w, false);
		no_facts(&w, how);
		CHECK_INT(next(&w), PAIRING_REMOVE);
		CHECK_INT(pairing_device_reason(&w.p, 0), PAIRING_REASON_WEAK);
		w = start_with(&three[SCALE]);
		find(&w);
		paired(&w, false);
		no_facts(&w, how);
		CHECK_INT(next(&w), PAIRING_SET_TRUSTED);
	}
}

/* It is back: the bond is judged then, also after the window. */
static void test_facts_late(void)
{
	struct world w = start();

	for (int bad = 0; bad < 2; bad++) {
		w = start();
		find(&w);
		paired(&w, true);
		no_facts(&w, 0);
		expect(&w, PAIRING_SET_TRUSTED);
		expect(&w, PAIRING_BONDABLE_OFF);
		expect(&w, PAIRING_AGENT_OFF);
		expect(&w, PAIRING_BONDED);
		pairing_on_bond_facts(&w.p, 0, false, LINK_UNKNOWN, 0, now(&w));
		pairing_on_bond_facts(&w.p, 99, true, LINK_UNKNOWN, 0, now(&w));
		check_closed(&w);
		if (bad)
			order(&w, 0, 0, false);
		w.good[0] = false;
		pairing_on_bond_facts(&w.p, 0, true, LINK_LEGACY_PASSKEY, bad ? 7 : 16,
				      now(&w));
		if (bad) {
			CHECK(pairing_is_busy_with(&w.p, 0));
			CHECK(!pairing_is_proven(&w.p, 0));
			expect(&w, PAIRING_REMOVE);
			CHECK_INT(pairing_device_reason(&w.p, 0),
				  PAIRING_REASON_KEY_SHORT);
		} else {
			CHECK(pairing_is_proven(&w.p, 0));
			CHECK_INT(pairing_strength(&w.p, 0), LINK_LEGACY_PASSKEY);
			w.good[0] = true;
			expect(&w, PAIRING_BONDED); /* the strength is new */
			/* proven once and for all */
			pairing_on_bond_facts(&w.p, 0, true, LINK_UNKNOWN, 0, now(&w));
			CHECK(pairing_wants_test(&w.p, 0));
		}
		check_closed(&w);
	}
	CHECK_UINT(w.bonds, 1);
}

/* A device without passkey bonds without a question; one that asks is refused, without a second try. */
static void test_no_passkey(void)
{
	struct world w = start_with(&three[SCALE]);
	uint32_t key;

	find(&w);
	CHECK_INT(pairing_on_passkey(&w.p, 0, &key), -EACCES);
	done(&w, -EKEYREJECTED);
	CHECK_INT(next(&w), PAIRING_REMOVE);
	CHECK_INT(pairing_device_reason(&w.p, 0), PAIRING_REASON_NO_PASSKEY);
	/* which says nothing about the next one */
	w = start_closed(three, 2);
	order(&w, 1, 0, false);
	open_search(&w);
	tell(&w, SCALE, true, false);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_START);
	CHECK_INT(pairing_on_passkey(&w.p, SCALE, &key), -EACCES);
	done(&w, -EKEYREJECTED);
	expect(&w, PAIRING_REMOVE);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	find(&w);
	done(&w, -EIO);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.now += PAIRING_RETRY_MS;
	CHECK_INT(next(&w), PAIRING_START);
	done(&w, -EIO);
	CHECK_INT(next(&w), PAIRING_REMOVE);
	CHECK_INT(pairing_device_reason(&w.p, CUFF), PAIRING_REASON_FAILED);
}

/* Neither a passkey nor a bond without one: not even searched for. */
static void test_forbidden(void)
{
	static const struct config_device none = { .num = 1,
						   .kind = READING_GLUCOSE,
						   .passkey = CONFIG_NO_PASSKEY };
	struct world w = start_with(&none);

	check_closed(&w);
	CHECK(!pairing_wants_candidates(&w.p));
	CHECK_INT(pairing_device_state(&w.p, 0), DEVICE_PAIRING_FAILED);
	CHECK_INT(pairing_device_reason(&w.p, 0), PAIRING_REASON_NO_PASSKEY);
}

/* ---- traits ---- */

static struct world start_connecting(const struct config_device *device)
{
	struct world w = start_with(device);

	pairing_set_traits(&w.p, 0, &connects);
	open_search(&w);
	tell(&w, 0, true, false);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_CONNECT);
	return w;
}

static void test_connect_first(void)
{
	struct world w = start_connecting(&three[SCALE]);

	tell_link(&w, true, false, false);
	done(&w, 0);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	CHECK_UINT(pairing_deadline(&w.p).ms, w.now + PAIRING_RESOLVE_MS);
	tell_link(&w, true, true, false);
	CHECK_INT(next(&w), PAIRING_START);
	tell_link(&w, true, true, true);
	done(&w, 0);
	CHECK_INT(next(&w), PAIRING_ASK_FACTS);
	facts(&w, LINK_LEGACY_JUST_WORKS, 16);
	expect(&w, PAIRING_SET_TRUSTED);
	CHECK(pairing_is_busy_with(&w.p, 0)); /* until it has hung up */
	expect(&w, PAIRING_DISCONNECT);
	CHECK(!pairing_is_busy_with(&w.p, 0));
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	expect(&w, PAIRING_BONDED);
	check_closed(&w);
}

/* It asks for security by itself when it is connected. */
static void test_connect_bonds(void)
{
	struct world w = start_connecting(&three[CUFF]);
	uint32_t key;

	CHECK_INT(pairing_on_passkey(&w.p, 0, &key), 0);
	tell_link(&w, true, false, false);
	done(&w, 0);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	CHECK_INT(pairing_on_passkey(&w.p, 0, &key), -EACCES); /* once per attempt */
	tell_link(&w, true, false, true);
	CHECK_INT(next(&w), PAIRING_ASK_FACTS);
	CHECK_UINT(w.pairs, 0);
	w = start_connecting(&three[CUFF]);
	tell_link(&w, true, false, false);
	done(&w, -EIO); /* AlreadyConnected */
	CHECK_INT(next(&w), PAIRING_NOTHING);
	CHECK_INT(pairing_on_passkey(&w.p, 0, &key), 0);
	CHECK_INT(pairing_on_passkey(&w.p, 1, &key), -EACCES);
}

static void fail_connecting(struct world *w, int how)
{
	switch (how) {
	case 0: /* no connection */ done(w, -EIO); break;
	case 1: /* never an answer */
		w->now += PAIRING_CONNECT_MS;
		w->open = PAIRING_NOTHING;
		break;
	case 2: /* no services */
		tell_link(w, true, false, false);
		done(w, 0);
		CHECK_INT(next(w), PAIRING_NOTHING);
		w->now += PAIRING_RESOLVE_MS;
		break;
	default: /* it hangs up */
		tell_link(w, true, false, false);
		done(w, 0);
		CHECK_INT(next(w), PAIRING_NOTHING);
		tell_link(w, false, false, false);
		break;
	}
}

static void test_connect_fails(void)
{
	for (int how = 0; how < 4; how++) {
		struct world w = start_connecting(&three[CUFF]);

		fail_connecting(&w, how);
		CHECK_INT(next(&w), PAIRING_NOTHING);
		CHECK_INT(w.p.state, PAIRING_RETRY);
		w.now += PAIRING_RETRY_MS;
		CHECK_INT(next(&w), PAIRING_CONNECT);
		fail_connecting(&w, how);
		expect(&w, PAIRING_REMOVE);
		expect_failed(&w, PAIRING_REASON_FAILED, PAIRING_BACKOFF_MIN_MS);
	}
}

/* ---- who it is ---- */

static struct world start_identity(void)
{
	struct world w = start_with(&with_serial);

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
	check_closed(&w); /* nothing is announced before it is known who it is */
	return w;
}

static void test_identity_good(void)
{
	struct world w = start_identity();

	pairing_on_identity(&w.p, 0, true, now(&w));
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OPEN);
	expect(&w, PAIRING_BONDED);
	pairing_on_identity(&w.p, 0, false, now(&w)); /* later changes are the doctor's */
	pairing_on_identity(&w.p, 99, false, now(&w));
	check_closed(&w);
	CHECK(pairing_on_value(&w.p, 0, now(&w)));
	CHECK_INT(pairing_window_state(&w.p), WINDOW_DONE);
	/* the value first */
	w = start_identity();
	CHECK(pairing_on_value(&w.p, 0, now(&w)));
	CHECK(!pairing_wants_test(&w.p, 0));
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OPEN);
	pairing_on_identity(&w.p, 0, true, now(&w));
	CHECK_INT(pairing_window_state(&w.p), WINDOW_DONE);
	expect(&w, PAIRING_BONDED);
	check_closed(&w);
}

/* The wrong device: removed, also after the window; not found again in this one. */
static void test_identity_bad(void)
{
	struct world w = start_identity();

	CHECK(pairing_on_value(&w.p, 0, now(&w)));
	w.good[0] = false;
	pairing_on_identity(&w.p, 0, false, now(&w));
	CHECK(pairing_is_busy_with(&w.p, 0));
	CHECK(!pairing_wants_test(&w.p, 0));
	CHECK_INT(pairing_strength(&w.p, 0), LINK_UNKNOWN);
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OPEN);
	expect(&w, PAIRING_REMOVE);
	expect(&w, PAIRING_RELEASE);
	check_closed(&w);
	CHECK_INT(pairing_device_reason(&w.p, 0), PAIRING_REASON_IDENTITY);
	CHECK(!pairing_wants_test(&w.p, 0));
	w.now += PAIRING_BACKOFF_MIN_MS;
	open_search(&w);
	hear(&w, 5, -40);
	w.now += PAIRING_COLLECT_MS;
	CHECK_INT(next(&w), PAIRING_NOTHING);
	adopt(&w, 6);
	/* in another window it may be looked at again */
	done(&w, 0);
	order(&w, 2, 0, false);
	expect(&w, PAIRING_REMOVE);
	expect(&w, PAIRING_RELEASE);
	expect(&w, PAIRING_SEARCH_OFF);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	open_search(&w);
	adopt(&w, 5);
	w = start_identity();
	order(&w, 0, 0, false);
	w.good[0] = false;
	pairing_on_identity(&w.p, 0, false, now(&w));
	expect(&w, PAIRING_REMOVE);
	expect(&w, PAIRING_RELEASE);
	check_closed(&w);
	CHECK_UINT(w.bonds, 0);
	/* too late for the window */
	w = start_identity();
	CHECK(pairing_on_value(&w.p, 0, now(&w)));
	order(&w, 0, 0, false);
	pairing_on_identity(&w.p, 0, true, now(&w));
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OVER);
	expect(&w, PAIRING_BONDED);
}

/* A device from before is none of pairing's business. */
static void test_identity_of_others(void)
{
	struct world w = start_closed(three, 1);

	tell(&w, 0, true, true);
	w.good[0] = true;
	order(&w, 1, 0, false);
	pairing_on_identity(&w.p, 0, false, now(&w));
	pairing_on_bond_facts(&w.p, 0, true, LINK_UNKNOWN, 0, now(&w));
	CHECK(!pairing_is_busy_with(&w.p, 0));
	check_closed(&w);
}

/* More wrong devices than can be remembered. */
static void test_many_wrong(void)
{
	struct world w = start_identity();

	for (uint8_t i = 0; i < 2 * PAIRING_REFUSED_MAX; i++) {
		w.good[0] = false;
		pairing_on_identity(&w.p, 0, false, now(&w));
		CHECK(!pairing_wants_test(&w.p, 0));
		expect(&w, PAIRING_REMOVE);
		expect(&w, PAIRING_RELEASE);
		check_closed(&w);
		order(&w, 1, 0, false); /* time enough */
		w.now = w.p.devices[0].not_before.ms;
		order(&w, 1, 0, false);
		open_search(&w);
		adopt(&w, (uint8_t)(10 + i));
		done(&w, 0);
		expect(&w, PAIRING_SEARCH_OFF);
		CHECK_INT(next(&w), PAIRING_START);
		paired(&w, false);
		facts(&w, LINK_SC_JUST_WORKS, 16);
		expect(&w, PAIRING_SET_TRUSTED);
		expect(&w, PAIRING_BONDABLE_OFF);
		expect(&w, PAIRING_AGENT_OFF);
	}
}

/* ---- interruptions ---- */

static void test_quiet(void)
{
	struct world w = start();

	open_search(&w);
	pairing_on_quiet(&w.p, true);
	expect(&w, PAIRING_SEARCH_OFF);
	expect_closed(&w);
	pairing_on_quiet(&w.p, false);
	open_search(&w);
}

static void bonded(struct world *w)
{
	tell(w, 0, true, true);
	done(w, 0);
}

/* bluetoothd goes away at each step; nothing half made is left when it is back. */
static void test_radio_gone(void)
{
	for (int step = 0; step < 9; step++) {
		struct world w = start();
		int k = 0;

		while (k++ < step) {
			enum pairing_op op = next(&w);

			if (op == PAIRING_NOTHING)
				tell(&w, 0, true, false);
			else if (op == PAIRING_START)
				bonded(&w);
			else if (op == PAIRING_ASK_FACTS)
				facts(&w, LINK_LEGACY_PASSKEY, 16);
			else
				done(&w, 0);
		}
		next(&w);
		restart(&w, false);
		CHECK_UINT(pairing_deadline(&w.p).ms, w.window_end);
		if (next(&w) == PAIRING_BONDED) /* needs no radio */
			done(&w, 0);
		CHECK_INT(next(&w), PAIRING_NOTHING);
		CHECK_INT(w.p.state, PAIRING_IDLE);
		w.now += 1000;
		restart(&w, true);
		if (w.facts[0].bonded && !w.good[0]) {
			CHECK(pairing_is_busy_with(&w.p, 0));
			CHECK_INT(next(&w), PAIRING_REMOVE);
		}
		/* until it is as it was; the agent may still be there */
		for (int i = 0; i < 6 && next(&w) != PAIRING_AGENT_ON; i++) {
			if (w.open == PAIRING_NOTHING)
				break;
			done(&w, w.open == PAIRING_AGENT_OFF ? -ENOENT : 0);
		}
		CHECK_INT(w.open, w.good[0] ? PAIRING_NOTHING : PAIRING_AGENT_ON);
		CHECK_INT(w.facts[0].bonded, w.good[0]);
		CHECK(!pairing_is_busy_with(&w.p, 0));
	}
}

/* The same, of a device that bonds by itself when it is connected. */
static void test_radio_gone_connecting(void)
{
	struct world w = start_connecting(&three[CUFF]);

	tell_link(&w, true, false, true);
	restart(&w, false);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	restart(&w, true);
	CHECK(pairing_is_busy_with(&w.p, 0));
	CHECK_INT(next(&w), PAIRING_REMOVE);
}

/* Somebody removed the bond during the test: it is to be made again. */
static void test_bond_gone(void)
{
	struct world w = start();

	pair_cuff(&w);
	expect(&w, PAIRING_BONDED);
	w.good[0] = false;
	tell(&w, 0, false, false);
	CHECK(!pairing_wants_test(&w.p, 0));
	open_search(&w);
}

/* An earlier hub-ble ended between Pair and trust. */
static void test_unfinished(void)
{
	struct world w = start_closed(three, 3);

	w.facts[1] = (struct pairing_facts){
		.present = true, .paired = true, .bonded = true, .unfinished = true
	};
	relist(&w);
	CHECK(pairing_is_busy_with(&w.p, 1));
	CHECK(!pairing_is_busy_with(&w.p, 0));
	CHECK_INT(next(&w), PAIRING_REMOVE);
	done(&w, -EIO); /* it does not go */
	CHECK_INT(next(&w), PAIRING_NOTHING);
	CHECK(pairing_is_busy_with(&w.p, 1));
	CHECK_UINT(pairing_deadline(&w.p).ms, w.now + PAIRING_BACKOFF_MIN_MS);
	w.now += PAIRING_BACKOFF_MIN_MS;
	expect(&w, PAIRING_REMOVE);
	check_closed(&w);
	CHECK(!pairing_is_busy_with(&w.p, 1));
	CHECK_UINT(pairing_deadline(&w.p).ms, UINT64_MAX);
}

static void test_new_config(void)
{
	struct world w = start();

	find(&w);
	pairing_set_devices(&w.p, three, 0);
	w.open = PAIRING_NOTHING;
	pairing_on_done(&w.p, PAIRING_START, 0, now(&w));
	expect_closed(&w);
	w = start();
	pair_cuff(&w);
	CHECK_INT(next(&w), PAIRING_BONDED);
	pairing_set_devices(&w.p, three, 0);
	w.open = PAIRING_NOTHING;
	check_closed(&w);
	pairing_set_devices(&w.p, three, 1); /* and it lives */
	CHECK_INT(next(&w), PAIRING_AGENT_ON);
	/* while an object is removed, and while everybody is looked for */
	w = start();
	tell(&w, 0, true, false);
	expect(&w, PAIRING_AGENT_ON);
	expect(&w, PAIRING_BONDABLE_ON);
	CHECK_INT(next(&w), PAIRING_REMOVE);
	pairing_set_devices(&w.p, three, 0);
	w.open = PAIRING_NOTHING;
	expect_closed(&w);
	w = start();
	open_search(&w);
	pairing_set_devices(&w.p, three, 0);
	expect(&w, PAIRING_SEARCH_OFF);
	expect_closed(&w);
}

/* Who is no longer configured is not looked at any more. */
static void test_fewer_devices(void)
{
	struct world w = start_closed(three, 3);

	order(&w, 1, 0, false);
	for (size_t i = 0; i < 3; i++) {
		w.facts[i] = (struct pairing_facts){ .present = true,
						     .bonded = i > 0,
						     .unfinished = i > 0 };
		pairing_on_facts(&w.p, i, w.facts[i], now(&w));
	}
	pairing_set_devices(&w.p, three, 1);
	CHECK(!pairing_is_busy_with(&w.p, 1));
	open_search(&w);
}

static void test_agent_refused(void)
{
	struct world w = start();

	CHECK_INT(next(&w), PAIRING_AGENT_ON);
	done(&w, -EIO);
	CHECK_INT(next(&w), PAIRING_AGENT_OFF);
	done(&w, -ENOENT);
	check_closed(&w);
	CHECK_UINT(pairing_deadline(&w.p).ms, w.now + PAIRING_BACKOFF_MIN_MS);
	w.now += PAIRING_BACKOFF_MIN_MS;
	expect(&w, PAIRING_AGENT_ON);
	CHECK_INT(next(&w), PAIRING_BONDABLE_ON);
	done(&w, -EIO);
	expect(&w, PAIRING_AGENT_OFF);
	check_closed(&w);
	w.now += PAIRING_BACKOFF_MIN_MS;
	expect(&w, PAIRING_AGENT_ON);
	expect(&w, PAIRING_BONDABLE_ON);
	CHECK_INT(next(&w), PAIRING_SEARCH_ON);
	done(&w, -EIO);
	expect_closed(&w);
}

static void test_trust_refused(void)
{
	struct world w = start();

	find(&w);
	paired(&w, true);
	facts(&w, LINK_LEGACY_PASSKEY, 16);
	CHECK_INT(next(&w), PAIRING_SET_TRUSTED);
	done(&w, -EIO);
	expect(&w, PAIRING_REMOVE);
	expect_failed(&w, PAIRING_REASON_FAILED, PAIRING_BACKOFF_MIN_MS);
}

static void test_texts(void)
{
	for (int r = PAIRING_REASON_NONE; r <= PAIRING_REASON_IDENTITY; r++) {
		CHECK(strcmp(pairing_reason_text((enum pairing_reason)r), "?") != 0);
		CHECK_INT(pairing_reason_silence((enum pairing_reason)r) != SILENCE_NONE,
			  r != PAIRING_REASON_NONE);
	}
	CHECK_STR(pairing_reason_text((enum pairing_reason)99), "?");
	CHECK_INT(pairing_reason_silence((enum pairing_reason)99), SILENCE_NONE);
	CHECK_INT(pairing_reason_silence(PAIRING_REASON_REJECTED), SILENCE_PASSKEY);
	CHECK_INT(pairing_reason_silence(PAIRING_REASON_NO_PASSKEY), SILENCE_PASSKEY);
	CHECK_INT(pairing_reason_silence(PAIRING_REASON_WEAK), SILENCE_PASSKEY);
	CHECK_INT(pairing_reason_silence(PAIRING_REASON_KEY_SHORT), SILENCE_KEY_SHORT);
	CHECK_INT(pairing_reason_silence(PAIRING_REASON_IDENTITY), SILENCE_CHANGED);
	CHECK_INT(pairing_reason_silence(PAIRING_REASON_NOT_BONDED), SILENCE_HUB_FORGOT);
}

TEST_MAIN("pairing", test_stale, test_rejected, test_retry_succeeds, test_time_limit,
	  test_not_bonded, test_not_askable, test_bondable_again, test_fails_then_good,
	  test_remove_fails, test_passkey_and_just_works, test_records,
	  test_traits_strength, test_facts_away, test_facts_late, test_no_passkey,
	  test_forbidden, test_connect_first, test_connect_bonds, test_connect_fails,
	  test_identity_good, test_identity_bad, test_identity_of_others, test_many_wrong,
	  test_quiet, test_radio_gone, test_radio_gone_connecting, test_bond_gone,
	  test_unfinished, test_new_config, test_fewer_devices, test_agent_refused,
	  test_trust_refused, test_texts)
