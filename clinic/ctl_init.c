/*
 * ctl_init.c - clinicctl init: a clinic's keys, certificates, database and settings, in a
 * new folder.
 *
 * The folder appears complete or not at all; one that is there is never touched.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "clinic/conf.h"
#include "clinic/ctl.h"
#include "clinic/ctl_passphrase.h"
#include "clinic/endpoint_spec.h"
#include "clinic/files.h"
#include "clinic/json.h"
#include "clinic/keyfile.h"
#include "clinic/keyring.h"
#include "clinic/passphrase.h"
#include "clinic/pki.h"
#include "clinic/store.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

enum { SEAL_KEY_ID = 1 };

static int put(const char *dir, const char *name, const void *p, size_t len)
{
	return file_replace(dir, name, p, len);
}

static int put_pair(const char *dir, const char *key_name, const char *cert_name,
		    const struct pki_pair *p)
{
	int r = put(dir, key_name, p->key, strlen(p->key));

	return r < 0 ? r : put(dir, cert_name, p->cert, strlen(p->cert));
}

/* Encrypted, if there is a passphrase. text: as it is otherwise. */
static int put_key(const char *dir, const char *name, const char *passphrase,
		   const uint8_t private[static P256_PRIVATE_LEN], const void *text,
		   size_t len)
{
	char pem[KEYFILE_MAX];
	int n;

	if (!*passphrase)
		return put(dir, name, text, len);
	n = keyfile_encrypt(private, passphrase, pem);
	return n < 0 ? n : put(dir, name, pem, (size_t)n);
}

static int put_root(const char *dir, const char *passphrase, const struct pki_pair *root)
{
	uint8_t private[P256_PRIVATE_LEN];
	int r = pki_root_scalar(root, private);

	if (r == 0)
		r = put_key(dir, FILES_ROOT_KEY, passphrase, private, root->key,
			    strlen(root->key));
	crypto_wipe(private, sizeof(private));
	return r < 0 ? r : put(dir, FILES_ROOT_CRT, root->cert, strlen(root->cert));
}

static int make_certificates(const char *dir, const struct conf *conf,
			     const char *passphrase)
{
	struct pki_pair root, server, enrol;
	int64_t now = ctl_now_ms();
	int r = pki_make_root(conf->name, now, &root);

	if (r == 0)
		r = pki_make_server(&root, conf->name, now, &server);
	if (r == 0)
		r = pki_make_enrol(&root, now, &enrol);
	if (r == 0)
		r = put_root(dir, passphrase, &root);
	if (r == 0)
		r = put_pair(dir, FILES_SERVER_KEY, FILES_SERVER_CRT, &server);
	if (r == 0)
		r = put_pair(dir, FILES_ENROL_KEY, FILES_ENROL_CRT, &enrol);
	crypto_wipe(&enrol, sizeof(enrol));
	crypto_wipe(&root, sizeof(root));
	crypto_wipe(&server, sizeof(server));
	return r;
}

static int make_config_key(const char *dir, const char *passphrase)
{
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];
	int r;

	p256_generate(private, public);
	r = put_key(dir, FILES_CONFIG_KEY, passphrase, private, private, sizeof(private));
	if (r == 0)
		r = put(dir, FILES_CONFIG_PUB, public, sizeof(public));
	crypto_wipe(private, sizeof(private));
	return r;
}

static int make_seal_key(const char *dir)
{
	uint8_t private[FILES_SEAL_LEN] = { SEAL_KEY_ID },
		public[FILES_SEAL_LEN] = { SEAL_KEY_ID };
	int r;

	x25519_generate(private + 1, public + 1);
	r = put(dir, FILES_SEAL_KEY, private, sizeof(private));
	if (r == 0)
		r = put(dir, FILES_SEAL_PUB, public, sizeof(public));
	crypto_wipe(private, sizeof(private));
	return r;
}

static int make_file(const char *dir)
{
	uint8_t key[STORE_KEY_LEN];
	char path[FILES_PATH_MAX];
	struct store *store = NULL;
	int r = files_path(dir, FILES_DB, path);

	crypto_random(key, sizeof(key));
	if (r == 0)
		r = put(dir, FILES_STORE_KEY, key, sizeof(key));
	if (r == 0)
		r = store_create(path, key, &store);
	crypto_wipe(key, sizeof(key));
	store_close(store);
	return r;
}

/* The tables are the last that is made: what fails before leaves the server as it was. */
static int make_tables(const struct conf *conf, char said[static STORE_WHY_MAX])
{
	struct store *store = NULL;
	int r = store_create_server(conf->database, &store, said);

	if (r < 0 && !*said)
		snprintf(said, STORE_WHY_MAX, "%s",
			 r == -EEXIST ? "there is a clinic in it already" : err_text(r));
	store_close(store);
	return r;
}

static int fill(const char *dir, const struct conf *conf, const char *passphrase)
{
	char text[CONF_TEXT_MAX];
	int r = conf_format(conf, text, sizeof(text));

	if (r > 0)
		r = put(dir, FILES_CONF, text, (size_t)r);
	if (r == 0)
		r = make_certificates(dir, conf, passphrase);
	if (r == 0)
		r = make_config_key(dir, passphrase);
	if (r == 0)
		r = make_seal_key(dir);
	if (r == 0)
		r = keyring_release_make(dir);
	if (r == 0 && !*conf->database)
		r = make_file(dir);
	return r;
}

static int cannot(const char *dir, int err)
{
	switch (err) {
	case -EEXIST:
		return ctl_complain(
			CTL_CANT_CREATE,
			"%s is there already and not empty; nothing was changed, choose "
			"another folder",
			dir);
	case -EACCES:
		return ctl_complain(CTL_NO_PERM, "%s: no permission to make it", dir);
	case -ENOENT:
		return ctl_complain(CTL_CANT_CREATE,
				    "%s: the folder it shall lie in does not exist", dir);
	}
	return ctl_complain(CTL_CANT_CREATE, "%s could not be made: %s", dir,
			    err_text(err));
}

static int make(const char *dir, const struct conf *conf, const char *passphrase)
{
	char temp[FILES_PATH_MAX], said[STORE_WHY_MAX] = "";
	int r = files_make_folder(dir, temp);

	if (r < 0)
		return cannot(dir, r);
	r = fill(temp, conf, passphrase);
	if (r == 0 && *conf->database && make_tables(conf, said) < 0) {
		files_discard(temp);
		return ctl_complain(
			CTL_CANT_CREATE,
			"the database could not be used: %s; nothing was made", said);
	}
	if (r == 0)
		r = files_publish(temp, dir);
	if (r < 0) {
		files_discard(temp);
		return cannot(dir, r);
	}
	return CTL_OK;
}

static void report(const char *dir, const struct conf *conf)
{
	static const uint8_t none[sizeof(conf->addr)];
	bool has_addr = memcmp(conf->addr, none, sizeof(none)) != 0;
	char addr[64];

	printf("The clinic '%s' is set up in %s.\n\n"
	       "  Hubs will %s %s, UDP port %u: let that through your firewall.\n"
	       "  Back up the folder now and keep it from others: with it every reading "
	       "can be\n"
	       "  opened, without it none.\n\n"
	       "Next: add a hub    clinicctl hub add %s NAME --out BUNDLE --device "
	       "bp,ADDRESS,...\n"
	       "      then start   clinicd --dir %s\n",
	       conf->name, dir, has_addr ? "call" : "look up",
	       has_addr ? conf_address_text(conf->addr, addr, sizeof(addr)) : conf->name,
	       conf->port, dir, dir);
}

static void report_json(const char *dir, const struct conf *conf)
{
	cJSON *o = json_object();

	json_text(o, "folder", dir);
	json_text(o, "name", conf->name);
	json_uint(o, "port", conf->port);
	json_print(o);
}

static int set_name(const char *text, struct conf *conf)
{
	if (!endpoint_name_ok(text))
		return ctl_misused(
			&ctl_init,
			"--name '%s' is not a DNS name like clinic.example: small "
			"letters, digits, dots and hyphens",
			text);
	snprintf(conf->name, sizeof(conf->name), "%s", text);
	return CTL_OK;
}

static int set_address(const char *text, struct conf *conf)
{
	if (conf_parse_address(text, conf->addr) < 0 || !endpoint_address_ok(conf->addr))
		return ctl_misused(
			&ctl_init,
			"--address '%s' is not the address of a server in digits, like "
			"192.0.2.10 or 2001:db8::10; a name goes to --name",
			text);
	return CTL_OK;
}

static int set_port(const char *text, struct conf *conf)
{
	if (conf_parse_port(text, &conf->port) < 0)
		return ctl_misused(&ctl_init,
				   "--port '%s' is not a number from 1 to 65535", text);
	return CTL_OK;
}

static int set_hub_ports(const char *text, struct conf *conf)
{
	if (!hub_ports_ok(text))
		return ctl_misused(
			&ctl_init,
			"--hub-ports '%s' is not what ports.nft of the hubs' image has, "
			"ports and ranges with commas between them, like %s",
			text, HUB_PORTS_DEFAULT);
	snprintf(conf->hub_ports, sizeof(conf->hub_ports), "%s", text);
	return CTL_OK;
}

static int check_port(const struct conf *conf)
{
	char why[HUB_PORTS_WHY_MAX];

	if (hub_ports_have(conf->hub_ports, conf->port))
		return CTL_OK;
	return ctl_misused(&ctl_init,
			   "--port %u: %s, which 'init' writes there with --hub-ports; "
			   "nothing was made",
			   conf->port, hub_ports_why(conf->hub_ports, conf->port, why));
}

static int set_database(const char *text, struct conf *conf)
{
	if (!conf_database_ok(text))
		return ctl_misused(
			&ctl_init,
			"--database takes a URL or a conninfo of libpq, in one "
			"line of at most %d characters",
			CONF_DATABASE_MAX);
	snprintf(conf->database, sizeof(conf->database), "%s", text);
	return CTL_OK;
}

static int ask_and_make(const char *dir, const struct conf *conf, bool encrypt)
{
	char passphrase[PASSPHRASE_MAX] = "";
	int r = encrypt ? ctl_new_passphrase("root.key and config.key", passphrase)
			: CTL_OK;

	if (r == CTL_OK)
		r = make(dir, conf, passphrase);
	crypto_wipe(passphrase, sizeof(passphrase));
	return r;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "address", required_argument, NULL, 'a' },
		{ "port", required_argument, NULL, 'p' },
		{ "hub-ports", required_argument, NULL, 'u' },
		{ "database", required_argument, NULL, 'd' },
		{ "encrypt", no_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct conf conf = { .port = CONF_PORT };
	bool encrypt = false, json = false;
	int c, r = CTL_OK;

	while (r == CTL_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'e': encrypt = true; break;
		case 'j': json = true; break;
		case 'n': r = set_name(optarg, &conf); break;
		case 'a': r = set_address(optarg, &conf); break;
		case 'p': r = set_port(optarg, &conf); break;
		case 'u': r = set_hub_ports(optarg, &conf); break;
		case 'd': r = set_database(optarg, &conf); break;
		default: return ctl_misused(&ctl_init, "init: nothing was made");
		}
	}
	if (r != CTL_OK || !ctl_operands(&ctl_init, argc, argv, optind, 1))
		return CTL_USAGE;
	if (!conf.name[0])
		return ctl_misused(&ctl_init, "init: --name is needed");
	if (check_port(&conf) != CTL_OK)
		return CTL_USAGE;
	r = ask_and_make(argv[optind], &conf, encrypt);
	if (r == CTL_OK && json)
		report_json(argv[optind], &conf);
	else if (r == CTL_OK)
		report(argv[optind], &conf);
	return r;
}

const struct ctl_verb ctl_init = {
	.name = "init",
	.what = "make a new clinic: keys, certificates, database",
	.usage = "Usage: clinicctl init DIR --name NAME [--address ADDRESS] [--port N]\n"
		 "                          [--hub-ports PORTS] [--database URL] "
		 "[--encrypt] [--json]\n"
		 "Makes a new clinic in the folder DIR, which must not exist or be "
		 "empty.\n\n"
		 "  --name NAME        the server's name, like clinic.example: hubs "
		 "check it; with an\n"
		 "                     address it need not be in any DNS\n"
		 "  --address ADDRESS  IPv4 or IPv6 address at which hubs reach the "
		 "server; default\n"
		 "                     none: they look the name up\n"
		 "  --port N           its UDP port, default 5684\n"
		 "  --hub-ports PORTS  the UDP ports that the packet filter of the hubs' "
		 "image lets\n"
		 "                     through, as its ports.nft has them; "
		 "default " HUB_PORTS_DEFAULT ". A hub\n"
		 "                     is told of no other port\n"
		 "  --database URL     an empty PostgreSQL database for the clinic's "
		 "data, "
		 "as libpq\n"
		 "                     names it; default a file in DIR\n"
		 "  --encrypt          ask for a passphrase, by which root.key and "
		 "config.key are\n"
		 "                     encrypted\n",
	.no_clinic = true,
	.run = run,
};
