/*
 * revive.c - the radio off and on again after a pause; see revive.h for why, and the invariants.
 */
#include "ble/revive.h"

static void rest(struct revive *r)
{
	r->waiting = 0;
	r->quiet_at = r->by = MONO_NEVER;
}

void revive_init(struct revive *r)
{
	r->off = false;
	rest(r);
}

void revive_on_armed(struct revive *r, unsigned i, struct mono now)
{
	if (!r->waiting)
		r->by = mono_add(now, REVIVE_LONGEST_MS);
	r->waiting |= UINT32_C(1) << i;
	r->quiet_at = mono_add(now, REVIVE_QUIET_MS);
}

void revive_on_linked(struct revive *r, unsigned i)
{
	r->waiting &= ~(UINT32_C(1) << i);
	if (!r->waiting)
		rest(r);
}

struct mono revive_deadline(const struct revive *r, struct revive_view v)
{
	if (v.window || r->off)
		return MONO_NEVER; /* its end is an event */
	return v.linked ? r->by : r->quiet_at;
}

bool revive_turn(struct revive *r, struct revive_view v, struct mono now)
{
	if (r->off && v.radio_off)
		r->off = false;
	else if (mono_reached(now, revive_deadline(r, v))) {
		r->off = true;
		rest(r);
	}
	return r->off;
}
