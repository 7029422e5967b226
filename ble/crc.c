/*
 * crc.c - CRC-16/MCRF4XX; see crc.h.
 */
#include "ble/crc.h"

#include <errno.h>

#include "hub/core/cursor.h"

enum { POLYNOMIAL = 0x8408, START = 0xFFFF };

uint16_t crc_mcrf4xx(const uint8_t *buf, size_t len)
{
	unsigned crc = START;
	struct reader r;

	reader_init(&r, buf, len);
	while (reader_left(&r) > 0) {
		crc ^= read_u8(&r);
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
	}
	return (uint16_t)crc;
}

int crc_check_tail(const uint8_t *buf, size_t len)
{
	struct reader r;
	uint16_t sent;

	if (len < CRC_LEN)
		return -EMSGSIZE;
	reader_init(&r, buf, len);
	read_span(&r, len - CRC_LEN);
	sent = read_le16(&r);
	return sent == crc_mcrf4xx(buf, len - CRC_LEN) ? 0 : -EBADMSG;
}
