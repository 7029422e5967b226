/*
 * fuzz_status.c - what a hub says of itself: what is taken keeps its bounds, and can be written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/core/batch.h"
#include "hub/core/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t a[BATCH_STATUS_MAX], b[BATCH_STATUS_MAX];
	struct status s, again;
	int n;

	if (status_decode(data, size, &s))
		return 0;
	check(s.level <= STATUS_LEVEL_MAX && s.device_count <= STATUS_DEVICES_MAX);
	for (size_t i = 0; i < s.device_count; i++)
		check(s.devices[i].num > (i ? s.devices[i - 1].num : 0));
	n = status_encode(&s, a, sizeof(a));
	check(n > 0);
	check(status_decode(a, (size_t)n, &again) == 0);
	check(status_same(&s, &again));
	check(status_encode(&again, b, sizeof(b)) == n);
	check(memcmp(a, b, (size_t)n) == 0);
	return 0;
}
