/*
 * queue_keep.c - delivered records that stay for a while, and how they come back when the clinic was restored from an
 * older backup; see queue.h.
 *
 *   q_alarm, q_routine, tomb -> kept, kept_tomb   the clinic has named the number, in the transaction in which it leaves
 *   kept, kept_tomb -> gone                       QUEUE_KEEP_SPAN numbers later, after QUEUE_KEEP_DAYS, or for space:
 *                                                 before anything else is given up
 *   kept, kept_tomb -> q_alarm, q_routine, tomb   the clinic has lost it, in queue_resync
 *
 * What is kept counts for nothing: a number stands in the mark or in 'acked' as if it were gone. It is never what an
 * acknowledgement fails for: with little room it is not kept. A number that comes back without a copy becomes a
 * tombstone that says so.
 */
#include "storage/queue_inside.h"

#include <errno.h>

enum {
	ROOM_PAGES = 256,  /* so many stay free for readings */
	ROWS_PER_PAGE = 3, /* of the largest size */
	PRUNE_ROWS = 64,   /* in one transaction */
};

/* How many rows may be kept now. */
static int ask_room(struct queue *q, uint64_t *ret)
{
	uint64_t room = 0, now, pages;
	int r = queue_room(q, &room);

	/* without asking the disk for more; the other half is for readings */
	now = room > q->limit - q->ready ? (room - (q->limit - q->ready)) / 2 : 0;
	pages = room > ROOM_PAGES ? room - ROOM_PAGES : 0;
	*ret = (now < pages ? now : pages) * ROWS_PER_PAGE;
	if (*ret > QUEUE_KEEP_SPAN)
		*ret = QUEUE_KEEP_SPAN;
	return r;
}

int queue_keep(struct queue *q, uint64_t first, uint64_t last)
{
	uint64_t rows = 0;
	int r = q->keep_none ? 0 : ask_room(q, &rows);

	if (r || rows == 0)
		return r;
	if (last - first >= rows)
		first = last - rows + 1;
	for (int c = 0; c < QUEUE_CLASSES && r == 0; c++) {
		struct db_stmt *st = q->by_class[c][ST_KEEP];

		db_bind_u64(st, 1, first);
		db_bind_u64(st, 2, last);
		db_bind_u64(st, 3, queue_class(c));
		db_bind_u64(st, 4, q->day);
		r = db_run(st);
		q->kept_some |= r == 0 && db_changes(q->db) > 0;
	}
	return r;
}

int queue_keep_tombstone(struct queue *q, const struct tombstone *t)
{
	struct db_stmt *st = q->plain[ST_KEEP_TOMB];

	if (q->keep_none)
		return 0;
	db_bind_u64(st, 1, t->first);
	db_bind_u64(st, 2, t->last);
	db_bind_u64(st, 3, t->class);
	db_bind_u64(st, 4, t->cause);
	q->kept_some = true;
	return db_run(st);
}

int queue_prune(struct queue *q)
{
	struct db_stmt *st = q->plain[ST_PRUNE];
	int r;

	db_bind_u64(st, 1, PRUNE_ROWS);
	db_bind_u64(st, 2, QUEUE_KEEP_SPAN);
	db_bind_u64(st, 3, q->day > QUEUE_KEEP_DAYS ? q->day - QUEUE_KEEP_DAYS : 0);
	r = db_run(st);
	if (r)
		return r;
	st = q->plain[ST_PRUNE_TOMB];
	db_bind_u64(st, 1, PRUNE_ROWS);
	db_bind_u64(st, 2, QUEUE_KEEP_SPAN);
	return db_run(st);
}

void queue_set_day(struct queue *q, uint32_t day)
{
	q->day = day;
}

int queue_forget_kept(struct queue *q, unsigned max_rows, unsigned *ret)
{
	struct db_stmt *st = q->plain[ST_FORGET_KEPT];
	int r = db_begin(q->db);

	if (r)
		return r;
	db_bind_u64(st, 1, max_rows);
	r = db_run(st);
	if (r == 0)
		*ret = (unsigned)db_changes(q->db);
	return queue_finish(q, r);
}

/* --- coming back ---------------------------------------------------------------------- */

/* What a resync changes, collected while its transaction runs. */
struct comeback {
	uint64_t from, contig;
	struct queue_resync done;
};

static int restore_records(struct queue *q, struct comeback *cb)
{
	struct db_stmt *st = q->plain[ST_UNKEEP];
	int r;

	for (int c = 0; c < QUEUE_CLASSES; c++) {
		struct db_stmt *back = q->by_class[c][ST_RESTORE];

		db_bind_u64(back, 1, cb->from);
		db_bind_u64(back, 2, queue_class(c));
		r = db_run(back);
		if (r)
			return r;
		cb->done.again += db_changes(q->db);
	}
	db_bind_u64(st, 1, cb->from);
	return db_run(st);
}

/* Numbers of which no copy is left. */
static int bury_gap(struct queue *q, uint64_t first, uint64_t last, struct comeback *cb)
{
	const struct tombstone t = { first, last, CLASS_NONE, TOMBSTONE_DELIVERED };

	if (first > last)
		return 0;
	if (cb->done.gone == 0)
		cb->done.gone_first = first;
	cb->done.gone_last = last;
	cb->done.gone += last - first + 1;
	return queue_bury(q, &t);
}

/* A kept tombstone, as far as it lies in g and behind 'at'. */
static int bury_again(struct queue *q, struct db_stmt *st, struct seq_range g,
		      uint64_t at)
{
	struct tombstone t = { queue_larger(db_u64(st, 0), at), db_u64(st, 1),
			       (enum record_class)db_u64(st, 2),
			       (enum tombstone_cause)db_u64(st, 3) };

	if (t.last > g.last)
		t.last = g.last;
	return t.first > t.last ? 0 : queue_bury(q, &t);
}

/* Each number of g is a record again by now, or becomes a tombstone. */
static int restore_range(struct queue *q, struct seq_range g, struct comeback *cb)
{
	struct db_stmt *st = q->plain[ST_COPIES];
	uint64_t at = g.first; /* the next one that is not accounted for */
	int r = 0, row;

	db_bind_u64(st, 1, g.first);
	db_bind_u64(st, 2, g.last);
	while (r == 0 && (row = db_step(st)) == 1) {
		uint64_t first = db_u64(st, 0), last = db_u64(st, 1);

		if (first > at)
			r = bury_gap(q, at, first - 1, cb);
		if (r == 0 && !db_is_null(st, 3)) /* a tombstone */
			r = bury_again(q, st, g, at);
		at = queue_larger(at, last + 1);
	}
	db_reset(st);
	if (r == 0 && row < 0)
		r = row;
	return r ? r : bury_gap(q, at, g.last, cb);
}

/* Numbers above the mark that the clinic had named. */
static int restore_acked(struct queue *q, struct comeback *cb)
{
	struct db_stmt *st = q->plain[ST_UNACK];
	struct seq_range left = { 0, 0 };
	int r = 0, row;

	db_bind_u64(st, 1, cb->from);
	while (r == 0 && (row = db_step(st)) == 1) {
		struct seq_range g = { db_u64(st, 0), db_u64(st, 1) };

		if (g.first < cb->from) {
			left = (struct seq_range){ g.first, cb->from - 1 };
			g.first = cb->from;
		}
		r = restore_range(q, g, cb);
	}
	db_reset(st);
	if (r == 0 && row < 0)
		r = row;
	return r || left.first == 0 ? r : queue_merge(q, left);
}

/* A salvage must know which of two pages is from before: salvage_small.c. */
static int count_comeback(struct queue *q)
{
	struct db_stmt *st;
	int r = db_prepare(q->db,
			   "INSERT INTO meta VALUES ('back', 1)"
			   " ON CONFLICT (k) DO UPDATE SET v = v + 1",
			   &st);

	if (r)
		return r;
	r = db_run(st);
	db_stmt_free(st);
	return r;
}

/* Of kept tombstones what lies before 'from' stays: the clinic may ask for that another time. */
static int unkeep_tombstones(struct queue *q, uint64_t from)
{
	struct db_stmt *gone = q->plain[ST_UNKEEP_TOMB], *cut = q->plain[ST_CUT_TOMB];
	int r;

	db_bind_u64(gone, 1, from);
	r = db_run(gone);
	if (r)
		return r;
	db_bind_u64(cut, 1, from);
	return db_run(cut);
}

static int come_back(struct queue *q, struct comeback *cb)
{
	int r = restore_records(q, cb);

	if (r == 0)
		r = count_comeback(q);
	if (r == 0 && cb->from <= q->contig)
		r = restore_range(q, (struct seq_range){ cb->from, q->contig }, cb);
	if (r == 0)
		r = restore_acked(q, cb);
	if (r == 0)
		r = unkeep_tombstones(q, cb->from);
	if (cb->from <= q->contig)
		cb->contig = cb->from - 1;
	return r ? r : queue_write_cur(q, cb->contig);
}

int queue_resync(struct queue *q, uint64_t from, struct queue_resync *ret)
{
	struct comeback cb = { .from = from, .contig = q->contig };
	int r;

	if (from == 0 || from > queue_highest(q))
		return -ERANGE;
	r = db_begin(q->db);
	if (r)
		return r;
	r = queue_finish(q, come_back(q, &cb));
	if (r)
		return r;
	q->contig = cb.contig;
	q->unsent += cb.done.again;
	*ret = cb.done;
	return 0;
}
