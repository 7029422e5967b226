/*
 * sqlcipher_wolf.c - AES-256-CBC, HMAC, PBKDF2 and random bytes for SQLCipher 4.6.1.
 *
 * Invariants
 *   1. No state per database: SQLCipher passes the key with each call (0.1 us to set).
 *   2. One random generator for the process, from the first open database to the last;
 *      closing one never takes it from another.
 *   3. What held a key or a key schedule is wiped before return, after a failure too:
 *      wolfSSL 5.9.2 does so in wc_AesFree(), wc_HmacFree(), wc_FreeRng(), wc_PBKDF2().
 *
 * Not thread-safe, as our SQLite is not (SQLITE_THREADSAFE=0): no process has threads.
 *
 * The functions carry SQLCipher's signatures and result codes. From SQLCipher 4.7 on the
 * first two slots are init and shutdown, and arguments are const: take its sqlcipher.h.
 */
#include <stdint.h>
#include <string.h>

#include <wolfssl/options.h>

#include <wolfssl/version.h>
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/memory.h>
#include <wolfssl/wolfcrypt/pwdbased.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/wc_port.h>

#include "sqlcipher_wolf.h"

enum {
	KEY_LEN = 32,
	IV_LEN = 16,
	BLOCK_LEN = 16,
};

static struct {
	WC_RNG rng;
	uint8_t pool[1024]; /* random octets; the first 'pooled' are still unused */
	size_t pooled;
	unsigned int users; /* open databases; the generator is up while there is one */
} source;

static int to_sqlite(int wolf_error)
{
	return wolf_error == 0 ? SQLITE_OK : SQLITE_ERROR;
}

/* SQLCipher numbers HMAC and PBKDF2 alike. -1 if it is none of the three. */
static int hash_type(int algorithm)
{
	switch (algorithm) {
	case SQLCIPHER_HMAC_SHA1: return WC_SHA; /* for files that others made */
	case SQLCIPHER_HMAC_SHA256: return WC_SHA256;
	case SQLCIPHER_HMAC_SHA512: return WC_SHA512;
	}
	return -1;
}

/* SQLCipher 4.6.1 never calls activate and deactivate; ctx_init and ctx_free do it. */
static int provider_nothing(void *ctx)
{
	(void)ctx;
	return SQLITE_OK;
}

/* SQLCipher calls no provider_ctx_free() after a failure here, so it must not count. */
static int provider_ctx_init(void **ctx)
{
	(void)ctx;
	if (source.users == 0) {
		if (wolfCrypt_Init() != 0)
			return SQLITE_ERROR;
		if (wc_InitRng(&source.rng) != 0) {
			wolfCrypt_Cleanup();
			return SQLITE_ERROR;
		}
	}
	source.users++;
	return SQLITE_OK;
}

static int provider_ctx_free(void **ctx)
{
	(void)ctx;
	if (source.users == 0 || --source.users > 0)
		return SQLITE_OK;
	wc_FreeRng(&source.rng);
	explicit_bzero(source.pool, sizeof(source.pool));
	source.pooled = 0;
	wolfCrypt_Cleanup();
	return SQLITE_OK;
}

/* wolfCrypt seeds its generator from the kernel and takes nothing from SQL. */
static int provider_add_random(void *ctx, void *buf, int len)
{
	(void)ctx;
	(void)buf;
	(void)len;
	return SQLITE_OK;
}

/*
 * Every page that is written takes 16 fresh octets, and asking the generator for so few costs more than making
 * them: they come from a pool that is filled at once. What was given out is wiped.
 */
static int provider_random(void *ctx, void *buf, int len)
{
	size_t n = len < 0 ? 0 : (size_t)len;

	(void)ctx;
	if (source.users == 0 || len < 0)
		return SQLITE_ERROR;
	if (n > sizeof(source.pool) / 8)
		return to_sqlite(wc_RNG_GenerateBlock(&source.rng, buf, (word32)n));
	if (source.pooled < n) {
		if (wc_RNG_GenerateBlock(&source.rng, source.pool, sizeof(source.pool)) !=
		    0)
			return SQLITE_ERROR;
		source.pooled = sizeof(source.pool);
	}
	source.pooled -= n;
	memcpy(buf, source.pool + source.pooled, n);
	explicit_bzero(source.pool + source.pooled, n);
	return SQLITE_OK;
}

static int provider_hmac(void *ctx, int algorithm, unsigned char *key, int key_len,
			 unsigned char *in, int in_len, unsigned char *in2, int in2_len,
			 unsigned char *ret_mac)
{
	int type = hash_type(algorithm), r;
	Hmac h;

	(void)ctx;
	if (type < 0 || !in || key_len < 0 || in_len < 0 || in2_len < 0)
		return SQLITE_ERROR;
	if (wc_HmacInit(&h, NULL, INVALID_DEVID) != 0)
		return SQLITE_ERROR;
	r = wc_HmacSetKey(&h, type, key, (word32)key_len);
	if (r == 0)
		r = wc_HmacUpdate(&h, in, (word32)in_len);
	if (r == 0 && in2)
		r = wc_HmacUpdate(&h, in2, (word32)in2_len);
	if (r == 0)
		r = wc_HmacFinal(&h, ret_mac);
	wc_HmacFree(&h);
	return to_sqlite(r);
}

static int provider_kdf(void *ctx, int algorithm, const unsigned char *pass, int pass_len,
			unsigned char *salt, int salt_len, int rounds, int key_len,
			unsigned char *ret_key)
{
	int type = hash_type(algorithm), r;

	(void)ctx;
	if (type < 0 || key_len < 0)
		return SQLITE_ERROR;
	r = wc_PBKDF2(ret_key, pass, pass_len, salt, salt_len, rounds, key_len, type);
	if (r != 0)
		wc_ForceZero(ret_key, (size_t)key_len);
	return to_sqlite(r);
}

/* encrypt is 1 or 0; SQLCipher pads nothing, a page is whole blocks */
static int provider_cipher(void *ctx, int encrypt, unsigned char *key, int key_len,
			   unsigned char *iv, unsigned char *in, int len,
			   unsigned char *ret_out)
{
	Aes aes;
	int r;

	(void)ctx;
	if (key_len != KEY_LEN || len < 0 || len % BLOCK_LEN != 0)
		return SQLITE_ERROR;
	if (wc_AesInit(&aes, NULL, INVALID_DEVID) != 0)
		return SQLITE_ERROR;
	r = wc_AesSetKey(&aes, key, KEY_LEN, iv,
			 encrypt ? AES_ENCRYPTION : AES_DECRYPTION);
	if (r == 0 && encrypt)
		r = wc_AesCbcEncrypt(&aes, ret_out, in, (word32)len);
	else if (r == 0)
		r = wc_AesCbcDecrypt(&aes, ret_out, in, (word32)len);
	wc_AesFree(&aes);
	return to_sqlite(r);
}

static const char *provider_name(void *ctx)
{
	(void)ctx;
	return "wolfcrypt";
}

static const char *provider_version(void *ctx)
{
	(void)ctx;
	return LIBWOLFSSL_VERSION_STRING;
}

static const char *provider_cipher_name(void *ctx)
{
	(void)ctx;
	return "aes-256-cbc";
}

static int provider_key_len(void *ctx)
{
	(void)ctx;
	return KEY_LEN;
}

static int provider_iv_len(void *ctx)
{
	(void)ctx;
	return IV_LEN;
}

static int provider_block_len(void *ctx)
{
	(void)ctx;
	return BLOCK_LEN;
}

static int provider_hmac_len(void *ctx, int algorithm)
{
	(void)ctx;
	switch (hash_type(algorithm)) {
	case WC_SHA: return WC_SHA_DIGEST_SIZE;
	case WC_SHA256: return WC_SHA256_DIGEST_SIZE;
	case WC_SHA512: return WC_SHA512_DIGEST_SIZE;
	}
	return 0;
}

static int provider_fips_status(void *ctx)
{
	(void)ctx;
	return 0;
}

int hub_sqlcipher_wolf_setup(sqlcipher_provider *ret_provider)
{
	*ret_provider = (sqlcipher_provider){
		.activate = provider_nothing,
		.deactivate = provider_nothing,
		.get_provider_name = provider_name,
		.add_random = provider_add_random,
		.random = provider_random,
		.hmac = provider_hmac,
		.kdf = provider_kdf,
		.cipher = provider_cipher,
		.get_cipher = provider_cipher_name,
		.get_key_sz = provider_key_len,
		.get_iv_sz = provider_iv_len,
		.get_block_sz = provider_block_len,
		.get_hmac_sz = provider_hmac_len,
		.ctx_init = provider_ctx_init,
		.ctx_free = provider_ctx_free,
		.fips_status = provider_fips_status,
		.get_provider_version = provider_version,
	};
	return SQLITE_OK;
}
