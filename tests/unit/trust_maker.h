#pragma once

/*
 * trust_maker.h - a clinic's root and its clinic.trust, for tests of those who take it.
 */
#include <string.h>

#include "clinic/pki.h"
#include "hub/crypto/trust_sign.h"
#include "tests/unit/test.h"

struct trust_maker {
	struct pki_pair root;
	uint8_t private[P256_PRIVATE_LEN];
};

/* Another root with each call. crypto_init comes before. */
__attribute__((unused)) static void trust_maker_init(struct trust_maker *m)
{
	CHECK_INT(pki_make_root("Clinic", 1795000000000, &m->root), 0);
	CHECK_INT(pki_root_scalar(&m->root, m->private), 0);
}

/* One server for readings and enrolment; to be changed at will, but for the root. */
__attribute__((unused)) static struct trust
trust_maker_fields(const struct trust_maker *m, const char *clinic, int64_t expires_s)
{
	struct trust t = { .endpoint_count = 1, .expires_s = expires_s };
	struct pki_cert cert;

	snprintf(t.clinic, sizeof(t.clinic), "%s", clinic);
	CHECK_INT(pki_der(m->root.cert, &cert), 0);
	CHECK(cert.len <= sizeof(t.root));
	memcpy(t.root, cert.der, cert.len);
	t.root_len = cert.len;
	t.endpoints[0] = (struct config_endpoint){ .port = 5684,
						   .name = "clinic.example",
						   .profile = DTLS_PROFILE_13_CID,
						   .pin_count = 1 };
	memset(t.endpoints[0].pins[0], 0x11, PIN_LEN);
	t.enrol = t.endpoints[0];
	memset(t.config_public, 0x33, sizeof(t.config_public));
	t.config_public[0] = 4;
	t.seal_key_id = 3;
	memset(t.seal_public, 0x44, sizeof(t.seal_public));
	return t;
}

/* Returns the length of the file; its signature is another one each time. */
__attribute__((unused)) static size_t
trust_maker_file(const struct trust_maker *m, const struct trust *t,
		 uint8_t file[static TRUST_FILE_MAX])
{
	int n = trust_make(t, m->private, file, TRUST_FILE_MAX);

	CHECK(n > 0);
	return (size_t)n;
}
