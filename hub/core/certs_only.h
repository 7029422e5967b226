#pragma once

/*
 * certs_only.h - certificates in one piece, as EST gives those of its CAs: application/pkcs7-mime;smime-type=certs-only
 * (RFC 9148, 4.3; RFC 5652, 5.1). What a certificate says is not looked at here. Pure.
 *
 *   SEQUENCE { id-signedData, [0] { SEQUENCE {
 *     INTEGER 1, SET {}, SEQUENCE { id-data },
 *     [0] { certificates }, [1] { lists of revoked ones, skipped }, SET {} } } }
 */
#include <stddef.h>
#include <stdint.h>

enum {
	CERTS_ONLY_MAX = 7, /* certificates */
	CERTS_ONLY_CERT_MAX = 1024,
	CERTS_ONLY_LEN_MAX = CERTS_ONLY_MAX * CERTS_ONLY_CERT_MAX + 64,
};

struct certs_only {
	size_t count;
	struct certs_only_cert {
		const uint8_t *der; /* borrowed */
		size_t len;
	} certs[CERTS_ONLY_MAX];
};

/* certs_only_encode - Returns the length, or -ENOSPC. Each certificate is one element of DER. */
int certs_only_encode(const struct certs_only *c, uint8_t *buf, size_t cap);

/*
 * certs_only_decode - ret points into buf.
 *
 * Returns 0, -EBADMSG (not this), -EMSGSIZE (empty, or longer than CERTS_ONLY_LEN_MAX; a certificate that is longer than
 * CERTS_ONLY_CERT_MAX), or -ERANGE (none, or more than CERTS_ONLY_MAX).
 */
int certs_only_decode(const uint8_t *buf, size_t len, struct certs_only *ret);
