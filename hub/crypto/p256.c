/*
 * p256.c - ECDSA on P-256 with SHA-256, and COSE_Sign1 made and opened with it; see crypto.h.
 *
 * Invariant: sign1_open and sign1_open_by return a payload only after its signature was found good.
 */
#include "hub/crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/ecc.h>

#include "hub/core/cose.h"
#include "hub/core/signer.h"
#include "hub/crypto/rng.h"

_Static_assert((int)SIGNER_PUBLIC_LEN == (int)P256_PUBLIC_LEN, "one kind of key");
_Static_assert((int)FIDO_HASH_LEN == (int)SHA256_LEN, "one kind of hash");

enum { HALF = 32, DER_SIGNATURE_MAX = 80, TO_BE_SIGNED_EXTRA = 64 };

void p256_generate(uint8_t ret_private[static P256_PRIVATE_LEN],
		   uint8_t ret_public[static P256_PUBLIC_LEN])
{
	word32 private_len = P256_PRIVATE_LEN, public_len = P256_PUBLIC_LEN;
	ecc_key key;

	if (wc_ecc_init(&key) != 0 ||
	    wc_ecc_make_key_ex(crypto_rng(), HALF, &key, ECC_SECP256R1) != 0 ||
	    wc_ecc_export_private_only(&key, ret_private, &private_len) != 0 ||
	    wc_ecc_export_x963(&key, ret_public, &public_len) != 0 ||
	    private_len != P256_PRIVATE_LEN || public_len != P256_PUBLIC_LEN)
		abort(); /* no entropy or no memory: nothing safe can follow */
	wc_ecc_free(&key);
}

int p256_public(const uint8_t private[static P256_PRIVATE_LEN],
		uint8_t ret_public[static P256_PUBLIC_LEN])
{
	word32 len = P256_PUBLIC_LEN;
	ecc_key key;
	int ok;

	if (wc_ecc_init(&key) != 0)
		return -EIO;
	ok = wc_ecc_import_private_key_ex(private, P256_PRIVATE_LEN, NULL, 0, &key,
					  ECC_SECP256R1) == 0 &&
	     wc_ecc_make_pub_ex(&key, NULL, crypto_rng()) == 0 &&
	     wc_ecc_export_x963(&key, ret_public, &len) == 0;
	wc_ecc_free(&key);
	return ok ? 0 : -EIO;
}

int p256_sign(const uint8_t private[static P256_PRIVATE_LEN], const uint8_t *msg,
	      size_t len, uint8_t ret_signature[static P256_SIGNATURE_LEN])
{
	uint8_t hash[SHA256_LEN], der[DER_SIGNATURE_MAX], r[HALF], s[HALF];
	word32 der_len = sizeof(der), r_len = HALF, s_len = HALF;
	ecc_key key;
	int ok;

	crypto_sha256(msg, len, hash);
	if (wc_ecc_init(&key) != 0)
		return -EIO;
	ok = wc_ecc_import_private_key_ex(private, P256_PRIVATE_LEN, NULL, 0, &key,
					  ECC_SECP256R1) == 0 &&
	     wc_ecc_sign_hash(hash, sizeof(hash), der, &der_len, crypto_rng(), &key) ==
		     0 &&
	     wc_ecc_sig_to_rs(der, der_len, r, &r_len, s, &s_len) == 0;
	wc_ecc_free(&key);
	if (!ok)
		return -EIO;
	memset(ret_signature, 0, P256_SIGNATURE_LEN);
	memcpy(ret_signature + HALF - r_len, r, r_len);
	memcpy(ret_signature + P256_SIGNATURE_LEN - s_len, s, s_len);
	return 0;
}

/* Big-endian and below the prime of the field. */
static bool is_reduced(const uint8_t coordinate[static HALF])
{
	static const uint8_t prime[HALF] = { 0xff, 0xff, 0xff, 0xff, 0,	   0,	 0,
					     1,	   0,	 0,    0,    0,	   0,	 0,
					     0,	   0,	 0,    0,    0,	   0,	 0xff,
					     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					     0xff, 0xff, 0xff, 0xff };

	return memcmp(coordinate, prime, HALF) < 0;
}

/*
 * A key from outside: in the field, on the curve, not infinity; the import looks at the last two. That it is of the
 * group's order follows, as the curve's cofactor is 1 (RFC 8446, 4.2.8.2). wc_ecc_check_key would prove that by a
 * multiplication, which costs as much as the verification itself.
 */
static int import_public(const uint8_t public[static P256_PUBLIC_LEN], ecc_key *key)
{
	if (!is_reduced(public + 1) || !is_reduced(public + 1 + HALF))
		return -EBADMSG;
	return wc_ecc_import_x963_ex(public, P256_PUBLIC_LEN, key, ECC_SECP256R1) == 0
		       ? 0
		       : -EBADMSG;
}

int p256_verify(const uint8_t public[static P256_PUBLIC_LEN], const uint8_t *msg,
		size_t len, const uint8_t signature[static P256_SIGNATURE_LEN])
{
	uint8_t hash[SHA256_LEN], der[DER_SIGNATURE_MAX];
	word32 der_len = sizeof(der);
	int good = 0, ret = -EKEYREJECTED;
	ecc_key key;

	if (wc_ecc_init(&key) != 0)
		return -EKEYREJECTED;
	if (import_public(public, &key)) {
		wc_ecc_free(&key);
		return -EBADMSG;
	}
	crypto_sha256(msg, len, hash);
	if (wc_ecc_rs_raw_to_sig(signature, HALF, signature + HALF, HALF, der,
				 &der_len) == 0 &&
	    wc_ecc_verify_hash(der, der_len, hash, sizeof(hash), &good, &key) == 0 &&
	    good == 1)
		ret = 0;
	wc_ecc_free(&key);
	return ret;
}

/* The Sig_structure of a payload, on the heap: the caller frees it. NULL without memory. */
static uint8_t *to_be_signed(const char *context, const uint8_t *payload, size_t len,
			     int *ret_len)
{
	size_t cap = len + strlen(context) + TO_BE_SIGNED_EXTRA;
	uint8_t *buf = malloc(cap);

	if (buf)
		*ret_len = cose_to_be_signed(context, payload, len, buf, cap);
	if (buf && *ret_len < 0) {
		free(buf);
		return NULL;
	}
	return buf;
}

int sign1_make(const char *context, const uint8_t private[static P256_PRIVATE_LEN],
	       const uint8_t *payload, size_t len, uint8_t *buf, size_t cap)
{
	uint8_t signature[P256_SIGNATURE_LEN];
	int n, r;
	uint8_t *tbs = to_be_signed(context, payload, len, &n);

	if (!tbs)
		return -EIO;
	r = p256_sign(private, tbs, (size_t)n, signature);
	crypto_wipe(tbs, (size_t)n); /* some payloads are secret: a ticket's */
	free(tbs);
	return r ? r : cose_frame(payload, len, signature, buf, cap);
}

int sign1_open(const char *context, const uint8_t public[static P256_PUBLIC_LEN],
	       const uint8_t *buf, size_t len, const uint8_t **ret_payload,
	       size_t *ret_len)
{
	struct cose_sign1 s;
	uint8_t *tbs;
	int n, r = cose_parse(buf, len, &s);

	if (r)
		return r;
	tbs = to_be_signed(context, s.payload, s.payload_len, &n);
	if (!tbs)
		return -EKEYREJECTED;
	r = p256_verify(public, tbs, (size_t)n, s.signature);
	crypto_wipe(tbs, (size_t)n);
	free(tbs);
	if (r)
		return r;
	*ret_payload = s.payload;
	*ret_len = s.payload_len;
	return 0;
}

int sign1_hash(const char *context, const uint8_t *payload, size_t len,
	       uint8_t ret[static SHA256_LEN])
{
	int n;
	uint8_t *tbs = to_be_signed(context, payload, len, &n);

	if (!tbs)
		return -EIO;
	crypto_sha256(tbs, (size_t)n, ret);
	crypto_wipe(tbs, (size_t)n);
	free(tbs);
	return 0;
}

static int open_fido(const char *context, const struct signer *by,
		     const struct cose_sign1 *s)
{
	uint8_t hash[SHA256_LEN], bytes[FIDO_SIGNED_LEN];
	int r = fido_auth_check(s->auth, s->auth_len, by->kind == SIGNER_FIDO2_VERIFIED);

	if (r)
		return r;
	if (sign1_hash(context, s->payload, s->payload_len, hash))
		return -EKEYREJECTED;
	fido_signed_bytes(s->auth, hash, bytes);
	return p256_verify(by->public, bytes, sizeof(bytes), s->signature);
}

int sign1_open_by(const char *context, const struct signer *by, const uint8_t *buf,
		  size_t len, const uint8_t **ret_payload, size_t *ret_len)
{
	struct cose_sign1 s;
	int r = cose_parse_any(buf, len, &s);

	if (r)
		return r;
	switch (by->kind) {
	case SIGNER_PLAIN:
		return s.auth ? -EKEYREJECTED
			      : sign1_open(context, by->public, buf, len, ret_payload,
					   ret_len);
	case SIGNER_FIDO2:
	case SIGNER_FIDO2_VERIFIED:
		r = s.auth ? open_fido(context, by, &s) : -EKEYREJECTED;
		break;
	case SIGNER_KINDS: r = -EKEYREJECTED; break;
	}
	if (r)
		return r;
	*ret_payload = s.payload;
	*ret_len = s.payload_len;
	return 0;
}
