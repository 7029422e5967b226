/*
 * work_keep_clinic.c - workloads 'keep' and 'upgrade': the clinic takes batches, names and refuses, and asks again for
 * what it had; see work_keep_inside.h.
 */
#include "tests/explore/work_keep_inside.h"

enum { BATCH_ROWS = 24, DRAIN_TURNS = 400 };

static position *its(struct world *w, uint64_t seq)
{
	return &w->fact[seq].has[w->lives - 1];
}

static uint64_t clinic_contig(struct world *w)
{
	uint64_t seq = 1;

	while (seq < SEQS_MAX && *its(w, seq) != POSITION_NEVER)
		seq++;
	return seq - 1;
}

static void hear_of(struct world *w, uint64_t seq)
{
	position now = position_now();

	if (w->fact[seq].seen == POSITION_NEVER)
		w->fact[seq].seen = now;
	if (*its(w, seq) == POSITION_NEVER)
		*its(w, seq) = now;
	w->top = seq > w->top ? seq : w->top;
}

/* Into a range of the reply, if it has place. */
static void name_number(struct reply *r, uint64_t seq)
{
	struct seq_range *last = r->range_count ? &r->ranges[r->range_count - 1] : NULL;

	if (seq <= r->contig)
		return;
	if (last && seq <= last->last + 1 && seq >= last->first)
		last->last = seq > last->last ? seq : last->last;
	else if (r->range_count < REPLY_RANGES_MAX && (!last || seq > last->last))
		r->ranges[r->range_count++] = (struct seq_range){ seq, seq };
}

/* A batch of one class. refuse: one record in 25. */
static const char *take_records(struct world *w, enum record_class class, bool refuse,
				uint64_t *seqs, size_t *count, struct reply *ret)
{
	uint8_t buf[SEALED_BODY_MAX];
	uint64_t after = 0;
	struct record r;
	int n = 1;

	while (*count < BATCH_ROWS && (n = records_read(keep_hub.records, class, after,
							buf, sizeof(buf), &r)) == 1) {
		const char *wrong = keep_check_record(w, &r);
		uint32_t tag = keep_tag(&r);

		if (wrong)
			return wrong;
		after = r.seq;
		w->fact[r.seq].seen_tag = tag;
		if (w->tag[tag].seq == 0) {
			w->tag[tag].seq = r.seq;
			w->tag[tag].arrived = position_now();
		}
		if (refuse && ret->refused_count == 0 && dice_below(&w->dice, 25) == 0 &&
		    *its(w, r.seq) == POSITION_NEVER) {
			ret->refused[ret->refused_count++] =
				(struct refused){ r.seq, REFUSED_MALFORMED };
			if (w->fact[r.seq].seen == POSITION_NEVER)
				w->fact[r.seq].seen = position_now();
			continue;
		}
		hear_of(w, r.seq);
		seqs[(*count)++] = r.seq;
	}
	return n < 0 ? WRONG("a batch cannot be read: %d", n) : NULL;
}

static const char *take_tombstones(struct world *w, size_t max, struct reply *ret)
{
	struct tombstone t[8];
	size_t n = 0;
	int r = records_tombstones(keep_hub.records, max, t, &n);

	if (r)
		return WRONG("tombstones cannot be read: %d", r);
	for (size_t i = 0; i < n; i++)
		for (uint64_t seq = t[i].first; seq <= t[i].last && seq < SEQS_MAX; seq++)
			hear_of(w, seq);
	ret->contig = clinic_contig(w);
	for (size_t i = 0; i < n; i++)
		for (uint64_t seq = t[i].first; seq <= t[i].last && seq < SEQS_MAX; seq++)
			name_number(ret, seq);
	return NULL;
}

static void note_named(struct world *w, const struct reply *r, bool done)
{
	position now = position_now();

	for (uint64_t seq = 1; seq <= w->top; seq++) {
		struct fact *f = &w->fact[seq];

		if (r->refused_count && r->refused[0].seq == seq &&
		    f->refuse_tried == POSITION_NEVER)
			f->refuse_tried = now;
		if (!reply_covers(r, seq))
			continue;
		if (f->named == POSITION_NEVER)
			f->named = now;
		if (done)
			f->acked = now;
	}
}

static const char *acknowledge(struct world *w, const struct reply *reply)
{
	struct queue_ack ack;
	int r;

	note_named(w, reply, false);
	r = records_acknowledge(keep_hub.records, reply, NULL, 0, &ack);
	if (r)
		return WRONG("an answer is not taken over: %d", r);
	note_named(w, reply, true);
	return keep_hub.bad;
}

/* As store_on_older_clinic: what it asks for comes back first, what it names is taken over then. */
static const char *ask_again(struct world *w, uint64_t from)
{
	struct queue_resync done;
	position now = position_now();
	int r;

	if (from > records_contig(keep_hub.records))
		return NULL;
	for (uint64_t seq = from; seq <= w->top; seq++) {
		struct fact *f = &w->fact[seq];

		if (f->asked == POSITION_NEVER)
			f->asked = now;
		if (f->asked_last == POSITION_NEVER || f->asked_last < f->acked)
			f->asked_last = now;
	}
	r = records_resync(keep_hub.records, from, &done);
	return r ? WRONG("nothing comes back: %d", r) : keep_hub.bad;
}

const char *keep_turn(struct world *w, bool refuse, struct reply *ret)
{
	uint64_t seqs[BATCH_ROWS], acked = records_contig(keep_hub.records);
	const char *wrong;
	size_t n = 0;

	*ret = (struct reply){ .has_contig = true };
	wrong = take_records(w, CLASS_ALARM, refuse, seqs, &n, ret);
	if (!wrong && n == 0)
		wrong = take_records(w, CLASS_ROUTINE, refuse, seqs, &n, ret);
	if (!wrong)
		wrong = take_tombstones(w, 8, ret);
	for (size_t i = 0; i < n; i++)
		name_number(ret, seqs[i]);
	ret->resync_from = ret->contig < acked ? ret->contig + 1 : 0;
	return wrong;
}

const char *keep_take_answer(struct world *w, const struct reply *r)
{
	const char *wrong = r->resync_from ? ask_again(w, r->resync_from) : NULL;

	return wrong ? wrong : acknowledge(w, r);
}

void keep_may_go(struct world *w, uint64_t last)
{
	position now = position_now();

	for (uint64_t seq = 1; seq <= w->top && seq <= last; seq++)
		if (w->fact[seq].named != POSITION_NEVER &&
		    w->fact[seq].gone_tried == POSITION_NEVER)
			w->fact[seq].gone_tried = now;
}

const char *keep_tidy(struct world *w, unsigned steps)
{
	int r = 1;

	if (keep_hub.records->count > 1)
		keep_may_go(w, queue_first(records_newest(keep_hub.records)) - 1);
	for (unsigned i = 0; i < steps && r == 1; i++)
		r = records_step(keep_hub.records);
	return r < 0 ? WRONG("a step fails: %d", r) : keep_hub.bad;
}

const char *keep_drain(struct world *w)
{
	const char *wrong = NULL;
	uint64_t top = 0;
	struct reply r;

	for (int i = 0; i < DRAIN_TURNS && !wrong; i++) {
		wrong = keep_turn(w, false, &r);
		top = records_highest(keep_hub.records);
		if (!wrong)
			wrong = keep_take_answer(w, &r);
		if (!wrong)
			wrong = keep_tidy(w, 4);
		if (clinic_contig(w) == top && records_contig(keep_hub.records) == top)
			break;
	}
	if (!wrong && clinic_contig(w) != top)
		wrong = WRONG("seq %llu is silent, highest is %llu",
			      (unsigned long long)clinic_contig(w) + 1,
			      (unsigned long long)top);
	if (!wrong && records_unsent(keep_hub.records))
		wrong = WRONG("%llu stay unsent",
			      (unsigned long long)records_unsent(keep_hub.records));
	return wrong;
}
