#pragma once

/*
 * hrs.h - decoder of the Heart Rate Service's measurement. Source: Heart Rate Service 1.0,
 * 3.1; GATT Specification Supplement, Heart Rate Measurement.
 */
#include <stddef.h>
#include <stdint.h>

#include "ble/profile.h"

enum {
	HRS_UUID_SERVICE = 0x180D,
	HRS_UUID_MEASUREMENT = 0x2A37,
	HRS_LEN_MIN = 2,
};

/*
 * hrs_decode_measurement - one Heart Rate Measurement (0x2A37): a sample of a stream.
 *
 * buf, len   attribute value as received; borrowed
 * ctx        not used
 * ret        filled on success: heart rate; sensor contact if the sensor can tell; energy
 *            expended (kJ) if it is there; RR intervals, oldest first, as sent in 1/1024 s
 *
 * As many RR intervals as fit beside the other values (READING_VALUES_MAX); the others are in
 * the raw octets only. None at all behind their flag is accepted: the rate is whole.
 *
 * Marks: MARK_TAIL (octets left over though no RR intervals are flagged), MARK_NO_RESULT (rate
 * 0: the profile has no NaN, so this is how a strap without skin says that it has none),
 * MARK_IMPLAUSIBLE.
 *
 * Returns 0 with *ret written, or -EMSGSIZE if shorter than the flags require, or half an RR
 * interval at the end. Pure.
 */
int hrs_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret);
