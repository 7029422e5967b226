#pragma once

/*
 * csr_make.h - what a hub signs for its enrolment: the request for a certificate (PKCS#10), and the certificate of its
 * device key by itself, with which it knocks at the door.
 *
 * P-256 with SHA-256 only. A hub's id is the first 16 octets of the SHA-256 of its device key's SubjectPublicKeyInfo;
 * in lower-case hex it is the subject's common name and serial number, in requests as in certificates.
 *
 * Not pure: random source. Everything is DER.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/core/config.h"
#include "hub/crypto/crypto.h"

enum {
	CSR_BYTES_MAX = 512,	   /* seen: 300 */
	BOOTSTRAP_BYTES_MAX = 768, /* seen: 450 */
};

/* csr_spki - SHA-256 of the SubjectPublicKeyInfo that belongs to a private key. Returns 0 or -EIO. */
int csr_spki(const uint8_t private[static P256_PRIVATE_LEN],
	     uint8_t ret[static SHA256_LEN]);

/* csr_make - a request of this hub for a certificate of this key. Returns the length, or -EIO. */
int csr_make(const uint8_t private[static P256_PRIVATE_LEN],
	     const uint8_t hub[static HUB_ID_LEN], uint8_t ret[static CSR_BYTES_MAX]);

/*
 * bootstrap_make - the device key's certificate, signed by itself, for a client, without end (RFC 5280, 4.1.2.5): a hub
 * has no clock when it makes it.
 *
 * Returns the length, or -EIO.
 */
int bootstrap_make(const uint8_t device[static P256_PRIVATE_LEN],
		   uint8_t ret[static BOOTSTRAP_BYTES_MAX]);
