#pragma once

/*
 * records.h - every record that hub-store keeps, as one row of numbers: segments of the queue, the spool beside
 * them, and the block of numbers that is reserved.
 *
 *   queue-N.db           a segment, read and written; the one with the highest N takes new records
 *   queue-N.db.aside     damaged, or a sync of it failed: read once more, row by row, never written
 *   queue-(65536+N).db   what could be read of queue-N.db.aside; stands in its place
 *   queue-N.db.salvaged  all that could be read of it was; kept for a person, never deleted
 *   spool-*, seq         spool.h, seqblock.h
 *
 *   new          its key, its file, queue_begin; in begin_segment. At the first start, at another assignment, after
 *                a release, after SEGMENT_RECORDS numbers, when the one before is set aside
 *   -> drained   the clinic has named every number: refused bodies move on, file removed, then its key; in retire
 *   -> aside     -EBADMSG at any time, -EIO of a commit, -EIO three times in a row of opening; in set_aside
 *
 * Invariants
 *   1. records_insert has returned 0  =>  the records survive a power cut at any later moment.
 *   2. No number is given twice, also if segments or all of them are lost: then counting goes on behind the
 *      reserved block.
 *   3. Every number from 1 on is at the clinic, in a segment, in the spool, or a tombstone; or it is one of a
 *      segment that was set aside and is still being read.
 *   4. While there is a record in the spool that the queue has not taken over, new ones go to the spool: numbers
 *      ascend in both.
 *   5. Of a segment in which the clinic knows numbers that were never given here (the hub's disk is older than it
 *      was) a record leaves only when it was itself in the batch that is answered.
 */
#include "storage/keys.h"
#include "storage/queue.h"

enum {
	RECORDS_SEGMENTS_MAX = 8,     /* open at a time, salvaged ones included */
	RECORDS_ROTATE_MAX = 4,	      /* no rotation with so many */
	RECORDS_SEGMENT_MAX = 65536,  /* numbers that one segment gets */
	RECORDS_SALVAGE_BASE = 65536, /* in the number of a salvaged one's file */
	RECORDS_SPOOL_SEGMENTS = 8,
	RECORDS_SPOOL_BYTES = 8 << 20, /* all of them; of a small disk an eighth */
};

struct records;

/* What happened, for the log, the audit log and hubd. */
enum records_event_kind {
	RECORDS_SEGMENT_BEGUN = 1, /* segment; a: its first number */
	RECORDS_SEGMENT_GONE,	   /* segment: drained, removed, key erased */
	RECORDS_SEGMENT_ASIDE,	   /* segment, err */
	RECORDS_SALVAGED,	   /* segment; a: records read, b: numbers lost */
	RECORDS_SPOOL_BEGUN,	   /* err: why the queue cannot take records */
	RECORDS_SPOOL_ENDED,	   /* a: records that moved to the queue */
	RECORDS_SPOOL_FAULT,	   /* err: there is no spool to fall back to */
	RECORDS_SPOOL_DAMAGED, /* a: numbers lost, b: octets that do not read or were cut */
	RECORDS_SEQ_FAULT,     /* err: numbers cannot be reserved */
	RECORDS_SKIPPED,       /* a..b: numbers passed over, tombstones */
	RECORDS_LOST,	       /* a..b: numbers that do not read, tombstones */
	RECORDS_ROLLED_BACK,   /* a: highest number here, b: at the clinic */
	RECORDS_ROTATE_FAILED, /* err */
};

struct records_event {
	enum records_event_kind kind;
	uint32_t segment;
	int err;
	uint64_t a, b;
};

struct records_host {
	void *arg;
	void (*event)(void *arg, const struct records_event *e);
};

/* records_new - nothing is open yet. dir and host are copied. pages_max: quota of all segments, 0: QUEUE_PAGES_MAX.
 * Returns NULL without memory. */
struct records *records_new(const char *dir, uint32_t pages_max,
			    const struct records_host *host);
void records_free(struct records *r); /* NULL is fine */

/*
 * records_open - the queue's segments, and the spool, whatever of them is there.
 *
 * keys   borrowed until records_close; NULL: they cannot be had now, the spool alone
 *
 * To be tried again as long as it does not return 0; what is open stays. Returns 0, also if there is nothing and
 * no owner yet, or -ENOENT (a segment without a key), -ENOTSUP (a newer program wrote it), -ENOSPC, -EIO, -ENOMEM:
 * records go to the spool.
 */
int records_open(struct records *r, struct keys *keys);
/* records_close - closes the queue, not the spool: for a lock. */
void records_close(struct records *r);

/*
 * records_set_owner - for whom new records are. A segment that was begun for another assignment gets a successor.
 *
 * Returns 0, -EACCES (what is here belongs to another hub identity or epoch: nothing is taken until it is drained,
 * or moved away by hand), or as records_open.
 */
int records_set_owner(struct records *r, const uint8_t hub[static HUB_ID_LEN],
		      uint32_t epoch, uint32_t assignment);
/* records_owner - Returns false if nobody is known yet. */
bool records_owner(const struct records *r, uint8_t ret_hub[static HUB_ID_LEN],
		   uint32_t *ret_epoch);

/* records_rotate - new records go to a new segment with a key of its own. Returns 0, also if there is nothing in the
 * one that is open, or with as many as there may be; or an error: the open one stays. */
int records_rotate(struct records *r);

/* records_ready - can a record be taken: is there an owner, a number, and the queue or the spool? */
bool records_ready(const struct records *r);
bool records_has_queue(const struct records *r);
/* records_is_new - open, and there is nothing yet: the first segment is begun when records_set_owner says for whom. */
bool records_is_new(const struct records *r);
bool records_is_spooling(const struct records *r);

uint64_t records_next_seq(const struct records *r); /* that the next record will have */
uint64_t records_highest(const struct records *r);
uint64_t records_contig(const struct records *r); /* as queue_contig */
uint64_t records_unsent(const struct records *r);
/* records_has - is this capture known to be here, or to have been? */
bool records_has(const struct records *r, uint64_t instance, uint64_t capture);

/* records_reserve - before 'count' records are sealed under the next numbers. What fails is an event: queue and spool
 * still know their numbers. */
void records_reserve(struct records *r, size_t count);

/*
 * records_insert - up to QUEUE_GROUP_MAX records, numbered from records_next_seq on; durable on return.
 *
 * A segment that fails is set aside and the records go to a new one, or to the spool.
 *
 * Returns 0, -ENOSPC (make room and try again), -ENOMEM, or -EIO (neither takes them).
 */
int records_insert(struct records *r, const struct queue_entry *e, size_t count);

/* records_insert_own - as records_insert, of records that are nobody's reading: into the queue only, for the spool has no
 * order in which something goes before readings. -EAGAIN: not now. */
int records_insert_own(struct records *r, const struct queue_entry *e, size_t count);

/* records_insert_noted - as queue_insert_noted, into the queue only. -EAGAIN: not now. The note goes on into later
 * segments; it is forgotten with a rollback. */
int records_insert_noted(struct records *r, const struct queue_entry *e,
			 const uint8_t *note, size_t len);
size_t records_note(const struct records *r, const uint8_t **ret);

/* records_read - as queue_read. */
int records_read(struct records *r, enum record_class class, uint64_t after, uint8_t *buf,
		 size_t cap, struct record *ret);
/* records_tombstones - as queue_tombstones. */
int records_tombstones(struct records *r, size_t max, struct tombstone *ret,
		       size_t *ret_count);
/* records_newest_marks - as queue_newest_marks; none without a queue. */
int records_newest_marks(struct records *r, uint8_t ret[][QUEUE_MARK_LEN],
			 size_t *ret_count);

/*
 * records_acknowledge - what the clinic says about a batch.
 *
 * seqs, count   the records that were in it, ascending
 *
 * Returns as queue_acknowledge; -EAGAIN: nothing is open that could take it over. After an error a part may have
 * been taken over, which does no harm when the reply comes again.
 */
int records_acknowledge(struct records *r, const struct reply *reply,
			const uint64_t *seqs, size_t count, struct queue_ack *ret);

/*
 * records_on_rollback - the clinic has numbers up to 'top' that were never given here: this disk is older than it was.
 *
 * Counting goes on above, what is here stays until each record was itself answered (invariant 5). Not while a
 * group waits for its commit. Returns 0, -ERANGE (a jump that no rollback explains), -EAGAIN (not now) or an error.
 */
int records_on_rollback(struct records *r, uint64_t top);

/*
 * records_resync - the clinic was restored from an older backup: numbers from 'from' on are unsent again, as in
 * queue_resync. A drained segment took its copies with it.
 *
 * Returns 0 with *ret, -ERANGE (never given), -EAGAIN (not now: the queue is closed, the spool is in use, or a
 * damaged segment is still being read), or an error; a part may have come back by then, which does no harm when it is
 * tried again.
 */
int records_resync(struct records *r, uint64_t from, struct queue_resync *ret);

/* records_set_day - as queue_set_day. */
void records_set_day(struct records *r, uint32_t day);

/* --- space: as in queue.h, for all of it --- */
int records_probe(struct records *r);
int records_evict(struct records *r, unsigned max_rows, struct queue_evicted *ret);
/* records_discard - as queue_discard, of the first segment that has any; all zero: none has. -EAGAIN: the queue is closed, or
 * what is in the spool has to move first. */
int records_discard(struct records *r, unsigned max_rows, struct queue_evicted *ret);
int records_room(struct records *r, uint64_t *ret);
/* records_limit - how far the queue may grow on a disk with so much free space; short_of: a commit found too little of it.
 * Returns as queue_limit. */
int records_limit(struct records *r, uint64_t free_bytes, bool short_of);
int records_checkpoint(struct records *r);
/* Returns 0..100, -EAGAIN without a queue, or an error. */
int records_fill_percent(struct records *r);

/*
 * records_step - one bounded piece of what waits: from the spool to the queue, from a damaged segment to a new one,
 * drained segments away, the spool tidied.
 *
 * Returns 1 (done; there may be more), 0 (nothing to do), or an error; it is tried again.
 */
int records_step(struct records *r);
