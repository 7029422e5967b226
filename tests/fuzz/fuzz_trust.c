/*
 * fuzz_trust.c - the payload of clinic.trust: what is taken is within its limits, encodes, and is taken again as the same.
 * Longer forms of numbers are read, so the bytes may differ.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/core/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_endpoint(const struct config_endpoint *e)
{
	check(memchr(e->name, '\0', sizeof(e->name)) != NULL && e->name[0]);
	check(e->port != 0 && e->pin_count >= 1 && e->pin_count <= CONFIG_PINS_MAX);
}

static void check_limits(const struct trust *t)
{
	check(t->endpoint_count >= 1 && t->endpoint_count <= CONFIG_ENDPOINTS_MAX);
	for (size_t i = 0; i < t->endpoint_count; i++)
		check_endpoint(&t->endpoints[i]);
	check_endpoint(&t->enrol);
	check(t->root_len > 255 && t->root_len <= TRUST_ROOT_MAX && t->root[0] == 0x30);
	check(t->config_public[0] == 4 && t->expires_s >= 0);
	check(memchr(t->clinic, '\0', sizeof(t->clinic)) != NULL && t->clinic[0]);
	for (const char *p = t->clinic; *p; p++)
		check((unsigned char)*p >= ' ' && *p != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[TRUST_PAYLOAD_MAX], second[TRUST_PAYLOAD_MAX];
	static struct trust t, again;
	const char *field = NULL;
	int n, r = trust_decode(data, size, &t, &field);

	if (r) {
		check(field != NULL);
		return 0;
	}
	check_limits(&t);
	n = trust_encode(&t, first, sizeof(first));
	check(n > 0 && (size_t)n <= size);
	check(trust_decode(first, (size_t)n, &again, &field) == 0);
	check(memcmp(&t, &again, sizeof(t)) == 0); /* padding too: from zeroed memory */
	check(trust_encode(&again, second, sizeof(second)) == n);
	check(memcmp(first, second, (size_t)n) == 0);
	return 0;
}
