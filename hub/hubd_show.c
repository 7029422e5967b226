/*
 * hubd_show.c - what others see of the hub: the light and what is overdue for the patient, its health for the clinic.
 */
#include "hub/hubd_inside.h"

#include <stdio.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/core/label.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

void hubd_tell_health(struct hubd *h)
{
	struct msg m = { .kind = MSG_HEALTH };
	struct mono now = rt_mono();

	orders_tell_health(&h->orders, &h->health);
	health_set(&h->health, orders_level(&h->orders), (uint8_t)h->light,
		   h->has_time ? h->time.utc.quality : rt_wall().quality);
	if (ipc_is_up(h->store) && health_next(&h->health, now, &m.health)) {
		bool sent = ipc_send(h->store, &m) == 0;

		health_sent(&h->health, now);
		h->health.changed = !sent;
	}
	rt_timer_set(h->health_timer,
		     ipc_is_up(h->store) ? health_deadline(&h->health) : MONO_NEVER);
}

void hubd_show_light(struct hubd *h)
{
	struct mono now = rt_mono();
	enum indicator_light light = indicator_light(&h->indicator, now);
	char code[LABEL_CODE_MAX], text[INDICATOR_TEXT_MAX];
	int r;

	rt_timer_set(h->light_timer, indicator_deadline(&h->indicator, now));
	if (light == h->light)
		return;
	h->light = light;
	snprintf(text, sizeof(text), "%s%s%s", indicator_text(light),
		 light == LIGHT_CODE ? " " : "",
		 light == LIGHT_CODE ? label_code(h->settings.config.hub, code) : "");
	log_info("light", "state=%s", text);
	r = file_replace(h->options.state_dir, "light", (const uint8_t *)text,
			 strlen(text));
	if (r)
		log_warn("light-file", "error=\"%s\"", err_text(r));
}

/* Of which device, and no more: what it showed hubd does not know. */
static size_t count_repeats(struct hubd *h, struct mono now)
{
	uint16_t waits[CONFIG_DEVICES_MAX];
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
	size_t again = count_repeats(h, now);
	bool asked = count + again > 0 && plan_may_ask(&h->plan, now);
	struct mono plan_at = plan_deadline(&h->plan, now);
	struct mono again_at = repeat_deadline(&h->repeat, now);

	if (count != h->overdue_count ||
	    memcmp(overdue, h->overdue, sizeof(overdue)) != 0)
		log_info("overdue", "devices=%zu first=%u asked=%d", count, overdue[0],
			 asked);
	h->overdue_count = count;
	memcpy(h->overdue, overdue, sizeof(overdue));
	indicator_on_asked(&h->indicator, asked);
	hubd_show_light(h);
	rt_timer_set(h->plan_timer, plan_at.ms < again_at.ms ? plan_at : again_at);
}
