/*
 * queue_ack.c - what an answer of the clinic does to the queue, in one transaction; see queue.h.
 *
 * Order within a reply: refused records are parked, each with a tombstone; ranges above the mark
 * are taken; then the mark moves, over what it was told and over ranges that touch it. What is
 * taken may be a record or a tombstone: the clinic has either.
 */
#include "storage/queue_inside.h"

#include <errno.h>

#include "hub/rt/failpoint.h"

/* What a reply changes, collected while its transaction runs. */
struct change {
	uint64_t contig, removed, parked;
};

static int park(struct queue *q, const struct refused *f, struct change *ch)
{
	struct tombstone t = { f->seq, f->seq, CLASS_NONE, TOMBSTONE_REFUSED };
	uint64_t gone = 0;
	int r;

	for (int c = 0; c < QUEUE_CLASSES; c++) {
		struct db_stmt *st = q->by_class[c][ST_PARK];

		db_bind_u64(st, 1, f->seq);
		db_bind_u64(st, 2, queue_class(c));
		db_bind_u64(st, 3, f->reason);
		r = db_run(st);
		if (r)
			return r;
		if (db_changes(q->db))
			t.class = queue_class(c);
	}
	r = queue_remove(q, f->seq, f->seq, &gone);
	if (r || gone == 0) /* not here, or no longer: nothing to say of it */
		return r;
	ch->parked += gone;
	return queue_bury(q, &t);
}

/* The ranges of 'acked' stay disjoint and not adjacent:
 * those that touch the new one become part of it. */
int queue_merge(struct queue *q, struct seq_range g)
{
	struct db_stmt *st = q->plain[ST_MERGE];
	int r;

	db_bind_u64(st, 1, g.first);
	db_bind_u64(st, 2, g.last);
	while ((r = db_step(st)) == 1) {
		if (db_u64(st, 0) < g.first)
			g.first = db_u64(st, 0);
		g.last = queue_larger(g.last, db_u64(st, 1));
	}
	db_reset(st);
	if (r)
		return r;
	st = q->plain[ST_ACKED];
	db_bind_u64(st, 1, g.first);
	db_bind_u64(st, 2, g.last);
	return db_run(st);
}

/* The clinic has them: they go, and copies stay for a while. */
static int settle(struct queue *q, uint64_t first, uint64_t last, struct change *ch)
{
	int r = queue_keep(q, first, last);

	return r ? r : queue_remove(q, first, last, &ch->removed);
}

static int take_range(struct queue *q, struct seq_range g, struct change *ch)
{
	int r;

	g.first = queue_larger(g.first, ch->contig + 1);
	if (g.first > g.last)
		return 0;
	r = settle(q, g.first, g.last, ch);
	if (r == 0)
		r = queue_cut_tombstones(q, g.first, g.last);
	return r ? r : queue_merge(q, g);
}

/* The mark moves to what the clinic said, and over ranges
 * that it has named before and that now touch it. */
static int take_contig(struct queue *q, uint64_t contig, struct change *ch)
{
	struct db_stmt *st = q->plain[ST_SWALLOW];
	int r = 0;

	if (contig > ch->contig) {
		r = settle(q, ch->contig + 1, contig, ch);
		if (r == 0)
			r = queue_cut_tombstones(q, ch->contig + 1, contig);
		ch->contig = contig;
	}
	if (r)
		return r;
	db_bind_u64(st, 1, ch->contig);
	while ((r = db_step(st)) == 1)
		ch->contig = queue_larger(ch->contig, db_u64(st, 0));
	db_reset(st);
	return r;
}

static int apply_reply(struct queue *q, const struct reply *r, struct change *ch)
{
	int err = 0;

	for (size_t i = 0; i < r->refused_count && err == 0; i++)
		err = park(q, &r->refused[i], ch);
	for (size_t i = 0; r->has_contig && i < r->range_count && err == 0; i++)
		err = take_range(q, r->ranges[i], ch);
	if (err == 0 && r->has_contig)
		err = take_contig(q, r->contig, ch);
	if (err == 0)
		err = queue_prune(q);
	FAILPOINT("store.ack.taken");
	return err ? err : queue_write_cur(q, ch->contig);
}

static int try_reply(struct queue *q, const struct reply *r, struct change *ch)
{
	int err = db_begin(q->db);

	*ch = (struct change){ .contig = q->contig };
	q->kept_some = false;
	return err ? err : queue_finish(q, apply_reply(q, r, ch));
}

int queue_acknowledge(struct queue *q, const struct reply *r, struct queue_ack *ret)
{
	struct change ch = { .contig = q->contig };
	int err;

	if (reply_highest(r) > queue_highest(q))
		return -EPROTO;
	if ((r->has_contig && r->contig > q->contig) || r->range_count ||
	    r->refused_count) {
		err = try_reply(q, r, &ch);
		if (err == -ENOSPC && q->kept_some) {
			q->keep_none =
				true; /* what is durable there must not wait for it */
			err = try_reply(q, r, &ch);
			q->keep_none = false;
		}
		if (err)
			return err;
	}
	q->contig = ch.contig;
	q->unsent -= ch.removed + ch.parked;
	*ret = (struct queue_ack){ .removed = ch.removed,
				   .refused = (unsigned)ch.parked };
	return 0;
}
