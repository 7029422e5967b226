/*
 * words.c - see words.h.
 */
#include "hub/measure/words.h"

#include <string.h>

#include "hub/core/hex.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

const char *words_line(const char **at, const char *end, size_t *ret_len)
{
	const char *line = *at, *stop;

	if (line >= end)
		return NULL;
	stop = memchr(line, '\n', (size_t)(end - line));
	*ret_len = (size_t)((stop ? stop : end) - line);
	*at = stop ? stop + 1 : end;
	return line;
}

void words_skip(struct words *w)
{
	while (w->p < w->end && is_space(*w->p))
		w->p++;
}

struct words words_next(struct words *w)
{
	struct words word;

	words_skip(w);
	word = (struct words){ w->p, w->p, false };
	while (w->p < w->end && !is_space(*w->p))
		w->p++;
	word.end = w->p;
	w->bad |= word.p == word.end;
	return word;
}

uint64_t words_number(struct words *w, struct words word, unsigned base)
{
	uint64_t v = 0;

	if (word.p == word.end || word.end - word.p > 20)
		w->bad = true;
	for (; word.p < word.end && !w->bad; word.p++) {
		int digit = hex_digit(*word.p);

		w->bad |= digit < 0 || (unsigned)digit >= base ||
			  v > (UINT64_MAX - (unsigned)digit) / base;
		if (!w->bad)
			v = v * base + (unsigned)digit;
	}
	return w->bad ? 0 : v;
}

bool words_is(struct words word, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(word.end - word.p) == len && memcmp(word.p, text, len) == 0;
}
