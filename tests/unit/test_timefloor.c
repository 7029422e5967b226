/*
 * test_timefloor.c - the floor rises by what nobody can make up alone, never falls, is never ahead of the world, and is
 * written seldom; its file, cut and damaged.
 */
#include "hub/timefloor.h"

#include <errno.h>

#include "hub/core/config.h"
#include "test.h"

#define BASE 1800000000000ll
#define MINUTE 60000ll
#define DAY (24 * 60 * MINUTE)
#define YEAR (365 * DAY)

static struct mono at(int64_t ms)
{
	return (struct mono){ (uint64_t)(5000000 + ms) };
}

static struct wall clinic(int64_t ms)
{
	return (struct wall){ ms, 0, CLOCK_QUALITY_CLINIC };
}

static void prove(struct timefloor *f, int64_t signed_ms, int64_t said_ms, int64_t when)
{
	const struct wall said = clinic(said_ms);

	timefloor_on_signed(f, signed_ms, &said, at(when));
}

/* So much of its own time counts. */
static int64_t counted(int64_t ms)
{
	return ms - ms / TIMEFLOOR_DRIFT_DIVISOR;
}

/* By itself, from the date of the program or from the file on. */
static void test_runs(void)
{
	struct timefloor f;

	timefloor_open(&f, 0, at(0));
	CHECK_INT(timefloor_ms(&f, at(0)), TIMEFLOOR_OLDEST_MS);
	CHECK_INT(timefloor_ms(&f, at(DAY)), TIMEFLOOR_OLDEST_MS + counted(DAY));
	timefloor_open(&f, TIMEFLOOR_OLDEST_MS - 1, at(0));
	CHECK_INT(timefloor_ms(&f, at(0)), TIMEFLOOR_OLDEST_MS);
	timefloor_open(&f, BASE, at(0));
	CHECK_INT(timefloor_ms(&f, at(-1)), BASE);
	CHECK_INT(timefloor_ms(&f, at(0)), BASE);
	CHECK_INT(timefloor_ms(&f, at(YEAR)), BASE + counted(YEAR));
}

/* A signed date counts, as far as the clinic's clock is. */
static void test_signed(void)
{
	struct timefloor f;

	timefloor_open(&f, BASE, at(0));
	prove(&f, BASE + DAY, BASE + 2 * DAY, 0);
	CHECK_INT(timefloor_ms(&f, at(0)), BASE + DAY);
	CHECK_INT(timefloor_ms(&f, at(MINUTE)), BASE + DAY + counted(MINUTE));
	/* a mistake of who signs */
	prove(&f, BASE + 30 * YEAR, BASE + 3 * DAY, 0);
	CHECK_INT(timefloor_ms(&f, at(0)), BASE + 3 * DAY);
	timefloor_on_signed(&f, BASE + 30 * YEAR,
			    &(struct wall){ BASE + 4 * DAY, 500, CLOCK_QUALITY_CLINIC },
			    at(0));
	CHECK_INT(timefloor_ms(&f, at(0)), BASE + 4 * DAY - 500);
}

/* Whoever says what time it is alone moves nothing, however often. */
static void test_lies(void)
{
	struct timefloor f;

	timefloor_open(&f, BASE, at(0));
	for (int64_t i = 1; i <= 1000; i++)
		prove(&f, BASE - DAY, BASE + i * YEAR, 0);
	prove(&f, BASE - DAY, CONFIG_CHANGE_MAX_S * 1000, 0);
	prove(&f, BASE - DAY, INT64_MAX, 0);
	prove(&f, 0, BASE + YEAR, 0);
	CHECK_INT(timefloor_ms(&f, at(0)), BASE);
	/* a liar who says that it is early holds back no more than what is signed */
	prove(&f, BASE + DAY, BASE - 20 * YEAR, 0);
	prove(&f, BASE + DAY, INT64_MIN, 0);
	CHECK_INT(timefloor_ms(&f, at(0)), BASE);
	prove(&f, BASE + DAY, BASE + DAY, 0);
	CHECK_INT(timefloor_ms(&f, at(0)), BASE + DAY);
}

/* Only the clinic's clock vouches for a date. */
static void test_sources(void)
{
	static const enum clock_quality others[] = { CLOCK_QUALITY_NONE,
						     CLOCK_QUALITY_UNSYNC,
						     CLOCK_QUALITY_NTP };
	struct timefloor f;

	timefloor_open(&f, BASE, at(0));
	for (size_t i = 0; i < 3; i++)
		timefloor_on_signed(&f, BASE + DAY,
				    &(struct wall){ BASE + 2 * DAY, 0, others[i] },
				    at(0));
	prove(&f, BASE + DAY, (CONFIG_CHANGE_MAX_S + 1) * 1000, 0);
	CHECK_INT(timefloor_ms(&f, at(0)), BASE);
}

/* Earlier than it is for sure, by more than clocks differ. */
static void test_refutes(void)
{
	struct timefloor f;
	struct wall said = clinic(BASE - TIMEFLOOR_SLACK_MS);

	timefloor_open(&f, BASE, at(0));
	CHECK(!timefloor_refutes(&f, &said, at(0)));
	said.ms--;
	CHECK(timefloor_refutes(&f, &said, at(0)));
	said.uncertainty_ms = 1;
	CHECK(!timefloor_refutes(&f, &said, at(0)));
	said = clinic(INT64_MIN);
	CHECK(timefloor_refutes(&f, &said, at(0)));
	said.quality = CLOCK_QUALITY_NONE; /* it says nothing */
	CHECK(!timefloor_refutes(&f, &said, at(0)));
	said = clinic(INT64_MAX);
	CHECK(!timefloor_refutes(&f, &said, at(0)));
}

/*
 * Ten years, with power cuts, a clinic that signs now and then, a hub-coap that lies as it likes, and a clock that is fast: what
 * is proven is never ahead of the world, never falls, and never behind by more than what the hub was off and what drift takes.
 */
static void test_world(void)
{
	int64_t now = 0, off = 0, saved = BASE, since_off = 0, seen = BASE;
	struct timefloor f;

	timefloor_open(&f, saved, at(0));
	for (int step = 0; step < 20000; step++) {
		int64_t world = BASE + now, ms,
			passed = 1 + (int64_t)(test_random() % (8 * 60 * MINUTE));
		int64_t fast = passed + passed / 2000; /* 500 ppm */
		/* honest, years ahead, or years back; the date of what was signed is right in any case */
		int64_t said = world + ((int64_t)(test_random() % 3) - 1) * 30 * YEAR;

		if (test_random() % 50 == 0)
			prove(&f, world - (int64_t)(test_random() % DAY), said,
			      since_off);
		if (test_random() % 50 == 0) /* a wrong one, and an honest clock */
			prove(&f, world + 30 * YEAR, world, since_off);
		CHECK(timefloor_ms(&f, at(since_off)) <= world);
		CHECK(timefloor_ms(&f, at(since_off)) >= seen);
		CHECK(world - timefloor_ms(&f, at(since_off)) <=
		      off + now / TIMEFLOOR_DRIFT_DIVISOR + TIMEFLOOR_SAVE_MS);
		seen = timefloor_ms(&f, at(since_off));
		if (timefloor_due(&f, at(since_off), &ms)) {
			saved = ms;
			timefloor_on_saved(&f, ms);
		}
		now += passed;
		since_off += fast;
		if (test_random() % 20)
			continue;
		off += passed + TIMEFLOOR_SAVE_MS; /* it was off all that time */
		since_off = 0;
		seen = saved;
		timefloor_open(&f, saved, at(0));
	}
}

/* Once it is ten minutes later than what is written, every ten minutes at most; a failed attempt counts too. */
static void test_due(void)
{
	struct timefloor f;
	int64_t ms = 0, soon = TIMEFLOOR_SAVE_MS + MINUTE;

	timefloor_open(&f, BASE, at(0));
	CHECK(!timefloor_due(&f, at(0), &ms));
	CHECK(!timefloor_due(&f, at(TIMEFLOOR_SAVE_MS), &ms));
	CHECK(timefloor_due(&f, at(soon), &ms));
	CHECK_INT(ms, BASE + counted(soon));
	CHECK(!timefloor_due(&f, at(soon + TIMEFLOOR_SAVE_MS - 1), &ms));
	CHECK(timefloor_due(&f, at(soon + TIMEFLOOR_SAVE_MS), &ms));
	timefloor_on_saved(&f, ms);
	CHECK(!timefloor_due(&f, at(soon + 2 * TIMEFLOOR_SAVE_MS), &ms));
	CHECK_INT(timefloor_ms(&f, at(0)), BASE);
	/* a proof is written at once */
	timefloor_open(&f, BASE, at(0));
	prove(&f, BASE + DAY, BASE + DAY, 0);
	CHECK(timefloor_due(&f, at(0), &ms));
	CHECK_INT(ms, BASE + DAY);
	timefloor_on_saved(&f, ms);
	timefloor_on_saved(&f, 5);
	CHECK(!timefloor_due(&f, at(TIMEFLOOR_SAVE_MS), &ms));
}

static void test_file(void)
{
	static const int64_t values[] = { 0, 1, BASE, CONFIG_CHANGE_MAX_S * 1000 };
	uint8_t b[TIMEFLOOR_BYTES_MAX];
	int64_t ms = -1;

	for (size_t i = 0; i < 4; i++) {
		size_t n = timefloor_encode(values[i], b);

		CHECK(n > 0 && n <= sizeof(b));
		CHECK_INT(timefloor_decode(b, n, &ms), 0);
		CHECK_INT(ms, values[i]);
		for (size_t cut = 0; cut < n; cut++)
			CHECK_INT(timefloor_decode(b, cut, &ms), -EBADMSG);
		CHECK_INT(timefloor_decode(b, n + 1, &ms), -EBADMSG);
	}
	/* version 1 was whatever hub-coap had said */
	CHECK_INT(timefloor_decode((const uint8_t[]){ 0x82, 1, 0 }, 3, &ms), -ENOTSUP);
	CHECK_INT(timefloor_decode((const uint8_t[]){ 0x82, 3, 0 }, 3, &ms), -ENOTSUP);
	CHECK_INT(timefloor_decode((const uint8_t[]){ 0x81, 2 }, 2, &ms), -EBADMSG);
	CHECK_INT(timefloor_decode((const uint8_t[]){ 0x82, 2, 0x20 }, 3, &ms), -EBADMSG);
	CHECK_INT(timefloor_decode(
			  (const uint8_t[]){ 0x82, 2, 0x1b, 0xff, 0, 0, 0, 0, 0, 0, 0 },
			  11, &ms),
		  -ERANGE);
}

TEST_MAIN("timefloor", test_runs, test_signed, test_lies, test_sources, test_refutes,
	  test_world, test_due, test_file)
