/*
 * fuzz_snapshot.c - a snapshot and its pieces: what is taken is within its limits, and is written again to the same bytes.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[SNAPSHOT_PAYLOAD_MAX];
	uint8_t piece[SNAPSHOT_PIECE_BODY_MAX];
	struct snapshot_piece p;
	struct snapshot s;
	int n;

	if (snapshot_piece_decode(data, size, &p) == 0) {
		check(p.index < p.total && p.bytes >= data &&
		      p.bytes + p.len <= data + size);
		n = snapshot_piece_encode(&p, piece, sizeof(piece));
		check(n > 0 && (size_t)n <= size);
	}
	if (snapshot_decode(data, size, &s))
		return 0;
	check(s.count <= SNAPSHOT_TEXTS_MAX);
	for (size_t i = 0; i < s.count; i++)
		check(s.texts[i].bytes >= data &&
		      s.texts[i].bytes + s.texts[i].len <= data + size);
	n = snapshot_encode(&s, again, sizeof(again));
	check(n > 0 && (size_t)n <= size);
	return 0;
}
