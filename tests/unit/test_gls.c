/*
 * test_gls.c - the glucose decoders: every combination of flags, every length, limits, specials, values of real
 * meters.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/gls.h"

static const struct profile_context none;

enum {
	NAN16 = 0x07FF,
	NRES16 = 0x0800,
	PLUS_INF16 = 0x07FE,
	MINUS_INF16 = 0x0802,
	E5 = 0xB000, /* exponent -5: mg/dL in kg/L */
	E4 = 0xC000, /* exponent -4: 0.1 mmol/L in mol/L */
};

static size_t put16(uint8_t *buf, size_t at, uint16_t v)
{
	buf[at] = (uint8_t)v;
	buf[at + 1] = (uint8_t)(v >> 8);
	return at + 2;
}

static struct decoded decode(const uint8_t *buf, size_t len)
{
	struct decoded d;

	CHECK_INT(gls_decode_measurement(buf, len, &none, &d), 0);
	return d;
}

static struct decoded context(const uint8_t *buf, size_t len)
{
	struct decoded d;

	CHECK_INT(gls_decode_context(buf, len, &none, &d), 0);
	return d;
}

static void check_number(struct value v, enum value_name name, enum value_unit unit,
			 int mantissa, int exponent)
{
	CHECK_INT(v.name, name);
	CHECK_INT(v.unit, unit);
	CHECK_INT(v.number.kind, DECIMAL_NUMBER);
	CHECK_INT(v.number.mantissa, mantissa);
	CHECK_INT(v.number.exponent, exponent);
}

static void check_time(const struct decoded *d, unsigned year, unsigned month,
		       unsigned day, unsigned hour, unsigned minute, unsigned second)
{
	CHECK(d->has_device_time);
	CHECK_UINT(d->device_time.year, year);
	CHECK_UINT(d->device_time.month, month);
	CHECK_UINT(d->device_time.day, day);
	CHECK_UINT(d->device_time.hour, hour);
	CHECK_UINT(d->device_time.minute, minute);
	CHECK_UINT(d->device_time.second, second);
}

/* A meter that showed 104 mg/dL, 334 minutes from its base time; "How to get the correct glucose measurement value
 * from HEX", Stack Overflow 2020 (as found at it1352.com/2201520.html). */
static void test_meter_104(void)
{
	static const uint8_t buf[] = { 0x0B, 0x04, 0x00, 0xE4, 0x07, 0x05,
				       0x0E, 0x0C, 0x31, 0x1D, 0x4E, 0x01,
				       0x68, 0xB0, 0xF8, 0x00, 0x00 };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_UINT(d.sequence, 4);
	check_time(&d, 2020, 5, 14, 12, 49, 29);
	CHECK(d.has_time_offset);
	CHECK_INT(d.time_offset_min, 334);
	CHECK_UINT(d.value_count, 3);
	check_number(d.values[0], VALUE_GLUCOSE, UNIT_KG_PER_L, 104, -5);
	check_number(d.values[1], VALUE_SAMPLE_TYPE, UNIT_CODE, 8, 0);
	check_number(d.values[2], VALUE_SAMPLE_LOCATION, UNIT_CODE, 15, 0);
	CHECK(d.has_status);
	CHECK_UINT(d.status, 0);
	CHECK_UINT(d.marks, 0);
}

/* An Accu-Chek Guide whose context follows; Stack Overflow question 63340809, there as UTF-8. */
static void test_meter_119(void)
{
	static const uint8_t buf[] = { 27, 4,	 0, 0xE4, 7,	7,    14, 11, 6,
				       5,  0x5A, 2, 0x77, 0xB0, 0xF8, 0,  0 };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_UINT(d.sequence, 4);
	check_time(&d, 2020, 7, 14, 11, 6, 5);
	CHECK_INT(d.time_offset_min, 602);
	check_number(d.values[0], VALUE_GLUCOSE, UNIT_KG_PER_L, 119, -5);
	CHECK_UINT(d.marks, 0);
}

/* A meter that showed 120 mg/dL, without status: dotintent/react-native-ble-plx issue 652, base64 there. */
static void test_meter_120(void)
{
	static const uint8_t buf[] = { 0x03, 0x06, 0x00, 0xE4, 0x07, 0x04, 0x0D, 0x10,
				       0x26, 0x0A, 0x00, 0x00, 0x78, 0xB0, 0xF1 };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_UINT(d.sequence, 6);
	check_time(&d, 2020, 4, 13, 16, 38, 10);
	CHECK(d.has_time_offset);
	CHECK_INT(d.time_offset_min, 0);
	check_number(d.values[0], VALUE_GLUCOSE, UNIT_KG_PER_L, 120, -5);
	check_number(d.values[1], VALUE_SAMPLE_TYPE, UNIT_CODE, 1, 0);
	CHECK(!d.has_status);
	CHECK_UINT(d.marks, 0);
}

/* Written from the specification's table, not from the decoder. */
static size_t build(uint8_t *buf, uint8_t flags, uint16_t glucose, uint8_t sample)
{
	static const uint8_t time[7] = { 0xEA, 0x07, 11, 21, 7, 31, 2 };
	size_t n = 1;

	buf[0] = flags;
	n = put16(buf, n, 0xBEEF);
	memcpy(buf + n, time, sizeof(time));
	n += sizeof(time);
	if (flags & 1)
		n = put16(buf, n, 0xFFFB); /* -5 */
	if (flags & 2) {
		n = put16(buf, n, glucose);
		buf[n++] = sample;
	}
	if (flags & 8)
		n = put16(buf, n, 0x0105);
	return n;
}

static void check_fields(uint8_t flags, const struct decoded *d)
{
	CHECK(d->has_sequence);
	CHECK_UINT(d->sequence, 0xBEEF);
	check_time(d, 2026, 11, 21, 7, 31, 2);
	CHECK(!d->time_is_utc && !d->has_user && !d->has_ticks && !d->has_device_status);
	CHECK_INT(d->has_time_offset, (flags & 1) != 0);
	CHECK_INT(d->time_offset_min, flags & 1 ? -5 : 0);
	CHECK_UINT(d->value_count, flags & 2 ? 3 : 0);
	CHECK_INT((d->marks & MARK_NO_RESULT) != 0, (flags & 2) == 0);
	if (flags & 2) {
		check_number(d->values[0], VALUE_GLUCOSE,
			     flags & 4 ? UNIT_MOL_PER_L : UNIT_KG_PER_L, 55, -4);
		check_number(d->values[1], VALUE_SAMPLE_TYPE, UNIT_CODE, 2, 0);
		check_number(d->values[2], VALUE_SAMPLE_LOCATION, UNIT_CODE, 1, 0);
	}
	CHECK_INT(d->has_status, (flags & 8) != 0);
	CHECK_UINT(d->status, flags & 8
				      ? GLS_STATUS_BATTERY_LOW | GLS_STATUS_SAMPLE_SMALL |
						GLS_STATUS_TOO_COLD
				      : 0);
	CHECK_UINT(d->marks & (MARK_IMPLAUSIBLE | MARK_CONTROL), 0);
}

/* Each of the 256 flag octets (3 bits reserved) at its exact length, every length below, one octet more. */
static void test_flags(void)
{
	for (unsigned flags = 0; flags < 256; flags++) {
		uint8_t buf[32] = { 0 };
		size_t len = build(buf, (uint8_t)flags, E4 | 55, 0x12);
		struct decoded d = decode(buf, len);

		check_fields((uint8_t)flags, &d);
		CHECK_UINT(d.marks & MARK_TAIL, 0);
		for (size_t n = 0; n < len; n++)
			CHECK_INT(gls_decode_measurement(buf, n, &none, &d), -EMSGSIZE);
		d = decode(buf, len + 1);
		check_fields((uint8_t)flags, &d);
		CHECK_UINT(d.marks & MARK_TAIL, MARK_TAIL);
		CHECK(len >= GLS_LEN_MIN && len <= GLS_LEN_MAX);
	}
}

static struct decoded glucose(uint8_t flags, uint16_t raw, uint8_t sample)
{
	uint8_t buf[32] = { 0 };

	return decode(buf, build(buf, flags, raw, sample));
}

static bool is_flagged(uint8_t flags, uint16_t raw)
{
	return glucose(flags, raw, 0x11).marks & MARK_IMPLAUSIBLE;
}

/* n-1, n, n+1 at each limit. */
static void test_plausible(void)
{
	CHECK(is_flagged(2, E5 | 9) && !is_flagged(2, E5 | 10) &&
	      !is_flagged(2, E5 | 11));
	CHECK(!is_flagged(2, E5 | 1499) && !is_flagged(2, E5 | 1500) &&
	      is_flagged(2, E5 | 1501));
	CHECK(is_flagged(6, E4 | 4) && !is_flagged(6, E4 | 5) && !is_flagged(6, E4 | 6));
	CHECK(!is_flagged(6, E4 | 849) && !is_flagged(6, E4 | 850) &&
	      is_flagged(6, E4 | 851));
	CHECK(is_flagged(2, 104) && is_flagged(6, E5 | 4)); /* wrong unit */
	CHECK(is_flagged(2, E5 | 0xFF6));		    /* negative */
}

static void test_specials(void)
{
	static const struct {
		uint16_t raw;
		enum decimal_kind kind;
		uint32_t marks;
	} rows[] = { { NAN16, DECIMAL_NAN, MARK_NO_RESULT },
		     { NRES16, DECIMAL_NRES, MARK_NO_RESULT },
		     { PLUS_INF16, DECIMAL_PLUS_INF, 0 },
		     { MINUS_INF16, DECIMAL_MINUS_INF, 0 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (unsigned e = 0; e < 16; e++) {
			struct decoded d =
				glucose(2, (uint16_t)(rows[i].raw | e << 12), 0x11);

			CHECK_INT(d.values[0].number.kind,
				  e ? DECIMAL_NUMBER : rows[i].kind);
			CHECK_UINT(d.marks, e ? MARK_IMPLAUSIBLE : rows[i].marks);
		}
	}
	/* 20.47 mmol/L, see docs/adr/0006-special-values.md */
	check_number(glucose(6, E5 | NAN16, 0x11).values[0], VALUE_GLUCOSE,
		     UNIT_MOL_PER_L, 2047, -5);
}

/* Control solution by either nibble; codes nobody has assigned are kept. */
static void test_sample(void)
{
	for (unsigned sample = 0; sample < 256; sample++) {
		unsigned type = sample & 15, location = sample >> 4;
		struct decoded d = glucose(2, E5 | 100, (uint8_t)sample);

		check_number(d.values[1], VALUE_SAMPLE_TYPE, UNIT_CODE, (int)type, 0);
		check_number(d.values[2], VALUE_SAMPLE_LOCATION, UNIT_CODE, (int)location,
			     0);
		CHECK_UINT(d.marks, type == 10 || location == 4 ? MARK_CONTROL : 0);
	}
}

static void test_offset(void)
{
	static const struct {
		uint16_t raw;
		bool has;
		int minutes;
	} rows[] = { { 0, true, 0 },	       { 1, true, 1 },
		     { 0x7FFD, true, 32765 },  { 0x7FFE, true, 32766 },
		     { 0x7FFF, false, 0 },     { 0x8000, false, 0 },
		     { 0x8001, true, -32767 }, { 0x8002, true, -32766 },
		     { 0xFFFF, true, -1 } };
	uint8_t buf[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t len = build(buf, 3, E5 | 100, 0x11);
		struct decoded d;

		put16(buf, 10, rows[i].raw);
		d = decode(buf, len);
		CHECK_INT(d.has_time_offset, rows[i].has);
		CHECK_INT(d.time_offset_min, rows[i].minutes);
		CHECK_UINT(d.marks, rows[i].has ? 0 : MARK_IMPLAUSIBLE);
	}
}

static void test_time(void)
{
	uint8_t buf[32];
	size_t len = build(buf, 2, E5 | 100, 0x11);

	buf[5] = 0; /* month unknown */
	CHECK(!decode(buf, len).has_device_time);
	CHECK_UINT(decode(buf, len).marks, 0);
	buf[5] = 13;
	CHECK(!decode(buf, len).has_device_time);
	CHECK_UINT(decode(buf, len).marks, MARK_IMPLAUSIBLE);
}

/* ---- context ---- */

static size_t build_context(uint8_t *buf, unsigned flags)
{
	size_t n = 1;

	buf[0] = (uint8_t)flags;
	n = put16(buf, n, 0x0102);
	if (flags & 0x80)
		buf[n++] = 0xB3;
	if (flags & 0x01) {
		buf[n++] = 3;
		n = put16(buf, n, 0xD000 | 60); /* 60 g */
	}
	if (flags & 0x02)
		buf[n++] = 4;
	if (flags & 0x04)
		buf[n++] = 0x12;
	if (flags & 0x08) {
		n = put16(buf, n, 1800);
		buf[n++] = 50;
	}
	if (flags & 0x10) {
		buf[n++] = 5;
		n = put16(buf, n, 0xA000 | 12); /* 12 mg or uL */
	}
	if (flags & 0x40)
		n = put16(buf, n, 0xF000 | 65); /* 6.5 % */
	return n;
}

static void check_context(unsigned flags, const struct decoded *d)
{
	const struct value *v = d->values;

	CHECK(d->has_sequence);
	CHECK_UINT(d->sequence, 0x0102);
	CHECK(!d->has_device_time && !d->has_status && !d->has_time_offset);
	if (flags & 0x01) {
		check_number(*v++, VALUE_CARBOHYDRATE_ID, UNIT_CODE, 3, 0);
		check_number(*v++, VALUE_CARBOHYDRATE, UNIT_KG, 60, -3);
	}
	if (flags & 0x02)
		check_number(*v++, VALUE_MEAL, UNIT_CODE, 4, 0);
	if (flags & 0x04) {
		check_number(*v++, VALUE_TESTER, UNIT_CODE, 2, 0);
		check_number(*v++, VALUE_HEALTH, UNIT_CODE, 1, 0);
	}
	if (flags & 0x08) {
		check_number(*v++, VALUE_EXERCISE_DURATION, UNIT_S, 1800, 0);
		check_number(*v++, VALUE_EXERCISE_INTENSITY, UNIT_PERCENT, 50, 0);
	}
	if (flags & 0x10) {
		check_number(*v++, VALUE_MEDICATION_ID, UNIT_CODE, 5, 0);
		check_number(*v++, VALUE_MEDICATION, flags & 0x20 ? UNIT_L : UNIT_KG, 12,
			     -6);
	}
	if (flags & 0x40)
		check_number(*v++, VALUE_HBA1C, UNIT_PERCENT, 65, -1);
	CHECK_INT(v - d->values, d->value_count);
}

/* Each of the 256 flag octets at its exact length, every length below, one octet more. */
static void test_context_flags(void)
{
	for (unsigned flags = 0; flags < 256; flags++) {
		uint8_t buf[32] = { 0 };
		size_t len = build_context(buf, flags);
		struct decoded d = context(buf, len);

		check_context(flags, &d);
		CHECK_UINT(d.marks, 0);
		for (size_t n = 0; n < len; n++)
			CHECK_INT(gls_decode_context(buf, n, &none, &d), -EMSGSIZE);
		d = context(buf, len + 1);
		check_context(flags, &d);
		CHECK_UINT(d.marks, MARK_TAIL);
		CHECK(len >= GLS_CONTEXT_LEN_MIN && len <= GLS_CONTEXT_LEN_MAX);
	}
}

static uint32_t context_marks(unsigned flags, size_t at, uint16_t raw)
{
	uint8_t buf[32];
	size_t len = build_context(buf, flags);

	put16(buf, at, raw);
	return context(buf, len).marks;
}

static void test_context_limits(void)
{
	/* carbohydrate 0..1 kg */
	CHECK_UINT(context_marks(1, 4, 0xDFFF), MARK_IMPLAUSIBLE);
	CHECK_UINT(context_marks(1, 4, 0xD000), 0);
	CHECK_UINT(context_marks(1, 4, 0xD000 | 1000), 0);
	CHECK_UINT(context_marks(1, 4, 0xD000 | 1001), MARK_IMPLAUSIBLE);
	/* medication, the same in kg and in L */
	CHECK_UINT(context_marks(0x10, 4, 0xD000 | 1000), 0);
	CHECK_UINT(context_marks(0x30, 4, 0xD000 | 1001), MARK_IMPLAUSIBLE);
	/* HbA1c 2..25 % */
	CHECK_UINT(context_marks(0x40, 3, 0xF000 | 19), MARK_IMPLAUSIBLE);
	CHECK_UINT(context_marks(0x40, 3, 0xF000 | 20), 0);
	CHECK_UINT(context_marks(0x40, 3, 0xF000 | 250), 0);
	CHECK_UINT(context_marks(0x40, 3, 0xF000 | 251), MARK_IMPLAUSIBLE);
	CHECK_UINT(context_marks(0x40, 3, NAN16), 0);
	/* intensity, the high octet here, 0..100 % */
	CHECK_UINT(context_marks(8, 4, 99 << 8), 0);
	CHECK_UINT(context_marks(8, 4, 100 << 8), 0);
	CHECK_UINT(context_marks(8, 4, 101 << 8), MARK_IMPLAUSIBLE);
}

static void test_context_overrun(void)
{
	uint8_t buf[32];
	size_t len = build_context(buf, 8);
	struct decoded d;

	put16(buf, 3, 0xFFFF);
	d = context(buf, len);
	CHECK_INT(d.values[0].name, VALUE_EXERCISE_DURATION);
	CHECK_INT(d.values[0].number.kind, DECIMAL_PLUS_INF);
	CHECK_UINT(d.marks, 0);
	put16(buf, 3, 0xFFFE);
	d = context(buf, len);
	check_number(d.values[0], VALUE_EXERCISE_DURATION, UNIT_S, 65534, 0);
}

/* A CareSens meter says 'ketone' with a meal of 6; unassigned codes are kept. */
static void test_context_unknown(void)
{
	uint8_t buf[32];
	size_t len = build_context(buf, 0x17);
	struct decoded d;

	buf[3] = 200;
	buf[6] = 6;
	buf[7] = 0xFF;
	buf[8] = 99;
	d = context(buf, len);
	check_number(d.values[0], VALUE_CARBOHYDRATE_ID, UNIT_CODE, 200, 0);
	check_number(d.values[2], VALUE_MEAL, UNIT_CODE, 6, 0);
	check_number(d.values[3], VALUE_TESTER, UNIT_CODE, 15, 0);
	check_number(d.values[4], VALUE_HEALTH, UNIT_CODE, 15, 0);
	check_number(d.values[5], VALUE_MEDICATION_ID, UNIT_CODE, 99, 0);
	CHECK_UINT(d.marks, 0);
}

static void test_feature(void)
{
	/* as in Nordic's Android-BLE-Common-Library, and one reserved bit */
	static const uint8_t buf[] = { 0xF0, 0x83, 0x00 };
	uint16_t features = 0;

	CHECK_INT(gls_decode_feature(buf, 0, &features), -EMSGSIZE);
	CHECK_INT(gls_decode_feature(buf, 1, &features), -EMSGSIZE);
	CHECK_UINT(features, 0);
	CHECK_INT(gls_decode_feature(buf, 2, &features), 0);
	CHECK_UINT(features, GLS_FEATURE_STRIP_TYPE | GLS_FEATURE_HIGH_LOW |
				     GLS_FEATURE_TEMPERATURE | GLS_FEATURE_STRIP_PULLED |
				     GLS_FEATURE_DEVICE_FAULT | GLS_FEATURE_TIME_FAULT |
				     0x8000);
	CHECK_INT(gls_decode_feature(buf, 3, &features), 0);
}

static size_t need(unsigned flags)
{
	return 10u + (flags & 1 ? 2 : 0) + (flags & 2 ? 3 : 0) + (flags & 8 ? 2 : 0);
}

/* Garbage decodes or is refused by length alone; what comes out is within its type. */
static void test_garbage(void)
{
	for (int i = 0; i < 200000; i++) {
		uint8_t buf[24];
		size_t len = test_random() % (sizeof(buf) + 1);
		struct decoded d = { .marks = 0xDEAD };

		for (size_t n = 0; n < sizeof(buf); n++)
			buf[n] = (uint8_t)(test_random() >> 24);
		if (gls_decode_context(buf, len, &none, &d) < 0)
			CHECK_UINT(d.marks, 0xDEAD); /* not written on failure */
		d.marks = 0xDEAD;
		if (len < need(len ? buf[0] : 0)) {
			CHECK_INT(gls_decode_measurement(buf, len, &none, &d), -EMSGSIZE);
			CHECK_UINT(d.marks, 0xDEAD);
			continue;
		}
		CHECK_INT(gls_decode_measurement(buf, len, &none, &d), 0);
		CHECK(d.value_count == 0 || d.value_count == 3);
		CHECK_INT((d.marks & MARK_TAIL) != 0, len > need(buf[0]));
		CHECK_UINT(d.marks & ~(unsigned)(MARK_TAIL | MARK_IMPLAUSIBLE |
						 MARK_NO_RESULT | MARK_CONTROL),
			   0);
		CHECK(!d.has_device_time || date_time_valid(&d.device_time));
	}
}

TEST_MAIN("gls", test_meter_104, test_meter_119, test_meter_120, test_flags,
	  test_plausible, test_specials, test_sample, test_offset, test_time,
	  test_context_flags, test_context_limits, test_context_overrun,
	  test_context_unknown, test_feature, test_garbage)
