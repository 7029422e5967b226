/*
 * fuzz_manifest.c - a manifest's parser: whatever decodes must encode to the same bytes and keep its invariants.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/core/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[MANIFEST_PAYLOAD_MAX];
	struct manifest m;
	int n;

	if (manifest_decode(data, size, &m))
		return 0;
	n = manifest_encode(&m, again, sizeof(again));
	if (n < 0 || (size_t)n != size || memcmp(again, data, size) != 0)
		abort();
	if (m.counter == 0 || m.first == 0 || m.last + 1 < m.first || m.acked > m.last)
		abort();
	if (m.has_days && m.to_day + 1 < m.from_day)
		abort();
	return 0;
}
