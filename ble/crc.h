#pragma once

/*
 * crc.h - the check sum that some services put into their values ('E2E-CRC').
 *
 * CRC-16/MCRF4XX: polynomial 0x1021 with the bits of each octet reflected (0x8408), start
 * 0xFFFF, no final exclusive or. Source: CGM Service 1.0.2, 3.11; Device Time Service 1.0
 * and Blood Pressure Service 1.1.1 use the same one.
 */
#include <stddef.h>
#include <stdint.h>

enum { CRC_LEN = 2 }; /* octets on the wire, the low one first */

/* crc_mcrf4xx - check sum of len octets; 0xFFFF for none. crc("123456789") is 0x6F91. Pure,
 * total. */
uint16_t crc_mcrf4xx(const uint8_t *buf, size_t len);

/*
 * crc_check_tail - is the check sum in the last two octets the one of all others?
 *
 * Returns 0, -EMSGSIZE (shorter than a check sum) or -EBADMSG (wrong). Pure.
 */
int crc_check_tail(const uint8_t *buf, size_t len);
