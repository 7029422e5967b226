#pragma once

/*
 * btree.h - what is on one page of an SQLite file: cells of a table's tree, columns of a row.
 *
 * Pure, for salvage.c: SQLite gives up a tree at its first unreadable page, and what lies behind that page
 * must still be found. Source: sqlite.org/fileformat2.html, 1.6 (pages), 2.1 (records). Only what the queue's tables
 * need: a row that goes on in an overflow page is refused.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum btree_kind {
	BTREE_NONE = 0,
	BTREE_INDEX_INNER = 2,
	BTREE_INNER = 5, /* of a table with rowid */
	BTREE_INDEX_LEAF = 10,
	BTREE_LEAF = 13,
};

/* Fields are private, except those with a comment. */
struct btree_page {
	const uint8_t *data; /* borrowed */
	size_t usable, start;
	enum btree_kind kind;
	unsigned cells; /* on an inner page one child less than there are */
	uint32_t right; /* the child behind the last cell */
};

/*
 * btree_parse - the header of a page.
 *
 * data, usable  the page without its reserve; borrowed as long as *ret is used
 * number        1: the file's own header comes before the page's
 *
 * Returns 0, or -EBADMSG (not a page of a tree, or its numbers do not fit).
 */
int btree_parse(const uint8_t *data, size_t usable, uint32_t number,
		struct btree_page *ret);

/* btree_child - child 0..cells of an inner page; *ret_key is the highest rowid under it, INT64_MAX for the last.
 * Returns 0 or -EBADMSG. */
int btree_child(const struct btree_page *p, unsigned i, uint32_t *ret_child,
		int64_t *ret_key);

struct btree_row {
	int64_t rowid;		/* 0 on a leaf of an index */
	const uint8_t *payload; /* borrowed from the page */
	size_t len;
};

/* btree_row - cell 0..cells-1 of a leaf. Returns 0, -EBADMSG, or -ENOTSUP (goes on in another page). */
int btree_row(const struct btree_page *p, unsigned i, struct btree_row *ret);

enum btree_type {
	BTREE_NULL = 0,
	BTREE_INT,
	BTREE_BLOB,
	BTREE_TEXT,
};

struct btree_value {
	enum btree_type type;
	int64_t number;
	const uint8_t *p; /* borrowed from the payload */
	size_t len;
};

/*
 * btree_columns - the columns of a row.
 *
 * max   room in ret; more columns are not looked at
 *
 * Returns how many there are in ret, or -EBADMSG (also for a type that no table of ours has).
 */
int btree_columns(const struct btree_row *row, struct btree_value *ret, size_t max);
