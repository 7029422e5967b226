/*
 * keyfile.c - see keyfile.h.
 */
#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>

#include "clinic/keyfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/files.h"
#include "clinic/passphrase.h"
#include "hub/core/err.h"
#include "hub/crypto/rng.h"
#include "hub/rt/file.h"

enum { DER_MAX = 1024, SALT_LEN = 16 };

static const char encrypted_mark[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

static bool is_encrypted(const uint8_t *bytes, size_t len)
{
	return memmem(bytes, len, encrypted_mark, strlen(encrypted_mark)) != NULL;
}

static int from_der(const uint8_t *der, size_t len, uint8_t ret[static P256_PRIVATE_LEN])
{
	word32 at = 0, n = P256_PRIVATE_LEN;
	ecc_key key;
	int r = -EBADMSG;

	if (wc_ecc_init(&key) != 0)
		return -EIO;
	if (wc_EccPrivateKeyDecode(der, &at, &key, (word32)len) == 0 &&
	    wc_ecc_get_curve_id(key.idx) == ECC_SECP256R1 &&
	    wc_ecc_export_private_only(&key, ret, &n) == 0 && n == P256_PRIVATE_LEN)
		r = 0;
	wc_ecc_free(&key);
	return r;
}

int keyfile_parse(const uint8_t *bytes, size_t len, const char *passphrase,
		  uint8_t ret[static P256_PRIVATE_LEN])
{
	bool locked = is_encrypted(bytes, len);
	uint8_t der[DER_MAX];
	int n, r;

	if (len == P256_PRIVATE_LEN) {
		memcpy(ret, bytes, P256_PRIVATE_LEN);
		return 0;
	}
	if (locked && !passphrase)
		return -EACCES;
	if (len > KEYFILE_MAX)
		return -EBADMSG;
	n = wc_KeyPemToDer(bytes, (int)len, der, sizeof(der),
			   passphrase ? passphrase : "");
	r = n > 0 ? from_der(der, (size_t)n, ret) : -EBADMSG;
	crypto_wipe(der, sizeof(der));
	return r < 0 && locked ? -EKEYREJECTED : r;
}

/* --- files ------------------------------------------------------------------------------ */

static int read_bytes_of(const char *dir, const char *name,
			 uint8_t ret[static KEYFILE_MAX], char why[static FOLDER_WHY_MAX])
{
	int n = file_read(dir, name, ret, KEYFILE_MAX);

	if (n < 0)
		snprintf(why, FOLDER_WHY_MAX, "%s/%s %s", dir, name,
			 n == -ENOENT	? "is missing"
			 : n == -EACCES ? "may not be opened by this user"
					: "cannot be read");
	return n;
}

static int ask_and_parse(const char *dir, const char *name, const uint8_t *bytes,
			 size_t len, uint8_t ret[static P256_PRIVATE_LEN],
			 char why[static FOLDER_WHY_MAX])
{
	char passphrase[PASSPHRASE_MAX] = "", what[FILES_PATH_MAX];
	int r = files_path(dir, name, what);

	if (r == 0)
		r = passphrase_get(what, passphrase);
	if (r < 0) {
		snprintf(
			why, FOLDER_WHY_MAX,
			"%s/%s needs its passphrase: there is no terminal to ask for it, "
			"or the file of --passphrase-file has none",
			dir, name);
		return -EACCES;
	}
	r = keyfile_parse(bytes, len, passphrase, ret);
	crypto_wipe(passphrase, sizeof(passphrase));
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX, "%s/%s does not open with this passphrase",
			 dir, name);
	return r;
}

int keyfile_read(const char *dir, const char *name, uint8_t ret[static P256_PRIVATE_LEN],
		 char why[static FOLDER_WHY_MAX])
{
	uint8_t bytes[KEYFILE_MAX];
	int n = read_bytes_of(dir, name, bytes, why), r;

	if (n < 0)
		return n;
	if (is_encrypted(bytes, (size_t)n)) {
		r = ask_and_parse(dir, name, bytes, (size_t)n, ret, why);
	} else {
		r = keyfile_parse(bytes, (size_t)n, NULL, ret);
		if (r < 0)
			snprintf(why, FOLDER_WHY_MAX, "%s/%s is no key of P-256", dir,
				 name);
		else
			fprintf(stderr,
				"clinicctl: WARNING: %s/%s is not encrypted: whoever "
				"reads it can sign with it ('clinicctl passphrase')\n",
				dir, name);
	}
	crypto_wipe(bytes, sizeof(bytes));
	return r;
}

int keyfile_read_path(const char *path, uint8_t ret[static P256_PRIVATE_LEN],
		      char why[static FOLDER_WHY_MAX])
{
	struct files_place at;

	if (files_place_of(path, &at) < 0) {
		snprintf(why, FOLDER_WHY_MAX, "the key's path is too long");
		return -EMSGSIZE;
	}
	return keyfile_read(at.dir, at.name, ret, why);
}

int keyfile_is_encrypted(const char *dir, const char *name)
{
	uint8_t bytes[KEYFILE_MAX];
	int n = file_read(dir, name, bytes, sizeof(bytes)), r;

	r = n < 0 ? n : is_encrypted(bytes, (size_t)n);
	crypto_wipe(bytes, sizeof(bytes));
	return r;
}

/* --- making ----------------------------------------------------------------------------- */

static int import(const uint8_t private[static P256_PRIVATE_LEN], ecc_key *ret)
{
	if (wc_ecc_init(ret) != 0)
		return -EIO;
	if (wc_ecc_import_private_key_ex(private, P256_PRIVATE_LEN, NULL, 0, ret,
					 ECC_SECP256R1) == 0 &&
	    wc_ecc_make_pub(ret, NULL) == 0)
		return 0;
	wc_ecc_free(ret);
	return -EIO;
}

int keyfile_read_pem(const char *dir, const char *name, char ret[static PKI_PEM_MAX],
		     char why[static FOLDER_WHY_MAX])
{
	uint8_t private[P256_PRIVATE_LEN], der[DER_MAX];
	ecc_key key;
	int r = keyfile_read(dir, name, private, why), n;

	if (r == 0)
		r = import(private, &key);
	crypto_wipe(private, sizeof(private));
	if (r < 0)
		return r;
	n = wc_EccKeyToDer(&key, der, sizeof(der));
	n = n < 0 ? n
		  : wc_DerToPem(der, (word32)n, (byte *)ret, PKI_PEM_MAX - 1,
				ECC_PRIVATEKEY_TYPE);
	wc_ecc_free(&key);
	crypto_wipe(der, sizeof(der));
	if (n < 0)
		return -EIO;
	ret[n] = '\0';
	return 0;
}

static int to_pkcs8(const uint8_t private[static P256_PRIVATE_LEN],
		    uint8_t ret[static DER_MAX], word32 *ret_len)
{
	ecc_key key;
	int r = import(private, &key);

	if (r < 0)
		return r;
	*ret_len = DER_MAX;
	r = wc_EccKeyToPKCS8(&key, ret, ret_len) > 0 ? 0 : -EIO;
	wc_ecc_free(&key);
	return r;
}

int keyfile_encrypt(const uint8_t private[static P256_PRIVATE_LEN],
		    const char *passphrase, char ret[static KEYFILE_MAX])
{
	uint8_t plain[DER_MAX], sealed[DER_MAX], salt[SALT_LEN];
	word32 plain_len, len = sizeof(sealed);
	int r = to_pkcs8(private, plain, &plain_len), n = -1;

	crypto_random(salt, sizeof(salt));
	if (r == 0)
		n = wc_EncryptPKCS8Key_ex(plain, plain_len, sealed, &len, passphrase,
					  (int)strlen(passphrase), ENC_PKCS8_VER_PKCS5,
					  ENC_PKCS8_PBES2, AES256CBCb, salt, sizeof(salt),
					  KEYFILE_ITERATIONS, HMAC_SHA256_OID,
					  crypto_rng(), NULL);
	if (n > 0)
		n = wc_DerToPem(sealed, (word32)n, (byte *)ret, KEYFILE_MAX - 1,
				PKCS8_ENC_PRIVATEKEY_TYPE);
	crypto_wipe(plain, sizeof(plain));
	if (n <= 0)
		return -EIO;
	ret[n] = '\0';
	return n;
}
