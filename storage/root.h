#pragma once

/*
 * root.h - where hub-store's root secret comes from.
 *
 *   ROOT_CREDENTIAL  $CREDENTIALS_DIRECTORY/hub-root: systemd opened it with the TPM or the host
 *                    key; no TPM code here, and no way to tell which of the two it was
 *   ROOT_BOARD       $CREDENTIALS_DIRECTORY/hub-board: one-time memory of the board, which systemd
 *                    reads for us, because /sys is closed to hub-store; mixed with root.salt, so
 *                    that two installations on one board differ and without the file this one is
 *                    gone
 *   ROOT_FILE        root.key beside the data; for development only
 *
 * Here they are only read, made and removed. Which one is in force is decided in keys_open.c.
 */
#include <stdbool.h>
#include <stdint.h>

#include "storage/slots.h"

enum { ROOT_LEN = 32 };

#define ROOT_CREDENTIAL_NAME "hub-root"
#define ROOT_BOARD_NAME "hub-board"

/* One provider as it was found. In secret memory. */
struct root {
	bool offered; /* this machine has it, good or not */
	/* 0: secret holds. -ENOENT: not there, or offered but a part in our folder is missing.
	 * -EBADMSG, -EIO, -EACCES: there, but no good */
	int err;
	const char *problem; /* if err: one sentence for a person; static */
	uint8_t secret[ROOT_LEN];
};

/* root_read_all - every provider, ret[kind]; ret[ROOT_NONE] is none. dir: the store's folder. */
void root_read_all(const char *dir, struct root ret[static ROOT_KINDS]);

/*
 * root_make - makes what the provider needs in our folder, durably: root.key, or root.salt.
 *
 * r   as read, with err -ENOENT; if it can be made it holds the secret afterwards
 *
 * Returns 0 or r->err, with r->problem. What is there is never overwritten: call it only for what is missing.
 */
int root_make(const char *dir, enum root_kind kind, struct root *r);

/*
 * root_drop - removes the provider's file from our folder, durably, once another one is in force for good.
 *
 * root.key is overwritten first: an undelete must not find it. What the flash keeps below is out of reach.
 *
 * Returns 0, also if there is none, or -EIO, -EACCES.
 */
int root_drop(const char *dir, enum root_kind kind);

/* Is there something for root_drop? */
bool root_is_left(const char *dir, enum root_kind kind);

const char *root_kind_text(enum root_kind kind);
/* What it protects against and what not, for the log. */
const char *root_kind_grade(enum root_kind kind);
