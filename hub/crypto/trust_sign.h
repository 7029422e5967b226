#pragma once

/*
 * trust_sign.h - clinic.trust with the signature of the root that is in it; see hub/core/trust.h.
 */
#include "hub/core/trust.h"
#include "hub/crypto/crypto.h"

/*
 * trust_make - encode and sign. It is read back and verified: what a hub would refuse is not made.
 *
 * root_private   the key of t->root
 * buf            TRUST_FILE_MAX suffices
 *
 * Returns the length, -ENOSPC, -EIO, or as trust_open.
 */
int trust_make(const struct trust *t, const uint8_t root_private[static P256_PRIVATE_LEN],
	       uint8_t *buf, size_t cap);

/*
 * trust_open - decode, and verify with the root in it. Whether it is expired is not looked at (trust_expired).
 *
 * ret        filled on success only
 * ret_hash   for trust_fingerprint; covers all but the signature, which may differ from time to time
 * ret_field  static, what was refused; written on failure only
 *
 * Returns 0, -EKEYREJECTED (not signed by its root), -ENOTSUP (format, or its root is not the P-256 certificate of an
 * authority), or as cose_parse and trust_decode.
 */
int trust_open(const uint8_t *buf, size_t len, struct trust *ret,
	       uint8_t ret_hash[static TRUST_HASH_LEN], const char **ret_field);

/* trust_root_key - the public key of the root in it. Returns 0, or -ENOTSUP as trust_open. */
int trust_root_key(const struct trust *t, uint8_t ret[static P256_PUBLIC_LEN]);
