/*
 * bundle.c - makes a hub's keys, certificate and config; see bundle.h. Of the keys the clinic
 * keeps only public parts, but for the audit log's: with it it can tell who wrote what.
 */
#include "clinic/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/conf.h"
#include "clinic/enrolment.h"
#include "clinic/files.h"
#include "clinic/keyfile.h"
#include "clinic/keyring.h"
#include "clinic/own_trust.h"
#include "clinic/pki.h"
#include "clinic/root_files.h"
#include "clinic/signing.h"
#include "coap/identity.h"
#include "coap/identity_file.h"
#include "hub/core/cose.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

enum {
	FIRST_EPOCH = 1,
	FIRST_ASSIGNMENT = 1,
	FIRST_CONFIG = 1,
	FIRST_WINDOW = 1,
	TRUST_DAYS = 90, /* as clinicctl trust has it; the files are copied by hand */
};

/* Writes into a folder inside out. */
static int put(const char *out, const char *inner, const char *name, const void *p,
	       size_t len)
{
	char path[FILES_PATH_MAX];
	int r = files_path(out, inner, path);

	return r < 0 ? r : file_replace(path, name, p, len);
}

static int put_text(const char *out, const char *inner, const char *name,
		    const char *text)
{
	return put(out, inner, name, text, strlen(text));
}

static int make_folders(const char *out)
{
	static const char *const inner[] = { "store", "coap", "hubd" };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(inner) / sizeof(*inner); i++)
		r = files_make_inner(out, inner[i]);
	return r;
}

static int read_root(const char *dir, struct pki_pair *ret,
		     char why[static FOLDER_WHY_MAX])
{
	int r = keyfile_read_pem(dir, FILES_ROOT_KEY, ret->key, why);

	return r < 0 ? r
		     : folder_read_text(dir, FILES_ROOT_CRT, ret->cert, sizeof(ret->cert),
					why);
}

static int make_identity(const char *dir, const char *out, const struct pki_pair *root,
			 int64_t now_ms, struct hub *h, char why[static FOLDER_WHY_MAX])
{
	struct pki_pair hub;
	int r = pki_make_hub(root, now_ms, &hub, h->id);

	memcpy(h->spki, hub.spki, sizeof(h->spki));
	if (r == 0)
		r = put_text(out, "coap", "identity.key", hub.key);
	if (r == 0)
		r = put_text(out, "coap", "identity.crt", hub.cert);
	if (r == 0)
		r = put_text(out, "coap", "root.crt", root->cert);
	crypto_wipe(&hub, sizeof(hub));
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "the hub's certificate could not be made from %s/%s: %s", dir,
			 FILES_ROOT_KEY, err_text(r));
	return r;
}

/* In the form in which hub-coap keeps it: it never has another one. */
static int make_emergency(const char *dir, const char *out, const struct pki_pair *root,
			  const struct hub *h, int64_t now_ms,
			  struct bundle_emergency *ret, char why[static FOLDER_WHY_MAX])
{
	struct identity_key k = { .there = true,
				  .is_emergency = true,
				  .epoch = h->epoch };
	uint8_t public[P256_PUBLIC_LEN], file[IDENTITY_FILE_MAX];
	int r;

	memcpy(k.beside, h->spki, sizeof(k.beside));
	p256_generate(k.private, public);
	r = pki_sign_hub(root, h->id, public, now_ms,
			 ENROLMENT_EMERGENCY_DAYS * INT64_C(86400000), &ret->cert);
	if (r == 0)
		r = identity_pin(ret->cert.der, ret->cert.len, ret->spki);
	if (r == 0) {
		k.cert_len = ret->cert.len;
		memcpy(k.cert, ret->cert.der, ret->cert.len);
		r = put(out, "coap", "emergency", file, identity_key_encode(&k, file));
	}
	crypto_wipe(&k, sizeof(k));
	crypto_wipe(file, sizeof(file));
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "the hub's emergency identity could not be made from %s/%s: %s",
			 dir, FILES_ROOT_KEY, err_text(r));
	return r;
}

/* By it the hub renews its certificate as every other one does; without it, it would end with that. */
static int make_trust(const char *dir, const char *out, const struct pki_pair *root,
		      const struct config *c, int64_t now_ms,
		      char why[static FOLDER_WHY_MAX])
{
	uint8_t file[TRUST_FILE_MAX], private[P256_PRIVATE_LEN];
	struct trust t;
	size_t len;
	int r = own_trust_fill(dir, root->cert, &t, why);

	if (r < 0)
		return r;
	t.endpoint_count = c->endpoint_count;
	memcpy(t.endpoints, c->endpoints, sizeof(t.endpoints));
	t.expires_s = now_ms / 1000 + (int64_t)TRUST_DAYS * 86400;
	r = pki_root_scalar(root, private);
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX, "%s/%s is not a key", dir, FILES_ROOT_KEY);
	else
		r = own_trust_sign(&t, private, file, &len, why);
	crypto_wipe(private, sizeof(private));
	if (r < 0)
		return r;
	r = put(out, "coap", "clinic.trust", file, len);
	if (r == 0)
		r = put(out, "hubd", "clinic.trust", file, len);
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX, "%s cannot be written: %s", out,
			 err_text(r));
	return r;
}

static int make_sign_key(const char *out, struct hub *h)
{
	uint8_t private[P256_PRIVATE_LEN];
	int r;

	p256_generate(private, h->sign_public);
	r = put(out, "store", "sign.key", private, sizeof(private));
	crypto_wipe(private, sizeof(private));
	return r;
}

static int make_audit_key(const char *out, uint8_t ret[static KEY_LEN])
{
	crypto_random(ret, KEY_LEN);
	return put(out, "store", "audit.key", ret, KEY_LEN);
}

static int fill_config(const char *dir, const struct bundle_wish *wish,
		       const struct hub *h, struct config *c,
		       char why[static FOLDER_WHY_MAX])
{
	struct keyring_seal seal;
	struct config_root root;
	int r = keyring_seal(dir, &seal, why);

	if (r == 0)
		r = root_files_config(dir, &root, why);
	if (r < 0)
		return r;
	*c = (struct config){
		.root = root,
		.epoch = h->epoch,
		.version = FIRST_CONFIG,
		.assignment = FIRST_ASSIGNMENT,
		.utc_offset_min = wish->utc_offset_min,
		.has_change = wish->has_change,
		.change_utc_s = wish->change_utc_s,
		.change_offset_min = wish->change_offset_min,
		.heartbeat_s = wish->heartbeat_s,
		.seal_key_id = seal.now.id,
		.has_next_seal = seal.has_next,
		.device_count = wish->device_count,
		.endpoint_count = wish->endpoints.count,
		.signer_count = wish->signer_count,
	};
	memcpy(c->hub, h->id, sizeof(c->hub));
	memcpy(c->seal_public, seal.now.public, sizeof(c->seal_public));
	if (seal.has_next)
		c->next_seal = seal.next;
	memcpy(c->devices, wish->devices, sizeof(c->devices));
	memcpy(c->signers, wish->signers, sizeof(c->signers));
	if (wish->window_min)
		c->window = (struct config_window){ .id = FIRST_WINDOW,
						    .minutes = wish->window_min };
	memcpy(c->endpoints, wish->endpoints.at, sizeof(c->endpoints));
	r = keyring_release_add(dir, c, why);
	if (r < 0 || c->endpoint_count > 0)
		return r;
	c->endpoint_count = 1;
	return bundle_own_endpoint(dir, &c->endpoints[0], why);
}

/* Read back before it is signed: a config that a hub would refuse must not leave the clinic. */
static int encode_config(const struct config *c, uint8_t *buf, size_t cap,
			 char why[static FOLDER_WHY_MAX])
{
	const char *field = "?";
	struct config back;
	int len = config_encode(c, buf, cap);
	int r = len < 0 ? len : config_decode(buf, (size_t)len, &back, &field);

	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "a hub would refuse this configuration: %s, %s", field,
			 err_text(r));
	return r < 0 ? r : len;
}

int bundle_sign_as(const char *dir, const char *context, const uint8_t *payload,
		   size_t len, uint8_t *buf, size_t cap, char why[static FOLDER_WHY_MAX])
{
	struct signing *key;
	int r = signing_open(signing_used(), dir, FILES_CONFIG_KEY, &key, why);

	if (r < 0)
		return r;
	if (signing_kind(key) != SIGNER_PLAIN) {
		signing_close(key);
		snprintf(why, FOLDER_WHY_MAX,
			 "configurations are signed with the clinic's own key, in a file "
			 "or on a PKCS#11 token; a security key signs orders");
		return -ENOTSUP;
	}
	r = signing_sign1(key, context, payload, len, buf, cap);
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "what is for the hub could not be signed with %s: %s",
			 signing_used() ? signing_used() : FILES_CONFIG_KEY,
			 *signing_why(key) ? signing_why(key) : err_text(r));
	signing_close(key);
	return r;
}

int bundle_sign(const char *dir, const struct config *c,
		uint8_t cose[static BUNDLE_COSE_MAX], char why[static FOLDER_WHY_MAX])
{
	static uint8_t payload[CONFIG_BYTES_MAX];
	int len = encode_config(c, payload, sizeof(payload), why), r;

	if (len < 0)
		return len;
	r = bundle_sign_as(dir, SIGN_CONTEXT_CONFIG, payload, (size_t)len, cose,
			   BUNDLE_COSE_MAX, why);
	crypto_wipe(payload, sizeof(payload));
	return r;
}

static int make_config(const char *dir, const char *out, const struct config *c,
		       char why[static FOLDER_WHY_MAX])
{
	static uint8_t cose[BUNDLE_COSE_MAX];
	uint8_t public[P256_PUBLIC_LEN];
	int len = bundle_sign(dir, c, cose, why), r;

	if (len < 0)
		return len;
	r = folder_read(dir, FILES_CONFIG_PUB, public, sizeof(public), why);
	if (r < 0)
		return r;
	r = put(out, "hubd", "config.cose", cose, (size_t)len);
	if (r == 0)
		r = put(out, "hubd", "clinic.pub", public, sizeof(public));
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "the hub's configuration could not be written: %s", err_text(r));
	return r;
}

int bundle_make(const char *dir, const char *out, const struct bundle_wish *wish,
		int64_t now_ms, struct hub *ret, struct config *ret_config,
		uint8_t ret_audit[static KEY_LEN], struct bundle_emergency *ret_emergency,
		char why[static FOLDER_WHY_MAX])
{
	struct hub h = { .epoch = FIRST_EPOCH, .state = HUB_ACTIVE, .added_ms = now_ms };
	struct pki_pair root = { .key = "" };
	struct config c = { 0 };
	int r = make_folders(out);

	if (r == 0)
		r = make_sign_key(out, &h);
	if (r == 0)
		r = make_audit_key(out, ret_audit);
	if (r < 0) {
		snprintf(why, FOLDER_WHY_MAX, "%s cannot be written: %s", out,
			 err_text(r));
		return r;
	}
	r = read_root(dir, &root, why);
	if (r == 0)
		r = make_identity(dir, out, &root, now_ms, &h, why);
	if (r == 0)
		r = make_emergency(dir, out, &root, &h, now_ms, ret_emergency, why);
	if (r == 0)
		r = fill_config(dir, wish, &h, &c, why);
	if (r == 0)
		r = make_trust(dir, out, &root, &c, now_ms, why);
	if (r == 0)
		r = make_config(dir, out, &c, why);
	if (r == 0) {
		*ret = h;
		*ret_config = c;
	}
	crypto_wipe(&root, sizeof(root));
	crypto_wipe(&c, sizeof(c)); /* passkeys */
	return r;
}
