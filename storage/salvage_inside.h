#pragma once

/*
 * salvage_inside.h - what salvage.c and salvage_small.c share and nobody else sees.
 */
#include "storage/salvage.h"
#include "storage/salvage_walk.h"

enum { SALVAGE_COLUMNS_MAX = 7 };

struct stream {
	enum salvage_table table;
	struct walk *walk; /* NULL: this view is not needed */
	bool have, done;
	uint64_t first, last;
	struct btree_value col[SALVAGE_COLUMNS_MAX]; /* borrowed from the walk */
};

struct salvage {
	struct page_file *file;
	uint64_t at, last; /* next number to tell; the last one */
	uint32_t root[SALVAGE_TABLES], root_meta, root_cur;
	bool came_back; /* numbers did, or nobody knows whether they did */
	enum page_view
		trust; /* then: which is asked for what the clinic has; PAGE_VIEWS: none */
	struct stream stream[PAGE_VIEWS][SALVAGE_TABLES];
	struct walk *parked;
	struct salvage_report told;
};

/* An integer, not negative, up to max. */
static inline bool salvage_is_number(const struct btree_value *v, uint64_t max)
{
	return v->type == BTREE_INT && v->number >= 0 && (uint64_t)v->number <= max;
}

/* --- salvage_small.c --- */
/* When it is known where the tables begin: what 'cur' and 'meta' say, and which view is trusted. What does not read is
 * left out. */
void salvage_read_small(struct salvage *s);
