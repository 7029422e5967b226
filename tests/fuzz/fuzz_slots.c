/*
 * fuzz_slots.c - the key file's parser: whatever decodes must encode to the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "storage/slots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[SLOTS_BYTES_MAX];
	struct slots s;
	size_t covered;
	int n;

	if (slots_decode(data, size, &s, &covered))
		return 0;
	n = slots_encode(&s, again, sizeof(again));
	if (n < 0 || (size_t)n != covered || memcmp(again, data, covered) != 0 ||
	    memcmp(s.tag, data + covered, sizeof(s.tag)) != 0)
		abort();
	return 0;
}
