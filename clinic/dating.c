/*
 * dating.c - the rule of dating.h.
 */
#include "clinic/dating.h"

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

struct dating dating_of(const struct reading *rd)
{
	const struct wall *hub = &rd->captured.wall;
	struct dating none = { .basis = DATING_NONE, .uncertainty_ms = UINT32_MAX };
	struct dating d = none;
	int64_t device_ms;

	if (hub->quality == CLOCK_QUALITY_NONE)
		return none;
	if (!rd->decoded.has_device_time) {
		d.basis = DATING_RECEIVED;
		d.utc_ms = hub->ms;
		d.uncertainty_ms = hub->uncertainty_ms;
		return d;
	}
	if (rd->clock.source == OFFSET_NONE ||
	    date_time_to_ms(&rd->decoded.device_time, &device_ms) < 0)
		return none;
	d.basis = DATING_CORRECTED;
	/* The offset leads to the hub's local time; its own offset leads from there to UTC. */
	if (__builtin_add_overflow(device_ms, rd->clock.offset_ms, &d.utc_ms) ||
	    __builtin_sub_overflow(d.utc_ms, rd->utc_offset_min * 60000LL, &d.utc_ms))
		return none;
	d.uncertainty_ms = add_uncertainty(rd->clock.uncertainty_ms, hub->uncertainty_ms);
	return d;
}
