/*
 * audit_verify.c - see audit_verify.h.
 */
#include "clinic/audit_verify.h"

#include <string.h>

enum {
	OWED_MAX = 8,
	/* a century of seven records a minute: more is nobody's log, and would cost minutes to count to */
	NUMBER_MAX = 1 << 28,
};

struct walk {
	const struct audit_verify_in *in;
	struct audit_verdict *v;
	struct audit_chain chain;
	uint8_t key[KEY_LEN]; /* of record chain.number + 1 */
	size_t next_witness;  /* first one not yet met */
	bool has_wrap;
	uint64_t wrap_last;
	uint32_t segment;
	/* segments of which a later record must say that they were set aside; 0: none */
	uint32_t owed[OWED_MAX];
	uint32_t
		missing; /* the highest of them that lacks records, not only has too many */
	size_t last_stream; /* octets of records in the last segment */
};

static bool fail(struct walk *w, enum audit_fault f, size_t offset)
{
	struct audit_verdict *v = w->v;

	v->result = AUDIT_LOG_FAULT;
	v->fault = f;
	v->number = w->chain.number + 1;
	v->segment = w->segment;
	v->offset = offset;
	return false;
}

static bool same_checkpoint(const struct walk *w, const struct audit_checkpoint *c)
{
	uint8_t root[SHA256_LEN];

	audit_tree_root(&w->chain.tree, root);
	return memcmp(c->hub, w->in->hub, HUB_ID_LEN) == 0 &&
	       c->enrolment == w->in->enrolment && c->size == w->chain.number &&
	       memcmp(c->root, root, sizeof(root)) == 0 &&
	       memcmp(c->head, w->chain.head, SHA256_LEN) == 0;
}

/* The log has come to w->chain.number: does it agree with what the clinic stored of that size? */
static bool meet_witness(struct walk *w, size_t offset)
{
	const struct audit_verify_in *in = w->in;

	while (w->next_witness < in->witnessed_count) {
		const struct audit_checkpoint *c = &in->witnessed[w->next_witness];

		if (c->size > w->chain.number)
			return true;
		w->next_witness++;
		if (c->size < w->chain.number)
			continue; /* from before the beginning */
		if (!same_checkpoint(w, c))
			return fail(w, AUDIT_FAULT_FORK, offset);
		w->v->witnessed = c->size;
	}
	return true;
}

/* Against the log before the record. */
static bool checkpoint_good(const struct walk *w, const struct audit_record *r)
{
	struct audit_checkpoint c;

	return audit_checkpoint_open(w->in->public, r->data, r->data_len, &c) == 0 &&
	       r->event.b == c.size && c.boot == w->chain.boot && same_checkpoint(w, &c);
}

static void owe(struct walk *w, uint32_t segment)
{
	for (size_t i = 0; i < OWED_MAX; i++)
		if (w->owed[i] == 0 || w->owed[i] == segment) {
			w->owed[i] = segment;
			return;
		}
}

static void learn(struct walk *w, const struct audit_event *e)
{
	struct audit_verdict *v = w->v;

	if (e->kind == AUDIT_GAP)
		v->lost_events += e->a;
	if (e->kind == AUDIT_TAIL_CUT)
		v->cuts++;
	if (e->kind == AUDIT_CHECKPOINT)
		v->checkpoints++;
	if (e->kind == AUDIT_WRAP) {
		w->has_wrap = true;
		w->wrap_last = e->b;
	}
	if (e->kind != AUDIT_SEGMENT_ASIDE || e->object != AUDIT_OBJECT_LOG)
		return;
	for (size_t i = 0; i < OWED_MAX; i++)
		if (w->owed[i] == e->a)
			w->owed[i] = 0;
}

static bool take_record(struct walk *w, const struct audit_frame *f, size_t offset)
{
	struct audit_chain before = w->chain;
	struct audit_record r;
	uint8_t mac[SHA256_LEN];
	enum audit_fault fault = audit_chain_follow(&w->chain, f->record, f->len, &r);

	if (fault)
		return fail(w, fault, offset);
	audit_mac(w->key, w->chain.head, mac);
	if (!crypto_equal(mac, f->mac, sizeof(mac)))
		fault = AUDIT_FAULT_MAC;
	else if (r.event.kind == AUDIT_BROKEN)
		fault = AUDIT_FAULT_REPORTED;
	if (fault == AUDIT_FAULT_NONE && r.event.kind == AUDIT_CHECKPOINT) {
		struct walk earlier = *w;

		earlier.chain = before;
		if (!checkpoint_good(&earlier, &r))
			fault = AUDIT_FAULT_CHECKPOINT;
		crypto_wipe(earlier.key, sizeof(earlier.key));
	}
	if (fault) {
		w->chain = before;
		return fail(w, fault, offset);
	}
	audit_key_next(w->key, 1);
	learn(w, &r.event);
	w->v->last = r.number;
	if (w->in->on_record)
		w->in->on_record(w->in->arg, &r);
	return meet_witness(w, offset);
}

static bool same_tree(const struct audit_tree *a, const struct audit_tree *b)
{
	for (unsigned i = 0; i < AUDIT_TREE_DEPTH; i++)
		if (a->size >> i & 1 && memcmp(a->node[i], b->node[i], SHA256_LEN) != 0)
			return false;
	return a->size == b->size;
}

static bool same_state(const struct audit_chain *a, const struct audit_chain *b)
{
	return a->number == b->number && memcmp(a->head, b->head, SHA256_LEN) == 0 &&
	       a->epoch == b->epoch && a->boot == b->boot && a->mono_ms == b->mono_ms &&
	       a->witnessed == b->witnessed && same_tree(&a->tree, &b->tree);
}

/* The first segment: taken as it says, its MAC and later checkpoints must bear it out. */
static bool begin(struct walk *w, const struct audit_header *h)
{
	struct audit_chain origin;

	audit_chain_start(&origin, w->in->hub, w->in->enrolment);
	if (h->start.number == 0 && !same_state(&origin, &h->start))
		return fail(w, AUDIT_FAULT_BEGINNING, 0);
	if (h->start.number > NUMBER_MAX)
		return fail(w, AUDIT_FAULT_NUMBER, 0);
	w->chain = h->start;
	memcpy(w->key, w->in->key0, KEY_LEN);
	audit_key_next(w->key, h->start.number + 1);
	w->v->first = h->start.number + 1;
	return true;
}

/* Another one: it must say exactly what is known already, unless the file before was set aside for a fault. */
static bool go_on(struct walk *w, const struct audit_header *h)
{
	if (h->start.number > w->chain.number) {
		if (h->start.number > NUMBER_MAX)
			return fail(w, AUDIT_FAULT_NUMBER, 0);
		w->v->lost_records += h->start.number - w->chain.number;
		owe(w, h->segment - 1);
		w->missing = h->segment - 1;
		audit_key_next(w->key, h->start.number - w->chain.number);
		w->chain = h->start;
		return true;
	}
	return same_state(&w->chain, &h->start) || fail(w, AUDIT_FAULT_SEGMENT, 0);
}

/* The frames of one segment up to where the next one begins. */
static bool take_stream(struct walk *w, const struct audit_bytes *b, size_t at,
			uint64_t limit)
{
	struct audit_frame f;
	struct reader r;

	reader_init(&r, b->p + at, b->len - at);
	w->last_stream = b->len - at;
	for (;;) {
		size_t offset = b->len - reader_left(&r);
		int n;

		if (w->chain.number >= limit) {
			/* written again in the next one, because this one could not be trusted */
			if (reader_left(&r))
				owe(w, w->segment);
			return true;
		}
		n = audit_frame_next(&r, &f);
		if (n == 0)
			return true;
		if (n < 0)
			return fail(w, AUDIT_FAULT_BYTES, offset);
		if (!take_record(w, &f, offset))
			return false;
	}
}

static bool take_segment(struct walk *w, size_t i, bool is_first)
{
	const struct audit_bytes *b = &w->in->segments[i];
	struct audit_header h, next;
	uint64_t limit = UINT64_MAX;
	int n = audit_header_decode(b->p, b->len, &h);

	if (n < 0)
		return fail(w, AUDIT_FAULT_SEGMENT, 0);
	w->segment = h.segment;
	if (memcmp(h.hub, w->in->hub, HUB_ID_LEN) != 0 || h.enrolment != w->in->enrolment)
		return fail(w, AUDIT_FAULT_SEGMENT, 0);
	if (!(is_first ? begin(w, &h) : go_on(w, &h)))
		return false;
	if (!audit_header_mac_good(&h, w->key))
		return fail(w, AUDIT_FAULT_MAC, 0);
	if (!meet_witness(w, 0))
		return false;
	if (i + 1 < w->in->segment_count &&
	    audit_header_decode(w->in->segments[i + 1].p, w->in->segments[i + 1].len,
				&next) >= 0)
		limit = next.start.number;
	/* the next one begins before this one: it cannot be right, and its header will be asked */
	if (limit < w->chain.number)
		limit = w->chain.number;
	return take_stream(w, b, (size_t)n, limit);
}

/* From which segment on their numbers follow each other. */
static size_t first_of_run(const struct audit_verify_in *in)
{
	struct audit_header h, after;
	size_t i = in->segment_count - 1;

	if (audit_header_decode(in->segments[i].p, in->segments[i].len, &after) < 0)
		return 0;
	for (; i > 0; i--) {
		const struct audit_bytes *b = &in->segments[i - 1];

		if (audit_header_decode(b->p, b->len, &h) < 0)
			return 0; /* its damage is what must be told */
		if (h.segment + 1 != after.segment)
			return i;
		after = h;
	}
	return 0;
}

/* No segment twice, none out of order. */
static bool ascending(struct walk *w)
{
	const struct audit_verify_in *in = w->in;
	struct audit_header h;
	uint32_t before = 0;

	for (size_t i = 0; i < in->segment_count; i++) {
		if (audit_header_decode(in->segments[i].p, in->segments[i].len, &h) < 0)
			continue; /* comes to light when its turn comes */
		w->segment = h.segment;
		if (h.segment <= before)
			return fail(w, AUDIT_FAULT_SEGMENT, 0);
		before = h.segment;
	}
	return true;
}

static bool owes_nothing(const struct walk *w)
{
	for (size_t i = 0; i < OWED_MAX; i++)
		if (w->owed[i])
			return false;
	return true;
}

/* The power went before the new segment could say why it is there: the next start will. It can have lost nothing:
 * only records that were written again are too many in the one before. */
static bool cut_short(const struct walk *w)
{
	return w->last_stream == 0 && w->missing == 0;
}

static bool finish(struct walk *w)
{
	const struct audit_verify_in *in = w->in;
	struct audit_verdict *v = w->v;
	uint64_t given_up = v->first - 1, seen = 0;

	if (!owes_nothing(w) && !cut_short(w))
		return fail(w, AUDIT_FAULT_MISSING, 0);
	if (w->next_witness < in->witnessed_count)
		return fail(w, AUDIT_FAULT_TRUNCATED, 0);
	if (given_up && (!w->has_wrap || given_up > w->wrap_last))
		return fail(w, AUDIT_FAULT_BEGINNING, 0);
	if (in->witnessed_count)
		seen = in->witnessed[in->witnessed_count - 1].size;
	if (seen > given_up)
		seen = given_up;
	v->lost_records += given_up - seen;
	return true;
}

void audit_verify(const struct audit_verify_in *in, struct audit_verdict *ret)
{
	struct walk w = { .in = in, .v = ret };
	size_t first;
	bool good;

	memset(ret, 0, sizeof(*ret));
	if (in->segment_count == 0) {
		ret->result = AUDIT_LOG_EMPTY;
		if (in->witnessed_count)
			(void)fail(&w, AUDIT_FAULT_TRUNCATED, 0);
		return;
	}
	good = ascending(&w);
	first = first_of_run(in);
	ret->skipped = first;
	for (size_t i = first; good && i < in->segment_count; i++)
		good = take_segment(&w, i, i == first);
	if (good && finish(&w))
		ret->result = ret->lost_records || ret->lost_events ? AUDIT_LOG_GAPS
								    : AUDIT_LOG_WHOLE;
	crypto_wipe(w.key, sizeof(w.key));
}
