#pragma once

/*
 * gaps_words.h - what gaps.h finds, as people read it. Pure; those with buf return it.
 */
#include "clinic/gaps.h"

enum {
	GAPS_DAY_WORDS = 16,
	GAPS_WORDS = 256,
};

/* One or two words for programs: "stored", "given up". */
const char *gaps_state_word(enum gaps_state s);
const char *gaps_verdict_word(enum gaps_verdict v);
/* "2026-11-20". */
char *gaps_day_words(uint32_t day, char buf[static GAPS_DAY_WORDS]);
/* A sentence without its full stop. */
char *gaps_problem_words(const struct gaps *g, const struct gaps_problem *p,
			 char buf[static GAPS_WORDS]);
char *gaps_note_words(const struct gaps_note *n, char buf[static GAPS_WORDS]);
