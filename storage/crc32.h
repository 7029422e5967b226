#pragma once

/*
 * crc32.h - a checksum against torn and rotten blocks; it proves nothing against an attacker.
 */
#include <stddef.h>
#include <stdint.h>

/* crc32_of - CRC-32 of IEEE 802.3 (reflected 0xEDB88320); "123456789" gives cbf43926. Pure. */
uint32_t crc32_of(const uint8_t *buf, size_t len);
