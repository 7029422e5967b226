/*
 * salvage_walk.c - see salvage_walk.h.
 */
#include "storage/salvage_walk.h"

#include <errno.h>

/* Goes down into a page that holds rowids above lo, up to hi; past it, if it does not read. */
static void enter(struct walk *w, uint32_t number, int64_t lo, int64_t hi)
{
	struct walk_level *l = &w->level[w->depth];
	int r = page_file_read(w->file, w->view, number, l->data);

	if (r < 0 || (r == 1 && w->no_older) ||
	    btree_parse(l->data, PAGE_USABLE, number, &l->page)) {
		w->pages_bad++;
		return;
	}
	if (r == 1)
		w->pages_older++;
	l->at = 0;
	l->lo = lo;
	l->hi = hi;
	w->depth++;
}

void walk_start(struct walk *w, struct page_file *file, enum page_view view,
		uint32_t root, int64_t after)
{
	w->file = file;
	w->view = view;
	w->depth = w->pages_bad = w->pages_older = w->cells_bad = 0;
	w->after = after;
	if (root)
		enter(w, root, after, INT64_MAX);
}

/* The next child of an inner page, or up if there is none. */
static void step_inner(struct walk *w, struct walk_level *l, unsigned *budget)
{
	uint32_t child;
	int64_t key, lo = l->lo;

	if (l->at > l->page.cells) {
		w->depth--;
		return;
	}
	if (btree_child(&l->page, l->at++, &child, &key)) {
		w->cells_bad++;
		return;
	}
	if (key > l->hi)
		key = l->hi;
	if (key <= lo) /* all of it lies before 'after', or the page is out of order */
		return;
	l->lo = key;
	if (w->depth == WALK_DEPTH) {
		w->pages_bad++;
		return;
	}
	(*budget)--;
	enter(w, child, lo, key);
}

/* Returns true with a row; goes up behind the last one. */
static bool step_leaf(struct walk *w, struct walk_level *l, struct btree_row *ret)
{
	if (l->at >= l->page.cells) {
		w->depth--;
		return false;
	}
	if (btree_row(&l->page, l->at++, ret)) {
		w->cells_bad++;
		return false;
	}
	if (ret->rowid <= l->lo || ret->rowid > l->hi || ret->rowid <= w->after)
		return false;
	w->after = ret->rowid;
	return true;
}

int walk_next(struct walk *w, unsigned *budget, struct btree_row *ret)
{
	while (w->depth) {
		struct walk_level *l = &w->level[w->depth - 1];

		if (l->page.kind == BTREE_INNER) {
			if (*budget == 0)
				return -EAGAIN;
			step_inner(w, l, budget);
		} else if (l->page.kind == BTREE_LEAF) {
			if (step_leaf(w, l, ret))
				return 1;
		} else { /* of an index: no table of ours */
			w->pages_bad++;
			w->depth--;
		}
	}
	return 0;
}
