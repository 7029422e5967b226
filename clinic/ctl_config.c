/*
 * ctl_config.c - see ctl_config.h.
 */
#include "clinic/ctl_config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "clinic/folder.h"
#include "clinic/keyring.h"
#include "clinic/store_command.h"
#include "clinic/store_config.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

int ctl_config_out(const struct ctl_verb *v, const char *path, struct ctl_config_out *ret)
{
	*ret = (struct ctl_config_out){ .path = path };
	if (!path)
		return CTL_OK;
	if (files_place_of(path, &ret->at) < 0)
		return ctl_misused(v, "--out '%s' is too long", path);
	if (file_exists(ret->at.dir, ret->at.name))
		return ctl_complain(CTL_CANT_CREATE,
				    "%s is there already; choose another --out", path);
	if (access(ret->at.dir, W_OK | X_OK) != 0)
		return ctl_complain(errno == EACCES ? CTL_NO_PERM : CTL_CANT_CREATE,
				    "%s: files cannot be made in this folder",
				    ret->at.dir);
	return CTL_OK;
}

int ctl_config_get(const char *dir, struct store *store, const char *hub,
		   struct hub *ret_hub, struct config *ret)
{
	char why[FOLDER_WHY_MAX] = "";
	int r = store_hub_by_name(store, hub, ret_hub);

	if (r == -ENOENT)
		return ctl_complain(
			CTL_NO_INPUT,
			"there is no hub '%s' in %s; 'clinicctl status %s' lists them",
			hub, dir, dir);
	if (r == 0)
		r = bundle_last_config(dir, store, ret_hub, ret, why);
	if (r < 0 && why[0])
		return ctl_complain(ctl_exit_code(r), "%s", why);
	if (r < 0)
		return ctl_complain(CTL_FAILED, "%s/%s could not be read: %s", dir,
				    FILES_DB, err_text(r));
	return CTL_OK;
}

static int cannot_store(const char *dir, int err)
{
	return ctl_complain(CTL_FAILED, "%s/%s could not be written: %s", dir, FILES_DB,
			    err_text(err));
}

static int write_out(const struct ctl_config_out *out, const uint8_t *cose, size_t len)
{
	int r = out->path ? file_replace(out->at.dir, out->at.name, cose, len) : 0;

	if (r < 0)
		return ctl_complain(CTL_CANT_CREATE,
				    "%s could not be written: %s; the hub fetches the "
				    "configuration all the same when it calls next",
				    out->path, err_text(r));
	return CTL_OK;
}

int ctl_config_sign(const char *dir, struct store *store, const struct config *c,
		    uint8_t cose[static BUNDLE_COSE_MAX], size_t *ret_len,
		    char why[static FOLDER_WHY_MAX])
{
	struct config whole = *c;
	int r = store_signers_config(store, &whole), len;

	why[0] = '\0';
	if (r == 0)
		r = keyring_release_add(dir, &whole, why);
	len = r < 0 ? r : bundle_sign(dir, &whole, cose, why);
	if (len >= 0) {
		why[0] = '\0';
		*ret_len = (size_t)len;
		r = store_config_put(store, &whole);
	}
	if (len >= 0 && r == 0)
		r = store_config_offer(store, &whole, cose, *ret_len, ctl_now_ms());
	crypto_wipe(&whole, sizeof(whole)); /* passkeys */
	return len < 0 ? len : r;
}

void ctl_config_for_epoch(struct config *c, const struct hub *h)
{
	if (c->epoch == h->epoch)
		return;
	c->epoch = h->epoch;
	c->assignment = 0;
}

void ctl_config_set_version(struct config *c, const struct hub *h)
{
	if (c->version < h->config_used)
		c->version = h->config_used;
	if (c->version < h->config_wanted)
		c->version = h->config_wanted;
	c->version++;
}

/* The transaction has begun. */
static int make_next(const char *dir, struct store *store, const char *hub,
		     ctl_config_fn *fn, void *arg, struct config *c,
		     uint8_t cose[static BUNDLE_COSE_MAX], size_t *ret_len)
{
	char why[FOLDER_WHY_MAX];
	struct hub h;
	int r = ctl_config_get(dir, store, hub, &h, c);

	if (r != CTL_OK)
		return r;
	ctl_config_for_epoch(c, &h);
	ctl_config_set_version(c, &h);
	r = fn(arg, store, c);
	if (r != CTL_OK)
		return r;
	r = ctl_config_sign(dir, store, c, cose, ret_len, why);
	if (r < 0 && why[0])
		return ctl_complain(ctl_exit_code(r), "%s", why);
	if (r == 0)
		r = store_commit(store);
	return r < 0 ? cannot_store(dir, r) : CTL_OK;
}

int ctl_config_next(const char *dir, const char *hub, const struct ctl_config_out *out,
		    ctl_config_fn *fn, void *arg, struct config *ret)
{
	static uint8_t cose[BUNDLE_COSE_MAX];
	char why[FOLDER_WHY_MAX];
	struct store *store;
	size_t len = 0;
	int r = folder_open_store(dir, &store, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = store_begin(store);
	if (r < 0)
		r = cannot_store(dir, r);
	else
		r = make_next(dir, store, hub, fn, arg, ret, cose, &len);
	store_rollback(store);
	if (r == CTL_OK)
		r = write_out(out, cose, len);
	crypto_wipe(cose, sizeof(cose));
	store_close(store);
	return r;
}

void ctl_config_add_json(cJSON *o, const struct config *c,
			 const struct ctl_config_out *out)
{
	json_uint(o, "configuration", c->version);
	if (out->path)
		json_text(o, "file", out->path);
	else
		json_null(o, "file");
}

void ctl_config_print_next(FILE *to, const struct ctl_config_out *out)
{
	fprintf(to, "The hub fetches it when it calls next, within a heartbeat; "
		    "'clinicctl status' shows whether it\n"
		    "has it.\n");
	if (out->path)
		fprintf(to,
			"For a hub that does not reach the clinic: copy %s over\n"
			"/var/lib/hub/hubd/config.cose there. Then delete it here (the "
			"passkeys are in it).\n",
			out->path);
}
