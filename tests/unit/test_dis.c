/*
 * test_dis.c - Device Information: texts of any kind, there and back, comparison,
 * certification lists.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/dis.h"

/* A Philips DL8740 thermometer: System ID and certification list. Source: an emulation of
 * it in JavaScript, found by the list's octets in public repositories. */
static const uint8_t philips_id[] = { 0xA0, 0x05, 0x00, 0xFE, 0xFF, 0x74, 0x87, 0x1C };
static const uint8_t philips_list[] = { 0x00, 0x02, 0x00, 0x12, 0x02, 0x01, 0x00, 0x08,
					0x05, 0x01, 0x00, 0x01, 0x00, 0x02, 0x80, 0x08,
					0x02, 0x02, 0x00, 0x02, 0x00, 0x00 };

/* Personal Health Devices Transcoding White Paper, example of a thermometer, as Dialog's
 * SDK cites it. */
static const uint8_t white_paper[] = { 0x00, 0x02, 0x00, 0x12, 0x02, 0x01, 0x00, 0x08,
				       0x01, 0x05, 0x00, 0x01, 0x00, 0x02, 0x80, 0x08,
				       0x02, 0x02, 0x00, 0x02, 0x00, 0x00 };

static void put(struct dis *d, uint16_t uuid, const char *text)
{
	CHECK_INT(dis_put(d, uuid, (const uint8_t *)text, strlen(text)), 0);
}

static const char *put_as(const void *octets, size_t len)
{
	static struct dis d;

	memset(&d, 0x55, sizeof(d));
	CHECK_INT(dis_put(&d, DIS_UUID_SERIAL, octets, len), 0);
	CHECK(strlen(d.serial) <= DIS_TEXT_MAX);
	return d.serial;
}

static void test_texts(void)
{
	struct dis d = { 0 };

	put(&d, 0x2A29, "A&D Medical");
	put(&d, 0x2A24, "UA-651BLE");
	put(&d, 0x2A25, "5130800123");
	put(&d, 0x2A26, "BLP003_d016");
	put(&d, 0x2A27, "hw");
	put(&d, 0x2A28, "sw");
	CHECK_STR(d.maker, "A&D Medical");
	CHECK_STR(d.model, "UA-651BLE");
	CHECK_STR(d.serial, "5130800123");
	CHECK_STR(d.firmware, "BLP003_d016");
	CHECK_STR(d.hardware, "hw");
	CHECK_STR(d.software, "sw");
	put(&d, 0x2A25, "2");
	CHECK_STR(d.serial, "2");
	put(&d, 0x2A25, "");
	CHECK_STR(d.serial, "");
	CHECK_INT(dis_put(&d, 0x2A2B, philips_id, 8), -ENOTSUP);
	CHECK_INT(dis_put(&d, 0x2A22, philips_id, 8), -ENOTSUP);
}

static void test_filling(void)
{
	CHECK_STR(put_as("abc\0\0\0", 6), "abc");
	CHECK_STR(put_as("abc  \0 ", 7), "abc");
	CHECK_STR(put_as("\0\0", 2), "");
	CHECK_STR(put_as("a\0b", 3), "a?b");
	CHECK_STR(put_as(" a b", 4), " a b");
}

/* Each octet by itself: printable ASCII stays. */
static void test_octets(void)
{
	for (unsigned c = 1; c < 256; c++) {
		const char in[] = { 'x', (char)c, 'y' };
		const char *out = put_as(in, 3);

		CHECK_UINT(strlen(out), 3);
		CHECK_INT(out[1], c >= 0x20 && c < 0x7F ? (char)c : '?');
	}
}

static void test_utf8(void)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "M\xC3\xBCller", "M\xC3\xBCller" },
		{ "\xE5\xA4\xA9", "\xE5\xA4\xA9" },
		{ "\xF0\x9F\xA9\xBA", "\xF0\x9F\xA9\xBA" }, /* U+1FA7A, stethoscope */
		{ "\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF" }, /* U+10FFFF */
		{ "\xF4\x90\x80\x80", "????" },		    /* beyond */
		{ "\xF5\x80\x80\x80", "????" },
		{ "\xC2\xA0", "\xC2\xA0" }, /* U+00A0, the first after C1 */
		{ "\xC2\x9F", "??" },	    /* C1 control */
		{ "\xC2\x80", "??" },
		{ "\xC0\xAF", "??" }, /* too long a form of '/' */
		{ "\xC1\xBF", "??" },
		{ "\xE0\x9F\xBF", "???" }, /* too long */
		{ "\xE0\xA0\x80", "\xE0\xA0\x80" },
		{ "\xED\x9F\xBF", "\xED\x9F\xBF" },
		{ "\xED\xA0\x80", "???" }, /* surrogate */
		{ "\xF0\x8F\xBF\xBF", "????" },
		{ "\xF0\x90\x80\x80", "\xF0\x90\x80\x80" },
		{ "a\xC3", "a?" }, /* cut */
		{ "a\xE5\xA4", "a??" },
		{ "a\xF0\x9F\xA9", "a???" },
		{ "\xC3x", "?x" },
		{ "\xE5\xA4x", "??x" },
		{ "\xF0\x9F\xA9x", "???x" },
		{ "\x80", "?" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		CHECK_STR(put_as(rows[i].in, strlen(rows[i].in)), rows[i].out);
}

/* 63, 64, 65 octets; no character is cut in two. */
static void test_long(void)
{
	char in[80];

	memset(in, 'a', sizeof(in));
	CHECK_UINT(strlen(put_as(in, 63)), 63);
	CHECK_UINT(strlen(put_as(in, 64)), 64);
	CHECK_UINT(strlen(put_as(in, 65)), 64);
	in[63] = '\x07';
	CHECK_STR(put_as(in, 64) + 62, "a?");
	memcpy(in + 62, "\xC3\xBC", 2);
	CHECK_UINT(strlen(put_as(in, 64)), 64);
	memcpy(in + 62, "a\xC3\xBC", 3);
	CHECK_UINT(strlen(put_as(in, 65)), 63);
	memcpy(in + 60, "a  x", 4); /* blanks that the cut brings to the end */
	memcpy(in + 63, "  x", 3);
	CHECK_UINT(strlen(put_as(in, 66)), 61);
	memcpy(in + 60, "\xF0\x9F\xA9\xBA", 4);
	CHECK_UINT(strlen(put_as(in, 80)), 64);
	memcpy(in + 60, "a\xF0\x9F\xA9\xBA", 5);
	CHECK_UINT(strlen(put_as(in, 80)), 61);
}

static void test_system_id(void)
{
	char text[DIS_SYSTEM_ID_TEXT_LEN];
	struct dis d = { 0 };

	CHECK_STR(dis_system_id_text(&d, text), "");
	CHECK_INT(dis_put(&d, 0x2A23, philips_id, 7), -EMSGSIZE);
	CHECK(!d.has_system_id);
	CHECK_INT(dis_put(&d, 0x2A23, philips_id, 8), 0);
	CHECK(d.has_system_id);
	/* OUI 1C-87-74 is Philips */
	CHECK_STR(dis_system_id_text(&d, text), "1C8774FFFE0005A0");
}

static void test_pnp_id(void)
{
	static const uint8_t pnp[] = { 0x01, 0xD2, 0x00, 0x34, 0x12, 0x10, 0x01, 0xFF };
	struct dis d = { 0 };

	CHECK_INT(dis_put(&d, 0x2A50, pnp, 6), -EMSGSIZE);
	CHECK(!d.has_pnp_id);
	CHECK_INT(dis_put(&d, 0x2A50, pnp, 8), 0);
	CHECK(d.has_pnp_id);
	CHECK_UINT(d.pnp_source, 1);
	CHECK_UINT(d.pnp_vendor, 0x00D2);
	CHECK_UINT(d.pnp_product, 0x1234);
	CHECK_UINT(d.pnp_version, 0x0110);
}

static void test_encode(void)
{
	static const uint8_t pnp[] = { 1, 2, 0, 3, 0, 4, 0 };
	static const uint8_t want[] = { 0x23, 0x2A, 8,	  0xA0, 0x05, 0x00, 0xFE,
					0xFF, 0x74, 0x87, 0x1C, 0x24, 0x2A, 2,
					'm',  'o',  0x29, 0x2A, 1,    'P',  0x2A,
					0x2A, 2,    9,	  8,	0x50, 0x2A, 7,
					1,    2,    0,	  3,	0,    4,    0,
					0xFF, 0x2B, 3,	  1,	2,    3 };
	uint8_t buf[READING_RAW_MAX];
	struct dis d = { 0 }, back;

	CHECK_INT(dis_encode(&d, buf), 0);
	put(&d, 0x2A29, "P");
	put(&d, 0x2A24, "mo");
	CHECK_INT(dis_put(&d, 0x2BFF, (const uint8_t[]){ 1, 2, 3 }, 3), 0);
	CHECK_INT(dis_put(&d, 0x2A50, pnp, 7), 0);
	CHECK_INT(dis_put(&d, 0x2A2A, (const uint8_t[]){ 9, 8 }, 2), 0);
	CHECK_INT(dis_put(&d, 0x2A23, philips_id, 8), 0);
	CHECK_INT(dis_encode(&d, buf), sizeof(want));
	CHECK_MEM(buf, want, sizeof(want));
	CHECK_INT(dis_decode(buf, sizeof(want), &back), 0);
	CHECK_MEM(&back, &d, sizeof(d));
}

/* Everything at its longest: what must have room has it, the opaque ones only if they do. */
static void test_full(void)
{
	static const uint16_t texts[] = {
		0x2A24, 0x2A25, 0x2A26, 0x2A27, 0x2A28, 0x2A29
	};
	uint8_t buf[READING_RAW_MAX], long_text[DIS_TEXT_MAX], opaque[DIS_OPAQUE_MAX + 1];
	const size_t firm = 6 * (3 + DIS_TEXT_MAX) + 11 + 10;
	struct dis d = { 0 }, back;

	memset(long_text, 'a', sizeof(long_text));
	memset(opaque, 7, sizeof(opaque));
	for (size_t i = 0; i < 6; i++)
		CHECK_INT(dis_put(&d, texts[i], long_text, sizeof(long_text)), 0);
	CHECK_INT(dis_put(&d, 0x2A23, philips_id, 8), 0);
	CHECK_INT(dis_put(&d, 0x2A50, opaque, 7), 0);
	CHECK_INT(dis_encode(&d, buf), (int)firm);
	CHECK(firm <= DIS_ENCODED_MAX);
	CHECK_INT(dis_put(&d, 0x2A2A, opaque, DIS_ENCODED_MAX - firm - 3), 0);
	CHECK_INT(dis_encode(&d, buf), DIS_ENCODED_MAX);
	CHECK_INT(dis_put(&d, 0x2A2A, opaque, DIS_ENCODED_MAX - firm - 2), 0);
	CHECK_INT(dis_put(&d, 0x2BFF, opaque, 4), 0);
	CHECK_INT(dis_encode(&d, buf), (int)firm + 7);
	CHECK_INT(dis_decode(buf, firm + 7, &back), 0);
	CHECK_UINT(back.certification.len, 0);
	CHECK_UINT(back.udi.len, 4);
	/* what is not told needs no room */
	put(&d, 0x2A24, "");
	CHECK_INT(dis_put(&d, 0x2A2A, opaque, 0), 0);
	CHECK_INT(dis_put(&d, 0x2BFF, opaque, DIS_ENCODED_MAX - (firm - 67) - 3), 0);
	CHECK_INT(dis_encode(&d, buf), DIS_ENCODED_MAX);
	CHECK_INT(dis_put(&d, 0x2BFF, opaque, 1), 0);
	CHECK_UINT(d.udi.len, 1);
	CHECK_INT(dis_put(&d, 0x2BFF, opaque, DIS_OPAQUE_MAX), 0);
	CHECK_UINT(d.udi.len, DIS_OPAQUE_MAX);
	CHECK_INT(dis_put(&d, 0x2BFF, opaque, DIS_OPAQUE_MAX + 1), 0);
	CHECK_UINT(d.udi.len, 0);
}

static void test_decode(void)
{
	static const uint8_t strange[] = { 0x19, 0x2A, 1, 50, 0x24, 0x2A, 1, 'm' };
	static const uint8_t over[] = { 0x24, 0x2A, 2, 'm' };
	static const uint8_t short_id[] = { 0x23, 0x2A, 2, 1, 2 };
	struct dis d;

	CHECK_INT(dis_decode(strange, sizeof(strange), &d), 0);
	CHECK_STR(d.model, "m");
	CHECK_INT(dis_decode(strange, 0, &d), 0);
	CHECK_STR(d.model, "");
	for (size_t n = 1; n < 4; n++)
		CHECK_INT(dis_decode(strange, n, &d), -EBADMSG);
	CHECK_INT(dis_decode(over, sizeof(over), &d), -EBADMSG);
	CHECK_INT(dis_decode(short_id, sizeof(short_id), &d), -EBADMSG);
}

static void test_same_device(void)
{
	static const uint8_t zero[8], other[8] = { 1 };
	struct dis a = { 0 }, b = { 0 };

	CHECK(dis_same_device(&a, &b));
	put(&a, 0x2A25, "1");
	CHECK(dis_same_device(&a, &b));
	put(&b, 0x2A25, "2");
	CHECK(!dis_same_device(&a, &b));
	put(&b, 0x2A25, "1");
	CHECK(dis_same_device(&a, &b));
	dis_put(&a, 0x2A23, philips_id, 8);
	CHECK(dis_same_device(&a, &b) && dis_same_device(&b, &a));
	dis_put(&b, 0x2A23, zero, 8);
	CHECK(dis_same_device(&a, &b) && dis_same_device(&b, &a));
	dis_put(&b, 0x2A23, other, 8);
	CHECK(!dis_same_device(&a, &b));
	dis_put(&b, 0x2A23, philips_id, 8);
	CHECK(dis_same_device(&a, &b));
	put(&b, 0x2A24, "another model string is no other device");
	CHECK(dis_same_device(&a, &b));
}

static void test_certification(void)
{
	struct dis_certified c;

	CHECK_INT(dis_decode_certification(philips_list, sizeof(philips_list), &c), 0);
	CHECK_UINT(c.major, 5);
	CHECK_UINT(c.minor, 1);
	CHECK_UINT(c.class_count, 1);
	CHECK_UINT(c.classes[0], 0x8008); /* 8: thermometer, transport 4 */
	CHECK(c.has_regulation && !c.more);
	CHECK_UINT(c.regulation, 0);
	CHECK_INT(dis_decode_certification(white_paper, sizeof(white_paper), &c), 0);
	CHECK_UINT(c.major, 1);
	CHECK_UINT(c.minor, 5);
	CHECK_UINT(c.classes[0], 0x8008);
	for (size_t n = 0; n < sizeof(white_paper); n++)
		CHECK_INT(dis_decode_certification(white_paper, n, &c), -EBADMSG);
}

static void test_certification_odd(void)
{
	static const uint8_t zero[22];
	/* another body, an unknown structure, then Continua's regulation */
	static const uint8_t others[] = { 0, 3, 0, 99, 1, 1, 0, 1, 7, 2,
					  9, 0, 0, 2,  2, 0, 2, 0, 1 };
	/* says three classes, has one */
	static const uint8_t liar[] = {
		0, 1, 0, 12, 2, 1, 0, 8, 1, 5, 0, 3, 0, 6, 0x80, 8
	};
	/* entry longer than the list */
	static const uint8_t over[] = {
		0, 1, 0, 12, 2, 1, 0, 9, 1, 5, 0, 1, 0, 2, 0x80, 8
	};
	struct dis_certified c;

	CHECK_INT(dis_decode_certification(zero, sizeof(zero), &c), 0);
	CHECK_UINT(c.class_count, 0);
	CHECK(!c.has_regulation);
	CHECK_INT(dis_decode_certification(others, sizeof(others), &c), 0);
	CHECK_UINT(c.class_count, 0);
	CHECK_UINT(c.regulation, 1);
	CHECK_INT(dis_decode_certification(liar, sizeof(liar), &c), -EBADMSG);
	CHECK_INT(dis_decode_certification(over, sizeof(over), &c), -EBADMSG);
}

static void test_certification_many(void)
{
	uint8_t buf[10 + 2 * 20 + 4] = { 0, 1, 0, 0, 2, 1, 0, 46, 7, 0 };
	struct dis_certified c;

	for (unsigned n = DIS_CLASSES_MAX - 1; n <= DIS_CLASSES_MAX + 1; n++) {
		buf[7] = (uint8_t)(6 + 2 * n);
		buf[11] = (uint8_t)n;
		CHECK_INT(dis_decode_certification(buf, 14 + 2 * n, &c), 0);
		CHECK_UINT(c.class_count, n > DIS_CLASSES_MAX ? DIS_CLASSES_MAX : n);
		CHECK_INT(c.more, n > DIS_CLASSES_MAX);
	}
}

/* What was put comes back the same, whatever it was. */
static void test_anything(void)
{
	static const uint16_t uuids[] = { 0x2A23, 0x2A24, 0x2A25, 0x2A26, 0x2A27, 0x2A28,
					  0x2A29, 0x2A2A, 0x2A50, 0x2BFF, 0x2A00 };

	for (int i = 0; i < 20000; i++) {
		uint8_t octets[90], buf[READING_RAW_MAX], again[READING_RAW_MAX];
		struct dis d = { 0 }, back;
		struct dis_certified c;
		int n;

		for (int k = 0; k < 12; k++) {
			size_t len = test_random() % sizeof(octets);

			for (size_t j = 0; j < len; j++)
				octets[j] = (uint8_t)(test_random() >> 20);
			dis_put(&d, uuids[test_random() % 11], octets, len);
		}
		n = dis_encode(&d, buf);
		CHECK(n >= 0 && n <= DIS_ENCODED_MAX);
		CHECK_INT(dis_decode(buf, (size_t)n, &back), 0);
		CHECK_INT(dis_encode(&back, again), n);
		CHECK_MEM(again, buf, (size_t)n);
		CHECK(dis_same_device(&d, &back));
		dis_decode_certification(octets, sizeof(octets), &c);
	}
}

TEST_MAIN("dis", test_texts, test_filling, test_octets, test_utf8, test_long,
	  test_system_id, test_pnp_id, test_encode, test_full, test_decode,
	  test_same_device, test_certification, test_certification_odd,
	  test_certification_many, test_anything)
