/*
 * fuzz_bls.c - the Blood Pressure decoders: any bytes decode within their types or are refused by length.
 */
#include <stdlib.h>

#include "ble/bls.h"

static const struct profile_context none;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[DECIMAL_TEXT_MAX];
	struct decoded d;
	uint16_t features;
	int r = bls_decode_measurement(data, size, &none, &d);

	bls_decode_feature(data, size, &features);
	if (r)
		return 0;
	if (size < BLS_LEN_MIN || d.value_count < 3 ||
	    d.value_count > READING_VALUES_MAX ||
	    (d.has_device_time && !date_time_valid(&d.device_time)) ||
	    (size > BLS_LEN_MAX && !(d.marks & MARK_TAIL)))
		abort();
	for (size_t i = 0; i < d.value_count; i++)
		decimal_to_text(d.values[i].number, text);
	return 0;
}
