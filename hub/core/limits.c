/*
 * limits.c - see limits.h.
 */
#include "hub/core/limits.h"

#include <errno.h>

static const struct {
	enum value_name vital;
	enum value_unit unit;
} vitals[LIMITS_MAX] = {
	{ VALUE_SYSTOLIC, UNIT_MMHG },	   { VALUE_DIASTOLIC, UNIT_MMHG },
	{ VALUE_PULSE, UNIT_PER_MINUTE },  { VALUE_WEIGHT, UNIT_KG },
	{ VALUE_SPO2, UNIT_PERCENT },	   { VALUE_TEMPERATURE, UNIT_CELSIUS },
	{ VALUE_GLUCOSE, UNIT_MG_PER_DL },
};

/* From the unit of a device to that of a limit: (value + add) * times. mmHg: NIST SP 811, B.8; glucose: 180.156 g/mol, and GLS
 * has mol/l and kg/l. */
static const struct {
	enum value_unit from, to;
	int32_t add_milli;
	int64_t times, per;
} conversions[] = {
	{ UNIT_KPA, UNIT_MMHG, 0, 750062, 100000 },
	{ UNIT_LB, UNIT_KG, 0, 45359237, 100000000 },
	{ UNIT_FAHRENHEIT, UNIT_CELSIUS, -32000, 5, 9 },
};

enum value_unit limit_unit(enum value_name vital)
{
	for (size_t i = 0; i < LIMITS_MAX; i++)
		if (vitals[i].vital == vital)
			return vitals[i].unit;
	return UNIT_NONE;
}

static bool is_in_range(bool has, int32_t milli)
{
	return has ? milli >= 0 && milli <= LIMIT_MILLI_MAX : milli == 0;
}

bool limit_good(const struct limit *l)
{
	return limit_unit(l->vital) != UNIT_NONE && (l->has_low || l->has_high) &&
	       is_in_range(l->has_low, l->low_milli) &&
	       is_in_range(l->has_high, l->high_milli) &&
	       (!l->has_low || !l->has_high || l->low_milli < l->high_milli);
}

static void put_one(struct writer *w, bool has, int32_t milli)
{
	if (has)
		cb_put_uint(w, (uint64_t)milli);
	else
		cb_put_null(w);
}

void limits_put(struct writer *w, const struct limit *l, size_t count)
{
	cb_put_array(w, count);
	for (size_t i = 0; i < count && i < LIMITS_MAX; i++) {
		cb_put_array(w, 3);
		cb_put_uint(w, (uint64_t)l[i].vital);
		put_one(w, l[i].has_low, l[i].low_milli);
		put_one(w, l[i].has_high, l[i].high_milli);
	}
}

static bool get_one(struct cb *c, int32_t *ret)
{
	if (cb_take_null(c))
		return false;
	*ret = (int32_t)cb_get_uint_max(c, LIMIT_MILLI_MAX);
	return true;
}

void limits_get(struct cb *c, struct limit *ret, size_t *ret_count)
{
	size_t count = cb_get_array(c, LIMITS_MAX);

	if (!cb_error(c) && count == 0)
		cb_fail(c, -ERANGE);
	for (size_t i = 0; i < count && !cb_error(c); i++) {
		if (cb_get_array(c, 3) != 3)
			cb_fail(c, -EBADMSG);
		ret[i].vital = (enum value_name)cb_get_uint_max(c, VALUE_NAME_LAST);
		ret[i].has_low = get_one(c, &ret[i].low_milli);
		ret[i].has_high = get_one(c, &ret[i].high_milli);
		if (cb_error(c))
			return;
		if (!limit_good(&ret[i]) || (i > 0 && ret[i].vital <= ret[i - 1].vital))
			cb_fail(c, -ERANGE);
	}
	*ret_count = cb_error(c) ? 0 : count;
}

/* --- judging ------------------------------------------------------------------------------- */

/* Rounded, half away from zero. */
static int64_t divided(int64_t n, int64_t by)
{
	return (n < 0 ? n - by / 2 : n + by / 2) / by;
}

/* n * 10^power, at most FAR in either direction. */
static int64_t scaled(int64_t n, int power)
{
	const int64_t far = INT64_C(1000000000000);

	for (; power > 0 && n > -far && n < far; power--)
		n *= 10;
	for (; power < -1 && n != 0; power++)
		n /= 10;
	if (power == -1)
		n = divided(n, 10);
	return n < -far ? -far : n > far ? far : n;
}

/* In thousandths of the limit's unit. False: it cannot be compared. */
static bool in_milli(const struct value *v, enum value_unit unit, int64_t *ret)
{
	const int64_t most = INT64_C(10) * LIMIT_MILLI_MAX;
	int power = v->number.exponent + 3;

	switch (v->number.kind) {
	case DECIMAL_NUMBER: break;
	case DECIMAL_PLUS_INF: *ret = INT64_MAX; return v->unit != UNIT_NONE;
	case DECIMAL_MINUS_INF: *ret = INT64_MIN; return v->unit != UNIT_NONE;
	case DECIMAL_NAN:
	case DECIMAL_NRES:
	case DECIMAL_RESERVED: return false;
	}
	/* mol/l of glucose: 180.156 g of it in a mole, 0.1 l in a decilitre */
	if (v->unit == UNIT_MOL_PER_L && unit == UNIT_MG_PER_DL) {
		*ret = divided(scaled(v->number.mantissa, power + 5) * 180156, 1000000);
		return true;
	}
	if (v->unit == UNIT_KG_PER_L && unit == UNIT_MG_PER_DL) {
		*ret = scaled(v->number.mantissa, power + 5);
		return true;
	}
	*ret = scaled(v->number.mantissa, power);
	if (v->unit == unit)
		return true;
	for (size_t i = 0; i < sizeof(conversions) / sizeof(*conversions); i++)
		if (conversions[i].from == v->unit && conversions[i].to == unit) {
			*ret += conversions[i].add_milli;
			*ret = *ret > most ? most : *ret < -most ? -most : *ret;
			*ret = divided(*ret * conversions[i].times, conversions[i].per);
			return true;
		}
	return false;
}

static enum limits_verdict judge(const struct limit *l, const struct value *v)
{
	int64_t milli;

	if (v->name != l->vital || !in_milli(v, limit_unit(l->vital), &milli))
		return LIMITS_NOT_JUDGED;
	return (l->has_low && milli < l->low_milli) ||
			       (l->has_high && milli > l->high_milli)
		       ? LIMITS_OUTSIDE
		       : LIMITS_WITHIN;
}

enum limits_verdict limits_judge(const struct limit *l, size_t count,
				 const struct value *values, size_t value_count)
{
	enum limits_verdict worst = LIMITS_NOT_JUDGED;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < value_count; k++) {
			enum limits_verdict v = judge(&l[i], &values[k]);

			worst = v > worst ? v : worst;
		}
	return worst;
}
