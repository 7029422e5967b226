#pragma once

/*
 * words.h - lines, words and numbers of a text that another program or the kernel made, bounded. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left of a line, borrowed; or a word of it. Bad: something was not there, or not a number; it stays bad. */
struct words {
	const char *p, *end;
	bool bad;
};

/* words_line - the next line of a text: *at goes behind it. Returns NULL at the end. */
const char *words_line(const char **at, const char *end, size_t *ret_len);

/* words_skip - spaces and tabs. */
void words_skip(struct words *w);
/* words_next - the next word; empty, and w is bad, if there is none. */
struct words words_next(struct words *w);
/* words_number - of a word of w; 0, and w is bad, if it is none of this base, 2..16, or more than 64 bits. */
uint64_t words_number(struct words *w, struct words word, unsigned base);
/* words_is - is the word this text? */
bool words_is(struct words word, const char *text);
