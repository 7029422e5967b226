/*
 * test_elapsed.c - Elapsed Time, the clocks of the Elapsed Time Service and of the Device
 * Time Service.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/crc.h"
#include "ble/dts.h"
#include "ble/elapsed.h"

/* 2026-11-21 07:31:02 as if it were UTC */
#define NOV_21 INT64_C(1795246262000)

static struct elapsed read_one(const uint8_t buf[static ELAPSED_LEN])
{
	struct elapsed e;
	struct reader r;

	reader_init(&r, buf, ELAPSED_LEN);
	elapsed_read(&r, &e);
	CHECK(reader_done(&r));
	return e;
}

static struct decoded take(const uint8_t buf[static ELAPSED_LEN])
{
	struct decoded d = { 0 };
	struct reader r;

	reader_init(&r, buf, ELAPSED_LEN);
	elapsed_take(&r, &d);
	CHECK(reader_done(&r));
	return d;
}

static void check_date(const struct date_time *t, unsigned y, unsigned mo, unsigned d,
		       unsigned h, unsigned mi, unsigned s)
{
	CHECK_UINT(t->year, y);
	CHECK_UINT(t->month, mo);
	CHECK_UINT(t->day, d);
	CHECK_UINT(t->hour, h);
	CHECK_UINT(t->minute, mi);
	CHECK_UINT(t->second, s);
}

/* Time stamp of the pulse oximeter in STM32WBA-BLE-Generic-Health-Sensor: UTC, seconds,
 * current timeline, cellular network. */
static void test_stamp(void)
{
	static const uint8_t buf[] = { 0x22, 0x72, 0x9D, 0x2B, 0x29, 0, 0, 6, 0 };
	struct elapsed e = read_one(buf);
	struct decoded d = take(buf);

	CHECK_UINT(e.value, 0x292B9D72);
	CHECK_UINT(e.source, ELAPSED_SOURCE_CELLULAR);
	CHECK_INT(e.quarters, 0);
	CHECK_UINT(elapsed_resolution_ms(&e), 1000);
	CHECK(d.has_device_time && d.time_is_utc && !d.has_ticks && !d.has_time_offset);
	check_date(&d.device_time, 2021, 11, 20, 11, 50, 10);
	CHECK_UINT(d.marks, 0);
}

static void test_units(void)
{
	static const struct {
		uint8_t flags;
		uint32_t resolution_ms;
		uint64_t ticks; /* of 25 units */
	} rows[] = { { 0x00, 1000, 250000 },
		     { 0x04, 100, 25000 },
		     { 0x08, 1, 250 },
		     { 0x0C, 1, 25 } };

	for (size_t i = 0; i < 4; i++) {
		const uint8_t buf[] = { rows[i].flags, 25, 0, 0, 0, 0, 0, 0, 0 };
		struct elapsed e = read_one(buf);

		CHECK_UINT(elapsed_resolution_ms(&e), rows[i].resolution_ms);
		CHECK_UINT(elapsed_to_ticks(&e), rows[i].ticks);
		CHECK_INT(elapsed_to_ms(&e),
			  ELAPSED_EPOCH_MS + (int64_t)rows[i].ticks / 10);
	}
}

static void test_ticks(void)
{
	/* 2^48 - 1 of each unit: the largest there is */
	for (unsigned unit = 0; unit < 4; unit++) {
		const uint8_t buf[] = { (uint8_t)(0x21 | unit << 2),
					0xFF,
					0xFF,
					0xFF,
					0xFF,
					0xFF,
					0xFF,
					7,
					0 };
		static const uint64_t factor[] = { 10000, 1000, 10, 1 };
		struct decoded d = take(buf);

		CHECK(d.has_ticks && !d.has_device_time && !d.time_is_utc);
		CHECK_UINT(d.ticks, 0xFFFFFFFFFFFFull * factor[unit]);
		CHECK_INT(elapsed_ticks_to_ms(d.ticks),
			  ELAPSED_EPOCH_MS + (int64_t)(d.ticks / 10));
		CHECK_UINT(d.marks, 0);
	}
	CHECK_INT(elapsed_ticks_to_ms(0), ELAPSED_EPOCH_MS);
	CHECK_INT(elapsed_ticks_to_ms(19), ELAPSED_EPOCH_MS + 1);
}

/* Local, UTC, with an offset or without, of this timeline or an older one. */
static void test_flags(void)
{
	for (unsigned flags = 0; flags < 0x100; flags++) {
		const uint8_t buf[] = { (uint8_t)flags, 0x10, 0, 0, 0, 0, 0, 1, 0xFC };
		bool ticks = flags & 1, utc = !ticks && flags & 2, offset = flags & 0x10;
		struct decoded d = take(buf);

		CHECK_INT(d.has_ticks, ticks);
		CHECK_INT(d.has_device_time, !ticks);
		CHECK_INT(d.time_is_utc, utc);
		CHECK_INT(d.has_time_offset, utc && offset);
		CHECK_INT(d.time_offset_min, utc && offset ? -60 : 0);
		CHECK_UINT(d.marks, flags & 0x20 ? 0 : MARK_CLOCK_UNSET);
	}
}

static void test_offsets(void)
{
	static const struct {
		uint8_t raw;
		bool known;
	} rows[] = { { 0x80, false }, { 0xCF, false }, { 0xD0, true }, { 0xD1, true },
		     { 0, true },     { 55, true },    { 56, true },   { 57, false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const uint8_t buf[] = { 0x32, 0, 0, 0, 0, 0, 0, 1, rows[i].raw };
		struct elapsed e = read_one(buf);
		struct decoded d = take(buf);

		CHECK_INT(elapsed_has_offset(&e), rows[i].known);
		CHECK_INT(d.has_time_offset, rows[i].known);
		CHECK_INT(d.time_offset_min,
			  rows[i].known ? (int8_t)rows[i].raw * 15 : 0);
	}
}

/* 9999-12-31 23:59:59 is 252455615999 s after the epoch. */
static void test_last_day(void)
{
	uint8_t buf[] = { 0x22, 0xFF, 0xFD, 0x86, 0xC7, 0x3A, 0, 1, 0 };
	struct decoded d = take(buf);

	check_date(&d.device_time, 9999, 12, 31, 23, 59, 59);
	CHECK_UINT(d.marks, 0);
	buf[1] = 0;
	buf[2]++;
	d = take(buf);
	CHECK(!d.has_device_time);
	CHECK_UINT(d.marks, MARK_IMPLAUSIBLE);
}

static void test_take_short(void)
{
	static const uint8_t buf[ELAPSED_LEN] = { 0x22 };
	struct decoded d = { 0 };
	struct reader r;

	reader_init(&r, buf, ELAPSED_LEN - 1);
	elapsed_take(&r, &d);
	CHECK(!reader_ok(&r));
	CHECK(!d.has_device_time);
	CHECK_UINT(d.marks, 0);
}

/* Written to the Philips simulator in its own test: not synchronised, clock needs to be
 * set, does DST. */
static void test_current(void)
{
	static const uint8_t buf[] = {
		0x22, 0xA6, 0x6A, 0x00, 0x2C, 0, 0, 7, 0, 1, 1, 9
	};
	struct elapsed_current c;

	for (size_t n = 0; n < 9; n++)
		CHECK_INT(elapsed_decode_current(buf, n, &c), -EMSGSIZE);
	CHECK_INT(elapsed_decode_current(buf, 9, &c), 0);
	CHECK(!c.needs_set && !c.does_dst);
	CHECK_INT(elapsed_decode_current(buf, 10, &c), 0);
	CHECK(c.needs_set && !c.does_dst);
	for (size_t n = 11; n <= 12; n++) {
		CHECK_INT(elapsed_decode_current(buf, n, &c), 0);
		CHECK(c.needs_set && c.does_dst && !c.does_zone);
		CHECK_UINT(c.time.source, ELAPSED_SOURCE_NONE);
	}
	/* 2023-05-24 06:26:46 */
	CHECK_INT(elapsed_to_ms(&c.time), INT64_C(1684909606000));
}

static void test_capabilities(void)
{
	for (unsigned n = 0; n < 4; n++) {
		const uint8_t buf[] = { 0x22, 0, 0, 0, 0, 0, 0, 0, 0, 0xFE, (uint8_t)n };
		struct elapsed_current c;

		CHECK_INT(elapsed_decode_current(buf, sizeof(buf), &c), 0);
		CHECK(!c.needs_set);
		CHECK_INT(c.does_dst, n & 1);
		CHECK_INT(c.does_zone, n >> 1);
	}
}

/* What is written has the form of what was read, and comes back as the same time. */
static void test_set(void)
{
	for (unsigned flags = 0; flags < 0x100; flags += 2) {
		struct elapsed as = { .flags = (uint8_t)flags, .quarters = -128 }, back;
		uint8_t buf[ELAPSED_LEN];

		CHECK_INT(elapsed_encode_set(&as, NOV_21, 60, buf), ELAPSED_LEN);
		CHECK_UINT(buf[0], (flags & 0x1E) | 0x20);
		CHECK_UINT(buf[7], ELAPSED_SOURCE_NTP);
		CHECK_INT((int8_t)buf[8], flags & 0x10 ? 4 : -128);
		back = read_one(buf);
		CHECK_INT(elapsed_to_ms(&back), NOV_21);
	}
}

static void test_set_limits(void)
{
	struct elapsed as = { .flags = ELAPSED_TICKS };
	uint8_t buf[ELAPSED_LEN];

	CHECK_INT(elapsed_encode_set(&as, NOV_21, 0, buf), -ENOTSUP);
	as.flags = 0;
	CHECK_INT(elapsed_encode_set(&as, ELAPSED_EPOCH_MS - 1, 0, buf), -ERANGE);
	CHECK_INT(elapsed_encode_set(&as, ELAPSED_EPOCH_MS, 0, buf), ELAPSED_LEN);
	CHECK_INT(elapsed_encode_set(&as, INT64_MIN, 0, buf), -ERANGE);
	CHECK_INT(elapsed_encode_set(&as, INT64_MAX, 0, buf), -ERANGE);
	as.flags = ELAPSED_RESOLUTION; /* 100 us: 48 bits last 892 years */
	CHECK_INT(elapsed_encode_set(&as, ELAPSED_EPOCH_MS + INT64_C(28147497671065), 0,
				     buf),
		  ELAPSED_LEN);
	CHECK_INT(elapsed_encode_set(&as, ELAPSED_EPOCH_MS + INT64_C(28147497671066), 0,
				     buf),
		  -ERANGE);
}

static void test_set_offsets(void)
{
	static const struct {
		int16_t min;
		int8_t quarters;
	} rows[] = { { 0, 0 },	     { 345, 23 },   { -720, -48 }, { 840, 56 },
		     { -735, -128 }, { 855, -128 }, { 7, -128 } };
	struct elapsed as = { .flags = ELAPSED_HAS_OFFSET };
	uint8_t buf[ELAPSED_LEN];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK_INT(elapsed_encode_set(&as, NOV_21, rows[i].min, buf), ELAPSED_LEN);
		CHECK_INT((int8_t)buf[8], rows[i].quarters);
	}
}

/* ---- Device Time Service ---- */

static size_t put_crc(uint8_t *buf, size_t len)
{
	uint16_t crc = crc_mcrf4xx(buf + 2, len - 2);

	buf[0] = (uint8_t)crc;
	buf[1] = (uint8_t)(crc >> 8);
	return len;
}

/* As BluetoothCommonKit builds it: 0xFFFF and the bits, or a check sum over the bits. */
static void test_dts_feature(void)
{
	static const uint8_t plain[] = { 0xFF, 0xFF, 0x00, 0x04, 0x77 };
	uint8_t summed[] = { 0, 0, 0x01, 0x04 };
	uint16_t features = 0;

	for (size_t n = 0; n < 4; n++)
		CHECK_INT(dts_decode_feature(plain, n, &features), -EMSGSIZE);
	CHECK_INT(dts_decode_feature(plain, 4, &features), 0);
	CHECK_UINT(features, DTS_FEATURE_EPOCH_2000);
	CHECK_INT(dts_decode_feature(plain, 5, &features), 0);
	CHECK_INT(dts_decode_feature(summed, 4, &features), -EBADMSG);
	put_crc(summed, 4);
	CHECK_INT(dts_decode_feature(summed, 4, &features), 0);
	CHECK_UINT(features, DTS_FEATURE_EPOCH_2000 | DTS_FEATURE_CRC);
	summed[3] ^= 1;
	CHECK_INT(dts_decode_feature(summed, 4, &features), -EBADMSG);
}

/* Table 3.6 in full, each combination of optional fields at its exact length, one short,
 * one long. */
static size_t build_time(uint8_t *buf, uint16_t features, uint16_t status)
{
	static const uint8_t rest[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	size_t n = features & DTS_FEATURE_CRC ? 2 : 0;
	const uint8_t fixed[] = { 0x10, 0, 0, 0, 4, 4, (uint8_t)status, 0 };

	memcpy(buf + n, fixed, sizeof(fixed));
	n += sizeof(fixed);
	if (features & DTS_FEATURE_USER_TIME)
		memcpy(buf + n, rest, 4), n += 4;
	if (features & DTS_FEATURE_DRIFT)
		memcpy(buf + n, rest, 2), n += 2;
	if (features & DTS_FEATURE_LOG)
		memcpy(buf + n, rest, 2), n += 2;
	if (features & DTS_FEATURE_FRACTION) {
		buf[n++] = 0;
		buf[n++] = 0x80; /* half a second */
	}
	return features & DTS_FEATURE_CRC ? put_crc(buf, n) : n;
}

static void test_dts_time(void)
{
	static const uint16_t bits[] = { DTS_FEATURE_CRC, DTS_FEATURE_LOG,
					 DTS_FEATURE_FRACTION, DTS_FEATURE_USER_TIME,
					 DTS_FEATURE_DRIFT };

	for (unsigned k = 0; k < 32; k++) {
		uint16_t features = 0;
		uint8_t buf[24] = { 0 };
		struct dts_time t;
		size_t len;

		for (unsigned i = 0; i < 5; i++)
			features |= k & 1u << i ? bits[i] : 0;
		len = build_time(buf, features, 0x1A);
		for (size_t n = 0; n < len; n++)
			CHECK(dts_decode_time(features, buf, n, &t) < 0);
		CHECK_INT(dts_decode_time(features, buf, len, &t), 0);
		CHECK_INT(t.base_ms, ELAPSED_EPOCH_MS + 16000 +
					     (features & DTS_FEATURE_FRACTION ? 500 : 0));
		CHECK_INT(t.has_fraction, (features & DTS_FEATURE_FRACTION) != 0);
		CHECK(t.has_zone);
		CHECK_INT(t.zone_min, 120);
		CHECK_UINT(t.status, DTS_STATUS_UTC_ALIGNED | DTS_STATUS_WANTS_UPDATE |
					     DTS_STATUS_EPOCH_2000);
		if (!(features & DTS_FEATURE_CRC)) {
			CHECK_INT(dts_decode_time(features, buf, len - 1, &t), -EMSGSIZE);
			CHECK_INT(dts_decode_time(features, buf, len + 1, &t), 0);
			continue;
		}
		CHECK_INT(dts_decode_time(features, buf, 1, &t), -EMSGSIZE);
		buf[4] ^= 1;
		CHECK_INT(dts_decode_time(features, buf, len, &t), -EBADMSG);
	}
}

static void test_dts_epochs(void)
{
	uint8_t buf[8] = { 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0 };
	struct dts_time t;

	CHECK_INT(dts_decode_time(0, buf, 8, &t), 0);
	/* 2036-02-07 06:28:15, the end of 32 bits since 1900 */
	CHECK_INT(t.base_ms, INT64_C(2085978495000));
	buf[6] = DTS_STATUS_EPOCH_2000;
	CHECK_INT(dts_decode_time(0, buf, 8, &t), 0);
	CHECK_INT(t.base_ms, INT64_C(5241652095000)); /* 2136-02-07 06:28:15 */
}

static void test_dts_zones(void)
{
	static const struct {
		uint8_t zone, dst;
		bool known;
		int16_t min;
	} rows[] = { { 0, 0, true, 0 },	    { 4, 4, true, 120 },  { 0xD0, 0, true, -720 },
		     { 0xCF, 0, false, 0 }, { 56, 8, true, 960 }, { 57, 0, false, 0 },
		     { 0x80, 0, false, 0 }, { 4, 255, false, 0 }, { 4, 2, true, 90 },
		     { 4, 1, false, 0 },    { 4, 3, false, 0 },	  { 4, 5, false, 0 },
		     { 4, 7, false, 0 },    { 4, 9, false, 0 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const uint8_t buf[8] = { 0, 0, 0, 0, rows[i].zone, rows[i].dst, 0, 0 };
		struct dts_time t;

		CHECK_INT(dts_decode_time(0, buf, 8, &t), 0);
		CHECK_INT(t.has_zone, rows[i].known);
		CHECK_INT(t.zone_min, rows[i].min);
	}
}

/* 2026-11-21 06:31:02 UTC is 848557862 s after 2000 (0x3293F726), 4004231462 after 1900
 * (0xEEABB926). */
static void test_dts_propose(void)
{
	uint8_t want[] = { 0x02, 0xCB, 0x00, 0x26, 0xF7, 0x93, 0x32, 4, 0, 1, 255 };
	static const uint8_t since_1900[] = { 0x26, 0xB9, 0xAB, 0xEE };
	const int64_t utc = NOV_21 - INT64_C(3600000);
	uint8_t buf[DTS_LEN_PROPOSE_MAX];

	CHECK_INT(dts_encode_propose(0, utc + 999, 60, buf), 11);
	CHECK_MEM(buf, want, 11);
	CHECK_INT(dts_encode_propose(DTS_FEATURE_EPOCH_2000 | DTS_FEATURE_EPOCH_1900, utc,
				     60, buf),
		  11);
	CHECK_MEM(buf, want, 11);
	CHECK_INT(dts_encode_propose(DTS_FEATURE_CRC, utc, 60, buf), 13);
	CHECK_MEM(buf + 2, want, 11);
	CHECK_UINT(buf[0] | buf[1] << 8, crc_mcrf4xx(want, 11));
	want[1] = 0x8B;
	memcpy(want + 3, since_1900, 4);
	CHECK_INT(dts_encode_propose(DTS_FEATURE_EPOCH_1900, utc, 60, buf), 11);
	CHECK_MEM(buf, want, 11);
}

static void test_dts_propose_limits(void)
{
	const int64_t end = ELAPSED_EPOCH_MS + INT64_C(1000) * UINT32_MAX;
	uint8_t buf[DTS_LEN_PROPOSE_MAX];

	CHECK_INT(dts_encode_propose(0, ELAPSED_EPOCH_MS - 1, 0, buf), -ERANGE);
	CHECK_INT(dts_encode_propose(0, ELAPSED_EPOCH_MS, 0, buf), 11);
	CHECK_INT(dts_encode_propose(0, end + 999, 0, buf), 11);
	CHECK_INT(dts_encode_propose(0, end + 1000, 0, buf), -ERANGE);
	CHECK_INT(dts_encode_propose(DTS_FEATURE_EPOCH_1900, INT64_MAX, 0, buf), -ERANGE);
	CHECK_INT(dts_encode_propose(0, INT64_MIN, 0, buf), -ERANGE);
	CHECK_INT(dts_encode_propose(0, NOV_21, -720, buf), 11);
	CHECK_INT((int8_t)buf[7], -48);
	CHECK_INT(dts_encode_propose(0, NOV_21, 840, buf), 11);
	CHECK_INT((int8_t)buf[7], 56);
	CHECK_INT(dts_encode_propose(0, NOV_21, 855, buf), 11);
	CHECK_INT((int8_t)buf[7], -128);
	CHECK_INT(dts_encode_propose(0, NOV_21, -735, buf), 11);
	CHECK_INT((int8_t)buf[7], -128);
	CHECK_INT(dts_encode_propose(0, NOV_21, 10, buf), 11);
	CHECK_INT((int8_t)buf[7], -128);
}

static void test_dts_response(void)
{
	static const uint8_t good[] = { 0x09, 0x02, 0x01 };
	static const uint8_t rejected[] = { 0x09, 0x02, 0x05, 0x20, 0x01 };
	static const uint8_t report[] = { 0x07, 0x02, 0x01 };
	uint8_t summed[5] = { 0, 0, 0x09, 0x02, 0x07 };
	struct dts_response d;

	for (size_t n = 0; n < 3; n++)
		CHECK_INT(dts_decode_response(0, good, n, &d), -EMSGSIZE);
	CHECK_INT(dts_decode_response(0, good, 3, &d), 0);
	CHECK_UINT(d.request, DTS_PROPOSE);
	CHECK_UINT(d.result, DTS_OK);
	CHECK_UINT(d.reasons, 0);
	CHECK_INT(dts_decode_response(0, rejected, 4, &d), 0);
	CHECK_UINT(d.reasons, 0);
	CHECK_INT(dts_decode_response(0, rejected, 5, &d), 0);
	CHECK_UINT(d.result, DTS_REJECTED);
	CHECK_UINT(d.reasons, 0x0120);
	CHECK_INT(dts_decode_response(0, report, 3, &d), -ENOTSUP);
	CHECK_INT(dts_decode_response(DTS_FEATURE_CRC, summed, 5, &d), -EBADMSG);
	put_crc(summed, 5);
	CHECK_INT(dts_decode_response(DTS_FEATURE_CRC, summed, 5, &d), 0);
	CHECK_UINT(d.result, DTS_BUSY);
	CHECK_INT(dts_decode_response(DTS_FEATURE_CRC, summed, 1, &d), -EMSGSIZE);
}

TEST_MAIN("elapsed", test_stamp, test_units, test_ticks, test_flags, test_offsets,
	  test_last_day, test_take_short, test_current, test_capabilities, test_set,
	  test_set_limits, test_set_offsets, test_dts_feature, test_dts_time,
	  test_dts_epochs, test_dts_zones, test_dts_propose, test_dts_propose_limits,
	  test_dts_response)
