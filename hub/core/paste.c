/*
 * paste.c - see paste.h.
 */
#include "hub/core/paste.h"

#include <errno.h>
#include <string.h>

uint16_t paste_crc16(const uint8_t *buf, size_t len)
{
	unsigned crc = 0xffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned)buf[i] << 8;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
	}
	return (uint16_t)(crc & 0xffff);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

size_t paste_dense(const char *text, size_t len, bool dashes, char *ret, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (is_blank(text[i]) || (dashes && text[i] == '-'))
			continue;
		if (n < cap)
			ret[n] = text[i];
		n++;
	}
	return n;
}

int paste_text(const char *prefix, const uint8_t *buf, size_t len, char *ret)
{
	uint8_t checked[PASTE_BYTES_MAX + PASTE_CRC_LEN];
	size_t chars = BASE32_LEN(len + PASTE_CRC_LEN);
	uint16_t crc;

	if (len == 0 || len > PASTE_BYTES_MAX)
		return -ERANGE;
	crc = paste_crc16(buf, len);
	memcpy(checked, buf, len);
	checked[len] = (uint8_t)(crc >> 8);
	checked[len + 1] = (uint8_t)(crc & 0xff);
	memcpy(ret, prefix, PASTE_PREFIX_LEN);
	base32_encode(checked, len + PASTE_CRC_LEN, ret + PASTE_PREFIX_LEN);
	memcpy(ret + PASTE_PREFIX_LEN + chars, ".", 2);
	explicit_bzero(checked, sizeof(checked));
	return (int)(PASTE_PREFIX_LEN + chars + 1);
}

/* As far as it goes: letters of either case. */
static bool begins_right(const char *prefix, const char *text, size_t len)
{
	for (size_t i = 0; i < PASTE_PREFIX_LEN && i < len; i++) {
		char c = text[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (c != prefix[i])
			return false;
	}
	return true;
}

/* Exactly the characters between the prefix and the full stop. */
static int decode(const char *chars, size_t n, uint8_t *ret, size_t max)
{
	uint8_t checked[PASTE_BYTES_MAX + PASTE_CRC_LEN];
	size_t bytes = n * 5 / 8;

	if (bytes <= PASTE_CRC_LEN || bytes > max + PASTE_CRC_LEN ||
	    BASE32_LEN(bytes) != n || base32_decode(chars, checked, bytes))
		return -EBADMSG;
	bytes -= PASTE_CRC_LEN;
	if (paste_crc16(checked, bytes) != (checked[bytes] << 8 | checked[bytes + 1]))
		return -EBADMSG;
	memcpy(ret, checked, bytes);
	explicit_bzero(checked, sizeof(checked));
	return (int)bytes;
}

int paste_parse(const char *prefix, const char *text, size_t len, uint8_t *ret,
		size_t max)
{
	char dense[PASTE_TEXT_MAX(PASTE_BYTES_MAX)];
	size_t n = paste_dense(text, len, false, dense, sizeof(dense));
	int r;

	if (!begins_right(prefix, dense, n < sizeof(dense) ? n : sizeof(dense)))
		return -ENOTSUP;
	if (n >= PASTE_TEXT_MAX(max))
		return -EMSGSIZE;
	if (n <= PASTE_PREFIX_LEN || dense[n - 1] != '.') {
		for (size_t i = PASTE_PREFIX_LEN; i < n; i++)
			if (base32_value(dense[i]) < 0)
				return -EBADMSG;
		return -EAGAIN;
	}
	r = decode(dense + PASTE_PREFIX_LEN, n - PASTE_PREFIX_LEN - 1, ret, max);
	explicit_bzero(dense, sizeof(dense));
	return r;
}
