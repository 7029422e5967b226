/*
 * fuzz_identity.c - the parser of the identity files, behind their hash: whatever decodes must encode to the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "coap/identity_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t file[IDENTITY_FILE_MAX + 64], again[IDENTITY_FILE_MAX];
	struct identity_state state;
	struct identity_key key;
	size_t len = size + SHA256_LEN;

	if (len > sizeof(file))
		return 0;
	memcpy(file, data, size);
	crypto_sha256(data, size, file + size);
	if (identity_key_decode(file, len, &key) == 0 &&
	    (identity_key_encode(&key, again) != len || memcmp(again, file, len) != 0))
		abort();
	if (identity_state_decode(file, len, &state) == 0) {
		identity_state_encode(&state, again);
		if (len != IDENTITY_STATE_LEN || memcmp(again, file, len) != 0)
			abort();
	}
	return 0;
}
