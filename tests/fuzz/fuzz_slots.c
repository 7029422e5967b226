/*
 * fuzz_slots.c - the key file's parser: whatever decodes must encode to the same bytes; of version 1, which is only
 * read, all after the head must.
 */
#include <stdlib.h>
#include <string.h>

#include "storage/slots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[SLOTS_BYTES_MAX];
	struct slots s;
	size_t covered, head, more;
	int n;

	if (slots_decode(data, size, &s, &covered))
		return 0;
	head = s.version_1 ? 5
			   : 0; /* magic and version: then ours has the provider, too */
	more = s.version_1 ? 1 : 0;
	n = slots_encode(&s, again, sizeof(again));
	if (n < 0 || (size_t)n != covered + more ||
	    memcmp(again + head + more, data + head, covered - head) != 0 ||
	    memcmp(s.tag, data + covered, sizeof(s.tag)) != 0)
		abort();
	return 0;
}
