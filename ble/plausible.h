#pragma once

/*
 * plausible.h - is a decimal within limits, which of two is larger? Integer arithmetic only,
 * no rounding.
 */
#include <stdbool.h>

#include "hub/core/decimal.h"

/* A closed range; limits are whole multiples of 10^exponent,
 * so that 33.3 kPa is { 333, .exponent = -1 }. */
struct plausible_range {
	int32_t min;
	int32_t max;
	int8_t exponent;
};

/*
 * plausible_within - min <= d <= max.
 *
 * Specials (NaN, infinities...) are not numbers and therefore never implausible: returns
 * true. Pure, total.
 */
bool plausible_within(struct decimal d, struct plausible_range range);

/*
 * plausible_compare - -1, 0 or 1 as a is less than, equal to or greater than b, whatever
 * their exponents: 2.0 equals 2.00.
 *
 * a, b   both DECIMAL_NUMBER
 *
 * Pure, total.
 */
int plausible_compare(struct decimal a, struct decimal b);
