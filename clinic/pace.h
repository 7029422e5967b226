#pragma once

/*
 * pace.h - how fast hubs may send, by how fast the store commits: what goes into the reply's 'window', and for how long a
 * hub is asked to stay away when the store is down. Pure; fields are private.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PACE_SAMPLES = 31,
	/* half of the last commits took longer: batches in flight of one hub */
	PACE_SLOW_US = 50000,	  /* 4 */
	PACE_SLOWER_US = 100000,  /* 2 */
	PACE_SLOWEST_US = 200000, /* 1 */
};

struct pace {
	uint32_t samples_us[PACE_SAMPLES];
	size_t count; /* of samples ever, up to PACE_SAMPLES */
	size_t next;
	uint8_t window;
};

/* pace_on_commit - one that took so long. */
void pace_on_commit(struct pace *p, uint64_t us);
/* pace_window - for the reply; 0: the hub's own limit is good. */
uint8_t pace_window(const struct pace *p);
/* pace_away_s - base seconds and up to half as many more, by chance; dice: any number. */
uint32_t pace_away_s(uint32_t base_s, uint32_t dice);
