#pragma once

/*
 * salvage_walk.h - the rows of one table of a damaged file, ascending, past all that does not read.
 *
 * A tree is walked from its root. Where a page does not read, all under it is left out and the walk goes on with its
 * neighbour: what an inner page says of its children is the only map there is. The limits that the
 * parent gives hold for the child, so that a page out of another time cannot bring rows twice, or lead in circles.
 */
#include "storage/btree.h"
#include "storage/page_file.h"

enum {
	/* an inner page has room for 267 children and more: five levels are more than a disk holds */
	WALK_DEPTH = 5,
};

/* Fields are private, except those with a comment. */
struct walk_level {
	struct btree_page page;
	unsigned at;
	int64_t lo, hi;
	uint8_t data[DB_PAGE_SIZE];
};

struct walk {
	struct page_file *file;
	enum page_view view;
	unsigned depth;
	int64_t after;
	unsigned pages_bad;   /* that did not read, or made no sense */
	unsigned pages_older; /* of which only an older copy reads */
	bool no_older;	      /* such a page does not count; set before walk_start */
	unsigned cells_bad;
	struct walk_level level[WALK_DEPTH];
};

/* walk_start - root 0: a table that is not there. Rows up to 'after' are left out. file: borrowed. */
void walk_start(struct walk *w, struct page_file *file, enum page_view view,
		uint32_t root, int64_t after);

/*
 * walk_next - the next row.
 *
 * budget   pages that may still be read; counted down
 * ret      borrowed from w until the next call
 *
 * Returns 1, 0 (there are no more), or -EAGAIN (the budget is used up; go on later).
 */
int walk_next(struct walk *w, unsigned *budget, struct btree_row *ret);
