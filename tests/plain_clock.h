#pragma once

/*
 * plain_clock.h - clock.h for tests of clocks that need nothing learned: Current Time and Date Time, local.
 */
#include "ble/clock.h"

static inline int plain_clock_decode(enum clock_kind kind, const uint8_t *buf, size_t len,
				     struct clock_face *ret)
{
	struct clock_form f;

	clock_form_init(&f, kind);
	return clock_form_decode(&f, buf, len, ret);
}

static inline int64_t plain_clock_settable_ms(enum clock_kind kind, int64_t local_ms)
{
	struct clock_form f;

	clock_form_init(&f, kind);
	return clock_form_settable_ms(&f, local_ms);
}

static inline void plain_clock_on_set(struct clock_track *t, int64_t local_ms,
				      struct mono before, struct mono after)
{
	struct clock_form f;

	clock_form_init(&f, CLOCK_KIND_CURRENT_TIME);
	clock_on_set(t, &f, local_ms, 0, before, after);
}
