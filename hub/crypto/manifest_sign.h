#pragma once

/*
 * manifest_sign.h - a manifest with the hub's signature: what hub-store seals, and what the clinic finds in the seal.
 */
#include "hub/core/cose.h"
#include "hub/core/manifest.h"
#include "hub/crypto/crypto.h"

#define SIGN_CONTEXT_MANIFEST "hub/v1/manifest"

enum {
	/* before the seal; fits a record: SEALED_LEN of it is below SEALED_BODY_MAX */
	MANIFEST_BODY_MAX = MANIFEST_PAYLOAD_MAX + COSE_OVERHEAD_MAX,
};

/*
 * manifest_make - encode and sign.
 *
 * sign_private   the key that signs batches
 * buf            MANIFEST_BODY_MAX suffices
 *
 * Returns the length, -ENOSPC, -EIO, or -ERANGE as manifest_encode.
 */
int manifest_make(const struct manifest *m,
		  const uint8_t sign_private[static P256_PRIVATE_LEN], uint8_t *buf,
		  size_t cap);

/*
 * manifest_open - verify, then decode.
 *
 * Returns 0 with *ret, -EKEYREJECTED (not signed by this key), or as cose_parse and manifest_decode.
 */
int manifest_open(const uint8_t sign_public[static P256_PUBLIC_LEN], const uint8_t *buf,
		  size_t len, struct manifest *ret);
