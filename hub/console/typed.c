/*
 * typed.c - see typed.h.
 */
#include "hub/console/typed.h"

#include <stdbool.h>
#include <string.h>

#include "hub/core/hex.h"
#include "hub/core/kind.h"

enum { NAME_MAX_CHARS = 24, HASH8_DIGITS = 8 };

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

/* Of what is pasted: "HT1:", "HN1:". */
static bool begins(const char *p, char what)
{
	return lower(p[0]) == 'h' && lower(p[1]) == what && p[2] == '1' && p[3] == ':';
}

static bool begins_token(const char *p)
{
	return begins(p, 't');
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

/* "bp". */
static bool get_kind(const char *rest, uint64_t *ret)
{
	char name[NAME_MAX_CHARS] = "";
	bool fits = true;
	const char *end = take_word(rest, name, &fits);

	*ret = fits && !*end ? (uint64_t)kind_named(name) : READING_NONE;
	return *ret != READING_NONE;
}

/* "1a2b3c4d". */
static bool get_hash8(const char *rest, uint64_t *ret)
{
	char digits[NAME_MAX_CHARS] = "";
	bool fits = true;
	const char *end = take_word(rest, digits, &fits);

	*ret = 0;
	if (!fits || *end || strlen(digits) != HASH8_DIGITS)
		return false;
	for (const char *p = digits; *p; p++) {
		if (hex_digit(*p) < 0)
			return false;
		*ret = *ret << 4 | (uint64_t)hex_digit(*p);
	}
	return true;
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
	else if (t.verb == VERB_NET_SET && begins(t.rest, 'n'))
		t.kind = TYPED_TEMPLATE;
	else if (takes_code(t.verb) && *t.rest &&
		 token_code_parse(t.rest, strlen(t.rest), t.code) == 0)
		t.kind = TYPED_CODE;
	else if (t.verb == VERB_PAIR)
		t.kind = get_kind(t.rest, &t.number) ? TYPED_VERB : TYPED_NOTHING;
	else if (t.verb == VERB_UNPAIR)
		t.kind = get_hash8(t.rest, &t.number) ? TYPED_VERB : TYPED_NOTHING;
	else if (t.verb != VERB_LOGIN && !*t.rest)
		t.kind = TYPED_VERB;
	return t;
}
