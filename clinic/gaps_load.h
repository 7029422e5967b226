#pragma once

/*
 * gaps_load.h - what a clinic's store knows of one hub, for gaps.h.
 */
#include "clinic/gaps.h"
#include "clinic/opening.h"
#include "clinic/store.h"

/*
 * gaps_load - everything of the hub's present enrolment, explained.
 *
 * key   opens the manifests; NULL: they stay closed
 * ret   to be freed with gaps_free in every case
 *
 * Returns 0, or an error of store.h.
 */
int gaps_load(struct store *s, const struct hub *h, const struct opening_key *key,
	      struct gaps *ret);
