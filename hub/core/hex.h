#pragma once

/*
 * hex.h - hexadecimal digits and Bluetooth addresses as people and BlueZ write them.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/core/reading.h"

/* hex_digit - value of a digit of either case, -1 if it is none. Pure. */
int hex_digit(char c);

/*
 * hex_address - "AA:BB:CC:DD:EE:FF", exactly these len characters.
 *
 * Returns 0 with ret written, or -EBADMSG. Pure.
 */
int hex_address(const char *text, size_t len, uint8_t ret[static PERIPHERAL_ADDR_LEN]);
