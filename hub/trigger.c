/*
 * trigger.c - see trigger.h. The same for people: docs/LOCKDOWN.md, 'What a hub notices'.
 */
#include "hub/trigger.h"

#include <stdlib.h>

#include "hub/lockdown.h"

enum {
	SECOND_MS = 1000,
	MINUTE_MS = 60 * SECOND_MS,
	HOUR_MS = 60 * MINUTE_MS,
	DAY_MS = 24 * HOUR_MS,
};

#define BIT(role) (1u << (role))

static const unsigned anybody =
	BIT(ROLE_BLE) | BIT(ROLE_STORE) | BIT(ROLE_COAP) | BIT(ROLE_HUBD);

static const struct {
	struct trigger_row row;
	const char *text;
} table[] = {
	{ { TRIGGER_TOKEN, TRIGGER_CLASS_OUTSIDER, BIT(ROLE_HUBD), 8, 10 * MINUTE_MS,
	    LOCKDOWN_GUARDED, TRIGGER_END_QUIET, 10 * MINUTE_MS },
	  "token" },
	{ { TRIGGER_RADIO, TRIGGER_CLASS_OUTSIDER, BIT(ROLE_BLE), 20, 10 * SECOND_MS,
	    LOCKDOWN_GUARDED, TRIGGER_END_AFTER, HOUR_MS },
	  "radio" },
	/* it is counted and told; the bond stays, and so does the level */
	{ { TRIGGER_IMPOSTOR, TRIGGER_CLASS_OUTSIDER, BIT(ROLE_BLE), 3, HOUR_MS,
	    LOCKDOWN_NORMAL, TRIGGER_END_GOOD, DAY_MS },
	  "impostor" },
	{ { TRIGGER_SERVER, TRIGGER_CLASS_OUTSIDER, BIT(ROLE_COAP), 1, 6 * HOUR_MS,
	    LOCKDOWN_GUARDED, TRIGGER_END_GOOD, DAY_MS },
	  "server" },
	{ { TRIGGER_HANDSHAKE, TRIGGER_CLASS_OUTSIDER, BIT(ROLE_COAP), 30, MINUTE_MS,
	    LOCKDOWN_GUARDED, TRIGGER_END_GOOD, DAY_MS },
	  "handshake" },
	{ { TRIGGER_TIME, TRIGGER_CLASS_OUTSIDER, BIT(ROLE_COAP) | BIT(ROLE_HUBD), 1,
	    HOUR_MS, LOCKDOWN_GUARDED, TRIGGER_END_GOOD, DAY_MS },
	  "time" },
	{ { TRIGGER_DECODER, TRIGGER_CLASS_FAULT, BIT(ROLE_BLE), 10, HOUR_MS,
	    LOCKDOWN_GUARDED, TRIGGER_END_AFTER, DAY_MS },
	  "decoder" },
	/* hub-ble's: a value that hub-store would not take */
	{ { TRIGGER_STORAGE, TRIGGER_CLASS_FAULT, BIT(ROLE_STORE) | BIT(ROLE_BLE), 1,
	    HOUR_MS, LOCKDOWN_GUARDED, TRIGGER_END_GOOD, DAY_MS },
	  "storage" },
	{ { TRIGGER_POWER, TRIGGER_CLASS_FAULT, BIT(ROLE_HUBD), 10, HOUR_MS,
	    LOCKDOWN_NORMAL, TRIGGER_END_AFTER, DAY_MS },
	  "power" },
	/* the port stays off; with the case opened it is level 2, as that is alone */
	{ { TRIGGER_USB, TRIGGER_CLASS_POSSESSION, BIT(ROLE_MEASURE), 1, HOUR_MS,
	    LOCKDOWN_GUARDED, TRIGGER_END_RELEASE, 0 },
	  "usb" },
	{ { TRIGGER_CASE, TRIGGER_CLASS_POSSESSION, BIT(ROLE_MEASURE), 1, HOUR_MS,
	    LOCKDOWN_QUARANTINED, TRIGGER_END_RELEASE, 0 },
	  "case" },
	{ { TRIGGER_CODE, TRIGGER_CLASS_MEASUREMENT, BIT(ROLE_MEASURE), 1, HOUR_MS,
	    LOCKDOWN_QUARANTINED, TRIGGER_END_RELEASE, 0 },
	  "code" },
	{ { TRIGGER_IPC, TRIGGER_CLASS_MEASUREMENT, anybody, 1, HOUR_MS,
	    LOCKDOWN_QUARANTINED, TRIGGER_END_RELEASE, 0 },
	  "ipc" },
	{ { TRIGGER_AUDIT, TRIGGER_CLASS_MEASUREMENT, BIT(ROLE_STORE), 1, HOUR_MS,
	    LOCKDOWN_QUARANTINED, TRIGGER_END_RELEASE, 0 },
	  "audit" },
	{ { TRIGGER_ROLLBACK, TRIGGER_CLASS_MEASUREMENT, BIT(ROLE_STORE) | BIT(ROLE_HUBD),
	    1, HOUR_MS, LOCKDOWN_QUARANTINED, TRIGGER_END_RELEASE, 0 },
	  "rollback" },
	{ { TRIGGER_SOCKET, TRIGGER_CLASS_MEASUREMENT, BIT(ROLE_MEASURE), 1, HOUR_MS,
	    LOCKDOWN_QUARANTINED, TRIGGER_END_RELEASE, 0 },
	  "socket" },
};

const struct trigger_row *trigger_row(enum trigger id)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].row.id == id)
			return &table[i].row;
	return NULL;
}

/* Ids are looked at where a signal comes and where a file is read. */
const struct trigger_row *trigger_row_of(enum trigger id)
{
	const struct trigger_row *r = trigger_row(id);

	if (!r)
		abort();
	return r;
}

const char *trigger_text(enum trigger id)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].row.id == id)
			return table[i].text;
	return "?";
}

bool trigger_may_report(enum trigger id, enum role by)
{
	const struct trigger_row *r = trigger_row(id);

	return r && r->seen_by & BIT(by);
}
