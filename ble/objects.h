#pragma once

/*
 * objects.h - what the hub keeps of bluetoothd's objects: configured devices with their
 * services and the characteristics it uses, strangers only if they are paired, trusted or
 * connected, and in a pairing window those who advertise what is looked for. Pure; bounded;
 * no D-Bus types.
 *
 * A neighbourhood full of advertising devices, or one that invents addresses, therefore
 * takes no memory here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/config.h"

enum {
	OBJECT_PATH_MAX = 80, /* bluetoothd's longest that we look at has 60 */
	/* Of one device that has everything the hub knows, e.g. a scale with 2 measurements, 2
	 * features, 2 user data, 10 device information, battery, 2 clocks: 20. */
	OBJECT_CHARS_MAX = 40,
	OBJECT_SERVICES_MAX = 16,
	OBJECT_SERVICE_NAME_MAX = 16, /* "service0028" */
	OBJECT_NAME_MAX = 32,	      /* octets of a device's name that are kept */
	OBJECT_STRANGERS_MAX = 8,
	OBJECT_CANDIDATES_MAX = 8,
	OBJECT_DEVICES_MAX = CONFIG_DEVICES_MAX + OBJECT_STRANGERS_MAX,
	OBJECT_VALUE_MAX = READING_RAW_MAX,
	OBJECT_RSSI_UNKNOWN = 127, /* Core 5.4 4.E.7.5.4, and when nothing was said */
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
	PROP_NAME = 1 << 14,
	PROP_ALIAS = 1 << 15,
	PROP_RSSI = 1 << 16,
	PROP_SERVICES = 1 << 17,
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
	uint16_t uuid;	   /* 16-bit UUID on the Bluetooth base, 0 for any other */
	unsigned flags;	   /* enum char_flag */
	int16_t rssi;	   /* dBm */
	unsigned services; /* enum traits_service: those of UUIDs that the hub knows */
	/* borrowed from the message: the device's name, or its alias if PROP_NAME is not told */
	const char *name;
	/* borrowed from the message; may be longer than OBJECT_VALUE_MAX */
	const uint8_t *value;
	size_t value_len;
};

struct object_service {
	/* last part of its path; "": the slot is free */
	char name[OBJECT_SERVICE_NAME_MAX];
	uint16_t uuid;
};

struct object_char {
	char path[OBJECT_PATH_MAX];
	uint16_t uuid;
	uint16_t
		service; /* 16-bit UUID of the service it is in; 0: another one, or not told */
	unsigned flags; /* enum char_flag */
	bool armed;	/* StartNotify was accepted */
	bool arming;	/* StartNotify is under way */
};

struct object_device {
	char path[OBJECT_PATH_MAX]; /* "": the slot is free */
	uint8_t addr[PERIPHERAL_ADDR_LEN];
	enum addr_type addr_type;
	/* as the device says it, cut to length; outside text: to be escaped */
	char name[OBJECT_NAME_MAX + 1];
	int16_t rssi;	 /* when it last advertised, or OBJECT_RSSI_UNKNOWN */
	unsigned is;	 /* PROP_PAIRED .. PROP_RESOLVED that are true */
	int config;	 /* index in the configuration, -1 for a stranger */
	unsigned offers; /* enum traits_service */
	size_t service_count, char_count;
	struct object_service services[OBJECT_SERVICES_MAX];
	struct object_char chars[OBJECT_CHARS_MAX];
};

/* One who advertises a service of a configured device that has no address. */
struct object_candidate {
	char path[OBJECT_PATH_MAX]; /* "": the slot is free */
	uint8_t addr[PERIPHERAL_ADDR_LEN];
	enum addr_type addr_type;
	char name[OBJECT_NAME_MAX + 1]; /* outside text */
	int16_t rssi;			/* or OBJECT_RSSI_UNKNOWN */
	unsigned services;		/* enum traits_service that it advertises */
	bool heard;			/* not only listed */
};

struct objects {
	struct config_device configured[CONFIG_DEVICES_MAX];
	size_t configured_count;
	bool watching; /* candidates are kept */
	struct object_candidate candidates[OBJECT_CANDIDATES_MAX];
	struct object_device devices[OBJECT_DEVICES_MAX];
};

/*
 * objects_set_configured - who is ours, with the addresses that were found for those who had none.
 *
 * Objects stay: those of ours under their new index, strangers if they are tied to the hub.
 * Candidates are forgotten.
 */
void objects_set_configured(struct objects *o, const struct config_device *devices,
			    size_t count);

/* objects_clear - forget all objects, keep who is ours. */
void objects_clear(struct objects *o);

/*
 * objects_set_address - configured device i, which has no address, is the one at this one.
 *
 * The object that it has as a candidate or as a stranger becomes that of device i. Kept by
 * objects_clear, until objects_set_configured or objects_unset_address.
 */
void objects_set_address(struct objects *o, size_t i,
			 const uint8_t addr[static PERIPHERAL_ADDR_LEN],
			 enum addr_type type);

/* objects_unset_address - it was not; an object that it still has is a stranger's. */
void objects_unset_address(struct objects *o, size_t i);

/*
 * objects_watch_candidates - keep candidates, or keep no more.
 *
 * Those already known stay, as not heard, for as long as their objects: bluetoothd keeps these
 * for two minutes (TemporaryTimeout) and tells only the strength when it hears them again, so
 * that otherwise nobody could be found in a window that is opened anew.
 */
void objects_watch_candidates(struct objects *o, bool on);

/*
 * objects_put_device - a device appeared or changed.
 *
 * A new address of a known object is learned: after pairing it is the identity address.
 *
 * Returns its entry, or NULL if it is a stranger without any tie, has no address, or
 * there is no room.
 */
struct object_device *objects_put_device(struct objects *o, const char *path,
					 const struct props *props);

/*
 * objects_find_leftover - a stranger whose bond was left by a pairing that was cut off, or by a device that is not
 * configured any more, and who offers what is looked for. As long as the bond is there it cannot be paired.
 *
 * Returns NULL if there is none.
 */
struct object_device *objects_find_leftover(struct objects *o);

/*
 * objects_put_candidate - somebody for whom objects_put_device had no entry.
 *
 * news   a signal told it, not a list: a new object then means that it was heard now
 *
 * If there are more than OBJECT_CANDIDATES_MAX the strongest stay, those heard before those
 * only listed; strength unknown counts as strong.
 *
 * Returns its entry if it was heard advertising what is looked for, else NULL: not watching,
 * nothing that we look for, bonded already, or only known and not heard.
 */
const struct object_candidate *objects_put_candidate(struct objects *o, const char *path,
						     const struct props *props,
						     bool news);

/*
 * objects_wants_details - should all properties of this object be asked for?
 *
 * What is looked for may stand in a later advertisement than the one an object appears with;
 * then it is told without the address. Put them with objects_put_candidate, 'news' true.
 */
bool objects_wants_details(struct objects *o, const char *path,
			   const struct props *props);

/* objects_put_service - a service appeared; those of strangers without entry are left out. */
void objects_put_service(struct objects *o, const char *path, const struct props *props);

/*
 * objects_put_char - a characteristic appeared or changed.
 *
 * wanted   does the hub use this 16-bit UUID?
 *
 * Its service may be put before or after it.
 *
 * Returns its entry, or NULL if it is not wanted, belongs to no device here, or there is no room.
 */
struct object_char *objects_put_char(struct objects *o, const char *path,
				     const struct props *props,
				     bool (*wanted)(uint16_t uuid));

/* objects_remove - a path is gone; the device's services and characteristics
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
/* The same, in one service: 2A52 and 2A08 may be in several. */
struct object_char *objects_find_in_service(struct object_device *d, uint16_t service,
					    uint16_t uuid, unsigned flags);

/* objects_parse_uuid - the 16-bit UUID of a text on the Bluetooth base, 0 for any other. */
uint16_t objects_parse_uuid(const char *text);
