#pragma once

/*
 * keys.h - the keys of hub-store: a root secret from its provider, and slots that wrap
 * every other key.
 *
 *   root secret (root.h: credential,         engine share (from hubd,
 *    |           board, or file)             levels 0 and 1 only)
 *    |- "hub/v1/slots"  tag over the slots file
 *    |- "hub/v1/queue"  wraps key and salt of each segment of the queue
 *    |- "hub/v1/sign"   wraps the private key that signs batches
 *    |- "hub/v1/audit"  wraps where the audit log's key stands
 *    `- "hub/v1/half"   wraps a half: half || share, "hub/v1/state" wraps key and salt of state.db
 *
 * The half is what lets the slots move to another root secret at any level: without the share nobody can open
 * the slot of state.db, and nobody has to.
 *
 * What it must never do: make a new root secret when slots or databases exist, or start with another
 * provider than the one the hub was set up with. They would be lost for good, and nobody would see it.
 *
 * The slots lie in two files, 'slots-a' and 'slots-b', written one after the other, each
 * as a whole. At start the newest one that opens under its root secret counts, and the
 * other is made equal. If a better root secret is there as well the slots move to it (keys_open.c).
 *
 * A third file, 'recovery', holds the databases' keys sealed to the clinic, so that a card whose board died can be
 * read there (recovery.h, clinic/recover.h). The hub cannot open it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/msg.h"
#include "hub/crypto/crypto.h"
#include "storage/db.h"
#include "storage/slots.h"

struct keys;

struct keys_notes {
	enum root_kind root; /* in force */
	bool root_made;	     /* first start: root.key or root.salt was made */
	/* the slots were under this one until now; ROOT_NONE: they did not move */
	enum root_kind moved_from;
	/* a better one is offered, or was, but is not taken, and why; NULL: no; static */
	const char *not_moved;
	bool left_over;	  /* a weaker one's file could not be removed */
	bool repaired;	  /* one copy of the slots was damaged or behind: written again */
	bool sign_taken;  /* a plain sign.key was wrapped and removed */
	bool audit_taken; /* a plain audit.key was wrapped and removed */
	int audit_error;  /* why it could not be; 0: it was, or there is none */
};

/*
 * keys_open - read root secret and slots, make them at the first start, move them to a better root secret, take
 * over sign.key and audit.key.
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
 *   -EBADMSG       a file is damaged, or the root secret in force is no good
 *   -ENOTSUP       a newer program wrote the slots
 *   -ENOSPC, -EIO, -ENOMEM
 */
int keys_open(const char *dir, bool data_exists, struct keys **ret,
	      struct keys_notes *ret_notes, const char **ret_problem);
void keys_free(struct keys *k); /* NULL is fine; wipes */

/*
 * keys_queue - key of a segment of the queue.
 *
 * make   if there is none it is made, durably: for a segment that has no file yet
 *
 * The caller wipes *ret. Returns 0, -ENOENT (none), -EKEYREJECTED, -ENOSPC (disk, or no slot) or -EIO.
 */
int keys_queue(struct keys *k, uint32_t segment, bool make, struct db_key *ret);

/* keys_segments - which segments have a key, ascending; ret: SLOTS_MAX. Returns how many. */
size_t keys_segments(const struct keys *k, uint32_t ret[static SLOTS_MAX]);

/* keys_drop - the segment's file is gone for good, so may its key. Returns 0 or as keys_queue. */
int keys_drop(struct keys *k, uint32_t segment);

/* keys_state - the same for state.db; -EKEYREJECTED also
 * if the share is not the one it was wrapped with. */
int keys_state(struct keys *k, const uint8_t share[static ENGINE_SHARE_LEN],
	       struct db_key *ret);

/* keys_sign - the private key for batches. Returns 0, -ENOENT (never given), or -EKEYREJECTED. */
int keys_sign(struct keys *k, uint8_t ret[static P256_PRIVATE_LEN]);

/*
 * keys_audit_load, keys_audit_store - what the audit log keeps beside its files, for struct audit_host (audit.h).
 *
 * len   up to 96
 *
 * load: the length, -ENOENT (the log never began), or -EKEYREJECTED. store: 0 when both copies are durable; the one
 * before is replaced, and key 0 gone with it. Else -EMSGSIZE, or as keys_write: nothing has changed.
 */
int keys_audit_load(struct keys *k, uint8_t *buf, size_t cap);
int keys_audit_store(struct keys *k, const uint8_t *buf, size_t len);

/* keys_audit_first - key 0, if it waits for its log to begin. The caller wipes it. Returns 0, -ENOENT or -EKEYREJECTED. */
int keys_audit_first(struct keys *k, uint8_t ret[static KEY_LEN]);
/* keys_audit_forget_first - the log that it belongs to has begun before. Returns 0 or as keys_write. */
int keys_audit_forget_first(struct keys *k);

/*
 * keys_make_sign, keys_make_audit_first - for a hub that enrols itself: the key for batches, and key 0 of an audit log, if
 * there is none. again: also if a log has begun, for one of a later enrolment. Return 0 or as keys_queue.
 */
int keys_make_sign(struct keys *k);
int keys_make_audit_first(struct keys *k, bool again);

/*
 * keys_recovery - keeps the file 'recovery' what it should be: the keys of the queue's segments and, as soon as the share
 * has been here once, of state.db, sealed to the clinic. Not the key that signs: with it somebody else were the hub.
 *
 * c    the configuration; the queue must be of the same enrolment, or another clinic would get its key
 *
 * To be called after each configuration and after each keys_queue and keys_state: it writes only if something
 * changed, and after a failure not again before something does. Returns 0, -EKEYREJECTED, -EIO, -ENOSPC, -EACCES.
 */
int keys_recovery(struct keys *k, const struct msg_store_config *c);
