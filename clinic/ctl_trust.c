/*
 * ctl_trust.c - clinicctl trust: writes clinic.trust, which tells a hub of this clinic before it enrols, and shows one with
 * the fingerprint that a person compares on the hub's console. Nothing in it is secret.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_config.h"
#include "clinic/endpoint_args.h"
#include "clinic/ctl_keys_root.h"
#include "clinic/endpoint_spec.h"
#include "clinic/files.h"
#include "clinic/json.h"
#include "clinic/root_files.h"
#include "clinic/spec.h"
#include "clinic/trust_file.h"
#include "clinic/words.h"
#include "hub/core/err.h"
#include "hub/crypto/trust_sign.h"
#include "hub/rt/file.h"

enum { DAYS = 90, DAYS_MAX = 3650 };

struct args {
	const char *out;
	struct trust_args trust;
	long days;
	bool json, to_hubs;
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

static int parse_args(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "clinic", required_argument, NULL, 'c' },
		{ "endpoint", required_argument, NULL, 'e' },
		{ "enrol", required_argument, NULL, 'n' },
		{ "days", required_argument, NULL, 'd' },
		{ "to-hubs", no_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = CTL_OK;

	*a = (struct args){ .days = DAYS };
	while (r == CTL_OK && (c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 'o': a->out = optarg; break;
		case 'c': r = trust_args_clinic(&ctl_trust, &a->trust, optarg); break;
		case 'e':
			r = endpoint_args_take(&a->trust.endpoints, "--endpoint", optarg);
			break;
		case 'n': r = trust_args_enrol(&ctl_trust, &a->trust, optarg); break;
		case 'd': r = set_days(a, optarg); break;
		case 't': a->to_hubs = true; break;
		case 'j': a->json = true; break;
		default: return ctl_misused(&ctl_trust, "trust: nothing was made");
		}
	}
	if (r != CTL_OK || !ctl_operands(&ctl_trust, argc, argv, optind, 1))
		return CTL_USAGE;
	a->trust.dir = argv[optind];
	a->trust.expires_s = ctl_now_ms() / 1000 + a->days * 86400;
	if (a->to_hubs && a->out)
		return ctl_misused(&ctl_trust, "trust: either -o or --to-hubs");
	if (!a->out && !a->to_hubs)
		return ctl_misused(&ctl_trust,
				   "trust: -o says where to put it, like clinic.trust");
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

static void print_json(const struct trust *t, const uint8_t hash[static TRUST_HASH_LEN],
		       const char *path)
{
	char text[ENDPOINT_TEXT_MAX], when[WORDS_TIME_MAX],
		fingerprint[TRUST_FINGERPRINT_MAX];
	uint8_t root[SHA256_LEN];
	cJSON *o = json_object(), *in;

	json_text(o, "file", path);
	json_text(o, "clinic", t->clinic);
	json_text(o, "fingerprint", trust_fingerprint(hash, fingerprint));
	json_text(o, "enrol", endpoint_text(&t->enrol, text));
	in = json_array_in(o, "endpoints");
	for (size_t i = 0; i < t->endpoint_count; i++)
		json_text_item(in, endpoint_text(&t->endpoints[i], text));
	crypto_sha256(t->root, t->root_len, root);
	json_hex(o, "root_sha256", root, sizeof(root));
	json_hex(o, "config_key", t->config_public, sizeof(t->config_public));
	json_uint(o, "sealing_key", t->seal_key_id);
	json_hex(o, "sealing_public", t->seal_public, sizeof(t->seal_public));
	json_text(o, "put_in_by", words_time(t->expires_s * 1000, 0, true, when));
	json_bool(o, "over", trust_expired(t, ctl_now_ms() / 1000));
	json_print(o);
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

static int show(const char *path, bool json)
{
	struct files_place at;
	uint8_t file[TRUST_FILE_MAX], hash[TRUST_HASH_LEN];
	const char *field;
	struct trust t;
	int r;

	if (files_place_of(path, &at) < 0)
		return ctl_misused(&ctl_trust, "'%s' is too long a path", path);
	r = file_read(at.dir, at.name, file, sizeof(file));
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
	if (json) {
		print_json(&t, hash, path);
		return CTL_OK;
	}
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
	uint8_t private[P256_PRIVATE_LEN];
	struct trust back;
	const char *field;
	size_t len = 0;
	int r = ctl_config_out(&ctl_trust, a->out, &out);

	if (r == CTL_OK)
		r = trust_file_make(&ctl_trust, &a->trust, private, file, &len);
	crypto_wipe(private, sizeof(private));
	if (r != CTL_OK)
		return r;
	r = trust_open(file, len, &back, hash, &field);
	if (r == 0)
		r = file_replace(out.at.dir, out.at.name, file, len);
	if (r < 0)
		return ctl_complain(CTL_CANT_CREATE, "%s could not be written: %s",
				    a->out, err_text(r));
	if (a->json) {
		print_json(&back, hash, a->out);
		return CTL_OK;
	}
	print_trust(&back, hash, ctl_now_ms());
	printf("\nNext: put %s in the hub, and compare the fingerprint with the one that "
	       "its "
	       "console\nshows. Hubs that may enrol: 'clinicctl claim'.\n",
	       a->out);
	return CTL_OK;
}

/* While the clinic goes over to another root its configurations have something else to say of that. */
static int tell_hubs(const struct args *a)
{
	uint8_t file[TRUST_FILE_MAX], private[P256_PRIVATE_LEN];
	size_t len = 0;
	int r = CTL_OK;

	if (root_files_step(a->trust.dir) != KEYRING_IDLE ||
	    file_exists(a->trust.dir, ROOT_CROSS))
		return ctl_complain(CTL_FAILED,
				    "hubs have, or get, this clinic's trust with another "
				    "root already: 'clinicctl keys show %s'",
				    a->trust.dir);
	r = trust_file_make(&ctl_trust, &a->trust, private, file, &len);
	crypto_wipe(private, sizeof(private));
	if (r == CTL_OK && file_replace(a->trust.dir, ROOT_TRUST, file, len) < 0)
		r = ctl_complain(CTL_CANT_CREATE, "%s/%s could not be written",
				 a->trust.dir, ROOT_TRUST);
	return r == CTL_OK ? ctl_keys_tell(a->trust.dir, a->json) : r;
}

static int run_show(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { NULL, 0, NULL, 0 } };
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return ctl_misused(&ctl_trust, "trust show: nothing was shown");
		json = true;
	}
	if (argc - optind != 2)
		return ctl_misused(&ctl_trust, "trust show: one FILE is shown");
	return show(argv[optind + 1], json);
}

static int run(int argc, char **argv)
{
	struct args a;
	int r = parse_args(argc, argv, &a);

	if (r == CTL_OK && a.to_hubs)
		return tell_hubs(&a);
	return r == CTL_OK ? write_file(&a) : r;
}

static const struct ctl_part parts[] = {
	{ "show", run_show, false },
	{ 0 },
};

const struct ctl_verb ctl_trust = {
	.name = "trust",
	.what = "write the file that tells a hub of this clinic, or show one",
	.usage =
		"Usage: clinicctl trust DIR -o FILE [--clinic TEXT] [--endpoint SPEC]... "
		"[--enrol SPEC]\n"
		"           [--days N] [--json]\n"
		"       clinicctl trust DIR --to-hubs [--json]\n"
		"       clinicctl trust show FILE [--json]\n"
		"Writes clinic.trust, which tells a hub where this clinic is and by "
		"which "
		"keys it is known,\n"
		"and prints its fingerprint; a person compares that on the hub's "
		"console. "
		"Nothing in it is\n"
		"secret, but a false one leads a hub to somebody else.\n\n"
		"  --to-hubs        write it into the configuration of each hub instead: "
		"one that was added\n"
		"                   by an older 'hub add' renews its certificate then\n"
		"  --clinic TEXT    the clinic's name, for people; default its DNS name\n"
		"  --endpoint SPEC  where hubs send readings, up to 4; default the "
		"clinic's "
		"own\n"
		"  --enrol SPEC     where hubs enrol; default the clinic's own, port "
		"5685\n"
		"  --days N         hubs take it for so long, 1 to 3650; default "
		"90\n\n" ENDPOINT_ARGS_HELP,
	.parts = parts,
	.run = run,
};
