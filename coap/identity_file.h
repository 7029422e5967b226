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
	IDENTITY_WRAP_LEN = P256_PRIVATE_LEN + WRAP_OVERHEAD,
	IDENTITY_FILE_MAX = 6 + 4 + 4 + IDENTITY_WRAP_LEN + SHA256_LEN + 2 +
			    CSR_BYTES_MAX + 2 + IDENTITY_CERT_MAX + SHA256_LEN,
	IDENTITY_STATE_LEN = 7 + 4 + SHA256_LEN,
};

/* A private key with what belongs to it. Wipe it after use. */
struct identity_key {
	bool there;
	bool renewal; /* goes on in the epoch that was in use when it was made */
	uint32_t epoch;
	uint32_t
		wanted; /* the number of the renewal (struct msg_identity) that was known when it was made */
	/* in the file 'wrap' stands for the private key, and opens with a share only */
	bool wrapped;
	bool shut; /* 'private' is not known: it was not opened, or it is withheld */
	uint8_t private[P256_PRIVATE_LEN];
	uint8_t wrap[IDENTITY_WRAP_LEN];
	/* an emergency identity's: the SubjectPublicKeyInfo of the credential that it was made beside */
	bool is_emergency;
	uint8_t beside[SHA256_LEN];
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

/* identity_key_encode - Returns the length. Of a wrapped key 'private' is not looked at. */
size_t identity_key_encode(const struct identity_key *k,
			   uint8_t ret[static IDENTITY_FILE_MAX]);

/*
 * identity_key_decode - Returns 0, or -EBADMSG (cut off, not of this kind, its hash is another), -EMSGSIZE (a part is
 * too long), -ENOTSUP (version, flags). A wrapped key is shut.
 */
int identity_key_decode(const uint8_t *buf, size_t len, struct identity_key *ret);

/* identity_key_wrap - 'wrap' from 'private'; the key is to be written anew with it. */
void identity_key_wrap(struct identity_key *k, const uint8_t share[static KEY_LEN]);
/* identity_key_open - 'private' from 'wrap'. Returns 0, or -EKEYREJECTED: it is another share's, or of another epoch. */
int identity_key_open(struct identity_key *k, const uint8_t share[static KEY_LEN]);

void identity_state_encode(const struct identity_state *s,
			   uint8_t ret[static IDENTITY_STATE_LEN]);
/* identity_state_decode - Returns 0, -EBADMSG or -ENOTSUP. */
int identity_state_decode(const uint8_t *buf, size_t len, struct identity_state *ret);
