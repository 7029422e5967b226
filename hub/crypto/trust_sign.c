/*
 * trust_sign.c - see trust_sign.h.
 *
 * Here alone a payload is parsed before its signature is good: the key to verify it with is in it. What was parsed is
 * given to nobody before that.
 */
#include "hub/crypto/trust_sign.h"

#include <errno.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>

_Static_assert((int)TRUST_CONFIG_KEY_LEN == (int)P256_PUBLIC_LEN, "a point");
_Static_assert((int)TRUST_HASH_LEN == (int)SHA256_LEN, "a hash");

/* SubjectPublicKeyInfo of a P-256 key up to the point (RFC 5480, 2): ecPublicKey, prime256v1, BIT STRING of 66. */
static const uint8_t spki_head[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
				     0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
				     0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 };

enum { SPKI_LEN = sizeof(spki_head) + P256_PUBLIC_LEN, SPKI_ROOM = 256 };

/* May it sign certificates? */
static int check_root(const uint8_t *der, size_t len)
{
	DecodedCert cert;
	int r = -ENOTSUP;

	wc_InitDecodedCert(&cert, der, (word32)len, NULL);
	if (wc_ParseCert(&cert, CERT_TYPE, NO_VERIFY, NULL) == 0 && cert.isCA &&
	    cert.signatureOID == CTC_SHA256wECDSA)
		r = 0;
	wc_FreeDecodedCert(&cert);
	return r;
}

static int root_key(const uint8_t *der, size_t len, uint8_t ret[static P256_PUBLIC_LEN])
{
	uint8_t spki[SPKI_ROOM];
	word32 n = sizeof(spki);

	if (check_root(der, len) < 0 ||
	    wc_GetSubjectPubKeyInfoDerFromCert(der, (word32)len, spki, &n) != 0 ||
	    n != SPKI_LEN || memcmp(spki, spki_head, sizeof(spki_head)) != 0)
		return -ENOTSUP;
	memcpy(ret, spki + sizeof(spki_head), P256_PUBLIC_LEN);
	return 0;
}

int trust_root_key(const struct trust *t, uint8_t ret[static P256_PUBLIC_LEN])
{
	return root_key(t->root, t->root_len, ret);
}

int trust_make(const struct trust *t, const uint8_t root_private[static P256_PRIVATE_LEN],
	       uint8_t *buf, size_t cap)
{
	uint8_t payload[TRUST_PAYLOAD_MAX], hash[TRUST_HASH_LEN];
	int n = trust_encode(t, payload, sizeof(payload)), r;
	const char *field;
	struct trust back;

	if (n < 0)
		return n;
	n = sign1_make(SIGN_CONTEXT_TRUST, root_private, payload, (size_t)n, buf, cap);
	r = n < 0 ? n : trust_open(buf, (size_t)n, &back, hash, &field);
	return r < 0 ? r : n;
}

int trust_open(const uint8_t *buf, size_t len, struct trust *ret,
	       uint8_t ret_hash[static TRUST_HASH_LEN], const char **ret_field)
{
	uint8_t key[P256_PUBLIC_LEN];
	struct cose_sign1 frame = { 0 };
	const uint8_t *payload;
	size_t payload_len;
	struct trust t = { 0 };
	int r;

	*ret_field = "frame";
	r = cose_parse(buf, len, &frame);
	if (r == 0)
		r = trust_decode(frame.payload, frame.payload_len, &t, ret_field);
	if (r < 0)
		return r;
	*ret_field = "root";
	r = root_key(t.root, t.root_len, key);
	if (r < 0)
		return r;
	*ret_field = "signature";
	r = sign1_open(SIGN_CONTEXT_TRUST, key, buf, len, &payload, &payload_len);
	if (r < 0)
		return r == -EBADMSG ? -EKEYREJECTED : r;
	crypto_sha256(payload, payload_len, ret_hash);
	*ret = t;
	return 0;
}
