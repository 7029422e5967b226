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

/* What a decoder must know beside the bytes: learned on the connection, or from the traits
 * of the model. All zero is a valid context. */
struct profile_context {
	/* values end in an E2E-CRC (2AA8 bit 12, 2A49 bit 6) */
	bool has_crc;
	/* CGM: local start of the session, from 2AAA; values carry minutes since then */
	bool has_session_start;
	struct date_time session_start;
	/* body composition values whose fields are all zero are history stubs (trait) */
	bool bcs_stub;
};

/*
 * Decode one record.
 *
 * buf, len   as received (after profile->split and after segments were joined); borrowed
 * ctx        borrowed
 * ret        written on success, and then always
 *
 * Returns 0, -EMSGSIZE (wrong length for its flags), -EBADMSG (check sum), -ERANGE. Pure.
 */
typedef int profile_decode_fn(const uint8_t *buf, size_t len,
			      const struct profile_context *ctx, struct decoded *ret);

/*
 * Length of the first record of a value that holds several.
 *
 * Returns 1..len: what cannot be split is one record of the whole rest, which the decoder
 * refuses and which is kept raw. len >= 1. Pure.
 */
typedef size_t profile_split_fn(const uint8_t *buf, size_t len);

enum profile_flag {
	/* comes without end: gathered in windows (stream.h), not one reading each */
	PROFILE_STREAM = 1 << 0,
	/* sent on request from the device's memory (racp.h) */
	PROFILE_STORED = 1 << 1,
	/* in segments that segment.h joins */
	PROFILE_SEGMENTS = 1 << 2,
};

struct profile {
	/* registered with bluetoothd, so that bonded devices are connected by themselves */
	uint16_t service;
	uint16_t characteristic; /* subscribed to */
	enum reading_kind kind;
	profile_decode_fn *decode;
	profile_split_fn *split; /* NULL: a value is one record */
	unsigned flags;		 /* enum profile_flag */
};

/* profile_by_characteristic - the row, or NULL if the
 * hub does not take this characteristic. Pure. */
const struct profile *profile_by_characteristic(uint16_t uuid);

/* profile_at - row i, NULL after the last. Pure. */
const struct profile *profile_at(size_t i);
