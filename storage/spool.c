/*
 * spool.c - appending, reading and settling; see spool.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/crypto/crypto.h"
#include "storage/spool_inside.h"

_Static_assert((int)SPOOL_HASH_LEN == (int)SHA256_LEN, "the chain is SHA-256");

/* --- facts -------------------------------------------------------------------------- */

const struct spool_owner *spool_owner_of(const struct spool *s)
{
	return &s->owner;
}

const struct spool_notes *spool_notes_of(const struct spool *s)
{
	return &s->notes;
}

void spool_set_mac(struct spool *s, const struct spool_mac *mac)
{
	s->mac = mac ? *mac : (struct spool_mac){ 0 };
}

uint64_t spool_highest(const struct spool *s)
{
	return s->highest;
}

uint64_t spool_unsent(const struct spool *s)
{
	return ranges_count(&s->unsent);
}

bool spool_has(const struct spool *s, uint64_t instance, uint64_t capture)
{
	return window_has(&s->window, instance, capture);
}

const struct ranges *spool_settled(const struct spool *s, enum range_kind kind)
{
	return &s->settled[kind];
}

const struct ranges *spool_lost(const struct spool *s)
{
	return &s->lost;
}

void spool_close(struct spool *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < SPOOL_SEGMENTS_MAX; i++) {
		if (s->segments[i].state != SEGMENT_NONE)
			(void)close(s->segments[i].fd); /* what counts was synced */
		free(s->segments[i].commits);
	}
	ranges_file_close(&s->file);
	free(s);
}

/* --- damage ------------------------------------------------------------------------- */

void spool_set_aside(struct spool *s, struct segment *seg)
{
	if (s->open == seg)
		s->open = NULL;
	if (seg->state == SEGMENT_ASIDE)
		return;
	seg->state = SEGMENT_ASIDE;
	s->notes.set_aside++;
	/* even if it fails: only the last segment is ever appended to, and this one is read only now */
	if (spool_rename(s->dir, seg->num, "", SPOOL_ASIDE))
		s->notes.unusable++;
}

void spool_lose_range(struct spool *s, struct seq_range g)
{
	uint64_t seq = g.first - 1;

	while ((seq = ranges_next(&s->unsent, seq)) != 0 && seq <= g.last) {
		s->notes.lost++;
		/* the count stands also where the set has no room */
		(void)ranges_add(&s->lost, (struct seq_range){ seq, seq });
	}
	/* without the room to split a range it stays unsent, is not found, and is passed over */
	(void)ranges_subtract(&s->unsent, g);
}

void spool_lose_commit(struct spool *s, struct segment *seg, const struct commit_ref *ref)
{
	s->notes.damaged_bytes += ref->bytes;
	spool_lose_range(s, (struct seq_range){ ref->first, ref->last });
	spool_set_aside(s, seg);
}

/* --- reading ------------------------------------------------------------------------ */

int spool_survey(const struct spool *s, const struct spool_commit *c, uint64_t above,
		 struct commit_ref *ret)
{
	struct spool_record rec;
	unsigned count = 0;
	size_t at = 0;
	int r;

	ret->classes = 0;
	ret->first = 0;
	while ((r = spool_commit_next(c, &at, &rec)) == 1) {
		uint64_t seq = rec.entry.record.seq;

		if (seq <= above || rec.epoch != s->owner.epoch)
			return -EBADMSG;
		above = ret->last = seq;
		if (count++ == 0)
			ret->first = seq;
		ret->classes |= (uint8_t)(1 << rec.entry.record.class);
	}
	return r == 0 && count == c->count ? 0 : -EBADMSG;
}

int spool_load_commit(struct spool *s, const struct segment *seg,
		      const struct commit_ref *ref, struct spool_commit *ret)
{
	int r = 0;

	if (s->loaded_segment != seg || s->loaded_block != ref->block) {
		s->loaded_segment = NULL;
		r = spool_load(seg->fd, ref->block, s->loaded, ref->bytes);
	}
	if (r == 0)
		r = spool_commit_decode(s->loaded, ref->bytes, &s->owner, ref->block,
					crypto_sha256, ret);
	if (r)
		return r;
	s->loaded_segment = seg;
	s->loaded_block = ref->block;
	return 0;
}

/* The commit that may hold this number, or NULL. */
static const struct commit_ref *find_commit(const struct spool *s, uint64_t seq,
					    struct segment **ret_segment)
{
	for (size_t i = 0; i < s->order_count; i++) {
		struct segment *seg = s->order[i];
		size_t lo = 0, hi = seg->commit_count;

		if (hi == 0 || seg->commits[hi - 1].last < seq)
			continue;
		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (seg->commits[mid].last < seq)
				lo = mid + 1;
			else
				hi = mid;
		}
		*ret_segment = seg;
		return &seg->commits[lo];
	}
	return NULL;
}

/* The record of this number in a commit; false if it is not of one of these classes. */
static bool find_record(const struct spool_commit *c, uint64_t seq, unsigned classes,
			struct spool_record *ret)
{
	size_t at = 0;

	while (spool_commit_next(c, &at, ret) == 1)
		if (ret->entry.record.seq == seq)
			return 1u << ret->entry.record.class & classes;
	return false;
}

/* The oldest unsent record of these classes (bits) above 'after', in s->loaded. */
static bool next_record(struct spool *s, unsigned classes, uint64_t after,
			struct spool_record *ret)
{
	uint64_t seq = after;

	while ((seq = ranges_next(&s->unsent, seq)) != 0) {
		struct segment *seg = NULL;
		const struct commit_ref *ref = find_commit(s, seq, &seg);
		struct spool_commit c;

		if (!ref)
			return false;
		if (!(ref->classes & classes))
			seq = ref->last;
		else if (spool_load_commit(s, seg, ref, &c))
			spool_lose_commit(s, seg, ref);
		else if (find_record(&c, seq, classes, ret))
			return true;
	}
	return false;
}

/* The body moves into the caller's memory. */
static int hand_out(struct record *rec, uint8_t *buf, size_t cap)
{
	const uint8_t *body = rec->body;

	rec->body = buf;
	if (rec->body_len > cap)
		return -EMSGSIZE;
	memcpy(buf, body, rec->body_len);
	return 1;
}

int spool_read(struct spool *s, enum record_class class, uint64_t after, uint8_t *buf,
	       size_t cap, struct record *ret)
{
	struct spool_record rec;

	if (!next_record(s, 1u << class, after, &rec))
		return 0;
	*ret = rec.entry.record;
	return hand_out(ret, buf, cap);
}

int spool_read_entry(struct spool *s, uint64_t after, uint8_t *buf, size_t cap,
		     struct queue_entry *ret)
{
	struct spool_record rec;

	if (!next_record(s, 1u << CLASS_ROUTINE | 1u << CLASS_ALARM, after, &rec))
		return 0;
	*ret = rec.entry;
	return hand_out(&ret->record, buf, cap);
}

/* --- appending ---------------------------------------------------------------------- */

/* Ends the process for what the caller must not do; returns the blocks of the commit. */
static uint32_t measure(const struct spool *s, const struct queue_entry *e, size_t count)
{
	size_t len = SPOOL_COMMIT_HEAD_LEN;
	uint64_t above = s->highest;

	if (count == 0 || count > QUEUE_GROUP_MAX)
		abort();
	for (size_t i = 0; i < count; i++) {
		const struct record *rec = &e[i].record;

		if (rec->seq <= above || rec->body_len == 0 ||
		    rec->body_len > SEALED_BODY_MAX)
			abort();
		above = rec->seq;
		len += SPOOL_RECORD_OVERHEAD + rec->body_len +
		       (e[i].has_mark ? QUEUE_MARK_LEN : 0);
	}
	return (uint32_t)((len + SPOOL_BLOCK - 1) / SPOOL_BLOCK);
}

/* The commit in s->draft. ret_prev: hash of its last record. */
static size_t make_commit(struct spool *s, const struct queue_entry *e, size_t count,
			  uint8_t ret_prev[static SPOOL_HASH_LEN])
{
	uint8_t rec[SPOOL_RECORD_MAX];
	struct spool_draft d;

	spool_draft_init(&d, s->draft);
	memcpy(ret_prev, s->prev, SPOOL_HASH_LEN);
	for (size_t i = 0; i < count; i++) {
		int n = spool_record_encode(&e[i], s->owner.epoch, ret_prev,
					    s->mac.make ? &s->mac : NULL, rec,
					    sizeof(rec));

		if (n < 0 || spool_draft_add(&d, rec, (size_t)n))
			abort(); /* measured before */
		crypto_sha256(rec, (size_t)n, ret_prev);
	}
	return spool_draft_finish(&d, &s->owner, s->open->header.serial, s->open->end,
				  crypto_sha256);
}

static int write_commit(const struct spool *s, size_t len)
{
	if (spool_write(s->open->fd, s->open->end, s->draft, len) ||
	    fdatasync(s->open->fd))
		return -EIO;
	return 0;
}

static void note_commit(struct spool *s, const struct queue_entry *e, size_t count,
			size_t len)
{
	struct segment *seg = s->open;
	struct commit_ref *ref = &seg->commits[seg->commit_count++];

	*ref = (struct commit_ref){ .first = e[0].record.seq,
				    .last = e[count - 1].record.seq,
				    .block = seg->end,
				    .bytes = (uint32_t)len };
	seg->end += (uint32_t)(len / SPOOL_BLOCK);
	for (size_t i = 0; i < count; i++) {
		uint64_t seq = e[i].record.seq;

		ref->classes |= (uint8_t)(1 << e[i].record.class);
		window_add(&s->window, e[i].instance, e[i].capture);
		if (ranges_add(&s->unsent, (struct seq_range){ seq, seq }))
			abort(); /* there was room for all */
	}
	s->highest = ref->last;
}

int spool_append(struct spool *s, const struct queue_entry *e, size_t count)
{
	uint8_t prev[SPOOL_HASH_LEN];
	uint32_t blocks = measure(s, e, count);
	bool failed = false;
	size_t len;

	if (s->unsent.cap - s->unsent.count < count)
		return -ENOSPC;
	for (;;) {
		int r = spool_make_room(s, blocks, e[0].record.seq);

		if (r)
			return failed ? -EIO : r;
		len = make_commit(s, e, count, prev);
		if (write_commit(s, len) == 0)
			break;
		/* what of it reached the disk is not known: not one byte more into this file */
		failed = true;
		spool_set_aside(s, s->open);
	}
	memcpy(s->prev, prev, sizeof(prev));
	note_commit(s, e, count, len);
	return 0;
}

/* --- settling ----------------------------------------------------------------------- */

bool spool_holds(const struct spool *s, uint64_t seq)
{
	return ranges_contains(&s->unsent, seq) ||
	       (ranges_contains(&s->settled[RANGE_REFUSED], seq) &&
		!ranges_contains(&s->settled[RANGE_ACKED], seq) &&
		!ranges_contains(&s->settled[RANGE_EVICTED], seq));
}

/* On the disk: as a block of its own, or all of it anew. */
static int save(struct spool *s, enum range_kind kind, const struct ranges_item *items,
		size_t count)
{
	struct ranges sets[RANGE_KINDS];
	int r = ranges_file_append(&s->file, items, count);

	if (r != -EAGAIN && r != -EIO)
		return r;
	memcpy(sets, s->settled, sizeof(sets));
	sets[kind] = s->trial_set;
	return ranges_file_rewrite(&s->file, sets);
}

static void copy_set(struct ranges *to, const struct ranges *from)
{
	to->count = from->count;
	memcpy(to->at, from->at, from->count * sizeof(*from->at));
}

static int settle(struct spool *s, enum range_kind kind, const struct seq_range *ranges,
		  size_t count, uint64_t *ret_removed)
{
	struct ranges_item items[RANGES_ITEMS_MAX];
	uint64_t before = spool_unsent(s);
	int r = 0;

	if (count > RANGES_ITEMS_MAX)
		return -ERANGE;
	copy_set(&s->trial_set, &s->settled[kind]);
	copy_set(&s->trial_unsent, &s->unsent);
	for (size_t i = 0; i < count && r == 0; i++) {
		items[i] = (struct ranges_item){ kind, ranges[i] };
		r = ranges_add(&s->trial_set, ranges[i]);
		if (r == 0)
			r = ranges_subtract(&s->trial_unsent, ranges[i]);
	}
	if (r == 0 && ranges_count(&s->trial_set) != ranges_count(&s->settled[kind]))
		r = save(s, kind, items, count); /* else the disk knows it */
	if (r)
		return r;
	copy_set(&s->settled[kind], &s->trial_set);
	copy_set(&s->unsent, &s->trial_unsent);
	*ret_removed = before - spool_unsent(s);
	return 0;
}

int spool_acknowledge(struct spool *s, const struct seq_range *ranges, size_t count,
		      uint64_t *ret_removed)
{
	return settle(s, RANGE_ACKED, ranges, count, ret_removed);
}

int spool_refuse(struct spool *s, const struct seq_range *ranges, size_t count,
		 uint64_t *ret_removed)
{
	return settle(s, RANGE_REFUSED, ranges, count, ret_removed);
}

int spool_evict(struct spool *s, const struct seq_range *ranges, size_t count,
		uint64_t *ret_removed)
{
	return settle(s, RANGE_EVICTED, ranges, count, ret_removed);
}

int spool_move(struct spool *s, uint64_t last)
{
	const struct seq_range g = { 1, last };
	uint64_t removed;

	return settle(s, RANGE_MOVED, &g, 1, &removed);
}

int spool_forget(struct spool *s)
{
	uint64_t low = s->order_count ? s->order[0]->header.first_seq : INT64_MAX;
	int r;

	/* what is in a segment that cannot be looked into now would come back when it can */
	if (s->notes.unusable)
		return 0;
	for (size_t k = RANGE_NONE + 1; k < RANGE_KINDS; k++) {
		r = low > 1 ? ranges_subtract(&s->settled[k],
					      (struct seq_range){ 1, low - 1 })
			    : 0;
		if (r)
			return r;
	}
	return ranges_file_rewrite(&s->file, s->settled);
}
