/*
 * fuzz_bondinfo.c - BlueZ's file about a bond: any bytes give facts within their types, and no bond without a record.
 */
#include <stdlib.h>
#include <string.h>

#include "ble/bondinfo/info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size, uint8_t top, enum addr_type type)
{
	const uint8_t addr[PERIPHERAL_ADDR_LEN] = { top, 0x1B, 0xDC, 8, 0xE2, 0x5A };
	struct info i;

	if (info_parse(data, size, addr, type, &i))
		return;
	if (i.strength > LINK_SC_AUTHENTICATED || i.key_size > 16 ||
	    (i.key_size && i.key_size < 7) || (i.strength != LINK_UNKNOWN) != i.bonded)
		abort();
	/* the shortest record that can be one */
	if ((i.bonded || i.key_size || i.has_irk) &&
	    (size < 32 || !memmem(data, size, "Key", 3)))
		abort();
	if (type == ADDR_RANDOM && top < 0xC0 && (i.bonded || i.has_irk))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(data, size, 0xF0, ADDR_RANDOM);
	check(data, size, 0x70, ADDR_RANDOM);
	check(data, size, 0x00, ADDR_PUBLIC);
	return 0;
}
