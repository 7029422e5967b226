/*
 * trust_file.c - see trust_file.h.
 */
#include "clinic/trust_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/bundle.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/keyfile.h"
#include "clinic/pki.h"
#include "hub/core/err.h"
#include "hub/crypto/trust_sign.h"

enum { ENROL_PORT = 5685 };

int trust_args_enrol(const struct ctl_verb *v, struct trust_args *a, const char *text)
{
	if (a->enrol.count > 0)
		return ctl_misused(
			v, "--enrol '%s' is one too many: hubs enrol at one place", text);
	if (endpoint_args_take(&a->enrol, "--enrol", text) != CTL_OK)
		return CTL_USAGE;
	if (a->enrol.parsed[0].weight != 0)
		return ctl_misused(v, "--enrol '%s': where hubs enrol has no weight",
				   text);
	return CTL_OK;
}

int trust_args_clinic(const struct ctl_verb *v, struct trust_args *a, const char *text)
{
	if (strlen(text) > TRUST_CLINIC_MAX)
		return ctl_misused(v, "--clinic must have at most %d bytes",
				   TRUST_CLINIC_MAX);
	a->clinic = text;
	return CTL_OK;
}

static int fill_endpoints(const struct trust_args *a, struct trust *t,
			  char why[static FOLDER_WHY_MAX])
{
	struct endpoint_list places = { 0 }, enrol = { 0 };
	struct config_endpoint own;
	struct conf conf = { 0 };
	int r = bundle_own_endpoint(a->dir, &own, why);

	if (r == 0)
		r = folder_read_conf(a->dir, &conf, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = endpoint_args_add(&a->endpoints, a->dir, &places);
	if (r == CTL_OK)
		r = endpoint_args_add(&a->enrol, a->dir, &enrol);
	if (r != CTL_OK)
		return r;
	if (places.count == 0)
		places.at[places.count++] = own;
	memcpy(t->endpoints, places.at, sizeof(t->endpoints));
	t->endpoint_count = places.count;
	own.port = conf.enrol ? conf.enrol : ENROL_PORT;
	t->enrol = enrol.count > 0 ? enrol.at[0] : own;
	if (a->enrol.count > 0 && a->enrol.parsed[0].port == 0)
		t->enrol.port = own.port;
	return CTL_OK;
}

/* What the clinic's folder has of it. The pair is to be wiped, whatever comes. */
static int fill_keys(const char *dir, struct trust *t, struct pki_pair *root,
		     char why[static FOLDER_WHY_MAX])
{
	uint8_t seal[FILES_SEAL_LEN] = { 0 };
	struct pki_cert cert;
	int r = keyfile_read_pem(dir, FILES_ROOT_KEY, root->key, why);

	if (r == 0)
		r = folder_read_text(dir, FILES_ROOT_CRT, root->cert, sizeof(root->cert),
				     why);
	if (r == 0)
		r = folder_read(dir, FILES_CONFIG_PUB, t->config_public,
				sizeof(t->config_public), why);
	if (r == 0)
		r = folder_read(dir, FILES_SEAL_PUB, seal, sizeof(seal), why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	t->seal_key_id = seal[0];
	memcpy(t->seal_public, seal + 1, sizeof(t->seal_public));
	r = pki_der(root->cert, &cert);
	if (r < 0 || cert.len > sizeof(t->root))
		return ctl_complain(CTL_FAILED, "%s/%s is not a certificate", dir,
				    FILES_ROOT_CRT);
	t->root_len = cert.len;
	memcpy(t->root, cert.der, cert.len);
	return CTL_OK;
}

static int fill(const struct trust_args *a, struct trust *t, struct pki_pair *root)
{
	char why[FOLDER_WHY_MAX];
	struct conf conf = { 0 };
	int r = folder_read_conf(a->dir, &conf, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	/* a DNS name may be longer than what is for people: what is shown is the beginning */
	snprintf(t->clinic, sizeof(t->clinic), "%.*s", TRUST_CLINIC_MAX,
		 a->clinic ? a->clinic : conf.name);
	t->expires_s = a->expires_s;
	r = fill_keys(a->dir, t, root, why);
	return r == CTL_OK ? fill_endpoints(a, t, why) : r;
}

static int sign(const struct ctl_verb *v, const struct trust_args *a,
		const struct trust *t, const uint8_t private[static P256_PRIVATE_LEN],
		uint8_t file[static TRUST_FILE_MAX], size_t *ret_len)
{
	int r = trust_make(t, private, file, TRUST_FILE_MAX);

	if (r == -EKEYREJECTED)
		return ctl_complain(CTL_FAILED,
				    "%s/%s and %s do not belong together; restore both "
				    "from one backup",
				    a->dir, FILES_ROOT_KEY, FILES_ROOT_CRT);
	if (r == -ERANGE)
		return ctl_misused(v,
				   "--clinic must be one line of 1 to %d bytes of UTF-8",
				   TRUST_CLINIC_MAX);
	if (r < 0)
		return ctl_complain(CTL_FAILED, "clinic.trust could not be signed: %s",
				    err_text(r));
	*ret_len = (size_t)r;
	return CTL_OK;
}

int trust_file_make(const struct ctl_verb *v, const struct trust_args *a,
		    uint8_t ret_root[static P256_PRIVATE_LEN],
		    uint8_t file[static TRUST_FILE_MAX], size_t *ret_len)
{
	struct pki_pair root = { .key = "" };
	struct trust t = { 0 };
	int r = fill(a, &t, &root);

	if (r == CTL_OK && pki_root_scalar(&root, ret_root) < 0)
		r = ctl_complain(CTL_FAILED, "%s/%s is not a key", a->dir,
				 FILES_ROOT_KEY);
	crypto_wipe(&root, sizeof(root));
	return r == CTL_OK ? sign(v, a, &t, ret_root, file, ret_len) : r;
}
