/*
 * bluez.c - attaching to bluetoothd and hearing what it says; see bluez.h for the order
 * and the invariants.
 */
#include "ble/bluez.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ble/bluez_internal.h"
#include "ble/choose.h"
#include "ble/props.h"
#include "hub/rt/log.h"

enum {
	CONNECT_RETRY_MS = 1000,
	ATTACH_RETRY_MS = 2000,
};

static void retry_in(struct bluez *b, uint64_t ms)
{
	rt_timer_set(b->retry, mono_add(rt_mono(), ms));
}

static void tell_radio(struct bluez *b)
{
	bool on = b->state == BLUEZ_ATTACHED && b->powered && b->want_power;

	if (on == b->radio_told)
		return;
	b->radio_told = on;
	b->h.radio(b->arg, on);
}

void bluez_tell_device(struct bluez *b, int config)
{
	if (config >= 0)
		b->h.device(b->arg, (size_t)config,
			    objects_find_config(&b->objects, (size_t)config));
}

void bluez_drop_object(struct bluez *b, const char *path)
{
	bluez_tell_device(b, objects_remove(&b->objects, path));
}

static void tell_all(struct bluez *b)
{
	for (size_t i = 0; i < b->objects.configured_count; i++)
		bluez_tell_device(b, (int)i);
}

/* Everything known of bluetoothd is void; calls under way will not be answered. */
static void detach(struct bluez *b, enum bluez_state state)
{
	b->generation++;
	b->state = state;
	b->adapter[0] = '\0';
	b->powered = b->powering = b->arm_again = b->listing = b->list_again = false;
	b->removing = 0;
	b->purged = false;
	objects_clear(&b->objects);
	tell_radio(b);
	tell_all(b);
	if (b->pairable) {
		b->pairable = false;
		b->h.bondable(b->arg, false);
	}
}

static void armed(struct bluez *b, const struct bluez_call *call, int err,
		  sd_bus_message *reply)
{
	struct object_char *c = NULL;

	(void)reply;
	if (!objects_find_char(&b->objects, call->path, &c))
		return;
	c->arming = false;
	c->armed = err == 0 || err == -EAGAIN ||
		   err == -EEXIST; /* InProgress: it is ours already */
	if (c->armed)
		return;
	log_warn("notify-refused", "device=%u characteristic=%04x error=%d",
		 (unsigned)call->device + 1, c->uuid, err);
	b->arm_again = true;
	retry_in(b, ATTACH_RETRY_MS);
}

static void arm_device(struct bluez *b, struct object_device *d)
{
	const struct bluez_call like = { .device = (size_t)d->config };

	for (size_t i = 0; i < d->char_count; i++) {
		struct object_char *c = &d->chars[i];

		if (c->armed || c->arming || !choose_is_armed(d, c))
			continue;
		c->arming =
			bluez_call_send(
				b, bluez_call_new(b, c->path, BLUEZ_CHAR, "StartNotify"),
				BLUEZ_TIMEOUT_MS, armed, &like) == 0;
	}
}

/* Strangers stay bonded if they are, but may not
 * connect: they are not in the signed configuration. */
static void keep_out(struct bluez *b, struct object_device *d)
{
	if (d->is & PROP_TRUSTED)
		bluez_set_bool(b, d->path, BLUEZ_DEVICE, "Trusted", false, NULL, NULL);
	if (d->is & PROP_CONNECTED)
		bluez_call_send(b, bluez_call_new(b, d->path, BLUEZ_DEVICE, "Disconnect"),
				BLUEZ_TIMEOUT_MS, NULL, NULL);
}

/* Bonded, and found good: trust is the last step of pairing.h. */
enum { KEPT = PROP_BONDED | PROP_TRUSTED };

void bluez_look_after(struct bluez *b, struct object_device *d)
{
	if (d->config < 0)
		keep_out(b, d);
	else if ((d->is & KEPT) == KEPT)
		arm_device(b, d);
}

static void look_after_all(struct bluez *b)
{
	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++)
		if (b->objects.devices[i].path[0])
			bluez_look_after(b, &b->objects.devices[i]);
}

/* End what a search may have left: of this life, when the radio goes
 * off, or of an earlier one. Errors mean that nothing was left. */
static void tidy(struct bluez *b)
{
	sd_bus_message *m =
		bluez_call_new(b, "/org/bluez", BLUEZ_AGENT_MANAGER, "UnregisterAgent");

	if (m && sd_bus_message_append(m, "o", AGENT_PATH) >= 0)
		bluez_call_send(b, m, BLUEZ_TIMEOUT_MS, NULL, NULL);
	else
		sd_bus_message_unref(m);
	if (!b->adapter[0])
		return;
	bluez_call_send(b, bluez_call_new(b, b->adapter, BLUEZ_ADAPTER, "StopDiscovery"),
			BLUEZ_TIMEOUT_MS, NULL, NULL);
	if (b->pairable)
		bluez_set_bool(b, b->adapter, BLUEZ_ADAPTER, "Pairable", false, NULL,
			       NULL);
}

static void power_done(struct bluez *b, const struct bluez_call *call, int err,
		       sd_bus_message *reply)
{
	(void)reply;
	b->powering = false;
	if (err) {
		log_warn("adapter-power", "want=%d error=%d", (int)call->tag, err);
		retry_in(b, ATTACH_RETRY_MS);
		return;
	}
	b->powered = call->tag;
	tell_radio(b);
	bluez_follow_power(b);
}

void bluez_follow_power(struct bluez *b)
{
	const struct bluez_call like = { .tag = b->want_power };

	tell_radio(b);
	if (!b->adapter[0] || b->powering || b->powered == b->want_power)
		return;
	if (b->want_power && b->state != BLUEZ_ATTACHED)
		return;
	b->powering = bluez_set_bool(b, b->adapter, BLUEZ_ADAPTER, "Powered",
				     b->want_power, power_done, &like) == 0;
}

/* How sure it is that this is the adapter used before: its address can be copied. */
static int rank_adapter(const struct bluez *b, const char *path, const struct props *p)
{
	if (!b->adapter_pinned || !(p->has & PROP_ADDRESS) ||
	    memcmp(p->address, b->adapter_addr, PERIPHERAL_ADDR_LEN) != 0)
		return 0;
	return strcmp(path, b->adapter_path) == 0 ? 2 : 1;
}

/* Among several the one used before, else the first by name. */
static void consider_adapter(struct bluez *b, const char *path, const struct props *p)
{
	bool taken = b->adapter[0] != '\0';
	int rank = rank_adapter(b, path, p);

	if (strlen(path) >= OBJECT_PATH_MAX)
		return;
	if (taken)
		bluez_ignore_adapter(b);
	if (taken && (rank < b->adapter_rank ||
		      (rank == b->adapter_rank && strcmp(path, b->adapter) > 0)))
		return;
	b->adapter_rank = rank;
	memcpy(b->adapter, path, strlen(path) + 1);
	b->powered = p->on & PROP_POWERED;
	b->pairable = p->on & PROP_PAIRABLE;
	if (p->on & PROP_DISCOVERABLE)
		bluez_set_bool(b, path, BLUEZ_ADAPTER, "Discoverable", false, NULL, NULL);
}

static void pin_adapter(struct bluez *b, const char *path, const struct props *p)
{
	if (strcmp(path, b->adapter) != 0 || !(p->has & PROP_ADDRESS))
		return;
	if (b->adapter_pinned &&
	    memcmp(p->address, b->adapter_addr, PERIPHERAL_ADDR_LEN) != 0)
		return;
	memcpy(b->adapter_path, path, strlen(path) + 1);
	memcpy(b->adapter_addr, p->address, PERIPHERAL_ADDR_LEN);
	b->adapter_pinned = true;
}

bool bluez_is_on_adapter(const struct bluez *b, const char *path)
{
	size_t len = strlen(b->adapter);

	return len && strncmp(path, b->adapter, len) == 0 && path[len] == '/';
}

static void put_device(struct bluez *b, const char *path, const struct props *p)
{
	if (bluez_is_on_adapter(b, path))
		if (!objects_put_device(&b->objects, path, p))
			objects_put_candidate(&b->objects, path, p, false);
}

static void put_service(struct bluez *b, const char *path, const struct props *p)
{
	objects_put_service(&b->objects, path, p);
}

static void put_char(struct bluez *b, const char *path, const struct props *p)
{
	/* p->value is what was cached before we listened: old, dropped (invariant 3). */
	objects_put_char(&b->objects, path, p, choose_is_wanted);
}

static void registered(struct bluez *b, const struct bluez_call *call, int err,
		       sd_bus_message *reply)
{
	(void)call, (void)reply;
	if (err && err != -EEXIST) {
		log_warn("attach", "step=register-application error=%d", err);
		detach(b, BLUEZ_LISTING);
		retry_in(b, ATTACH_RETRY_MS);
		return;
	}
	b->state = BLUEZ_ATTACHED;
	log_info("bluetooth-attached", "powered=%d", (int)b->powered);
	tell_all(b);
	bluez_follow_power(b);
}

static void register_application(struct bluez *b)
{
	sd_bus_message *m =
		bluez_call_new(b, b->adapter, BLUEZ_GATT_MANAGER, "RegisterApplication");

	b->state = BLUEZ_REGISTERING;
	if (!m || sd_bus_message_append(m, "oa{sv}", APP_PATH, 0) < 0) {
		sd_bus_message_unref(m);
		m = NULL;
	}
	if (bluez_call_send(b, m, BLUEZ_TIMEOUT_MS, registered, NULL) != 0)
		registered(b, NULL, -EIO, NULL);
}

/* All that belongs to devices. Returns 0 or -EBADMSG. */
static int put_objects(struct bluez *b, sd_bus_message *m)
{
	int err = bluez_walk(b, m, BLUEZ_DEVICE, put_device);

	if (!err)
		err = bluez_walk(b, m, BLUEZ_SERVICE, put_service);
	return err ? err : bluez_walk(b, m, BLUEZ_CHAR, put_char);
}

static int ask_objects(struct bluez *b, bluez_reply_fn *fn)
{
	return bluez_call_send(
		b, bluez_call_new(b, "/", DBUS_OBJECT_MANAGER, "GetManagedObjects"),
		BLUEZ_TIMEOUT_MS, fn, NULL);
}

static void listed(struct bluez *b, const struct bluez_call *call, int err,
		   sd_bus_message *m)
{
	(void)call;
	if (!err)
		err = bluez_walk(b, m, BLUEZ_ADAPTER, consider_adapter);
	if (!err)
		err = bluez_walk(b, m, BLUEZ_ADAPTER, pin_adapter);
	if (!err)
		err = put_objects(b, m);
	if (err) {
		log_warn("attach", "step=objects error=%d", err);
		detach(b, BLUEZ_LISTING);
		retry_in(b, ATTACH_RETRY_MS);
		return;
	}
	if (!b->adapter[0]) {
		log_warn("no-adapter", "do=\"plug in a Bluetooth adapter\"");
		b->state = BLUEZ_NO_ADAPTER;
		return;
	}
	if (b->pairable)
		bluez_set_bool(b, b->adapter, BLUEZ_ADAPTER, "Pairable", false, NULL,
			       NULL);
	bluez_follow_power(b); /* off at once if it may not be on */
	look_after_all(b);
	register_application(b);
}

/* What is on the bus meanwhile is taken as ever: the list is from one moment between two signals. */
static void listed_more(struct bluez *b, const struct bluez_call *call, int err,
			sd_bus_message *m)
{
	(void)call;
	b->listing = false;
	if (!err)
		err = put_objects(b, m);
	if (err) {
		log_warn("attach", "step=more-objects error=%d", err);
		b->list_again = true;
		retry_in(b, ATTACH_RETRY_MS);
		return;
	}
	look_after_all(b);
	tell_all(b);
}

/* The objects of those who are ours since now. */
void bluez_list_more(struct bluez *b)
{
	b->list_again = false;
	b->listing = true;
	if (ask_objects(b, listed_more) != 0)
		listed_more(b, NULL, -EIO, NULL);
}

void bluez_attach(struct bluez *b)
{
	if (!b->configured || !b->owner[0] || !b->bus)
		return;
	detach(b, BLUEZ_LISTING);
	if (ask_objects(b, listed) != 0)
		retry_in(b, ATTACH_RETRY_MS);
}

void bluez_set_owner(struct bluez *b, const char *owner)
{
	if (strcmp(owner, b->owner) == 0 || strlen(owner) >= OWNER_MAX)
		return;
	log_info("bluetoothd", "there=%d", owner[0] != '\0');
	memcpy(b->owner, owner, strlen(owner) + 1);
	detach(b, BLUEZ_WAITING);
	bluez_attach(b);
}

static void lost(void *arg)
{
	struct bluez *b = arg;

	log_warn("bus-lost", "retry_ms=%d", CONNECT_RETRY_MS);
	b->owner[0] = '\0';
	detach(b, BLUEZ_OFFLINE);
	bus_free(b->bus);
	b->bus = NULL;
	b->hold = false;
	retry_in(b, CONNECT_RETRY_MS);
	if (b->h.settle)
		b->h.settle(b->arg);
}

static void connect_bus(struct bluez *b)
{
	if (bus_open(b->rt, b->address, lost, b, &b->bus) != 0) {
		retry_in(b, CONNECT_RETRY_MS);
		return;
	}
	b->state = BLUEZ_WAITING;
	if (agent_export(b) != 0 || gattapp_export(b) != 0 || bluez_subscribe(b) != 0)
		lost(b);
	else
		bus_touch(b->bus);
}

static void on_retry(void *arg)
{
	struct bluez *b = arg;

	switch (b->state) {
	case BLUEZ_OFFLINE: connect_bus(b); break;
	case BLUEZ_WAITING: break;
	case BLUEZ_LISTING: bluez_attach(b); break;
	case BLUEZ_NO_ADAPTER: break;
	case BLUEZ_REGISTERING:
	case BLUEZ_ATTACHED:
		if (b->list_again)
			bluez_list_more(b);
		if (b->arm_again) {
			b->arm_again = false;
			look_after_all(b);
		}
		break;
	}
	bluez_follow_power(b);
	if (b->h.settle)
		b->h.settle(b->arg);
}

struct bluez *bluez_new(struct rt *rt, const char *address,
			const struct bluez_handlers *h, void *arg)
{
	struct bluez *b = calloc(1, sizeof(*b));

	if (!b)
		abort(); /* start-up: a supervisor restarts the process */
	*b = (struct bluez){ .rt = rt, .address = address, .h = *h, .arg = arg };
	b->retry = rt_timer_new(rt, on_retry, b);
	retry_in(b, 0);
	return b;
}

void bluez_set_devices(struct bluez *b, const struct config_device *devices, size_t count)
{
	objects_set_configured(&b->objects, devices, count);
	b->configured = true;
	b->purged = false;
	if (b->state < BLUEZ_REGISTERING) {
		bluez_attach(b);
		return;
	}
	look_after_all(b);
	tell_all(b);
	bluez_list_more(b);
}

bool bluez_is_listing(const struct bluez *b)
{
	return b->listing || b->list_again;
}

void bluez_set_address(struct bluez *b, size_t device,
		       const uint8_t addr[PERIPHERAL_ADDR_LEN], enum addr_type type)
{
	objects_set_address(&b->objects, device, addr, type);
	bluez_tell_device(b, (int)device);
}

void bluez_unset_address(struct bluez *b, size_t device)
{
	objects_unset_address(&b->objects, device);
	bluez_tell_device(b, (int)device);
}

void bluez_watch_candidates(struct bluez *b, bool on)
{
	struct object_device *d;

	/* It advertises again, and is heard as anybody else. */
	while (on && !b->objects.watching && b->state == BLUEZ_ATTACHED &&
	       (d = objects_find_leftover(&b->objects))) {
		log_warn("leftover-bond", "removed=1 note=\"an earlier pairing was cut "
					  "off, or its device is not configured\"");
		bluez_remove(b, d->path, NULL, NULL);
		bluez_drop_object(b, d->path);
	}
	objects_watch_candidates(&b->objects, on);
}

struct objects *bluez_objects(struct bluez *b)
{
	return &b->objects;
}

bool bluez_adapter(const struct bluez *b, uint8_t ret[PERIPHERAL_ADDR_LEN])
{
	if (!b->adapter[0] || !b->adapter_pinned)
		return false;
	memcpy(ret, b->adapter_addr, PERIPHERAL_ADDR_LEN);
	return true;
}

void bluez_hold(struct bluez *b, bool on)
{
	if (b->hold == on)
		return;
	b->hold = on;
	if (b->bus)
		bus_hold(b->bus, on);
}

void bluez_want_power(struct bluez *b, bool on)
{
	if (b->want_power == on)
		return;
	b->want_power = on;
	if (!on && b->state == BLUEZ_ATTACHED)
		tidy(b);
	bluez_follow_power(b);
}

bool bluez_is_off(const struct bluez *b)
{
	return !b->want_power && !b->powering && !(b->adapter[0] && b->powered);
}

void bluez_free(struct bluez *b)
{
	if (!b)
		return;
	rt_timer_free(b->retry);
	bus_free(b->bus);
	free(b);
}
