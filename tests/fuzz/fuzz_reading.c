/*
 * fuzz_reading.c - the body of a reading: what decodes encodes, not longer, and decodes to the same.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/core/reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Longer than READING_BODY_MAX is possible, with many codes beside many octets. */
enum { BODY_MAX = 2 * READING_BODY_MAX };

static size_t encode(const struct reading *rd, uint8_t buf[static BODY_MAX])
{
	int n = reading_encode(rd, buf, BODY_MAX);

	if (n < 0)
		abort();
	return (size_t)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[BODY_MAX], second[BODY_MAX];
	static struct reading rd, again;
	size_t n;

	if (reading_decode(data, size, &rd))
		return 0;
	if (rd.raw_len > READING_RAW_MAX || rd.decoded.value_count > READING_VALUES_MAX)
		abort();
	n = encode(&rd, first);
	if (n > size)
		abort();
	/* padding too: both come from zeroed memory */
	if (reading_decode(first, n, &again) || memcmp(&rd, &again, sizeof(rd)) != 0)
		abort();
	if (encode(&again, second) != n || memcmp(first, second, n) != 0)
		abort();
	return 0;
}
