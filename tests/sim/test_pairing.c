/*
 * test_pairing.c - the pairing machine against a simulated bluetoothd in virtual time.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/pairing.h"

enum { WINDOW_MS = 600000, CUFF = 0, SCALE = 1, METER = 2 };

/* A bluetoothd that does what it is told, and what pairing.h promises about it. */
struct world {
	struct pairing p;
	uint64_t now;
	bool agent, bondable, searching, radio;
	enum pairing_op open; /* under way */
	size_t open_device;
	struct pairing_facts facts[CONFIG_DEVICES_MAX];
	bool adopted[CONFIG_DEVICES_MAX];
	/* its bond was found good, and nothing has been said against it since */
	bool good[CONFIG_DEVICES_MAX];
	bool window;
	uint64_t window_end;
	unsigned pairs, bonds, removals;
	uint8_t found[PERIPHERAL_ADDR_LEN]; /* of the last PAIRING_ADOPT */
};

/* A cuff with a passkey, a scale without, both with addresses; a meter whose address nobody
 * knows. */
static const struct config_device three[] = {
	{ .num = 1,
	  .kind = READING_BLOOD_PRESSURE,
	  .has_addr = true,
	  .addr = { 1 },
	  .passkey = 123456 },
	{ .num = 2,
	  .kind = READING_WEIGHT,
	  .has_addr = true,
	  .addr = { 2 },
	  .passkey = CONFIG_NO_PASSKEY,
	  .just_works = true },
	{ .num = 3,
	  .kind = READING_GLUCOSE,
	  .passkey = CONFIG_NO_PASSKEY,
	  .just_works = true },
};

static struct mono now(const struct world *w)
{
	return (struct mono){ w->now };
}

static void tell(struct world *w, size_t i, bool present, bool bonded)
{
	w->facts[i] = (struct pairing_facts){ .present = present,
					      .paired = bonded,
					      .bonded = bonded };
	pairing_on_facts(&w->p, i, w->facts[i], now(w));
}

static void order(struct world *w, uint32_t id, uint16_t device, bool repair)
{
	const struct msg_window m = {
		.id = id, .device = device, .ms_left = WINDOW_MS, .repair = repair
	};

	pairing_on_window(&w->p, &m, now(w));
	w->window = id != 0;
	w->window_end = w->now + WINDOW_MS;
}

static struct world start_closed(const struct config_device *devices, size_t count)
{
	struct world w = { .now = 1000, .radio = true };

	pairing_init(&w.p);
	pairing_set_devices(&w.p, devices, count);
	pairing_on_radio(&w.p, true);
	return w;
}

/* One device, and a window for all. */
static struct world start_with(const struct config_device *device)
{
	struct world w = start_closed(device, 1);

	order(&w, 1, 0, false);
	return w;
}

static struct world start(void)
{
	return start_with(&three[CUFF]);
}

static bool makes_bonds(enum pairing_op op)
{
	return op == PAIRING_AGENT_ON || op == PAIRING_BONDABLE_ON ||
	       op == PAIRING_SEARCH_ON || op == PAIRING_START || op == PAIRING_CONNECT ||
	       op == PAIRING_SET_TRUSTED || op == PAIRING_ADOPT;
}

/* What is known to last, and may be given up for another operation. */
static bool may_be_given_up(enum pairing_op open, enum pairing_op next)
{
	return open == PAIRING_NOTHING || next == PAIRING_STOP ||
	       open == PAIRING_CONNECT || open == PAIRING_ASK_FACTS;
}

/* The next operation, with the invariants that hold for each. */
static enum pairing_op next(struct world *w)
{
	struct pairing_action a = pairing_next(&w->p, now(w));

	w->window &= w->now < w->window_end;
	if (!w->window)
		CHECK(pairing_window_state(&w->p) != WINDOW_OPEN);
	if (a.op == PAIRING_NOTHING)
		return a.op;
	CHECK(w->radio || a.op == PAIRING_BONDED);
	CHECK(may_be_given_up(w->open, a.op));
	w->open = a.op;
	w->open_device = a.device;
	if (makes_bonds(a.op)) /* invariant 1 */
		CHECK(w->window);
	if (a.op == PAIRING_START || a.op == PAIRING_CONNECT) {
		CHECK(w->agent && w->bondable && !w->searching);
		CHECK(w->facts[a.device].present && !w->facts[a.device].bonded);
		w->pairs += a.op == PAIRING_START;
	}
	if (a.op == PAIRING_SEARCH_ON || a.op == PAIRING_BONDABLE_ON)
		CHECK(w->agent);
	if (a.op == PAIRING_REMOVE) {
		CHECK(w->facts[a.device].present);
		CHECK(!w->good[a.device] || !w->facts[a.device].bonded); /* invariant 7 */
		w->removals++;
	}
	if (a.op == PAIRING_SET_TRUSTED)
		CHECK(w->facts[a.device].bonded);
	if (a.op == PAIRING_ADOPT) {
		memcpy(w->found, a.addr, sizeof(w->found));
		w->adopted[a.device] = true; /* done at once */
	}
	if (a.op == PAIRING_RELEASE)
		CHECK(w->adopted[a.device] && !w->facts[a.device].present);
	return a.op;
}

/* bluetoothd carries out what is under way and answers. */
static void done(struct world *w, int err)
{
	enum pairing_op op = w->open;
	size_t i = w->open_device;

	w->open = PAIRING_NOTHING;
	if (!err && op == PAIRING_AGENT_ON)
		w->agent = true;
	if (!err && op == PAIRING_AGENT_OFF)
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
		tell(w, i, false, false);
	if (!err && op == PAIRING_SET_TRUSTED)
		w->good[i] = !w->p.abort; /* of a window that is over: too late */
	if (!err && op == PAIRING_ADOPT)
		tell(w, i, true, false);
	if (op == PAIRING_RELEASE)
		w->adopted[i] = false;
	if (op == PAIRING_BONDED)
		w->bonds++;
	pairing_on_done(&w->p, op, err, now(w));
}

static void expect(struct world *w, enum pairing_op op)
{
	CHECK_INT(next(w), op);
	done(w, 0);
}

/* At rest nothing is left that could make a bond. */
static void check_closed(struct world *w)
{
	CHECK_INT(next(w), PAIRING_NOTHING);
	CHECK_INT(w->p.state, PAIRING_IDLE);
	CHECK(!w->agent && !w->bondable && !w->searching);
}

static void expect_closed(struct world *w)
{
	expect(w, PAIRING_BONDABLE_OFF);
	expect(w, PAIRING_AGENT_OFF);
	check_closed(w);
}

static void open_search(struct world *w)
{
	expect(w, PAIRING_AGENT_ON);
	expect(w, PAIRING_BONDABLE_ON);
	expect(w, PAIRING_SEARCH_ON);
	CHECK_INT(next(w), PAIRING_NOTHING);
	CHECK_INT(w->p.state, PAIRING_LOOKING);
}

/* Up to Pair() of device 0. */
static void find(struct world *w)
{
	open_search(w);
	tell(w, 0, true, false);
	expect(w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(w), PAIRING_START);
}

static void facts(struct world *w, enum link_strength strength, uint8_t key_size)
{
	w->open = PAIRING_NOTHING;
	pairing_on_bond_facts(&w->p, w->open_device, true, strength, key_size, now(w));
}

/* Pair() went well, with the passkey if there is one. */
static void paired(struct world *w, bool ask)
{
	uint32_t key;

	if (ask)
		CHECK_INT(pairing_on_passkey(&w->p, w->open_device, &key), 0);
	tell(w, w->open_device, true, true);
	done(w, 0);
	CHECK_INT(next(w), PAIRING_ASK_FACTS);
}

/* Device 0 is bonded and trusted, and its test is due. */
static void pair_cuff(struct world *w)
{
	find(w);
	paired(w, true);
	facts(w, LINK_LEGACY_PASSKEY, 16);
	expect(w, PAIRING_SET_TRUSTED);
	expect(w, PAIRING_BONDABLE_OFF);
	expect(w, PAIRING_AGENT_OFF);
}

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
		uint64_t began = w.now;

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
		CHECK_UINT(pairing_deadline(&w.p).ms, began + PAIRING_TIDY_MS);
		w.now = began + PAIRING_TIDY_MS;
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
	expect(&w, PAIRING_SET_TRUSTED);
	expect(&w, PAIRING_BONDABLE_OFF);
	expect(&w, PAIRING_AGENT_OFF);
	expect(&w, PAIRING_BONDED);
	check_closed(&w);
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
	check_closed(&w); /* no search during the test */
	tell(&w, SCALE, true, false);
	check_closed(&w);
	CHECK(pairing_on_value(&w.p, CUFF, now(&w)));
	CHECK_INT(pairing_window_state(&w.p), WINDOW_OPEN);
	expect(&w, PAIRING_AGENT_ON);
	expect(&w, PAIRING_BONDABLE_ON);
	expect(&w, PAIRING_REMOVE); /* seen before this search */
	expect(&w, PAIRING_SEARCH_ON);
	CHECK_INT(next(&w), PAIRING_NOTHING);
	/* the other one is not there: not in vain */
	w.now = w.window_end;
	expect(&w, PAIRING_SEARCH_OFF);
	expect_closed(&w);
	CHECK_INT(pairing_window_state(&w.p), WINDOW_DONE);
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
	CHECK(!pairing_is_busy_with(&w->p, 0));
	CHECK_UINT(pairing_deadline(&w->p).ms, failed_at + wait_ms);
	w->now = failed_at + wait_ms - 1;
	CHECK_INT(next(w), PAIRING_NOTHING);
	w->now++;
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
		pairing_on_bond_facts(&w.p, 9, true, LINK_UNKNOWN, 0, now(&w));
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

static const struct traits connects = { .family = "connect first",
					.strength_min = LINK_LEGACY_JUST_WORKS,
					.just_bonded_disconnect = true };

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

static void tell_link(struct world *w, bool connected, bool resolved, bool bonded)
{
	w->facts[0] = (struct pairing_facts){ .present = true,
					      .paired = bonded,
					      .bonded = bonded,
					      .connected = connected,
					      .resolved = resolved };
	pairing_on_facts(&w->p, 0, w->facts[0], now(w));
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

/* ---- devices without address ---- */

static struct pairing_candidate somebody(uint8_t last, int16_t rssi)
{
	return (struct pairing_candidate){
		.addr = { 0xF0, 1, 2, 3, 4, last },
		.addr_type = ADDR_RANDOM,
		.services = TRAITS_GLS | TRAITS_UDS,
		.rssi = rssi,
	};
}

static void hear(struct world *w, uint8_t last, int16_t rssi)
{
	struct pairing_candidate c = somebody(last, rssi);

	pairing_on_candidate(&w->p, &c, now(w));
}

static void adopt(struct world *w, uint8_t last)
{
	hear(w, last, PAIRING_RSSI_FLOOR);
	CHECK_INT(next(w), PAIRING_NOTHING);
	CHECK_UINT(pairing_deadline(&w->p).ms, w->now + PAIRING_COLLECT_MS);
	w->now += PAIRING_COLLECT_MS - 1;
	hear(w, last, -40); /* again: the same one */
	CHECK_INT(next(w), PAIRING_NOTHING);
	w->now++;
	CHECK_INT(next(w), PAIRING_ADOPT);
	CHECK_UINT(w->found[5], last);
}

static void test_candidate(void)
{
	struct world w = start_with(&three[METER]);

	CHECK(pairing_wants_candidates(&w.p));
	hear(&w, 9, -40); /* before the search: old */
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

/* ---- who it is ---- */

static const struct config_device with_serial = { .num = 3,
						  .kind = READING_GLUCOSE,
						  .passkey = CONFIG_NO_PASSKEY,
						  .just_works = true,
						  .serial = "SN1" };

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
	pairing_on_identity(&w.p, 9, false, now(&w));
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
	w = start_identity();
	order(&w, 0, 0, false);
	w.good[0] = false;
	pairing_on_identity(&w.p, 0, false, now(&w));
	expect(&w, PAIRING_REMOVE);
	expect(&w, PAIRING_RELEASE);
	check_closed(&w);
	CHECK_UINT(w.bonds, 0);
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

/* What bluetoothd still has of it. */
static void relist(struct world *w)
{
	for (size_t i = 0; i < w->p.count; i++)
		pairing_on_facts(&w->p, i, w->facts[i], now(w));
}

/* bluetoothd goes away, with agent and search but not with bonds, and comes back. */
static void restart(struct world *w, bool on)
{
	w->radio = on;
	if (on)
		relist(w);
	pairing_on_radio(&w->p, on);
	if (on)
		return;
	w->open = PAIRING_NOTHING;
	w->agent = w->searching = w->bondable = false;
	pairing_on_bondable(&w->p, false);
	for (size_t i = 0; i < w->p.count; i++)
		pairing_on_facts(&w->p, i, (struct pairing_facts){ 0 }, now(w));
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
				paired(&w, true);
			else if (op == PAIRING_ASK_FACTS)
				facts(&w, LINK_LEGACY_PASSKEY, 16);
			else
				done(&w, 0);
		}
		next(&w);
		restart(&w, false);
		CHECK_UINT(pairing_deadline(&w.p).ms, w.window_end);
		CHECK_INT(next(&w), PAIRING_NOTHING);
		CHECK_INT(w.p.state, PAIRING_IDLE);
		w.now += 1000;
		restart(&w, true);
		CHECK_INT(pairing_is_busy_with(&w.p, 0),
			  w.facts[0].bonded && !w.good[0] ? true
							  : w.p.devices[0].condemned);
		if (w.facts[0].bonded && !w.good[0])
			CHECK_INT(next(&w), PAIRING_REMOVE);
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

TEST_MAIN("pairing", test_outside_window, test_untidy, test_good, test_no_test_reading,
	  test_window_ids, test_nothing_wanted, test_two_devices, test_repair,
	  test_repair_not_done, test_config_after_window, test_stale, test_rejected,
	  test_retry_succeeds, test_time_limit, test_not_bonded, test_not_askable,
	  test_bondable_again, test_records, test_traits_strength, test_facts_away,
	  test_facts_late, test_no_passkey, test_forbidden, test_connect_first,
	  test_connect_bonds, test_connect_fails, test_candidate, test_two_candidates,
	  test_ambiguous, test_not_candidates, test_candidate_fails, test_candidate_again,
	  test_identity_good, test_identity_bad, test_quiet, test_radio_gone,
	  test_bond_gone, test_unfinished, test_new_config, test_agent_refused,
	  test_trust_refused, test_window_ends_anywhere, test_texts, test_random_life)
