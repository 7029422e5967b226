/*
 * hrs.c - decoder of the Heart Rate Service's measurement; see hrs.h.
 *
 * 0x2A37: flags u8, heart rate u8 or u16, then what the flags name: energy u16, and RR
 * intervals u16 to the end of the value. Little-endian.
 */
#include "ble/hrs.h"

#include "ble/fields.h"

enum flag {
	FLAG_RATE_16 = 1 << 0, /* else 8 bits */
	FLAG_CONTACT = 1 << 1, /* means something only with the next one */
	FLAG_CONTACT_KNOWN = 1 << 2,
	FLAG_ENERGY = 1 << 3,
	FLAG_RR = 1 << 4,
};

/* Limits of a living person. */
static const struct plausible_range rate_range = { 20, 300, 0 };
/* From 300 beats a minute to a pause of ten seconds. */
static const struct plausible_range rr_range = { 200, 10240, 0 };

static void take_rate(struct reader *r, bool is_16, struct decoded *d)
{
	uint16_t rate = is_16 ? read_le16(r) : read_u8(r);
	struct decimal n = fields_fixed(rate, 1, 0);

	if (rate == 0)
		d->marks |= MARK_NO_RESULT;
	else
		fields_check(d, n, rate_range);
	fields_add(d, VALUE_HEART_RATE, UNIT_PER_MINUTE, n);
}

/* Half an interval at the end makes the last read fail, and with it the whole value. */
static void take_rr_intervals(struct reader *r, struct decoded *d)
{
	while (reader_ok(r) && reader_left(r))
		fields_add_checked(d, VALUE_RR_INTERVAL, UNIT_S_1024,
				   fields_fixed(read_le16(r), 1, 0), rr_range);
}

int hrs_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret)
{
	struct decoded d = { 0 };
	struct reader r;
	uint8_t flags;

	(void)ctx;
	reader_init(&r, buf, len);
	flags = read_u8(&r);
	take_rate(&r, flags & FLAG_RATE_16, &d);
	if (flags & FLAG_CONTACT_KNOWN)
		fields_add_code(&d, VALUE_SENSOR_CONTACT, flags & FLAG_CONTACT ? 1 : 0);
	if (flags & FLAG_ENERGY)
		fields_add(&d, VALUE_ENERGY_EXPENDED, UNIT_KJ,
			   fields_fixed(read_le16(&r), 1, 0));
	if (flags & FLAG_RR)
		take_rr_intervals(&r, &d);
	return fields_finish(&r, &d, ret);
}
