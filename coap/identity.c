/*
 * identity.c - SPKI pin, exact DNS name and end of a certificate, on wolfCrypt's parser.
 *
 * libcoap looks at one name only (the first DNS name, else the common name), so the verifier of
 * mend.c looks into the DER with these. They check neither signature nor dates.
 */
#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/sha256.h>

#include <errno.h>
#include <string.h>
#include <time.h>

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

/* Returns 0, and *ret is to be freed; -EMSGSIZE or -EBADMSG, and it is not. */
static int parse(const uint8_t *der, size_t len, DecodedCert *ret)
{
	if (len == 0 || len > UINT16_MAX)
		return -EMSGSIZE;
	wc_InitDecodedCert(ret, der, (word32)len, NULL);
	if (wc_ParseCert(ret, CERT_TYPE, NO_VERIFY, NULL) == 0)
		return 0;
	wc_FreeDecodedCert(ret);
	return -EBADMSG;
}

int identity_check_form(const uint8_t *der, size_t len, bool leaf)
{
	DecodedCert cert;
	int r = parse(der, len, &cert);

	if (r < 0)
		return r;
	if (cert.signatureOID != CTC_SHA256wECDSA)
		r = -ENOTSUP;
	else if (leaf && cert.isCA)
		r = -EACCES;
	wc_FreeDecodedCert(&cert);
	return r;
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
	int r;

	if (name_len == 0 || name_len > DNS_NAME_MAX)
		return -EMSGSIZE;
	r = parse(der, len, &cert);
	if (r < 0)
		return r;
	r = -ENOENT;
	for (const DNS_entry *e = cert.altNames; e && r != 0; e = e->next)
		if (is_dns_name(e, name, name_len))
			r = 0;
	wc_FreeDecodedCert(&cert);
	return r;
}

static int read_end(const DecodedCert *cert, int64_t *ret_s)
{
	const byte *date;
	byte format;
	struct tm tm;
	int len;

	if (!cert->afterDate ||
	    wc_GetDateInfo(cert->afterDate, cert->afterDateLen, &date, &format, &len) !=
		    0 ||
	    wc_GetDateAsCalendarTime(date, len, format, &tm) != 0)
		return -EBADMSG;
	*ret_s = (int64_t)timegm(&tm);
	return 0;
}

int identity_end(const uint8_t *der, size_t len, int64_t *ret_s)
{
	DecodedCert cert;
	int r = parse(der, len, &cert);

	if (r < 0)
		return r;
	r = read_end(&cert, ret_s);
	wc_FreeDecodedCert(&cert);
	return r;
}
