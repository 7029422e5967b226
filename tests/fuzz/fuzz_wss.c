/*
 * fuzz_wss.c - the Weight Scale decoders: any bytes decode within their types or are refused by length.
 */
#include <stdlib.h>

#include "ble/wss.h"

static const struct profile_context none;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[DECIMAL_TEXT_MAX];
	struct decoded d;
	uint32_t features;

	wss_decode_feature(data, size, &features);
	if (wss_decode_measurement(data, size, &none, &d))
		return 0;
	if (size < WSS_LEN_MIN || size > WSS_LEN_MAX ||
	    (d.value_count != 1 && d.value_count != 3) ||
	    (d.has_device_time && !date_time_valid(&d.device_time)) ||
	    d.marks & MARK_TAIL)
		abort();
	for (size_t i = 0; i < d.value_count; i++)
		decimal_to_text(d.values[i].number, text);
	return 0;
}
