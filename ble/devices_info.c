/*
 * devices_info.c - what a device says of itself: kept, compared, and told to the clinic.
 *
 * The record's raw octets are a list of [uuid u16 LE][len u8][octets]: Device Information
 * in the order of dis.h, then the features and the battery level. It is handed over when it
 * is complete for the first time, and again when something in it has changed.
 *
 * A device whose serial number or System ID is another one than at its pairing is a copy or
 * a replacement: its readings are kept, and filed under nobody.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ble/bas.h"
#include "ble/devices_internal.h"
#include "hub/core/cursor.h"
#include "hub/rt/log.h"

enum { INFO_HEAD = 3, BATTERY_LOW = 20 };

static int decode_info(const uint8_t *buf, size_t len, const struct profile_context *ctx,
		       struct decoded *ret)
{
	struct decoded d = { 0 };
	struct reader r;

	(void)ctx;
	reader_init(&r, buf, len);
	while (reader_left(&r)) {
		uint16_t uuid = read_le16(&r);
		uint8_t n = read_u8(&r), level;
		const uint8_t *octets = read_span(&r, n);

		if (octets && uuid == BAS_UUID_LEVEL &&
		    bas_decode_level(octets, n, &level) == 0 &&
		    level != BAS_LEVEL_UNKNOWN && !d.value_count)
			d.values[d.value_count++] =
				(struct value){ .name = VALUE_BATTERY,
						.unit = UNIT_PERCENT,
						.number = { .mantissa = level } };
	}
	*ret = d;
	return 0;
}

const struct profile *devices_info_profile(void)
{
	static const struct profile row = {
		.service = CHOOSE_UUID_DEVICE_INFORMATION,
		.characteristic = CHOOSE_UUID_DEVICE_INFORMATION,
		.kind = READING_DEVICE_INFORMATION,
		.decode = decode_info,
	};

	return &row;
}

static void put_battery(struct device *d, const uint8_t *value, size_t len)
{
	uint8_t level;

	if (bas_decode_level(value, len, &level) != 0)
		return;
	/* Told again when it falls below what calls for new batteries, not at each percent. */
	if ((level < BATTERY_LOW) != (d->info.battery < BATTERY_LOW))
		d->info.told = false;
	d->info.battery = level;
}

/* Replace an entry of the list, or append it; what does not fit is left out. */
static void put_feature(struct info *in, uint16_t uuid, const uint8_t *value, size_t len)
{
	size_t at = 0;

	while (at < in->features_len) {
		uint8_t *p = in->features + at;

		if ((p[0] | p[1] << 8) == uuid && p[2] == len) {
			if (memcmp(p + INFO_HEAD, value, len) == 0)
				return;
			memcpy(p + INFO_HEAD, value, len);
			in->told = false;
			return;
		}
		at += INFO_HEAD + (size_t)p[2];
	}
	if (len == 0 || len > UINT8_MAX || at + INFO_HEAD + len > FEATURES_MAX)
		return;
	in->features[at] = (uint8_t)uuid;
	in->features[at + 1] = (uint8_t)(uuid >> 8);
	in->features[at + 2] = (uint8_t)len;
	memcpy(in->features + at + INFO_HEAD, value, len);
	in->features_len = at + INFO_HEAD + len;
	in->told = false;
}

/* Returns 0 if it is one of Device Information's. */
static int put_dis(struct info *in, uint16_t uuid, const uint8_t *value, size_t len)
{
	uint8_t before[READING_RAW_MAX], after[READING_RAW_MAX];
	int n = dis_encode(&in->dis, before), r = dis_put(&in->dis, uuid, value, len);

	if (dis_encode(&in->dis, after) != n || memcmp(before, after, (size_t)n) != 0)
		in->told = false;
	return r;
}

void devices_info_put(struct device *d, uint16_t uuid, const uint8_t *value, size_t len)
{
	if (uuid == BAS_UUID_LEVEL)
		put_battery(d, value, len);
	else if (put_dis(&d->info, uuid, value, len) == -ENOTSUP)
		put_feature(&d->info, uuid, value, len);
}

/* Compared as far as both are known. */
static bool is_other(const struct device *d)
{
	const struct dis *now = &d->info.dis;
	const struct device_pin *pin = &d->pin;

	if (d->cfg.serial[0] && strcmp(d->cfg.serial, now->serial) != 0)
		return true; /* also one that does not tell its number */
	if (pin->serial[0] && now->serial[0] &&
	    strncmp(pin->serial, now->serial, PIN_TEXT_MAX) != 0)
		return true;
	return pin->has_system_id && now->has_system_id &&
	       memcmp(pin->system_id, now->system_id, SYSTEM_ID_LEN) != 0;
}

/* What the device is, is known the first time: it is held to that. */
static void pin_identity(struct devices *ds, struct device *d)
{
	const struct dis *now = &d->info.dis;
	struct device_pin *pin = &d->pin;
	bool new_serial = !pin->serial[0] && now->serial[0];
	bool new_system_id = !pin->has_system_id && now->has_system_id;

	/* not known: bonded by another hand than ours */
	if (!pin->known || !(new_serial || new_system_id))
		return;
	if (new_serial)
		snprintf(pin->serial, sizeof(pin->serial), "%.*s", PIN_TEXT_MAX,
			 now->serial);
	if (new_system_id) {
		pin->has_system_id = true;
		memcpy(pin->system_id, now->system_id, SYSTEM_ID_LEN);
	}
	report_bonded(ds->report, &(struct msg_bonded){ .num = d->cfg.num, .pin = *pin });
}

static void compare(struct devices *ds, size_t i, struct mono now)
{
	struct device *d = &ds->devices[i];
	bool other = is_other(d);

	pairing_on_identity(&ds->pairing, i, !other, now);
	if (other && !d->info.changed) {
		log_warn("device-changed",
			 "device=%u do=\"see whether it was replaced; pair it anew\"",
			 d->cfg.num);
		devices_incident(ds, INCIDENT_RADIO_IMPOSTOR, i);
	}
	d->info.changed = other;
	if (!other)
		pin_identity(ds, d);
}

static void tell(struct devices *ds, size_t i, struct mono now)
{
	struct device *d = &ds->devices[i];
	uint8_t raw[READING_RAW_MAX];
	int n = dis_encode(&d->info.dis, raw);
	size_t len = n < 0 ? 0 : (size_t)n;

	if (len + d->info.features_len + INFO_HEAD + 1 > sizeof(raw))
		len = 0; /* cannot be: see dis.h */
	memcpy(raw + len, d->info.features, d->info.features_len);
	len += d->info.features_len;
	if (d->info.battery != BAS_LEVEL_UNKNOWN) {
		raw[len++] = BAS_UUID_LEVEL & 0xFF;
		raw[len++] = BAS_UUID_LEVEL >> 8;
		raw[len++] = 1;
		raw[len++] = d->info.battery;
	}
	if (len)
		devices_take(ds, i, devices_info_profile(), raw, len, NULL, now);
}

void devices_info_done(struct devices *ds, size_t i, struct mono now)
{
	struct device *d = &ds->devices[i];

	d->info.read = true;
	compare(ds, i, now);
	doctor_on_info(&d->doctor, d->info.changed, d->info.battery, now);
	devices_choose_traits(d, NULL);
	if (!d->info.told)
		tell(ds, i, now);
	d->info.told = true;
}
