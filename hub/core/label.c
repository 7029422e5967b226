/*
 * label.c - see label.h.
 */
#include "hub/core/label.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "hub/core/base32.h"

enum { DATA_CHARS = 52, CHECK_CHARS = 4, SYMBOLS = 32 };

_Static_assert(BASE32_LEN(LABEL_HASH_LEN) == DATA_CHARS, "the hash");
_Static_assert(DATA_CHARS + CHECK_CHARS == LABEL_CHARS, "and its check");
_Static_assert(LABEL_GROUPS *LABEL_GROUP_CHARS == LABEL_CHARS, "in groups");

static const char prefix[] = "HUB1:";
enum { PREFIX_LEN = sizeof(prefix) - 1 };

/* --- the check ------------------------------------------------------------------------ */

/* g without its x^4, from x^3 down. */
static const uint8_t generator[CHECK_CHARS] = { 1, 7, 1, 1 };

/* A product in GF(32), modulo a^5 + a^3 + 1. */
static uint8_t multiply(uint8_t x, uint8_t y)
{
	unsigned product = 0;

	for (unsigned bit = 16; bit; bit >>= 1) {
		product <<= 1;
		if (product & 32)
			product ^= 0x29;
		if (y & bit)
			product ^= x;
	}
	return (uint8_t)product;
}

/* A remainder modulo g, from x^3 down: rest = rest * x + symbol. */
static void feed(uint8_t rest[static CHECK_CHARS], uint8_t symbol)
{
	uint8_t top = rest[0];

	for (size_t i = 0; i < CHECK_CHARS; i++) {
		uint8_t next = i + 1 < CHECK_CHARS ? rest[i + 1] : symbol;

		rest[i] = next ^ multiply(top, generator[i]);
	}
}

static void feed_prefix(uint8_t rest[static CHECK_CHARS])
{
	memset(rest, 0, CHECK_CHARS);
	for (size_t i = 0; i < PREFIX_LEN; i++) {
		feed(rest, (uint8_t)prefix[i] >> 5);
		feed(rest, (uint8_t)prefix[i] & 31);
	}
}

/* --- out ------------------------------------------------------------------------------ */

char *label_encode(const uint8_t spki[static LABEL_HASH_LEN],
		   char ret[static LABEL_TEXT_MAX])
{
	uint8_t rest[CHECK_CHARS];
	char *text = ret + PREFIX_LEN;

	memcpy(ret, prefix, PREFIX_LEN);
	base32_encode(spki, LABEL_HASH_LEN, text);
	feed_prefix(rest);
	for (size_t i = 0; i < DATA_CHARS; i++)
		feed(rest, (uint8_t)base32_value(text[i]));
	for (size_t i = 0; i < CHECK_CHARS; i++)
		feed(rest, 0);
	for (size_t i = 0; i < CHECK_CHARS; i++)
		text[DATA_CHARS + i] = base32_letter(rest[i]);
	text[LABEL_CHARS] = '\0';
	return ret;
}

char *label_group(const uint8_t spki[static LABEL_HASH_LEN],
		  char ret[static LABEL_GROUPED_MAX])
{
	char text[LABEL_TEXT_MAX];
	const char *from = label_encode(spki, text) + PREFIX_LEN;
	char *to = ret;

	for (size_t i = 0; i < LABEL_CHARS; i++) {
		if (i > 0 && i % LABEL_GROUP_CHARS == 0)
			*to++ = ' ';
		*to++ = from[i];
	}
	*to = '\0';
	return ret;
}

char *label_code(const uint8_t hub[static LABEL_HUB_LEN], char ret[static LABEL_CODE_MAX])
{
	uint32_t v = 0;

	for (size_t i = 0; i < sizeof(v); i++)
		v = v << 8 | hub[i];
	for (size_t i = 0; i < LABEL_CODE_MAX - 1; i++)
		ret[i] = '-';
	for (size_t i = 0; i < LABEL_CODE_MAX; i += 2, v /= 6)
		ret[i] = (char)('1' + v % 6);
	ret[LABEL_CODE_MAX - 1] = '\0';
	return ret;
}

/* --- in ------------------------------------------------------------------------------- */

static bool is_separator(char c)
{
	return c == ' ' || c == '-' || c == '\t' || c == '\r' || c == '\n';
}

static char to_upper(char c)
{
	if (c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	return c;
}

/* What people write in the place of a letter. */
static char likely(char c)
{
	switch (c) {
	case '0': return 'O';
	case '1': return 'I';
	case '8': return 'B';
	}
	return '\0';
}

static int fail(struct label_fault *f, enum label_fault_kind kind, size_t at)
{
	f->kind = kind;
	f->group = (unsigned)(at / LABEL_GROUP_CHARS) + 1;
	f->place = (unsigned)(at % LABEL_GROUP_CHARS) + 1;
	return -EBADMSG;
}

/* What stands in front of a ':' says which kind of label it is; without one it is taken for ours. Returns how many bytes
 * are to be passed over, or -EBADMSG. */
static int pass_prefix(const char *text, size_t len, struct label_fault *f)
{
	const char *colon = memchr(text, ':', len);
	size_t n = 0;

	if (!colon)
		return 0;
	for (const char *p = text; p <= colon; p++) {
		if (is_separator(*p))
			continue;
		if (n >= PREFIX_LEN || to_upper(*p) != prefix[n])
			return fail(f, LABEL_FAULT_PREFIX, 0);
		n++;
	}
	if (n != PREFIX_LEN)
		return fail(f, LABEL_FAULT_PREFIX, 0);
	return (int)(colon + 1 - text);
}

/* The characters one after the other, and how they were grouped. */
struct typed {
	uint8_t values[LABEL_CHARS];
	char chars[LABEL_CHARS];
	size_t count; /* all of them, also what is too much */
	size_t group_count[LABEL_GROUPS + 1];
	size_t groups;
};

static void take(struct typed *t, char c, bool new_group)
{
	if (new_group && t->groups <= LABEL_GROUPS)
		t->groups++;
	t->group_count[t->groups - 1]++;
	if (t->count < LABEL_CHARS) {
		int v = base32_value(c);

		t->chars[t->count] = c;
		t->values[t->count] = v < 0 ? SYMBOLS : (uint8_t)v;
	}
	t->count++;
}

/* Who typed eight groups is told which one has not seven. */
static int check_form(const struct typed *t, struct label_fault *f)
{
	for (size_t i = 0; i < t->count && i < LABEL_CHARS; i++) {
		if (t->values[i] < SYMBOLS)
			continue;
		f->found = t->chars[i];
		f->meant = likely(t->chars[i]);
		return fail(f, LABEL_FAULT_CHARACTER, i);
	}
	if (t->count == LABEL_CHARS)
		return 0;
	f->count = t->count;
	if (t->groups != LABEL_GROUPS)
		return fail(f, LABEL_FAULT_LENGTH, 0);
	for (size_t i = 0; i < LABEL_GROUPS; i++) {
		if (t->group_count[i] == LABEL_GROUP_CHARS)
			continue;
		f->count = t->group_count[i];
		return fail(f, LABEL_FAULT_GROUP, i * LABEL_GROUP_CHARS);
	}
	return 0;
}

static bool is_multiple(const uint8_t rest[static CHECK_CHARS],
			const uint8_t power[static CHECK_CHARS], uint8_t e)
{
	for (size_t i = 0; i < CHECK_CHARS; i++)
		if (rest[i] != multiply(power[i], e))
			return false;
	return true;
}

/* One wrong character leaves e * x^n: looks for the place and the e of a remainder. */
static int check_sum(const struct typed *t, struct label_fault *f)
{
	uint8_t rest[CHECK_CHARS], power[CHECK_CHARS] = { 0, 0, 0, 1 };
	static const uint8_t none[CHECK_CHARS];

	feed_prefix(rest);
	for (size_t i = 0; i < LABEL_CHARS; i++)
		feed(rest, t->values[i]);
	if (memcmp(rest, none, sizeof(none)) == 0)
		return 0;
	for (size_t at = LABEL_CHARS; at-- > 0; feed(power, 0)) {
		for (unsigned e = 1; e < SYMBOLS; e++) {
			if (!is_multiple(rest, power, (uint8_t)e))
				continue;
			f->found = to_upper(t->chars[at]);
			f->meant = base32_letter(t->values[at] ^ e);
			return fail(f, LABEL_FAULT_ONE, at);
		}
	}
	return fail(f, LABEL_FAULT_CHECK, 0);
}

int label_parse(const char *text, size_t len, uint8_t ret_spki[static LABEL_HASH_LEN],
		struct label_fault *ret_fault)
{
	struct label_fault f = { 0 };
	uint8_t spki[LABEL_HASH_LEN];
	struct typed t = { 0 };
	bool new_group = true;
	int at = pass_prefix(text, len, &f), r;

	for (size_t i = (size_t)at; at >= 0 && i < len; i++) {
		if (!is_separator(text[i]))
			take(&t, text[i], new_group);
		new_group = is_separator(text[i]);
	}
	r = at < 0 ? at : check_form(&t, &f);
	if (r == 0)
		r = check_sum(&t, &f);
	/* the bits that are over are 0 in each label; the check found nothing, so this was made, not mistyped */
	if (r == 0 && base32_decode(t.chars, spki, sizeof(spki)) < 0)
		r = fail(&f, LABEL_FAULT_CHECK, 0);
	if (r < 0)
		*ret_fault = f;
	else
		memcpy(ret_spki, spki, sizeof(spki));
	return r;
}

static void say_character(const struct label_fault *f, const char *place, char *to)
{
	bool shown = f->found > ' ' && f->found < 0x7f;
	char found[] = "'?'", hint[] = "; is it an ??";

	found[1] = f->found;
	hint[sizeof(hint) - 3] = f->meant;
	snprintf(to, LABEL_FAULT_WORDS_MAX,
		 "group %u has %s as its %s character; a label has only the letters A to "
		 "Z "
		 "and the digits 2 to 7%s",
		 f->group, shown ? found : "something that is no letter", place,
		 f->meant ? hint : "");
}

char *label_fault_words(const struct label_fault *f,
			char ret[static LABEL_FAULT_WORDS_MAX])
{
	static const char *const nth[] = { "?",	  "1st", "2nd", "3rd",
					   "4th", "5th", "6th", "7th" };
	const char *place = f->place <= LABEL_GROUP_CHARS ? nth[f->place] : nth[0];
	size_t cap = LABEL_FAULT_WORDS_MAX;

	switch (f->kind) {
	case LABEL_FAULT_NONE: snprintf(ret, cap, "nothing is wrong"); break;
	case LABEL_FAULT_PREFIX:
		snprintf(ret, cap,
			 "it begins with something else than 'HUB1:'; it is the label of "
			 "another thing, or of a newer hub");
		break;
	case LABEL_FAULT_CHARACTER: say_character(f, place, ret); break;
	case LABEL_FAULT_GROUP:
		snprintf(ret, cap, "group %u has %zu characters; each has %d", f->group,
			 f->count, LABEL_GROUP_CHARS);
		break;
	case LABEL_FAULT_LENGTH:
		snprintf(ret, cap, "it has %zu characters; a label has %d groups of %d",
			 f->count, LABEL_GROUPS, LABEL_GROUP_CHARS);
		break;
	case LABEL_FAULT_ONE:
		snprintf(ret, cap,
			 "group %u does not check; look at its %s character: it is '%c', "
			 "should it be '%c'?",
			 f->group, place, f->found, f->meant);
		break;
	case LABEL_FAULT_CHECK:
		snprintf(
			ret, cap,
			"it does not check: more than one character is wrong, or two are "
			"swapped; in which group cannot be said");
		break;
	}
	return ret;
}
