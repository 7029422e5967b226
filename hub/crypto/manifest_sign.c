/*
 * manifest_sign.c - see manifest_sign.h.
 */
#include "hub/crypto/manifest_sign.h"

_Static_assert(SEALED_LEN(MANIFEST_BODY_MAX) <= SEALED_BODY_MAX,
	       "a manifest is a record");

int manifest_make(const struct manifest *m,
		  const uint8_t sign_private[static P256_PRIVATE_LEN], uint8_t *buf,
		  size_t cap)
{
	uint8_t payload[MANIFEST_PAYLOAD_MAX];
	int n = manifest_encode(m, payload, sizeof(payload));

	if (n < 0)
		return n;
	return sign1_make(SIGN_CONTEXT_MANIFEST, sign_private, payload, (size_t)n, buf,
			  cap);
}

int manifest_open(const uint8_t sign_public[static P256_PUBLIC_LEN], const uint8_t *buf,
		  size_t len, struct manifest *ret)
{
	const uint8_t *payload;
	size_t payload_len;
	int r = sign1_open(SIGN_CONTEXT_MANIFEST, sign_public, buf, len, &payload,
			   &payload_len);

	return r ? r : manifest_decode(payload, payload_len, ret);
}
