#pragma once

/*
 * paste.h - bytes as a person copies them: four characters that say what they are, base32, a full stop. A CRC-16 at their end tells what
 * was copied wrongly from what is wrong.
 *
 * Pure. Polynomial 0x1021, from ffff, not reflected (IBM-3740).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/base32.h"

enum {
	PASTE_PREFIX_LEN = 4,
	PASTE_CRC_LEN = 2,
	PASTE_BYTES_MAX = 1024,
};

/* Characters of n bytes, with the NUL. */
#define PASTE_TEXT_MAX(n) (PASTE_PREFIX_LEN + (8 * ((n) + PASTE_CRC_LEN) + 4) / 5 + 1 + 1)

uint16_t paste_crc16(const uint8_t *buf, size_t len);

/* paste_dense - the characters that are no blank (nor dash), at most cap of them. Returns how many there are. */
size_t paste_dense(const char *text, size_t len, bool dashes, char *ret, size_t cap);

/*
 * paste_text - as it is pasted.
 *
 * prefix   PASTE_PREFIX_LEN characters, with the NUL
 * ret      PASTE_TEXT_MAX(len) characters
 *
 * Returns the number of characters before the NUL, or -ERANGE: nothing, or more than PASTE_BYTES_MAX.
 */
int paste_text(const char *prefix, const uint8_t *buf, size_t len, char *ret);

/*
 * paste_parse - the bytes of what was pasted.
 *
 * text   len characters; blanks and ends of line anywhere, letters of either case
 * ret    at most max octets, max at most PASTE_BYTES_MAX
 *
 * Returns the number of bytes, or: -ENOTSUP (another prefix), -EAGAIN (so far good, but without the full stop at its end: more is
 * to come), -EMSGSIZE (too long), -EBADMSG (damaged: a character, or the check).
 */
int paste_parse(const char *prefix, const char *text, size_t len, uint8_t *ret,
		size_t max);
