/*
 * hex.c - see hex.h.
 */
#include "hub/core/hex.h"

#include <errno.h>
#include <string.h>

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_address(const char *text, size_t len, uint8_t ret[static PERIPHERAL_ADDR_LEN])
{
	uint8_t addr[PERIPHERAL_ADDR_LEN];

	if (len != PERIPHERAL_ADDR_LEN * 3 - 1)
		return -EBADMSG;
	for (size_t i = 0; i < PERIPHERAL_ADDR_LEN; i++) {
		int high = hex_digit(text[i * 3]), low = hex_digit(text[i * 3 + 1]);

		if (high < 0 || low < 0 ||
		    (i + 1 < PERIPHERAL_ADDR_LEN && text[i * 3 + 2] != ':'))
			return -EBADMSG;
		addr[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, addr, sizeof(addr));
	return 0;
}
