/*
 * root_change.c - see root_change.h.
 */
#include "clinic/root_change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clinic/files.h"
#include "clinic/keyfile.h"
#include "clinic/own_trust.h"
#include "hub/core/err.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

enum { TRUST_DAYS = 3650, FILE_MAX = 8192 };

/* The .crt last: where it is, the rest is. */
static const struct set {
	const char *key, *trust, *cross, *crt;
} in_use = { FILES_ROOT_KEY, ROOT_TRUST, ROOT_CROSS, FILES_ROOT_CRT },
  next = { ROOT_NEXT_KEY, ROOT_NEXT_TRUST, ROOT_NEXT_CROSS, ROOT_NEXT_CRT },
  old = { ROOT_OLD_KEY, NULL, NULL, ROOT_OLD_CRT };

static int cannot(const char *dir, const char *name, int err,
		  char why[static FOLDER_WHY_MAX])
{
	if (err < 0)
		snprintf(why, FOLDER_WHY_MAX, "%s/%s cannot be written: %s", dir, name,
			 err_text(err));
	return err;
}

static int put(const char *dir, const char *name, const void *p, size_t len,
	       char why[static FOLDER_WHY_MAX])
{
	return cannot(dir, name, file_replace(dir, name, p, len), why);
}

static int copy(const char *dir, const char *from, const char *to,
		char why[static FOLDER_WHY_MAX])
{
	uint8_t buf[FILE_MAX];
	int n;

	if (!from || !to)
		return 0;
	n = file_read(dir, from, buf, sizeof(buf));
	if (n < 0) {
		snprintf(why, FOLDER_WHY_MAX, "%s/%s cannot be read: %s", dir, from,
			 err_text(n));
		return n;
	}
	n = put(dir, to, buf, (size_t)n, why);
	crypto_wipe(buf, sizeof(buf));
	return n;
}

static int copy_set(const char *dir, const struct set *from, const struct set *to,
		    char why[static FOLDER_WHY_MAX])
{
	int r = copy(dir, from->key, to->key, why);

	if (r == 0)
		r = copy(dir, from->trust, to->trust, why);
	if (r == 0)
		r = copy(dir, from->cross, to->cross, why);
	if (r == 0)
		r = copy(dir, from->crt, to->crt, why);
	FAILPOINT("clinicctl.root.copied");
	return r;
}

static int remove_set(const char *dir, const struct set *s,
		      char why[static FOLDER_WHY_MAX])
{
	const char *const names[] = { s->crt, s->key, s->trust, s->cross };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(*names); i++)
		if (names[i])
			r = cannot(dir, names[i], file_remove(dir, names[i]), why);
	return r;
}

static int read_root(const char *dir, const struct set *s, struct pki_pair *ret,
		     char why[static FOLDER_WHY_MAX])
{
	int r = keyfile_read_pem(dir, s->key, ret->key, why);

	return r < 0 ? r
		     : folder_read_text(dir, s->crt, ret->cert, sizeof(ret->cert), why);
}

/* --- the certificates below it ------------------------------------------------------------------ */

/* A certificate of before says by its file's time since when it is one: it is to say so afterwards, too. */
static void keep_time(const char *dir, const char *name, const struct stat *was)
{
	const struct timespec times[] = { was->st_atim, was->st_mtim };
	char path[FILES_PATH_MAX];

	if (files_path(dir, name, path) == 0)
		(void)utimensat(AT_FDCWD, path, times,
				0); /* or it is waited for longer */
}

static int certify(const char *dir, const struct pki_pair *root, const char *key,
		   const char *crt, const char *dns, int64_t now_ms,
		   char why[static FOLDER_WHY_MAX])
{
	char path[FILES_PATH_MAX];
	struct pki_pair pair;
	struct stat was;
	int r;

	if (!file_exists(dir, key) || files_path(dir, crt, path) < 0 ||
	    stat(path, &was) != 0)
		return 0;
	r = folder_read_text(dir, key, pair.key, sizeof(pair.key), why);
	if (r < 0)
		return r;
	r = dns ? pki_certify_server(root, dns, now_ms, &pair)
		: pki_certify_enrol(root, now_ms, &pair);
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX, "%s/%s could not be certified anew: %s",
			 dir, crt, err_text(r));
	else
		r = put(dir, crt, pair.cert, strlen(pair.cert), why);
	if (r == 0)
		keep_time(dir, crt, &was);
	crypto_wipe(&pair, sizeof(pair));
	return r;
}

/* Those before, too: hubs have certificates of the CA before for weeks. */
static int certify_all(const char *dir, const struct pki_pair *root, int64_t now_ms,
		       char why[static FOLDER_WHY_MAX])
{
	static const struct {
		const char *key, *crt;
		bool server;
	} below[] = {
		{ FILES_SERVER_KEY, FILES_SERVER_CRT, true },
		{ "server-next.key", "server-next.crt", true },
		{ "server-old.key", "server-old.crt", true },
		{ FILES_ENROL_KEY, FILES_ENROL_CRT, false },
		{ "enrol-next.key", "enrol-next.crt", false },
		{ "enrol-old.key", "enrol-old.crt", false },
	};
	struct conf conf;
	int r = folder_read_conf(dir, &conf, why);

	for (size_t i = 0; r == 0 && i < sizeof(below) / sizeof(*below); i++)
		r = certify(dir, root, below[i].key, below[i].crt,
			    below[i].server ? conf.name : NULL, now_ms, why);
	return r;
}

/* --- the moves ---------------------------------------------------------------------------------- */

static int put_key(const char *dir, const char *passphrase,
		   const uint8_t private[static P256_PRIVATE_LEN], const char *pem,
		   char why[static FOLDER_WHY_MAX])
{
	char text[KEYFILE_MAX];
	int n;

	if (!*passphrase)
		return put(dir, ROOT_NEXT_KEY, pem, strlen(pem), why);
	n = keyfile_encrypt(private, passphrase, text);
	n = n < 0 ? cannot(dir, ROOT_NEXT_KEY, n, why)
		  : put(dir, ROOT_NEXT_KEY, text, (size_t)n, why);
	return n;
}

static int put_trust(const char *dir, const struct pki_pair *root,
		     const uint8_t private[static P256_PRIVATE_LEN], int64_t now_ms,
		     char why[static FOLDER_WHY_MAX])
{
	uint8_t file[TRUST_FILE_MAX];
	struct trust t;
	size_t len;
	int r = own_trust_fill(dir, root->cert, &t, why);

	if (r < 0)
		return r;
	t.expires_s = now_ms / 1000 + (int64_t)TRUST_DAYS * 86400;
	r = own_trust_sign(&t, private, file, &len, why);
	return r < 0 ? r : put(dir, ROOT_NEXT_TRUST, file, len, why);
}

static int put_next(const char *dir, const char *passphrase, const struct pki_pair *root,
		    const char *cross, int64_t now_ms, char why[static FOLDER_WHY_MAX])
{
	uint8_t private[P256_PRIVATE_LEN];
	int r = pki_root_scalar(root, private);

	if (r == 0)
		r = put_key(dir, passphrase, private, root->key, why);
	if (r == 0)
		r = put_trust(dir, root, private, now_ms, why);
	crypto_wipe(private, sizeof(private));
	if (r == 0)
		r = put(dir, ROOT_NEXT_CROSS, cross, strlen(cross), why);
	FAILPOINT("clinicctl.root.next");
	return r < 0 ? r : put(dir, ROOT_NEXT_CRT, root->cert, strlen(root->cert), why);
}

int root_change_next(const char *dir, const char *passphrase, int64_t now_ms,
		     char why[static FOLDER_WHY_MAX])
{
	struct pki_pair before, root;
	char cross[PKI_PEM_MAX];
	struct conf conf;
	int r;

	if (root_files_step(dir) != KEYRING_IDLE) {
		snprintf(why, FOLDER_WHY_MAX,
			 "%s is there: a change of this key has begun and is not at its "
			 "end",
			 file_exists(dir, ROOT_NEXT_CRT) ? ROOT_NEXT_CRT : ROOT_OLD_CRT);
		return -EEXIST;
	}
	r = folder_read_conf(dir, &conf, why);
	if (r == 0)
		r = read_root(dir, &in_use, &before, why);
	if (r < 0)
		return r;
	r = pki_make_next_root(conf.name, now_ms, &root);
	if (r == 0)
		r = pki_certify_root(&before, &root, now_ms, cross);
	crypto_wipe(&before, sizeof(before));
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX, "the next root could not be made: %s",
			 err_text(r));
	else
		r = put_next(dir, passphrase, &root, cross, now_ms, why);
	crypto_wipe(&root, sizeof(root));
	return r;
}

int root_change_use(const char *dir, int64_t now_ms, char why[static FOLDER_WHY_MAX])
{
	struct pki_pair root;
	int r;

	if (!file_exists(dir, ROOT_NEXT_CRT)) {
		snprintf(why, FOLDER_WHY_MAX, "%s/%s is not there: no next key was made",
			 dir, ROOT_NEXT_CRT);
		return -ENOENT;
	}
	r = read_root(dir, &next, &root,
		      why); /* first: who has no passphrase changes nothing */
	if (r == 0 && !file_exists(dir, ROOT_OLD_CRT))
		r = copy_set(dir, &in_use, &old, why);
	if (r == 0)
		r = copy_set(dir, &next, &in_use, why);
	if (r == 0)
		r = certify_all(dir, &root, now_ms, why);
	crypto_wipe(&root, sizeof(root));
	return r < 0 ? r : remove_set(dir, &next, why);
}

int root_change_back(const char *dir, int64_t now_ms, char why[static FOLDER_WHY_MAX])
{
	struct pki_pair root;
	int r;

	if (!file_exists(dir, ROOT_OLD_CRT)) {
		snprintf(why, FOLDER_WHY_MAX,
			 "%s/%s is not there: there is no key to go back to", dir,
			 ROOT_OLD_CRT);
		return -ENOENT;
	}
	r = read_root(dir, &old, &root, why);
	if (r == 0 && !file_exists(dir, ROOT_NEXT_CRT))
		r = copy_set(dir, &in_use, &next, why);
	if (r == 0)
		r = copy_set(dir, &old, &in_use, why);
	if (r == 0)
		r = certify_all(dir, &root, now_ms, why);
	crypto_wipe(&root, sizeof(root));
	return r < 0 ? r : remove_set(dir, &old, why);
}

int root_change_drop(const char *dir, char why[static FOLDER_WHY_MAX])
{
	return remove_set(dir, &old, why);
}
