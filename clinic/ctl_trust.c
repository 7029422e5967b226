/*
 * ctl_trust.c - clinicctl trust: writes clinic.trust, which tells a hub of this clinic before it enrols, and shows one with
 * the fingerprint that a person compares on the hub's console. Nothing in it is secret.
 */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>

#include "clinic/bundle.h"
#include "clinic/ctl.h"
#include "clinic/ctl_config.h"
#include "clinic/endpoint_args.h"
#include "clinic/endpoint_spec.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/keyfile.h"
#include "clinic/pki.h"
#include "clinic/spec.h"
#include "clinic/words.h"
#include "hub/core/err.h"
#include "hub/crypto/trust_sign.h"
#include "hub/rt/file.h"

enum { ENROL_PORT = 5685, DAYS = 90, DAYS_MAX = 3650 };

struct args {
	const char *dir, *out, *clinic;
	struct endpoint_args endpoints, enrol;
	long days;
};

/* --- writing --------------------------------------------------------------------------- */

static int set_days(struct args *a, const char *text)
{
	if (spec_parse_number(text, 1, DAYS_MAX, &a->days) < 0)
		return ctl_misused(&ctl_trust,
				   "--days '%s' is not a number of days from 1 to %d",
				   text, DAYS_MAX);
	return CTL_OK;
}

static int set_enrol(struct args *a, const char *text)
{
	if (a->enrol.count > 0)
		return ctl_misused(
			&ctl_trust,
			"--enrol '%s' is one too many: hubs enrol at one place", text);
	if (endpoint_args_take(&a->enrol, "--enrol", text) != CTL_OK)
		return CTL_USAGE;
	if (a->enrol.parsed[0].weight != 0)
		return ctl_misused(&ctl_trust,
				   "--enrol '%s': where hubs enrol has no weight", text);
	return CTL_OK;
}

static int parse_args(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "clinic", required_argument, NULL, 'c' },
		{ "endpoint", required_argument, NULL, 'e' },
		{ "enrol", required_argument, NULL, 'n' },
		{ "days", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = CTL_OK;

	*a = (struct args){ .days = DAYS };
	while (r == CTL_OK && (c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 'o': a->out = optarg; break;
		case 'c': a->clinic = optarg; break;
		case 'e':
			r = endpoint_args_take(&a->endpoints, "--endpoint", optarg);
			break;
		case 'n': r = set_enrol(a, optarg); break;
		case 'd': r = set_days(a, optarg); break;
		default: return ctl_misused(&ctl_trust, "trust: nothing was made");
		}
	}
	if (r != CTL_OK || !ctl_operands(&ctl_trust, argc, argv, optind, 1))
		return CTL_USAGE;
	a->dir = argv[optind];
	if (!a->out)
		return ctl_misused(&ctl_trust,
				   "trust: -o says where to put it, like clinic.trust");
	if (a->clinic && strlen(a->clinic) > TRUST_CLINIC_MAX)
		return ctl_misused(&ctl_trust, "--clinic must have at most %d bytes",
				   TRUST_CLINIC_MAX);
	return CTL_OK;
}

static int fill_endpoints(const struct args *a, struct trust *t,
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

static int fill(const struct args *a, struct trust *t, struct pki_pair *root)
{
	char why[FOLDER_WHY_MAX];
	struct conf conf = { 0 };
	int r = folder_read_conf(a->dir, &conf, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	/* a DNS name may be longer than what is for people: what is shown is the beginning */
	snprintf(t->clinic, sizeof(t->clinic), "%.*s", TRUST_CLINIC_MAX,
		 a->clinic ? a->clinic : conf.name);
	t->expires_s = ctl_now_ms() / 1000 + a->days * 86400;
	r = fill_keys(a->dir, t, root, why);
	return r == CTL_OK ? fill_endpoints(a, t, why) : r;
}

static int sign(const struct args *a, const struct trust *t, const struct pki_pair *root,
		uint8_t file[static TRUST_FILE_MAX], size_t *ret_len)
{
	uint8_t private[P256_PRIVATE_LEN];
	int r = pki_root_scalar(root, private);

	if (r == 0)
		r = trust_make(t, private, file, TRUST_FILE_MAX);
	crypto_wipe(private, sizeof(private));
	if (r == -EKEYREJECTED)
		return ctl_complain(CTL_FAILED,
				    "%s/%s and %s do not belong together; restore both "
				    "from one backup",
				    a->dir, FILES_ROOT_KEY, FILES_ROOT_CRT);
	if (r == -ERANGE)
		return ctl_misused(&ctl_trust,
				   "--clinic must be one line of 1 to %d bytes of UTF-8",
				   TRUST_CLINIC_MAX);
	if (r < 0)
		return ctl_complain(CTL_FAILED, "clinic.trust could not be signed: %s",
				    err_text(r));
	*ret_len = (size_t)r;
	return CTL_OK;
}

/* --- showing --------------------------------------------------------------------------- */

static void print_hex(const char *what, const uint8_t *p, size_t len)
{
	printf("  %s", what);
	for (size_t i = 0; i < len; i++)
		printf("%02x", p[i]);
	putchar('\n');
}

static void print_trust(const struct trust *t, const uint8_t hash[static TRUST_HASH_LEN],
			int64_t now_ms)
{
	char text[ENDPOINT_TEXT_MAX], when[WORDS_TIME_MAX],
		fingerprint[TRUST_FINGERPRINT_MAX];
	uint8_t root[SHA256_LEN];

	printf("Clinic '%s'\n\n  fingerprint   %s\n\n", t->clinic,
	       trust_fingerprint(hash, fingerprint));
	printf("  enrol at      %s\n", endpoint_text(&t->enrol, text));
	for (size_t i = 0; i < t->endpoint_count; i++)
		printf("  readings to   %s\n", endpoint_text(&t->endpoints[i], text));
	crypto_sha256(t->root, t->root_len, root);
	print_hex("root          sha256 ", root, sizeof(root));
	print_hex("config key    ", t->config_public, sizeof(t->config_public));
	printf("  sealing key   number %u, ", t->seal_key_id);
	for (size_t i = 0; i < sizeof(t->seal_public); i++)
		printf("%02x", t->seal_public[i]);
	printf("\n  put in by     %s%s\n",
	       words_time(t->expires_s * 1000, 0, false, when),
	       trust_expired(t, now_ms / 1000) ? ", which is OVER: no hub takes it" : "");
}

static int not_trust(const char *path, const char *field, int err)
{
	if (err == -EKEYREJECTED)
		return ctl_complain(
			CTL_FAILED,
			"%s is not signed by the clinic that it names: it was "
			"changed or damaged; do not use it",
			path);
	if (err == -ENOTSUP && strcmp(field, "version") == 0)
		return ctl_complain(CTL_FAILED,
				    "%s is of a newer version; update this program",
				    path);
	return ctl_complain(CTL_FAILED, "%s is not a clinic.trust, or damaged (%s)", path,
			    field);
}

static int show(const char *path)
{
	char dir[FILES_PATH_MAX], name[FILES_PATH_MAX];
	uint8_t file[TRUST_FILE_MAX], hash[TRUST_HASH_LEN];
	const char *field;
	struct trust t;
	int r;

	if (strlen(path) >= sizeof(dir))
		return ctl_misused(&ctl_trust, "'%s' is too long a path", path);
	snprintf(dir, sizeof(dir), "%s", path);
	snprintf(name, sizeof(name), "%s", path);
	r = file_read(dirname(dir), basename(name), file, sizeof(file));
	if (r == -ENOENT || r == -EACCES)
		return ctl_complain(ctl_exit_code(r), "%s cannot be read: %s", path,
				    err_text(r));
	if (r < 0 && r != -EMSGSIZE)
		return ctl_complain(CTL_FAILED, "%s cannot be read: %s", path,
				    err_text(r));
	field = "too long";
	if (r >= 0)
		r = trust_open(file, (size_t)r, &t, hash, &field);
	if (r < 0)
		return not_trust(path, field, r);
	print_trust(&t, hash, ctl_now_ms());
	printf("\nA hub that is given this file shows the fingerprint on its console: "
	       "only "
	       "if it is the\nsame, it is this clinic that it will enrol at.\n");
	return CTL_OK;
}

static int write_file(const struct args *a)
{
	uint8_t file[TRUST_FILE_MAX], hash[TRUST_HASH_LEN];
	struct ctl_config_out out;
	struct trust t = { 0 }, back;
	struct pki_pair root;
	const char *field;
	size_t len = 0;
	int r = ctl_config_out(&ctl_trust, a->out, &out);

	if (r == CTL_OK)
		r = fill(a, &t, &root);
	if (r == CTL_OK)
		r = sign(a, &t, &root, file, &len);
	crypto_wipe(&root, sizeof(root));
	if (r != CTL_OK)
		return r;
	r = trust_open(file, len, &back, hash, &field);
	if (r == 0)
		r = file_replace(out.dir, out.name, file, len);
	if (r < 0)
		return ctl_complain(CTL_CANT_CREATE, "%s could not be written: %s",
				    a->out, err_text(r));
	print_trust(&back, hash, ctl_now_ms());
	printf("\nNext: put %s in the hub, and compare the fingerprint with the one that "
	       "its "
	       "console\nshows. Hubs that may enrol: 'clinicctl claim'.\n",
	       a->out);
	return CTL_OK;
}

static int run(int argc, char **argv)
{
	struct args a;
	int r;

	if (argc >= 2 && strcmp(argv[1], "show") == 0) {
		if (argc != 3)
			return ctl_misused(&ctl_trust, "trust show: one FILE is shown");
		return show(argv[2]);
	}
	r = parse_args(argc, argv, &a);
	return r == CTL_OK ? write_file(&a) : r;
}

const struct ctl_verb ctl_trust = {
	.name = "trust",
	.what = "write the file that tells a hub of this clinic, or show one",
	.usage =
		"Usage: clinicctl trust DIR -o FILE [--clinic TEXT] [--endpoint SPEC]... "
		"[--enrol SPEC]\n"
		"           [--days N]\n"
		"       clinicctl trust show FILE\n"
		"Writes clinic.trust, which tells a hub where this clinic is and by "
		"which "
		"keys it is known,\n"
		"and prints its fingerprint; a person compares that on the hub's "
		"console. "
		"Nothing in it is\n"
		"secret, but a false one leads a hub to somebody else.\n\n"
		"  --clinic TEXT    the clinic's name, for people; default its DNS name\n"
		"  --endpoint SPEC  where hubs send readings, up to 4; default the "
		"clinic's "
		"own\n"
		"  --enrol SPEC     where hubs enrol; default the clinic's own, port "
		"5685\n"
		"  --days N         hubs take it for so long, 1 to 3650; default "
		"90\n\n" ENDPOINT_ARGS_HELP,
	.run = run,
};
