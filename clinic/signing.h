#pragma once

/*
 * signing.h - a person's key that signs what hubs obey, wherever it is: a file (keyfile.h), a token behind PKCS#11 or a
 * FIDO2 security key, which never give it away.
 *
 *   PATH                                  a file; it may say which credential of a security key signs (fido_file.h)
 *   pkcs11:token=LABEL;object=LABEL       a token, through the module that CLINICCTL_PKCS11 names or p11-kit's own (RFC 7512)
 */
#include "clinic/folder.h"
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

/* signing_kind - what a signer must be on the list for this key. */
enum signer_kind signing_kind(const struct signing *s);

/* signing_sign1 - as sign1_make; a security key is touched meanwhile. Returns the length, -ENOSPC, -EIO, or as fido_key_sign. */
int signing_sign1(struct signing *s, const char *context, const uint8_t *payload,
		  size_t len, uint8_t *buf, size_t cap);
/* signing_why - in words, why it could not sign; "" if there are none. Valid until signing_close. */
const char *signing_why(const struct signing *s);
