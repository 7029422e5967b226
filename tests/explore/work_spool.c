/*
 * work_spool.c - workload: the spool, from its preparation on; lone records and groups, numbers acknowledged, refused and
 * given up, segments freed and packed, numbers forgotten, closing and opening.
 *
 * Questions after a power cut, in verify():
 *   1. It opens, and finds nothing that it takes for damage.
 *   2. A record whose appending was answered is there, byte for byte, unless its settling was begun.
 *   3. What was settled, and answered, does not come back, also after it was forgotten; until then it is known.
 *   4. Nothing is there that was never appended, and nothing settled that never was. A group is there as a
 *      whole or not at all; so is a settlement.
 *   5. The highest number is not below one that was answered and is not forgotten.
 *   6. What the spool says of itself (unsent, latest capture) is so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/reading.h"
#include "hub/rt/file.h"
#include "storage/ranges_file.h"
#include "storage/spool.h"
#include "tests/explore/dice.h"
#include "tests/explore/promise.h"

enum {
	SEQS_MAX = 4096,
	SEGMENTS = 4,
	SEGMENT_BYTES = SPOOL_SEGMENT_BYTES_MIN,
	ASSIGNMENT = 5,
	UNSENT_MAX = 120,
	OPEN_TRIES = 5,
	STEPS = 260,
	STEPS_SHORT = 45,
	STEPS_GO_ON = 14,
};

struct fact {
	position tried, appended; /* begun; answered */
	position settle_tried[RANGE_KINDS], settled[RANGE_KINDS];
	position forget_tried;
	uint32_t tag; /* the body is made of it; 0: never appended */
};

struct world {
	struct fact fact[SEQS_MAX]; /* by seq */
	uint64_t top;		    /* highest seq that was ever tried */
	struct dice dice;
	char dir[256];
};

static const struct spool_owner owner = { { 4, 5, 6 }, 3 };
static struct spool *spool; /* one at a time */
static int open_err;

/* --- what a record holds ---------------------------------------------------------------------- */

static struct queue_entry entry_of(const struct fact *f, uint64_t seq,
				   uint8_t body[static SEALED_BODY_MAX])
{
	struct dice d = dice_seed(f->tag, seq);
	struct queue_entry e = { .record = { .assignment = ASSIGNMENT,
					     .seq = seq,
					     .class = dice_below(&d, 8) ? CLASS_ROUTINE
									: CLASS_ALARM,
					     .kind = READING_BLOOD_PRESSURE,
					     .body = body },
				 .instance = UINT64_C(0xfedcba9876543210),
				 .capture = seq,
				 .has_mark = dice_below(&d, 2) };

	for (size_t i = 0; e.has_mark && i < sizeof(e.mark); i++)
		e.mark[i] = (uint8_t)(dice_next(&d) >> 24);
	e.record.body_len = 60 + dice_below(&d, dice_below(&d, 10) ? 200 : 900);
	for (size_t i = 0; i < e.record.body_len; i++)
		body[i] = (uint8_t)(dice_next(&d) >> 24);
	return e;
}

static void close_spool(void)
{
	spool_close(spool);
	spool = NULL;
}

static const char *open_spool(const struct world *w)
{
	open_err = spool_prepare(w->dir, SEGMENTS, SEGMENT_BYTES);
	if (open_err)
		return WRONG("it cannot be prepared: %d", open_err);
	open_err = spool_open(w->dir, &owner, &spool);
	return open_err ? WRONG("it does not open: %d", open_err) : NULL;
}

/* --- questions --------------------------------------------------------------------------------- */

static bool here[SEQS_MAX];
static uint64_t here_count, here_top;

static const char *compare_entry(const struct world *w, const struct queue_entry *got)
{
	uint8_t body[SEALED_BODY_MAX];
	const struct record *r = &got->record;
	struct queue_entry want;

	if (r->seq == 0 || r->seq >= SEQS_MAX || w->fact[r->seq].tag == 0)
		return WRONG("seq %llu was never appended", (unsigned long long)r->seq);
	want = entry_of(&w->fact[r->seq], r->seq, body);
	if (r->class != want.record.class || r->kind != want.record.kind ||
	    r->assignment != ASSIGNMENT || r->body_len != want.record.body_len ||
	    memcmp(r->body, body, r->body_len) != 0 || got->instance != want.instance ||
	    got->capture != want.capture || got->has_mark != want.has_mark ||
	    (want.has_mark && memcmp(got->mark, want.mark, sizeof(want.mark)) != 0))
		return WRONG("seq %llu is another record", (unsigned long long)r->seq);
	return NULL;
}

static const char *read_entries(const struct world *w)
{
	uint8_t buf[SEALED_BODY_MAX];
	struct queue_entry e;
	const char *wrong = NULL;
	uint64_t after = 0;
	int n = 0;

	memset(here, 0, sizeof(here));
	here_count = here_top = 0;
	while (!wrong &&
	       (n = spool_read_entry(spool, after, buf, sizeof(buf), &e)) == 1) {
		wrong = compare_entry(w, &e);
		after = e.record.seq;
		if (wrong)
			break;
		here[after] = true;
		here_count++;
		here_top = after;
	}
	return wrong ? wrong : n < 0 ? WRONG("it cannot be read: %d", n) : NULL;
}

/* The two classes have the same records. */
static const char *read_classes(void)
{
	static const enum record_class classes[] = { CLASS_ROUTINE, CLASS_ALARM };
	uint8_t buf[SEALED_BODY_MAX];
	struct record r;
	uint64_t count = 0;

	for (size_t c = 0; c < 2; c++)
		for (uint64_t after = 0;
		     spool_read(spool, classes[c], after, buf, sizeof(buf), &r) == 1;
		     after = r.seq)
			count += here[r.seq];
	return count == here_count ? NULL : "a class reads otherwise than all";
}

/* The file of settled numbers could not be read and was set aside: what was settled goes up once more. */
static bool settled_lost;

static bool settled_by(const position p[static RANGE_KINDS], size_t point)
{
	for (int k = RANGE_NONE + 1; k < RANGE_KINDS; k++)
		if (by(p[k], point))
			return true;
	return false;
}

/* Parts of one step that may be there or not: all or none. */
struct undecided {
	unsigned here, gone;
};

static const char *verify_record(const struct fact *f, uint64_t seq, size_t point,
				 struct undecided *group, struct undecided *settling)
{
	bool leaves = settled_by(f->settle_tried, point);
	bool left = settled_by(f->settled, point) && !settled_lost;
	unsigned long long n = seq;

	if (here[seq] && !by(f->tried, point))
		return WRONG("seq %llu is there before it was appended", n);
	if (here[seq] && left)
		return WRONG("seq %llu is back", n);
	if (!here[seq] && by(f->appended, point) && !leaves)
		return WRONG("seq %llu is lost", n);
	if (by(f->tried, point) && !by(f->appended, point))
		*(here[seq] ? &group->here : &group->gone) += 1;
	else if (by(f->appended, point) && leaves && !left)
		*(here[seq] ? &settling->here : &settling->gone) += 1;
	return NULL;
}

static const char *verify_settled(const struct fact *f, uint64_t seq, size_t point)
{
	for (int k = RANGE_NONE + 1; k < RANGE_KINDS; k++) {
		bool known =
			ranges_contains(spool_settled(spool, (enum range_kind)k), seq);

		if (known && !by(f->settle_tried[k], point))
			return WRONG("seq %llu is settled and never was (kind %d)",
				     (unsigned long long)seq, k);
		if (!known && by(f->settled[k], point) && !by(f->forget_tried, point) &&
		    !settled_lost)
			return WRONG("it is not known that seq %llu is settled (kind %d)",
				     (unsigned long long)seq, k);
	}
	return NULL;
}

static const char *verify_highest(const struct world *w, size_t point)
{
	uint64_t highest = spool_highest(spool);

	if (highest > w->top)
		return WRONG("highest is %llu, %llu was used",
			     (unsigned long long)highest, (unsigned long long)w->top);
	for (uint64_t seq = highest + 1; seq <= w->top; seq++)
		if (by(w->fact[seq].appended, point) &&
		    !by(w->fact[seq].forget_tried, point))
			return WRONG("highest is %llu, %llu was used",
				     (unsigned long long)highest,
				     (unsigned long long)seq);
	return NULL;
}

static const char *verify_notes(const struct world *w)
{
	const struct spool_notes *n = spool_notes_of(spool);

	if (fault_hit())
		return NULL;
	if (n->damaged_bytes || n->set_aside || n->unusable)
		return WRONG("it sees damage: %llu bytes, %u aside, %u unusable",
			     (unsigned long long)n->damaged_bytes, n->set_aside,
			     n->unusable);
	/* numbers that were passed over are lost to it, as soon as the segment is gone that shows what followed them */
	for (uint64_t seq = 0; (seq = ranges_next(spool_lost(spool), seq)) != 0;)
		if (seq >= SEQS_MAX || w->fact[seq].tag)
			return WRONG("it says that seq %llu is lost",
				     (unsigned long long)seq);
	return NULL;
}

static const char *verify(const struct world *w, size_t point)
{
	struct undecided group = { 0 }, settling = { 0 };
	const char *wrong = read_entries(w);
	uint8_t body[SEALED_BODY_MAX];

	settled_lost = fault_hit() && file_exists(w->dir, RANGES_FILE ".aside");
	for (uint64_t seq = 1; seq <= w->top && !wrong; seq++) {
		wrong = verify_record(&w->fact[seq], seq, point, &group, &settling);
		if (!wrong)
			wrong = verify_settled(&w->fact[seq], seq, point);
	}
	if (!wrong && group.here && group.gone && !fault_hit())
		wrong = WRONG("half a group: %u there, %u not", group.here, group.gone);
	if (!wrong && settling.here && settling.gone && !fault_hit())
		wrong = WRONG("half settled: %u there, %u gone", settling.here,
			      settling.gone);
	if (!wrong)
		wrong = verify_highest(w, point);
	if (!wrong)
		wrong = read_classes();
	if (!wrong && spool_unsent(spool) != here_count)
		wrong = WRONG("says %llu unsent, has %llu",
			      (unsigned long long)spool_unsent(spool),
			      (unsigned long long)here_count);
	if (!wrong && here_top && !fault_hit()) { /* else stored twice at worst */
		struct queue_entry e = entry_of(&w->fact[here_top], here_top, body);

		if (!spool_has(spool, e.instance, e.capture))
			wrong = "the latest capture is not known";
	}
	return wrong ? wrong : verify_notes(w);
}

/* --- what is there becomes the truth -------------------------------------------------------------- */

static uint64_t next_top(const struct world *w)
{
	uint64_t top = spool_highest(spool);

	for (uint64_t seq = 1; seq <= w->top; seq++)
		if (w->fact[seq].tag && seq > top)
			top = seq;
	return top;
}

/* A new life: what lies on the disk lay there from its beginning, the rest never was. */
static void adopt(struct world *w)
{
	for (uint64_t seq = 1; seq <= w->top; seq++) {
		struct fact *f = &w->fact[seq], old = *f;

		memset(f, 0xff, sizeof(*f)); /* POSITION_NEVER everywhere */
		f->tag = here[seq] ? old.tag : 0;
		if (here[seq])
			f->tried = f->appended = 0;
		for (int k = RANGE_NONE + 1; k < RANGE_KINDS; k++)
			if (ranges_contains(spool_settled(spool, (enum range_kind)k),
					    seq))
				f->settle_tried[k] = f->settled[k] = 0;
	}
	w->top = next_top(w);
}

/* The same life: calls that ended with an error have now been seen to have worked, or not. */
static void decide(struct world *w, position now)
{
	for (uint64_t seq = 1; seq <= w->top; seq++) {
		struct fact *f = &w->fact[seq];

		if (here[seq] && f->appended == POSITION_NEVER)
			f->appended = now;
		if (!here[seq] && f->appended == POSITION_NEVER) {
			f->tag = 0;
			f->tried = POSITION_NEVER;
		}
		for (int k = RANGE_NONE + 1; k < RANGE_KINDS; k++) {
			bool known = ranges_contains(
				spool_settled(spool, (enum range_kind)k), seq);

			if (known && f->settled[k] == POSITION_NEVER)
				f->settled[k] = now;
			if (!known && f->settled[k] == POSITION_NEVER)
				f->settle_tried[k] = POSITION_NEVER;
		}
	}
	w->top = next_top(w);
}

/* The process was killed at this point: what it did later in the recorded run has not happened. */
static void forget_after(struct world *w, size_t point)
{
	for (uint64_t seq = 1; seq <= w->top; seq++) {
		struct fact *f = &w->fact[seq];

		position_forget(&f->tried, point);
		position_forget(&f->appended, point);
		position_forget(&f->forget_tried, point);
		for (int k = RANGE_NONE + 1; k < RANGE_KINDS; k++) {
			position_forget(&f->settle_tried[k], point);
			position_forget(&f->settled[k], point);
		}
		if (f->tried == POSITION_NEVER)
			f->tag = 0;
	}
}

/* --- work ------------------------------------------------------------------------------------------ */

static int step_append(struct world *w, size_t count)
{
	static uint8_t body[QUEUE_GROUP_MAX][SEALED_BODY_MAX];
	struct queue_entry e[QUEUE_GROUP_MAX];
	/* numbers that another store has taken meanwhile are passed over */
	uint64_t first = w->top + 1 + (dice_below(&w->dice, 9) ? 0 : 3);
	position now = position_now();
	int r;

	if (first + count > SEQS_MAX)
		return 0;
	for (size_t i = 0; i < count; i++) {
		struct fact *f = &w->fact[first + i];

		memset(f, 0xff, sizeof(*f));
		f->tag = (uint32_t)dice_next(&w->dice) | 1;
		f->tried = now;
		e[i] = entry_of(f, first + i, body[i]);
	}
	r = spool_append(spool, e, count);
	now = position_now();
	for (size_t i = 0; i < count; i++)
		if (r == -ENOSPC)
			w->fact[first + i].tag = 0; /* not one byte was written */
		else if (r == 0)
			w->fact[first + i].appended = now;
	if (r != -ENOSPC)
		w->top = first + count - 1;
	return r == -ENOSPC ? 0 : r;
}

static void note_settled(struct world *w, enum range_kind kind, const struct seq_range *g,
			 size_t count, position now, bool done)
{
	for (size_t i = 0; i < count; i++)
		for (uint64_t seq = g[i].first; seq <= g[i].last; seq++) {
			struct fact *f = &w->fact[seq];
			position *p = done ? &f->settled[kind] : &f->settle_tried[kind];

			if (*p == POSITION_NEVER)
				*p = now;
		}
}

static int settle(struct world *w, enum range_kind kind, const struct seq_range *g,
		  size_t count)
{
	uint64_t removed;
	int r;

	note_settled(w, kind, g, count, position_now(), false);
	r = kind == RANGE_ACKED	    ? spool_acknowledge(spool, g, count, &removed)
	    : kind == RANGE_REFUSED ? spool_refuse(spool, g, count, &removed)
				    : spool_evict(spool, g, count, &removed);
	if (r == 0)
		note_settled(w, kind, g, count, position_now(), true);
	return r;
}

/* The oldest that is there, or 0. */
static uint64_t oldest(const struct world *w)
{
	for (uint64_t seq = 1; seq <= w->top; seq++)
		if (w->fact[seq].tag && !settled_by(w->fact[seq].settled, SIZE_MAX))
			return seq;
	return 0;
}

static int step_oldest(struct world *w, enum range_kind kind, uint64_t at_most)
{
	struct seq_range g = { .first = oldest(w) };

	if (g.first == 0)
		return 0;
	g.last = g.first + dice_below(&w->dice, at_most);
	if (g.last > w->top)
		g.last = w->top;
	return settle(w, kind, &g, 1);
}

/* One to three ranges anywhere. */
static int step_scattered(struct world *w, enum range_kind kind, uint64_t longest)
{
	uint64_t first = oldest(w);
	struct seq_range g[3];
	size_t count = 0, want = 1 + dice_below(&w->dice, 3);

	for (; first && first <= w->top && count < want; count++) {
		g[count].first = first + dice_below(&w->dice, 12);
		g[count].last = g[count].first + dice_below(&w->dice, longest);
		if (g[count].last > w->top)
			break;
		first = g[count].last + 2;
	}
	return count ? settle(w, kind, g, count) : 0;
}

static int step_forget(struct world *w)
{
	position now = position_now();

	for (uint64_t seq = 1; seq <= w->top; seq++) {
		struct fact *f = &w->fact[seq];

		if (settled_by(f->settled, SIZE_MAX) && f->forget_tried == POSITION_NEVER)
			f->forget_tried = now;
	}
	return spool_forget(spool);
}

static int step_tidy(void)
{
	int r = spool_tidy(spool);

	return r < 0 ? r : 0;
}

static size_t group_size(struct dice *d)
{
	uint64_t c = dice_below(d, 100);

	return (size_t)(c < 60 ? 1 : 1 + dice_below(d, c < 90 ? 8 : QUEUE_GROUP_MAX));
}

static int step(struct world *w)
{
	uint64_t c = dice_below(&w->dice, 100);

	if (spool_unsent(spool) > UNSENT_MAX)
		return step_oldest(w, RANGE_ACKED, UNSENT_MAX);
	if (c < 55)
		return step_append(w, group_size(&w->dice));
	if (c < 67)
		return step_oldest(w, RANGE_ACKED, 20);
	if (c < 76)
		return step_scattered(w, RANGE_ACKED, 8);
	if (c < 80)
		return step_scattered(w, RANGE_REFUSED, 1);
	if (c < 86)
		return step_oldest(w, RANGE_EVICTED, 12);
	if (c < 94)
		return step_tidy();
	return step_forget(w);
}

/* Some calls failed while it was opened, and it knows. */
static bool is_blind(void)
{
	const struct spool_notes *n = spool_notes_of(spool);

	return fault_hit() && (n->damaged_bytes || n->lost || n->set_aside ||
			       n->unusable || n->ranges_bad);
}

/* As the process does after an error that it does not survive: again from the start. */
static const char *start_again(struct world *w)
{
	const char *wrong = NULL;

	close_spool();
	for (int i = 0; i < OPEN_TRIES; i++) {
		wrong = open_spool(w);
		if (!wrong)
			break;
		if (!fault_hit())
			return wrong;
	}
	if (wrong)
		return ""; /* the disk does not come back: the end */
	if (is_blind())	   /* what it cannot read now it reads later, see recover() */
		return NULL;
	fault_pause(true);
	wrong = verify(w, record_mark());
	if (!wrong)
		decide(w, position_now());
	fault_pause(false);
	return wrong;
}

static const char *work(struct world *w, unsigned steps)
{
	const char *wrong = NULL;

	for (unsigned i = 0; i < steps && !wrong; i++) {
		int r = step(w);

		if (r && !fault_hit())
			return WRONG("an error without a reason: %d", r);
		if (r || dice_below(&w->dice, 25) == 0)
			wrong = start_again(w);
	}
	return wrong;
}

static const char *run_steps(struct world *w, const char *dir, uint64_t seed,
			     unsigned steps)
{
	const char *wrong;

	memset(w, 0, sizeof(*w));
	memset(w->fact, 0xff, sizeof(w->fact));
	for (size_t i = 0; i < SEQS_MAX; i++)
		w->fact[i].tag = 0;
	w->dice = dice_seed(seed, 5);
	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	wrong = start_again(w);
	if (!wrong)
		wrong = work(w, steps);
	close_spool();
	return wrong && *wrong ? wrong : NULL;
}

static const char *run(void *world, const char *dir, uint64_t seed)
{
	return run_steps(world, dir, seed, STEPS);
}

static const char *run_short(void *world, const char *dir, uint64_t seed)
{
	return run_steps(world, dir, seed, STEPS_SHORT);
}

static const char *recover(void *world, const char *dir, size_t point, uint64_t seed,
			   enum recovery_how how)
{
	struct world *w = world;
	const char *wrong;

	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	w->dice = dice_seed(seed, 6);
	if (how == RECOVERY_RESTART)
		forget_after(w, point);
	wrong = open_spool(w);
	if (!wrong)
		wrong = verify(w, point);
	if (!wrong && how == RECOVERY_RESTART)
		decide(w, position_now());
	else if (!wrong)
		adopt(w);
	if (!wrong && how != RECOVERY_LOOK)
		wrong = work(w, STEPS_GO_ON);
	if (!wrong && how == RECOVERY_LOOK) {
		if (step_append(w, group_size(&w->dice)))
			wrong = "nothing can be appended any more";
		if (!wrong)
			wrong = read_entries(w);
	}
	close_spool();
	return wrong && *wrong ? wrong : NULL;
}

const struct workload spool_workload = {
	.name = "spool",
	.world_bytes = sizeof(struct world),
	.share = 12,
	.run = run,
	.recover = recover,
};

/* For calls that fail. */
const struct workload spool_short_workload = {
	.name = "spool-short",
	.world_bytes = sizeof(struct world),
	.run = run_short,
	.recover = recover,
};
