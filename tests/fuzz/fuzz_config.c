/*
 * fuzz_config.c - the configuration document: what is taken is within its limits, encodes, and is taken again as
 * the same. Longer forms of numbers are read, so the bytes may differ.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/core/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_limits(const struct config *c)
{
	check(c->device_count <= CONFIG_DEVICES_MAX);
	for (size_t i = 0; i < c->device_count; i++)
		check(c->devices[i].num > 0);
	check(c->endpoint_count >= 1 && c->endpoint_count <= CONFIG_ENDPOINTS_MAX);
	for (size_t i = 0; i < c->endpoint_count; i++) {
		const struct config_endpoint *e = &c->endpoints[i];

		check(memchr(e->name, '\0', sizeof(e->name)) != NULL && e->name[0]);
		check(e->pin_count >= 1 && e->pin_count <= CONFIG_PINS_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[CONFIG_BYTES_MAX], second[CONFIG_BYTES_MAX];
	static struct config c, again;
	const char *field = NULL;
	int n, r = config_decode(data, size, &c, &field);

	if (r) {
		check(field != NULL);
		return 0;
	}
	check_limits(&c);
	n = config_encode(&c, first, sizeof(first));
	check(n > 0 && (size_t)n <= size);
	check(config_decode(first, (size_t)n, &again, &field) == 0);
	check(memcmp(&c, &again, sizeof(c)) == 0); /* padding too: from zeroed memory */
	check(config_encode(&again, second, sizeof(second)) == n);
	check(memcmp(first, second, (size_t)n) == 0);
	return 0;
}
