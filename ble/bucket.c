/*
 * bucket.c - a token bucket counted in milliseconds of waiting; see bucket.h.
 */
#include "ble/bucket.h"

enum { SECOND_MS = 1000 };

void bucket_init(struct bucket *b, unsigned burst, unsigned per_second, struct mono now)
{
	*b = (struct bucket){ .cost_ms = SECOND_MS / per_second, .filled = now };
	b->full_ms = burst * b->cost_ms;
	b->level_ms = b->full_ms;
}

bool bucket_take(struct bucket *b, struct mono now)
{
	uint64_t gain = mono_since(now, b->filled);
	uint64_t room = b->full_ms - b->level_ms;

	b->level_ms += gain < room ? gain : room;
	b->filled = now;
	if (b->level_ms < b->cost_ms)
		return false;
	b->level_ms -= b->cost_ms;
	return true;
}
