#pragma once

/*
 * witness.h - what the clinic keeps of hubs' audit logs: key 0 of each, the checkpoints that came with uploads, and
 * what was wrong with one.
 *
 * A stored checkpoint is what a hub's log is held against later (audit_verify.h): a log that does not contain it, as it
 * was, is not whole. So a log that goes back shows itself here at the next contact, and what is already witnessed cannot
 * be taken back by whoever holds the hub.
 *
 * Invariants
 *   1. A checkpoint is stored only if the hub that uploads signed it, for itself and this enrolment.
 *   2. The checkpoints of one (hub, epoch) grow: size, and never less of boot counter and highest seq.
 *   3. There is a receipt only for what a COMMIT that returned 0 will hold.
 *   4. After a checkpoint that went back nothing of this (hub, epoch) is witnessed any more: whatever follows may be the
 *      log of a copy. A new enrolment begins anew.
 *   5. Key 0 of a (hub, epoch) is written once.
 */
#include "clinic/store.h"
#include "hub/core/audit_record.h"

/* What became of a checkpoint. */
enum witness {
	WITNESS_NONE = 0,   /* there was none */
	WITNESS_STORED = 1, /* or known already */
	/* not signed by this hub, no checkpoint, or of another hub or enrolment; nothing was written */
	WITNESS_BAD = 2,
	/* these two leave a row, and are told once: */
	WITNESS_OLDER =
		3, /* a smaller log than one we have seen, or of an earlier boot or seq */
	WITNESS_FORKED = 4,	/* of the same size, with other records */
	WITNESS_DISTRUSTED = 5, /* invariant 4 */
};

const char *witness_text(enum witness w);

/*
 * witness_take - judge and store the checkpoint of a batch. Inside the batch's transaction.
 *
 * h            the row of the hub that uploads
 * bytes, len   from struct batch; len 0: WITNESS_NONE
 * ret_receipt  filled on WITNESS_STORED: size and hash for struct reply
 *
 * Returns 0 with *ret, or an error of store.h.
 */
struct witness_receipt {
	uint64_t size;
	uint8_t hash[RECEIPT_HASH_LEN];
};
int witness_take(struct store *s, const struct hub *h, const uint8_t *bytes, size_t len,
		 int64_t now_ms, enum witness *ret, struct witness_receipt *ret_receipt);

/* What is known of a hub's log. */
struct witness_state {
	uint64_t size; /* of the newest checkpoint, 0: none */
	int64_t received_ms;
	bool distrusted;	  /* invariant 4 */
	uint64_t distrusted_size; /* what it said then, for (UTC) distrusted_ms */
	int64_t distrusted_ms;
};
int witness_state(struct store *s, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		  struct witness_state *ret);

/*
 * witness_each - the stored checkpoints by ascending size, opened with the hub's key again.
 *
 * A result of fn other than 0 ends the walk and is returned. Returns also -EIO if one does not open: the database was
 * changed.
 */
typedef int witness_fn(void *arg, const struct audit_checkpoint *c);
int witness_each(struct store *s, const struct hub *h, witness_fn *fn, void *arg);

/* witness_key_put, witness_key_get - key 0. put: -EEXIST if there is one. get: -ENOENT; the caller wipes *ret. */
int witness_key_put(struct store *s, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		    const uint8_t key0[static KEY_LEN]);
int witness_key_get(struct store *s, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		    uint8_t ret[static KEY_LEN]);
