/*
 * salvage_small.c - the tables of a damaged segment that are one page: 'cur', and who owned it in 'meta'; see salvage.h.
 *
 * From acknowledged a number comes back if the clinic was restored from an older backup: 'meta' counts how often that
 * was. Then what an older page names may be a number that the clinic has lost, so one view alone is asked for the mark
 * and for what is acknowledged, one that was there the last time, and of it no page that is older than it should be.
 * A row or a tombstone of another view may then be of a number that the clinic has: it gets it once more.
 */
#include "storage/salvage_inside.h"

#include <errno.h>
#include <string.h>

enum { CUR_COLUMNS = 6 };

/* A leaf that is its whole table. Returns 0, 1 (an older copy than it should be), or -EBADMSG. */
static int read_small(struct salvage *s, enum page_view view, uint32_t root,
		      enum btree_kind kind, uint8_t *page, struct btree_page *ret)
{
	int r = root ? page_file_read(s->file, view, root, page) : -EBADMSG;

	return r >= 0 && btree_parse(page, PAGE_USABLE, root, ret) == 0 &&
			       ret->kind == kind
		       ? r
		       : -EBADMSG;
}

static void read_cur(struct salvage *s, enum page_view view)
{
	struct btree_value c[CUR_COLUMNS];
	uint8_t page[DB_PAGE_SIZE];
	struct btree_page p;
	struct btree_row row;
	int r = read_small(s, view, s->root_cur, BTREE_LEAF, page, &p);

	if (s->came_back && (view != s->trust || r == 1))
		return;
	if (r < 0 || btree_row(&p, 0, &row) ||
	    btree_columns(&row, c, CUR_COLUMNS) != CUR_COLUMNS ||
	    !salvage_is_number(&c[1], INT64_MAX) ||
	    !salvage_is_number(&c[2], INT64_MAX) || c[2].number >= c[1].number ||
	    c[3].type != BTREE_INT || c[4].type != BTREE_INT || c[5].type != BTREE_INT)
		return;
	if (s->told.has_cur && (uint64_t)c[1].number <= s->told.next_seq &&
	    (uint64_t)c[2].number <= s->told.contig)
		return;
	s->told.has_cur = true;
	s->told.next_seq = (uint64_t)c[1].number;
	s->told.contig = (uint64_t)c[2].number;
	s->told.window = (struct window){ (uint64_t)c[3].number, (uint64_t)c[4].number,
					  (uint64_t)c[5].number };
}

/* 'meta' is an index: key and value are columns. */
static void read_owner(struct salvage *s, enum page_view view)
{
	bool hub = false, epoch = false;
	uint8_t page[DB_PAGE_SIZE];
	struct btree_value c[2];
	struct btree_page p;
	struct btree_row row;

	if (s->told.has_owner ||
	    read_small(s, view, s->root_meta, BTREE_INDEX_LEAF, page, &p) < 0)
		return;
	for (unsigned i = 0; i < p.cells; i++) {
		if (btree_row(&p, i, &row) || btree_columns(&row, c, 2) != 2 ||
		    c[0].type != BTREE_TEXT)
			continue;
		if (c[0].len == 3 && memcmp(c[0].p, "hub", 3) == 0 &&
		    c[1].type == BTREE_BLOB && c[1].len == HUB_ID_LEN) {
			memcpy(s->told.hub, c[1].p, HUB_ID_LEN);
			hub = true;
		}
		if (c[0].len == 5 && memcmp(c[0].p, "epoch", 5) == 0 &&
		    salvage_is_number(&c[1], UINT32_MAX)) {
			s->told.epoch = (uint32_t)c[1].number;
			epoch = true;
		}
	}
	s->told.has_owner = hub && epoch;
}

/* How often numbers have come back, as far as a view knows. Returns false if it does not. */
static bool count_comebacks(struct salvage *s, enum page_view view, uint64_t *ret)
{
	uint8_t page[DB_PAGE_SIZE];
	struct btree_value c[2];
	struct btree_page p;
	struct btree_row row;

	*ret = 0;
	if (read_small(s, view, s->root_meta, BTREE_INDEX_LEAF, page, &p) != 0)
		return false;
	for (unsigned i = 0; i < p.cells; i++)
		if (btree_row(&p, i, &row) == 0 && btree_columns(&row, c, 2) == 2 &&
		    c[0].type == BTREE_TEXT && c[0].len == 4 &&
		    memcmp(c[0].p, "back", 4) == 0 && salvage_is_number(&c[1], INT64_MAX))
			*ret = (uint64_t)c[1].number;
	return true;
}

/* The view that is steady and knows of the last time. A frame that says no page may have been any page's: then nothing
 * that came behind it is known to be the newest, and nobody is asked. */
static enum page_view choose_trust(const struct salvage *s, const bool *knows,
				   const uint64_t *times, uint64_t most)
{
	const enum page_view steady = s->told.wal.damaged ? PAGE_SOUND : PAGE_NEWEST;

	if (most > 0 && knows[steady] && times[steady] == most)
		return steady;
	if (most > 0 && times[PAGE_FILE] == most)
		return PAGE_FILE;
	return s->told.wal.nameless ? PAGE_VIEWS : PAGE_NEWEST;
}

static void find_comebacks(struct salvage *s)
{
	uint64_t times[PAGE_VIEWS], most = 0;
	bool knows[PAGE_VIEWS];

	for (int v = 0; v < PAGE_VIEWS; v++) {
		knows[v] = count_comebacks(s, (enum page_view)v, &times[v]);
		most = times[v] > most ? times[v] : most;
	}
	s->came_back = most > 0 || (s->told.wal.damaged > 0 && !knows[PAGE_NEWEST]);
	s->trust = choose_trust(s, knows, times, most);
}

void salvage_read_small(struct salvage *s)
{
	find_comebacks(s);
	for (int v = 0; v < PAGE_VIEWS; v++) {
		read_cur(s, (enum page_view)v);
		read_owner(s, (enum page_view)v);
	}
}
