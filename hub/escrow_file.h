#pragma once

/*
 * escrow_file.h - the escrow on hubd's disk: files 'escrow-a' and 'escrow-b', equal but for a power cut between them. Byte table:
 * docs/MESSAGES.md, 'Escrow'. At level 3 they hold the only copy of the engine share; a factory reset removes them.
 */
#include "hub/escrow.h"

enum {
	ESCROW_FILE_LEN = 4 + 1 + 1 + HUB_ID_LEN + 4 + 4 + X25519_LEN + KEY_LEN +
			  ESCROW_WRAPPED_LEN + ESCROW_SEALED_LEN + SHA256_LEN
};

void escrow_file_encode(const struct escrow *e, uint8_t ret[static ESCROW_FILE_LEN]);
/* escrow_file_decode - Returns 0, -EMSGSIZE, -EBADMSG (damaged) or -ENOTSUP (version). */
int escrow_file_decode(const uint8_t *buf, size_t len, struct escrow *ret);

/* escrow_file_exists - is, or was there one? What cannot be looked at is there. */
bool escrow_file_exists(const char *dir);
/* escrow_file_load - the first good copy. Returns 0, -ENOENT (neither is there), or the error of the last. */
int escrow_file_load(const char *dir, struct escrow *ret);
/* escrow_file_holds - do both copies say just this? */
bool escrow_file_holds(const char *dir, const struct escrow *e);
/* escrow_file_save - Returns 0 when both copies are durable, or -ENOSPC, -EACCES, -EIO. */
int escrow_file_save(const char *dir, const struct escrow *e);
