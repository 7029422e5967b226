/*
 * fuzz_ghs.c - Generic Health Sensor: any observation decodes within its types and fits
 * into a reading, or is refused by length.
 *
 * First byte: 0 live, 1 stored, 2 features, 3 response (mod 4).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ble/ghs.h"

static const struct profile_context none;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_decoded(const struct decoded *d, const uint8_t *raw, size_t len)
{
	static uint8_t body[READING_BODY_MAX];
	static struct reading rd, back;
	int n;

	if (d->value_count > READING_VALUES_MAX || (d->has_ticks && d->has_device_time) ||
	    (d->has_device_time && !date_time_valid(&d->device_time)))
		abort();
	if (len > READING_RAW_MAX)
		return;
	rd = (struct reading){ .kind = READING_GENERIC, .decoded = *d };
	rd.raw_len = (uint16_t)len;
	memcpy(rd.raw, raw, len);
	n = reading_encode(&rd, body, sizeof(body));
	if (n < 0 || reading_decode(body, (size_t)n, &back) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ghs_features f;
	struct decoded d;
	uint8_t result;
	int err = 0;

	if (size < 1)
		return 0;
	switch (data[0] % 4) {
	case 0: err = ghs_decode_live(data + 1, size - 1, &none, &d); break;
	case 1: err = ghs_decode_stored(data + 1, size - 1, &none, &d); break;
	case 2:
		if (ghs_decode_features(data + 1, size - 1, &f) == 0 &&
		    (f.type_count > GHS_TYPES_MAX ||
		     f.specialization_count > GHS_SPECIALIZATIONS_MAX))
			abort();
		return 0;
	default: ghs_decode_response(data + 1, size - 1, &result); return 0;
	}
	if (err != 0 && err != -EMSGSIZE)
		abort();
	if (err == 0)
		check_decoded(&d, data + 1, size - 1);
	return 0;
}
