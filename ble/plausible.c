/*
 * plausible.c - exact comparison of decimals with different exponents; see plausible.h.
 */
#include "ble/plausible.h"

#include <stdint.h>

/* Beyond this many digits of difference the larger exponent wins whatever
 * the mantissas are: both fit in 32 bits, hence in 10 digits. */
enum { DIGITS_MAX = 10 };

static int64_t times_ten(int64_t v, int digits)
{
	while (digits-- > 0)
		v *= 10;
	return v;
}

/* a * 10^ea against b * 10^eb: -1, 0 or 1. |a|, |b| < 2^31 and at most 10^10 keeps the
 * product in 64 bits only up to 9 digits, so the tenth is handled by the early answer. */
static int compare(int32_t a, int ea, int32_t b, int eb)
{
	int64_t x = a, y = b;

	if (a == 0 || b == 0)
		return (a > b) - (a < b);
	if (ea - eb >= DIGITS_MAX)
		return a > 0 ? 1 : -1;
	if (eb - ea >= DIGITS_MAX)
		return b > 0 ? -1 : 1;
	if (ea > eb)
		x = times_ten(x, ea - eb);
	else
		y = times_ten(y, eb - ea);
	return (x > y) - (x < y);
}

bool plausible_within(struct decimal d, struct plausible_range range)
{
	if (d.kind != DECIMAL_NUMBER)
		return true;
	return compare(d.mantissa, d.exponent, range.min, range.exponent) >= 0 &&
	       compare(d.mantissa, d.exponent, range.max, range.exponent) <= 0;
}

int plausible_compare(struct decimal a, struct decimal b)
{
	return compare(a.mantissa, a.exponent, b.mantissa, b.exponent);
}
