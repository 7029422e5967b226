/*
 * gaps.c - what became of each number; see gaps.h.
 */
#include "clinic/gaps_inside.h"

#include <errno.h>
#include <stdlib.h>

/* --- lists ---------------------------------------------------------------------------------------- */

/* Room for one more of size bytes. Returns the list, or NULL. */
static void *grow(void *list, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 16;
	void *p;

	if (count < *room)
		return list;
	p = reallocarray(list, more, size);
	if (p)
		*room = more;
	return p;
}

#define APPEND(g, items, n, cap, item)                                                   \
	({                                                                               \
		void *p_ = grow((g)->items, (g)->n, &(g)->cap, sizeof(*(g)->items));     \
		if (p_) {                                                                \
			(g)->items = p_;                                                 \
			(g)->items[(g)->n++] = (item);                                   \
		}                                                                        \
		p_ ? 0 : -ENOMEM;                                                        \
	})

static bool alike(const struct gaps_range *a, const struct gaps_range *b)
{
	return a->state == b->state && a->class == b->class && a->cause == b->cause;
}

/* At the end of the list; one that goes on there becomes longer. Nothing if it is empty. */
static int add_range(struct gaps_list *l, struct gaps_range r)
{
	struct gaps_range *end = l->count ? &l->ranges[l->count - 1] : NULL;

	if (r.first > r.last)
		return 0;
	if (end && end->last + 1 == r.first && alike(end, &r)) {
		end->last = r.last;
		return 0;
	}
	return APPEND(l, ranges, count, room, r);
}

void gaps_init(struct gaps *g, uint64_t told_highest, uint64_t told_acked,
	       uint64_t told_queued, uint64_t contig)
{
	*g = (struct gaps){ .told_highest = told_highest,
			    .told_acked = told_acked,
			    .told_queued = told_queued,
			    .contig = contig };
}

void gaps_free(struct gaps *g)
{
	free(g->stored.ranges);
	free(g->given_up.ranges);
	free(g->recovered.ranges);
	free(g->all.ranges);
	free(g->manifests);
	free(g->conflicts);
	free(g->problems);
	free(g->notes);
	*g = (struct gaps){ 0 };
}

int gaps_add_stored(struct gaps *g, uint64_t first, uint64_t last)
{
	return add_range(&g->stored, (struct gaps_range){ first, last, GAPS_STORED,
							  CLASS_NONE, TOMBSTONE_NONE });
}

int gaps_add_given_up(struct gaps *g, const struct tombstone *t)
{
	/* it was here: not the hub's loss */
	enum gaps_state state =
		t->cause == TOMBSTONE_DELIVERED ? GAPS_LOST : GAPS_GIVEN_UP;

	return add_range(&g->given_up, (struct gaps_range){ t->first, t->last, state,
							    t->class, t->cause });
}

int gaps_add_recovered(struct gaps *g, uint64_t first, uint64_t last)
{
	return add_range(&g->recovered,
			 (struct gaps_range){ first, last, GAPS_RECOVERED, CLASS_NONE,
					      TOMBSTONE_NONE });
}

int gaps_add_conflict(struct gaps *g, uint64_t seq)
{
	if (g->conflict_count && g->conflicts[g->conflict_count - 1] == seq)
		return 0;
	return APPEND(g, conflicts, conflict_count, conflict_room, seq);
}

int gaps_add_manifest(struct gaps *g, const struct gaps_manifest *m)
{
	return APPEND(g, manifests, manifest_count, manifest_room, *m);
}

int gaps_add_problem(struct gaps *g, enum gaps_problem_kind kind, uint64_t a, uint64_t b)
{
	return APPEND(g, problems, problem_count, problem_room,
		      ((struct gaps_problem){ kind, a, b }));
}

int gaps_add_note(struct gaps *g, enum gaps_note_kind kind, uint64_t a, uint64_t b)
{
	return APPEND(g, notes, note_count, note_room,
		      ((struct gaps_note){ kind, a, b }));
}

/* --- numbers -------------------------------------------------------------------------------------- */

static uint64_t end_of(const struct gaps_list *l)
{
	return l->count ? l->ranges[l->count - 1].last : 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* All of 1..this the hub was told to be here, or the clinic's own mark says so. */
static uint64_t acknowledged(const struct gaps *g)
{
	uint64_t upto = larger(g->contig, g->told_acked);

	for (size_t i = 0; i < g->manifest_count; i++)
		if (g->manifests[i].opened == GAPS_OPENED)
			upto = larger(upto, g->manifests[i].manifest.acked);
	return upto;
}

/* Numbers of which nothing is here: lost up to 'acked', then waiting as far as the hub speaks of them, until
 * settle_waiting says more. */
static int add_hole(struct gaps *g, uint64_t first, uint64_t last, uint64_t acked)
{
	struct gaps_range r = { first, last, GAPS_LOST, CLASS_NONE, TOMBSTONE_NONE };
	int err;

	if (r.last > acked)
		r.last = acked;
	err = add_range(&g->all, r);
	r.first = larger(first, acked + 1);
	r.last = last < g->told_highest ? last : g->told_highest;
	r.state = GAPS_WAITING;
	if (err == 0)
		err = add_range(&g->all, r);
	r.first = larger(larger(first, acked + 1), g->told_highest + 1);
	r.last = last;
	r.state = GAPS_UNEXPLAINED;
	return err ? err : add_range(&g->all, r);
}

/* Where three lists are read side by side. */
struct merge {
	const struct gaps_list *lists[3];
	size_t at[3];
};

/* The range that says what number n is, or the next one behind n; the first list goes before the others. NULL: none. */
static const struct gaps_range *find_next(struct merge *m, uint64_t n,
					  uint64_t *ret_first)
{
	const struct gaps_range *found = NULL;

	for (size_t i = 0; i < 3; i++) {
		const struct gaps_list *l = m->lists[i];
		const struct gaps_range *r;
		uint64_t first;

		while (m->at[i] < l->count && l->ranges[m->at[i]].last < n)
			m->at[i]++;
		if (m->at[i] == l->count)
			continue;
		r = &l->ranges[m->at[i]];
		first = larger(r->first, n);
		if (!found || first < *ret_first) {
			found = r;
			*ret_first = first;
		}
	}
	return found;
}

/* Where the range found must end because one of a list before it begins. */
static uint64_t end_before_better(const struct merge *m, const struct gaps_range *r)
{
	uint64_t last = r->last;

	for (size_t i = 0; i < 3; i++) {
		const struct gaps_list *l = m->lists[i];
		const struct gaps_range *better =
			m->at[i] < l->count ? &l->ranges[m->at[i]] : NULL;

		if (better == r)
			break;
		if (better && better->first <= last)
			last = better->first - 1;
	}
	return last;
}

static int number_all(struct gaps *g)
{
	struct merge m = { { &g->stored, &g->given_up, &g->recovered }, { 0 } };
	const uint64_t acked = acknowledged(g);
	uint64_t n = 1, first = 0;
	int err = 0;

	while (err == 0 && n <= g->highest) {
		const struct gaps_range *r = find_next(&m, n, &first);
		struct gaps_range part;

		if (!r)
			return add_hole(g, n, g->highest, acked);
		part = *r;
		part.first = first;
		part.last = end_before_better(&m, r);
		if (n < first)
			err = add_hole(g, n, first - 1, acked);
		if (err == 0)
			err = add_range(&g->all, part);
		n = part.last + 1;
	}
	return err;
}

static uint64_t size_of(const struct gaps_range *r)
{
	return r->last - r->first + 1;
}

/* If less waits on the hub than is missing it cannot be said which of them does: none is taken for waiting. */
static void settle_waiting(struct gaps *g)
{
	uint64_t missing = 0;
	size_t n = 0;

	for (size_t i = 0; i < g->all.count; i++)
		if (g->all.ranges[i].state == GAPS_WAITING)
			missing += size_of(&g->all.ranges[i]);
	for (size_t i = 0; i < g->all.count; i++) {
		struct gaps_range r = g->all.ranges[i];

		if (r.state == GAPS_WAITING && missing > g->told_queued)
			r.state = GAPS_UNEXPLAINED;
		/* neighbours may be alike now */
		if (n > 0 && alike(&g->all.ranges[n - 1], &r))
			g->all.ranges[n - 1].last = r.last;
		else
			g->all.ranges[n++] = r;
	}
	g->all.count = n;
}

static void count_all(struct gaps *g)
{
	for (size_t i = 0; i < g->all.count; i++) {
		const struct gaps_range *r = &g->all.ranges[i];

		g->count[r->state] += size_of(r);
		if (r->state == GAPS_GIVEN_UP && r->cause < TOMBSTONE_CAUSES)
			g->given_up_count[r->cause] += size_of(r);
	}
}

enum gaps_state gaps_state_of(const struct gaps *g, uint64_t n)
{
	size_t low = 0, high = g->all.count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (g->all.ranges[mid].last < n)
			low = mid + 1;
		else
			high = mid;
	}
	return low < g->all.count && g->all.ranges[low].first <= n
		       ? g->all.ranges[low].state
		       : GAPS_NONE;
}

/* --- all of it ------------------------------------------------------------------------------------ */

/* Is the hub where it was, and has it used each number once? */
static int check_hub(struct gaps *g)
{
	uint64_t gave = larger(end_of(&g->stored), end_of(&g->given_up)), knew = 0;
	int err = 0;

	for (size_t i = 0; err == 0 && i < g->conflict_count; i++)
		err = gaps_add_problem(g, GAPS_PROBLEM_CONFLICT, g->conflicts[i], 0);
	if (err == 0 && g->told_highest < gave)
		err = gaps_add_problem(g, GAPS_PROBLEM_OLDER, g->told_highest, gave);
	for (size_t i = 0; i < g->manifest_count; i++)
		if (g->manifests[i].opened == GAPS_OPENED)
			knew = larger(knew, g->manifests[i].manifest.acked);
	if (err == 0 && g->told_acked < knew)
		err = gaps_add_problem(g, GAPS_PROBLEM_ACKED, g->told_acked, knew);
	return err;
}

static enum gaps_verdict judge(const struct gaps *g)
{
	if (g->problem_count || g->count[GAPS_LOST] || g->count[GAPS_UNEXPLAINED])
		return GAPS_NOT_COMPLETE;
	/* a number that was skipped is no reading that was lost */
	if (g->count[GAPS_RECOVERED] ||
	    g->count[GAPS_GIVEN_UP] > g->given_up_count[TOMBSTONE_SKIPPED])
		return GAPS_TOLD_LOSSES;
	return GAPS_COMPLETE;
}

int gaps_explain(struct gaps *g)
{
	int err;

	g->highest = larger(larger(g->told_highest, acknowledged(g)),
			    larger(larger(end_of(&g->stored), end_of(&g->given_up)),
				   end_of(&g->recovered)));
	err = number_all(g);
	if (err == 0)
		settle_waiting(g);
	count_all(g);
	if (err == 0)
		err = check_hub(g);
	if (err == 0)
		err = gaps_check_manifests(g);
	g->verdict = judge(g);
	return err;
}
