/*
 * identity_chain.c - see identity_chain.h. Profile of what the clinic makes: clinic/pki.c.
 *
 *   root -signs-> leaf
 *   root -signs-> CA -signs-> leaf
 *   root -signs-> the next root -signs-> one of the two     (hub/crypto/trust_cross.h; it may have a CA below it, so it is no CA
 *                                                            for hubs, which may not)
 *
 * Invariants
 *   1. A signature counts if the signer may sign certificates, has the name that the signed one gives as its issuer's, and
 *      has not ended.
 *   2. Of what the clinic sends nothing is a CA by its own word: the root that the hub has had before signed it.
 */
#include "coap/identity_chain.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>

#include "coap/identity.h"
#include "hub/core/err.h"

/* Returns 0, and *ret is to be freed, which borrows der. */
static int parse(const uint8_t *der, size_t len, bool leaf, DecodedCert *ret)
{
	int r = identity_check_form(der, len, leaf);

	if (r < 0)
		return r;
	wc_InitDecodedCert(ret, der, (word32)len, NULL);
	if (wc_ParseCert(ret, CERT_TYPE, NO_VERIFY, NULL) == 0)
		return 0;
	wc_FreeDecodedCert(ret);
	return -EBADMSG;
}

static bool has_ended(const DecodedCert *c, int64_t floor_ms)
{
	const byte *digits;
	byte format;
	struct tm tm;
	int n;

	return !c->afterDate ||
	       wc_GetDateInfo(c->afterDate, c->afterDateLen, &digits, &format, &n) != 0 ||
	       wc_GetDateAsCalendarTime(digits, n, format, &tm) != 0 ||
	       (int64_t)timegm(&tm) * 1000 <= floor_ms;
}

/* below: how many CAs are between it and the leaf. */
static bool is_ca(const DecodedCert *c, unsigned below)
{
	return c->isCA && c->extKeyUsageSet && (c->extKeyUsage & KEYUSE_KEY_CERT_SIGN) &&
	       (!c->pathLengthSet || c->pathLength >= below);
}

static bool signed_by(const DecodedCert *issuer, const DecodedCert *c, const uint8_t *der,
		      size_t len)
{
	return memcmp(issuer->subjectHash, c->issuerHash, sizeof(c->issuerHash)) == 0 &&
	       issuer->keyOID == ECDSAk &&
	       wc_CheckCertSigPubKey(der, (word32)len, NULL, issuer->publicKey,
				     issuer->pubKeySize, ECDSAk) == 0;
}

static bool is_text(const char *text, int len, const uint8_t hub[static HUB_ID_LEN])
{
	static const char digits[] = "0123456789abcdef";

	if (!text || len != 2 * HUB_ID_LEN)
		return false;
	for (size_t i = 0; i < HUB_ID_LEN; i++)
		if (text[2 * i] != digits[hub[i] >> 4] ||
		    text[2 * i + 1] != digits[hub[i] & 15])
			return false;
	return true;
}

/* All that the leaf says itself. */
static int check_leaf(const DecodedCert *c, const uint8_t hub[static HUB_ID_LEN],
		      int64_t floor_ms)
{
	if (!c->extKeyUsageSet || !(c->extKeyUsage & KEYUSE_DIGITAL_SIG) ||
	    !(c->extExtKeyUsage & EXTKEYUSE_CLIENT_AUTH))
		return -EACCES;
	if (!is_text(c->subjectCN, c->subjectCNLen, hub) ||
	    !is_text(c->subjectSND, c->subjectSNDLen, hub))
		return -EKEYREJECTED;
	return has_ended(c, floor_ms) ? -ESTALE : 0;
}

/* Is this CA of the root, and the leaf of this CA? */
static bool leads_over(const DecodedCert *root, const struct certs_only_cert *ca,
		       int64_t floor_ms, const DecodedCert *leaf, const uint8_t *der,
		       size_t len)
{
	DecodedCert c;
	bool good;

	if (parse(ca->der, ca->len, false, &c))
		return false;
	good = is_ca(&c, 0) && !has_ended(&c, floor_ms) &&
	       signed_by(root, &c, ca->der, ca->len) && signed_by(&c, leaf, der, len);
	wc_FreeDecodedCert(&c);
	return good;
}

static bool leads_from(const struct identity_chain *chain, const DecodedCert *root,
		       const DecodedCert *leaf, const uint8_t *der, size_t len)
{
	bool good = is_ca(root, 0) && !has_ended(root, chain->floor_ms) &&
		    signed_by(root, leaf, der, len);

	for (size_t i = 0; !good && i < chain->cas.count && is_ca(root, 1); i++)
		good = !has_ended(root, chain->floor_ms) &&
		       leads_over(root, &chain->cas.certs[i], chain->floor_ms, leaf, der,
				  len);
	return good;
}

/* Of a hub that has not heard of the next root yet: the one that it has vouches for that. */
static bool leads_from_next(const struct identity_chain *chain, const DecodedCert *root,
			    const struct certs_only_cert *cross, const DecodedCert *leaf,
			    const uint8_t *der, size_t len)
{
	DecodedCert next;
	bool good;

	if (parse(cross->der, cross->len, false, &next))
		return false;
	good = is_ca(&next, 1) && is_ca(root, 1) && !has_ended(root, chain->floor_ms) &&
	       signed_by(root, &next, cross->der, cross->len) &&
	       leads_from(chain, &next, leaf, der, len);
	wc_FreeDecodedCert(&next);
	return good;
}

static int check_signers(const struct identity_chain *chain, const DecodedCert *leaf,
			 const uint8_t *der, size_t len)
{
	DecodedCert root;
	bool good;
	int r = parse(chain->root, chain->root_len, false, &root);

	if (r < 0)
		return r;
	good = leads_from(chain, &root, leaf, der, len);
	for (size_t i = 0; !good && i < chain->cas.count; i++)
		good = leads_from_next(chain, &root, &chain->cas.certs[i], leaf, der,
				       len);
	wc_FreeDecodedCert(&root);
	return good ? 0 : -ENOENT;
}

bool identity_chain_has_root(const struct identity_chain *c)
{
	for (size_t i = 0; i < c->cas.count; i++)
		if (c->cas.certs[i].len == c->root_len &&
		    memcmp(c->cas.certs[i].der, c->root, c->root_len) == 0)
			return true;
	return false;
}

int identity_chain_check(const struct identity_chain *c, const uint8_t *der, size_t len,
			 const uint8_t hub[static HUB_ID_LEN])
{
	DecodedCert leaf;
	int r = parse(der, len, true, &leaf);

	if (r < 0)
		return r;
	r = check_leaf(&leaf, hub, c->floor_ms);
	if (r == 0)
		r = check_signers(c, &leaf, der, len);
	wc_FreeDecodedCert(&leaf);
	return r;
}
