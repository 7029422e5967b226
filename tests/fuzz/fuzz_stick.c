/*
 * fuzz_stick.c - a technician's file in pieces: however it is cut, the same items come, within their limits.
 *
 * The first byte is the size of the pieces.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/stick.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
	uint64_t items, octets;
	int end;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static struct told read_in(const uint8_t *data, size_t size, size_t piece)
{
	static struct stick_reader r;
	struct told t = { 0 };

	stick_reader_init(&r);
	while (size > 0 && t.end == 0) {
		size_t len = size < piece ? size : piece, used;
		int item = stick_read(&r, data, len, &used);

		check(used <= len && (used > 0 || item < 0));
		check(item != STICK_MORE || used == len);
		data += used;
		size -= used;
		if (item < 0)
			t.end = item;
		t.items += item > 0;
		if (item == STICK_BATCH)
			check(r.batch_len >= 1 && r.batch_len <= STICK_BATCH_MAX);
		t.octets += item == STICK_BATCH ? r.batch_len : 0;
		if (item == STICK_END)
			check(stick_at_end(&r) && r.end.batches == r.batches &&
			      r.end.first <= r.end.last);
	}
	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told whole, cut;

	if (size < 1)
		return 0;
	whole = read_in(data + 1, size - 1, size);
	cut = read_in(data + 1, size - 1, data[0] ? data[0] : 1);
	check(whole.items == cut.items && whole.octets == cut.octets &&
	      whole.end == cut.end);
	return 0;
}
