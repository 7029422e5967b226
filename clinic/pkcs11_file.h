#pragma once

/*
 * pkcs11_file.h - which key of a token signs, as a file: in the place where another has his private key. Nothing in it is secret, and
 * who writes one by hand needs its first line only (adr/0022):
 *
 *   pkcs11:token=LABEL;serial=NUMBER;object=LABEL;id=%01;type=private      a PKCS#11 URI (RFC 7512)
 *   public 04...                                                          the point, 130 digits; so that the clinic may have a copy
 */
#include <stdbool.h>

#include "clinic/folder.h"
#include "clinic/pkcs11_talk.h"

enum { PKCS11_FILE_MAX = PKCS11_URI_MAX + 1 + 7 + 2 * SIGNER_PUBLIC_LEN + 1 };

struct pkcs11_file {
	char uri[PKCS11_URI_MAX + 1];
	uint8_t public[SIGNER_PUBLIC_LEN]; /* [0] is 0: it does not say */
};

/* pkcs11_file_is - do these bytes begin as such a file does? Pure. */
bool pkcs11_file_is(const uint8_t *buf, size_t len);
/* pkcs11_file_decode - Returns 0 or -EBADMSG. Pure. */
int pkcs11_file_decode(const uint8_t *buf, size_t len, struct pkcs11_file *ret);
/* pkcs11_file_encode - Returns the length. Pure. */
int pkcs11_file_encode(const struct pkcs11_file *f, uint8_t ret[static PKCS11_FILE_MAX]);

/* pkcs11_file_read - Returns 1; 0: there is no such file, or it is of another kind; or an error of folder.h with words in why. */
int pkcs11_file_read(const char *dir, const char *name, struct pkcs11_file *ret,
		     char why[static FOLDER_WHY_MAX]);
/* The same for a path. */
int pkcs11_file_read_path(const char *path, struct pkcs11_file *ret,
			  char why[static FOLDER_WHY_MAX]);
/* pkcs11_file_write - as file_replace. */
int pkcs11_file_write(const char *dir, const char *name, const struct pkcs11_file *f);
