/*
 * typed.c - see typed.h.
 */
#include "hub/console/typed.h"

#include <stdbool.h>
#include <string.h>

enum { NAME_MAX_CHARS = 24 };

static const char *skip_spaces(const char *p)
{
	while (*p == ' ')
		p++;
	return p;
}

static char lower(char c)
{
	static const char small[] = "abcdefghijklmnopqrstuvwxyz";

	if (c >= 'A' && c <= 'Z')
		return small[c - 'A'];
	return c;
}

/* One word to the end of name, if it fits. Returns what follows it. */
static const char *take_word(const char *p, char name[static NAME_MAX_CHARS], bool *fits)
{
	size_t at = strlen(name);

	for (; *p && *p != ' '; p++) {
		*fits &= at < NAME_MAX_CHARS - 1;
		if (*fits)
			name[at++] = lower(*p);
	}
	name[at] = '\0';
	return skip_spaces(p);
}

static bool begins_token(const char *p)
{
	return lower(p[0]) == 'h' && lower(p[1]) == 't' && p[2] == '1' && p[3] == ':';
}

/* A verb of two words wins over one of one. */
static enum verb take_verb(const char *text, const char **ret_rest)
{
	char name[NAME_MAX_CHARS] = "";
	const char *first, *second;
	enum verb one, two;
	bool fits = true, fits_two;

	first = take_word(text, name, &fits);
	one = fits ? verb_named(name) : VERB_NONE;
	fits_two = fits && strlen(name) < NAME_MAX_CHARS - 2;
	if (fits_two)
		memcpy(name + strlen(name), " ", 2);
	second = take_word(first, name, &fits_two);
	two = fits_two && *first ? verb_named(name) : VERB_NONE;
	*ret_rest = two != VERB_NONE ? second : first;
	return two != VERB_NONE ? two : one;
}

static bool takes_code(enum verb v)
{
	return v == VERB_RELEASE || v == VERB_DIAGNOSE || v == VERB_EXPORT_EVIDENCE;
}

static bool takes_token(enum verb v)
{
	return v == VERB_LOGIN || v == VERB_RELEASE;
}

struct typed typed_parse(const char *text)
{
	struct typed t = { 0 };

	text = skip_spaces(text);
	t.rest = text;
	if (begins_token(text)) {
		t.kind = TYPED_TOKEN;
		t.verb = VERB_LOGIN;
		return t;
	}
	t.verb = take_verb(text, &t.rest);
	if (t.verb == VERB_NONE)
		return t;
	if (takes_token(t.verb) && begins_token(t.rest))
		t.kind = TYPED_TOKEN;
	else if (takes_code(t.verb) && *t.rest &&
		 token_code_parse(t.rest, strlen(t.rest), t.code) == 0)
		t.kind = TYPED_CODE;
	else if (t.verb != VERB_LOGIN && !*t.rest)
		t.kind = TYPED_VERB;
	return t;
}
