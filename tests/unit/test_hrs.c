/*
 * test_hrs.c - the Heart Rate decoder: every combination of flags, every length, RR intervals, limits, captures.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/hrs.h"
#include "tests/unit/decoder.h"

enum { FLAGS = 32 };

/* Written from the specification's table (HRS 1.0, 3.1; GSS, Heart Rate Measurement), not from the decoder. */
static size_t build(uint8_t *buf, unsigned flags, unsigned rate, size_t rrs)
{
	size_t n = put8(buf, 0, flags);

	n = flags & 1 ? put16(buf, n, rate) : put8(buf, n, rate);
	if (flags & 8)
		n = put16(buf, n, 0x1234);
	for (size_t i = 0; flags & 16 && i < rrs; i++)
		n = put16(buf, n, (unsigned)(800 + i));
	return n;
}

static struct decoded decode(const uint8_t *buf, size_t len)
{
	struct decoded d;

	CHECK_INT(hrs_decode_measurement(buf, len, &no_context, &d), 0);
	return d;
}

static void check_fields(unsigned flags, size_t rrs, const struct decoded *d)
{
	unsigned n = 0;

	CHECK_VALUE(d, n++, VALUE_HEART_RATE, UNIT_PER_MINUTE, 72, 0);
	if (flags & 4)
		CHECK_VALUE(d, n++, VALUE_SENSOR_CONTACT, UNIT_CODE, flags & 2 ? 1 : 0,
			    0);
	if (flags & 8)
		CHECK_VALUE(d, n++, VALUE_ENERGY_EXPENDED, UNIT_KJ, 0x1234, 0);
	for (size_t i = 0; flags & 16 && i < rrs && n < READING_VALUES_MAX; i++)
		CHECK_VALUE(d, n++, VALUE_RR_INTERVAL, UNIT_S_1024, (int)(800 + i), 0);
	CHECK_UINT(d->value_count, n);
	check_only(d, false, false, false, false);
}

/* Each of the 32 combinations at its exact length and shorter; reserved bits change nothing. */
static void test_flags(void)
{
	for (unsigned flags = 0; flags < FLAGS; flags++) {
		uint8_t buf[32] = { 0 };
		size_t len = build(buf, flags, 72, 0);
		struct decoded d = { .marks = 0xDEAD };

		for (size_t n = 0; n < len; n++) {
			CHECK_INT(hrs_decode_measurement(buf, n, &no_context, &d),
				  -EMSGSIZE);
			CHECK_UINT(d.marks, 0xDEAD);
		}
		for (unsigned reserved = 0x10; reserved < 0x100; reserved <<= 1) {
			buf[0] = (uint8_t)(flags | (reserved & 0xE0));
			d = decode(buf, len);
			check_fields(flags, 0, &d);
			CHECK_UINT(d.marks, 0);
		}
	}
	CHECK_UINT(HRS_LEN_MIN, 2);
}

/* Without RR flag what is left over is a tail; with it, it is intervals, and half of one is an error. */
static void test_rest(void)
{
	for (unsigned flags = 0; flags < FLAGS; flags++) {
		uint8_t buf[32] = { 0 };
		size_t len = build(buf, flags, 72, 3);
		struct decoded d = { .marks = 0xDEAD };
		int r = hrs_decode_measurement(buf, len + 1, &no_context, &d);

		CHECK_INT(r, flags & 16 ? -EMSGSIZE : 0);
		CHECK_UINT(d.marks, flags & 16 ? 0xDEAD : MARK_TAIL);
		d = decode(buf, len);
		check_fields(flags, 3, &d);
		CHECK_UINT(d.marks, 0);
	}
}

/* Of the longest value, as many as fit beside the others; that is no tail. */
static void test_many_intervals(void)
{
	for (unsigned flags = 0x10; flags < FLAGS; flags++) {
		for (size_t rrs = 0; rrs <= 253; rrs++) {
			uint8_t buf[READING_RAW_MAX] = { 0 };
			size_t len = build(buf, flags, 72, rrs);
			struct decoded d = decode(buf, len);

			check_fields(flags, rrs, &d);
			CHECK_UINT(d.marks, 0);
		}
	}
}

/* Polar H7; Stack Overflow, "Heart Rate Value in BLE", where the octets are decimal as here. */
static void test_capture_h7(void)
{
	static const uint8_t one[] = { 22, 77, 22, 3 };
	static const uint8_t two[] = { 22, 78, 27, 3, 18, 3 };
	struct decoded d = decode(one, sizeof(one));

	CHECK_UINT(d.value_count, 3);
	CHECK_VALUE(&d, 0, VALUE_HEART_RATE, UNIT_PER_MINUTE, 77, 0);
	CHECK_VALUE(&d, 1, VALUE_SENSOR_CONTACT, UNIT_CODE, 1, 0);
	CHECK_VALUE(&d, 2, VALUE_RR_INTERVAL, UNIT_S_1024, 790, 0);
	CHECK_UINT(d.marks, 0);
	d = decode(two, sizeof(two));
	CHECK_UINT(d.value_count, 4);
	CHECK_VALUE(&d, 0, VALUE_HEART_RATE, UNIT_PER_MINUTE, 78, 0);
	CHECK_VALUE(&d, 2, VALUE_RR_INTERVAL, UNIT_S_1024, 795, 0);
	CHECK_VALUE(&d, 3, VALUE_RR_INTERVAL, UNIT_S_1024, 786, 0);
}

/* Polar H10: contact not supported; stackoverflow.com/questions/67024800. */
static void test_capture_h10(void)
{
	static const uint8_t buf[] = { 16, 59, 83, 4 };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_UINT(d.value_count, 2);
	CHECK_VALUE(&d, 0, VALUE_HEART_RATE, UNIT_PER_MINUTE, 59, 0);
	CHECK_VALUE(&d, 1, VALUE_RR_INTERVAL, UNIT_S_1024, 1107, 0);
	CHECK_UINT(d.marks, 0);
}

/* A strap at 120 beats a minute, three intervals in one value; stackoverflow.com/questions/33917836. */
static void test_capture_fast(void)
{
	static const uint8_t buf[] = { 0x16, 0x78, 0xFF, 0x01, 0xFF, 0x01, 0x0C, 0x01 };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_UINT(d.value_count, 5);
	CHECK_VALUE(&d, 0, VALUE_HEART_RATE, UNIT_PER_MINUTE, 120, 0);
	CHECK_VALUE(&d, 2, VALUE_RR_INTERVAL, UNIT_S_1024, 511, 0);
	CHECK_VALUE(&d, 3, VALUE_RR_INTERVAL, UNIT_S_1024, 511, 0);
	CHECK_VALUE(&d, 4, VALUE_RR_INTERVAL, UNIT_S_1024, 268, 0);
	CHECK_UINT(d.marks, 0);
}

/* A strap that sets the contact bit without saying that it can tell: 13842, 1144 as 16-bit numbers in
 * community.appinventor.mit.edu/t/61569. */
static void test_capture_contact_unknown(void)
{
	static const uint8_t buf[] = { 0x12, 0x36, 0x78, 0x04 };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_UINT(d.value_count, 2);
	CHECK_VALUE(&d, 0, VALUE_HEART_RATE, UNIT_PER_MINUTE, 54, 0);
	CHECK_VALUE(&d, 1, VALUE_RR_INTERVAL, UNIT_S_1024, 1144, 0);
}

static uint32_t marks_of_rate(unsigned flags, unsigned rate)
{
	uint8_t buf[8];

	return decode(buf, build(buf, flags, rate, 0)).marks;
}

/* n-1, n, n+1 in both widths; 0 is what a strap sends that has no rate. */
static void test_limits_of_rate(void)
{
	for (unsigned flags = 0; flags < 2; flags++) {
		CHECK_UINT(marks_of_rate(flags, 0), MARK_NO_RESULT);
		CHECK_UINT(marks_of_rate(flags, 1), MARK_IMPLAUSIBLE);
		CHECK_UINT(marks_of_rate(flags, 19), MARK_IMPLAUSIBLE);
		CHECK_UINT(marks_of_rate(flags, 20), 0);
		CHECK_UINT(marks_of_rate(flags, 21), 0);
		CHECK_UINT(marks_of_rate(flags, 255), 0);
	}
	CHECK_UINT(marks_of_rate(1, 299), 0);
	CHECK_UINT(marks_of_rate(1, 300), 0);
	CHECK_UINT(marks_of_rate(1, 301), MARK_IMPLAUSIBLE);
	CHECK_UINT(marks_of_rate(1, 0xFFFF), MARK_IMPLAUSIBLE);
}

static uint32_t marks_of_rr(unsigned rr)
{
	uint8_t buf[8];

	return decode(buf, put16(buf, put8(buf, put8(buf, 0, 0x10), 72), rr)).marks;
}

static void test_limits_of_rr(void)
{
	CHECK_UINT(marks_of_rr(199), MARK_IMPLAUSIBLE);
	CHECK_UINT(marks_of_rr(200), 0);
	CHECK_UINT(marks_of_rr(201), 0);
	CHECK_UINT(marks_of_rr(10239), 0);
	CHECK_UINT(marks_of_rr(10240), 0);
	CHECK_UINT(marks_of_rr(10241), MARK_IMPLAUSIBLE);
	CHECK_UINT(marks_of_rr(0), MARK_IMPLAUSIBLE);
	CHECK_UINT(marks_of_rr(0xFFFF), MARK_IMPLAUSIBLE);
}

/* HRS 1.0, 3.1.1.3: energy stays at FFFF when it can count no further; that is a number like others. */
static void test_energy_full(void)
{
	static const uint8_t buf[] = { 0x08, 72, 0xFF, 0xFF };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_VALUE(&d, 1, VALUE_ENERGY_EXPENDED, UNIT_KJ, 65535, 0);
	CHECK_UINT(d.marks, 0);
}

/* Garbage decodes or is refused by length alone. */
static void test_garbage(void)
{
	for (int i = 0; i < 100000; i++) {
		uint8_t buf[64];
		size_t len = test_random() % (sizeof(buf) + 1), need;
		struct decoded d = { .marks = 0xDEAD };
		bool good;

		put_garbage(buf, sizeof(buf));
		need = len ? 2u + (buf[0] & 1) + (buf[0] & 8 ? 2 : 0) : 2;
		good = len >= need && (!(buf[0] & 16) || (len - need) % 2 == 0);
		CHECK_INT(hrs_decode_measurement(buf, len, &no_context, &d),
			  good ? 0 : -EMSGSIZE);
		if (!good) {
			CHECK_UINT(d.marks, 0xDEAD);
			continue;
		}
		CHECK(d.value_count >= 1 && d.value_count <= READING_VALUES_MAX);
		CHECK_INT((d.marks & MARK_TAIL) != 0, len > need && !(buf[0] & 16));
		CHECK_UINT(d.marks & ~(unsigned)(MARK_TAIL | MARK_IMPLAUSIBLE |
						 MARK_NO_RESULT),
			   0);
	}
}

TEST_MAIN("hrs", test_flags, test_rest, test_many_intervals, test_capture_h7,
	  test_capture_h10, test_capture_fast, test_capture_contact_unknown,
	  test_limits_of_rate, test_limits_of_rr, test_energy_full, test_garbage)
