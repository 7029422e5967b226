/*
 * test_uds.c - User Data Service: the one request the hub makes, its answers, whose turn
 * it is; Battery Level.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdbool.h>

#include "ble/bas.h"
#include "ble/uds.h"

static void test_consent(void)
{
	/* user 2, code 1234: 0x04D2 */
	static const uint8_t want[] = { 0x02, 0x02, 0xD2, 0x04 };
	uint8_t buf[UDS_LEN_CONSENT];

	CHECK_INT(uds_encode_consent(2, 1234, buf), 4);
	CHECK_MEM(buf, want, sizeof(want));
	CHECK_INT(uds_encode_consent(0, 0, buf), 4);
	CHECK_INT(uds_encode_consent(254, 9998, buf), 4);
	CHECK_INT(uds_encode_consent(254, 9999, buf), 4);
	CHECK_INT(uds_encode_consent(254, 10000, buf), -ERANGE);
	CHECK_INT(uds_encode_consent(255, 1234, buf), -ERANGE);
	CHECK(UDS_REQUEST_MAX >= UDS_LEN_CONSENT);
}

static void test_response(void)
{
	/* as the Philips simulator answers a consent, and a registration with the new
	 * index */
	static const uint8_t consent[] = { 0x20, 0x02, 0x01 };
	static const uint8_t registered[] = { 0x20, 0x01, 0x01, 0x03, 0x99 };
	static const uint8_t refused[] = { 0x20, 0x02, 0x05 };
	static const uint8_t request[] = { 0x02, 0x02, 0xD2, 0x04 };
	struct uds_response r;

	for (size_t n = 0; n < 3; n++)
		CHECK_INT(uds_decode_response(consent, n, &r), -EMSGSIZE);
	CHECK_INT(uds_decode_response(consent, 3, &r), 0);
	CHECK_UINT(r.request, UDS_CONSENT);
	CHECK_UINT(r.result, UDS_OK);
	CHECK(!r.has_parameter);
	CHECK_INT(uds_decode_response(refused, 3, &r), 0);
	CHECK_UINT(r.result, UDS_NOT_AUTHORISED);
	CHECK_INT(uds_decode_response(registered, 4, &r), 0);
	CHECK(r.has_parameter);
	CHECK_UINT(r.request, 1);
	CHECK_UINT(r.parameter, 3);
	CHECK_INT(uds_decode_response(registered, 5, &r), 0);
	CHECK_UINT(r.parameter, 3);
	CHECK_INT(uds_decode_response(request, 4, &r), -EBADMSG);
}

/* Results that we do not know are kept, and are not success. */
static void test_results(void)
{
	for (unsigned n = 0; n < 256; n++) {
		const uint8_t buf[] = { 0x20, 0x02, (uint8_t)n };
		struct uds_response r;

		CHECK_INT(uds_decode_response(buf, 3, &r), 0);
		CHECK_UINT(r.result, n);
		CHECK_INT(r.result == UDS_OK, n == 1);
	}
}

static void test_index(void)
{
	static const uint8_t buf[] = { 0x03, 0x77 };
	uint8_t index = 0;

	CHECK_INT(uds_decode_user_index(buf, 0, &index), -EMSGSIZE);
	CHECK_INT(uds_decode_user_index(buf, 1, &index), 0);
	CHECK_UINT(index, 3);
	CHECK_INT(uds_decode_user_index(buf, 2, &index), 0);
	CHECK_UINT(index, 3);
}

static void test_increment(void)
{
	static const uint8_t buf[] = { 0x78, 0x56, 0x34, 0x12, 0xFF };
	uint32_t count = 0;

	for (size_t n = 0; n < 4; n++)
		CHECK_INT(uds_decode_change_increment(buf, n, &count), -EMSGSIZE);
	CHECK_INT(uds_decode_change_increment(buf, 4, &count), 0);
	CHECK_UINT(count, 0x12345678);
	CHECK_INT(uds_decode_change_increment(buf, 5, &count), 0);
	CHECK_UINT(count, 0x12345678);
}

/* Layout as in im97mori-github JavaBLEUtil, RegisteredUser: header, flags, index, name. */
static void test_registered_user(void)
{
	static const uint8_t first[] = { 0x09, 0x01, 0x07, 'A', 'd', 'a' };
	static const uint8_t next[] = { 0x0C, ' ', 'L' };
	static const uint8_t no_name[] = { 0x0B, 0x00, 0xFF };
	uint8_t index = 0;

	CHECK_INT(uds_decode_registered_user(first, 0, &index), -EMSGSIZE);
	CHECK_INT(uds_decode_registered_user(first, 2, &index), -EMSGSIZE);
	CHECK_INT(uds_decode_registered_user(first, 3, &index), 0);
	CHECK_INT(uds_decode_registered_user(first, sizeof(first), &index), 0);
	CHECK_UINT(index, 7);
	CHECK_INT(uds_decode_registered_user(next, sizeof(next), &index), -EAGAIN);
	CHECK_INT(uds_decode_registered_user(next, 1, &index), -EAGAIN);
	CHECK_UINT(index, 7);
	CHECK_INT(uds_decode_registered_user(no_name, sizeof(no_name), &index), 0);
	CHECK_UINT(index, UDS_USER_UNKNOWN);
}

static void test_battery(void)
{
	uint8_t percent = 0;

	for (unsigned n = 0; n < 256; n++) {
		const uint8_t buf[] = { (uint8_t)n, 0 };

		CHECK_INT(bas_decode_level(buf, 1 + n % 2, &percent), 0);
		CHECK_UINT(percent, n <= 100 ? n : BAS_LEVEL_UNKNOWN);
		CHECK_INT(bas_decode_level(buf, 0, &percent), -EMSGSIZE);
	}
}

TEST_MAIN("uds", test_consent, test_response, test_results, test_index, test_increment,
	  test_registered_user, test_battery)
