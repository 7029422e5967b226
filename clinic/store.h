#pragma once

/*
 * store.h - what the clinic keeps: hubs, sealed records, tombstones, quarantine. One
 * interface, a backend behind it.
 *
 * The backend in this tree is an SQLCipher file (sql_sqlcipher.c). The interface names nothing of
 * it, so that a database server can stand behind it too; sql.h says which SQL both must understand.
 *
 * Invariants
 *   1. What was written between store_begin and a store_commit that returned 0 survives a power cut.
 *   2. A record is never overwritten and never removed: (hub, epoch, seq) is taken once.
 *   3. The mark 'contig' of a (hub, epoch) only grows; each of 1..contig is a record or in a tombstone.
 *   4. Tombstones of a (hub, epoch) are disjoint and never changed: of two that contradict each other
 *      the first stays, and of the second what the first does not cover.
 *   5. A number that has a record is a record, whatever a tombstone says of it, before or after.
 *
 * Writing functions belong between store_begin and store_commit. Every function returns 0
 * on success and may return -EIO (the store failed), -EAGAIN (another program holds the
 * lock for longer than STORE_WAIT_MS), -ENOSPC (disk full) or -ENOMEM; further errors are
 * named where they occur. Buffers are borrowed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/batch.h"
#include "hub/core/config.h"
#include "hub/core/envelope.h"
#include "hub/crypto/crypto.h"

enum {
	STORE_KEY_LEN = 32 + 16, /* database key and salt */
	STORE_WAIT_MS = 2000,
	HUB_NAME_MAX = 40,
};

/* Life of a hub at the clinic. The numbers are in the database. */
enum hub_state {
	HUB_NONE = 0,
	HUB_PREREGISTERED = 1,
	HUB_ISSUED = 2,
	HUB_ACTIVE = 3,
	HUB_SUSPENDED = 4,
	HUB_RETIRED = 5,
	HUB_LOST = 6,
};

const char *hub_state_text(enum hub_state s);

struct hub {
	uint8_t id[HUB_ID_LEN];
	char name[HUB_NAME_MAX + 1]; /* the clinic's own, unique */
	uint32_t epoch;		     /* enrolment epoch */
	enum hub_state state;
	uint8_t spki[PIN_LEN]; /* SHA-256 of the SubjectPublicKeyInfo of its DTLS key */
	uint8_t sign_public[P256_PUBLIC_LEN]; /* verifies its batches */
	int64_t added_ms;		      /* UTC */
	int64_t seen_ms;		      /* last request stored, UTC; 0 never */
	uint64_t queued, highest, acked; /* as the last batch said, see struct batch */
	bool rolled_back;		 /* it used one seq for two bodies */
};

/* One sealed record with its place. */
struct sealed {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	struct record record; /* body borrowed */
	int64_t received_ms;  /* UTC of the clinic */
};

/* Why a record is set aside. The numbers are in the database. */
enum quarantine_reason {
	QUARANTINE_NONE = 0,
	QUARANTINE_SEQ_CONFLICT = 1, /* the seq is taken by another body */
};

enum insert_result {
	INSERT_STORED = 1,
	INSERT_DUPLICATE = 2, /* there already, same body */
	INSERT_CONFLICT = 3,  /* there already, another body; nothing written */
};

struct store;

/*
 * store_create - a new, empty store; store_open - one that exists, migrated if it is older.
 *
 * Returns 0 with *ret, -EEXIST (create), -ENOENT (open), -EACCES (file or folder cannot be
 * written), -EKEYREJECTED (another key, or not a store), -ENOTSUP (made by a newer program).
 */
int store_create(const char *path, const uint8_t key[static STORE_KEY_LEN],
		 struct store **ret);
int store_open(const char *path, const uint8_t key[static STORE_KEY_LEN],
	       struct store **ret);
void store_close(struct store *s); /* NULL is fine; an open transaction is rolled back */

int store_begin(struct store *s);
/*
 * store_commit - 0: durable. Anything else: not known, the caller must say nothing about
 * it to anybody. After -EIO the store is to be closed: a later success would not prove
 * that the earlier bytes are on the disk.
 */
int store_commit(struct store *s);
void store_rollback(struct store *s); /* fine without a transaction */

/* The hub of this key or name; -ENOENT if there is none. */
int store_hub_by_spki(struct store *s, const uint8_t spki[static PIN_LEN],
		      struct hub *ret);
int store_hub_by_name(struct store *s, const char *name, struct hub *ret);
/* Adds a hub, with nothing seen yet; -EEXIST if id, name or key is taken. */
int store_hub_put(struct store *s, const struct hub *h);
/*
 * The config that was last signed for a hub, as in hub/core/config.h: passkeys and consent
 * codes are in it. store_config_get: -ENOENT if none is kept, -EIO if it is not a config.
 */
int store_config_put(struct store *s, const struct config *c);
int store_config_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     struct config *ret);
/* Notes a request: when, and what the batch said of the hub. */
int store_hub_seen(struct store *s, const struct batch *b, int64_t now_ms);
int store_hub_rolled_back(struct store *s, const uint8_t hub[static HUB_ID_LEN]);

/*
 * store_record_insert_batch - all records of a batch, each with its own result.
 *
 * ret   b->record_count results, in the order of the batch
 *
 * Returns also -ERANGE if a seq is above INT64_MAX.
 */
int store_record_insert_batch(struct store *s, const struct batch *b, int64_t now_ms,
			      enum insert_result *ret);
/*
 * store_tombstones_put - the tombstones of a batch, as far as their numbers are not in one already:
 * what comes again is nothing new. Invariants 4 and 5.
 */
int store_tombstones_put(struct store *s, const struct batch *b, int64_t now_ms);
/* Moves the mark of (hub, epoch) over what is stored, records and tombstones,
 * without a hole; *ret_contig is 0 if seq 1 is missing. */
int store_record_contig(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, uint64_t *ret_contig);
/* Sets a record aside; the same body under the same seq is kept once. */
int store_quarantine_put(struct store *s, const struct sealed *rec,
			 enum quarantine_reason why);

/* Counts for one (hub, epoch). */
struct store_counts {
	uint64_t contig;
	uint64_t highest; /* highest seq stored, record or tombstone; 0 if none */
	uint64_t records;
	/* numbers that will never come, by enum tombstone_cause; those that came all the same
	 * are records. highest - records - all of these: on their way, or unknown */
	uint64_t given_up[TOMBSTONE_CAUSES];
	uint64_t quarantined;
};
int store_counts(struct store *s, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		 struct store_counts *ret);

/*
 * store_hub_each, store_record_each, store_given_up_each - call fn for each row: hubs by name, records by
 * (epoch, seq), and of one epoch what was given up, by number: tombstones without the numbers that
 * are records.
 *
 * hub   whose records
 *
 * A result of fn other than 0 ends the walk and is returned. fn must not use the store.
 */
typedef int store_hub_fn(void *arg, const struct hub *h);
typedef int store_record_fn(void *arg, const struct sealed *rec);
int store_hub_each(struct store *s, store_hub_fn *fn, void *arg);
int store_record_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      store_record_fn *fn, void *arg);
typedef int store_given_up_fn(void *arg, const struct tombstone *t);
int store_given_up_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, store_given_up_fn *fn, void *arg);
