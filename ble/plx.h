#pragma once

/*
 * plx.h - decoder of the Pulse Oximeter Service's characteristics. Source: Pulse Oximeter
 * Service 1.0.1, 3.
 */
#include <stddef.h>
#include <stdint.h>

#include "ble/profile.h"

enum {
	PLX_UUID_SERVICE = 0x1822,
	PLX_UUID_SPOT_CHECK = 0x2A5E,
	PLX_UUID_CONTINUOUS = 0x2A5F,
	PLX_UUID_FEATURES = 0x2A60,
	PLX_LEN_MIN = 5,
	/* longer is a later version of the profile: known fields decoded, MARK_TAIL */
	PLX_SPOT_CHECK_LEN_MAX = 19,
	PLX_CONTINUOUS_LEN_MAX = 20,
};

/* Bits of the measurement status (decoded.status); 0..4 are reserved. */
enum plx_status {
	PLX_STATUS_ONGOING = 1 << 5,
	PLX_STATUS_EARLY = 1 << 6,
	PLX_STATUS_VALIDATED = 1 << 7,
	PLX_STATUS_FULLY_QUALIFIED = 1 << 8,
	PLX_STATUS_FROM_MEMORY = 1 << 9,
	PLX_STATUS_DEMONSTRATION = 1 << 10,
	PLX_STATUS_TESTING = 1 << 11,
	PLX_STATUS_CALIBRATING = 1 << 12,
	PLX_STATUS_UNAVAILABLE = 1 << 13,
	PLX_STATUS_QUESTIONABLE = 1 << 14,
	PLX_STATUS_INVALID = 1 << 15,
};

/* Bits of the device and sensor status (decoded.device_status), 24 bits; 16..23 are
 * reserved. */
enum plx_device_status {
	PLX_DEVICE_DISPLAY_UPDATE = 1 << 0,
	PLX_DEVICE_MALFUNCTION = 1 << 1,
	PLX_DEVICE_IRREGULARITY = 1 << 2,
	PLX_DEVICE_SIGNAL_INADEQUATE = 1 << 3,
	PLX_DEVICE_SIGNAL_POOR = 1 << 4,
	PLX_DEVICE_LOW_PERFUSION = 1 << 5,
	PLX_DEVICE_SIGNAL_ERRATIC = 1 << 6,
	PLX_DEVICE_NONPULSATILE = 1 << 7,
	PLX_DEVICE_PULSE_QUESTIONABLE = 1 << 8,
	PLX_DEVICE_ANALYSIS_ONGOING = 1 << 9,
	PLX_DEVICE_INTERFERENCE = 1 << 10,
	PLX_DEVICE_OFF_USER = 1 << 11,
	PLX_DEVICE_SENSOR_UNKNOWN = 1 << 12,
	PLX_DEVICE_SENSOR_DISPLACED = 1 << 13,
	PLX_DEVICE_SENSOR_FAULT = 1 << 14,
	PLX_DEVICE_SENSOR_DISCONNECTED = 1 << 15,
};

/* Bits of the PLX Features. */
enum plx_feature {
	PLX_FEATURE_STATUS = 1 << 0,
	PLX_FEATURE_DEVICE_STATUS = 1 << 1,
	PLX_FEATURE_STORAGE = 1 << 2, /* of spot-checks, through the RACP */
	PLX_FEATURE_TIME = 1 << 3,
	PLX_FEATURE_FAST = 1 << 4,
	PLX_FEATURE_SLOW = 1 << 5,
	PLX_FEATURE_AMPLITUDE = 1 << 6,
	PLX_FEATURE_MULTIPLE_BONDS = 1 << 7,
};

struct plx_features {
	uint16_t features; /* enum plx_feature, unknown bits kept */
	uint16_t status; /* the bits of enum plx_status that it can set; 0 if not said */
	uint32_t device_status; /* the same for enum plx_device_status */
};

/*
 * plx_decode_spot_check - one PLX Spot-check Measurement (0x2A5E).
 *
 * buf, len   attribute value as received; borrowed
 * ctx        not used
 * ret        filled on success: SpO2, pulse, and pulse amplitude index if it is there; time
 *            stamp as sent, also if the device says that its clock was never set
 *
 * Marks: MARK_TAIL, MARK_NO_RESULT (neither SpO2 nor pulse has a number), MARK_TEST (data for
 * demonstration or testing), MARK_CLOCK_UNSET, MARK_IMPLAUSIBLE. What else the status bits
 * say is for the reader of the chart; they never hide a number.
 *
 * Returns 0 with *ret written, or -EMSGSIZE if shorter than the flags require. Pure.
 */
int plx_decode_spot_check(const uint8_t *buf, size_t len,
			  const struct profile_context *ctx, struct decoded *ret);

/*
 * plx_decode_continuous - one PLX Continuous Measurement (0x2A5F): a sample of a stream.
 *
 * As plx_decode_spot_check, but without a time stamp; SpO2 and pulse are the 'normal' pair,
 * and the fast and slow pairs follow if they are there. MARK_NO_RESULT looks at the normal
 * pair only.
 */
int plx_decode_continuous(const uint8_t *buf, size_t len,
			  const struct profile_context *ctx, struct decoded *ret);

/* plx_decode_features - PLX Features (0x2A60). Returns 0 with *ret, or -EMSGSIZE. Pure. */
int plx_decode_features(const uint8_t *buf, size_t len, struct plx_features *ret);
