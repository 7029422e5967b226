/*
 * fuzz_hts.c - the Health Thermometer decoders: any bytes decode within their types or are refused by length.
 */
#include <stdlib.h>

#include "ble/hts.h"

static const struct profile_context none;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[DECIMAL_TEXT_MAX];
	struct decoded d;
	uint8_t site;

	if ((hts_decode_type(data, size, &site) == 0) != (size > 0))
		abort();
	if (hts_decode_measurement(data, size, &none, &d))
		return 0;
	if (size < HTS_LEN_MIN || d.value_count < 1 || d.value_count > 2 ||
	    (d.has_device_time && !date_time_valid(&d.device_time)) ||
	    (size > HTS_LEN_MAX && !(d.marks & MARK_TAIL)))
		abort();
	for (size_t i = 0; i < d.value_count; i++)
		decimal_to_text(d.values[i].number, text);
	return 0;
}
