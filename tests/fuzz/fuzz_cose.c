/*
 * fuzz_cose.c - COSE_Sign1: what parses has payload and signature inside the input, and frames to the shortest
 * form of the same. Longer forms of lengths are read (nothing relies on the frame's own bytes).
 */
#include <stdlib.h>
#include <string.h>

#include "hub/core/cose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static bool is_inside(const uint8_t *p, size_t len, const uint8_t *data, size_t size)
{
	return p >= data && len <= size && (size_t)(p - data) <= size - len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cose_sign1 frame, again;
	uint8_t *buf;
	int n;

	if (cose_parse(data, size, &frame))
		return 0;
	check(is_inside(frame.payload, frame.payload_len, data, size));
	check(is_inside(frame.signature, COSE_SIGNATURE_LEN, data, size));
	/* as long as it must be and not a byte more: the sanitizer sees what goes over it */
	buf = malloc(size);
	check(buf != NULL);
	n = cose_frame(frame.payload, frame.payload_len, frame.signature, buf, size);
	check(n >= 0 && cose_parse(buf, (size_t)n, &again) == 0);
	check(again.payload_len == frame.payload_len &&
	      memcmp(again.payload, frame.payload, frame.payload_len) == 0 &&
	      memcmp(again.signature, frame.signature, COSE_SIGNATURE_LEN) == 0);
	free(buf);
	buf = malloc(frame.payload_len + COSE_OVERHEAD_MAX);
	check(buf != NULL);
	n = cose_to_be_signed("hub batch v1", frame.payload, frame.payload_len, buf,
			      frame.payload_len + COSE_OVERHEAD_MAX);
	check(n > 0);
	free(buf);
	return 0;
}
