/*
 * salvage.c - the tables of a damaged segment, side by side in the order of their numbers; see salvage.h.
 *
 * Each table is a stream of ranges. Where streams disagree, one of them was read from a page of an earlier time, and
 * the later fact counts: acknowledged before tombstone, tombstone before record. (A number's life is record,
 * tombstone, acknowledged.) A file with a WAL has two streams for each table, or three, see enum page_view; without
 * damage they agree. Where numbers have come back from acknowledged, one view is trusted: salvage_small.c.
 */
#include "storage/salvage_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/cursor.h"

enum {
	SCHEMA_MAX = 4, /* queue.c */
	KEY_PAGES = 256,
	VERSION_AT = 60, /* user_version in page 1 */
};

/* Where the tables begin in a file whose page 1 is lost; the order of the statements in queue.c. */
static const uint32_t usual_root[SALVAGE_TABLES] = {
	[SALVAGE_ROUTINE] = 5, [SALVAGE_ALARM] = 4, [SALVAGE_ACKS] = 6,
	[SALVAGE_TOMBS] = 8,   [SALVAGE_DEAD] = 7,
};
enum { USUAL_ROOT_META = 2, USUAL_ROOT_CUR = 3 };

static const struct {
	const char *name;
	int columns;
} table_of[SALVAGE_TABLES] = {
	[SALVAGE_ROUTINE] = { "q_routine", 7 }, [SALVAGE_ALARM] = { "q_alarm", 7 },
	[SALVAGE_ACKS] = { "acked", 2 },	[SALVAGE_TOMBS] = { "tomb", 4 },
	[SALVAGE_DEAD] = { "dead", 6 },
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* --- what a row must look like ------------------------------------------------------ */

static bool is_body(const struct btree_value *v)
{
	return v->type == BTREE_BLOB && v->len >= 1 && v->len <= SEALED_BODY_MAX;
}

static bool is_class(const struct btree_value *v)
{
	return salvage_is_number(v, CLASS_ALARM);
}

/* Kind, and above it the class; 0 there: an older program wrote it. */
static bool is_kind(const struct btree_value *v)
{
	return salvage_is_number(v, UINT8_MAX | CLASS_ALARM << 8);
}

/* Column 0 is the rowid under another name and is kept as NULL. */
static bool check_columns(enum salvage_table t, const struct btree_value *c)
{
	if (c[0].type != BTREE_NULL)
		return false;
	switch (t) {
	case SALVAGE_ROUTINE:
	case SALVAGE_ALARM:
		return salvage_is_number(&c[1], UINT32_MAX) && is_kind(&c[2]) &&
		       c[3].type == BTREE_INT && c[4].type == BTREE_INT &&
		       (c[5].type == BTREE_NULL ||
			(c[5].type == BTREE_BLOB &&
			 (c[5].len == 0 || c[5].len == QUEUE_MARK_LEN))) &&
		       is_body(&c[6]);
	case SALVAGE_ACKS: return salvage_is_number(&c[1], INT64_MAX);
	case SALVAGE_TOMBS:
		return salvage_is_number(&c[1], INT64_MAX) && is_class(&c[2]) &&
		       salvage_is_number(&c[3], TOMBSTONE_CAUSES - 1) && c[3].number != 0;
	case SALVAGE_DEAD:
		return salvage_is_number(&c[1], UINT32_MAX) && is_class(&c[2]) &&
		       is_kind(&c[3]) && salvage_is_number(&c[4], UINT8_MAX) &&
		       is_body(&c[5]);
	case SALVAGE_TABLES: break;
	}
	return false;
}

static bool is_range(enum salvage_table t)
{
	return t == SALVAGE_ACKS || t == SALVAGE_TOMBS;
}

/* The row that a walk stands on, as columns and numbers. */
static bool take_row(struct stream *st, const struct btree_row *row)
{
	if (btree_columns(row, st->col, SALVAGE_COLUMNS_MAX) !=
		    table_of[st->table].columns ||
	    row->rowid < 1 || !check_columns(st->table, st->col))
		return false;
	st->first = st->last = (uint64_t)row->rowid;
	if (is_range(st->table))
		st->last = (uint64_t)st->col[1].number;
	return st->last >= st->first;
}

/* --- streams ------------------------------------------------------------------------ */

/* Until the stream stands at or behind the next number. Returns 0 or -EAGAIN. */
static int advance(struct salvage *s, struct stream *st, unsigned *budget)
{
	struct btree_row row;

	while (!st->done && (!st->have || st->last < s->at)) {
		int r = walk_next(st->walk, budget, &row);

		if (r < 0)
			return r;
		st->done = r == 0;
		st->have = r == 1 && take_row(st, &row);
		if (r == 1 && !st->have)
			st->walk->cells_bad++;
	}
	return 0;
}

static int advance_all(struct salvage *s)
{
	unsigned budget = SALVAGE_PAGES;

	for (int v = 0; v < PAGE_VIEWS; v++)
		for (int t = 0; t < SALVAGE_TABLES; t++) {
			int r = advance(s, &s->stream[v][t], &budget);

			if (r)
				return r;
		}
	return 0;
}

/* The stream of a table that holds the next number. */
static const struct stream *find_at(const struct salvage *s, enum salvage_table t)
{
	for (int v = 0; v < PAGE_VIEWS; v++) {
		const struct stream *st = &s->stream[v][t];

		if (st->have && st->first <= s->at && st->last >= s->at)
			return st;
	}
	return NULL;
}

/* Where the next range of a table begins, behind the next number. */
static uint64_t next_first(const struct salvage *s, enum salvage_table t)
{
	uint64_t first = UINT64_MAX;

	for (int v = 0; v < PAGE_VIEWS; v++)
		if (s->stream[v][t].have && s->stream[v][t].first > s->at)
			first = smaller(first, s->stream[v][t].first);
	return first;
}

/* --- telling ------------------------------------------------------------------------ */

static void tell_range(struct salvage *s, struct salvage_item *ret,
		       enum salvage_kind kind, uint64_t last)
{
	*ret = (struct salvage_item){ .kind = kind,
				      .first = s->at,
				      .last = smaller(last, s->last) };
	ret->tombstone.first = ret->first;
	ret->tombstone.last = ret->last;
}

static void tell_tombstone(struct salvage *s, const struct stream *st,
			   struct salvage_item *ret)
{
	tell_range(s, ret, SALVAGE_TOMBSTONE,
		   smaller(st->last, next_first(s, SALVAGE_ACKS) - 1));
	ret->tombstone.class = (enum record_class)st->col[2].number;
	ret->tombstone.cause = st->table == SALVAGE_DEAD
				       ? TOMBSTONE_REFUSED
				       : (enum tombstone_cause)st->col[3].number;
}

static void tell_record(struct salvage *s, const struct stream *st,
			struct salvage_item *ret, uint8_t *buf)
{
	const struct btree_value *c = st->col;
	struct queue_entry *e = &ret->entry;
	enum record_class class = (enum record_class)(c[2].number >> 8);

	if (class == CLASS_NONE)
		class = st->table == SALVAGE_ALARM ? CLASS_ALARM : CLASS_ROUTINE;
	tell_range(s, ret, SALVAGE_RECORD, s->at);
	e->record = (struct record){
		.assignment = (uint32_t)c[1].number,
		.seq = s->at,
		.class = class,
		.kind = (uint8_t)c[2].number,
		.body = buf,
		.body_len = c[6].len,
	};
	memcpy(buf, c[6].p, c[6].len);
	e->instance = (uint64_t)c[3].number;
	e->capture = (uint64_t)c[4].number;
	e->has_mark = c[5].len == QUEUE_MARK_LEN;
	if (e->has_mark)
		memcpy(e->mark, c[5].p, QUEUE_MARK_LEN);
}

static void tell_lost(struct salvage *s, struct salvage_item *ret)
{
	uint64_t next = UINT64_MAX;

	for (int t = 0; t < SALVAGE_TABLES; t++)
		next = smaller(next, next_first(s, (enum salvage_table)t));
	tell_range(s, ret, SALVAGE_LOST, next - 1);
	ret->tombstone.class = CLASS_NONE;
	ret->tombstone.cause = TOMBSTONE_DAMAGED;
}

static void tell(struct salvage *s, struct salvage_item *ret, uint8_t *buf)
{
	const struct stream *st;

	if (s->told.has_cur && s->at <= s->told.contig)
		tell_range(s, ret, SALVAGE_ACKED, s->told.contig);
	else if ((st = find_at(s, SALVAGE_ACKS)))
		tell_range(s, ret, SALVAGE_ACKED, st->last);
	else if ((st = find_at(s, SALVAGE_TOMBS)) || (st = find_at(s, SALVAGE_DEAD)))
		tell_tombstone(s, st, ret);
	else if ((st = find_at(s, SALVAGE_ALARM)) || (st = find_at(s, SALVAGE_ROUTINE)))
		tell_record(s, st, ret, buf);
	else
		tell_lost(s, ret);
}

static void count(struct salvage_report *r, const struct salvage_item *i)
{
	uint64_t n = i->last - i->first + 1;

	switch (i->kind) {
	case SALVAGE_RECORD: r->records += n; break;
	case SALVAGE_ACKED: r->acked += n; break;
	case SALVAGE_TOMBSTONE: r->tombstones += n; break;
	case SALVAGE_LOST: r->lost += n; break;
	case SALVAGE_NONE: break;
	}
}

int salvage_next(struct salvage *s, struct salvage_item *ret,
		 uint8_t buf[static SEALED_BODY_MAX])
{
	int r;

	if (s->at > s->last)
		return 0;
	r = advance_all(s);
	if (r)
		return r;
	tell(s, ret, buf);
	count(&s->told, ret);
	s->at = ret->last + 1;
	return 1;
}

int salvage_next_parked(struct salvage *s, struct salvage_parked *ret,
			uint8_t buf[static SEALED_BODY_MAX])
{
	struct stream st = { .table = SALVAGE_DEAD };
	unsigned budget = SALVAGE_PAGES;
	struct btree_row row;
	int r;

	do
		r = walk_next(s->parked, &budget, &row);
	while (r == 1 && !take_row(&st, &row));
	if (r != 1)
		return r;
	*ret = (struct salvage_parked){
		.record = { .assignment = (uint32_t)st.col[1].number,
			    .seq = st.first,
			    .class = (enum record_class)st.col[2].number,
			    .kind = (uint8_t)st.col[3].number,
			    .body = buf,
			    .body_len = st.col[5].len },
		.reason = (uint8_t)st.col[4].number,
	};
	memcpy(buf, st.col[5].p, st.col[5].len);
	return 1;
}

void salvage_report(const struct salvage *s, struct salvage_report *ret)
{
	/* of a damaged frame it is not known for certain which page it was */
	bool bad_wal =
		s->told.wal.damaged || (s->told.wal.left_over && !s->told.wal.has_header);

	*ret = s->told;
	for (int t = 0; t < SALVAGE_TABLES; t++) {
		const struct walk *w = s->stream[PAGE_NEWEST][t].walk;

		ret->pages_bad += w->pages_bad;
		ret->pages_older += w->pages_older;
		ret->cells_bad += w->cells_bad;
		ret->whole[t] =
			!bad_wal && w->pages_bad + w->pages_older + w->cells_bad == 0;
	}
}

/* --- opening ------------------------------------------------------------------------ */

static bool reads_any(struct salvage *s)
{
	uint32_t all = page_file_count(s->file), step = all / KEY_PAGES + 1;
	uint8_t page[DB_PAGE_SIZE];

	for (uint32_t no = 1; no <= all && no >= 1; no += step)
		if (page_file_read(s->file, PAGE_NEWEST, no, page) >= 0)
			return true;
	return false;
}

static void take_root(struct salvage *s, const struct btree_value *c)
{
	uint32_t root = (uint32_t)c[3].number;

	for (int t = 0; t < SALVAGE_TABLES; t++)
		if (strlen(table_of[t].name) == c[1].len &&
		    memcmp(table_of[t].name, c[1].p, c[1].len) == 0)
			s->root[t] = root;
	if (c[1].len == 4 && memcmp(c[1].p, "meta", 4) == 0)
		s->root_meta = root;
	if (c[1].len == 3 && memcmp(c[1].p, "cur", 3) == 0)
		s->root_cur = root;
}

/* sqlite_schema: type, name, name of the table, root, SQL. */
static int read_schema(struct salvage *s, const uint8_t *page, const struct btree_page *p)
{
	struct btree_value c[5];
	struct btree_row row;
	struct reader r;

	reader_init(&r, page, DB_PAGE_SIZE);
	(void)read_span(&r, VERSION_AT);
	if (read_be32(&r) > SCHEMA_MAX)
		return -ENOTSUP;
	for (unsigned i = 0; i < p->cells; i++)
		if (btree_row(p, i, &row) == 0 && btree_columns(&row, c, 5) == 5 &&
		    c[0].type == BTREE_TEXT && c[1].type == BTREE_TEXT && c[0].len == 5 &&
		    memcmp(c[0].p, "table", 5) == 0 &&
		    salvage_is_number(&c[3], UINT32_MAX))
			take_root(s, c);
	return 0;
}

static int find_tables(struct salvage *s)
{
	uint8_t page[DB_PAGE_SIZE];
	struct btree_page p;

	if (page_file_read(s->file, PAGE_NEWEST, 1, page) >= 0 &&
	    btree_parse(page, PAGE_USABLE, 1, &p) == 0 && p.kind == BTREE_LEAF) {
		s->told.has_page_1 = true;
		return read_schema(s, page, &p);
	}
	if (!reads_any(s))
		return -EKEYREJECTED;
	memcpy(s->root, usual_root, sizeof(s->root));
	s->root_meta = USUAL_ROOT_META;
	s->root_cur = USUAL_ROOT_CUR;
	return 0;
}

/* Records up to 'contig' need not be looked at; ranges may begin before what is asked for. */
static int start_walk(struct salvage *s, enum page_view view, enum salvage_table t,
		      struct walk **ret)
{
	uint64_t after = s->at - 1;

	if (s->told.has_cur && s->told.contig > after)
		after = s->told.contig;
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	(*ret)->no_older = s->came_back && t == SALVAGE_ACKS;
	walk_start(*ret, s->file, view, s->root[t],
		   is_range(t) || ret == &s->parked ? 0 : (int64_t)after);
	return 0;
}

static int start_streams(struct salvage *s)
{
	const bool needed[PAGE_VIEWS] = { [PAGE_NEWEST] = true,
					  [PAGE_SOUND] = s->told.wal.damaged > 0,
					  [PAGE_FILE] = s->told.wal.frames > 0 };
	int r = start_walk(s, PAGE_NEWEST, SALVAGE_DEAD, &s->parked);

	for (int v = 0; v < PAGE_VIEWS; v++)
		for (int t = 0; t < SALVAGE_TABLES && r == 0; t++) {
			struct stream *st = &s->stream[v][t];

			st->table = (enum salvage_table)t;
			st->done = !needed[v];
			if (!st->done)
				r = start_walk(s, (enum page_view)v, st->table,
					       &st->walk);
			if (s->came_back && t == SALVAGE_ACKS && v != (int)s->trust)
				st->done = true;
		}
	return r;
}

int salvage_open(const char *path, const struct db_key *key, uint64_t first,
		 uint64_t last, struct salvage **ret)
{
	struct salvage *s;
	int r;

	if (first == 0 || last > INT64_MAX)
		abort();
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->at = first;
	s->last = last;
	r = page_file_open(path, key, &s->file);
	if (r == 0) {
		s->told.pages = page_file_count(s->file);
		s->told.wal = page_file_wal(s->file);
		r = find_tables(s);
	}
	if (r == 0)
		salvage_read_small(s);
	if (r == 0)
		r = start_streams(s);
	if (r) {
		salvage_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void salvage_close(struct salvage *s)
{
	if (!s)
		return;
	for (int v = 0; v < PAGE_VIEWS; v++)
		for (int t = 0; t < SALVAGE_TABLES; t++)
			free(s->stream[v][t].walk);
	free(s->parked);
	page_file_close(s->file);
	free(s);
}
