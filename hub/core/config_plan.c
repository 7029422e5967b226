/*
 * config_plan.c - see config_plan.h.
 */
#include "hub/core/config_plan.h"

#include <errno.h>

void config_put_plans(struct writer *w, const struct config *c)
{
	cb_put_array(w, c->plan_count);
	for (size_t i = 0; i < c->plan_count && i < CONFIG_DEVICES_MAX; i++) {
		const struct config_plan *p = &c->plans[i];

		cb_put_array(w, 3);
		cb_put_uint(w, p->device);
		cb_put_uint(w, p->every_h);
		cb_put_array(w, p->time_count);
		for (size_t k = 0; k < p->time_count && k < CONFIG_PLAN_TIMES_MAX; k++)
			cb_put_uint(w, p->times[k]);
	}
}

static bool has_device(const struct config *c, uint16_t num)
{
	for (size_t i = 0; i < c->device_count; i++)
		if (c->devices[i].num == num)
			return true;
	return false;
}

static void get_times(struct cb *c, struct config_plan *ret)
{
	ret->time_count = cb_get_array(c, CONFIG_PLAN_TIMES_MAX);
	for (size_t i = 0; i < ret->time_count; i++) {
		ret->times[i] = (uint16_t)cb_get_uint_max(c, CONFIG_DAY_MIN - 1);
		if (i > 0 && ret->times[i] <= ret->times[i - 1])
			cb_fail(c, -ERANGE);
	}
}

void config_get_plans(struct cb *c, struct config *ret)
{
	ret->plan_count = cb_get_array(c, CONFIG_DEVICES_MAX);
	if (!cb_error(c) && ret->plan_count == 0)
		cb_fail(c, -ERANGE);
	for (size_t i = 0; i < ret->plan_count; i++) {
		struct config_plan *p = &ret->plans[i];

		if (cb_get_array(c, 3) != 3)
			cb_fail(c, -EBADMSG);
		p->device = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
		p->every_h = (uint16_t)cb_get_uint_max(c, CONFIG_PLAN_HOURS_MAX);
		get_times(c, p);
		if (cb_error(c))
			return;
		if (!has_device(ret, p->device) || !p->every_h == !p->time_count)
			cb_fail(c, -ERANGE);
		for (size_t k = 0; k < i; k++)
			if (ret->plans[k].device == p->device)
				cb_fail(c, -ERANGE);
	}
}

void config_put_quiet(struct writer *w, const struct config *c)
{
	cb_put_array(w, c->quiet_count);
	for (size_t i = 0; i < c->quiet_count && i < CONFIG_QUIET_MAX; i++) {
		cb_put_array(w, 2);
		cb_put_uint(w, c->quiet[i].from);
		cb_put_uint(w, c->quiet[i].to);
	}
}

void config_get_quiet(struct cb *c, struct config *ret)
{
	ret->quiet_count = cb_get_array(c, CONFIG_QUIET_MAX);
	if (!cb_error(c) && ret->quiet_count == 0)
		cb_fail(c, -ERANGE);
	for (size_t i = 0; i < ret->quiet_count; i++) {
		if (cb_get_array(c, 2) != 2)
			cb_fail(c, -EBADMSG);
		ret->quiet[i].from = (uint16_t)cb_get_uint_max(c, CONFIG_DAY_MIN - 1);
		ret->quiet[i].to = (uint16_t)cb_get_uint_max(c, CONFIG_DAY_MIN - 1);
		if (!cb_error(c) && ret->quiet[i].from == ret->quiet[i].to)
			cb_fail(c, -ERANGE);
	}
}
