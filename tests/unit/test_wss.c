/*
 * test_wss.c - the Weight Scale decoder: every combination of flags, every length, limits, failed weighing, captures.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/wss.h"
#include "tests/unit/decoder.h"

enum { FLAGS = 16 };

/* Written from the specification's table (WSS 1.0.1, 3.2; GSS, Weight Measurement), not from the decoder. */
static size_t build(uint8_t *buf, unsigned flags, unsigned weight)
{
	size_t n = put16(buf, put8(buf, 0, flags), weight);

	if (flags & 2)
		n = put_date(buf, n);
	if (flags & 4)
		n = put8(buf, n, 3);
	if (flags & 8)
		n = put16(buf, put16(buf, n, 245), flags & 1 ? 717 : 1820);
	return n;
}

static struct decoded decode(const uint8_t *buf, size_t len)
{
	struct decoded d;

	CHECK_INT(wss_decode_measurement(buf, len, &no_context, &d), 0);
	return d;
}

static void check_fields(unsigned flags, const struct decoded *d)
{
	if (flags & 1)
		CHECK_VALUE(d, 0, VALUE_WEIGHT, UNIT_LB, 16220, -2);
	else
		CHECK_VALUE(d, 0, VALUE_WEIGHT, UNIT_KG, 81100, -3);
	CHECK_UINT(d->value_count, flags & 8 ? 3 : 1);
	if (flags & 8)
		CHECK_VALUE(d, 1, VALUE_BMI, UNIT_KG_PER_M2, 245, -1);
	if ((flags & 9) == 8)
		CHECK_VALUE(d, 2, VALUE_HEIGHT, UNIT_M, 1820, -3);
	if ((flags & 9) == 9)
		CHECK_VALUE(d, 2, VALUE_HEIGHT, UNIT_IN, 717, -1);
	check_only(d, flags & 2, flags & 4, false, false);
	CHECK_UINT(d->user, flags & 4 ? 3 : 0);
	if (flags & 2)
		CHECK_DATE(d, 2026, 11, 21, 7, 31, 2);
	CHECK_UINT(d->marks, 0);
}

/* Each of the 16 combinations at its exact length; one octet more or less is another layout. */
static void test_flags(void)
{
	for (unsigned flags = 0; flags < FLAGS; flags++) {
		uint8_t buf[32] = { 0 };
		size_t len = build(buf, flags, 16220);
		struct decoded d = check_length(wss_decode_measurement, buf, len, true);

		CHECK(len >= WSS_LEN_MIN && len <= WSS_LEN_MAX);
		check_fields(flags, &d);
		for (unsigned reserved = 0x10; reserved < 0x100; reserved <<= 1) {
			buf[0] = (uint8_t)(flags | reserved);
			d = decode(buf, len);
			check_fields(flags, &d);
		}
	}
	CHECK_UINT(WSS_LEN_MIN, 3);
	CHECK_UINT(WSS_LEN_MAX, 15);
}

/* 16220 steps of 5 g, worked out by hand. */
static void test_worked_example(void)
{
	static const uint8_t buf[] = { 0x02, 0x5C, 0x3F, 0xEA, 0x07,
				       0x0B, 0x15, 0x07, 0x1F, 0x02 };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_UINT(d.value_count, 1);
	CHECK_VALUE(&d, 0, VALUE_WEIGHT, UNIT_KG, 81100, -3);
	CHECK_DATE(&d, 2026, 11, 21, 7, 31, 2);
}

static void check_capture(const uint8_t *buf, size_t len, int grams, unsigned user,
			  int bmi, int millimetres)
{
	struct decoded d = decode(buf, len);

	CHECK_UINT(d.value_count, 3);
	CHECK_VALUE(&d, 0, VALUE_WEIGHT, UNIT_KG, grams, -3);
	CHECK_VALUE(&d, 1, VALUE_BMI, UNIT_KG_PER_M2, bmi, -1);
	CHECK_VALUE(&d, 2, VALUE_HEIGHT, UNIT_M, millimetres, -3);
	CHECK(d.has_device_time);
	CHECK_UINT(d.user, user);
	CHECK_UINT(d.marks, 0);
}

/* Beurer BF600 (github.com/oliexdev/openScale issue 219), BF720 and BF788 (github.com/KristianP26/ble-scale-sync
 * tests/scales/beurer-bf720.test.ts). */
static void test_captures(void)
{
	static const uint8_t bf600[] = { 0x0E, 0xF2, 0x2F, 0xE5, 0x07, 0x07, 0x17, 0x15,
					 0x21, 0x1F, 0x02, 0xD4, 0x00, 0xA4, 0x06 };
	static const uint8_t bf720[] = { 0x0E, 0x78, 0x3E, 0xEA, 0x07, 0x05, 0x0C, 0x12,
					 0x35, 0x36, 0x01, 0xEE, 0x00, 0x26, 0x07 };
	static const uint8_t bf788[] = { 0x0E, 0x20, 0x5C, 0xEA, 0x07, 0x07, 0x0E, 0x17,
					 0x29, 0x20, 0x01, 0x40, 0x01, 0x80, 0x07 };
	struct decoded d = decode(bf600, sizeof(bf600));

	CHECK_DATE(&d, 2021, 7, 23, 21, 33, 31);
	check_capture(bf600, sizeof(bf600), 61370, 2, 212, 1700);
	check_capture(bf720, sizeof(bf720), 79960, 1, 238, 1830);
	check_capture(bf788, sizeof(bf788), 117920, 1, 320, 1920);
}

/* Renpho ES-WBE28 (same repository, tests/scales/renpho.test.ts): counts in 50 g, which its octets do not say;
 * BMI and height of zero give it away. */
static void test_capture_coarse(void)
{
	static const uint8_t buf[] = { 0x4E, 0x6A, 0x07, 0xEA, 0x07, 0x07, 0x04, 0x0C,
				       0x1A, 0x06, 0xAA, 0x00, 0x00, 0x00, 0x00 };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_VALUE(&d, 0, VALUE_WEIGHT, UNIT_KG, 9490, -3);
	CHECK_UINT(d.user, 170);
	CHECK_UINT(d.marks, MARK_IMPLAUSIBLE);
}

/* WSS 1.0.1, 3.2.1.2: FFFF is no weight; time and user still say whose and when. */
static void test_unsuccessful(void)
{
	for (unsigned flags = 0; flags < FLAGS; flags++) {
		uint8_t buf[32] = { 0 };
		size_t len = build(buf, flags, 0xFFFF);
		struct decoded d = check_length(wss_decode_measurement, buf, len, true);

		CHECK_UINT(d.value_count, 1);
		CHECK_SPECIAL(&d, 0, VALUE_WEIGHT, flags & 1 ? UNIT_LB : UNIT_KG,
			      DECIMAL_NAN);
		check_only(&d, flags & 2, flags & 4, false, false);
		CHECK_UINT(d.marks, MARK_NO_RESULT);
	}
}

/* n-1, n, n+1 at each limit, in steps of the field. */
static void test_limits(void)
{
	static const struct {
		unsigned flags, weight;
		bool flagged;
	} rows[] = {
		{ 0, 0, true },	     { 0, 99, true },	  { 0, 100, false },
		{ 0, 101, false },   { 0, 65399, false }, { 0, 65400, false },
		{ 0, 65401, true },  { 0, 0xFFFE, true }, { 1, 0, true },
		{ 1, 99, true },     { 1, 100, false },	  { 1, 101, false },
		{ 1, 65499, false }, { 1, 65500, false }, { 1, 65501, true },
		{ 1, 0xFFFE, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t buf[32];
		struct decoded d = decode(buf, build(buf, rows[i].flags, rows[i].weight));

		CHECK_UINT(d.marks, rows[i].flagged ? MARK_IMPLAUSIBLE : 0);
	}
}

static void test_limits_of_optional_fields(void)
{
	static const struct {
		unsigned flags, bmi, height;
		bool flagged;
	} rows[] = {
		{ 8, 49, 1800, true },	  { 8, 50, 1800, false },
		{ 8, 51, 1800, false },	  { 8, 2599, 1800, false },
		{ 8, 2600, 1800, false }, { 8, 2601, 1800, true },
		{ 8, 245, 199, true },	  { 8, 245, 200, false },
		{ 8, 245, 201, false },	  { 8, 245, 2799, false },
		{ 8, 245, 2800, false },  { 8, 245, 2801, true },
		{ 9, 245, 79, true },	  { 9, 245, 80, false },
		{ 9, 245, 81, false },	  { 9, 245, 1099, false },
		{ 9, 245, 1100, false },  { 9, 245, 1101, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t buf[32];
		size_t len = build(buf, rows[i].flags, 16220);

		put16(buf, put16(buf, 3, rows[i].bmi), rows[i].height);
		CHECK_UINT(decode(buf, len).marks,
			   rows[i].flagged ? MARK_IMPLAUSIBLE : 0);
	}
}

static void test_user_unknown(void)
{
	uint8_t buf[32];
	size_t len = build(buf, 4, 16220);

	buf[len - 1] = 255;
	CHECK(decode(buf, len).has_user);
	CHECK_UINT(decode(buf, len).user, 255);
}

static void test_feature(void)
{
	static const uint8_t buf[] = { 0xBD, 0x81, 0x03, 0x80, 0xFF };
	uint32_t features = 0xDEAD;

	for (size_t n = 0; n < 4; n++) {
		CHECK_INT(wss_decode_feature(buf, n, &features), -EMSGSIZE);
		CHECK_UINT(features, 0xDEAD);
	}
	for (size_t n = 4; n <= sizeof(buf); n++) {
		CHECK_INT(wss_decode_feature(buf, n, &features), 0);
		CHECK_UINT(features, 0x800381BD);
	}
	CHECK(features & WSS_FEATURE_TIME && !(features & WSS_FEATURE_MULTIPLE_USERS) &&
	      features & WSS_FEATURE_BMI);
	CHECK_UINT((features & WSS_FEATURE_WEIGHT_RESOLUTION) >> 3, 7);
	CHECK_UINT((features & WSS_FEATURE_HEIGHT_RESOLUTION) >> 7, 3);
}

/* Garbage decodes or is refused by length alone. */
static void test_garbage(void)
{
	for (int i = 0; i < 200000; i++) {
		uint8_t buf[20];
		size_t len = test_random() % (sizeof(buf) + 1), need;
		struct decoded d = { .marks = 0xDEAD };

		put_garbage(buf, sizeof(buf));
		if (test_random() % 8 == 0)
			buf[1] = buf[2] = 0xFF;
		need = 3u + (buf[0] & 2 ? 7 : 0) + (buf[0] & 4 ? 1 : 0) +
		       (buf[0] & 8 ? 4 : 0);
		CHECK_INT(wss_decode_measurement(buf, len, &no_context, &d),
			  len == need ? 0 : -EMSGSIZE);
		if (len != need) {
			CHECK_UINT(d.marks, 0xDEAD);
			continue;
		}
		CHECK(d.value_count == 1 || d.value_count == 3);
		CHECK_INT((d.marks & MARK_NO_RESULT) != 0,
			  buf[1] == 0xFF && buf[2] == 0xFF);
		CHECK_UINT(d.marks & ~(unsigned)(MARK_IMPLAUSIBLE | MARK_NO_RESULT), 0);
		CHECK(!d.has_device_time || date_time_valid(&d.device_time));
	}
}

TEST_MAIN("wss", test_flags, test_worked_example, test_captures, test_capture_coarse,
	  test_unsuccessful, test_limits, test_limits_of_optional_fields,
	  test_user_unknown, test_feature, test_garbage)
