/*
 * fuzz_enrol_words.c - what a clinic may answer to a confirmation: what is taken is within its limits, or nothing is written.
 */
#include <stdlib.h>
#include <string.h>

#include "coap/enrol_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct enrol_confirmed said, before;
	uint32_t epoch = 0;

	memset(&said, 0x5a, sizeof(said));
	before = said;
	if (enrol_hear_confirmed(data, size, &said) == 0)
		check(said.config_version <= INT64_MAX &&
		      said.now.quality <= CLOCK_QUALITY_CLINIC);
	else
		check(memcmp(&said, &before, sizeof(said)) == 0);
	check((enrol_hear_epoch(data, size, &epoch) == 0) == (epoch != 0));
	return 0;
}
