/*
 * test_hts.c - the Health Thermometer decoder: every combination of flags, every length, limits, specials, captures.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/hts.h"
#include "tests/unit/decoder.h"

enum {
	FLAGS = 8,
	T_36_60 = 0xFE000E4C,	 /* 3660 e-2 */
	EXPONENT_1 = 0xFF000000, /* e-1 */
};

/* Written from the specification's table (HTS 1.0, 3.1; GSS, Temperature Measurement), not from the decoder. */
static size_t build(uint8_t *buf, unsigned flags, unsigned temperature)
{
	size_t n = put32(buf, put8(buf, 0, flags), temperature);

	if (flags & 2)
		n = put_date(buf, n);
	if (flags & 4)
		n = put8(buf, n, 6);
	return n;
}

static struct decoded decode(const uint8_t *buf, size_t len)
{
	struct decoded d;

	CHECK_INT(hts_decode_measurement(buf, len, &no_context, &d), 0);
	return d;
}

static struct decoded temperature(unsigned flags, unsigned t)
{
	uint8_t buf[32] = { 0 };

	return decode(buf, build(buf, flags, t));
}

static void check_fields(unsigned flags, const struct decoded *d)
{
	CHECK_UINT(d->value_count, flags & 4 ? 2 : 1);
	CHECK_VALUE(d, 0, VALUE_TEMPERATURE, flags & 1 ? UNIT_FAHRENHEIT : UNIT_CELSIUS,
		    3660, -2);
	if (flags & 4)
		CHECK_VALUE(d, 1, VALUE_BODY_SITE, UNIT_CODE, HTS_SITE_MOUTH, 0);
	check_only(d, flags & 2, false, false, false);
	if (flags & 2)
		CHECK_DATE(d, 2026, 11, 21, 7, 31, 2);
	/* 36.6 degrees Fahrenheit are frozen */
	CHECK_UINT(d->marks, flags & 1 ? MARK_IMPLAUSIBLE : 0);
}

/* Each of the 8 combinations at its exact length, shorter, longer; reserved bits change nothing. */
static void test_flags(void)
{
	for (unsigned flags = 0; flags < FLAGS; flags++) {
		uint8_t buf[32] = { 0 };
		size_t len = build(buf, flags, T_36_60);
		struct decoded d = check_length(hts_decode_measurement, buf, len, false);

		CHECK(len >= HTS_LEN_MIN && len <= HTS_LEN_MAX);
		check_fields(flags, &d);
		for (unsigned reserved = 8; reserved < 0x100; reserved <<= 1) {
			buf[0] = (uint8_t)(flags | reserved);
			d = decode(buf, len);
			check_fields(flags, &d);
		}
	}
	CHECK_UINT(HTS_LEN_MIN, 5);
	CHECK_UINT(HTS_LEN_MAX, 13);
}

/* A thermometer that showed 36.0 degrees Celsius; stackoverflow.com/a/54834439. */
static void test_capture_e_minus_1(void)
{
	static const uint8_t buf[] = { 0x06, 0x68, 0x01, 0x00, 0xFF, 0xE2, 0x07,
				       0x03, 0x0A, 0x15, 0x34, 0x00, 0x02 };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_VALUE(&d, 0, VALUE_TEMPERATURE, UNIT_CELSIUS, 360, -1);
	CHECK_VALUE(&d, 1, VALUE_BODY_SITE, UNIT_CODE, HTS_SITE_BODY, 0);
	CHECK_DATE(&d, 2018, 3, 10, 21, 52, 0);
	CHECK_UINT(d.marks, 0);
}

/* Another that showed 27.8, in a warm hand, and sent 27.75; stackoverflow.com/a/45975736. */
static void test_capture_e_minus_2(void)
{
	static const uint8_t buf[] = { 0x06, 0xD7, 0x0A, 0x00, 0xFE, 0xE1, 0x07,
				       0x08, 0x1E, 0x08, 0x2D, 0x35, 0x04 };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_VALUE(&d, 0, VALUE_TEMPERATURE, UNIT_CELSIUS, 2775, -2);
	CHECK_VALUE(&d, 1, VALUE_BODY_SITE, UNIT_CODE, HTS_SITE_FINGER, 0);
	CHECK_DATE(&d, 2017, 8, 30, 8, 45, 53);
	CHECK_UINT(d.marks, 0);
}

/* FORA IR20 at 36.3: site 0 is reserved; stackoverflow.com/questions/77653902 (there in Base64). */
static void test_capture_reserved_site(void)
{
	static const uint8_t buf[] = { 0x06, 0x6B, 0x01, 0x00, 0xFF, 0xDA, 0x07,
				       0x01, 0x02, 0x01, 0x1F, 0x00, 0x00 };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_VALUE(&d, 0, VALUE_TEMPERATURE, UNIT_CELSIUS, 363, -1);
	CHECK_VALUE(&d, 1, VALUE_BODY_SITE, UNIT_CODE, 0, 0);
	CHECK_DATE(&d, 2010, 1, 2, 1, 31, 0);
	CHECK_UINT(d.marks, 0);
}

/* Special mantissas are special whatever the exponent says; NaN and NRes are no result. */
static void test_specials(void)
{
	static const struct {
		unsigned raw;
		enum decimal_kind kind;
		uint32_t marks;
	} rows[] = { { 0x7FFFFF, DECIMAL_NAN, MARK_NO_RESULT },
		     { 0x800000, DECIMAL_NRES, MARK_NO_RESULT },
		     { 0x7FFFFE, DECIMAL_PLUS_INF, 0 },
		     { 0x800002, DECIMAL_MINUS_INF, 0 },
		     { 0x800001, DECIMAL_RESERVED, 0 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (unsigned e = 0; e < 256; e++) {
			struct decoded d = temperature(0, rows[i].raw | e << 24);

			if (e) { /* a number, and far from any temperature */
				CHECK_INT(d.values[0].number.kind, DECIMAL_NUMBER);
				CHECK_UINT(d.marks, MARK_IMPLAUSIBLE);
				continue;
			}
			CHECK_SPECIAL(&d, 0, VALUE_TEMPERATURE, UNIT_CELSIUS,
				      rows[i].kind);
			CHECK_UINT(d.marks, rows[i].marks);
		}
	}
}

/* n-1, n, n+1 in tenths of a degree, and in other digits. */
static void test_limits(void)
{
	static const struct {
		unsigned flags, raw;
		bool flagged;
	} rows[] = {
		{ 0, EXPONENT_1 | 199, true },
		{ 0, EXPONENT_1 | 200, false },
		{ 0, EXPONENT_1 | 201, false },
		{ 0, EXPONENT_1 | 449, false },
		{ 0, EXPONENT_1 | 450, false },
		{ 0, EXPONENT_1 | 451, true },
		{ 1, EXPONENT_1 | 679, true },
		{ 1, EXPONENT_1 | 680, false },
		{ 1, EXPONENT_1 | 681, false },
		{ 1, EXPONENT_1 | 1129, false },
		{ 1, EXPONENT_1 | 1130, false },
		{ 1, EXPONENT_1 | 1131, true },
		{ 0, 0xFB000000 | 4500000, false },
		{ 0, 0xFB000000 | 4500001, true },
		{ 0, 20, false },
		{ 0, 19, true },
		{ 0, 0x01000004, false }, /* 4e1 */
		{ 0, 0x01000005, true },
		{ 0, 0x00FFFFDB, true }, /* -37 */
		{ 0, 0, true },
		{ 0, 0x7F000025, true },
		{ 0, 0x80000025, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		CHECK_UINT(temperature(rows[i].flags, rows[i].raw).marks,
			   rows[i].flagged ? MARK_IMPLAUSIBLE : 0);
}

static void test_sites(void)
{
	uint8_t buf[32];
	size_t len = build(buf, 4, T_36_60);

	for (unsigned site = 0; site < 256; site++) {
		struct decoded d;

		buf[len - 1] = (uint8_t)site;
		d = decode(buf, len);
		CHECK_VALUE(&d, 1, VALUE_BODY_SITE, UNIT_CODE, (int)site, 0);
		CHECK_UINT(d.marks, 0);
	}
	CHECK_INT(HTS_SITE_TYMPANUM, 9);
}

static struct decoded with_date(unsigned year, unsigned month, unsigned day)
{
	uint8_t buf[32];
	size_t len = build(buf, 2, T_36_60);

	put8(buf, put8(buf, put16(buf, 5, year), month), day);
	return decode(buf, len);
}

/* Unknown is left out, nonsense is marked. */
static void test_time(void)
{
	CHECK(with_date(2024, 2, 29).has_device_time);
	CHECK(!with_date(0, 2, 29).has_device_time);
	CHECK(!with_date(2024, 0, 29).has_device_time);
	CHECK(!with_date(2024, 2, 0).has_device_time);
	CHECK_UINT(with_date(0, 0, 0).marks, 0);
	CHECK_UINT(with_date(0, 2, 28).marks, 0);
	CHECK_UINT(with_date(2024, 0, 28).marks, 0);
	CHECK_UINT(with_date(2024, 2, 0).marks, 0);
	CHECK_UINT(with_date(1, 2, 28).marks, MARK_IMPLAUSIBLE);
	CHECK(!with_date(2025, 2, 29).has_device_time);
	CHECK_UINT(with_date(2025, 2, 29).marks, MARK_IMPLAUSIBLE);
	CHECK_UINT(with_date(2025, 13, 1).marks, MARK_IMPLAUSIBLE);
}

static void test_type(void)
{
	static const uint8_t buf[] = { 0x09, 0x01 };
	uint8_t site = 0xEE;

	CHECK_INT(hts_decode_type(buf, 0, &site), -EMSGSIZE);
	CHECK_UINT(site, 0xEE);
	CHECK_INT(hts_decode_type(buf, 1, &site), 0);
	CHECK_UINT(site, HTS_SITE_TYMPANUM);
	CHECK_INT(hts_decode_type(buf, 2, &site), 0);
	CHECK_UINT(site, HTS_SITE_TYMPANUM);
}

/* Garbage decodes or is refused by length alone. */
static void test_garbage(void)
{
	for (int i = 0; i < 200000; i++) {
		uint8_t buf[20];
		size_t len = test_random() % (sizeof(buf) + 1), need;
		struct decoded d = { .marks = 0xDEAD };
		int r;

		put_garbage(buf, sizeof(buf));
		need = len ? 5u + (buf[0] & 2 ? 7 : 0) + (buf[0] & 4 ? 1 : 0) : 5;
		r = hts_decode_measurement(buf, len, &no_context, &d);
		CHECK_INT(r, len < need ? -EMSGSIZE : 0);
		if (r) {
			CHECK_UINT(d.marks, 0xDEAD);
			continue;
		}
		CHECK_UINT(d.value_count, buf[0] & 4 ? 2 : 1);
		CHECK_INT((d.marks & MARK_TAIL) != 0, len > need);
		CHECK_UINT(d.marks & ~(unsigned)(MARK_TAIL | MARK_IMPLAUSIBLE |
						 MARK_NO_RESULT),
			   0);
		CHECK(!d.has_device_time || date_time_valid(&d.device_time));
	}
}

TEST_MAIN("hts", test_flags, test_capture_e_minus_1, test_capture_e_minus_2,
	  test_capture_reserved_site, test_specials, test_limits, test_sites, test_time,
	  test_type, test_garbage)
