#pragma once

/*
 * bas.h - decoder of the Battery Level. Source: Battery Service 1.0, 3.1.
 */
#include <stddef.h>
#include <stdint.h>

enum {
	BAS_UUID_SERVICE = 0x180F,
	BAS_UUID_LEVEL = 0x2A19,
	BAS_LEVEL_MAX = 100,
	BAS_LEVEL_UNKNOWN = 255,
};

/*
 * bas_decode_level - Battery Level (0x2A19).
 *
 * Returns 0 with *ret_percent 0..100, or BAS_LEVEL_UNKNOWN for all that is above;
 * -EMSGSIZE if it is empty. Octets after the first are ignored. Pure.
 */
int bas_decode_level(const uint8_t *buf, size_t len, uint8_t *ret_percent);
