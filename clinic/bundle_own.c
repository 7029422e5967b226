/*
 * bundle_own.c - the clinic's own server as hubs are told of it; the part of bundle.h that needs no key.
 */
#include <errno.h>
#include <string.h>

#include "clinic/bundle.h"
#include "clinic/folder.h"
#include "clinic/keyring.h"
#include "clinic/root_files.h"

int bundle_own_endpoint(const char *dir, struct config_endpoint *ret,
			char why[static FOLDER_WHY_MAX])
{
	struct config_endpoint e = { .profile = DTLS_PROFILE_13_CID };
	struct conf conf;
	int r = folder_read_conf(dir, &conf, why);

	if (r == 0)
		r = keyring_pins(dir, e.pins, &e.pin_count, why);
	if (r < 0)
		return r;
	memcpy(e.name, conf.name, sizeof(e.name));
	memcpy(e.addr, conf.addr, sizeof(e.addr));
	e.port = conf.port;
	*ret = e;
	return 0;
}

int bundle_first_config(const char *dir, const struct hub *h, struct config *ret,
			char why[static FOLDER_WHY_MAX])
{
	struct config c = { .epoch = h->epoch,
			    .heartbeat_s = BUNDLE_HEARTBEAT_S,
			    .endpoint_count = 1 };
	struct keyring_seal seal;
	int r = keyring_seal(dir, &seal, why);

	if (r == 0)
		r = root_files_config(dir, &c.root, why);
	if (r == 0)
		r = bundle_own_endpoint(dir, &c.endpoints[0], why);
	if (r < 0)
		return r;
	memcpy(c.hub, h->id, sizeof(c.hub));
	c.seal_key_id = seal.now.id;
	memcpy(c.seal_public, seal.now.public, sizeof(c.seal_public));
	c.has_next_seal = seal.has_next;
	if (seal.has_next)
		c.next_seal = seal.next;
	*ret = c;
	return keyring_release_add(dir, ret, why);
}

int bundle_last_config(const char *dir, struct store *store, const struct hub *h,
		       struct config *ret, char why[static FOLDER_WHY_MAX])
{
	int r = store_config_get(store, h->id, ret);

	why[0] = '\0';
	if (r == -ENOENT)
		return bundle_first_config(dir, h, ret, why);
	if (r == 0 && ret->epoch < h->epoch) {
		/* another life: whose it is has to be said again */
		ret->epoch = h->epoch;
		ret->assignment = 0;
	}
	return r == 0 ? keyring_release_add(dir, ret, why) : r;
}
