#pragma once

/*
 * offer.h - a config that the clinic offers over the wire: put together from its pieces, judged, and taken or refused as
 * a whole.
 *
 * hub-coap, which brings it, has a network: nothing that it says of the config is believed but the number by which the
 * clinic is told what became of it.
 */
#include "hub/core/msg.h"
#include "hub/settings.h"

enum { OFFER_LEVEL_MAX = 1 }; /* of the lockdown: above it no config is taken */

/* All zero is a good start. Fields are private. */
struct offer {
	uint32_t id;
	uint64_t version;
	size_t total, len;
	uint8_t bytes[CONFIG_BYTES_MAX]; /* passkeys are in it */
};

/*
 * offer_add - the next piece. A first piece begins anew, whatever was there.
 *
 * Returns 1 if all is here now, 0 if pieces are missing, -EPROTO if it is not the next one: all is dropped. Pure.
 */
int offer_add(struct offer *o, const struct msg_offer *piece);

/*
 * offer_judge - take what is all here, or say why not; it is wiped.
 *
 * s       its config is another one after OFFER_TAKEN
 * level   of the lockdown
 * ret     what hub-coap is to hear
 *
 * Returns 0, or what kept it from being written, with OFFER_LATER.
 */
int offer_judge(struct offer *o, struct settings *s, uint8_t level,
		struct msg_verdict *ret);
