#pragma once

/*
 * bls.h - decoder of the Blood Pressure Service's characteristics. Source: Blood Pressure
 * Service 1.1.1, 3.
 */
#include <stddef.h>
#include <stdint.h>

#include "ble/profile.h"

enum {
	BLS_UUID_SERVICE = 0x1810,
	BLS_UUID_MEASUREMENT = 0x2A35,
	BLS_UUID_FEATURE = 0x2A49,
	BLS_LEN_MIN = 7,
	/* longer is a later version of the profile: known fields decoded, MARK_TAIL */
	BLS_LEN_MAX = 19,
};

/* Bits of the measurement status field; 'range' is two bits wide (0 in, 1 above, 2 below). */
enum bls_status {
	BLS_STATUS_MOVEMENT = 1 << 0,
	BLS_STATUS_CUFF_LOOSE = 1 << 1,
	BLS_STATUS_IRREGULAR_PULSE = 1 << 2,
	BLS_STATUS_PULSE_ABOVE = 1 << 3,
	BLS_STATUS_PULSE_BELOW = 1 << 4,
	BLS_STATUS_POSITION = 1 << 5,
};

/* Bits of the Blood Pressure Feature. */
enum bls_feature {
	BLS_FEATURE_MOVEMENT = 1 << 0,
	BLS_FEATURE_CUFF_FIT = 1 << 1,
	BLS_FEATURE_IRREGULAR_PULSE = 1 << 2,
	BLS_FEATURE_PULSE_RANGE = 1 << 3,
	BLS_FEATURE_POSITION = 1 << 4,
	BLS_FEATURE_MULTIPLE_BONDS = 1 << 5,
	BLS_FEATURE_E2E_CRC = 1 << 6,
	BLS_FEATURE_USER_DATA = 1 << 7,
	BLS_FEATURE_USER_TIME = 1 << 8,
};

/*
 * bls_decode_measurement - one Blood Pressure Measurement (0x2A35).
 *
 * buf, len   attribute value as received; borrowed
 * ret        filled on success: systolic, diastolic, mean, and pulse if it is there
 *
 * Decimals stay as sent, in mmHg or kPa as flagged. Device time only if it is a date (unknown: left
 * out; not a date: left out and MARK_IMPLAUSIBLE). User 255: the device does not know who it was.
 *
 * Marks: MARK_TAIL, MARK_NO_RESULT (no pressure has a number: the cuff failed to
 * measure), MARK_IMPLAUSIBLE (a number outside what a living person has, or systolic
 * below diastolic). Reserved flag bits are ignored: real cuffs set them.
 *
 * Returns 0 with *ret written, or -EMSGSIZE if shorter than the flags require. Pure.
 */
int bls_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret);

/*
 * bls_decode_feature - Blood Pressure Feature (0x2A49).
 *
 * Returns 0 with *ret_features (enum bls_feature, unknown bits kept), or -EMSGSIZE. Pure.
 */
int bls_decode_feature(const uint8_t *buf, size_t len, uint16_t *ret_features);
