/*
 * network_open.c - see network_open.h.
 *
 * Invariant: nothing of what was signed is looked at before the signature is good.
 */
#include "hub/network_open.h"

#include <errno.h>
#include <string.h>

int network_open(const uint8_t public[static P256_PUBLIC_LEN], const struct config *c,
		 const uint8_t *buf, size_t len, struct network_template *ret)
{
	struct network_template t;
	const uint8_t *payload;
	size_t payload_len;
	int r = sign1_open(SIGN_CONTEXT_NETWORK, public, buf, len, &payload,
			   &payload_len);

	if (r == 0)
		r = network_template_decode(payload, payload_len, &t);
	if (r)
		return r;
	if (memcmp(t.hub, c->hub, HUB_ID_LEN) != 0 || t.epoch != c->epoch)
		return -EKEYREJECTED;
	*ret = t;
	return 0;
}
