/*
 * clock.c - bytes, offset and timeline of peripherals' clocks; see clock.h.
 *
 * Sources: GATT Specification Supplement (Date Time, Current Time); Current Time Service
 * 1.1; Glucose Service 1.0.1, 3.1 (base time and time offset). Elapsed Time and Device
 * Time: elapsed.c, dts.c.
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
	case CLOCK_KIND_ELAPSED: return ELAPSED_UUID_CURRENT;
	case CLOCK_KIND_DEVICE_TIME: return DTS_UUID_TIME;
	}
	return 0;
}

uint16_t clock_set_uuid(enum clock_kind kind)
{
	return kind == CLOCK_KIND_DEVICE_TIME ? DTS_UUID_CONTROL_POINT : clock_uuid(kind);
}

uint16_t clock_feature_uuid(enum clock_kind kind)
{
	return kind == CLOCK_KIND_DEVICE_TIME ? DTS_UUID_FEATURE : 0;
}

void clock_form_init(struct clock_form *f, enum clock_kind kind)
{
	*f = (struct clock_form){ .kind = kind };
}

int clock_form_learn(struct clock_form *f, const uint8_t *buf, size_t len)
{
	if (f->kind != CLOCK_KIND_DEVICE_TIME)
		return -ENOTSUP;
	return dts_decode_feature(buf, len, &f->features);
}

static int decode_calendar(enum clock_kind kind, const uint8_t *buf, size_t len,
			   struct clock_face *ret)
{
	struct date_time t;
	struct reader r;
	unsigned fraction = 0;
	int64_t ms;
	int err;

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
	*ret = (struct clock_face){ .local_ms = ms + fraction * SECOND_MS / FRACTIONS,
				    .resolution_ms = fraction ? SECOND_MS / FRACTIONS + 1
							      : SECOND_MS };
	return 0;
}

static enum clock_scale scale_of(const struct elapsed *e)
{
	if (e->flags & ELAPSED_TICKS)
		return CLOCK_SCALE_TICKS;
	return e->flags & ELAPSED_UTC ? CLOCK_SCALE_UTC : CLOCK_SCALE_LOCAL;
}

static int decode_elapsed(struct clock_form *f, const uint8_t *buf, size_t len,
			  struct clock_face *ret)
{
	struct elapsed_current c;
	int err = elapsed_decode_current(buf, len, &c);

	if (err)
		return err;
	f->has_elapsed = true;
	f->elapsed = c.time;
	*ret = (struct clock_face){
		.local_ms = elapsed_to_ms(&c.time),
		.resolution_ms = elapsed_resolution_ms(&c.time),
		.scale = scale_of(&c.time),
		.has_zone = elapsed_has_offset(&c.time),
		.zone_min = (int16_t)(c.time.quarters * ELAPSED_OFFSET_MIN),
		.wants_set = c.needs_set,
		.fault = !(c.time.flags & ELAPSED_CURRENT_TIMELINE),
	};
	return 0;
}

static int decode_device_time(const struct clock_form *f, const uint8_t *buf, size_t len,
			      struct clock_face *ret)
{
	struct dts_time t;
	int err = dts_decode_time(f->features, buf, len, &t);

	if (err)
		return err;
	*ret = (struct clock_face){
		.local_ms = t.base_ms,
		.resolution_ms = t.has_fraction ? 1 : SECOND_MS,
		.scale = CLOCK_SCALE_UTC,
		.has_zone = t.has_zone,
		.zone_min = t.zone_min,
		.wants_set = t.status & DTS_STATUS_WANTS_UPDATE,
		.fault = t.status & DTS_STATUS_FAULT,
	};
	return 0;
}

int clock_form_decode(struct clock_form *f, const uint8_t *buf, size_t len,
		      struct clock_face *ret)
{
	switch (f->kind) {
	case CLOCK_KIND_NONE: break;
	case CLOCK_KIND_CURRENT_TIME:
	case CLOCK_KIND_DATE_TIME: return decode_calendar(f->kind, buf, len, ret);
	case CLOCK_KIND_ELAPSED: return decode_elapsed(f, buf, len, ret);
	case CLOCK_KIND_DEVICE_TIME: return decode_device_time(f, buf, len, ret);
	}
	return -ENOTSUP;
}

/* 1 = Monday .. 7 = Sunday; day 0 of 1970 was a Thursday. */
static uint8_t day_of_week(int64_t local_ms)
{
	int64_t day = local_ms / DAY_MS - (local_ms % DAY_MS < 0);

	return (uint8_t)(((day + 3) % 7 + 7) % 7 + 1);
}

/* The nearest multiple of step, also for times before 1970. */
static int64_t nearest(int64_t ms, int64_t step)
{
	int64_t half = ms + step / 2;

	return half - (half % step + step) % step;
}

int64_t clock_form_settable_ms(const struct clock_form *f, int64_t local_ms)
{
	switch (f->kind) {
	case CLOCK_KIND_NONE:
	case CLOCK_KIND_CURRENT_TIME: break;
	case CLOCK_KIND_DATE_TIME:
	case CLOCK_KIND_DEVICE_TIME: return nearest(local_ms, SECOND_MS);
	case CLOCK_KIND_ELAPSED:
		if (f->has_elapsed)
			return nearest(local_ms, elapsed_resolution_ms(&f->elapsed));
		break;
	}
	return local_ms;
}

static int encode_calendar(enum clock_kind kind, int64_t local_ms,
			   uint8_t buf[static CLOCK_LEN_MAX])
{
	struct date_time t = date_time_from_ms(local_ms);
	int64_t part = (local_ms % SECOND_MS + SECOND_MS) % SECOND_MS;
	struct writer w;

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

/* What is added to a time in one scale to tell it in the other; ticks stay what they are. */
static int64_t shift_ms(enum clock_scale from, enum clock_scale to, int16_t zone_min)
{
	if (from == CLOCK_SCALE_UTC && to == CLOCK_SCALE_LOCAL)
		return zone_min * INT64_C(60000);
	if (from == CLOCK_SCALE_LOCAL && to == CLOCK_SCALE_UTC)
		return zone_min * INT64_C(-60000);
	return 0;
}

static enum clock_scale scale_of_form(const struct clock_form *f)
{
	if (f->kind == CLOCK_KIND_DEVICE_TIME)
		return CLOCK_SCALE_UTC;
	if (f->kind == CLOCK_KIND_ELAPSED && f->has_elapsed)
		return scale_of(&f->elapsed);
	return CLOCK_SCALE_LOCAL;
}

int clock_form_encode(const struct clock_form *f, int64_t local_ms,
		      int16_t utc_offset_min, uint8_t buf[static CLOCK_LEN_MAX])
{
	int64_t ms =
		local_ms + shift_ms(CLOCK_SCALE_LOCAL, scale_of_form(f), utc_offset_min);

	switch (f->kind) {
	case CLOCK_KIND_NONE: break;
	case CLOCK_KIND_CURRENT_TIME:
	case CLOCK_KIND_DATE_TIME: return encode_calendar(f->kind, ms, buf);
	case CLOCK_KIND_ELAPSED:
		if (!f->has_elapsed)
			break;
		return elapsed_encode_set(&f->elapsed, ms, utc_offset_min, buf);
	case CLOCK_KIND_DEVICE_TIME:
		return dts_encode_propose(f->features, ms, utc_offset_min, buf);
	}
	return -ENOTSUP;
}

int clock_encode(enum clock_kind kind, int64_t local_ms,
		 uint8_t buf[static CLOCK_LEN_MAX])
{
	if (kind != CLOCK_KIND_CURRENT_TIME && kind != CLOCK_KIND_DATE_TIME)
		return -ENOTSUP;
	return encode_calendar(kind, local_ms, buf);
}

int clock_form_reply(const struct clock_form *f, const uint8_t *buf, size_t len)
{
	struct dts_response d;
	int err;

	if (f->kind != CLOCK_KIND_DEVICE_TIME)
		return -ENOTSUP;
	err = dts_decode_response(f->features, buf, len, &d);
	if (err)
		return err;
	if (d.request != DTS_PROPOSE)
		return -ENOTSUP;
	if (d.result == DTS_BUSY)
		return -EAGAIN;
	return d.result == DTS_OK ? 0 : -EACCES;
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

	if (last->source == OFFSET_NONE || last->scale != face->scale)
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
	bool is_reset = face->fault || (face->scale != CLOCK_SCALE_TICKS &&
					face->local_ms < YEAR_2020_MS);
	uint32_t half_ms;
	struct mono at = middle(before, after, &half_ms);

	if (jumped(t, face, at) || (is_reset && !t->was_reset)) {
		t->timeline++;
		t->was_set = false; /* nothing from before the jump can be dated by us */
	}
	t->was_reset = is_reset;
	t->wants_set = face->wants_set;
	remember(t, (struct clock_coincidence){ .source = OFFSET_READ,
						.at = at,
						.local_ms = face->local_ms,
						.uncertainty_ms =
							half_ms + face->resolution_ms,
						.timeline = t->timeline,
						.scale = face->scale,
						.has_zone = face->has_zone,
						.zone_min = face->zone_min });
}

void clock_on_set(struct clock_track *t, const struct clock_form *f, int64_t local_ms,
		  int16_t utc_offset_min, struct mono before, struct mono after)
{
	enum clock_scale scale = scale_of_form(f);
	uint32_t half_ms;
	struct mono at = middle(before, after, &half_ms);

	t->was_set = true;
	t->before_set = t->now;
	t->before_set.timeline = t->timeline;
	t->set_to_ms = local_ms + shift_ms(CLOCK_SCALE_LOCAL, scale, utc_offset_min);
	t->timeline++;
	t->was_reset = false;
	t->wants_set = false;
	remember(t, (struct clock_coincidence){ .source = OFFSET_SET,
						.at = at,
						.local_ms = t->set_to_ms,
						.uncertainty_ms = half_ms + SECOND_MS,
						.timeline = t->timeline,
						.scale = scale });
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

/* What a reading says of its time. */
struct stamp {
	bool has;
	enum clock_scale scale;
	int64_t ms; /* as sent, in 'scale' */
	/* added to what was sent to get what the device's clock showed */
	int64_t shown_ms;
};

static struct stamp stamp_of(const struct decoded *d)
{
	struct stamp s = { 0 };

	if (d->has_device_time) {
		s.has = date_time_to_ms(&d->device_time, &s.ms) == 0;
		s.scale = d->time_is_utc ? CLOCK_SCALE_UTC : CLOCK_SCALE_LOCAL;
		if (d->has_time_offset && !d->time_is_utc)
			s.shown_ms = d->time_offset_min * INT64_C(60000);
	} else if (d->has_ticks) {
		s.has = true;
		s.scale = CLOCK_SCALE_TICKS;
		s.ms = elapsed_ticks_to_ms(d->ticks);
	}
	return s;
}

/* From the scale of a stamp to the one of a coincidence, and back. */
static bool convertible(const struct clock_coincidence *c, enum clock_scale scale)
{
	return (c->scale == CLOCK_SCALE_TICKS) == (scale == CLOCK_SCALE_TICKS);
}

static int16_t zone_of(const struct clock_coincidence *c, int16_t utc_offset_min)
{
	if (c->has_zone)
		return c->zone_min;
	return utc_offset_min;
}

/* Could the device have stamped this after we set its clock? Then it
 * lies between what we set and what its clock shows now; one percent
 * is allowed for a clock that runs fast since we last saw it. */
static bool stamped_after_set(const struct clock_track *t, const struct stamp *s,
			      int16_t utc_offset_min, struct mono captured)
{
	const struct clock_coincidence *c = &t->last;
	int64_t drift_ms = (int64_t)(mono_since(captured, c->at) / 100);
	int64_t shown_ms = s->ms + s->shown_ms +
			   shift_ms(s->scale, c->scale, zone_of(c, utc_offset_min));

	return shown_ms >= t->set_to_ms - SLACK_MS &&
	       shown_ms <= run_on(c, captured) + SLACK_MS + drift_ms;
}

/* What the home's clock shows beyond a stamp that is exact. */
static int64_t exact_offset_ms(const struct stamp *s, int16_t utc_offset_min)
{
	return s->shown_ms + shift_ms(s->scale, CLOCK_SCALE_LOCAL, utc_offset_min);
}

static struct clock_offset find_offset(const struct clock_track *t, const struct stamp *s,
				       const struct capture_time *captured,
				       int16_t utc_offset_min)
{
	struct clock_offset ret = { .timeline = t->timeline };
	const struct clock_coincidence *c = &t->now;
	int64_t hub_ms = hub_local_at(captured, utc_offset_min, captured->mono);

	if (s->has && t->was_set && convertible(&t->last, s->scale) &&
	    !stamped_after_set(t, s, utc_offset_min, captured->mono)) {
		c = &t->before_set;
		ret.timeline = c->timeline;
	}
	if (c->source != OFFSET_NONE && convertible(c, s->scale)) {
		ret.source = c->source;
		ret.uncertainty_ms = c->uncertainty_ms;
		ret.offset_ms = hub_local_at(captured, utc_offset_min, c->at) -
				c->local_ms -
				shift_ms(c->scale, s->scale, zone_of(c, utc_offset_min)) +
				s->shown_ms;
	} else if (s->has && s->scale != CLOCK_SCALE_TICKS &&
		   distance(hub_ms, s->ms + exact_offset_ms(s, utc_offset_min)) <=
			   CLOCK_LIVE_MS) {
		ret.source = OFFSET_LIVE;
		ret.uncertainty_ms = CLOCK_LIVE_MS;
		ret.offset_ms = exact_offset_ms(s, utc_offset_min);
	}
	return ret;
}

struct clock_offset clock_offset_for(const struct clock_track *t, const struct decoded *d,
				     const struct capture_time *captured,
				     int16_t utc_offset_min)
{
	struct stamp s = stamp_of(d);
	struct clock_offset o = find_offset(t, &s, captured, utc_offset_min);
	int64_t hub_ms = hub_local_at(captured, utc_offset_min, captured->mono);

	if (s.has && (d->marks & MARK_CLOCK_UNSET) && o.source != OFFSET_NONE &&
	    distance(hub_ms, s.ms + o.offset_ms) > CLOCK_UNSET_MS)
		o = (struct clock_offset){ .timeline = o.timeline };
	return o;
}

bool clock_is_ambiguous(const struct date_time *stamp, int64_t change_utc_ms,
			int16_t before_min, int16_t after_min)
{
	int64_t ms;

	if (date_time_to_ms(stamp, &ms) != 0)
		return false;
	return ms >= change_utc_ms + after_min * INT64_C(60000) &&
	       ms < change_utc_ms + before_min * INT64_C(60000);
}

bool clock_may_set(struct wall utc)
{
	return utc.quality == CLOCK_QUALITY_CLINIC && utc.uncertainty_ms <= UTC_VAGUE_MS;
}

bool clock_should_set(const struct clock_track *t, struct wall utc, struct mono now,
		      int16_t utc_offset_min, bool readable)
{
	const struct clock_coincidence *c = &t->now;
	int64_t hub_ms = utc.ms + shift_ms(CLOCK_SCALE_UTC, c->scale, utc_offset_min);

	if (!clock_may_set(utc))
		return false;
	if (c->source == OFFSET_NONE)
		return !readable;
	if (c->scale == CLOCK_SCALE_TICKS)
		return false;
	return t->wants_set || distance(hub_ms, run_on(c, now)) > CLOCK_TOLERANCE_MS;
}

bool clock_error(const struct clock_track *t, struct wall utc, struct mono now,
		 int16_t utc_offset_min, int64_t *ret_ms)
{
	const struct clock_coincidence *c = &t->last;

	if (c->source == OFFSET_NONE || c->scale == CLOCK_SCALE_TICKS ||
	    utc.quality < CLOCK_QUALITY_NTP)
		return false;
	*ret_ms = utc.ms + shift_ms(CLOCK_SCALE_UTC, c->scale, utc_offset_min) -
		  run_on(c, now);
	return true;
}
