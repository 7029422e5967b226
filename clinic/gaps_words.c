/*
 * gaps_words.c - see gaps_words.h.
 */
#include "clinic/gaps_words.h"

#include <inttypes.h>
#include <stdio.h>

const char *gaps_state_word(enum gaps_state s)
{
	switch (s) {
	case GAPS_NONE:
	case GAPS_STATES: break;
	case GAPS_STORED: return "stored";
	case GAPS_GIVEN_UP: return "given up";
	case GAPS_RECOVERED: return "recovered";
	case GAPS_WAITING: return "waiting";
	case GAPS_LOST: return "lost";
	case GAPS_UNEXPLAINED: return "unexplained";
	}
	return "?";
}

const char *gaps_verdict_word(enum gaps_verdict v)
{
	switch (v) {
	case GAPS_COMPLETE: return "complete";
	case GAPS_TOLD_LOSSES: return "complete with told losses";
	case GAPS_NOT_COMPLETE: return "not complete";
	}
	return "?";
}

char *gaps_day_words(uint32_t day, char buf[static GAPS_DAY_WORDS])
{
	struct date_time t = date_time_from_ms((int64_t)day * 86400000);

	snprintf(buf, GAPS_DAY_WORDS, "%04u-%02u-%02u", t.year % 10000u, t.month % 100u,
		 t.day % 100u);
	return buf;
}

static const char *why_bad(const struct gaps *g, uint64_t seq)
{
	for (size_t i = 0; i < g->manifest_count; i++)
		if (g->manifests[i].seq == seq && g->manifests[i].why)
			return g->manifests[i].why;
	return "?";
}

char *gaps_problem_words(const struct gaps *g, const struct gaps_problem *p,
			 char buf[static GAPS_WORDS])
{
	char day[GAPS_DAY_WORDS];
	const uint64_t a = p->a, b = p->b;

#define SAY(...) snprintf(buf, GAPS_WORDS, __VA_ARGS__)
	switch (p->kind) {
	case GAPS_PROBLEM_NONE: SAY("?"); break;
	case GAPS_PROBLEM_CONFLICT:
		SAY("number %" PRIu64 " came with two contents; the first is the record, "
		    "the second is in quarantine",
		    a);
		break;
	case GAPS_PROBLEM_OLDER:
		SAY("the hub says that it has given numbers up to %" PRIu64
		    ", but gave %" PRIu64
		    ": its storage is older than it was. Look again after its next call, "
		    "then have it looked at",
		    a, b);
		break;
	case GAPS_PROBLEM_ACKED:
		SAY("the hub says that it knows all up to %" PRIu64
		    " to be here, but knew %" PRIu64
		    ": its storage is older than it was. Look again after its next call",
		    a, b);
		break;
	case GAPS_PROBLEM_BAD:
		SAY("the manifest with number %" PRIu64 " is no proof: %s", a,
		    why_bad(g, a));
		break;
	case GAPS_PROBLEM_COUNTER:
		SAY("number %" PRIu64 " is manifest %" PRIu64
		    ", which was there before, or a later one",
		    a, b);
		break;
	case GAPS_PROBLEM_SPAN:
		SAY("the manifest with number %" PRIu64 " begins at number %" PRIu64
		    ", which does not follow the manifest before",
		    a, b);
		break;
	case GAPS_PROBLEM_DAYS:
		SAY("the manifest with number %" PRIu64
		    " begins on %s, which does not follow the manifest before",
		    a, gaps_day_words((uint32_t)b, day));
		break;
	case GAPS_PROBLEM_NO_MANIFEST:
		SAY("number %" PRIu64 " should be manifest %" PRIu64
		    ", and is something else",
		    a, b);
		break;
	}
#undef SAY
	return buf;
}

char *gaps_note_words(const struct gaps_note *n, char buf[static GAPS_WORDS])
{
	switch (n->kind) {
	case GAPS_NOTE_NONE: snprintf(buf, GAPS_WORDS, "?"); break;
	case GAPS_NOTE_MISSING:
		if (n->a == n->b)
			snprintf(buf, GAPS_WORDS, "manifest %" PRIu64 " is not here",
				 n->a);
		else
			snprintf(buf, GAPS_WORDS,
				 "manifests %" PRIu64 " to %" PRIu64 " are not here",
				 n->a, n->b);
		break;
	case GAPS_NOTE_ANEW:
		snprintf(buf, GAPS_WORDS,
			 "with number %" PRIu64 " the hub began its account anew: it had "
			 "lost the one before",
			 n->a);
		break;
	}
	return buf;
}
