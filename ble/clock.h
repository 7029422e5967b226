#pragma once

/*
 * clock.h - the clocks of peripherals: their bytes, how far they are off, and when the
 * hub may set them.
 *
 * A *coincidence* is the device's clock and the hub's monotonic clock at one instant. Kept like
 * this, and not as a difference, it can be told in terms of whatever wall time a reading was
 * captured with, also when the hub learns the true time in between. Pure: no clock is read here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/cursor.h"
#include "hub/core/reading.h"
#include "hub/core/time.h"

enum {
	CLOCK_UUID_CURRENT_TIME = 0x2A2B,
	CLOCK_UUID_DATE_TIME = 0x2A08,
	CLOCK_LEN_CURRENT_TIME = 10,
	CLOCK_LEN_DATE_TIME = 7,
	CLOCK_LEN_MAX = 10,
	CLOCK_TOLERANCE_MS = 5000, /* a device's clock this near is left alone */
	CLOCK_LIVE_MS =
		10000, /* a value this close to its own stamp proves the device's clock */
};

/* Which characteristic a device's clock is reached through. */
enum clock_kind {
	CLOCK_KIND_NONE = 0,
	CLOCK_KIND_CURRENT_TIME = 1, /* 0x2A2B of the Current Time Service */
	CLOCK_KIND_DATE_TIME =
		2, /* 0x2A08, inside the measurement service of some makers */
};

/* What a device's clock showed. */
struct clock_face {
	int64_t local_ms; /* device's local time, ms since 1970-01-01 00:00 of its zone */
	uint32_t resolution_ms; /* true value: local_ms .. local_ms + resolution_ms */
};

/*
 * clock_read_date_time - take the seven bytes of a Date Time from a reader; every value
 * is kept as sent. Source: GATT Specification Supplement, Date Time.
 */
void clock_read_date_time(struct reader *r, struct date_time *ret);

/* clock_uuid - the characteristic of a kind, 0 for CLOCK_KIND_NONE. Pure. */
uint16_t clock_uuid(enum clock_kind kind);

/*
 * clock_decode - a device's current time, as read from its clock characteristic.
 *
 * buf, len   attribute value; bytes beyond what the kind needs are ignored
 *
 * Returns 0 with *ret written, or
 *   -EMSGSIZE  shorter than its kind requires
 *   -ERANGE    date unknown (year, month or day 0) or not a date
 *   -ENOTSUP   kind is CLOCK_KIND_NONE
 *
 * A Current Time whose fraction is 0 counts as whole seconds: most devices always send 0.
 */
int clock_decode(enum clock_kind kind, const uint8_t *buf, size_t len,
		 struct clock_face *ret);

/* clock_settable_ms - the nearest time that this kind of clock can be set to. Pure. */
int64_t clock_settable_ms(enum clock_kind kind, int64_t local_ms);

/*
 * clock_encode - the bytes that set a device's clock: adjust reason 'manual', day of week
 * filled in.
 *
 * local_ms   local time of the home, ms since 1970
 *
 * The part below a second becomes the fraction of a Current Time and is cut off in a Date Time.
 *
 * Returns the length (10 or 7), or -ENOTSUP for CLOCK_KIND_NONE.
 */
int clock_encode(enum clock_kind kind, int64_t local_ms,
		 uint8_t buf[static CLOCK_LEN_MAX]);

/* The device's clock and ours at one instant. */
struct clock_coincidence {
	/* OFFSET_READ or OFFSET_SET; OFFSET_NONE: nothing is known */
	enum offset_source source;
	struct mono at;
	int64_t local_ms;	 /* what the device's clock showed at 'at' */
	uint32_t uncertainty_ms; /* half the round trip plus the resolution */
	int32_t timeline;
};

/* What is known of one device's clock, over all its
 * connections since hub-ble started. Fields are private. */
struct clock_track {
	/* of this connection; source OFFSET_NONE until measured */
	struct clock_coincidence now;
	struct clock_coincidence last; /* newest of any connection, to see jumps */
	bool was_set; /* we set it; the next two fields tell how it was before */
	/* 'now' just before; OFFSET_NONE if it could not be read */
	struct clock_coincidence before_set;
	int64_t set_to_ms; /* what we set it to */
	int32_t timeline;
	bool was_reset; /* the last face seen was before 2020 */
};

void clock_init(struct clock_track *t);

/* clock_on_linked - a new connection: the offset counts as unknown until it is measured on it. */
void clock_on_linked(struct clock_track *t);

/*
 * clock_on_read - the device's clock was read between two looks at ours.
 *
 * The timeline grows by one if the device's clock went back, differs by more than 10 minutes from
 * where it should have been by its last reading, or shows a time before 2020 for the first time.
 */
void clock_on_read(struct clock_track *t, const struct clock_face *face,
		   struct mono before, struct mono after);

/*
 * clock_on_set - the device confirmed that its clock was set.
 *
 * local_ms        what was written, from clock_settable_ms
 * before, after   our clock when the write left and when its confirmation came
 *
 * The timeline grows by one. Values stamped before it keep the offset measured before it.
 */
void clock_on_set(struct clock_track *t, int64_t local_ms, struct mono before,
		  struct mono after);

/*
 * clock_wall_at - UTC at 'now', extrapolated from UTC at 'at'; the uncertainty grows by
 * 100 ppm of the age, which is more than a Raspberry Pi's crystal drifts.
 */
struct wall clock_wall_at(struct wall utc, struct mono at, struct mono now);

/*
 * clock_offset_for - the offset that belongs to one reading.
 *
 * stamp            the reading's own device time, NULL if it has none
 * captured         when the hub received it; the offset is in terms of captured->wall
 * utc_offset_min   local time of the home
 *
 * Of a device whose clock we set, a stamp that cannot come from the clock after the set
 * gets the offset from before. Without any measurement, a stamp within 10 s of the
 * capture counts as OFFSET_LIVE.
 */
struct clock_offset clock_offset_for(const struct clock_track *t,
				     const struct date_time *stamp,
				     const struct capture_time *captured,
				     int16_t utc_offset_min);

/*
 * clock_should_set - may and should the device's clock be set now?
 *
 * Only with a time that the clinic vouches for (CLOCK_QUALITY_CLINIC, known to 2 s): NTP
 * is not authenticated, and a device must never be set to a guess. Only if the device is
 * off by more than CLOCK_TOLERANCE_MS, or if its clock could not be read ('readable'
 * false), so that its offset is known at all.
 */
bool clock_should_set(const struct clock_track *t, struct wall utc, struct mono now,
		      int16_t utc_offset_min, bool readable);
