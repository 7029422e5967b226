/*
 * fuzz_bls.c - the Blood Pressure decoders: any bytes decode within their types or are
 * refused.
 *
 * Every decoder gets the whole input.
 */
#include <errno.h>
#include <stdlib.h>

#include "ble/bls.h"

static const struct profile_context contexts[] = { { 0 }, { .has_crc = true } };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct decoded *d, size_t least)
{
	char text[DECIMAL_TEXT_MAX];

	if (d->value_count < least || d->value_count > READING_VALUES_MAX ||
	    (d->has_device_time && !date_time_valid(&d->device_time)) ||
	    (d->has_time_offset && !d->has_device_time))
		abort();
	for (size_t i = 0; i < d->value_count; i++)
		decimal_to_text(d->values[i].number, text);
}

static void try(profile_decode_fn *decode, const uint8_t *data, size_t size,
		size_t len_min, size_t len_max, size_t least)
{
	struct decoded d;

	if (decode(data, size, contexts, &d) != 0)
		return;
	if (size < len_min || (size > len_max && !(d.marks & MARK_TAIL)))
		abort();
	check(&d, least);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decoded d;
	uint16_t features;

	try(bls_decode_measurement, data, size, BLS_LEN_MIN, BLS_LEN_MAX, 3);
	try(bls_decode_intermediate, data, size, BLS_LEN_MIN, BLS_LEN_MAX, 1);
	try(bls_decode_enhanced, data, size, BLS_LEN_MIN, BLS_LEN_ENHANCED_MAX, 3);
	try(bls_decode_enhanced_intermediate, data, size,
	    BLS_LEN_ENHANCED_INTERMEDIATE_MIN, BLS_LEN_ENHANCED_INTERMEDIATE_MAX, 1);
	for (int i = 0; i < 2; i++) {
		int err = bls_decode_record(data, size, &contexts[i], &d);

		if (err == 0 && (!d.has_sequence || !(d.marks & MARK_STORED)))
			abort();
		if (err == 0)
			check(&d, 1);
		else if (err != -EMSGSIZE && err != -ERANGE && err != -EBADMSG)
			abort();
	}
	bls_decode_feature(data, size, &features);
	return 0;
}
