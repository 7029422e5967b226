/*
 * objects.c - the table of bluetoothd's objects; see objects.h.
 */
#include "ble/objects.h"

#include <string.h>
#include <strings.h>

#include "ble/traits.h"
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
	memset(o->candidates, 0, sizeof(o->candidates));
}

static bool is_at(const uint8_t a[static PERIPHERAL_ADDR_LEN], enum addr_type a_type,
		  const uint8_t b[static PERIPHERAL_ADDR_LEN], enum addr_type b_type)
{
	return a_type == b_type && memcmp(a, b, PERIPHERAL_ADDR_LEN) == 0;
}

static int find_configured(const struct objects *o,
			   const uint8_t addr[static PERIPHERAL_ADDR_LEN],
			   enum addr_type type)
{
	for (size_t i = 0; i < o->configured_count; i++)
		if (o->configured[i].has_addr &&
		    is_at(o->configured[i].addr, o->configured[i].addr_type, addr, type))
			return (int)i;
	return -1;
}

/* Cut to length, at the start of a UTF-8 character. */
static void set_name(char name[static OBJECT_NAME_MAX + 1], const char *text)
{
	size_t len = strlen(text);

	if (len > OBJECT_NAME_MAX) {
		len = OBJECT_NAME_MAX;
		while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
			len--;
	}
	memcpy(name, text, len);
	name[len] = '\0';
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

static bool has_room_for_stranger(const struct objects *o)
{
	size_t strangers = 0;

	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++)
		strangers += o->devices[i].path[0] && o->devices[i].config < 0;
	return strangers < OBJECT_STRANGERS_MAX;
}

/* Which device each object is now; of two objects for one device, that which was it before stays it. */
static void place_objects(struct objects *o, int ret[static OBJECT_DEVICES_MAX])
{
	bool taken[CONFIG_DEVICES_MAX] = { false };

	for (int ours = 1; ours >= 0; ours--) {
		for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++) {
			const struct object_device *d = &o->devices[i];

			if (!d->path[0] || (d->config >= 0) != ours)
				continue;
			ret[i] = find_configured(o, d->addr, d->addr_type);
			if (ret[i] >= 0 && taken[ret[i]])
				ret[i] = -1;
			else if (ret[i] >= 0)
				taken[ret[i]] = true;
		}
	}
}

void objects_set_configured(struct objects *o, const struct config_device *devices,
			    size_t count)
{
	int config[OBJECT_DEVICES_MAX] = { 0 };
	size_t strangers = 0;

	o->configured_count = count;
	if (count)
		memcpy(o->configured, devices, count * sizeof(*devices));
	memset(o->candidates, 0, sizeof(o->candidates));
	place_objects(o, config);
	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++) {
		struct object_device *d = &o->devices[i];

		if (!d->path[0])
			continue;
		d->config = config[i];
		if (d->config < 0 &&
		    (!(d->is & TIES) || ++strangers > OBJECT_STRANGERS_MAX))
			memset(d, 0, sizeof(*d));
	}
}

static struct object_device *free_slot(struct objects *o, bool stranger)
{
	if (stranger && !has_room_for_stranger(o))
		return NULL;
	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++)
		if (!o->devices[i].path[0])
			return &o->devices[i];
	return NULL;
}

static struct object_device *new_device(struct objects *o, const char *path, int config)
{
	struct object_device *d;

	/* Two objects of one configured device cannot be told apart: the first stays. */
	if (config >= 0 && objects_find_config(o, (size_t)config))
		return NULL;
	d = free_slot(o, config < 0);
	if (!d || strlen(path) >= OBJECT_PATH_MAX)
		return NULL;
	memset(d, 0, sizeof(*d));
	memcpy(d->path, path, strlen(path) + 1);
	d->rssi = OBJECT_RSSI_UNKNOWN;
	d->config = config;
	return d;
}

static struct object_device *add_device(struct objects *o, const char *path,
					const struct props *props)
{
	int config;

	if (!(props->has & PROP_ADDRESS))
		return NULL;
	config = find_configured(o, props->address, props->address_type);
	if (config < 0 && !(props->on & TIES))
		return NULL;
	return new_device(o, path, config);
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
	if (props->has & PROP_ADDRESS)
		memcpy(d->addr, props->address, PERIPHERAL_ADDR_LEN);
	if (props->has & PROP_ADDRESS_TYPE)
		d->addr_type = props->address_type;
	if (props->has & PROP_NAME || (props->has & PROP_ALIAS && !d->name[0]))
		set_name(d->name, props->name);
	if (props->has & PROP_RSSI)
		d->rssi = props->rssi;
	if (props->has & PROP_SERVICES)
		d->offers = props->services;
	return d;
}

/* ---- candidates ---- */

/* Services of the configured devices whose address is not known. */
static unsigned looked_for(const struct objects *o)
{
	unsigned services = 0;

	for (size_t i = 0; i < o->configured_count; i++)
		if (!o->configured[i].has_addr)
			services |= traits_services_of(o->configured[i].kind);
	return services;
}

struct object_device *objects_find_leftover(struct objects *o)
{
	const unsigned services = looked_for(o);

	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++) {
		struct object_device *d = &o->devices[i];

		if (d->path[0] && d->config < 0 && d->is & PROP_BONDED &&
		    d->offers & services)
			return d;
	}
	return NULL;
}

static struct object_candidate *find_candidate(struct objects *o, const char *path)
{
	for (size_t i = 0; i < OBJECT_CANDIDATES_MAX; i++)
		if (*path && strcmp(o->candidates[i].path, path) == 0)
			return &o->candidates[i];
	return NULL;
}

static int strength_of(const struct object_candidate *c)
{
	return c->heard ? c->rssi : INT16_MIN;
}

/* A free slot, or that of the weakest if it is weaker than the new one. */
static struct object_candidate *candidate_slot(struct objects *o, int strength)
{
	struct object_candidate *weakest = NULL;

	for (size_t i = 0; i < OBJECT_CANDIDATES_MAX; i++) {
		struct object_candidate *c = &o->candidates[i];

		if (!c->path[0])
			return c;
		if (!weakest || strength_of(c) < strength_of(weakest))
			weakest = c;
	}
	return strength_of(weakest) < strength ? weakest : NULL;
}

static struct object_candidate *add_candidate(struct objects *o, const char *path,
					      const struct props *props, bool heard)
{
	const unsigned needed = PROP_ADDRESS | PROP_SERVICES;
	struct object_candidate new = { .rssi = OBJECT_RSSI_UNKNOWN,
					.addr_type = props->address_type,
					.heard = heard };
	struct object_candidate *c;

	if ((props->has & needed) != needed || !(props->services & looked_for(o)) ||
	    strlen(path) >= OBJECT_PATH_MAX || objects_find_device(o, path) ||
	    find_configured(o, props->address, props->address_type) >= 0)
		return NULL;
	if (props->has & PROP_RSSI)
		new.rssi = props->rssi;
	c = candidate_slot(o, strength_of(&new));
	if (!c)
		return NULL;
	*c = new;
	memcpy(c->path, path, strlen(path) + 1);
	memcpy(c->addr, props->address, PERIPHERAL_ADDR_LEN);
	return c;
}

const struct object_candidate *objects_put_candidate(struct objects *o, const char *path,
						     const struct props *props, bool news)
{
	struct object_candidate *c = find_candidate(o, path);
	bool heard = props->has & PROP_RSSI || (news && !c);

	if (props->on & (PROP_PAIRED | PROP_BONDED)) {
		if (c)
			memset(c, 0, sizeof(*c));
		return NULL;
	}
	if (!o->watching)
		return NULL;
	if (!c)
		c = add_candidate(o, path, props, heard);
	if (!c)
		return NULL;
	c->heard |= heard;
	if (props->has & PROP_SERVICES)
		c->services = props->services;
	if (props->has & PROP_RSSI)
		c->rssi = props->rssi;
	if (props->has & PROP_NAME || (props->has & PROP_ALIAS && !c->name[0]))
		set_name(c->name, props->name);
	return heard ? c : NULL;
}

void objects_watch_candidates(struct objects *o, bool on)
{
	if (o->watching == on)
		return;
	o->watching = on;
	for (size_t i = 0; i < OBJECT_CANDIDATES_MAX; i++)
		o->candidates[i].heard = false;
}

bool objects_wants_details(struct objects *o, const char *path, const struct props *props)
{
	return o->watching && props->services & looked_for(o) &&
	       !(props->has & PROP_ADDRESS) && !find_candidate(o, path) &&
	       !objects_find_device(o, path);
}

static void adopt(struct objects *o, struct object_candidate *c, int config)
{
	struct object_device *d = new_device(o, c->path, config);

	if (d) {
		memcpy(d->addr, c->addr, PERIPHERAL_ADDR_LEN);
		d->addr_type = c->addr_type;
		d->rssi = c->rssi;
		memcpy(d->name, c->name, sizeof(d->name));
	}
	memset(c, 0, sizeof(*c));
}

void objects_set_address(struct objects *o, size_t i,
			 const uint8_t addr[static PERIPHERAL_ADDR_LEN],
			 enum addr_type type)
{
	struct config_device *cfg;

	if (i >= o->configured_count)
		return;
	cfg = &o->configured[i];
	memcpy(cfg->addr, addr, PERIPHERAL_ADDR_LEN);
	cfg->addr_type = type;
	cfg->has_addr = true;
	for (size_t k = 0; k < OBJECT_DEVICES_MAX; k++) {
		struct object_device *d = &o->devices[k];

		if (d->path[0] && d->config < 0 &&
		    is_at(d->addr, d->addr_type, addr, type) &&
		    !objects_find_config(o, i))
			d->config = (int)i;
	}
	for (size_t k = 0; k < OBJECT_CANDIDATES_MAX; k++) {
		struct object_candidate *c = &o->candidates[k];

		if (c->path[0] && is_at(c->addr, c->addr_type, addr, type))
			adopt(o, c, (int)i);
	}
}

void objects_unset_address(struct objects *o, size_t i)
{
	struct object_device *d = objects_find_config(o, i);

	if (i >= o->configured_count)
		return;
	memset(o->configured[i].addr, 0, PERIPHERAL_ADDR_LEN);
	o->configured[i].has_addr = false;
	if (d && has_room_for_stranger(o))
		d->config = -1;
	else if (d)
		memset(d, 0, sizeof(*d));
}

/* ---- services and characteristics ---- */

/* Is 'path' below 'parent'? */
static bool is_below(const char *path, const char *parent)
{
	size_t len = strlen(parent);

	return len && strncmp(path, parent, len) == 0 && path[len] == '/';
}

/* The device below whose path this one is. */
static struct object_device *find_owner(struct objects *o, const char *path)
{
	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++)
		if (is_below(path, o->devices[i].path))
			return &o->devices[i];
	return NULL;
}

struct object_device *objects_find_char(struct objects *o, const char *path,
					struct object_char **ret_char)
{
	struct object_device *d = find_owner(o, path);

	for (size_t i = 0; d && i < d->char_count; i++) {
		if (strcmp(d->chars[i].path, path) == 0) {
			*ret_char = &d->chars[i];
			return d;
		}
	}
	return NULL;
}

/* Is the characteristic's path <device>/<service>/<itself>? */
static bool is_in_service(const struct object_device *d, const char *char_path,
			  const char *service)
{
	const char *rest = char_path + strlen(d->path) + 1;
	size_t len = strlen(service);

	return strncmp(rest, service, len) == 0 && rest[len] == '/';
}

/* The UUID of the service that a characteristic's path is below; 0 if not known. */
static uint16_t service_of(const struct object_device *d, const char *char_path)
{
	for (size_t i = 0; i < d->service_count; i++)
		if (is_in_service(d, char_path, d->services[i].name))
			return d->services[i].uuid;
	return 0;
}

void objects_put_service(struct objects *o, const char *path, const struct props *props)
{
	struct object_device *d = find_owner(o, path);
	const char *name = d ? path + strlen(d->path) + 1 : "";
	struct object_service *s;
	size_t i = 0;

	if (!d || !(props->has & PROP_UUID) || !props->uuid || strchr(name, '/') ||
	    strlen(name) == 0 || strlen(name) >= OBJECT_SERVICE_NAME_MAX)
		return;
	while (i < d->service_count && strcmp(d->services[i].name, name) != 0)
		i++;
	if (i == OBJECT_SERVICES_MAX)
		return;
	s = &d->services[i];
	if (i == d->service_count)
		d->service_count++;
	memcpy(s->name, name, strlen(name) + 1);
	s->uuid = props->uuid;
	for (size_t c = 0; c < d->char_count; c++)
		if (is_in_service(d, d->chars[c].path, name))
			d->chars[c].service = s->uuid;
}

static struct object_char *add_char(struct objects *o, const char *path,
				    const struct props *props)
{
	struct object_device *d = find_owner(o, path);
	struct object_char *c;

	if (!d || d->char_count == OBJECT_CHARS_MAX || strlen(path) >= OBJECT_PATH_MAX)
		return NULL;
	c = &d->chars[d->char_count++];
	*c = (struct object_char){ .uuid = props->uuid,
				   .service = service_of(d, path),
				   .flags = props->flags };
	memcpy(c->path, path, strlen(path) + 1);
	return c;
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

static void remove_service(struct objects *o, const char *path)
{
	struct object_device *d = find_owner(o, path);
	const char *name = d ? path + strlen(d->path) + 1 : NULL;

	for (size_t i = 0; d && i < d->service_count; i++) {
		if (strcmp(d->services[i].name, name) == 0) {
			d->services[i] = d->services[--d->service_count];
			return;
		}
	}
}

int objects_remove(struct objects *o, const char *path)
{
	struct object_device *d = objects_find_device(o, path);
	struct object_candidate *who = find_candidate(o, path);
	struct object_char *c = NULL;
	int config = -1;

	if (who)
		memset(who, 0, sizeof(*who));
	if (d) {
		config = d->config;
		memset(d, 0, sizeof(*d));
		return config;
	}
	d = objects_find_char(o, path, &c);
	if (d) {
		*c = d->chars[--d->char_count];
		config = d->config;
	} else {
		remove_service(o, path);
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

struct object_char *objects_find_in_service(struct object_device *d, uint16_t service,
					    uint16_t uuid, unsigned flags)
{
	for (size_t i = 0; i < d->char_count; i++)
		if (d->chars[i].service == service && d->chars[i].uuid == uuid &&
		    (d->chars[i].flags & flags) == flags)
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
