/*
 * work_keep.c - workload: all segments of the queue and a clinic that takes, names and refuses, and once in a while is
 * put back to one of its backups: then it asks again for what it had. Copies come back, or tombstones.
 *
 * What the clinic has is known for each of its lives; a life begins as what an earlier moment had. A segment that
 * is drained goes with its copies, some copies are given up for space, answers are lost or come late.
 *
 * Questions after a power cut, in keep_verify():
 *   1. Each number up to the highest is a row, a tombstone, or settled by the mark or a range of its segment: exactly one
 *      of them. Rows are counted right.
 *   2. A row is the record that got this number, byte for byte, and was begun. No record has two numbers, no number that
 *      the clinic has heard of is used again, none that was answered is missing.
 *   3. Settled is only what the clinic has named. What was named, and answered, is no row unless it was asked for again.
 *   4. A tombstone has a reason: 'delivered' only if the clinic had it, asked for it, and the copy could be gone.
 * And in keep_drain(), by which the clinic asks again if it must and takes what it gets:
 *   5. In the end it has each number: none is silent.
 */
#include "tests/explore/work_keep_inside.h"

#include <string.h>

enum { STEPS = 150, STEPS_GO_ON = 10 };

/* --- work ------------------------------------------------------------------------------------------ */

/* Records with these tags, under the next numbers. */
static const char *insert(struct world *w, const uint32_t *tags, size_t count)
{
	static uint8_t body[QUEUE_GROUP_MAX][SEALED_BODY_MAX];
	struct queue_entry e[QUEUE_GROUP_MAX] = { 0 };
	uint64_t first = records_next_seq(keep_hub.records);
	int r;

	if (first + count >= SEQS_MAX)
		return NULL;
	records_reserve(keep_hub.records, count);
	for (size_t i = 0; i < count; i++) {
		struct fact *f = &w->fact[first + i];

		if (f->inserted != POSITION_NEVER || f->seen != POSITION_NEVER)
			return WRONG("seq %llu is given again",
				     (unsigned long long)(first + i));
		f->tag = tags[i];
		f->tried = position_now();
		e[i] = (struct queue_entry){ .record = keep_record(tags[i], first + i,
								   body[i]),
					     .instance = w->instance,
					     .capture = tags[i] };
	}
	w->top = first + count - 1;
	r = records_insert(keep_hub.records, e, count);
	if (r)
		return WRONG("records are not taken: %d", r);
	for (size_t i = 0; i < count; i++)
		w->fact[first + i].inserted = w->tag[tags[i]].durable = position_now();
	return keep_hub.bad;
}

static const char *step_insert(struct world *w, size_t count)
{
	uint32_t tags[QUEUE_GROUP_MAX];

	for (size_t i = 0; i < count; i++) {
		if (w->tags + 1 == TAGS_MAX)
			return NULL;
		tags[i] = ++w->tags;
		w->tag[tags[i]] =
			(struct tag){ position_now(), POSITION_NEVER, POSITION_NEVER, 0 };
	}
	return insert(w, tags, count);
}

/* hub-ble still has what it was not told durable. */
static const char *offer_again(struct world *w)
{
	const char *wrong = NULL;

	for (uint32_t t = 1; t <= w->tags && !wrong; t++)
		if (w->tag[t].offered != POSITION_NEVER &&
		    w->tag[t].durable == POSITION_NEVER) {
			if (records_has(keep_hub.records, w->instance, t))
				return WRONG("record %u is known and not there", t);
			wrong = insert(w, &t, 1);
		}
	return wrong;
}

/* The clinic as it was at an earlier moment. */
static void set_back(struct world *w)
{
	position now = position_now(), back;

	if (w->lives == LIVES_MAX)
		return;
	back = (position)dice_below(&w->dice, (uint64_t)now + 1);
	if (dice_below(&w->dice, 2))
		back = now - (now - back) / 8;
	for (uint64_t seq = 1; seq < SEQS_MAX; seq++) {
		position had = w->fact[seq].has[w->lives - 1];

		w->fact[seq].has[w->lives] = by(had, back) ? had : POSITION_NEVER;
	}
	w->life_start[w->lives++] = now;
}

static const char *step_clinic(struct world *w)
{
	struct reply r;
	const char *wrong = keep_turn(w, true, &r);
	uint64_t c = dice_below(&w->dice, 10);

	if (wrong || c == 0) /* lost */
		return wrong;
	if (c == 1) {
		w->late = r;
		return NULL;
	}
	return keep_take_answer(w, &r);
}

static const char *step_late(struct world *w)
{
	const struct reply r = w->late;

	w->late = (struct reply){ 0 };
	return r.has_contig ? keep_take_answer(w, &r) : NULL;
}

static const char *step_evict(struct world *w)
{
	struct queue_evicted ev;
	position now = position_now();
	int r;

	keep_may_go(w, UINT64_MAX);
	for (uint64_t seq = 1; seq <= w->top; seq++)
		if (w->fact[seq].evict_tried == POSITION_NEVER)
			w->fact[seq].evict_tried = now;
	/* copies go first: once in a while all of them, and then what is unsent */
	do
		r = records_evict(keep_hub.records, 1 + (unsigned)dice_below(&w->dice, 6),
				  &ev);
	while (r == 0 && ev.kept && dice_below(&w->dice, 8));
	return r ? WRONG("nothing can be given up: %d", r) : keep_hub.bad;
}

static const char *step_rotate(struct world *w)
{
	int r;

	w->assignment++;
	r = keep_set_owner(w);
	return r ? WRONG("no new segment: %d", r) : keep_hub.bad;
}

static const char *start_again(struct world *w)
{
	const char *wrong;

	keep_close();
	wrong = keep_open(w);
	return wrong ? wrong : keep_verify(w, record_mark());
}

static const char *step(struct world *w)
{
	uint64_t c = dice_below(&w->dice, 100);

	if (c < 32)
		return step_insert(
			w, (size_t)(1 + dice_below(&w->dice,
						   dice_below(&w->dice, 4) ? 4 : 16)));
	if (c < 66)
		return step_clinic(w);
	if (c < 70)
		return step_late(w);
	if (c < 85) {
		set_back(w);
		return step_clinic(w);
	}
	if (c < 87)
		return step_evict(w);
	if (c < 91)
		return step_rotate(w);
	if (c < 97)
		return keep_tidy(w, 1 + (unsigned)dice_below(&w->dice, 4));
	return start_again(w);
}

static const char *work(struct world *w, unsigned steps)
{
	const char *wrong = NULL;

	for (unsigned i = 0; i < steps && !wrong; i++)
		wrong = step(w);
	return wrong;
}

/* --- a run, and after a cut ------------------------------------------------------------------------- */

void keep_start(struct world *w, const char *dir, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	memset(w->fact, 0xff, sizeof(w->fact));
	for (size_t i = 0; i < SEQS_MAX; i++)
		w->fact[i].tag = w->fact[i].seen_tag = 0;
	w->lives = 1;
	w->assignment = 1;
	w->instance = seed + 100;
	w->dice = dice_seed(seed, 27);
	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
}

const char *keep_run(struct world *w, unsigned steps)
{
	const char *wrong = start_again(w);

	if (!wrong)
		wrong = work(w, steps);
	keep_close();
	return wrong;
}

static const char *run(void *world, const char *dir, uint64_t seed)
{
	keep_start(world, dir, seed);
	return keep_run(world, STEPS);
}

static const char *look(struct world *w)
{
	const char *wrong = keep_drain(w);

	if (!wrong)
		wrong = step_insert(w, 2);
	if (!wrong)
		wrong = keep_drain(w);
	return wrong;
}

const char *keep_recover(void *world, const char *dir, size_t point, uint64_t seed,
			 enum recovery_how how)
{
	struct world *w = world;
	const char *wrong;

	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	w->dice = dice_seed(seed, 28);
	keep_forget_after(w, point, how == RECOVERY_GO_ON);
	if (how != RECOVERY_RESTART) {
		w->instance++; /* hub-ble has died, too */
		point = how == RECOVERY_GO_ON ? 0 : point;
	}
	wrong = keep_open(w);
	if (!wrong)
		wrong = keep_verify(w, point);
	if (!wrong)
		keep_adopt(w, how == RECOVERY_RESTART ? position_now() : 0);
	if (!wrong && how == RECOVERY_RESTART)
		wrong = offer_again(w);
	if (!wrong && how == RECOVERY_LOOK)
		wrong = look(w);
	if (!wrong && how != RECOVERY_LOOK)
		wrong = work(w, STEPS_GO_ON);
	keep_close();
	return wrong;
}

const struct workload keep_workload = {
	.name = "keep",
	.world_bytes = sizeof(struct world),
	.share = 10,
	.run = run,
	.recover = keep_recover,
};
