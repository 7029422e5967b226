/*
 * fuzz_gls.c - the glucose decoders: any bytes decode within their types or are refused by length.
 */
#include <stdlib.h>

#include "ble/gls.h"

static const struct profile_context none;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct decoded *d, size_t size, size_t min, size_t max)
{
	char text[DECIMAL_TEXT_MAX];

	if (size < min || d->value_count > READING_VALUES_MAX || !d->has_sequence ||
	    d->sequence > 0xFFFF ||
	    (d->has_device_time && !date_time_valid(&d->device_time)) ||
	    (size > max && !(d->marks & MARK_TAIL)))
		abort();
	for (size_t i = 0; i < d->value_count; i++)
		decimal_to_text(d->values[i].number, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decoded d;
	uint16_t features;

	if (gls_decode_measurement(data, size, &none, &d) == 0) {
		check(&d, size, GLS_LEN_MIN, GLS_LEN_MAX);
		if (d.value_count != 0 && d.value_count != 3)
			abort();
	}
	if (gls_decode_context(data, size, &none, &d) == 0)
		check(&d, size, GLS_CONTEXT_LEN_MIN, GLS_CONTEXT_LEN_MAX);
	gls_decode_feature(data, size, &features);
	return 0;
}
