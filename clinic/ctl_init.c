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
#include "clinic/files.h"
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

static int make_certificates(const char *dir, const struct conf *conf)
{
	struct pki_pair root, server;
	int64_t now = ctl_now_ms();
	int r = pki_make_root(conf->name, now, &root);

	if (r == 0)
		r = pki_make_server(&root, conf->name, now, &server);
	if (r == 0)
		r = put_pair(dir, FILES_ROOT_KEY, FILES_ROOT_CRT, &root);
	if (r == 0)
		r = put_pair(dir, FILES_SERVER_KEY, FILES_SERVER_CRT, &server);
	crypto_wipe(&root, sizeof(root));
	crypto_wipe(&server, sizeof(server));
	return r;
}

static int make_config_key(const char *dir)
{
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];
	int r;

	p256_generate(private, public);
	r = put(dir, FILES_CONFIG_KEY, private, sizeof(private));
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

static int make_store(const char *dir)
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

static int fill(const char *dir, const struct conf *conf)
{
	char text[CONF_TEXT_MAX];
	int r = conf_format(conf, text, sizeof(text));

	if (r > 0)
		r = put(dir, FILES_CONF, text, (size_t)r);
	if (r == 0)
		r = make_certificates(dir, conf);
	if (r == 0)
		r = make_config_key(dir);
	if (r == 0)
		r = make_seal_key(dir);
	return r < 0 ? r : make_store(dir);
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

static int make(const char *dir, const struct conf *conf)
{
	char temp[FILES_PATH_MAX];
	int r = files_make_folder(dir, temp);

	if (r < 0)
		return cannot(dir, r);
	r = fill(temp, conf);
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
	char addr[64];

	printf("The clinic '%s' is set up in %s.\n\n"
	       "  Hubs will call %s, UDP port %u: let that through your firewall.\n"
	       "  Back up the folder now and keep it from others: with it every reading "
	       "can be\n"
	       "  opened, without it none.\n\n"
	       "Next: add a hub    clinicctl hub add %s NAME --out BUNDLE --device "
	       "bp,ADDRESS,...\n"
	       "      then start   clinicd --dir %s\n",
	       conf->name, dir, conf_address_text(conf->addr, addr, sizeof(addr)),
	       conf->port, dir, dir);
}

static int set_name(const char *text, struct conf *conf)
{
	if (!conf_name_ok(text))
		return ctl_misused(
			&ctl_init,
			"--name '%s' is not a name like clinic.example: letters, digits, "
			"dots and hyphens",
			text);
	snprintf(conf->name, sizeof(conf->name), "%s", text);
	return CTL_OK;
}

static int set_address(const char *text, struct conf *conf)
{
	if (conf_parse_address(text, conf->addr) < 0)
		return ctl_misused(
			&ctl_init,
			"--address '%s' is not an address in digits, like 192.0.2.10 or "
			"2001:db8::10",
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

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "address", required_argument, NULL, 'a' },
		{ "port", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	bool has_address = false;
	struct conf conf = { .port = CONF_PORT };
	int c, r = CTL_OK;

	while (r == CTL_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n': r = set_name(optarg, &conf); break;
		case 'a':
			r = set_address(optarg, &conf);
			has_address = true;
			break;
		case 'p': r = set_port(optarg, &conf); break;
		default: return ctl_misused(&ctl_init, "init: nothing was made");
		}
	}
	if (r != CTL_OK || !ctl_operands(&ctl_init, argc, argv, optind, 1))
		return CTL_USAGE;
	if (!conf.name[0] || !has_address)
		return ctl_misused(&ctl_init,
				   "init: --name and --address are both needed");
	r = make(argv[optind], &conf);
	if (r == CTL_OK)
		report(argv[optind], &conf);
	return r;
}

const struct ctl_verb ctl_init = {
	.name = "init",
	.what = "make a new clinic: keys, certificates, database",
	.usage = "Usage: clinicctl init DIR --name NAME --address ADDRESS [--port N]\n"
		 "Makes a new clinic in the folder DIR, which must not exist or be "
		 "empty.\n\n"
		 "  --name NAME        the server's name, like clinic.example: hubs "
		 "check it, it need\n"
		 "                     not be in any DNS\n"
		 "  --address ADDRESS  IPv4 or IPv6 address at which hubs reach the "
		 "server\n"
		 "  --port N           its UDP port, default 5684\n",
	.run = run,
};
