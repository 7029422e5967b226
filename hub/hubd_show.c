/*
 * hubd_show.c - what others see of the hub: what is overdue for the patient, its health for the clinic.
 */
#include "hub/hubd_inside.h"

#include <string.h>

#include "hub/rt/log.h"
#include "hub/rt/rt.h"

void hubd_tell_health(struct hubd *h)
{
	struct msg m = { .kind = MSG_HEALTH };
	struct mono now = rt_mono();

	orders_tell_health(&h->orders, &h->health);
	health_set(&h->health, orders_level(&h->orders),
		   (uint8_t)indicator_lasting(&h->indicator, now),
		   h->has_time ? h->time.utc.quality : rt_wall().quality);
	if (ipc_is_up(h->store) && health_next(&h->health, now, &m.health)) {
		bool sent = ipc_send(h->store, &m) == 0;

		health_sent(&h->health, now);
		h->health.changed = !sent;
	}
	rt_timer_set(h->health_timer,
		     ipc_is_up(h->store) ? health_deadline(&h->health) : MONO_NEVER);
}

/* Of which device, and no more: what it showed hubd does not know. */
static size_t count_repeats(struct hubd *h, struct mono now,
			    uint16_t waits[static CONFIG_DEVICES_MAX])
{
	size_t count = repeat_waits(&h->repeat, now, waits);

	if (count > h->repeat_count)
		log_info("measure-again", "devices=%zu last=%u", count, waits[count - 1]);
	h->repeat_count = count;
	return count;
}

void hubd_look_at_plan(struct hubd *h)
{
	struct mono now = rt_mono();
	uint16_t overdue[CONFIG_DEVICES_MAX] = { 0 };
	size_t count = plan_overdue(&h->plan, now, overdue);
	uint16_t asked_of[2 * CONFIG_DEVICES_MAX];
	size_t again = count_repeats(h, now, asked_of);
	bool asked = count + again > 0 && plan_may_ask(&h->plan, now);
	struct mono plan_at = plan_deadline(&h->plan, now);
	struct mono again_at = repeat_deadline(&h->repeat, now);

	if (count != h->overdue_count ||
	    memcmp(overdue, h->overdue, sizeof(overdue)) != 0)
		log_info("overdue", "devices=%zu first=%u asked=%d", count, overdue[0],
			 asked);
	h->overdue_count = count;
	memcpy(h->overdue, overdue, sizeof(overdue));
	memcpy(asked_of + again, overdue, count * sizeof(*overdue));
	indicator_on_asked(&h->indicator, asked_of, asked ? again + count : 0);
	hubd_show_light(h);
	rt_timer_set(h->plan_timer, plan_at.ms < again_at.ms ? plan_at : again_at);
}
