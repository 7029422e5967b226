#pragma once

/*
 * store.h - what the clinic keeps: hubs, sealed records, tombstones, quarantine. One
 * interface, two backends behind it.
 *
 * The backends are an SQLCipher file (sql_sqlcipher.c), for one clinicd and its clinicctl, and a PostgreSQL server
 * (sql_postgres.c), for any number of them. sql.h says which SQL both understand, docs/adr/0012 why this is enough.
 *
 * Invariants
 *   1. What was written between store_begin and a store_commit that returned 0 survives a power cut.
 *   2. A record is never overwritten and never removed: (hub, epoch, seq) is taken once.
 *   3. The mark 'contig' of a (hub, epoch) only grows; each of 1..contig is a record, in a tombstone,
 *      or held in quarantine.
 *   4. Tombstones of a (hub, epoch) are disjoint and never changed: of two that contradict each other
 *      the first stays, and of the second what the first does not cover.
 *   5. A number that has a record is a record, whatever a tombstone says of it, before or after.
 *   6. The row of a hub is the lock of all that is kept of it: a transaction that writes records, tombstones, mark or
 *      checkpoints of a hub begins with store_hub_take, and what it reads afterwards nobody else changes.
 *
 * Writing functions belong between store_begin and store_commit. Every function returns 0
 * on success and may return -EIO (the store failed), -EAGAIN (others were in
 * the way: a transaction may be tried again, STORE_TRIES times in all), -ENOSPC (disk full) or -ENOMEM; further errors are
 * named where they occur. Buffers are borrowed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinic/life.h"
#include "hub/core/batch.h"
#include "hub/core/config.h"
#include "hub/core/envelope.h"
#include "hub/crypto/crypto.h"

enum {
	STORE_KEY_LEN = 32 + 16, /* database key and salt */
	STORE_WAIT_MS = 2000,	 /* for the lock of the file */
	STORE_TRIES = 5,
	HUB_NAME_MAX = 40,
};

struct hub {
	uint8_t id[HUB_ID_LEN];
	char name[HUB_NAME_MAX + 1]; /* the clinic's own, unique */
	uint32_t epoch;		     /* enrolment epoch */
	enum hub_state state;
	struct life_drain drain;
	uint8_t spki[PIN_LEN]; /* SHA-256 of the SubjectPublicKeyInfo of its DTLS key */
	uint8_t sign_public[P256_PUBLIC_LEN]; /* verifies its batches */
	int64_t added_ms;		      /* UTC */
	int64_t seen_ms;		      /* last request stored, UTC; 0 never */
	uint64_t queued, highest, acked; /* as the last batch said, see struct batch */
	bool rolled_back;		 /* it used one seq for two bodies */
	/* of its config: as last signed for this enrolment, 0: never; in use, as it last said, 0: it never did */
	uint64_t config_wanted, config_used;
	/* UTC, it enrolled again, as after a factory reset, and has had no patient since; 0: not so */
	int64_t again_ms;
	bool orders; /* some may wait for it, see store_command.h */
	bool by_emergency; /* not of the row: whoever speaks now does it by its emergency identity */
	/* not of the row: it does not speak, somebody brings what it wrote on a stick. When it was seen, and what it said of its
	 * queue, stays as it is */
	bool carried;
};

/* hub_life_of - its state and its drain, as life.h asks for them. */
static inline struct hub_life hub_life_of(const struct hub *h)
{
	return (struct hub_life){ h->state, h->drain, h->by_emergency };
}

/* One sealed record with its place. */
struct sealed {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	struct record record; /* body borrowed */
	int64_t received_ms;  /* UTC of the clinic */
	bool suspect; /* its hub said of itself that it may have been tampered with */
};

/* Why a record is set aside. The numbers are in the database. */
enum quarantine_reason {
	QUARANTINE_NONE = 0,
	QUARANTINE_SEQ_CONFLICT = 1, /* the seq is taken by another body */
	/* from the card of a hub that died: not signed, so it is no record, whatever its number */
	QUARANTINE_RECOVERED = 2,
	/* these and all that follow hold their number: it counts as come, whatever a person decides */
	QUARANTINE_SUSPENDED = 3, /* the hub's row says so */
	QUARANTINE_SUSPECT = 4,	  /* the hub says of itself that it is sealed (level 3) */
	/* whose reading it is cannot be said; filing.h */
	QUARANTINE_UNKNOWN_ASSIGNMENT = 5,
	QUARANTINE_WITHDRAWN_ASSIGNMENT = 6,
	QUARANTINE_ENDED_ASSIGNMENT = 7,
	/* taken while the hub had no patient: a test, as of a visit; never filed */
	QUARANTINE_NO_PATIENT = 8,
	/* by the emergency identity of a hub at level 3 */
	QUARANTINE_EMERGENCY = 9,
	QUARANTINE_REASONS = 10,
};

enum insert_result {
	INSERT_STORED = 1,
	INSERT_DUPLICATE = 2, /* there already, same body */
	INSERT_CONFLICT = 3,  /* there already, another body; nothing written */
};

struct store;

/* Where a store is: a file with its key, or a server. */
enum { STORE_WHY_MAX = 300 };

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
/*
 * store_create_server, store_open_server - the same on a PostgreSQL server; sql.h says what conninfo is. Many programs may
 * do either at once: one makes the tables, or changes them, and the others wait.
 *
 * why   what the server said, STORE_WHY_MAX bytes; "" if there is nothing more to say than the error number
 *
 * Returns 0, -EBADMSG (not a conninfo), -EEXIST (create: a clinic's tables are there), -ENOENT (no such database; open: no
 * clinic's tables), -EACCES, -ENOTSUP (made by a newer program), -EIO (no server that takes writes answers).
 */
int store_create_server(const char *conninfo, struct store **ret,
			char why[static STORE_WHY_MAX]);
int store_open_server(const char *conninfo, struct store **ret,
		      char why[static STORE_WHY_MAX]);
void store_close(struct store *s); /* NULL is fine; an open transaction is rolled back */

int store_begin(struct store *s);
/* All that is read from now on is of one moment; ended by store_rollback. Nobody waits for it. */
int store_begin_read(struct store *s);
/*
 * store_commit - 0: durable. -EIO, -ECONNRESET: not known, the caller must say nothing about it to anybody. After -EIO
 * the store is to be closed: a later success would not prove that the earlier bytes are on the disk. After -ECONNRESET
 * it goes on. Anything else: nothing of it is there.
 */
int store_commit(struct store *s);
void store_rollback(struct store *s); /* fine without a transaction */
/* store_pause - before the next try of a transaction that had -EAGAIN: some milliseconds, by chance. try: from 1 */
void store_pause(unsigned try);

/* The hub of this key, name or id; -ENOENT if there is none. */
int store_hub_by_spki(struct store *s, const uint8_t spki[static PIN_LEN],
		      struct hub *ret);
int store_hub_by_name(struct store *s, const char *name, struct hub *ret);
int store_hub_by_id(struct store *s, const uint8_t id[static HUB_ID_LEN],
		    struct hub *ret);
/* Adds a hub, with nothing seen yet; -EEXIST if id, name or key is taken. */
int store_hub_put(struct store *s, const struct hub *h);
/*
 * (The signed bytes: store_config.h.) The config that was last signed for a hub, as in hub/core/config.h: passkeys and consent
 * codes are in it. Its assignment is known from then on (filing.h). store_config_get: -ENOENT if none is kept, -EIO if it
 * is not a config.
 */
int store_config_put(struct store *s, const struct config *c);
int store_config_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     struct config *ret);
/*
 * store_hub_take - the beginning of a transaction that writes for a hub: notes the request (when, and what the batch said
 * of the hub), and waits until nobody else writes for it.
 *
 * h   the row as it was read
 *
 * Returns also -ESTALE: the row has another state, epoch or key by now, or is gone; roll back and read it again.
 */
int store_hub_take(struct store *s, const struct hub *h, const struct batch *b,
		   int64_t now_ms);
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
/* Moves the mark of (hub, epoch) over what is there, records, held ones and tombstones,
 * without a hole; *ret_contig is 0 if seq 1 is missing. */
int store_record_contig(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, uint64_t *ret_contig);
/* Sets a record aside; the same body under the same seq is kept once. */
int store_quarantine_put(struct store *s, const struct sealed *rec,
			 enum quarantine_reason why);
/*
 * store_quarantine_batch - all records of a batch are held in quarantine and none becomes a record.
 *
 * ret   as store_record_insert_batch; INSERT_CONFLICT: the number is held or stored with another body. Both bodies are in
 *       quarantine then
 */
int store_quarantine_batch(struct store *s, const struct batch *b,
			   enum quarantine_reason why, int64_t now_ms,
			   enum insert_result *ret);

/* Counts for one (hub, epoch). What a person has decided about (store_held.h) is no more held nor quarantined. */
struct store_counts {
	uint64_t contig;
	uint64_t highest; /* highest seq stored, held or in a tombstone; 0 if none */
	uint64_t records;
	uint64_t manifests; /* of the records: no readings */
	/* numbers that will never come, by enum tombstone_cause; those that came all the same
	 * are records. highest - records - all of these: on their way, or unknown */
	uint64_t given_up[TOMBSTONE_CAUSES];
	uint64_t quarantined;	  /* QUARANTINE_SEQ_CONFLICT */
	uint64_t recovered;	  /* QUARANTINE_RECOVERED */
	uint64_t held;		  /* for all reasons that hold the number */
	uint64_t held_unassigned; /* of these, because of their assignment */
	uint64_t
		discarded; /* numbers that were held; a person has said why they are not filed */
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
/*
 * store_record_page - the same, only those behind (epoch, seq), at most 'most' of them; store_kind_page: of this epoch and
 * this kind, which is one of a hub's own account (reading_is_hubs): also what is held and not decided about, for that is what a
 * decision about a sealed hub is made from.
 */
int store_record_page(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      uint32_t epoch, uint64_t seq, unsigned most, store_record_fn *fn,
		      void *arg);
int store_kind_page(struct store *s, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		    uint64_t seq, uint8_t kind, unsigned most, store_record_fn *fn,
		    void *arg);
/* What store_number_each walks over; the numbers are on the wire. */
enum store_numbers {
	NUMBERS_NONE = 0,
	NUMBERS_HERE = 1,     /* of records, and of what holds its number in quarantine */
	NUMBERS_CONFLICT = 2, /* QUARANTINE_SEQ_CONFLICT */
	NUMBERS_RECOVERED = 3, /* QUARANTINE_RECOVERED */
	NUMBERS_KINDS = 4,
};
/* store_number_each - numbers of one epoch behind seq, ascending, each once, without what is under them. */
typedef int store_number_fn(void *arg, uint64_t seq);
int store_number_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      uint32_t epoch, enum store_numbers what, uint64_t seq,
		      store_number_fn *fn, void *arg);
/* The same of what is in quarantine, of one epoch, by number; received_ms: when it was set aside. */
typedef int store_quarantine_fn(void *arg, const struct sealed *rec,
				enum quarantine_reason why);
int store_quarantine_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			  uint32_t epoch, store_quarantine_fn *fn, void *arg);
/* Is there a record of this number? Returns 1 or 0. */
int store_record_has(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     uint32_t epoch, uint64_t seq);
typedef int store_given_up_fn(void *arg, const struct tombstone *t);
int store_given_up_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, store_given_up_fn *fn, void *arg);
