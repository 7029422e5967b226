/*
 * ctl_signer_key.c - see ctl_signer_key.h.
 */
#include "clinic/ctl_signer_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/fido_key.h"
#include "clinic/files.h"
#include "clinic/pkcs11_key.h"
#include "hub/core/err.h"
#include "hub/rt/file.h"

int signer_key_check(const struct signer_key *k)
{
	if (k->fido2 + !!k->public + !!k->pkcs11 > 1 || (k->touch_only && !k->fido2))
		return ctl_misused(
			&ctl_signer,
			"--fido2 makes a credential on a security key, --pkcs11 names a "
			"key of a token, --public a public one that is there: one of "
			"them; --touch-only goes with --fido2");
	if (k->new_key && !k->pkcs11)
		return ctl_misused(&ctl_signer, "--new-key goes with --pkcs11");
	if (k->pkcs11 && !pkcs11_key_is(k->pkcs11))
		return ctl_misused(&ctl_signer,
				   "--pkcs11 '%s' does not begin with 'pkcs11:'",
				   k->pkcs11);
	return CTL_OK;
}

/* --- a public key that is there --------------------------------------------------------------------- */

static int read_point(const char *path, uint8_t ret[static SIGNER_PUBLIC_LEN])
{
	struct files_place at;
	int r = files_place_of(path, &at);

	if (r == 0)
		r = file_read(at.dir, at.name, ret, SIGNER_PUBLIC_LEN);
	if (r != SIGNER_PUBLIC_LEN || ret[0] != 4)
		return ctl_complain(
			r < 0 ? ctl_exit_code(r) : CTL_NO_INPUT, "%s: %s", path,
			r < 0 ? err_text(r)
			      : "neither a P-256 point of 65 bytes (04, x, y) nor what "
				"'clinicctl signer credential' has made");
	return CTL_OK;
}

/* A point; a credential of a security key, which says its kind, too; a key of a token. */
static int read_public(const char *path, struct signer *ret)
{
	struct pkcs11_file token = { .uri = "" };
	struct fido_file fido = { 0 };
	char why[FOLDER_WHY_MAX];
	int r;

	if (strlen(path) >= FILES_PATH_MAX)
		return ctl_misused(&ctl_signer, "--public '%s' is too long", path);
	r = fido_file_read_path(path, &fido, why);
	if (r > 0) {
		ret->kind = fido.kind;
		memcpy(ret->public, fido.public, sizeof(ret->public));
		return CTL_OK;
	}
	if (r == 0)
		r = pkcs11_file_read_path(path, &token, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	if (r > 0 && token.public[0] == 0)
		return ctl_complain(CTL_NO_INPUT,
				    "%s does not say the public key: make it anew "
				    "('clinicctl signer credential --pkcs11')",
				    path);
	if (r == 0)
		return read_point(path, ret->public);
	memcpy(ret->public, token.public, sizeof(ret->public));
	return CTL_OK;
}

/* --- a file that signs ------------------------------------------------------------------------------ */

static int written(const char *dir, const char *name, int r)
{
	return r < 0 ? ctl_complain(CTL_CANT_CREATE, "%s/%s could not be written: %s",
				    dir, name, err_text(r))
		     : CTL_OK;
}

/* In the place of a private key: what the security key needs to sign as that person. */
static int make_fido(const struct signer_key *k, const char *dir, const char *name,
		     struct signer *ret)
{
	struct fido_file f = { 0 };
	char why[FOLDER_WHY_MAX];
	int r = fido_key_make(
		k->user, k->touch_only ? SIGNER_FIDO2 : SIGNER_FIDO2_VERIFIED, &f, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s; nothing was changed", why);
	ret->kind = f.kind;
	memcpy(ret->public, f.public, sizeof(ret->public));
	return written(dir, name, fido_file_write(dir, name, &f));
}

/* The same for a token. Its key has to show that it signs: afterwards hubs will wait for that. */
static int take_token(const struct signer_key *k, const char *dir, const char *name,
		      struct signer *ret, char *ret_uri, size_t cap)
{
	const struct pkcs11_file *f;
	struct pkcs11_key *key;
	char why[FOLDER_WHY_MAX];
	int r = pkcs11_key_open(k->pkcs11, k->new_key, &key, why);

	if (r < 0)
		return ctl_complain(r == -EEXIST ? CTL_CANT_CREATE : ctl_exit_code(r),
				    "%s; nothing was changed", why);
	f = pkcs11_key_file(key);
	r = pkcs11_key_prove(key, why);
	if (r < 0) {
		r = ctl_complain(ctl_exit_code(r), "%s; nothing was changed%s", why,
				 k->new_key ? ", but the token has the new key" : "");
	} else {
		memcpy(ret->public, f->public, sizeof(ret->public));
		snprintf(ret_uri, cap, "%s", f->uri);
		r = written(dir, name, pkcs11_file_write(dir, name, f));
	}
	pkcs11_key_close(key);
	return r;
}

/* His key is made here and lies beside the clinic's own; he may take it with him. */
static int make_key(const char *dir, const char *name,
		    uint8_t ret[static SIGNER_PUBLIC_LEN])
{
	uint8_t private[P256_PRIVATE_LEN];
	int r;

	p256_generate(private, ret);
	r = file_replace(dir, name, private, sizeof(private));
	crypto_wipe(private, sizeof(private));
	return written(dir, name, r);
}

int signer_key_get(const struct signer_key *k, const char *dir, const char *name,
		   struct signer *ret, char *ret_uri, size_t cap)
{
	*ret_uri = '\0';
	if (k->public)
		return read_public(k->public, ret);
	if (!file_is_gone(dir, name))
		return ctl_complain(CTL_CANT_CREATE,
				    "%s/%s is there already; nothing was changed", dir,
				    name);
	if (k->pkcs11)
		return take_token(k, dir, name, ret, ret_uri, cap);
	return k->fido2 ? make_fido(k, dir, name, ret) : make_key(dir, name, ret->public);
}
