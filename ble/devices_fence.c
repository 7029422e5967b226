/*
 * devices_fence.c - hub-ble's part of the hand-over to another assignment; see parting.h, which decides.
 *
 * Also here: what may be listened to while there is no patient.
 */
#include <string.h>

#include "ble/devices_internal.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"

void devices_on_fence(void *arg, const struct msg_fence *ask)
{
	static const struct msg_window closed;
	static const struct msg_ble_config nobody;
	struct devices *ds = arg;

	log_info("fence", "step=%s next=%u", fence_step_text(ask->step), ask->assignment);
	parting_on_fence(&ds->parting, ask);
	pairing_on_window(&ds->pairing, &closed, rt_mono());
	if (ask->step == FENCE_FORGET && !ds->configured)
		devices_set(ds, &nobody); /* anew: bluetoothd still has bonds */
	devices_changed(ds);
}

static void finish_all(struct devices *ds)
{
	for (size_t i = 0; i < ds->count; i++)
		devices_finish(ds, i);
}

static void clear(struct devices *ds)
{
	static const struct msg_ble_config nobody;

	FAILPOINT("ble.fence.clear");
	devices_set(ds, &nobody);
	memset(ds->memories, 0, sizeof(ds->memories));
	handover_forget_memories(ds->handover);
}

static struct parting_view look(const struct devices *ds, bool bare)
{
	bool linked = false;

	for (size_t i = 0; i < ds->count; i++)
		linked |= ds->devices[i].linked;
	return (struct parting_view){
		.off = bluez_is_off(ds->bluez) && !linked,
		.empty = handover_is_empty(ds->handover),
		.bare = bare,
	};
}

bool devices_part(struct devices *ds)
{
	struct parting_orders o;
	bool bare = false;

	do {
		o = parting_turn(&ds->parting, look(ds, bare));
		if (o.finish)
			finish_all(ds);
		if (o.clear)
			clear(ds);
		if (o.say && report_fenced(ds->report, &o.fenced)) {
			log_info("fenced", "step=%s", fence_step_text(o.fenced.step));
			parting_said(&ds->parting);
			FAILPOINT("ble.fenced.after");
		}
		bare = o.purge && bluez_purge(ds->bluez);
	} while (o.finish || bare);
	return o.power;
}

bool devices_may_connect(const struct devices *ds)
{
	if (parting_is_on(&ds->parting))
		return false;
	return ds->assignment != 0 || pairing_window_state(&ds->pairing) == WINDOW_OPEN;
}
