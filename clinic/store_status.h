#pragma once

/*
 * store_status.h - what hubs say of themselves: the last status of each, and of each device when it was there last and when
 * it last gave a reading. A part of the interface of store.h, with its rules.
 *
 * Invariants
 *   1. A status that was made before the one that is kept does not take its place: a batch may have waited for days.
 *   2. The times of a device only grow, whatever comes in which order; a hub that has started anew and
 *      remembers nothing takes nothing away.
 */
#include "clinic/store.h"
#include "hub/core/status.h"

/* The last status of a hub. */
struct hub_status {
	int64_t received_ms; /* UTC of the clinic; of the request that brought it */
	int64_t at_ms; /* UTC when it was made, as the hub says, or else received_ms; never later than it */
	struct status status;
};

/* What all that a hub has said of a device amounts to; UTC in ms, 0: never. */
struct device_sign {
	uint16_t num;
	int64_t first_ms; /* the clinic heard of the device */
	int64_t seen_ms, reading_ms;
};

/*
 * store_status_put - what came with a batch, at now_ms.
 *
 * Returns 0, -EBADMSG if the bytes are no status (nothing was written), or an error of store.h.
 */
int store_status_put(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     uint32_t epoch, const uint8_t *bytes, size_t len, int64_t now_ms);

/* store_status_get - -ENOENT if it never said anything of itself, -EIO if what is kept is no status. */
int store_status_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     uint32_t epoch, struct hub_status *ret);

/* store_device_sign - all zero but for num if nothing is known of it. */
int store_device_sign(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      uint32_t epoch, uint16_t num, struct device_sign *ret);
