#pragma once

/*
 * gaps.h - is everything here that a hub ever numbered? Each of 1..highest is one of six things, and the hub's signed
 * manifests must agree with that.
 *
 *   stored       a record is here
 *   given up     the hub said that it will not come, and why; no record is here
 *   recovered    no record, but one from the hub's card, which nobody has signed
 *   waiting      none of these, and the hub said last that so many wait there
 *   lost         none of these, and the hub was told that it is here: the clinic has lost it. Or the hub says that it
 *                was, and that no copy is left there
 *   unexplained  none of these, and the hub has not said that it waits
 *
 * Numbers in a manifest's span were given. That they are here is proved by the store; what a manifest adds is that there
 * were no others, that a day without a number was one, and that the store and the hub agree on what was acknowledged.
 *
 *   gaps_init, gaps_add_... in any order of kinds, each kind by ascending numbers, gaps_explain, gaps_free
 *
 * No I/O; lists are on the heap. gaps_load.h fills it from a store.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/batch.h"
#include "hub/core/manifest.h"

enum gaps_state {
	GAPS_NONE = 0,
	GAPS_STORED = 1,
	GAPS_GIVEN_UP = 2,
	GAPS_RECOVERED = 3,
	GAPS_WAITING = 4,
	GAPS_LOST = 5,
	GAPS_UNEXPLAINED = 6,
	GAPS_STATES = 7,
};

struct gaps_range {
	uint64_t first, last;
	enum gaps_state state;
	enum record_class class; /* GAPS_GIVEN_UP; CLASS_NONE: not known */
	enum tombstone_cause
		cause; /* GAPS_GIVEN_UP; GAPS_LOST if the hub was asked for it again */
};

/* A list of ranges. Fields are for reading. */
struct gaps_list {
	struct gaps_range *ranges;
	size_t count, room;
};

/* What became of a record of kind READING_MANIFEST. */
enum gaps_opened {
	GAPS_OPENED = 1,
	GAPS_NOT_OPENED = 2, /* no key, another key or a newer form: says nothing */
	GAPS_BAD = 3,	     /* damaged, not signed by the hub, or not of this record */
};

struct gaps_manifest {
	uint64_t seq;
	enum gaps_opened opened;
	const char *why;	  /* not opened; static */
	struct manifest manifest; /* opened */
};

/* What contradicts; 'a' and 'b' as said there. */
enum gaps_problem_kind {
	GAPS_PROBLEM_NONE = 0,
	GAPS_PROBLEM_CONFLICT =
		1, /* number a came with two bodies; the second is in quarantine */
	GAPS_PROBLEM_OLDER = 2, /* the hub says it has given a numbers, but gave b */
	GAPS_PROBLEM_ACKED = 3, /* the hub says it knows 1..a to be here, but knew 1..b */
	GAPS_PROBLEM_BAD = 4,	/* the manifest of number a is not good, see its 'why' */
	GAPS_PROBLEM_COUNTER =
		5, /* number a: manifest b, which was there before, or a later one */
	GAPS_PROBLEM_SPAN =
		6, /* number a: it begins with b, which does not follow the one before */
	GAPS_PROBLEM_DAYS = 7, /* number a: its first day is b, which does not follow */
	GAPS_PROBLEM_NO_MANIFEST =
		8, /* number a should be manifest b, and is something else */
};

struct gaps_problem {
	enum gaps_problem_kind kind;
	uint64_t a, b;
};

/* What is worth knowing and contradicts nothing. */
enum gaps_note_kind {
	GAPS_NOTE_NONE = 0,
	GAPS_NOTE_MISSING =
		1, /* manifests a..b are not here; the last of them had a number that is accounted for */
	GAPS_NOTE_ANEW = 2, /* with number a the hub began its account anew */
};

struct gaps_note {
	enum gaps_note_kind kind;
	uint64_t a, b;
};

enum gaps_verdict {
	GAPS_COMPLETE = 0, /* all here, waiting, or a number that no reading ever had */
	GAPS_TOLD_LOSSES = 1, /* the same, but some are given up or not signed */
	GAPS_NOT_COMPLETE = 2,
};

struct gaps {
	/* given to gaps_init: what the hub said last, and the clinic's mark */
	uint64_t told_highest, told_acked, told_queued, contig;
	struct gaps_list stored, given_up, recovered;
	struct gaps_manifest *manifests;
	size_t manifest_count, manifest_room;
	uint64_t *conflicts;
	size_t conflict_count, conflict_room;

	/* written by gaps_explain */
	uint64_t highest;     /* that is known of, 0: none */
	struct gaps_list all; /* 1..highest, ascending, disjoint, neighbours differ */
	uint64_t count[GAPS_STATES]; /* numbers by state */
	uint64_t given_up_count[TOMBSTONE_CAUSES];
	uint64_t manifests_good, manifests_unread,
		manifests_empty; /* empty: a time without a number */
	bool has_days;
	uint32_t from_day,
		to_day; /* first and last day that good manifests have told; from > to: none is over */
	struct gaps_problem *problems;
	size_t problem_count, problem_room;
	struct gaps_note *notes;
	size_t note_count, note_room;
	enum gaps_verdict verdict;
};

/* told_...: as the last batch said, see struct batch; contig: the clinic's own mark. */
void gaps_init(struct gaps *g, uint64_t told_highest, uint64_t told_acked,
	       uint64_t told_queued, uint64_t contig);
void gaps_free(struct gaps *g);

/* They return 0 or -ENOMEM. */
int gaps_add_stored(struct gaps *g, uint64_t first, uint64_t last);
int gaps_add_given_up(struct gaps *g, const struct tombstone *t);
int gaps_add_recovered(struct gaps *g, uint64_t first, uint64_t last);
int gaps_add_conflict(struct gaps *g, uint64_t seq);
int gaps_add_manifest(struct gaps *g, const struct gaps_manifest *m);

/* gaps_explain - once, after all were added. Returns 0 or -ENOMEM. */
int gaps_explain(struct gaps *g);
