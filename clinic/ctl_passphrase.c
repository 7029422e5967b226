/*
 * ctl_passphrase.c - clinicctl passphrase: encrypts the clinic's keys that people use, or changes their passphrase.
 *
 * Keys that clinicd needs by itself are not among them (server.key, enrol.key, store.key): nobody would be there to type it.
 */
#include "clinic/ctl_passphrase.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/files.h"
#include "clinic/keyfile.h"
#include "clinic/pkcs11_file.h"
#include "hub/core/err.h"
#include "hub/rt/file.h"

int ctl_new_passphrase(const char *what, char ret[static PASSPHRASE_MAX])
{
	int r = passphrase_new(what, ret);

	switch (r) {
	case 0: return CTL_OK;
	case -ERANGE:
		return ctl_complain(
			CTL_USAGE,
			"a passphrase has at least %d characters; nothing was "
			"changed",
			PASSPHRASE_MIN);
	case -EBADMSG:
		return ctl_complain(CTL_USAGE, "this was not the same twice; nothing was "
					       "changed");
	}
	return ctl_complain(CTL_NO_INPUT,
			    "a new passphrase is needed: there is no terminal to ask for "
			    "it, or the file has none of 1 to %d bytes",
			    PASSPHRASE_MAX - 1);
}

/* One file; a power cut leaves the old one or the new one. */
static int encrypt(const char *dir, const char *name, const char *passphrase)
{
	uint8_t private[P256_PRIVATE_LEN];
	char pem[KEYFILE_MAX], why[FOLDER_WHY_MAX];
	int r = keyfile_read(dir, name, private, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = keyfile_encrypt(private, passphrase, pem);
	crypto_wipe(private, sizeof(private));
	if (r > 0)
		r = file_replace(dir, name, (const uint8_t *)pem, (size_t)r);
	if (r < 0)
		return ctl_complain(CTL_CANT_CREATE, "%s/%s could not be written: %s",
				    dir, name, err_text(r));
	printf("%s/%s is encrypted.\n", dir, name);
	return CTL_OK;
}

/* One that says where a token has the key is no secret. */
static bool is_of_token(const char *dir, const char *name)
{
	char why[FOLDER_WHY_MAX];
	struct pkcs11_file f;

	return pkcs11_file_read(dir, name, &f, why) > 0;
}

static int encrypt_all(const char *dir, char *const *names, int count,
		       const char *passphrase)
{
	static const char *const all[] = { FILES_ROOT_KEY, FILES_CONFIG_KEY,
					   FILES_PERSON_KEY };
	int r = CTL_OK, done = 0;

	for (int i = 0; r == CTL_OK && i < count; i++, done++)
		r = encrypt(dir, names[i], passphrase);
	for (size_t i = 0; r == CTL_OK && count == 0 && i < 3; i++) {
		if (!file_exists(dir, all[i]) || is_of_token(dir, all[i]))
			continue;
		r = encrypt(dir, all[i], passphrase);
		done++;
	}
	if (r == CTL_OK && done == 0)
		return ctl_complain(CTL_NO_INPUT, "%s has no key that a person uses",
				    dir);
	return r;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "new-passphrase-file", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	char passphrase[PASSPHRASE_MAX] = "";
	const char *file = NULL, *before;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'n')
			return ctl_misused(&ctl_passphrase,
					   "passphrase: nothing was changed");
		file = optarg;
	}
	if (argc == optind)
		return ctl_misused(&ctl_passphrase,
				   "passphrase: the folder DIR is missing");
	for (int i = optind + 1; i < argc; i++)
		if (strchr(argv[i], '/'))
			return ctl_misused(&ctl_passphrase,
					   "'%s' is not the name of a file in the folder",
					   argv[i]);
	before = passphrase_from(file);
	r = ctl_new_passphrase(argv[optind], passphrase);
	(void)passphrase_from(before);
	if (r == CTL_OK)
		r = encrypt_all(argv[optind], argv + optind + 1, argc - optind - 1,
				passphrase);
	crypto_wipe(passphrase, sizeof(passphrase));
	return r;
}

const struct ctl_verb ctl_passphrase = {
	.name = "passphrase",
	.what = "encrypt the keys that people use, or change their passphrase",
	.usage =
		"Usage: clinicctl passphrase DIR [FILE...] [--new-passphrase-file FILE]\n"
		"Encrypts root.key, config.key and person.key, or those of them that are "
		"there, or the keys\n"
		"that are named, with a new passphrase; the one before is asked for. "
		"What "
		"was on the disk\n"
		"before may still be found there by who takes it apart.\n\n"
		"  --new-passphrase-file FILE  its first line; else it is asked for, "
		"twice\n",
	.no_clinic = true,
	.run = run,
};
