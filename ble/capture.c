/*
 * capture.c - from value to messages; see capture.h.
 */
#include "ble/capture.h"

#include <errno.h>
#include <string.h>

#include "hub/core/dating.h"

enum { USER_UNKNOWN = 255 };

struct msg_raw capture_raw(const struct profile *profile, const struct peripheral *from,
			   const uint8_t *value, size_t len,
			   const struct capture_time *captured, int16_t utc_offset_min,
			   struct capture_link link)
{
	struct msg_raw raw = {
		.kind = profile->kind,
		.characteristic = profile->characteristic,
		.peripheral = *from,
		.captured = *captured,
		.utc_offset_min = utc_offset_min,
		.link = link.strength,
		.unverified = link.unverified,
	};

	if (len > READING_RAW_MAX)
		len = READING_RAW_MAX;
	raw.raw_len = (uint16_t)len;
	if (len)
		memcpy(raw.raw, value, len);
	return raw;
}

struct decoded capture_decode(const struct profile *profile, const uint8_t *value,
			      size_t len, const struct profile_context *ctx)
{
	struct decoded d = { 0 };
	int r = profile->decode(value, len, ctx, &d);

	if (r)
		d = (struct decoded){ .marks = MARK_UNDECODED |
					       (r == -EBADMSG ? MARK_CRC : 0) };
	return d;
}

static enum attribution of_user(enum consent consent)
{
	switch (consent) {
	case CONSENT_NOT_NEEDED: return ATTRIBUTION_CONFIRMED;
	case CONSENT_UNKNOWN: return ATTRIBUTION_PROBABLE;
	case CONSENT_REFUSED: return ATTRIBUTION_UNASSIGNED;
	case CONSENT_GIVEN: return ATTRIBUTION_CONFIRMED;
	}
	return ATTRIBUTION_UNASSIGNED;
}

enum attribution capture_attribution(const struct capture_facts *f,
				     const struct decoded *d)
{
	const struct config_device *c = f->device;

	if (d->marks & (MARK_UNDECODED | MARK_BEFORE | MARK_TEST) || f->changed)
		return ATTRIBUTION_UNASSIGNED;
	if (!d->has_user)
		return c->sole_user ? ATTRIBUTION_PROBABLE : ATTRIBUTION_UNASSIGNED;
	if (!c->has_user || d->user != c->user || d->user == USER_UNKNOWN)
		return ATTRIBUTION_UNASSIGNED;
	return of_user(f->consent);
}

static enum capture_age age_of(const struct decoded *d, const struct clock_offset *clock,
			       const struct capture_time *captured,
			       int16_t utc_offset_min, int64_t since_ms)
{
	const struct reading rd = { .captured = *captured,
				    .utc_offset_min = utc_offset_min,
				    .decoded = *d,
				    .clock = *clock };
	struct dating at = dating_of(&rd);

	if (at.basis != DATING_CORRECTED)
		return CAPTURE_UNDATED;
	return at.utc_ms < since_ms - CAPTURE_SINCE_SLACK_MS - at.uncertainty_ms
		       ? CAPTURE_BEFORE
		       : CAPTURE_SINCE;
}

enum capture_age capture_age(const struct decoded *d, const struct clock_track *clock,
			     const struct capture_time *captured, int16_t utc_offset_min,
			     int64_t since_ms)
{
	const struct clock_offset offset =
		clock_offset_for(clock, d, captured, utc_offset_min);

	return age_of(d, &offset, captured, utc_offset_min, since_ms);
}

struct msg_decoded capture_finish(const struct msg_raw *raw, const struct decoded *d,
				  const struct capture_facts *f)
{
	struct msg_decoded ret = { .capture = raw->capture,
				   .class = CLASS_ROUTINE,
				   .decoded = *d,
				   .history = f->history,
				   .link = f->link.strength,
				   .unverified = f->link.unverified };

	if (f->test)
		ret.decoded.marks |= MARK_TEST;
	if (d->marks & MARK_UNDECODED)
		return ret;
	ret.clock = clock_offset_for(f->clock, d, &raw->captured, raw->utc_offset_min);
	if (f->since_ms && age_of(d, &ret.clock, &raw->captured, raw->utc_offset_min,
				  f->since_ms) == CAPTURE_BEFORE)
		ret.decoded.marks |= MARK_BEFORE;
	ret.attribution = capture_attribution(f, &ret.decoded);
	return ret;
}
