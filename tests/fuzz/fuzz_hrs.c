/*
 * fuzz_hrs.c - the Heart Rate decoder: any bytes decode within their types or are refused by length.
 */
#include <stdlib.h>

#include "ble/hrs.h"

static const struct profile_context none;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[DECIMAL_TEXT_MAX];
	struct decoded d;

	if (hrs_decode_measurement(data, size, &none, &d))
		return 0;
	if (size < HRS_LEN_MIN || d.value_count < 1 ||
	    d.value_count > READING_VALUES_MAX || d.has_device_time)
		abort();
	for (size_t i = 0; i < d.value_count; i++)
		decimal_to_text(d.values[i].number, text);
	return 0;
}
