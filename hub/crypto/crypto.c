/*
 * crypto.c - random, hash, HMAC, key derivation and key wrap on wolfCrypt; see crypto.h.
 */
#include "hub/crypto/crypto.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/sha256.h>
#include <wolfssl/wolfcrypt/wc_port.h>

#include "hub/crypto/rng.h"

enum { NONCE_LEN = 12, TAG_LEN = 16 };

static WC_RNG rng;
static bool ready;

/* A library that cannot hash or draw a number leaves nothing to go on with. */
static void must(int r, const char *what)
{
	if (r == 0)
		return;
	fprintf(stderr, "<2>crypto: %s failed (%d), process ends\n", what, r);
	abort();
}

int crypto_init(void)
{
	if (ready)
		return 0;
	if (wolfCrypt_Init() != 0)
		return -EIO;
	if (wc_InitRng(&rng) != 0) {
		wolfCrypt_Cleanup();
		return -EIO;
	}
	ready = true;
	return 0;
}

void crypto_done(void)
{
	if (!ready)
		return;
	wc_FreeRng(&rng);
	wolfCrypt_Cleanup();
	ready = false;
}

struct WC_RNG *crypto_rng(void)
{
	must(ready ? 0 : -1, "use before crypto_init");
	return &rng;
}

void crypto_random(uint8_t *buf, size_t len)
{
	must(wc_RNG_GenerateBlock(crypto_rng(), buf, (word32)len), "random generator");
}

void crypto_wipe(void *p, size_t len)
{
	explicit_bzero(p, len);
}

bool crypto_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	uint8_t diff = 0;

	for (size_t i = 0; i < len; i++)
		diff |= a[i] ^ b[i];
	return diff == 0;
}

void crypto_sha256(const uint8_t *buf, size_t len, uint8_t ret[static SHA256_LEN])
{
	must(wc_Sha256Hash(buf, (word32)len, ret), "SHA-256");
}

void crypto_hmac(const uint8_t key[static KEY_LEN], const uint8_t *buf, size_t len,
		 uint8_t ret[static SHA256_LEN])
{
	Hmac hmac;

	must(wc_HmacInit(&hmac, NULL, INVALID_DEVID), "HMAC");
	must(wc_HmacSetKey(&hmac, WC_SHA256, key, KEY_LEN), "HMAC key");
	must(wc_HmacUpdate(&hmac, buf, (word32)len), "HMAC");
	must(wc_HmacFinal(&hmac, ret), "HMAC");
	wc_HmacFree(&hmac);
	crypto_wipe(&hmac, sizeof(hmac));
}

void crypto_derive(const uint8_t *ikm, size_t len, const char *label,
		   uint8_t ret[static KEY_LEN])
{
	must(wc_HKDF(WC_SHA256, ikm, (word32)len, NULL, 0, (const byte *)label,
		     (word32)strlen(label), ret, KEY_LEN),
	     "HKDF");
}

void crypto_wrap(const uint8_t key[static KEY_LEN], const uint8_t *ad, size_t ad_len,
		 const uint8_t *in, size_t len, uint8_t *ret)
{
	uint8_t *nonce = ret, *text = ret + NONCE_LEN, *tag = text + len;
	Aes aes;

	crypto_random(nonce, NONCE_LEN);
	must(wc_AesInit(&aes, NULL, INVALID_DEVID), "AES");
	must(wc_AesGcmSetKey(&aes, key, KEY_LEN), "AES key");
	must(wc_AesGcmEncrypt(&aes, text, in, (word32)len, nonce, NONCE_LEN, tag, TAG_LEN,
			      ad, (word32)ad_len),
	     "AES-GCM");
	wc_AesFree(&aes);
	crypto_wipe(&aes, sizeof(aes));
}

int crypto_unwrap(const uint8_t key[static KEY_LEN], const uint8_t *ad, size_t ad_len,
		  const uint8_t *in, size_t len, uint8_t *ret)
{
	size_t text_len;
	Aes aes;
	int r;

	if (len < WRAP_OVERHEAD)
		return -EMSGSIZE;
	text_len = len - WRAP_OVERHEAD;
	must(wc_AesInit(&aes, NULL, INVALID_DEVID), "AES");
	must(wc_AesGcmSetKey(&aes, key, KEY_LEN), "AES key");
	r = wc_AesGcmDecrypt(&aes, ret, in + NONCE_LEN, (word32)text_len, in, NONCE_LEN,
			     in + NONCE_LEN + text_len, TAG_LEN, ad, (word32)ad_len);
	wc_AesFree(&aes);
	crypto_wipe(&aes, sizeof(aes));
	if (r != 0)
		crypto_wipe(ret, text_len);
	return r == 0 ? 0 : -EKEYREJECTED;
}
