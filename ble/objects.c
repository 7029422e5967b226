/*
 * objects.c - the table of bluetoothd's objects; see objects.h.
 */
#include "ble/objects.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "hub/core/hex.h"

enum {
	DEVICE_PROPS =
		PROP_PAIRED | PROP_BONDED | PROP_TRUSTED | PROP_CONNECTED | PROP_RESOLVED
};
/* What ties a stranger to this hub. */
enum { TIES = PROP_PAIRED | PROP_BONDED | PROP_TRUSTED | PROP_CONNECTED };

void objects_clear(struct objects *o)
{
	memset(o->devices, 0, sizeof(o->devices));
}

void objects_set_configured(struct objects *o, const struct config_device *devices,
			    size_t count)
{
	objects_clear(o);
	o->configured_count = count;
	if (count)
		memcpy(o->configured, devices, count * sizeof(*devices));
}

static int find_configured(const struct objects *o, const struct props *props)
{
	for (size_t i = 0; i < o->configured_count; i++)
		if (memcmp(o->configured[i].addr, props->address, PERIPHERAL_ADDR_LEN) ==
			    0 &&
		    o->configured[i].addr_type == props->address_type)
			return (int)i;
	return -1;
}

struct object_device *objects_find_device(struct objects *o, const char *path)
{
	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++)
		if (*path && strcmp(o->devices[i].path, path) == 0)
			return &o->devices[i];
	return NULL;
}

struct object_device *objects_find_config(struct objects *o, size_t config)
{
	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++)
		if (o->devices[i].path[0] && o->devices[i].config == (int)config)
			return &o->devices[i];
	return NULL;
}

static struct object_device *free_slot(struct objects *o, bool stranger)
{
	size_t strangers = 0;
	struct object_device *slot = NULL;

	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++) {
		struct object_device *d = &o->devices[i];

		if (!d->path[0])
			slot = d;
		else if (d->config < 0)
			strangers++;
	}
	return stranger && strangers >= OBJECT_STRANGERS_MAX ? NULL : slot;
}

static struct object_device *add_device(struct objects *o, const char *path,
					const struct props *props)
{
	struct object_device *d;
	int config;

	if (!(props->has & PROP_ADDRESS) || strlen(path) >= OBJECT_PATH_MAX)
		return NULL;
	config = find_configured(o, props);
	if (config < 0 && !(props->on & TIES))
		return NULL;
	/* Two objects of one configured device cannot be told apart: the first stays. */
	if (config >= 0 && objects_find_config(o, (size_t)config))
		return NULL;
	d = free_slot(o, config < 0);
	if (!d)
		return NULL;
	memset(d, 0, sizeof(*d));
	memcpy(d->path, path, strlen(path) + 1);
	memcpy(d->addr, props->address, PERIPHERAL_ADDR_LEN);
	d->addr_type = props->address_type;
	d->config = config;
	return d;
}

struct object_device *objects_put_device(struct objects *o, const char *path,
					 const struct props *props)
{
	struct object_device *d = objects_find_device(o, path);
	unsigned has = props->has & DEVICE_PROPS;

	if (!d)
		d = add_device(o, path, props);
	if (!d)
		return NULL;
	d->is = (d->is & ~has) | (props->on & has);
	return d;
}

/* Is 'path' below 'parent'? */
static bool is_below(const char *path, const char *parent)
{
	size_t len = strlen(parent);

	return len && strncmp(path, parent, len) == 0 && path[len] == '/';
}

struct object_device *objects_find_char(struct objects *o, const char *path,
					struct object_char **ret_char)
{
	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++) {
		struct object_device *d = &o->devices[i];

		if (!is_below(path, d->path))
			continue;
		for (size_t c = 0; c < d->char_count; c++) {
			if (strcmp(d->chars[c].path, path) == 0) {
				*ret_char = &d->chars[c];
				return d;
			}
		}
	}
	return NULL;
}

static struct object_char *add_char(struct objects *o, const char *path,
				    const struct props *props)
{
	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++) {
		struct object_device *d = &o->devices[i];
		struct object_char *c;

		if (!is_below(path, d->path))
			continue;
		if (d->char_count == OBJECT_CHARS_MAX || strlen(path) >= OBJECT_PATH_MAX)
			return NULL;
		c = &d->chars[d->char_count++];
		*c = (struct object_char){ .uuid = props->uuid, .flags = props->flags };
		memcpy(c->path, path, strlen(path) + 1);
		return c;
	}
	return NULL;
}

struct object_char *objects_put_char(struct objects *o, const char *path,
				     const struct props *props,
				     bool (*wanted)(uint16_t uuid))
{
	struct object_char *c = NULL;

	if (objects_find_char(o, path, &c)) {
		if (props->has & PROP_FLAGS)
			c->flags = props->flags;
		return c;
	}
	if (!(props->has & PROP_UUID) || !props->uuid || !wanted(props->uuid))
		return NULL;
	return add_char(o, path, props);
}

int objects_remove(struct objects *o, const char *path)
{
	struct object_device *d = objects_find_device(o, path);
	struct object_char *c = NULL;
	int config = -1;

	if (d) {
		config = d->config;
		memset(d, 0, sizeof(*d));
		return config;
	}
	d = objects_find_char(o, path, &c);
	if (d) {
		*c = d->chars[--d->char_count];
		config = d->config;
	}
	return config;
}

struct object_char *objects_find_uuid(struct object_device *d, uint16_t uuid,
				      unsigned flags)
{
	for (size_t i = 0; i < d->char_count; i++)
		if (d->chars[i].uuid == uuid && (d->chars[i].flags & flags) == flags)
			return &d->chars[i];
	return NULL;
}

uint16_t objects_parse_uuid(const char *text)
{
	static const char base[] = "-0000-1000-8000-00805f9b34fb";
	uint16_t uuid = 0;

	if (strlen(text) != 36 || strncmp(text, "0000", 4) != 0 ||
	    strcasecmp(text + 8, base) != 0)
		return 0;
	for (size_t i = 4; i < 8; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			return 0;
		uuid = (uint16_t)(uuid << 4 | digit);
	}
	return uuid;
}
