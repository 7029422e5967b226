#pragma once

/*
 * triggers_file.h - buckets and causes on the disk: file 'triggers'. Byte table: docs/MESSAGES.md, 'Triggers'.
 */
#include "hub/crypto/crypto.h"
#include "hub/triggers.h"

enum {
	TRIGGERS_BUCKET_LEN = 1 + 2 + 1 + 4 + 8 + 8 + 8 + 4,
	TRIGGERS_HEAD_LEN = 4 + 1 + LOCKDOWN_BOOT_LEN + 8 + 8 + 1 + 1,
	TRIGGERS_FILE_MAX =
		TRIGGERS_HEAD_LEN + TRIGGER_ROWS_MAX * TRIGGERS_BUCKET_LEN + SHA256_LEN,
};

/* triggers_file_encode - Returns the length. */
size_t triggers_file_encode(const struct triggers_held *h,
			    uint8_t ret[static TRIGGERS_FILE_MAX]);

/* triggers_file_decode - Returns 0, -EMSGSIZE, -EBADMSG (damaged), -ENOTSUP (version) or -ERANGE. */
int triggers_file_decode(const uint8_t *buf, size_t len, struct triggers_held *ret);

/* triggers_file_load - Returns 0, an error of triggers_file_decode, -ENOENT, -EACCES or -EIO. */
int triggers_file_load(const char *dir, struct triggers_held *ret);

/* triggers_file_save - Returns 0 when it is durable, or -ENOSPC, -EACCES, -EIO. */
int triggers_file_save(const char *dir, const struct triggers_held *h);
