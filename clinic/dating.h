#pragma once

/*
 * dating.h - when was it measured? The one rule, from what the device said and what the hub knew.
 *
 *   device time, offset measured, hub's clock known  -> device time + offset          DATING_CORRECTED
 *   no device time, hub's clock known                -> when the hub received it      DATING_RECEIVED
 *   anything else                                    -> cannot be dated by a program  DATING_NONE
 *
 * A device's time without a measured offset is shown as it is, never used: cheap devices
 * are off by years.
 */
#include "hub/core/reading.h"

enum dating_basis {
	DATING_NONE = 0,
	DATING_CORRECTED = 1,
	DATING_RECEIVED = 2,
};

struct dating {
	enum dating_basis basis;
	int64_t utc_ms;		 /* only if basis is not DATING_NONE */
	uint32_t uncertainty_ms; /* half width; UINT32_MAX: not known */
};

const char *dating_basis_text(enum dating_basis b);

/* dating_of - pure, total. */
struct dating dating_of(const struct reading *rd);
