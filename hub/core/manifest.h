#pragma once

/*
 * manifest.h - the hub's signed account of a day: which numbers it gave, so that the clinic can prove that it has them
 * all, and that an empty day was empty.
 *
 * A manifest is a record like a reading: sealed, numbered, queued and acknowledged; its kind is READING_MANIFEST, its
 * class routine. What is sealed is a COSE_Sign1 over the payload here (hub/crypto/manifest_sign.h). Byte table:
 * docs/MESSAGES.md, 'Manifest'.
 *
 *   1. Its own number is last + 1, and the next manifest's 'first' the number behind that: spans and manifests together
 *      have every number once.
 *   2. Its days begin behind the last day of the manifest before that has days. A number belongs to the manifest in
 *      whose span it lies: what got a number between midnight and the making of the manifest counts there.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/batch.h"
#include "hub/core/reading.h"

enum {
	MANIFEST_VERSION = 1,
	MANIFEST_PAYLOAD_MAX = 192,
	MANIFEST_DAY_MAX = 2932896, /* 9999-12-31 */
	MANIFEST_CAUSES = TOMBSTONE_REFUSED + 1,
};

/* What the hub had given up of the span and the clinic had not acknowledged yet, by enum tombstone_cause; [0] is 0.
 * TOMBSTONE_DELIVERED is not among them: such a number was at the clinic once. */
struct manifest_given_up {
	uint64_t count[MANIFEST_CAUSES];
};

struct manifest {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch; /* enrolment epoch, 1 and up */
	uint64_t
		counter; /* 1, 2, 3 ... in this epoch; 1 again: the hub has lost its account and begins anew */
	uint64_t first,
		last; /* numbers given since the manifest before; none: last = first - 1 */
	uint64_t
		acked; /* all of 1..acked the hub knows to be durable at the clinic; at most last */
	/* UTC days since 1970 that are over and were not in a manifest before; none yet: to = from - 1. False: the hub
	 * did not know the time, or had told these days already */
	bool has_days;
	uint32_t from_day, to_day;
	struct capture_time made; /* uncertainty is not kept: UINT32_MAX after decoding */
	bool has_given_up;	  /* they were counted */
	struct manifest_given_up given_up;
};

/* manifest_encode - the payload. Returns the length, -ENOSPC, or -ERANGE: a field is not as above. Pure. */
int manifest_encode(const struct manifest *m, uint8_t *buf, size_t cap);

/*
 * manifest_decode - takes only the bytes that manifest_encode makes.
 *
 * Returns 0 with *ret, or -EBADMSG, -EMSGSIZE, -ERANGE, -ENOTSUP (version). Pure.
 */
int manifest_decode(const uint8_t *buf, size_t len, struct manifest *ret);
