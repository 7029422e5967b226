#pragma once

/*
 * plausible.h - is a decimal within limits? Integer arithmetic only, no rounding.
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
