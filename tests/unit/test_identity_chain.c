/*
 * test_identity_chain.c - what a hub takes as its own certificate: of its clinic's root or a CA right below it, for it, for
 * what it does, not ended. And the piece that the CAs come in, as we and as openssl make it.
 */
#include <errno.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>

#include "clinic/pki.h"
#include "coap/identity_chain.h"
#include "hub/core/der.h"
#include "hub/crypto/crypto.h"
#include "hub/crypto/rng.h"
#include "tests/unit/test.h"

#define DAY_MS INT64_C(86400000)

static int64_t now_ms;
static struct pki_pair root, ca, next_ca, other_root, other_ca, server;
static struct pki_cert root_der, ca_der, next_der, other_der, server_der, leaf;
static const uint8_t hub[HUB_ID_LEN] = { 0x0a, 0xff, 0x31 };
static uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];

static void test_make(void)
{
	CHECK_INT(crypto_init(), 0);
	now_ms = (int64_t)time(NULL) * 1000;
	p256_generate(private, public);
	CHECK_INT(pki_make_root("Clinic", now_ms, &root), 0);
	CHECK_INT(pki_make_root("Clinic", now_ms, &other_root), 0); /* the same name */
	CHECK_INT(pki_make_enrol(&root, now_ms, &ca), 0);
	CHECK_INT(pki_make_enrol(&root, now_ms, &next_ca), 0);
	CHECK_INT(pki_make_enrol(&other_root, now_ms, &other_ca), 0);
	CHECK_INT(pki_make_server(&root, "clinic.example", now_ms, &server), 0);
	CHECK_INT(pki_der(root.cert, &root_der), 0);
	CHECK_INT(pki_der(ca.cert, &ca_der), 0);
	CHECK_INT(pki_der(next_ca.cert, &next_der), 0);
	CHECK_INT(pki_der(other_ca.cert, &other_der), 0);
	CHECK_INT(pki_der(server.cert, &server_der), 0);
}

static struct identity_chain chain_with(const struct pki_cert *one,
					const struct pki_cert *two)
{
	struct identity_chain c = { .root = root_der.der, .root_len = root_der.len };

	c.cas.certs[c.cas.count++] =
		(struct certs_only_cert){ root_der.der, root_der.len };
	if (one)
		c.cas.certs[c.cas.count++] =
			(struct certs_only_cert){ one->der, one->len };
	if (two)
		c.cas.certs[c.cas.count++] =
			(struct certs_only_cert){ two->der, two->len };
	return c;
}

static int check(const struct identity_chain *c)
{
	return identity_chain_check(c, leaf.der, leaf.len, hub);
}

static void sign(const struct pki_pair *issuer, int64_t life_ms)
{
	CHECK_INT(pki_sign_hub(issuer, hub, public, now_ms, life_ms, &leaf), 0);
}

static void test_chain(void)
{
	struct identity_chain both = chain_with(&ca_der, &next_der);
	struct identity_chain one = chain_with(&ca_der, NULL);
	struct identity_chain none = chain_with(NULL, NULL);
	struct identity_chain false_one = chain_with(&other_der, &server_der);

	sign(&ca, 90 * DAY_MS);
	CHECK_INT(check(&both), 0);
	CHECK_INT(check(&one), 0);
	CHECK_INT(check(&none), -ENOENT);
	CHECK_INT(check(&false_one), -ENOENT);
	sign(&next_ca, 90 * DAY_MS);
	CHECK_INT(check(&both), 0);
	CHECK_INT(check(&one), -ENOENT); /* the same name, another key */
	sign(&root, 90 * DAY_MS);
	CHECK_INT(check(&none), 0);
	sign(&other_root, 90 * DAY_MS);
	CHECK_INT(check(&both), -ENOENT);
	sign(&other_ca,
	     90 * DAY_MS); /* its CA is there, but nobody we know has signed that */
	CHECK_INT(check(&false_one), -ENOENT);
	sign(&server, 90 * DAY_MS); /* below the root, and no CA */
	CHECK_INT(check(&false_one), -ENOENT);
	CHECK(identity_chain_has_root(&both));
	both.cas.certs[0].der = other_der.der;
	CHECK(!identity_chain_has_root(&both));
}

/* The clinic has gone over to another root, and this hub has not heard of it: the root that it has vouches for the other one. */
static void test_next_root(void)
{
	struct pki_pair next_root, new_ca = ca, foreign;
	struct pki_cert next_root_der, cross, new_ca_der, foreign_cross;
	char pem[PKI_PEM_MAX];
	struct identity_chain c = chain_with(NULL, NULL);

	CHECK_INT(pki_make_next_root("Clinic", now_ms, &next_root), 0);
	CHECK_INT(pki_certify_root(&root, &next_root, now_ms, pem), 0);
	CHECK_INT(pki_der(pem, &cross), 0);
	CHECK_INT(pki_der(next_root.cert, &next_root_der), 0);
	CHECK_INT(pki_certify_enrol(&next_root, now_ms, &new_ca), 0);
	CHECK_INT(pki_der(new_ca.cert, &new_ca_der), 0);
	sign(&new_ca, 90 * DAY_MS);
	c.cas.certs[1] = (struct certs_only_cert){ next_root_der.der, next_root_der.len };
	c.cas.certs[2] = (struct certs_only_cert){ new_ca_der.der, new_ca_der.len };
	c.cas.count = 3;
	CHECK_INT(check(&c), -ENOENT); /* nothing vouches for it */
	c.cas.certs[3] = (struct certs_only_cert){ cross.der, cross.len };
	c.cas.count = 4;
	CHECK_INT(check(&c), 0);
	/* somebody else vouches */
	CHECK_INT(pki_certify_root(&other_root, &next_root, now_ms, pem), 0);
	CHECK_INT(pki_der(pem, &foreign_cross), 0);
	c.cas.certs[3] = (struct certs_only_cert){ foreign_cross.der, foreign_cross.len };
	CHECK_INT(check(&c), -ENOENT);
	/* a CA for hubs is no root that follows, whatever it signs */
	CHECK_INT(pki_make_enrol(&ca, now_ms, &foreign), 0);
	sign(&foreign, 90 * DAY_MS);
	CHECK_INT(pki_der(foreign.cert, &cross), 0);
	c.cas.certs[2] = (struct certs_only_cert){ ca_der.der, ca_der.len };
	c.cas.certs[3] = (struct certs_only_cert){ cross.der, cross.len };
	CHECK_INT(check(&c), -ENOENT);
	/* who has gone over needs no word of the root before */
	c.root = next_root_der.der;
	c.root_len = next_root_der.len;
	c.cas.certs[2] = (struct certs_only_cert){ new_ca_der.der, new_ca_der.len };
	c.cas.count = 3;
	sign(&new_ca, 90 * DAY_MS);
	CHECK_INT(check(&c), 0);
}

/* Where the part that is signed ends; it begins at 4. What is behind it may be encoded in more ways than one. */
static size_t signed_end(const struct pki_cert *c)
{
	struct reader r, whole;

	reader_init(&r, c->der, c->len);
	whole = der_read(&r, DER_SEQUENCE);
	der_read(&whole, DER_SEQUENCE);
	CHECK(reader_ok(&whole));
	return (size_t)(whole.p - c->der);
}

/* Each octet that is signed counts. */
static void test_changed(void)
{
	struct identity_chain both = chain_with(&ca_der, &next_der);
	size_t end;

	sign(&ca, 90 * DAY_MS);
	end = signed_end(&leaf);
	for (size_t i = 4; i < end; i++) {
		leaf.der[i] ^= 1;
		CHECK(check(&both) != 0);
		leaf.der[i] ^= 1;
	}
	for (size_t n = 0; n < leaf.len; n++)
		CHECK(identity_chain_check(&both, leaf.der, n, hub) != 0);
	CHECK_INT(check(&both), 0);
	CHECK_INT(identity_chain_check(&both, leaf.der, 0, hub), -EMSGSIZE);
	end = signed_end(&ca_der);
	for (size_t i = 4; i < end; i++) {
		ca_der.der[i] ^= 1;
		CHECK(check(&both) != 0);
		ca_der.der[i] ^= 1;
	}
}

static void test_dates(void)
{
	struct identity_chain c = chain_with(&ca_der, NULL);

	sign(&ca, 90 * DAY_MS);
	c.floor_ms = now_ms + 90 * DAY_MS - 2000;
	CHECK_INT(check(&c), 0);
	c.floor_ms = now_ms + 90 * DAY_MS + 1000;
	CHECK_INT(check(&c), -ESTALE);
	c.floor_ms = now_ms - 1000 * DAY_MS; /* off for long: it may have begun since */
	CHECK_INT(check(&c), 0);
	/* a CA that has ended signs nothing, nor does a root */
	sign(&ca, 10 * 365 * DAY_MS);
	c.floor_ms = now_ms + PKI_ENROL_DAYS * DAY_MS + 1000;
	CHECK_INT(check(&c), -ENOENT);
	sign(&root, 30 * 365 * DAY_MS);
	CHECK_INT(check(&c), 0);
	c.floor_ms = now_ms + PKI_ROOT_DAYS * DAY_MS + 1000;
	CHECK_INT(check(&c), -ENOENT);
}

static void test_names(void)
{
	struct identity_chain c = chain_with(&ca_der, NULL);
	uint8_t id[HUB_ID_LEN];

	sign(&ca, 90 * DAY_MS);
	for (size_t i = 0; i < HUB_ID_LEN; i++) {
		memcpy(id, hub, sizeof(id));
		id[i] ^= 0x10;
		CHECK_INT(identity_chain_check(&c, leaf.der, leaf.len, id),
			  -EKEYREJECTED);
	}
}

/* A leaf that the CA signs as it is told. */
static int check_made(const char *usage, const char *extended, const char *common,
		      const char *serial, bool is_ca)
{
	struct identity_chain c = chain_with(&ca_der, NULL);
	uint8_t der[1500], scalar[P256_PRIVATE_LEN];
	ecc_key key, signer;
	Cert cert;
	int n;

	CHECK_INT(pki_root_scalar(&ca, scalar), 0);
	CHECK_INT(wc_ecc_init(&key), 0);
	CHECK_INT(wc_ecc_init(&signer), 0);
	CHECK_INT(wc_ecc_import_x963_ex(public, sizeof(public), &key, ECC_SECP256R1), 0);
	CHECK_INT(wc_ecc_import_private_key_ex(scalar, sizeof(scalar), NULL, 0, &signer,
					       ECC_SECP256R1),
		  0);
	wc_InitCert(&cert);
	cert.sigType = CTC_SHA256wECDSA;
	cert.isCA = is_ca;
	cert.daysValid = 90;
	snprintf(cert.subject.commonName, sizeof(cert.subject.commonName), "%s", common);
	snprintf(cert.subject.serialDev, sizeof(cert.subject.serialDev), "%s", serial);
	CHECK_INT(wc_SetIssuerBuffer(&cert, ca_der.der, (int)ca_der.len), 0);
	if (usage)
		CHECK_INT(wc_SetKeyUsage(&cert, usage), 0);
	if (extended)
		CHECK_INT(wc_SetExtKeyUsage(&cert, extended), 0);
	n = wc_MakeCert_ex(&cert, der, sizeof(der), ECC_TYPE, &key, crypto_rng());
	CHECK(n > 0);
	n = wc_SignCert_ex(cert.bodySz, cert.sigType, der, sizeof(der), ECC_TYPE, &signer,
			   crypto_rng());
	CHECK(n > 0);
	wc_ecc_free(&key);
	wc_ecc_free(&signer);
	return identity_chain_check(&c, der, (size_t)n, hub);
}

static void test_usages(void)
{
	static const char good[] = "0aff3100000000000000000000000000";
	static const char bad[] = "0aff3100000000000000000000000001";
	static const char sign_[] = "digitalSignature", client[] = "clientAuth";

	CHECK_INT(check_made(sign_, client, good, good, false), 0);
	CHECK_INT(check_made(NULL, client, good, good, false), -EACCES);
	CHECK_INT(check_made("keyAgreement", client, good, good, false), -EACCES);
	CHECK_INT(check_made(sign_, NULL, good, good, false), -EACCES);
	CHECK_INT(check_made(sign_, "serverAuth", good, good, false), -EACCES);
	CHECK_INT(check_made(sign_, client, bad, good, false), -EKEYREJECTED);
	CHECK_INT(check_made(sign_, client, good, bad, false), -EKEYREJECTED);
	CHECK_INT(check_made(sign_, client, good, "", false), -EKEYREJECTED);
	CHECK_INT(check_made(sign_, client, good, good, true), -EACCES);
}

/* --- the piece that they come in ---------------------------------------------------------- */

/* openssl crl2pkcs7 -nocrl -certfile x.pem -outform DER, with x.pem's certificate shortened to a SEQUENCE of one NULL */
static const uint8_t of_openssl[] = { 0x30, 0x29, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
				      0xf7, 0x0d, 0x01, 0x07, 0x02, 0xa0, 0x1c, 0x30,
				      0x1a, 0x02, 0x01, 0x01, 0x31, 0x00, 0x30, 0x0b,
				      0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
				      0x01, 0x07, 0x01, 0xa0, 0x04, 0x30, 0x02, 0x05,
				      0x00, 0x31, 0x00 };

static void test_certs_only(void)
{
	struct identity_chain c = chain_with(&ca_der, &next_der);
	uint8_t buf[CERTS_ONLY_LEN_MAX + 1], again[sizeof(buf)];
	struct certs_only got;
	int n;

	CHECK_INT(certs_only_decode(of_openssl, sizeof(of_openssl), &got), 0);
	CHECK_UINT(got.count, 1);
	CHECK_INT(certs_only_encode(&got, buf, sizeof(buf)), (int)sizeof(of_openssl));
	CHECK_MEM(buf, of_openssl, sizeof(of_openssl));
	n = certs_only_encode(&c.cas, buf, sizeof(buf));
	CHECK(n > 0);
	CHECK_INT(certs_only_encode(&c.cas, again, (size_t)n - 1), -ENOSPC);
	CHECK_INT(certs_only_decode(buf, (size_t)n, &got), 0);
	CHECK_UINT(got.count, 3);
	CHECK_MEM(got.certs[2].der, next_der.der, next_der.len);
	for (size_t i = 0; i < (size_t)n; i++)
		CHECK(certs_only_decode(buf, i, &got) < 0);
	buf[n] = 0;
	CHECK_INT(certs_only_decode(buf, (size_t)n + 1, &got), -EBADMSG);
	CHECK_INT(certs_only_decode(buf, 0, &got), -EMSGSIZE);
	CHECK_INT(certs_only_decode(buf, CERTS_ONLY_LEN_MAX + 1, &got), -EMSGSIZE);
	c.cas.count = 0;
	n = certs_only_encode(&c.cas, buf, sizeof(buf));
	CHECK_INT(certs_only_decode(buf, (size_t)n, &got), -ERANGE);
}

/* n certificates of so many octets each. */
static int decode_many(size_t count, size_t len)
{
	static uint8_t one[CERTS_ONLY_CERT_MAX + 1], buf[8 * sizeof(one)];
	struct certs_only c = { .count = 1 }, got;
	struct writer w;
	int n;

	writer_init(&w, one, sizeof(one));
	der_put_head(&w, DER_SEQUENCE, len - 4);
	for (size_t i = 0; i < count && i < CERTS_ONLY_MAX; i++)
		c.certs[i] = (struct certs_only_cert){ one, len };
	c.count = count < CERTS_ONLY_MAX ? count : CERTS_ONLY_MAX;
	n = certs_only_encode(&c, buf, sizeof(buf));
	CHECK(n > 0);
	return certs_only_decode(buf, (size_t)n, &got);
}

static void test_certs_only_bounds(void)
{
	/* of_openssl with eight instead of one, each the two octets of an empty SEQUENCE */
	static const uint8_t eight[] = { 0x30, 0x35, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					 0xf7, 0x0d, 0x01, 0x07, 0x02, 0xa0, 0x28, 0x30,
					 0x26, 0x02, 0x01, 0x01, 0x31, 0x00, 0x30, 0x0b,
					 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
					 0x01, 0x07, 0x01, 0xa0, 0x10, 0x30, 0x00, 0x30,
					 0x00, 0x30, 0x00, 0x30, 0x00, 0x30, 0x00, 0x30,
					 0x00, 0x30, 0x00, 0x30, 0x00, 0x31, 0x00 };
	struct certs_only got;

	CHECK_INT(decode_many(CERTS_ONLY_MAX, CERTS_ONLY_CERT_MAX), 0);
	CHECK_INT(decode_many(1, CERTS_ONLY_CERT_MAX + 1), -EMSGSIZE);
	CHECK_INT(certs_only_decode(eight, sizeof(eight), &got), -ERANGE);
}

TEST_MAIN("identity_chain", test_make, test_chain, test_next_root, test_changed,
	  test_dates, test_names, test_usages, test_certs_only, test_certs_only_bounds)
