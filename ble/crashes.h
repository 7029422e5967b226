#pragma once

/*
 * crashes.h - decoders that killed the process are not run again.
 *
 * Before a decoder runs, its characteristic is written down in memory that outlives the process; after it, erased.
 * What is still there when the next process starts is what the last one died of. A decoder that died more often than
 * CRASHES_MAX times, of which one is forgotten every hour, is not run for CRASHES_RAW_MS: what the device sends is
 * kept undecoded, which costs a person a look and the patient nothing.
 *
 * Invariants
 *   1. Whatever the bytes are (they were another process's), nothing here reads outside them, and the worst they can
 *      do is that a decoder is not run.
 *   2. Another version of the program has other decoders: it begins anew.
 *
 * Pure; the memory is the caller's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/time.h"

enum {
	CRASHES_MAX = 10,
	CRASHES_FORGET_MS = 3600 * 1000,
	CRASHES_RAW_MS = 24 * 3600 * 1000,
	CRASHES_DECODERS = 32, /* more than there are */
	CRASHES_VERSION_MAX = 16,
};

struct crashes_decoder {
	uint16_t characteristic; /* 0: free */
	uint32_t count;
	struct mono last; /* when it was counted last */
	struct mono raw_until;
};

/* Plain data, in shared memory. Fields are private. */
struct crashes {
	char version[CRASHES_VERSION_MAX];
	uint16_t running; /* characteristic whose decoder is at work, 0: none */
	uint16_t device;  /* whose value it is */
	struct crashes_decoder decoders[CRASHES_DECODERS];
};

/* What the process before this one died of. */
struct crashes_found {
	uint16_t characteristic; /* 0: of no decoder */
	uint16_t device;	 /* local number */
	uint32_t count;
	bool raw; /* it is not run any more */
};

/* crashes_start - a process begins, with the memory of the one before, or zeros. */
struct crashes_found crashes_start(struct crashes *c, const char *version,
				   struct mono now);

/* crashes_begin, crashes_end - around each run of a decoder. */
void crashes_begin(struct crashes *c, uint16_t characteristic, uint16_t device);
void crashes_end(struct crashes *c);

/* crashes_is_raw - is this decoder not to be run now? */
bool crashes_is_raw(const struct crashes *c, uint16_t characteristic, struct mono now);
