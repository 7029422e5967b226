#pragma once

/*
 * cgm.h - decoders of the Continuous Glucose Monitoring Service's characteristics, and the
 * few questions its control point is asked. Source: CGM Service 1.0.2, 3; GATT
 * Specification Supplement, CGM *.
 *
 * The hub only reads. There is no encoder here for an opcode that calibrates, starts or
 * stops a sensor, or sets an alert or an interval.
 */
#include <stddef.h>
#include <stdint.h>

#include "ble/profile.h"

enum {
	CGM_UUID_SERVICE = 0x181F,
	CGM_UUID_MEASUREMENT = 0x2AA7,
	CGM_UUID_FEATURE = 0x2AA8,
	CGM_UUID_STATUS = 0x2AA9,
	CGM_UUID_SESSION_START = 0x2AAA,
	CGM_UUID_RUN_TIME = 0x2AAB,
	CGM_UUID_OPS = 0x2AAC,
	CGM_RECORD_MIN = 6,  /* of a record of 0x2AA7, its size octet included */
	CGM_RECORD_MAX = 15, /* with every field, and a check sum */
	CGM_FEATURE_LEN = 6,
	CGM_KEY_BITS = 16, /* of a time offset, see racp.h */
};

/* Bits of the status: of a record, where octets that are not there are zero, and of
 * 0x2AA9. Low octet 'status', then 'calibration and temperature', then 'warning'. */
enum cgm_status_bit {
	CGM_STATUS_SESSION_STOPPED = 1 << 0,
	CGM_STATUS_BATTERY_LOW = 1 << 1,
	CGM_STATUS_SENSOR_TYPE = 1 << 2,
	CGM_STATUS_SENSOR_FAULT = 1 << 3,
	CGM_STATUS_DEVICE_ALERT = 1 << 4,
	CGM_STATUS_DEVICE_FAULT = 1 << 5,
	CGM_STATUS_TIME_SYNC = 1 << 8, /* wanted */
	CGM_STATUS_CALIBRATION_FORBIDDEN = 1 << 9,
	CGM_STATUS_CALIBRATION_ADVISED = 1 << 10,
	CGM_STATUS_CALIBRATION_REQUIRED = 1 << 11,
	CGM_STATUS_TOO_HOT = 1 << 12,
	CGM_STATUS_TOO_COLD = 1 << 13,
	CGM_STATUS_PATIENT_LOW = 1 << 16,
	CGM_STATUS_PATIENT_HIGH = 1 << 17,
	CGM_STATUS_HYPO = 1 << 18,
	CGM_STATUS_HYPER = 1 << 19,
	CGM_STATUS_FALLING = 1 << 20,
	CGM_STATUS_RISING = 1 << 21,
	CGM_STATUS_TOO_LOW = 1 << 22, /* below what the device can process */
	CGM_STATUS_TOO_HIGH = 1 << 23,
};

/* Bits of the CGM Feature that the hub looks at; the others are kept. */
enum cgm_feature_bit {
	CGM_FEATURE_CRC = 1 << 12,
	CGM_FEATURE_MULTIPLE_BONDS = 1 << 13,
	CGM_FEATURE_MULTIPLE_SESSIONS = 1 << 14,
	CGM_FEATURE_TREND = 1 << 15,
	CGM_FEATURE_QUALITY = 1 << 16,
};

/*
 * cgm_split - profile_split_fn: length of the first record of a CGM Measurement value.
 *
 * A size octet below 6 or beyond the value makes one record of the whole rest, which
 * cgm_decode_measurement refuses. len >= 1. Returns 1..len. Pure.
 */
size_t cgm_split(const uint8_t *buf, size_t len);

/*
 * cgm_decode_measurement - one record of a CGM Measurement (0x2AA7).
 *
 * buf, len   one record, as cgm_split cuts them; borrowed
 * ctx        has_crc, session start
 * ret        filled on success: glucose in mg/dL; trend in mg/dL/min and quality in % if
 *            they are there; status (enum cgm_status_bit) if any of its octets is
 *
 * Minutes since the session's start are the sequence number and time_offset_min; device
 * time is the session's start, if ctx has it. So device time + offset is the value's time.
 *
 * Marks: MARK_NO_RESULT, MARK_IMPLAUSIBLE. Reserved flag bits are ignored.
 *
 * Returns 0 with *ret written, or
 *   -EMSGSIZE  size octet, length and what the flags (and the check sum) need are not equal
 *   -EBADMSG   check sum wrong
 * Pure.
 */
int cgm_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret);

struct cgm_feature {
	uint32_t features; /* enum cgm_feature_bit, unknown bits kept */
	uint8_t type;	   /* of the sample; codes of the Glucose Service */
	uint8_t location;  /* the same; 5 = subcutaneous */
};

/*
 * cgm_decode_feature - CGM Feature (0x2AA8), which says itself whether it ends in a check
 * sum; without one the field is there too, and is not looked at.
 *
 * Returns 0 with *ret written, -EMSGSIZE (not 6 octets) or -EBADMSG (check sum). Pure.
 */
int cgm_decode_feature(const uint8_t *buf, size_t len, struct cgm_feature *ret);

struct cgm_status {
	uint16_t offset_min; /* since the session's start */
	uint32_t status;     /* enum cgm_status_bit, unknown bits kept */
};

/*
 * cgm_decode_status - CGM Status (0x2AA9), read while no measurement runs.
 *
 * ctx   has_crc, here and below
 *
 * Here and below: returns 0 with *ret written, -EMSGSIZE (too short) or -EBADMSG (check
 * sum); octets after the known fields are ignored. Pure.
 */
int cgm_decode_status(const uint8_t *buf, size_t len, const struct profile_context *ctx,
		      struct cgm_status *ret);

struct cgm_session_start {
	struct date_time time; /* the sensor's local time, a date */
	bool has_zone;
	int8_t zone_quarters; /* hours / 4 from UTC, without daylight saving */
	bool has_dst;
	uint8_t dst_quarters; /* added in summer */
};

/*
 * cgm_decode_session_start - CGM Session Start Time (0x2AAA).
 *
 * Returns as above, or -ERANGE: the sensor does not know (year, month or day 0: nobody has
 * told it the time), or not a date. Zone and daylight saving that are unknown or reserved
 * are left out. Pure.
 */
int cgm_decode_session_start(const uint8_t *buf, size_t len,
			     const struct profile_context *ctx,
			     struct cgm_session_start *ret);

/* cgm_decode_run_time - CGM Session Run Time (0x2AAB): hours a session is to last. Pure. */
int cgm_decode_run_time(const uint8_t *buf, size_t len, const struct profile_context *ctx,
			uint16_t *ret_hours);

/* Opcodes of the CGM Specific Ops Control Point (0x2AAC) that ask and change nothing. The
 * answer's opcode is one higher. */
enum cgm_get {
	CGM_GET_INTERVAL = 0x02,
	CGM_GET_CALIBRATION = 0x05,
	CGM_GET_PATIENT_HIGH = 0x08,
	CGM_GET_PATIENT_LOW = 0x0B,
	CGM_GET_HYPO = 0x0E,
	CGM_GET_HYPER = 0x11,
	CGM_GET_FALL_RATE = 0x14,
	CGM_GET_RISE_RATE = 0x17,
};

enum {
	CGM_GET_MAX = 5,	       /* octets of the longest question */
	CGM_CALIBRATION_LAST = 0xFFFF, /* record number of the newest calibration */
};

/*
 * cgm_encode_get - the octets of one question.
 *
 * calibration   record number, for CGM_GET_CALIBRATION only
 *
 * Returns the length, or -ENOTSUP for any opcode that is not one of enum cgm_get. Pure.
 */
int cgm_encode_get(enum cgm_get get, uint16_t calibration,
		   const struct profile_context *ctx, uint8_t buf[static CGM_GET_MAX]);

enum cgm_ops_code {
	CGM_OPS_OK = 1,
	CGM_OPS_NOT_SUPPORTED = 2,
	CGM_OPS_BAD_OPERAND = 3,
	CGM_OPS_NOT_COMPLETED = 4,
	CGM_OPS_OUT_OF_RANGE = 5,
};

struct cgm_calibration {
	struct decimal glucose; /* mg/dL */
	uint16_t offset_min;	/* since the session's start */
	uint8_t type;		/* of the sample; codes of the Glucose Service */
	uint8_t location;
	uint16_t next_min; /* when the next one is due, since the session's start */
	uint16_t number;   /* of this record */
	uint8_t status;	   /* b0 rejected, b1 out of range, b2 pending */
};

/* An answer of the control point. */
struct cgm_ops {
	uint8_t request; /* opcode that this answers */
	/* enum cgm_ops_code, unknown codes kept; the fields below only if it is CGM_OPS_OK,
	 * and of them only the one that belongs to 'request' */
	uint8_t code;
	uint8_t interval_min; /* 0: the sensor does not notify by itself */
	struct cgm_calibration calibration;
	struct decimal level; /* of an alert: mg/dL, rates mg/dL/min */
};

/*
 * cgm_decode_ops_response - one indication of the CGM Specific Ops Control Point.
 *
 * Returns 0 with *ret written, or
 *   -EMSGSIZE  not the length that its opcode (and the check sum) needs
 *   -EBADMSG   check sum wrong, or not an opcode of an answer
 * Pure.
 */
int cgm_decode_ops_response(const uint8_t *buf, size_t len,
			    const struct profile_context *ctx, struct cgm_ops *ret);
