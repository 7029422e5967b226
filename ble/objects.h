#pragma once

/*
 * objects.h - what the hub keeps of bluetoothd's objects: the adapter, configured devices
 * with the characteristics it uses, and strangers only if they are paired, trusted or
 * connected. Pure; bounded; no D-Bus types.
 *
 * A neighbourhood full of advertising devices, or one that invents addresses, therefore
 * takes no memory here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/config.h"

enum {
	OBJECT_PATH_MAX = 128,
	OBJECT_CHARS_MAX = 8,
	OBJECT_STRANGERS_MAX = 8,
	OBJECT_DEVICES_MAX = CONFIG_DEVICES_MAX + OBJECT_STRANGERS_MAX,
	OBJECT_VALUE_MAX = READING_RAW_MAX,
};

/* Properties, as bits: which were told, and for the yes-or-no ones which are true. */
enum prop {
	PROP_POWERED = 1 << 0,
	PROP_PAIRABLE = 1 << 1,
	PROP_DISCOVERABLE = 1 << 2,
	PROP_PAIRED = 1 << 3,
	PROP_BONDED = 1 << 4,
	PROP_TRUSTED = 1 << 5,
	PROP_CONNECTED = 1 << 6,
	PROP_RESOLVED = 1 << 7,
	PROP_NOTIFYING = 1 << 8,
	PROP_ADDRESS = 1 << 9,
	PROP_ADDRESS_TYPE = 1 << 10,
	PROP_UUID = 1 << 11,
	PROP_FLAGS = 1 << 12,
	PROP_VALUE = 1 << 13,
};

enum char_flag {
	CHAR_READ = 1 << 0,
	CHAR_WRITE = 1 << 1,
	CHAR_NOTIFY = 1 << 2, /* or indicate */
};

/* A set of properties as one message told them. */
struct props {
	unsigned has; /* bits of enum prop */
	unsigned on;  /* those of them that are true */
	uint8_t address[PERIPHERAL_ADDR_LEN];
	enum addr_type address_type;
	uint16_t uuid;	/* 16-bit UUID on the Bluetooth base, 0 for any other */
	unsigned flags; /* enum char_flag */
	/* borrowed from the message; may be longer than OBJECT_VALUE_MAX */
	const uint8_t *value;
	size_t value_len;
};

struct object_char {
	char path[OBJECT_PATH_MAX];
	uint16_t uuid;
	unsigned flags; /* enum char_flag */
	bool armed;	/* StartNotify was accepted */
	bool arming;	/* StartNotify is under way */
};

struct object_device {
	char path[OBJECT_PATH_MAX]; /* "": the slot is free */
	uint8_t addr[PERIPHERAL_ADDR_LEN];
	enum addr_type addr_type;
	unsigned is; /* PROP_PAIRED .. PROP_RESOLVED that are true */
	int config;  /* index in the configuration, -1 for a stranger */
	size_t char_count;
	struct object_char chars[OBJECT_CHARS_MAX];
};

struct objects {
	struct config_device configured[CONFIG_DEVICES_MAX];
	size_t configured_count;
	struct object_device devices[OBJECT_DEVICES_MAX];
};

/* objects_set_configured - who is ours; all objects are forgotten. */
void objects_set_configured(struct objects *o, const struct config_device *devices,
			    size_t count);

/* objects_clear - forget all objects, keep who is ours. */
void objects_clear(struct objects *o);

/*
 * objects_put_device - a device appeared or changed.
 *
 * Returns its entry, or NULL if it is a stranger without any tie, has no address, or
 * there is no room.
 */
struct object_device *objects_put_device(struct objects *o, const char *path,
					 const struct props *props);

/*
 * objects_put_char - a characteristic appeared or changed.
 *
 * wanted   does the hub use this 16-bit UUID?
 *
 * Returns its entry, or NULL if it is not wanted, belongs to no device here, or there is no room.
 */
struct object_char *objects_put_char(struct objects *o, const char *path,
				     const struct props *props,
				     bool (*wanted)(uint16_t uuid));

/* objects_remove - a path is gone; the device's characteristics
 * go with it. Returns its device index or -1. */
int objects_remove(struct objects *o, const char *path);

struct object_device *objects_find_device(struct objects *o, const char *path);
/* The device that owns a characteristic's path;
 * *ret_char is the characteristic. NULL if not here. */
struct object_device *objects_find_char(struct objects *o, const char *path,
					struct object_char **ret_char);
/* The object of configured device i, NULL if bluetoothd has none. */
struct object_device *objects_find_config(struct objects *o, size_t i);
/* The first characteristic with this UUID that has all these flags; NULL if there is none. */
struct object_char *objects_find_uuid(struct object_device *d, uint16_t uuid,
				      unsigned flags);

/* objects_parse_uuid - the 16-bit UUID of a text on the Bluetooth base, 0 for any other. */
uint16_t objects_parse_uuid(const char *text);
