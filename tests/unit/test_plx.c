/*
 * test_plx.c - the Pulse Oximeter decoders: every combination of flags, every length, limits, specials, captures.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/plx.h"
#include "tests/unit/decoder.h"

enum {
	FLAGS = 32,
	NAN16 = 0x07FF,
	NRES16 = 0x0800,
	PLUS_INF16 = 0x07FE,
	MINUS_INF16 = 0x0802,
	RESERVED16 = 0x0801,
	STATUS = 0x81A0, /* ongoing, validated, fully qualified, invalid */
	DEVICE_STATUS = 0x80C1AB,
};

/* Both written from the specification's tables (PLXS 1.0.1, 3.1 and 3.2), not from the decoder. */
static size_t build_spot_check(uint8_t *buf, unsigned flags, unsigned spo2,
			       unsigned pulse)
{
	size_t n = put16(buf, put16(buf, put8(buf, 0, flags), spo2), pulse);

	if (flags & 1)
		n = put_date(buf, n);
	if (flags & 2)
		n = put16(buf, n, STATUS);
	if (flags & 4)
		n = put24(buf, n, DEVICE_STATUS);
	if (flags & 8)
		n = put16(buf, n, 0xF017); /* 2.3 */
	return n;
}

static size_t build_continuous(uint8_t *buf, unsigned flags, unsigned spo2,
			       unsigned pulse)
{
	size_t n = put16(buf, put16(buf, put8(buf, 0, flags), spo2), pulse);

	if (flags & 1)
		n = put16(buf, put16(buf, n, 95), 71);
	if (flags & 2)
		n = put16(buf, put16(buf, n, 97), 73);
	if (flags & 4)
		n = put16(buf, n, STATUS);
	if (flags & 8)
		n = put24(buf, n, DEVICE_STATUS);
	if (flags & 16)
		n = put16(buf, n, 0xF017);
	return n;
}

static struct decoded spot_check(unsigned flags, unsigned spo2, unsigned pulse)
{
	uint8_t buf[32] = { 0 };
	struct decoded d;

	CHECK_INT(plx_decode_spot_check(buf, build_spot_check(buf, flags, spo2, pulse),
					&no_context, &d),
		  0);
	return d;
}

static struct decoded continuous(unsigned flags, unsigned spo2, unsigned pulse)
{
	uint8_t buf[32] = { 0 };
	struct decoded d;

	CHECK_INT(plx_decode_continuous(buf, build_continuous(buf, flags, spo2, pulse),
					&no_context, &d),
		  0);
	return d;
}

static void check_status(const struct decoded *d)
{
	CHECK_UINT(d->status, d->has_status ? STATUS : 0);
	CHECK_UINT(d->device_status, d->has_device_status ? DEVICE_STATUS : 0);
}

static void check_spot_check(unsigned flags, const struct decoded *d)
{
	CHECK_UINT(d->value_count, flags & 8 ? 3 : 2);
	CHECK_VALUE(d, 0, VALUE_SPO2, UNIT_PERCENT, 97, 0);
	CHECK_VALUE(d, 1, VALUE_PULSE, UNIT_PER_MINUTE, 720, -1);
	if (flags & 8)
		CHECK_VALUE(d, 2, VALUE_PULSE_AMPLITUDE, UNIT_PERCENT, 23, -1);
	check_only(d, flags & 1, false, flags & 2, flags & 4);
	if (flags & 1)
		CHECK_DATE(d, 2026, 11, 21, 7, 31, 2);
	check_status(d);
	CHECK_UINT(d->marks, flags & 16 ? MARK_CLOCK_UNSET : 0);
}

static void check_continuous(unsigned flags, const struct decoded *d)
{
	unsigned n = 2;

	CHECK_VALUE(d, 0, VALUE_SPO2, UNIT_PERCENT, 97, 0);
	CHECK_VALUE(d, 1, VALUE_PULSE, UNIT_PER_MINUTE, 720, -1);
	if (flags & 1) {
		CHECK_VALUE(d, n, VALUE_SPO2_FAST, UNIT_PERCENT, 95, 0);
		CHECK_VALUE(d, n + 1, VALUE_PULSE_FAST, UNIT_PER_MINUTE, 71, 0);
		n += 2;
	}
	if (flags & 2) {
		CHECK_VALUE(d, n, VALUE_SPO2_SLOW, UNIT_PERCENT, 97, 0);
		CHECK_VALUE(d, n + 1, VALUE_PULSE_SLOW, UNIT_PER_MINUTE, 73, 0);
		n += 2;
	}
	if (flags & 16)
		CHECK_VALUE(d, n++, VALUE_PULSE_AMPLITUDE, UNIT_PERCENT, 23, -1);
	CHECK_UINT(d->value_count, n);
	check_only(d, false, false, flags & 4, flags & 8);
	check_status(d);
	CHECK_UINT(d->marks, 0);
}

/* Each of the 32 combinations at its exact length, shorter, longer; reserved bits change nothing. */
static void test_spot_check_flags(void)
{
	for (unsigned flags = 0; flags < FLAGS; flags++) {
		uint8_t buf[32] = { 0 };
		size_t len = build_spot_check(buf, flags, 97, 0xF000 | 720);
		struct decoded d = check_length(plx_decode_spot_check, buf, len, false);

		CHECK(len >= PLX_LEN_MIN && len <= PLX_SPOT_CHECK_LEN_MAX);
		check_spot_check(flags, &d);
		for (unsigned reserved = 0x20; reserved < 0x100; reserved <<= 1) {
			buf[0] = (uint8_t)(flags | reserved);
			CHECK_INT(plx_decode_spot_check(buf, len, &no_context, &d), 0);
			check_spot_check(flags, &d);
		}
	}
	CHECK_UINT(PLX_LEN_MIN, 5);
	CHECK_UINT(PLX_SPOT_CHECK_LEN_MAX, 19);
}

static void test_continuous_flags(void)
{
	for (unsigned flags = 0; flags < FLAGS; flags++) {
		uint8_t buf[32] = { 0 };
		size_t len = build_continuous(buf, flags, 97, 0xF000 | 720);
		struct decoded d = check_length(plx_decode_continuous, buf, len, false);

		CHECK(len >= PLX_LEN_MIN && len <= PLX_CONTINUOUS_LEN_MAX);
		check_continuous(flags, &d);
		for (unsigned reserved = 0x20; reserved < 0x100; reserved <<= 1) {
			buf[0] = (uint8_t)(flags | reserved);
			CHECK_INT(plx_decode_continuous(buf, len, &no_context, &d), 0);
			check_continuous(flags, &d);
		}
	}
	CHECK_UINT(PLX_CONTINUOUS_LEN_MAX, 20);
}

/* ChoiceMMed oximeter whose clock was never set; stackoverflow.com/questions/71264072. */
static void test_capture(void)
{
	static const uint8_t spot[] = { 0x17, 0x61, 0x00, 0x60, 0x00, 0xE1,
					0x07, 0x01, 0x01, 0x01, 0x22, 0x13,
					0x20, 0x00, 0x20, 0x00, 0x00 };
	static const uint8_t stream[] = { 0x0C, 0x62, 0x00, 0x4E, 0x00,
					  0x20, 0x00, 0x00, 0x00, 0x00 };
	struct decoded d;

	CHECK_INT(plx_decode_spot_check(spot, sizeof(spot), &no_context, &d), 0);
	CHECK_UINT(d.value_count, 2);
	CHECK_VALUE(&d, 0, VALUE_SPO2, UNIT_PERCENT, 97, 0);
	CHECK_VALUE(&d, 1, VALUE_PULSE, UNIT_PER_MINUTE, 96, 0);
	CHECK_DATE(&d, 2017, 1, 1, 1, 34, 19);
	CHECK_UINT(d.status, PLX_STATUS_ONGOING);
	CHECK_UINT(d.device_status, PLX_DEVICE_LOW_PERFUSION);
	CHECK_UINT(d.marks, MARK_CLOCK_UNSET);
	CHECK_INT(plx_decode_continuous(stream, sizeof(stream), &no_context, &d), 0);
	CHECK_UINT(d.value_count, 2);
	CHECK_VALUE(&d, 0, VALUE_SPO2, UNIT_PERCENT, 98, 0);
	CHECK_VALUE(&d, 1, VALUE_PULSE, UNIT_PER_MINUTE, 78, 0);
	CHECK(d.has_status && d.has_device_status && !d.has_device_time);
	CHECK_UINT(d.status, PLX_STATUS_ONGOING);
	CHECK_UINT(d.device_status, 0);
	CHECK_UINT(d.marks, 0);
}

/* Each bit of both status fields arrives where it was; two of them make it a test. */
static void test_status_bits(void)
{
	static const uint8_t impossible[] = { 0x02, 101, 0, 72, 0, 0x00, 0x04 };
	struct decoded demonstration;

	for (unsigned bit = 0; bit < 40; bit++) {
		unsigned status = bit < 16 ? 1u << bit : 0;
		unsigned device = bit >= 16 ? 1u << (bit - 16) : 0;
		uint8_t buf[32];
		size_t n = put16(buf, put16(buf, put8(buf, 0, 6), 97), 72);
		struct decoded d;

		n = put24(buf, put16(buf, n, status), device);
		CHECK_INT(plx_decode_spot_check(buf, n, &no_context, &d), 0);
		CHECK_UINT(d.status, status);
		CHECK_UINT(d.device_status, device);
		CHECK_UINT(d.marks, bit == 10 || bit == 11 ? MARK_TEST : 0);
		buf[0] = 0x0C;
		CHECK_INT(plx_decode_continuous(buf, n, &no_context, &d), 0);
		CHECK_UINT(d.status, status);
		CHECK_UINT(d.device_status, device);
		CHECK_UINT(d.marks, bit == 10 || bit == 11 ? MARK_TEST : 0);
	}
	CHECK_INT(plx_decode_spot_check(impossible, sizeof(impossible), &no_context,
					&demonstration),
		  0);
	CHECK_UINT(demonstration.marks, MARK_TEST | MARK_IMPLAUSIBLE);
	CHECK_INT(PLX_STATUS_TESTING, 1 << 11);
	CHECK_INT(PLX_STATUS_INVALID, 1 << 15);
	CHECK_INT(PLX_DEVICE_SENSOR_DISCONNECTED, 1 << 15);
}

/* One mark does not hide another. */
static void test_marks_together(void)
{
	CHECK_UINT(spot_check(16, 101, 72).marks, MARK_CLOCK_UNSET | MARK_IMPLAUSIBLE);
	CHECK_UINT(spot_check(16, NAN16, NAN16).marks, MARK_CLOCK_UNSET | MARK_NO_RESULT);
}

/* PLXS 1.0.1, 3.1.1.2: a value that is not available is sent as NaN. */
static void test_no_result(void)
{
	CHECK_UINT(spot_check(0, NAN16, NAN16).marks, MARK_NO_RESULT);
	CHECK_UINT(spot_check(0, NRES16, NAN16).marks, MARK_NO_RESULT);
	CHECK_UINT(spot_check(0, NAN16, 72).marks, 0);
	CHECK_UINT(spot_check(0, 97, NAN16).marks, 0);
	CHECK_UINT(spot_check(0, NAN16, PLUS_INF16).marks, 0);
	CHECK_UINT(continuous(0, NAN16, NAN16).marks, MARK_NO_RESULT);
	/* the fast pair has numbers, the normal one decides */
	CHECK_UINT(continuous(1, NAN16, NAN16).marks, MARK_NO_RESULT);
	CHECK_UINT(continuous(0, 97, NRES16).marks, 0);
}

/* A special value has exponent 0; with another one it is a number, and looks doubtful. */
static void test_specials(void)
{
	static const struct {
		unsigned raw;
		enum decimal_kind kind;
	} rows[] = { { NAN16, DECIMAL_NAN },
		     { NRES16, DECIMAL_NRES },
		     { PLUS_INF16, DECIMAL_PLUS_INF },
		     { MINUS_INF16, DECIMAL_MINUS_INF },
		     { RESERVED16, DECIMAL_RESERVED } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (unsigned e = 0; e < 16; e++) {
			unsigned raw = rows[i].raw | e << 12;
			struct decoded d = spot_check(0, raw, 72);

			if (e) {
				CHECK_INT(d.values[0].number.kind, DECIMAL_NUMBER);
				CHECK_UINT(d.marks, MARK_IMPLAUSIBLE);
				continue;
			}
			CHECK_SPECIAL(&d, 0, VALUE_SPO2, UNIT_PERCENT, rows[i].kind);
			CHECK_UINT(d.marks, 0);
			d = continuous(0, 97, raw);
			CHECK_SPECIAL(&d, 1, VALUE_PULSE, UNIT_PER_MINUTE, rows[i].kind);
			CHECK_UINT(d.marks, 0);
		}
	}
}

/* n-1, n, n+1 at each limit; 0xF000 is exponent -1. */
static void test_limits(void)
{
	static const struct {
		unsigned spo2, pulse;
		bool flagged;
	} rows[] = {
		{ 29, 72, true },
		{ 30, 72, false },
		{ 31, 72, false },
		{ 99, 72, false },
		{ 100, 72, false },
		{ 101, 72, true },
		{ 0xF000 | 1000, 72, false },
		{ 0xF000 | 1001, 72, true },
		{ 0xF000 | 299, 72, true },
		{ 97, 19, true },
		{ 97, 20, false },
		{ 97, 21, false },
		{ 97, 299, false },
		{ 97, 300, false },
		{ 97, 301, true },
		{ 97, 0xF000 | 199, true },
		{ 97, 0, true },
		{ 0, 72, true },
		{ 0x1009, 72, false },
		{ 97, 0x0FB8, true }, /* 9e1 and -72 */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint32_t marks = rows[i].flagged ? MARK_IMPLAUSIBLE : 0;

		CHECK_UINT(spot_check(0, rows[i].spo2, rows[i].pulse).marks, marks);
		CHECK_UINT(continuous(0, rows[i].spo2, rows[i].pulse).marks, marks);
	}
}

/* The other pairs and the amplitude have limits too. */
static void test_limits_of_optional_fields(void)
{
	static const struct {
		size_t at;
		unsigned raw;
		bool flagged;
	} rows[] = {
		{ 5, 101, true },   { 5, 100, false }, { 7, 301, true },
		{ 7, 300, false },  { 9, 29, true },   { 9, 30, false },
		{ 11, 19, true },   { 11, 20, false }, { 13, 101, true },
		{ 13, 100, false }, { 13, 0, false },  { 13, 0x0FFF, true }, /* -1 */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t buf[32];
		size_t len = build_continuous(buf, 0x13, 97, 72);
		struct decoded d;

		put16(buf, rows[i].at, rows[i].raw);
		CHECK_INT(plx_decode_continuous(buf, len, &no_context, &d), 0);
		CHECK_UINT(d.marks, rows[i].flagged ? MARK_IMPLAUSIBLE : 0);
	}
}

/* PLXS 1.0.1, 3.3: which bits it can set at all follows if it says so. */
static void test_features(void)
{
	static const uint8_t buf[] = { 0x07, 0x81, 0xE0, 0x05, 0xFF, 0xFE, 0x01 };
	static const size_t need[] = { 2, 4, 5, 7 };
	struct plx_features f = { .features = 0xDEAD };

	for (unsigned which = 0; which < 4; which++) {
		uint8_t copy[sizeof(buf)];

		memcpy(copy, buf, sizeof(buf));
		copy[0] = (uint8_t)((buf[0] & ~3u) | which);
		for (size_t n = 0; n <= sizeof(copy); n++) {
			f.features = 0xDEAD;
			CHECK_INT(plx_decode_features(copy, n, &f),
				  n < need[which] ? -EMSGSIZE : 0);
			CHECK_UINT(f.features,
				   n < need[which] ? 0xDEAD : 0x8104u | which);
		}
		CHECK_UINT(f.status, which & 1 ? 0x05E0 : 0);
		CHECK_UINT(f.device_status, which == 3	 ? 0x01FEFF
					    : which == 2 ? 0xFF05E0
							 : 0);
	}
	CHECK(f.features & PLX_FEATURE_STORAGE && !(f.features & PLX_FEATURE_TIME));
}

static size_t need_spot_check(const uint8_t *buf)
{
	return 5u + (buf[0] & 1 ? 7 : 0) + (buf[0] & 2 ? 2 : 0) + (buf[0] & 4 ? 3 : 0) +
	       (buf[0] & 8 ? 2 : 0);
}

static size_t need_continuous(const uint8_t *buf)
{
	return 5u + (buf[0] & 1 ? 4 : 0) + (buf[0] & 2 ? 4 : 0) + (buf[0] & 4 ? 2 : 0) +
	       (buf[0] & 8 ? 3 : 0) + (buf[0] & 16 ? 2 : 0);
}

static void check_garbage(profile_decode_fn *decode, size_t need, const uint8_t *buf,
			  size_t len)
{
	struct decoded d = { .marks = 0xDEAD };
	int r = decode(buf, len, &no_context, &d);

	CHECK_INT(r, len < need ? -EMSGSIZE : 0);
	if (r) {
		CHECK_UINT(d.marks, 0xDEAD);
		return;
	}
	CHECK(d.value_count >= 2 && d.value_count <= 7);
	CHECK_INT((d.marks & MARK_TAIL) != 0, len > need);
	CHECK_UINT(d.marks & ~(unsigned)(MARK_TAIL | MARK_IMPLAUSIBLE | MARK_NO_RESULT |
					 MARK_TEST | MARK_CLOCK_UNSET),
		   0);
	CHECK(!d.has_device_time || date_time_valid(&d.device_time));
	CHECK(d.status <= 0xFFFF && d.device_status <= 0xFFFFFF);
}

/* Garbage decodes or is refused by length alone. */
static void test_garbage(void)
{
	for (int i = 0; i < 100000; i++) {
		uint8_t buf[24];
		size_t len = test_random() % (sizeof(buf) + 1);

		put_garbage(buf, sizeof(buf));
		check_garbage(plx_decode_spot_check, len ? need_spot_check(buf) : 5, buf,
			      len);
		check_garbage(plx_decode_continuous, len ? need_continuous(buf) : 5, buf,
			      len);
	}
}

TEST_MAIN("plx", test_spot_check_flags, test_continuous_flags, test_capture,
	  test_status_bits, test_marks_together, test_no_result, test_specials,
	  test_limits, test_limits_of_optional_fields, test_features, test_garbage)
