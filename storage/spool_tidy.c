/*
 * spool_tidy.c - segments made free again, and several packed into one; see spool.h.
 *
 * Packing, and what a power cut leaves at each step:
 *   1. a free segment is renamed '.free'         zeroed at the next start
 *   2. header and commits are written, synced    the same
 *   3. it is renamed back                        two copies; the higher generation counts, and the
 *                                                others are freed at the next start
 *   4. what it was made from is freed            each is '.free' until it is zeros again
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hub/crypto/crypto.h"
#include "storage/spool_inside.h"

/* --- free --------------------------------------------------------------------------- */

static size_t count_free(struct spool *s, struct segment **ret_first)
{
	size_t n = 0;

	for (size_t i = SPOOL_SEGMENTS_MAX; i-- > 0;)
		if (s->segments[i].state == SEGMENT_FREE) {
			*ret_first = &s->segments[i];
			n++;
		}
	return n;
}

static void forget_order(struct spool *s, const struct segment *seg)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->order_count; i++)
		if (s->order[i] != seg)
			s->order[kept++] = s->order[i];
	s->order_count = kept;
	if (s->open == seg)
		s->open = NULL;
	s->loaded_segment = NULL;
}

/* From '.free' to free. */
static int release(struct spool *s, struct segment *seg)
{
	/* the header last: until then no reader can take it for an unused one */
	int r = spool_zero(seg->fd, 1, seg->blocks);

	if (r == 0)
		r = spool_zero(seg->fd, 0, 1);
	if (r == 0)
		r = spool_rename(s->dir, seg->num, SPOOL_IN_WORK, "");
	if (r) {
		s->notes.unusable++;
		return -EIO;
	}
	seg->commit_count = 0;
	seg->header = (struct spool_header){ 0 };
	seg->state = SEGMENT_FREE;
	return 0;
}

int spool_free_segment(struct spool *s, struct segment *seg)
{
	forget_order(s, seg);
	seg->state = SEGMENT_UNUSABLE;
	if (spool_rename(s->dir, seg->num, "", SPOOL_IN_WORK)) {
		s->notes.unusable++;
		return -EIO;
	}
	return release(s, seg);
}

/* Does nothing in this segment have to stay? */
static bool is_settled(const struct spool *s, const struct segment *seg)
{
	uint64_t first, last, seq;

	if (seg->commit_count == 0)
		return true;
	first = seg->commits[0].first;
	last = seg->commits[seg->commit_count - 1].last;
	seq = ranges_next(&s->unsent, first - 1);
	if (seq && seq <= last)
		return false;
	for (seq = first - 1; (seq = ranges_next(&s->settled[RANGE_REFUSED], seq)) != 0;)
		if (seq > last)
			break;
		else if (spool_holds(s, seq))
			return false;
	return true;
}

/* Returns 1, 0 (no segment is settled) or -EIO. */
static int free_one(struct spool *s)
{
	for (size_t i = 0; i < s->order_count; i++) {
		struct segment *seg = s->order[i];

		if (seg == s->open || !is_settled(s, seg))
			continue;
		if (seg->state == SEGMENT_USED)
			return spool_free_segment(s, seg) ? -EIO : 1;
		/* set aside: never written, but not read again either */
		forget_order(s, seg);
		seg->state = SEGMENT_UNUSABLE;
		return spool_rename(s->dir, seg->num, SPOOL_ASIDE, SPOOL_DONE) ? -EIO : 1;
	}
	return 0;
}

/* --- packing ------------------------------------------------------------------------ */

/* Commits that are put together out of others; written only where there is a target. */
struct packing {
	struct segment *to; /* NULL: only counting */
	struct spool_draft draft;
	uint32_t block; /* of the next commit */
	uint64_t first, last;
	uint8_t classes;
};

/* Blocks of the commit as it is now. */
static uint32_t whole_blocks(const struct spool_draft *d)
{
	return d->count ? (uint32_t)((d->used + SPOOL_BLOCK - 1) / SPOOL_BLOCK) : 0;
}

static int flush(struct spool *s, struct packing *p)
{
	struct segment *to = p->to;
	size_t len;
	int r = 0;

	if (p->draft.count == 0)
		return 0;
	len = (size_t)whole_blocks(&p->draft) * SPOOL_BLOCK;
	if (to) {
		(void)spool_draft_finish(&p->draft, &s->owner, to->header.serial,
					 p->block, crypto_sha256);
		to->commits[to->commit_count++] =
			(struct commit_ref){ .first = p->first,
					     .last = p->last,
					     .block = p->block,
					     .bytes = (uint32_t)len,
					     .classes = p->classes };
		r = spool_write(to->fd, p->block, s->draft, len);
	}
	p->block += (uint32_t)(len / SPOOL_BLOCK);
	p->classes = 0;
	spool_draft_init(&p->draft, s->draft);
	return r;
}

static int pack_record(struct spool *s, struct packing *p, const struct spool_record *rec)
{
	const struct record *r = &rec->entry.record;

	if (!spool_holds(s, r->seq))
		return 0;
	if (p->draft.count == QUEUE_GROUP_MAX) {
		int err = flush(s, p);

		if (err)
			return err;
	}
	if (p->draft.count == 0)
		p->first = r->seq;
	p->last = r->seq;
	p->classes |= (uint8_t)(1 << r->class);
	return spool_draft_add(&p->draft, rec->bytes, rec->len);
}

static int pack_segment(struct spool *s, struct packing *p, struct segment *from)
{
	for (size_t i = 0; i < from->commit_count; i++) {
		struct spool_commit c;
		struct spool_record rec;
		size_t at = 0;
		int r = spool_load_commit(s, from, &from->commits[i], &c);

		if (r) {
			spool_lose_commit(s, from, &from->commits[i]);
			return r;
		}
		while (spool_commit_next(&c, &at, &rec) == 1) {
			r = pack_record(s, p, &rec);
			if (r)
				return r;
		}
	}
	return 0;
}

static void packing_init(struct spool *s, struct packing *p, struct segment *to)
{
	*p = (struct packing){ .to = to, .block = 1 };
	spool_draft_init(&p->draft, s->draft);
}

/* How many segments from order[i] on fit into so many blocks. 0: one of them does not read. */
static size_t plan(struct spool *s, size_t i, uint32_t blocks)
{
	struct packing p;
	size_t n = 0;

	packing_init(s, &p, NULL);
	for (; i + n < s->order_count; n++) {
		struct segment *seg = s->order[i + n];

		if (seg->state != SEGMENT_USED || seg == s->open)
			break;
		if (pack_segment(s, &p, seg))
			return 0;
		if (p.block + whole_blocks(&p.draft) > blocks)
			break;
	}
	return n;
}

static int write_packed(struct spool *s, struct segment *to, struct segment *const *from,
			size_t n)
{
	uint8_t header[SPOOL_BLOCK];
	struct packing p;
	int r = 0;

	to->commit_count = 0;
	to->header = (struct spool_header){ .owner = s->owner,
					    .first_serial = from[0]->header.first_serial,
					    .serial = from[n - 1]->header.serial,
					    .first_seq = from[0]->header.first_seq };
	memcpy(to->header.prev, from[0]->header.prev, SPOOL_HASH_LEN);
	for (size_t i = 0; i < n; i++)
		if (from[i]->header.generation >= to->header.generation)
			to->header.generation = from[i]->header.generation + 1;
	packing_init(s, &p, to);
	for (size_t i = 0; i < n && r == 0; i++)
		r = pack_segment(s, &p, from[i]);
	if (r == 0)
		r = flush(s, &p);
	to->end = p.block;
	spool_header_encode(&to->header, crypto_sha256, header);
	if (r == 0)
		r = spool_write(to->fd, 0, header, sizeof(header));
	if (r == 0 && fdatasync(to->fd))
		r = -EIO;
	return r;
}

/* Segments order[i] .. order[i + n - 1] become one. Returns 1 or -EIO. */
static int repack(struct spool *s, struct segment *to, size_t i, size_t n)
{
	struct segment *from[SPOOL_SEGMENTS_MAX];
	int r = spool_rename(s->dir, to->num, "", SPOOL_IN_WORK);

	for (size_t k = 0; k < n; k++)
		from[k] = s->order[i + k];
	to->state = SEGMENT_UNUSABLE;
	if (r == 0)
		r = write_packed(s, to, from, n);
	if (r == 0)
		r = spool_rename(s->dir, to->num, SPOOL_IN_WORK, "");
	if (r) {
		(void)release(s, to); /* else it is noted */
		return -EIO;
	}
	for (size_t k = 0; k < n; k++)
		(void)spool_free_segment(
			s, from[k]); /* else it is noted, and freed at the next start */
	to->state = SEGMENT_USED;
	for (size_t k = s->order_count++; k > i; k--)
		s->order[k] = s->order[k - 1];
	s->order[i] = to;
	return 1;
}

/* Returns 1, 0 (nothing would be gained) or -EIO. */
static int repack_some(struct spool *s)
{
	struct segment *to = NULL;

	if (count_free(s, &to) == 0)
		return 0;
	for (size_t i = 0; i < s->order_count; i++) {
		size_t n = plan(s, i, to->blocks);

		if (n >= 2)
			return repack(s, to, i, n);
	}
	return 0;
}

int spool_tidy(struct spool *s)
{
	struct segment *first = NULL;
	int r = free_one(s);

	if (r == 0 && count_free(s, &first) < 2)
		r = repack_some(s);
	return r;
}

/* --- the next segment --------------------------------------------------------------- */

static int take_segment(struct spool *s, struct segment *seg, uint64_t seq)
{
	uint8_t buf[SPOOL_BLOCK];

	seg->header = (struct spool_header){ .owner = s->owner,
					     .first_serial = s->next_serial,
					     .serial = s->next_serial,
					     .first_seq = seq };
	memcpy(seg->header.prev, s->prev, SPOOL_HASH_LEN);
	seg->end = 1;
	seg->commit_count = 0;
	seg->state = SEGMENT_USED;
	s->next_serial++;
	s->order[s->order_count++] = seg;
	s->open = seg;
	spool_header_encode(&seg->header, crypto_sha256, buf);
	if (spool_write(seg->fd, 0, buf, sizeof(buf)) || fdatasync(seg->fd)) {
		spool_set_aside(s, seg);
		return -EIO;
	}
	return 0;
}

int spool_make_room(struct spool *s, uint32_t blocks, uint64_t seq)
{
	struct segment *seg = NULL;
	int r = 0;

	if (s->open && s->open->blocks - s->open->end >= blocks)
		return 0;
	if (s->next_serial == UINT32_MAX)
		return -ENOSPC;
	s->open = NULL; /* what is full may be packed with the others */
	do {
		while (count_free(s, &seg) < 2) { /* one is kept for packing */
			int done = spool_tidy(s);

			if (done <= 0)
				return r ? r : done ? done : -ENOSPC;
		}
		r = take_segment(s, seg, seq);
	} while (r);
	return 0;
}
