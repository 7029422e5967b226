#pragma once

/*
 * elapsed.h - the Elapsed Time structure, which stamps Generic Health Sensor
 * observations, and the clock that shows it: Current Elapsed Time (0x2BF2) of the Elapsed
 * Time Service.
 *
 * It is a count of units since 2000-01-01 00:00, UTC or local as flagged, or a tick
 * counter without any calendar. Pure. Source: Elapsed Time Service 1.0, 3.1; GATT
 * Specification Supplement, Elapsed Time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/cursor.h"
#include "hub/core/reading.h"

enum {
	ELAPSED_UUID_SERVICE = 0x183F,
	ELAPSED_UUID_CURRENT = 0x2BF2,
	ELAPSED_LEN = 9,	  /* the structure; what is written */
	ELAPSED_LEN_CURRENT = 11, /* what is read: clock status and capabilities follow */
	ELAPSED_OFFSET_UNKNOWN = -128,
	ELAPSED_OFFSET_MIN = 15, /* minutes in one step of the offset */
	/* what an ATT error says when the clock is written */
	ELAPSED_ERROR_SOURCE_TOO_LOW = 0x80,
	ELAPSED_ERROR_FORMAT = 0x81,
	ELAPSED_ERROR_RANGE = 0xFF,
};

/* 2000-01-01 00:00 in ms since 1970. */
#define ELAPSED_EPOCH_MS INT64_C(946684800000)

/* Bits of the flags octet. Reserved bits are ignored, and never written. */
enum elapsed_flag {
	ELAPSED_TICKS = 1 << 0, /* tick counter, else time of day */
	ELAPSED_UTC = 1 << 1,	/* else local time */
	/* two bits: 1 s, 100 ms, 1 ms, 100 us */
	ELAPSED_RESOLUTION = 1 << 2 | 1 << 3,
	ELAPSED_HAS_OFFSET = 1 << 4,
	/* the clock was neither reset nor jumped since the stamp */
	ELAPSED_CURRENT_TIMELINE = 1 << 5,
	ELAPSED_RESERVED = 1 << 6 | 1 << 7,
};

/* Where a clock got its time from; also in the Device Time Service. */
enum elapsed_source {
	ELAPSED_SOURCE_UNKNOWN = 0,
	ELAPSED_SOURCE_NTP = 1,
	ELAPSED_SOURCE_GNSS = 2,
	ELAPSED_SOURCE_RADIO = 3,
	ELAPSED_SOURCE_MANUAL = 4,
	ELAPSED_SOURCE_ATOMIC = 5,
	ELAPSED_SOURCE_CELLULAR = 6,
	ELAPSED_SOURCE_NONE = 7, /* not synchronised */
};

/* As on the wire. */
struct elapsed {
	uint8_t flags;	 /* enum elapsed_flag */
	uint64_t value;	 /* 48 bits, in the flagged unit */
	uint8_t source;	 /* enum elapsed_source */
	int8_t quarters; /* local time minus UTC in 15 min; ELAPSED_OFFSET_UNKNOWN */
};

/* What 0x2BF2 shows. */
struct elapsed_current {
	struct elapsed time;
	bool needs_set; /* clock status: not set since it started */
	/* it follows daylight saving, or changes of the zone, by itself */
	bool does_dst, does_zone;
};

/* elapsed_read - take the nine octets of an Elapsed Time from a reader. */
void elapsed_read(struct reader *r, struct elapsed *ret);

/*
 * elapsed_to_ms - its time as ms since 1970-01-01 00:00 of its own scale: UTC, local, or
 * of a tick counter as if tick 0 had been 2000-01-01 00:00, so that one arithmetic serves
 * all three. Rounded down. Total.
 */
int64_t elapsed_to_ms(const struct elapsed *e);

/* elapsed_to_ticks - the value in units of 100 us. Total. */
uint64_t elapsed_to_ticks(const struct elapsed *e);

/* elapsed_ticks_to_ms - ticks of a reading (100 us) in the scale of elapsed_to_ms. Total. */
int64_t elapsed_ticks_to_ms(uint64_t ticks);

/* elapsed_resolution_ms - one unit, 1 at least. */
uint32_t elapsed_resolution_ms(const struct elapsed *e);

/* elapsed_has_offset - does it say how far its local time is from UTC? */
bool elapsed_has_offset(const struct elapsed *e);

/*
 * elapsed_take - read an Elapsed Time into a reading: device_time with time_is_utc, or
 * ticks.
 *
 * Of a UTC stamp with a known offset, time_offset_min is that offset: what the user saw.
 * A stamp that is not of the clock's current timeline gets MARK_CLOCK_UNSET: the clock of
 * now says nothing about it. Beyond the year 9999: left out and MARK_IMPLAUSIBLE.
 */
void elapsed_take(struct reader *r, struct decoded *d);

/*
 * elapsed_decode_current - Current Elapsed Time (0x2BF2) as read or indicated.
 *
 * Returns 0 with *ret filled, or -EMSGSIZE if shorter than ELAPSED_LEN. Clock status and
 * capabilities that are missing count as 0; octets after them are ignored.
 */
int elapsed_decode_current(const uint8_t *buf, size_t len, struct elapsed_current *ret);

/*
 * elapsed_encode_set - the bytes that set the clock, in the form it showed its time: a
 * server refuses any other unit, scale or offset (error 0x81). Source of time: NTP.
 *
 * as               what was last read from it
 * ms               time to set, ms since 1970 of its scale (UTC, or local time of the
 *                  home)
 * utc_offset_min   local time of the home
 *
 * Returns ELAPSED_LEN, -ENOTSUP for a tick counter, or -ERANGE (before 2000, or not in 48
 * bits).
 */
int elapsed_encode_set(const struct elapsed *as, int64_t ms, int16_t utc_offset_min,
		       uint8_t buf[static ELAPSED_LEN]);
