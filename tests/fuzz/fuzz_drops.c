/*
 * fuzz_drops.c - the packet filter's counters, and what hub-measure keeps of them.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/measure/drops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct drops now = { 0 }, told = { 0 };
	uint8_t again[DROPS_BYTES_MAX];
	uint64_t n[DROPS_COUNTERS];
	int len;

	if (drops_parse((const char *)data, size, &now) == 0) {
		drops_since(&told, &now, n);
		check(memcmp(n, now.packets, sizeof(n)) == 0);
		drops_since(&now, &now, n);
		for (size_t i = 0; i < DROPS_COUNTERS; i++)
			check(n[i] == 0);
	}
	if (drops_decode(data, size, &told) == 0) {
		len = drops_encode(&told, again, sizeof(again));
		check(len > 0 && drops_decode(again, (size_t)len, &now) == 0);
		check(memcmp(&now, &told, sizeof(now)) == 0);
	}
	return 0;
}
