/*
 * fuzz_certs_only.c - certificates in one piece: what is taken lies in the input, one behind the other, and makes the same
 * again.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/certs_only.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[CERTS_ONLY_LEN_MAX];
	struct certs_only c, again;
	int n;

	if (certs_only_decode(data, size, &c))
		return 0;
	check(c.count > 0 && c.count <= CERTS_ONLY_MAX);
	for (size_t i = 0; i < c.count; i++)
		check(c.certs[i].der > data && c.certs[i].len >= 2 &&
		      c.certs[i].der + c.certs[i].len <= data + size &&
		      (i == 0 ||
		       c.certs[i].der == c.certs[i - 1].der + c.certs[i - 1].len));
	n = certs_only_encode(&c, buf, sizeof(buf));
	check(n > 0 && (size_t)n <= size); /* lists of revoked ones are left out */
	check(certs_only_decode(buf, (size_t)n, &again) == 0 && again.count == c.count);
	for (size_t i = 0; i < c.count; i++)
		check(again.certs[i].len == c.certs[i].len &&
		      memcmp(again.certs[i].der, c.certs[i].der, c.certs[i].len) == 0);
	return 0;
}
