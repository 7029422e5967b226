#pragma once

/*
 * trust_cross.h - does one root of a clinic vouch for another one? So a clinic's root is changed without a visit: the root
 * that a hub has signs a certificate for the name and the key of the next one (RFC 4210, 4.4: 'NewWithOld').
 *
 * That certificate is the whole proof: it needs the key of the root before, which is offline, and no other signature does. In
 * the chain of a server it leads hubs that have not heard of the next root from it to the one that they have.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/core/config.h"
#include "hub/core/trust.h"

/*
 * trust_cross_check - root, next, cross: certificates, DER; borrowed for the call.
 *
 * Dates are not looked at. Returns 0, -EBADMSG (one of them does not parse), -ENOTSUP (one is no P-256 certificate of an
 * authority, signed with SHA-256), or -EKEYREJECTED (not signed by root, or for another name or key than next has).
 */
int trust_cross_check(const uint8_t *root, size_t root_len, const uint8_t *next,
		      size_t next_len, const uint8_t *cross, size_t cross_len);

/* What a root that is offered is to one that a hub has. */
enum trust_offer {
	TRUST_OFFER_SAME = 1, /* it is that one */
	TRUST_OFFER_NEXT,     /* that one vouches for it */
};

/*
 * trust_cross_offer - of key 14 of a config.
 *
 * root   the one that the hub has, DER; NULL: it does not know it, then only what needs no proof is anything
 * ret    what the file clinic.trust in it says; filled on success only
 *
 * Returns an enum trust_offer, or -EKEYREJECTED (nobody vouches for it), or as trust_open and trust_cross_check.
 */
int trust_cross_offer(const struct config_root *offer, const uint8_t *root,
		      size_t root_len, struct trust *ret);
