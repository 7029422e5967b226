#pragma once

/*
 * store_held.h - assignments of hubs, what is filed and what is held, and what people decide about it. A part of the
 * interface of store.h, with its rules.
 *
 * Invariants
 *   1. Nothing is deleted: a decision is a mark on what is held, with the number of a line in the hub's journal that says
 *      who, when and why.
 *   2. What is released becomes the record of its number, if that has none, and is marked; both or nothing. So it is filed
 *      once, whatever comes again: from the hub or from a person.
 *   3. What is held is never filed because it came again, and what is discarded neither.
 *   4. A line of the journal is never changed.
 *   5. Who changes a hub's state, assignments, journal or decisions holds its row (store_hub_lock), as uploads do.
 */
#include "clinic/filing.h"
#include "clinic/store.h"

/* --- assignments and uploads ---------------------------------------------------------- */

/* store_assignment_give - the clinic has given this number. One that it gave before stays as it is. */
int store_assignment_give(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			  uint32_t epoch, uint32_t number);
/* Returns also -ENOENT: never given. */
int store_assignment_set(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			 uint32_t epoch, uint32_t number, enum assignment_state state);
/* The newest ASSIGNMENTS_MAX, from the highest number on. */
int store_assignments(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      uint32_t epoch, struct assignments *ret);

/*
 * store_file_batch - all records of a batch: each is filed, or held with its reason.
 *
 * h     whose row is taken (store_hub_take)
 * why   for each record QUARANTINE_NONE or why it is held
 * ret   for each what became of it; as store_record_insert_batch, or store_quarantine_batch if it is held
 */
int store_file_batch(struct store *s, const struct hub *h, const struct batch *b,
		     int64_t now_ms, enum quarantine_reason why[static BATCH_RECORDS_MAX],
		     enum insert_result ret[static BATCH_RECORDS_MAX]);

/* --- decisions ------------------------------------------------------------------------ */

/* The numbers are in the database. */
enum held_verdict {
	HELD_OPEN = 0,
	HELD_RELEASED = 1,
	HELD_DISCARDED = 2,
};

enum journal_act {
	JOURNAL_NONE = 0,
	JOURNAL_SUSPEND = 1,
	JOURNAL_RESUME = 2,
	JOURNAL_RELEASE = 3,
	JOURNAL_DISCARD = 4,
	JOURNAL_WITHDRAW = 5,	/* an assignment */
	JOURNAL_GIVE_AGAIN = 6, /* one that was withdrawn */
	JOURNAL_CLAIM = 20,	/* its label; store_claim.h */
	JOURNAL_CLAIM_CANCEL = 21,
	JOURNAL_ENROL_APPROVE = 24,
	JOURNAL_ASSIGN = 7, /* a new one, 0: none any more */
	/* life.h */
	JOURNAL_REPLACE = 30,
	JOURNAL_TAKEN_OVER = 31,  /* another one has its patient and its devices */
	JOURNAL_RETIRE = 32,	  /* when it is drained */
	JOURNAL_DISCARD_HUB = 33, /* retired, whatever was still on it; by two */
	JOURNAL_DRAINED = 34,	  /* and is retired; count: the mark */
	JOURNAL_LOSE = 35,
	JOURNAL_FIND = 36,
	JOURNAL_NEW_LIFE = 37, /* it enrolled again; count: the epoch */
	/* what a technician brought to it, or was read out; count: its lock */
	JOURNAL_TOKEN = 38,
	JOURNAL_CODE = 39,
};

const char *journal_act_text(enum journal_act a);

enum { JOURNAL_WHO_MAX = 64, JOURNAL_WHY_MAX = 400 };

struct journal_entry {
	uint64_t number; /* from 1, by hub */
	int64_t at_ms;	 /* UTC */
	enum journal_act act;
	uint64_t count; /* of the records decided about */
	uint32_t
		assignment; /* withdrawn, given again, or accepted for a release; 0: none */
	char who[JOURNAL_WHO_MAX + 1], why[JOURNAL_WHY_MAX + 1];
};

/* store_hub_lock - the row of this name, and nobody else writes for the hub until the transaction ends. -ENOENT */
int store_hub_lock(struct store *s, const char *name, struct hub *ret);
int store_hub_state(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		    enum hub_state state);

/* store_journal_next - the number of the next line; store_journal_add - writes e under e->number. */
int store_journal_next(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		       uint64_t *ret);
int store_journal_add(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      const struct journal_entry *e);
typedef int store_journal_fn(void *arg, const struct journal_entry *e);
int store_journal_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		       store_journal_fn *fn, void *arg);

/* What is held for one reason under one assignment. */
struct held_group {
	uint32_t epoch;
	enum quarantine_reason why;
	uint32_t assignment;
	uint64_t count, first, last; /* numbers */
	int64_t since_ms;	     /* UTC, the first of them came */
};

/* store_held_groups - what nobody has decided about yet, all epochs; without QUARANTINE_RECOVERED, which is no reading
 * that a hub has sent. fn as in store_hub_each. */
typedef int store_held_group_fn(void *arg, const struct held_group *g);
int store_held_groups(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      store_held_group_fn *fn, void *arg);
/* store_held_each - the same one by one, by (epoch, number). */
int store_held_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		    store_quarantine_fn *fn, void *arg);

/* Which of them, and what shall be done. */
struct held_choice {
	enum held_verdict verdict;   /* HELD_RELEASED or HELD_DISCARDED */
	enum quarantine_reason only; /* QUARANTINE_NONE: whatever the reason */
	uint64_t first, last;	     /* numbers; 0: all */
	uint32_t accepted; /* release: the assignment that is to be believed; 0: none */
	uint64_t journal;  /* the line that says why */
};

struct held_done {
	uint64_t done;
	uint64_t left
		[QUARANTINE_REASONS]; /* of the chosen ones: what still stands against it */
};

/* store_held_settle - decides about all that are chosen and open; an error leaves the transaction to be rolled back. */
int store_held_settle(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      const struct held_choice *c, struct held_done *ret);
