#pragma once

/*
 * flood.h - how many requests one key may make: a bucket of tokens each, so generous that only a hub that went wrong, or
 * one that was taken over, ever meets the limit.
 *
 * A key is its SHA-256, proved by DTLS, so nobody chooses which place of the table it falls into without making keys that
 * the clinic knows. Two keys in one place: the newcomer takes it, with a full bucket. Pure; fields are private.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/config.h"
#include "hub/core/time.h"

enum {
	FLOOD_PLACES = 4096, /* a power of two, more than one process has sessions */
	FLOOD_BURST = 2000, /* requests at once: a backlog of weeks over a fast network */
	FLOOD_PER_S = 1000,
	FLOOD_WAIT_S = 10, /* Max-Age of 4.29 */
};

struct flood {
	struct flood_place {
		uint64_t key; /* the beginning of it */
		uint64_t
			full_at; /* milliseconds: the bucket is full then if nothing comes */
	} places[FLOOD_PLACES];
};

/* flood_allows - counts one request; false: it is one too many, and was not counted. Start with all zeros. */
bool flood_allows(struct flood *f, const uint8_t spki[static PIN_LEN], struct mono now);
