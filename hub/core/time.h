#pragma once

/*
 * time.h - two kinds of time that never mix, as types, and calendar arithmetic without a time zone.
 *
 * Only the shell reads clocks (hub/rt/clock.h), once per event; everything pure gets them as arguments.
 */
#include <stdbool.h>
#include <stdint.h>

/* Milliseconds of CLOCK_BOOTTIME: counts through suspend, the same in all processes of one boot. */
struct mono {
	uint64_t ms;
};

/* How far the hub's idea of UTC can be trusted, worst first; the numbers are on the wire. */
enum clock_quality {
	/* no clock: before the build's own date, or never set */
	CLOCK_QUALITY_NONE = 0,
	CLOCK_QUALITY_UNSYNC = 1, /* a clock that nobody vouches for */
	CLOCK_QUALITY_NTP = 2,	  /* kernel says synchronised by NTP, unauthenticated */
	CLOCK_QUALITY_CLINIC = 3, /* from an authenticated reply of the clinic */
};

/* UTC in milliseconds since 1970, with what is known of its worth. */
struct wall {
	int64_t ms;
	uint32_t uncertainty_ms; /* half width; UINT32_MAX if unknown */
	enum clock_quality quality;
};

/* Date and time as a device or a calendar says them; no zone.
 * Bluetooth's Date Time, GSS 3.70. year, month or day 0: unknown. */
struct date_time {
	uint16_t year; /* 0 or 1582..9999 */
	uint8_t month; /* 1..12 */
	uint8_t day;   /* 1..31 */
	uint8_t hour, minute, second;
};

static inline struct mono mono_add(struct mono a, uint64_t ms)
{
	return (struct mono){ a.ms + ms };
}

/* a - b in milliseconds, 0 if b is later. */
static inline uint64_t mono_since(struct mono a, struct mono b)
{
	return a.ms > b.ms ? a.ms - b.ms : 0;
}

static inline bool mono_reached(struct mono now, struct mono deadline)
{
	return now.ms >= deadline.ms;
}

/* No deadline: later than anything. */
#define MONO_NEVER ((struct mono){ UINT64_MAX })

/* date_time_valid - every field in range for the month and year, leap years included. Pure. */
bool date_time_valid(const struct date_time *t);

/*
 * date_time_to_ms - milliseconds since 1970-01-01 00:00 of the same zone.
 *
 * Returns 0 with *ret_ms written, or -ERANGE if the date is unknown or not a date. Pure.
 */
int date_time_to_ms(const struct date_time *t, int64_t *ret_ms);

/* date_time_from_ms - the reverse; ms from year 1582 to 9999, others are clamped. Pure. */
struct date_time date_time_from_ms(int64_t ms);
