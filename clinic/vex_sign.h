#pragma once

/*
 * vex_sign.h - a person's signature under a VEX document, in a file of its own beside it: DOCUMENT.cose, a COSE_Sign1 over
 * [1, name of the signer, SHA-256 of the document].
 */
#include "clinic/signing.h"
#include "clinic/store_command.h"

#define SIGN_CONTEXT_VEX "hub/v1/vex"
#define VEX_SIGNATURE_END ".cose"

enum { VEX_SIGNED_MAX = 192 + COSE_FIDO_EXTRA };

/* vex_sign - Returns the length of the signature's file, or -EIO, -ENOSPC. */
int vex_sign(struct signing *key, const char *signer, const uint8_t *document, size_t len,
	     uint8_t buf[static VEX_SIGNED_MAX]);

/* vex_signer - the name in a signature that is not verified yet. Returns 0, -EBADMSG, -ENOTSUP, -ERANGE. */
int vex_signer(const uint8_t *buf, size_t len, char ret[static SIGNER_NAME_MAX + 1]);

/* vex_verify - Returns 0, or -EKEYREJECTED: not by him, or of another document. */
int vex_verify(const struct signer *by, const uint8_t *buf, size_t len,
	       const uint8_t *document, size_t document_len);
