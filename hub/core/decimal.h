#pragma once

/*
 * decimal.h - a medical value as the device sent it: mantissa, exponent, special kind. Never a double.
 *
 * The exponent carries the precision ("2", "2.0" and "2.00" are three measurements), so nothing here
 * normalises. Source: IEEE 11073-20601 SFLOAT and FLOAT; Bluetooth GSS 2.
 */
#include <stddef.h>
#include <stdint.h>

enum decimal_kind {
	DECIMAL_NUMBER = 0,
	DECIMAL_NAN = 1,       /* no value: a failed measurement is sent like this */
	DECIMAL_NRES = 2,      /* not at this resolution */
	DECIMAL_PLUS_INF = 3,  /* above what the device can measure */
	DECIMAL_MINUS_INF = 4, /* below */
	DECIMAL_RESERVED = 5,
};

struct decimal {
	int32_t mantissa; /* 0 unless kind is DECIMAL_NUMBER */
	int8_t exponent;  /* power of ten; 0 unless kind is DECIMAL_NUMBER */
	enum decimal_kind kind;
};

/* decimal_from_sfloat - 16-bit SFLOAT: bits 15..12 exponent, 11..0 mantissa, both two's
 * complement. A special value has exponent 0: 2047e-5 mol/L is a glucose of 20.47 mmol/L, see
 * docs/adr/0006-special-values.md. Pure, total. */
struct decimal decimal_from_sfloat(uint16_t raw);

/* decimal_from_float - 32-bit FLOAT: bits 31..24 exponent, 23..0 mantissa. Pure, total. */
struct decimal decimal_from_float(uint32_t raw);

enum { DECIMAL_TEXT_MAX = 160 }; /* exponent -128..127, sign, point, NUL */

/*
 * decimal_to_text - plain decimal notation with exactly the digits the exponent stands for.
 *
 * buf   receives a NUL-terminated text, at least DECIMAL_TEXT_MAX bytes
 *
 * Specials become "NaN", "NRes", "+INF", "-INF", "reserved". Returns buf. Pure.
 * Vectors: 0x0002 "2", 0xF014 "2.0", 0xE0C8 "2.00", 0x1002 "20".
 */
char *decimal_to_text(struct decimal d, char buf[static DECIMAL_TEXT_MAX]);
