/*
 * test_fido.c - signatures of security keys (adr/0020): what each flag, each length and each kind of signer does to them, alone; and
 * the list of signers with kinds. tests/interop/fido.py has an authenticator that nobody here wrote.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "hub/core/cbor.h"
#include "hub/core/cose.h"
#include "hub/core/fido.h"
#include "hub/core/signer.h"
#include "hub/crypto/crypto.h"

static const uint8_t payload[] = "reboot it";
static uint8_t private[P256_PRIVATE_LEN];
static struct signer signer = { .person = 1, .role = SIGNER_CLINICIAN };

/* As a key does it. */
static void make_auth(uint8_t flags, uint8_t ret[static FIDO_AUTH_LEN])
{
	CHECK_INT(crypto_init(), 0);
	if (signer.public[0] == 0)
		p256_generate(private, signer.public);
	memset(ret, 0, FIDO_AUTH_LEN);
	crypto_sha256((const uint8_t *)FIDO_RP_ID, strlen(FIDO_RP_ID), ret);
	ret[FIDO_HASH_LEN] = flags;
	ret[FIDO_AUTH_LEN - 1] = 7;
}

/* The header's octets as they are, however many, and a signature over them. */
static int make(const char *context, const uint8_t *auth, size_t auth_len,
		uint8_t ret[static 512])
{
	uint8_t hash[SHA256_LEN], sign[P256_SIGNATURE_LEN],
		tbs[256]; /* auth, then the hash */
	struct writer w;

	CHECK_INT(sign1_hash(context, payload, sizeof(payload), hash), 0);
	memcpy(tbs, auth, auth_len);
	memcpy(tbs + auth_len, hash, sizeof(hash));
	CHECK_INT(p256_sign(private, tbs, auth_len + sizeof(hash), sign), 0);
	writer_init(&w, ret, 512);
	cb_put_array(&w, 4);
	cb_put_bytes(&w, (const uint8_t *)"\xa1\x01\x26", 3);
	cb_put_map(&w, 1);
	cb_put_int(&w, -65537);
	cb_put_bytes(&w, auth, auth_len);
	cb_put_bytes(&w, payload, sizeof(payload));
	cb_put_bytes(&w, sign, sizeof(sign));
	return writer_len(&w);
}

static int open_as(enum signer_kind kind, const uint8_t *buf, size_t len)
{
	const uint8_t *got;
	size_t got_len;
	int r;

	signer.kind = kind;
	r = sign1_open_by(SIGN_CONTEXT_COMMAND, &signer, buf, len, &got, &got_len);
	if (r == 0) {
		CHECK_UINT(got_len, sizeof(payload));
		CHECK_MEM(got, payload, sizeof(payload));
	}
	return r;
}

/* Every octet of flags there is, for both kinds. */
static void test_flags(void)
{
	uint8_t auth[FIDO_AUTH_LEN], buf[512];

	for (unsigned flags = 0; flags < 256; flags++) {
		bool touched = flags == 0x01 || flags == 0x05, verified = flags == 0x05;
		int n;

		make_auth((uint8_t)flags, auth);
		n = make(SIGN_CONTEXT_COMMAND, auth, sizeof(auth), buf);
		CHECK_INT(open_as(SIGNER_FIDO2, buf, (size_t)n),
			  touched ? 0 : -EKEYREJECTED);
		CHECK_INT(open_as(SIGNER_FIDO2_VERIFIED, buf, (size_t)n),
			  verified ? 0 : -EKEYREJECTED);
		CHECK_INT(open_as(SIGNER_PLAIN, buf, (size_t)n), -EKEYREJECTED);
	}
}

static void test_length(void)
{
	uint8_t auth[FIDO_AUTH_LEN + 60] = { 0 }, buf[512];

	make_auth(FIDO_UP | FIDO_UV, auth);
	for (size_t len = 0; len <= sizeof(auth); len++) {
		int n = make(SIGN_CONTEXT_COMMAND, auth, len, buf);

		CHECK_INT(open_as(SIGNER_FIDO2, buf, (size_t)n),
			  len == FIDO_AUTH_LEN ? 0 : -EBADMSG);
	}
}

static void test_what_is_signed(void)
{
	uint8_t auth[FIDO_AUTH_LEN], buf[512], other[512];
	int n;

	make_auth(FIDO_UP, auth);
	n = make(SIGN_CONTEXT_COMMAND, auth, sizeof(auth), buf);
	for (int i = 0; i < n * 8; i++) { /* no bit may change */
		memcpy(other, buf, (size_t)n);
		other[i / 8] ^= (uint8_t)(1u << i % 8);
		CHECK(open_as(SIGNER_FIDO2, other, (size_t)n) < 0);
	}
	for (int cut = 1; cut <= n; cut++)
		CHECK(open_as(SIGNER_FIDO2, buf, (size_t)(n - cut)) < 0);
	n = make(SIGN_CONTEXT_CONFIG, auth, sizeof(auth), buf); /* for another purpose */
	CHECK_INT(open_as(SIGNER_FIDO2, buf, (size_t)n), -EKEYREJECTED);
	auth[0] ^= 1; /* of another relying party */
	n = make(SIGN_CONTEXT_COMMAND, auth, sizeof(auth), buf);
	CHECK_INT(open_as(SIGNER_FIDO2, buf, (size_t)n), -EKEYREJECTED);
	auth[0] ^= 1;
	memset(auth + FIDO_HASH_LEN + 1, 0xff, 4); /* any counter will do */
	n = make(SIGN_CONTEXT_COMMAND, auth, sizeof(auth), buf);
	CHECK_INT(open_as(SIGNER_FIDO2, buf, (size_t)n), 0);
}

/* What a key of the other kind has signed, of the same private key. */
static void test_kinds(void)
{
	uint8_t auth[FIDO_AUTH_LEN], buf[512], again[512], hash[SHA256_LEN];
	struct cose_sign1 s;
	int n, m;

	make_auth(FIDO_UP | FIDO_UV, auth);
	n = sign1_make(SIGN_CONTEXT_COMMAND, private, payload, sizeof(payload), buf,
		       sizeof(buf));
	CHECK_INT(open_as(SIGNER_PLAIN, buf, (size_t)n), 0);
	CHECK_INT(open_as(SIGNER_FIDO2, buf, (size_t)n), -EKEYREJECTED);
	CHECK_INT(open_as(SIGNER_FIDO2_VERIFIED, buf, (size_t)n), -EKEYREJECTED);
	CHECK_INT(open_as(SIGNER_KINDS, buf, (size_t)n), -EKEYREJECTED);
	/* a plain signature with the header put in afterwards is none of a security key */
	CHECK_INT(cose_parse_any(buf, (size_t)n, &s), 0);
	CHECK(s.auth == NULL);
	m = cose_frame_fido(s.payload, s.payload_len, auth, s.signature, again,
			    sizeof(again));
	CHECK_INT(m, n + COSE_FIDO_EXTRA);
	for (unsigned k = 0; k < SIGNER_KINDS; k++)
		CHECK_INT(open_as((enum signer_kind)k, again, (size_t)m), -EKEYREJECTED);
	/* and one of a security key without it none of a plain one */
	n = make(SIGN_CONTEXT_COMMAND, auth, sizeof(auth), buf);
	CHECK_INT(cose_parse(buf, (size_t)n, &s), -ENOTSUP);
	CHECK_INT(cose_parse_any(buf, (size_t)n, &s), 0);
	m = cose_frame(s.payload, s.payload_len, s.signature, again, sizeof(again));
	for (unsigned k = 0; k < SIGNER_KINDS; k++)
		CHECK_INT(open_as((enum signer_kind)k, again, (size_t)m), -EKEYREJECTED);
	CHECK_INT(sign1_hash("x", payload, sizeof(payload), hash), 0);
}

/* Nothing but that one entry, and that once. */
static void test_header(void)
{
	static const struct {
		const char *map;
		size_t len;
		int want;
	} cases[] = {
		{ "\xa0", 1, 0 },
		{ "\xa1\x3a\x00\x01\x00\x00\x41x", 8, 0 },
		{ "\xa1\x3a\x00\x01\x00\x01\x41x", 8, -ENOTSUP }, /* another label */
		{ "\xa1\x04\x41x", 4, -ENOTSUP },		  /* kid */
		{ "\xa1\x61x\x41x", 5, -ENOTSUP },		  /* a text */
		{ "\xa2\x3a\x00\x01\x00\x00\x41x\x04\x41x", 11, -ENOTSUP },
		{ "\xa1\x3a\x00\x01\x00\x00\x61x", 8, -EBADMSG }, /* no bytes */
		{ "\x80", 1, -EBADMSG },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t b[256], sign[COSE_SIGNATURE_LEN] = { 1 };
		struct cose_sign1 s;
		struct writer w;

		writer_init(&w, b, sizeof(b));
		cb_put_array(&w, 4);
		cb_put_bytes(&w, (const uint8_t *)"\xa1\x01\x26", 3);
		write_bytes(&w, (const uint8_t *)cases[i].map, cases[i].len);
		cb_put_bytes(&w, payload, sizeof(payload));
		cb_put_bytes(&w, sign, sizeof(sign));
		CHECK_INT(cose_parse_any(b, (size_t)writer_len(&w), &s), cases[i].want);
		CHECK_INT(cose_parse(b, (size_t)writer_len(&w), &s),
			  i == 1 ? -ENOTSUP : cases[i].want);
	}
}

/* A plain signer's octets are those of before; 0 is not written, and not taken; nor is what nobody knows. */
static void test_list(void)
{
	struct signer list[SIGNERS_MAX] = { 0 }, back[SIGNERS_MAX];
	uint8_t buf[2048];
	struct writer w;
	struct cb c;
	size_t count;

	for (unsigned i = 0; i < SIGNER_KINDS; i++) {
		list[i] = (struct signer){ .person = i + 1,
					   .role = SIGNER_TECHNICIAN,
					   .kind = (enum signer_kind)i,
					   .public = { 4, (uint8_t)i } };
	}
	writer_init(&w, buf, sizeof(buf));
	signers_put(&w, list, SIGNER_KINDS);
	cb_init(&c, buf, (size_t)writer_len(&w));
	signers_get(&c, back, &count);
	CHECK_INT(cb_finish(&c), 0);
	CHECK_UINT(count, SIGNER_KINDS);
	CHECK_MEM(back, list, sizeof(list[0]) * SIGNER_KINDS);
	writer_init(&w, buf, sizeof(buf));
	signers_put(&w, list, 1);
	CHECK_INT(writer_len(&w), 1 + 3 + 67);
	CHECK_UINT(buf[1], 0x83);
	for (uint8_t kind = 0; kind <= SIGNER_KINDS; kind++) {
		writer_init(&w, buf, sizeof(buf));
		signers_put(&w, &list[1], 1);
		buf[writer_len(&w) - 1] = kind;
		cb_init(&c, buf, (size_t)writer_len(&w));
		signers_get(&c, back, &count);
		CHECK_INT(cb_finish(&c), kind == 0		? -EBADMSG
					 : kind == SIGNER_KINDS ? -ERANGE
								: 0);
	}
	buf[1] = 0x82;
	cb_init(&c, buf, (size_t)writer_len(&w));
	signers_get(&c, back, &count);
	CHECK(cb_finish(&c) < 0);
}

TEST_MAIN("fido", test_flags, test_length, test_what_is_signed, test_kinds, test_header,
	  test_list)
