/*
 * own_trust.c - see own_trust.h.
 */
#include "clinic/own_trust.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/bundle.h"
#include "clinic/files.h"
#include "hub/core/err.h"
#include "hub/crypto/trust_sign.h"

static int fill_keys(const char *dir, struct trust *t, char why[static FOLDER_WHY_MAX])
{
	uint8_t seal[FILES_SEAL_LEN] = { 0 };
	int r = folder_read(dir, FILES_CONFIG_PUB, t->config_public,
			    sizeof(t->config_public), why);

	if (r == 0)
		r = folder_read(dir, FILES_SEAL_PUB, seal, sizeof(seal), why);
	t->seal_key_id = seal[0];
	memcpy(t->seal_public, seal + 1, sizeof(t->seal_public));
	return r;
}

static int fill_root(const char *dir, const char *cert, struct trust *t,
		     char why[static FOLDER_WHY_MAX])
{
	struct pki_cert root;

	if (pki_der(cert, &root) < 0 || root.len > sizeof(t->root)) {
		snprintf(why, FOLDER_WHY_MAX, "the root of %s is not a certificate", dir);
		return -EBADMSG;
	}
	t->root_len = root.len;
	memcpy(t->root, root.der, root.len);
	return 0;
}

/* Both are told to hubs: where they upload, and where they get certificates. */
static int check_ports(const struct conf *conf, const struct trust *t,
		       char why[static FOLDER_WHY_MAX])
{
	uint16_t upload = t->endpoints[0].port, enrol = t->enrol.port;
	bool bad_upload = !hub_ports_have(conf->hub_ports, upload);
	char text[HUB_PORTS_WHY_MAX];

	if (!bad_upload && hub_ports_have(conf->hub_ports, enrol))
		return 0;
	hub_ports_why(conf->hub_ports, bad_upload ? upload : enrol, text);
	snprintf(why, FOLDER_WHY_MAX, "%s in clinic.conf, %s: %s",
		 bad_upload ? "port" : "enrol",
		 bad_upload    ? "where hubs upload"
		 : conf->enrol ? "where hubs enrol"
			       : "where hubs enrol unless it says another port",
		 text);
	return -ERANGE;
}

int own_trust_fill(const char *dir, const char *root_cert, struct trust *ret,
		   char why[static FOLDER_WHY_MAX])
{
	struct trust t = { .endpoint_count = 1 };
	struct conf conf;
	int r = folder_read_conf(dir, &conf, why);

	if (r == 0)
		r = bundle_own_endpoint(dir, &t.endpoints[0], why);
	if (r == 0)
		r = fill_keys(dir, &t, why);
	if (r == 0)
		r = fill_root(dir, root_cert, &t, why);
	if (r < 0)
		return r;
	/* a DNS name may be longer than what is for people: what is shown is the beginning */
	snprintf(t.clinic, sizeof(t.clinic), "%.*s", TRUST_CLINIC_MAX, conf.name);
	t.enrol = t.endpoints[0];
	t.enrol.port = conf.enrol ? conf.enrol : OWN_TRUST_ENROL_PORT;
	r = check_ports(&conf, &t, why);
	if (r == 0)
		*ret = t;
	return r;
}

int own_trust_sign(const struct trust *t, const uint8_t private[static P256_PRIVATE_LEN],
		   uint8_t file[static TRUST_FILE_MAX], size_t *ret_len,
		   char why[static FOLDER_WHY_MAX])
{
	int r = trust_make(t, private, file, TRUST_FILE_MAX);

	if (r < 0) {
		snprintf(why, FOLDER_WHY_MAX, "clinic.trust could not be signed: %s",
			 r == -EKEYREJECTED ? "key and certificate of the root do not "
					      "belong together"
					    : err_text(r));
		return r;
	}
	*ret_len = (size_t)r;
	return 0;
}
