#pragma once

/*
 * promise.h - what every workload says in the same words: positions, and a sentence about what is wrong.
 */
#include <stdio.h>

#include "tests/explore/record.h"
#include "tests/explore/workload.h"

/* Has it happened, at this point? */
static inline bool by(position p, size_t point)
{
	return p != POSITION_NEVER && p <= point;
}

static inline position position_now(void)
{
	return (position)record_mark();
}

/* What happened behind this point has not happened. */
static inline void position_forget(position *p, size_t point)
{
	if (!by(*p, point))
		*p = POSITION_NEVER;
}

/* One sentence at a time. */
__attribute__((unused)) static char wrong_text[256];

#define WRONG(...)                                                                       \
	((void)snprintf(wrong_text, sizeof(wrong_text), __VA_ARGS__), wrong_text)
