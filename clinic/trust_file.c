/*
 * trust_file.c - see trust_file.h.
 */
#include "clinic/trust_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/keyfile.h"
#include "clinic/own_trust.h"
#include "clinic/pki.h"
#include "hub/core/err.h"
#include "hub/crypto/trust_sign.h"

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

/* Those that were said, instead of the clinic's own. */
static int fill_endpoints(const struct trust_args *a, struct trust *t)
{
	struct endpoint_list places = { 0 }, enrol = { 0 };
	uint16_t port = t->enrol.port;
	int r = endpoint_args_add(&a->endpoints, a->dir, &places);

	if (r == CTL_OK)
		r = endpoint_args_add(&a->enrol, a->dir, &enrol);
	if (r != CTL_OK)
		return r;
	if (places.count > 0) {
		memcpy(t->endpoints, places.at, sizeof(t->endpoints));
		t->endpoint_count = places.count;
	}
	if (enrol.count == 0)
		return CTL_OK;
	t->enrol = enrol.at[0];
	if (a->enrol.parsed[0].port == 0)
		t->enrol.port = port;
	return CTL_OK;
}

static int fill(const struct trust_args *a, struct trust *t, struct pki_pair *root)
{
	char why[FOLDER_WHY_MAX];
	struct conf conf; /* first: what is no clinic's folder is called that */
	int r = folder_read_conf(a->dir, &conf, why);

	if (r == 0)
		r = keyfile_read_pem(a->dir, FILES_ROOT_KEY, root->key, why);
	if (r == 0)
		r = folder_read_text(a->dir, FILES_ROOT_CRT, root->cert,
				     sizeof(root->cert), why);
	if (r == 0)
		r = own_trust_fill(a->dir, root->cert, t, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	if (a->clinic)
		snprintf(t->clinic, sizeof(t->clinic), "%s", a->clinic);
	t->expires_s = a->expires_s;
	return fill_endpoints(a, t);
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
