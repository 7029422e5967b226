#pragma once

/*
 * dating.h - when was it measured? The one rule, from what the device said and what the hub knew.
 *
 *   device's stamp, offset measured, hub's clock known  -> stamp + offset            DATING_CORRECTED
 *   no stamp, hub's clock known, not from a memory      -> when the hub received it  DATING_RECEIVED
 *   anything else                                       -> not by a program          DATING_NONE
 *
 * A stamp is the device's date and time, local or UTC, or its tick counter. The measured offset leads from
 * the stamp as it was sent to the home's local time, whatever lies between the two: the zone of a UTC clock,
 * and the time offset of a glucose meter, whose user sees base time plus offset. Without a measured offset a
 * stamp is shown as it is, never used: cheap devices are off by years. If the device says that its clock is
 * not set, and the hub has not measured it either, there is no stamp.
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
	/* the stamp is of an hour that clocks showed twice: it may be one hour later */
	bool is_ambiguous;
};

const char *dating_basis_text(enum dating_basis b);

/* dating_of - pure, total. */
struct dating dating_of(const struct reading *rd);
