/*
 * fuzz_uds.c - User Data Service and Battery Level: short values, told apart by length
 * alone.
 */
#include <errno.h>
#include <stdlib.h>

#include "ble/bas.h"
#include "ble/uds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[UDS_REQUEST_MAX], index, percent;
	struct uds_response r;
	uint32_t count;
	int err = uds_decode_response(data, size, &r);

	if (err == 0 && r.has_parameter != (size > 3))
		abort();
	if ((uds_decode_user_index(data, size, &index) == 0) != (size >= 1))
		abort();
	if ((uds_decode_change_increment(data, size, &count) == 0) != (size >= 4))
		abort();
	err = uds_decode_registered_user(data, size, &index);
	if (err == 0 && (size < 3 || !(data[0] & 1)))
		abort();
	if (bas_decode_level(data, size, &percent) == 0 && percent > BAS_LEVEL_MAX &&
	    percent != BAS_LEVEL_UNKNOWN)
		abort();
	if (size >= 3) {
		uint16_t code = (uint16_t)(data[1] | data[2] << 8);

		err = uds_encode_consent(data[0], code, buf);
		if ((err == UDS_LEN_CONSENT) != (data[0] != 255 && code <= 9999))
			abort();
	}
	return 0;
}
