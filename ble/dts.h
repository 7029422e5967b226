#pragma once

/*
 * dts.h - the Device Time Service: what a device's clock shows (0x2B90) and how it is
 * proposed another time (0x2B91).
 *
 * Base Time is the clock that stamps; it is meant to be UTC. What the user sees is base +
 * zone + DST. Only 'propose' is encoded: with 'force' a device must take the time, and we
 * are not its master. Pure. Source: Device Time Service 1.0, 3.1 (feature), 3.3 (time),
 * 3.7 (control point).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DTS_UUID_SERVICE = 0x1847,
	DTS_UUID_FEATURE = 0x2B8E,
	DTS_UUID_TIME = 0x2B90,
	DTS_UUID_CONTROL_POINT = 0x2B91,
	DTS_LEN_FEATURE = 4,
	DTS_LEN_TIME_MIN = 8,
	DTS_LEN_PROPOSE_MAX = 13,
	DTS_PROPOSE = 0x02, /* opcode, in a response */
};

/* Bits of the Device Time Feature. */
enum dts_feature {
	DTS_FEATURE_CRC = 1 << 0,
	DTS_FEATURE_LOG = 1 << 1, /* logs changes of its time */
	DTS_FEATURE_FRACTION = 1 << 2,
	DTS_FEATURE_USER_TIME = 1 << 6, /* separate timeline for the user */
	DTS_FEATURE_AUTHORISATION = 1 << 7,
	DTS_FEATURE_DRIFT = 1 << 8,
	DTS_FEATURE_EPOCH_1900 = 1 << 9,
	DTS_FEATURE_EPOCH_2000 = 1 << 10,
};

/* Bits of the status in 0x2B90. */
enum dts_status {
	DTS_STATUS_FAULT = 1 << 0, /* the clock stopped or was reset */
	DTS_STATUS_UTC_ALIGNED = 1 << 1,
	DTS_STATUS_LOCAL_QUALIFIED = 1 << 2,
	DTS_STATUS_WANTS_UPDATE = 1 << 3,
	DTS_STATUS_EPOCH_2000 = 1 << 4, /* else 1900 */
	DTS_STATUS_UNLOGGED_CHANGE = 1 << 5,
	DTS_STATUS_LOG_CONSOLIDATION = 1 << 6,
};

struct dts_time {
	int64_t base_ms; /* Base Time, ms since 1970 */
	/* local time minus base as the device knows it, daylight saving included */
	bool has_zone;
	int16_t zone_min;
	uint16_t status; /* enum dts_status */
	/* it counts parts of a second, so that base_ms is no whole number of them */
	bool has_fraction;
};

/* Answer to a proposal; other numbers are kept as they are and mean failure. */
enum dts_result {
	DTS_OK = 1,
	DTS_UNSUPPORTED = 2,
	DTS_INVALID_OPERAND = 3,
	DTS_FAILED = 4,
	DTS_REJECTED = 5,
	DTS_BUSY = 7,
};

struct dts_response {
	uint8_t request; /* opcode it answers */
	uint8_t result;	 /* enum dts_result */
	/* why it was rejected, bits as sent; 0 if it does not say */
	uint16_t reasons;
};

/*
 * dts_decode_feature - Device Time Feature (0x2B8E). Its first two octets are a check
 * sum, 0xFFFF without DTS_FEATURE_CRC.
 *
 * Returns 0 with *ret_features, -EMSGSIZE or -EBADMSG (check sum).
 */
int dts_decode_feature(const uint8_t *buf, size_t len, uint16_t *ret_features);

/*
 * dts_decode_time - Device Time (0x2B90).
 *
 * features   from dts_decode_feature: says which fields there are
 *
 * Returns 0 with *ret filled, -EMSGSIZE (shorter than its features require) or -EBADMSG
 * (check sum). Octets left over are ignored.
 */
int dts_decode_time(uint16_t features, const uint8_t *buf, size_t len,
		    struct dts_time *ret);

/*
 * dts_encode_propose - Propose Time Update, to be written to 0x2B91.
 *
 * utc_ms           ms since 1970; the part below a second is cut off
 * utc_offset_min   local time of the home; sent as zone with no daylight saving, which
 *                  gives the same local time; unknown if it is not in quarter hours
 *
 * Aligned to UTC, qualified local time, reason: external reference, source: NTP, accuracy
 * unknown. In the epoch that the device supports, 2000 if both or neither.
 *
 * Returns the length, 11 or 13 with check sum, or -ERANGE if it is not in 32 bits of
 * seconds.
 */
int dts_encode_propose(uint16_t features, int64_t utc_ms, int16_t utc_offset_min,
		       uint8_t buf[static DTS_LEN_PROPOSE_MAX]);

/*
 * dts_decode_response - an indication of 0x2B91.
 *
 * Returns 0 with *ret filled, -EMSGSIZE, -EBADMSG (check sum), or -ENOTSUP (not a
 * response to a request).
 */
int dts_decode_response(uint16_t features, const uint8_t *buf, size_t len,
			struct dts_response *ret);
