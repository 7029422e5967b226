/*
 * fuzz_cgm.c - the CGM decoders: any value splits into records that decode within their types or are refused; what
 * the control point says is of one of its lengths. The first octet says: bit 0 check sums, bit 1 mend the first
 * record's, so that the fuzzer gets behind them.
 */
#include <stdlib.h>
#include <string.h>

#include "ble/cgm.h"
#include "ble/crc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct decoded *d, size_t size, bool has_crc)
{
	char text[DECIMAL_TEXT_MAX];

	if (size < CGM_RECORD_MIN + (has_crc ? CRC_LEN : 0u) || size > CGM_RECORD_MAX ||
	    d->value_count < 1 || d->value_count > 3 || !d->has_sequence ||
	    d->time_offset_min < 0 || d->status > 0xFFFFFF ||
	    (d->status && !d->has_status))
		abort();
	for (size_t i = 0; i < d->value_count; i++)
		decimal_to_text(d->values[i].number, text);
}

static void decode_records(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx)
{
	struct decoded d;

	for (size_t at = 0, n; at < len; at += n) {
		n = cgm_split(buf + at, len - at);
		if (n == 0 || n > len - at)
			abort();
		if (cgm_decode_measurement(buf + at, n, ctx, &d) == 0)
			check(&d, n, ctx->has_crc);
	}
}

static void decode_others(const uint8_t *buf, size_t len,
			  const struct profile_context *ctx)
{
	struct cgm_session_start start;
	struct cgm_feature feature;
	struct cgm_status status;
	struct cgm_ops ops;
	uint16_t hours;
	uint8_t question[CGM_GET_MAX];

	if (cgm_decode_feature(buf, len, &feature) == 0 &&
	    (feature.features > 0xFFFFFF || feature.type > 15 || feature.location > 15))
		abort();
	if (cgm_decode_status(buf, len, ctx, &status) == 0 && status.status > 0xFFFFFF)
		abort();
	if (cgm_decode_session_start(buf, len, ctx, &start) == 0 &&
	    !date_time_valid(&start.time))
		abort();
	cgm_decode_run_time(buf, len, ctx, &hours);
	/* what answers a question is the answer to a question that can be asked */
	if (cgm_decode_ops_response(buf, len, ctx, &ops) == 0 && ops.code == CGM_OPS_OK &&
	    buf[0] != 0x1C &&
	    cgm_encode_get((enum cgm_get)ops.request, 0, ctx, question) < 0)
		abort();
}

static void mend(uint8_t *buf, size_t len)
{
	uint16_t crc;

	if (len < CRC_LEN)
		return;
	crc = crc_mcrf4xx(buf, len - CRC_LEN);
	buf[len - 2] = (uint8_t)crc;
	buf[len - 1] = (uint8_t)(crc >> 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile_context ctx = { .has_session_start = true,
				       .session_start = { 2026, 11, 20, 8, 15, 30 } };
	uint8_t buf[READING_RAW_MAX];
	size_t len;

	if (size < 2 || size - 1 > sizeof(buf))
		return 0;
	len = size - 1;
	memcpy(buf, data + 1, len);
	ctx.has_crc = data[0] & 1;
	if (data[0] & 2)
		mend(buf, cgm_split(buf, len));
	decode_records(buf, len, &ctx);
	memcpy(buf, data + 1, len);
	if (data[0] & 2)
		mend(buf, len);
	decode_others(buf, len, &ctx);
	return 0;
}
