#pragma once

/*
 * schedule.h - when somebody is expected to measure, and when nobody may be asked to: what a config says, at an instant.
 *
 * Local time is UTC and the config's offset, with its one change (daylight saving); no zone's name, no table of zones. A
 * local time that the clocks skip is an hour later, one that they show twice is the second one.
 *
 * Pure. Instants: UTC, seconds since 1970.
 */
#include "hub/core/config.h"

enum {
	SCHEDULE_EARLY_MIN =
		120,		 /* so long before its time a measurement counts for it */
	SCHEDULE_GRACE_MIN = 60, /* so long after its time one is overdue */
};

/* One time at which somebody should measure. */
struct schedule_slot {
	int64_t open_s; /* from here on a measurement counts for it */
	int64_t due_s;	/* if none came by then, it is overdue */
};

/* schedule_offset_min - local time minus UTC at this instant, minutes. */
int16_t schedule_offset_min(const struct config *c, int64_t utc_s);

/*
 * schedule_slot - the slot of a plan with times that was opened last.
 *
 * p   with time_count > 0
 *
 * Returns it; there always is one.
 */
struct schedule_slot schedule_slot(const struct config *c, const struct config_plan *p,
				   int64_t utc_s);

/* schedule_is_quiet - is this within one of the config's quiet hours? */
bool schedule_is_quiet(const struct config *c, int64_t utc_s);

/* schedule_plan - the plan of a device; NULL: none. */
const struct config_plan *schedule_plan(const struct config *c, uint16_t device);

/* schedule_gap_min - the longest that lies between two measurements of a plan, if all are made. */
uint32_t schedule_gap_min(const struct config_plan *p);
