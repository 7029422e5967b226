/*
 * gattapp.c - the application that hub-ble registers with bluetoothd: one GattProfile1
 * that lists the services of profile.h. For bonded devices that have one of them
 * bluetoothd then keeps the kernel's auto-connect list.
 *
 * Where a Current Time Service of our own will have its place.
 */
#include <errno.h>
#include <stdio.h>

#include "ble/bluez_internal.h"
#include "ble/profile.h"

#define PROFILE_PATH APP_PATH "/profile0"

static int get_uuids(sd_bus *sd, const char *path, const char *interface,
		     const char *property, sd_bus_message *reply, void *arg,
		     sd_bus_error *ret_error)
{
	int r = sd_bus_message_open_container(reply, 'a', "s");

	(void)sd, (void)path, (void)interface, (void)property, (void)arg, (void)ret_error;
	for (size_t i = 0; r >= 0 && profile_at(i); i++) {
		char uuid[40];

		snprintf(uuid, sizeof(uuid), "0000%04x-0000-1000-8000-00805f9b34fb",
			 profile_at(i)->service);
		r = sd_bus_message_append(reply, "s", uuid);
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int release(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	(void)arg, (void)ret_error;
	return sd_bus_reply_method_return(m, NULL);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Release", "", "", release, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("UUIDs", "as", get_uuids, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_VTABLE_END,
};

int gattapp_export(struct bluez *b)
{
	sd_bus *sd = bus_sd(b->bus);
	int r = sd_bus_add_object_manager(sd, NULL, APP_PATH);

	if (r >= 0)
		r = sd_bus_add_object_vtable(sd, NULL, PROFILE_PATH,
					     BLUEZ_NAME ".GattProfile1", vtable, b);
	return r < 0 ? -EIO : 0;
}
