#pragma once

/*
 * identity_pem.h - a credential as PEM: read as 'clinicctl hub add' makes it, written for the DTLS library. No file.
 */
#include "coap/identity_file.h"

enum { IDENTITY_PEM_MAX = 2400 };

/* NUL-terminated. Wipe it after use. */
struct identity_pem {
	char cert[IDENTITY_PEM_MAX];
	char key[IDENTITY_PEM_MAX];
};

/*
 * identity_pem_decode - a certificate, or the first of a chain, with its key.
 *
 * ret   filled on success: there, of epoch 1, without a request. Wipe it after use
 *
 * Returns 0, -EBADMSG (not PEM of a P-256 key and a certificate), -EKEYREJECTED (it is for another key) or -EIO.
 */
int identity_pem_decode(const uint8_t *cert, size_t cert_len, const uint8_t *key,
			size_t key_len, struct identity_key *ret);

/* identity_pem_cert, identity_pem_key - NUL-terminated; wipe the key after use. Returns 0 or -EIO. */
int identity_pem_cert(const struct identity_key *k, char ret[static IDENTITY_PEM_MAX]);
int identity_pem_key(const struct identity_key *k, char ret[static IDENTITY_PEM_MAX]);
