#pragma once

/*
 * signing.h - a person's key that signs what hubs obey, wherever it is: a file (keyfile.h), or a token behind PKCS#11, which
 * never gives it away.
 *
 *   PATH                                  a file
 *   pkcs11:token=LABEL;object=LABEL       a token, through the module that CLINICCTL_PKCS11 names or p11-kit's own (RFC 7512)
 */
#include "clinic/folder.h"
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

/* signing_sign1 - as sign1_make. Returns the length, -ENOSPC or -EIO. */
int signing_sign1(struct signing *s, const char *context, const uint8_t *payload,
		  size_t len, uint8_t *buf, size_t cap);
