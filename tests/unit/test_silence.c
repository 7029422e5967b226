/*
 * test_silence.c - why a device is silent: every combination of facts has exactly one reason; and the store that keeps
 * what hubs say of themselves.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "clinic/silence.h"
#include "hub/crypto/crypto.h"
#include "tests/unit/clinic_place.h"

static const enum silence_code order[] = { SILENT_OFFLINE, SILENT_LOCKED, SILENT_BOND,
					   SILENT_BATTERY, SILENT_CLOCK,  SILENT_UNSEEN };

enum { SIGNS = sizeof(order) / sizeof(*order) };

/* All 128: the first sign that is set, in the order of the table, and nothing for a device that is not due. */
static void test_every_combination(void)
{
	unsigned seen[SILENT_CODES] = { 0 };

	for (unsigned bits = 0; bits < 1u << (SIGNS + 1); bits++) {
		bool s[SIGNS], overdue = bits >> SIGNS & 1;
		enum silence_code want = SILENT_NO_MEASUREMENT, got;

		for (unsigned i = SIGNS; i-- > 0;) {
			s[i] = bits >> i & 1;
			if (s[i])
				want = order[i];
		}
		got = silence_reason(&(struct silence_signs){
			.overdue = overdue,
			.offline = s[0],
			.locked = s[1],
			.bond = s[2],
			.battery = s[3],
			.clock = s[4],
			.unseen = s[5],
		});
		CHECK_INT(got, overdue ? want : SILENT_NONE);
		seen[got]++;
	}
	CHECK_UINT(seen[SILENT_NONE], 64);
	CHECK_UINT(seen[SILENT_OFFLINE], 32);
	CHECK_UINT(seen[SILENT_LOCKED], 16);
	CHECK_UINT(seen[SILENT_BOND], 8);
	CHECK_UINT(seen[SILENT_BATTERY], 4);
	CHECK_UINT(seen[SILENT_CLOCK], 2);
	CHECK_UINT(seen[SILENT_UNSEEN], 1);
	CHECK_UINT(seen[SILENT_NO_MEASUREMENT], 1);
}

/* --- from facts to signs ------------------------------------------------------------------------ */

static const int64_t now = 1800000000000;
static const struct silence_plan plan = { 300000, 36 * 3600000 };
static struct status st;
static struct status_device dev;
static struct device_sign sign;
static struct silence_facts facts;

/* A device that everything is well with, but that nobody has used for too long. */
static void start(void)
{
	st = (struct status){ .clock = CLOCK_QUALITY_CLINIC, .radio = true };
	dev = (struct status_device){ .num = 1, .bond = BOND_GOOD, .battery = 80 };
	sign = (struct device_sign){ 1, now - 900 * 3600000LL, now - 1000,
				     now - (int64_t)plan.silent_after_ms - 1 };
	facts = (struct silence_facts){ now, now - 1000, now - 999 * 3600000LL,
					&st, &dev,	 &sign };
}

static enum silence_code judge(void)
{
	struct silence_signs s = silence_signs(&facts, &plan);

	return silence_reason(&s);
}

#define JUDGED(change, want)                                                             \
	do {                                                                             \
		start();                                                                 \
		change;                                                                  \
		CHECK_INT(judge(), (want));                                              \
	} while (0)

static void test_signs(void)
{
	JUDGED((void)0, SILENT_NO_MEASUREMENT);
	JUDGED(sign.reading_ms++, SILENT_NONE);
	JUDGED(sign.reading_ms = now + 5, SILENT_NONE); /* a clock was set back */
	/* never a reading: due from the day on that the device was first heard of, or the hub was added */
	JUDGED(sign.reading_ms = 0, SILENT_NO_MEASUREMENT);
	JUDGED((sign.reading_ms = 0, sign.first_ms = now - 1000), SILENT_NONE);
	JUDGED((sign.reading_ms = sign.first_ms = 0), SILENT_NO_MEASUREMENT);
	JUDGED((sign.reading_ms = sign.first_ms = 0, facts.hub_added_ms = now),
	       SILENT_NONE);
	/* three heartbeats */
	JUDGED(facts.hub_seen_ms = now - 900000, SILENT_NO_MEASUREMENT);
	JUDGED(facts.hub_seen_ms = now - 900001, SILENT_OFFLINE);
	JUDGED(facts.hub_seen_ms = 0, SILENT_OFFLINE);
	JUDGED(st.level = 3,
	       SILENT_NO_MEASUREMENT); /* it takes readings at every level but the last */
	JUDGED(st.level = 4, SILENT_LOCKED);
	JUDGED(st.blocked = STORE_NO_CONFIG, SILENT_LOCKED);
	JUDGED(st.blocked = STORE_FULL, SILENT_LOCKED);
	JUDGED(st.blocked = STORE_FAULT, SILENT_LOCKED);
	JUDGED(dev.battery = 20, SILENT_NO_MEASUREMENT);
	JUDGED(dev.battery = 19, SILENT_BATTERY);
	JUDGED(dev.battery = 0, SILENT_BATTERY);
	JUDGED(dev.battery = STATUS_BATTERY_UNKNOWN, SILENT_NO_MEASUREMENT);
	JUDGED((dev.has_clock_error = true, dev.clock_error_s = 86399),
	       SILENT_NO_MEASUREMENT);
	JUDGED((dev.has_clock_error = true, dev.clock_error_s = 86400), SILENT_CLOCK);
	JUDGED((dev.has_clock_error = true, dev.clock_error_s = -86400), SILENT_CLOCK);
	JUDGED(st.clock = CLOCK_QUALITY_NONE, SILENT_CLOCK);
	JUDGED(st.clock = CLOCK_QUALITY_UNSYNC, SILENT_NO_MEASUREMENT);
	JUDGED(sign.seen_ms = now - (int64_t)plan.silent_after_ms, SILENT_NO_MEASUREMENT);
	JUDGED(sign.seen_ms = now - (int64_t)plan.silent_after_ms - 1, SILENT_UNSEEN);
	JUDGED(sign.seen_ms = sign.reading_ms = 0, SILENT_UNSEEN);
	JUDGED(st.radio = false, SILENT_UNSEEN);
	/* a hub that says nothing of itself, or not of this device */
	JUDGED(facts.device = NULL, SILENT_NO_MEASUREMENT);
	JUDGED((facts.status = NULL, facts.device = NULL, sign.seen_ms = 0),
	       SILENT_UNSEEN);
}

/* However short the plan, a sign within two hours is one. */
static void test_short_plan(void)
{
	static const struct silence_plan at_once = { 300000, 0 };
	struct silence_signs s;

	start();
	sign.seen_ms = now - SILENCE_SEEN_MS;
	sign.reading_ms = now - SILENCE_SEEN_MS;
	s = silence_signs(&facts, &at_once);
	CHECK_INT(silence_reason(&s), SILENT_NO_MEASUREMENT);
	sign.seen_ms--;
	s = silence_signs(&facts, &at_once);
	CHECK_INT(silence_reason(&s), SILENT_NO_MEASUREMENT); /* a reading is a sign */
	sign.reading_ms--;
	s = silence_signs(&facts, &at_once);
	CHECK_INT(silence_reason(&s), SILENT_UNSEEN);
}

static void test_bond(void)
{
	static const bool is_bond[SILENCE_REASON_LAST + 1] = {
		[SILENCE_DEVICE_FORGOT] = true, [SILENCE_HUB_FORGOT] = true,
		[SILENCE_TAKEN] = true,		[SILENCE_CHANGED] = true,
		[SILENCE_SERVICES] = true,	[SILENCE_PASSKEY] = true,
		[SILENCE_KEY_SHORT] = true,	[SILENCE_CONSENT] = true,
	};

	for (int c = 0; c <= SILENCE_REASON_LAST; c++)
		JUDGED(dev.cause = (enum silence_reason)c,
		       is_bond[c] ? SILENT_BOND : SILENT_NO_MEASUREMENT);
	for (int b = 0; b <= BOND_FAILED; b++)
		JUDGED(dev.bond = (enum bond_state)b, b == BOND_GOOD || b == BOND_UNKNOWN
							      ? SILENT_NO_MEASUREMENT
							      : SILENT_BOND);
	/* weak: of the battery if nothing is known of it, else of the signal */
	JUDGED((dev.cause = SILENCE_WEAK, dev.battery = STATUS_BATTERY_UNKNOWN),
	       SILENT_BATTERY);
	JUDGED((dev.cause = SILENCE_WEAK, sign.seen_ms = 0, sign.reading_ms = 0),
	       SILENT_UNSEEN);
	CHECK(strstr(silence_words(SILENT_UNSEEN, &st, &dev), "signal is weak"));
}

static void test_hub(void)
{
	start();
	CHECK_INT(silence_of_hub(&facts, &plan), SILENT_NONE);
	st.clock = CLOCK_QUALITY_NONE;
	CHECK_INT(silence_of_hub(&facts, &plan), SILENT_CLOCK);
	st.blocked = STORE_FULL;
	CHECK_INT(silence_of_hub(&facts, &plan), SILENT_LOCKED);
	facts.hub_seen_ms = 0;
	CHECK_INT(silence_of_hub(&facts, &plan), SILENT_OFFLINE);
	facts.hub_seen_ms = now;
	facts.status = NULL;
	CHECK_INT(silence_of_hub(&facts, &plan), SILENT_NONE);
}

/* Programs rely on these; people on there being something to read. */
static void test_words(void)
{
	static const char *const words[SILENT_CODES] = {
		"none",	   "offline", "locked",	       "bond",
		"battery", "clock",   "device-unseen", "no-measurement",
	};

	start();
	for (int c = 0; c < SILENT_CODES; c++) {
		enum silence_code code = (enum silence_code)c;

		CHECK_STR(silence_code_text(code), words[c]);
		CHECK((silence_words(code, &st, &dev)[0] == '\0') ==
		      (code == SILENT_NONE));
		CHECK((silence_words(code, NULL, NULL)[0] == '\0') ==
		      (code == SILENT_NONE));
	}
	for (int i = 0; i <= SILENCE_REASON_LAST; i++) {
		dev.cause = (enum silence_reason)i;
		CHECK(silence_words(SILENT_BOND, &st, &dev)[0]);
	}
	CHECK_UINT(silence_after_ms(READING_BLOOD_PRESSURE, NULL), 36 * 3600000);
	CHECK_UINT(silence_after_ms(READING_CGM, NULL), 3 * 3600000);
}

/* --- what the store keeps ------------------------------------------------------------------------ */

static const uint8_t home[HUB_ID_LEN] = { 7 };
static struct place place;

static int put(struct store *s, const struct status *say, int64_t at)
{
	uint8_t b[BATCH_STATUS_MAX];
	int n = status_encode(say, b, sizeof(b)), r;

	CHECK(n > 0);
	CHECK_INT(store_begin(s), 0);
	r = store_status_put(s, home, 1, b, (size_t)n, at);
	CHECK_INT(store_commit(s), 0);
	return r;
}

static void check_sign(struct store *s, int64_t first, int64_t seen, int64_t reading)
{
	struct device_sign d;

	CHECK_INT(store_device_sign(s, home, 1, 3, &d), 0);
	CHECK_UINT(d.num, 3);
	CHECK_INT(d.first_ms, first);
	CHECK_INT(d.seen_ms, seen);
	CHECK_INT(d.reading_ms, reading);
}

static void test_store(void)
{
	struct status say = { .radio = true,
			      .device_count = 1,
			      .devices = { { .num = 3,
					     .seen = true,
					     .seen_s = 10,
					     .read = true,
					     .read_s = 20,
					     .battery = 5 } } };
	struct hub_status got;
	struct store *s;

	CHECK_INT(crypto_init(), 0);
	place_make(&place);
	CHECK_INT(place_create(&place, &s), 0);
	CHECK_INT(store_status_get(s, home, 1, &got), -ENOENT);
	check_sign(s, 0, 0, 0);
	CHECK_INT(store_status_put(s, home, 1, (const uint8_t *)"x", 1, 5), -EBADMSG);
	CHECK_INT(store_status_get(s, home, 1, &got), -ENOENT);

	CHECK_INT(put(s, &say, 100000), 0);
	CHECK_INT(store_status_get(s, home, 1, &got), 0);
	CHECK_INT(got.at_ms, 100000);
	CHECK_INT(got.received_ms, 100000);
	CHECK(got.status.radio);
	CHECK_UINT(got.status.devices[0].battery, 5);
	check_sign(s, 100000, 90000, 80000);
	CHECK_INT(store_status_get(s, home, 2, &got), -ENOENT); /* another enrolment */

	/* made before: it has waited, and takes nothing away */
	say.has_made = true;
	say.made_ms = 50000;
	say.radio = false;
	CHECK_INT(put(s, &say, 200000), 0);
	CHECK_INT(store_status_get(s, home, 1, &got), 0);
	CHECK(got.status.radio);
	check_sign(s, 100000, 90000, 80000);

	/* made now; the hub has started anew and remembers nothing of the device */
	say.made_ms = 190000;
	say.devices[0].seen = say.devices[0].read = false;
	CHECK_INT(put(s, &say, 200000), 0);
	CHECK_INT(store_status_get(s, home, 1, &got), 0);
	CHECK(!got.status.radio);
	CHECK_INT(got.at_ms, 190000);
	CHECK_INT(got.received_ms, 200000);
	check_sign(s, 100000, 90000, 80000);

	/* a hub whose clock is ahead is not believed; an age from before 1970 is none */
	say.made_ms = 999000;
	say.devices[0].seen = true;
	say.devices[0].read = true;
	say.devices[0].read_s = 100000;
	CHECK_INT(put(s, &say, 300000), 0);
	CHECK_INT(store_status_get(s, home, 1, &got), 0);
	CHECK_INT(got.at_ms, 300000);
	check_sign(s, 100000, 290000, 80000);
	store_close(s);
	place_remove(&place);
}

/* A plan says what may be expected; without one the kind does. */
static void test_expected(void)
{
	const struct config_plan every = { 1, 8, 0, { 0 } },
				 times = { 1, 0, 2, { 8 * 60, 18 * 60 } };

	CHECK_UINT(silence_after_ms(READING_WEIGHT, NULL), 36ull * 3600 * 1000);
	CHECK_UINT(silence_after_ms(READING_CGM, NULL), 3ull * 3600 * 1000);
	CHECK_UINT(silence_after_ms(READING_CGM, &every), 12ull * 3600 * 1000);
	CHECK_UINT(silence_after_ms(READING_WEIGHT, &times), 21ull * 3600 * 1000);
}

TEST_MAIN("silence", test_expected, test_every_combination, test_signs, test_short_plan,
	  test_bond, test_hub, test_words, test_store)
