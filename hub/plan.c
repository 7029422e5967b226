/*
 * plan.c - see plan.h.
 */
#include "hub/plan.h"

#include <string.h>

#include "hub/core/schedule.h"

void plan_init(struct plan *p, struct mono now)
{
	*p = (struct plan){ .since = now };
}

static bool same_plan(const struct config *a, const struct config *b, uint16_t num)
{
	const struct config_plan *x = schedule_plan(a, num), *y = schedule_plan(b, num);

	return !x && !y ? true
			: x && y && x->every_h == y->every_h &&
				  x->time_count == y->time_count &&
				  memcmp(x->times, y->times,
					 x->time_count * sizeof(x->times[0])) == 0;
}

static bool same_plans(const struct config *a, const struct config *b)
{
	for (size_t i = 0; i < b->device_count; i++)
		if (!same_plan(a, b, b->devices[i].num))
			return false;
	return a->assignment == b->assignment;
}

void plan_on_config(struct plan *p, const struct config *c, struct mono now)
{
	struct plan old = *p;

	if (!same_plans(&old.config, c))
		p->since = now;
	p->config = *c;
	memset(p->devices, 0, sizeof(p->devices));
	for (size_t i = 0; i < c->device_count; i++) {
		p->devices[i].num = c->devices[i].num;
		for (size_t k = 0; k < CONFIG_DEVICES_MAX; k++)
			if (old.devices[k].num == c->devices[i].num &&
			    old.config.assignment == c->assignment)
				p->devices[i] = old.devices[k];
	}
}

void plan_on_time(struct plan *p, const struct msg_time *t)
{
	p->has_time = true;
	p->time = *t;
}

void plan_on_status(struct plan *p, const struct msg_status *s)
{
	for (size_t i = 0; i < CONFIG_DEVICES_MAX; i++) {
		if (s->what != STATUS_READING || p->devices[i].num == 0 ||
		    p->devices[i].num != s->a)
			continue;
		if (!p->devices[i].read || s->b > p->devices[i].read_at.ms)
			p->devices[i].read_at.ms = s->b;
		p->devices[i].read = true;
	}
}

/* Returns true with *ret_ms if the time is known well enough. */
static bool is_sure(const struct plan *p, struct mono now, int64_t *ret_ms)
{
	if (!p->has_time || p->time.utc.quality < CLOCK_QUALITY_NTP ||
	    p->time.utc.uncertainty_ms > PLAN_UNSURE_MS)
		return false;
	*ret_ms = msg_time_ms(&p->time, now);
	return *ret_ms >= 0;
}

/* Nothing was read, or before 'then', which is 'ago' before now. */
static bool is_missing(const struct plan *p, size_t i, struct mono now, uint64_t ago_ms)
{
	return !p->devices[i].read || mono_since(now, p->devices[i].read_at) > ago_ms;
}

static bool overdue_times(const struct plan *p, size_t i, const struct config_plan *plan,
			  struct mono now)
{
	struct schedule_slot slot;
	uint64_t ago_ms;
	int64_t ms;

	if (!is_sure(p, now, &ms))
		return false;
	slot = schedule_slot(&p->config, plan, ms / 1000);
	if (slot.due_s * 1000 > ms || slot.open_s < 0)
		return false;
	ago_ms = (uint64_t)(ms - slot.open_s * 1000);
	return mono_since(now, p->since) >= ago_ms && is_missing(p, i, now, ago_ms);
}

static bool overdue_hours(const struct plan *p, size_t i, const struct config_plan *plan,
			  struct mono now)
{
	uint64_t ago_ms = (plan->every_h * 60ull + SCHEDULE_GRACE_MIN) * 60 * 1000;

	return mono_since(now, p->since) >= ago_ms && is_missing(p, i, now, ago_ms - 1);
}

size_t plan_overdue(const struct plan *p, struct mono now,
		    uint16_t ret[static CONFIG_DEVICES_MAX])
{
	size_t count = 0;

	if (p->config.assignment == 0)
		return 0; /* nobody's: nobody measures */
	for (size_t i = 0; i < p->config.device_count; i++) {
		const struct config_plan *plan =
			schedule_plan(&p->config, p->devices[i].num);

		if (plan && (plan->every_h ? overdue_hours(p, i, plan, now)
					   : overdue_times(p, i, plan, now)))
			ret[count++] = p->devices[i].num;
	}
	return count;
}

bool plan_is_quiet(const struct plan *p, struct mono now)
{
	int64_t ms;

	if (p->config.quiet_count == 0)
		return false;
	return !is_sure(p, now, &ms) || schedule_is_quiet(&p->config, ms / 1000);
}

bool plan_may_ask(const struct plan *p, struct mono now)
{
	return !p->config.no_asking && !plan_is_quiet(p, now);
}

struct mono plan_deadline(const struct plan *p, struct mono now)
{
	return p->config.plan_count ? mono_add(now, PLAN_LOOK_MS) : MONO_NEVER;
}
