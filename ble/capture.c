/*
 * capture.c - from value to messages; see capture.h.
 */
#include "ble/capture.h"

#include <string.h>

enum { USER_UNKNOWN = 255 };

struct msg_raw capture_raw(const struct profile *profile,
			   const struct config_device *device, const uint8_t *value,
			   size_t len, const struct capture_time *captured,
			   int16_t utc_offset_min)
{
	struct msg_raw raw = {
		.kind = profile->kind,
		.characteristic = profile->characteristic,
		.peripheral = { .num = device->num, .addr_type = device->addr_type },
		.captured = *captured,
		.utc_offset_min = utc_offset_min,
		.link = LINK_UNKNOWN,
	};

	if (len > READING_RAW_MAX)
		len = READING_RAW_MAX;
	memcpy(raw.peripheral.addr, device->addr, PERIPHERAL_ADDR_LEN);
	raw.raw_len = (uint16_t)len;
	if (len)
		memcpy(raw.raw, value, len);
	return raw;
}

struct decoded capture_decode(const struct profile *profile, const uint8_t *value,
			      size_t len)
{
	static const struct profile_context none;
	struct decoded d = { 0 };

	if (profile->decode(value, len, &none, &d) != 0)
		d = (struct decoded){ .marks = MARK_UNDECODED };
	return d;
}

enum attribution capture_attribution(const struct config_device *device,
				     const struct decoded *d)
{
	if (d->marks & MARK_UNDECODED)
		return ATTRIBUTION_UNASSIGNED;
	if (d->has_user)
		return device->has_user && d->user == device->user &&
				       d->user != USER_UNKNOWN
			       ? ATTRIBUTION_CONFIRMED
			       : ATTRIBUTION_UNASSIGNED;
	return device->sole_user ? ATTRIBUTION_PROBABLE : ATTRIBUTION_UNASSIGNED;
}

struct msg_decoded capture_finish(const struct msg_raw *raw, const struct decoded *d,
				  const struct clock_track *clock,
				  const struct config_device *device)
{
	struct msg_decoded ret = { .capture = raw->capture,
				   .class = CLASS_ROUTINE,
				   .decoded = *d };

	if (d->marks & MARK_UNDECODED)
		return ret;
	ret.clock = clock_offset_for(clock, d->has_device_time ? &d->device_time : NULL,
				     &raw->captured, raw->utc_offset_min);
	ret.attribution = capture_attribution(device, d);
	return ret;
}
