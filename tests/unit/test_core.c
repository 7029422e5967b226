/*
 * test_core.c - the pure code that all processes share: bytes, CBOR, time, decimals.
 */
#include "tests/unit/test.h"

#include "hub/core/cbor.h"
#include "hub/core/cursor.h"
#include "hub/core/decimal.h"
#include "hub/core/err.h"
#include "hub/core/hex.h"
#include "hub/core/time.h"

static void test_reader_limits(void)
{
	const uint8_t b[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct reader r;

	reader_init(&r, b, 8);
	CHECK_UINT(read_be64(&r), 0x0102030405060708u);
	CHECK(reader_done(&r));
	CHECK_UINT(read_u8(&r), 0);
	CHECK(!reader_ok(&r));

	reader_init(&r, b, 7);
	CHECK_UINT(read_be64(&r), 0); /* one short: nothing is read */
	CHECK(!reader_ok(&r));

	reader_init(&r, b, 8);
	CHECK_UINT(read_le16(&r), 0x0201);
	CHECK_UINT(read_le24(&r), 0x050403);
	CHECK_UINT(reader_left(&r), 3);
	CHECK_UINT(read_le32(&r), 0);
	CHECK_UINT(read_u8(&r), 0); /* the error sticks although a byte is there */
}

static void test_writer_limits(void)
{
	uint8_t b[5] = { 0 };
	const uint8_t want[5] = { 0x34, 0x12, 0x12, 0x34, 0 };
	struct writer w;

	writer_init(&w, b, 4);
	write_le16(&w, 0x1234);
	write_be16(&w, 0x1234);
	CHECK_INT(writer_len(&w), 4);
	write_u8(&w, 9);
	CHECK_INT(writer_len(&w), -ENOSPC);
	CHECK_MEM(b, want, 5); /* not a byte over the end */
}

/* Vectors of RFC 8949, appendix A. */
static void test_cbor_vectors(void)
{
	static const struct {
		int64_t v;
		uint8_t len, bytes[9];
	} ints[] = {
		{ 0, 1, { 0x00 } },
		{ 23, 1, { 0x17 } },
		{ 24, 2, { 0x18, 0x18 } },
		{ 1000, 3, { 0x19, 0x03, 0xe8 } },
		{ 1000000, 5, { 0x1a, 0x00, 0x0f, 0x42, 0x40 } },
		{ 1000000000000, 9, { 0x1b, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0 } },
		{ -1, 1, { 0x20 } },
		{ -100, 2, { 0x38, 0x63 } },
		{ -1000, 3, { 0x39, 0x03, 0xe7 } },
	};

	for (size_t i = 0; i < sizeof(ints) / sizeof(*ints); i++) {
		uint8_t b[9];
		struct writer w;
		struct cb c;

		writer_init(&w, b, sizeof(b));
		cb_put_int(&w, ints[i].v);
		CHECK_INT(writer_len(&w), ints[i].len);
		CHECK_MEM(b, ints[i].bytes, ints[i].len);
		cb_init(&c, b, ints[i].len);
		CHECK_INT(cb_get_int(&c), ints[i].v);
		CHECK_INT(cb_finish(&c), 0);
		cb_init(&c, b, ints[i].len - 1u); /* one octet short */
		cb_get_int(&c);
		CHECK_INT(cb_finish(&c), -EBADMSG);
	}
}

static int skip(const uint8_t *b, size_t n)
{
	struct cb c;

	cb_init(&c, b, n);
	cb_skip(&c);
	return cb_finish(&c);
}

static void test_cbor_refuses(void)
{
	const uint8_t indefinite[] = { 0x9f, 0x01, 0xff }, tag[] = { 0xc1, 0x01 };
	const uint8_t half[] = { 0xf9, 0x3c, 0x00 },
		      huge[] = { 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const uint8_t long_bytes[] = { 0x5b, 0xff, 0xff, 0xff, 0xff,
				       0xff, 0xff, 0xff, 0xff, 0 };
	const uint8_t nested[] = { 0x82, 0x01, 0xa1, 0x02, 0x81, 0x43, 1, 2, 3 };
	/* 2^63 pairs: twice as many items would be none */
	const uint8_t pairs[] = { 0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0 };
	uint8_t deep[CB_DEPTH_MAX + 1];

	CHECK_INT(skip(indefinite, sizeof(indefinite)), -EBADMSG);
	CHECK_INT(skip(tag, sizeof(tag)), -EBADMSG);
	CHECK_INT(skip(half, sizeof(half)), -EBADMSG);
	CHECK_INT(skip(huge, sizeof(huge)), -EBADMSG);
	CHECK_INT(skip(pairs, sizeof(pairs)), -EBADMSG);
	CHECK_INT(skip(long_bytes, sizeof(long_bytes)), -EBADMSG);
	CHECK_INT(skip(nested, sizeof(nested)), 0);
	memset(deep, 0x81, sizeof(deep));
	deep[CB_DEPTH_MAX - 1] = 0x01;
	CHECK_INT(skip(deep, CB_DEPTH_MAX), 0);
	memset(deep, 0x81, sizeof(deep));
	deep[CB_DEPTH_MAX] = 0x01;
	CHECK_INT(skip(deep, CB_DEPTH_MAX + 1), -EBADMSG);
}

static void test_cbor_ranges(void)
{
	const uint8_t three[] = { 0x83, 1, 2, 3 }, nine[] = { 0x09 };
	struct cb c;

	cb_init(&c, three, sizeof(three));
	CHECK_UINT(cb_get_array(&c, 2), 0);
	CHECK_INT(cb_error(&c), -ERANGE);
	cb_init(&c, nine, 1);
	CHECK_UINT(cb_get_uint_max(&c, 9), 9);
	CHECK_INT(cb_finish(&c), 0);
	cb_init(&c, nine, 1);
	CHECK_UINT(cb_get_uint_max(&c, 8), 0);
	CHECK_INT(cb_error(&c), -ERANGE);
	cb_init(&c, nine, 1);
	CHECK(!cb_take_null(&c));
	CHECK_INT(cb_get_bool(&c), 0); /* wrong type */
	CHECK_INT(cb_error(&c), -EBADMSG);
}

static void test_cbor_garbage(void)
{
	for (int round = 0; round < 20000; round++) {
		uint8_t b[32] = { 0 };
		size_t n = test_random() % sizeof(b);

		for (size_t i = 0; i < n; i++)
			b[i] = (uint8_t)test_random();
		/* ends, and reads no byte outside: the sanitizers watch */
		(void)skip(b, n);
	}
}

static void test_decimal(void)
{
	static const struct {
		uint16_t raw;
		const char *text;
	} v[] = {
		{ 0x0002, "2" },     { 0xf014, "2.0" },	       { 0xe0c8, "2.00" },
		{ 0x1002, "20" },    { 0x0b2e, "-1234" },      { 0xf0a3, "16.3" },
		{ 0x07ff, "NaN" },   { 0x0800, "NRes" },       { 0x07fe, "+INF" },
		{ 0x0802, "-INF" },  { 0x0801, "reserved" },   { 0x07fd, "2045" },
		{ 0x0803, "-2045" }, { 0xf7ff, "204.7" },      { 0x0000, "0" },
		{ 0xf000, "0.0" },   { 0x8001, "0.00000001" }, { 0x7001, "10000000" },
		{ 0xff9c, "-10.0" }, { 0xdfff, "-0.001" },
	};
	char text[DECIMAL_TEXT_MAX];

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		CHECK_STR(decimal_to_text(decimal_from_sfloat(v[i].raw), text),
			  v[i].text);
	CHECK_STR(decimal_to_text(decimal_from_float(0xff00016c), text), "36.4");
	CHECK_STR(decimal_to_text(decimal_from_float(0x007fffff), text), "NaN");
	CHECK_STR(decimal_to_text(decimal_from_float(0x00800002), text), "-INF");
	CHECK_STR(decimal_to_text(decimal_from_float(0xfe7ffffd), text), "83886.05");
	CHECK_STR(decimal_to_text(decimal_from_float(0xff7fffff), text), "838860.7");
	for (uint32_t e = 0; e < 256; e++) /* longest texts fit */
		decimal_to_text(decimal_from_float(e << 24 | 0x800003), text);
}

static void test_time(void)
{
	static const struct {
		struct date_time t;
		int64_t ms;
	} v[] = {
		{ { 1970, 1, 1, 0, 0, 0 }, 0 },
		{ { 2026, 11, 21, 7, 31, 2 }, 1795246262000 },
		{ { 2000, 2, 29, 23, 59, 59 }, 951868799000 },
		{ { 1969, 12, 31, 23, 59, 59 }, -1000 },
		{ { 2100, 3, 1, 0, 0, 0 }, 4107542400000 },
	};
	const struct date_time bad[] = {
		{ 2026, 2, 29, 0, 0, 0 }, { 2026, 13, 1, 0, 0, 0 },
		{ 2026, 0, 1, 0, 0, 0 },  { 2026, 1, 32, 0, 0, 0 },
		{ 1581, 1, 1, 0, 0, 0 },  { 2026, 1, 1, 24, 0, 0 },
		{ 2026, 1, 1, 0, 60, 0 }, { 2026, 1, 1, 0, 0, 60 },
		{ 1900, 2, 29, 0, 0, 0 }, { 0 }
	};
	int64_t ms;

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		struct date_time back = date_time_from_ms(v[i].ms);

		CHECK_INT(date_time_to_ms(&v[i].t, &ms), 0);
		CHECK_INT(ms, v[i].ms);
		CHECK_INT(back.year, v[i].t.year);
		CHECK_INT(back.month, v[i].t.month);
		CHECK_INT(back.day, v[i].t.day);
		CHECK_INT(back.second, v[i].t.second);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_INT(date_time_to_ms(&bad[i], &ms), -ERANGE);
	for (int i = 0; i < 20000; i++) { /* there and back over 1582..9999 */
		int64_t s = (int64_t)(test_random() % 265000000000u) - 12000000000;
		struct date_time t = date_time_from_ms(s * 1000);

		CHECK_INT(date_time_to_ms(&t, &ms), 0);
		CHECK_INT(ms, s * 1000);
	}
}

static void test_address(void)
{
	static const char *const bad[] = { "",
					   "AA:BB:CC:DD:EE",
					   "AA:BB:CC:DD:EE:F",
					   "AA:BB:CC:DD:EE:FG",
					   "AA-BB-CC-DD-EE-FF",
					   "AA:BB:CC:DD:EE:FF:",
					   ":A:BB:CC:DD:EE:FF" };
	const uint8_t want[] = { 0xaa, 0xbb, 0x0c, 0xd9, 0xee, 0xff };
	uint8_t got[6] = { 0 };

	CHECK_INT(hex_address("AA:bb:0C:d9:EE:fF", 17, got), 0);
	CHECK_MEM(got, want, 6);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_INT(hex_address(bad[i], strlen(bad[i]), got), -EBADMSG);
}

static void test_mono(void)
{
	CHECK_UINT(mono_since((struct mono){ 5 }, (struct mono){ 7 }), 0);
	CHECK_UINT(mono_since((struct mono){ 7 }, (struct mono){ 5 }), 2);
	CHECK(!mono_reached((struct mono){ 6 }, (struct mono){ 7 }));
	CHECK(mono_reached((struct mono){ 7 }, (struct mono){ 7 }));
	CHECK_STR(err_text(-ENOSPC), "no space or limit reached");
}

TEST_MAIN("core", test_reader_limits, test_writer_limits, test_cbor_vectors,
	  test_cbor_refuses, test_cbor_ranges, test_cbor_garbage, test_decimal, test_time,
	  test_address, test_mono)
