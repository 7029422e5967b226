/*
 * fuzz_clock.c - a device's clock: what decodes encodes to the same time; offsets are told without overflow.
 *
 * First byte: kind. Then the value as read; if more than 10 octets are left, the next seven are a reading's stamp.
 */
#include <stdlib.h>

#include "ble/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round(enum clock_kind kind, const struct clock_face *face)
{
	uint8_t buf[CLOCK_LEN_MAX];
	struct clock_face again;
	int n = clock_encode(kind, face->local_ms, buf);

	if (n < 0 || clock_decode(kind, buf, (size_t)n, &again) != 0 ||
	    llabs(again.local_ms - face->local_ms) > 4)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct capture_time captured = { .mono = { 900000 },
					       .wall = { INT64_C(1795246262000), 1000,
							 CLOCK_QUALITY_CLINIC } };
	enum clock_kind kind;
	struct clock_track t;
	struct clock_face face;
	struct date_time stamp;
	struct reader r;

	if (size < 1)
		return 0;
	kind = (enum clock_kind)(data[0] % 3);
	clock_init(&t);
	if (clock_decode(kind, data + 1, size - 1, &face) == 0) {
		check_round(kind, &face);
		clock_on_read(&t, &face, (struct mono){ 800000 },
			      (struct mono){ 800100 });
		if (clock_should_set(&t, captured.wall, captured.mono, 60, true))
			clock_on_set(&t, clock_settable_ms(kind, captured.wall.ms),
				     captured.mono, captured.mono);
	}
	reader_init(&r, data + 1, size - 1);
	read_span(&r, CLOCK_LEN_MAX);
	clock_read_date_time(&r, &stamp);
	clock_offset_for(&t, reader_ok(&r) ? &stamp : NULL, &captured, -720);
	return 0;
}
