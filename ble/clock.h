#pragma once

/*
 * clock.h - the clocks of peripherals: their bytes, how far they are off, and when the
 * hub may set them.
 *
 * A *coincidence* is the device's clock and the hub's monotonic clock at one instant.
 * Kept like this, and not as a difference, it can be told in terms of whatever wall time
 * a reading was captured with, also when the hub learns the true time in between. Pure:
 * no clock is read here.
 *
 * Each clock counts in one *scale*: local time, UTC, or ticks that have no calendar. A
 * coincidence stays in the scale of its clock, so that a change of the home's offset is
 * no jump of a clock that runs in UTC; it is converted only where it meets a stamp in
 * another one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ble/dts.h"
#include "ble/elapsed.h"
#include "hub/core/cursor.h"
#include "hub/core/reading.h"
#include "hub/core/time.h"

enum {
	CLOCK_UUID_CURRENT_TIME = 0x2A2B,
	CLOCK_UUID_DATE_TIME = 0x2A08,
	CLOCK_LEN_CURRENT_TIME = 10,
	CLOCK_LEN_DATE_TIME = 7,
	CLOCK_LEN_MAX = DTS_LEN_PROPOSE_MAX,
	CLOCK_TOLERANCE_MS = 5000, /* a device's clock this near is left alone */
	CLOCK_LIVE_MS =
		10000, /* a value this close to its own stamp proves the device's clock */
	/* a device that says its clock is not set is believed about stamps this young */
	CLOCK_UNSET_MS = 120000,
};

/* Which characteristic a device's clock is reached through. */
enum clock_kind {
	CLOCK_KIND_NONE = 0,
	CLOCK_KIND_CURRENT_TIME = 1, /* 0x2A2B of the Current Time Service */
	CLOCK_KIND_DATE_TIME =
		2, /* 0x2A08, inside the measurement service of some makers */
	CLOCK_KIND_ELAPSED = 3, /* 0x2BF2 of the Elapsed Time Service */
	/* 0x2B90 of the Device Time Service; set through 0x2B91 */
	CLOCK_KIND_DEVICE_TIME = 4,
};

/* What a clock counts. */
enum clock_scale {
	CLOCK_SCALE_LOCAL = 0,
	CLOCK_SCALE_UTC = 1,
	CLOCK_SCALE_TICKS = 2, /* as if tick 0 had been 2000-01-01, see elapsed.h */
};

/* What a device's clock showed. All zero but the first two is a plain local clock. */
struct clock_face {
	/* device's time, ms since 1970-01-01 00:00 of its scale; local but for the newer
	 * kinds */
	int64_t local_ms;
	uint32_t resolution_ms; /* true value: local_ms .. local_ms + resolution_ms */
	enum clock_scale scale;
	/* its own idea of local time minus UTC; for stamps in the other scale */
	bool has_zone;
	int16_t zone_min;
	bool wants_set; /* it says that it was never set, or asks for an update */
	bool fault;	/* it says that it was reset */
};

/* How one device tells and takes the time; learned on each connection. */
struct clock_form {
	enum clock_kind kind;
	uint16_t features;	/* of the Device Time Service; 0 until learned */
	bool has_elapsed;	/* the next field is there */
	struct elapsed elapsed; /* last Elapsed Time read; the set copies its form */
};

/*
 * clock_read_date_time - take the seven bytes of a Date Time from a reader; every value
 * is kept as sent. Source: GATT Specification Supplement, Date Time.
 */
void clock_read_date_time(struct reader *r, struct date_time *ret);

/* clock_uuid - the characteristic that shows the time, 0 for CLOCK_KIND_NONE. Pure. */
uint16_t clock_uuid(enum clock_kind kind);

/* clock_set_uuid - the characteristic that takes the time: the same, but for
 * CLOCK_KIND_DEVICE_TIME its control point, which answers by an indication
 * (clock_form_reply). Pure. */
uint16_t clock_set_uuid(enum clock_kind kind);

/* clock_feature_uuid - to be read before the first clock_form_decode, 0 if there is none.
 * Pure. */
uint16_t clock_feature_uuid(enum clock_kind kind);

/* clock_form_init - nothing learned; at each new connection. */
void clock_form_init(struct clock_form *f, enum clock_kind kind);

/*
 * clock_form_learn - the value of clock_feature_uuid.
 *
 * Returns 0, -EMSGSIZE, -EBADMSG (check sum) or -ENOTSUP (this kind has none). After an
 * error the form is as it was; without it, Device Time is read as having no optional
 * field.
 */
int clock_form_learn(struct clock_form *f, const uint8_t *buf, size_t len);

/*
 * clock_form_decode - a device's current time in any kind, as read or indicated; the form
 * remembers how it was told.
 *
 * buf, len   attribute value; bytes beyond what the kind needs are ignored
 *
 * Returns 0 with *ret written, or
 *   -EMSGSIZE  shorter than its kind requires
 *   -ERANGE    date unknown (year, month or day 0) or not a date
 *   -EBADMSG   check sum
 *   -ENOTSUP   kind is CLOCK_KIND_NONE
 *
 * A tick counter is no error: its scale is CLOCK_SCALE_TICKS. A Current Time whose fraction
 * is 0 counts as whole seconds: most devices always send 0.
 */
int clock_form_decode(struct clock_form *f, const uint8_t *buf, size_t len,
		      struct clock_face *ret);

/* clock_form_settable_ms - the nearest time, local of the home, that this clock can be
 * set to. Pure. */
int64_t clock_form_settable_ms(const struct clock_form *f, int64_t local_ms);

/*
 * clock_form_encode - the bytes that set a clock of any kind, for clock_set_uuid.
 *
 * local_ms         local time of the home, ms since 1970; from clock_form_settable_ms
 * utc_offset_min   of the home
 *
 * Returns the length, -ENOTSUP (CLOCK_KIND_NONE, a tick counter, an Elapsed Time that was
 * not read before), or -ERANGE (the clock cannot show it). Pure.
 */
int clock_form_encode(const struct clock_form *f, int64_t local_ms,
		      int16_t utc_offset_min, uint8_t buf[static CLOCK_LEN_MAX]);

/*
 * clock_form_reply - what the device says to a set: an indication of clock_set_uuid. Only
 * CLOCK_KIND_DEVICE_TIME sends one; for the others the write's own answer is all there
 * is.
 *
 * Returns 0 accepted, -EACCES refused, -EAGAIN busy, -EMSGSIZE, -EBADMSG, or -ENOTSUP:
 * not an answer to a set. Pure.
 */
int clock_form_reply(const struct clock_form *f, const uint8_t *buf, size_t len);

/*
 * clock_encode - the bytes that set a clock of the first two kinds: adjust reason
 * 'manual', day of week filled in.
 *
 * local_ms   local time of the home, ms since 1970
 *
 * The part below a second becomes the fraction of a Current Time and is cut off in a Date
 * Time.
 *
 * Returns the length (10 or 7), or -ENOTSUP for all other kinds.
 */
int clock_encode(enum clock_kind kind, int64_t local_ms,
		 uint8_t buf[static CLOCK_LEN_MAX]);

/* The device's clock and ours at one instant. */
struct clock_coincidence {
	/* OFFSET_READ or OFFSET_SET; OFFSET_NONE: nothing is known */
	enum offset_source source;
	struct mono at;
	int64_t local_ms;	 /* what the device's clock showed at 'at', in 'scale' */
	uint32_t uncertainty_ms; /* half the round trip plus the resolution */
	int32_t timeline;
	enum clock_scale scale;
	bool has_zone;
	int16_t zone_min;
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
	int64_t set_to_ms; /* what we set it to, in the scale of 'last' */
	int32_t timeline;
	bool was_reset; /* the last face seen was before 2020, or said so */
	bool wants_set; /* the last face seen asked for it */
};

void clock_init(struct clock_track *t);

/* clock_on_linked - a new connection: the offset counts as unknown until it is measured
 * on it. */
void clock_on_linked(struct clock_track *t);

/*
 * clock_on_read - the device's clock was read between two looks at ours.
 *
 * The timeline grows by one if the device's clock went back, differs by more than 10
 * minutes from where it should have been by its last reading, or for the first time shows
 * a time before 2020 or says that it was reset. A tick counter has no 2020.
 */
void clock_on_read(struct clock_track *t, const struct clock_face *face,
		   struct mono before, struct mono after);

/*
 * clock_on_set - the device confirmed that its clock was set.
 *
 * f, local_ms, utc_offset_min   what was written, as it was encoded; local_ms from
 *                               clock_form_settable_ms
 * before, after                 our clock when the write left and when its confirmation came
 *
 * The timeline grows by one. Values stamped before it keep the offset measured before it.
 */
void clock_on_set(struct clock_track *t, const struct clock_form *f, int64_t local_ms,
		  int16_t utc_offset_min, struct mono before, struct mono after);

/*
 * clock_wall_at - UTC at 'now', extrapolated from UTC at 'at'; the uncertainty grows by
 * 100 ppm of the age, which is more than a Raspberry Pi's crystal drifts.
 */
struct wall clock_wall_at(struct wall utc, struct mono at, struct mono now);

/*
 * clock_offset_for - the offset that belongs to one reading.
 *
 * d                what the reading says of its time
 * captured         when the hub received it; the offset is in terms of captured->wall
 * utc_offset_min   local time of the home
 *
 * Of a device whose clock we set, a stamp that cannot come from the clock after the set
 * gets the offset from before. Without any measurement, a stamp within 10 s of the
 * capture counts as OFFSET_LIVE.
 *
 * In every case the reading's stamp as it was sent, plus offset_ms, is the hub's local
 * time:
 *
 *   device_time                   local: plain
 *   device_time, time_is_utc      the offset contains the home's offset from UTC
 *   device_time, time_offset_min  the offset contains the time offset too: a meter's base
 *                                 time is never changed by its user, its clock shows base
 *                                 + offset, and that is the clock which was read. With
 *                                 time_is_utc it is the base that the clock shows (Device
 *                                 Time), or both are the same instant (Elapsed Time): not
 *                                 added
 *   ticks                         counted as ms since 2000-01-01, see elapsed_ticks_to_ms
 *
 * A clock in another scale than the stamp is converted with the offset from UTC that the
 * device itself told, else the home's. Ticks and calendars cannot be converted:
 * OFFSET_NONE. With MARK_CLOCK_UNSET a measured offset is believed only if it dates the
 * reading within CLOCK_UNSET_MS of the capture: an older stamp may be from before the
 * clock's last start.
 *
 * Nothing is refused: what cannot be dated has source OFFSET_NONE.
 */
struct clock_offset clock_offset_for(const struct clock_track *t, const struct decoded *d,
				     const struct capture_time *captured,
				     int16_t utc_offset_min);

/*
 * clock_is_ambiguous - does a local stamp lie in the hour that the clocks show twice?
 *
 * change_utc_ms    when the home's offset from UTC changes
 * before_min       local time minus UTC until then
 * after_min        and from then on; nothing is shown twice unless it is smaller
 *
 * False for what is not a date. Pure.
 */
bool clock_is_ambiguous(const struct date_time *stamp, int64_t change_utc_ms,
			int16_t before_min, int16_t after_min);

/* clock_may_set - is UTC known so well that a device may be told it? Only from the
 * clinic, to 2 s. */
bool clock_may_set(struct wall utc);

/*
 * clock_should_set - may and should the device's clock be set now?
 *
 * Only with a time that the clinic vouches for (CLOCK_QUALITY_CLINIC, known to 2 s): NTP
 * is not authenticated, and a device must never be set to a guess. Only if the device is
 * off by more than CLOCK_TOLERANCE_MS, if it asks for it, or if its clock could not be
 * read ('readable' false), so that its offset is known at all. Never a tick counter.
 */
bool clock_should_set(const struct clock_track *t, struct wall utc, struct mono now,
		      int16_t utc_offset_min, bool readable);

/*
 * clock_error - how far the device's clock is behind, by its newest reading of any connection; after it was set,
 * what is left.
 *
 * Returns false if it cannot be said: never measured, a tick counter, or the hub itself does not know the time
 * from NTP or the clinic.
 */
bool clock_error(const struct clock_track *t, struct wall utc, struct mono now,
		 int16_t utc_offset_min, int64_t *ret_ms);
