#pragma once

/*
 * base32.h - base32 without padding (RFC 4648, 6): letters and digits that people read to each other. It has no 0, 1, 8, 9.
 */
#include <stddef.h>
#include <stdint.h>

#define BASE32_LEN(n) (((n)*8 + 4) / 5)

/* base32_letter - of a value, 0..31. Pure. */
char base32_letter(unsigned v);
/* base32_value - of a letter of either case or a digit, -1 if it is none. Pure. */
int base32_value(char c);

/* base32_encode - BASE32_LEN(len) characters and a NUL; bits that are over are 0. Pure. */
void base32_encode(const uint8_t *in, size_t len, char *ret);

/*
 * base32_decode - exactly BASE32_LEN(len) characters.
 *
 * Returns 0 with ret written, or -EBADMSG: another character, or bits that are over and not 0. Pure.
 */
int base32_decode(const char *text, uint8_t *ret, size_t len);
