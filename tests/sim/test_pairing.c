/*
 * test_pairing.c - the pairing machine against a simulated bluetoothd in virtual time.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/pairing.h"

/* A bluetoothd that does what it is told, and what pairing.h promises about it. */
struct world {
	struct pairing p;
	uint64_t now;
	bool agent, bondable, searching, radio;
	enum pairing_op open; /* under way */
	size_t open_device;
	struct pairing_facts facts[CONFIG_DEVICES_MAX];
	unsigned pairs;
};

static const struct config_device two[] = {
	{ .num = 1, .kind = READING_BLOOD_PRESSURE, .passkey = 123456 },
	{ .num = 2, .kind = READING_BLOOD_PRESSURE, .passkey = CONFIG_NO_PASSKEY },
};

static struct mono now(const struct world *w)
{
	return (struct mono){ w->now };
}

static void tell(struct world *w, size_t i, bool present, bool bonded)
{
	w->facts[i] = (struct pairing_facts){ present, bonded, bonded };
	pairing_on_facts(&w->p, i, w->facts[i], now(w));
}

static struct world start(size_t devices)
{
	struct world w = { .now = 1000, .radio = true };

	pairing_init(&w.p);
	pairing_set_devices(&w.p, two, devices);
	pairing_on_radio(&w.p, true);
	return w;
}

/* The next operation, with the invariants that hold for each. */
static enum pairing_op next(struct world *w)
{
	struct pairing_action a = pairing_next(&w->p, now(w));

	if (a.op == PAIRING_NOTHING)
		return a.op;
	CHECK(w->radio);
	CHECK(w->open == PAIRING_NOTHING || a.op == PAIRING_STOP); /* one at a time */
	w->open = a.op;
	w->open_device = a.device;
	if (a.op == PAIRING_START) {
		CHECK(w->agent && w->bondable && !w->searching);
		CHECK(w->facts[a.device].present && !w->facts[a.device].bonded);
		w->pairs++;
	}
	if (a.op == PAIRING_SEARCH_ON || a.op == PAIRING_BONDABLE_ON)
		CHECK(w->agent);
	if (a.op == PAIRING_REMOVE)
		CHECK(w->facts[a.device].present);
	if (a.op == PAIRING_SET_TRUSTED)
		CHECK(w->facts[a.device].bonded);
	return a.op;
}

/* bluetoothd carries out what is under way and answers. */
static void done(struct world *w, int err)
{
	enum pairing_op op = w->open;

	w->open = PAIRING_NOTHING;
	if (!err && op == PAIRING_AGENT_ON)
		w->agent = true;
	if (op == PAIRING_AGENT_OFF)
		w->agent = false;
	if (!err && (op == PAIRING_BONDABLE_ON || op == PAIRING_BONDABLE_OFF)) {
		w->bondable = op == PAIRING_BONDABLE_ON;
		pairing_on_bondable(&w->p, w->bondable);
	}
	if (!err && op == PAIRING_SEARCH_ON)
		w->searching = true;
	if (op == PAIRING_SEARCH_OFF) /* refused only if there is none */
		w->searching = false;
	if (!err && op == PAIRING_REMOVE)
		tell(w, w->open_device, false, false);
	pairing_on_done(&w->p, op, err, now(w));
}

static void expect(struct world *w, enum pairing_op op)
{
	CHECK_INT(next(w), op);
	done(w, 0);
}

static void open_search(struct world *w)
{
	expect(w, PAIRING_AGENT_ON);
	expect(w, PAIRING_BONDABLE_ON);
	expect(w, PAIRING_SEARCH_ON);
	CHECK_INT(next(w), PAIRING_NOTHING);
	CHECK_INT(w->p.state, PAIRING_LOOKING);
}

static void expect_closed(struct world *w)
{
	expect(w, PAIRING_BONDABLE_OFF);
	expect(w, PAIRING_AGENT_OFF);
	CHECK_INT(next(w), PAIRING_NOTHING);
	CHECK_INT(w->p.state, PAIRING_IDLE);
	CHECK(!w->agent && !w->bondable && !w->searching);
}

static void find(struct world *w)
{
	open_search(w);
	tell(w, 0, true, false);
	expect(w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(w), PAIRING_START);
}

static void test_good(void)
{
	struct world w = start(1);
	uint32_t key = 0;

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
	expect(&w, PAIRING_SET_TRUSTED);
	expect_closed(&w);
	CHECK(!pairing_is_busy_with(&w.p, 0));
	CHECK_UINT(pairing_deadline(&w.p).ms, UINT64_MAX);
	CHECK_INT(pairing_on_passkey(&w.p, 0, &key), -EACCES);
}

static void test_nothing_wanted(void)
{
	struct world w = start(0);

	CHECK_INT(next(&w), PAIRING_NOTHING);
	w = start(1);
	tell(&w, 0, true, true);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	CHECK_INT(w.p.state, PAIRING_IDLE);
}

/* Objects of an earlier search are removed, and one grown old during this search too. */
static void test_stale(void)
{
	struct world w = start(1);

	tell(&w, 0, true, false);
	expect(&w, PAIRING_AGENT_ON);
	expect(&w, PAIRING_BONDABLE_ON);
	expect(&w, PAIRING_REMOVE);
	expect(&w, PAIRING_SEARCH_ON);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	pairing_on_facts(&w.p, 0, (struct pairing_facts){ .present = true }, now(&w));
	w.facts[0].present = true;
	w.now += PAIRING_FRESH_MS;
	expect(&w, PAIRING_REMOVE);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	CHECK_INT(w.p.state, PAIRING_LOOKING);
	tell(&w, 0, true, false);
	w.now += PAIRING_FRESH_MS - 1;
	CHECK_INT(next(&w), PAIRING_SEARCH_OFF);
}

static void expect_failed(struct world *w, enum pairing_reason reason, uint64_t wait_ms)
{
	uint64_t failed_at = w->now;

	CHECK_INT(pairing_device_state(&w->p, 0), DEVICE_PAIRING_FAILED);
	CHECK_INT(pairing_device_reason(&w->p, 0), reason);
	if (w->facts[0].present)
		expect(w, PAIRING_REMOVE);
	expect_closed(w);
	CHECK_UINT(pairing_deadline(&w->p).ms, failed_at + wait_ms);
	w->now = failed_at + wait_ms - 1;
	CHECK_INT(next(w), PAIRING_NOTHING);
	w->now++;
}

static void test_rejected(void)
{
	struct world w = start(1);
	uint64_t wait = PAIRING_BACKOFF_MIN_MS;
	uint32_t key;

	for (int i = 0; i < 10; i++) {
		find(&w);
		CHECK_INT(pairing_on_passkey(&w.p, 0, &key), 0);
		done(&w, -EKEYREJECTED);
		CHECK_INT(next(&w), PAIRING_NOTHING);
		w.now += PAIRING_RETRY_MS;
		CHECK_INT(next(&w), PAIRING_START);
		CHECK_INT(pairing_on_passkey(&w.p, 0, &key),
			  0); /* each Pair may ask once */
		done(&w, -EKEYREJECTED);
		CHECK_INT(next(&w), PAIRING_REMOVE);
		done(&w, 0);
		expect_failed(&w, PAIRING_REASON_REJECTED, wait);
		wait = wait * 2 < PAIRING_BACKOFF_MAX_MS ? wait * 2
							 : PAIRING_BACKOFF_MAX_MS;
	}
	CHECK_UINT(w.pairs, 20);
}

static void test_retry_succeeds(void)
{
	struct world w = start(1);
	uint32_t key;

	find(&w);
	done(&w, -EIO);
	w.now += PAIRING_RETRY_MS - 1;
	CHECK_INT(next(&w), PAIRING_NOTHING);
	w.now++;
	CHECK_INT(next(&w), PAIRING_START);
	CHECK_INT(pairing_on_passkey(&w.p, 0, &key), 0);
	tell(&w, 0, true, true);
	done(&w, -EEXIST);
	expect(&w, PAIRING_SET_TRUSTED);
	CHECK_INT(pairing_device_state(&w.p, 0), DEVICE_UNBONDED); /* nothing failed */
}

static void test_time_limit(void)
{
	struct world w = start(1);

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
	struct world w = start(1);
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

static void test_weak(void)
{
	struct world w = start(1);

	find(&w);
	tell(&w, 0, true, true);
	done(&w, 0);
	CHECK_INT(next(&w), PAIRING_REMOVE);
	CHECK_INT(pairing_device_reason(&w.p, 0), PAIRING_REASON_WEAK);
}

/* A device without passkey bonds without a question; one that asks is refused, without a second try. */
static void test_no_passkey(void)
{
	struct world w = start(2);
	uint32_t key;

	tell(&w, 0, true, true);
	open_search(&w);
	tell(&w, 1, true, false);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_START);
	CHECK_UINT(w.open_device, 1);
	CHECK_INT(pairing_on_passkey(&w.p, 1, &key), -EACCES);
	done(&w, -EKEYREJECTED);
	CHECK_INT(next(&w), PAIRING_REMOVE);
	CHECK_INT(pairing_device_reason(&w.p, 1), PAIRING_REASON_NO_PASSKEY);
	w = start(2);
	tell(&w, 0, true, true);
	open_search(&w);
	tell(&w, 1, true, false);
	expect(&w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(&w), PAIRING_START);
	tell(&w, 1, true, true);
	done(&w, 0);
	expect(&w, PAIRING_SET_TRUSTED);
}

static void test_quiet(void)
{
	struct world w = start(1);

	open_search(&w);
	pairing_on_quiet(&w.p, true);
	expect(&w, PAIRING_SEARCH_OFF);
	expect_closed(&w);
	pairing_on_quiet(&w.p, false);
	open_search(&w);
}

static void test_radio_gone(void)
{
	struct world w = start(1);

	find(&w);
	w.radio = false;
	w.open = PAIRING_NOTHING;
	pairing_on_radio(&w.p, false);
	pairing_on_done(&w.p, PAIRING_START, 0, now(&w));
	CHECK_INT(next(&w), PAIRING_NOTHING);
	CHECK_INT(w.p.state, PAIRING_IDLE);
	CHECK_UINT(pairing_deadline(&w.p).ms, UINT64_MAX);
}

static void test_new_config(void)
{
	struct world w = start(1);

	find(&w);
	pairing_set_devices(&w.p, two, 0);
	w.open = PAIRING_NOTHING;
	pairing_on_done(&w.p, PAIRING_START, 0, now(&w));
	expect_closed(&w);
}

static void test_agent_refused(void)
{
	struct world w = start(1);

	CHECK_INT(next(&w), PAIRING_AGENT_ON);
	done(&w, -EIO);
	expect(&w, PAIRING_AGENT_OFF);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	CHECK_UINT(pairing_deadline(&w.p).ms, w.now + PAIRING_BACKOFF_MIN_MS);
}

static void random_facts(struct world *w, size_t i)
{
	struct pairing_facts f = { .present = test_random() % 4 != 0 };

	f.paired = f.present && test_random() % 3 == 0;
	f.bonded = f.paired && test_random() % 2;
	w->facts[i] = f;
	pairing_on_facts(&w->p, i, f, now(w));
}

/*
 * Hours with a bluetoothd that answers, refuses, forgets and restarts at random. 'next' checks the order of what is
 * asked; here: no key is told outside a Pair, at rest everything is closed, and a failing device is not tried in a storm.
 */
static void test_random_life(void)
{
	struct world w = start(2);
	unsigned pairs_before = 0;
	uint64_t began = w.now;

	for (int i = 0; i < 300000; i++) {
		uint32_t key;
		size_t device = test_random() % 3;

		if (pairing_on_passkey(&w.p, device, &key) == 0) {
			CHECK_INT(w.open, PAIRING_START);
			CHECK_UINT(device, w.open_device);
			CHECK_UINT(key, 123456);
		}
		switch (test_random() % 12) {
		case 0: random_facts(&w, test_random() % 2); break;
		case 1: pairing_on_quiet(&w.p, test_random() % 2); break;
		case 2:
			if (test_random() % 16)
				break;
			w.radio = !w.radio;
			pairing_on_radio(&w.p, w.radio);
			w.open =
				PAIRING_NOTHING; /* bluetoothd restarted: all of it is gone */
			w.agent = w.searching = w.bondable = false;
			pairing_on_bondable(&w.p, false);
			break;
		default:
			if (w.open)
				done(&w, test_random() % 4 ? 0 : -EIO);
			break;
		}
		next(&w);
		if (w.p.state == PAIRING_IDLE && w.radio)
			CHECK(!w.searching && !w.open);
		w.now += test_random() % 500;
	}
	pairs_before = w.pairs;
	CHECK(pairs_before > 10); /* it did something */
	CHECK(pairs_before < (w.now - began) / 1000);
}

TEST_MAIN("pairing", test_good, test_nothing_wanted, test_stale, test_rejected,
	  test_retry_succeeds, test_time_limit, test_not_bonded, test_weak,
	  test_no_passkey, test_quiet, test_radio_gone, test_new_config,
	  test_agent_refused, test_random_life)
