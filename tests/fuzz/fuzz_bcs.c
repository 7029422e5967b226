/*
 * fuzz_bcs.c - the Body Composition decoders, of a model with stubs and of one without: any bytes decode within
 * their types or are refused.
 */
#include <stdlib.h>

#include "ble/bcs.h"

static const struct profile_context none, stubs = { .bcs_stub = true };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int decode(const uint8_t *data, size_t size, const struct profile_context *ctx)
{
	char text[DECIMAL_TEXT_MAX];
	struct decoded d;
	int r = bcs_decode_measurement(data, size, ctx, &d);

	if (r)
		return r;
	if (size < BCS_LEN_MIN || size > BCS_LEN_MAX || d.value_count < 1 ||
	    d.value_count > 10 ||
	    (d.has_device_time && !date_time_valid(&d.device_time)) ||
	    d.marks & MARK_TAIL || (d.marks & MARK_STUB && !ctx->bcs_stub))
		abort();
	for (size_t i = 0; i < d.value_count; i++)
		decimal_to_text(d.values[i].number, text);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t features;

	bcs_decode_feature(data, size, &features);
	if (decode(data, size, &none) != decode(data, size, &stubs))
		abort();
	return 0;
}
