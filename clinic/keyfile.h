#pragma once

/*
 * keyfile.h - private P-256 keys in files: 32 octets as they are, PEM, or encrypted PEM ("ENCRYPTED PRIVATE KEY": PKCS#8,
 * PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC, as openssl reads and writes it).
 *
 * A key that is not encrypted works, with a loud line on stderr each time it is used; who wants that may.
 */
#include "clinic/folder.h"
#include "clinic/pki.h"
#include "hub/crypto/crypto.h"

enum { KEYFILE_MAX = 4096, KEYFILE_ITERATIONS = 600000 };

/*
 * keyfile_read - a passphrase is asked for if it needs one.
 *
 * path   "DIR/NAME"; or dir and name as in folder.h
 *
 * Returns 0, or an error of folder.h with words in why; -EKEYREJECTED: not this passphrase.
 */
int keyfile_read(const char *dir, const char *name, uint8_t ret[static P256_PRIVATE_LEN],
		 char why[static FOLDER_WHY_MAX]);
int keyfile_read_path(const char *path, uint8_t ret[static P256_PRIVATE_LEN],
		      char why[static FOLDER_WHY_MAX]);

/* keyfile_read_pem - the same as PEM without encryption, for pki.h; PKI_PEM_MAX bytes. */
int keyfile_read_pem(const char *dir, const char *name, char ret[static PKI_PEM_MAX],
		     char why[static FOLDER_WHY_MAX]);

/* keyfile_is_encrypted - is it a file that needs a passphrase? Returns 1, 0, or an error. */
int keyfile_is_encrypted(const char *dir, const char *name);

/*
 * keyfile_parse - the bytes of a file.
 *
 * passphrase   NULL: none, -EACCES if it needs one
 *
 * Returns also -EBADMSG (no key), -EKEYREJECTED.
 */
int keyfile_parse(const uint8_t *bytes, size_t len, const char *passphrase,
		  uint8_t ret[static P256_PRIVATE_LEN]);

/* keyfile_encrypt - the text of an encrypted file. Returns the length, or -EIO. */
int keyfile_encrypt(const uint8_t private[static P256_PRIVATE_LEN],
		    const char *passphrase, char ret[static KEYFILE_MAX]);
