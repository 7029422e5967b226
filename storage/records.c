/*
 * records.c - taking, reading and settling records over all segments and the spool; see records.h.
 *
 * A reply of the clinic is about all numbers. Each segment gets what is about its own; that is one transaction each,
 * and a cut between two of them is mended by the next reply.
 */
#include "storage/records_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/rt/failpoint.h"

void records_tell(struct records *r, enum records_event_kind kind, uint32_t segment,
		  int err, uint64_t a, uint64_t b)
{
	const struct records_event e = { kind, segment, err, a, b };

	r->host.event(r->host.arg, &e);
}

/* --- facts -------------------------------------------------------------------------- */

struct queue *records_newest(const struct records *r)
{
	const struct piece *p = r->count ? &r->at[r->count - 1] : NULL;

	return p && p->number < RECORDS_SALVAGE_BASE ? p->queue : NULL;
}

bool records_owner(const struct records *r, uint8_t ret_hub[static HUB_ID_LEN],
		   uint32_t *ret_epoch)
{
	if (!r->owned)
		return false;
	memcpy(ret_hub, r->hub, HUB_ID_LEN);
	*ret_epoch = r->epoch;
	return true;
}

bool records_has_queue(const struct records *r)
{
	return r->keys && records_newest(r);
}

bool records_is_new(const struct records *r)
{
	return r->keys && r->count == 0 && !r->owned;
}

bool records_is_spooling(const struct records *r)
{
	return r->spooling;
}

bool records_ready(const struct records *r)
{
	return r->owned && r->next && (records_has_queue(r) || r->spool);
}

uint64_t records_next_seq(const struct records *r)
{
	return r->next ? r->next : 1;
}

uint64_t records_highest(const struct records *r)
{
	return records_next_seq(r) - 1;
}

/* The first segment that is not drained says it; while none is open, what the last one said. */
uint64_t records_contig(const struct records *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (!queue_is_drained(r->at[i].queue) || i + 1 == r->count)
			return queue_contig(r->at[i].queue);
	return r->contig;
}

uint64_t records_unsent(const struct records *r)
{
	uint64_t sum = r->spooling ? spool_unsent(r->spool) : 0;

	for (size_t i = 0; i < r->count; i++)
		sum += queue_unsent(r->at[i].queue);
	return sum;
}

bool records_has(const struct records *r, uint64_t instance, uint64_t capture)
{
	const struct queue *q = records_newest(r);

	return (q && queue_has(q, instance, capture)) ||
	       (r->spool && spool_has(r->spool, instance, capture));
}

/* --- taking ------------------------------------------------------------------------- */

void records_reserve(struct records *r, size_t count)
{
	int err = r->seq_open ? seqblock_reserve(&r->seq, r->next + count - 1) : 0;

	if (err && !r->seq_failed)
		records_tell(r, RECORDS_SEQ_FAULT, 0, err, 0, 0);
	r->seq_failed = err != 0;
}

static bool has_all(const struct queue *q, const struct queue_entry *e, size_t count)
{
	while (count > 0 && queue_has(q, e[count - 1].instance, e[count - 1].capture))
		count--;
	return count == 0;
}

static int insert_into_queue(struct records *r, const struct queue_entry *e, size_t count)
{
	struct queue *q = records_newest(r);
	uint64_t from = queue_next_seq(q), to = e[0].record.seq - 1;
	int err;

	/* a commit that failed may have reached the disk, which shows when the segment was opened again */
	if (from > to + 1)
		return has_all(q, e, count) ? 0 : -EBADMSG;
	err = records_pass_over(r, to);
	return err ? err : queue_insert(q, e, count);
}

static bool is_broken(int err)
{
	return err == -EBADMSG || err == -EIO;
}

int records_mend(struct records *r, size_t i, int err)
{
	if (!is_broken(err))
		return err;
	FAILPOINT("store.segment.broken");
	return records_set_aside(r, i, err) ? err : -EAGAIN;
}

int records_insert(struct records *r, const struct queue_entry *e, size_t count)
{
	int err = -EAGAIN, why = 0;

	/* once more in a new segment; what fails there, too, is not the file's fault */
	for (int tries = 0; tries < 2 && err == -EAGAIN && !r->spooling; tries++) {
		if (!records_has_queue(r))
			break;
		why = insert_into_queue(r, e, count);
		err = records_mend(r, r->count - 1, why);
	}
	if (err == -EAGAIN || is_broken(err))
		err = records_append_spool(r, e, count, why);
	if (err == 0) {
		r->next = e[count - 1].record.seq + 1;
		r->guessed = false;
	}
	return err;
}

int records_insert_own(struct records *r, const struct queue_entry *e, size_t count)
{
	int err;

	if (!records_has_queue(r) || r->spooling)
		return -EAGAIN;
	err = records_mend(r, r->count - 1, insert_into_queue(r, e, count));
	if (err == 0) {
		r->next = e[count - 1].record.seq + 1;
		r->guessed = false;
	}
	return err;
}

int records_insert_noted(struct records *r, const struct queue_entry *e,
			 const uint8_t *note, size_t len)
{
	struct queue *q = records_newest(r);
	int err;

	if (!records_has_queue(r) || r->spooling || e->record.seq != queue_next_seq(q))
		return -EAGAIN;
	err = records_mend(r, r->count - 1, queue_insert_noted(q, e, note, len));
	if (err == 0)
		r->next = e->record.seq + 1;
	return err;
}

size_t records_note(const struct records *r, const uint8_t **ret)
{
	const struct queue *q = records_newest(r);

	*ret = NULL;
	return q ? queue_note(q, ret) : 0;
}

/* --- reading ------------------------------------------------------------------------ */

int records_read(struct records *r, enum record_class class, uint64_t after, uint8_t *buf,
		 size_t cap, struct record *ret)
{
	uint64_t taken = 0;

	for (size_t i = 0; i < r->count; i++) {
		int err;

		taken = queue_highest(r->at[i].queue);
		if (after >= taken)
			continue;
		err = queue_read(r->at[i].queue, class, after, buf, cap, ret);
		if (err)
			return records_mend(r, i, err);
	}
	if (!r->spooling)
		return 0;
	return spool_read(r->spool, class, after > taken ? after : taken, buf, cap, ret);
}

int records_tombstones(struct records *r, size_t max, struct tombstone *ret,
		       size_t *ret_count)
{
	size_t n = 0;

	for (size_t i = 0; i < r->count && n < max; i++) {
		size_t some = 0;
		int err = queue_tombstones(r->at[i].queue, max - n, ret + n, &some);

		if (err)
			return records_mend(r, i, err);
		n += some;
	}
	*ret_count = n;
	return 0;
}

int records_newest_marks(struct records *r, uint8_t ret[][QUEUE_MARK_LEN],
			 size_t *ret_count)
{
	struct queue *q = records_newest(r);

	*ret_count = 0;
	return q ? queue_newest_marks(q, ret, ret_count) : 0;
}

/* --- settling ----------------------------------------------------------------------- */

/* What of a reply is about a segment whose highest number this is. */
static struct reply clip(const struct reply *in, uint64_t top)
{
	struct reply out = { .has_contig = in->has_contig, .contig = in->contig };

	if (out.contig > top)
		out.contig = top;
	for (size_t i = 0; i < in->range_count && in->ranges[i].first <= top; i++) {
		out.ranges[out.range_count] = in->ranges[i];
		if (in->ranges[i].last > top)
			out.ranges[out.range_count].last = top;
		out.range_count++;
	}
	for (size_t i = 0; i < in->refused_count; i++)
		if (in->refused[i].seq <= top)
			out.refused[out.refused_count++] = in->refused[i];
	return out;
}

/* One that no range has place for comes again. */
static void add_number(struct reply *out, uint64_t seq)
{
	struct seq_range *last =
		out->range_count ? &out->ranges[out->range_count - 1] : NULL;

	if (last && last->last + 1 == seq)
		last->last++;
	else if (out->range_count < REPLY_RANGES_MAX)
		out->ranges[out->range_count++] = (struct seq_range){ seq, seq };
}

/* Of a segment that is in doubt: only what was itself in the batch. */
static struct reply only_these(const struct reply *in, const struct queue *q,
			       const uint64_t *seqs, size_t count)
{
	struct reply out = clip(in, queue_highest(q));

	out.contig = queue_contig(q);
	out.range_count = 0;
	for (size_t i = 0; i < count && seqs[i] <= queue_highest(q); i++)
		if (seqs[i] > out.contig && reply_covers(in, seqs[i]))
			add_number(&out, seqs[i]);
	return out;
}

static int settle_in_segment(struct records *r, size_t i, const struct reply *reply,
			     const uint64_t *seqs, size_t count, struct queue_ack *ack)
{
	struct queue *q = r->at[i].queue;
	bool doubt = queue_is_doubted(q) && queue_unsent(q) > 0;
	struct reply own =
		doubt ? only_these(reply, q, seqs, count) : clip(reply, queue_highest(q));
	struct queue_ack part = { 0 };
	int err = queue_acknowledge(q, &own, &part);

	ack->removed += part.removed;
	ack->refused += part.refused;
	return err;
}

int records_acknowledge(struct records *r, const struct reply *reply,
			const uint64_t *seqs, size_t count, struct queue_ack *ret)
{
	struct queue_ack ack = { 0 };
	int err = 0;

	if (reply_highest(reply) > records_highest(r))
		return -EPROTO;
	for (size_t i = 0; i < r->count && err == 0; i++)
		err = records_mend(r, i,
				   settle_in_segment(r, i, reply, seqs, count, &ack));
	if (err == 0)
		err = records_spool_reply(r, reply, &ack);
	r->contig = records_contig(r);
	if (err == 0)
		*ret = ack;
	return err;
}

/*
 * The newest segment first: so the mark is below 'from' only when all is done. If one fails in between, say for want of
 * space, the clinic still has less than the mark, and asks again. The other way round it would not, and nobody would
 * tell the hand-over to go back: what has come back would wait until hub-coap or hub-store starts again.
 *
 * After a crash either order does: the hand-over begins with the lowest number, and when the clinic has all that came
 * back, the mark is above what did not, so that the clinic asks for it.
 */
int records_resync(struct records *r, uint64_t from, struct queue_resync *ret)
{
	*ret = (struct queue_resync){ 0 };
	if (from == 0 || from > records_highest(r))
		return -ERANGE;
	if (!records_has_queue(r) || r->spooling || records_find_damaged(r))
		return -EAGAIN;
	for (size_t i = r->count; i-- > 0;) {
		/* numbers between two segments were in one that is drained and gone */
		uint64_t low = i ? queue_next_seq(r->at[i - 1].queue) : 1;
		struct queue_resync part = { 0 };
		int err;

		low = from > low ? from : low;
		if (low > queue_highest(r->at[i].queue))
			continue;
		err = queue_resync(r->at[i].queue, low, &part);
		if (err)
			return records_mend(r, i, err);
		ret->again += part.again;
		ret->gone += part.gone;
		if (ret->gone_last < part.gone_last)
			ret->gone_last = part.gone_last;
		if (part.gone)
			ret->gone_first = part.gone_first;
	}
	r->contig = records_contig(r);
	return 0;
}

void records_set_day(struct records *r, uint32_t day)
{
	r->day = day;
	for (size_t i = 0; i < r->count; i++)
		queue_set_day(r->at[i].queue, day);
}

/* --- space -------------------------------------------------------------------------- */

int records_probe(struct records *r)
{
	return r->spooling || !records_has_queue(r)
		       ? 0
		       : records_mend(r, r->count - 1, queue_probe(records_newest(r)));
}

static bool is_something(const struct queue_evicted *ev)
{
	return ev->parked + queue_evicted_records(ev) > 0;
}

static int evict_from_segments(struct records *r, unsigned max_rows,
			       enum queue_expendable upto, struct queue_evicted *ret)
{
	int err = 0;

	for (size_t i = 0; i < r->count; i++) {
		err = queue_evict(r->at[i].queue, max_rows, upto, ret);
		if (err == 0 && is_something(ret))
			return 0;
		if (err && err != -ENOSPC)
			return records_mend(r, i, err);
	}
	return err;
}

static int forget_kept(struct records *r, unsigned max_rows, unsigned *ret)
{
	for (size_t i = 0; i < r->count && *ret == 0; i++) {
		int err = queue_forget_kept(r->at[i].queue, max_rows, ret);

		if (err)
			return records_mend(r, i, err);
	}
	return 0;
}

int records_evict(struct records *r, unsigned max_rows, struct queue_evicted *ret)
{
	int err = 0;

	*ret = (struct queue_evicted){ 0 };
	if (records_has_queue(r))
		err = forget_kept(r, max_rows, &ret->kept);
	if (err || ret->kept)
		return err;
	/* evidence of all segments before a reading of any, alarms of any last */
	for (enum queue_expendable upto = QUEUE_EVIDENCE;
	     (err == 0 || err == -ENOSPC) && !is_something(ret) && upto <= QUEUE_ALARMS &&
	     records_has_queue(r);
	     upto++)
		err = evict_from_segments(r, max_rows, upto, ret);
	if (err == 0 && !is_something(ret) && r->spooling)
		err = records_evict_spool(r, max_rows, ret);
	return err;
}

int records_discard(struct records *r, unsigned max_rows, struct queue_evicted *ret)
{
	*ret = (struct queue_evicted){ 0 };
	if (r->spooling || !records_has_queue(r))
		return -EAGAIN;
	for (size_t i = 0; i < r->count; i++) {
		int err = queue_discard(r->at[i].queue, max_rows, ret);

		if (err)
			return records_mend(r, i, err);
		if (is_something(ret))
			return 0;
	}
	return 0;
}

int records_room(struct records *r, uint64_t *ret)
{
	*ret = 0;
	return records_has_queue(r) ? queue_room(records_newest(r), ret) : 0;
}

/* Pages in use in the first 'count' segments. */
static int sum_pages(struct records *r, size_t count, uint64_t *ret)
{
	uint64_t pages = 0;
	int err = 0;

	*ret = 0;
	for (size_t i = 0; i < count && err == 0; i++) {
		err = queue_pages(r->at[i].queue, &pages);
		*ret += pages;
	}
	return err;
}

enum {
	/* Pages that the newest segment owns beyond those in use: more than a group or an acknowledgement takes. */
	AHEAD_PAGES = 512,
	/* Of the others, and where there is not plenty: a part of what is free, for others write there too; and as many
	 * when there was no space for a commit. */
	AHEAD_PART = 8,
	AHEAD_PAGES_MIN = 16,
	AHEAD_PAGES_SHORT = 64,
	PLENTY_BYTES = 4 * AHEAD_PAGES * DB_PAGE_SIZE,
};

/* The quota is for all segments, by what they have in use: a file never shrinks, but it goes when it is drained. */
static uint64_t pages_ahead(uint64_t free_bytes, bool newest, bool short_of)
{
	uint64_t part = free_bytes / DB_PAGE_SIZE / AHEAD_PART;

	if (newest && free_bytes >= PLENTY_BYTES)
		return AHEAD_PAGES;
	if (newest && short_of)
		return AHEAD_PAGES_SHORT;
	return part < AHEAD_PAGES_MIN ? part : AHEAD_PAGES_MIN;
}

int records_limit(struct records *r, uint64_t free_bytes, bool short_of)
{
	struct queue_space space = { .free = free_bytes / DB_PAGE_SIZE };
	uint64_t others = 0;
	bool homeless = false;
	int err = records_has_queue(r) ? sum_pages(r, r->count - 1, &others) : 0;

	for (size_t i = 0; i < r->count && err >= 0; i++) {
		bool newest = i + 1 == r->count;

		space.quota = !newest		  ? r->quota
			      : others < r->quota ? r->quota - others
						  : 0;
		space.ahead = pages_ahead(free_bytes, newest, short_of);
		err = queue_limit(r->at[i].queue, &space);
		homeless |= err == 1;
	}
	return err < 0 ? err : homeless;
}

int records_checkpoint(struct records *r)
{
	int err = 0;

	for (size_t i = 0; i < r->count && err == 0; i++)
		err = records_mend(r, i, queue_checkpoint(r->at[i].queue));
	return err;
}

int records_fill_percent(struct records *r)
{
	uint64_t sum = 0, room = 0;
	int err = records_has_queue(r) ? queue_room(records_newest(r), &room) : -EAGAIN;

	if (err == 0)
		err = sum_pages(r, r->count, &sum);
	return err ? err : (int)(sum * 100 / (sum + room ? sum + room : 1));
}
