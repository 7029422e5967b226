#pragma once

/*
 * gls.h - decoders of the Glucose Service's characteristics. Source: Glucose Service 1.0.1,
 * 3; GATT Specification Supplement, Glucose Measurement, Glucose Measurement Context.
 */
#include <stddef.h>
#include <stdint.h>

#include "ble/profile.h"

enum {
	GLS_UUID_SERVICE = 0x1808,
	GLS_UUID_MEASUREMENT = 0x2A18,
	GLS_UUID_CONTEXT = 0x2A34,
	GLS_UUID_FEATURE = 0x2A51,
	GLS_LEN_MIN = 10,
	/* longer is a later version of the profile: known fields decoded, MARK_TAIL */
	GLS_LEN_MAX = 17,
	GLS_CONTEXT_LEN_MIN = 3,
	GLS_CONTEXT_LEN_MAX = 17,
	GLS_KEY_BITS = 16, /* of a sequence number, see racp.h */
};

/* Bits of the sensor status annunciation. */
enum gls_status {
	GLS_STATUS_BATTERY_LOW = 1 << 0,
	GLS_STATUS_SENSOR_FAULT = 1 << 1,
	GLS_STATUS_SAMPLE_SMALL = 1 << 2,
	GLS_STATUS_STRIP_INSERTION = 1 << 3,
	GLS_STATUS_STRIP_TYPE = 1 << 4,
	GLS_STATUS_TOO_HIGH = 1 << 5, /* above what the device can measure */
	GLS_STATUS_TOO_LOW = 1 << 6,
	GLS_STATUS_TOO_HOT = 1 << 7,
	GLS_STATUS_TOO_COLD = 1 << 8,
	GLS_STATUS_STRIP_PULLED = 1 << 9, /* before it was read */
	GLS_STATUS_DEVICE_FAULT = 1 << 10,
	GLS_STATUS_TIME_FAULT = 1 << 11, /* the time may be wrong */
};

/* Bits of the Glucose Feature: what the meter can detect. */
enum gls_feature {
	GLS_FEATURE_BATTERY_LOW = 1 << 0,
	GLS_FEATURE_SENSOR_FAULT = 1 << 1,
	GLS_FEATURE_SAMPLE_SIZE = 1 << 2,
	GLS_FEATURE_STRIP_INSERTION = 1 << 3,
	GLS_FEATURE_STRIP_TYPE = 1 << 4,
	GLS_FEATURE_HIGH_LOW = 1 << 5,
	GLS_FEATURE_TEMPERATURE = 1 << 6,
	GLS_FEATURE_STRIP_PULLED = 1 << 7,
	GLS_FEATURE_DEVICE_FAULT = 1 << 8,
	GLS_FEATURE_TIME_FAULT = 1 << 9,
	GLS_FEATURE_MULTIPLE_BONDS = 1 << 10,
};

enum {
	GLS_TYPE_CONTROL = 10, /* control solution: a test of the meter */
	GLS_LOCATION_CONTROL = 4,
};

/*
 * gls_decode_measurement - one Glucose Measurement (0x2A18).
 *
 * buf, len   attribute value as received; borrowed
 * ret        filled on success: sequence; glucose, sample type and location if they are
 *            there; status
 *
 * Glucose stays in kg/L or mol/L as flagged. Device time is the base time, which a user
 * who sets the clock does not change; time_offset_min leads from there to what was on the
 * display. An offset that the meter could not express (0x7FFF, 0x8000) is left out.
 *
 * Marks: MARK_TAIL, MARK_NO_RESULT (no glucose in it: the status says why),
 * MARK_CONTROL (control solution), MARK_IMPLAUSIBLE (a number outside what a living person
 * has, a base time that is not a date, an offset that was left out). Reserved flag bits are
 * ignored, unknown codes kept.
 *
 * Returns 0 with *ret written, or -EMSGSIZE if shorter than the flags require. Pure.
 */
int gls_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret);

/*
 * gls_decode_context - one Glucose Measurement Context (0x2A34): meal, medication, ... of
 * the measurement with the same sequence number.
 *
 * ret   filled on success: sequence, and what the flags name, in the order of the octets
 *
 * A duration of exercise that the meter could not express (0xFFFF) is DECIMAL_PLUS_INF.
 * Carbohydrate in kg, medication in kg or L as flagged. Extended flags are all reserved.
 *
 * Marks: MARK_TAIL, MARK_IMPLAUSIBLE. Returns 0 with *ret written, or -EMSGSIZE. Pure.
 */
int gls_decode_context(const uint8_t *buf, size_t len, const struct profile_context *ctx,
		       struct decoded *ret);

/*
 * gls_decode_feature - Glucose Feature (0x2A51).
 *
 * Returns 0 with *ret_features (enum gls_feature, unknown bits kept), or -EMSGSIZE. Pure.
 */
int gls_decode_feature(const uint8_t *buf, size_t len, uint16_t *ret_features);
