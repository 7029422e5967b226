#pragma once

/*
 * look.h - when a locked hub is to be measured beside the timer's turns: at once, for what it looks like then; and again, so
 * that a release need not wait for hours until two clean measurements are there.
 *
 * Pure. The shell asks now and then, and has hub-measure started when a look is due.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/time.h"

enum {
	LOOK_FROM_LEVEL = 2,
	LOOK_SOON_MS = 11 * 60 * 1000,	/* two are ten minutes apart then */
	LOOK_SOON = 3,			/* so many soon after each other, */
	LOOK_LATER_MS = 60 * 60 * 1000, /* then so far apart */
};

/* Fields are private; all zero at first. */
struct look {
	uint8_t level;
	unsigned count; /* since this level */
	struct mono next;
};

/* look_due - is one due at this level, now? Then the next one is later. */
bool look_due(struct look *l, uint8_t level, struct mono now);
