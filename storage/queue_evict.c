/*
 * queue_evict.c - what the queue gives up when there is no space, and the tombstones that say so; see queue.h.
 *
 * Deleting needs no new page, a tombstone may: all rows go before the first tombstone is written.
 * QUEUE_EVICT_MAX rows are more than a page holds, so a page is free by then, and a file that has used
 * up its quota can always give up something. What the transaction writes to the WAL needs space on
 * the disk like any other; the caller has a reserve for that (store_room.c).
 */
#include "storage/queue_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int queue_remove(struct queue *q, uint64_t first, uint64_t last, uint64_t *removed)
{
	for (int c = 0; c < QUEUE_CLASSES; c++) {
		struct db_stmt *st = q->by_class[c][ST_REMOVE];
		int r;

		db_bind_u64(st, 1, first);
		db_bind_u64(st, 2, last);
		r = db_run(st);
		if (r)
			return r;
		*removed += db_changes(q->db);
	}
	return 0;
}

static int put_tombstone(struct queue *q, const struct tombstone *t)
{
	struct db_stmt *st = q->plain[ST_TOMB];

	db_bind_u64(st, 1, t->first);
	db_bind_u64(st, 2, t->last);
	db_bind_u64(st, 3, t->class);
	db_bind_u64(st, 4, t->cause);
	return db_run(st);
}

static void get_tombstone(struct db_stmt *st, struct tombstone *ret)
{
	ret->first = db_u64(st, 0);
	ret->last = db_u64(st, 1);
	ret->class = (enum record_class)db_u64(st, 2);
	ret->cause = (enum tombstone_cause)db_u64(st, 3);
}

int queue_bury(struct queue *q, const struct tombstone *t)
{
	struct db_stmt *st = q->plain[ST_TOMB_TOUCH];
	struct seq_range g = { t->first, t->last };
	int r;

	db_bind_u64(st, 1, g.first);
	db_bind_u64(st, 2, g.last);
	db_bind_u64(st, 3, t->class);
	db_bind_u64(st, 4, t->cause);
	while ((r = db_step(st)) == 1) {
		if (db_u64(st, 0) < g.first)
			g.first = db_u64(st, 0);
		g.last = queue_larger(g.last, db_u64(st, 1));
	}
	db_reset(st);
	return r ? r
		 : put_tombstone(
			   q, &(struct tombstone){ g.first, g.last, t->class, t->cause });
}

/* A tombstone grows after it was sent, so the clinic may name a part of one: at most one reaches
 * over each end of what is named. */
int queue_cut_tombstones(struct queue *q, uint64_t first, uint64_t last)
{
	struct db_stmt *st = q->plain[ST_TOMB_CUT];
	struct tombstone left = { 0 }, right = { 0 }, t;
	int r;

	db_bind_u64(st, 1, first);
	db_bind_u64(st, 2, last);
	while ((r = db_step(st)) == 1) {
		get_tombstone(st, &t);
		if (t.first < first)
			left = (struct tombstone){ t.first, first - 1, t.class, t.cause };
		if (t.last > last)
			right = (struct tombstone){ last + 1, t.last, t.class, t.cause };
	}
	db_reset(st);
	if (r == 0 && left.first)
		r = put_tombstone(q, &left);
	if (r == 0 && right.first)
		r = put_tombstone(q, &right);
	return r;
}

int queue_tombstones(struct queue *q, size_t max, struct tombstone *ret,
		     size_t *ret_count)
{
	struct db_stmt *st = q->plain[ST_TOMBS];
	size_t n = 0;
	int r;

	db_bind_u64(st, 1, max);
	while ((r = db_step(st)) == 1)
		get_tombstone(st, &ret[n++]);
	db_reset(st);
	if (r == 0)
		*ret_count = n;
	return r;
}

/* --- giving up ---------------------------------------------------------------------- */

static int forget_parked(struct queue *q, unsigned max_rows, unsigned *ret_count)
{
	struct db_stmt *st = q->plain[ST_FORGET];
	int r;

	db_bind_u64(st, 1, max_rows);
	r = db_run(st);
	if (r == 0)
		*ret_count = (unsigned)db_changes(q->db);
	return r;
}

/* Rows of one class that go, ascending. */
struct victims {
	unsigned count;
	uint64_t seqs[QUEUE_EVICT_MAX];
};

static int read_oldest(struct queue *q, int class, unsigned max_rows, struct victims *ret)
{
	struct db_stmt *st = q->by_class[class][ST_OLDEST];
	int r;

	ret->count = 0;
	db_bind_u64(st, 1, max_rows);
	while ((r = db_step(st)) == 1)
		ret->seqs[ret->count++] = db_u64(st, 0);
	db_reset(st);
	return r;
}

/* The victims from 'at' on that follow each other without a hole, as a tombstone; *at moves behind them. */
static struct tombstone next_range(const struct victims *v, int class, unsigned *at)
{
	struct tombstone t = { v->seqs[*at], v->seqs[*at], queue_class(class),
			       TOMBSTONE_EVICTED };

	for (++*at; *at < v->count && v->seqs[*at] == t.last + 1; ++*at)
		t.last = v->seqs[*at];
	return t;
}

static int remove_victims(struct queue *q, const struct victims v[static QUEUE_CLASSES])
{
	uint64_t removed = 0;
	int r = 0;

	for (int c = 0; c < QUEUE_CLASSES; c++)
		for (unsigned at = 0; r == 0 && at < v[c].count;) {
			struct tombstone t = next_range(&v[c], c, &at);

			r = queue_remove(q, t.first, t.last, &removed);
		}
	return r;
}

static int bury_victims(struct queue *q, const struct victims v[static QUEUE_CLASSES])
{
	int r = 0;

	for (int c = 0; c < QUEUE_CLASSES; c++)
		for (unsigned at = 0; r == 0 && at < v[c].count;) {
			struct tombstone t = next_range(&v[c], c, &at);

			r = queue_bury(q, &t);
		}
	return r;
}

static int evict_rows(struct queue *q, unsigned max_rows, bool alarms_too,
		      struct queue_evicted *ev)
{
	struct victims v[QUEUE_CLASSES] = { 0 };
	int r;

	*ev = (struct queue_evicted){ 0 };
	r = forget_parked(q, max_rows, &ev->parked);
	if (r == 0 && ev->parked < max_rows)
		r = read_oldest(q, 0, max_rows - ev->parked, &v[0]);
	if (r == 0 && (alarms_too || ev->parked + v[0].count == 0))
		r = read_oldest(q, 1, max_rows, &v[1]);
	ev->routine = v[0].count;
	ev->alarm = v[1].count;
	if (r == 0)
		r = remove_victims(q, v);
	if (r == 0)
		r = bury_victims(q, v);
	return r ? r : queue_write_cur(q, q->contig);
}

static int try_evict(struct queue *q, unsigned max_rows, bool alarms_too,
		     struct queue_evicted *ev)
{
	int r = db_begin(q->db);

	return r ? r : queue_finish(q, evict_rows(q, max_rows, alarms_too, ev));
}

int queue_evict(struct queue *q, unsigned max_rows, struct queue_evicted *ret)
{
	struct queue_evicted ev = { 0 };
	int r;

	if (max_rows == 0 || max_rows > QUEUE_EVICT_MAX)
		abort();
	r = try_evict(q, max_rows, false, &ev);
	/* The last routine rows may be too few to give back a page, and their tombstone need one. */
	if (r == -ENOSPC && ev.parked + ev.routine < max_rows)
		r = try_evict(q, max_rows, true, &ev);
	if (r)
		return r;
	q->unsent -= ev.routine + ev.alarm;
	*ret = ev;
	return 0;
}

/* --- space -------------------------------------------------------------------------- */

static int ask(struct db_stmt *st, uint64_t *ret)
{
	int r = db_step(st);

	if (r == 1)
		*ret = db_u64(st, 0);
	db_reset(st);
	return r < 0 ? r : 0;
}

static int ask_pages(struct queue *q, uint64_t *ret_all, uint64_t *ret_unused)
{
	int r = ask(q->plain[ST_PAGES], ret_all);

	return r ? r : ask(q->plain[ST_FREE_PAGES], ret_unused);
}

/* A file that is larger than its limit may stay so. Never 0: a file has a page. */
static uint64_t limit_of(const struct queue *q, uint64_t all)
{
	return queue_larger(q->limit, all ? all : 1);
}

int queue_room(struct queue *q, uint64_t *ret)
{
	uint64_t all = 0, unused = 0;
	int r = ask_pages(q, &all, &unused);

	if (r == 0)
		*ret = unused + limit_of(q, all) - all;
	return r;
}

int queue_limit(struct queue *q, uint64_t pages)
{
	uint32_t limit = pages < q->quota ? (uint32_t)pages : q->quota;
	uint64_t all = 0;
	char sql[64];
	int r = ask(q->plain[ST_PAGES], &all);

	if (limit == 0)
		limit = 1; /* the library takes 0 for a question */
	if (r == 0 && limit != q->limit) {
		/* below what is in use the library takes that */
		(void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%" PRIu32,
			       limit < q->quota ? limit : limit + QUEUE_UPGRADE_PAGES);
		r = db_exec(q->db, sql);
	}
	if (r)
		return r;
	q->limit = limit;
	return all > pages;
}

/* Nobody else has the file open, so all of the WAL is taken over. */
int queue_checkpoint(struct queue *q)
{
	return db_run(q->plain[ST_CHECKPOINT]);
}

int queue_fill_percent(struct queue *q)
{
	uint64_t all = 0, unused = 0;
	int r = ask_pages(q, &all, &unused);

	return r ? r : (int)((all - unused) * 100 / limit_of(q, all));
}
