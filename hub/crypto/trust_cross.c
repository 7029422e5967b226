/*
 * trust_cross.c - see trust_cross.h.
 */
#include "hub/crypto/trust_cross.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>

#include "hub/core/cursor.h"
#include "hub/crypto/trust_sign.h"

/* One DER SEQUENCE and nothing behind it, which wolfCrypt does not look at; a certificate has more than 255 bytes. */
static bool is_one(const uint8_t *der, size_t len)
{
	struct reader r;
	bool head;

	reader_init(&r, der, len);
	head = read_be16(&r) == 0x3082;
	return head && read_be16(&r) == reader_left(&r) && reader_ok(&r);
}

/* Returns 0, and *ret is to be freed; it borrows der. */
static int parse(const uint8_t *der, size_t len, DecodedCert *ret)
{
	int r = -ENOTSUP;

	if (len > TRUST_ROOT_MAX || !is_one(der, len))
		return -EBADMSG;
	wc_InitDecodedCert(ret, der, (word32)len, NULL);
	if (wc_ParseCert(ret, CERT_TYPE, NO_VERIFY, NULL) != 0)
		r = -EBADMSG;
	else if (ret->isCA && ret->extKeyUsageSet &&
		 (ret->extKeyUsage & KEYUSE_KEY_CERT_SIGN) && ret->keyOID == ECDSAk &&
		 ret->signatureOID == CTC_SHA256wECDSA)
		r = 0;
	if (r < 0)
		wc_FreeDecodedCert(ret);
	return r;
}

static bool is_for(const DecodedCert *cross, const DecodedCert *next)
{
	return memcmp(cross->subjectHash, next->subjectHash, sizeof(next->subjectHash)) ==
		       0 &&
	       cross->pubKeySize == next->pubKeySize &&
	       memcmp(cross->publicKey, next->publicKey, next->pubKeySize) == 0;
}

static bool is_by(const DecodedCert *root, const DecodedCert *cross, const uint8_t *der,
		  size_t len)
{
	return memcmp(root->subjectHash, cross->issuerHash, sizeof(cross->issuerHash)) ==
		       0 &&
	       wc_CheckCertSigPubKey(der, (word32)len, NULL, root->publicKey,
				     root->pubKeySize, ECDSAk) == 0;
}

int trust_cross_check(const uint8_t *root, size_t root_len, const uint8_t *next,
		      size_t next_len, const uint8_t *cross, size_t cross_len)
{
	DecodedCert r, n, c;
	int err = parse(root, root_len, &r);

	if (err)
		return err;
	err = parse(next, next_len, &n);
	if (err == 0) {
		err = parse(cross, cross_len, &c);
		if (err == 0) {
			err = is_for(&c, &n) && is_by(&r, &c, cross, cross_len)
				      ? 0
				      : -EKEYREJECTED;
			wc_FreeDecodedCert(&c);
		}
		wc_FreeDecodedCert(&n);
	}
	wc_FreeDecodedCert(&r);
	return err;
}

int trust_cross_offer(const struct config_root *offer, const uint8_t *root,
		      size_t root_len, struct trust *ret)
{
	uint8_t hash[TRUST_HASH_LEN];
	enum trust_offer what = TRUST_OFFER_SAME;
	const char *field;
	struct trust t;
	int r = trust_open(offer->trust, offer->trust_len, &t, hash, &field);

	if (r < 0)
		return r;
	if (!root && offer->cross_len)
		return -EKEYREJECTED;
	if (root && (t.root_len != root_len || memcmp(t.root, root, root_len) != 0)) {
		if (offer->cross_len == 0)
			return -EKEYREJECTED;
		r = trust_cross_check(root, root_len, t.root, t.root_len, offer->cross,
				      offer->cross_len);
		what = TRUST_OFFER_NEXT;
	}
	if (r < 0)
		return r;
	*ret = t;
	return (int)what;
}
