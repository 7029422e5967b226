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
 * recover_queue - every record of one segment, alarms first, then routine, then refused ones, each ascending.
 *
 * fn    called with each, sealed as it is; what it returns, if not 0, ends the work; may be NULL
 * ret   filled on success
 *
 * Returns 0, what fn returned, -ENOENT (no such file), -EBADMSG (wrong key, or damaged) or -ENOTSUP (schema), -EIO.
 */
int recover_queue(const char *dir, const struct recovery *r, uint32_t segment,
		  const struct db_key *key, store_record_fn *fn, void *arg,
		  struct recover_counts *ret);
