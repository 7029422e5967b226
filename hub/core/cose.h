#pragma once

/*
 * cose.h - COSE_Sign1 with ES256 (RFC 9052, 4.2), payload attached, protected header exactly {1: -7}.
 *
 * The unprotected header is empty, or has authenticatorData of a FIDO2 security key alone (adr/0020): only for
 * signers of that kind, by functions of their own.
 *
 * Pure: the bytes to be signed and the frame around payload and signature. Signing and verifying are done by
 * hub/crypto/p256.h; the two together in hub/crypto/sign1.h.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/core/cursor.h"
#include "hub/core/fido.h"

enum {
	COSE_LABEL_FIDO_AUTH = -65537, /* unprotected, private use: authenticatorData */
	COSE_SIGNATURE_LEN = 64,       /* r and s, 32 bytes each, big-endian */
	COSE_OVERHEAD_MAX = 80, /* what the frame adds to a payload of up to 64 KB */
	COSE_FIDO_EXTRA = 5 + 2 + FIDO_AUTH_LEN, /* more, with authenticatorData */
};

struct cose_sign1 {
	const uint8_t *payload; /* borrowed from the parsed buffer */
	size_t payload_len;
	const uint8_t *signature; /* COSE_SIGNATURE_LEN bytes, borrowed */
	const uint8_t *auth; /* authenticatorData, not looked at, borrowed; or NULL */
	size_t auth_len;
};

/*
 * cose_to_be_signed - the bytes that are hashed and signed: Sig_structure up to and including the payload.
 *
 * context   names what is signed ("hub batch v1"), so that no signature serves two purposes: external_aad
 *
 * Returns the length, or -ENOSPC. Pure.
 */
int cose_to_be_signed(const char *context, const uint8_t *payload, size_t len,
		      uint8_t *buf, size_t cap);

/* cose_frame - payload and signature to a COSE_Sign1. Returns the length, or -ENOSPC. Pure. */
int cose_frame(const uint8_t *payload, size_t len,
	       const uint8_t signature[static COSE_SIGNATURE_LEN], uint8_t *buf,
	       size_t cap);

/* cose_frame_fido - the same with authenticatorData. Pure. */
int cose_frame_fido(const uint8_t *payload, size_t len,
		    const uint8_t auth[static FIDO_AUTH_LEN],
		    const uint8_t signature[static COSE_SIGNATURE_LEN], uint8_t *buf,
		    size_t cap);

/* cose_parse - Returns 0, -EBADMSG, or -ENOTSUP (another algorithm, unprotected header not empty). Pure. */
int cose_parse(const uint8_t *buf, size_t len, struct cose_sign1 *ret);
/* cose_parse_any - an unprotected header with authenticatorData alone will do, too: the caller looks at ret->auth. Pure. */
int cose_parse_any(const uint8_t *buf, size_t len, struct cose_sign1 *ret);
