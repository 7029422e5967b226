/*
 * fuzz_ranges.c - the block of settled numbers, and sets of them: whatever decodes must encode to the same bytes;
 * a set holds what was added last, in order, and nothing else.
 *
 * First octet 0: a block; its checksum is made to fit. Else: steps of three octets each: what, first, length.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/cursor.h"
#include "storage/crc32.h"
#include "storage/ranges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NUMBERS = 300, CAP = 12, STEPS = 60 };

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void one_block(const uint8_t *data, size_t size)
{
	static struct ranges_block b;
	uint8_t buf[RANGES_BLOCK] = { 0 }, again[RANGES_BLOCK];
	struct writer w;

	memcpy(buf, data, size < RANGES_BLOCK - 4 ? size : RANGES_BLOCK - 4);
	writer_init(&w, buf + RANGES_BLOCK - 4, 4);
	write_be32(&w, crc32_of(buf, RANGES_BLOCK - 4));
	if (ranges_block_decode(buf, &b))
		return;
	ranges_block_encode(&b, again);
	check(memcmp(again, buf, RANGES_BLOCK) == 0);
}

static void check_set(const struct ranges *r, const bool *in)
{
	uint64_t count = 0;

	for (uint64_t i = 1; i < NUMBERS; i++) {
		check(ranges_contains(r, i) == in[i]);
		count += in[i];
	}
	check(ranges_count(r) == count);
	for (size_t i = 1; i < r->count; i++)
		check(r->at[i].first > r->at[i - 1].last + 1);
	check(r->count <= CAP);
}

static void steps(const uint8_t *data, size_t size)
{
	struct seq_range at[CAP];
	struct ranges r;
	bool in[NUMBERS] = { false };
	struct reader in_bytes;

	ranges_init(&r, at, CAP);
	reader_init(&in_bytes, data, size);
	for (int i = 0; i < STEPS && reader_left(&in_bytes) >= 3; i++) {
		bool add = read_u8(&in_bytes) & 1;
		uint64_t first = read_u8(&in_bytes);
		struct seq_range g = { first, first + read_u8(&in_bytes) % 40 };
		int err = add ? ranges_add(&r, g) : ranges_subtract(&r, g);

		check((err == -ERANGE) == (first == 0));
		if (err == 0)
			memset(in + g.first, add, g.last - g.first + 1);
		check_set(&r, in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 0)
		one_block(data + 1, size - 1);
	else
		steps(data + 1, size - 1);
	return 0;
}
