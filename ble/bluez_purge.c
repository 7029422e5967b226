/*
 * bluez_purge.c - bluetoothd forgets everybody: bonds of devices that belong to nobody here any more. See bluez.h.
 *
 * All that are known are removed at once; then all objects are asked for again, because only some strangers are kept
 * here, and because what could not be removed is found again that way.
 */
#include <errno.h>
#include <string.h>

#include "ble/bluez_internal.h"
#include "hub/rt/log.h"

enum { TRY_AGAIN_MS = 2000 };

static void try_again(struct bluez *b)
{
	b->list_again = true;
	rt_timer_set(b->retry, mono_add(rt_mono(), TRY_AGAIN_MS));
}

static void removed(struct bluez *b, const struct bluez_call *call, int err,
		    sd_bus_message *reply)
{
	(void)reply;
	b->removing--;
	if (!err || err == -ENOENT) {
		bluez_drop_object(b, call->path);
		return;
	}
	log_warn("bond-not-removed", "error=%d", err);
	try_again(b);
}

/* Returns how many were found. */
static unsigned remove_all(struct bluez *b)
{
	const unsigned tie = PROP_PAIRED | PROP_BONDED | PROP_TRUSTED;
	unsigned found = 0;

	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++) {
		const struct object_device *d = &b->objects.devices[i];
		struct bluez_call like = { .op = BLUEZ_REMOVE };

		if (!d->path[0] || !(d->is & tie))
			continue;
		found++;
		/* until the answer its values are taken */
		memcpy(like.path, d->path, sizeof(like.path));
		if (bluez_remove(b, d->path, removed, &like) == 0)
			b->removing++;
		else
			try_again(b);
	}
	return found;
}

bool bluez_purge(struct bluez *b)
{
	unsigned found;

	if (b->state != BLUEZ_ATTACHED || !b->powered || b->removing ||
	    bluez_is_listing(b))
		return false;
	found = remove_all(b);
	if (found)
		log_info("bonds-removed", "count=%u", found);
	if (found == 0 && b->purged)
		return true;
	b->purged = found == 0;
	if (b->purged)
		bluez_list_more(b);
	return false;
}
