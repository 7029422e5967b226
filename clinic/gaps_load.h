#pragma once

/*
 * gaps_load.h - what a clinic knows of one hub's numbers, for gaps.h, from wherever that is kept.
 */
#include "clinic/gaps.h"
#include "clinic/opening.h"
#include "clinic/store.h"

/* Numbers from first to last, both included. */
typedef int gaps_numbers_fn(void *arg, uint64_t first, uint64_t last);

/* Each calls fn for all there is of the hub's epoch, by number, with fn_arg; a result other than 0 ends it and is
 * returned. */
struct gaps_source {
	int (*numbers)(void *arg, enum store_numbers what, gaps_numbers_fn *fn,
		       void *fn_arg);
	int (*manifests)(void *arg, store_record_fn *fn, void *fn_arg);
	int (*given_up)(void *arg, store_given_up_fn *fn, void *fn_arg);
	void *arg; /* the caller's */
};

/*
 * gaps_load - everything of the hub's present enrolment, explained.
 *
 * h, c  of one moment, before anything else is read: numbers above what they know came later, and are left out
 * key   opens the manifests; NULL: they stay closed
 * ret   to be freed with gaps_free in every case
 *
 * Returns 0, -ENOMEM, or an error of the source.
 */
int gaps_load(const struct gaps_source *from, const struct hub *h,
	      const struct store_counts *c, const struct opening_key *key,
	      struct gaps *ret);
