/*
 * identity.c - SPKI pin and exact DNS name of a certificate, on wolfCrypt's parser.
 *
 * libcoap looks at one name only (the first DNS name, else the common name), so the verifier of
 * mend.c looks into the DER with these. They check neither signature nor dates.
 */
#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/sha256.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "identity.h"

enum {
	SPKI_MAX = 256, /* P-256 needs 91 */
	DNS_NAME_MAX = 253,
};

int identity_pin(const uint8_t *der, size_t len, uint8_t ret_pin[static IDENTITY_PIN_LEN])
{
	uint8_t spki[SPKI_MAX], pin[IDENTITY_PIN_LEN];
	word32 n = sizeof(spki);

	if (len == 0 || len > UINT16_MAX)
		return -EMSGSIZE;
	if (wc_GetSubjectPubKeyInfoDerFromCert(der, (word32)len, spki, &n) != 0)
		return -EBADMSG;
	if (wc_Sha256Hash(spki, n, pin) != 0)
		return -EIO;
	memcpy(ret_pin, pin, sizeof(pin));
	return 0;
}

static bool is_dns_name(const DNS_entry *e, const char *name, size_t len)
{
	return e->type == ASN_DNS_TYPE && e->len >= 0 && (size_t)e->len == len &&
	       memcmp(e->name, name, len) == 0;
}

int identity_check_dns(const uint8_t *der, size_t len, const char *name)
{
	size_t name_len = strnlen(name, DNS_NAME_MAX + 1);
	DecodedCert cert;
	int r = -EBADMSG;

	if (len == 0 || len > UINT16_MAX || name_len == 0 || name_len > DNS_NAME_MAX)
		return -EMSGSIZE;
	wc_InitDecodedCert(&cert, der, (word32)len, NULL);
	if (wc_ParseCert(&cert, CERT_TYPE, NO_VERIFY, NULL) == 0) {
		r = -ENOENT;
		for (const DNS_entry *e = cert.altNames; e && r != 0; e = e->next)
			if (is_dns_name(e, name, name_len))
				r = 0;
	}
	wc_FreeDecodedCert(&cert);
	return r;
}
