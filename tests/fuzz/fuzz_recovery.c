/*
 * fuzz_recovery.c - the recovery file's parser, which the clinic runs on a stranger's card: whatever decodes must encode to
 * the same bytes. The hash at the end is put right first, or nothing would come through.
 */
#include <stdlib.h>
#include <string.h>

#include "storage/recovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[RECOVERY_BYTES_MAX + 1], again[RECOVERY_BYTES_MAX];
	struct recovery r;
	int n;

	if (size > sizeof(buf))
		return 0;
	memcpy(buf, data, size);
	if (size >= SHA256_LEN)
		crypto_sha256(buf, size - SHA256_LEN, &buf[size - SHA256_LEN]);
	if (recovery_decode(buf, size, &r))
		return 0;
	n = recovery_encode(&r, again, sizeof(again));
	if (n < 0 || (size_t)n != size || memcmp(again, buf, size) != 0)
		abort();
	return 0;
}
