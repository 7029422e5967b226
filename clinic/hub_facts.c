/*
 * hub_facts.c - see hub_facts.h.
 */
#include "clinic/hub_facts.h"

#include <errno.h>
#include <string.h>

#include "hub/crypto/crypto.h"

static int maybe(int r, bool *ret)
{
	*ret = r == 0;
	return r == -ENOENT ? 0 : r;
}

void hub_facts_hide(struct config *c)
{
	for (size_t i = 0; i < c->device_count; i++) {
		struct config_device *d = &c->devices[i];

		if (d->passkey != CONFIG_NO_PASSKEY)
			d->passkey = 0;
		d->consent = 0;
	}
}

static int load_config(struct store *s, struct hub_facts *f)
{
	int r = maybe(store_config_get(s, f->hub.id, &f->config), &f->has_config);

	hub_facts_hide(&f->config);
	for (size_t i = 0; r == 0 && f->has_config && i < f->config.device_count; i++)
		r = store_device_sign(s, f->hub.id, f->hub.epoch,
				      f->config.devices[i].num, &f->signs[i]);
	if (r == 0 && f->has_config)
		r = maybe(store_assigned_get(s, f->hub.id, f->hub.epoch,
					     f->config.assignment, &f->assigned),
			  &f->has_assigned);
	return r;
}

int hub_facts_load(struct store *s, const struct hub *h, struct hub_facts *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->hub = *h;
	r = store_counts(s, h->id, h->epoch, &ret->counts);
	if (r == 0)
		r = witness_state(s, h->id, h->epoch, &ret->witness);
	if (r == 0)
		r = maybe(store_status_get(s, h->id, h->epoch, &ret->status),
			  &ret->has_status);
	return r < 0 ? r : load_config(s, ret);
}
