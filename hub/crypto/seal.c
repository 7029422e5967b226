/*
 * seal.c - HPKE base mode, one encapsulation per reading (RFC 9180, 6.1); see crypto.h.
 *
 * Suite: DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001, AES-256-GCM 0x0002. Base mode names no sender:
 * the batch's signature does (p256.c).
 */
#include "hub/crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/curve25519.h>
#include <wolfssl/wolfcrypt/hpke.h>

#include "hub/crypto/rng.h"

enum { SEAL_VERSION = 1, HEAD_LEN = 2 };

static const char seal_info[] = "hub/v1/reading";

static int suite(Hpke *hpke)
{
	return wc_HpkeInit(hpke, DHKEM_X25519_HKDF_SHA256, HKDF_SHA256, HPKE_AES_256_GCM,
			   NULL);
}

void x25519_generate(uint8_t ret_private[static X25519_LEN],
		     uint8_t ret_public[static X25519_LEN])
{
	word32 private_len = X25519_LEN, public_len = X25519_LEN;
	curve25519_key key;

	if (wc_curve25519_init(&key) != 0 ||
	    wc_curve25519_make_key(crypto_rng(), X25519_LEN, &key) != 0 ||
	    wc_curve25519_export_key_raw_ex(&key, ret_private, &private_len, ret_public,
					    &public_len, EC25519_LITTLE_ENDIAN) != 0)
		abort(); /* no entropy: nothing safe can follow */
	wc_curve25519_free(&key);
}

int seal(uint8_t key_id, const uint8_t public[static X25519_LEN], const uint8_t *ad,
	 size_t ad_len, const uint8_t *in, size_t len, uint8_t *ret)
{
	void *receiver = NULL, *ephemeral = NULL;
	word16 enc_len = SEAL_ENC_LEN;
	Hpke hpke;
	bool ok;

	if (suite(&hpke) != 0)
		return -EIO;
	ok = wc_HpkeDeserializePublicKey(&hpke, &receiver, public, X25519_LEN) == 0 &&
	     wc_HpkeGenerateKeyPair(&hpke, &ephemeral, crypto_rng()) == 0 &&
	     wc_HpkeSerializePublicKey(&hpke, ephemeral, ret + HEAD_LEN, &enc_len) == 0 &&
	     wc_HpkeSealBase(&hpke, ephemeral, receiver, (byte *)(uintptr_t)seal_info,
			     sizeof(seal_info) - 1, (byte *)(uintptr_t)ad, (word32)ad_len,
			     (byte *)(uintptr_t)in, (word32)len,
			     ret + HEAD_LEN + SEAL_ENC_LEN) == 0;
	if (receiver)
		wc_HpkeFreeKey(&hpke, DHKEM_X25519_HKDF_SHA256, receiver, NULL);
	if (ephemeral)
		wc_HpkeFreeKey(&hpke, DHKEM_X25519_HKDF_SHA256, ephemeral, NULL);
	ret[0] = SEAL_VERSION;
	ret[1] = key_id;
	return ok && enc_len == SEAL_ENC_LEN ? 0 : -EIO;
}

int sealed_key_id(const uint8_t *in, size_t len)
{
	if (len < SEALED_LEN(0))
		return -EMSGSIZE;
	return in[0] == SEAL_VERSION ? in[1] : -ENOTSUP;
}

/* wolfCrypt wants the whole key pair: the public half is computed from the private one. */
static int load_private(const uint8_t private[static X25519_LEN], curve25519_key *ret)
{
	uint8_t scalar[X25519_LEN], public[X25519_LEN];
	int r;

	memcpy(scalar, private, X25519_LEN);
	scalar[0] &= 248; /* RFC 7748, 5 */
	scalar[31] = (uint8_t)((scalar[31] & 127) | 64);
	r = wc_curve25519_make_pub(sizeof(public), public, sizeof(scalar), scalar);
	if (r == 0)
		r = wc_curve25519_import_private_raw_ex(scalar, sizeof(scalar), public,
							sizeof(public), ret,
							EC25519_LITTLE_ENDIAN);
	crypto_wipe(scalar, sizeof(scalar));
	return r == 0 ? 0 : -EIO;
}

int unseal(const uint8_t private[static X25519_LEN], const uint8_t *ad, size_t ad_len,
	   const uint8_t *in, size_t len, uint8_t *ret)
{
	size_t text_len = len - SEALED_LEN(0);
	int r = sealed_key_id(in, len);
	curve25519_key key;
	Hpke hpke;

	if (r < 0)
		return r;
	if (suite(&hpke) != 0 || wc_curve25519_init(&key) != 0)
		return -EKEYREJECTED;
	r = load_private(private, &key);
	if (r == 0)
		r = wc_HpkeOpenBase(&hpke, &key, in + HEAD_LEN, SEAL_ENC_LEN,
				    (byte *)(uintptr_t)seal_info, sizeof(seal_info) - 1,
				    (byte *)(uintptr_t)ad, (word32)ad_len,
				    (byte *)(uintptr_t)(in + HEAD_LEN + SEAL_ENC_LEN),
				    (word32)text_len, ret);
	wc_curve25519_free(&key);
	return r == 0 ? 0 : -EKEYREJECTED;
}
