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
	BLS_UUID_INTERMEDIATE = 0x2A36,
	BLS_UUID_FEATURE = 0x2A49,
	BLS_UUID_ENHANCED = 0x2B34,
	BLS_UUID_ENHANCED_INTERMEDIATE = 0x2B35,
	BLS_UUID_RECORD = 0x2B36,
	BLS_LEN_MIN = 7,
	/* longer is a later version of the profile: known fields decoded, MARK_TAIL */
	BLS_LEN_MAX = 19,
	BLS_LEN_ENHANCED_MAX = 20,
	BLS_LEN_ENHANCED_INTERMEDIATE_MIN = 3,
	BLS_LEN_ENHANCED_INTERMEDIATE_MAX = 16,
	BLS_LEN_RECORD_HEAD = 4, /* sequence and UUID, before the carried value */
};

/* Bits of the measurement status field; 'range' is two bits wide (0 in, 1 above, 2
 * below). */
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
 * Decimals stay as sent, in mmHg or kPa as flagged. Device time only if it is a date
 * (unknown: left out; not a date: left out and MARK_IMPLAUSIBLE). User 255: the device
 * does not know who it was.
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
 * bls_decode_intermediate - one Intermediate Cuff Pressure (0x2A36): the pressure while
 * the cuff is pumped up, VALUE_CUFF_PRESSURE. Not a reading: the hub does not subscribe
 * to it.
 *
 * Laid out as the measurement, with the cuff pressure in place of systolic; the other two
 * pressures are NaN by definition and skipped. Marks and errors as above.
 */
int bls_decode_intermediate(const uint8_t *buf, size_t len,
			    const struct profile_context *ctx, struct decoded *ret);

/*
 * bls_decode_enhanced - one Enhanced Blood Pressure Measurement (0x2B34).
 *
 * As bls_decode_measurement, but the times are seconds since 1900 or 2000, as flagged.
 * The Time Stamp is the base time of the Device Time Service: device_time with
 * time_is_utc. The User Facing Time, which the patient saw, becomes time_offset_min,
 * whole minutes, nearest; alone, it is a local device_time.
 */
int bls_decode_enhanced(const uint8_t *buf, size_t len, const struct profile_context *ctx,
			struct decoded *ret);

/* bls_decode_enhanced_intermediate - one Enhanced Intermediate Cuff Pressure (0x2B35): a
 * single pressure, VALUE_CUFF_PRESSURE, then as bls_decode_enhanced. Not subscribed
 * to. */
int bls_decode_enhanced_intermediate(const uint8_t *buf, size_t len,
				     const struct profile_context *ctx,
				     struct decoded *ret);

/*
 * bls_decode_record - one Blood Pressure Record (0x2B36) after segment.h has joined it:
 * sequence number, UUID of the characteristic it carries, its value and, with
 * ctx->has_crc, a check sum over all of it.
 *
 * The sequence number starts at 0 and goes back to 0 after 65535, per user. MARK_STORED
 * is set.
 *
 * Returns what the carried value's decoder does (0x2A35, 0x2A36, 0x2B34, 0x2B35), or
 *   -EMSGSIZE  shorter than sequence, UUID and check sum
 *   -EBADMSG   check sum wrong
 *   -ERANGE    carries a characteristic that is not of this service
 */
int bls_decode_record(const uint8_t *buf, size_t len, const struct profile_context *ctx,
		      struct decoded *ret);

/*
 * bls_decode_feature - Blood Pressure Feature (0x2A49).
 *
 * Returns 0 with *ret_features (enum bls_feature, unknown bits kept), or -EMSGSIZE. Pure.
 */
int bls_decode_feature(const uint8_t *buf, size_t len, uint16_t *ret_features);
