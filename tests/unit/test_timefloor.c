/*
 * test_timefloor.c - the floor rises, never falls, and is written seldom; its file, cut and damaged.
 */
#include "hub/timefloor.h"

#include <errno.h>

#include "hub/core/config.h"
#include "test.h"

#define BASE 1800000000000ll
#define MINUTE 60000ll

static struct mono at(int64_t ms)
{
	return (struct mono){ (uint64_t)(5000000 + ms) };
}

static void say(struct timefloor *f, int64_t utc_ms, uint32_t uncertainty, int64_t when)
{
	const struct wall w = { utc_ms, uncertainty, CLOCK_QUALITY_CLINIC };

	timefloor_on_time(f, &w, at(when));
}

static void test_rises(void)
{
	struct timefloor f;

	timefloor_open(&f, 0);
	CHECK_INT(timefloor_ms(&f, at(0)), 0);
	say(&f, BASE, 500, 0);
	CHECK_INT(timefloor_ms(&f, at(0)), BASE - 500);
	CHECK_INT(timefloor_ms(&f, at(MINUTE)), BASE - 500 + MINUTE);
	say(&f, BASE + 10 * MINUTE, 0, MINUTE);
	CHECK_INT(timefloor_ms(&f, at(MINUTE)), BASE + 10 * MINUTE);
}

/* The clinic's clock is set back, or another endpoint is behind. */
static void test_never_falls(void)
{
	struct timefloor f;

	timefloor_open(&f, BASE);
	CHECK_INT(timefloor_ms(&f, at(0)), BASE);
	say(&f, BASE - 1000 * MINUTE, 0, 0);
	CHECK_INT(timefloor_ms(&f, at(0)), BASE);
	CHECK_INT(timefloor_ms(&f, at(999 * MINUTE)), BASE);
	CHECK_INT(timefloor_ms(&f, at(1001 * MINUTE)), BASE + MINUTE);
	say(&f, BASE - 2000 * MINUTE, 0, 1001 * MINUTE);
	CHECK_INT(timefloor_ms(&f, at(1001 * MINUTE)), BASE + MINUTE);
}

/* Only the clinic's word counts. */
static void test_sources(void)
{
	static const enum clock_quality others[] = { CLOCK_QUALITY_NONE,
						     CLOCK_QUALITY_UNSYNC,
						     CLOCK_QUALITY_NTP };
	struct timefloor f;

	timefloor_open(&f, 7);
	for (size_t i = 0; i < 3; i++)
		timefloor_on_time(&f, &(struct wall){ BASE, 0, others[i] }, at(0));
	say(&f, -1, 0, 0);
	say(&f, (CONFIG_CHANGE_MAX_S + 1) * 1000, 0, 0);
	CHECK_INT(timefloor_ms(&f, at(0)), 7);
	say(&f, CONFIG_CHANGE_MAX_S * 1000, 0, 0);
	CHECK_INT(timefloor_ms(&f, at(0)), CONFIG_CHANGE_MAX_S * 1000);
}

/* Written at once, then every ten minutes at most; a failed attempt counts too. */
static void test_due(void)
{
	struct timefloor f;
	int64_t ms = 0;

	timefloor_open(&f, 0);
	CHECK(!timefloor_due(&f, at(0), &ms));
	say(&f, BASE, 0, 0);
	CHECK(timefloor_due(&f, at(0), &ms));
	CHECK_INT(ms, BASE);
	CHECK(!timefloor_due(&f, at(TIMEFLOOR_SAVE_MS - 1), &ms));
	say(&f, BASE + 3 * MINUTE, 0, 3 * MINUTE);
	CHECK(!timefloor_due(&f, at(3 * MINUTE), &ms));
	CHECK(timefloor_due(&f, at(TIMEFLOOR_SAVE_MS), &ms));
	CHECK_INT(ms, BASE + TIMEFLOOR_SAVE_MS);
	timefloor_on_saved(&f, ms);
	CHECK_INT(timefloor_ms(&f, at(0)), ms);
	timefloor_on_saved(&f, 5);
	CHECK_INT(timefloor_ms(&f, at(0)), ms);
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
	CHECK_INT(timefloor_decode((const uint8_t[]){ 0x82, 2, 0 }, 3, &ms), -ENOTSUP);
	CHECK_INT(timefloor_decode((const uint8_t[]){ 0x81, 1 }, 2, &ms), -EBADMSG);
	CHECK_INT(timefloor_decode((const uint8_t[]){ 0x82, 1, 0x20 }, 3, &ms), -EBADMSG);
	CHECK_INT(timefloor_decode(
			  (const uint8_t[]){ 0x82, 1, 0x1b, 0xff, 0, 0, 0, 0, 0, 0, 0 },
			  11, &ms),
		  -ERANGE);
}

TEST_MAIN("timefloor", test_rises, test_never_falls, test_sources, test_due, test_file)
