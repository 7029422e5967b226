/*
 * records_spool.c - the spool as the queue's stand-in: records go there while no segment can take them, and from there
 * into the queue when one can; see records.h.
 *
 * Moving goes in groups, in the order of numbers: inserted, committed, only then named as moved. A cut between the two
 * finds them in the queue already and names them. A number that did not come as a record is passed over with what
 * is known of it.
 */
#include "storage/records_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "hub/rt/failpoint.h"

static void tell_notes(struct records *r)
{
	const struct spool_notes *n = spool_notes_of(r->spool);

	if (n->lost || n->cut_bytes || n->damaged_bytes || n->broken_links ||
	    n->ranges_bad)
		records_tell(r, RECORDS_SPOOL_DAMAGED, 0, 0, n->lost,
			     n->cut_bytes + n->damaged_bytes);
}

bool records_spool_is_sound(const struct records *r)
{
	const struct spool_notes *n = spool_notes_of(r->spool);

	return n->unusable == 0 && n->damaged_bytes == 0 && n->set_aside == 0;
}

static void begin_spooling(struct records *r, int why)
{
	if (r->spooling)
		return;
	r->spooling = true;
	r->moved = 0;
	records_tell(r, RECORDS_SPOOL_BEGUN, 0, why, 0, 0);
}

/* 0: on so small a disk the space is worth more to the queue. */
static uint32_t segment_bytes(const struct records *r)
{
	uint64_t all = RECORDS_SPOOL_BYTES, one;
	struct statvfs disk;

	if (statvfs(r->dir, &disk) == 0 &&
	    (uint64_t)disk.f_blocks * disk.f_frsize / 8 < all)
		all = (uint64_t)disk.f_blocks * disk.f_frsize / 8;
	one = all / RECORDS_SPOOL_SEGMENTS / SPOOL_BLOCK * SPOOL_BLOCK;
	return one < SPOOL_SEGMENT_BYTES_MIN ? 0 : (uint32_t)one;
}

void records_open_spool(struct records *r)
{
	struct spool_owner owner = { .epoch = r->epoch };
	uint32_t bytes;
	int err = 0;

	if (r->spool)
		return;
	bytes = segment_bytes(r);
	memcpy(owner.hub, r->hub, HUB_ID_LEN);
	if (r->owned && bytes == 0)
		return;
	if (r->owned)
		err = spool_prepare(r->dir, RECORDS_SPOOL_SEGMENTS, bytes);
	/* with fewer segments than there should be it is a smaller spool */
	if (err == 0 || err == -ENOSPC)
		err = spool_open(r->dir, r->owned ? &owner : NULL, &r->spool);
	if (err == -ENOENT && !r->owned)
		return; /* nobody's yet */
	if (err && !r->spool_failed)
		records_tell(r, RECORDS_SPOOL_FAULT, 0, err, 0, 0);
	r->spool_failed = err != 0;
	if (err)
		return;
	tell_notes(r);
	if (spool_unsent(r->spool) > 0)
		begin_spooling(r, 0);
}

int records_append_spool(struct records *r, const struct queue_entry *e, size_t count,
			 int why)
{
	int err = r->spool ? spool_append(r->spool, e, count) : -EIO;

	if (err == 0) {
		FAILPOINT("store.spool.appended");
		begin_spooling(r, why);
	}
	return err;
}

uint64_t records_spool_first(struct records *r)
{
	uint8_t body[SEALED_BODY_MAX];
	struct queue_entry e;

	return spool_read_entry(r->spool, 0, body, sizeof(body), &e) == 1 ? e.record.seq
									  : 0;
}

/* --- replies ------------------------------------------------------------------------- */

/* Nothing of it is about the spool: one sync less. */
static bool is_about_spool(const struct records *r, const struct reply *reply)
{
	if (!r->keys)
		return true;
	return r->spooling && reply_highest(reply) > queue_highest(records_newest(r));
}

int records_spool_reply(struct records *r, const struct reply *reply,
			struct queue_ack *ack)
{
	struct seq_range g[1 + REPLY_RANGES_MAX], bad[REPLY_REFUSED_MAX];
	uint64_t removed = 0, refused = 0;
	size_t n = 0;
	int err = 0;

	if (!is_about_spool(r, reply))
		return 0;
	if (!r->spool)
		return -EAGAIN;
	for (size_t i = 0; i < reply->refused_count; i++)
		bad[i] = (struct seq_range){ reply->refused[i].seq,
					     reply->refused[i].seq };
	if (reply->has_contig && reply->contig)
		g[n++] = (struct seq_range){ 1, reply->contig };
	for (size_t i = 0; reply->has_contig && i < reply->range_count; i++)
		g[n++] = reply->ranges[i];
	if (reply->refused_count)
		err = spool_refuse(r->spool, bad, reply->refused_count, &refused);
	if (err == 0 && n)
		err = spool_acknowledge(r->spool, g, n, &removed);
	if (err)
		return err;
	ack->removed += removed;
	ack->refused += (unsigned)refused;
	return 0;
}

/* What the clinic has named while the queue was closed, as the replies that it would have been. */
static int catch_up_segment(struct queue *q, const struct ranges *acked)
{
	struct reply reply = { .has_contig = true, .contig = queue_contig(q) };
	struct queue_ack ack;
	int err = 0;

	for (size_t i = 0; i < acked->count && err == 0; i++) {
		struct seq_range g = acked->at[i];

		if (g.last > queue_highest(q))
			g.last = queue_highest(q);
		if (g.first <= reply.contig + 1)
			g.first = reply.contig + 1;
		if (g.first > g.last)
			continue;
		reply.ranges[0] = g;
		reply.range_count = 1;
		err = queue_acknowledge(q, &reply, &ack);
		reply.contig = queue_contig(q);
	}
	return err;
}

int records_catch_up(struct records *r)
{
	const struct ranges *acked =
		r->spool ? spool_settled(r->spool, RANGE_ACKED) : NULL;
	int err = 0;

	for (size_t i = 0; acked && i < r->count && err == 0; i++)
		err = records_mend(r, i, catch_up_segment(r->at[i].queue, acked));
	return err;
}

/* --- from the spool to the queue ------------------------------------------------------ */

/* Why a number comes as no record, and up to where that holds. s: NULL if there is no spool. */
static enum tombstone_cause cause_of(const struct spool *s, uint64_t seq, uint64_t *last)
{
	static const struct {
		enum range_kind kind;
		enum tombstone_cause cause;
	} kinds[] = {
		{ RANGE_ACKED, TOMBSTONE_NONE },
		{ RANGE_REFUSED, TOMBSTONE_REFUSED },
		{ RANGE_EVICTED, TOMBSTONE_EVICTED },
	};

	if (!s)
		return TOMBSTONE_SKIPPED;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const struct ranges *set = spool_settled(s, kinds[i].kind);

		if (ranges_contains(set, seq)) {
			while (seq < *last && ranges_contains(set, seq + 1))
				seq++;
			*last = seq;
			return kinds[i].cause;
		}
	}
	*last = seq;
	return ranges_contains(spool_lost(s), seq) ? TOMBSTONE_DAMAGED
						   : TOMBSTONE_SKIPPED;
}

/* Each of the numbers before 'to' that is no record: one step is one cause. */
static int pass_numbers(struct records *r, struct queue *q, uint64_t to)
{
	uint64_t at = queue_next_seq(q), last = to - 1;
	enum tombstone_cause cause = cause_of(r->spool, at, &last), more;

	/* numbers of the same cause are one tombstone, however they are known */
	while (last + 1 < to) {
		uint64_t next = to - 1;

		more = cause_of(r->spool, last + 1, &next);
		if (more != cause)
			break;
		last = next;
	}
	if (cause == TOMBSTONE_SKIPPED)
		records_tell(r, RECORDS_SKIPPED, 0, 0, at, last);
	return queue_pass(q, last, CLASS_NONE, cause);
}

int records_pass_over(struct records *r, uint64_t to)
{
	struct queue *q = records_newest(r);
	int err = 0;

	while (err == 0 && queue_next_seq(q) <= to)
		err = pass_numbers(r, q, to + 1);
	return err;
}

static void fill_load(struct records *r, uint64_t from, struct records_group *ret)
{
	ret->count = 0;
	while (ret->count < QUEUE_GROUP_MAX) {
		struct queue_entry *e = &ret->entries[ret->count];

		if (spool_read_entry(r->spool, from - 1, ret->bodies[ret->count],
				     SEALED_BODY_MAX, e) != 1)
			break;
		if (ret->count && e->record.seq != from)
			break; /* a number between them is for another step */
		from = e->record.seq + 1;
		ret->count++;
	}
}

static int finish_moving(struct records *r)
{
	int err = spool_move(r->spool, spool_highest(r->spool));

	if (err == 0)
		err = spool_forget(r->spool);
	if (err)
		return err;
	FAILPOINT("store.spool.ended");
	r->spooling = false;
	records_tell(r, RECORDS_SPOOL_ENDED, 0, 0, r->moved, 0);
	return 1;
}

static int move_load(struct records *r, struct queue *q, const struct records_group *l)
{
	int err = queue_insert(q, l->entries, l->count);

	if (err)
		return err;
	FAILPOINT("store.spool.moved");
	r->moved += l->count;
	err = spool_move(r->spool, l->entries[l->count - 1].record.seq);
	return err ? err : 1;
}

int records_move_step(struct records *r)
{
	struct queue *q = records_newest(r);
	uint64_t at = queue_next_seq(q);
	struct records_group *l = malloc(sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	fill_load(r, at, l);
	if (l->count == 0 && at > spool_highest(r->spool))
		err = finish_moving(r);
	else if (l->count == 0 || l->entries[0].record.seq > at) {
		err = pass_numbers(r, q,
				   l->count ? l->entries[0].record.seq
					    : spool_highest(r->spool) + 1);
		err = err ? err : 1;
	} else
		err = move_load(r, q, l);
	free(l);
	return err < 0 && records_newest(r) ? records_mend(r, r->count - 1, err) : err;
}

/* --- space --------------------------------------------------------------------------- */

/* The oldest of one class, as ranges. Returns how many numbers. */
static unsigned find_oldest(struct records *r, enum record_class class, unsigned max,
			    struct seq_range *g, size_t *ret_ranges)
{
	uint8_t body[SEALED_BODY_MAX];
	struct record rec = { .seq = 0 };
	unsigned found = 0;

	*ret_ranges = 0;
	while (found < max &&
	       spool_read(r->spool, class, rec.seq, body, sizeof(body), &rec) == 1) {
		struct seq_range *last = *ret_ranges ? &g[*ret_ranges - 1] : NULL;

		if (last && last->last + 1 == rec.seq)
			last->last++;
		else
			g[(*ret_ranges)++] = (struct seq_range){ rec.seq, rec.seq };
		found++;
	}
	return found;
}

/* A segment of the spool is free when all its numbers are settled: what makes room is many of them. */
int records_evict_spool(struct records *r, unsigned max_rows, struct queue_evicted *ret)
{
	struct seq_range g[QUEUE_EVICT_MAX];
	uint64_t removed = 0;
	size_t n;
	int err;

	ret->routine = find_oldest(r, CLASS_ROUTINE, max_rows, g, &n);
	if (n == 0)
		ret->alarm = find_oldest(r, CLASS_ALARM, max_rows, g, &n);
	if (n == 0)
		return 0;
	err = spool_evict(r->spool, g, n, &removed);
	if (err)
		*ret = (struct queue_evicted){ 0 };
	return err;
}
