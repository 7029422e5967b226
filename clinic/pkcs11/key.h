#pragma once

/*
 * key.h - one P-256 key of one token: found or made, shown, used with CKM_ECDSA, never read.
 */
#include "clinic/pkcs11/login.h"

struct key {
	struct wish wish;
	struct slot slot;
	struct login login;
	CK_SESSION_HANDLE session;
	bool open;   /* the session is */
	bool always; /* it wants the PIN for each signature (CKA_ALWAYS_AUTHENTICATE) */
	CK_OBJECT_HANDLE private, public; /* public: CK_INVALID_HANDLE if it has none */
};

/*
 * key_open - finds the key that the request names, or makes it.
 *
 * ret       of it, ask and reader of .login are set by the caller; key_close is called in both cases
 * ret_said  KEY or FAILED
 *
 * Returns true: it is KEY.
 */
bool key_open(const struct pkcs11_request *rq, struct key *ret,
	      struct pkcs11_answer *ret_said);
void key_close(struct key *k);

/* key_sign - ret_said: SIGNATURE or FAILED. Returns true: it is SIGNATURE. */
bool key_sign(struct key *k, const uint8_t hash[static PKCS11_HASH_LEN],
	      struct pkcs11_answer *ret_said);
