#pragma once

/*
 * token.h - a P-256 key on a token behind PKCS#11: found by the labels of token and key, used with CKM_ECDSA, never read.
 *
 * The module is loaded with dlopen: code of whoever made the token, in this process. So it is only loaded when a key of the
 * form pkcs11: is named, and never in a program that listens.
 */
#include "clinic/folder.h"
#include "hub/crypto/crypto.h"

struct token;

/* token_is - is it the name of a key on a token? */
bool token_is(const char *spec);

/* Returns 0, -EBADMSG (spec), -ENOENT (module, token or key), -EKEYREJECTED (PIN), -EACCES (no PIN), -EIO. */
int token_open(const char *spec, struct token **ret, char why[static FOLDER_WHY_MAX]);
void token_close(struct token *t); /* NULL is fine */

/* ECDSA of a SHA-256. Returns 0 or -EIO. */
int token_sign(struct token *t, const uint8_t hash[static SHA256_LEN],
	       uint8_t ret[static P256_SIGNATURE_LEN]);
