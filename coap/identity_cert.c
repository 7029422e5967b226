/*
 * identity_cert.c - see identity_cert.h.
 */
#include "coap/identity_cert.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>

#include "coap/identity.h"
#include "hub/core/err.h"

static int date_ms(const byte *date, int len, int64_t *ret)
{
	const byte *digits;
	byte format;
	struct tm tm;
	int n;

	if (!date || wc_GetDateInfo(date, len, &digits, &format, &n) != 0 ||
	    wc_GetDateAsCalendarTime(digits, n, format, &tm) != 0)
		return -EBADMSG;
	*ret = (int64_t)timegm(&tm) * 1000;
	return 0;
}

static bool is_hub(const DecodedCert *c, const uint8_t hub[static HUB_ID_LEN])
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * HUB_ID_LEN];

	for (size_t i = 0; i < HUB_ID_LEN; i++) {
		hex[2 * i] = digits[hub[i] >> 4];
		hex[2 * i + 1] = digits[hub[i] & 15];
	}
	return c->subjectCN && c->subjectCNLen == (int)sizeof(hex) &&
	       memcmp(c->subjectCN, hex, sizeof(hex)) == 0;
}

int identity_cert_look(const uint8_t *der, size_t len, const uint8_t *hub,
		       struct enrol_validity *ret)
{
	struct enrol_validity v;
	DecodedCert c;
	int r = 0;

	if (len == 0 || len > IDENTITY_CERT_MAX)
		return -EMSGSIZE;
	wc_InitDecodedCert(&c, der, (word32)len, NULL);
	if (wc_ParseCert(&c, CERT_TYPE, NO_VERIFY, NULL) != 0 ||
	    date_ms(c.beforeDate, c.beforeDateLen, &v.begin_ms) != 0 ||
	    date_ms(c.afterDate, c.afterDateLen, &v.end_ms) != 0)
		r = -EBADMSG;
	else if (hub && !is_hub(&c, hub))
		r = -EKEYREJECTED;
	wc_FreeDecodedCert(&c);
	if (r == 0)
		*ret = v;
	return r;
}

int identity_cert_match(const struct identity_key *k, const uint8_t *der, size_t len)
{
	uint8_t spki[SHA256_LEN], pin[IDENTITY_PIN_LEN];
	int r = csr_spki(k->private, spki);

	if (r == 0)
		r = identity_pin(der, len, pin);
	if (r == 0 && !crypto_equal(spki, pin, sizeof(spki)))
		r = -EKEYREJECTED;
	return r;
}
