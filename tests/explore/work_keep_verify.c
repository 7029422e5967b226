/*
 * work_keep_verify.c - workloads 'keep' and 'upgrade': questions 1 to 4 of work_keep.c, and how what is there becomes
 * the truth; see work_keep_inside.h.
 */
#include "tests/explore/work_keep_inside.h"

#include <stdlib.h>
#include <string.h>

enum { TOMBS_MAX = 512 };

/* --- what is there -------------------------------------------------------------------------------- */

static struct {
	bool row[SEQS_MAX], tomb[SEQS_MAX], settled[SEQS_MAX];
	enum tombstone_cause cause[SEQS_MAX];
	uint64_t with_tag[TAGS_MAX]; /* number of the row that holds it */
	uint64_t rows;
} found;

const char *keep_check_record(const struct world *w, const struct record *got)
{
	uint8_t body[SEALED_BODY_MAX];
	uint32_t tag = keep_tag(got);
	unsigned long long seq = got->seq;
	const struct fact *f;
	struct record want;

	if (got->seq == 0 || got->seq >= SEQS_MAX || tag == 0 || tag > w->tags)
		return WRONG("seq %llu is a record that never was", seq);
	f = &w->fact[got->seq];
	want = keep_record(tag, got->seq, body);
	if (got->class != want.class || got->kind != want.kind ||
	    got->assignment != want.assignment || got->body_len != want.body_len ||
	    memcmp(got->body, body, want.body_len) != 0)
		return WRONG("seq %llu is not record %u as it was", seq, tag);
	if (f->seen_tag && f->seen_tag != tag)
		return WRONG("seq %llu was record %u at the clinic and is %u", seq,
			     f->seen_tag, tag);
	if (f->tried == POSITION_NEVER || f->tag != tag)
		return WRONG("seq %llu was not given to record %u", seq, tag);
	if (w->tag[tag].seq && w->tag[tag].seq != got->seq)
		return WRONG("record %u is seq %llu and was %llu at the clinic", tag, seq,
			     (unsigned long long)w->tag[tag].seq);
	return NULL;
}

static const char *find_row(const struct world *w, const struct record *got)
{
	const char *wrong = keep_check_record(w, got);
	uint32_t tag = keep_tag(got);

	if (wrong)
		return wrong;
	if (found.row[got->seq])
		return WRONG("seq %llu is in both classes", (unsigned long long)got->seq);
	if (found.with_tag[tag])
		return WRONG("record %u is seq %llu and %llu", tag,
			     (unsigned long long)found.with_tag[tag],
			     (unsigned long long)got->seq);
	found.row[got->seq] = true;
	found.with_tag[tag] = got->seq;
	found.rows++;
	return NULL;
}

static const char *find_rows(const struct world *w)
{
	static const enum record_class classes[] = { CLASS_ROUTINE, CLASS_ALARM };
	uint8_t buf[SEALED_BODY_MAX];
	const char *wrong = NULL;
	struct record r;
	int n = 0;

	for (size_t c = 0; c < 2 && !wrong; c++)
		for (uint64_t after = 0;
		     !wrong && (n = records_read(keep_hub.records, classes[c], after, buf,
						 sizeof(buf), &r)) == 1;
		     after = r.seq)
			wrong = find_row(w, &r);
	return !wrong && n ? WRONG("rows cannot be read: %d", n) : wrong;
}

static const char *find_tombstones(void)
{
	static struct tombstone t[TOMBS_MAX];
	size_t count = 0;
	int r = records_tombstones(keep_hub.records, TOMBS_MAX, t, &count);

	if (r)
		return WRONG("tombstones cannot be read: %d", r);
	for (size_t i = 0; i < count; i++) {
		if (t[i].first == 0 || t[i].last < t[i].first || t[i].last >= SEQS_MAX)
			return "a tombstone for numbers that cannot be";
		for (uint64_t seq = t[i].first; seq <= t[i].last; seq++) {
			if (found.tomb[seq])
				return WRONG("seq %llu has two tombstones",
					     (unsigned long long)seq);
			found.tomb[seq] = true;
			found.cause[seq] = t[i].cause;
		}
	}
	return NULL;
}

static void see_range(void *arg, int64_t first, const uint8_t *bytes, size_t len)
{
	char text[24] = { 0 };
	uint64_t last;

	(void)arg;
	memcpy(text, bytes, len < sizeof(text) ? len : sizeof(text) - 1);
	last = strtoull(text, NULL, 10);
	for (uint64_t seq = (uint64_t)first; seq <= last && seq < SEQS_MAX; seq++)
		found.settled[seq] = true;
}

/* By each segment's mark, for the numbers behind the segment before it, and by its ranges. */
static const char *find_settled(void)
{
	const struct records *r = keep_hub.records;
	uint64_t at = 1;

	for (size_t i = 0; i < r->count; i++) {
		const struct queue *q = r->at[i].queue;
		char name[RECORDS_NAME_BYTES];

		for (; at <= queue_contig(q) && at < SEQS_MAX; at++)
			found.settled[at] = true;
		records_name(r->at[i].number, "", name);
		if (library_ask(name, "SELECT lo, CAST(hi AS TEXT) FROM acked", see_range,
				NULL) < 0)
			return "table 'acked' cannot be read";
		if (!library_is_whole(name))
			return WRONG("%s fails integrity_check", name);
		if (at < queue_next_seq(q))
			at = queue_next_seq(q);
	}
	return NULL;
}

/* --- questions --------------------------------------------------------------------------------- */

static const char *verify_tombstone(const struct fact *f, unsigned long long seq,
				    size_t point)
{
	switch (found.cause[seq]) {
	case TOMBSTONE_EVICTED:
	case TOMBSTONE_EVIDENCE:
		return by(f->evict_tried, point)
			       ? NULL
			       : WRONG("seq %llu was never given up", seq);
	case TOMBSTONE_REFUSED:
		return by(f->refuse_tried, point)
			       ? NULL
			       : WRONG("seq %llu was never refused", seq);
	case TOMBSTONE_SKIPPED:
		return by(f->inserted, point) || f->seen_tag
			       ? WRONG("seq %llu is told as never used", seq)
			       : NULL;
	case TOMBSTONE_DELIVERED:
		if (!by(f->named, point))
			return WRONG("seq %llu was never delivered", seq);
		if (!by(f->asked, point))
			return WRONG("seq %llu was not asked for", seq);
		return by(f->gone_tried, point)
			       ? NULL
			       : WRONG("seq %llu has lost its copy", seq);
	case TOMBSTONE_NONE:
	case TOMBSTONE_DAMAGED:
	case TOMBSTONE_DISCARDED:
	case TOMBSTONE_CAUSES: break;
	}
	return WRONG("seq %llu has a tombstone of cause %d", seq, (int)found.cause[seq]);
}

static const char *verify_number(const struct fact *f, uint64_t seq, size_t point)
{
	bool row = found.row[seq], tomb = found.tomb[seq], settled = found.settled[seq];
	bool again = by(f->asked_last, point) && f->asked_last >= f->acked;
	unsigned long long n = seq;

	if (!row && !tomb && !settled)
		return WRONG("seq %llu is neither row nor tombstone nor settled", n);
	if (row + tomb + settled > 1)
		return WRONG("seq %llu is %s%s%s", n, row ? "a row, " : "",
			     tomb ? "a tombstone, " : "", settled ? "settled" : "");
	if (row && !by(f->tried, point))
		return WRONG("seq %llu is there before it was inserted", n);
	if (settled && !by(f->named, point))
		return WRONG("seq %llu is settled and the clinic never said so", n);
	if ((row || tomb) && by(f->acked, point) && !again)
		return WRONG("seq %llu is back", n);
	return tomb ? verify_tombstone(f, n, point) : NULL;
}

/* One that was cut off before its answer: the hub does not know whether it was given. */
static bool is_passed_over(uint64_t seq)
{
	return found.tomb[seq] && found.cause[seq] == TOMBSTONE_SKIPPED;
}

const char *keep_verify(const struct world *w, size_t point)
{
	uint64_t top = records_highest(keep_hub.records);
	unsigned here = 0, gone = 0;
	const char *wrong;

	memset(&found, 0, sizeof(found));
	wrong = find_rows(w);
	if (!wrong)
		wrong = find_tombstones();
	if (!wrong)
		wrong = find_settled();
	if (!wrong && top >= SEQS_MAX)
		wrong = "a number that cannot be";
	for (uint64_t seq = 1; seq < SEQS_MAX && !wrong; seq++) {
		const struct fact *f = &w->fact[seq];

		if (seq <= top)
			wrong = verify_number(f, seq, point);
		else if (by(f->inserted, point) || by(f->seen, point))
			wrong = WRONG("highest is %llu, %llu was used",
				      (unsigned long long)top, (unsigned long long)seq);
		if (by(f->tried, point) && !by(f->inserted, point))
			*(seq <= top && !is_passed_over(seq) ? &here : &gone) += 1;
	}
	if (!wrong && here && gone)
		wrong = WRONG("half a group: %u there, %u not", here, gone);
	if (!wrong && records_unsent(keep_hub.records) != found.rows)
		wrong = WRONG("says %llu unsent, has %llu",
			      (unsigned long long)records_unsent(keep_hub.records),
			      (unsigned long long)found.rows);
	return wrong ? wrong : keep_hub.bad;
}

/* --- what is there becomes the truth -------------------------------------------------------------- */

static unsigned life_at(const struct world *w, size_t point)
{
	unsigned k = w->lives - 1;

	while (k > 0 && !by(w->life_start[k], point))
		k--;
	return k;
}

static void forget_position(position *p, size_t point, bool new_life)
{
	position_forget(p, point);
	if (new_life && *p != POSITION_NEVER)
		*p = 0;
}

static void forget_fact(struct fact *f, unsigned life, size_t point, bool new_life)
{
	position *const all[] = { &f->tried,	  &f->inserted,	   &f->seen,
				  &f->named,	  &f->acked,	   &f->asked,
				  &f->asked_last, &f->evict_tried, &f->refuse_tried,
				  &f->gone_tried, &f->has[0] };

	f->has[0] = f->has[life];
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		forget_position(all[i], point, new_life);
	for (unsigned k = 1; k < LIVES_MAX; k++)
		f->has[k] = POSITION_NEVER;
	f->seen_tag = f->seen == POSITION_NEVER ? 0 : f->seen_tag;
	f->tag = f->tried == POSITION_NEVER ? 0 : f->tag;
}

void keep_forget_after(struct world *w, size_t point, bool new_life)
{
	unsigned life = life_at(w, point);

	w->top = 0;
	for (uint64_t seq = 1; seq < SEQS_MAX; seq++) {
		struct fact *f = &w->fact[seq];

		forget_fact(f, life, point, new_life);
		if (f->tried != POSITION_NEVER || f->seen != POSITION_NEVER)
			w->top = seq;
	}
	for (uint32_t t = 1; t <= w->tags; t++) {
		struct tag *g = &w->tag[t];

		forget_position(&g->offered, point, new_life);
		forget_position(&g->durable, point, new_life);
		forget_position(&g->arrived, point, new_life);
		g->seq = g->arrived == POSITION_NEVER ? 0 : g->seq;
	}
	w->lives = 1;
	w->late = (struct reply){ 0 };
}

void keep_adopt(struct world *w, position now)
{
	uint64_t top = records_highest(keep_hub.records);

	for (uint64_t seq = 1; seq < SEQS_MAX; seq++) {
		struct fact *f = &w->fact[seq];

		if (seq > top) {
			memset(f, 0xff, sizeof(*f));
			f->tag = f->seen_tag = 0;
		} else if (f->tried != POSITION_NEVER && f->inserted == POSITION_NEVER &&
			   is_passed_over(seq)) {
			f->tried = POSITION_NEVER;
			f->tag = 0;
		} else if (f->tried != POSITION_NEVER && f->inserted == POSITION_NEVER) {
			f->inserted = now;
			w->tag[f->tag].durable = now;
		}
		/* an answer that was begun was taken over, or not at all */
		if (seq <= top && found.settled[seq] && f->acked == POSITION_NEVER)
			f->acked = now;
		if (seq <= top && !found.settled[seq])
			f->acked = POSITION_NEVER;
	}
	w->top = top;
}
