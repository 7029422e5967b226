#pragma once

/*
 * limits.h - limits of vital signs in a config: outside of them the hub asks to measure again. They are the clinic's to judge;
 * the hub's copy does nothing but that. Pure.
 *
 * A limit is in one unit, whatever unit a device shows: mmHg, beats a minute, percent, degrees Celsius, kilograms, milligrams
 * per decilitre; in thousandths of it. A value in another unit is converted, rounded to a thousandth.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/cbor.h"
#include "hub/core/reading.h"

enum {
	LIMITS_MAX = 7,			/* vital signs that can have one */
	LIMIT_MILLI_MAX = 1000 * 10000, /* highest that can be said */
};

/* One of the two is there at least; low < high if both are. A value equal to a limit is within it. */
struct limit {
	enum value_name vital;
	bool has_low, has_high;
	int32_t low_milli, high_milli; /* 0..LIMIT_MILLI_MAX; 0 if not there */
};

/* limit_unit - the unit of its limits; UNIT_NONE: this vital sign has none. */
enum value_unit limit_unit(enum value_name vital);

/* limits_put, limits_get - a list of 1..LIMITS_MAX, ascending by vital sign. Errors stick in c: -EBADMSG, -ERANGE. */
void limits_put(struct writer *w, const struct limit *l, size_t count);
void limits_get(struct cb *c, struct limit *ret, size_t *ret_count);
/* limit_good - as limits_get takes one. */
bool limit_good(const struct limit *l);

enum limits_verdict {
	LIMITS_NOT_JUDGED = 0, /* no limit for what was measured, or no number */
	LIMITS_WITHIN,
	LIMITS_OUTSIDE,
};

/* limits_judge - of the values of one reading; one that is outside is enough. */
enum limits_verdict limits_judge(const struct limit *l, size_t count,
				 const struct value *values, size_t value_count);
