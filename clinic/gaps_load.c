/*
 * gaps_load.c - see gaps_load.h.
 */
#include "clinic/gaps_load.h"

#include <errno.h>

struct load {
	struct gaps *gaps;
	const struct hub *hub;
	const struct opening_key *key;
	uint64_t limit; /* what is above came later */
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

static int on_manifest(void *arg, const struct sealed *rec)
{
	struct gaps_manifest m = { .seq = rec->record.seq, .opened = GAPS_NOT_OPENED };
	struct load *l = arg;
	int r;

	if (rec->record.seq > l->limit)
		return 0;
	if (l->key) {
		r = opening_manifest(l->key, rec, l->hub->sign_public, &m.manifest,
				     &m.why);
		m.opened = opened(l, rec, r);
	} else {
		m.why = "the sealing key is not at hand";
	}
	return gaps_add_manifest(l->gaps, &m);
}

static uint64_t limited(const struct load *l, uint64_t last)
{
	return last < l->limit ? last : l->limit;
}

static int on_here(void *arg, uint64_t first, uint64_t last)
{
	struct load *l = arg;

	return gaps_add_stored(l->gaps, first, limited(l, last));
}

/* Without the limit: the hub is dead, and never told of what was on its card. */
static int on_recovered(void *arg, uint64_t first, uint64_t last)
{
	struct load *l = arg;

	return gaps_add_recovered(l->gaps, first, last);
}

/* One by one: each is told by itself. */
static int on_conflict(void *arg, uint64_t first, uint64_t last)
{
	struct load *l = arg;

	if (first != last)
		return -EPROTO;
	return first > l->limit ? 0 : gaps_add_conflict(l->gaps, first);
}

static int on_given_up(void *arg, const struct tombstone *t)
{
	struct load *l = arg;

	return t->first > l->limit ? 0 : gaps_add_given_up(l->gaps, t);
}

int gaps_load(const struct gaps_source *from, const struct hub *h,
	      const struct store_counts *c, const struct opening_key *key,
	      struct gaps *ret)
{
	struct load l = { .gaps = ret, .hub = h, .key = key };
	int r;

	l.limit = c->highest > h->highest ? c->highest : h->highest;
	gaps_init(ret, h->highest, h->acked, h->queued, c->contig);
	r = from->numbers(from->arg, NUMBERS_HERE, on_here, &l);
	if (r == 0)
		r = from->numbers(from->arg, NUMBERS_CONFLICT, on_conflict, &l);
	if (r == 0)
		r = from->numbers(from->arg, NUMBERS_RECOVERED, on_recovered, &l);
	if (r == 0)
		r = from->manifests(from->arg, on_manifest, &l);
	if (r == 0)
		r = from->given_up(from->arg, on_given_up, &l);
	return r < 0 ? r : gaps_explain(ret);
}
