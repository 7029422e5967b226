/*
 * base32.c - see base32.h.
 */
#include "hub/core/base32.h"

#include <errno.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

char base32_letter(unsigned v)
{
	return letters[v & 31];
}

int base32_value(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

void base32_encode(const uint8_t *in, size_t len, char *ret)
{
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < len; i++) {
		bits = (bits << 8 | in[i]) & 0xfff;
		for (have += 8; have >= 5; have -= 5)
			*ret++ = base32_letter(bits >> (have - 5));
	}
	if (have > 0)
		*ret++ = base32_letter(bits << (5 - have));
	*ret = '\0';
}

int base32_decode(const char *text, uint8_t *ret, size_t len)
{
	unsigned bits = 0, have = 0;
	size_t n = 0;

	for (size_t i = 0; i < BASE32_LEN(len); i++) {
		int v = base32_value(text[i]);

		if (v < 0)
			return -EBADMSG;
		bits = (bits << 5 | (unsigned)v) & 0xfff;
		have += 5;
		if (have >= 8) {
			have -= 8;
			ret[n++] = (uint8_t)(bits >> have);
		}
	}
	return bits & ((1U << have) - 1) ? -EBADMSG : 0;
}
