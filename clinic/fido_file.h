#pragma once

/*
 * fido_file.h - a person's credential on a security key, as a file: in the place where another has his private key. Nothing in it is
 * secret: it is good for nothing without the security key, and that for nothing without the file (adr/0020).
 *
 *   "HFID" | version u8 = 1 | kind u8, SIGNER_FIDO2 or SIGNER_FIDO2_VERIFIED | public key 65 | length u16 | credential id
 */
#include "clinic/folder.h"
#include "hub/core/fido.h"
#include "hub/core/signer.h"

enum { FIDO_FILE_MAX = 4 + 1 + 1 + SIGNER_PUBLIC_LEN + 2 + FIDO_CREDENTIAL_MAX };

struct fido_file {
	enum signer_kind kind;
	uint8_t public[SIGNER_PUBLIC_LEN];
	uint8_t credential[FIDO_CREDENTIAL_MAX];
	size_t credential_len; /* from 1 */
};

/* fido_file_is - do these bytes begin as such a file does? Pure. */
bool fido_file_is(const uint8_t *buf, size_t len);
/* fido_file_decode - Returns 0, -ENOTSUP (version) or -EBADMSG. Pure. */
int fido_file_decode(const uint8_t *buf, size_t len, struct fido_file *ret);
/* fido_file_encode - Returns the length. Pure. */
int fido_file_encode(const struct fido_file *f, uint8_t ret[static FIDO_FILE_MAX]);

/* fido_file_read - Returns 1; 0: there is no such file, or it is of another kind; or an error of folder.h with words in why. */
int fido_file_read(const char *dir, const char *name, struct fido_file *ret,
		   char why[static FOLDER_WHY_MAX]);
/* The same for a path. */
int fido_file_read_path(const char *path, struct fido_file *ret,
			char why[static FOLDER_WHY_MAX]);
/* fido_file_write - as file_replace. */
int fido_file_write(const char *dir, const char *name, const struct fido_file *f);
