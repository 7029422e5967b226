/*
 * sql_rewrite.c - see sql_rewrite.h.
 */
#include "clinic/sql_rewrite.h"

#include <errno.h>
#include <string.h>

static int number_at(const char *s)
{
	int n = 0;

	for (; *s >= '0' && *s <= '9' && n < 1000; s++)
		n = n * 10 + (*s - '0');
	return n;
}

int sql_rewrite(const char *text, char *buf, size_t cap)
{
	char quote = '\0'; /* the one we are in; doubled, it ends and begins again */
	int highest = 0, n;

	if (strlen(text) >= cap)
		return -ENOSPC;
	for (; *text; text++) {
		*buf = *text;
		if (quote) {
			if (*text == quote)
				quote = '\0';
		} else if (*text == '\'' || *text == '"') {
			quote = *text;
		} else if (*text == '?' && text[1] >= '0' && text[1] <= '9') {
			*buf = '$';
			n = number_at(text + 1);
			if (n > highest)
				highest = n;
		}
		buf++;
	}
	*buf = '\0';
	return highest;
}
