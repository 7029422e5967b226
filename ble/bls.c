/*
 * bls.c - decoder of the Blood Pressure Service's characteristics; see bls.h.
 *
 * 0x2A35: flags u8, systolic, diastolic, mean SFLOAT, then what the flags name, in the
 * order of their bits: Date Time (7), pulse SFLOAT, user u8, status u16. Little-endian.
 */
#include "ble/bls.h"

#include <errno.h>

#include "ble/clock.h"
#include "ble/plausible.h"
#include "hub/core/cursor.h"

enum flag {
	FLAG_KPA = 1 << 0, /* else mmHg */
	FLAG_TIME = 1 << 1,
	FLAG_PULSE = 1 << 2,
	FLAG_USER = 1 << 3,
	FLAG_STATUS = 1 << 4,
};

/* Limits of a living person, wider than any cuff measures; they flag, they never drop. */
static const struct {
	enum value_name name;
	struct plausible_range mmhg, kpa;
} pressures[] = {
	{ VALUE_SYSTOLIC, { 30, 300, 0 }, { 40, 400, -1 } },
	{ VALUE_DIASTOLIC, { 10, 250, 0 }, { 13, 333, -1 } },
	{ VALUE_MEAN_ARTERIAL, { 20, 275, 0 }, { 27, 367, -1 } },
};

enum { PRESSURES = sizeof(pressures) / sizeof(*pressures) };

static const struct plausible_range pulse_range = { 20, 300, 0 };

static void check(struct decoded *d, struct decimal number, struct plausible_range range)
{
	if (!plausible_within(number, range))
		d->marks |= MARK_IMPLAUSIBLE;
}

static void add(struct decoded *d, enum value_name name, enum value_unit unit,
		struct decimal n)
{
	d->values[d->value_count++] = (struct value){ name, unit, n };
}

static void get_pressures(struct reader *r, bool kpa, struct decoded *d)
{
	bool any = false;

	for (size_t i = 0; i < PRESSURES; i++) {
		struct decimal n = decimal_from_sfloat(read_le16(r));

		any |= n.kind != DECIMAL_NAN && n.kind != DECIMAL_NRES;
		check(d, n, kpa ? pressures[i].kpa : pressures[i].mmhg);
		add(d, pressures[i].name, kpa ? UNIT_KPA : UNIT_MMHG, n);
	}
	if (!any)
		d->marks |= MARK_NO_RESULT;
}

/* Both come from one measurement; a cuff may give them with different exponents. */
static void check_order(struct decoded *d)
{
	struct decimal sys = d->values[0].number, dia = d->values[1].number;
	struct plausible_range from_dia = { dia.mantissa, INT32_MAX, dia.exponent };

	if (sys.kind == DECIMAL_NUMBER && dia.kind == DECIMAL_NUMBER &&
	    !plausible_within(sys, from_dia))
		d->marks |= MARK_IMPLAUSIBLE;
}

static void get_time(struct reader *r, struct decoded *d)
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

int bls_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret)
{
	struct decoded d = { 0 };
	struct reader r;
	uint8_t flags;

	(void)ctx;
	reader_init(&r, buf, len);
	flags = read_u8(&r);
	get_pressures(&r, flags & FLAG_KPA, &d);
	check_order(&d);
	if (flags & FLAG_TIME)
		get_time(&r, &d);
	if (flags & FLAG_PULSE) {
		struct decimal n = decimal_from_sfloat(read_le16(&r));

		check(&d, n, pulse_range);
		add(&d, VALUE_PULSE, UNIT_PER_MINUTE, n);
	}
	if (flags & FLAG_USER) {
		d.has_user = true;
		d.user = read_u8(&r);
	}
	if (flags & FLAG_STATUS) {
		d.has_status = true;
		d.status = read_le16(&r);
	}
	if (!reader_ok(&r))
		return -EMSGSIZE;
	if (reader_left(&r))
		d.marks |= MARK_TAIL;
	*ret = d;
	return 0;
}

int bls_decode_feature(const uint8_t *buf, size_t len, uint16_t *ret_features)
{
	struct reader r;
	uint16_t features;

	reader_init(&r, buf, len);
	features = read_le16(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	*ret_features = features;
	return 0;
}
