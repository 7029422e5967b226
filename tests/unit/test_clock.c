/*
 * test_clock.c - clocks of peripherals: bytes, offsets, when to set, timelines.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "tests/plain_clock.h"

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
	const struct clock_face face = { .local_ms = local_ms, .resolution_ms = 1000 };

	clock_on_linked(t);
	clock_on_read(t, &face, at(mono_ms - 100), at(mono_ms + 100));
}

static struct clock_offset offset(const struct clock_track *t, int64_t stamp_ms,
				  uint64_t mono_ms, int64_t wall_ms)
{
	const struct capture_time captured = {
		.mono = { mono_ms }, .wall = { wall_ms, 0, CLOCK_QUALITY_CLINIC }
	};
	const struct decoded d = { .has_device_time = stamp_ms != 0,
				   .device_time = date_time_from_ms(stamp_ms) };

	return clock_offset_for(t, &d, &captured, 60);
}

static void test_bytes(void)
{
	static const uint8_t current[] = { 0xEA, 0x07, 11, 21, 7, 31, 2, 6, 128, 1 };
	uint8_t buf[CLOCK_LEN_MAX + 1];
	struct clock_face face;

	CHECK_INT(clock_encode(CLOCK_KIND_CURRENT_TIME, NOV_21 + 500, buf), 10);
	CHECK_MEM(buf, current, 10);
	CHECK_INT(plain_clock_decode(CLOCK_KIND_CURRENT_TIME, buf, 10, &face), 0);
	CHECK_INT(face.local_ms, NOV_21 + 500);
	CHECK_UINT(face.resolution_ms, 4);
	CHECK_INT(clock_encode(CLOCK_KIND_DATE_TIME, NOV_21 + 499, buf), 7);
	CHECK_MEM(buf, current, 7);
	CHECK_INT(plain_clock_decode(CLOCK_KIND_DATE_TIME, buf, 7, &face), 0);
	CHECK_INT(face.local_ms, NOV_21);
	CHECK_UINT(face.resolution_ms, 1000);
	CHECK_INT(clock_encode(CLOCK_KIND_NONE, NOV_21, buf), -ENOTSUP);
	CHECK_INT(plain_clock_decode(CLOCK_KIND_NONE, buf, 7, &face), -ENOTSUP);
	CHECK_UINT(clock_uuid(CLOCK_KIND_CURRENT_TIME), 0x2A2B);
	CHECK_UINT(clock_uuid(CLOCK_KIND_DATE_TIME), 0x2A08);
	CHECK_UINT(clock_uuid(CLOCK_KIND_NONE), 0);
}

static void test_lengths(void)
{
	const uint8_t buf[11] = { 0xEA, 0x07, 11, 21, 7, 31, 2, 6, 0, 0, 9 };
	struct clock_face face;

	for (size_t n = 0; n <= sizeof(buf); n++) {
		CHECK_INT(plain_clock_decode(CLOCK_KIND_DATE_TIME, buf, n, &face),
			  n < 7 ? -EMSGSIZE : 0);
		CHECK_INT(plain_clock_decode(CLOCK_KIND_CURRENT_TIME, buf, n, &face),
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
		CHECK_INT(plain_clock_decode(CLOCK_KIND_DATE_TIME, bad[i], 7, &face),
			  -ERANGE);
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
	clock_encode(CLOCK_KIND_CURRENT_TIME, -1000, buf); /* a Wednesday */
	CHECK_UINT(buf[7], 3);
	clock_encode(CLOCK_KIND_CURRENT_TIME, INT64_C(2461449600000), buf);
	CHECK_UINT(buf[7], 3); /* 2048-01-01, midnight */
}

static void test_settable(void)
{
	CHECK_INT(plain_clock_settable_ms(CLOCK_KIND_CURRENT_TIME, NOV_21 + 123),
		  NOV_21 + 123);
	CHECK_INT(plain_clock_settable_ms(CLOCK_KIND_DATE_TIME, NOV_21 + 499), NOV_21);
	CHECK_INT(plain_clock_settable_ms(CLOCK_KIND_DATE_TIME, NOV_21 + 500),
		  NOV_21 + 1000);
	CHECK_INT(plain_clock_settable_ms(CLOCK_KIND_DATE_TIME, -1400), -1000);
}

static void test_offset_read(void)
{
	struct clock_track t;
	struct clock_offset o;

	clock_init(&t);
	read_as(&t, NOV_21, 10000);
	/* 20 s later the hub's UTC is NOV_21 + 20 s, its local time an hour more: the
	 * device is an hour slow. */
	o = offset(&t, NOV_21, 30000, NOV_21 + 20000);
	CHECK_INT(o.source, OFFSET_READ);
	CHECK_INT(o.offset_ms, HOUR);
	CHECK_UINT(o.uncertainty_ms, 1100);
	CHECK_INT(o.timeline, 0);
	/* The hub learns that it is really 5 minutes later: the same coincidence, told in
	 * the new terms. */
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
	plain_clock_on_set(&t, local, at(10000), at(10000));
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
	plain_clock_on_set(&t, local, at(10000), at(10000));
	CHECK_INT(offset(&t, local + 23 * HOUR, 14000, NOV_21 + 4000).offset_ms,
		  -24 * HOUR);
	CHECK_INT(offset(&t, local + 3000, 14000, NOV_21 + 4000).offset_ms, 0);
}

/* Nothing was known before a write-only clock was set: its old stamps have no offset. */
static void test_set_blind(void)
{
	struct clock_track t;

	clock_init(&t);
	plain_clock_on_set(&t, NOV_21, at(10000), at(10200));
	CHECK_INT(offset(&t, NOV_21 + 1000, 12000, NOV_21 - HOUR + 1000).source,
		  OFFSET_SET);
	CHECK_INT(offset(&t, NOV_21 - 9 * HOUR, 12000, NOV_21 - HOUR + 1000).source,
		  OFFSET_NONE);
	clock_on_linked(&t);
	plain_clock_on_set(&t, NOV_21 + HOUR, at(20000), at(20000));
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
	read_as(&t, NOV_21 + 3 * HOUR + 1194000, 1000000 + 3 * 3600000 + 2000);
	CHECK_INT(t.timeline, 2);
	read_as(&t, NOV_21 + 3 * HOUR + 1191999, 1000000 + 3 * 3600000 + 3000);
	CHECK_INT(t.timeline, 3);
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

/* Months of connections to a drifting clock, set whenever it may be: what is told dates
 * every stamp right. */
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
			plain_clock_on_set(&t, wall + HOUR, at((uint64_t)mono),
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

/* ---- other kinds of clocks, other kinds of stamps ---- */

/* Elapsed Time as a device shows it, clock status and capabilities 0. */
static void elapsed_value(uint8_t buf[static 11], uint8_t flags, int64_t ms)
{
	static const unsigned units[] = { 1000, 100, 1, 1 };
	uint64_t v = (uint64_t)(ms - ELAPSED_EPOCH_MS) / units[flags >> 2 & 3];

	memset(buf, 0, 11);
	buf[0] = flags;
	for (int i = 0; i < 6; i++)
		buf[1 + i] = (uint8_t)(v >> 8 * i);
	buf[7] = ELAPSED_SOURCE_NONE;
}

static void device_time_value(uint8_t buf[static 8], uint16_t status, int64_t utc_ms,
			      int8_t zone, uint8_t dst)
{
	uint32_t s = (uint32_t)((utc_ms - ELAPSED_EPOCH_MS) / 1000);

	for (int i = 0; i < 4; i++)
		buf[i] = (uint8_t)(s >> 8 * i);
	buf[4] = (uint8_t)zone;
	buf[5] = dst;
	buf[6] = (uint8_t)status;
	buf[7] = (uint8_t)(status >> 8);
}

static void test_kinds(void)
{
	struct clock_form f;
	struct clock_face face;
	uint8_t buf[CLOCK_LEN_MAX] = { 0 };

	CHECK_UINT(clock_uuid(CLOCK_KIND_ELAPSED), 0x2BF2);
	CHECK_UINT(clock_uuid(CLOCK_KIND_DEVICE_TIME), 0x2B90);
	CHECK_UINT(clock_set_uuid(CLOCK_KIND_DEVICE_TIME), 0x2B91);
	CHECK_UINT(clock_set_uuid(CLOCK_KIND_ELAPSED), 0x2BF2);
	CHECK_UINT(clock_set_uuid(CLOCK_KIND_DATE_TIME), 0x2A08);
	CHECK_UINT(clock_feature_uuid(CLOCK_KIND_DEVICE_TIME), 0x2B8E);
	CHECK_UINT(clock_feature_uuid(CLOCK_KIND_ELAPSED), 0);
	for (int k = CLOCK_KIND_NONE; k <= CLOCK_KIND_DEVICE_TIME; k++) {
		clock_form_init(&f, (enum clock_kind)k);
		CHECK_INT(clock_form_encode(&f, NOV_21, 60, buf) < 0,
			  k == CLOCK_KIND_NONE || k == CLOCK_KIND_ELAPSED);
		CHECK_INT(clock_encode((enum clock_kind)k, NOV_21, buf) < 0,
			  k != CLOCK_KIND_CURRENT_TIME && k != CLOCK_KIND_DATE_TIME);
		CHECK_INT(clock_form_learn(&f, buf, 4) == -ENOTSUP,
			  k != CLOCK_KIND_DEVICE_TIME);
	}
	clock_form_init(&f, CLOCK_KIND_NONE);
	CHECK_INT(clock_form_decode(&f, buf, 11, &face), -ENOTSUP);
	CHECK_INT(clock_form_reply(&f, buf, 3), -ENOTSUP);
}

/* The first two kinds through the form: as ever, and plain. */
static void test_form_calendar(void)
{
	static const uint8_t current[] = { 0xEA, 0x07, 11, 21, 7, 31, 2, 6, 128, 1 };
	uint8_t buf[CLOCK_LEN_MAX];
	struct clock_face face;
	struct clock_form f;

	clock_form_init(&f, CLOCK_KIND_CURRENT_TIME);
	CHECK_INT(clock_form_decode(&f, current, 10, &face), 0);
	CHECK_INT(face.local_ms, NOV_21 + 500);
	CHECK_INT(face.scale, CLOCK_SCALE_LOCAL);
	CHECK(!face.has_zone && !face.wants_set && !face.fault);
	CHECK_INT(clock_form_encode(&f, NOV_21 + 500, -300, buf), 10);
	CHECK_MEM(buf, current, 10);
	CHECK_INT(clock_form_settable_ms(&f, NOV_21 + 123), NOV_21 + 123);
	clock_form_init(&f, CLOCK_KIND_DATE_TIME);
	CHECK_INT(clock_form_encode(&f, NOV_21, 60, buf), 7);
	CHECK_MEM(buf, current, 7);
}

static void test_form_elapsed(void)
{
	static const struct {
		uint8_t flags;
		enum clock_scale scale;
		int64_t settable; /* of NOV_21 + 1260 */
	} rows[] = { { 0x20, CLOCK_SCALE_LOCAL, NOV_21 + 1000 },
		     { 0x22, CLOCK_SCALE_UTC, NOV_21 + 1000 },
		     { 0x26, CLOCK_SCALE_UTC, NOV_21 + 1300 },
		     { 0x28, CLOCK_SCALE_LOCAL, NOV_21 + 1260 },
		     { 0x21, CLOCK_SCALE_TICKS, NOV_21 + 1000 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bool utc = rows[i].scale == CLOCK_SCALE_UTC;
		uint8_t shown[11], buf[CLOCK_LEN_MAX], want[11];
		struct clock_face face;
		struct clock_form f;

		clock_form_init(&f, CLOCK_KIND_ELAPSED);
		CHECK_INT(clock_form_settable_ms(&f, NOV_21 + 123), NOV_21 + 123);
		elapsed_value(shown, rows[i].flags, NOV_21);
		CHECK_INT(clock_form_decode(&f, shown, 8, &face), -EMSGSIZE);
		CHECK(!f.has_elapsed);
		CHECK_INT(clock_form_decode(&f, shown, 11, &face), 0);
		CHECK_INT(face.local_ms, NOV_21);
		CHECK_INT(face.scale, rows[i].scale);
		CHECK(!face.fault && !face.wants_set && !face.has_zone);
		CHECK_INT(clock_form_settable_ms(&f, NOV_21 + 1260), rows[i].settable);
		elapsed_value(want, rows[i].flags, rows[i].settable - (utc ? HOUR : 0));
		want[7] = ELAPSED_SOURCE_NTP;
		if (rows[i].scale == CLOCK_SCALE_TICKS) {
			CHECK_INT(clock_form_encode(&f, NOV_21, 60, buf), -ENOTSUP);
			continue;
		}
		CHECK_INT(clock_form_encode(&f, rows[i].settable, 60, buf), 9);
		CHECK_MEM(buf, want, 9);
	}
}

static void test_elapsed_says(void)
{
	uint8_t shown[11];
	struct clock_face face;
	struct clock_form f;

	clock_form_init(&f, CLOCK_KIND_ELAPSED);
	elapsed_value(shown, 0x12, NOV_21); /* UTC, with offset, of no current timeline */
	shown[8] = 8;
	shown[9] = 1;
	CHECK_INT(clock_form_decode(&f, shown, 11, &face), 0);
	CHECK(face.fault && face.wants_set && face.has_zone);
	CHECK_INT(face.zone_min, 120);
	CHECK_UINT(face.resolution_ms, 1000);
	shown[8] = 0x80;
	CHECK_INT(clock_form_decode(&f, shown, 11, &face), 0);
	CHECK(!face.has_zone);
}

static void test_form_device_time(void)
{
	static const uint8_t features[] = { 0xFF, 0xFF, 0x04, 0x04 };
	uint8_t shown[10], buf[CLOCK_LEN_MAX];
	struct clock_face face;
	struct clock_form f;

	clock_form_init(&f, CLOCK_KIND_DEVICE_TIME);
	device_time_value(shown, 0x12, NOV_21, 4, 4);
	CHECK_INT(clock_form_decode(&f, shown, 8, &face), 0);
	CHECK_INT(face.local_ms, NOV_21);
	CHECK_INT(face.scale, CLOCK_SCALE_UTC);
	CHECK_UINT(face.resolution_ms, 1000);
	CHECK(face.has_zone && !face.wants_set && !face.fault);
	CHECK_INT(face.zone_min, 120);
	device_time_value(shown, 0x19, NOV_21, -128, 255);
	CHECK_INT(clock_form_decode(&f, shown, 8, &face), 0);
	CHECK(!face.has_zone && face.wants_set && face.fault);
	CHECK_INT(clock_form_learn(&f, features, 3), -EMSGSIZE);
	CHECK_INT(clock_form_learn(&f, features, 4), 0);
	CHECK_INT(clock_form_decode(&f, shown, 8, &face), -EMSGSIZE);
	shown[8] = 0;
	shown[9] = 0x40;
	CHECK_INT(clock_form_decode(&f, shown, 10, &face), 0);
	CHECK_INT(face.local_ms, NOV_21 + 250);
	CHECK_UINT(face.resolution_ms, 1);
	CHECK_INT(clock_form_settable_ms(&f, NOV_21 + 501), NOV_21 + 1000);
	CHECK_INT(clock_form_encode(&f, NOV_21 + HOUR, 60, buf), 11);
	CHECK_UINT(buf[0], DTS_PROPOSE);
	CHECK_MEM(buf + 3, shown, 4); /* NOV_21 in UTC again */
}

static void test_replies(void)
{
	static const struct {
		uint8_t buf[3];
		int want;
	} rows[] = { { { 9, 2, 1 }, 0 },	{ { 9, 2, 2 }, -EACCES },
		     { { 9, 2, 5 }, -EACCES },	{ { 9, 2, 7 }, -EAGAIN },
		     { { 9, 3, 1 }, -ENOTSUP }, { { 7, 2, 1 }, -ENOTSUP },
		     { { 9, 2, 99 }, -EACCES } };
	struct clock_form f;

	clock_form_init(&f, CLOCK_KIND_DEVICE_TIME);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		CHECK_INT(clock_form_reply(&f, rows[i].buf, 3), rows[i].want);
	CHECK_INT(clock_form_reply(&f, rows[0].buf, 2), -EMSGSIZE);
}

/* Where a stamp lies in the hub's local time, as the offset tells it; the home is at UTC
 * + 1 h. */
static int64_t dated(const struct clock_track *t, const struct decoded *d,
		     uint64_t mono_ms, int64_t wall_ms)
{
	const struct capture_time captured = {
		.mono = { mono_ms }, .wall = { wall_ms, 0, CLOCK_QUALITY_CLINIC }
	};
	struct clock_offset o = clock_offset_for(t, d, &captured, 60);
	int64_t ms = elapsed_ticks_to_ms(d->ticks);

	if (o.source == OFFSET_NONE) {
		CHECK_INT(o.offset_ms, 0);
		return INT64_MIN;
	}
	if (d->has_device_time)
		CHECK_INT(date_time_to_ms(&d->device_time, &ms), 0);
	return ms + o.offset_ms;
}

static struct decoded stamp(int64_t ms, bool utc)
{
	return (struct decoded){ .has_device_time = true,
				 .device_time = date_time_from_ms(ms),
				 .time_is_utc = utc };
}

static void read_face(struct clock_track *t, int64_t ms, enum clock_scale scale,
		      uint64_t mono_ms)
{
	const struct clock_face face = { .local_ms = ms,
					 .resolution_ms = 1000,
					 .scale = scale };

	clock_on_linked(t);
	clock_on_read(t, &face, at(mono_ms), at(mono_ms));
}

/* Each kind of clock, ten minutes slow, against each kind of stamp of the same instant. */
static void test_scales(void)
{
	const int64_t utc = NOV_21, local = NOV_21 + HOUR, slow = 600000;
	const struct decoded in_local = stamp(local - slow - 5000, false);
	const struct decoded in_utc = stamp(utc - slow - 5000, true);
	struct clock_track t;

	clock_init(&t);
	read_face(&t, local - slow, CLOCK_SCALE_LOCAL, 10000);
	CHECK_INT(dated(&t, &in_local, 10000, utc), local - 5000);
	CHECK_INT(dated(&t, &in_utc, 10000, utc), local - 5000);
	read_face(&t, utc - slow, CLOCK_SCALE_UTC, 10000);
	CHECK_INT(t.timeline, 0); /* another scale is no jump */
	CHECK_INT(dated(&t, &in_local, 10000, utc), local - 5000);
	CHECK_INT(dated(&t, &in_utc, 10000, utc), local - 5000);
}

/* The device keeps another zone than the home: its own counts. */
static void test_own_zone(void)
{
	const struct clock_face face = { .local_ms = NOV_21,
					 .resolution_ms = 1000,
					 .scale = CLOCK_SCALE_UTC,
					 .has_zone = true,
					 .zone_min = 120 };
	struct decoded d = stamp(NOV_21 + 2 * HOUR - 5000, false);
	struct clock_track t;

	clock_init(&t);
	clock_on_read(&t, &face, at(10000), at(10000));
	CHECK_INT(dated(&t, &d, 10000, NOV_21), NOV_21 + HOUR - 5000);
}

static void test_ticks(void)
{
	struct decoded d = { .has_ticks = true, .ticks = 36000000 }; /* an hour */
	struct decoded calendar = stamp(NOV_21, false);
	struct clock_track t;

	clock_init(&t);
	CHECK_INT(dated(&t, &d, 10000, NOV_21), INT64_MIN); /* never live */
	read_face(&t, ELAPSED_EPOCH_MS + HOUR + 20000, CLOCK_SCALE_TICKS, 10000);
	CHECK_INT(t.timeline, 0); /* before 2020 means nothing here */
	CHECK_INT(dated(&t, &d, 10000, NOV_21), NOV_21 + HOUR - 20000);
	CHECK_INT(dated(&t, &calendar, 10000, NOV_21), INT64_MIN);
	CHECK(!clock_should_set(&t, clinic, at(10000), 60, true));
	read_face(&t, ELAPSED_EPOCH_MS + 1000, CLOCK_SCALE_TICKS, 20000);
	CHECK_INT(t.timeline, 1); /* but going back does */
	read_face(&t, NOV_21, CLOCK_SCALE_LOCAL, 30000);
	CHECK_INT(dated(&t, &d, 30000, NOV_21), INT64_MIN);
	read_face(&t, ELAPSED_EPOCH_MS + HOUR + 20000, CLOCK_SCALE_TICKS, 40000);
	d.marks = MARK_CLOCK_UNSET; /* counted before the counter started again */
	CHECK_INT(dated(&t, &d, 40000, NOV_21), NOV_21 + HOUR - 20000);
	d.ticks = 30000000;
	CHECK_INT(dated(&t, &d, 40000, NOV_21), INT64_MIN);
}

/* A meter shows base + offset; its base is what is sent. */
static void test_time_offset(void)
{
	struct decoded d = stamp(NOV_21 + HOUR - 3 * HOUR - 5000, false);
	struct clock_track t;

	d.has_time_offset = true;
	d.time_offset_min = 120; /* shown: an hour behind the home, less 5 s */
	clock_init(&t);
	read_face(&t, NOV_21, CLOCK_SCALE_LOCAL, 10000); /* an hour slow */
	CHECK_INT(dated(&t, &d, 10000, NOV_21), NOV_21 + HOUR - 5000);
	d.time_is_utc = true; /* the base itself is the clock's */
	d.device_time = date_time_from_ms(NOV_21 - 5000);
	read_face(&t, NOV_21, CLOCK_SCALE_UTC, 10000);
	CHECK_INT(dated(&t, &d, 10000, NOV_21), NOV_21 + HOUR - 5000);
}

static void test_live_kinds(void)
{
	const int64_t local = NOV_21 + HOUR;
	struct decoded d = stamp(NOV_21 - 10000, true);
	struct clock_track t;

	clock_init(&t);
	CHECK_INT(dated(&t, &d, 5000, NOV_21), local - 10000);
	d = stamp(NOV_21 - 11000, true);
	CHECK_INT(dated(&t, &d, 5000, NOV_21), INT64_MIN);
	d = stamp(local - 2 * HOUR, false);
	CHECK_INT(dated(&t, &d, 5000, NOV_21), INT64_MIN);
	d.has_time_offset = true;
	d.time_offset_min = 120;
	CHECK_INT(dated(&t, &d, 5000, NOV_21), local);
	d.time_is_utc = true;
	CHECK_INT(dated(&t, &d, 5000, NOV_21), INT64_MIN);
}

/* The device says that its clock is not set: believed about young stamps only. */
static void test_clock_unset(void)
{
	const int64_t start = ELAPSED_EPOCH_MS, local = NOV_21 + HOUR;
	struct decoded d;
	struct clock_track t;

	clock_init(&t);
	read_face(&t, start + HOUR, CLOCK_SCALE_LOCAL, 10000);
	d = stamp(start + HOUR - CLOCK_UNSET_MS, false);
	d.marks = MARK_CLOCK_UNSET;
	CHECK_INT(dated(&t, &d, 10000, NOV_21), local - CLOCK_UNSET_MS);
	d.device_time = date_time_from_ms(start + HOUR - CLOCK_UNSET_MS - 1000);
	CHECK_INT(dated(&t, &d, 10000, NOV_21), INT64_MIN);
	d.device_time = date_time_from_ms(start + HOUR + CLOCK_UNSET_MS + 1000);
	CHECK_INT(dated(&t, &d, 10000, NOV_21), INT64_MIN);
	d.marks = 0;
	CHECK(dated(&t, &d, 10000, NOV_21) != INT64_MIN);
}

/* Values may come before the clock is read or set: they are dated all the same. */
static void test_before(void)
{
	const int64_t local = NOV_21 + HOUR;
	struct decoded d = stamp(local - 2 * HOUR - 6000, false);
	struct clock_track t;

	clock_init(&t);
	read_face(&t, local - 2 * HOUR, CLOCK_SCALE_LOCAL, 10000);
	CHECK_INT(dated(&t, &d, 4000, NOV_21 - 6000), local - 6000);
	plain_clock_on_set(&t, local, at(10000), at(10200));
	CHECK_INT(dated(&t, &d, 4000, NOV_21 - 6000), local - 6000);
	/* stamped by the new clock 8 s after a capture that was 6 s before: it cannot be */
	d = stamp(local + 2000, false);
	CHECK_INT(dated(&t, &d, 4000, NOV_21 - 6000), local + 2 * HOUR + 2000);
	CHECK_UINT(t.now.uncertainty_ms, 1100);
}

/* A clock that runs fast since it was set, and was not read again, stays within one
 * percent. */
static void test_runs_fast(void)
{
	const int64_t local = NOV_21 + HOUR;
	const uint64_t later = 10000 + 100 * 3600000;
	struct clock_track t;
	struct decoded d;

	clock_init(&t);
	read_face(&t, local - 10 * HOUR, CLOCK_SCALE_LOCAL, 10000);
	plain_clock_on_set(&t, local, at(10000), at(10000));
	d = stamp(local + 101 * HOUR + 2000, false);
	CHECK_INT(dated(&t, &d, later, NOV_21 + 100 * HOUR), local + 101 * HOUR + 2000);
	d = stamp(local + 101 * HOUR + 3000, false);
	CHECK_INT(dated(&t, &d, later, NOV_21 + 100 * HOUR), local + 111 * HOUR + 3000);
}

/* A meter's clock was set: it is what it shows, base + offset, that tells old stamps from
 * new ones. */
static void test_set_time_offset(void)
{
	const int64_t local = NOV_21 + HOUR;
	struct decoded d = stamp(local - 30 * HOUR + 4000, false);
	struct clock_track t;

	d.has_time_offset = true;
	d.time_offset_min = 30 * 60;
	clock_init(&t);
	read_face(&t, local - 2 * HOUR, CLOCK_SCALE_LOCAL, 10000);
	plain_clock_on_set(&t, local, at(10000), at(10000));
	CHECK_INT(dated(&t, &d, 15000, NOV_21 + 5000), local + 4000);
	d.time_offset_min = 28 * 60; /* from before: shown 2 h less */
	CHECK_INT(dated(&t, &d, 15000, NOV_21 + 5000), local + 4000);
}

/* A clock in UTC is set, read back and drifts over a change of the home's offset: no
 * jump, no set. */
static void test_set_utc(void)
{
	const int64_t local = NOV_21 + HOUR;
	struct clock_form f;
	struct clock_track t;
	struct decoded d;

	clock_form_init(&f, CLOCK_KIND_DEVICE_TIME);
	clock_init(&t);
	read_face(&t, NOV_21 - 2 * HOUR, CLOCK_SCALE_UTC, 10000);
	CHECK(clock_should_set(&t, clinic, at(10000), 60, true));
	clock_on_set(&t, &f, local, 60, at(10000), at(10000));
	CHECK_INT(t.timeline, 1);
	CHECK_INT(t.set_to_ms, NOV_21);
	CHECK(!clock_should_set(&t, clinic, at(10000), 60, true));
	d = stamp(NOV_21 + 3000, true);
	CHECK_INT(dated(&t, &d, 14000, NOV_21 + 4000), local + 3000);
	d = stamp(NOV_21 - 5 * HOUR, true); /* from before the set */
	CHECK_INT(dated(&t, &d, 14000, NOV_21 + 4000), local - 3 * HOUR);
	d = stamp(local - 5 * HOUR, false);
	CHECK_INT(dated(&t, &d, 14000, NOV_21 + 4000), local - 3 * HOUR);
	read_face(&t, NOV_21 + 100 * HOUR, CLOCK_SCALE_UTC, 10000 + 100 * 3600000);
	CHECK_INT(t.timeline, 1);
	CHECK(!clock_should_set(
		&t, (struct wall){ NOV_21 + 100 * HOUR, 500, CLOCK_QUALITY_CLINIC },
		at(10000 + 100 * 3600000), 120, true));
}

static void test_wants_set(void)
{
	const struct clock_face face = { .local_ms = NOV_21 + HOUR,
					 .resolution_ms = 1000,
					 .wants_set = true };
	struct wall ntp = clinic;
	struct clock_track t;

	clock_init(&t);
	clock_on_read(&t, &face, at(10000), at(10000));
	CHECK(clock_should_set(&t, clinic, at(10000), 60, true));
	ntp.quality = CLOCK_QUALITY_NTP;
	CHECK(!clock_should_set(&t, ntp, at(10000), 60, true));
	plain_clock_on_set(&t, NOV_21 + HOUR, at(10000), at(10000));
	CHECK(!clock_should_set(&t, clinic, at(10000), 60, true));
}

/* A fault counts once, not at each connection, and again after it was mended. */
static void test_fault(void)
{
	struct clock_face face = { .local_ms = NOV_21, .resolution_ms = 1000 };
	struct clock_track t;

	clock_init(&t);
	for (int i = 0; i < 6; i++) {
		face.fault = i % 3 != 2;
		face.local_ms = NOV_21 + i * HOUR;
		clock_on_linked(&t);
		clock_on_read(&t, &face, at(10000 + (uint64_t)i * 3600000),
			      at(10000 + (uint64_t)i * 3600000));
		CHECK_INT(t.timeline, i < 3 ? 1 : 2);
	}
	clock_init(&t);
	face.fault = true;
	clock_on_read(&t, &face, at(10000), at(10000));
	plain_clock_on_set(&t, face.local_ms, at(10000), at(10000));
	clock_on_read(&t, &face, at(10000), at(10000));
	CHECK_INT(t.timeline, 3); /* it stopped, was set, and stopped again */
}

/* 2026-10-25 03:00 +2 becomes 02:00 +1 at 01:00 UTC: 02:00:00 to 02:59:59 are shown
 * twice. */
static void test_ambiguous(void)
{
	const int64_t change = INT64_C(1792890000000);
	static const struct {
		uint8_t hour, minute, second;
		bool twice;
	} rows[] = { { 1, 59, 59, false },
		     { 2, 0, 0, true },
		     { 2, 59, 59, true },
		     { 3, 0, 0, false } };
	struct date_time t = { 2026, 10, 25, 0, 0, 0 };

	for (size_t i = 0; i < 4; i++) {
		t.hour = rows[i].hour;
		t.minute = rows[i].minute;
		t.second = rows[i].second;
		CHECK_INT(clock_is_ambiguous(&t, change, 120, 60), rows[i].twice);
		/* in spring an hour is missing, none is shown twice */
		CHECK(!clock_is_ambiguous(&t, change, 60, 120));
		CHECK(!clock_is_ambiguous(&t, change, 120, 120));
	}
	t.hour = 2;
	t.day = 26;
	CHECK(!clock_is_ambiguous(&t, change, 120, 60));
	t.month = 0;
	CHECK(!clock_is_ambiguous(&t, change, 120, 60));
}

static void test_may_set(void)
{
	struct wall utc = clinic;

	utc.uncertainty_ms = 2000;
	CHECK(clock_may_set(utc));
	utc.uncertainty_ms = 2001;
	CHECK(!clock_may_set(utc));
	utc = clinic;
	utc.quality = CLOCK_QUALITY_NTP;
	CHECK(!clock_may_set(utc));
}

TEST_MAIN("clock", test_bytes, test_lengths, test_not_a_date, test_day_of_week,
	  test_settable, test_offset_read, test_offset_live, test_should_set,
	  test_wall_at, test_set, test_set_back, test_set_blind, test_timeline,
	  test_reset, test_drifting, test_kinds, test_form_calendar, test_form_elapsed,
	  test_elapsed_says, test_form_device_time, test_replies, test_scales,
	  test_own_zone, test_ticks, test_time_offset, test_live_kinds, test_clock_unset,
	  test_set_utc, test_wants_set, test_before, test_runs_fast, test_set_time_offset,
	  test_fault, test_ambiguous, test_may_set)
