#pragma once

/*
 * opening.h - from a sealed record to the reading in it. Only programs that hold the
 * sealing key use it.
 */
#include "clinic/store.h"
#include "hub/core/manifest.h"
#include "hub/core/reading.h"

enum { OPENING_OTHERS_MAX = 32 };

struct opening_key {
	uint8_t id;
	uint8_t private[X25519_LEN];
	/* other ones, of before or to come, each with an id of its own */
	size_t other_count;
	struct {
		uint8_t id;
		uint8_t private[X25519_LEN];
	} others[OPENING_OTHERS_MAX];
};

/* opening_private - the private key of this number; borrowed from key. NULL: it is not among them. Pure. */
const uint8_t *opening_private(const struct opening_key *key, int id);

/*
 * opening_open - open the seal and read the body.
 *
 * ret_why   what is wrong, for a person; static; written on failure only
 *
 * Returns 0 with *ret, -EKEYREJECTED (sealed to another key, or damaged, or its envelope
 * was changed), -ENOTSUP (a form this program does not know), -EBADMSG or -ERANGE (the
 * body is not a reading).
 */
int opening_open(const struct opening_key *key, const struct sealed *rec,
		 struct reading *ret, const char **ret_why);

/*
 * opening_body - only open the seal. body: SEALED_BODY_MAX octets, to be wiped.
 *
 * Returns as opening_open, without what a body that is no reading gives.
 */
int opening_body(const struct opening_key *key, const struct sealed *rec, uint8_t *body,
		 size_t *ret_len, const char **ret_why);

/*
 * opening_manifest - open the seal of a record of kind READING_MANIFEST, verify the hub's signature, read the manifest.
 *
 * sign_public  of the hub that the record came from
 *
 * Returns as opening_open, -EKEYREJECTED also for a signature that is not the hub's, and -EPROTO: a manifest of another
 * hub, epoch or number than the record's.
 */
int opening_manifest(const struct opening_key *key, const struct sealed *rec,
		     const uint8_t sign_public[static P256_PUBLIC_LEN],
		     struct manifest *ret, const char **ret_why);
