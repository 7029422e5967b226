/*
 * queue_evict.c - what the queue gives up when there is no space, and the tombstones that say so; see queue.h.
 *
 * Deleting needs no new page, a tombstone may: all rows go before the first tombstone is written.
 * QUEUE_EVICT_MAX rows are more than a page holds, so a page is free by then, and a file that has used
 * up its quota can always give up something. What the transaction writes to the WAL needs space on
 * the disk like any other; the caller has a reserve for that (store_room.c).
 *
 * Evidence lies among readings, so its rows may be on pages that stay: that promise holds for readings only. Few rows of
 * evidence go at a time, and if there is no place for their tombstones readings go as if there were none
 * (adr/0025).
 */
#include "storage/queue_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/rt/failpoint.h"

/* Pages of WAL in which a whole eviction has its place: its rows, their tombstones, and the file's own pages. */
enum { WAL_PAGES_MIN = 32 };

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
	struct tombstone left = { 0 }, right = { 0 }, t, gone;
	int r, kept = 0;

	db_bind_u64(st, 1, first);
	db_bind_u64(st, 2, last);
	while ((r = db_step(st)) == 1) {
		get_tombstone(st, &t);
		gone = (struct tombstone){ queue_larger(t.first, first),
					   t.last < last ? t.last : last, t.class,
					   t.cause };
		kept = kept ? kept : queue_keep_tombstone(q, &gone);
		if (t.first < first)
			left = (struct tombstone){ t.first, first - 1, t.class, t.cause };
		if (t.last > last)
			right = (struct tombstone){ last + 1, t.last, t.class, t.cause };
	}
	db_reset(st);
	r = r ? r : kept;
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

/* What is given up in one go: enum queue_expendable - 1 is its place here, 1 << that its bit in a set. */
enum {
	EVIDENCE,
	ROUTINE,
	ALARMS,
	VICTIMS,
	EVERYTHING = 1 << EVIDENCE | 1 << ROUTINE | 1 << ALARMS,
};

/* Rows of one kind that go, ascending. */
struct victims {
	unsigned count;
	uint64_t seqs[QUEUE_EVICT_MAX];
};

static enum tombstone_cause cause_for(int kind, enum tombstone_cause cause)
{
	return kind == EVIDENCE && cause == TOMBSTONE_EVICTED ? TOMBSTONE_EVIDENCE
							      : cause;
}

static int read_oldest(struct queue *q, int kind, unsigned max_rows, struct victims *ret)
{
	static const enum statement oldest[VICTIMS] = { ST_OLDEST_EVIDENCE,
							ST_OLDEST_ROUTINE,
							ST_OLDEST_ALARM };
	struct db_stmt *st = q->plain[oldest[kind]];
	int r;

	if (kind == EVIDENCE && max_rows > QUEUE_EVICT_EVIDENCE_MAX)
		max_rows = QUEUE_EVICT_EVIDENCE_MAX;
	ret->count = 0;
	db_bind_u64(st, 1, max_rows);
	while ((r = db_step(st)) == 1)
		ret->seqs[ret->count++] = db_u64(st, 0);
	db_reset(st);
	return r;
}

/* The victims from 'at' on that follow each other without a hole, as a tombstone; *at moves behind them. */
static struct tombstone next_range(const struct victims *v, int kind,
				   enum tombstone_cause cause, unsigned *at)
{
	struct tombstone t = { v->seqs[*at], v->seqs[*at],
			       kind == ALARMS ? CLASS_ALARM : CLASS_ROUTINE,
			       cause_for(kind, cause) };

	for (++*at; *at < v->count && v->seqs[*at] == t.last + 1; ++*at)
		t.last = v->seqs[*at];
	return t;
}

static int remove_victims(struct queue *q, const struct victims v[static VICTIMS],
			  enum tombstone_cause cause)
{
	uint64_t removed = 0;
	int r = 0;

	for (int k = 0; k < VICTIMS; k++)
		for (unsigned at = 0; r == 0 && at < v[k].count;) {
			struct tombstone t = next_range(&v[k], k, cause, &at);

			r = queue_remove(q, t.first, t.last, &removed);
		}
	return r;
}

static int bury_victims(struct queue *q, const struct victims v[static VICTIMS],
			enum tombstone_cause cause)
{
	int r = 0;

	for (int k = 0; k < VICTIMS; k++)
		for (unsigned at = 0; r == 0 && at < v[k].count;) {
			struct tombstone t = next_range(&v[k], k, cause, &at);

			r = queue_bury(q, &t);
		}
	return r;
}

static void find_span(const struct victims *v, struct queue_evicted *ev)
{
	uint64_t last = v->count ? v->seqs[v->count - 1] : 0;

	if (v->count && (ev->first == 0 || v->seqs[0] < ev->first))
		ev->first = v->seqs[0];
	ev->last = queue_larger(ev->last, last);
}

/* set: bits, which kinds may go; refused bodies go with routine records. */
static int find_victims(struct queue *q, unsigned max_rows, unsigned set,
			struct victims v[static VICTIMS], unsigned *parked)
{
	int r = set & 1U << ROUTINE ? forget_parked(q, max_rows, parked) : 0;

	for (int k = 0; k < VICTIMS && r == 0; k++) {
		unsigned max = k == ROUTINE ? max_rows - *parked : max_rows;

		if (set & 1U << k && max > 0)
			r = read_oldest(q, k, max, &v[k]);
	}
	return r;
}

static int evict_rows(struct queue *q, unsigned max_rows, unsigned set,
		      enum tombstone_cause cause, struct queue_evicted *ev)
{
	struct victims v[VICTIMS] = { 0 };
	int r;

	*ev = (struct queue_evicted){ 0 };
	r = find_victims(q, max_rows, set, v, &ev->parked);
	ev->evidence = v[EVIDENCE].count;
	ev->routine = v[ROUTINE].count;
	ev->alarm = v[ALARMS].count;
	if (r || ev->parked + queue_evicted_records(ev) == 0)
		return r;
	for (int k = 0; k < VICTIMS; k++)
		find_span(&v[k], ev);
	FAILPOINT("store.evict.before");
	r = remove_victims(q, v, cause);
	FAILPOINT("store.evict.removed");
	if (r == 0)
		r = bury_victims(q, v, cause);
	FAILPOINT("store.evict.buried");
	return r ? r : queue_write_cur(q, q->contig);
}

static int try_evict(struct queue *q, unsigned max_rows, unsigned set,
		     enum tombstone_cause cause, struct queue_evicted *ev)
{
	int r = db_begin(q->db);

	return r ? r : queue_finish(q, evict_rows(q, max_rows, set, cause, ev));
}

unsigned queue_evicted_records(const struct queue_evicted *ev)
{
	return ev->evidence + ev->routine + ev->alarm;
}

int queue_evict(struct queue *q, unsigned max_rows, enum queue_expendable upto,
		struct queue_evicted *ret)
{
	/* The last of one kind may be too few to give back a page, and their tombstones need one. */
	static const struct {
		unsigned set;
		enum queue_expendable last;
	} tries[] = {
		{ 1U << EVIDENCE, QUEUE_EVIDENCE },
		{ 1U << EVIDENCE | 1U << ROUTINE, QUEUE_ROUTINE },
		{ 1U << ROUTINE, QUEUE_ROUTINE },
		{ EVERYTHING, QUEUE_ALARMS },
		{ 1U << ROUTINE | 1U << ALARMS, QUEUE_ALARMS },
	};
	struct queue_evicted ev = { 0 };
	int r = 0;

	if (max_rows == 0 || max_rows > QUEUE_EVICT_MAX)
		abort();
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (tries[i].last > upto)
			break;
		/* alarms are not what a disk without space needs */
		if (tries[i].set == EVERYTHING && ev.parked + ev.routine == max_rows)
			break;
		r = try_evict(q, max_rows, tries[i].set, TOMBSTONE_EVICTED, &ev);
		if (r == 0 && ev.parked + queue_evicted_records(&ev) > 0)
			break;
		if (r && r != -ENOSPC)
			break;
	}
	if (r)
		return r;
	q->unsent -= queue_evicted_records(&ev);
	*ret = ev;
	return 0;
}

int queue_discard(struct queue *q, unsigned max_rows, struct queue_evicted *ret)
{
	struct queue_evicted ev = { 0 };
	int r;

	if (max_rows == 0 || max_rows > QUEUE_EVICT_MAX)
		abort();
	r = try_evict(q, max_rows, EVERYTHING, TOMBSTONE_DISCARDED, &ev);
	if (r)
		return r;
	q->unsent -= queue_evicted_records(&ev);
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

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Half of what is free, for the file is not alone on the disk; and the WAL needs its part. */
static uint32_t limit_on_disk(const struct queue *q, const struct queue_space *space,
			      uint64_t owned, uint64_t wal)
{
	uint64_t spare = space->free + wal;
	uint64_t more = spare > WAL_PAGES_MIN ? spare - WAL_PAGES_MIN : 0;
	uint64_t limit = owned + smaller(space->free / 2, more);

	limit = smaller(limit, smaller(space->quota, q->quota));
	return limit ? (uint32_t)limit : 1; /* the library takes 0 for a question */
}

/* Half of 'ahead' is used up before more is asked for: not with each commit. */
static int own_ahead(struct queue *q, uint64_t all, uint64_t ahead, uint64_t *owned)
{
	uint64_t enough = queue_larger(all, smaller(q->limit, all + ahead / 2));

	return *owned >= enough
		       ? 0
		       : db_own(q->db, queue_larger(all, smaller(q->limit, all + ahead)),
				owned);
}

static int set_ready(struct queue *q, uint32_t pages)
{
	char sql[64];
	int r;

	if (pages == q->ready)
		return 0;
	/* below what is in use the library takes that */
	(void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%" PRIu32,
		       pages < q->quota ? pages : pages + QUEUE_UPGRADE_PAGES);
	r = db_exec(q->db, sql);
	if (r == 0)
		q->ready = pages;
	return r;
}

int queue_limit(struct queue *q, const struct queue_space *space)
{
	uint64_t all = 0, owned = 0, wal = 0;
	int r = ask(q->plain[ST_PAGES], &all);

	if (r == 0)
		r = db_own(q->db, 0, &owned);
	if (r == 0)
		r = db_wal_pages(q->db, &wal);
	if (r)
		return r;
	q->limit = limit_on_disk(q, space, owned, wal);
	r = own_ahead(q, all, space->ahead, &owned);
	if (r == 0)
		r = set_ready(q, (uint32_t)smaller(q->limit, owned ? owned : 1));
	return r ? r : all > owned;
}

int queue_pages(struct queue *q, uint64_t *ret)
{
	uint64_t all = 0, unused = 0;
	int r = ask_pages(q, &all, &unused);

	*ret = all - unused;
	return r;
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
