/*
 * fuzz_csr.c - requests for certificates: what is taken has a point of P-256 that stands in the input, with the hash that
 * follows from it, and a serialNumber of printable characters.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/crypto/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct csr csr;

	if (csr_read(data, size, &csr))
		return 0;
	check(csr.public[0] == 0x04);
	check(memmem(data, size, csr.public, P256_PUBLIC_LEN) != NULL);
	check(strlen(csr.serial_number) <= CSR_NAME_MAX);
	for (const char *p = csr.serial_number; *p; p++)
		check(*p >= ' ' && *p <= '~');
	return 0;
}
