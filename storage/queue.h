#pragma once

/*
 * queue.h - the durable queue: sealed records from their commit until the clinic has them.
 *
 * Invariants
 *   1. queue_insert has returned 0  =>  the records survive a power cut at any later
 *      moment.
 *   2. seq starts at 1 and grows by one with each record, over all classes; no number is
 *      given twice, not even after the queue was drained and opened again.
 *   3. A record leaves only because the clinic named it: durable there (removed) or refused
 *      (parked in 'dead'); or because there is no space: then the oldest goes, in queue_evict.
 *   4. Every seq in contig+1 .. highest is in exactly one of q_alarm, q_routine, acked, tomb; none
 *      below is in any of them. A refused record has its row in tomb and its body in 'dead', which is
 *      for a person and counts for nothing. So the number of unsent records needs no scan.
 *   5. What a reply says is taken over as a whole, in one transaction, or not at all.
 *   6. A tombstone is written in the transaction in which its record leaves, and goes only when the
 *      clinic has named its numbers.
 *
 * Bodies are sealed; nothing here can be read by the hub. Here also belong, when they
 * come: further segments (files queue-2.db ...), the keep time of acknowledged rows.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/batch.h"
#include "hub/core/envelope.h"
#include "storage/db.h"
#include "storage/window.h"

enum {
	QUEUE_SEGMENT = 1,
	QUEUE_PAGES_MAX = 16384, /* 64 MB, the default quota */
	QUEUE_GROUP_MAX = 32,	 /* records in one commit */
	QUEUE_MARK_LEN = 19,	 /* state.h: how the registry knows the reading */
	QUEUE_MARKS_MAX = 2 * QUEUE_GROUP_MAX,
	QUEUE_EVICT_MAX = 64, /* rows in one eviction */
};

#define QUEUE_FILE "queue-1.db"

struct queue;

struct queue_entry {
	struct record record;	    /* seq as queue_next_seq + position in the group */
	uint64_t instance, capture; /* hub-ble's name for it */
	bool has_mark;
	uint8_t mark[QUEUE_MARK_LEN];
};

struct queue_ack {
	uint64_t removed; /* records that left because they are durable at the clinic */
	unsigned refused; /* records that were parked */
};

/* What an eviction has removed, in rows. */
struct queue_evicted {
	unsigned
		parked; /* bodies that the clinic had refused; they were given up before */
	unsigned routine, alarm; /* unsent records: now tombstones */
};

/* queue_open - dir/QUEUE_FILE, made if it is not there, brought up to date if an older program
 * made it. pages_max: quota, 0: QUEUE_PAGES_MAX. Returns 0 with *ret or what db_open says. */
int queue_open(const char *dir, const struct db_key *key, uint32_t pages_max,
	       struct queue **ret);
void queue_close(struct queue *q); /* NULL is fine */

/*
 * queue_set_owner - whose records these are; once set it stays.
 *
 * Returns 0, or -EACCES if the queue belongs to another hub identity or epoch: its
 * records must be drained, or moved away by hand, before another one may write.
 */
int queue_set_owner(struct queue *q, const uint8_t hub[static HUB_ID_LEN],
		    uint32_t epoch);

/* queue_owner - Returns false if it has none yet. */
bool queue_owner(const struct queue *q, uint8_t ret_hub[static HUB_ID_LEN],
		 uint32_t *ret_epoch);

uint64_t queue_next_seq(const struct queue *q); /* that the next record will have */
uint64_t queue_highest(const struct queue *q);	/* ever given, 0: none */
/* all of 1..contig are known to be durable at the clinic */
uint64_t queue_contig(const struct queue *q);
/* records not yet acknowledged; tombstones do not count */
uint64_t queue_unsent(const struct queue *q);

/*
 * queue_insert - up to QUEUE_GROUP_MAX records in one transaction; durable on return.
 *
 * Returns 0, -ENOSPC (disk or quota full; nothing inserted, try again when there is
 * space), -EBADMSG (damaged file) or -EIO (not known what is on the disk: see db.h).
 * Entries with another seq than the next one end the process.
 */
int queue_insert(struct queue *q, const struct queue_entry *e, size_t count);

/*
 * queue_newest_marks - marks of the newest records still here, at least those of the last commit.
 *
 * ret   at least QUEUE_MARKS_MAX
 *
 * The registry is written after the queue: what a kill between the two kept from it is made good with these.
 * Returns 0 with *ret_count, or as queue_insert.
 */
int queue_newest_marks(struct queue *q, uint8_t ret[][QUEUE_MARK_LEN], size_t *ret_count);

/* queue_has - is this capture known to be in the queue, or to have been there? */
bool queue_has(const struct queue *q, uint64_t instance, uint64_t capture);

/*
 * queue_acknowledge - what the clinic says about records of this queue.
 *
 * Returns 0 with *ret, -EPROTO (a number that was never given: nothing was forgotten), or
 * as queue_insert. A reply without contig acknowledges nothing; what it refuses is parked.
 */
int queue_acknowledge(struct queue *q, const struct reply *r, struct queue_ack *ret);

/*
 * queue_read - the oldest record of a class with a seq above 'after'.
 *
 * buf, cap   receives the body; ret->body points into it
 *
 * Returns 1 with *ret, 0 if there is none, -EMSGSIZE (body longer than cap; ret->seq and
 * body_len are written), or as queue_insert.
 */
int queue_read(struct queue *q, enum record_class class, uint64_t after, uint8_t *buf,
	       size_t cap, struct record *ret);

/* queue_probe - a small durable write: is there space again? Returns as queue_insert. */
int queue_probe(struct queue *q);

/*
 * queue_evict - gives up the oldest: refused bodies first, then routine records, alarms only when
 * no routine one is left. Each unsent record becomes a tombstone in the same transaction; durable
 * on return.
 *
 * max_rows   1..QUEUE_EVICT_MAX. Only if the last routine records are too few to make room, up to so
 *            many alarms go with them. A file that is full needs more than a page holds
 *
 * Returns 0 with *ret (all zero: there was nothing to give up), or as queue_insert; -ENOSPC: the
 * disk is full.
 */
int queue_evict(struct queue *q, unsigned max_rows, struct queue_evicted *ret);

/* queue_tombstones - the first of those that the clinic has not named yet, ascending.
 * ret: at least max. Returns 0 with *ret_count, or as queue_insert. */
int queue_tombstones(struct queue *q, size_t max, struct tombstone *ret,
		     size_t *ret_count);

/* queue_room - pages that insertions may still take: free ones inside the file, and those that it may
 * grow by. Returns 0 with *ret, or as queue_insert. */
int queue_room(struct queue *q, uint64_t *ret);

/*
 * queue_limit - for now the file may have so many pages; not more than the quota, and what is in use
 * stays.
 *
 * Returns 0, 1 (more is in use already), or as queue_insert.
 */
int queue_limit(struct queue *q, uint64_t pages);

/* queue_checkpoint - what is in the WAL goes to the file, and the WAL begins anew in the space that it has.
 * Returns 0, or as queue_insert. */
int queue_checkpoint(struct queue *q);

/* queue_fill_percent - how much of what it may have is in use, 0..100. Returns it, or as queue_insert. */
int queue_fill_percent(struct queue *q);
