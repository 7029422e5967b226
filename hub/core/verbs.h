#pragma once

/*
 * verbs.h - what a technician may ask of a hub at its console: the closed table. Pure data.
 *
 * A token grants verbs as a set of bits, 1 << verb; a bit that is no verb's is refused, so there is no word for "all".
 */
#include <stdbool.h>
#include <stdint.h>

/* The numbers are on the wire (tokens, IPC) and in audit records. */
enum verb {
	VERB_NONE = 0,
	VERB_CHALLENGE = 1,
	VERB_STATUS = 2, /* model, serial, version, level, indicator */
	VERB_VERSION = 3,
	VERB_LEVEL = 4,
	VERB_RISK = 5,
	VERB_SBOM_HASH = 6,
	VERB_SELFTEST = 7,
	VERB_NET_CHECK = 8,
	VERB_BLE_LIST = 9,
	VERB_BLE_RSSI = 10,
	VERB_BLE_TEST = 11,
	VERB_QUEUE = 12,
	VERB_DIAGNOSE = 13,
	VERB_NET_SET = 14,
	VERB_TIME_SET = 15,
	VERB_UPDATE = 16,
	VERB_EXPORT_EVIDENCE = 17,
	VERB_EXPORT_QUEUE = 18,
	VERB_RELEASE = 19,
	VERB_REBOOT = 20,
	VERB_PAIR = 21,
	VERB_UNPAIR = 22,
	VERB_FACTORY_RESET = 23,
	VERB_RETIRE = 24,
	VERB_LOGOUT = 25,
	VERB_HELP = 26,
	VERB_LOGIN = 27, /* with a token */
	VERB_LAST = VERB_LOGIN,
};

enum verb_group {
	VERB_DIAGNOSTIC = 1, /* reads only */
	VERB_RECOVERY,
	VERB_CHANGE,
	VERB_QUORUM, /* two people */
};

/* Who may ask for it. */
enum verb_by {
	VERB_BY_ANYBODY = 0, /* before a login, too */
	VERB_BY_TOKEN,	     /* one signature */
	VERB_BY_VOICE,	     /* that, or a code that was read out, up to level 2 */
	VERB_BY_TWO,	     /* two signatures of two roles */
};

struct verb_row {
	enum verb verb;
	const char *name; /* as it is typed: "ble list" */
	enum verb_group group;
	enum verb_by by;
	uint8_t levels; /* set of 1 << level of the lockdown */
	bool button; /* of the hub, within ten seconds; without one the second person */
	/* at level 3 too by whom 'by' says; else that takes two there */
	bool sealed_alone;
};

#define VERB_BIT(v) (UINT32_C(1) << (v))

/* verb_row - NULL: there is no such verb. Pure. */
const struct verb_row *verb_row(enum verb v);
/* verb_named - by its name, exactly; VERB_NONE. Pure. */
enum verb verb_named(const char *name);
/* verbs_all - the bits of all verbs that a token can grant: those that need one. Pure. */
uint32_t verbs_all(void);
/* verb_at - is it there at this level? Pure. */
bool verb_at(const struct verb_row *r, uint8_t level);
/*
 * verb_order_max - with what the clinic orders beside it in the token is 1 to this; 0: it is granted, and nothing more is said.
 *
 * pair, unpair: the device's number in the config; retire: enum command_retire. Without its order such a verb is not granted.
 * Pure.
 */
uint32_t verb_order_max(enum verb v);
/* verb_signatures - of how many people of different roles it needs the signature at this level: 0, 1, 2. Pure. */
unsigned verb_signatures(const struct verb_row *r, uint8_t level);
