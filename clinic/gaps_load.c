/*
 * gaps_load.c - see gaps_load.h.
 */
#include "clinic/gaps_load.h"

#include <errno.h>
#include <stdlib.h>

struct load {
	struct gaps *gaps;
	const struct hub *hub;
	const struct opening_key *key;
	/* numbers held in quarantine, ascending; 'held_at' of them are given to gaps */
	uint64_t *held;
	size_t held_count, held_at;
};

static enum gaps_opened opened(const struct load *l, const struct sealed *rec, int r)
{
	if (r == 0)
		return GAPS_OPENED;
	/* another key, or a newer program's form, is nobody's fault */
	if (r == -ENOTSUP ||
	    sealed_key_id(rec->record.body, rec->record.body_len) != l->key->id)
		return GAPS_NOT_OPENED;
	return GAPS_BAD;
}

static int add_manifest(struct load *l, const struct sealed *rec)
{
	struct gaps_manifest m = { .seq = rec->record.seq, .opened = GAPS_NOT_OPENED };
	int r;

	if (l->key) {
		r = opening_manifest(l->key, rec, l->hub->sign_public, &m.manifest,
				     &m.why);
		m.opened = opened(l, rec, r);
	} else {
		m.why = "the sealing key is not at hand";
	}
	return gaps_add_manifest(l->gaps, &m);
}

/* gaps takes numbers in order: those that are held and come before 'seq'. */
static int add_held(struct load *l, uint64_t seq)
{
	int r = 0;

	for (; r == 0 && l->held_at < l->held_count && l->held[l->held_at] <= seq;
	     l->held_at++)
		if (l->held[l->held_at] < seq)
			r = gaps_add_stored(l->gaps, l->held[l->held_at]);
	return r;
}

static int on_record(void *arg, const struct sealed *rec)
{
	struct load *l = arg;
	int r;

	if (rec->epoch != l->hub->epoch)
		return 0;
	r = add_held(l, rec->record.seq);
	if (r == 0)
		r = gaps_add_stored(l->gaps, rec->record.seq);
	if (r == 0 && rec->record.kind == READING_MANIFEST)
		r = add_manifest(l, rec);
	return r;
}

static int on_given_up(void *arg, const struct tombstone *t)
{
	struct load *l = arg;

	return gaps_add_given_up(l->gaps, t);
}

/* By ascending numbers; one number may be held with two bodies. */
static int hold(struct load *l, uint64_t seq)
{
	uint64_t *more;

	if (l->held_count > 0 && l->held[l->held_count - 1] == seq)
		return 0;
	more = reallocarray(l->held, l->held_count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	l->held = more;
	l->held[l->held_count++] = seq;
	return 0;
}

static int on_quarantine(void *arg, const struct sealed *rec, enum quarantine_reason why)
{
	struct load *l = arg;

	switch (why) {
	case QUARANTINE_NONE:
	case QUARANTINE_REASONS: break;
	case QUARANTINE_SEQ_CONFLICT: return gaps_add_conflict(l->gaps, rec->record.seq);
	case QUARANTINE_RECOVERED: return gaps_add_recovered(l->gaps, rec->record.seq);
	case QUARANTINE_SUSPENDED:
	case QUARANTINE_SUSPECT:
	case QUARANTINE_UNKNOWN_ASSIGNMENT:
	case QUARANTINE_WITHDRAWN_ASSIGNMENT:
	case QUARANTINE_ENDED_ASSIGNMENT:
	case QUARANTINE_NO_PATIENT: return hold(l, rec->record.seq);
	}
	return -EIO;
}

int gaps_load(struct store *s, const struct hub *h, const struct opening_key *key,
	      struct gaps *ret)
{
	struct load l = { .gaps = ret, .hub = h, .key = key };
	struct store_counts c;
	int r;

	gaps_init(ret, 0, 0, 0, 0);
	r = store_counts(s, h->id, h->epoch, &c);
	if (r < 0)
		return r;
	gaps_init(ret, h->highest, h->acked, h->queued, c.contig);
	r = store_quarantine_each(s, h->id, h->epoch, on_quarantine, &l);
	if (r == 0)
		r = store_record_each(s, h->id, on_record, &l);
	if (r == 0)
		r = add_held(&l, UINT64_MAX);
	free(l.held);
	if (r == 0)
		r = store_given_up_each(s, h->id, h->epoch, on_given_up, &l);
	return r < 0 ? r : gaps_explain(ret);
}
