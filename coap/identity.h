/*
 * identity.h - is this certificate the peer that was meant? SPKI pin and DNS name, exact.
 *
 * Chain and dates are wolfSSL's part and come to the verifier as 'error' (mend.h); these
 * two answer the rest. Neither looks at the common name, and neither knows wildcards.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define IDENTITY_PIN_LEN 32

/*
 * identity_pin - the SHA-256 of a certificate's SubjectPublicKeyInfo, DER as it stands.
 *
 * der, len   one X.509 certificate, at most 65535 bytes; borrowed for the call
 * ret_pin    filled on success
 *
 * Returns 0, or
 *   -EMSGSIZE  empty or longer than 65535 bytes
 *   -EBADMSG   does not parse, or has a larger key than we speak with (P-256: 91 bytes)
 *   -EIO       the hash failed
 */
int identity_pin(const uint8_t *der, size_t len,
		 uint8_t ret_pin[static IDENTITY_PIN_LEN]);

/*
 * identity_check_dns - does the certificate carry this DNS SubjectAltName, byte for byte?
 *
 * der, len   one X.509 certificate, at most 65535 bytes; borrowed for the call
 * name       1..253 bytes, in the case that the certificate uses; borrowed for the call
 *
 * Returns 0 if one of its DNS names is equal, or
 *   -EMSGSIZE  certificate or name empty or too long
 *   -EBADMSG   does not parse
 *   -ENOENT    it parses, but no DNS name is equal
 */
int identity_check_dns(const uint8_t *der, size_t len, const char *name);
