#pragma once

/*
 * bluez_internal.h - what the files behind bluez.h share; nobody else includes it.
 */
#include "ble/bluez.h"
#include "ble/bus.h"

#define BLUEZ_NAME "org.bluez"
#define BLUEZ_ADAPTER BLUEZ_NAME ".Adapter1"
#define BLUEZ_DEVICE BLUEZ_NAME ".Device1"
#define BLUEZ_SERVICE BLUEZ_NAME ".GattService1"
#define BLUEZ_CHAR BLUEZ_NAME ".GattCharacteristic1"
#define BLUEZ_AGENT_MANAGER BLUEZ_NAME ".AgentManager1"
#define BLUEZ_GATT_MANAGER BLUEZ_NAME ".GattManager1"
#define DBUS_PROPERTIES "org.freedesktop.DBus.Properties"
#define DBUS_OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

/* Our own objects. */
#define AGENT_PATH "/org/hub/agent"
#define APP_PATH "/org/hub/app"

enum {
	OWNER_MAX = 64,
	BLUEZ_TIMEOUT_MS = 10000, /* of a call that has no limit of its own */
};

enum bluez_state {
	BLUEZ_OFFLINE = 0,
	BLUEZ_WAITING,
	BLUEZ_LISTING,
	BLUEZ_NO_ADAPTER,
	BLUEZ_REGISTERING,
	BLUEZ_ATTACHED,
};

struct bluez {
	struct rt *rt;
	const char *address;
	struct bluez_handlers h;
	void *arg;
	struct bus *bus; /* NULL: offline */
	enum bluez_state state;
	unsigned generation;   /* answers to calls of an older one are ignored */
	char owner[OWNER_MAX]; /* unique name of bluetoothd, "" if it is not there */
	bool configured;
	struct objects objects;
	char adapter[OBJECT_PATH_MAX];
	char adapter_path[OBJECT_PATH_MAX]; /* of the one used before */
	int adapter_rank;		    /* of 'adapter' among those listed */
	bool adapter_pinned;
	uint8_t adapter_addr[PERIPHERAL_ADDR_LEN]; /* of the first one ever used */
	bool powered, pairable, want_power, powering, radio_told;
	bool arm_again;		/* a StartNotify failed */
	bool listing;		/* objects of new devices are asked for, while attached */
	bool list_again;	/* and that failed */
	unsigned removing;	/* answers to bluez_purge that are due */
	bool purged;		/* a list was asked for since nobody was left */
	bool hold;		/* the bus is not read */
	struct rt_timer *retry; /* reconnect, attach, power, StartNotify */
};

/* One call under way. Lives until its answer, or until the connection ends. */
struct bluez_call;
typedef void bluez_reply_fn(struct bluez *b, const struct bluez_call *call, int err,
			    sd_bus_message *reply);
struct bluez_call {
	struct bluez *b;
	unsigned generation;
	bluez_reply_fn *fn;
	enum bluez_op op;
	size_t device;
	unsigned tag;
	char path[OBJECT_PATH_MAX]; /* what it is about; not given: the object called */
};

/* bluez_call_new - a method call to bluetoothd, to be
 * filled and given to bluez_call_send; NULL: no memory. */
sd_bus_message *bluez_call_new(struct bluez *b, const char *path, const char *interface,
			       const char *method);

/*
 * bluez_call_send - send it; fn gets the answer unless bluetoothd or the bus went away. m
 * is taken, NULL is fine.
 *
 * like   op, device, tag and path for the answer; NULL: none
 *
 * Returns 0, -EIO or -ENOMEM.
 */
int bluez_call_send(struct bluez *b, sd_bus_message *m, uint64_t timeout_ms,
		    bluez_reply_fn *fn, const struct bluez_call *like);

/* bluez_set_bool - set a yes-or-no property. */
int bluez_set_bool(struct bluez *b, const char *path, const char *interface,
		   const char *name, bool on, bluez_reply_fn *fn,
		   const struct bluez_call *like);

/* bluez_remove - have bluetoothd forget a device, by path; the call is on the adapter. */
int bluez_remove(struct bluez *b, const char *path, bluez_reply_fn *fn,
		 const struct bluez_call *like);

/* Is it from bluetoothd itself? */
bool bluez_is_from(const struct bluez *b, sd_bus_message *m);

/* Tell the handlers what changed about a device. config < 0: nothing to tell. */
void bluez_tell_device(struct bluez *b, int config);

/* Forget a device's object: told removed, or removed by us. */
void bluez_drop_object(struct bluez *b, const char *path);

/* bluez.c: what follows from what was heard. */

/* Start attaching over; nothing happens without configuration and bluetoothd. */
void bluez_attach(struct bluez *b);
/* bluetoothd is there under this unique name; "": it is not. */
void bluez_set_owner(struct bluez *b, const char *owner);
/* Subscribe if it is ours and kept, keep out if it is a stranger. */
void bluez_look_after(struct bluez *b, struct object_device *d);
/* Bring the radio to where it shall be, and tell where it is. */
void bluez_follow_power(struct bluez *b);
/* Ask for all objects once more, while attached. */
void bluez_list_more(struct bluez *b);
bool bluez_is_on_adapter(const struct bluez *b, const char *path);

/* bluez_watch.c: reading lists and signals. */

/* What to do with one interface of one object; everything is borrowed. */
typedef void bluez_put_fn(struct bluez *b, const char *path, const struct props *p);

/* All objects of one interface of a GetManagedObjects answer. Returns 0 or -EBADMSG. */
int bluez_walk(struct bluez *b, sd_bus_message *m, const char *interface,
	       bluez_put_fn *put);
/* Ask for signals, then who bluetoothd is: no change falls between. Returns 0 or -EIO. */
int bluez_subscribe(struct bluez *b);
/* There are two adapters, which is one too many: logged, and told as an incident. */
void bluez_ignore_adapter(struct bluez *b);

/* agent.c, gattapp.c: put our objects on a new connection. Returns 0 or -EIO. */
int agent_export(struct bluez *b);
int gattapp_export(struct bluez *b);
