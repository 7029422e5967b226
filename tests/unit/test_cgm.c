/*
 * test_cgm.c - the CGM decoders: every combination of flags with and without check sum, every length, order of the
 * status octets, several records in one value, and what may be asked of the control point.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/cgm.h"
#include "ble/crc.h"

static const struct profile_context plain;
static const struct profile_context with_crc = { .has_crc = true };
static const struct profile_context with_start = {
	.has_session_start = true,
	.session_start = { 2026, 11, 20, 8, 15, 30 },
};

static size_t put16(uint8_t *buf, size_t at, uint16_t v)
{
	buf[at] = (uint8_t)v;
	buf[at + 1] = (uint8_t)(v >> 8);
	return at + 2;
}

static size_t seal(uint8_t *buf, size_t len)
{
	return put16(buf, len, crc_mcrf4xx(buf, len));
}

/* Written from the specification's table, not from the decoder. */
static size_t build(uint8_t *buf, unsigned flags, bool crc)
{
	size_t n = 2;

	buf[1] = (uint8_t)flags;
	n = put16(buf, n, 104);
	n = put16(buf, n, 0xFFFE);
	if (flags & 0x80)
		buf[n++] = 0x21; /* session stopped, device fault */
	if (flags & 0x40)
		buf[n++] = 0x22; /* calibration not allowed, too cold */
	if (flags & 0x20)
		buf[n++] = 0x84; /* hypo, above what can be processed */
	if (flags & 0x01)
		n = put16(buf, n, 0xFFF2); /* -1.4 */
	if (flags & 0x02)
		n = put16(buf, n, 0xF000 | 997); /* 99.7 */
	buf[0] = (uint8_t)(n + (crc ? 2 : 0));
	return crc ? seal(buf, n) : n;
}

static struct decoded decode(const uint8_t *buf, size_t len,
			     const struct profile_context *ctx)
{
	struct decoded d;

	CHECK_INT(cgm_decode_measurement(buf, len, ctx, &d), 0);
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

static void check_fields(unsigned flags, const struct decoded *d)
{
	const struct value *v = d->values;

	check_number(*v++, VALUE_GLUCOSE, UNIT_MG_PER_DL, 104, 0);
	if (flags & 1)
		check_number(*v++, VALUE_GLUCOSE_TREND, UNIT_MG_PER_DL_MIN, -14, -1);
	if (flags & 2)
		check_number(*v++, VALUE_GLUCOSE_QUALITY, UNIT_PERCENT, 997, -1);
	CHECK_INT(v - d->values, d->value_count);
	CHECK(d->has_sequence && d->has_time_offset);
	CHECK_UINT(d->sequence, 0xFFFE);
	CHECK_INT(d->time_offset_min, 0xFFFE);
	CHECK_INT(d->has_status, (flags & 0xE0) != 0);
	CHECK_UINT(d->status,
		   (flags & 0x80 ? CGM_STATUS_SESSION_STOPPED | CGM_STATUS_DEVICE_FAULT
				 : 0) |
			   (flags & 0x40 ? CGM_STATUS_CALIBRATION_FORBIDDEN |
						   CGM_STATUS_TOO_COLD
					 : 0) |
			   (flags & 0x20 ? CGM_STATUS_HYPO | CGM_STATUS_TOO_HIGH : 0));
	CHECK_UINT(d->marks, 0);
}

/* Each of the 256 flag octets (3 bits reserved), with and without check sum, at its exact length; any other length,
 * and any other size octet, is refused. */
static void test_flags(void)
{
	for (unsigned i = 0; i < 512; i++) {
		const struct profile_context *ctx = i & 256 ? &with_crc : &plain;
		uint8_t buf[32] = { 0 };
		size_t len = build(buf, i & 255, ctx->has_crc);
		struct decoded d = decode(buf, len, ctx);

		check_fields(i & 255, &d);
		CHECK(!d.has_device_time);
		CHECK(len >= CGM_RECORD_MIN && len <= CGM_RECORD_MAX);
		for (size_t n = 0; n <= len + 2; n++)
			if (n != len)
				CHECK_INT(cgm_decode_measurement(buf, n, ctx, &d),
					  -EMSGSIZE);
		for (unsigned size = 0; size < 256; size++) {
			buf[0] = (uint8_t)size;
			if (size != len)
				CHECK_INT(cgm_decode_measurement(buf, len, ctx, &d),
					  -EMSGSIZE);
		}
		/* size and length agree, but not with the flags */
		buf[0] = (uint8_t)(len + 1);
		CHECK_INT(cgm_decode_measurement(buf, len + 1, ctx, &d), -EMSGSIZE);
		buf[0] = (uint8_t)(len - 1);
		CHECK_INT(cgm_decode_measurement(buf, len - 1, ctx, &d), -EMSGSIZE);
	}
}

/* All fields with a check sum, of which only the order of the status octets is ours: values of Nordic's
 * Android-BLE-Common-Library, ContinuousGlucoseMeasurementDataCallbackTest, where 02 14 FF is read as warning, cal/temp,
 * status; the GATT Specification Supplement numbers them the other way round. */
static void test_all_fields(void)
{
	uint8_t buf[] = { 15,	0xE3, 0xD2, 0xE4, 5,	0,    0x02, 0x14,
			  0xFF, 0x02, 0xF0, 0xE5, 0xF3, 0x8E, 0x3F };
	struct decoded d = decode(buf, sizeof(buf), &with_crc);

	check_number(d.values[0], VALUE_GLUCOSE, UNIT_MG_PER_DL, 1234, -2);
	check_number(d.values[1], VALUE_GLUCOSE_TREND, UNIT_MG_PER_DL_MIN, 2, -1);
	check_number(d.values[2], VALUE_GLUCOSE_QUALITY, UNIT_PERCENT, 997, -1);
	CHECK_UINT(d.sequence, 5);
	CHECK_UINT(d.status, 0xFF1402);
	for (size_t bit = 16; bit < sizeof(buf) * 8; bit++) {
		struct decoded e = { .marks = 0xDEAD };

		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK_INT(cgm_decode_measurement(buf, sizeof(buf), &with_crc, &e),
			  -EBADMSG);
		CHECK_UINT(e.marks, 0xDEAD);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* The shortest record, and its check sum: the same source. */
static void test_shortest(void)
{
	static const uint8_t buf[] = { 6, 0, 0x0C, 0x10, 6, 0 };
	static const uint8_t sealed[] = { 8, 0, 0x0C, 0x10, 6, 0, 0x59, 0x6F };
	static const uint8_t wrong[] = { 8, 0, 0x0C, 0x10, 6, 0, 0x58, 0x6F };
	struct decoded d = decode(buf, sizeof(buf), &plain);

	check_number(d.values[0], VALUE_GLUCOSE, UNIT_MG_PER_DL, 12, 1);
	CHECK_UINT(d.value_count, 1);
	CHECK_UINT(d.sequence, 6);
	CHECK(!d.has_status);
	decode(sealed, sizeof(sealed), &with_crc);
	CHECK_INT(cgm_decode_measurement(wrong, sizeof(wrong), &with_crc, &d), -EBADMSG);
	CHECK_INT(cgm_decode_measurement(sealed, sizeof(sealed), &plain, &d), -EMSGSIZE);
	CHECK_INT(cgm_decode_measurement(buf, sizeof(buf), &with_crc, &d), -EMSGSIZE);
}

static void test_session_time(void)
{
	struct profile_context bad = with_start;
	uint8_t buf[32];
	size_t len = build(buf, 0, false);
	struct decoded d = decode(buf, len, &with_start);

	CHECK(d.has_device_time);
	CHECK_UINT(d.device_time.day, 20);
	CHECK_UINT(d.device_time.second, 30);
	CHECK_INT(d.time_offset_min, 0xFFFE);
	bad.session_start.month = 13;
	CHECK(!decode(buf, len, &bad).has_device_time);
}

static uint32_t marks_of(uint16_t glucose, uint16_t trend, uint16_t quality)
{
	uint8_t buf[32];
	size_t len = build(buf, 3, false);

	put16(buf, 2, glucose);
	put16(buf, 6, trend);
	put16(buf, 8, quality);
	return decode(buf, len, &plain).marks;
}

/* n-1, n, n+1 at each limit; NaN and the like. */
static void test_limits(void)
{
	CHECK_UINT(marks_of(9, 0, 0), MARK_IMPLAUSIBLE);
	CHECK_UINT(marks_of(10, 0, 0), 0);
	CHECK_UINT(marks_of(1500, 0, 0), 0);
	CHECK_UINT(marks_of(1501, 0, 0), MARK_IMPLAUSIBLE);
	CHECK_UINT(marks_of(100, 0xFFE, 0), 0); /* -2, the exponent is 0 */
	CHECK_UINT(marks_of(100, 30, 0), 0);
	CHECK_UINT(marks_of(100, 31, 0), MARK_IMPLAUSIBLE);
	CHECK_UINT(marks_of(100, 0x0FE2, 0), 0);
	CHECK_UINT(marks_of(100, 0x0FE1, 0), MARK_IMPLAUSIBLE);
	CHECK_UINT(marks_of(100, 0, 100), 0);
	CHECK_UINT(marks_of(100, 0, 101), MARK_IMPLAUSIBLE);
	CHECK_UINT(marks_of(100, 0, 0x0FFF), MARK_IMPLAUSIBLE);
	CHECK_UINT(marks_of(0x07FF, 0x07FF, 0x07FF), MARK_NO_RESULT);
	CHECK_UINT(marks_of(0x0800, 0, 0), MARK_NO_RESULT);
	CHECK_UINT(marks_of(0x07FE, 0, 0), 0);
	CHECK_UINT(marks_of(0x0802, 0, 0), 0);
}

/* Two records in one value, then what cannot be split. */
static void test_split(void)
{
	uint8_t buf[64];
	size_t a = build(buf, 0xE3, true), b = build(buf + a, 0, true), len = a + b;
	struct decoded first = decode(buf, a, &with_crc);
	struct decoded second = decode(buf + a, b, &with_crc);

	CHECK_UINT(cgm_split(buf, len), a);
	CHECK_UINT(cgm_split(buf + a, len - a), b);
	check_fields(0xE3, &first);
	check_fields(0, &second);
	CHECK_UINT(cgm_split(buf, a - 1), a - 1); /* beyond the value */
	CHECK_UINT(cgm_split(buf, a), a);
	buf[0] = 5;
	CHECK_UINT(cgm_split(buf, len), len);
	buf[0] = 6;
	CHECK_UINT(cgm_split(buf, len), 6);
	buf[0] = 0;
	CHECK_UINT(cgm_split(buf, len), len);
	CHECK_UINT(cgm_split(buf, 1), 1);
}

static void test_feature(void)
{
	/* Nordic's Android-BLE-Common-Library, CGMFeatureDataCallbackTest */
	uint8_t buf[] = { 0x6E, 0x9E, 0x01, 0x16, 0x8A, 0xC1, 0x00 };
	static const uint8_t no_crc[] = { 0x6E, 0x8E, 0x01, 0x59, 0xFF, 0xFF };
	struct cgm_feature f = { 0 };

	for (size_t n = 0; n <= 7; n++)
		CHECK_INT(cgm_decode_feature(buf, n, &f), n == 6 ? 0 : -EMSGSIZE);
	CHECK_UINT(f.features, 0x019E6E);
	CHECK(f.features & CGM_FEATURE_CRC && f.features & CGM_FEATURE_TREND &&
	      f.features & CGM_FEATURE_QUALITY);
	CHECK_UINT(f.type, 6);
	CHECK_UINT(f.location, 1);
	buf[4] ^= 1;
	CHECK_INT(cgm_decode_feature(buf, 6, &f), -EBADMSG);
	CHECK_INT(cgm_decode_feature(no_crc, 6, &f), 0);
	CHECK(!(f.features & CGM_FEATURE_CRC));
	CHECK_UINT(f.type, 9);
	CHECK_UINT(f.location, 5);
}

static void test_status(void)
{
	/* CGMStatusDataCallbackTest */
	uint8_t buf[] = { 5, 0, 0x3F, 0x3F, 0xFF, 0xA7, 0xE0 };
	struct cgm_status s = { .offset_min = 77 };

	for (size_t n = 0; n <= 7; n++)
		CHECK_INT(cgm_decode_status(buf, n, &with_crc, &s),
			  n == 7 ? 0 : -EMSGSIZE);
	CHECK_UINT(s.offset_min, 5);
	CHECK_UINT(s.status, 0xFF3F3F);
	for (size_t n = 0; n <= 7; n++)
		CHECK_INT(cgm_decode_status(buf, n, &plain, &s), n < 5 ? -EMSGSIZE : 0);
	buf[2] ^= 1;
	CHECK_INT(cgm_decode_status(buf, 7, &with_crc, &s), -EBADMSG);
}

static void test_session_start(void)
{
	/* CGMSessionStartTimeDataCallbackTest */
	uint8_t buf[] = { 0xE2, 0x07, 4, 24, 13, 8, 24, 8, 4, 0xE0, 0xC2 };
	struct cgm_session_start s = { 0 };

	for (size_t n = 0; n <= 11; n++)
		CHECK_INT(cgm_decode_session_start(buf, n, &with_crc, &s),
			  n == 11 ? 0 : -EMSGSIZE);
	CHECK_UINT(s.time.year, 2018);
	CHECK_UINT(s.time.second, 24);
	CHECK(s.has_zone && s.has_dst);
	CHECK_INT(s.zone_quarters, 8);
	CHECK_UINT(s.dst_quarters, 4);
	buf[9] ^= 1;
	CHECK_INT(cgm_decode_session_start(buf, 11, &with_crc, &s), -EBADMSG);
	CHECK_INT(cgm_decode_session_start(buf, 8, &plain, &s), -EMSGSIZE);
	CHECK_INT(cgm_decode_session_start(buf, 9, &plain, &s), 0);
	buf[2] = 0; /* nobody has set the sensor's clock */
	CHECK_INT(cgm_decode_session_start(buf, 9, &plain, &s), -ERANGE);
	buf[2] = 13;
	CHECK_INT(cgm_decode_session_start(buf, 9, &plain, &s), -ERANGE);
	CHECK_UINT(s.time.month, 4); /* not written on failure */
}

static void test_zone(void)
{
	static const struct {
		uint8_t zone, dst;
		bool has_zone, has_dst;
	} rows[] = { { 0, 0, true, true },
		     { (uint8_t)-48, 2, true, true },
		     { (uint8_t)-49, 8, false, true },
		     { 56, 1, true, false },
		     { 57, 3, false, false },
		     { 0x80, 255, false, false },
		     { 55, 4, true, true },
		     { 1, 9, true, false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const uint8_t buf[] = { 0xEA, 0x07,	    1,		1, 0, 0,
					0,    rows[i].zone, rows[i].dst };
		struct cgm_session_start s;

		CHECK_INT(cgm_decode_session_start(buf, 9, &plain, &s), 0);
		CHECK_INT(s.has_zone, rows[i].has_zone);
		CHECK_INT(s.zone_quarters, rows[i].has_zone ? (int8_t)rows[i].zone : 0);
		CHECK_INT(s.has_dst, rows[i].has_dst);
		CHECK_UINT(s.dst_quarters, rows[i].has_dst ? rows[i].dst : 0);
	}
}

static void test_run_time(void)
{
	/* CGMSessionRunTimeDataCallbackTest */
	uint8_t buf[] = { 2, 0, 0x08, 0xC3 };
	uint16_t hours = 0;

	for (size_t n = 0; n <= 4; n++)
		CHECK_INT(cgm_decode_run_time(buf, n, &with_crc, &hours),
			  n == 4 ? 0 : -EMSGSIZE);
	CHECK_UINT(hours, 2);
	CHECK_INT(cgm_decode_run_time(buf, 1, &plain, &hours), -EMSGSIZE);
	CHECK_INT(cgm_decode_run_time(buf, 2, &plain, &hours), 0);
	buf[2] ^= 1;
	CHECK_INT(cgm_decode_run_time(buf, 4, &with_crc, &hours), -EBADMSG);
}

/* Of all 256 opcodes only the eight that ask can be written. */
static void test_get(void)
{
	static const uint8_t gets[] = { 2, 5, 8, 0x0B, 0x0E, 0x11, 0x14, 0x17 };
	uint8_t buf[CGM_GET_MAX];

	for (unsigned op = 0; op < 256; op++) {
		bool get = memchr(gets, (int)op, sizeof(gets)) != NULL;
		int len = cgm_encode_get((enum cgm_get)op, 0xFFFF, &plain, buf);

		CHECK_INT(len, !get ? -ENOTSUP : op == 5 ? 3 : 1);
		if (get)
			CHECK_UINT(buf[0], op);
		len = cgm_encode_get((enum cgm_get)op, CGM_CALIBRATION_LAST, &with_crc,
				     buf);
		CHECK_INT(len, !get ? -ENOTSUP : op == 5 ? 5 : 3);
		if (get)
			CHECK_INT(crc_check_tail(buf, (size_t)len), 0);
	}
	CHECK_INT(cgm_encode_get(CGM_GET_CALIBRATION, 0x1234, &plain, buf), 3);
	CHECK_UINT(buf[1], 0x34);
	CHECK_UINT(buf[2], 0x12);
}

static struct cgm_ops ops(const uint8_t *buf, size_t len)
{
	struct cgm_ops o;

	CHECK_INT(cgm_decode_ops_response(buf, len, &plain, &o), 0);
	for (size_t n = 0; n < len; n++)
		CHECK_INT(cgm_decode_ops_response(buf, n, &plain, &o), -EMSGSIZE);
	CHECK_INT(cgm_decode_ops_response(buf, len + 1, &plain, &o), -EMSGSIZE);
	CHECK_INT(cgm_decode_ops_response(buf, len, &plain, &o), 0);
	return o;
}

static void test_ops(void)
{
	static const uint8_t interval[] = { 3, 5, 0 };
	static const uint8_t calibration[] = { 6,    0x68, 0, 0x10, 0, 0x51,
					       0x20, 1,	   7, 0,    4, 0 };
	static const uint8_t refused[] = { 0x1C, 5, 2, 0 };
	struct cgm_ops o = ops(interval, 2);

	CHECK_UINT(o.request, CGM_GET_INTERVAL);
	CHECK_UINT(o.code, CGM_OPS_OK);
	CHECK_UINT(o.interval_min, 5);
	o = ops(calibration, 11);
	CHECK_UINT(o.request, CGM_GET_CALIBRATION);
	CHECK_INT(o.calibration.glucose.mantissa, 104);
	CHECK_UINT(o.calibration.offset_min, 16);
	CHECK_UINT(o.calibration.type, 1);
	CHECK_UINT(o.calibration.location, 5);
	CHECK_UINT(o.calibration.next_min, 0x120);
	CHECK_UINT(o.calibration.number, 7);
	CHECK_UINT(o.calibration.status, 4);
	o = ops(refused, 3);
	CHECK_UINT(o.request, 5);
	CHECK_UINT(o.code, CGM_OPS_NOT_SUPPORTED);
	for (unsigned get = CGM_GET_PATIENT_HIGH; get <= CGM_GET_RISE_RATE; get += 3) {
		const uint8_t level[] = { (uint8_t)(get + 1), 0x0F, 0xF0, 0 };

		o = ops(level, 3);
		CHECK_UINT(o.request, get);
		CHECK_INT(o.level.mantissa, 15);
		CHECK_INT(o.level.exponent, -1);
	}
}

static void test_ops_refused(void)
{
	static const uint8_t answers[] = { 3, 6, 9, 0x0C, 0x0F, 0x12, 0x15, 0x18, 0x1C };
	struct cgm_ops o = { .code = 99 };
	uint8_t buf[16] = { 0x1C, 2, 1 };

	CHECK_INT(seal(buf, 3), 5);
	CHECK_INT(cgm_decode_ops_response(buf, 5, &with_crc, &o), 0);
	CHECK_INT(cgm_decode_ops_response(buf, 4, &with_crc, &o), -EBADMSG);
	CHECK_INT(cgm_decode_ops_response(buf, 2, &with_crc, &o), -EMSGSIZE);
	buf[3] ^= 1;
	CHECK_INT(cgm_decode_ops_response(buf, 5, &with_crc, &o), -EBADMSG);
	for (unsigned op = 0; op < 256; op++) {
		buf[0] = (uint8_t)op;
		CHECK_INT(cgm_decode_ops_response(buf, 16, &plain, &o),
			  memchr(answers, (int)op, sizeof(answers)) ? -EMSGSIZE
								    : -EBADMSG);
	}
}

/* Garbage, with and without check sum: splitting always gets on, nothing is written on failure. */
static void test_garbage(void)
{
	for (int i = 0; i < 100000; i++) {
		const struct profile_context *ctx = i & 1 ? &with_start : &with_crc;
		uint8_t buf[40];
		size_t len = 1 + test_random() % sizeof(buf), at = 0;

		for (size_t n = 0; n < len; n++)
			buf[n] = (uint8_t)(test_random() >> 24) & (i & 2 ? 0xFF : 0x0F);
		while (at < len) {
			struct decoded d = { .marks = 0xDEAD };
			size_t n = cgm_split(buf + at, len - at);

			CHECK(n >= 1 && n <= len - at);
			if (cgm_decode_measurement(buf + at, n, ctx, &d) == 0)
				CHECK_UINT(d.marks & ~(unsigned)(MARK_IMPLAUSIBLE |
								 MARK_NO_RESULT),
					   0);
			else
				CHECK_UINT(d.marks, 0xDEAD);
			at += n;
		}
	}
}

TEST_MAIN("cgm", test_flags, test_all_fields, test_shortest, test_session_time,
	  test_limits, test_split, test_feature, test_status, test_session_start,
	  test_zone, test_run_time, test_get, test_ops, test_ops_refused, test_garbage)
