#pragma once

/*
 * handing.h - a snapshot on its way to hub-store: which of its pieces may go now, and is it there?
 *
 * Pure. At most SNAPSHOT_AHEAD pieces are under way; a new link begins anew.
 */
#include <stdbool.h>

#include "hub/core/msg.h"

/* Fields are private; all zero: there is nothing to hand over. */
struct handing {
	uint64_t number;
	const uint8_t *bytes; /* borrowed */
	size_t len;
	uint32_t sent, there; /* pieces */
	bool whole;
};

/* handing_begin - bytes: signed, borrowed until the end. len: 1..SNAPSHOT_ITEM_MAX. */
void handing_begin(struct handing *h, uint64_t number, const uint8_t *bytes, size_t len);
/* handing_on_link - the link is new, nothing of it is there. */
void handing_on_link(struct handing *h);
/* handing_on_taken - Returns true if it was news. */
bool handing_on_taken(struct handing *h, const struct msg_snapshot_taken *m);
/* handing_next - Returns false if nothing may go now; handing_on_sent follows if it went. */
bool handing_next(const struct handing *h, struct msg_snapshot *ret);
void handing_on_sent(struct handing *h);
/* Is something on its way? */
bool handing_waits(const struct handing *h);
