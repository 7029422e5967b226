#pragma once

/*
 * keys.h - the keys of hub-store: a root secret from its provider, and slots that wrap
 * every other key.
 *
 *   root secret (file root.key)                engine share (from hubd,
 *    |                                       levels 0 and 1 only)
 *    |- "hub/v1/slots"  tag over the slots file
 *    |- "hub/v1/queue"  wraps key and salt of each segment of the queue
 *    |- "hub/v1/sign"   wraps the private key that signs batches
 *    `- root || share, "hub/v1/state"  wraps key and salt of state.db
 *
 * What it must never do: make a new root secret when slots or databases exist. They would
 * be lost for good, and nobody would see it.
 *
 * The slots lie in two files, 'slots-a' and 'slots-b', written one after the other, each
 * as a whole. At start the newest one that opens under the root secret counts, and the
 * other is made equal.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/msg.h"
#include "hub/crypto/crypto.h"
#include "storage/db.h"

struct keys;

struct keys_notes {
	bool root_made;	 /* first start: a root secret was made, in a plain file */
	bool repaired;	 /* one copy of the slots was damaged or behind: written again */
	bool sign_taken; /* a plain sign.key was wrapped and removed */
};

/*
 * keys_open - read root secret and slots, make them at the first start, take over sign.key.
 *
 * dir          folder of the store; copied
 * data_exists  a database is there already: then this is not a first start
 * ret_notes    what is worth a line in the log
 * ret_problem  on failure: one sentence for a person, what is wrong and what to do;
 *              static
 *
 * Returns 0 with *ret, or
 *   -ENOENT        root secret or slots missing although there is something to open
 *   -EKEYREJECTED  no copy of the slots opens under this root secret
 *   -EBADMSG       a file is damaged
 *   -ENOSPC, -EIO, -ENOMEM
 */
int keys_open(const char *dir, bool data_exists, struct keys **ret,
	      struct keys_notes *ret_notes, const char **ret_problem);
void keys_free(struct keys *k); /* NULL is fine; wipes */

/* keys_queue - key of a segment of the queue, made and made durable if there is
 * none. The caller wipes *ret. Returns 0, -EKEYREJECTED, -ENOSPC or -EIO. */
int keys_queue(struct keys *k, uint32_t segment, struct db_key *ret);

/* keys_state - the same for state.db; -EKEYREJECTED also
 * if the share is not the one it was wrapped with. */
int keys_state(struct keys *k, const uint8_t share[static ENGINE_SHARE_LEN],
	       struct db_key *ret);

/* keys_sign - the private key for batches. Returns 0, -ENOENT (never given), or -EKEYREJECTED. */
int keys_sign(struct keys *k, uint8_t ret[static P256_PRIVATE_LEN]);
