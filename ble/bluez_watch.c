/*
 * bluez_watch.c - reads what bluetoothd lists and signals; what follows is done in bluez.c.
 *
 * A Value met in a list or with a new object was cached before we listened: old, dropped.
 * Only a change signal is a new value, and two equal ones in a row are two.
 */
#include <errno.h>
#include <string.h>

#include "ble/bluez_internal.h"
#include "ble/choose.h"
#include "ble/props.h"
#include "hub/rt/log.h"

static void settle(struct bluez *b)
{
	if (b->h.settle)
		b->h.settle(b->arg);
}

void bluez_ignore_adapter(struct bluez *b)
{
	log_warn("second-adapter",
		 "ignored=1 do=\"remove the second Bluetooth adapter\"");
	b->h.incident(b->arg, INCIDENT_RADIO_IMPOSTOR, CONFIG_DEVICES_MAX);
}

/* One object: path, then its interfaces; 'put' gets the properties of one interface. */
static int walk_object(struct bluez *b, sd_bus_message *m, const char *interface,
		       bluez_put_fn *put)
{
	const char *path, *name;
	struct props p;
	int r = sd_bus_message_read(m, "o", &path);

	if (r < 0 || sd_bus_message_enter_container(m, 'a', "{sa{sv}}") < 0)
		return -EBADMSG;
	while ((r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
		if (sd_bus_message_read(m, "s", &name) < 0)
			return -EBADMSG;
		if (strcmp(name, interface) == 0) {
			if (props_read(m, &p) != 0)
				return -EBADMSG;
			put(b, path, &p);
		} else if (sd_bus_message_skip(m, "a{sv}") < 0) {
			return -EBADMSG;
		}
		if (sd_bus_message_exit_container(m) < 0)
			return -EBADMSG;
	}
	return r < 0 || sd_bus_message_exit_container(m) < 0 ? -EBADMSG : 0;
}

/* All objects of one interface. The dictionary has no order, so each interface takes one walk. */
int bluez_walk(struct bluez *b, sd_bus_message *m, const char *interface,
	       bluez_put_fn *put)
{
	int r = sd_bus_message_rewind(m, 1);

	if (r < 0 || sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}") < 0)
		return -EBADMSG;
	while ((r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
		if (walk_object(b, m, interface, put) != 0 ||
		    sd_bus_message_exit_container(m) < 0)
			return -EBADMSG;
	}
	return r < 0 ? -EBADMSG : 0;
}

static void on_adapter_added(struct bluez *b, const char *path, const struct props *p)
{
	(void)p;
	if (b->state == BLUEZ_NO_ADAPTER)
		bluez_attach(b);
	else if (b->state > BLUEZ_NO_ADAPTER && strcmp(path, b->adapter) != 0)
		bluez_ignore_adapter(b);
}

static void put_details(struct bluez *b, const struct bluez_call *call, int err,
			sd_bus_message *m)
{
	const struct object_candidate *c;
	struct props p;

	if (err || props_read(m, &p) != 0)
		return;
	c = objects_put_candidate(&b->objects, call->path, &p, true);
	if (c)
		b->h.candidate(b->arg, c);
}

/* Its services may stand in another advertisement than its address. */
static void ask_details(struct bluez *b, const char *path, const struct props *p)
{
	sd_bus_message *m;

	if (!objects_wants_details(&b->objects, path, p))
		return;
	m = bluez_call_new(b, path, DBUS_PROPERTIES, "GetAll");
	if (!m || sd_bus_message_append(m, "s", BLUEZ_DEVICE) < 0) {
		sd_bus_message_unref(m);
		return;
	}
	bluez_call_send(b, m, BLUEZ_TIMEOUT_MS, put_details, NULL);
}

/* None of ours: perhaps one to be paired, certainly none to be connected. */
static void on_stranger(struct bluez *b, const char *path, const struct props *p)
{
	const struct object_candidate *c = NULL;

	if (bluez_is_on_adapter(b, path))
		c = objects_put_candidate(&b->objects, path, p, true);
	if (c)
		b->h.candidate(b->arg, c);
	else if (bluez_is_on_adapter(b, path))
		ask_details(b, path, p);
	/* by path, for we may not have its address */
	if (p->on & PROP_CONNECTED)
		bluez_call_send(b, bluez_call_new(b, path, BLUEZ_DEVICE, "Disconnect"),
				BLUEZ_TIMEOUT_MS, NULL, NULL);
}

/* bluetoothd tells of links when it is idle, so that a short absence can be left out: 'connected'
 * of one that was connected is another link. */
static void tell_absence(struct bluez *b, const char *path, const struct props *p)
{
	struct object_device *d = objects_find_device(&b->objects, path);

	if (!d || d->config < 0 || !(p->on & d->is & PROP_CONNECTED))
		return;
	d->is &= ~(unsigned)PROP_CONNECTED;
	bluez_tell_device(b, d->config);
}

static void on_device_changed(struct bluez *b, const char *path, const struct props *p)
{
	struct object_device *d;

	tell_absence(b, path, p);
	d = bluez_is_on_adapter(b, path) ? objects_put_device(&b->objects, path, p)
					 : NULL;
	b->h.heard(b->arg);
	if (!d) {
		on_stranger(b, path, p);
		return;
	}
	bluez_look_after(b, d);
	bluez_tell_device(b, d->config);
}

static void on_service_added(struct bluez *b, const char *path, const struct props *p)
{
	objects_put_service(&b->objects, path, p);
}

static void on_service_changed(struct bluez *b, const char *path, const struct props *p)
{
	(void)b, (void)path, (void)p; /* its UUID never changes */
}

static void on_char_added(struct bluez *b, const char *path, const struct props *p)
{
	struct object_char *c = objects_put_char(&b->objects, path, p, choose_is_wanted);
	struct object_device *d = c ? objects_find_char(&b->objects, path, &c) : NULL;

	if (!d)
		return;
	bluez_look_after(b, d);
	bluez_tell_device(b, d->config);
}

static void on_char_changed(struct bluez *b, const char *path, const struct props *p)
{
	struct object_char *c = NULL;
	struct object_device *d = objects_find_char(&b->objects, path, &c);

	if (!d || d->config < 0)
		return;
	if (p->has & PROP_NOTIFYING && !(p->on & PROP_NOTIFYING) && c->armed) {
		c->armed = false;
		bluez_look_after(b, d);
	}
	/* Reading a characteristic signals its Value too; only what was subscribed to counts. */
	if (!(p->has & PROP_VALUE) || !(c->armed || c->arming) || !choose_is_armed(d, c))
		return;
	if (p->value_len > OBJECT_VALUE_MAX)
		b->h.incident(b->arg, INCIDENT_RADIO_GARBAGE, (size_t)d->config);
	else
		b->h.value(b->arg, (size_t)d->config, c->service, c->uuid, p->value,
			   p->value_len);
}

static void on_adapter_changed(struct bluez *b, const char *path, const struct props *p)
{
	if (strcmp(path, b->adapter) != 0)
		return;
	if (p->has & PROP_POWERED && !b->powering) {
		b->powered = p->on & PROP_POWERED;
		bluez_follow_power(b);
	}
	if (p->has & PROP_PAIRABLE) {
		b->pairable = p->on & PROP_PAIRABLE;
		b->h.bondable(b->arg, b->pairable);
	}
}

static const struct {
	const char *interface;
	bluez_put_fn *added, *changed;
} kinds[] = {
	{ BLUEZ_ADAPTER, on_adapter_added, on_adapter_changed },
	{ BLUEZ_DEVICE, on_device_changed, on_device_changed },
	{ BLUEZ_SERVICE, on_service_added,
	  on_service_changed }, /* before what is in it */
	{ BLUEZ_CHAR, on_char_added, on_char_changed },
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

/* Before the objects are listed, a signal tells nothing that the list will not tell. */
static bool is_news(const struct bluez *b, sd_bus_message *m)
{
	return bluez_is_from(b, m) && b->state >= BLUEZ_NO_ADAPTER;
}

static int on_interfaces_added(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	struct bluez *b = arg;

	(void)ret_error;
	if (!is_news(b, m))
		return 0;
	for (size_t i = 0; i < KINDS; i++) {
		if (sd_bus_message_rewind(m, 1) < 0 ||
		    walk_object(b, m, kinds[i].interface, kinds[i].added) != 0)
			break;
	}
	settle(b);
	return 0;
}

static int on_interfaces_removed(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	struct bluez *b = arg;
	const char *path, *name;
	bool ours = false;

	(void)ret_error;
	if (!is_news(b, m) || sd_bus_message_read(m, "o", &path) < 0 ||
	    sd_bus_message_enter_container(m, 'a', "s") < 0)
		return 0;
	while (sd_bus_message_read(m, "s", &name) > 0)
		for (size_t i = 0; i < KINDS; i++)
			ours |= strcmp(name, kinds[i].interface) == 0;
	if (ours && strcmp(path, b->adapter) == 0)
		bluez_attach(b);
	else if (ours)
		bluez_drop_object(b, path);
	settle(b);
	return 0;
}

static int on_properties_changed(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	struct bluez *b = arg;
	const char *path = sd_bus_message_get_path(m), *interface;
	struct props p;

	(void)ret_error;
	if (!is_news(b, m) || sd_bus_message_read(m, "s", &interface) < 0)
		return 0;
	for (size_t i = 0; i < KINDS; i++) {
		if (strcmp(interface, kinds[i].interface) != 0)
			continue;
		if (props_read(m, &p) == 0)
			kinds[i].changed(b, path, &p);
		break;
	}
	settle(b);
	return 0;
}

static int on_owner_changed(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	const char *name, *before, *now, *sender = sd_bus_message_get_sender(m);

	(void)ret_error;
	/* A rule's sender is matched by the daemon, and not for messages sent to us alone:
	 * anybody on the bus could name himself bluetoothd. */
	if (!sender || strcmp(sender, "org.freedesktop.DBus") != 0)
		return 0;
	if (sd_bus_message_read(m, "sss", &name, &before, &now) >= 0 &&
	    strcmp(name, BLUEZ_NAME) == 0)
		bluez_set_owner(arg, now);
	settle(arg);
	return 0;
}

static int on_owner(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	const char *owner;

	(void)ret_error;
	if (!sd_bus_message_is_method_error(m, NULL) &&
	    sd_bus_message_read(m, "s", &owner) >= 0)
		bluez_set_owner(arg, owner);
	settle(arg);
	return 0;
}

static const struct {
	const char *rule;
	sd_bus_message_handler_t fn;
} matches[] = {
	{ "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
	  "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.bluez'",
	  on_owner_changed },
	{ "type='signal',sender='org.bluez',path='/',interface='" DBUS_OBJECT_MANAGER
	  "',member='InterfacesAdded'",
	  on_interfaces_added },
	{ "type='signal',sender='org.bluez',path='/',interface='" DBUS_OBJECT_MANAGER
	  "',member='InterfacesRemoved'",
	  on_interfaces_removed },
	{ "type='signal',sender='org.bluez',path_namespace='/org/"
	  "bluez',interface='" DBUS_PROPERTIES "',member='PropertiesChanged'",
	  on_properties_changed },
};

/* The rules stand in the bus's queue before the question
 * who bluetoothd is: no change falls between. */
int bluez_subscribe(struct bluez *b)
{
	sd_bus *sd = bus_sd(b->bus);
	int r = 0;

	for (size_t i = 0; r >= 0 && i < sizeof(matches) / sizeof(*matches); i++)
		r = sd_bus_add_match_async(sd, NULL, matches[i].rule, matches[i].fn, NULL,
					   b);
	if (r >= 0)
		r = sd_bus_call_method_async(sd, NULL, "org.freedesktop.DBus",
					     "/org/freedesktop/DBus",
					     "org.freedesktop.DBus", "GetNameOwner",
					     on_owner, b, "s", BLUEZ_NAME);
	return r < 0 ? -EIO : 0;
}
