/*
 * fido.c - see fido.h.
 *
 * Invariant: no authenticatorData passes in which somebody's presence is not stated.
 */
#include "hub/core/fido.h"

#include <errno.h>
#include <string.h>

/* SHA-256 of FIDO_RP_ID; tests/unit/test_fido.c computes it. */
static const uint8_t rp_id_hash[FIDO_HASH_LEN] = {
	0xb2, 0x09, 0xe2, 0xde, 0x70, 0x33, 0x6c, 0x1d, 0xe4, 0xb7, 0x57,
	0x8c, 0x77, 0x45, 0x7f, 0xb8, 0x0f, 0xa5, 0xa2, 0xdc, 0xc7, 0x7a,
	0x93, 0x28, 0x41, 0xaf, 0x60, 0x53, 0xda, 0x02, 0xb7, 0x95,
};

int fido_auth_check(const uint8_t *auth, size_t len, bool verified)
{
	uint8_t flags;

	if (len != FIDO_AUTH_LEN)
		return -EBADMSG;
	if (memcmp(auth, rp_id_hash, FIDO_HASH_LEN) != 0)
		return -EKEYREJECTED;
	flags = auth[FIDO_HASH_LEN];
	if (!(flags & FIDO_UP) || (verified && !(flags & FIDO_UV)))
		return -EKEYREJECTED;
	return (flags & ~(FIDO_UP | FIDO_UV)) == 0 ? 0 : -EKEYREJECTED;
}

void fido_signed_bytes(const uint8_t auth[static FIDO_AUTH_LEN],
		       const uint8_t hash[static FIDO_HASH_LEN],
		       uint8_t ret[static FIDO_SIGNED_LEN])
{
	memcpy(ret, auth, FIDO_AUTH_LEN);
	memcpy(ret + FIDO_AUTH_LEN, hash, FIDO_HASH_LEN);
}
