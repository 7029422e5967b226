/*
 * test_bls.c - the Blood Pressure decoder: every combination of flags, every length,
 * limits, specials.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/bls.h"
#include "ble/crc.h"

static const struct profile_context none;
static const struct profile_context summed = { .has_crc = true };

enum {
	FLAGS = 32,
	NAN16 = 0x07FF,
	NRES16 = 0x0800,
	PLUS_INF16 = 0x07FE,
	MINUS_INF16 = 0x0802,
	RESERVED16 = 0x0801
};

static size_t put16(uint8_t *buf, size_t at, uint16_t v)
{
	buf[at] = (uint8_t)v;
	buf[at + 1] = (uint8_t)(v >> 8);
	return at + 2;
}

/* Written from the specification's table, not from the decoder. */
static size_t build(uint8_t *buf, uint8_t flags, uint16_t sys, uint16_t dia, uint16_t map)
{
	static const uint8_t time[7] = { 0xEA, 0x07, 11, 21, 7, 31, 2 };
	size_t n = 1;

	buf[0] = flags;
	n = put16(buf, n, sys);
	n = put16(buf, n, dia);
	n = put16(buf, n, map);
	if (flags & 2) {
		memcpy(buf + n, time, sizeof(time));
		n += sizeof(time);
	}
	if (flags & 4)
		n = put16(buf, n, 72);
	if (flags & 8)
		buf[n++] = 3;
	if (flags & 16)
		n = put16(buf, n, 0x0015);
	return n;
}

static struct decoded decode(const uint8_t *buf, size_t len)
{
	struct decoded d;

	CHECK_INT(bls_decode_measurement(buf, len, &none, &d), 0);
	return d;
}

static struct decoded pressures(uint8_t flags, uint16_t sys, uint16_t dia, uint16_t map)
{
	uint8_t buf[32] = { 0 };

	return decode(buf, build(buf, flags, sys, dia, map));
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

/* kPa, 16.3 over 10.9, no mean, no time, no pulse. */
static void test_worked_example(void)
{
	static const uint8_t buf[] = { 0x01, 0xA3, 0xF0, 0x6D, 0xF0, 0xFF, 0x07 };
	struct decoded d = decode(buf, sizeof(buf));

	CHECK_UINT(d.value_count, 3);
	check_number(d.values[0], VALUE_SYSTOLIC, UNIT_KPA, 163, -1);
	check_number(d.values[1], VALUE_DIASTOLIC, UNIT_KPA, 109, -1);
	CHECK_INT(d.values[2].name, VALUE_MEAN_ARTERIAL);
	CHECK_INT(d.values[2].number.kind, DECIMAL_NAN);
	CHECK(!d.has_device_time && !d.has_user && !d.has_status);
	CHECK_UINT(d.marks, 0);
}

static void check_fields(uint8_t flags, const struct decoded *d)
{
	enum value_unit unit = flags & 1 ? UNIT_KPA : UNIT_MMHG;

	check_number(d->values[0], VALUE_SYSTOLIC, unit, 120, 0);
	check_number(d->values[1], VALUE_DIASTOLIC, unit, 80, 0);
	check_number(d->values[2], VALUE_MEAN_ARTERIAL, unit, 99, 0);
	CHECK_UINT(d->value_count, flags & 4 ? 4 : 3);
	if (flags & 4)
		check_number(d->values[3], VALUE_PULSE, UNIT_PER_MINUTE, 72, 0);
	CHECK_INT(d->has_device_time, (flags & 2) != 0);
	if (flags & 2) {
		CHECK_UINT(d->device_time.year, 2026);
		CHECK_UINT(d->device_time.month, 11);
		CHECK_UINT(d->device_time.day, 21);
		CHECK_UINT(d->device_time.hour, 7);
		CHECK_UINT(d->device_time.minute, 31);
		CHECK_UINT(d->device_time.second, 2);
	}
	CHECK_INT(d->has_user, (flags & 8) != 0);
	CHECK_UINT(d->user, flags & 8 ? 3 : 0);
	CHECK_INT(d->has_status, (flags & 16) != 0);
	CHECK_UINT(d->status, flags & 16 ? 0x15 : 0);
}

/* Each of the 32 combinations at its exact length, one octet short, one long; reserved
 * bits change nothing. */
static void test_flags(void)
{
	for (unsigned flags = 0; flags < FLAGS; flags++) {
		uint8_t buf[32] = { 0 };
		size_t len = build(buf, (uint8_t)flags, 120, 80, 99);
		struct decoded d = decode(buf, len);

		check_fields((uint8_t)flags, &d);
		CHECK_UINT(d.marks & MARK_TAIL, 0);
		for (size_t n = 0; n < len; n++)
			CHECK_INT(bls_decode_measurement(buf, n, &none, &d), -EMSGSIZE);
		d = decode(buf, len + 1);
		check_fields((uint8_t)flags, &d);
		CHECK_UINT(d.marks & MARK_TAIL, MARK_TAIL);
		for (unsigned reserved = 0x20; reserved;
		     reserved = (reserved << 1) & 0xFF) {
			buf[0] = (uint8_t)(flags | reserved);
			d = decode(buf, len);
			check_fields((uint8_t)flags, &d);
			CHECK_UINT(d.marks & MARK_TAIL, 0);
		}
	}
	CHECK_UINT(BLS_LEN_MIN, 7);
	CHECK_UINT(BLS_LEN_MAX, 19);
}

static void test_no_result(void)
{
	struct decoded d = pressures(4, NAN16, NAN16, NAN16);

	CHECK_UINT(d.marks, MARK_NO_RESULT);
	d = pressures(0, NRES16, NAN16, NRES16);
	CHECK_UINT(d.marks, MARK_NO_RESULT);
	d = pressures(0, NAN16, NAN16, 90);
	CHECK_UINT(d.marks, 0);
	d = pressures(0, PLUS_INF16, NAN16, NAN16);
	CHECK_UINT(d.marks, 0); /* above what the cuff can measure is a result */
}

/* A special value has exponent 0; with another one it is a number, and looks doubtful. */
static void test_specials(void)
{
	static const struct {
		uint16_t raw;
		enum decimal_kind kind;
	} specials[] = { { NAN16, DECIMAL_NAN },
			 { NRES16, DECIMAL_NRES },
			 { PLUS_INF16, DECIMAL_PLUS_INF },
			 { MINUS_INF16, DECIMAL_MINUS_INF },
			 { RESERVED16, DECIMAL_RESERVED } };

	for (size_t i = 0; i < sizeof(specials) / sizeof(*specials); i++) {
		for (unsigned e = 0; e < 16; e++) {
			struct decoded d = pressures(
				0, (uint16_t)(specials[i].raw | e << 12), 80, 99);

			CHECK_INT(d.values[0].number.kind,
				  e ? DECIMAL_NUMBER : specials[i].kind);
			CHECK_INT(d.values[0].number.mantissa == 0, e == 0);
			CHECK_UINT(d.marks & MARK_IMPLAUSIBLE, e ? MARK_IMPLAUSIBLE : 0);
		}
	}
}

static bool is_flagged(uint8_t flags, uint16_t sys, uint16_t dia, uint16_t map)
{
	return pressures(flags, sys, dia, map).marks & MARK_IMPLAUSIBLE;
}

/* n-1, n, n+1 at each limit; 0xF000 is exponent -1. */
static void test_plausible(void)
{
	CHECK(is_flagged(0, 29, 20, 25) && !is_flagged(0, 30, 20, 25) &&
	      !is_flagged(0, 31, 20, 25));
	CHECK(!is_flagged(0, 299, 80, 99) && !is_flagged(0, 300, 80, 99) &&
	      is_flagged(0, 301, 80, 99));
	CHECK(is_flagged(0, 120, 9, 99) && !is_flagged(0, 120, 10, 99) &&
	      !is_flagged(0, 120, 11, 99));
	CHECK(!is_flagged(0, 300, 249, 99) && !is_flagged(0, 300, 250, 99) &&
	      is_flagged(0, 300, 251, 99));
	CHECK(is_flagged(0, 120, 80, 19) && !is_flagged(0, 120, 80, 20) &&
	      !is_flagged(0, 120, 80, 21));
	CHECK(!is_flagged(0, 120, 80, 274) && !is_flagged(0, 120, 80, 275) &&
	      is_flagged(0, 120, 80, 276));
	CHECK(is_flagged(1, 0xF000 | 39, 0xF000 | 20, 0xF000 | 30));
	CHECK(!is_flagged(1, 0xF000 | 40, 0xF000 | 20, 0xF000 | 30));
	CHECK(!is_flagged(1, 0xF000 | 400, 0xF000 | 100, 0xF000 | 130));
	CHECK(is_flagged(1, 0xF000 | 401, 0xF000 | 100, 0xF000 | 130));
	CHECK(!is_flagged(1, 0xF000 | 400, 0xF000 | 333, 0xF000 | 130));
	CHECK(is_flagged(1, 0xF000 | 400, 0xF000 | 334, 0xF000 | 130));
	CHECK(is_flagged(1, 0xF000 | 160, 0xF000 | 12, 0xF000 | 130));
	CHECK(!is_flagged(1, 0xF000 | 160, 0xF000 | 13, 0xF000 | 130));
	CHECK(is_flagged(1, 0xF000 | 160, 0xF000 | 100, 0xF000 | 26));
	CHECK(!is_flagged(1, 0xF000 | 160, 0xF000 | 100, 0xF000 | 27));
	CHECK(!is_flagged(1, 0xF000 | 400, 0xF000 | 100, 0xF000 | 367));
	CHECK(is_flagged(1, 0xF000 | 400, 0xF000 | 100, 0xF000 | 368));
	CHECK(is_flagged(0, 0xF000 | 290, 20, 25) &&
	      !is_flagged(0, 0xF000 | 1200, 80, 99));
	CHECK(is_flagged(0, 80, 81, 80) && !is_flagged(0, 80, 80, 80));
	CHECK(is_flagged(0, 0xFF88, 80, 99)); /* negative */
	CHECK(is_flagged(0, 0x7078, 80, 99)); /* 120e7 */
	CHECK(is_flagged(0, 0x8078, 80, 99)); /* 120e-8 */
}

static void test_pulse_limits(void)
{
	static const struct {
		uint16_t pulse;
		bool flagged;
	} rows[] = { { 19, true },   { 20, false },  { 21, false },
		     { 299, false }, { 300, false }, { 301, true } };
	uint8_t buf[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t len = build(buf, 4, 120, 80, 99);

		put16(buf, len - 2, rows[i].pulse);
		CHECK_INT(decode(buf, len).marks, rows[i].flagged ? MARK_IMPLAUSIBLE : 0);
	}
}

static struct decoded with_time(uint16_t year, uint8_t month, uint8_t day, uint8_t hour)
{
	uint8_t buf[32];
	size_t len = build(buf, 2, 120, 80, 99);

	put16(buf, 7, year);
	buf[9] = month;
	buf[10] = day;
	buf[11] = hour;
	return decode(buf, len);
}

static void test_time(void)
{
	CHECK(with_time(2026, 11, 21, 7).has_device_time);
	CHECK(with_time(2024, 2, 29, 0).has_device_time);
	CHECK(!with_time(0, 11, 21, 7).has_device_time);
	CHECK(!with_time(2026, 0, 21, 7).has_device_time);
	CHECK(!with_time(2026, 11, 0, 7).has_device_time);
	CHECK_UINT(with_time(0, 0, 0, 0).marks, 0);
	CHECK(!with_time(2026, 13, 21, 7).has_device_time);
	CHECK_UINT(with_time(2026, 13, 21, 7).marks, MARK_IMPLAUSIBLE);
	CHECK_UINT(with_time(2025, 2, 29, 7).marks, MARK_IMPLAUSIBLE);
	CHECK_UINT(with_time(2026, 11, 21, 24).marks, MARK_IMPLAUSIBLE);
}

static void test_user_unknown(void)
{
	uint8_t buf[32];
	size_t len = build(buf, 8, 120, 80, 99);

	buf[len - 1] = 255;
	CHECK(decode(buf, len).has_user);
	CHECK_UINT(decode(buf, len).user, 255);
}

static void test_feature(void)
{
	static const uint8_t buf[] = { 0x25, 0x81, 0x00 };
	uint16_t features = 0;

	CHECK_INT(bls_decode_feature(buf, 0, &features), -EMSGSIZE);
	CHECK_INT(bls_decode_feature(buf, 1, &features), -EMSGSIZE);
	CHECK_INT(bls_decode_feature(buf, 2, &features), 0);
	CHECK_UINT(features, 0x8125);
	CHECK_INT(bls_decode_feature(buf, 3, &features), 0);
	CHECK(features & BLS_FEATURE_USER_TIME && features & BLS_FEATURE_MULTIPLE_BONDS &&
	      features & BLS_FEATURE_MOVEMENT && !(features & BLS_FEATURE_E2E_CRC));
}

/* Garbage decodes or is refused by length alone; what comes out is within its type. */
static void test_garbage(void)
{
	for (int i = 0; i < 200000; i++) {
		uint8_t buf[24];
		size_t len = test_random() % (sizeof(buf) + 1), need;
		struct decoded d = { .marks = 0xDEAD };

		for (size_t n = 0; n < sizeof(buf); n++)
			buf[n] = (uint8_t)(test_random() >> 24);
		need = len ? 7u + (buf[0] & 2 ? 7 : 0) + (buf[0] & 4 ? 2 : 0) +
				       (buf[0] & 8 ? 1 : 0) + (buf[0] & 16 ? 2 : 0)
			   : 7;
		if (len < need) {
			CHECK_INT(bls_decode_measurement(buf, len, &none, &d), -EMSGSIZE);
			CHECK_UINT(d.marks, 0xDEAD); /* not written on failure */
			continue;
		}
		CHECK_INT(bls_decode_measurement(buf, len, &none, &d), 0);
		CHECK(d.value_count == 3 || d.value_count == 4);
		CHECK_INT((d.marks & MARK_TAIL) != 0, len > need);
		CHECK_UINT(d.marks & ~(unsigned)(MARK_TAIL | MARK_IMPLAUSIBLE |
						 MARK_NO_RESULT),
			   0);
		CHECK(!d.has_device_time || date_time_valid(&d.device_time));
	}
}

/* ---- intermediate, enhanced, record ---- */

/* In the order of the GATT Specification Supplement: 0x2B34, or 0x2B35 with one pressure. */
static size_t build_enhanced(uint8_t *buf, uint8_t flags, bool cuff)
{
	static const uint8_t base[4] = { 0x26, 0xF7, 0x93, 0x32 };
	static const uint8_t user[4] = { 0x36, 0x05, 0x94, 0x32 }; /* an hour later */
	size_t n = 1;

	buf[0] = flags;
	n = put16(buf, n, 120);
	if (!cuff) {
		n = put16(buf, n, 80);
		n = put16(buf, n, 99);
	}
	if (flags & 2) {
		memcpy(buf + n, base, sizeof(base));
		n += sizeof(base);
	}
	if (flags & 4)
		n = put16(buf, n, 72);
	if (flags & 8)
		buf[n++] = 3;
	if (flags & 16)
		n = put16(buf, n, 0x0015);
	if (flags & 32) {
		memcpy(buf + n, user, sizeof(user));
		n += sizeof(user);
	}
	return n;
}

static void check_cuff_fields(uint8_t flags, const struct decoded *d)
{
	CHECK_UINT(d->value_count, flags & 4 ? 2 : 1);
	check_number(d->values[0], VALUE_CUFF_PRESSURE, flags & 1 ? UNIT_KPA : UNIT_MMHG,
		     120, 0);
	if (flags & 4)
		check_number(d->values[1], VALUE_PULSE, UNIT_PER_MINUTE, 72, 0);
	CHECK_INT(d->has_user, (flags & 8) != 0);
	CHECK_INT(d->has_status, (flags & 16) != 0);
}

static void test_intermediate(void)
{
	for (unsigned flags = 0; flags < FLAGS; flags++) {
		uint8_t buf[32] = { 0 };
		size_t len = build(buf, (uint8_t)flags, 120, NAN16, NAN16);
		struct decoded d;

		for (size_t n = 0; n < len; n++)
			CHECK_INT(bls_decode_intermediate(buf, n, &none, &d), -EMSGSIZE);
		CHECK_INT(bls_decode_intermediate(buf, len, &none, &d), 0);
		check_cuff_fields((uint8_t)flags, &d);
		CHECK_INT(d.has_device_time, (flags & 2) != 0);
		CHECK_UINT(d.marks & MARK_TAIL, 0);
		CHECK_INT(bls_decode_intermediate(buf, len + 1, &none, &d), 0);
		CHECK_UINT(d.marks & MARK_TAIL, MARK_TAIL);
	}
}

static unsigned cuff_marks(uint8_t flags, uint16_t pressure)
{
	uint8_t buf[3] = { flags };
	struct decoded d;

	put16(buf, 1, pressure);
	CHECK_INT(bls_decode_enhanced_intermediate(buf, 3, &none, &d), 0);
	return d.marks;
}

static void test_cuff_limits(void)
{
	CHECK_UINT(cuff_marks(0, NAN16), MARK_NO_RESULT);
	CHECK_UINT(cuff_marks(0, NRES16), MARK_NO_RESULT);
	CHECK_UINT(cuff_marks(0, 0), 0);
	CHECK_UINT(cuff_marks(0, 0x0FFF), MARK_IMPLAUSIBLE); /* -1 */
	CHECK_UINT(cuff_marks(0, 349), 0);
	CHECK_UINT(cuff_marks(0, 350), 0);
	CHECK_UINT(cuff_marks(0, 351), MARK_IMPLAUSIBLE);
	CHECK_UINT(cuff_marks(1, 0), 0);
	CHECK_UINT(cuff_marks(1, 0xF000 | 467), 0);
	CHECK_UINT(cuff_marks(1, 0xF000 | 468), MARK_IMPLAUSIBLE);
}

static void check_enhanced_time(unsigned flags, const struct decoded *d)
{
	bool base = flags & 2, user = flags & 32;

	CHECK_INT(d->has_device_time, base || user);
	CHECK_INT(d->time_is_utc, base);
	CHECK_INT(d->has_time_offset, base && user);
	CHECK_INT(d->time_offset_min, base && user ? 60 : 0);
	if (!base && !user)
		return;
	CHECK_UINT(d->device_time.year, flags & 64 ? 2026 : 1926);
	CHECK_UINT(d->device_time.hour, base ? 6 : 7);
	CHECK_UINT(d->device_time.minute, 31);
	CHECK_UINT(d->device_time.second, 2);
}

static void test_enhanced(void)
{
	for (unsigned flags = 0; flags < 128; flags++) {
		uint8_t buf[32] = { 0 };
		size_t len = build_enhanced(buf, (uint8_t)flags, false);
		struct decoded d;

		for (size_t n = 0; n < len; n++)
			CHECK_INT(bls_decode_enhanced(buf, n, &none, &d), -EMSGSIZE);
		CHECK_INT(bls_decode_enhanced(buf, len, &none, &d), 0);
		CHECK_UINT(d.value_count, flags & 4 ? 4 : 3);
		check_number(d.values[0], VALUE_SYSTOLIC,
			     flags & 1 ? UNIT_KPA : UNIT_MMHG, 120, 0);
		check_number(d.values[2], VALUE_MEAN_ARTERIAL,
			     flags & 1 ? UNIT_KPA : UNIT_MMHG, 99, 0);
		CHECK_UINT(d.user, flags & 8 ? 3 : 0);
		CHECK_UINT(d.status, flags & 16 ? 0x15 : 0);
		check_enhanced_time(flags, &d);
		CHECK_UINT(d.marks & MARK_TAIL, 0);
		CHECK_INT(bls_decode_enhanced(buf, len + 1, &none, &d), 0);
		CHECK_UINT(d.marks & MARK_TAIL, MARK_TAIL);
		CHECK(len <= BLS_LEN_ENHANCED_MAX);
	}
}

static void test_enhanced_intermediate(void)
{
	for (unsigned flags = 0; flags < 128; flags++) {
		uint8_t buf[32] = { 0 };
		size_t len = build_enhanced(buf, (uint8_t)flags, true);
		struct decoded d;

		CHECK(len >= BLS_LEN_ENHANCED_INTERMEDIATE_MIN &&
		      len <= BLS_LEN_ENHANCED_INTERMEDIATE_MAX);
		for (size_t n = 0; n < len; n++)
			CHECK_INT(bls_decode_enhanced_intermediate(buf, n, &none, &d),
				  -EMSGSIZE);
		CHECK_INT(bls_decode_enhanced_intermediate(buf, len, &none, &d), 0);
		check_cuff_fields((uint8_t)flags, &d);
		check_enhanced_time(flags, &d);
	}
}

/* Whole minutes, nearest; both ways, and as far as 32 bits go. */
static void test_user_time(void)
{
	static const struct {
		uint32_t base, user;
		int32_t minutes;
	} rows[] = { { 1000, 1000, 0 },
		     { 1000, 1029, 0 },
		     { 1000, 1030, 1 },
		     { 1000, 1090, 2 },
		     { 1000, 971, 0 },
		     { 1000, 970, -1 },
		     { 0, UINT32_MAX, 71582788 },
		     { UINT32_MAX, 0, -71582788 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t buf[15] = { 0x22, 120, 0, 80, 0, 99, 0 };
		struct decoded d;

		for (int k = 0; k < 4; k++) {
			buf[7 + k] = (uint8_t)(rows[i].base >> 8 * k);
			buf[11 + k] = (uint8_t)(rows[i].user >> 8 * k);
		}
		CHECK_INT(bls_decode_enhanced(buf, sizeof(buf), &none, &d), 0);
		CHECK_INT(d.time_offset_min, rows[i].minutes);
	}
}

/* Sequence 0x1234, then the value. */
static size_t build_record(uint8_t *buf, uint16_t uuid, bool crc)
{
	size_t n = put16(buf, put16(buf, 0, 0x1234), uuid);

	switch (uuid) {
	case 0x2A35: n += build(buf + n, 6, 120, 80, 99); break;
	case 0x2A36: n += build(buf + n, 6, 120, NAN16, NAN16); break;
	case 0x2B35: n += build_enhanced(buf + n, 0x42, true); break;
	default: n += build_enhanced(buf + n, 0x62, false); break;
	}
	return crc ? put16(buf, n, crc_mcrf4xx(buf, n)) : n;
}

static void test_record(void)
{
	static const uint16_t uuids[] = { 0x2A35, 0x2A36, 0x2B34, 0x2B35 };

	for (unsigned k = 0; k < 8; k++) {
		const struct profile_context *ctx = k & 4 ? &summed : &none;
		uint16_t uuid = uuids[k % 4];
		uint8_t buf[40] = { 0 };
		size_t len = build_record(buf, uuid, ctx->has_crc);
		struct decoded d;

		CHECK_INT(bls_decode_record(buf, len, ctx, &d), 0);
		CHECK(d.has_sequence && d.has_device_time);
		CHECK_UINT(d.sequence, 0x1234);
		CHECK_UINT(d.marks, MARK_STORED);
		CHECK_INT(d.values[0].name, uuid == 0x2A35 || uuid == 0x2B34
						    ? VALUE_SYSTOLIC
						    : VALUE_CUFF_PRESSURE);
		CHECK_INT(d.time_is_utc, uuid > 0x2B00);
		for (size_t n = 0; n < len; n++)
			CHECK_INT(bls_decode_record(buf, n, ctx, &d),
				  n < 4 + (ctx->has_crc ? 2u : 0u) ? -EMSGSIZE
				  : ctx->has_crc		   ? -EBADMSG
								   : -EMSGSIZE);
		if (!ctx->has_crc) {
			CHECK_INT(bls_decode_record(buf, len + 1, ctx, &d), 0);
			CHECK_UINT(d.marks, MARK_STORED | MARK_TAIL);
		}
		buf[1] ^= 1;
		CHECK_INT(bls_decode_record(buf, len, ctx, &d),
			  ctx->has_crc ? -EBADMSG : 0);
	}
}

static void test_record_of_other(void)
{
	uint8_t buf[40] = { 0 };
	size_t len = build_record(buf, 0x2A35, false);
	struct decoded d = { .marks = 0xDEAD };

	put16(buf, 2, 0x2A9D);
	CHECK_INT(bls_decode_record(buf, len, &none, &d), -ERANGE);
	put16(buf, 2, 0x2B36); /* a record in a record */
	CHECK_INT(bls_decode_record(buf, len, &none, &d), -ERANGE);
	put16(buf, 2, 0x2A35);
	CHECK_INT(bls_decode_record(buf, 4, &none, &d), -EMSGSIZE);
	CHECK_UINT(d.marks, 0xDEAD);
}

TEST_MAIN("bls", test_worked_example, test_flags, test_no_result, test_specials,
	  test_plausible, test_pulse_limits, test_time, test_user_unknown, test_feature,
	  test_garbage, test_intermediate, test_cuff_limits, test_enhanced,
	  test_enhanced_intermediate, test_user_time, test_record, test_record_of_other)
