#pragma once

/*
 * days.h - when the next manifest (hub/core/manifest.h) is due, and what it says.
 *
 * Pure: the caller says what time it is and which number was given last, inserts the record under the number behind
 * that, and writes what days_after says in the same transaction. Then, whatever happens, no day is told twice, no
 * number is in two manifests, and none is in no manifest but those behind the last one.
 *
 *                        the time is known (NTP or the clinic's)
 *   no manifest yet -> due at once: it opens the account, no day is over
 *   a manifest is there -> due when a UTC day is over that none has told: it tells all days since, however many
 *
 *                        the time is not known, or these days are told already (the clock was set back)
 *   -> due after DAYS_UPTIME_MS of this boot without a manifest: it tells no day
 *
 *   the time is known and today is not over -> also due after DAYS_LATE_MS, which a clock that is right never sees
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/manifest.h"
#include "hub/core/msg.h"

enum {
	DAYS_LAST_LEN = 1 + 8 + 8 + 1 + 4 + BOOT_ID_LEN + 8,
	DAYS_UPTIME_MS = 24 * 3600 * 1000,
	DAYS_LATE_MS = 36 * 3600 * 1000,
};

/* What must persist: of the manifest that was made last; all zero: none yet. */
struct days_last {
	uint64_t counter; /* its own, 0: none yet */
	uint64_t seq;	  /* its number */
	bool has_through;
	uint32_t
		through; /* the last UTC day that a manifest has told, or the one before the account was opened */
	uint8_t boot[BOOT_ID_LEN];
	struct mono mono; /* when it was made, in that boot */
};

/* Now, and how far the queue is. */
struct days_now {
	uint8_t boot[BOOT_ID_LEN];
	struct mono mono;
	struct wall wall; /* days_wall */
	uint64_t
		highest; /* number given last, 0: none; also those that wait sealed for their commit */
	uint64_t acked; /* all of 1..acked are known to be durable at the clinic */
};

/*
 * days_wall - the best of what the hub knows of UTC: what hubd told, counted on from there, or this process's own clock.
 *
 * told   NULL: nothing yet
 */
struct wall days_wall(const struct msg_time *told, struct mono now, struct wall own);

/* days_due - shall a manifest be made now? Pure. */
bool days_due(const struct days_last *last, const struct days_now *now);

/* days_next - when days_due may become true, if nothing else changes than time; not before now. Pure. */
struct mono days_next(const struct days_last *last, const struct days_now *now);

/*
 * days_manifest - the manifest that is due; its number is now->highest + 1.
 *
 * given_up   as counted in the queue for ret's first..last, or NULL
 */
struct manifest days_manifest(const struct days_last *last, const struct days_now *now,
			      const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
			      const struct manifest_given_up *given_up);

/* days_first - the first number of the manifest that would be made now: for counting what was given up. Pure. */
uint64_t days_first(const struct days_last *last, uint64_t highest);

/* days_after - what persists when m is durable. */
struct days_last days_after(const struct days_last *last, const struct manifest *m);

/* Bytes for the queue's table 'meta'. */
void days_last_encode(const struct days_last *l, uint8_t buf[static DAYS_LAST_LEN]);
/* Returns 0 with *ret, -EMSGSIZE, -ENOTSUP (version), or -ERANGE. Pure. */
int days_last_decode(const uint8_t *buf, size_t len, struct days_last *ret);
