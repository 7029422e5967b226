/*
 * dating.c - the rule of dating.h.
 */
#include "hub/core/dating.h"

/* A tick counter runs as if tick 0 had been 2000-01-01 00:00: so the hub measures its offset. */
#define TICK_ZERO_MS INT64_C(946684800000)
enum { TICKS_PER_MS = 10 };

const char *dating_basis_text(enum dating_basis b)
{
	switch (b) {
	case DATING_NONE: return "unknown";
	case DATING_CORRECTED: return "corrected";
	case DATING_RECEIVED: return "received";
	}
	return "?";
}

static uint32_t add_uncertainty(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* The device's own stamp, in ms since 1970 of its own scale. */
static bool stamp_of(const struct reading *rd, int64_t *ret_ms)
{
	const struct decoded *d = &rd->decoded;

	if (d->has_device_time)
		return date_time_to_ms(&d->device_time, ret_ms) == 0;
	if (d->has_ticks)
		*ret_ms = TICK_ZERO_MS + (int64_t)(d->ticks / TICKS_PER_MS);
	return d->has_ticks;
}

/* Is there a stamp that is to be used? */
static bool is_stamped(const struct reading *rd)
{
	if (rd->decoded.marks & MARK_CLOCK_UNSET && rd->clock.source == OFFSET_NONE)
		return false;
	return rd->decoded.has_device_time || rd->decoded.has_ticks;
}

static struct dating from_stamp(const struct reading *rd)
{
	struct dating none = { .basis = DATING_NONE, .uncertainty_ms = UINT32_MAX };
	struct dating d = { .basis = DATING_CORRECTED,
			    .is_ambiguous = rd->decoded.marks & MARK_AMBIGUOUS };
	int64_t stamp_ms;

	if (rd->clock.source == OFFSET_NONE || !stamp_of(rd, &stamp_ms))
		return none;
	/* The offset leads to the hub's local time; its own offset leads from there to UTC. */
	if (__builtin_add_overflow(stamp_ms, rd->clock.offset_ms, &d.utc_ms) ||
	    __builtin_sub_overflow(d.utc_ms, rd->utc_offset_min * 60000LL, &d.utc_ms))
		return none;
	d.uncertainty_ms = add_uncertainty(rd->clock.uncertainty_ms,
					   rd->captured.wall.uncertainty_ms);
	return d;
}

struct dating dating_of(const struct reading *rd)
{
	const struct wall *hub = &rd->captured.wall;
	struct dating d = { .basis = DATING_NONE, .uncertainty_ms = UINT32_MAX };

	if (hub->quality == CLOCK_QUALITY_NONE)
		return d;
	if (is_stamped(rd))
		return from_stamp(rd);
	/* When it came says nothing of when it was measured and stored. */
	if (rd->decoded.marks & MARK_STORED)
		return d;
	d.basis = DATING_RECEIVED;
	d.utc_ms = hub->ms;
	d.uncertainty_ms = hub->uncertainty_ms;
	return d;
}
