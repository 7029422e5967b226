/*
 * test_coap_records.c - what our patches to libcoap take for a record with a connection id, and for a Client Hello: every
 * first byte, every length, in memory that ends where the datagram ends.
 */
#include <stdbool.h>

#include "tests/unit/test.h"

/* Of libcoap's internal header, by rootfs/deps/patches/libcoap-*.patch. */
const uint8_t *coap_dtls_find_cid(const uint8_t *data, size_t data_len);
int coap_dtls_is_client_hello(const uint8_t *data, size_t data_len);

enum { LENGTHS = 65, CID_LEN = 8 };

/* A copy in memory of just its size, so that a sanitizer sees what is read behind it. */
static uint8_t *exactly(const uint8_t *bytes, size_t len)
{
	uint8_t *p = malloc(len ? len : 1);

	CHECK(p);
	memcpy(p, bytes, len);
	return p;
}

/* RFC 9147 section 4: 001CSLEE with C set; RFC 9146 section 4: type 25. 0: no such record. */
static size_t cid_offset(unsigned first)
{
	if (first == 25)
		return 11;
	return first >= 0x30 && first <= 0x3f ? 1 : 0;
}

static void test_cid(void)
{
	uint8_t bytes[LENGTHS];

	for (unsigned first = 0; first < 256; first++) {
		for (size_t len = 0; len < LENGTHS; len++) {
			size_t offset = cid_offset(first);
			uint8_t *d;

			for (size_t i = 0; i < LENGTHS; i++)
				bytes[i] = (uint8_t)test_random();
			bytes[0] = (uint8_t)first;
			d = exactly(bytes, len);
			if (offset && len >= offset + CID_LEN)
				CHECK(coap_dtls_find_cid(d, len) == d + offset);
			else
				CHECK(coap_dtls_find_cid(d, len) == NULL);
			free(d);
		}
	}
}

/* A whole Client Hello of 'len' bytes behind both headers. */
static void make_hello(uint8_t *d, size_t len)
{
	static const uint8_t head[25] = { 22, 254, 253, 0, 0, 1, 2, 3, 4, 5, 6, 0,
					  0,  1,   0,	0, 0, 0, 1, 0, 0, 0, 0, 0 };

	memset(d, 0x55, sizeof(head) + len);
	memcpy(d, head, sizeof(head));
	d[11] = (uint8_t)((len + 12) >> 8);
	d[12] = (uint8_t)(len + 12);
	d[15] = d[23] = (uint8_t)(len >> 8);
	d[16] = d[24] = (uint8_t)len;
}

/* Whole, alone, of epoch 0: every other byte but these may be anything. */
static void test_client_hello(void)
{
	static const char decides[25] = { 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1,
					  1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1 };
	uint8_t bytes[25 + 400], *d;

	for (size_t len = 0; len <= 300; len += 150) {
		make_hello(bytes, len);
		for (size_t n = 0; n <= 25 + len + 1; n++) {
			d = exactly(bytes, n);
			CHECK_INT(coap_dtls_is_client_hello(d, n), n == 25 + len);
			free(d);
		}
		for (size_t i = 0; i < 25 + len; i++) {
			make_hello(bytes, len);
			bytes[i] ^= 0x40;
			CHECK_INT(coap_dtls_is_client_hello(bytes, 25 + len),
				  i >= sizeof(decides) || !decides[i]);
		}
	}
}

TEST_MAIN("coap-records", test_cid, test_client_hello)
