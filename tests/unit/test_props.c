/*
 * test_props.c - property dictionaries as bluetoothd sends them, and as nobody should. The messages are made by sd-bus
 * on a socket that nobody reads.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/socket.h>

#include "ble/props.h"
#include "ble/traits.h"

static sd_bus *bus;

static void open_bus(void)
{
	static int fds[2];

	if (bus)
		return;
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
		  0);
	CHECK(sd_bus_new(&bus) >= 0);
	CHECK(sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
	CHECK(sd_bus_start(bus) >= 0);
}

static sd_bus_message *begin(void)
{
	sd_bus_message *m;

	open_bus();
	CHECK(sd_bus_message_new_signal(bus, &m, "/x", "x.y", "Z") >= 0);
	return m;
}

static int finish(sd_bus_message *m, struct props *ret)
{
	int r;

	CHECK(sd_bus_message_seal(m, 1, 0) >= 0);
	CHECK(sd_bus_message_rewind(m, 1) >= 0);
	r = props_read(m, ret);
	sd_bus_message_unref(m);
	return r;
}

static void test_device(void)
{
	sd_bus_message *m = begin();
	struct props p;

	/* as bluetoothd 5.82 tells of somebody who advertises */
	CHECK(sd_bus_message_append(
		      m, "a{sv}", 11, "Address", "s", "F0:F1:F2:F3:F4:F5", "AddressType",
		      "s", "random", "Name", "s", "meter+1", "Alias", "s", "my meter",
		      "Paired", "b", 0, "Connected", "b", 1, "RSSI", "n", -71, "UUIDs",
		      "as", 3, "00001808-0000-1000-8000-00805f9b34fb",
		      "0000180a-0000-1000-8000-00805f9b34fb",
		      "46a970e0-0d5f-11e2-8b5e-0002a5d5c51b", "ServicesResolved", "b", 0,
		      "AdvertisingFlags", "ay", 1, 6, "TxPower", "n", 4) >= 0);
	CHECK_INT(finish(m, &p), 0);
	CHECK_UINT(p.has, PROP_ADDRESS | PROP_ADDRESS_TYPE | PROP_NAME | PROP_ALIAS |
				  PROP_PAIRED | PROP_CONNECTED | PROP_RSSI |
				  PROP_SERVICES | PROP_RESOLVED);
	CHECK_UINT(p.on, PROP_CONNECTED);
	CHECK_MEM(p.address, "\xF0\xF1\xF2\xF3\xF4\xF5", 6);
	CHECK_INT(p.address_type, ADDR_RANDOM);
	CHECK_INT(p.rssi, -71);
	CHECK_UINT(p.services, TRAITS_GLS);
}

/* The name counts before the alias, in whichever order they come. */
static void test_names(void)
{
	for (int i = 0; i < 2; i++) {
		sd_bus_message *m = begin();
		struct props p;

		CHECK(sd_bus_message_append(m, "a{sv}", 2, i ? "Alias" : "Name", "s",
					    i ? "alias" : "name", i ? "Name" : "Alias",
					    "s", i ? "name" : "alias") >= 0);
		CHECK(sd_bus_message_seal(m, 1, 0) >= 0);
		CHECK(sd_bus_message_rewind(m, 1) >= 0);
		CHECK_INT(props_read(m, &p), 0);
		CHECK_STR(p.name, "name"); /* borrowed from m */
		sd_bus_message_unref(m);
		m = begin();
		CHECK(sd_bus_message_append(m, "a{sv}", 1, "Alias", "s", "alias") >= 0);
		CHECK(sd_bus_message_seal(m, 1, 0) >= 0);
		CHECK(sd_bus_message_rewind(m, 1) >= 0);
		CHECK_INT(props_read(m, &p), 0);
		CHECK_UINT(p.has, PROP_ALIAS);
		CHECK_STR(p.name, "alias");
		sd_bus_message_unref(m);
	}
}

/* All 16-bit services that the hub knows, none, and more than anybody has. */
static void test_services(void)
{
	sd_bus_message *m = begin();
	struct props p;

	CHECK(sd_bus_message_append(m, "a{sv}", 1, "UUIDs", "as", 0) >= 0);
	CHECK_INT(finish(m, &p), 0);
	CHECK_UINT(p.has, PROP_SERVICES);
	CHECK_UINT(p.services, 0);
	m = begin();
	CHECK(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
	CHECK(sd_bus_message_open_container(m, 'e', "sv") >= 0);
	CHECK(sd_bus_message_append(m, "s", "UUIDs") >= 0);
	CHECK(sd_bus_message_open_container(m, 'v', "as") >= 0);
	CHECK(sd_bus_message_open_container(m, 'a', "s") >= 0);
	for (unsigned u = 0x1800; u < 0x1900; u++) {
		char text[40];

		snprintf(text, sizeof(text), "0000%04x-0000-1000-8000-00805f9b34fb", u);
		CHECK(sd_bus_message_append(m, "s", text) >= 0);
	}
	for (int i = 0; i < 4; i++)
		CHECK(sd_bus_message_close_container(m) >= 0);
	CHECK_INT(finish(m, &p), 0);
	CHECK_UINT(p.services, 0x3FF);
}

/* Unknown names and unexpected types are skipped. */
static void test_skipped(void)
{
	sd_bus_message *m = begin();
	struct props p;

	CHECK(sd_bus_message_append(m, "a{sv}", 7, "RSSI", "i", -71, "UUIDs", "ay", 2, 1,
				    2, "Name", "b", 1, "Paired", "s", "yes", "Address",
				    "s", "F0:F1:F2:F3:F4", "ManufacturerData", "a{qv}", 1,
				    76, "ay", 1, 2, "ServiceData", "a{sv}", 1, "x", "s",
				    "y") >= 0);
	CHECK_INT(finish(m, &p), 0);
	CHECK_UINT(p.has, 0);
	m = begin();
	CHECK(sd_bus_message_append(m, "a{sv}", 0) >= 0);
	CHECK_INT(finish(m, &p), 0);
	CHECK_UINT(p.has, 0);
}

static void test_no_dictionary(void)
{
	sd_bus_message *m = begin();
	struct props p = { .has = 77 };

	CHECK(sd_bus_message_append(m, "s", "a{sv}") >= 0);
	CHECK_INT(finish(m, &p), -EBADMSG);
	CHECK_UINT(p.has, 77); /* written on success only */
	m = begin();
	CHECK_INT(finish(m, &p), -EBADMSG);
	m = begin();
	CHECK(sd_bus_message_append(m, "a{ss}", 1, "Name", "x") >= 0);
	CHECK_INT(finish(m, &p), -EBADMSG);
}

static void test_characteristic(void)
{
	sd_bus_message *m = begin();
	struct props p;

	CHECK(sd_bus_message_append(m, "a{sv}", 4, "UUID", "s",
				    "00002A18-0000-1000-8000-00805F9B34FB", "Flags", "as",
				    3, "read", "indicate", "encrypt-read", "Notifying",
				    "b", 1, "Value", "ay", 2, 0x12, 0x34) >= 0);
	CHECK(sd_bus_message_seal(m, 1, 0) >= 0);
	CHECK(sd_bus_message_rewind(m, 1) >= 0);
	CHECK_INT(props_read(m, &p), 0);
	CHECK_UINT(p.uuid, 0x2A18);
	CHECK_UINT(p.flags, CHAR_READ | CHAR_NOTIFY);
	CHECK_UINT(p.on, PROP_NOTIFYING);
	CHECK_UINT(p.value_len, 2);
	CHECK_MEM(p.value, "\x12\x34", 2);
	sd_bus_message_unref(m);
}

TEST_MAIN("props", test_device, test_names, test_services, test_skipped,
	  test_no_dictionary, test_characteristic)
