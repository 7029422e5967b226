/*
 * ctl_decide.c - see ctl_decide.h.
 */
#include "clinic/ctl_decide.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/keyring.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

bool ctl_is_line(const char *text, size_t max)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return n > 0 && n <= max && strspn(text, " ") < n;
}

int ctl_check_signature(const struct ctl_verb *v, const struct ctl_signature *s)
{
	if (!s->why)
		return ctl_misused(v, "%s: --reason says why; it is kept in the journal",
				   v->name);
	if (!ctl_is_line(s->why, JOURNAL_WHY_MAX))
		return ctl_misused(v, "--reason must be one line of 1 to %d bytes",
				   JOURNAL_WHY_MAX);
	if (s->who && !ctl_is_line(s->who, JOURNAL_WHO_MAX))
		return ctl_misused(v, "--by must be one line of 1 to %d bytes",
				   JOURNAL_WHO_MAX);
	return CTL_OK;
}

void ctl_sign(struct journal_entry *e, const struct ctl_signature *by)
{
	const struct passwd *user = getpwuid(getuid());

	if (by->who)
		snprintf(e->who, sizeof(e->who), "%s", by->who);
	else if (user)
		snprintf(e->who, sizeof(e->who), "%s", user->pw_name);
	else
		snprintf(e->who, sizeof(e->who), "uid %lu", (unsigned long)getuid());
	snprintf(e->why, sizeof(e->why), "%s", by->why ? by->why : "");
	e->at_ms = ctl_now_ms();
}

int ctl_ask(const char *where, const char *hub, const struct ctl_signature *by,
	    struct door_request *rq, remote_row_fn *get, void *ret)
{
	char why[FOLDER_WHY_MAX];
	struct remote *clinic;
	int r = remote_open(where, &clinic, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = remote_set_name(rq, hub);
	/* who asks through a door is known there; the owner of a folder may say another name */
	snprintf(rq->why, sizeof(rq->why), "%s", by->why ? by->why : "");
	snprintf(rq->who, sizeof(rq->who), "%s", by->who ? by->who : "");
	if (r == 0)
		r = remote_get(clinic, rq, get, ret);
	r = r < 0 ? remote_failed(clinic, hub, r) : CTL_OK;
	remote_close(clinic);
	return r;
}

int ctl_store_failed(const char *dir, const char *hub, int err)
{
	if (err == -ENOENT && hub)
		return ctl_complain(
			CTL_NO_INPUT,
			"there is no hub '%s' in %s; 'clinicctl status %s' lists them",
			hub, dir, dir);
	if (err == -EAGAIN)
		return ctl_complain(CTL_FAILED,
				    "%s: others write for this hub all the time; nothing "
				    "was changed, do it again",
				    dir);
	return ctl_complain(CTL_FAILED, "%s/%s could not be read or written: %s", dir,
			    FILES_DB, err_text(err));
}

/* What is damaged among them opens nothing, and what it should open is told with its reason. */
static void add_key(const char *dir, const char *name, struct opening_key *ret)
{
	uint8_t file[FILES_SEAL_LEN];

	if (ret->other_count < OPENING_OTHERS_MAX &&
	    file_read(dir, name, file, sizeof(file)) == FILES_SEAL_LEN &&
	    !opening_private(ret, file[0])) {
		ret->others[ret->other_count].id = file[0];
		memcpy(ret->others[ret->other_count++].private, file + 1, X25519_LEN);
	}
	crypto_wipe(file, sizeof(file));
}

/* The latest first: there is room for so many only. */
static void read_others(const char *dir, struct opening_key *ret)
{
	char name[KEYRING_SEAL_NAME_MAX];

	add_key(dir, KEYRING_SEAL_NEXT, ret);
	for (int id = UINT8_MAX; id >= 0; id--)
		add_key(dir, keyring_seal_name((uint8_t)id, name), ret);
}

int ctl_read_key(const char *dir, struct opening_key *ret,
		 char why[static FOLDER_WHY_MAX])
{
	uint8_t file[FILES_SEAL_LEN];
	int r = folder_read(dir, FILES_SEAL_KEY, file, sizeof(file), why);

	*ret = (struct opening_key){ 0 };
	if (r == 0) {
		ret->id = file[0];
		memcpy(ret->private, file + 1, sizeof(ret->private));
		read_others(dir, ret);
	}
	crypto_wipe(file, sizeof(file));
	return r;
}

int ctl_load_key(const char *dir, struct opening_key *ret)
{
	char why[FOLDER_WHY_MAX];
	int r = ctl_read_key(dir, ret, why);

	return r < 0 ? ctl_complain(ctl_exit_code(r), "%s", why) : CTL_OK;
}

int ctl_find_key(const struct remote *clinic, const char *where, const char *given,
		 struct opening_key *ret, bool *ret_has)
{
	const char *dir = given ? given : where;

	*ret = (struct opening_key){ 0 };
	*ret_has = given || remote_is_folder(clinic) || file_exists(dir, FILES_SEAL_KEY);
	return *ret_has ? ctl_load_key(dir, ret) : CTL_OK;
}
