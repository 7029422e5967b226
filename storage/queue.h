#pragma once

/*
 * queue.h - the durable queue: sealed records from their commit until the clinic has them.
 *
 * Invariants
 *   1. queue_insert has returned 0  =>  the records survive a power cut at any later
 *      moment.
 *   2. seq starts at 1 and grows by one with each record, over all classes; no number is
 *      given twice, not even after the queue was drained and opened again.
 *   3. A record leaves only because the clinic named it: durable there (removed, a copy stays for a while) or refused
 *      (parked in 'dead'); or because there is no space: then the oldest evidence goes, and the oldest reading when
 *      no evidence is left, in queue_evict; or by order of two people, in queue_discard.
 *   4. Every seq in contig+1 .. highest is in exactly one of q_alarm, q_routine, acked, tomb; none
 *      below is in any of them. A refused record has its row in tomb and its body in 'dead', which is
 *      for a person and counts for nothing. So the number of unsent records needs no scan.
 *   5. What a reply says is taken over as a whole, in one transaction, or not at all.
 *   6. A tombstone is written in the transaction in which its record leaves, and goes only when the
 *      clinic has named its numbers.
 *   7. A number that was settled comes back only in queue_resync: as a record if a copy is left, else as a
 *      tombstone.
 *
 * This is one segment: a file with a key of its own that covers the numbers from its first one on. How several follow
 * each other is in records.h. Bodies are sealed; nothing here can be read by the hub.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/batch.h"
#include "hub/core/envelope.h"
#include "storage/db.h"
#include "storage/window.h"

enum {
	QUEUE_PAGES_MAX = 16384, /* 64 MB, the default quota */
	QUEUE_GROUP_MAX = 32,	 /* records in one commit */
	QUEUE_MARK_LEN = 19,	 /* state.h: how the registry knows the reading */
	QUEUE_MARKS_MAX = 2 * QUEUE_GROUP_MAX,
	QUEUE_EVICT_MAX = 64, /* rows in one eviction */
	/* Of these, rows of evidence: each may lie on a page of its own, which the WAL must have place for. */
	QUEUE_EVICT_EVIDENCE_MAX = 16,
	QUEUE_NOTE_MAX = 64,
	/* What the clinic has named stays for so many numbers, and so many days, if it is known what day it is. */
	QUEUE_KEEP_SPAN = 8192,
	QUEUE_KEEP_DAYS = 30,
};

#define QUEUE_FILE "queue-1.db" /* the first segment */
#define QUEUE_FILE_OF "queue-%" PRIu32 ".db"

struct queue;

/* How a segment begins. */
struct queue_begin {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint32_t assignment; /* for which it was begun */
	uint64_t first;	     /* the numbers before are somewhere else */
	uint64_t
		next; /* first..next-1 are nowhere: tombstones from the beginning, with this cause */
	enum tombstone_cause cause;
	struct window window;
	const uint8_t *note; /* as queue_insert_noted; note_len 0: none */
	size_t note_len;
};

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
	unsigned kept; /* copies of delivered records: nothing is lost with them */
	unsigned
		parked; /* bodies that the clinic had refused; they were given up before */
	unsigned evidence, routine, alarm; /* unsent records: now tombstones */
	uint64_t first, last; /* their numbers, lowest and highest; 0: there are none */
};

/* queue_open - the segment's file, made if it is not there, brought up to date if an older program
 * made it. pages_max: quota, 0: QUEUE_PAGES_MAX. Returns 0 with *ret or what db_open says. */
int queue_open(const char *dir, uint32_t segment, const struct db_key *key,
	       uint32_t pages_max, struct queue **ret);
void queue_close(struct queue *q); /* NULL is fine */

/* queue_begin - what a segment without an owner is to be. Returns 0, -EEXIST (it has one), or as queue_insert. */
int queue_begin(struct queue *q, const struct queue_begin *b);

/* queue_first - the first number that this segment was made for. */
uint64_t queue_first(const struct queue *q);
/* queue_assignment - for which it was begun, 0: not known. */
uint32_t queue_assignment(const struct queue *q);
const struct window *queue_window(const struct queue *q);

/* queue_doubt - the clinic has other numbers than this segment knows of; durable and for good. Returns as queue_insert. */
int queue_doubt(struct queue *q);
bool queue_is_doubted(const struct queue *q);

/* queue_is_drained - is every number that it was given settled? */
bool queue_is_drained(const struct queue *q);

/*
 * queue_pass - the next numbers, up to 'last', are not records of this segment.
 *
 * class   that they had, CLASS_NONE: not known
 * cause   why they will never come; TOMBSTONE_NONE: they are at the clinic already
 *
 * Returns 0, also if they were given already, or as queue_insert.
 */
int queue_pass(struct queue *q, uint64_t last, enum record_class class,
	       enum tombstone_cause cause);

/* queue_keep_refused - a body that the clinic has refused, from another segment. Returns as queue_insert. */
int queue_keep_refused(struct queue *q, const struct record *rec, uint8_t reason);
/* queue_move_refused - the bodies that the clinic has refused go to another segment; they count for nothing there.
 * Returns 0 or as queue_insert. */
int queue_move_refused(struct queue *from, struct queue *to);

/*
 * queue_set_owner - whose records these are; once set it stays.
 *
 * assignment   for which the segment is begun; taken as long as it has given no number
 *
 * Returns 0, or -EACCES if the queue belongs to another hub identity or epoch: its
 * records must be drained, or moved away by hand, before another one may write.
 */
int queue_set_owner(struct queue *q, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		    uint32_t assignment);

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

/* queue_insert_noted - one record, and in the same transaction a note of the caller's that replaces the one before; at
 * most QUEUE_NOTE_MAX octets. Returns as queue_insert. */
int queue_insert_noted(struct queue *q, const struct queue_entry *e, const uint8_t *note,
		       size_t len);
/* queue_note - the last one, borrowed until the next. Returns its length, 0: none. */
size_t queue_note(const struct queue *q, const uint8_t **ret);

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
 * body_len are written), -EBADMSG also if the rows that are there do not fit invariant 4, or as queue_insert.
 */
int queue_read(struct queue *q, enum record_class class, uint64_t after, uint8_t *buf,
	       size_t cap, struct record *ret);

/* The clinic was restored from an older backup. */
struct queue_resync {
	uint64_t again; /* records that are to be sent again */
	uint64_t gone;	/* numbers of which no copy is left: now tombstones */
	uint64_t gone_first, gone_last; /* the lowest and the highest of these */
};

/*
 * queue_resync - numbers from 'from' on that the clinic had named are unsent again; durable on return. What was never
 * named stays as it is.
 *
 * Returns 0 with *ret, -ERANGE (from is 0, or was never given), or as queue_insert.
 */
int queue_resync(struct queue *q, uint64_t from, struct queue_resync *ret);

/* queue_set_day - what day it is, counted from 1970, 0: not known. It says how old a copy is. */
void queue_set_day(struct queue *q, uint32_t day);

/* queue_forget_kept - the oldest copies go. Returns 0 with their number, 0: there are none; or as queue_insert. */
int queue_forget_kept(struct queue *q, unsigned max_rows, unsigned *ret);

/* queue_probe - a small durable write: is there space again? Returns as queue_insert. */
int queue_probe(struct queue *q);

/* What may be given up for want of space, each with those before it. */
enum queue_expendable {
	QUEUE_EVIDENCE = 1, /* reading_is_evidence */
	QUEUE_ROUTINE,	    /* refused bodies and routine records */
	QUEUE_ALARMS,
};

/*
 * queue_evict - gives up the oldest: evidence first, then refused bodies and routine records, alarms only when no
 * routine one is left. Each unsent record becomes a tombstone in the same transaction; durable
 * on return.
 *
 * max_rows   1..QUEUE_EVICT_MAX. Only if the last of one kind are too few to make room, up to so
 *            many of the next go with them; and without them, if a full file has no place for the tombstones of evidence
 *            that lies apart. A file that is full needs more than a page holds
 * upto       enum queue_expendable
 *
 * Returns 0 with *ret (all zero: there was nothing to give up), or as queue_insert; -ENOSPC: the
 * disk is full.
 */
int queue_evict(struct queue *q, unsigned max_rows, enum queue_expendable upto,
		struct queue_evicted *ret);

/* queue_evicted_records - how many records those are that are tombstones now. */
unsigned queue_evicted_records(const struct queue_evicted *ev);

/* queue_discard - as queue_evict, but by order: evidence, routine and alarms, up to max_rows of each, and the tombstones
 * say so. */
int queue_discard(struct queue *q, unsigned max_rows, struct queue_evicted *ret);

/* queue_tombstones - the first of those that the clinic has not named yet, ascending.
 * ret: at least max. Returns 0 with *ret_count, or as queue_insert. */
int queue_tombstones(struct queue *q, size_t max, struct tombstone *ret,
		     size_t *ret_count);

/* queue_room - pages that insertions may still take: free ones inside the file, and those that it may
 * grow by. Returns 0 with *ret, or as queue_insert. */
int queue_room(struct queue *q, uint64_t *ret);

/* What a file may take, in pages. */
struct queue_space {
	uint64_t
		quota; /* in use at most, if the disk has so much; the file's own quota stays */
	uint64_t free; /* that the disk has */
	uint64_t
		ahead; /* that the file owns beyond those in use, so that all of the next commit has its place */
};

/*
 * queue_limit - for now the file may grow so far, and not into what its WAL needs; what is in use stays.
 *
 * Returns 0, 1 (there are pages in the WAL for which the file has no place: write it back while the disk has one), or
 * as queue_insert.
 */
int queue_limit(struct queue *q, const struct queue_space *space);

/* queue_pages - pages that hold something. Returns 0 with *ret, or as queue_insert. */
int queue_pages(struct queue *q, uint64_t *ret);

/* queue_checkpoint - what is in the WAL goes to the file, and the WAL begins anew in the space that it has.
 * Returns 0, or as queue_insert. */
int queue_checkpoint(struct queue *q);

/* queue_fill_percent - how much of what it may have is in use, 0..100. Returns it, or as queue_insert. */
int queue_fill_percent(struct queue *q);
