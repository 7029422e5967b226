#pragma once

/*
 * ticket_sign.h - clinic.ticket with the signature of the root that is in its clinic.trust; see hub/core/ticket.h.
 */
#include "hub/core/ticket.h"
#include "hub/crypto/crypto.h"

/* What a ticket says when it was found good. */
struct ticket_facts {
	struct trust trust;		    /* of the clinic.trust in it */
	uint8_t trust_hash[TRUST_HASH_LEN]; /* for trust_fingerprint */
	uint8_t spki[SHA256_LEN];	    /* of its key, for ticket_id */
};

/*
 * ticket_make - encode and sign. It is read back and verified: what a hub would refuse is not made.
 *
 * root_private   the key of the root in t->trust
 * buf            TICKET_FILE_MAX suffices; secret
 *
 * Returns the length, -ENOSPC, -EIO, or as ticket_open.
 */
int ticket_make(const struct ticket *t,
		const uint8_t root_private[static P256_PRIVATE_LEN], uint8_t *buf,
		size_t cap);

/*
 * ticket_open - decode, verify the clinic.trust in it, then the whole with the root of that; its certificate is that of its key.
 * Whether either is expired is not looked at (ticket_expired, trust_expired).
 *
 * ret        to be wiped, whatever is returned
 * ret_facts  filled on success only
 * ret_field  static, what was refused; of no use if 0 is returned
 *
 * Returns 0, -EKEYREJECTED (not signed by its root, or the certificate is another key's), or as trust_open and ticket_decode.
 */
int ticket_open(const uint8_t *buf, size_t len, struct ticket *ret,
		struct ticket_facts *ret_facts, const char **ret_field);
