#pragma once

/*
 * fido_key.h - a security key, used by clinicctl-fido (adr/0020): what it needs of a person is said and asked for on the terminal.
 *
 * clinicctl-fido lies beside clinicctl, or in ../libexec/clinic from there; CLINICCTL_FIDO names another one. Its answers are
 * not believed: they are bounded here, and a signature counts when it was verified.
 *
 * Both return 0 or, with words in why: -ENOENT (no key, not this one, more than one; the program is missing), -EKEYREJECTED (PIN),
 * -EACCES (no PIN to be had, or none set), -EAGAIN (nobody touched it), -ENOTSUP, -EIO.
 */
#include "clinic/fido_file.h"
#include "hub/core/cose.h"

/* fido_key_make - a new credential, not resident, on the one key that is plugged in. user: a name that the key may show. */
int fido_key_make(const char *user, enum signer_kind kind, struct fido_file *ret,
		  char why[static FOLDER_WHY_MAX]);

/* fido_key_sign - hash: of a Sig_structure. */
int fido_key_sign(const struct fido_file *f, const uint8_t hash[static FIDO_HASH_LEN],
		  uint8_t ret_auth[static FIDO_AUTH_LEN],
		  uint8_t ret_signature[static COSE_SIGNATURE_LEN],
		  char why[static FOLDER_WHY_MAX]);
