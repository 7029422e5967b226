/*
 * test_crc.c - CRC-16/MCRF4XX against published values, and every single-bit error.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/crc.h"

/* Check value of the catalogue of parametrised CRC algorithms (reveng), the example of CGM
 * Service 1.0.2, 3.11 (there as the octets are sent: 01 2F), Microchip AN752's tag, and the
 * values that Nordic's Android-BLE-Common-Library checks its own code with. */
static void test_published(void)
{
	static const uint8_t cgms[] = { 0x3E, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	static const uint8_t tag[] = { 0x58, 0x25, 0x1F, 0x98 };

	CHECK_UINT(crc_mcrf4xx((const uint8_t *)"123456789", 9), 0x6F91);
	CHECK_UINT(crc_mcrf4xx(cgms, sizeof(cgms)), 0x2F01);
	CHECK_UINT(crc_mcrf4xx(tag, sizeof(tag)), 0x07F1);
	CHECK_UINT(crc_mcrf4xx((const uint8_t *)"A", 1), 0x5C0A);
	CHECK_UINT(crc_mcrf4xx((const uint8_t *)"", 0), 0xFFFF);
}

static void test_tail(void)
{
	uint8_t buf[] = { 0x3E, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x01, 0x2F };
	static const uint8_t empty[] = { 0xFF, 0xFF };

	CHECK_INT(crc_check_tail(buf, 0), -EMSGSIZE);
	CHECK_INT(crc_check_tail(buf, 1), -EMSGSIZE);
	CHECK_INT(crc_check_tail(empty, 2), 0);
	CHECK_INT(crc_check_tail(buf, 2), -EBADMSG);
	CHECK_INT(crc_check_tail(buf, sizeof(buf)), 0);
	CHECK_INT(crc_check_tail(buf, sizeof(buf) - 1), -EBADMSG);
	for (size_t bit = 0; bit < sizeof(buf) * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK_INT(crc_check_tail(buf, sizeof(buf)), -EBADMSG);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buf[10] = 0x2F; /* high octet first */
	buf[11] = 0x01;
	CHECK_INT(crc_check_tail(buf, sizeof(buf)), -EBADMSG);
}

/* Whatever it is appended to, it is found good. */
static void test_appended(void)
{
	for (int i = 0; i < 2000; i++) {
		uint8_t buf[64];
		size_t len = test_random() % (sizeof(buf) - 1);
		uint16_t crc;

		for (size_t n = 0; n < len; n++)
			buf[n] = (uint8_t)(test_random() >> 24);
		crc = crc_mcrf4xx(buf, len);
		buf[len] = (uint8_t)crc;
		buf[len + 1] = (uint8_t)(crc >> 8);
		CHECK_INT(crc_check_tail(buf, len + 2), 0);
		/* the check sum of a value with its check sum is always the same */
		CHECK_UINT(crc_mcrf4xx(buf, len + 2), 0);
	}
}

TEST_MAIN("crc", test_published, test_tail, test_appended)
