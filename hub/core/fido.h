#pragma once

/*
 * fido.h - what a FIDO2 security key signs when a person signs with it (adr/0020): authenticatorData || clientDataHash
 * (WebAuthn Level 2, 6.3.3, step 11), where clientDataHash is the SHA-256 of the Sig_structure of a COSE_Sign1.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The relying party of every credential here. No domain has a colon: a browser can never ask for it. */
#define FIDO_RP_ID "telehealth-hub:signer"

enum {
	FIDO_HASH_LEN = 32,
	FIDO_AUTH_LEN = FIDO_HASH_LEN + 1 + 4, /* SHA-256 of the rpId, flags, counter */
	FIDO_SIGNED_LEN = FIDO_AUTH_LEN + FIDO_HASH_LEN,
	FIDO_CREDENTIAL_MAX = 1023, /* octets of a credential id (WebAuthn Level 2, 4) */
};

/* Flags of authenticatorData (WebAuthn Level 2, 6.1; BE and BS: Level 3). */
enum {
	FIDO_UP = 0x01, /* somebody touched it */
	FIDO_UV = 0x04, /* it has checked who: PIN, fingerprint */
	FIDO_BE = 0x08, /* its private key may be copied to other devices */
	FIDO_BS = 0x10, /* it has been */
	FIDO_AT = 0x40, /* a credential follows */
	FIDO_ED = 0x80, /* extensions follow */
};

/*
 * fido_auth_check - is this the authenticatorData of a signature that counts?
 *
 * verified   UV is demanded, too
 *
 * Returns 0, -EBADMSG (not 37 octets), -EKEYREJECTED (another relying party; UP is not set; UV is demanded and not set; any
 * other flag is). The counter may be any. Pure.
 */
int fido_auth_check(const uint8_t *auth, size_t len, bool verified);

/* fido_signed_bytes - auth: FIDO_AUTH_LEN octets that were checked; hash: of the Sig_structure. Pure. */
void fido_signed_bytes(const uint8_t auth[static FIDO_AUTH_LEN],
		       const uint8_t hash[static FIDO_HASH_LEN],
		       uint8_t ret[static FIDO_SIGNED_LEN]);
