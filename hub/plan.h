#pragma once

/*
 * plan.h - is a measurement overdue, and may somebody be asked for it now?
 *
 * Pure, in virtual time. What is overdue follows from the config's plan (hub/core/schedule.h), from the last reading of each
 * device, and from the time:
 *   - times of the day need a clock: without one that NTP or the clinic vouches for, or that may be off by more than
 *     PLAN_UNSURE_MS, nothing of them is overdue. 'every n hours' counts from the last reading and needs none.
 *   - what was before the start of hubd, or before the plan was another one, is not judged: nobody knows whether it was
 *     measured.
 *   - a measurement that was missed is overdue until the next one's turn comes, not for ever.
 * Nobody is asked in quiet hours, while the clock is unsure (they may be now) if there are quiet hours, or if the config
 * forbids it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/config.h"
#include "hub/core/msg.h"
#include "hub/core/time.h"

enum {
	PLAN_UNSURE_MS = 15 * 60 * 1000,
	PLAN_LOOK_MS =
		60 * 1000, /* at most so late it is seen that the answer is another one */
};

/* Fields are private. */
struct plan {
	struct config config; /* only what is of time and devices counts */
	struct mono since;    /* nothing before it is judged */
	bool has_time;
	struct msg_time time;
	struct {
		uint16_t num; /* 0: no device */
		bool read;
		struct mono read_at;
	} devices[CONFIG_DEVICES_MAX];
};

/* All zero but for since. */
void plan_init(struct plan *p, struct mono now);
/* Devices that stay, with their plan, keep what is known. */
void plan_on_config(struct plan *p, const struct config *c, struct mono now);
/* The clinic's time. */
void plan_on_time(struct plan *p, const struct msg_time *t);
/* A STATUS message; those that are not of readings say nothing here. */
void plan_on_status(struct plan *p, const struct msg_status *s);

/* plan_overdue - of these devices a measurement is overdue. Returns how many; their numbers in ret, as in the config. */
size_t plan_overdue(const struct plan *p, struct mono now,
		    uint16_t ret[static CONFIG_DEVICES_MAX]);
/* plan_may_ask - may somebody be asked to measure now? */
bool plan_may_ask(const struct plan *p, struct mono now);
/* plan_is_quiet - are these quiet hours? While the clock is unsure they may be, if there are any. */
bool plan_is_quiet(const struct plan *p, struct mono now);
/* When to look again; MONO_NEVER without a plan. */
struct mono plan_deadline(const struct plan *p, struct mono now);
