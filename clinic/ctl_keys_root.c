/*
 * ctl_keys_root.c - see ctl_keys_root.h.
 */
#include "clinic/ctl_keys_root.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "clinic/ctl_passphrase.h"
#include "clinic/enrol_store.h"
#include "clinic/files.h"
#include "clinic/hub_list.h"
#include "clinic/keyfile.h"
#include "clinic/root_change.h"
#include "clinic/store_person.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"

enum { NAMED_MAX = 8 };

int ctl_root_next(const char *dir, FILE *say)
{
	char why[FOLDER_WHY_MAX], passphrase[PASSPHRASE_MAX] = "";
	int r;

	if (root_files_step(dir) == KEYRING_ANNOUNCED) {
		fprintf(say, "There is a next key already; no other was made.\n");
		return CTL_OK;
	}
	if (root_files_step(dir) == KEYRING_IDLE &&
	    keyfile_is_encrypted(dir, FILES_ROOT_KEY) == 1 &&
	    ctl_new_passphrase(ROOT_NEXT_KEY, passphrase) != CTL_OK)
		return CTL_FAILED;
	r = root_change_next(dir, passphrase, ctl_now_ms(), why);
	crypto_wipe(passphrase, sizeof(passphrase));
	return r < 0 ? ctl_complain(r == -EEXIST ? CTL_CANT_CREATE : ctl_exit_code(r),
				    "%s", why)
		     : CTL_OK;
}

/* When the root in use came into use; 0: not known. */
static int64_t used_since_ms(const char *dir)
{
	char path[FILES_PATH_MAX];
	struct stat st;

	return files_path(dir, ROOT_OLD_CRT, path) < 0 || stat(path, &st) != 0
		       ? 0
		       : (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

/* What enrolment has issued is signed by its CA, which the root in use has certified, too. */
static bool is_unrenewed(struct store *store, const struct hub *h, int64_t since_ms)
{
	struct pki_cert cert;

	return (h->state == HUB_ACTIVE || h->state == HUB_SUSPENDED) &&
	       h->added_ms < since_ms &&
	       enrol_store_certificate(store, h->spki, &cert) == -ENOENT;
}

static unsigned name_unrenewed(const char *dir, struct store *store,
			       const struct hub_list *l)
{
	int64_t since_ms = used_since_ms(dir);
	unsigned n = 0;

	for (size_t i = 0; i < l->count; i++) {
		if (!is_unrenewed(store, &l->hubs[i], since_ms))
			continue;
		if (n == 0)
			fputs("clinicctl: the root before has signed the certificate of:",
			      stderr);
		if (n < NAMED_MAX)
			fprintf(stderr, "%s %s", n ? "," : "", l->hubs[i].name);
		n++;
	}
	if (n > NAMED_MAX)
		fprintf(stderr, " and %u more", n - NAMED_MAX);
	if (n)
		fputc('\n', stderr);
	return n;
}

struct people {
	int64_t since_ms;
	unsigned count;
};

/* Who asks from elsewhere has a certificate that the root itself has signed, and nothing renews it by itself. */
static int name_person(void *arg, const struct person *p)
{
	struct people *l = arg;

	if (!p->has_key || p->revoked_ms != 0 || store_person_since(p) >= l->since_ms)
		return 0;
	if (l->count == 0)
		fputs("clinicctl: the root before has signed the certificate of the "
		      "person:",
		      stderr);
	if (l->count < NAMED_MAX)
		fprintf(stderr, "%s %s", l->count ? "," : "", p->name);
	l->count++;
	return 0;
}

static int name_people(const char *dir, struct store *store, unsigned *ret)
{
	struct people l = { .since_ms = used_since_ms(dir) };
	int r = store_person_each(store, name_person, &l);

	if (l.count > NAMED_MAX)
		fprintf(stderr, " and %u more", l.count - NAMED_MAX);
	if (l.count)
		fputc('\n', stderr);
	*ret = l.count;
	return r;
}

/* Hubs first: their certificates become new ones by waiting. */
static int refuse_drop(unsigned hubs)
{
	if (hubs)
		return ctl_complain(
			CTL_FAILED,
			"nothing was changed: they could not connect until they "
			"have renewed it. Wait for that, or say --anyway");
	return ctl_complain(CTL_FAILED,
			    "nothing was changed: clinicd would not know them any more. "
			    "Make each of them another folder ('person renew'), or say "
			    "--anyway");
}

int ctl_root_unrenewed(const char *dir, bool anyway)
{
	char why[FOLDER_WHY_MAX];
	struct hub_list l = { 0 };
	struct store *store;
	unsigned hubs = 0, people = 0;
	int r = folder_open_store(dir, &store, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = hub_list_load(store, &l);
	if (r >= 0)
		hubs = name_unrenewed(dir, store, &l);
	if (r >= 0 && (hubs == 0 || anyway))
		r = name_people(dir, store, &people);
	hub_list_free(&l);
	store_close(store);
	if (r < 0)
		return ctl_complain(CTL_FAILED, "%s/%s could not be read: %s", dir,
				    FILES_DB, err_text(r));
	return hubs + people == 0 || anyway ? CTL_OK : refuse_drop(hubs);
}
