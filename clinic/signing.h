#pragma once

/*
 * signing.h - a person's key that signs what hubs obey, wherever it is: a file (keyfile.h), a token behind PKCS#11 or a
 * FIDO2 security key, which never give it away.
 *
 *   PATH         a file; it may say which credential of a security key signs (fido_file.h), or which key of a token (pkcs11_file.h)
 *   pkcs11:...   a key of a token (RFC 7512), through the module that CLINICCTL_PKCS11 names or those that p11-kit knows
 */
#include "clinic/folder.h"
#include "clinic/pkcs11_talk.h"
#include "hub/core/signer.h"
#include "hub/crypto/crypto.h"

struct signing;

/* signing_use - for configs: this key from now on, borrowed; NULL: config.key of the folder. signing_used - which one. */
void signing_use(const char *spec);
const char *signing_used(void);

/*
 * signing_open - what is needed is asked for: a passphrase, a PIN.
 *
 * spec        NULL: the file of this name in the folder
 *
 * Returns 0, or an error of folder.h with words in why; -EKEYREJECTED: not this passphrase or PIN.
 */
int signing_open(const char *spec, const char *dir, const char *name,
		 struct signing **ret, char why[static FOLDER_WHY_MAX]);
void signing_close(struct signing *s); /* NULL is fine */

/* Where the key is that a file of a folder stands for. */
enum signing_place {
	SIGNING_ELSEWHERE =
		0, /* there is no such file, or none that says; or it is of another key */
	SIGNING_FILE,
	SIGNING_FILE_ENCRYPTED,
	SIGNING_SECURITY_KEY,
	SIGNING_TOKEN,
};

/*
 * signing_place - nothing is asked for.
 *
 * whose    kind and public key that it must have, where the file says; a private key is not opened to see
 * ret_uri  of a token's key, else ""
 */
enum signing_place signing_place(const char *dir, const char *name,
				 const struct signer *whose,
				 char ret_uri[static PKCS11_URI_MAX + 1]);
/* signing_place_text - one word, "elsewhere", "file", "encrypted-file", "security-key" or "token". */
const char *signing_place_text(enum signing_place place);

/* signing_kind - what a signer must be on the list for this key. */
enum signer_kind signing_kind(const struct signing *s);

/* signing_sign1 - as sign1_make; a security key is touched meanwhile. Returns the length, -ENOSPC, -EIO, or as fido_key_sign, pkcs11_key_sign. */
int signing_sign1(struct signing *s, const char *context, const uint8_t *payload,
		  size_t len, uint8_t *buf, size_t cap);
/* signing_why - in words, why it could not sign; "" if there are none. Valid until signing_close. */
const char *signing_why(const struct signing *s);
