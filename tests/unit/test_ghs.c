/*
 * test_ghs.c - Generic Health Sensor observations: every class, flag and length; bundles;
 * bounds.
 *
 * Vectors 'ST' are observations of STM32WBA-BLE-Generic-Health-Sensor (2024, Generic
 * Health Sensor Profile 1.0).
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdbool.h>

#include "ble/ghs.h"

static const struct profile_context none;

enum {
	SPO2 = 0x00024BB8,  /* MDC_PULS_OXIM_SAT_O2, 150456 */
	PULSE = 0x0002481A, /* MDC_PULS_OXIM_PULS_RATE, 149530 */
	PERCENT = 0x0220,
	PER_MINUTE = 0x0AA0,
	MMHG = 0x0F20,
};

/* ST: 98 % of user 1, spot check; 2021-11-20 11:50:10 UTC */
static const uint8_t oximeter[] = {
	0x01, 0x1B, 0x00, 0x63, 0x00, 0xB8, 0x4B, 0x02, 0x00, 0x22,
	0x72, 0x9D, 0x2B, 0x29, 0x00, 0x00, 0x06, 0x00, 0x01, 0x01,
	0x3C, 0x4C, 0x02, 0x00, 0x20, 0x02, 0x62, 0x00, 0x00, 0x00,
};

/* ST: 100/60, mean 80 */
static const uint8_t pressure[] = {
	0x07, 0x35, 0x00, 0x13, 0x00, 0x04, 0x4A, 0x02, 0x00, 0x22, 0x72, 0x9D,
	0x2B, 0x29, 0x00, 0x00, 0x06, 0x00, 0x40, 0xE2, 0x01, 0x00, 0x03, 0x05,
	0x4A, 0x02, 0x00, 0x01, 0x20, 0x0F, 0x64, 0x00, 0x00, 0x00, 0x06, 0x4A,
	0x02, 0x00, 0x01, 0x20, 0x0F, 0x3C, 0x00, 0x00, 0x00, 0x07, 0x4A, 0x02,
	0x00, 0x01, 0x20, 0x0F, 0x50, 0x00, 0x00, 0x00,
};

/* ST: status of the cuff, two codes of partition 3, derived from observation 123456 */
static const uint8_t cuff_status[] = {
	0x05, 0x14, 0x00, 0x81, 0x00, 0xF0, 0x55, 0x80, 0x00, 0x01, 0x40, 0xE2,
	0x01, 0x00, 0x02, 0xF0, 0x00, 0x03, 0x00, 0xAE, 0x01, 0x03, 0x00,
};

/* ST: oxygen and pulse, both 98, of one time */
static const uint8_t bundle[] = {
	0xFF, 0x2F, 0x00, 0x42, 0x00, 0x22, 0x72, 0x9D, 0x2B, 0x29, 0x00, 0x00, 0x06,
	0x00, 0x01, 0x3C, 0x4C, 0x02, 0x00, 0x02, 0x01, 0x0C, 0x00, 0x01, 0x00, 0xB8,
	0x4B, 0x02, 0x00, 0x20, 0x02, 0x62, 0x00, 0x00, 0x00, 0x01, 0x0C, 0x00, 0x01,
	0x00, 0x1A, 0x48, 0x02, 0x00, 0xA0, 0x0A, 0x62, 0x00, 0x00, 0x00,
};

/* Octets under construction. */
struct out {
	size_t n;
	uint8_t b[READING_RAW_MAX + 64];
};

static void put8(struct out *o, unsigned v)
{
	o->b[o->n++] = (uint8_t)v;
}

static void put16(struct out *o, unsigned v)
{
	put8(o, v & 0xFF);
	put8(o, v >> 8);
}

static void put32(struct out *o, uint32_t v)
{
	put16(o, v & 0xFFFF);
	put16(o, v >> 16);
}

/* Begin an observation; end writes its length, the octets after it. */
static size_t begin(struct out *o, unsigned class, unsigned flags)
{
	size_t at = o->n;

	put8(o, class);
	put16(o, 0);
	put16(o, flags);
	return at;
}

static void end(struct out *o, size_t at)
{
	size_t len = o->n - at - 3;

	o->b[at + 1] = (uint8_t)len;
	o->b[at + 2] = (uint8_t)(len >> 8);
}

static void put_numeric(struct out *o, unsigned unit, uint32_t value)
{
	put16(o, unit);
	put32(o, value);
}

static struct decoded decode(const uint8_t *buf, size_t len)
{
	struct decoded d;

	CHECK_INT(ghs_decode_live(buf, len, &none, &d), 0);
	return d;
}

static struct decoded decode_out(const struct out *o)
{
	return decode(o->b, o->n);
}

static void check_value(const struct value *v, uint32_t code, unsigned unit, int mantissa,
			int exponent)
{
	CHECK_INT(v->name, VALUE_MDC);
	CHECK_INT(v->unit, unit ? UNIT_MDC : UNIT_CODE);
	CHECK_UINT(v->code, code);
	CHECK_UINT(v->unit_code, unit);
	CHECK_INT(v->number.kind, DECIMAL_NUMBER);
	CHECK_INT(v->number.mantissa, mantissa);
	CHECK_INT(v->number.exponent, exponent);
}

static void test_oximeter(void)
{
	struct decoded d = decode(oximeter, sizeof(oximeter));

	CHECK_UINT(d.value_count, 1);
	check_value(&d.values[0], SPO2, PERCENT, 98, 0);
	CHECK(d.has_device_time && d.time_is_utc && d.has_user);
	CHECK_UINT(d.device_time.year, 2021);
	CHECK_UINT(d.device_time.second, 10);
	CHECK_UINT(d.user, 1);
	CHECK(!d.has_status && !d.has_sequence && !d.has_time_offset);
	CHECK_UINT(d.marks, 0);
}

static void test_pressure(void)
{
	struct decoded d = decode(pressure, sizeof(pressure));

	CHECK_UINT(d.value_count, 3);
	check_value(&d.values[0], 150021, MMHG, 100, 0);
	check_value(&d.values[1], 150022, MMHG, 60, 0);
	check_value(&d.values[2], 150023, MMHG, 80, 0);
	CHECK(!d.has_user);
	CHECK_UINT(d.marks, 0);
}

static void test_codes(void)
{
	struct out o = { 0 };
	struct decoded d = decode(cuff_status, sizeof(cuff_status));
	size_t at;

	CHECK_UINT(d.value_count, 2);
	check_value(&d.values[0], 0x008055F0, 0, 0x300F0, 0);
	check_value(&d.values[1], 0x008055F0, 0, 0x301AE, 0);
	at = begin(&o, 2, 1);
	put32(&o, PULSE);
	put32(&o, INT32_MAX);
	end(&o, at);
	d = decode_out(&o);
	CHECK_UINT(d.value_count, 1);
	check_value(&d.values[0], PULSE, 0, INT32_MAX, 0);
	CHECK_UINT(d.marks, 0);
	o.b[o.n - 1] = 0x80;
	d = decode_out(&o);
	CHECK_UINT(d.value_count, 0);
	CHECK_UINT(d.marks, MARK_IMPLAUSIBLE);
}

static void test_bundle(void)
{
	struct decoded d = decode(bundle, sizeof(bundle));

	CHECK_UINT(d.value_count, 2);
	check_value(&d.values[0], SPO2, PERCENT, 98, 0);
	check_value(&d.values[1], PULSE, PER_MINUTE, 98, 0);
	CHECK(d.has_device_time);
	CHECK_UINT(d.marks, 0);
}

/* Each vector cut short at every octet, and with one octet more. */
static void cut(const uint8_t *buf, size_t len)
{
	uint8_t more[80] = { 0 };
	struct decoded d = { .marks = 0xDEAD };

	for (size_t n = 0; n < len; n++)
		CHECK_INT(ghs_decode_live(buf, n, &none, &d), -EMSGSIZE);
	CHECK_UINT(d.marks, 0xDEAD);
	memcpy(more, buf, len);
	CHECK_UINT(decode(more, len + 1).marks, MARK_TAIL);
	CHECK_UINT(decode(more, len + 1).value_count, decode(buf, len).value_count);
	/* one octet in the length that nothing explains */
	more[1]++;
	CHECK_UINT(decode(more, len + 1).marks, MARK_TAIL);
	CHECK_UINT(decode(more, len + 1).value_count, decode(buf, len).value_count);
	CHECK_INT(ghs_decode_live(more, len, &none, &d), -EMSGSIZE);
	/* length one too small: the flags require more */
	more[1] = (uint8_t)(more[1] - 2);
	CHECK_INT(ghs_decode_live(more, len, &none, &d), -EMSGSIZE);
}

static void test_cut(void)
{
	cut(oximeter, sizeof(oximeter));
	cut(pressure, sizeof(pressure));
	cut(cuff_status, sizeof(cuff_status));
	cut(bundle, sizeof(bundle));
}

/* Philips and Realtek count class and length field too, also in the members of a bundle. */
static void test_whole_length(void)
{
	uint8_t buf[sizeof(bundle)];
	struct decoded d;

	memcpy(buf, oximeter, sizeof(oximeter));
	buf[1] = sizeof(oximeter);
	d = decode(buf, sizeof(oximeter));
	CHECK_UINT(d.value_count, 1);
	CHECK_UINT(d.marks, 0);
	memcpy(buf, bundle, sizeof(bundle));
	buf[1] += 3;
	buf[21] += 3;
	buf[36] += 3;
	d = decode(buf, sizeof(bundle));
	CHECK_UINT(d.value_count, 2);
	check_value(&d.values[1], PULSE, PER_MINUTE, 98, 0);
	CHECK_UINT(d.marks, 0);
	buf[21] = 2; /* a whole observation shorter than its head */
	CHECK_INT(ghs_decode_live(buf, sizeof(bundle), &none, &d), -EMSGSIZE);
}

/* Every combination of optional fields, written from the table, not from the decoder. */
static size_t build(struct out *o, unsigned flags)
{
	static const uint8_t stamp[] = { 0x20, 1, 0, 0, 0, 0, 0, 1, 0 };
	size_t at = begin(o, 1, flags);

	if (flags & 1 << 0)
		put32(o, SPO2);
	for (size_t i = 0; flags & 1 << 1 && i < sizeof(stamp); i++)
		put8(o, stamp[i]);
	if (flags & 1 << 2)
		put32(o, 0xFF00000A);
	if (flags & 1 << 3)
		put16(o, GHS_STATUS_QUESTIONABLE);
	if (flags & 1 << 4)
		put32(o, 77);
	if (flags & 1 << 5)
		put8(o, 9);
	for (unsigned bit = 6; bit <= 8; bit++) {
		if (!(flags & 1u << bit))
			continue;
		put8(o, bit - 5);
		for (unsigned k = 0; k < bit - 5; k++)
			put32(o, 0xABCDEF01);
	}
	if (flags & 1 << 9) {
		put8(o, 2);
		put32(o, 1), put16(o, 3), put8(o, 4), put8(o, 1), put16(o, 0);
		put32(o, 2), put16(o, 0), put8(o, 25);
	}
	put_numeric(o, PERCENT, 0xFF0003D4); /* 98.0 */
	end(o, at);
	return o->n;
}

static void test_flags(void)
{
	for (unsigned flags = 0; flags < 1024; flags++) {
		struct out o = { 0 };
		struct decoded d;
		size_t len = build(&o, flags);

		d = decode_out(&o);
		CHECK_UINT(d.value_count, 1);
		check_value(&d.values[0], flags & 1 ? SPO2 : 0, PERCENT, 980, -1);
		CHECK_INT(d.has_device_time, (flags & 2) != 0);
		CHECK(!d.time_is_utc);
		CHECK_INT(d.has_status, (flags & 8) != 0);
		CHECK_UINT(d.status, flags & 8 ? GHS_STATUS_QUESTIONABLE : 0);
		CHECK_INT(d.has_user, (flags & 32) != 0);
		CHECK_UINT(d.user, flags & 32 ? 9 : 0);
		CHECK_UINT(d.marks, 0);
		for (size_t n = 0; n < len; n++)
			CHECK_INT(ghs_decode_live(o.b, n, &none, &d), -EMSGSIZE);
		for (unsigned reserved = 0x04; reserved < 0x100; reserved <<= 1) {
			o.b[4] = (uint8_t)(flags >> 8 | reserved);
			CHECK_UINT(decode_out(&o).value_count, 1);
		}
	}
}

static struct decoded one_number(uint32_t value, unsigned status)
{
	struct out o = { 0 };
	size_t at = begin(&o, 1, 9);

	put32(&o, SPO2);
	put16(&o, status);
	put_numeric(&o, PERCENT, value);
	end(&o, at);
	return decode_out(&o);
}

static void test_specials(void)
{
	static const struct {
		uint32_t raw;
		enum decimal_kind kind;
		bool no_result;
	} rows[] = { { 0x007FFFFF, DECIMAL_NAN, true },
		     { 0x00800000, DECIMAL_NRES, true },
		     { 0x007FFFFE, DECIMAL_PLUS_INF, false },
		     { 0x00800002, DECIMAL_MINUS_INF, false },
		     { 0x00800001, DECIMAL_RESERVED, false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct decoded d = one_number(rows[i].raw, 0);

		CHECK_INT(d.values[0].number.kind, rows[i].kind);
		CHECK_UINT(d.marks, rows[i].no_result ? MARK_NO_RESULT : 0);
	}
}

static void test_status(void)
{
	for (unsigned bit = 0; bit < 16; bit++) {
		struct decoded d = one_number(98, 1u << bit);

		CHECK_UINT(d.status, 1u << bit);
		CHECK_UINT(d.marks, 1u << bit == GHS_STATUS_TEST ? MARK_TEST : 0);
	}
}

/* Classes without a value are no errors: the raw octets have them. */
static void put_valueless(struct out *o, unsigned class)
{
	switch (class) {
	case 3:
		put16(o, 3);
		put8(o, 'M'), put8(o, 'a'), put8(o, 'n');
		break;
	case 4: /* unit, scale, offset, period, per period, octets, samples */
		put16(o, 0x10B2);
		put32(o, 0x64C), put32(o, 0x800), put32(o, 0xFD00000A);
		put8(o, 1), put8(o, 2), put32(o, 3);
		put16(o, 1), put16(o, 2), put16(o, 3);
		break;
	case 6:
		put8(o, 2);
		put16(o, 0xFFFF), put16(o, 0xFFFF), put16(o, 0x0003);
		break;
	default:
		put8(o, 1);
		put32(o, SPO2), put16(o, 2), put8(o, 6), put16(o, 98);
		break;
	}
}

static void test_valueless(void)
{
	static const unsigned classes[] = { 3, 4, 6, 8 };

	for (size_t i = 0; i < 4; i++) {
		struct out o = { 0 };
		size_t at = begin(&o, classes[i], 1);
		struct decoded d;

		put32(&o, SPO2);
		put_valueless(&o, classes[i]);
		end(&o, at);
		d = decode_out(&o);
		CHECK_UINT(d.value_count, 0);
		CHECK_UINT(d.marks, 0);
		for (size_t n = 0; n < o.n; n++)
			CHECK_INT(ghs_decode_live(o.b, n, &none, &d), -EMSGSIZE);
	}
}

/* Compound of one of each, so that each is skipped by its right length. */
static void test_mixed_compound(void)
{
	struct out o = { 0 };
	struct decoded d;
	size_t at = begin(&o, 7, 1);

	put32(&o, 1000);
	put8(&o, 6);
	put32(&o, 1001), put8(&o, 3), put_valueless(&o, 3);
	put32(&o, 1002), put8(&o, 4), put_valueless(&o, 4);
	put32(&o, 1003), put8(&o, 6), put_valueless(&o, 6);
	put32(&o, 1004), put8(&o, 5), put8(&o, 2), put32(&o, 7), put32(&o, 8);
	put32(&o, 1005), put8(&o, 2), put32(&o, 9);
	put32(&o, 1006), put8(&o, 1), put_numeric(&o, PERCENT, 10);
	end(&o, at);
	d = decode_out(&o);
	CHECK_UINT(d.value_count, 4);
	check_value(&d.values[0], 1004, 0, 7, 0);
	check_value(&d.values[1], 1004, 0, 8, 0);
	check_value(&d.values[2], 1005, 0, 9, 0);
	check_value(&d.values[3], 1006, PERCENT, 10, 0);
	CHECK_UINT(d.marks, 0);
	for (size_t n = 0; n < o.n; n++)
		CHECK_INT(ghs_decode_live(o.b, n, &none, &d), -EMSGSIZE);
}

/* What we do not know ends the observation: what came before is kept. */
static void test_unknown_class(void)
{
	static const unsigned classes[] = { 0, 7, 8, 9, 254, 255 };

	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		struct out o = { 0 };
		struct decoded d;
		size_t at = begin(&o, 7, 1);

		put32(&o, 1000);
		put8(&o, 3);
		put32(&o, 1001), put8(&o, 1), put_numeric(&o, PERCENT, 10);
		put32(&o, 1002), put8(&o, classes[i]), put32(&o, 99);
		end(&o, at);
		d = decode_out(&o);
		CHECK_UINT(d.value_count, 1);
		CHECK_UINT(d.marks, MARK_TAIL);
	}
	for (unsigned class = 9; class < 255; class ++) {
		struct out o = { 0 };
		struct decoded d;
		size_t at = begin(&o, class, 0x21);

		put32(&o, 1000);
		put8(&o, 4);
		put32(&o, 1001);
		end(&o, at);
		d = decode_out(&o);
		CHECK_UINT(d.value_count, 0);
		CHECK_UINT(d.user, 4);
		CHECK_UINT(d.marks, MARK_TAIL);
	}
}

/* Samples: octets a sample times samples, at the limits and far beyond them. */
static void test_samples(void)
{
	static const struct {
		uint8_t octets;
		uint32_t samples;
		bool good;
	} rows[] = { { 2, 3, true },	      { 3, 2, true },
		     { 1, 6, true },	      { 0, 0xFFFFFFFF, true },
		     { 6, 1, true },	      { 7, 1, false },
		     { 1, 7, false },	      { 255, 0xFFFFFFFF, false },
		     { 2, 0x80000003, false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct out o = { 0 };
		struct decoded d;
		size_t at = begin(&o, 4, 0);

		put_valueless(&o, 4);
		o.b[at + 5 + 15] = rows[i].octets;
		o.n = at + 5 + 16;
		put32(&o, rows[i].samples);
		o.n += 6;
		end(&o, at);
		CHECK_INT(ghs_decode_live(o.b, o.n, &none, &d),
			  rows[i].good ? 0 : -EMSGSIZE);
	}
}

/* Type of the bundle for members without one; its time, status and user go before theirs. */
static void test_inherit(void)
{
	static const uint8_t stamps[2][9] = { { 0x20, 1, 0, 0, 0, 0, 0, 1, 0 },
					      { 0x20, 2, 0, 0, 0, 0, 0, 1, 0 } };
	for (unsigned own = 0; own < 2; own++) {
		struct out o = { 0 };
		struct decoded d;
		size_t at = begin(&o, 0xFF, own ? 0x2B : 0x01), in;

		put32(&o, SPO2);
		for (size_t i = 0; own && i < 9; i++)
			put8(&o, stamps[0][i]);
		if (own)
			put16(&o, 2), put8(&o, 5);
		put8(&o, 3);
		in = begin(&o, 1, 0);
		put_numeric(&o, PERCENT, 97);
		end(&o, in);
		in = begin(&o, 1, 0x2B);
		put32(&o, PULSE);
		for (size_t i = 0; i < 9; i++)
			put8(&o, stamps[1][i]);
		put16(&o, GHS_STATUS_TEST), put8(&o, 5);
		put_numeric(&o, PER_MINUTE, 72);
		end(&o, in);
		in = begin(&o, 1, 0);
		put_numeric(&o, PERCENT, 98);
		end(&o, in);
		end(&o, at);
		d = decode_out(&o);
		CHECK_UINT(d.value_count, 3);
		check_value(&d.values[0], SPO2, PERCENT, 97, 0);
		check_value(&d.values[1], PULSE, PER_MINUTE, 72, 0);
		check_value(&d.values[2], SPO2, PERCENT, 98, 0);
		CHECK_UINT(d.device_time.second, own ? 1 : 2);
		CHECK_UINT(d.status, own ? 2 : GHS_STATUS_TEST);
		CHECK_UINT(d.user, 5);
		CHECK_UINT(d.marks, MARK_TEST);
	}
}

/* A bundle for two people is nobody's. */
static void test_two_users(void)
{
	struct out o = { 0 };
	struct decoded d;
	size_t at = begin(&o, 0xFF, 0);

	put8(&o, 3);
	for (unsigned user = 0; user < 3; user++) {
		size_t in = begin(&o, 1, 0x21);

		put32(&o, SPO2);
		put8(&o, user % 2);
		put_numeric(&o, PERCENT, 97);
		end(&o, in);
	}
	end(&o, at);
	d = decode_out(&o);
	CHECK(d.has_user);
	CHECK_UINT(d.user, 255);
}

/* A bundle in a bundle is not looked into. */
static void test_depth(void)
{
	struct out o = { 0 };
	struct decoded d;
	size_t at = begin(&o, 0xFF, 0), in;

	put8(&o, 2);
	in = begin(&o, 0xFF, 0);
	put8(&o, 1);
	build(&o, 1);
	end(&o, in);
	build(&o, 1);
	end(&o, at);
	d = decode_out(&o);
	CHECK_UINT(d.value_count, 1);
	CHECK_UINT(d.marks, MARK_TAIL);
}

/* A member that is longer than the bundle, or shorter than its flags require. */
static void test_member_length(void)
{
	uint8_t buf[sizeof(bundle)];
	struct decoded d;

	memcpy(buf, bundle, sizeof(bundle));
	buf[36]++;
	CHECK_INT(ghs_decode_live(buf, sizeof(buf), &none, &d), -EMSGSIZE);
	buf[36] -= 2;
	CHECK_INT(ghs_decode_live(buf, sizeof(buf), &none, &d), -EMSGSIZE);
	memcpy(buf, bundle, sizeof(bundle));
	buf[19] = 3; /* one member more than there are */
	CHECK_INT(ghs_decode_live(buf, sizeof(buf), &none, &d), -EMSGSIZE);
	buf[19] = 1;
	d = decode(buf, sizeof(buf));
	CHECK_UINT(d.value_count, 1);
	CHECK_UINT(d.marks, MARK_TAIL);
}

static struct decoded many(unsigned count)
{
	struct out o = { 0 };
	size_t at = begin(&o, 7, 1);

	put32(&o, 1000);
	put8(&o, count);
	for (unsigned i = 0; i < count; i++)
		put32(&o, 2000 + i), put8(&o, 1), put_numeric(&o, PERCENT, i);
	end(&o, at);
	return decode_out(&o);
}

static void test_many(void)
{
	for (unsigned n = READING_VALUES_MAX - 1; n <= READING_VALUES_MAX + 1; n++) {
		struct decoded d = many(n);

		CHECK_UINT(d.value_count,
			   n > READING_VALUES_MAX ? READING_VALUES_MAX : n);
		CHECK_UINT(d.marks, n > READING_VALUES_MAX ? MARK_MORE : 0);
		check_value(&d.values[d.value_count - 1], 2000u + d.value_count - 1,
			    PERCENT, d.value_count - 1, 0);
	}
	CHECK_UINT(many(44).value_count < READING_VALUES_MAX, 1); /* raw takes its room */
	CHECK_UINT(many(0).value_count, 0);
	CHECK_UINT(many(0).marks, 0);
}

/* Whatever comes, the reading that is made of it fits into a body, with every field at
 * its longest. */
static void check_fits(const uint8_t *raw, size_t len, const struct decoded *d)
{
	static uint8_t body[READING_BODY_MAX];
	static struct reading rd, back;
	int n;

	rd = (struct reading){
		.kind = READING_GENERIC,
		.characteristic = GHS_UUID_STORED,
		.raw_len = (uint16_t)len,
		.captured = { .mono = { UINT64_MAX },
			      .wall = { INT64_MIN, UINT32_MAX, CLOCK_QUALITY_CLINIC } },
		.peripheral = { .num = UINT16_MAX, .addr_type = ADDR_RANDOM },
		.utc_offset_min = -720,
		.link = LINK_SC_AUTHENTICATED,
		.decoded = *d,
		.clock = { OFFSET_LIVE, INT32_MAX, INT64_MIN, UINT32_MAX },
		.attribution = ATTRIBUTION_CONFIRMED,
		.history = UINT32_MAX
	};
	memcpy(rd.raw, raw, len);
	rd.decoded.marks |= 0x80000000;
	rd.decoded.has_device_time = rd.decoded.has_user = rd.decoded.has_sequence = true;
	rd.decoded.has_status = rd.decoded.has_time_offset = rd.decoded.has_ticks = true;
	rd.decoded.has_device_status = rd.decoded.time_is_utc = true;
	rd.decoded.device_time = (struct date_time){ 9999, 12, 31, 23, 59, 59 };
	rd.decoded.user = 255;
	rd.decoded.sequence = rd.decoded.status = rd.decoded.device_status = UINT32_MAX;
	rd.decoded.time_offset_min = INT32_MIN;
	rd.decoded.ticks = UINT64_MAX;
	n = reading_encode(&rd, body, sizeof(body));
	CHECK(n > 0 && n <= READING_BODY_MAX);
	CHECK_INT(reading_decode(body, (size_t)n, &back), 0);
	CHECK_UINT(back.decoded.value_count, d->value_count);
}

static void test_room(void)
{
	for (size_t len = 20; len <= READING_RAW_MAX; len++) {
		struct out o = { 0 };
		struct decoded d;
		size_t at = begin(&o, 7, 1);

		put32(&o, 0xFFFFFFFF);
		put8(&o, (unsigned)((len - o.n - 1) / 11));
		while (o.n + 11 <= len) {
			put32(&o, 0xFFFFFFFF);
			put8(&o, 1);
			put_numeric(&o, 0xFFFF, 0x80800003); /* longest to write */
		}
		o.n = len;
		end(&o, at);
		d = decode_out(&o);
		check_fits(o.b, len, &d);
	}
}

static void test_stored(void)
{
	uint8_t buf[4 + sizeof(oximeter)] = { 0x78, 0x56, 0x34, 0x12 };
	struct decoded d;

	memcpy(buf + 4, oximeter, sizeof(oximeter));
	for (size_t n = 0; n < sizeof(buf); n++)
		CHECK_INT(ghs_decode_stored(buf, n, &none, &d), -EMSGSIZE);
	CHECK_INT(ghs_decode_stored(buf, sizeof(buf), &none, &d), 0);
	CHECK(d.has_sequence);
	CHECK_UINT(d.sequence, 0x12345678);
	CHECK_UINT(d.marks, MARK_STORED);
	CHECK_UINT(d.value_count, 1);
	buf[5] = sizeof(oximeter); /* the record number is no part of the length */
	CHECK_INT(ghs_decode_stored(buf, sizeof(buf), &none, &d), 0);
	CHECK_UINT(d.value_count, 1);
}

static void test_timelines(void)
{
	uint8_t buf[sizeof(oximeter)];
	struct decoded d;

	memcpy(buf, oximeter, sizeof(buf));
	buf[9] = 0x02; /* UTC, of an older timeline */
	d = decode(buf, sizeof(buf));
	CHECK(d.has_device_time);
	CHECK_UINT(d.marks, MARK_CLOCK_UNSET);
	buf[9] = 0x21;
	d = decode(buf, sizeof(buf));
	CHECK(!d.has_device_time && d.has_ticks);
	CHECK_UINT(d.ticks, 0x292B9D72ull * 10000);
	CHECK_UINT(d.marks, 0);
}

/* ST: oxygen and pulse, one specialization. */
static void test_features(void)
{
	static const uint8_t buf[] = { 0x01, 2,	   0xB8, 0x4B, 0x02, 0x00, 0x1A, 0x48,
				       0x02, 0x00, 1,	 0x07, 0x10, 0x01, 0x55 };
	struct ghs_features f;

	for (size_t n = 0; n < 14; n++)
		CHECK_INT(ghs_decode_features(buf, n, &f), -EMSGSIZE);
	for (size_t n = 14; n <= 15; n++) {
		CHECK_INT(ghs_decode_features(buf, n, &f), 0);
		CHECK_UINT(f.type_count, 2);
		CHECK_UINT(f.types[0], SPO2);
		CHECK_UINT(f.types[1], PULSE);
		CHECK_UINT(f.specialization_count, 1);
		CHECK_UINT(f.specializations[0].code, 0x1007);
		CHECK_UINT(f.specializations[0].version, 1);
		CHECK(!f.more);
	}
}

static void test_many_features(void)
{
	for (unsigned n = 14; n <= 34; n++) {
		struct out o = { 0 };
		struct ghs_features f;

		put8(&o, 1), put8(&o, n);
		for (unsigned i = 0; i < n; i++)
			put32(&o, i);
		put8(&o, n);
		for (unsigned i = 0; i < n; i++)
			put16(&o, i), put8(&o, 2);
		CHECK_INT(ghs_decode_features(o.b, o.n, &f), 0);
		CHECK_UINT(f.type_count, n > GHS_TYPES_MAX ? GHS_TYPES_MAX : n);
		CHECK_UINT(f.specialization_count,
			   n > GHS_SPECIALIZATIONS_MAX ? GHS_SPECIALIZATIONS_MAX : n);
		CHECK_INT(f.more, n > GHS_SPECIALIZATIONS_MAX);
		CHECK_UINT(f.types[f.type_count - 1], f.type_count - 1u);
		o.b[0] = 0;
		CHECK_INT(ghs_decode_features(o.b, 2 + 4 * n, &f), 0);
		CHECK_UINT(f.specialization_count, 0);
		CHECK_INT(f.more, n > GHS_TYPES_MAX);
	}
}

static void test_control_point(void)
{
	static const uint8_t buf[] = { GHS_NOT_SUBSCRIBED, 0 };
	uint8_t request[GHS_LEN_REQUEST], result = 0;

	CHECK_INT(ghs_encode_live(true, request), 1);
	CHECK_UINT(request[0], 1);
	CHECK_INT(ghs_encode_live(false, request), 1);
	CHECK_UINT(request[0], 2);
	CHECK_INT(ghs_decode_response(buf, 0, &result), -EMSGSIZE);
	CHECK_INT(ghs_decode_response(buf, 1, &result), 0);
	CHECK_UINT(result, 0x82);
	CHECK_INT(ghs_decode_response(buf, 2, &result), 0);
}

/* Octets of a good observation changed at random: refused by length, or within its type. */
static void test_garbage(void)
{
	static const struct {
		const uint8_t *buf;
		size_t len;
	} seeds[] = { { oximeter, sizeof(oximeter) },
		      { pressure, sizeof(pressure) },
		      { cuff_status, sizeof(cuff_status) },
		      { bundle, sizeof(bundle) } };

	for (int i = 0; i < 100000; i++) {
		size_t k = test_random() % 4, len = seeds[k].len;
		struct decoded d = { .marks = 0xDEAD };
		uint8_t buf[80];
		int err;

		memcpy(buf, seeds[k].buf, len);
		for (uint64_t n = test_random() % 5; n > 0; n--)
			buf[test_random() % len] = (uint8_t)(test_random() >> 16);
		len -= test_random() % 3;
		err = ghs_decode_live(buf, len, &none, &d);
		if (err) {
			CHECK_INT(err, -EMSGSIZE);
			CHECK_UINT(d.marks, 0xDEAD);
			continue;
		}
		CHECK(d.value_count <= READING_VALUES_MAX);
		CHECK(!d.has_device_time || date_time_valid(&d.device_time));
		check_fits(buf, len, &d);
	}
}

TEST_MAIN("ghs", test_oximeter, test_pressure, test_codes, test_bundle, test_cut,
	  test_whole_length, test_flags, test_specials, test_status, test_valueless,
	  test_mixed_compound, test_unknown_class, test_samples, test_inherit,
	  test_two_users, test_depth, test_member_length, test_many, test_room,
	  test_stored, test_timelines, test_features, test_many_features,
	  test_control_point, test_garbage)
