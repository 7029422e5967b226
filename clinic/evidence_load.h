#pragma once

/*
 * evidence_load.h - a hub's newest evidence, from the records that its pieces are.
 */
#include "clinic/opening.h"
#include "clinic/store.h"
#include "hub/core/evidence.h"

struct evidence_found {
	bool found;
	struct evidence
		evidence; /* lists filled in, also if it only names those of an earlier one */
	bool lists;	  /* they are there */
	int64_t received_ms; /* by the clinic's clock */
	unsigned whole,
		broken; /* of this enrolment; whose signature or form is bad, or that miss a piece */
	unsigned keys; /* how often the key that signs has changed */
};

/*
 * evidence_load - of the hub's present enrolment.
 *
 * Returns 0 with *ret, -EKEYREJECTED (the sealing key is another one) or an error of store.h.
 */
int evidence_load(struct store *store, const struct hub *h, const struct opening_key *key,
		  struct evidence_found *ret);
