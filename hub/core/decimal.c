/*
 * decimal.c - SFLOAT and FLOAT to decimal, decimal to text; see decimal.h.
 */
#include "hub/core/decimal.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static struct decimal special(enum decimal_kind kind)
{
	return (struct decimal){ .kind = kind };
}

struct decimal decimal_from_sfloat(uint16_t raw)
{
	uint16_t m = raw & 0x0fff;
	int exponent = raw >> 12;

	switch (raw) {
	case 0x7ff: return special(DECIMAL_NAN);
	case 0x800: return special(DECIMAL_NRES);
	case 0x7fe: return special(DECIMAL_PLUS_INF);
	case 0x802: return special(DECIMAL_MINUS_INF);
	case 0x801: return special(DECIMAL_RESERVED);
	}
	return (struct decimal){
		.mantissa = m >= 0x800 ? (int32_t)m - 0x1000 : (int32_t)m,
		.exponent = (int8_t)(exponent >= 8 ? exponent - 16 : exponent),
	};
}

struct decimal decimal_from_float(uint32_t raw)
{
	uint32_t m = raw & 0xffffff;
	int exponent = (int)(raw >> 24);

	switch (raw) {
	case 0x7fffff: return special(DECIMAL_NAN);
	case 0x800000: return special(DECIMAL_NRES);
	case 0x7ffffe: return special(DECIMAL_PLUS_INF);
	case 0x800002: return special(DECIMAL_MINUS_INF);
	case 0x800001: return special(DECIMAL_RESERVED);
	}
	return (struct decimal){
		.mantissa = m >= 0x800000 ? (int32_t)m - 0x1000000 : (int32_t)m,
		.exponent = (int8_t)(exponent >= 128 ? exponent - 256 : exponent),
	};
}

static const char *special_text(enum decimal_kind kind)
{
	switch (kind) {
	case DECIMAL_NAN: return "NaN";
	case DECIMAL_NRES: return "NRes";
	case DECIMAL_PLUS_INF: return "+INF";
	case DECIMAL_MINUS_INF: return "-INF";
	case DECIMAL_RESERVED: return "reserved";
	case DECIMAL_NUMBER: break;
	}
	return NULL;
}

char *decimal_to_text(struct decimal d, char buf[static DECIMAL_TEXT_MAX])
{
	char digits[16];
	bool negative = d.mantissa < 0;
	const char *special = special_text(d.kind);
	size_t n, places, at = 0;

	if (special)
		return memcpy(buf, special, strlen(special) + 1);
	n = (size_t)snprintf(digits, sizeof(digits), "%lld",
			     negative ? -(long long)d.mantissa : (long long)d.mantissa);
	if (negative)
		buf[at++] = '-';
	if (d.exponent >= 0) {
		size_t zeros = d.mantissa == 0 ? 0 : (size_t)d.exponent;

		memcpy(buf + at, digits, n);
		memset(buf + at + n, '0', zeros);
		buf[at + n + zeros] = '\0';
		return buf;
	}
	places = (size_t)-d.exponent;
	if (n <= places) { /* 0.00x */
		buf[at++] = '0';
		buf[at++] = '.';
		memset(buf + at, '0', places - n);
		at += places - n;
		memcpy(buf + at, digits, n);
		buf[at + n] = '\0';
		return buf;
	}
	memcpy(buf + at, digits, n - places);
	at += n - places;
	buf[at++] = '.';
	memcpy(buf + at, digits + n - places, places);
	buf[at + places] = '\0';
	return buf;
}
