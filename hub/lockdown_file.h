#pragma once

/*
 * lockdown_file.h - the level of the lockdown on the disk: files 'lockdown-a' and 'lockdown-b', equal but for a power cut
 * between them; and 'lockdown-kept', which says that there is a level here. Byte table: docs/MESSAGES.md, 'Lockdown'.
 *
 * A hub that had a level and does not know it any more is locked. One that never had one, because it is new or its
 * program was of before there were levels, is not: nothing has happened to it. The third file tells them apart; it is
 * written when both copies are there, or one was found, and stays until a factory reset.
 *
 * 'lockdown-locked' says that a factory reset is not to begin: level 2 or above, and no order to retire or of two people at the hub to reset it. It is there before a
 * copy says so, and goes when none does; so a power cut before hub-store has heard of the level (storage/reset_rule.h) leads to
 * no reset, behind which nobody would be known who may release this hub. hub-store-reset.service looks for it.
 */
#include "hub/crypto/crypto.h"
#include "hub/lockdown.h"

enum {
	LOCKDOWN_FILE_LEN = 4 + 1 + 8 + 1 + 4 + LOCKDOWN_BOOT_LEN + 8 + 4 + 8 + 3 + 8 +
			    12 + 1 + SHA256_LEN,
	/* versions 2 and 1, which are still read */
	LOCKDOWN_FILE_2_LEN = LOCKDOWN_FILE_LEN - 1,
	LOCKDOWN_FILE_1_LEN = LOCKDOWN_FILE_2_LEN - 12,
};

/* lockdown_file_is_first - was there never a level here? What cannot be looked at was there. */
bool lockdown_file_is_first(const char *dir);

/*
 * lockdown_file_provision - the first copies, at NORMAL, of a hub that never had any, and the word that it has.
 *
 * Returns 0, or an error of lockdown_file_save: the hub goes on at NORMAL (orders_open), and it is tried again at the
 * next start.
 */
int lockdown_file_provision(const char *dir);

/*
 * lockdown_file_renew - after a factory reset, when there is no engine share and no escrow of one, and before settings_open makes one: both copies at
 * NORMAL, with the next lock epoch, if one of them says that an order to retire or to reset was taken, for two people have ended what was
 * before. Else they stay: a reset by button does not lower the level.
 *
 * Returns 0, or an error of lockdown_file_save: nothing may go on, for nobody would do it later.
 */
int lockdown_file_renew(const char *dir);

/* lockdown_file_mark - 'lockdown-locked', as the level that was found at a start wants it. Returns 0, or as file_replace. */
int lockdown_file_mark(const char *dir, const struct lockdown_held *h);

/* lockdown_file_encode - one copy. */
void lockdown_file_encode(const struct lockdown_held *h,
			  uint8_t ret[static LOCKDOWN_FILE_LEN]);

/* lockdown_file_decode - Returns 0, -EMSGSIZE, -EBADMSG (damaged), -ENOTSUP (version) or -ERANGE. */
int lockdown_file_decode(const uint8_t *buf, size_t len, struct lockdown_held *ret);

/* lockdown_file_load - Returns 0, an error of lockdown_file_decode, -ENOENT, -EACCES or -EIO. */
int lockdown_file_load(const char *dir, unsigned copy, struct lockdown_held *ret);

/* lockdown_file_save - Returns 0 when it is durable, or -ENOSPC, -EACCES, -EIO. */
int lockdown_file_save(const char *dir, unsigned copy, const struct lockdown_held *h);
