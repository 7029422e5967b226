/*
 * bas.c - decoder of the Battery Level; see bas.h.
 */
#include "ble/bas.h"

#include <errno.h>

#include "hub/core/cursor.h"

int bas_decode_level(const uint8_t *buf, size_t len, uint8_t *ret_percent)
{
	struct reader r;
	uint8_t level;

	reader_init(&r, buf, len);
	level = read_u8(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	*ret_percent = level <= BAS_LEVEL_MAX ? level : BAS_LEVEL_UNKNOWN;
	return 0;
}
