#pragma once

/*
 * queue_inside.h - what queue.c, queue_ack.c, queue_evict.c and queue_keep.c share and nobody else sees.
 */
#include "storage/queue.h"

enum {
	QUEUE_CLASSES = 2,
	/* beyond the quota, so that a full file of an older program has room for what an upgrade adds */
	QUEUE_UPGRADE_PAGES = 8,
};

/* Statements that exist once per class. Class CLASS_ROUTINE is index 0, CLASS_ALARM 1. */
enum class_statement {
	ST_INSERT = 0,
	ST_READ,
	ST_REMOVE,
	ST_MARKS,
	ST_PARK,
	ST_KEEP,
	ST_RESTORE,
	ST_PER_CLASS
};

enum statement {
	ST_CUR = 0,
	ST_MERGE,
	ST_SWALLOW,
	ST_ACKED,
	ST_TOMB,
	ST_TOMB_TOUCH,
	ST_TOMB_CUT,
	ST_TOMBS,
	ST_OLDEST_EVIDENCE,
	ST_OLDEST_ROUTINE,
	ST_OLDEST_ALARM,
	ST_FORGET,
	ST_REFUSED,
	ST_KEEP_REFUSED,
	ST_KEEP_TOMB,
	ST_PRUNE,
	ST_PRUNE_TOMB,
	ST_FORGET_KEPT,
	ST_UNKEEP,
	ST_UNKEEP_TOMB,
	ST_CUT_TOMB,
	ST_COPIES,
	ST_UNACK,
	ST_PAGES,
	ST_FREE_PAGES,
	ST_CHECKPOINT,
	ST_COUNT
};

struct queue {
	struct db *db;
	struct db_stmt *plain[ST_COUNT];
	struct db_stmt *by_class[QUEUE_CLASSES][ST_PER_CLASS];
	bool owned, doubted;
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch, assignment;
	uint64_t first;
	uint64_t next_seq, contig, unsent;
	/* pages: how large it may become at all, on the disk as it is now, and at once; each at most the one before */
	uint32_t quota, limit, ready;
	struct window window;
	uint8_t note[QUEUE_NOTE_MAX];
	size_t note_len;
	uint32_t day;	/* see queue_set_day */
	bool keep_none; /* for now: there is no space for it */
	bool kept_some; /* in this transaction */
};

/* Ends a transaction whose statements returned r: durable, or as if it had not been. */
int queue_finish(struct queue *q, int r);

/* Next number, mark and latest captures into 'cur', inside a transaction. */
int queue_write_cur(struct queue *q, uint64_t contig);

/* Rows of both classes in first..last go, inside a transaction; *removed grows by their number. */
int queue_remove(struct queue *q, uint64_t first, uint64_t last, uint64_t *removed);

/* Writes a tombstone, inside a transaction; neighbours of the same class and cause become one. */
int queue_bury(struct queue *q, const struct tombstone *t);

/* The clinic has these, which are above the mark; inside a transaction. */
int queue_merge(struct queue *q, struct seq_range g);

/* Takes first..last out of the tombstones, inside a transaction; what is outside of it stays. */
int queue_cut_tombstones(struct queue *q, uint64_t first, uint64_t last);

/* Records in first..last, or a part of a tombstone, are about to go: copies stay for a while, if there is room. Inside a
 * transaction. */
int queue_keep(struct queue *q, uint64_t first, uint64_t last);
int queue_keep_tombstone(struct queue *q, const struct tombstone *t);
/* What was kept long enough goes, some of it; inside a transaction. */
int queue_prune(struct queue *q);

static inline enum record_class queue_class(int index)
{
	return index == 1 ? CLASS_ALARM : CLASS_ROUTINE;
}

static inline uint64_t queue_larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}
