/*
 * test_bcs.c - the Body Composition decoder: every combination of flags, every length, limits, failed measurement,
 * stubs, look-alikes, captures.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/bcs.h"
#include "tests/unit/decoder.h"

enum { FLAGS = 1 << 13, FIELDS = 9, FIRST_FIELD = 3, MORE = 1 << 12 };

static const struct profile_context stub_context = { .bcs_stub = true };

/* The specification's table (BCS 1.0.1, 3.2; GSS, Body Composition Measurement), not the decoder's. */
static const struct {
	enum value_name name;
	enum value_unit si, imperial;
	int factor, exponent, imperial_exponent;
	unsigned raw, imperial_raw; /* plausible ones, all different */
} fields[FIELDS] = {
	{ VALUE_BASAL_METABOLISM, UNIT_KJ, UNIT_KJ, 1, 0, 0, 6879, 6878 },
	{ VALUE_MUSCLE_PERCENTAGE, UNIT_PERCENT, UNIT_PERCENT, 1, -1, -1, 407, 408 },
	{ VALUE_MUSCLE_MASS, UNIT_KG, UNIT_LB, 5, -3, -2, 6600, 7276 },
	{ VALUE_FAT_FREE_MASS, UNIT_KG, UNIT_LB, 5, -3, -2, 12880, 14199 },
	{ VALUE_SOFT_LEAN_MASS, UNIT_KG, UNIT_LB, 5, -3, -2, 12236, 13488 },
	{ VALUE_BODY_WATER_MASS, UNIT_KG, UNIT_LB, 5, -3, -2, 8650, 9535 },
	{ VALUE_IMPEDANCE, UNIT_OHM, UNIT_OHM, 1, -1, -1, 4520, 4521 },
	{ VALUE_WEIGHT, UNIT_KG, UNIT_LB, 5, -3, -2, 15992, 17628 },
	{ VALUE_HEIGHT, UNIT_M, UNIT_IN, 1, -3, -1, 1830, 720 },
};

static size_t build(uint8_t *buf, unsigned flags, unsigned body_fat)
{
	size_t n = put16(buf, put16(buf, 0, flags), body_fat);

	if (flags & 2)
		n = put_date(buf, n);
	if (flags & 4)
		n = put8(buf, n, 3);
	for (unsigned i = 0; i < FIELDS; i++)
		if (flags & 1u << (FIRST_FIELD + i))
			n = put16(buf, n,
				  flags & 1 ? fields[i].imperial_raw : fields[i].raw);
	return n;
}

static struct decoded decode(const uint8_t *buf, size_t len)
{
	struct decoded d;

	CHECK_INT(bcs_decode_measurement(buf, len, &no_context, &d), 0);
	return d;
}

static void check_field(const struct decoded *d, size_t at, unsigned i, bool imperial)
{
	if (imperial)
		CHECK_VALUE(d, at, fields[i].name, fields[i].imperial,
			    (int)fields[i].imperial_raw, fields[i].imperial_exponent);
	else
		CHECK_VALUE(d, at, fields[i].name, fields[i].si,
			    (int)fields[i].raw * fields[i].factor, fields[i].exponent);
}

static void check_fields(unsigned flags, const struct decoded *d)
{
	size_t n = 1;

	CHECK_VALUE(d, 0, VALUE_BODY_FAT, UNIT_PERCENT, 194, -1);
	for (unsigned i = 0; i < FIELDS; i++)
		if (flags & 1u << (FIRST_FIELD + i))
			check_field(d, n++, i, flags & 1);
	CHECK_UINT(d->value_count, n);
	check_only(d, flags & 2, flags & 4, false, false);
	CHECK_UINT(d->user, flags & 4 ? 3 : 0);
	if (flags & 2)
		CHECK_DATE(d, 2026, 11, 21, 7, 31, 2);
	CHECK_UINT(d->marks, flags & MORE ? MARK_MORE : 0);
}

/* Each of the 8192 combinations at its exact length; one octet more or less is another layout. */
static void test_flags(void)
{
	for (unsigned flags = 0; flags < FLAGS; flags++) {
		uint8_t buf[40] = { 0 };
		size_t len = build(buf, flags, 194);
		struct decoded d = check_length(bcs_decode_measurement, buf, len, true);

		CHECK(len >= BCS_LEN_MIN && len <= BCS_LEN_MAX);
		check_fields(flags, &d);
		for (unsigned reserved = 0x20; reserved < 0x100; reserved <<= 1) {
			buf[1] = (uint8_t)(flags >> 8 | reserved);
			d = decode(buf, len);
			check_fields(flags, &d);
		}
	}
	CHECK_UINT(BCS_LEN_MIN, 4);
	CHECK_UINT(BCS_LEN_MAX, 30);
}

/* Beurer BF720; github.com/KristianP26/ble-scale-sync tests/scales/beurer-bf720.test.ts. */
static void test_capture(void)
{
	static const uint8_t buf[] = { 0x98, 0x03, 0xC2, 0x00, 0xDF, 0x1A, 0x97,
				       0x01, 0xCC, 0x2F, 0xCA, 0x21, 0xA8, 0x11 };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_UINT(d.value_count, 6);
	CHECK_VALUE(&d, 0, VALUE_BODY_FAT, UNIT_PERCENT, 194, -1);
	CHECK_VALUE(&d, 1, VALUE_BASAL_METABOLISM, UNIT_KJ, 6879, 0);
	CHECK_VALUE(&d, 2, VALUE_MUSCLE_PERCENTAGE, UNIT_PERCENT, 407, -1);
	CHECK_VALUE(&d, 3, VALUE_SOFT_LEAN_MASS, UNIT_KG, 61180, -3);
	CHECK_VALUE(&d, 4, VALUE_BODY_WATER_MASS, UNIT_KG, 43250, -3);
	CHECK_VALUE(&d, 5, VALUE_IMPEDANCE, UNIT_OHM, 4520, -1);
	check_only(&d, false, false, false, false);
	CHECK_UINT(d.marks, 0);
}

/* Beurer BF788, same file: of 36 values of a session 35 were like this, with basal metabolism. */
static void test_capture_stub(void)
{
	static const uint8_t stub[] = { 0x98, 0x03, 0x00, 0x00, 0x96, 0x23, 0x00,
					0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 };
	static const uint8_t real[] = { 0x98, 0x03, 0xF3, 0x00, 0x96, 0x23, 0x89,
					0x01, 0x40, 0x42, 0xFA, 0x2F, 0x55, 0x0F };
	struct decoded d;

	CHECK_INT(bcs_decode_measurement(stub, sizeof(stub), &stub_context, &d), 0);
	CHECK_UINT(d.value_count, 6);
	CHECK_VALUE(&d, 0, VALUE_BODY_FAT, UNIT_PERCENT, 0, -1);
	CHECK_VALUE(&d, 1, VALUE_BASAL_METABOLISM, UNIT_KJ, 9110, 0);
	CHECK_UINT(d.marks, MARK_STUB);
	/* of another model it is what it looks like */
	CHECK_UINT(decode(stub, sizeof(stub)).marks, MARK_IMPLAUSIBLE);
	CHECK_INT(bcs_decode_measurement(real, sizeof(real), &stub_context, &d), 0);
	CHECK_VALUE(&d, 3, VALUE_SOFT_LEAN_MASS, UNIT_KG, 84800, -3);
	CHECK_UINT(d.marks, 0);
}

/* Each field that a current through the body gives keeps the value from being a stub; the others do not. */
static void test_stub_rule(void)
{
	static const bool through_body[FIELDS] = { false, true, true,  true, true,
						   true,  true, false, false };
	struct decoded d;
	uint8_t buf[40];
	size_t len;

	for (unsigned i = 0; i < FIELDS; i++) {
		len = build(buf, 0xFF8, 0);
		for (unsigned k = 0; k < FIELDS; k++)
			put16(buf, 4 + 2 * k, k == i ? 1 : 0);
		CHECK_INT(bcs_decode_measurement(buf, len, &stub_context, &d), 0);
		CHECK_INT((d.marks & MARK_STUB) == 0, through_body[i]);
	}
	len = build(buf, 0x408, 0); /* metabolism and weight are kept and checked */
	CHECK_INT(bcs_decode_measurement(buf, len, &stub_context, &d), 0);
	CHECK_UINT(d.marks, MARK_STUB);
	CHECK_VALUE(&d, 2, VALUE_WEIGHT, UNIT_KG, 79960, -3);
	put16(buf, 6, 0);
	CHECK_INT(bcs_decode_measurement(buf, len, &stub_context, &d), 0);
	CHECK_UINT(d.marks, MARK_STUB | MARK_IMPLAUSIBLE);
	len = build(buf, 0x408, 1);
	CHECK_INT(bcs_decode_measurement(buf, len, &stub_context, &d), 0);
	CHECK_UINT(d.marks & MARK_STUB, 0);
	len = build(buf, 0x408, 0xFFFF);
	CHECK_INT(bcs_decode_measurement(buf, len, &stub_context, &d), 0);
	CHECK_UINT(d.marks, MARK_NO_RESULT);
}

/* BCS 1.0.1, 3.2.1.2: FFFF is no measurement; only time and user may come with it. */
static void test_unsuccessful(void)
{
	for (unsigned flags = 0; flags < FLAGS; flags++) {
		uint8_t buf[40] = { 0 };
		size_t len = build(buf, flags, 0xFFFF);
		struct decoded d = check_length(bcs_decode_measurement, buf, len, true);

		CHECK_UINT(d.value_count, 1);
		CHECK_SPECIAL(&d, 0, VALUE_BODY_FAT, UNIT_PERCENT, DECIMAL_NAN);
		check_only(&d, flags & 2, flags & 4, false, false);
		CHECK_UINT(d.marks, (flags & MORE ? MARK_MORE : 0) | MARK_NO_RESULT);
	}
}

/* BCS 1.0.1, 3.2.1: the second half has the bit again, the body fat again, and neither time nor user. */
static void test_two_halves(void)
{
	uint8_t buf[40];
	struct decoded d = decode(buf, build(buf, MORE | 0x03E, 194));

	CHECK_UINT(d.marks, MARK_MORE);
	CHECK(d.has_device_time && d.has_user);
	CHECK_UINT(d.value_count, 4);
	d = decode(buf, build(buf, MORE | 0xFC0, 194));
	CHECK_UINT(d.marks, MARK_MORE);
	CHECK(!d.has_device_time && !d.has_user);
	CHECK_UINT(d.value_count, 7);
}

/* One mark does not hide another: no date, part of a measurement, a stub. */
static void test_marks_together(void)
{
	uint8_t buf[40];
	size_t len = build(buf, MORE | 0x002, 0);
	struct decoded d;

	buf[6] = 13; /* month */
	CHECK_INT(bcs_decode_measurement(buf, len, &stub_context, &d), 0);
	CHECK_UINT(d.marks, MARK_MORE | MARK_STUB | MARK_IMPLAUSIBLE);
	put16(buf, 2, 0xFFFF);
	CHECK_INT(bcs_decode_measurement(buf, len, &stub_context, &d), 0);
	CHECK_UINT(d.marks, MARK_MORE | MARK_NO_RESULT | MARK_IMPLAUSIBLE);
}

/* Scales with another layout under the same number. */
static void test_look_alikes(void)
{
	/* Xiaomi: flags u16, year u16... weight; github.com/AlCalzone/ioBroker.ble issue 148. With
	 * flags 'time, weight' the length is right, and the body fat is the year 2019. */
	static const uint8_t xiaomi[] = { 0x02, 0x04, 0xE3, 0x07, 0x07, 0x03, 0x12,
					  0x16, 0x33, 0x00, 0x00, 0xF8, 0x1B };
	/* Renpho ES-WBE28; github.com/KristianP26/ble-scale-sync tests/scales/renpho.test.ts */
	static const uint8_t renpho[] = { 0x0C, 0x02, 0xF9, 0x01, 0xF7, 0x01, 0x44,
					  0x00, 0x0D, 0xEC, 0x00, 0xA5, 0x00, 0x29,
					  0x00, 0x91, 0x02, 0x06, 0x00 };
	struct decoded d = { .marks = 0xDEAD };

	CHECK_INT(bcs_decode_measurement(xiaomi, sizeof(xiaomi), &no_context, &d),
		  -ERANGE);
	CHECK_INT(bcs_decode_measurement(renpho, sizeof(renpho), &no_context, &d),
		  -EMSGSIZE);
	CHECK_UINT(d.marks, 0xDEAD);
}

static int decode_body_fat(unsigned raw, uint32_t *ret_marks)
{
	struct decoded d = { 0 };
	uint8_t buf[40];
	int r = bcs_decode_measurement(buf, build(buf, 0, raw), &no_context, &d);

	*ret_marks = d.marks;
	return r;
}

/* n-1, n, n+1; a percentage ends at 100. */
static void test_limits_of_body_fat(void)
{
	static const struct {
		unsigned raw;
		int r;
		uint32_t marks;
	} rows[] = {
		{ 0, 0, MARK_IMPLAUSIBLE },
		{ 9, 0, MARK_IMPLAUSIBLE },
		{ 10, 0, 0 },
		{ 11, 0, 0 },
		{ 999, 0, 0 },
		{ 1000, 0, 0 },
		{ 1001, -ERANGE, 0 },
		{ 0xFFFE, -ERANGE, 0 },
		{ 0xFFFF, 0, MARK_NO_RESULT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint32_t marks;

		CHECK_INT(decode_body_fat(rows[i].raw, &marks), rows[i].r);
		CHECK_UINT(marks, rows[i].marks);
	}
}

/* n-1, n, n+1 at both ends of each field's range. */
static void test_limits(void)
{
	static const struct {
		unsigned field, flags, min, max;
	} rows[] = {
		{ 0, 0, 200, 40000 }, { 1, 0, 10, 1000 },   { 2, 0, 100, 65400 },
		{ 3, 0, 100, 65400 }, { 4, 0, 100, 65400 }, { 5, 0, 100, 65400 },
		{ 6, 0, 100, 65000 }, { 7, 0, 100, 65400 }, { 8, 0, 200, 2800 },
		{ 2, 1, 100, 65500 }, { 3, 1, 100, 65500 }, { 4, 1, 100, 65500 },
		{ 5, 1, 100, 65500 }, { 7, 1, 100, 65500 }, { 8, 1, 80, 1100 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const unsigned raws[] = { rows[i].min - 1,
					  rows[i].min,
					  rows[i].min + 1,
					  rows[i].max - 1,
					  rows[i].max,
					  rows[i].max + 1,
					  0,
					  0xFFFF };
		unsigned flags = rows[i].flags | 1u << (FIRST_FIELD + rows[i].field);
		uint8_t buf[40];
		size_t len = build(buf, flags, 194);

		for (size_t k = 0; k < sizeof(raws) / sizeof(*raws); k++) {
			bool flagged = raws[k] < rows[i].min || raws[k] > rows[i].max;

			put16(buf, 4, raws[k]);
			CHECK_UINT(decode(buf, len).marks,
				   flagged ? MARK_IMPLAUSIBLE : 0);
		}
	}
}

static void test_feature(void)
{
	static const uint8_t buf[] = { 0x01, 0xBE, 0x01, 0x80, 0xFF };
	uint32_t features = 0xDEAD;

	for (size_t n = 0; n < 4; n++) {
		CHECK_INT(bcs_decode_feature(buf, n, &features), -EMSGSIZE);
		CHECK_UINT(features, 0xDEAD);
	}
	for (size_t n = 4; n <= sizeof(buf); n++) {
		CHECK_INT(bcs_decode_feature(buf, n, &features), 0);
		CHECK_UINT(features, 0x8001BE01);
	}
	CHECK(features & BCS_FEATURE_TIME && features & BCS_FEATURE_WEIGHT &&
	      features & BCS_FEATURE_HEIGHT && !(features & BCS_FEATURE_IMPEDANCE));
	CHECK_UINT((features & BCS_FEATURE_MASS_RESOLUTION) >> 11, 7);
	CHECK_UINT((features & BCS_FEATURE_HEIGHT_RESOLUTION) >> 15, 3);
}

static size_t need_of(unsigned flags)
{
	size_t need = 4u + (flags & 2 ? 7 : 0) + (flags & 4 ? 1 : 0);

	for (unsigned i = 0; i < FIELDS; i++)
		need += flags & 1u << (FIRST_FIELD + i) ? 2 : 0;
	return need;
}

/* Garbage decodes or is refused by length and body fat alone. */
static void test_garbage(void)
{
	for (int i = 0; i < 300000; i++) {
		uint8_t buf[32];
		size_t len, need;
		unsigned fat;
		struct decoded d = { .marks = 0xDEAD };
		int want;

		put_garbage(buf, sizeof(buf));
		if (test_random() % 2)
			buf[3] &= 3;
		need = need_of(buf[0] | (unsigned)buf[1] << 8);
		len = test_random() % 2 ? need : test_random() % (sizeof(buf) + 1);
		fat = buf[2] | (unsigned)buf[3] << 8;
		want = len != need		     ? -EMSGSIZE
		       : fat > 1000 && fat != 0xFFFF ? -ERANGE
						     : 0;
		CHECK_INT(bcs_decode_measurement(buf, len, &stub_context, &d), want);
		if (want) {
			CHECK_UINT(d.marks, 0xDEAD);
			continue;
		}
		CHECK(d.value_count >= 1 && d.value_count <= 10);
		CHECK_UINT(d.marks & ~(unsigned)(MARK_IMPLAUSIBLE | MARK_NO_RESULT |
						 MARK_MORE | MARK_STUB),
			   0);
		CHECK(!d.has_device_time || date_time_valid(&d.device_time));
	}
}

TEST_MAIN("bcs", test_flags, test_capture, test_capture_stub, test_stub_rule,
	  test_unsuccessful, test_two_halves, test_marks_together, test_look_alikes,
	  test_limits_of_body_fat, test_limits, test_feature, test_garbage)
