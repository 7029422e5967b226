#pragma once

/*
 * profile.h - the table of what the hub takes from peripherals: one row per measurement
 * characteristic.
 *
 * A new profile is one decoder file and one row here; nothing else of hub-ble knows which
 * profiles exist.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/core/reading.h"

/* Decode one attribute value; contract as bls_decode_measurement. */
typedef int profile_decode_fn(const uint8_t *buf, size_t len, struct decoded *ret);

struct profile {
	/* registered with bluetoothd, so that bonded devices are connected by themselves */
	uint16_t service;
	uint16_t characteristic; /* subscribed to; each of its values is a reading */
	enum reading_kind kind;
	profile_decode_fn *decode;
	uint16_t burst; /* values a device may send at once before it counts as a flood */
	uint16_t per_second; /* and after that */
};

/* profile_by_characteristic - the row, or NULL if the
 * hub does not take this characteristic. Pure. */
const struct profile *profile_by_characteristic(uint16_t uuid);

/* profile_at - row i, NULL after the last. Pure. */
const struct profile *profile_at(size_t i);
