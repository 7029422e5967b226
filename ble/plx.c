/*
 * plx.c - decoder of the Pulse Oximeter Service's characteristics; see plx.h.
 *
 * 0x2A5E: flags u8, SpO2 and pulse SFLOAT, then what the flags name: Date Time (7),
 *         measurement status u16, device and sensor status u24, amplitude SFLOAT.
 * 0x2A5F: flags u8 with other bits, SpO2 and pulse, [fast pair] [slow pair], then the same.
 * Little-endian.
 */
#include "ble/plx.h"

#include <errno.h>

#include "ble/fields.h"

enum spot_check_flag {
	SPOT_TIME = 1 << 0,
	SPOT_STATUS = 1 << 1,
	SPOT_DEVICE_STATUS = 1 << 2,
	SPOT_AMPLITUDE = 1 << 3,
	SPOT_CLOCK_UNSET = 1 << 4,
};

enum continuous_flag {
	CONTINUOUS_FAST = 1 << 0,
	CONTINUOUS_SLOW = 1 << 1,
	CONTINUOUS_STATUS = 1 << 2,
	CONTINUOUS_DEVICE_STATUS = 1 << 3,
	CONTINUOUS_AMPLITUDE = 1 << 4,
};

/* Limits of a living person; oximeters are not trusted below 70 %, but show less. */
static const struct plausible_range spo2_range = { 30, 100, 0 };
static const struct plausible_range pulse_range = { 20, 300, 0 };
static const struct plausible_range amplitude_range = { 0, 100, 0 };

/* Returns whether one of the two is a result. */
static bool take_pair(struct reader *r, struct decoded *d, enum value_name spo2,
		      enum value_name pulse)
{
	struct decimal a = fields_take_sfloat(r, d, spo2, UNIT_PERCENT, spo2_range);
	struct decimal b = fields_take_sfloat(r, d, pulse, UNIT_PER_MINUTE, pulse_range);

	return fields_is_result(a) || fields_is_result(b);
}

static void take_normal_pair(struct reader *r, struct decoded *d)
{
	if (!take_pair(r, d, VALUE_SPO2, VALUE_PULSE))
		d->marks |= MARK_NO_RESULT;
}

/* The end of both values: the same three fields, behind different flags. */
static void take_end(struct reader *r, struct decoded *d, bool status, bool device_status,
		     bool amplitude)
{
	if (status) {
		fields_take_status(r, d);
		if (d->status & (PLX_STATUS_DEMONSTRATION | PLX_STATUS_TESTING))
			d->marks |= MARK_TEST;
	}
	if (device_status) {
		d->has_device_status = true;
		d->device_status = read_le24(r);
	}
	if (amplitude)
		fields_take_sfloat(r, d, VALUE_PULSE_AMPLITUDE, UNIT_PERCENT,
				   amplitude_range);
}

int plx_decode_spot_check(const uint8_t *buf, size_t len,
			  const struct profile_context *ctx, struct decoded *ret)
{
	struct decoded d = { 0 };
	struct reader r;
	uint8_t flags;

	(void)ctx;
	reader_init(&r, buf, len);
	flags = read_u8(&r);
	take_normal_pair(&r, &d);
	if (flags & SPOT_TIME)
		fields_take_time(&r, &d);
	if (flags & SPOT_CLOCK_UNSET)
		d.marks |= MARK_CLOCK_UNSET;
	take_end(&r, &d, flags & SPOT_STATUS, flags & SPOT_DEVICE_STATUS,
		 flags & SPOT_AMPLITUDE);
	return fields_finish(&r, &d, ret);
}

int plx_decode_continuous(const uint8_t *buf, size_t len,
			  const struct profile_context *ctx, struct decoded *ret)
{
	struct decoded d = { 0 };
	struct reader r;
	uint8_t flags;

	(void)ctx;
	reader_init(&r, buf, len);
	flags = read_u8(&r);
	take_normal_pair(&r, &d);
	if (flags & CONTINUOUS_FAST)
		take_pair(&r, &d, VALUE_SPO2_FAST, VALUE_PULSE_FAST);
	if (flags & CONTINUOUS_SLOW)
		take_pair(&r, &d, VALUE_SPO2_SLOW, VALUE_PULSE_SLOW);
	take_end(&r, &d, flags & CONTINUOUS_STATUS, flags & CONTINUOUS_DEVICE_STATUS,
		 flags & CONTINUOUS_AMPLITUDE);
	return fields_finish(&r, &d, ret);
}

int plx_decode_features(const uint8_t *buf, size_t len, struct plx_features *ret)
{
	struct plx_features f = { 0 };
	struct reader r;

	reader_init(&r, buf, len);
	f.features = read_le16(&r);
	if (f.features & PLX_FEATURE_STATUS)
		f.status = read_le16(&r);
	if (f.features & PLX_FEATURE_DEVICE_STATUS)
		f.device_status = read_le24(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	*ret = f;
	return 0;
}
