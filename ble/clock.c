/*
 * clock.c - bytes, offset and timeline of peripherals' clocks; see clock.h.
 *
 * Sources: GATT Specification Supplement (Date Time, Current Time); Current Time Service 1.1.
 */
#include "ble/clock.h"

#include <errno.h>

enum {
	SECOND_MS = 1000,
	DAY_MS = 86400000,
	JUMP_MS = 600000,    /* a difference this large is no drift */
	UTC_VAGUE_MS = 2000, /* UTC known worse than this is not written into a device */
	SLACK_MS = 2000,     /* stamps are whole seconds, and the write took its time */
	DRIFT_DIVISOR = 10000, /* 100 ppm */
	REASON_MANUAL = 1 << 0,
	FRACTIONS = 256,
};

#define YEAR_2020_MS INT64_C(1577836800000)

void clock_read_date_time(struct reader *r, struct date_time *ret)
{
	ret->year = read_le16(r);
	ret->month = read_u8(r);
	ret->day = read_u8(r);
	ret->hour = read_u8(r);
	ret->minute = read_u8(r);
	ret->second = read_u8(r);
}

uint16_t clock_uuid(enum clock_kind kind)
{
	switch (kind) {
	case CLOCK_KIND_NONE: break;
	case CLOCK_KIND_CURRENT_TIME: return CLOCK_UUID_CURRENT_TIME;
	case CLOCK_KIND_DATE_TIME: return CLOCK_UUID_DATE_TIME;
	}
	return 0;
}

int clock_decode(enum clock_kind kind, const uint8_t *buf, size_t len,
		 struct clock_face *ret)
{
	struct date_time t;
	struct reader r;
	unsigned fraction = 0;
	int64_t ms;
	int err;

	if (kind == CLOCK_KIND_NONE)
		return -ENOTSUP;
	reader_init(&r, buf, len);
	clock_read_date_time(&r, &t);
	if (kind == CLOCK_KIND_CURRENT_TIME) {
		read_u8(&r); /* day of week: follows from the date */
		fraction = read_u8(&r);
		read_u8(&r); /* adjust reason: of the last change, not of this value */
	}
	if (!reader_ok(&r))
		return -EMSGSIZE;
	err = date_time_to_ms(&t, &ms);
	if (err)
		return err;
	ret->local_ms = ms + fraction * SECOND_MS / FRACTIONS;
	ret->resolution_ms = fraction ? SECOND_MS / FRACTIONS + 1 : SECOND_MS;
	return 0;
}

/* 1 = Monday .. 7 = Sunday; day 0 of 1970 was a Thursday. */
static uint8_t day_of_week(int64_t local_ms)
{
	int64_t day = local_ms / DAY_MS - (local_ms % DAY_MS < 0);

	return (uint8_t)(((day + 3) % 7 + 7) % 7 + 1);
}

int64_t clock_settable_ms(enum clock_kind kind, int64_t local_ms)
{
	int64_t half = local_ms + SECOND_MS / 2;

	if (kind != CLOCK_KIND_DATE_TIME)
		return local_ms;
	return half - (half % SECOND_MS + SECOND_MS) % SECOND_MS;
}

int clock_encode(enum clock_kind kind, int64_t local_ms,
		 uint8_t buf[static CLOCK_LEN_MAX])
{
	struct date_time t = date_time_from_ms(local_ms);
	int64_t part = (local_ms % SECOND_MS + SECOND_MS) % SECOND_MS;
	struct writer w;

	if (kind == CLOCK_KIND_NONE)
		return -ENOTSUP;
	writer_init(&w, buf, CLOCK_LEN_MAX);
	write_le16(&w, t.year);
	write_u8(&w, t.month);
	write_u8(&w, t.day);
	write_u8(&w, t.hour);
	write_u8(&w, t.minute);
	write_u8(&w, t.second);
	if (kind == CLOCK_KIND_CURRENT_TIME) {
		write_u8(&w, day_of_week(local_ms));
		write_u8(&w, (uint8_t)(part * FRACTIONS / SECOND_MS));
		write_u8(&w, REASON_MANUAL);
	}
	return writer_len(&w);
}

void clock_init(struct clock_track *t)
{
	*t = (struct clock_track){ 0 };
}

void clock_on_linked(struct clock_track *t)
{
	t->now = (struct clock_coincidence){ 0 };
}

/* Where the device's clock should be at 'at' if nobody touched it. */
static int64_t run_on(const struct clock_coincidence *c, struct mono at)
{
	return c->local_ms + (int64_t)mono_since(at, c->at) -
	       (int64_t)mono_since(c->at, at);
}

static int64_t distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

static bool jumped(const struct clock_track *t, const struct clock_face *face,
		   struct mono at)
{
	const struct clock_coincidence *last = &t->last;

	if (last->source == OFFSET_NONE)
		return false;
	return face->local_ms < last->local_ms - SLACK_MS ||
	       distance(face->local_ms, run_on(last, at)) > JUMP_MS;
}

/* The instant between two looks at our clock, and half their distance. */
static struct mono middle(struct mono before, struct mono after, uint32_t *ret_half_ms)
{
	uint64_t half = mono_since(after, before) / 2;

	*ret_half_ms = half > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)half;
	return mono_add(before, half);
}

static void remember(struct clock_track *t, struct clock_coincidence c)
{
	t->now = c;
	t->last = c;
}

void clock_on_read(struct clock_track *t, const struct clock_face *face,
		   struct mono before, struct mono after)
{
	bool is_reset = face->local_ms < YEAR_2020_MS;
	uint32_t half_ms;
	struct mono at = middle(before, after, &half_ms);

	if (jumped(t, face, at) || (is_reset && !t->was_reset)) {
		t->timeline++;
		t->was_set = false; /* nothing from before the jump can be dated by us */
	}
	t->was_reset = is_reset;
	remember(t, (struct clock_coincidence){ .source = OFFSET_READ,
						.at = at,
						.local_ms = face->local_ms,
						.uncertainty_ms =
							half_ms + face->resolution_ms,
						.timeline = t->timeline });
}

void clock_on_set(struct clock_track *t, int64_t local_ms, struct mono before,
		  struct mono after)
{
	uint32_t half_ms;
	struct mono at = middle(before, after, &half_ms);

	t->was_set = true;
	t->before_set = t->now;
	t->before_set.timeline = t->timeline;
	t->set_to_ms = local_ms;
	t->timeline++;
	t->was_reset = false;
	remember(t, (struct clock_coincidence){ .source = OFFSET_SET,
						.at = at,
						.local_ms = local_ms,
						.uncertainty_ms = half_ms + SECOND_MS,
						.timeline = t->timeline });
}

struct wall clock_wall_at(struct wall utc, struct mono at, struct mono now)
{
	uint64_t age = mono_since(now, at);
	uint64_t vague = utc.uncertainty_ms + age / DRIFT_DIVISOR;

	utc.ms += (int64_t)age - (int64_t)mono_since(at, now);
	if (utc.uncertainty_ms != UINT32_MAX)
		utc.uncertainty_ms = vague > UINT32_MAX ? UINT32_MAX : (uint32_t)vague;
	return utc;
}

/* Hub's local time at 'at', in terms of the wall time of a capture. */
static int64_t hub_local_at(const struct capture_time *captured, int16_t utc_offset_min,
			    struct mono at)
{
	return captured->wall.ms - (int64_t)mono_since(captured->mono, at) +
	       (int64_t)mono_since(at, captured->mono) + utc_offset_min * INT64_C(60000);
}

/* Could the device have stamped this after we set its clock? Then it
 * lies between what we set and what its clock shows now; one percent
 * is allowed for a clock that runs fast since we last saw it. */
static bool stamped_after_set(const struct clock_track *t, int64_t stamp_ms,
			      struct mono captured)
{
	int64_t drift_ms = (int64_t)(mono_since(captured, t->last.at) / 100);

	return stamp_ms >= t->set_to_ms - SLACK_MS &&
	       stamp_ms <= run_on(&t->last, captured) + SLACK_MS + drift_ms;
}

struct clock_offset clock_offset_for(const struct clock_track *t,
				     const struct date_time *stamp,
				     const struct capture_time *captured,
				     int16_t utc_offset_min)
{
	struct clock_offset ret = { .timeline = t->timeline };
	const struct clock_coincidence *c = &t->now;
	int64_t stamp_ms = 0;
	bool stamped = stamp && date_time_to_ms(stamp, &stamp_ms) == 0;

	if (stamped && t->was_set && !stamped_after_set(t, stamp_ms, captured->mono)) {
		c = &t->before_set;
		ret.timeline = c->timeline;
	}
	if (c->source != OFFSET_NONE) {
		ret.source = c->source;
		ret.uncertainty_ms = c->uncertainty_ms;
		ret.offset_ms =
			hub_local_at(captured, utc_offset_min, c->at) - c->local_ms;
	} else if (stamped &&
		   distance(hub_local_at(captured, utc_offset_min, captured->mono),
			    stamp_ms) <= CLOCK_LIVE_MS) {
		ret.source = OFFSET_LIVE;
		ret.uncertainty_ms = CLOCK_LIVE_MS;
	}
	return ret;
}

bool clock_should_set(const struct clock_track *t, struct wall utc, struct mono now,
		      int16_t utc_offset_min, bool readable)
{
	int64_t hub_ms = utc.ms + utc_offset_min * INT64_C(60000);

	if (utc.quality != CLOCK_QUALITY_CLINIC || utc.uncertainty_ms > UTC_VAGUE_MS)
		return false;
	if (t->now.source == OFFSET_NONE)
		return !readable;
	return distance(hub_ms, run_on(&t->now, now)) > CLOCK_TOLERANCE_MS;
}
