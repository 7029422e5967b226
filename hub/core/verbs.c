/*
 * verbs.c - see verbs.h.
 *
 * Invariants
 *   1. At level 2 nothing but what reads and what recovers; at level 4 'status', and 'logout' and 'help' with it.
 *   2. At level 3 all but 'challenge', 'login', 'status', 'export-evidence', 'logout' and 'help' takes two signatures of two roles.
 *   3. A code that was read out serves what reads, the evidence, and the release from levels 1 and 2; nothing at level 3.
 */
#include "hub/core/verbs.h"

#include <stddef.h>
#include <string.h>

#include "hub/core/command.h"

enum {
	L01 = 0x03,
	L02 = 0x07,
	L03 = 0x0f,
	L13 = 0x0e,
	L04 = 0x1f,
	SEALED = 3,
};

static const struct verb_row table[] = {
	{ VERB_CHALLENGE, "challenge", VERB_DIAGNOSTIC, VERB_BY_ANYBODY, L03, false,
	  true },
	{ VERB_STATUS, "status", VERB_DIAGNOSTIC, VERB_BY_ANYBODY, L04, false, true },
	{ VERB_VERSION, "version", VERB_DIAGNOSTIC, VERB_BY_TOKEN, L03, false, false },
	{ VERB_LEVEL, "level", VERB_DIAGNOSTIC, VERB_BY_TOKEN, L03, false, false },
	{ VERB_RISK, "risk", VERB_DIAGNOSTIC, VERB_BY_TOKEN, L03, false, false },
	{ VERB_SBOM_HASH, "sbom-hash", VERB_DIAGNOSTIC, VERB_BY_TOKEN, L03, false,
	  false },
	{ VERB_SELFTEST, "selftest", VERB_DIAGNOSTIC, VERB_BY_TOKEN, L03, false, false },
	{ VERB_NET_CHECK, "net check", VERB_DIAGNOSTIC, VERB_BY_TOKEN, L03, false,
	  false },
	{ VERB_BLE_LIST, "ble list", VERB_DIAGNOSTIC, VERB_BY_TOKEN, L02, false, false },
	{ VERB_BLE_RSSI, "ble rssi", VERB_DIAGNOSTIC, VERB_BY_TOKEN, L02, false, false },
	{ VERB_BLE_TEST, "ble test", VERB_DIAGNOSTIC, VERB_BY_TOKEN, L02, false, false },
	{ VERB_QUEUE, "queue", VERB_DIAGNOSTIC, VERB_BY_TOKEN, L03, false, false },
	{ VERB_DIAGNOSE, "diagnose", VERB_DIAGNOSTIC, VERB_BY_VOICE, L03, false, false },
	{ VERB_NET_SET, "net set", VERB_RECOVERY, VERB_BY_TOKEN, L02, true, false },
	{ VERB_TIME_SET, "time set", VERB_RECOVERY, VERB_BY_TOKEN, L02, true, false },
	{ VERB_UPDATE, "update", VERB_RECOVERY, VERB_BY_TOKEN, L03, true, false },
	{ VERB_EXPORT_EVIDENCE, "export-evidence", VERB_RECOVERY, VERB_BY_VOICE, L03,
	  true, true },
	{ VERB_EXPORT_QUEUE, "export-queue", VERB_QUORUM, VERB_BY_TWO, L03, true, false },
	{ VERB_RELEASE, "release", VERB_RECOVERY, VERB_BY_VOICE, L13, true, false },
	{ VERB_REBOOT, "reboot", VERB_RECOVERY, VERB_BY_TOKEN, L03, true, false },
	{ VERB_PAIR, "pair", VERB_CHANGE, VERB_BY_TOKEN, L01, true, false },
	{ VERB_UNPAIR, "unpair", VERB_CHANGE, VERB_BY_TOKEN, L01, true, false },
	{ VERB_FACTORY_RESET, "factory-reset", VERB_QUORUM, VERB_BY_TWO, L03, true,
	  false },
	{ VERB_RETIRE, "retire", VERB_QUORUM, VERB_BY_TWO, L03, true, false },
	{ VERB_LOGOUT, "logout", VERB_DIAGNOSTIC, VERB_BY_ANYBODY, L04, false, true },
	{ VERB_HELP, "help", VERB_DIAGNOSTIC, VERB_BY_ANYBODY, L04, false, true },
	{ VERB_LOGIN, "login", VERB_DIAGNOSTIC, VERB_BY_ANYBODY, L03, false, true },
};

enum { ROWS = sizeof(table) / sizeof(*table) };

_Static_assert((int)ROWS == (int)VERB_LAST, "a row for each");
_Static_assert((int)VERB_LAST < 32, "a bit for each");

const struct verb_row *verb_row(enum verb v)
{
	for (size_t i = 0; i < ROWS; i++)
		if (table[i].verb == v)
			return &table[i];
	return NULL;
}

enum verb verb_named(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(table[i].name, name) == 0)
			return table[i].verb;
	return VERB_NONE;
}

uint32_t verbs_all(void)
{
	uint32_t all = 0;

	for (size_t i = 0; i < ROWS; i++)
		if (table[i].by != VERB_BY_ANYBODY)
			all |= VERB_BIT(table[i].verb);
	return all;
}

bool verb_at(const struct verb_row *r, uint8_t level)
{
	return level < 8 && r->levels >> level & 1;
}

uint32_t verb_order_max(enum verb v)
{
	if (v == VERB_PAIR || v == VERB_UNPAIR)
		return UINT16_MAX;
	return v == VERB_RETIRE ? COMMAND_RETIRE_DISCARD : 0;
}

unsigned verb_signatures(const struct verb_row *r, uint8_t level)
{
	if (r->by == VERB_BY_ANYBODY)
		return 0;
	if (r->by == VERB_BY_TWO)
		return 2;
	return level >= SEALED && !r->sealed_alone ? 2 : 1;
}
