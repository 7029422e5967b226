/*
 * fuzz_trusted.c - pieces of clinic.trust as hubd hears them: whatever comes in whatever order, what is all here is what the
 * pieces said, and nothing lies beyond its end.
 *
 * The input is a run of pieces: total u16, offset u16, length u8 (of 16 bytes), then as many bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/core/cursor.h"
#include "hub/trusted.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { UNIT = 16 };

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t want[UINT16_MAX + ENROLMENT_PIECE_MAX];
	static struct trusted t;
	static struct msg_enrolment e;
	struct reader r;
	size_t next = 0, total = 0;

	memset(&t, 0, sizeof(t));
	reader_init(&r, data, size);
	while (reader_left(&r) >= 5) {
		const uint8_t *bytes;
		bool fits;
		int done;

		e.total = read_be16(&r);
		e.offset = read_be16(&r);
		e.len = (uint16_t)(read_u8(&r) * UNIT % (ENROLMENT_PIECE_MAX + 1));
		if (e.len > reader_left(&r))
			e.len = (uint16_t)reader_left(&r);
		bytes = read_span(&r, e.len);
		if (bytes)
			memcpy(e.bytes, bytes, e.len);
		if (e.offset == 0) {
			next = 0;
			total = e.total;
		}
		fits = e.total == total && e.offset == next && next + e.len <= total &&
		       total <= TRUST_FILE_MAX;
		done = trusted_add(&t, &e);
		if (!fits) {
			check(done < 0 && t.len == 0);
			next = total = 0;
			continue;
		}
		memcpy(want + next, e.bytes, e.len);
		next += e.len;
		check(done == (next == total && total > 0));
		check(t.len == next && memcmp(t.bytes, want, next) == 0);
	}
	return 0;
}
