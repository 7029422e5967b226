/*
 * fuzz_segment.c - joining of segments: nothing comes out that was not put in, and never
 * too much.
 *
 * Input: [length u8][octets]... each one segment; a length beyond the end takes what is
 * there.
 */
#include <errno.h>
#include <stdlib.h>

#include "ble/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct segment_join join;

/* Octets that are with the joiner: put in, and not yet given back. */
static void add(const uint8_t *buf, size_t len, size_t *held)
{
	const uint8_t *whole = NULL;
	size_t whole_len = 0;
	int r = segment_add(&join, buf, len, &whole, &whole_len);

	if (r == -ECANCELED) {
		if (whole_len != *held || segment_is_open(&join))
			abort();
		*held = 0;
		r = segment_add(&join, buf, len, &whole, &whole_len);
	}
	switch (r) {
	case 1:
		if (whole_len != *held + len - 1 || segment_is_open(&join))
			abort();
		*held = 0;
		break;
	case 0:
		if (!segment_is_open(&join))
			abort();
		*held += len - 1;
		break;
	case -EPROTO:
	case -ENOSPC:
		if (whole_len != *held || segment_is_open(&join))
			abort();
		*held = 0;
		break;
	case -EMSGSIZE:
		if (len != 0)
			abort();
		break;
	default: abort();
	}
	if (*held > SEGMENT_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *part;
	size_t held = 0, len;

	join = (struct segment_join){ 0 };
	while (size > 0) {
		size_t n = data[0] < size - 1 ? data[0] : size - 1;

		add(data + 1, n, &held);
		data += 1 + n;
		size -= 1 + n;
	}
	segment_take(&join, &part, &len);
	if (len != held)
		abort();
	return 0;
}
