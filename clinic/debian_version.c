/*
 * debian_version.c - see debian_version.h.
 */
#include "clinic/debian_version.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A piece of a version; borrowed. */
struct part {
	const char *p, *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* '~' before the end, the end before letters, letters before all others. */
static int weight(const struct part *t)
{
	if (t->p == t->end || is_digit(*t->p))
		return 0;
	if (*t->p == '~')
		return -1;
	return is_letter(*t->p) ? (unsigned char)*t->p : (unsigned char)*t->p + 256;
}

static int compare_digits(struct part *a, struct part *b)
{
	int first = 0;

	while (a->p < a->end && *a->p == '0')
		a->p++;
	while (b->p < b->end && *b->p == '0')
		b->p++;
	while (a->p < a->end && b->p < b->end && is_digit(*a->p) && is_digit(*b->p)) {
		if (first == 0)
			first = *a->p - *b->p;
		a->p++;
		b->p++;
	}
	if (a->p < a->end && is_digit(*a->p))
		return 1;
	return b->p < b->end && is_digit(*b->p) ? -1 : first;
}

static int compare(struct part a, struct part b)
{
	while (a.p < a.end || b.p < b.end) {
		int r;

		while ((a.p < a.end && !is_digit(*a.p)) ||
		       (b.p < b.end && !is_digit(*b.p))) {
			r = weight(&a) - weight(&b);
			if (r != 0)
				return r;
			a.p += a.p < a.end;
			b.p += b.p < b.end;
		}
		r = compare_digits(&a, &b);
		if (r != 0)
			return r;
	}
	return 0;
}

struct version {
	struct part epoch, upstream, revision;
};

static struct version split(const char *text)
{
	const char *end = text + strlen(text), *colon = strchr(text, ':');
	const char *upstream = colon ? colon + 1 : text, *dash = strrchr(upstream, '-');

	return (struct version){
		.epoch = { text, colon ? colon : text },
		.upstream = { upstream, dash ? dash : end },
		.revision = { dash ? dash + 1 : end, end },
	};
}

int debian_version_compare(const char *a, const char *b)
{
	struct version x = split(a), y = split(b);
	int r = compare(x.epoch, y.epoch);

	if (r == 0)
		r = compare(x.upstream, y.upstream);
	return r ? r : compare(x.revision, y.revision);
}
