#pragma once

/*
 * traits.h - what a family of models does differently: one row each, and a cautious row for
 * all others. Nothing else of hub-ble knows a product's name.
 *
 * A row is found by what the device says of itself over its bond (Device Information), and
 * before that by the name it advertises. Both are the device's own words and prove nothing:
 * a row may make the hub stricter, slower or more patient, but it never grants what the
 * configuration does not (a bond without passkey, an address, a user).
 */
#include <stdbool.h>
#include <stdint.h>

#include "ble/clock.h"
#include "hub/core/reading.h"

/* Services as a set; those that matter to the hub. */
enum traits_service {
	TRAITS_BLS = 1 << 0, /* 0x1810 Blood Pressure */
	TRAITS_WSS = 1 << 1, /* 0x181D Weight Scale */
	TRAITS_BCS = 1 << 2, /* 0x181B Body Composition */
	TRAITS_PLX = 1 << 3, /* 0x1822 Pulse Oximeter */
	TRAITS_HTS = 1 << 4, /* 0x1809 Health Thermometer */
	TRAITS_GLS = 1 << 5, /* 0x1808 Glucose */
	TRAITS_HRS = 1 << 6, /* 0x180D Heart Rate */
	TRAITS_CGM = 1 << 7, /* 0x181F Continuous Glucose Monitoring */
	TRAITS_GHS = 1 << 8, /* 0x1840 Generic Health Sensor */
	TRAITS_UDS = 1 << 9, /* 0x181C User Data */
};

enum traits_passkey {
	TRAITS_PASSKEY_NONE = 0, /* it has none to give */
	TRAITS_PASSKEY_LABEL,	 /* printed on it: can be in the configuration */
	TRAITS_PASSKEY_SHOWN,	 /* on its display, another one at each pairing */
};

enum traits_history {
	TRAITS_HISTORY_NONE = 0, /* only what is measured while it is connected */
	TRAITS_HISTORY_RESENDS, /* sends what it stored by itself, perhaps all of it each time */
	TRAITS_HISTORY_RACP, /* on request, by sequence number */
	TRAITS_HISTORY_LAST, /* sends only the last one */
};

enum traits_users {
	TRAITS_USERS_NONE = 0,
	TRAITS_USERS_SLOT, /* a user number in each value */
	TRAITS_USERS_UDS,  /* User Data Service: consent code */
};

enum { TRAITS_CLOCKS_MAX = 4 };

struct traits {
	const char *family; /* for people; static */
	/* How it is found: lists of prefixes that end with NULL, letters of either case. */
	const char *const *names;  /* advertised; NULL: not found by name */
	const char *const *makers; /* DIS 2A29; NULL: not looked at */
	/* DIS 2A24; NULL: whatever the maker makes is of this family */
	const char *const *models;
	bool untested;	   /* nothing is known of it: the cautious row */
	unsigned services; /* enum traits_service that it is expected to have */
	/* pair before anything else; false: connect, wait for its services, then pair */
	bool pair_first;
	/* hang up once after bonding, or it does not finish */
	bool just_bonded_disconnect;
	/* the weakest bond that is accepted of it, see traits_accepts */
	enum link_strength strength_min;
	enum traits_passkey passkey;
	/* through which characteristic its clock is best reached; CLOCK_KIND_NONE ends the list */
	enum clock_kind clocks[TRAITS_CLOCKS_MAX];
	bool clock_fetches;   /* it reads the hub's own Current Time Service */
	bool clock_first;     /* set its clock before its records are asked for */
	bool clock_each_time; /* set its clock on each connection, however right it is */
	enum traits_history history;
	bool racp_delete; /* records may be deleted on it once they are durable */
	uint32_t
		hub_ends_ms; /* quiet for so long: the hub hangs up; 0: the device does */
	uint16_t advertising_s; /* how long it advertises for a connection */
	enum traits_users users;
	bool bcs_stub; /* body composition whose fields are all zero is a stub of its history */
	/* values that came before the link was encrypted are dropped: it can be asked again */
	bool strict_early;
	/* after a connection it advertises on for so long without having anything to say */
	uint16_t reconnect_grace_s;
};

/*
 * traits_find - the row of a device.
 *
 * name           as advertised; NULL or "": not known
 * maker, model   as Device Information tells them; NULL or "": not known
 *
 * A maker that is known and is not the row's rules a row out, whatever the name says.
 * Returns the cautious row ('untested') if none fits; never NULL. Pure.
 */
const struct traits *traits_find(const char *name, const char *maker, const char *model);

/* traits_at - row i of the table, NULL after the last; the cautious row is not in it. Pure. */
const struct traits *traits_at(size_t i);

/*
 * traits_accepts - is a bond of this strength good enough for the model?
 *
 * Against somebody in the middle (passkey) and against somebody who listens (Secure
 * Connections) it must do no worse than strength_min, each by itself. LINK_UNKNOWN never is.
 */
bool traits_accepts(const struct traits *t, enum link_strength strength);

/* traits_service_bit - enum traits_service of a 16-bit UUID; 0: none of them. Pure. */
unsigned traits_service_bit(uint16_t uuid);

/* traits_services_of - services of which a device of this kind offers one or more when it
 * advertises; 0 if no device is of this kind. Pure. */
unsigned traits_services_of(enum reading_kind kind);
