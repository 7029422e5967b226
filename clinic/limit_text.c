/*
 * limit_text.c - see limit_text.h.
 */
#include "clinic/limit_text.h"

#include <stdio.h>
#include <string.h>

enum { MILLI = 1000, DIGITS = 3 };

/* Without zeros at its end. Returns the length. */
static size_t put(char *buf, size_t cap, bool has, int32_t milli)
{
	int n = has ? snprintf(buf, cap, "%d.%03d", milli / MILLI, milli % MILLI) : 0;

	while (n > 0 && buf[n - 1] == '0')
		n--;
	if (n > 0 && buf[n - 1] == '.')
		n--;
	buf[n] = '\0';
	return (size_t)n;
}

char *limit_text(const struct limit *l, char buf[static LIMIT_TEXT_MAX])
{
	size_t n = put(buf, LIMIT_TEXT_MAX, l->has_low, l->low_milli);

	buf[n++] = '.';
	buf[n++] = '.';
	put(buf + n, LIMIT_TEXT_MAX - n, l->has_high, l->high_milli);
	return buf;
}

/* Up to 'end'; nothing at all is no limit. */
static bool parse_one(const char *s, const char *end, bool *ret_has, int32_t *ret_milli)
{
	int64_t milli = 0;
	int behind = -1; /* digits behind the point; -1: it has not come */

	*ret_has = s < end;
	for (; s < end; s++) {
		if (*s == '.' && behind < 0) {
			behind = 0;
			continue;
		}
		if (*s < '0' || *s > '9' || behind == DIGITS || milli > LIMIT_MILLI_MAX)
			return false;
		milli = milli * 10 + (*s - '0');
		behind += behind >= 0;
	}
	if (*ret_has && (end[-1] == '.' || behind == 0))
		return false;
	for (int i = behind < 0 ? 0 : behind; i < DIGITS; i++)
		milli *= 10;
	*ret_milli = (int32_t)(milli > LIMIT_MILLI_MAX ? LIMIT_MILLI_MAX + 1 : milli);
	return true;
}

bool limit_parse(const char *name, const char *text, struct limit *ret)
{
	const char *dots = strstr(text, "..");
	struct limit l = { .vital = VALUE_NONE };

	for (int v = VALUE_NONE + 1; v <= VALUE_NAME_LAST; v++)
		if (limit_unit((enum value_name)v) != UNIT_NONE &&
		    strcmp(name, value_name_text((enum value_name)v)) == 0)
			l.vital = (enum value_name)v;
	if (!dots || !parse_one(text, dots, &l.has_low, &l.low_milli) ||
	    !parse_one(dots + 2, text + strlen(text), &l.has_high, &l.high_milli) ||
	    !limit_good(&l))
		return false;
	*ret = l;
	return true;
}
