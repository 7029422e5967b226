/*
 * fuzz_stream.c - windows of samples: whatever comes, a window's octets say what was added, in bounds.
 */
#include <stdlib.h>

#include "ble/hrs.h"
#include "ble/plx.h"
#include "ble/stream.h"

static const struct profile_context none;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every sample of the block is whole, and there are as many as the summary says. */
static void check(const uint8_t *raw, size_t len, const struct decoded *d)
{
	int32_t samples = 0;
	size_t i = 0;

	for (; i + STREAM_HEADER_LEN <= len; i += STREAM_HEADER_LEN + raw[i + 2])
		samples++;
	if (i != len || len > READING_RAW_MAX || d->value_count < 3 ||
	    d->value_count > 9 || d->values[0].number.mantissa != samples ||
	    d->values[1].number.mantissa > samples)
		abort();
}

static void end(struct stream *s, enum reading_kind kind)
{
	uint8_t raw[READING_RAW_MAX];
	struct decoded d;
	size_t len = stream_close(s, kind, raw, &d);

	if (len == 0 || !stream_is_empty(s))
		abort();
	check(raw, len, &d);
}

/* The first octet says which profile; the others are samples, each: length and delay, value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool oximeter = size > 0 && data[0] & 1;
	profile_decode_fn *decode =
		oximeter ? plx_decode_continuous : hrs_decode_measurement;
	enum reading_kind kind =
		oximeter ? READING_OXIMETRY_STREAM : READING_HEART_RATE_STREAM;
	struct mono now = { 0 };
	struct stream s;

	stream_init(&s);
	for (size_t i = 1, len; i < size; i += len) {
		struct decoded d = { .marks = MARK_UNDECODED };

		now = mono_add(now, data[i] * 20u);
		len = data[i++] % 32u;
		if (len > size - i)
			len = size - i;
		decode(data + i, len, &none, &d);
		if (stream_add(&s, data + i, len, &d, now))
			continue;
		end(&s, kind);
		if (!stream_add(&s, data + i, len, &d, now))
			abort();
	}
	if (!stream_is_empty(&s))
		end(&s, kind);
	return 0;
}
