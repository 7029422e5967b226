/*
 * spool_open.c - what lies on the disk after whatever has happened; see spool.h.
 *
 * In this order: names and headers, nothing is written; whose records they are; what was in work is
 * finished; copies of which a newer one exists are freed; each segment is read through, by serial;
 * the tail that a power cut tore is cut.
 *
 * Only what follows the last good commit of the last segment can be torn. What does not read
 * anywhere else, or has a good commit behind it, was good once: it is damage, and its segment is
 * set aside.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/crypto/crypto.h"
#include "storage/spool_inside.h"

/* What the header says, while opening. */
enum look {
	LOOK_GOOD = 0,
	LOOK_ZERO, /* block 0 is zeros */
	LOOK_BAD,
	LOOK_IN_WORK,
};

struct opening {
	struct spool *s;
	enum look look[SPOOL_SEGMENTS_MAX];
	bool damaged[SPOOL_SEGMENTS_MAX];
	uint32_t dirty_end
		[SPOOL_SEGMENTS_MAX]; /* behind the last block that is not zeros */
	/* the chain so far */
	bool known;
	uint8_t prev[SPOOL_HASH_LEN];
	uint64_t seq;
};

/* --- names and headers --------------------------------------------------------------- */

static int look_at(struct opening *o, size_t i)
{
	struct segment *seg = &o->s->segments[i];
	uint8_t buf[SPOOL_BLOCK];
	int r = spool_load(seg->fd, 0, buf, sizeof(buf));

	if (r == 0)
		r = spool_header_decode(buf, crypto_sha256, &seg->header);
	if (r == -ENOTSUP)
		return r;
	if (r == 0)
		o->look[i] = LOOK_GOOD;
	else
		o->look[i] = r != -EIO && spool_is_zero(buf, sizeof(buf)) ? LOOK_ZERO
									  : LOOK_BAD;
	return 0;
}

static int find_file(struct opening *o, size_t i)
{
	struct segment *seg = &o->s->segments[i];
	int r;

	seg->num = (unsigned)i + 1;
	r = spool_open_file(o->s->dir, seg, "");
	if (r == -ENOENT) {
		r = spool_open_file(o->s->dir, seg, SPOOL_IN_WORK);
		o->look[i] = LOOK_IN_WORK;
		if (r == 0)
			return 0;
	}
	if (r == -ENOENT) {
		r = spool_open_file(o->s->dir, seg, SPOOL_ASIDE);
		if (r == 0)
			seg->state = SEGMENT_ASIDE;
	}
	if (r == -EIO) {
		o->s->notes.unusable++;
		return 0;
	}
	return r == -ENOENT ? 0 : r ? r : look_at(o, i);
}

static bool is_there(const struct opening *o, size_t i)
{
	return o->s->segments[i].state != SEGMENT_NONE;
}

static bool same_owner(const struct spool_owner *a, const struct spool_owner *b)
{
	return memcmp(a->hub, b->hub, HUB_ID_LEN) == 0 && a->epoch == b->epoch;
}

static int check_owner(struct opening *o, const struct spool_owner *owner)
{
	for (size_t i = 0; i < SPOOL_SEGMENTS_MAX; i++) {
		const struct segment *seg = &o->s->segments[i];

		if (!is_there(o, i) || o->look[i] != LOOK_GOOD)
			continue;
		if (!owner)
			owner = &seg->header.owner;
		if (!same_owner(owner, &seg->header.owner))
			return -EACCES;
	}
	if (!owner)
		return -ENOENT;
	o->s->owner = *owner;
	return 0;
}

/* --- settled numbers ------------------------------------------------------------------ */

static int read_settled(struct opening *o)
{
	struct spool *s = o->s;
	struct ranges_file_notes notes;
	char from[SPOOL_PATH_BYTES], to[SPOOL_PATH_BYTES];
	int r = ranges_file_open(&s->file, s->dir, s->owner.hub, s->owner.epoch,
				 s->settled, &notes);

	s->notes.ranges_bad = notes.cut_bytes || notes.damaged_bytes;
	if (r != -EIO)
		return r;
	/* records go up once more, which is harmless; capture must not wait for this file */
	s->notes.ranges_bad = true;
	ranges_file_close(&s->file);
	s->file.blocks = 0;
	(void)snprintf(from, sizeof(from), "%s/%s", s->dir, RANGES_FILE);
	(void)snprintf(to, sizeof(to), "%s/%s%s", s->dir, RANGES_FILE, SPOOL_ASIDE);
	if (rename(from, to) || spool_sync_dir(s->dir))
		return -EIO;
	return 0;
}

/* --- one commit ----------------------------------------------------------------------- */

/* The commit that begins here, in s->loaded. Returns 0 with *ret and *ret_ref, -EBADMSG or -EIO.
 * ret_zero: the block is zeros. */
static int read_commit(struct spool *s, const struct segment *seg, uint32_t block,
		       uint64_t above, struct spool_commit *ret,
		       struct commit_ref *ret_ref, bool *ret_zero)
{
	int size;

	s->loaded_segment = NULL;
	*ret_zero = false;
	if (spool_load(seg->fd, block, s->loaded, SPOOL_BLOCK))
		return -EIO;
	*ret_zero = spool_is_zero(s->loaded, SPOOL_BLOCK);
	size = spool_commit_size(s->loaded);
	if (size < 0 || (uint32_t)size / SPOOL_BLOCK > seg->blocks - block)
		return -EBADMSG;
	if (spool_load(seg->fd, block, s->loaded, (size_t)size))
		return -EIO;
	if (spool_commit_decode(s->loaded, (size_t)size, &s->owner, block, crypto_sha256,
				ret))
		return -EBADMSG;
	*ret_ref = (struct commit_ref){ .block = block, .bytes = (uint32_t)size };
	return spool_survey(s, ret, above, ret_ref);
}

/* One more record of the chain. Numbers that are missing before it although the hash says that
 * there was something, and that are not settled, are lost. */
static int link_record(struct opening *o, const struct spool_record *rec)
{
	struct spool *s = o->s;
	uint64_t seq = rec->entry.record.seq, lost;
	int r = ranges_add(&s->unsent, (struct seq_range){ seq, seq });

	if (r == 0 && o->known && memcmp(rec->prev, o->prev, SPOOL_HASH_LEN) != 0) {
		lost = ranges_count(&s->lost);
		if (seq > o->seq + 1)
			r = ranges_add(&s->lost,
				       (struct seq_range){ o->seq + 1, seq - 1 });
		for (int k = RANGE_NONE + 1; k < RANGE_KINDS && r == 0; k++)
			for (size_t i = 0; i < s->settled[k].count && r == 0; i++)
				r = ranges_subtract(&s->lost, s->settled[k].at[i]);
		if (seq == o->seq + 1 || ranges_count(&s->lost) > lost)
			s->notes.broken_links++;
	}
	o->known = true;
	o->seq = seq;
	crypto_sha256(rec->bytes, rec->len, o->prev);
	return r;
}

static int take_commit(struct opening *o, struct segment *seg,
		       const struct spool_commit *c, const struct commit_ref *ref)
{
	struct spool_record rec;
	size_t at = 0;
	int r = 0;

	seg->commits[seg->commit_count++] = *ref;
	while (r == 0 && spool_commit_next(c, &at, &rec) == 1)
		r = link_record(o, &rec);
	return r;
}

/* --- one segment ---------------------------------------------------------------------- */

static int scan(struct opening *o, size_t i)
{
	struct spool *s = o->s;
	struct segment *seg = &s->segments[i];
	uint32_t block = 1;

	while (block < seg->blocks) {
		struct spool_commit c;
		struct commit_ref ref;
		bool zero;
		int r = read_commit(s, seg, block, o->seq, &c, &ref, &zero);

		/* what the disk does not give is not a torn tail: it is not to be written over */
		o->damaged[i] |= r == -EIO;
		if (r || c.serial != seg->header.serial) {
			block++;
			if (!zero)
				o->dirty_end[i] = block;
			continue;
		}
		if (block > seg->end) {
			o->damaged[i] = true;
			s->notes.damaged_bytes +=
				(uint64_t)(block - seg->end) * SPOOL_BLOCK;
		}
		r = take_commit(o, seg, &c, &ref);
		if (r)
			return r;
		block += ref.bytes / SPOOL_BLOCK;
		seg->end = o->dirty_end[i] = block;
	}
	return 0;
}

/* A header does not read: a commit knows whose it is and where, and stands for it. */
static int mend_header(struct opening *o, size_t i)
{
	struct spool *s = o->s;
	struct segment *seg = &s->segments[i];
	uint32_t dirty = 0;

	for (uint32_t block = 1; block < seg->blocks; block++) {
		struct spool_commit c;
		struct spool_record rec;
		struct commit_ref ref;
		size_t at = 0;
		bool zero;

		if (read_commit(s, seg, block, 0, &c, &ref, &zero) == 0 &&
		    spool_commit_next(&c, &at, &rec) == 1) {
			seg->header = (struct spool_header){ .owner = s->owner,
							     .first_serial = c.serial,
							     .serial = c.serial,
							     .first_seq = ref.first };
			memcpy(seg->header.prev, rec.prev, SPOOL_HASH_LEN);
			o->damaged[i] = true;
			s->notes.damaged_bytes += SPOOL_BLOCK;
			return 0;
		}
		dirty += !zero;
	}
	if (dirty)
		s->notes.damaged_bytes += (uint64_t)dirty * SPOOL_BLOCK;
	return dirty ? -EBADMSG : -ENOENT;
}

/* Returns true if it belongs into the order. */
static bool classify(struct opening *o, size_t i)
{
	struct spool *s = o->s;
	struct segment *seg = &s->segments[i];
	int r;

	switch (o->look[i]) {
	case LOOK_GOOD: break;
	case LOOK_IN_WORK:
		seg->state = spool_zero(seg->fd, 0, seg->blocks) == 0 &&
					     spool_rename(s->dir, seg->num, SPOOL_IN_WORK,
							  "") == 0
				     ? SEGMENT_FREE
				     : SEGMENT_UNUSABLE;
		s->notes.unusable += seg->state == SEGMENT_UNUSABLE;
		return false;
	case LOOK_ZERO:
	case LOOK_BAD:
		r = mend_header(o, i);
		if (r == 0)
			break;
		if (seg->state == SEGMENT_ASIDE) {
			seg->state = SEGMENT_UNUSABLE;
			return false;
		}
		if (r ==
		    -EBADMSG) { /* nothing can be read, and perhaps something was there */
			spool_set_aside(s, seg);
			seg->state = SEGMENT_UNUSABLE;
			return false;
		}
		/* it was being begun */
		s->notes.cut_bytes += o->look[i] == LOOK_BAD ? SPOOL_BLOCK : 0;
		seg->state = SEGMENT_FREE;
		if (o->look[i] == LOOK_BAD && spool_zero(seg->fd, 0, 1)) {
			seg->state = SEGMENT_UNUSABLE;
			s->notes.unusable++;
		}
		return false;
	}
	if (seg->state != SEGMENT_ASIDE)
		seg->state = SEGMENT_USED;
	return true;
}

/* --- the order ------------------------------------------------------------------------ */

static bool supersedes(const struct spool_header *a, const struct spool_header *b)
{
	return a->generation > b->generation && a->first_serial <= b->first_serial &&
	       a->serial >= b->serial;
}

static void put_in_order(struct spool *s, struct segment *seg)
{
	size_t at = s->order_count++;

	while (at > 0 && s->order[at - 1]->header.serial > seg->header.serial) {
		s->order[at] = s->order[at - 1];
		at--;
	}
	s->order[at] = seg;
}

static void drop_superseded(struct spool *s)
{
	for (size_t i = 0; i < s->order_count; i++)
		for (size_t k = s->order_count; k-- > 0;)
			if (supersedes(&s->order[i]->header, &s->order[k]->header) &&
			    s->order[k]->state == SEGMENT_USED) {
				(void)spool_free_segment(s, s->order[k]); /* else noted */
				i -= k < i;
			}
}

/* Commits of earlier segments that the next one repeats: their write had failed there. */
static int pass_over(struct opening *o, size_t upto, uint64_t first_seq)
{
	struct spool *s = o->s;

	for (size_t i = upto; i-- > 0;) {
		struct segment *seg = s->order[i];

		while (seg->commit_count &&
		       seg->commits[seg->commit_count - 1].first >= first_seq) {
			const struct commit_ref *ref =
				&seg->commits[seg->commit_count - 1];
			struct spool_commit c;
			struct spool_record rec;
			size_t at = 0;
			int r;

			if (spool_load_commit(s, seg, ref, &c) == 0 &&
			    spool_commit_next(&c, &at, &rec) == 1)
				memcpy(o->prev, rec.prev, SPOOL_HASH_LEN);
			else
				o->known = false;
			r = ranges_subtract(&s->unsent,
					    (struct seq_range){ ref->first, ref->last });
			if (r)
				return r;
			o->seq = first_seq - 1;
			seg->commit_count--;
		}
	}
	return 0;
}

static int scan_all(struct opening *o)
{
	struct spool *s = o->s;
	int r = 0;

	for (size_t i = 0; i < s->order_count && r == 0; i++) {
		const struct segment *seg = s->order[i];

		if (i == 0 && !o->damaged[seg->num - 1]) {
			o->known = true;
			o->seq = seg->header.first_seq - 1;
			memcpy(o->prev, seg->header.prev, SPOOL_HASH_LEN);
		}
		r = pass_over(o, i, seg->header.first_seq);
		if (r == 0)
			r = scan(o, seg->num - 1);
	}
	return r;
}

/* --- the end -------------------------------------------------------------------------- */

/* What a kill left of the last commit is in the page cache, perhaps nowhere else: it counts only from this sync on. */
static int cut_tail(struct opening *o, struct segment *seg)
{
	struct spool *s = o->s;
	uint32_t dirty_end = o->dirty_end[seg->num - 1];

	if (fdatasync(seg->fd))
		return -EIO;
	if (dirty_end > seg->end) {
		if (spool_zero(seg->fd, seg->end, dirty_end))
			return -EIO;
		s->notes.cut_bytes += (uint64_t)(dirty_end - seg->end) * SPOOL_BLOCK;
	}
	s->open = seg;
	return 0;
}

/* Damage is set aside; the last segment goes on. */
static void finish_segments(struct opening *o)
{
	struct spool *s = o->s;

	for (size_t i = 0; i < s->order_count; i++) {
		struct segment *seg = s->order[i];
		uint32_t dirty_end = o->dirty_end[seg->num - 1];
		bool last = i + 1 == s->order_count;

		if (!last && dirty_end > seg->end) {
			o->damaged[seg->num - 1] |= seg->state == SEGMENT_USED;
			s->notes.damaged_bytes +=
				(uint64_t)(dirty_end - seg->end) * SPOOL_BLOCK;
		}
		if (seg->state == SEGMENT_USED &&
		    (o->damaged[seg->num - 1] || (last && cut_tail(o, seg))))
			spool_set_aside(s, seg);
	}
}

/* The newest captures, in their order. */
static void load_window(struct spool *s)
{
	size_t i = s->order_count, k = 0, records = 0;

	while (records <= WINDOW_LEN && (i > 0 || k > 0)) {
		if (k > 0) {
			k--;
			records++; /* each commit has one at least */
		} else {
			k = s->order[--i]->commit_count;
		}
	}
	for (; i < s->order_count; i++, k = 0)
		for (; k < s->order[i]->commit_count; k++) {
			struct spool_commit c;
			struct spool_record rec;
			size_t at = 0;

			if (spool_load_commit(s, s->order[i], &s->order[i]->commits[k],
					      &c))
				continue;
			while (spool_commit_next(&c, &at, &rec) == 1)
				window_add(&s->window, rec.entry.instance,
					   rec.entry.capture);
		}
}

static int finish(struct opening *o)
{
	struct spool *s = o->s;

	finish_segments(o);
	if (spool_sync_dir(s->dir)) /* a kill may have left names, too */
		return -EIO;
	for (size_t k = RANGE_NONE + 1; k < RANGE_KINDS; k++) {
		uint64_t top = ranges_top(&s->settled[k]);

		for (size_t i = 0; i < s->settled[k].count; i++) {
			int r = ranges_subtract(&s->unsent, s->settled[k].at[i]);

			if (r)
				return r;
		}
		s->highest = s->highest > top ? s->highest : top;
	}
	s->highest = s->highest > o->seq ? s->highest : o->seq;
	s->next_serial =
		s->order_count ? s->order[s->order_count - 1]->header.serial + 1 : 1;
	s->notes.lost = ranges_count(&s->lost);
	memcpy(s->prev, o->prev, SPOOL_HASH_LEN);
	load_window(s);
	return 0;
}

static void init_sets(struct spool *s)
{
	size_t n = 0;

	for (size_t k = 0; k < RANGE_KINDS; k++)
		ranges_init(&s->settled[k], s->places[n++], SPOOL_RANGES_MAX);
	ranges_init(&s->unsent, s->places[n++], SPOOL_RANGES_MAX);
	ranges_init(&s->lost, s->places[n++], SPOOL_RANGES_MAX);
	ranges_init(&s->trial_set, s->places[n++], SPOOL_RANGES_MAX);
	ranges_init(&s->trial_unsent, s->places[n++], SPOOL_RANGES_MAX);
}

static int read_all(struct opening *o, const struct spool_owner *owner)
{
	struct spool *s = o->s;
	int r = 0;

	for (size_t i = 0; i < SPOOL_SEGMENTS_MAX && r == 0; i++)
		r = find_file(o, i);
	if (r == 0)
		r = check_owner(o, owner);
	if (r == 0)
		r = read_settled(o);
	if (r)
		return r;
	for (size_t i = 0; i < SPOOL_SEGMENTS_MAX; i++)
		if (is_there(o, i) && classify(o, i))
			put_in_order(s, &s->segments[i]);
	drop_superseded(s);
	r = scan_all(o);
	return r ? r : finish(o);
}

int spool_open(const char *dir, const struct spool_owner *owner, struct spool **ret)
{
	struct opening o = { .s = calloc(1, sizeof(*o.s)) };
	int r;

	if (!o.s)
		return -ENOMEM;
	o.s->file.fd = -1;
	init_sets(o.s);
	r = strlen(dir) < SPOOL_DIR_BYTES ? 0 : -EIO;
	if (r == 0) {
		memcpy(o.s->dir, dir, strlen(dir) + 1);
		r = read_all(&o, owner);
	}
	if (r) {
		spool_close(o.s);
		return r;
	}
	*ret = o.s;
	return 0;
}
