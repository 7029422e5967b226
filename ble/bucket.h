#pragma once

/*
 * bucket.h - a token bucket: 'burst' at once, then 'per_second'. Pure.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/time.h"

/* Fields are private. */
struct bucket {
	uint64_t level_ms; /* tokens, each worth 1000 / per_second ms of waiting */
	uint64_t full_ms;
	uint64_t cost_ms;
	struct mono filled;
};

/* bucket_init - full at 'now'; burst and per_second at least 1, per_second at most 1000. */
void bucket_init(struct bucket *b, unsigned burst, unsigned per_second, struct mono now);

/* bucket_take - one token; false if there is none. */
bool bucket_take(struct bucket *b, struct mono now);
