/*
 * gaps_manifests.c - do a hub's manifests follow each other, and do they agree with what is here? See gaps.h.
 */
#include "clinic/gaps_inside.h"

/* The account so far. */
struct account {
	bool begun;
	uint64_t counter, seq; /* of the manifest before */
	bool has_through;
	uint32_t through; /* last day told */
};

static bool is_manifest(const struct gaps *g, uint64_t seq)
{
	for (size_t i = 0; i < g->manifest_count; i++)
		if (g->manifests[i].seq == seq)
			return true;
	return false;
}

/* Manifests first..last are not among those read. The last of them had the number before m's span. */
static int check_missing(struct gaps *g, uint64_t first, uint64_t last,
			 const struct manifest *m)
{
	uint64_t seq = m->first - 1;

	if (is_manifest(g, seq))
		return 0; /* here, but it did not open: counted already */
	if (gaps_state_of(g, seq) == GAPS_STORED)
		return gaps_add_problem(g, GAPS_PROBLEM_NO_MANIFEST, seq, last);
	return gaps_add_note(g, GAPS_NOTE_MISSING, first, last);
}

static int check_counter(struct gaps *g, const struct account *a,
			 const struct gaps_manifest *gm)
{
	const struct manifest *m = &gm->manifest;
	uint64_t next = a->counter + 1, from = a->begun ? a->seq + 1 : 1;

	if (m->counter < next)
		return gaps_add_problem(g, GAPS_PROBLEM_COUNTER, gm->seq, m->counter);
	if (m->counter == next)
		return m->first == from ? 0
					: gaps_add_problem(g, GAPS_PROBLEM_SPAN, gm->seq,
							   m->first);
	/* each of those between had a number of its own, at least */
	if (m->first < from || m->first - from < m->counter - next)
		return gaps_add_problem(g, GAPS_PROBLEM_SPAN, gm->seq, m->first);
	return check_missing(g, next, m->counter - 1, m);
}

static int check_days(struct gaps *g, const struct account *a,
		      const struct gaps_manifest *gm)
{
	const struct manifest *m = &gm->manifest;
	bool gap = m->counter != a->counter + 1;

	if (!m->has_days || !a->has_through)
		return 0;
	if (m->from_day == a->through + 1 || (gap && m->from_day > a->through))
		return 0;
	return gaps_add_problem(g, GAPS_PROBLEM_DAYS, gm->seq, m->from_day);
}

static void note_days(struct gaps *g, const struct manifest *m)
{
	if (!m->has_days)
		return;
	if (!g->has_days || m->from_day < g->from_day)
		g->from_day = m->from_day;
	if (!g->has_days || m->to_day > g->to_day)
		g->to_day = m->to_day;
	g->has_days = true;
}

static int check_manifest(struct gaps *g, struct account *a,
			  const struct gaps_manifest *gm)
{
	const struct manifest *m = &gm->manifest;
	int err = 0;

	if (m->counter == 1 && m->first == 1) {
		if (a->begun)
			err = gaps_add_note(g, GAPS_NOTE_ANEW, gm->seq, 0);
		*a = (struct account){ 0 };
	} else {
		err = check_counter(g, a, gm);
		if (err == 0)
			err = check_days(g, a, gm);
	}
	a->begun = true;
	a->counter = m->counter;
	a->seq = gm->seq;
	if (m->has_days) {
		a->has_through = true;
		a->through = m->to_day;
	}
	note_days(g, m);
	g->manifests_good++;
	/* the one that opens the account tells no day */
	g->manifests_empty +=
		m->first > m->last && (!m->has_days || m->from_day <= m->to_day);
	return err;
}

int gaps_check_manifests(struct gaps *g)
{
	struct account a = { 0 };
	int err = 0;

	for (size_t i = 0; err == 0 && i < g->manifest_count; i++) {
		const struct gaps_manifest *m = &g->manifests[i];

		switch (m->opened) {
		case GAPS_OPENED: err = check_manifest(g, &a, m); break;
		case GAPS_NOT_OPENED: g->manifests_unread++; break;
		case GAPS_BAD:
			err = gaps_add_problem(g, GAPS_PROBLEM_BAD, m->seq, 0);
			break;
		}
	}
	return err;
}
