/*
 * identity.h - is this certificate the peer that was meant? SPKI pin and DNS name, exact.
 *
 * Chain and dates are wolfSSL's part and come to the verifier as 'error' (mend.h); these
 * two answer the rest. Neither looks at the common name, and neither knows wildcards.
 */
#pragma once

#include <stdbool.h>
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
 * identity_check_form - is this a certificate such as the clinic makes? wolfSSL takes more.
 *
 * der, len   one X.509 certificate of a chain, at most 65535 bytes; borrowed for the call
 * leaf       it is the peer's own
 *
 * Returns 0, or
 *   -EMSGSIZE  empty or too long
 *   -EBADMSG   does not parse
 *   -ENOTSUP   signed with anything but ECDSA and SHA-256
 *   -EACCES    a leaf that is a CA: whoever may sign others is nobody's peer
 */
int identity_check_form(const uint8_t *der, size_t len, bool leaf);

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

/*
 * identity_end - the second after which a certificate is no longer valid, since 1970.
 *
 * der, len   one X.509 certificate, at most 65535 bytes; borrowed for the call
 *
 * Returns 0 with *ret_s, -EMSGSIZE, or -EBADMSG: does not parse.
 */
int identity_end(const uint8_t *der, size_t len, int64_t *ret_s);
