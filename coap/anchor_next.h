#pragma once

/*
 * anchor_next.h - the root that the clinic goes over to, as hubd passes it on: put together, looked at, and what of it counts.
 *
 * hubd has looked at it, too. That it believes the config is no reason for hub-coap to: the root that the hub has must vouch.
 */
#include <stdbool.h>
#include <stddef.h>

#include "coap/anchor.h"
#include "coap/anchors.h"
#include "hub/core/msg.h"

enum { ANCHOR_ROOTS_MAX = 2 * IDENTITY_PEM_MAX };

/* All zero is a good start. Fields are private, but for machine, there, trust, len and file. */
struct anchor_next {
	struct anchors machine;
	bool there; /* what follows is valid */
	struct trust trust;
	size_t len; /* of the file clinic.trust */
	uint8_t file[IDENTITY_TRUST_MAX];
	char root[IDENTITY_PEM_MAX];
	size_t total, so_far; /* of the one that is on its way */
	struct config_root on_its_way;
	uint8_t bytes[ANCHOR_BYTES_MAX];
};

/* anchor_next_add - Returns 1 if all is here now, 0 if pieces are missing, -EPROTO if it is not the next one: all is dropped. */
int anchor_next_add(struct anchor_next *n, const struct msg_anchor *piece);

/*
 * anchor_next_take - what is all here.
 *
 * held   what the hub has; without a root nothing is taken
 *
 * Returns an enum trust_offer: the machine knows; or an error of trust_cross_offer: nothing has changed.
 */
int anchor_next_take(struct anchor_next *n, const struct anchor *held, struct mono now);

/* anchor_roots - those that count, PEM. Returns ret, or "" if there is none. */
const char *anchor_roots(const struct anchor_next *n, const struct anchor *held,
			 char ret[static ANCHOR_ROOTS_MAX]);

/* anchor_root_der - the one that the hub has. Returns the length, or -ENOENT. */
int anchor_root_der(const struct anchor *a, uint8_t ret[static TRUST_ROOT_MAX]);
