/*
 * fuzz_elapsed.c - Elapsed Time and Device Time: what can be set comes back as it was
 * set.
 *
 * First two bytes: features of the Device Time Service. The rest as every kind of value.
 */
#include <stdlib.h>

#include "ble/crc.h"
#include "ble/dts.h"
#include "ble/elapsed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_elapsed(const uint8_t *data, size_t size)
{
	uint8_t buf[ELAPSED_LEN];
	struct elapsed_current c, back;
	struct decoded d = { 0 };
	struct reader r;
	int64_t ms;

	reader_init(&r, data, size);
	elapsed_take(&r, &d);
	if ((d.has_device_time && !date_time_valid(&d.device_time)) ||
	    (d.has_device_time && d.has_ticks))
		abort();
	if (elapsed_decode_current(data, size, &c) != 0)
		return;
	ms = elapsed_to_ms(&c.time);
	if (ms < ELAPSED_EPOCH_MS || elapsed_resolution_ms(&c.time) < 1)
		abort();
	if (elapsed_encode_set(&c.time, ms, 345, buf) < 0)
		return;
	if (elapsed_decode_current(buf, sizeof(buf), &back) != 0 ||
	    llabs(elapsed_to_ms(&back.time) - ms) > 1)
		abort();
}

static void check_dts(uint16_t features, const uint8_t *data, size_t size)
{
	uint8_t buf[DTS_LEN_PROPOSE_MAX];
	struct dts_response response;
	struct dts_time t;
	uint16_t told;
	int n;

	dts_decode_feature(data, size, &told);
	dts_decode_response(features, data, size, &response);
	if (dts_decode_time(features, data, size, &t) != 0)
		return;
	if (size < DTS_LEN_TIME_MIN)
		abort();
	n = dts_encode_propose(features, t.base_ms, t.zone_min, buf);
	if (n > 0 && features & DTS_FEATURE_CRC &&
	    crc_mcrf4xx(buf + CRC_LEN, (size_t)n - CRC_LEN) != (buf[0] | buf[1] << 8))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	check_elapsed(data + 2, size - 2);
	check_dts((uint16_t)(data[0] | data[1] << 8), data + 2, size - 2);
	return 0;
}
