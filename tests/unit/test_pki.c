/*
 * test_pki.c - the clinic's certificates, judged by wolfSSL's chain check and by the
 * hub's own identity check.
 */
#include <errno.h>
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include "clinic/pki.h"
#include "coap/identity.h"
#include "hub/crypto/crypto.h"
#include "tests/unit/test.h"

static struct pki_pair root, server, hub, other;
static uint8_t hub_id[HUB_ID_LEN];
static int64_t now_ms;

static int to_der(const char *pem, uint8_t *der, int cap)
{
	int n = wc_CertPemToDer((const byte *)pem, (int)strlen(pem), der, cap, CERT_TYPE);

	CHECK(n > 0);
	return n;
}

/* 0 if leaf chains to ca. */
static int verify(const struct pki_pair *ca, const struct pki_pair *leaf)
{
	WOLFSSL_CERT_MANAGER *m = wolfSSL_CertManagerNew();
	uint8_t der[2000];
	int n, r;

	CHECK(m);
	n = to_der(ca->cert, der, sizeof(der));
	r = wolfSSL_CertManagerLoadCABuffer(m, der, n, WOLFSSL_FILETYPE_ASN1);
	CHECK_INT(r, WOLFSSL_SUCCESS);
	n = to_der(leaf->cert, der, sizeof(der));
	r = wolfSSL_CertManagerVerifyBuffer(m, der, n, WOLFSSL_FILETYPE_ASN1);
	wolfSSL_CertManagerFree(m);
	return r == WOLFSSL_SUCCESS ? 0 : r;
}

/* It begins so long before now. */
static void check_begin(const struct pki_cert *c, int64_t before_s)
{
	DecodedCert d;
	const byte *date;
	struct tm tm;
	byte format;
	int len;

	wc_InitDecodedCert(&d, c->der, (word32)c->len, NULL);
	CHECK_INT(wc_ParseCert(&d, CERT_TYPE, NO_VERIFY, NULL), 0);
	CHECK_INT(wc_GetDateInfo(d.beforeDate, d.beforeDateLen, &date, &format, &len), 0);
	CHECK_INT(wc_GetDateAsCalendarTime(date, len, format, &tm), 0);
	CHECK_INT(timegm(&tm), now_ms / 1000 - before_s);
	wc_FreeDecodedCert(&d);
}

static void test_make(void)
{
	now_ms = (int64_t)time(NULL) * 1000;
	CHECK_INT(pki_make_root("Clinic of the test", now_ms, &root), 0);
	CHECK_INT(pki_make_server(&root, "clinic.example", now_ms, &server), 0);
	CHECK_INT(pki_make_hub(&root, now_ms, &hub, hub_id), 0);
	CHECK_INT(pki_make_root("Another", now_ms, &other), 0);
}

static void test_chain(void)
{
	CHECK_INT(verify(&root, &server), 0);
	CHECK_INT(verify(&root, &hub), 0);
	CHECK(verify(&other, &server) != 0);
	CHECK(verify(&other, &hub) != 0);
}

static struct DecodedCert cert;

/* Valid until the next call. */
static struct DecodedCert *decode(const struct pki_pair *p)
{
	static uint8_t der[2000];
	int n = to_der(p->cert, der, sizeof(der));

	wc_FreeDecodedCert(&cert);
	wc_InitDecodedCert(&cert, der, (word32)n, NULL);
	CHECK_INT(wc_ParseCert(&cert, CERT_TYPE, NO_VERIFY, NULL), 0);
	return &cert;
}

/* A leaf is not a CA, and each leaf is good for its own side of a handshake only. */
static void test_purpose(void)
{
	struct pki_pair forged;
	uint8_t id[HUB_ID_LEN];

	CHECK_INT(pki_make_hub(&hub, now_ms, &forged, id), 0);
	CHECK(verify(&root, &forged) != 0);
	CHECK(decode(&root)->isCA);
	CHECK_UINT(decode(&root)->pathLength, 1);
	CHECK_UINT(decode(&root)->extKeyUsage, KEYUSE_KEY_CERT_SIGN | KEYUSE_CRL_SIGN);
	CHECK(!decode(&server)->isCA);
	CHECK_UINT(decode(&server)->extKeyUsage, KEYUSE_DIGITAL_SIG);
	CHECK_UINT(decode(&server)->extExtKeyUsage, EXTKEYUSE_SERVER_AUTH);
	CHECK(!decode(&hub)->isCA);
	CHECK_UINT(decode(&hub)->extKeyUsage, KEYUSE_DIGITAL_SIG);
	CHECK_UINT(decode(&hub)->extExtKeyUsage, EXTKEYUSE_CLIENT_AUTH);
	wc_FreeDecodedCert(&cert);
}

static void test_dates(void)
{
	struct pki_pair early, late;
	int64_t day = 86400000;

	CHECK_INT(
		pki_make_server(&root, "a", now_ms - (PKI_SERVER_DAYS + 2) * day, &early),
		0);
	CHECK_INT(pki_make_server(&root, "a", now_ms + 2 * day, &late), 0);
	CHECK(verify(&root, &early) != 0);
	CHECK(verify(&root, &late) != 0);
	/* beyond 2049 the dates have another form */
	CHECK_INT(pki_make_server(&root, "a", 2493072000000, &late), 0);
	CHECK(verify(&root, &late) != 0);
}

static void test_spki(void)
{
	const struct pki_pair *all[] = { &root, &server, &hub };
	uint8_t der[2000], pin[PIN_LEN], again[PIN_LEN];

	for (size_t i = 0; i < 3; i++) {
		int n = to_der(all[i]->cert, der, sizeof(der));

		CHECK_INT(identity_pin(der, (size_t)n, pin), 0);
		CHECK_MEM(all[i]->spki, pin, PIN_LEN);
		CHECK_INT(pki_spki(all[i]->cert, again), 0);
		CHECK_MEM(again, pin, PIN_LEN);
	}
	CHECK_MEM(hub_id, hub.spki, HUB_ID_LEN);
	CHECK(memcmp(server.spki, hub.spki, PIN_LEN) != 0);
	CHECK_INT(pki_spki("no certificate", again), -EBADMSG);
}

/* Names at the lengths where DER changes its length bytes. */
static void test_names(void)
{
	static const size_t lengths[] = { 1,   64,  120, 125, 126, 127,
					  128, 129, 248, 250, 252, 253 };
	char name[CONFIG_NAME_MAX + 2];
	struct pki_pair p;
	uint8_t der[2000] = { 0 };

	CHECK_INT(identity_check_dns(der, (size_t)to_der(server.cert, der, sizeof(der)),
				     "clinic.example"),
		  0);
	CHECK_INT(identity_check_dns(der, (size_t)to_der(server.cert, der, sizeof(der)),
				     "clinicd"),
		  -ENOENT);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		memset(name, 'a', lengths[i]);
		name[lengths[i]] = '\0';
		CHECK_INT(pki_make_server(&root, name, now_ms, &p), 0);
		CHECK_INT(verify(&root, &p), 0);
		CHECK_INT(identity_check_dns(
				  der, (size_t)to_der(p.cert, der, sizeof(der)), name),
			  0);
	}
	memset(name, 'a', CONFIG_NAME_MAX + 1);
	name[CONFIG_NAME_MAX + 1] = '\0';
	CHECK_INT(pki_make_server(&root, name, now_ms, &p), -ERANGE);
	CHECK_INT(pki_make_server(&root, "", now_ms, &p), -ERANGE);
}

static void test_form(void)
{
	uint8_t der[2000] = { 0 };
	size_t n = (size_t)to_der(root.cert, der, sizeof(der));

	CHECK_INT(identity_check_form(der, n, false), 0);
	CHECK_INT(identity_check_form(der, n, true), -EACCES);
	CHECK_INT(identity_check_form(der, n - 1, true), -EBADMSG);
	CHECK_INT(identity_check_form(der, 0, true), -EMSGSIZE);
	CHECK_INT(identity_check_form(der, UINT16_MAX + 1, true), -EMSGSIZE);
	n = (size_t)to_der(server.cert, der, sizeof(der));
	CHECK_INT(identity_check_form(der, n, true), 0);
	n = (size_t)to_der(hub.cert, der, sizeof(der));
	CHECK_INT(identity_check_form(der, n, true), 0);
}

/* A hub that enrols: its own key, and a CA below the root that is good for clients only. */
static void test_enrol(void)
{
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN], spki[PIN_LEN];
	static const uint8_t id[HUB_ID_LEN] = { 0x0a, 0xff };
	WOLFSSL_CERT_MANAGER *m = wolfSSL_CertManagerNew();
	struct pki_pair ca;
	struct pki_cert a, b;
	uint8_t der[2000];
	int n;

	memset(&cert, 0, sizeof(cert)); /* was freed */
	p256_generate(private, public);
	CHECK_INT(pki_make_enrol(&root, now_ms, &ca), 0);
	CHECK_INT(verify(&root, &ca), 0);
	CHECK(decode(&ca)->isCA);
	CHECK_UINT(decode(&ca)->pathLength, 0);
	CHECK_UINT(decode(&ca)->extExtKeyUsage, EXTKEYUSE_CLIENT_AUTH);
	wc_FreeDecodedCert(&cert);
	CHECK_INT(pki_sign_hub(&ca, id, public, now_ms, 90LL * 86400000, &a), 0);
	CHECK_INT(pki_sign_hub(&ca, id, public, now_ms, 90LL * 86400000, &b), 0);
	CHECK(memcmp(a.serial, b.serial, PKI_SERIAL_LEN) != 0);
	CHECK_INT(a.ends_ms, now_ms + 90LL * 86400000);
	CHECK(memmem(a.der, a.len, "0aff0000000000000000000000000000", 32) != NULL);
	CHECK(memmem(a.der, a.len, public, sizeof(public)) != NULL);
	CHECK_INT(identity_check_form(a.der, a.len, true), 0);
	CHECK_INT(identity_pin(a.der, a.len, spki), 0);
	CHECK(m);
	check_begin(&a, 86400);
	CHECK_INT(pki_sign_hub(&ca, id, public, now_ms, 40000, &b), 0);
	CHECK_INT(b.ends_ms, now_ms + 40000);
	check_begin(&b, 5);
	n = to_der(root.cert, der, sizeof(der));
	CHECK_INT(wolfSSL_CertManagerLoadCABuffer(m, der, n, WOLFSSL_FILETYPE_ASN1),
		  WOLFSSL_SUCCESS);
	CHECK(wolfSSL_CertManagerVerifyBuffer(m, a.der, (long)a.len,
					      WOLFSSL_FILETYPE_ASN1) != WOLFSSL_SUCCESS);
	n = to_der(ca.cert, der, sizeof(der));
	CHECK_INT(wolfSSL_CertManagerLoadCABuffer(m, der, n, WOLFSSL_FILETYPE_ASN1),
		  WOLFSSL_SUCCESS);
	CHECK_INT(wolfSSL_CertManagerVerifyBuffer(m, a.der, (long)a.len,
						  WOLFSSL_FILETYPE_ASN1),
		  WOLFSSL_SUCCESS);
	wolfSSL_CertManagerFree(m);
	public[64] ^= 1;
	CHECK_INT(pki_sign_hub(&ca, id, public, now_ms, 90LL * 86400000, &a), -ERANGE);
	public[64] ^= 1;
	memset(ca.key, 0, sizeof(ca.key));
	CHECK_INT(pki_sign_hub(&ca, id, public, now_ms, 90LL * 86400000, &a), -EBADMSG);
	CHECK_INT(pki_der(root.cert, &a), 0);
	n = to_der(root.cert, der, sizeof(der));
	CHECK_UINT(a.len, n);
	CHECK_MEM(a.der, der, a.len);
	CHECK_INT(pki_der("nothing", &a), -EBADMSG);
}

static void test_bad_root(void)
{
	struct pki_pair bad = root, p;

	bad.key[60] = bad.key[60] == 'A' ? 'B' : 'A';
	bad.cert[0] = 'x';
	CHECK_INT(pki_make_server(&bad, "a", now_ms, &p), -EBADMSG);
	memset(&bad, 0, sizeof(bad));
	CHECK_INT(pki_make_server(&bad, "a", now_ms, &p), -EBADMSG);
}

int main(int argc, char **argv)
{
	static test_fn *const tests[] = { test_make,  test_chain, test_purpose,
					  test_dates, test_spki,  test_names,
					  test_form,  test_enrol, test_bad_root };

	CHECK_INT(crypto_init(), 0);
	return test_main(argc, argv, "pki", tests, "", sizeof(tests) / sizeof(*tests));
}
