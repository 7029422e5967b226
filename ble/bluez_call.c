/*
 * bluez_call.c - calls to bluetoothd and what its errors mean; see bluez.h and bluez_internal.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ble/bluez_internal.h"
#include "hub/core/hex.h"

enum {
	TIMEOUT_CONNECT_MS = 45000,
	TIMEOUT_PAIR_MS = 95000, /* pairing.h gives up earlier */
};

static const struct {
	const char *name;
	int err;
} errors[] = {
	{ "org.bluez.Error.AlreadyExists", -EEXIST },
	{ "org.bluez.Error.AuthenticationFailed", -EKEYREJECTED },
	{ "org.bluez.Error.AuthenticationRejected", -EACCES },
	{ "org.bluez.Error.NotAuthorized", -EACCES },
	{ "org.bluez.Error.NotPermitted", -EACCES },
	{ "org.bluez.Error.InProgress", -EAGAIN },
	{ "org.bluez.Error.NotReady", -EAGAIN },
	{ "org.bluez.Error.DoesNotExist", -ENOENT },
	{ "org.freedesktop.DBus.Error.UnknownObject", -ENOENT },
	{ "org.freedesktop.DBus.Error.UnknownMethod", -ENOENT },
	{ "org.bluez.Error.NotSupported", -ENOTSUP },
	{ "org.freedesktop.DBus.Error.NoMemory", -ENOMEM },
};

/* bluetoothd gives ATT errors that have no name of their own as a text with the number. */
static int from_att(const char *text)
{
	static const char intro[] = "Operation failed with ATT error: 0x";
	int high, low;

	if (!text || strncmp(text, intro, sizeof(intro) - 1) != 0)
		return -EIO;
	text += sizeof(intro) - 1;
	high = hex_digit(text[0]);
	low = high < 0 ? -1 : hex_digit(text[1]);
	if (low < 0)
		return -EIO;
	switch (high << 4 | low) {
	case 0x80:		   /* application errors of the older services */
	case 0xFE: return -EAGAIN; /* a procedure is in progress */
	case 0x81:
	case 0xFD: return -EPROTO; /* nobody is subscribed */
	case 0x05:
	case 0x0C:
	case 0x0F: return -EACCES; /* not authenticated, key too short, not encrypted */
	default: return -EIO;
	}
}

static int to_errno(const sd_bus_error *e)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (sd_bus_error_has_name(e, errors[i].name))
			return errors[i].err;
	return from_att(e->message);
}

bool bluez_is_from(const struct bluez *b, sd_bus_message *m)
{
	const char *sender = sd_bus_message_get_sender(m);

	return sender && b->owner[0] && strcmp(sender, b->owner) == 0;
}

static int on_reply(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	const struct bluez_call *call = arg;
	const sd_bus_error *e = sd_bus_message_get_error(m);
	struct bluez *b = call->b;

	(void)ret_error;
	if (call->generation != b->generation)
		return 0;
	if (call->fn)
		call->fn(b, call, e ? to_errno(e) : 0, m);
	if (b->h.settle)
		b->h.settle(b->arg);
	return 0;
}

sd_bus_message *bluez_call_new(struct bluez *b, const char *path, const char *interface,
			       const char *method)
{
	sd_bus_message *m = NULL;

	if (!b->bus || sd_bus_message_new_method_call(bus_sd(b->bus), &m, BLUEZ_NAME,
						      path, interface, method) < 0)
		return NULL;
	/* bluetoothd is systemd's to start, never ours. */
	sd_bus_message_set_auto_start(m, 0);
	return m;
}

int bluez_call_send(struct bluez *b, sd_bus_message *m, uint64_t timeout_ms,
		    bluez_reply_fn *fn, const struct bluez_call *like)
{
	struct bluez_call *call = m ? calloc(1, sizeof(*call)) : NULL;
	sd_bus_slot *slot = NULL;
	int r;

	if (!call) {
		sd_bus_message_unref(m);
		return -ENOMEM;
	}
	if (like)
		*call = *like;
	call->b = b;
	call->generation = b->generation;
	call->fn = fn;
	if (!call->path[0])
		snprintf(call->path, sizeof(call->path), "%s",
			 sd_bus_message_get_path(m));
	r = sd_bus_call_async(bus_sd(b->bus), &slot, m, on_reply, call,
			      timeout_ms * 1000);
	sd_bus_message_unref(m);
	if (r < 0) {
		free(call);
		return -EIO;
	}
	sd_bus_slot_set_destroy_callback(slot, free);
	sd_bus_slot_set_floating(slot, 1);
	sd_bus_slot_unref(slot);
	bus_touch(b->bus);
	return 0;
}

int bluez_set_bool(struct bluez *b, const char *path, const char *interface,
		   const char *name, bool on, bluez_reply_fn *fn,
		   const struct bluez_call *like)
{
	sd_bus_message *m = bluez_call_new(b, path, DBUS_PROPERTIES, "Set");

	if (!m || sd_bus_message_append(m, "ssv", interface, name, "b", (int)on) < 0) {
		sd_bus_message_unref(m);
		return -EIO;
	}
	return bluez_call_send(b, m, BLUEZ_TIMEOUT_MS, fn, like);
}

static void op_done(struct bluez *b, const struct bluez_call *call, int err,
		    sd_bus_message *reply)
{
	const void *value = NULL;
	size_t len = 0;

	if (!err && call->op == BLUEZ_READ &&
	    sd_bus_message_read_array(reply, 'y', &value, &len) < 0)
		err = -EBADMSG;
	if (call->op == BLUEZ_REMOVE && (err == 0 || err == -ENOENT)) {
		err = 0;
		bluez_drop_object(b, call->path);
	}
	/* Somebody else's search or its rest: the adapter searches, which is what
	 * was asked. Nobody ever is told to stop a search that is still settling. */
	if (err == -EAGAIN &&
	    (call->op == BLUEZ_SEARCH_ON || call->op == BLUEZ_SEARCH_OFF))
		err = 0;
	b->h.done(b->arg, call->op, call->device, call->tag, err, value, len);
}

/* RemoveDevice is called on the adapter; the answer must name the device. */
static void remove_done(struct bluez *b, const struct bluez_call *call, int err,
			sd_bus_message *reply)
{
	struct object_device *d = objects_find_config(&b->objects, call->device);
	struct bluez_call of_device = *call;

	if (d)
		memcpy(of_device.path, d->path, sizeof(of_device.path));
	op_done(b, &of_device, err, reply);
}

static void agent_registered(struct bluez *b, const struct bluez_call *call, int err,
			     sd_bus_message *reply)
{
	sd_bus_message *m = bluez_call_new(b, "/org/bluez", BLUEZ_AGENT_MANAGER,
					   "RequestDefaultAgent");

	if (err && err != -EEXIST) {
		sd_bus_message_unref(m);
		op_done(b, call, err, reply);
		return;
	}
	/* As default agent it decides what the adapter says
	 * it can do: without, no passkey would be asked. */
	if (!m || sd_bus_message_append(m, "o", AGENT_PATH) < 0) {
		sd_bus_message_unref(m);
		op_done(b, call, -EIO, reply);
		return;
	}
	err = bluez_call_send(b, m, BLUEZ_TIMEOUT_MS, op_done, call);
	if (err)
		op_done(b, call, err, reply);
}

static int do_agent(struct bluez *b, const struct bluez_call *like)
{
	bool on = like->op == BLUEZ_AGENT_ON;
	sd_bus_message *m = bluez_call_new(b, "/org/bluez", BLUEZ_AGENT_MANAGER,
					   on ? "RegisterAgent" : "UnregisterAgent");
	int r = m ? sd_bus_message_append(m, "o", AGENT_PATH) : -1;

	if (r >= 0 && on)
		r = sd_bus_message_append(m, "s", "KeyboardOnly");
	if (r < 0) {
		sd_bus_message_unref(m);
		return -EIO;
	}
	return bluez_call_send(b, m, BLUEZ_TIMEOUT_MS, on ? agent_registered : op_done,
			       like);
}

/* No UUIDs in the filter: bluetoothd 5.87 crashes on them. */
static int do_search(struct bluez *b, const struct bluez_call *like)
{
	sd_bus_message *m;
	int r;

	if (like->op == BLUEZ_SEARCH_OFF)
		return bluez_call_send(
			b, bluez_call_new(b, b->adapter, BLUEZ_ADAPTER, "StopDiscovery"),
			BLUEZ_TIMEOUT_MS, op_done, like);
	m = bluez_call_new(b, b->adapter, BLUEZ_ADAPTER, "SetDiscoveryFilter");
	r = m ? sd_bus_message_append(m, "a{sv}", 2, "Transport", "s", "le",
				      "DuplicateData", "b", 0)
	      : -1;
	if (r < 0) {
		sd_bus_message_unref(m);
		return -EIO;
	}
	r = bluez_call_send(b, m, BLUEZ_TIMEOUT_MS, NULL, NULL);
	if (r)
		return r;
	return bluez_call_send(
		b, bluez_call_new(b, b->adapter, BLUEZ_ADAPTER, "StartDiscovery"),
		BLUEZ_TIMEOUT_MS, op_done, like);
}

static int do_device(struct bluez *b, const struct bluez_call *like, const char *method,
		     uint64_t timeout_ms)
{
	struct object_device *d = objects_find_config(&b->objects, like->device);

	if (!d)
		return -ENOENT;
	return bluez_call_send(b, bluez_call_new(b, d->path, BLUEZ_DEVICE, method),
			       timeout_ms, op_done, like);
}

static int do_trust(struct bluez *b, const struct bluez_call *like)
{
	struct object_device *d = objects_find_config(&b->objects, like->device);

	if (!d)
		return -ENOENT;
	return bluez_set_bool(b, d->path, BLUEZ_DEVICE, "Trusted",
			      like->op == BLUEZ_TRUST, op_done, like);
}

int bluez_remove(struct bluez *b, const char *path, bluez_reply_fn *fn,
		 const struct bluez_call *like)
{
	sd_bus_message *m = bluez_call_new(b, b->adapter, BLUEZ_ADAPTER, "RemoveDevice");

	if (!m || sd_bus_message_append(m, "o", path) < 0) {
		sd_bus_message_unref(m);
		return -EIO;
	}
	return bluez_call_send(b, m, BLUEZ_TIMEOUT_MS, fn, like);
}

static int do_remove(struct bluez *b, const struct bluez_call *like)
{
	struct object_device *d = objects_find_config(&b->objects, like->device);

	return d ? bluez_remove(b, d->path, remove_done, like) : -ENOENT;
}

int bluez_do(struct bluez *b, enum bluez_op op, size_t device, unsigned tag)
{
	const struct bluez_call like = { .op = op, .device = device, .tag = tag };

	if (b->state != BLUEZ_ATTACHED)
		return -EAGAIN;
	switch (op) {
	case BLUEZ_NONE: break;
	case BLUEZ_READ: break;
	case BLUEZ_WRITE: break;
	case BLUEZ_CONNECT: return do_device(b, &like, "Connect", TIMEOUT_CONNECT_MS);
	case BLUEZ_DISCONNECT: return do_device(b, &like, "Disconnect", BLUEZ_TIMEOUT_MS);
	case BLUEZ_TRUST: return do_trust(b, &like);
	case BLUEZ_DISTRUST: return do_trust(b, &like);
	case BLUEZ_PAIR: return do_device(b, &like, "Pair", TIMEOUT_PAIR_MS);
	case BLUEZ_CANCEL_PAIRING:
		return do_device(b, &like, "CancelPairing", BLUEZ_TIMEOUT_MS);
	case BLUEZ_REMOVE: return do_remove(b, &like);
	case BLUEZ_SEARCH_ON: return do_search(b, &like);
	case BLUEZ_SEARCH_OFF: return do_search(b, &like);
	case BLUEZ_AGENT_ON: return do_agent(b, &like);
	case BLUEZ_AGENT_OFF: return do_agent(b, &like);
	case BLUEZ_BONDABLE_ON:
		return bluez_set_bool(b, b->adapter, BLUEZ_ADAPTER, "Pairable", true,
				      op_done, &like);
	case BLUEZ_BONDABLE_OFF:
		return bluez_set_bool(b, b->adapter, BLUEZ_ADAPTER, "Pairable", false,
				      op_done, &like);
	}
	return -ENOTSUP;
}

static int find_char(struct bluez *b, size_t device, uint16_t service, uint16_t uuid,
		     unsigned flags, struct object_char **ret)
{
	struct object_device *d = objects_find_config(&b->objects, device);

	if (b->state != BLUEZ_ATTACHED)
		return -EAGAIN;
	*ret = !d	 ? NULL
	       : service ? objects_find_in_service(d, service, uuid, flags)
			 : objects_find_uuid(d, uuid, flags);
	return *ret ? 0 : -ENOENT;
}

int bluez_read(struct bluez *b, size_t device, uint16_t service, uint16_t uuid,
	       unsigned tag)
{
	const struct bluez_call like = { .op = BLUEZ_READ, .device = device, .tag = tag };
	struct object_char *c;
	sd_bus_message *m;
	int r = find_char(b, device, service, uuid, CHAR_READ, &c);

	if (r)
		return r;
	m = bluez_call_new(b, c->path, BLUEZ_CHAR, "ReadValue");
	if (!m || sd_bus_message_append(m, "a{sv}", 0) < 0) {
		sd_bus_message_unref(m);
		return -EIO;
	}
	return bluez_call_send(b, m, BLUEZ_TIMEOUT_MS, op_done, &like);
}

int bluez_write(struct bluez *b, size_t device, uint16_t service, uint16_t uuid,
		const uint8_t *value, size_t len, unsigned tag)
{
	const struct bluez_call like = { .op = BLUEZ_WRITE,
					 .device = device,
					 .tag = tag };
	struct object_char *c;
	sd_bus_message *m;
	int r = find_char(b, device, service, uuid, CHAR_WRITE, &c);

	if (r)
		return r;
	m = bluez_call_new(b, c->path, BLUEZ_CHAR, "WriteValue");
	if (!m || sd_bus_message_append_array(m, 'y', value, len) < 0 ||
	    sd_bus_message_append(m, "a{sv}", 1, "type", "s", "request") < 0) {
		sd_bus_message_unref(m);
		return -EIO;
	}
	return bluez_call_send(b, m, BLUEZ_TIMEOUT_MS, op_done, &like);
}

void bluez_subscribe_again(struct bluez *b, size_t device, uint16_t service,
			   uint16_t uuid)
{
	struct object_char *c;

	if (find_char(b, device, service, uuid, CHAR_NOTIFY, &c) != 0)
		return;
	bluez_call_send(b, bluez_call_new(b, c->path, BLUEZ_CHAR, "StopNotify"),
			BLUEZ_TIMEOUT_MS, NULL, NULL);
	c->armed = false; /* its answer comes before that of the next StartNotify */
	bluez_look_after(b, objects_find_config(&b->objects, device));
}
