/*
 * csr_make.c - see csr_make.h. With wolfCrypt.
 */
#include "hub/crypto/csr_make.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/ecc.h>

#include "hub/crypto/rng.h"

enum { SPKI_MAX = 128, SERIAL_LEN = 16 };

/* Before this was written there were no hubs. GeneralizedTime from 2050. */
static const uint8_t begin[] = "\x17\x0d"
			       "260101000000Z";
static const uint8_t never[] = "\x18\x0f"
			       "99991231235959Z";

/* Both parts of the key; the caller frees it, also after an error. */
static int load(const uint8_t private[static P256_PRIVATE_LEN], ecc_key *ret)
{
	if (wc_ecc_init(ret) != 0)
		return -EIO;
	if (wc_ecc_import_private_key_ex(private, P256_PRIVATE_LEN, NULL, 0, ret,
					 ECC_SECP256R1) != 0 ||
	    wc_ecc_make_pub_ex(ret, NULL, crypto_rng()) != 0)
		return -EIO;
	return 0;
}

static int spki_of(ecc_key *key, uint8_t ret[static SHA256_LEN])
{
	uint8_t der[SPKI_MAX];
	int n = wc_EccPublicKeyToDer(key, der, sizeof(der), 1);

	if (n < 0)
		return -EIO;
	crypto_sha256(der, (size_t)n, ret);
	return 0;
}

static void put_name(CertName *name, const uint8_t hub[static HUB_ID_LEN])
{
	for (size_t i = 0; i < HUB_ID_LEN; i++)
		snprintf(name->commonName + 2 * i, 3, "%02x", hub[i]);
	memcpy(name->serialDev, name->commonName, 2 * HUB_ID_LEN + 1);
}

int csr_spki(const uint8_t private[static P256_PRIVATE_LEN],
	     uint8_t ret[static SHA256_LEN])
{
	ecc_key key;
	int r = load(private, &key);

	if (r == 0)
		r = spki_of(&key, ret);
	wc_ecc_free(&key);
	return r;
}

static int sign(Cert *c, ecc_key *key, uint8_t *der, size_t cap)
{
	int n = wc_SignCert_ex(c->bodySz, c->sigType, der, (word32)cap, ECC_TYPE, key,
			       crypto_rng());

	return n < 0 ? -EIO : n;
}

int csr_make(const uint8_t private[static P256_PRIVATE_LEN],
	     const uint8_t hub[static HUB_ID_LEN], uint8_t ret[static CSR_BYTES_MAX])
{
	ecc_key key;
	Cert c;
	int r = load(private, &key);

	wc_InitCert(&c);
	c.version = 0; /* v1 of a request, RFC 2986, 4.1; the library's own choice is 2 */
	c.sigType = CTC_SHA256wECDSA;
	put_name(&c.subject, hub);
	if (r == 0 && wc_MakeCertReq_ex(&c, ret, CSR_BYTES_MAX, ECC_TYPE, &key) < 0)
		r = -EIO;
	if (r == 0)
		r = sign(&c, &key, ret, CSR_BYTES_MAX);
	wc_ecc_free(&key);
	return r;
}

static void put_dates(Cert *c)
{
	memcpy(c->beforeDate, begin, sizeof(begin) - 1);
	c->beforeDateSz = sizeof(begin) - 1;
	memcpy(c->afterDate, never, sizeof(never) - 1);
	c->afterDateSz = sizeof(never) - 1;
}

int bootstrap_make(const uint8_t device[static P256_PRIVATE_LEN],
		   uint8_t ret[static BOOTSTRAP_BYTES_MAX])
{
	uint8_t spki[SHA256_LEN];
	ecc_key key;
	Cert c;
	int r = load(device, &key);

	wc_InitCert(&c);
	c.sigType = CTC_SHA256wECDSA;
	c.selfSigned = 1;
	c.serialSz = SERIAL_LEN;
	if (r == 0)
		r = spki_of(&key, spki);
	if (r == 0) {
		put_name(&c.subject, spki);
		put_dates(&c);
		memcpy(c.serial, spki + HUB_ID_LEN, SERIAL_LEN);
		/* positive, and not so short that an encoder would drop a leading zero */
		c.serial[0] = (uint8_t)((c.serial[0] & 0x3f) | 0x40);
		if (wc_SetKeyUsage(&c, "digitalSignature") != 0 ||
		    wc_SetExtKeyUsage(&c, "clientAuth") != 0 ||
		    wc_MakeCert_ex(&c, ret, BOOTSTRAP_BYTES_MAX, ECC_TYPE, &key,
				   crypto_rng()) < 0)
			r = -EIO;
	}
	if (r == 0)
		r = sign(&c, &key, ret, BOOTSTRAP_BYTES_MAX);
	wc_ecc_free(&key);
	return r;
}
