/*
 * fields.c - what the decoders of all profiles share; see fields.h.
 */
#include "ble/fields.h"

#include <errno.h>

#include "ble/clock.h"

bool fields_is_result(struct decimal n)
{
	return n.kind != DECIMAL_NAN && n.kind != DECIMAL_NRES;
}

void fields_check(struct decoded *d, struct decimal n, struct plausible_range range)
{
	if (!plausible_within(n, range))
		d->marks |= MARK_IMPLAUSIBLE;
}

void fields_add(struct decoded *d, enum value_name name, enum value_unit unit,
		struct decimal n)
{
	if (d->value_count < READING_VALUES_MAX)
		d->values[d->value_count++] =
			(struct value){ .name = name, .unit = unit, .number = n };
}

void fields_add_checked(struct decoded *d, enum value_name name, enum value_unit unit,
			struct decimal n, struct plausible_range range)
{
	fields_check(d, n, range);
	fields_add(d, name, unit, n);
}

void fields_add_code(struct decoded *d, enum value_name name, uint16_t code)
{
	fields_add(d, name, UNIT_CODE, fields_fixed(code, 1, 0));
}

struct decimal fields_fixed(uint16_t raw, int16_t factor, int8_t exponent)
{
	return (struct decimal){ .mantissa = (int32_t)raw * factor,
				 .exponent = exponent };
}

struct decimal fields_special(enum decimal_kind kind)
{
	return (struct decimal){ .kind = kind };
}

/* A mantissa that would be special without its exponent: a number by the standard, but some
 * programs read, and perhaps some devices write, 'no value' like this. */
static bool is_doubtful(struct decimal n)
{
	return n.kind == DECIMAL_NUMBER && (n.mantissa >= 2046 || n.mantissa <= -2046);
}

struct decimal fields_take_sfloat(struct reader *r, struct decoded *d,
				  enum value_name name, enum value_unit unit,
				  struct plausible_range range)
{
	struct decimal n = decimal_from_sfloat(read_le16(r));

	if (is_doubtful(n))
		d->marks |= MARK_IMPLAUSIBLE;
	fields_add_checked(d, name, unit, n, range);
	return n;
}

void fields_take_time(struct reader *r, struct decoded *d)
{
	struct date_time t;

	clock_read_date_time(r, &t);
	if (t.year == 0 || t.month == 0 || t.day == 0)
		return; /* the device says it does not know */
	if (!date_time_valid(&t)) {
		d->marks |= MARK_IMPLAUSIBLE;
		return;
	}
	d->has_device_time = true;
	d->device_time = t;
}

void fields_take_user(struct reader *r, struct decoded *d)
{
	d->has_user = true;
	d->user = read_u8(r);
}

void fields_take_status(struct reader *r, struct decoded *d)
{
	d->has_status = true;
	d->status = read_le16(r);
}

int fields_finish(const struct reader *r, const struct decoded *d, struct decoded *ret)
{
	if (!reader_ok(r))
		return -EMSGSIZE;
	*ret = *d;
	if (reader_left(r))
		ret->marks |= MARK_TAIL;
	return 0;
}

int fields_finish_exact(const struct reader *r, const struct decoded *d,
			struct decoded *ret)
{
	if (!reader_done(r))
		return -EMSGSIZE;
	*ret = *d;
	return 0;
}
