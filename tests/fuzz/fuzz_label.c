/*
 * fuzz_label.c - what is typed as a label: what is taken encodes to the same characters, what is refused is said in words,
 * with a place that is on the label.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/core/base32.h"
#include "hub/core/label.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_fault(const struct label_fault *f)
{
	char words[LABEL_FAULT_WORDS_MAX] = { 0 };

	check(f->kind != LABEL_FAULT_NONE);
	check(f->group >= 1 && f->group <= LABEL_GROUPS);
	check(f->place >= 1 && f->place <= LABEL_GROUP_CHARS);
	label_fault_words(f, words);
	check(words[0] && strlen(words) < LABEL_FAULT_WORDS_MAX - 1); /* not cut */
	for (const char *p = words; *p; p++)
		check(*p >= ' ' && *p < 0x7f);
}

/* The characters of a label among others, in order, are those of text. */
static void check_same(const char *typed, size_t len, const char *text)
{
	const char *colon = memchr(typed, ':', len);
	size_t n = 0;

	for (const char *p = colon ? colon + 1 : typed; p < typed + len; p++) {
		if (base32_value(*p) < 0)
			continue;
		check(n < LABEL_CHARS && base32_value(*p) == base32_value(text[n]));
		n++;
	}
	check(n == LABEL_CHARS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t hash[LABEL_HASH_LEN];
	char text[LABEL_TEXT_MAX];
	struct label_fault f = { 0 };

	if (label_parse((const char *)data, size, hash, &f) < 0) {
		check_fault(&f);
		return 0;
	}
	check_same((const char *)data, size, label_encode(hash, text) + 5);
	return 0;
}
