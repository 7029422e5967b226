/*
 * fuzz_slots.c - the key file's parser: whatever decodes must encode to the same bytes; of older versions, which are
 * only read, all after the version must, and of version 1 all after the head.
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
	/* magic and version; then ours has the provider, too */
	head = s.version < SLOTS_VERSION ? 5 : 0;
	more = s.version == 1 ? 1 : 0;
	n = slots_encode(&s, again, sizeof(again));
	if (n < 0 || (size_t)n != covered + more ||
	    memcmp(again + head + more, data + head, covered - head) != 0 ||
	    memcmp(s.tag, data + covered, sizeof(s.tag)) != 0)
		abort();
	return 0;
}
