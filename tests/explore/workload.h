#pragma once

/*
 * workload.h - a part of the product, worked on by a seeded program that writes down what it was promised, and the
 * questions that are put to it after a power cut.
 *
 * A new one is one file with a struct workload, and a line in workloads[] of explore.c and faults.c.
 *
 * A world is what the workload knows: flat memory without pointers, so that a copy is a world of its own. What
 * was promised carries a position (record_mark): a promise made at position n holds in every state at point n and
 * later; what was only begun at n may show from then on.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/explore/settings.h"

typedef uint32_t position;
#define POSITION_NEVER UINT32_MAX

enum recovery_how {
	RECOVERY_LOOK = 0, /* open, ask, put one thing in, close */
	/* open, ask, adopt what is there as the truth, work on for a while, close */
	RECOVERY_GO_ON,
	/* the process was killed, not the power: the same, but positions go on, and what is there though nobody
	 * was told yet is promised from now on */
	RECOVERY_RESTART,
};

struct workload {
	const char *name;
	size_t world_bytes;
	unsigned
		share; /* of the states of a run of all workloads, in proportion to the others' */
	const struct settings *settings; /* for all its runs; NULL: as the product says */

	/* run - from an empty folder to the end, closed. Calls may be made to fail: then it goes on as the
	 * process would (see fault_set). Returns NULL, or what is wrong; static. */
	const char *(*run)(void *world, const char *dir, uint64_t seed);

	/*
	 * recover - the product's own opening of what a power cut at 'point' has left, and the questions.
	 *
	 * seed   for what it does then
	 *
	 * Closes everything before it returns. Returns NULL, or what is wrong; static.
	 */
	const char *(*recover)(void *world, const char *dir, size_t point, uint64_t seed,
			       enum recovery_how how);
};

extern const struct workload queue_workload, queue_small_workload, queue_short_workload;
extern const struct workload spool_workload, spool_short_workload;
extern const struct workload seqblock_workload;
extern const struct workload evict_workload, evict_short_workload;
extern const struct workload keep_workload, upgrade_workload;
extern const struct workload keys_workload;
extern const struct workload audit_workload, audit_short_workload;
extern const struct workload store_workload, store_full_workload, store_short_workload;
