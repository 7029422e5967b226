#pragma once

/*
 * usage.h - what the text of a verb's --help says about its command line: its parts ("hub list"), and the options of each.
 * The text is the only place where that is said; completion is made from it. Pure.
 *
 * A synopsis begins with "clinicctl VERB" behind "Usage: " or spaces, and goes to the next one or to a line that does not
 * begin with a space.
 */
#include <stdbool.h>
#include <stddef.h>

/* A piece of the text; borrowed, not terminated. */
struct usage_word {
	const char *at;
	size_t len;
};

/*
 * usage_has_part - is 'part' a part of the verb? "" if it has a synopsis without one.
 * usage_takes_clinic - does the synopsis of this part want the clinic's folder first?
 */
bool usage_has_part(const char *usage, const char *verb, const char *part);
bool usage_takes_clinic(const char *usage, const char *verb, const char *part);

/* usage_parts - calls fn for each part, once. */
typedef void usage_fn(void *arg, struct usage_word w);
void usage_parts(const char *usage, const char *verb, usage_fn *fn, void *arg);

/* usage_options - calls fn for each option ("--json", "-o") of the part's synopses; one may come twice. */
void usage_options(const char *usage, const char *verb, const char *part, usage_fn *fn,
		   void *arg);
