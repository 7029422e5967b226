#pragma once

/*
 * recover.h - a hub's card whose board died: from the file 'recovery' to the records of its queue.
 *
 * Only programs that hold the sealing key use it. Work on a copy of the store's folder: reading a database leaves
 * files beside it. What comes out was on that card, and nothing more is proved: records that were uploaded are signed,
 * these are not.
 */
#include "clinic/opening.h"
#include "clinic/store.h"
#include "storage/recovery.h"

/* Records by what they were on the hub. */
struct recover_counts {
	uint64_t routine, alarm; /* not acknowledged by the clinic when the hub died */
	uint64_t refused;	 /* by the clinic, kept aside */
	uint64_t given_up;	 /* numbers that will never come: tombstones */
};

/* recover_read - dir/recovery. Returns 0, -ENOENT, -EACCES, -EIO, or as recovery_decode. */
int recover_read(const char *dir, struct recovery *ret);

/*
 * recover_key - the key of one database. The caller wipes *ret.
 *
 * Returns 0, -ENOENT (the hub had none, or could not seal it), -ENOTSUP (sealed to another key id), or -EKEYREJECTED
 * (sealed to another key, damaged, or of another hub).
 */
int recover_key(const struct recovery *r, const struct opening_key *key,
		enum slot_purpose purpose, uint32_t segment, struct db_key *ret);

/*
 * recover_queue - every record of one segment, alarms first, then routine, then refused ones, each ascending. If the hub
 * has set it aside as damaged: of 'queue-N.db.aside', as far as it reads.
 *
 * fn    called with each, sealed as it is; what it returns, if not 0, ends the work; may be NULL
 * ret   filled on success
 *
 * Returns 0, what fn returned, -ENOENT (no such file), -EBADMSG (wrong key, or damaged) or -ENOTSUP (schema), -EIO.
 */
int recover_queue(const char *dir, const struct recovery *r, uint32_t segment,
		  const struct db_key *key, store_record_fn *fn, void *arg,
		  struct recover_counts *ret);

/* One file of the spool. */
struct recover_segment {
	uint64_t records;
	uint64_t damaged; /* blocks that are neither empty nor whole */
};

/* Whose spool it is, if no file 'recovery' says so. */
struct recover_owner {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
};

/*
 * recover_spool - every record of one file of the spool, in the order in which they were written. They need no key: only
 * their bodies are sealed. Records that the clinic has, or that the hub gave up, may be among them.
 *
 * name   of the file in dir: 'spool-1', 'spool-2.aside', ...
 * owner  the file must be of this hub and enrolment; one whose head is damaged is tried as such
 * fn     as recover_queue
 * ret    filled on success
 *
 * Returns 0, what fn returned, -ENOENT, -EACCES, -EIO, or -EPROTO (of another hub or enrolment).
 */
int recover_spool(const char *dir, const char *name, const struct recover_owner *owner,
		  store_record_fn *fn, void *arg, struct recover_segment *ret);
/* The owner that a file of the spool names. Returns as recover_spool, or -EBADMSG: it is empty or damaged. */
int recover_spool_owner(const char *dir, const char *name, struct recover_owner *ret);
