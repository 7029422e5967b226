#pragma once

/*
 * segment.h - joins a value that came in several notifications: Blood Pressure Record
 * (0x2B36), Live and Stored Health Observations (0x2B8B, 0x2BDD), Registered User
 * (0x2B37).
 *
 * Every segment begins with a header octet: bit 0 first segment, bit 1 last segment, bits
 * 2 to 7 a counter that grows by one from segment to segment and rolls over from 63 to 0.
 * It runs on from value to value, so the first segment of a value may have any number.
 * Source: Generic Health Sensor Service 1.0 and Blood Pressure Service 1.1.1,
 * segmentation header.
 *
 * The joiner only puts octets together. It is one per characteristic and connection. What
 * it cannot join is given back, never kept: see segment_add for what the caller keeps
 * raw.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/reading.h"

enum { SEGMENT_MAX = READING_RAW_MAX /* longest joined value */ };

/* Zeros: nothing joined. Fields are private; copying it copies what was joined so far. */
struct segment_join {
	bool open;    /* a first segment was taken, the last one is still to come */
	uint8_t next; /* counter of the next segment, 0..63 */
	uint16_t len;
	uint8_t buf[SEGMENT_MAX];
};

/*
 * segment_add - take the next notification.
 *
 * buf, len    the value as received, header octet included; copied
 * ret_whole   what was joined, without headers; points into s, good until the next call
 *             on s. Written when 1, -ECANCELED, -EPROTO or -ENOSPC is returned
 *
 * Returns
 *   1            the value is whole
 *   0            taken, more to come
 *   -ECANCELED   a new value begins although the last one was not finished. *ret_whole is
 *                the beginning of the lost one (mark it MARK_SEGMENT); this segment was
 *                not taken: call again with it
 *   -EPROTO      it does not continue what is here: no first segment, or a counter lost
 *                or repeated. *ret_whole is the beginning (may be empty), this segment
 *                was not taken: both are kept raw, with MARK_SEGMENT
 *   -ENOSPC      with this segment the value would be longer than SEGMENT_MAX: as
 *                -EPROTO, and so are the segments that follow up to the next first one
 *   -EMSGSIZE    empty, not even a header; nothing changes
 *
 * After an error nothing is open. Pure.
 */
int segment_add(struct segment_join *s, const uint8_t *buf, size_t len,
		const uint8_t **ret_whole, size_t *ret_len);

/* segment_is_open - the beginning of a value is here. At the end of a connection it is
 * what segment_take gives. Pure. */
bool segment_is_open(const struct segment_join *s);

/* segment_take - give up waiting: the octets joined so far, borrowed until the next call
 * on s. Nothing is open afterwards. *ret_len may be 0. */
void segment_take(struct segment_join *s, const uint8_t **ret_part, size_t *ret_len);
