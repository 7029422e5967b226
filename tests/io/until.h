#pragma once

/*
 * until.h - lets the loop run until something is true: for a test program with one loop.
 *
 * until_start makes the timer that looks; the program makes and frees the loop.
 */
#include <stdio.h>

#include "hub/rt/rt.h"
#include "tests/unit/test.h"

static struct rt *rt;
static struct rt_timer *tick;
static uint64_t until_limit_ms; /* then the test fails */
static uint64_t until_tick_ms;	/* between two looks */

static inline void until_look(void *arg)
{
	(void)arg;
	rt_timer_set(tick, mono_add(rt_mono(), until_tick_ms));
	rt_stop(rt);
}

/* Free 'tick' with the loop. */
static inline void until_start(uint64_t limit_ms, uint64_t tick_ms)
{
	until_limit_ms = limit_ms;
	until_tick_ms = tick_ms;
	tick = rt_timer_new(rt, until_look, NULL);
	rt_timer_set(tick, rt_mono());
}

#define UNTIL(cond)                                                                      \
	do {                                                                             \
		struct mono end_ = mono_add(rt_mono(), until_limit_ms);                  \
		while (!(cond)) {                                                        \
			if (mono_reached(rt_mono(), end_)) {                             \
				fprintf(stderr, "never became true: %s\n", #cond);       \
				test_fail(__FILE__, __LINE__);                           \
			}                                                                \
			rt_run(rt);                                                      \
		}                                                                        \
	} while (0)

static inline void pass_ms(uint64_t ms)
{
	struct mono end = mono_add(rt_mono(), ms);

	UNTIL(mono_reached(rt_mono(), end));
}
