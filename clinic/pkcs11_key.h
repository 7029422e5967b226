#pragma once

/*
 * pkcs11_key.h - a P-256 key in a token behind PKCS#11, used by clinicctl-pkcs11 (adr/0022), which CLINICCTL_PKCS11_HELPER names if it is
 * elsewhere (helper.h): the PIN is asked for on the terminal, or read from the file of passphrase.h; neither key nor module is here.
 *
 * Errors, with words in why: -EBADMSG (URI), -ENOENT (module, token or key, or more than one; the program is missing), -EEXIST,
 * -EKEYREJECTED (PIN), -EACCES (no PIN to be had, or none set), -ENOTSUP, -EIO.
 */
#include "clinic/pkcs11_file.h"
#include "hub/crypto/crypto.h"

struct pkcs11_key;

/* pkcs11_key_is - is it a URI, and not a path? */
bool pkcs11_key_is(const char *spec);

/*
 * pkcs11_key_open - the token stays open, and the PIN given, until pkcs11_key_close; but a key that always wants it asks for it again.
 *
 * make   a new key of the name in uri; else the one that is there
 */
int pkcs11_key_open(const char *uri, bool make, struct pkcs11_key **ret,
		    char why[static FOLDER_WHY_MAX]);
void pkcs11_key_close(struct pkcs11_key *k); /* NULL is fine */

/* pkcs11_key_file - what a file says of it: its own URI, without a PIN's file, and its public key if the token shows one. */
const struct pkcs11_file *pkcs11_key_file(const struct pkcs11_key *k);

/* pkcs11_key_prove - does what the token shows as public key belong to the key that signs there? */
int pkcs11_key_prove(struct pkcs11_key *k, char why[static FOLDER_WHY_MAX]);

/* pkcs11_key_sign - ECDSA of a SHA-256. */
int pkcs11_key_sign(struct pkcs11_key *k, const uint8_t hash[static SHA256_LEN],
		    uint8_t ret[static P256_SIGNATURE_LEN],
		    char why[static FOLDER_WHY_MAX]);
