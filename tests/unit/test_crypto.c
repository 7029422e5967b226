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

/*
 * wolfSSL 5.9.2 refused these, always the same ones: docs/adr/0002. A batch that a test has made, and two public keys
 * chosen so that 4xy^2, which the doubling of a point makes, is just above the curve's prime in wolfSSL's form.
 */
static void test_p256_not_reduced(void)
{
	static const char text[] =
		"846a5369676e61747572653143a101264c6875622f76312f626174636859033888025004"
		"05060000000000000000000000000003182e0082051833858505182f0101589a0101a4af"
		"d68412095539e8315479855196dc634fd71bb8fd93857f5797f4360b315350b4f3624b11"
		"7aa4e78c35094d81d72ac68b093caafdb9bc1b301218f631b1fe0ede5a58d3785f4e7091"
		"997be373d013d9b3364c4f9c056970ace8731433fd0ed136dd2832225d4ec27cf996e435"
		"b0df5d9aa6860a7350022373596ed60491e32ff0d8ed9f1a29c11ee34b36e3987ca17d85"
		"3e8698564044850518300101588b0101113180e8b67e286f294ba8dfcff6013cff3adce8"
		"13207d96d4cf06cb333ea1460b8e8d0859337883ff95d47ae94c84a431ff00a188b475fa"
		"b9b314ff5fb9522217a2662a52f8ea6fbaf8df88d442ba485929f0df3780a4175e710949"
		"8cb18618c4824033c05be280a2665a078dd5f4bb1d4382b637914c4d28e69646c0743c66"
		"e7003f480c7166802c85051831010158a101019789cd19ba0b3a0af556263515cb13c323"
		"638d96287f31ac86e1700b2f3955732d98cea06653eab8590ce67acc898a05d0096bbbb9"
		"a4dfa2914c7eac633c188af28e8d47473bdba8f1e559eca0260ba33768a50fa6d0f6490b"
		"6b765b6a80c057f44c8ac058a7f0c57f068a28bdc7aa52a18bb06ef4e19806ae68f131ce"
		"451917c17700ee726b13db6fc6ea1338c04fba64ddc9ecf6a876a1fa5593215007d38505"
		"18320101588c010185ca58b717c39826599426a57add644460873c50f6efd6d88e65f859"
		"03fd3c38b546d8d6c379f66c3d8a27284c3b5c8a334478d7742b5838cfebbf28b5fd85fc"
		"d7bc445ebabbd884a271e454e36e8e73aa3dc725ac2886f1cd2c5ef0a86694e7477006fb"
		"b965c99839f3f60c3f3553d59a7c9f84921c6e80a8b95836c37c2ffcbe7a8d49a1925227"
		"921685051833010158a10101b6f2d9aa3a420c6b2fbad9eb3fe743848f671a9864343225"
		"0ccabc29f776e5201513ee5b198ccfd6db8c178debb8c9f9a3115f48f8cbaa0080d64650"
		"e0ca40a35b7b4ea7057e4ee493041b5e24e2a1fd9e6aa8721c6dc53f5cde2be3f70cf236"
		"b23fee285920ae0ce00e271a8df5e9bc71c4d4a51241db720eb4395575a3d0bb128976c7"
		"ff0932b5625af98f04776fe5811bb58868b664b46f4aa73bf9aa4e80";
	static const char *const point[] = {
		"60a46013c7a8cfc94fce54c4df542f200531b100880e29648b912aed0974dc4a"
		"281e88fe90be517cfe337288f86c461b5f8a9416e9cb2c3633aba2db2111c1d6",
		"6cbd4a3335f1b7446a60326e20a8eeebc64ab0ff24c3cb5009a872fecb0837f4"
		"a35709fe22837d28d31f0637a0d14b5f35568fd5907a488c526afe1f5aa05446",
	};
	uint8_t msg[sizeof(text) / 2], public[P256_PUBLIC_LEN] = { 4 };
	uint8_t sig[P256_SIGNATURE_LEN];

	from_hex(text, msg);
	from_hex("38bad4ddb549fa8a854b261d9bdd33ad910d54cc0348883885ee927894e426a8",
		 public + 1);
	from_hex("796060200bff2141f354d649a98924a91a869051306234e3d739afffd8488415",
		 public + 33);
	from_hex("8fbb5487a1ade1cec43cb5468fe12eaa62168ee544e2a882541681f1a418dbc5", sig);
	from_hex("04e2285578df310a560a1b389a45e25324ab66079a99b096864f56b66c11acf4",
		 sig + 32);
	CHECK_INT(p256_verify(public, msg, sizeof(msg), sig), 0);
	msg[0] ^= 1;
	CHECK_INT(p256_verify(public, msg, sizeof(msg), sig), -EKEYREJECTED);
	for (size_t i = 0; i < sizeof(point) / sizeof(point[0]); i++) {
		from_hex(point[i], public + 1); /* a good key, the signature is not */
		CHECK_INT(p256_verify(public, msg, sizeof(msg), sig), -EKEYREJECTED);
		public[64] ^= 1;
		CHECK_INT(p256_verify(public, msg, sizeof(msg), sig), -EBADMSG);
	}
}

/* Each key has one form: 5 and 5 + p are the same x. Infinity is no key. */
static void test_p256_keys(void)
{
	uint8_t public[P256_PUBLIC_LEN] = { 4 }, sig[P256_SIGNATURE_LEN];

	memset(sig, 1, sizeof(sig));
	from_hex("0000000000000000000000000000000000000000000000000000000000000005",
		 public + 1);
	from_hex("459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc",
		 public + 33);
	CHECK_INT(p256_verify(public, sig, sizeof(sig), sig), -EKEYREJECTED);
	from_hex("ffffffff00000001000000000000000000000001000000000000000000000004",
		 public + 1);
	CHECK_INT(p256_verify(public, sig, sizeof(sig), sig), -EBADMSG);
	memset(public + 1, 0, sizeof(public) - 1);
	CHECK_INT(p256_verify(public, sig, sizeof(sig), sig), -EBADMSG);
	public[0] = 0;
	CHECK_INT(p256_verify(public, sig, sizeof(sig), sig), -EBADMSG);
}

static void test_p256_many(void)
{
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];
	uint8_t sig[P256_SIGNATURE_LEN], msg[32] = { 0 };

	for (int i = 0; i < 1000; i++) {
		if (i % 8 == 0)
			p256_generate(private, public);
		crypto_random(msg, sizeof(msg));
		CHECK_INT(p256_sign(private, msg, sizeof(msg), sig), 0);
		CHECK_INT(p256_verify(public, msg, sizeof(msg), sig), 0);
		msg[i % 32] ^= (uint8_t)(1 << i % 8);
		CHECK_INT(p256_verify(public, msg, sizeof(msg), sig), -EKEYREJECTED);
	}
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
	  test_p256_not_reduced, test_p256_keys, test_p256_many, test_sign1, test_seal,
	  test_seal_after_verify, test_end)
