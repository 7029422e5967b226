/*
 * test_crypto.c - the door to wolfCrypt: published vectors, tampering, there and back.
 */
#include "tests/unit/test.h"

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"

static void from_hex(const char *hex, uint8_t *ret)
{
	for (size_t i = 0; hex[2 * i]; i++) {
		unsigned v;

		CHECK_INT(sscanf(hex + 2 * i, "%2x", &v), 1);
		ret[i] = (uint8_t)v;
	}
}

static void test_sha256(void)
{
	uint8_t want[32], got[32];

	/* FIPS 180-4, example of "abc" */
	from_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		 want);
	crypto_sha256((const uint8_t *)"abc", 3, got);
	CHECK_MEM(got, want, 32);
}

/* RFC 5869, A.3: zero-length salt and info, first 32 octets of OKM. */
static void test_hkdf(void)
{
	uint8_t ikm[22], want[32], got[32], other[32];

	memset(ikm, 0x0b, sizeof(ikm));
	from_hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
		 want);
	crypto_derive(ikm, sizeof(ikm), "", got);
	CHECK_MEM(got, want, 32);
	crypto_derive(ikm, sizeof(ikm), "hub/v1/queue", got);
	crypto_derive(ikm, sizeof(ikm), "hub/v1/state", other);
	CHECK(!crypto_equal(got, other, 32));
}

static void test_wrap(void)
{
	uint8_t key[KEY_LEN] = { 1 }, in[48], out[48], box[48 + WRAP_OVERHEAD];

	crypto_random(in, sizeof(in));
	crypto_wrap(key, (const uint8_t *)"ad", 2, in, sizeof(in), box);
	CHECK_INT(crypto_unwrap(key, (const uint8_t *)"ad", 2, box, sizeof(box), out), 0);
	CHECK_MEM(out, in, sizeof(in));
	CHECK_INT(crypto_unwrap(key, (const uint8_t *)"aD", 2, box, sizeof(box), out),
		  -EKEYREJECTED);
	/* every bit of every byte is covered */
	for (size_t i = 0; i < sizeof(box); i++) {
		box[i] ^= 0x10;
		CHECK_INT(crypto_unwrap(key, (const uint8_t *)"ad", 2, box, sizeof(box),
					out),
			  -EKEYREJECTED);
		box[i] ^= 0x10;
	}
	CHECK_INT(crypto_unwrap(key, NULL, 0, box, WRAP_OVERHEAD - 1, out), -EMSGSIZE);
	key[31] = 1;
	CHECK_INT(crypto_unwrap(key, (const uint8_t *)"ad", 2, box, sizeof(box), out),
		  -EKEYREJECTED);
}

/* RFC 6979, A.2.5: the key's public half and a signature over "sample" with SHA-256. */
static void test_p256_vector(void)
{
	uint8_t public[P256_PUBLIC_LEN] = { 4 }, sig[P256_SIGNATURE_LEN];

	from_hex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
		 public + 1);
	from_hex("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
		 public + 33);
	from_hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716", sig);
	from_hex("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
		 sig + 32);
	CHECK_INT(p256_verify(public, (const uint8_t *)"sample", 6, sig), 0);
	CHECK_INT(p256_verify(public, (const uint8_t *)"samplf", 6, sig), -EKEYREJECTED);
	sig[63] ^= 1;
	CHECK_INT(p256_verify(public, (const uint8_t *)"sample", 6, sig), -EKEYREJECTED);
	memset(sig, 0, sizeof(sig)); /* r = s = 0 must never pass */
	CHECK_INT(p256_verify(public, (const uint8_t *)"sample", 6, sig), -EKEYREJECTED);
	public[64] ^= 1; /* not on the curve */
	CHECK_INT(p256_verify(public, (const uint8_t *)"sample", 6, sig), -EBADMSG);
}

static void test_sign1(void)
{
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN], box[256];
	const uint8_t *payload;
	size_t len;
	int n;

	for (int i = 0; i < 50; i++) { /* short r or s are padded */
		p256_generate(private, public);
		n = sign1_make(SIGN_CONTEXT_BATCH, private, (const uint8_t *)"hello", 5,
			       box, sizeof(box));
		CHECK(n > 0);
		CHECK_INT(sign1_open(SIGN_CONTEXT_BATCH, public, box, (size_t)n, &payload,
				     &len),
			  0);
		CHECK_UINT(len, 5);
		CHECK_MEM(payload, "hello", 5);
	}
	/* a signature for one purpose does not serve another */
	CHECK_INT(sign1_open(SIGN_CONTEXT_CONFIG, public, box, (size_t)n, &payload, &len),
		  -EKEYREJECTED);
	for (int i = 0; i < n; i++) {
		box[i] ^= 0x01;
		CHECK(sign1_open(SIGN_CONTEXT_BATCH, public, box, (size_t)n, &payload,
				 &len) < 0);
		box[i] ^= 0x01;
	}
}

static void test_seal(void)
{
	uint8_t private[X25519_LEN], public[X25519_LEN], in[100], out[100];
	uint8_t box[SEALED_LEN(100)], second[SEALED_LEN(100)];

	x25519_generate(private, public);
	crypto_random(in, sizeof(in));
	CHECK_INT(seal(7, public, (const uint8_t *)"ad", 2, in, sizeof(in), box), 0);
	CHECK_INT(sealed_key_id(box, sizeof(box)), 7);
	CHECK_INT(unseal(private, (const uint8_t *)"ad", 2, box, sizeof(box), out), 0);
	CHECK_MEM(out, in, sizeof(in));
	CHECK_INT(seal(7, public, (const uint8_t *)"ad", 2, in, sizeof(in), second), 0);
	CHECK(!crypto_equal(box + 2, second + 2, SEAL_ENC_LEN)); /* fresh each time */
	CHECK_INT(unseal(private, (const uint8_t *)"aD", 2, box, sizeof(box), out),
		  -EKEYREJECTED);
	for (size_t i = 2; i < sizeof(box); i++) {
		if (i == 2 + SEAL_ENC_LEN - 1)
			/* X25519 ignores the top bit of its last octet: RFC 7748, 5 */
			continue;
		box[i] ^= 0x01;
		CHECK_INT(
			unseal(private, (const uint8_t *)"ad", 2, box, sizeof(box), out),
			-EKEYREJECTED);
		box[i] ^= 0x01;
	}
	for (size_t n = 0; n < SEALED_LEN(0); n++)
		CHECK_INT(unseal(private, NULL, 0, box, n, out), -EMSGSIZE);
	box[0] = 2;
	CHECK_INT(unseal(private, (const uint8_t *)"ad", 2, box, sizeof(box), out),
		  -ENOTSUP);
}

static void test_start(void)
{
	CHECK_INT(crypto_init(), 0);
}

/* A verification must not spoil what comes after it: wolfSSL's vector code did, docs/adr/0002. */
static void test_seal_after_verify(void)
{
	uint8_t sign[P256_PRIVATE_LEN], sign_public[P256_PUBLIC_LEN],
		sig[P256_SIGNATURE_LEN];
	uint8_t private[X25519_LEN], public[X25519_LEN], in[64] = { 1 }, out[64];
	uint8_t box[SEALED_LEN(sizeof(in))];

	p256_generate(sign, sign_public);
	CHECK_INT(p256_sign(sign, in, sizeof(in), sig), 0);
	for (int i = 0; i < 32; i++) {
		CHECK_INT(p256_verify(sign_public, in, sizeof(in), sig), 0);
		x25519_generate(private, public);
		CHECK_INT(p256_verify(sign_public, in, sizeof(in), sig), 0);
		CHECK_INT(seal(1, public, in, 5, in, sizeof(in), box), 0);
		CHECK_INT(p256_verify(sign_public, in, sizeof(in), sig), 0);
		CHECK_INT(unseal(private, in, 5, box, sizeof(box), out), 0);
		CHECK_MEM(out, in, sizeof(in));
	}
}

static void test_end(void)
{
	crypto_done();
	CHECK_INT(crypto_init(), 0); /* may be started again */
	crypto_done();
}

TEST_MAIN("crypto", test_start, test_sha256, test_hkdf, test_wrap, test_p256_vector,
	  test_sign1, test_seal, test_seal_after_verify, test_end)
