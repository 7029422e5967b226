/*
 * profile.c - the table of profiles; see profile.h.
 */
#include "ble/profile.h"

#include "ble/bcs.h"
#include "ble/bls.h"
#include "ble/cgm.h"
#include "ble/ghs.h"
#include "ble/gls.h"
#include "ble/hrs.h"
#include "ble/hts.h"
#include "ble/plx.h"
#include "ble/wss.h"

static const struct profile table[] = {
	{ .service = BLS_UUID_SERVICE,
	  .characteristic = BLS_UUID_MEASUREMENT,
	  .kind = READING_BLOOD_PRESSURE,
	  .decode = bls_decode_measurement },
	{ .service = BLS_UUID_SERVICE,
	  .characteristic = BLS_UUID_ENHANCED,
	  .kind = READING_BLOOD_PRESSURE,
	  .decode = bls_decode_enhanced },
	{ .service = BLS_UUID_SERVICE,
	  .characteristic = BLS_UUID_RECORD,
	  .kind = READING_BLOOD_PRESSURE,
	  .decode = bls_decode_record,
	  .flags = PROFILE_STORED | PROFILE_SEGMENTS },
	{ .service = WSS_UUID_SERVICE,
	  .characteristic = WSS_UUID_MEASUREMENT,
	  .kind = READING_WEIGHT,
	  .decode = wss_decode_measurement },
	{ .service = BCS_UUID_SERVICE,
	  .characteristic = BCS_UUID_MEASUREMENT,
	  .kind = READING_BODY_COMPOSITION,
	  .decode = bcs_decode_measurement },
	{ .service = PLX_UUID_SERVICE,
	  .characteristic = PLX_UUID_SPOT_CHECK,
	  .kind = READING_OXIMETRY,
	  .decode = plx_decode_spot_check,
	  .flags = PROFILE_STORED },
	{ .service = PLX_UUID_SERVICE,
	  .characteristic = PLX_UUID_CONTINUOUS,
	  .kind = READING_OXIMETRY_STREAM,
	  .decode = plx_decode_continuous,
	  .flags = PROFILE_STREAM },
	{ .service = HTS_UUID_SERVICE,
	  .characteristic = HTS_UUID_MEASUREMENT,
	  .kind = READING_TEMPERATURE,
	  .decode = hts_decode_measurement },
	{ .service = GLS_UUID_SERVICE,
	  .characteristic = GLS_UUID_MEASUREMENT,
	  .kind = READING_GLUCOSE,
	  .decode = gls_decode_measurement,
	  .flags = PROFILE_STORED },
	{ .service = GLS_UUID_SERVICE,
	  .characteristic = GLS_UUID_CONTEXT,
	  .kind = READING_GLUCOSE_CONTEXT,
	  .decode = gls_decode_context,
	  .flags = PROFILE_STORED },
	{ .service = HRS_UUID_SERVICE,
	  .characteristic = HRS_UUID_MEASUREMENT,
	  .kind = READING_HEART_RATE_STREAM,
	  .decode = hrs_decode_measurement,
	  .flags = PROFILE_STREAM },
	{ .service = CGM_UUID_SERVICE,
	  .characteristic = CGM_UUID_MEASUREMENT,
	  .kind = READING_CGM,
	  .decode = cgm_decode_measurement,
	  .split = cgm_split,
	  .flags = PROFILE_STORED },
	{ .service = GHS_UUID_SERVICE,
	  .characteristic = GHS_UUID_LIVE,
	  .kind = READING_GENERIC,
	  .decode = ghs_decode_live,
	  .flags = PROFILE_SEGMENTS },
	{ .service = GHS_UUID_SERVICE,
	  .characteristic = GHS_UUID_STORED,
	  .kind = READING_GENERIC,
	  .decode = ghs_decode_stored,
	  .flags = PROFILE_STORED | PROFILE_SEGMENTS },
};

enum { ROWS = sizeof(table) / sizeof(*table) };

const struct profile *profile_at(size_t i)
{
	return i < ROWS ? &table[i] : NULL;
}

const struct profile *profile_by_characteristic(uint16_t uuid)
{
	for (size_t i = 0; i < ROWS; i++)
		if (table[i].characteristic == uuid)
			return &table[i];
	return NULL;
}
