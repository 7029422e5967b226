#pragma once

/*
 * identity_file.h - the bytes of hub-coap's identity files; which file is which: identity_store.h.
 *
 * Pure but for the hash. Byte table: docs/MESSAGES.md, 'Identity'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/crypto/crypto.h"
#include "hub/crypto/csr_make.h"

enum {
	IDENTITY_CERT_MAX = 1500,
	IDENTITY_FILE_MAX = 6 + 4 + P256_PRIVATE_LEN + 2 + CSR_BYTES_MAX + 2 +
			    IDENTITY_CERT_MAX + SHA256_LEN,
	IDENTITY_STATE_LEN = 7 + 4 + SHA256_LEN,
};

/* A private key with what belongs to it. Wipe it after use. */
struct identity_key {
	bool there;
	bool renewal; /* goes on in the epoch that was in use when it was made */
	uint32_t epoch;
	uint8_t private[P256_PRIVATE_LEN];
	size_t request_len; /* 0: none */
	uint8_t request[CSR_BYTES_MAX];
	size_t cert_len; /* 0: none yet */
	uint8_t cert[IDENTITY_CERT_MAX];
};

/* What outlives a factory reset. */
struct identity_state {
	bool resetting; /* one was begun, and is to be finished */
	uint8_t tries;
	uint32_t epoch;
};

/* identity_key_encode - Returns the length. */
size_t identity_key_encode(const struct identity_key *k,
			   uint8_t ret[static IDENTITY_FILE_MAX]);

/*
 * identity_key_decode - Returns 0, or -EBADMSG (cut off, not of this kind, its hash is another), -EMSGSIZE (a part is
 * too long), -ENOTSUP (version, flags).
 */
int identity_key_decode(const uint8_t *buf, size_t len, struct identity_key *ret);

void identity_state_encode(const struct identity_state *s,
			   uint8_t ret[static IDENTITY_STATE_LEN]);
/* identity_state_decode - Returns 0, -EBADMSG or -ENOTSUP. */
int identity_state_decode(const uint8_t *buf, size_t len, struct identity_state *ret);
