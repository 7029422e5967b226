/*
 * fuzz_msg.c - messages between the hub's processes: what decodes must encode to the same bytes.
 *
 * An ACK carries the clinic's reply, in which unknown keys are skipped: of it only the second encoding is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/core/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t encode(const struct msg *m, uint8_t buf[static MSG_BYTES_MAX])
{
	int n = msg_encode(m, buf, MSG_BYTES_MAX);

	if (n < 0)
		abort();
	return (size_t)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[MSG_BYTES_MAX], second[MSG_BYTES_MAX];
	static struct msg m, again;
	size_t n;

	if (msg_decode(data, size, &m))
		return 0;
	n = encode(&m, first);
	if (m.kind != MSG_ACK && (n != size || memcmp(first, data, n) != 0))
		abort();
	/* padding too: both come from zeroed memory */
	if (msg_decode(first, n, &again) || memcmp(&m, &again, sizeof(m)) != 0)
		abort();
	if (encode(&again, second) != n || memcmp(first, second, n) != 0)
		abort();
	return 0;
}
