/*
 * ctl_fleet.c - see ctl_fleet.h.
 */
#include "clinic/ctl_fleet.h"

#include <errno.h>

#include "clinic/folder.h"
#include "clinic/hub_list.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"

static bool is_served(enum hub_state s)
{
	return s == HUB_ACTIVE || s == HUB_SUSPENDED || s == HUB_ISSUED;
}

/* Returns 1 if this hub is to be looked at. */
static int get_config(struct store *store, const struct hub *h, struct config *ret)
{
	int r = is_served(h->state) ? store_config_get(store, h->id, ret) : -ENOENT;

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : ret->epoch == h->epoch;
}

/* Those that are looked at, and no others. */
static int list(struct store *store, struct hub_list *ret)
{
	static struct config c;
	size_t kept = 0;
	int r = hub_list_load(store, ret);

	for (size_t i = 0; r >= 0 && i < ret->count; i++) {
		r = get_config(store, &ret->hubs[i], &c);
		if (r > 0)
			ret->hubs[kept++] = ret->hubs[i];
	}
	ret->count = r < 0 ? 0 : kept;
	crypto_wipe(&c, sizeof(c));
	return r < 0 ? ctl_complain(CTL_FAILED, "the hubs could not be read: %s",
				    err_text(r))
		     : CTL_OK;
}

static int walk(struct store *store, ctl_fleet_look *look, void *arg)
{
	static struct config c;
	struct hub_list l;
	int r = list(store, &l);

	for (size_t i = 0; r == CTL_OK && i < l.count; i++)
		if (get_config(store, &l.hubs[i], &c) > 0)
			r = look(arg, &l.hubs[i], &c);
	crypto_wipe(&c, sizeof(c));
	hub_list_free(&l);
	return r;
}

int ctl_fleet_each(const char *dir, ctl_fleet_look *look, void *arg)
{
	char why[FOLDER_WHY_MAX];
	struct store *store;
	int r = folder_open_store(dir, &store, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = walk(store, look, arg);
	store_close(store);
	return r;
}

struct change {
	ctl_config_fn *fn;
	void *arg;
	const char *name; /* of the hub */
};

/* In the transaction: what was listed may have changed since. */
static int change_one(void *arg, struct store *store, struct config *c)
{
	const struct change *ch = arg;
	struct hub h;

	if (store_hub_by_name(store, ch->name, &h) < 0 || !is_served(h.state) ||
	    c->epoch != h.epoch)
		return CTL_FLEET_SAME;
	return ch->fn(ch->arg, store, c);
}

int ctl_fleet_change(const char *dir, ctl_config_fn *fn, void *arg, struct ctl_fleet *ret)
{
	static const struct ctl_config_out none;
	static struct config c;
	struct change ch = { .fn = fn, .arg = arg };
	char why[FOLDER_WHY_MAX];
	struct store *store;
	struct hub_list l;
	int r = folder_open_store(dir, &store, why), one;

	*ret = (struct ctl_fleet){ 0 };
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = list(store, &l);
	store_close(store); /* each change opens it anew */
	for (size_t i = 0; r == CTL_OK && i < l.count; i++) {
		ch.name = l.hubs[i].name;
		one = ctl_config_next(dir, ch.name, &none, change_one, &ch, &c);
		ret->changed += one == CTL_OK;
		ret->same += one == CTL_FLEET_SAME;
		ret->failed += one != CTL_OK && one != CTL_FLEET_SAME;
	}
	crypto_wipe(&c, sizeof(c));
	hub_list_free(&l);
	return r == CTL_OK && ret->failed > 0 ? CTL_FAILED : r;
}
