/*
 * gattapp.c - the application that hub-ble registers with bluetoothd.
 *
 * One GattProfile1 that lists the services of profile.h: for bonded devices that have one
 * of them bluetoothd then keeps the kernel's auto-connect list. And a Current Time Service
 * for devices that fetch the time: it answers over an encrypted link only, and refuses
 * while the hub does not know the time from the clinic. Source: Current Time Service 1.1.
 */
#include <errno.h>
#include <stdio.h>

#include "ble/bluez_internal.h"
#include "ble/profile.h"

#define PROFILE_PATH APP_PATH "/profile0"
#define SERVICE_PATH APP_PATH "/time"
#define CURRENT_PATH SERVICE_PATH "/current"
#define LOCAL_PATH SERVICE_PATH "/local"

#define UUID_TEXT "0000%04x-0000-1000-8000-00805f9b34fb"
#define UUID_CURRENT_TIME_SERVICE "00001805-0000-1000-8000-00805f9b34fb"
#define UUID_CURRENT_TIME "00002a2b-0000-1000-8000-00805f9b34fb"
#define UUID_LOCAL_TIME "00002a0f-0000-1000-8000-00805f9b34fb"

enum { CURRENT_TIME_LEN = 10, LOCAL_TIME_LEN = 2 };

/* Every getter of a property has this shape. */
#define GETTER(name)                                                                     \
	static int name(sd_bus *sd, const char *path, const char *interface,             \
			const char *property, sd_bus_message *reply, void *arg,          \
			sd_bus_error *ret_error)
#define UNUSED_GETTER_PARAMETERS                                                         \
	(void)sd, (void)path, (void)interface, (void)property, (void)arg, (void)ret_error

static bool is_first_of_service(size_t row)
{
	for (size_t i = 0; i < row; i++)
		if (profile_at(i)->service == profile_at(row)->service)
			return false;
	return true;
}

GETTER(get_uuids)
{
	int r = sd_bus_message_open_container(reply, 'a', "s");

	UNUSED_GETTER_PARAMETERS;
	for (size_t i = 0; r >= 0 && profile_at(i); i++) {
		char uuid[40];

		if (!is_first_of_service(i))
			continue;
		snprintf(uuid, sizeof(uuid), UUID_TEXT, profile_at(i)->service);
		r = sd_bus_message_append(reply, "s", uuid);
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(get_service_uuid)
{
	UNUSED_GETTER_PARAMETERS;
	return sd_bus_message_append(reply, "s", UUID_CURRENT_TIME_SERVICE);
}

GETTER(get_primary)
{
	UNUSED_GETTER_PARAMETERS;
	return sd_bus_message_append(reply, "b", 1);
}

GETTER(get_current_uuid)
{
	UNUSED_GETTER_PARAMETERS;
	return sd_bus_message_append(reply, "s", UUID_CURRENT_TIME);
}

GETTER(get_local_uuid)
{
	UNUSED_GETTER_PARAMETERS;
	return sd_bus_message_append(reply, "s", UUID_LOCAL_TIME);
}

GETTER(get_service)
{
	UNUSED_GETTER_PARAMETERS;
	return sd_bus_message_append(reply, "o", SERVICE_PATH);
}

GETTER(get_flags)
{
	UNUSED_GETTER_PARAMETERS;
	return sd_bus_message_append(reply, "as", 1, "encrypt-read");
}

static int release(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	(void)arg, (void)ret_error;
	return sd_bus_reply_method_return(m, NULL);
}

static int reply_value(sd_bus_message *m, const uint8_t *value, size_t len)
{
	sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(m, &reply);

	if (r >= 0)
		r = sd_bus_message_append_array(reply, 'y', value, len);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r < 0 ? r : 1;
}

static int refuse(sd_bus_error *ret_error)
{
	return sd_bus_error_set_const(ret_error, BLUEZ_NAME ".Error.NotPermitted",
				      "the time is not known");
}

static int read_current(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	struct bluez *b = arg;
	uint8_t value[CURRENT_TIME_LEN];

	if (!bluez_is_from(b, m) || b->h.current_time(b->arg, value) != 0)
		return refuse(ret_error);
	return reply_value(m, value, sizeof(value));
}

static int read_local(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	struct bluez *b = arg;
	uint8_t value[LOCAL_TIME_LEN];

	if (!bluez_is_from(b, m) || b->h.local_time(b->arg, value) != 0)
		return refuse(ret_error);
	return reply_value(m, value, sizeof(value));
}

#define METHOD(name, in, out, fn)                                                        \
	SD_BUS_METHOD(name, in, out, fn, SD_BUS_VTABLE_UNPRIVILEGED)
#define CONSTANT(name, type, fn)                                                         \
	SD_BUS_PROPERTY(name, type, fn, 0, SD_BUS_VTABLE_PROPERTY_CONST)

static const sd_bus_vtable profile[] = {
	SD_BUS_VTABLE_START(0),
	METHOD("Release", "", "", release),
	CONSTANT("UUIDs", "as", get_uuids),
	SD_BUS_VTABLE_END,
};

static const sd_bus_vtable service[] = {
	SD_BUS_VTABLE_START(0),
	CONSTANT("UUID", "s", get_service_uuid),
	CONSTANT("Primary", "b", get_primary),
	SD_BUS_VTABLE_END,
};

static const sd_bus_vtable current[] = {
	SD_BUS_VTABLE_START(0),
	METHOD("ReadValue", "a{sv}", "ay", read_current),
	CONSTANT("UUID", "s", get_current_uuid),
	CONSTANT("Service", "o", get_service),
	CONSTANT("Flags", "as", get_flags),
	SD_BUS_VTABLE_END,
};

static const sd_bus_vtable local[] = {
	SD_BUS_VTABLE_START(0),
	METHOD("ReadValue", "a{sv}", "ay", read_local),
	CONSTANT("UUID", "s", get_local_uuid),
	CONSTANT("Service", "o", get_service),
	CONSTANT("Flags", "as", get_flags),
	SD_BUS_VTABLE_END,
};

int gattapp_export(struct bluez *b)
{
	const struct {
		const char *path, *interface;
		const sd_bus_vtable *vtable;
	} objects[] = {
		{ PROFILE_PATH, BLUEZ_NAME ".GattProfile1", profile },
		{ SERVICE_PATH, BLUEZ_NAME ".GattService1", service },
		{ CURRENT_PATH, BLUEZ_CHAR, current },
		{ LOCAL_PATH, BLUEZ_CHAR, local },
	};
	sd_bus *sd = bus_sd(b->bus);
	int r = sd_bus_add_object_manager(sd, NULL, APP_PATH);

	for (size_t i = 0; r >= 0 && i < sizeof(objects) / sizeof(*objects); i++)
		r = sd_bus_add_object_vtable(sd, NULL, objects[i].path,
					     objects[i].interface, objects[i].vtable, b);
	return r < 0 ? -EIO : 0;
}
