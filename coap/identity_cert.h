#pragma once

/*
 * identity_cert.h - what a hub's own certificate says: from when to when, of which hub, for which key.
 *
 * Who signed it, and for what, is identity_chain.h's matter. No file, no clock.
 */
#include "coap/enrol.h"
#include "coap/identity_file.h"

/*
 * identity_cert_look - the dates of a certificate.
 *
 * der, len   the certificate, DER
 * hub        HUB_ID_LEN bytes that its subject's common name must say in hex; NULL: not looked at
 * ret        filled on success
 *
 * Returns 0, -EMSGSIZE (empty, or longer than IDENTITY_CERT_MAX), -EBADMSG (not a certificate), or -EKEYREJECTED (of
 * another hub).
 */
int identity_cert_look(const uint8_t *der, size_t len, const uint8_t *hub,
		       struct enrol_validity *ret);

/* identity_cert_match - is it for this key? Returns 0, -EKEYREJECTED if not, or an error of csr_spki or identity_pin. */
int identity_cert_match(const struct identity_key *k, const uint8_t *der, size_t len);
