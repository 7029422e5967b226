/*
 * keyring.c - see keyring.h.
 */
#include "clinic/keyring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/files.h"
#include "clinic/keyfile.h"
#include "clinic/pki.h"
#include "hub/core/err.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

#define SEAL_NEXT_PUB "seal-next.pub"

static const struct names {
	const char *key, *crt, *next_key, *next_crt, *old_key, *old_crt;
} names[] = {
	[KEYRING_SERVER] = { FILES_SERVER_KEY, FILES_SERVER_CRT, "server-next.key",
			     "server-next.crt", "server-old.key", "server-old.crt" },
	[KEYRING_ENROL] = { FILES_ENROL_KEY, FILES_ENROL_CRT, "enrol-next.key",
			    "enrol-next.crt", "enrol-old.key", "enrol-old.crt" },
};

static int cannot(const char *dir, const char *name, int err,
		  char why[static FOLDER_WHY_MAX])
{
	if (err < 0)
		snprintf(why, FOLDER_WHY_MAX, "%s/%s cannot be written: %s", dir, name,
			 err_text(err));
	return err;
}

static int copy(const char *dir, const char *from, const char *to,
		char why[static FOLDER_WHY_MAX])
{
	uint8_t buf[PKI_PEM_MAX];
	int n = file_read(dir, from, buf, sizeof(buf));

	if (n < 0) {
		snprintf(why, FOLDER_WHY_MAX, "%s/%s cannot be read: %s", dir, from,
			 err_text(n));
		return n;
	}
	n = cannot(dir, to, file_replace(dir, to, buf, (size_t)n), why);
	crypto_wipe(buf, sizeof(buf));
	return n;
}

static int copy_pair(const char *dir, const char *key, const char *crt,
		     const char *to_key, const char *to_crt,
		     char why[static FOLDER_WHY_MAX])
{
	int r = copy(dir, key, to_key, why);

	FAILPOINT("clinicctl.keys.half");
	if (r == 0)
		r = copy(dir, crt, to_crt, why);
	FAILPOINT("clinicctl.keys.copied");
	return r;
}

/* A file that is not there is removed. */
static int remove_one(const char *dir, const char *name, char why[static FOLDER_WHY_MAX])
{
	int r = file_remove(dir, name);

	return r == -ENOENT ? 0 : cannot(dir, name, r, why);
}

static int remove_pair(const char *dir, const char *key, const char *crt,
		       char why[static FOLDER_WHY_MAX])
{
	int r = remove_one(dir, crt, why);

	FAILPOINT("clinicctl.keys.removed");
	return r < 0 ? r : remove_one(dir, key, why);
}

enum keyring_step keyring_step(const char *dir, enum keyring_pair p)
{
	bool next = file_exists(dir, names[p].next_crt);
	bool old = file_exists(dir, names[p].old_crt);

	return next && old ? KEYRING_MOVING
	       : next	   ? KEYRING_ANNOUNCED
	       : old	   ? KEYRING_USED
			   : KEYRING_IDLE;
}

static int read_root(const char *dir, struct pki_pair *ret,
		     char why[static FOLDER_WHY_MAX])
{
	int r = keyfile_read_pem(dir, FILES_ROOT_KEY, ret->key, why);

	return r < 0 ? r
		     : folder_read_text(dir, FILES_ROOT_CRT, ret->cert, sizeof(ret->cert),
					why);
}

static int make(const char *dir, enum keyring_pair p, int64_t now_ms,
		struct pki_pair *ret, char why[static FOLDER_WHY_MAX])
{
	struct pki_pair root;
	struct conf conf;
	int r = folder_read_conf(dir, &conf, why);

	if (r == 0)
		r = read_root(dir, &root, why);
	if (r < 0)
		return r;
	r = p == KEYRING_SERVER ? pki_make_server(&root, conf.name, now_ms, ret)
				: pki_make_enrol(&root, now_ms, ret);
	crypto_wipe(&root, sizeof(root));
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "a certificate could not be made from %s/%s: %s", dir,
			 FILES_ROOT_KEY, err_text(r));
	return r;
}

static int put_text(const char *dir, const char *name, const char *text,
		    char why[static FOLDER_WHY_MAX])
{
	return cannot(dir, name,
		      file_replace(dir, name, (const uint8_t *)text, strlen(text)), why);
}

int keyring_next(const char *dir, enum keyring_pair p, int64_t now_ms,
		 char why[static FOLDER_WHY_MAX])
{
	const struct names *n = &names[p];
	struct pki_pair next;
	int r;

	if (keyring_step(dir, p) != KEYRING_IDLE) {
		snprintf(why, FOLDER_WHY_MAX,
			 "%s is there: a change of this key has begun and is not at its "
			 "end",
			 file_exists(dir, n->next_crt) ? n->next_crt : n->old_crt);
		return -EEXIST;
	}
	r = make(dir, p, now_ms, &next, why);
	if (r == 0)
		r = put_text(dir, n->next_key, next.key, why);
	FAILPOINT("clinicctl.keys.next");
	if (r == 0)
		r = put_text(dir, n->next_crt, next.cert, why);
	crypto_wipe(&next, sizeof(next));
	return r;
}

int keyring_use(const char *dir, enum keyring_pair p, char why[static FOLDER_WHY_MAX])
{
	const struct names *n = &names[p];
	int r = 0;

	if (!file_exists(dir, n->next_crt)) {
		snprintf(why, FOLDER_WHY_MAX, "%s/%s is not there: no next key was made",
			 dir, n->next_crt);
		return -ENOENT;
	}
	if (!file_exists(dir, n->old_crt))
		r = copy_pair(dir, n->key, n->crt, n->old_key, n->old_crt, why);
	if (r == 0)
		r = copy_pair(dir, n->next_key, n->next_crt, n->key, n->crt, why);
	return r < 0 ? r : remove_pair(dir, n->next_key, n->next_crt, why);
}

int keyring_back(const char *dir, enum keyring_pair p, char why[static FOLDER_WHY_MAX])
{
	const struct names *n = &names[p];
	int r = 0;

	if (!file_exists(dir, n->old_crt)) {
		snprintf(why, FOLDER_WHY_MAX,
			 "%s/%s is not there: there is no key to go back to", dir,
			 n->old_crt);
		return -ENOENT;
	}
	if (!file_exists(dir, n->next_crt))
		r = copy_pair(dir, n->key, n->crt, n->next_key, n->next_crt, why);
	if (r == 0)
		r = copy_pair(dir, n->old_key, n->old_crt, n->key, n->crt, why);
	return r < 0 ? r : remove_pair(dir, n->old_key, n->old_crt, why);
}

int keyring_drop(const char *dir, enum keyring_pair p, char why[static FOLDER_WHY_MAX])
{
	return remove_pair(dir, names[p].old_key, names[p].old_crt, why);
}

static int read_pin(const char *dir, const char *name, uint8_t ret[static PIN_LEN],
		    char why[static FOLDER_WHY_MAX])
{
	char cert[PKI_PEM_MAX];
	int r = folder_read_text(dir, name, cert, sizeof(cert), why);

	if (r < 0)
		return r;
	r = pki_spki(cert, ret);
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX, "%s/%s is not a certificate", dir, name);
	return r;
}

int keyring_pins(const char *dir, uint8_t ret[static CONFIG_PINS_MAX][PIN_LEN],
		 size_t *ret_count, char why[static FOLDER_WHY_MAX])
{
	const struct names *n = &names[KEYRING_SERVER];
	const char *others[] = { n->next_crt, n->old_crt };
	size_t count = 1;
	int r = read_pin(dir, n->crt, ret[0], why);

	/* in the middle of a move one of the two is the one in use */
	for (size_t i = 0; r == 0 && i < 2 && count < CONFIG_PINS_MAX; i++) {
		if (!file_exists(dir, others[i]))
			continue;
		r = read_pin(dir, others[i], ret[count], why);
		count += r == 0 && memcmp(ret[count], ret[0], PIN_LEN) != 0;
	}
	*ret_count = count;
	return r;
}

/* --- sealing keys ----------------------------------------------------------------------------- */

char *keyring_seal_name(uint8_t id, char buf[static KEYRING_SEAL_NAME_MAX])
{
	snprintf(buf, KEYRING_SEAL_NAME_MAX, "seal-%u.key", id);
	return buf;
}

static int read_seal(const char *dir, const char *name, struct config_seal *ret,
		     char why[static FOLDER_WHY_MAX])
{
	uint8_t file[FILES_SEAL_LEN];
	int r = folder_read(dir, name, file, sizeof(file), why);

	if (r < 0)
		return r;
	ret->id = file[0];
	memcpy(ret->public, file + 1, sizeof(ret->public));
	return 0;
}

int keyring_seal(const char *dir, struct keyring_seal *ret,
		 char why[static FOLDER_WHY_MAX])
{
	int r = read_seal(dir, FILES_SEAL_PUB, &ret->now, why);

	ret->has_next = r == 0 && file_exists(dir, SEAL_NEXT_PUB);
	if (ret->has_next)
		r = read_seal(dir, SEAL_NEXT_PUB, &ret->next, why);
	if (r == 0 && ret->has_next && ret->next.id == ret->now.id)
		ret->has_next = false; /* its move was cut short behind seal.pub */
	return r;
}

int keyring_seal_next(const char *dir, char why[static FOLDER_WHY_MAX])
{
	uint8_t private[FILES_SEAL_LEN], public[FILES_SEAL_LEN];
	struct keyring_seal s;
	int r = keyring_seal(dir, &s, why);

	if (r == 0 && file_exists(dir, SEAL_NEXT_PUB)) {
		snprintf(why, FOLDER_WHY_MAX, "%s/%s is there already", dir,
			 SEAL_NEXT_PUB);
		r = -EEXIST;
	} else if (r == 0 && s.now.id == UINT8_MAX) {
		snprintf(why, FOLDER_WHY_MAX,
			 "255 was the last number that a sealing key can have");
		r = -ERANGE;
	}
	if (r < 0)
		return r;
	private[0] = public[0] = (uint8_t)(s.now.id + 1);
	x25519_generate(private + 1, public + 1);
	r = cannot(dir, KEYRING_SEAL_NEXT,
		   file_replace(dir, KEYRING_SEAL_NEXT, private, sizeof(private)), why);
	crypto_wipe(private, sizeof(private));
	FAILPOINT("clinicctl.keys.next");
	return r < 0 ? r
		     : cannot(dir, SEAL_NEXT_PUB,
			      file_replace(dir, SEAL_NEXT_PUB, public, sizeof(public)),
			      why);
}

/* What was sealed to it is to be opened for years. */
static int keep_private(const char *dir, uint8_t id, char why[static FOLDER_WHY_MAX])
{
	char name[KEYRING_SEAL_NAME_MAX];
	struct config_seal now;
	int r;

	if (!file_exists(dir, FILES_SEAL_KEY))
		return 0;
	r = read_seal(dir, FILES_SEAL_KEY, &now, why);
	if (r == 0 && now.id != id)
		r = copy(dir, FILES_SEAL_KEY, keyring_seal_name(now.id, name), why);
	crypto_wipe(&now, sizeof(now));
	return r;
}

int keyring_seal_use(const char *dir, char why[static FOLDER_WHY_MAX])
{
	struct config_seal next;
	int r;

	if (!file_exists(dir, SEAL_NEXT_PUB)) {
		snprintf(why, FOLDER_WHY_MAX, "%s/%s is not there: no next key was made",
			 dir, SEAL_NEXT_PUB);
		return -ENOENT;
	}
	r = read_seal(dir, SEAL_NEXT_PUB, &next, why);
	if (r == 0)
		r = keep_private(dir, next.id, why);
	FAILPOINT("clinicctl.seal.kept");
	if (r == 0 && file_exists(dir, KEYRING_SEAL_NEXT))
		r = copy(dir, KEYRING_SEAL_NEXT, FILES_SEAL_KEY, why);
	FAILPOINT("clinicctl.seal.half");
	if (r == 0)
		r = copy(dir, SEAL_NEXT_PUB, FILES_SEAL_PUB, why);
	FAILPOINT("clinicctl.seal.moved");
	return r < 0 ? r : remove_pair(dir, KEYRING_SEAL_NEXT, SEAL_NEXT_PUB, why);
}

/* --- release authority ------------------------------------------------------------------------ */

enum { RELEASE_KEY_ID = 1 };

int keyring_release_add(const char *dir, struct config *c,
			char why[static FOLDER_WHY_MAX])
{
	struct config_seal s;
	int r;

	c->has_release = false;
	memset(c->release_public, 0, sizeof(c->release_public));
	if (file_is_gone(dir, FILES_RELEASE_PUB))
		return 0;
	r = read_seal(dir, FILES_RELEASE_PUB, &s, why);
	if (r < 0)
		return r;
	c->has_release = true;
	memcpy(c->release_public, s.public, sizeof(c->release_public));
	return 0;
}

/* The public half last: hubs are told of one whose private half is there. */
int keyring_release_make(const char *dir)
{
	uint8_t private[FILES_SEAL_LEN] = { RELEASE_KEY_ID },
		public[FILES_SEAL_LEN] = { RELEASE_KEY_ID };
	int r;

	if (!file_is_gone(dir, FILES_RELEASE_PUB) ||
	    !file_is_gone(dir, FILES_RELEASE_KEY))
		return -EEXIST;
	x25519_generate(private + 1, public + 1);
	r = file_replace(dir, FILES_RELEASE_KEY, private, sizeof(private));
	if (r == 0)
		r = file_replace(dir, FILES_RELEASE_PUB, public, sizeof(public));
	crypto_wipe(private, sizeof(private));
	return r;
}

int keyring_release_open(const char *dir, const char *path,
			 uint8_t ret[static SEAL_PUBLIC_LEN],
			 char why[static FOLDER_WHY_MAX])
{
	uint8_t file[FILES_SEAL_LEN];
	char copy[FILES_PATH_MAX], *slash;
	int r;

	if (path && strlen(path) >= sizeof(copy)) {
		snprintf(why, FOLDER_WHY_MAX, "the name of the key file is too long");
		return -ENOENT;
	}
	snprintf(copy, sizeof(copy), "%s", path ? path : "");
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	if (!path)
		r = folder_read(dir, FILES_RELEASE_KEY, file, sizeof(file), why);
	else
		r = folder_read(!slash		? "."
				: slash == copy ? "/"
						: copy,
				slash ? slash + 1 : copy, file, sizeof(file), why);
	if (r == 0)
		memcpy(ret, file + 1, SEAL_PUBLIC_LEN);
	crypto_wipe(file, sizeof(file));
	return r;
}
