#pragma once

/*
 * salvage.h - what can still be read of a damaged segment of the queue, and what is lost, number by number.
 *
 * Invariants
 *   1. The damaged files are only read; not one byte of them changes, and nothing is made beside them.
 *   2. Every number from first to last is told exactly once, ascending: as a record, as acknowledged, as a tombstone, or
 *      as lost.
 *   3. A record is told only as it was committed, bit for bit: each page carries a MAC. It may be one that
 *      has left since; the clinic knows it then. What is known to be acknowledged or a tombstone is told as that.
 *   4. A call reads at most SALVAGE_PAGES pages, whatever the damage and however many numbers there are.
 *
 * Out of reach: records in an unreadable page, and those whose page cannot be told to belong to one class, because the
 * pages above it do not read. Numbers that came back (queue_resync) for the first time are told as acknowledged if the
 * frame of the WAL that says so has lost its page and its number: the clinic asks for them once more.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/batch.h"
#include "storage/db.h"
#include "storage/page_file.h"
#include "storage/queue.h"
#include "storage/window.h"

enum { SALVAGE_PAGES = 16 }; /* 20 us each on a small CPU */

enum salvage_kind {
	SALVAGE_NONE = 0,
	SALVAGE_RECORD,
	SALVAGE_ACKED,
	SALVAGE_TOMBSTONE,
	SALVAGE_LOST,
};

/* The tables of a segment that count. */
enum salvage_table {
	SALVAGE_ROUTINE = 0,
	SALVAGE_ALARM,
	SALVAGE_ACKS,
	SALVAGE_TOMBS,
	SALVAGE_DEAD,
	SALVAGE_TABLES,
};

struct salvage_item {
	enum salvage_kind kind;
	uint64_t first, last; /* equal for a record */
	/* of a record: as it was given to queue_insert; the body is in the caller's buffer */
	struct queue_entry entry;
	/* of a tombstone or a loss: ready to be buried; a loss has the cause TOMBSTONE_DAMAGED */
	struct tombstone tombstone;
};

/* A body that the clinic had refused. Its number is among the tombstones. */
struct salvage_parked {
	struct record record; /* the body is in the caller's buffer */
	uint8_t reason;	      /* enum refused_reason */
};

struct salvage_report {
	uint32_t pages;		  /* in the file or its WAL */
	struct page_file_wal wal; /* what its WAL is worth */
	/* met so far */
	uint32_t pages_bad;   /* that do not read; what was under them is lost */
	uint32_t pages_older; /* that read only as they were before */
	uint32_t cells_bad;   /* rows in readable pages that make no sense */
	/* numbers told so far, by kind; together last - first + 1 in the end */
	uint64_t records, acked, tombstones, lost;
	/* nothing of it was missed so far. That a WAL was cut off at its end cannot be seen */
	bool whole[SALVAGE_TABLES];
	bool has_page_1; /* else the tables were looked for where a new file has them */
	bool has_cur;	 /* the fields below */
	uint64_t contig, next_seq;
	struct window window;
	bool has_owner;
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
};

struct salvage;

/*
 * salvage_open - path and path-wal, nobody else at work on them.
 *
 * first, last   the numbers that the segment covers, 1 <= first, last <= INT64_MAX; first > last: none
 *
 * Numbers up to the clinic's mark are told as acknowledged if table 'cur' reads (has_cur); if it does not, those without
 * a row count as lost: who knows a mark from elsewhere begins behind it.
 *
 * Returns 0 with *ret, or
 *   -ENOENT        no such file
 *   -EKEYREJECTED  no page reads, of up to 256 all over it: a wrong key, not a database, or nothing is left
 *   -ENOTSUP       a newer program made it
 *   -ENOMEM, -EIO
 */
int salvage_open(const char *path, const struct db_key *key, uint64_t first,
		 uint64_t last, struct salvage **ret);
void salvage_close(struct salvage *s); /* NULL is fine */

/*
 * salvage_next - the next numbers.
 *
 * buf   receives the body of a record
 *
 * Returns 1 with *ret, 0 behind the last number, or -EAGAIN: nothing yet, call again when others had their turn.
 */
int salvage_next(struct salvage *s, struct salvage_item *ret,
		 uint8_t buf[static SEALED_BODY_MAX]);

/* salvage_next_parked - the next refused body, ascending; in any order with salvage_next. Returns as it. */
int salvage_next_parked(struct salvage *s, struct salvage_parked *ret,
			uint8_t buf[static SEALED_BODY_MAX]);

/* salvage_report - as far as it has come; complete when both of the above have returned 0. */
void salvage_report(const struct salvage *s, struct salvage_report *ret);
