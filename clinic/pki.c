/*
 * pki.c - keys and certificates with wolfCrypt; see pki.h. Profile: RFC 5280, extensions
 * as few as work.
 *
 *   root     CA:TRUE, path length 1 (a CA for enrolment may come between), keyCertSign, cRLSign
 *   server   digitalSignature, serverAuth, SAN = the one name
 *   hub      digitalSignature, clientAuth
 *   person   as a hub's, with a name for people
 *   enrol    CA:TRUE, path length 0, keyCertSign, clientAuth: what it signs is a client's whatever it says of itself
 */
#include "clinic/pki.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/ecc.h>

#include "hub/core/cursor.h"
#include "hub/core/time.h"
#include "hub/crypto/crypto.h"
#include "hub/crypto/rng.h"

enum {
	DER_MAX = 1500,
	SPKI_MAX = 128,
	DATE_TAG_UTC = 0x17,
	DATE_TAG_GENERALIZED = 0x18,
	SAN_DNS = 0x82,
	DAY_MS = 86400 * 1000,
};

/* An issuer as wolfCrypt wants it. */
struct issuer {
	ecc_key key;
	uint8_t cert[DER_MAX];
	int cert_len;
};

/* RFC 5280 4.1.2.5: UTCTime to 2049, GeneralizedTime
 * from 2050. Returns the length of the DER item. */
static int put_date(int64_t ms, uint8_t out[static CTC_DATE_SIZE])
{
	struct date_time t = date_time_from_ms(ms);
	bool utc = t.year < 2050;
	char text[24];
	int n;

	if (utc)
		n = snprintf(text, sizeof(text), "%02u", t.year % 100U);
	else
		n = snprintf(text, sizeof(text), "%04u", (unsigned)t.year);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "%02u%02u%02u%02u%02uZ",
		      t.month, t.day, t.hour, t.minute, t.second);
	out[0] = utc ? DATE_TAG_UTC : DATE_TAG_GENERALIZED;
	out[1] = (uint8_t)n;
	memcpy(out + 2, text, (size_t)n);
	return n + 2;
}

/* It begins before it is made, so that a clock a little behind does no harm: a day, or an eighth of a short life. */
static void init_cert(Cert *c, int64_t now_ms, int64_t life_ms)
{
	wc_InitCert(c);
	c->sigType = CTC_SHA256wECDSA;
	c->selfSigned = 0;
	c->serialSz = PKI_SERIAL_LEN;
	crypto_random(c->serial, PKI_SERIAL_LEN);
	/* Positive, and not so short that an encoder would drop a leading zero. */
	c->serial[0] = (uint8_t)((c->serial[0] & 0x3f) | 0x40);
	c->beforeDateSz = put_date(now_ms - (life_ms / 8 < DAY_MS ? life_ms / 8 : DAY_MS),
				   c->beforeDate);
	c->afterDateSz = put_date(now_ms + life_ms, c->afterDate);
}

/* Definite length, up to 65535 (X.690, 8.1.3). */
static void put_der_length(struct writer *w, size_t n)
{
	if (n > 255) {
		write_u8(w, 0x82);
		write_be16(w, (uint16_t)n);
		return;
	}
	if (n > 127)
		write_u8(w, 0x81);
	write_u8(w, (uint8_t)n);
}

/* SubjectAltName extension value: SEQUENCE of one dNSName. */
static int put_alt_name(Cert *c, const char *dns)
{
	size_t n = strlen(dns), head = n > 127 ? 3 : 2;
	struct writer w;

	if (n < 1 || n > CONFIG_NAME_MAX)
		return -ERANGE;
	writer_init(&w, c->altNames, sizeof(c->altNames));
	write_u8(&w, 0x30);
	put_der_length(&w, head + n);
	write_u8(&w, SAN_DNS);
	put_der_length(&w, n);
	write_bytes(&w, (const uint8_t *)dns, n);
	c->altNamesSz = writer_len(&w);
	return 0;
}

static int key_spki(ecc_key *key, uint8_t ret[static PIN_LEN])
{
	uint8_t der[SPKI_MAX];
	int n = wc_EccPublicKeyToDer(key, der, sizeof(der), 1);

	if (n < 0)
		return -EIO;
	crypto_sha256(der, (size_t)n, ret);
	return 0;
}

static int to_pem(const uint8_t *der, int len, int type, char pem[static PKI_PEM_MAX])
{
	int n = wc_DerToPem(der, (word32)len, (byte *)pem, PKI_PEM_MAX - 1, type);

	if (n < 0)
		return -EIO;
	pem[n] = '\0';
	return 0;
}

static int key_to_pem(ecc_key *key, char pem[static PKI_PEM_MAX])
{
	uint8_t der[256];
	int n = wc_EccKeyToDer(key, der, sizeof(der));
	int r = n < 0 ? -EIO : to_pem(der, n, ECC_PRIVATEKEY_TYPE, pem);

	crypto_wipe(der, sizeof(der));
	return r;
}

/* Signs c with its issuer's key, or with its own if issuer is NULL. Returns the length of the DER, or -EIO. */
static int sign_cert(Cert *c, ecc_key *key, struct issuer *issuer,
		     uint8_t der[static DER_MAX])
{
	ecc_key *signer = issuer ? &issuer->key : key;
	int n;

	if (wc_SetSubjectKeyIdFromPublicKey_ex(c, ECC_TYPE, key) != 0 ||
	    wc_SetAuthKeyIdFromPublicKey_ex(c, ECC_TYPE, signer) != 0)
		return -EIO;
	if (issuer && wc_SetIssuerBuffer(c, issuer->cert, issuer->cert_len) != 0)
		return -EIO;
	if (!issuer)
		c->selfSigned = 1;
	if (wc_MakeCert_ex(c, der, DER_MAX, ECC_TYPE, key, crypto_rng()) < 0)
		return -EIO;
	n = wc_SignCert_ex(c->bodySz, c->sigType, der, DER_MAX, ECC_TYPE, signer,
			   crypto_rng());
	return n < 0 ? -EIO : n;
}

static int sign_to_pem(Cert *c, ecc_key *key, struct issuer *issuer,
		       char pem[static PKI_PEM_MAX])
{
	uint8_t der[DER_MAX];
	int n = sign_cert(c, key, issuer, der);

	return n < 0 ? n : to_pem(der, n, CERT_TYPE, pem);
}

static int load_key(const char *pem, ecc_key *ret)
{
	uint8_t der[256];
	word32 at = 0;
	int n, r = -EBADMSG;

	n = wc_KeyPemToDer((const byte *)pem, (int)strlen(pem), der, sizeof(der), NULL);
	if (n > 0 && wc_EccPrivateKeyDecode(der, &at, ret, (word32)n) == 0)
		r = 0;
	crypto_wipe(der, sizeof(der));
	/* a file may say the private part alone */
	if (r == 0 && ret->type == ECC_PRIVATEKEY_ONLY &&
	    wc_ecc_make_pub_ex(ret, NULL, crypto_rng()) != 0)
		r = -EIO;
	return r;
}

static int load_issuer(const struct pki_pair *root, struct issuer *ret)
{
	int r = load_key(root->key, &ret->key);

	ret->cert_len = wc_CertPemToDer((const byte *)root->cert, (int)strlen(root->cert),
					ret->cert, sizeof(ret->cert), CERT_TYPE);
	return r == 0 && ret->cert_len > 0 ? 0 : -EBADMSG;
}

/* What the three kinds differ in; fills subject and extensions once the key is there. */
typedef int fill_fn(Cert *c, const void *arg);

/* A certificate for a key that is there; fill comes when ret->spki is known. */
static int certify(const struct pki_pair *root, int64_t now_ms, int days, fill_fn *fill,
		   const void *arg, ecc_key *key, struct pki_pair *ret)
{
	struct issuer issuer;
	Cert cert;
	int r = 0;

	wc_ecc_init(&issuer.key);
	init_cert(&cert, now_ms, (int64_t)days * DAY_MS);
	if (root)
		r = load_issuer(root, &issuer);
	if (r == 0)
		r = key_spki(key, ret->spki);
	if (r == 0)
		r = fill(&cert, arg);
	if (r == 0)
		r = sign_to_pem(&cert, key, root ? &issuer : NULL, ret->cert);
	wc_ecc_free(&issuer.key);
	return r;
}

static int make_pair(const struct pki_pair *root, int64_t now_ms, int days, fill_fn *fill,
		     const void *arg, struct pki_pair *ret)
{
	ecc_key key;
	int r = 0;

	wc_ecc_init(&key);
	if (wc_ecc_make_key_ex(crypto_rng(), 32, &key, ECC_SECP256R1) != 0)
		r = -EIO;
	if (r == 0)
		r = certify(root, now_ms, days, fill, arg, &key, ret);
	if (r == 0)
		r = key_to_pem(&key, ret->key);
	wc_ecc_free(&key);
	return r;
}

/* Of a key that has a certificate already. */
static int certify_again(const struct pki_pair *root, int64_t now_ms, int days,
			 fill_fn *fill, const void *arg, struct pki_pair *pair)
{
	ecc_key key;
	int r;

	wc_ecc_init(&key);
	r = load_key(pair->key, &key);
	if (r == 0)
		r = certify(root, now_ms, days, fill, arg, &key, pair);
	wc_ecc_free(&key);
	return r;
}

static int fill_root(Cert *c, const void *clinic)
{
	snprintf(c->subject.org, sizeof(c->subject.org), "%.63s", (const char *)clinic);
	snprintf(c->subject.commonName, sizeof(c->subject.commonName), "hub root");
	c->isCA = 1;
	c->basicConstCrit = 1;
	c->pathLen = 1;
	c->pathLenSet = 1;
	return wc_SetKeyUsage(c, "keyCertSign,cRLSign") == 0 ? 0 : -EIO;
}

struct next_root {
	const char *clinic;
	const struct pki_pair *pair; /* its spki is there when the name is made */
};

static int fill_next_root(Cert *c, const void *arg)
{
	const struct next_root *n = arg;
	const uint8_t *k = n->pair->spki;
	int r = fill_root(c, n->clinic);

	snprintf(c->subject.commonName, sizeof(c->subject.commonName),
		 "hub root %02x%02x%02x%02x", k[0], k[1], k[2], k[3]);
	return r;
}

/* arg: the certificate of the root that is certified; of the clinic's name in it nothing else is needed. */
static int fill_cross(Cert *c, const void *arg)
{
	const struct pki_cert *next = arg;
	int r = fill_root(c, "");

	return r < 0							? r
	       : wc_SetSubjectBuffer(c, next->der, (int)next->len) != 0 ? -EBADMSG
									: 0;
}

static int fill_server(Cert *c, const void *dns)
{
	snprintf(c->subject.commonName, sizeof(c->subject.commonName), "clinicd");
	if (wc_SetKeyUsage(c, "digitalSignature") != 0 ||
	    wc_SetExtKeyUsage(c, "serverAuth") != 0)
		return -EIO;
	return put_alt_name(c, dns);
}

static int fill_enrol(Cert *c, const void *arg)
{
	(void)arg;
	snprintf(c->subject.commonName, sizeof(c->subject.commonName), "hub enrolment");
	c->isCA = 1;
	c->basicConstCrit = 1;
	c->pathLen = 0;
	c->pathLenSet = 1;
	if (wc_SetKeyUsage(c, "keyCertSign") != 0 ||
	    wc_SetExtKeyUsage(c, "clientAuth") != 0)
		return -EIO;
	return 0;
}

/* arg: its name, HUB_ID_LEN octets. */
static int fill_hub(Cert *c, const void *arg)
{
	const uint8_t *id = arg;
	char hex[2 * HUB_ID_LEN + 1];

	for (size_t i = 0; i < HUB_ID_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	snprintf(c->subject.commonName, sizeof(c->subject.commonName), "%s", hex);
	snprintf(c->subject.serialDev, sizeof(c->subject.serialDev), "%s", hex);
	if (wc_SetKeyUsage(c, "digitalSignature") != 0 ||
	    wc_SetExtKeyUsage(c, "clientAuth") != 0)
		return -EIO;
	return 0;
}

static int fill_person(Cert *c, const void *arg)
{
	const char *name = arg;

	snprintf(c->subject.commonName, sizeof(c->subject.commonName), "%s", name);
	if (wc_SetKeyUsage(c, "digitalSignature") != 0 ||
	    wc_SetExtKeyUsage(c, "clientAuth") != 0)
		return -EIO;
	return 0;
}

int pki_make_root(const char *clinic, int64_t now_ms, struct pki_pair *ret)
{
	return make_pair(NULL, now_ms, PKI_ROOT_DAYS, fill_root, clinic, ret);
}

int pki_make_next_root(const char *clinic, int64_t now_ms, struct pki_pair *ret)
{
	/* cppcheck-suppress ctuuninitvar ; where it goes, not what is there */
	const struct next_root arg = { clinic, ret };

	return make_pair(NULL, now_ms, PKI_ROOT_DAYS, fill_next_root, &arg, ret);
}

int pki_certify_root(const struct pki_pair *root, const struct pki_pair *next,
		     int64_t now_ms, char ret[static PKI_PEM_MAX])
{
	struct pki_pair pair = *next;
	struct pki_cert cert;
	int r = pki_der(next->cert, &cert);

	if (r == 0)
		r = certify_again(root, now_ms, PKI_ROOT_DAYS, fill_cross, &cert, &pair);
	if (r == 0)
		memcpy(ret, pair.cert, PKI_PEM_MAX);
	crypto_wipe(&pair, sizeof(pair));
	return r;
}

int pki_certify_server(const struct pki_pair *root, const char *dns, int64_t now_ms,
		       struct pki_pair *pair)
{
	return certify_again(root, now_ms, PKI_SERVER_DAYS, fill_server, dns, pair);
}

int pki_certify_enrol(const struct pki_pair *root, int64_t now_ms, struct pki_pair *pair)
{
	return certify_again(root, now_ms, PKI_ENROL_DAYS, fill_enrol, NULL, pair);
}

int pki_make_server(const struct pki_pair *root, const char *dns, int64_t now_ms,
		    struct pki_pair *ret)
{
	return make_pair(root, now_ms, PKI_SERVER_DAYS, fill_server, dns, ret);
}

int pki_make_hub(const struct pki_pair *root, int64_t now_ms, struct pki_pair *ret,
		 uint8_t ret_hub[static HUB_ID_LEN])
{
	/* the name follows from the key, which make_pair makes before it fills in the name */
	int r = make_pair(root, now_ms, PKI_HUB_DAYS, fill_hub, ret->spki, ret);

	if (r == 0)
		memcpy(ret_hub, ret->spki, HUB_ID_LEN);
	return r;
}

int pki_make_person(const struct pki_pair *root, const char *person, int64_t now_ms,
		    struct pki_pair *ret)
{
	return make_pair(root, now_ms, PKI_PERSON_DAYS, fill_person, person, ret);
}

int pki_root_scalar(const struct pki_pair *p, uint8_t ret[static P256_PRIVATE_LEN])
{
	word32 len = P256_PRIVATE_LEN;
	struct issuer i;
	int r;

	wc_ecc_init(&i.key);
	r = load_issuer(p, &i);
	if (r == 0 && (wc_ecc_export_private_only(&i.key, ret, &len) != 0 ||
		       len != P256_PRIVATE_LEN))
		r = -EBADMSG;
	wc_ecc_free(&i.key);
	return r;
}

int pki_make_enrol(const struct pki_pair *root, int64_t now_ms, struct pki_pair *ret)
{
	return make_pair(root, now_ms, PKI_ENROL_DAYS, fill_enrol, NULL, ret);
}

int pki_sign_hub(const struct pki_pair *ca, const uint8_t hub[static HUB_ID_LEN],
		 const uint8_t *public, int64_t now_ms, int64_t life_ms,
		 struct pki_cert *ret)
{
	uint8_t der[DER_MAX];
	struct issuer issuer;
	ecc_key key;
	Cert cert;
	int n = 0, r;

	wc_ecc_init(&key);
	wc_ecc_init(&issuer.key);
	init_cert(&cert, now_ms, life_ms);
	r = load_issuer(ca, &issuer);
	if (r == 0 &&
	    wc_ecc_import_x963_ex(public, P256_PUBLIC_LEN, &key, ECC_SECP256R1) != 0)
		r = -ERANGE;
	if (r == 0)
		r = fill_hub(&cert, hub);
	if (r == 0)
		n = sign_cert(&cert, &key, &issuer, der);
	if (r == 0 && (n < 0 || n > PKI_DER_MAX))
		r = -EIO;
	if (r == 0) {
		ret->len = (size_t)n;
		memcpy(ret->der, der, (size_t)n);
		memcpy(ret->serial, cert.serial, PKI_SERIAL_LEN);
		ret->ends_ms = now_ms + life_ms;
	}
	wc_ecc_free(&issuer.key);
	wc_ecc_free(&key);
	return r;
}

int pki_der(const char *cert, struct pki_cert *ret)
{
	uint8_t der[DER_MAX];
	int n = wc_CertPemToDer((const byte *)cert, (int)strlen(cert), der, sizeof(der),
				CERT_TYPE);

	if (n <= 0 || n > PKI_DER_MAX)
		return -EBADMSG;
	*ret = (struct pki_cert){ .len = (size_t)n };
	memcpy(ret->der, der, (size_t)n);
	return 0;
}

int pki_public_spki(const char *pem, uint8_t ret[static PIN_LEN])
{
	uint8_t der[SPKI_MAX];
	word32 at = 0;
	ecc_key key;
	int n = wc_PubKeyPemToDer((const byte *)pem, (int)strlen(pem), der, sizeof(der));
	int r = -EBADMSG;

	wc_ecc_init(&key);
	if (n > 0 && wc_EccPublicKeyDecode(der, &at, &key, (word32)n) == 0 &&
	    wc_ecc_get_curve_id(key.idx) == ECC_SECP256R1)
		r = key_spki(
			&key,
			ret); /* as a certificate has it, whatever form the file is in */
	wc_ecc_free(&key);
	return r;
}

int pki_spki(const char *cert, uint8_t ret[static PIN_LEN])
{
	uint8_t der[DER_MAX], spki[SPKI_MAX];
	word32 len = sizeof(spki);
	int n = wc_CertPemToDer((const byte *)cert, (int)strlen(cert), der, sizeof(der),
				CERT_TYPE);

	if (n <= 0 || wc_GetSubjectPubKeyInfoDerFromCert(der, (word32)n, spki, &len) != 0)
		return -EBADMSG;
	crypto_sha256(spki, len, ret);
	return 0;
}
