#pragma once

/*
 * capture.h - turns one attribute value into the two messages that hub-store gets. Pure.
 */
#include "ble/clock.h"
#include "ble/profile.h"
#include "hub/core/config.h"
#include "hub/core/msg.h"

/*
 * capture_raw - everything that is known before a decoder has seen a byte.
 *
 * value, len   as received, at most READING_RAW_MAX; copied
 *
 * instance and capture stay 0: the one who hands it over numbers it. link is
 * LINK_UNKNOWN: D-Bus does not tell how strong the bond is, nor whether this link was
 * encrypted when the value came.
 */
struct msg_raw capture_raw(const struct profile *profile,
			   const struct config_device *device, const uint8_t *value,
			   size_t len, const struct capture_time *captured,
			   int16_t utc_offset_min);

/* capture_decode - run the profile's decoder; what it
 * refuses becomes MARK_UNDECODED and nothing else. */
struct decoded capture_decode(const struct profile *profile, const uint8_t *value,
			      size_t len);

/*
 * capture_attribution - whose reading is it?
 *
 * CONFIRMED if the device says it was the configured user; PROBABLE if the device has no
 * user field and nobody else uses it; else UNASSIGNED. Nothing is guessed from values.
 */
enum attribution capture_attribution(const struct config_device *device,
				     const struct decoded *d);

/* capture_finish - the second message: decoded values,
 * offset of the device's clock, attribution. */
struct msg_decoded capture_finish(const struct msg_raw *raw, const struct decoded *d,
				  const struct clock_track *clock,
				  const struct config_device *device);
