/*
 * test_clock.c - clocks of peripherals: bytes, offsets, when to set, timelines.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/clock.h"

/* 2026-11-21 07:31:02 as if it were UTC; a Saturday. */
#define NOV_21 INT64_C(1795246262000)
#define HOUR INT64_C(3600000)

static const struct wall clinic = { NOV_21, 500, CLOCK_QUALITY_CLINIC };

static struct mono at(uint64_t ms)
{
	return (struct mono){ ms };
}

static void read_as(struct clock_track *t, int64_t local_ms, uint64_t mono_ms)
{
	const struct clock_face face = { local_ms, 1000 };

	clock_on_linked(t);
	clock_on_read(t, &face, at(mono_ms - 100), at(mono_ms + 100));
}

static struct clock_offset offset(const struct clock_track *t, int64_t stamp_ms,
				  uint64_t mono_ms, int64_t wall_ms)
{
	const struct capture_time captured = {
		.mono = { mono_ms }, .wall = { wall_ms, 0, CLOCK_QUALITY_CLINIC }
	};
	const struct date_time stamp = date_time_from_ms(stamp_ms);

	return clock_offset_for(t, stamp_ms ? &stamp : NULL, &captured, 60);
}

static void test_bytes(void)
{
	static const uint8_t current[] = { 0xEA, 0x07, 11, 21, 7, 31, 2, 6, 128, 1 };
	uint8_t buf[CLOCK_LEN_MAX + 1];
	struct clock_face face;

	CHECK_INT(clock_encode(CLOCK_KIND_CURRENT_TIME, NOV_21 + 500, buf), 10);
	CHECK_MEM(buf, current, 10);
	CHECK_INT(clock_decode(CLOCK_KIND_CURRENT_TIME, buf, 10, &face), 0);
	CHECK_INT(face.local_ms, NOV_21 + 500);
	CHECK_UINT(face.resolution_ms, 4);
	CHECK_INT(clock_encode(CLOCK_KIND_DATE_TIME, NOV_21 + 499, buf), 7);
	CHECK_MEM(buf, current, 7);
	CHECK_INT(clock_decode(CLOCK_KIND_DATE_TIME, buf, 7, &face), 0);
	CHECK_INT(face.local_ms, NOV_21);
	CHECK_UINT(face.resolution_ms, 1000);
	CHECK_INT(clock_encode(CLOCK_KIND_NONE, NOV_21, buf), -ENOTSUP);
	CHECK_INT(clock_decode(CLOCK_KIND_NONE, buf, 7, &face), -ENOTSUP);
	CHECK_UINT(clock_uuid(CLOCK_KIND_CURRENT_TIME), 0x2A2B);
	CHECK_UINT(clock_uuid(CLOCK_KIND_DATE_TIME), 0x2A08);
	CHECK_UINT(clock_uuid(CLOCK_KIND_NONE), 0);
}

static void test_lengths(void)
{
	const uint8_t buf[11] = { 0xEA, 0x07, 11, 21, 7, 31, 2, 6, 0, 0, 9 };
	struct clock_face face;

	for (size_t n = 0; n <= sizeof(buf); n++) {
		CHECK_INT(clock_decode(CLOCK_KIND_DATE_TIME, buf, n, &face),
			  n < 7 ? -EMSGSIZE : 0);
		CHECK_INT(clock_decode(CLOCK_KIND_CURRENT_TIME, buf, n, &face),
			  n < 10 ? -EMSGSIZE : 0);
	}
}

static void test_not_a_date(void)
{
	static const uint8_t bad[][7] = {
		{ 0, 0, 11, 21, 7, 31, 2 },	  { 0xEA, 0x07, 0, 21, 7, 31, 2 },
		{ 0xEA, 0x07, 11, 0, 7, 31, 2 },  { 0xEA, 0x07, 13, 1, 7, 31, 2 },
		{ 0xEA, 0x07, 2, 29, 7, 31, 2 },  { 0xEA, 0x07, 11, 21, 24, 31, 2 },
		{ 0xEA, 0x07, 11, 21, 7, 60, 2 },
	};
	struct clock_face face;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_INT(clock_decode(CLOCK_KIND_DATE_TIME, bad[i], 7, &face), -ERANGE);
}

/* 1 = Monday; 2026-11-21 is a Saturday, 1970-01-01 was a Thursday, 1969-12-29 a Monday. */
static void test_day_of_week(void)
{
	uint8_t buf[CLOCK_LEN_MAX];

	for (int d = 0; d < 14; d++) {
		clock_encode(CLOCK_KIND_CURRENT_TIME, NOV_21 + d * 24 * HOUR, buf);
		CHECK_UINT(buf[7], (unsigned)(5 + d) % 7 + 1);
	}
	clock_encode(CLOCK_KIND_CURRENT_TIME, 0, buf);
	CHECK_UINT(buf[7], 4);
	clock_encode(CLOCK_KIND_CURRENT_TIME, -3 * 24 * HOUR, buf);
	CHECK_UINT(buf[7], 1);
}

static void test_settable(void)
{
	CHECK_INT(clock_settable_ms(CLOCK_KIND_CURRENT_TIME, NOV_21 + 123), NOV_21 + 123);
	CHECK_INT(clock_settable_ms(CLOCK_KIND_DATE_TIME, NOV_21 + 499), NOV_21);
	CHECK_INT(clock_settable_ms(CLOCK_KIND_DATE_TIME, NOV_21 + 500), NOV_21 + 1000);
	CHECK_INT(clock_settable_ms(CLOCK_KIND_DATE_TIME, -1400), -1000);
}

static void test_offset_read(void)
{
	struct clock_track t;
	struct clock_offset o;

	clock_init(&t);
	read_as(&t, NOV_21, 10000);
	/* 20 s later the hub's UTC is NOV_21 + 20 s, its local time an hour more: the device is an hour slow. */
	o = offset(&t, NOV_21, 30000, NOV_21 + 20000);
	CHECK_INT(o.source, OFFSET_READ);
	CHECK_INT(o.offset_ms, HOUR);
	CHECK_UINT(o.uncertainty_ms, 1100);
	CHECK_INT(o.timeline, 0);
	/* The hub learns that it is really 5 minutes later: the same coincidence, told in the new terms. */
	o = offset(&t, NOV_21, 30000, NOV_21 + 20000 + 300000);
	CHECK_INT(o.offset_ms, HOUR + 300000);
	/* A new connection knows nothing until it has measured. */
	clock_on_linked(&t);
	CHECK_INT(offset(&t, NOV_21, 40000, NOV_21 + 30000).source, OFFSET_NONE);
}

static void test_offset_live(void)
{
	struct clock_track t;

	clock_init(&t);
	CHECK_INT(offset(&t, NOV_21 + HOUR, 5000, NOV_21 + 10000).source, OFFSET_LIVE);
	CHECK_INT(offset(&t, NOV_21 + HOUR, 5000, NOV_21 - 10000).source, OFFSET_LIVE);
	CHECK_INT(offset(&t, NOV_21 + HOUR, 5000, NOV_21 + 10001).source, OFFSET_NONE);
	CHECK_INT(offset(&t, NOV_21 + HOUR, 5000, NOV_21 - 10001).source, OFFSET_NONE);
	CHECK_INT(offset(&t, 0, 5000, NOV_21).source, OFFSET_NONE);
	CHECK_UINT(offset(&t, NOV_21 + HOUR, 5000, NOV_21).uncertainty_ms, CLOCK_LIVE_MS);
	CHECK_INT(offset(&t, NOV_21 + HOUR, 5000, NOV_21 + 3000).offset_ms, 0);
}

static void test_should_set(void)
{
	struct wall utc = clinic;
	struct clock_track t;

	clock_init(&t);
	CHECK(!clock_should_set(&t, clinic, at(10000), 60,
				true)); /* unknown: read it first */
	CHECK(clock_should_set(&t, clinic, at(10000), 60, false)); /* write-only */
	read_as(&t, NOV_21 + HOUR - 5000, 10000);
	CHECK(!clock_should_set(&t, clinic, at(10000), 60, true));
	read_as(&t, NOV_21 + HOUR - 5001, 10000);
	CHECK(clock_should_set(&t, clinic, at(10000), 60, true));
	read_as(&t, NOV_21 + HOUR + 5000, 10000);
	CHECK(!clock_should_set(&t, clinic, at(10000), 60, true));
	read_as(&t, NOV_21 + HOUR + 5001, 10000);
	CHECK(clock_should_set(&t, clinic, at(10000), 60, true));
	CHECK(!clock_should_set(&t, clinic, at(10001), 60, true) == false);
	utc.uncertainty_ms = 2000;
	CHECK(clock_should_set(&t, utc, at(10000), 60, true));
	utc.uncertainty_ms = 2001;
	CHECK(!clock_should_set(&t, utc, at(10000), 60, true));
	utc = clinic;
	for (int q = CLOCK_QUALITY_NONE; q < CLOCK_QUALITY_CLINIC; q++) {
		utc.quality = (enum clock_quality)q;
		CHECK(!clock_should_set(&t, utc, at(10000), 60, true));
		CHECK(!clock_should_set(&t, utc, at(10000), 60, false));
	}
}

static void test_wall_at(void)
{
	struct wall w = clock_wall_at(clinic, at(1000), at(1000 + 10000000));

	CHECK_INT(w.ms, NOV_21 + 10000000);
	CHECK_UINT(w.uncertainty_ms, 500 + 1000);
	CHECK_INT(w.quality, CLOCK_QUALITY_CLINIC);
	CHECK_INT(clock_wall_at(clinic, at(1000), at(400)).ms, NOV_21 - 600);
	w.uncertainty_ms = UINT32_MAX;
	CHECK_UINT(clock_wall_at(w, at(0), at(99999999)).uncertainty_ms, UINT32_MAX);
}

/* Values stamped before the set keep the old offset, also in later connections. */
static void test_set(void)
{
	const int64_t local = NOV_21 + HOUR;
	struct clock_track t;
	struct clock_offset o;

	clock_init(&t);
	read_as(&t, local - 2 * HOUR, 10000); /* two hours slow */
	clock_on_set(&t, local, at(10000), at(10000));
	o = offset(&t, local + 4000, 14000, NOV_21 + 4000);
	CHECK_INT(o.source, OFFSET_SET);
	CHECK_INT(o.offset_ms, 0);
	CHECK_INT(o.timeline, 1);
	o = offset(&t, local - 3 * HOUR, 14000, NOV_21 + 4000);
	CHECK_INT(o.source, OFFSET_READ);
	CHECK_INT(o.offset_ms, 2 * HOUR);
	CHECK_INT(o.timeline, 0);
	CHECK_INT(offset(&t, local - 2000, 14000, NOV_21 + 4000).timeline, 1);
	CHECK_INT(offset(&t, local - 3000, 14000, NOV_21 + 4000).timeline, 0);
	read_as(&t, local + 100 * HOUR + 5000,
		10000 + 100 * 3600000); /* next connection, 5 s fast */
	CHECK_INT(t.timeline, 1);
	o = offset(&t, local + 90 * HOUR, 10000 + 100 * 3600000, NOV_21 + 100 * HOUR);
	CHECK_INT(o.offset_ms, -5000);
	o = offset(&t, local - 5 * HOUR, 10000 + 100 * 3600000, NOV_21 + 100 * HOUR);
	CHECK_INT(o.offset_ms, 2 * HOUR);
	CHECK_INT(o.timeline, 0);
}

/* A fast clock was put back: stamps of before lie in what is now the future. */
static void test_set_back(void)
{
	const int64_t local = NOV_21 + HOUR;
	struct clock_track t;

	clock_init(&t);
	read_as(&t, local + 24 * HOUR, 10000);
	clock_on_set(&t, local, at(10000), at(10000));
	CHECK_INT(offset(&t, local + 23 * HOUR, 14000, NOV_21 + 4000).offset_ms,
		  -24 * HOUR);
	CHECK_INT(offset(&t, local + 3000, 14000, NOV_21 + 4000).offset_ms, 0);
}

/* Nothing was known before a write-only clock was set: its old stamps have no offset. */
static void test_set_blind(void)
{
	struct clock_track t;

	clock_init(&t);
	clock_on_set(&t, NOV_21, at(10000), at(10200));
	CHECK_INT(offset(&t, NOV_21 + 1000, 12000, NOV_21 - HOUR + 1000).source,
		  OFFSET_SET);
	CHECK_INT(offset(&t, NOV_21 - 9 * HOUR, 12000, NOV_21 - HOUR + 1000).source,
		  OFFSET_NONE);
	clock_on_linked(&t);
	clock_on_set(&t, NOV_21 + HOUR, at(20000), at(20000));
	CHECK_INT(offset(&t, NOV_21 - 9 * HOUR, 21000, NOV_21).timeline, 1);
	CHECK_INT(offset(&t, NOV_21 + HOUR, 21000, NOV_21).timeline, 2);
}

static void test_timeline(void)
{
	struct clock_track t;

	clock_init(&t);
	read_as(&t, NOV_21, 1000000);
	read_as(&t, NOV_21 + HOUR, 1000000 + 3600000);
	CHECK_INT(t.timeline, 0);
	read_as(&t, NOV_21 + 2 * HOUR + 600000,
		1000000 + 2 * 3600000); /* 10 min: drift */
	CHECK_INT(t.timeline, 0);
	read_as(&t, NOV_21 + 3 * HOUR + 1200001, 1000000 + 3 * 3600000); /* a jump */
	CHECK_INT(t.timeline, 1);
	read_as(&t, NOV_21 + 3 * HOUR + 1197000, 1000000 + 3 * 3600000); /* back */
	CHECK_INT(t.timeline, 2);
	read_as(&t, NOV_21 + 3 * HOUR + 1196000,
		1000000 + 3 * 3600000 + 1000); /* within the slack */
	CHECK_INT(t.timeline, 2);
}

/* A lost battery counts once, not at each connection. */
static void test_reset(void)
{
	const int64_t y2019 = INT64_C(1577836799999), y2020 = INT64_C(1577836800000);
	struct clock_track t;

	clock_init(&t);
	read_as(&t, y2019 - HOUR, 1000000);
	CHECK_INT(t.timeline, 1);
	read_as(&t, y2019, 1000000 + 3600000);
	CHECK_INT(t.timeline, 1);
	clock_init(&t);
	read_as(&t, y2020, 1000000);
	CHECK_INT(t.timeline, 0);
}

/* Months of connections to a drifting clock, set whenever it may be: what is told dates every stamp right. */
static void test_drifting(void)
{
	int64_t device = NOV_21, mono = 1000000, wall = NOV_21;
	struct clock_track t;

	clock_init(&t);
	for (int i = 0; i < 2000; i++) {
		int64_t stepped = 60000 + (int64_t)(test_random() % (48 * 3600000u));
		int64_t drift = stepped * (int64_t)(test_random() % 3) /
				1000; /* up to 3 min a day */
		struct wall utc = { 0, 500, CLOCK_QUALITY_CLINIC };
		struct clock_offset o;
		int64_t error;

		mono += stepped;
		wall += stepped;
		device += stepped + drift;
		utc.ms = wall;
		read_as(&t, device, (uint64_t)mono);
		if (test_random() % 2 &&
		    clock_should_set(&t, utc, at((uint64_t)mono), 60, true)) {
			clock_on_set(&t, wall + HOUR, at((uint64_t)mono),
				     at((uint64_t)mono));
			device = wall + HOUR;
		}
		o = offset(&t, device, (uint64_t)mono, wall);
		CHECK(o.source != OFFSET_NONE);
		error = device + o.offset_ms - (wall + HOUR);
		CHECK(error <= (int64_t)o.uncertainty_ms &&
		      -error <= (int64_t)o.uncertainty_ms);
	}
}

TEST_MAIN("clock", test_bytes, test_lengths, test_not_a_date, test_day_of_week,
	  test_settable, test_offset_read, test_offset_live, test_should_set,
	  test_wall_at, test_set, test_set_back, test_set_blind, test_timeline,
	  test_reset, test_drifting)
