#pragma once

/*
 * lockdown_file.h - the level of the lockdown on the disk: files 'lockdown-a' and 'lockdown-b', equal but for a power cut
 * between them. Byte table: docs/MESSAGES.md, 'Lockdown'.
 */
#include "hub/crypto/crypto.h"
#include "hub/lockdown.h"

enum {
	LOCKDOWN_FILE_LEN =
		4 + 1 + 8 + 1 + 4 + LOCKDOWN_BOOT_LEN + 8 + 4 + 8 + 3 + 8 + SHA256_LEN
};

/*
 * lockdown_file_provision - the first copies, at NORMAL, of a hub that was never in use: it has neither of them and no engine
 * share, which is made afterwards. A hub that was in use gets none.
 *
 * Returns 0, or an error of lockdown_file_save.
 */
int lockdown_file_provision(const char *dir);

/* lockdown_file_encode - one copy. */
void lockdown_file_encode(const struct lockdown_held *h,
			  uint8_t ret[static LOCKDOWN_FILE_LEN]);

/* lockdown_file_decode - Returns 0, -EMSGSIZE, -EBADMSG (damaged), -ENOTSUP (version) or -ERANGE. */
int lockdown_file_decode(const uint8_t *buf, size_t len, struct lockdown_held *ret);

/* lockdown_file_load - Returns 0, an error of lockdown_file_decode, -ENOENT, -EACCES or -EIO. */
int lockdown_file_load(const char *dir, unsigned copy, struct lockdown_held *ret);

/* lockdown_file_save - Returns 0 when it is durable, or -ENOSPC, -EACCES, -EIO. */
int lockdown_file_save(const char *dir, unsigned copy, const struct lockdown_held *h);
