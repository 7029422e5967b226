/*
 * fuzz_plx.c - the Pulse Oximeter decoders: any bytes decode within their types or are refused by length.
 */
#include <stdlib.h>

#include "ble/plx.h"

static const struct profile_context none;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct decoded *d, size_t size, size_t max)
{
	char text[DECIMAL_TEXT_MAX];

	if (size < PLX_LEN_MIN || d->value_count < 2 || d->value_count > 7 ||
	    d->status > UINT16_MAX || d->device_status > 0xFFFFFF ||
	    (d->has_device_time && !date_time_valid(&d->device_time)) ||
	    (size > max && !(d->marks & MARK_TAIL)))
		abort();
	for (size_t i = 0; i < d->value_count; i++)
		decimal_to_text(d->values[i].number, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plx_features features;
	struct decoded d;

	plx_decode_features(data, size, &features);
	if (plx_decode_spot_check(data, size, &none, &d) == 0)
		check(&d, size, PLX_SPOT_CHECK_LEN_MAX);
	if (plx_decode_continuous(data, size, &none, &d) == 0)
		check(&d, size, PLX_CONTINUOUS_LEN_MAX);
	return 0;
}
