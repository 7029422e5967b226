/*
 * schedule.c - see schedule.h.
 */
#include "hub/core/schedule.h"

#define MIN_S INT64_C(60)
#define DAY_S (CONFIG_DAY_MIN * MIN_S)

int16_t schedule_offset_min(const struct config *c, int64_t utc_s)
{
	if (c->has_change && utc_s >= c->change_utc_s)
		return c->change_offset_min;
	return c->utc_offset_min;
}

static int64_t local_s(const struct config *c, int64_t utc_s)
{
	return utc_s + schedule_offset_min(c, utc_s) * MIN_S;
}

/* Of a time that there is twice the second, of one that there is not what it would have been without the change. */
static int64_t utc_of(const struct config *c, int64_t local)
{
	int64_t after = local - c->change_offset_min * MIN_S;

	return c->has_change && after >= c->change_utc_s
		       ? after
		       : local - c->utc_offset_min * MIN_S;
}

static int64_t floor_day(int64_t local)
{
	int64_t rest = local % DAY_S;

	return local - rest - (rest < 0 ? DAY_S : 0);
}

/* Half of the minutes since the one before, at most. */
static int64_t early_s(int gap)
{
	return (gap / 2 < SCHEDULE_EARLY_MIN ? gap / 2 : SCHEDULE_EARLY_MIN) * MIN_S;
}

struct schedule_slot schedule_slot(const struct config *c, const struct config_plan *p,
				   int64_t utc_s)
{
	int64_t today = floor_day(local_s(c, utc_s));
	struct schedule_slot best = { INT64_MIN, INT64_MIN };

	for (int day = -2; day <= 1 && p->time_count > 0; day++) {
		int before = p->times[p->time_count - 1] - CONFIG_DAY_MIN;

		for (size_t i = 0; i < p->time_count; i++) {
			int64_t at = utc_of(c, today + day * DAY_S + p->times[i] * MIN_S);
			int64_t open = at - early_s(p->times[i] - before);

			before = p->times[i];
			if (open <= utc_s && open > best.open_s)
				best = (struct schedule_slot){
					open, at + SCHEDULE_GRACE_MIN * MIN_S
				};
		}
	}
	return best;
}

bool schedule_is_quiet(const struct config *c, int64_t utc_s)
{
	int64_t local = local_s(c, utc_s);
	int64_t minute = (local - floor_day(local)) / MIN_S;

	for (size_t i = 0; i < c->quiet_count; i++) {
		const struct config_quiet *q = &c->quiet[i];

		if (q->from < q->to ? minute >= q->from && minute < q->to
				    : minute >= q->from || minute < q->to)
			return true;
	}
	return false;
}

const struct config_plan *schedule_plan(const struct config *c, uint16_t device)
{
	for (size_t i = 0; i < c->plan_count; i++)
		if (c->plans[i].device == device)
			return &c->plans[i];
	return NULL;
}

uint32_t schedule_gap_min(const struct config_plan *p)
{
	uint32_t gap = p->every_h * 60u;

	for (size_t i = 0; i < p->time_count; i++) {
		uint32_t next = i + 1 < p->time_count
					? p->times[i + 1]
					: p->times[0] + (uint32_t)CONFIG_DAY_MIN;

		if (next - p->times[i] > gap)
			gap = next - p->times[i];
	}
	return gap;
}
