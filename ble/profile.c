/*
 * profile.c - the table of profiles; see profile.h.
 */
#include "ble/profile.h"

#include "ble/bls.h"

static const struct profile table[] = {
	{ .service = BLS_UUID_SERVICE,
	  .characteristic = BLS_UUID_MEASUREMENT,
	  .kind = READING_BLOOD_PRESSURE,
	  .decode = bls_decode_measurement,
	  .burst = 60,
	  .per_second = 2 },
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
