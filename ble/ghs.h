#pragma once

/*
 * ghs.h - decoder of Generic Health Sensor observations, which name what was measured and
 * its unit by codes of IEEE 11073-10101 instead of by a profile; features and control
 * point of the service.
 *
 * Source: Generic Health Sensor Service 1.0. The numbers, and where they were found, are
 * at the top of ghs.c. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ble/profile.h"

enum {
	GHS_UUID_SERVICE = 0x1840,
	GHS_UUID_LIVE = 0x2B8B,	  /* in segments, see segment.h */
	GHS_UUID_STORED = 0x2BDD, /* in segments */
	GHS_UUID_SCHEDULE_CHANGED = 0x2BF1,
	GHS_UUID_FEATURES = 0x2BF3,
	GHS_UUID_CONTROL_POINT = 0x2BF4,
	GHS_UUID_SECURITY_LEVELS = 0x2BF5,
	GHS_LEN_REQUEST = 1,
	GHS_TYPES_MAX = 32,
	GHS_SPECIALIZATIONS_MAX = 16,
};

/* Bits of the measurement status, kept in decoded.status as sent. Source: IEEE
 * 11073-10206. */
enum ghs_status {
	GHS_STATUS_INVALID = 1 << 0,
	GHS_STATUS_QUESTIONABLE = 1 << 1,
	GHS_STATUS_NOT_AVAILABLE = 1 << 2,
	GHS_STATUS_CALIBRATING = 1 << 3,
	GHS_STATUS_TEST = 1 << 4,
	GHS_STATUS_EARLY = 1 << 5, /* early estimate */
	GHS_STATUS_MANUAL = 1 << 6,
	GHS_STATUS_SETTING = 1 << 7, /* of the device, not a measurement */
	GHS_STATUS_THRESHOLD = 1 << 14,
	GHS_STATUS_NO_THRESHOLDS = 1 << 15,
};

/* What the sensor can observe. */
struct ghs_features {
	uint8_t type_count;
	uint32_t types[GHS_TYPES_MAX]; /* MDC codes */
	uint8_t specialization_count;
	struct {
		uint16_t code; /* of partition 8 */
		uint8_t version;
	} specializations[GHS_SPECIALIZATIONS_MAX];
	bool more; /* there were more than have room here */
};

/* Answer of the control point; other numbers are kept as they are and mean failure. */
enum ghs_result {
	GHS_OK = 0x80,
	GHS_BUSY = 0x81,
	GHS_NOT_SUBSCRIBED =
		0x82, /* live observations are neither notified nor indicated */
};

/*
 * ghs_decode_live - one Live Health Observation (0x2B8B) after segment.h has joined it.
 *
 * Numeric values become VALUE_MDC with the observation's code, UNIT_MDC with the unit's
 * code, and the FLOAT as sent; a code that was observed (simple discrete, or one of a
 * compound of events) UNIT_CODE. A compound gives one value per component, a bundle those
 * of all its members, which inherit its type. Strings, sample arrays, state bits and TLVs
 * give no value: the raw octets have them. Of a bundle the time, the status and the user
 * are its own, else those of the first member that has them; members that disagree about
 * the user make it 255, unknown.
 *
 * Marks: MARK_MORE (more values than fit into a reading), MARK_NO_RESULT (numbers, but
 * none is one), MARK_TEST, MARK_IMPLAUSIBLE, MARK_CLOCK_UNSET (stamp not of the current
 * timeline), MARK_TAIL (octets that nothing explains, also those of a class we do not
 * know).
 *
 * Returns 0 with *ret written, or -EMSGSIZE if shorter than its length, counts or flags
 * require.
 */
int ghs_decode_live(const uint8_t *buf, size_t len, const struct profile_context *ctx,
		    struct decoded *ret);

/* ghs_decode_stored - one Stored Health Observation (0x2BDD), joined: the record number,
 * which becomes 'sequence', then as ghs_decode_live; MARK_STORED. */
int ghs_decode_stored(const uint8_t *buf, size_t len, const struct profile_context *ctx,
		      struct decoded *ret);

/* ghs_decode_features - Health Sensor Features (0x2BF3). Returns 0 with *ret filled, or
 * -EMSGSIZE. */
int ghs_decode_features(const uint8_t *buf, size_t len, struct ghs_features *ret);

/* ghs_encode_live - the request that starts or stops live observations. Returns
 * GHS_LEN_REQUEST. */
int ghs_encode_live(bool start, uint8_t buf[static GHS_LEN_REQUEST]);

/* ghs_decode_response - an indication of the control point (0x2BF4). Returns 0 with
 * *ret_result (enum ghs_result), or -EMSGSIZE. */
int ghs_decode_response(const uint8_t *buf, size_t len, uint8_t *ret_result);
