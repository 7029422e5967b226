#pragma once

/*
 * queue_inside.h - what queue.c, queue_ack.c and queue_evict.c share and nobody else sees.
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
	ST_OLDEST,
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
	ST_FORGET,
	ST_PAGES,
	ST_FREE_PAGES,
	ST_CHECKPOINT,
	ST_COUNT
};

struct queue {
	struct db *db;
	struct db_stmt *plain[ST_COUNT];
	struct db_stmt *by_class[QUEUE_CLASSES][ST_PER_CLASS];
	bool owned;
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint64_t next_seq, contig, unsent;
	uint32_t quota, limit; /* pages; the limit is the quota or less */
	struct window window;
};

/* Ends a transaction whose statements returned r: durable, or as if it had not been. */
int queue_finish(struct queue *q, int r);

/* Next number, mark and latest captures into 'cur', inside a transaction. */
int queue_write_cur(struct queue *q, uint64_t contig);

/* Rows of both classes in first..last go, inside a transaction; *removed grows by their number. */
int queue_remove(struct queue *q, uint64_t first, uint64_t last, uint64_t *removed);

/* Writes a tombstone, inside a transaction; neighbours of the same class and cause become one. */
int queue_bury(struct queue *q, const struct tombstone *t);

/* Takes first..last out of the tombstones, inside a transaction; what is outside of it stays. */
int queue_cut_tombstones(struct queue *q, uint64_t first, uint64_t last);

static inline enum record_class queue_class(int index)
{
	return index == 1 ? CLASS_ALARM : CLASS_ROUTINE;
}

static inline uint64_t queue_larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}
