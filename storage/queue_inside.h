#pragma once

/*
 * queue_inside.h - what queue.c and queue_ack.c share and nobody else sees.
 */
#include "storage/queue.h"

enum { QUEUE_CLASSES = 2 };

/* Statements that exist once per class. Class CLASS_ROUTINE is index 0, CLASS_ALARM 1. */
enum class_statement {
	ST_INSERT = 0,
	ST_READ,
	ST_REMOVE,
	ST_MARKS,
	ST_PARK,
	ST_PER_CLASS
};

enum statement { ST_CUR = 0, ST_MERGE, ST_SWALLOW, ST_ACKED, ST_COUNT };

struct queue {
	struct db *db;
	struct db_stmt *plain[ST_COUNT];
	struct db_stmt *by_class[QUEUE_CLASSES][ST_PER_CLASS];
	bool owned;
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint64_t next_seq, contig, unsent;
	struct window window;
};

/* Ends a transaction whose statements returned r: durable, or as if it had not been. */
int queue_finish(struct queue *q, int r);

/* Next number, mark and latest captures into 'cur', inside a transaction. */
int queue_write_cur(struct queue *q, uint64_t contig);

static inline uint64_t queue_larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}
