#pragma once

/*
 * own_trust.h - what clinic.trust says of this clinic, from the files of its folder; signed by its root.
 */
#include "clinic/folder.h"
#include "clinic/pki.h"
#include "hub/core/trust.h"
#include "hub/crypto/crypto.h"

enum {
	OWN_TRUST_ENROL_PORT = 5685, /* if clinic.conf does not say one */
};

/*
 * own_trust_fill - all but expires_s: name, own endpoint and enrol port, config key, sealing key, and the root in use.
 *
 * root   its cert is read, its key is not needed
 *
 * Returns 0 or an error as in folder.h.
 */
int own_trust_fill(const char *dir, const char *root_cert, struct trust *ret,
		   char why[static FOLDER_WHY_MAX]);

/*
 * own_trust_sign - the file.
 *
 * private   of the root in t
 *
 * Returns 0 or an error as in folder.h; -EKEYREJECTED: key and certificate of the root do not belong together, -ERANGE: a
 * field that a hub would refuse.
 */
int own_trust_sign(const struct trust *t, const uint8_t private[static P256_PRIVATE_LEN],
		   uint8_t file[static TRUST_FILE_MAX], size_t *ret_len,
		   char why[static FOLDER_WHY_MAX]);
