#pragma once

/*
 * anchor.h - what hub-coap trusts: the clinic that clinic.trust names, or for a hub that was added by hand the root.crt of
 * its bundle.
 *
 * A clinic.trust with another root than a root.crt beside it is not taken: somebody put it there for another clinic.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coap/identity_store.h"
#include "hub/core/enrolled.h"
#include "hub/core/trust.h"

struct anchor {
	bool has_trust; /* trust is valid */
	struct trust trust;
	size_t len; /* of the file clinic.trust */
	uint8_t file[IDENTITY_TRUST_MAX];
	bool has_root;
	char root[IDENTITY_PEM_MAX]; /* PEM, NUL-terminated */
	enum enrol_trouble trouble;  /* what is wrong with a file that is there */
};

/*
 * anchor_look - read both files of the folder.
 *
 * fresh     the hub has nothing of this clinic yet: a clinic.trust that is too old is not taken
 * floor_s   UTC; a time that is over for sure, 0: not known
 */
void anchor_look(const char *dir, bool fresh, int64_t floor_s, struct anchor *ret);

/* anchor_is_root - is the root of t the one that is trusted? */
bool anchor_is_root(const struct anchor *a, const struct trust *t);
