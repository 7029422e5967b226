#pragma once

/*
 * identity_chain.h - may this hub use a certificate that the clinic has made for it? Who signed it, for whom, for what, and
 * from when to when.
 *
 * The clinic would find out too, but only when the hub has begun to use it; and whoever could answer in the clinic's place
 * without its CA could take a hub away from it for as long as it tries. No file, no clock.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/certs_only.h"
#include "hub/core/config.h"

struct identity_chain {
	const uint8_t *root; /* of clinic.trust, DER; borrowed like all of these */
	size_t root_len;
	/* what the clinic says its CAs are; of these only what the root has signed itself, as a CA for hubs, counts */
	struct certs_only cas;
	int64_t floor_ms; /* it is at least so late, UTC in ms since 1970; 0: not known */
};

/* identity_chain_has_root - is the root one of what the clinic says its CAs are, byte for byte? */
bool identity_chain_has_root(const struct identity_chain *c);

/*
 * identity_chain_check - its own key aside (identity_store_fits looks at that).
 *
 * der, len   the certificate, DER
 * hub        id that common name and serialNumber of its subject must say, in hex
 *
 * What has not begun may have begun: a hub knows how late it is at least. What has ended before that, has.
 *
 * Returns 0, or
 *   -EMSGSIZE, -EBADMSG  empty, too long, no certificate
 *   -ENOTSUP             signed with anything but ECDSA and SHA-256
 *   -EACCES              a CA, or key usages without digitalSignature, clientAuth
 *   -EKEYREJECTED        another hub's
 *   -ENOENT              neither of the root nor of a CA that is right below it
 *   -ESTALE              it has ended
 */
int identity_chain_check(const struct identity_chain *c, const uint8_t *der, size_t len,
			 const uint8_t hub[static HUB_ID_LEN]);
