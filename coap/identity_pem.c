/*
 * identity_pem.c - see identity_pem.h.
 */
#include "coap/identity_pem.h"

#include <errno.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>

#include "coap/identity_cert.h"
#include "hub/crypto/rng.h"

static int decode_key(const uint8_t *pem, size_t len,
		      uint8_t ret[static P256_PRIVATE_LEN])
{
	word32 at = 0, ret_len = P256_PRIVATE_LEN;
	uint8_t der[256];
	ecc_key key;
	int n, r = -EBADMSG;

	if (wc_ecc_init(&key) != 0)
		return -EIO;
	n = wc_KeyPemToDer(pem, (int)len, der, sizeof(der), NULL);
	if (n > 0 && wc_EccPrivateKeyDecode(der, &at, &key, (word32)n) == 0 &&
	    wc_ecc_export_private_only(&key, ret, &ret_len) == 0 &&
	    ret_len == P256_PRIVATE_LEN)
		r = 0;
	wc_ecc_free(&key);
	crypto_wipe(der, sizeof(der));
	return r;
}

int identity_pem_decode(const uint8_t *cert, size_t cert_len, const uint8_t *key,
			size_t key_len, struct identity_key *ret)
{
	struct identity_key k = { .there = true, .epoch = 1 };
	int n = wc_CertPemToDer(cert, (int)cert_len, k.cert, sizeof(k.cert), CERT_TYPE);
	int r = n > 0 ? decode_key(key, key_len, k.private) : -EBADMSG;

	if (r == 0) {
		k.cert_len = (size_t)n;
		r = identity_cert_match(&k, k.cert, k.cert_len);
	}
	if (r == 0)
		*ret = k;
	crypto_wipe(&k, sizeof(k));
	return r;
}

int identity_pem_cert(const struct identity_key *k, char ret[static IDENTITY_PEM_MAX])
{
	int n = wc_DerToPem(k->cert, (word32)k->cert_len, (byte *)ret,
			    IDENTITY_PEM_MAX - 1, CERT_TYPE);

	if (n <= 0)
		return -EIO;
	ret[n] = '\0';
	return 0;
}

int identity_pem_key(const struct identity_key *k, char ret[static IDENTITY_PEM_MAX])
{
	uint8_t der[256];
	ecc_key key;
	int n = -1;

	if (wc_ecc_init(&key) != 0)
		return -EIO;
	if (wc_ecc_import_private_key_ex(k->private, P256_PRIVATE_LEN, NULL, 0, &key,
					 ECC_SECP256R1) == 0 &&
	    wc_ecc_make_pub_ex(&key, NULL, crypto_rng()) == 0)
		n = wc_EccKeyToDer(&key, der, sizeof(der));
	if (n > 0)
		n = wc_DerToPem(der, (word32)n, (byte *)ret, IDENTITY_PEM_MAX - 1,
				ECC_PRIVATEKEY_TYPE);
	wc_ecc_free(&key);
	crypto_wipe(der, sizeof(der));
	if (n <= 0)
		return -EIO;
	ret[n] = '\0';
	return 0;
}
