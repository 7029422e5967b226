/*
 * usage.c - see usage.h.
 */
#include "clinic/usage.h"

#include <string.h>

static const char small[] = "abcdefghijklmnopqrstuvwxyz-";
static const char small_or_digit[] = "abcdefghijklmnopqrstuvwxyz-0123456789";

/* One synopsis: its part, and what follows. */
struct synopsis {
	struct usage_word part; /* len 0: none */
	struct usage_word rest;
};

static bool is(struct usage_word w, const char *text)
{
	return strlen(text) == w.len && memcmp(w.at, text, w.len) == 0;
}

/* Lines that begin with a space belong to the synopsis before, unless they begin a new one. */
static const char *find_end(const char *p)
{
	for (;;) {
		const char *line = strchr(p, '\n');

		if (!line)
			return p + strlen(p);
		line++;
		if (*line != ' ' ||
		    strncmp(line + strspn(line, " "), "clinicctl ", 10) == 0 ||
		    line[strspn(line, " ")] == '\0')
			return line;
		p = line;
	}
}

/* The next synopsis of the verb; *at goes behind it. */
static bool next_synopsis(const char **at, const char *verb, struct synopsis *ret)
{
	static const char program[] = "clinicctl ";
	size_t n = strlen(verb);
	const char *p = *at;

	while ((p = strstr(p, program)) != NULL) {
		const char *line = p;

		p += sizeof(program) - 1;
		/* In the middle of a sentence it is no synopsis. */
		if (line > *at && line[-1] != ' ')
			continue;
		if (strncmp(p, verb, n) != 0 || (p[n] != ' ' && p[n] != '\n'))
			continue;
		p += n;
		p += *p == ' ';
		ret->part = (struct usage_word){ p, strspn(p, small) };
		if (*p == '-' || strchr(" \n", p[ret->part.len]) == NULL)
			ret->part.len = 0;
		ret->rest.at = p + ret->part.len;
		*at = find_end(p);
		ret->rest.len = (size_t)(*at - ret->rest.at);
		return true;
	}
	return false;
}

bool usage_has_part(const char *usage, const char *verb, const char *part)
{
	struct synopsis s;

	while (next_synopsis(&usage, verb, &s))
		if (is(s.part, part))
			return true;
	return false;
}

bool usage_takes_clinic(const char *usage, const char *verb, const char *part)
{
	struct synopsis s;

	while (next_synopsis(&usage, verb, &s)) {
		const char *p = s.rest.at + strspn(s.rest.at, " ");

		if (is(s.part, part) && strncmp(p, "DIR", 3) == 0)
			return true;
	}
	return false;
}

void usage_parts(const char *usage, const char *verb, usage_fn *fn, void *arg)
{
	const char *at = usage, *before;
	struct synopsis s, other;

	while (next_synopsis(&at, verb, &s)) {
		bool told = s.part.len == 0;

		before = usage;
		while (!told && next_synopsis(&before, verb, &other) &&
		       other.part.at < s.part.at)
			told = other.part.len == s.part.len &&
			       memcmp(other.part.at, s.part.at, s.part.len) == 0;
		if (!told)
			fn(arg, s.part);
	}
}

/* "-o" or "--out", at the beginning of a word. */
static size_t option_len(const char *p)
{
	size_t n = p[1] == '-' ? 2 + strspn(p + 2, small_or_digit) : 2;

	return p[1] == '-' ? (n > 2 ? n : 0) : strspn(p + 1, small) == 1 ? n : 0;
}

void usage_options(const char *usage, const char *verb, const char *part, usage_fn *fn,
		   void *arg)
{
	struct synopsis s;

	while (next_synopsis(&usage, verb, &s)) {
		if (!is(s.part, part))
			continue;
		for (const char *p = s.rest.at; p < s.rest.at + s.rest.len; p++) {
			size_t n = *p == '-' && strchr(" [(|", p[-1]) ? option_len(p) : 0;

			if (n > 0)
				fn(arg, (struct usage_word){ p, n });
			p += n > 0 ? n - 1 : 0;
		}
	}
}
