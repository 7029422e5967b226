#pragma once

/*
 * crypto.h - the only door to wolfCrypt: random, hash, HMAC, HKDF, key wrap, ECDSA P-256, HPKE seal.
 *
 * Not pure (random source, library state), no file access. Every function wipes what it derives. Call
 * crypto_init once per process before anything else.
 * Algorithms are fixed: P-256 with SHA-256 (FIPS 186-5), HPKE base mode DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, AES-256-GCM (RFC 9180), HKDF-SHA256 (RFC 5869), AES-256-GCM (SP 800-38D).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SHA256_LEN = 32,
	KEY_LEN = 32,
	P256_PRIVATE_LEN = 32,	 /* the scalar, big-endian */
	P256_PUBLIC_LEN = 65,	 /* 04 || x || y */
	P256_SIGNATURE_LEN = 64, /* r || s */
	X25519_LEN = 32,
	SEAL_ENC_LEN = 32,
	SEAL_TAG_LEN = 16,
	WRAP_OVERHEAD = 12 + 16, /* nonce and tag */
};

/* Returns 0, or -EIO if the library or its random source does not start. */
int crypto_init(void);
void crypto_done(void);

/* Random bytes; aborts the process if the generator fails, as nothing safe can follow. */
void crypto_random(uint8_t *buf, size_t len);
/* Overwrites memory in a way the compiler keeps. */
void crypto_wipe(void *p, size_t len);
/* Constant-time comparison. */
bool crypto_equal(const uint8_t *a, const uint8_t *b, size_t len);
void crypto_sha256(const uint8_t *buf, size_t len, uint8_t ret[static SHA256_LEN]);
/* HMAC-SHA256 (RFC 2104). */
void crypto_hmac(const uint8_t key[static KEY_LEN], const uint8_t *buf, size_t len,
		 uint8_t ret[static SHA256_LEN]);

/* HKDF-SHA256 of ikm with empty salt and info = label, KEY_LEN bytes. */
void crypto_derive(const uint8_t *ikm, size_t len, const char *label,
		   uint8_t ret[static KEY_LEN]);

/*
 * crypto_wrap, crypto_unwrap - a secret under a key: AES-256-GCM, random nonce in front, tag at the end.
 *
 * ad        what the secret is for; must be equal at unwrap
 * ret       len + WRAP_OVERHEAD bytes (wrap), len - WRAP_OVERHEAD bytes (unwrap)
 *
 * crypto_unwrap returns 0, -EMSGSIZE (too short), or -EKEYREJECTED with nothing written.
 */
void crypto_wrap(const uint8_t key[static KEY_LEN], const uint8_t *ad, size_t ad_len,
		 const uint8_t *in, size_t len, uint8_t *ret);
int crypto_unwrap(const uint8_t key[static KEY_LEN], const uint8_t *ad, size_t ad_len,
		  const uint8_t *in, size_t len, uint8_t *ret);

/* p256_generate - a new key pair. */
void p256_generate(uint8_t ret_private[static P256_PRIVATE_LEN],
		   uint8_t ret_public[static P256_PUBLIC_LEN]);
/* p256_public - the public half. Returns 0, or -EIO: this is no private key. */
int p256_public(const uint8_t private[static P256_PRIVATE_LEN],
		uint8_t ret_public[static P256_PUBLIC_LEN]);
/* p256_sign - ECDSA over the SHA-256 of msg. Returns 0, or -EIO. */
int p256_sign(const uint8_t private[static P256_PRIVATE_LEN], const uint8_t *msg,
	      size_t len, uint8_t ret_signature[static P256_SIGNATURE_LEN]);
/* p256_verify - Returns 0, -EKEYREJECTED, or -EBADMSG if the public key is not a point. */
int p256_verify(const uint8_t public[static P256_PUBLIC_LEN], const uint8_t *msg,
		size_t len, const uint8_t signature[static P256_SIGNATURE_LEN]);

/*
 * sign1_make, sign1_open - COSE_Sign1 of hub/core/cose.h, signed or verified.
 *
 * context   as cose_to_be_signed: SIGN_CONTEXT_...
 *
 * sign1_make returns the length, -ENOSPC or -EIO. sign1_open returns 0 with the payload borrowed from buf, or
 * -EBADMSG, -ENOTSUP, -EKEYREJECTED; the payload is not looked at before the signature is good.
 */
#define SIGN_CONTEXT_BATCH "hub/v1/batch"
#define SIGN_CONTEXT_CONFIG "hub/v1/config"
#define SIGN_CONTEXT_CHECKPOINT "hub/v1/checkpoint"
#define SIGN_CONTEXT_COMMAND "hub/v1/command"
#define SIGN_CONTEXT_TOKEN "hub/v1/token"
#define SIGN_CONTEXT_NETWORK "hub/v1/network"
int sign1_make(const char *context, const uint8_t private[static P256_PRIVATE_LEN],
	       const uint8_t *payload, size_t len, uint8_t *buf, size_t cap);
int sign1_open(const char *context, const uint8_t public[static P256_PUBLIC_LEN],
	       const uint8_t *buf, size_t len, const uint8_t **ret_payload,
	       size_t *ret_len);

struct signer;
/*
 * sign1_open_by - the same for somebody of a list of signers: his key, used as his kind demands (adr/0020).
 *
 * Returns also -EKEYREJECTED if what he sent is of the other kind, or the security key does not say what it has to (fido.h).
 */
int sign1_open_by(const char *context, const struct signer *by, const uint8_t *buf,
		  size_t len, const uint8_t **ret_payload, size_t *ret_len);
/* sign1_hash - SHA-256 of the Sig_structure, for keys that are elsewhere. Returns 0 or -EIO. */
int sign1_hash(const char *context, const uint8_t *payload, size_t len,
	       uint8_t ret[static SHA256_LEN]);

/* x25519_generate - a key pair for sealing. */
void x25519_generate(uint8_t ret_private[static X25519_LEN],
		     uint8_t ret_public[static X25519_LEN]);

/*
 * seal, unseal - HPKE base mode, single shot, info = "hub/v1/reading".
 *
 * A sealed body is: version u8 (1), key id u8, encapsulated key 32, ciphertext, tag 16.
 * ret       SEALED_LEN(len) bytes (seal); len - SEALED_LEN(0) bytes (unseal)
 *
 * seal returns 0 or -EIO. unseal returns 0, -EMSGSIZE, -ENOTSUP (version), or -EKEYREJECTED.
 */
#define SEALED_LEN(n) ((n) + 2 + SEAL_ENC_LEN + SEAL_TAG_LEN)
int seal(uint8_t key_id, const uint8_t public[static X25519_LEN], const uint8_t *ad,
	 size_t ad_len, const uint8_t *in, size_t len, uint8_t *ret);
int unseal(const uint8_t private[static X25519_LEN], const uint8_t *ad, size_t ad_len,
	   const uint8_t *in, size_t len, uint8_t *ret);
/* The key id of a sealed body, or -EMSGSIZE, -ENOTSUP. */
int sealed_key_id(const uint8_t *in, size_t len);
