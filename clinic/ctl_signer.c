/*
 * ctl_signer.c - clinicctl signer: the people whose orders hubs obey, and telling a hub of them.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_config_ask.h"
#include "clinic/ctl_decide.h"
#include "clinic/ctl_order.h"
#include "clinic/ctl_signer_key.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/signing.h"
#include "clinic/spec.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

struct args {
	const char *dir, *name, *role;
	struct signer_key key;
	bool json;
};

static int parse(int argc, char **argv, int operands, struct args *a)
{
	static const struct option options[] = {
		{ "role", required_argument, NULL, 'r' },
		{ "public", required_argument, NULL, 'p' },
		{ "fido2", no_argument, NULL, 'f' },
		{ "touch-only", no_argument, NULL, 't' },
		{ "pkcs11", required_argument, NULL, 'P' },
		{ "new-key", no_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*a = (struct args){ 0 };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r': a->role = optarg; break;
		case 'p': a->key.public = optarg; break;
		case 'f': a->key.fido2 = true; break;
		case 't': a->key.touch_only = true; break;
		case 'P': a->key.pkcs11 = optarg; break;
		case 'n': a->key.new_key = true; break;
		case 'j': a->json = true; break;
		default: return ctl_misused(&ctl_signer, "signer: nothing was changed");
		}
	}
	if (!ctl_operands(&ctl_signer, argc, argv, optind, operands + 1))
		return CTL_USAGE;
	a->dir = argv[optind + 1];
	a->name = operands > 1 ? argv[optind + 2] : NULL;
	return CTL_OK;
}

static int open_store(const struct args *a, struct store **ret)
{
	char why[FOLDER_WHY_MAX];
	int r = folder_open_store(a->dir, ret, why);

	return r < 0 ? ctl_complain(ctl_exit_code(r), "%s", why) : CTL_OK;
}

/* --- add ------------------------------------------------------------------------------------------ */

static int put(struct store *s, struct signer_row *row)
{
	int r = store_begin(s);

	if (r == 0)
		r = store_signer_add(s, row);
	if (r == 0)
		r = store_commit(s);
	store_rollback(s);
	return r;
}

/* Where the key is that signs as this person, as far as the folder dir knows. */
static void print_row(const struct signer_row *row, const char *dir, bool json)
{
	char name[ORDER_KEY_NAME_MAX], uri[PKCS11_URI_MAX + 1];
	enum signing_place place;
	cJSON *o;

	order_key_name(row->name, name);
	place = signing_place(dir, name, &row->signer, uri);
	if (!json) {
		printf("  %-3u %-16s %-14s %-16s %s%s%s\n", row->signer.person,
		       signer_role_text(row->signer.role),
		       signer_kind_text(row->signer.kind), row->name,
		       signing_place_text(place), *uri ? " " : "", uri);
		return;
	}
	o = json_object();
	json_uint(o, "person", row->signer.person);
	json_text(o, "name", row->name);
	json_text(o, "role", signer_role_text(row->signer.role));
	json_text(o, "kind", signer_kind_text(row->signer.kind));
	json_hex(o, "public", row->signer.public, sizeof(row->signer.public));
	json_int(o, "added_ms", row->added_ms);
	json_text(o, "key", signing_place_text(place));
	if (*uri)
		json_text(o, "uri", uri);
	json_print(o);
}

static void print_added(const struct args *a, const struct signer_row *row,
			const char *name, const char *uri)
{
	printf("'%s' may sign orders as %s, number %u.\n", row->name,
	       signer_role_text(row->signer.role), row->signer.person);
	if (a->key.fido2)
		printf("His security key signs with %s/%s: neither of them signs without "
		       "the other.\n",
		       a->dir, name);
	else if (*uri)
		printf("His token signs; %s/%s says with which key, and is no secret:\n  "
		       "%s\n",
		       a->dir, name, uri);
	else if (!a->key.public)
		printf("The private key is %s/%s: it belongs into that person's hands "
		       "alone.\n",
		       a->dir, name);
	printf("Hubs that are added from now on obey; tell the others: 'clinicctl signer "
	       "give %s HUB'.\n",
	       a->dir);
}

static int complain_put(const struct args *a, int r)
{
	const char *made = a->key.new_key ? "; the token has the new key" : "";

	if (r == -EEXIST)
		return ctl_complain(CTL_CANT_CREATE,
				    "there is a signer of this name or with this key "
				    "already; nothing was changed%s",
				    made);
	if (r == -ENOSPC)
		return ctl_complain(CTL_CANT_CREATE, "there are %d signers already%s",
				    SIGNERS_MAX, made);
	return ctl_store_failed(a->dir, NULL, r);
}

/* The file goes first: a row without a key would let nobody sign, a key without a row nobody obeys. */
static int add_row(const struct args *a, struct store *store, struct signer_row *row)
{
	char name[ORDER_KEY_NAME_MAX], uri[PKCS11_URI_MAX + 1];
	int r;

	order_key_name(a->name, name);
	r = signer_key_get(&a->key, a->dir, name, &row->signer, uri, sizeof(uri));
	if (r != CTL_OK)
		return r;
	r = put(store, row);
	if (r < 0 && !a->key.public)
		(void)file_remove(a->dir, name); /* it is good for nothing */
	if (r < 0)
		return complain_put(a, r);
	if (a->json)
		print_row(row, a->dir, true);
	else
		print_added(a, row, name, uri);
	return CTL_OK;
}

static int add(int argc, char **argv)
{
	struct signer_row row = { 0 };
	struct store *store = NULL;
	struct args a;
	int r = parse(argc, argv, 2, &a);

	if (r != CTL_OK)
		return r;
	if (!spec_name_ok(a.name))
		return ctl_misused(&ctl_signer,
				   "'%s' cannot be a signer's name: 1 to %d letters, "
				   "digits, '.', '_', '-'",
				   a.name, SIGNER_NAME_MAX);
	row.signer.role = a.role ? signer_role_named(a.role) : SIGNER_NONE;
	if (row.signer.role == SIGNER_NONE)
		return ctl_misused(&ctl_signer,
				   "--role is clinician, technician, clinic-security or "
				   "manufacturer");
	r = signer_key_check(&a.key);
	if (r != CTL_OK)
		return r;
	a.key.user = a.name;
	snprintf(row.name, sizeof(row.name), "%s", a.name);
	row.added_ms = ctl_now_ms();
	r = open_store(&a, &store);
	if (r != CTL_OK)
		return r;
	r = add_row(&a, store, &row);
	store_close(store);
	return r;
}

/* At the person's own machine, without the clinic's folder. */
static int credential(int argc, char **argv)
{
	char uri[PKCS11_URI_MAX + 1];
	struct files_place at;
	struct signer made = { 0 };
	struct args a;
	int r = parse(argc, argv, 1, &a);

	if (r != CTL_OK)
		return r;
	if (files_place_of(a.dir, &at) < 0)
		return ctl_misused(&ctl_signer, "'%s' is too long", a.dir);
	a.key.fido2 = !a.key.pkcs11;
	a.key.user = at.name;
	r = signer_key_check(&a.key);
	if (r == CTL_OK)
		r = signer_key_get(&a.key, at.dir, at.name, &made, uri, sizeof(uri));
	if (r != CTL_OK)
		return r;
	if (a.json) {
		cJSON *o = json_object();

		json_text(o, "file", a.dir);
		json_text(o, "kind", signer_kind_text(made.kind));
		json_hex(o, "public", made.public, sizeof(made.public));
		if (*uri)
			json_text(o, "uri", uri);
		json_print(o);
		return CTL_OK;
	}
	printf("%s is made: with it your %s signs ('--key %s'). It is no secret; the "
	       "clinic needs\na copy: 'clinicctl signer add DIR NAME --role ROLE "
	       "--public %s'.\n",
	       a.dir, *uri ? "token" : "security key", a.dir, a.dir);
	return CTL_OK;
}

/* --- list, remove, give --------------------------------------------------------------------------- */

/* As the clinic has them, wherever it is. Returns CTL_OK, or an exit code after a complaint. */
static int ask_list(const char *where, struct signer_row rows[static SIGNERS_MAX],
		    size_t *ret_count)
{
	char why[FOLDER_WHY_MAX];
	struct remote *clinic;
	int r = remote_open(where, &clinic, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = remote_signers(clinic, rows, ret_count);
	r = r < 0 ? remote_failed(clinic, NULL, r) : CTL_OK;
	remote_close(clinic);
	return r;
}

static int list(int argc, char **argv)
{
	struct signer_row rows[SIGNERS_MAX];
	struct args a;
	size_t n = 0;
	int r = parse(argc, argv, 1, &a);

	if (r == CTL_OK)
		r = ask_list(a.dir, rows, &n);
	if (r != CTL_OK)
		return r;
	for (size_t i = 0; i < n; i++)
		print_row(&rows[i], a.dir, a.json);
	if (n == 0 && !a.json)
		printf("  nobody may sign orders: 'clinicctl signer add'\n");
	return CTL_OK;
}

static int remove_locked(const struct args *a, struct store *store,
			 unsigned *ret_withdrawn)
{
	int r = store_begin(store);

	if (r == 0)
		r = store_signer_remove(store, a->name, ctl_now_ms(), ret_withdrawn);
	if (r == 0)
		r = store_commit(store);
	store_rollback(store);
	if (r == -ENOENT)
		return ctl_complain(CTL_NO_INPUT, "there is no signer '%s'", a->name);
	return r < 0 ? ctl_store_failed(a->dir, NULL, r) : CTL_OK;
}

static int remove_signer(int argc, char **argv)
{
	unsigned withdrawn = 0;
	struct store *store;
	struct args a;
	int r = parse(argc, argv, 2, &a);

	if (r == CTL_OK)
		r = open_store(&a, &store);
	if (r != CTL_OK)
		return r;
	r = remove_locked(&a, store, &withdrawn);
	store_close(store);
	if (r == CTL_OK && a.json) {
		cJSON *o = json_object();

		json_text(o, "name", a.name);
		json_bool(o, "removed", true);
		json_uint(o, "orders_withdrawn", withdrawn);
		json_print(o);
	} else if (r == CTL_OK) {
		printf("'%s' signs nothing more here. A hub obeys that key until it has "
		       "a "
		       "new configuration:\n'clinicctl signer give %s HUB', for each.\n",
		       a.name, a.dir);
		if (withdrawn > 0)
			printf("Orders of that signature that no hub had answered: %u. "
			       "They are not sent any more.\n",
			       withdrawn);
	}
	return r;
}

struct given {
	struct signer_row rows[SIGNERS_MAX];
	size_t count;
};

static int put_list(void *arg, const struct config_endpoint *own, struct config *c)
{
	const struct given *g = arg;

	(void)own;
	memset(c->signers, 0, sizeof(c->signers));
	c->signer_count = g->count;
	for (size_t i = 0; i < g->count; i++)
		c->signers[i] = g->rows[i].signer;
	return CTL_OK;
}

static int give(int argc, char **argv)
{
	const struct ctl_config_out out = { 0 };
	struct given g = { .count = 0 };
	struct config c;
	struct args a;
	int r = parse(argc, argv, 2, &a);

	if (r == CTL_OK)
		r = ask_list(a.dir, g.rows, &g.count);
	if (r != CTL_OK)
		return r;
	r = ctl_config_ask(a.dir, a.name, &out, put_list, &g, &c);
	if (r == CTL_OK && a.json) {
		cJSON *o = json_object();

		json_text(o, "hub", a.name);
		json_uint(o, "signers", c.signer_count);
		ctl_config_add_json(o, &c, &out);
		json_print(o);
	} else if (r == CTL_OK) {
		printf("Hub '%s' gets the list of signers with configuration %llu.\n",
		       a.name, (unsigned long long)c.version);
		ctl_config_print_next(stdout, &out);
	}
	crypto_wipe(&c, sizeof(c));
	return r;
}

static const struct ctl_part parts[] = {
	{ "add", add, false },	{ "credential", credential, false },
	{ "list", list, true }, { "remove", remove_signer, false },
	{ "give", give, true }, { 0 },
};

const struct ctl_verb ctl_signer = {
	.name = "signer",
	.what = "the people whose orders hubs obey",
	.usage =
		"Usage: clinicctl signer add DIR NAME --role ROLE [--public FILE | "
		"--fido2 [--touch-only] |\n"
		"         --pkcs11 URI [--new-key]] [--json]\n"
		"       clinicctl signer credential FILE [--touch-only | --pkcs11 URI "
		"[--new-key]] [--json]\n"
		"       clinicctl signer list DIR [--json]\n"
		"       clinicctl signer remove DIR NAME [--json]\n"
		"       clinicctl signer give DIR HUB [--json]\n"
		"Says whose signature hubs obey ('clinicctl lock' and others). A hub "
		"knows those that are\n"
		"in its configuration: 'give' signs a new one with the list as it is "
		"now. 'credential'\n"
		"makes a credential on the security key that is plugged in, or names a "
		"token's key, for\n"
		"'add --public' elsewhere. 'list' says where each key is, as far as DIR "
		"knows.\n\n"
		"  --role ROLE    clinician, technician, clinic-security or "
		"manufacturer; two signatures\n"
		"                 count as two if the roles differ\n"
		"  --public FILE  the person has a key already: its P-256 point, 65 "
		"bytes, or what\n"
		"                 'credential' has made. Otherwise one is made, "
		"signer-NAME.key in DIR\n"
		"  --fido2        the person signs with a FIDO2 security key, which is "
		"plugged in now: it\n"
		"                 is touched for each signature, after its PIN or with a "
		"finger it knows\n"
		"  --touch-only   a touch is enough: whoever has key and file can sign\n"
		"  --pkcs11 URI   the person signs with a P-256 key of a token (card, "
		"HSM), which is there\n"
		"                 now: 'pkcs11:token=LABEL;object=LABEL', RFC 7512\n"
		"  --new-key      it is made in the token, under this name\n"
		"  --json         one object on one line for each, for programs\n",
	.parts = parts,
};
