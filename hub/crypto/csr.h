#pragma once

/*
 * csr.h - requests for certificates (PKCS#10, RFC 2986), read and checked.
 *
 * Read by hand in strict DER, and of what the format allows no more than we use: P-256 by its name and an uncompressed
 * point, ECDSA with SHA-256, a subject of plain attributes. Whatever else stands in the attributes of a request is
 * covered by its signature and not looked at.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/crypto/crypto.h"

enum {
	CSR_LEN_MAX = 2048,
	CSR_NAME_MAX = 64, /* of one attribute of the subject */
};

struct csr {
	uint8_t public[P256_PUBLIC_LEN];
	uint8_t spki[SHA256_LEN]; /* SHA-256 of the SubjectPublicKeyInfo */
	/* serialNumber of the subject (2.5.4.5), NUL-terminated, without one: "" */
	char serial_number[CSR_NAME_MAX + 1];
};

/*
 * csr_read - parse, and check that who made it has the private key.
 *
 * Returns 0 with *ret, or
 *   -EMSGSIZE      empty, or longer than CSR_LEN_MAX
 *   -EBADMSG       not a PKCS#10 request in DER, or something stands behind it
 *   -ENOTSUP       another kind of key or signature
 *   -ERANGE        a serialNumber that is too long, twice there, or not plain ASCII
 *   -EKEYREJECTED  the signature is not by this key
 *
 * Not pure: the library's memory. Source: RFC 2986, RFC 5480, RFC 5758.
 */
int csr_read(const uint8_t *der, size_t len, struct csr *ret);
