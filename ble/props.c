/*
 * props.c - property dictionaries; see props.h.
 */
#include "ble/props.h"

#include <errno.h>
#include <string.h>

#include "ble/traits.h"
#include "hub/core/hex.h"

static int get_bool(sd_bus_message *m, enum prop bit, struct props *p)
{
	int on;
	int r = sd_bus_message_read(m, "b", &on);

	if (r < 0)
		return r;
	p->has |= bit;
	if (on)
		p->on |= bit;
	else
		p->on &= ~(unsigned)bit;
	return 0;
}

static int get_text(sd_bus_message *m, enum prop bit, struct props *p)
{
	const char *text;
	int r = sd_bus_message_read(m, "s", &text);

	if (r < 0)
		return r;
	if (bit == PROP_ADDRESS) {
		if (hex_address(text, strlen(text), p->address) != 0)
			return 0;
	} else if (bit == PROP_NAME || bit == PROP_ALIAS) {
		if (bit == PROP_NAME ||
		    !(p->has & PROP_NAME)) /* in whichever order they come */
			p->name = text;
	} else if (bit == PROP_ADDRESS_TYPE) {
		p->address_type = strcmp(text, "random") == 0 ? ADDR_RANDOM : ADDR_PUBLIC;
	} else {
		p->uuid = objects_parse_uuid(text);
	}
	p->has |= bit;
	return 0;
}

static unsigned char_flag(const char *text)
{
	if (strcmp(text, "read") == 0)
		return CHAR_READ;
	if (strcmp(text, "write") == 0)
		return CHAR_WRITE;
	if (strcmp(text, "notify") == 0 || strcmp(text, "indicate") == 0)
		return CHAR_NOTIFY;
	return 0;
}

static int get_flags(sd_bus_message *m, enum prop bit, struct props *p)
{
	const char *text;
	int r = sd_bus_message_enter_container(m, 'a', "s");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(m, "s", &text)) > 0)
		p->flags |= char_flag(text);
	if (r < 0)
		return r;
	p->has |= bit;
	return sd_bus_message_exit_container(m);
}

/* UUIDs of all services, as advertised and, once resolved, as found. */
static int get_services(sd_bus_message *m, enum prop bit, struct props *p)
{
	const char *text;
	int r = sd_bus_message_enter_container(m, 'a', "s");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(m, "s", &text)) > 0)
		p->services |= traits_service_bit(objects_parse_uuid(text));
	if (r < 0)
		return r;
	p->has |= bit;
	return sd_bus_message_exit_container(m);
}

static int get_rssi(sd_bus_message *m, enum prop bit, struct props *p)
{
	int r = sd_bus_message_read(m, "n", &p->rssi);

	if (r >= 0)
		p->has |= bit;
	return r;
}

static int get_value(sd_bus_message *m, enum prop bit, struct props *p)
{
	const void *value;
	size_t len;
	int r = sd_bus_message_read_array(m, 'y', &value, &len);

	if (r < 0)
		return r;
	p->value = value;
	p->value_len = len;
	p->has |= bit;
	return 0;
}

/* Names that mean different things on different interfaces do not occur among these. */
static const struct {
	const char *name;
	const char *type;
	enum prop bit;
	int (*get)(sd_bus_message *m, enum prop bit, struct props *p);
} table[] = {
	{ "Powered", "b", PROP_POWERED, get_bool },
	{ "Pairable", "b", PROP_PAIRABLE, get_bool },
	{ "Discoverable", "b", PROP_DISCOVERABLE, get_bool },
	{ "Paired", "b", PROP_PAIRED, get_bool },
	{ "Bonded", "b", PROP_BONDED, get_bool },
	{ "Trusted", "b", PROP_TRUSTED, get_bool },
	{ "Connected", "b", PROP_CONNECTED, get_bool },
	{ "ServicesResolved", "b", PROP_RESOLVED, get_bool },
	{ "Notifying", "b", PROP_NOTIFYING, get_bool },
	{ "Address", "s", PROP_ADDRESS, get_text },
	{ "AddressType", "s", PROP_ADDRESS_TYPE, get_text },
	{ "UUID", "s", PROP_UUID, get_text },
	{ "Flags", "as", PROP_FLAGS, get_flags },
	{ "Value", "ay", PROP_VALUE, get_value },
	{ "Name", "s", PROP_NAME, get_text },
	{ "Alias", "s", PROP_ALIAS, get_text },
	{ "RSSI", "n", PROP_RSSI, get_rssi },
	{ "UUIDs", "as", PROP_SERVICES, get_services },
};

static int get_variant(sd_bus_message *m, const char *name, struct props *p)
{
	const char *type;
	char kind;
	int r = sd_bus_message_peek_type(m, &kind, &type);

	if (r < 0)
		return r;
	for (size_t i = 0; kind == 'v' && i < sizeof(table) / sizeof(*table); i++) {
		if (strcmp(table[i].name, name) != 0 || strcmp(table[i].type, type) != 0)
			continue;
		r = sd_bus_message_enter_container(m, 'v', type);
		if (r >= 0)
			r = table[i].get(m, table[i].bit, p);
		return r < 0 ? r : sd_bus_message_exit_container(m);
	}
	return sd_bus_message_skip(m, "v");
}

int props_read(sd_bus_message *m, struct props *ret)
{
	struct props p = { 0 };
	const char *name;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &name);
		if (r >= 0)
			r = get_variant(m, name, &p);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	if (r < 0 || sd_bus_message_exit_container(m) < 0)
		return -EBADMSG;
	*ret = p;
	return 0;
}
