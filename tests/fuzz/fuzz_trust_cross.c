/*
 * fuzz_trust_cross.c - three certificates from outside: the root that a hub has, one that is offered, and the word of the first
 * for the second; nothing of what vouches may be missing.
 *
 * The input: length of the first u16, of the second u16, the first, the second, the third.
 */
#include <stdlib.h>

#include "hub/core/cursor.h"
#include "hub/crypto/trust_cross.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *root, *next, *cross;
	size_t root_len, next_len, cross_len;
	struct reader r;

	reader_init(&r, data, size);
	root_len = read_be16(&r);
	next_len = read_be16(&r);
	root = read_span(&r, root_len);
	next = read_span(&r, next_len);
	cross_len = reader_left(&r);
	cross = read_span(&r, cross_len);
	if (!reader_ok(&r) || !root || !next || !cross)
		return 0;
	if (trust_cross_check(root, root_len, next, next_len, cross, cross_len) == 0 &&
	    trust_cross_check(root, root_len, next, next_len, cross, cross_len - 1) == 0)
		abort();
	return 0;
}
