/*
 * crc32.c - bit by bit: the blocks are few and small; see crc32.h.
 */
#include "storage/crc32.h"

uint32_t crc32_of(const uint8_t *buf, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= buf[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
	}
	return ~crc;
}
