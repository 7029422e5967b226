/*
 * controls.c - the list; see controls.h. The settings and why the product has them: storage/db.c.
 */
#include "tests/explore/controls.h"

#include <string.h>

#include "tests/explore/record.h"

enum { CONTROL_STATES = 400 };

#define OFTEN                                                                            \
	{                                                                                \
		"PRAGMA wal_autocheckpoint=400", "PRAGMA wal_autocheckpoint=40",         \
			"PRAGMA wal_autocheckpoint", "SELECT 400"                        \
	}
#define RULES_OF(r) .rules = (r), .rule_count = sizeof(r) / sizeof((r)[0])

static const struct setting_rule rules_plain[] = { OFTEN };
static const struct setting_rule rules_off[] = {
	OFTEN,
	{ "PRAGMA synchronous=FULL", "PRAGMA synchronous=OFF", "PRAGMA synchronous",
	  "SELECT 2" },
};
static const struct setting_rule rules_normal[] = {
	OFTEN,
	{ "PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL", "PRAGMA synchronous",
	  "SELECT 2" },
};
static const struct setting_rule rules_wal_first[] = {
	OFTEN,
	{ "PRAGMA synchronous=EXTRA", "PRAGMA synchronous=FULL", "PRAGMA synchronous",
	  "SELECT 3" },
};
/* In EXCLUSIVE mode the journal's header is zeroed and synced instead of its file deleted. */
static const struct setting_rule rules_delete[] = {
	OFTEN,
	{ "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA locking_mode=NORMAL",
	  "PRAGMA locking_mode", "SELECT 'exclusive'" },
	{ "PRAGMA journal_mode=WAL", "PRAGMA journal_mode=DELETE", "PRAGMA journal_mode",
	  "SELECT 'wal'" },
};

/* db.c writes the WAL back when it opens a file, so that nothing is appended to a tail that a cut has left. */
static const struct setting_rule rules_append[] = {
	OFTEN,
	{ "PRAGMA wal_checkpoint(RESTART)", "SELECT 1", "", "" },
};

#define TORN_ONLY (1u << KIND_TORN)

const struct control controls[] = {
	{ "psow",
	  "torn writes are believed to harm nothing beside them",
	  { .psow = true, RULES_OF(rules_plain) },
	  0,
	  TORN_ONLY,
	  CONTROL_STATES,
	  0 },
	{ "salt",
	  "salt in page 1 instead of with the key",
	  { .salt_in_file = true, RULES_OF(rules_plain) },
	  0,
	  TORN_ONLY,
	  2 * CONTROL_STATES,
	  0 },
	{ "off",
	  "synchronous=OFF",
	  { RULES_OF(rules_off) },
	  0,
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "normal",
	  "synchronous=NORMAL",
	  { RULES_OF(rules_normal) },
	  0,
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "wal-first",
	  "WAL is made before synchronous=EXTRA, and SQLite's own syncs of the folder "
	  "are lost",
	  { RULES_OF(rules_wal_first) },
	  RECORD_FORGET_LIBRARY_FOLDER,
	  ALL_KINDS,
	  3 * CONTROL_STATES,
	  0 },
	{ "delete",
	  "rollback journal, synchronous=FULL",
	  { .salt_late = true, RULES_OF(rules_delete) },
	  0,
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "append",
	  "the WAL that a cut has left is not written back before it grows",
	  { RULES_OF(rules_append) },
	  0,
	  ALL_KINDS,
	  4 * CONTROL_STATES,
	  1u << KIND_TORN | 1u << KIND_WRITES },
	{ "no-fsync",
	  "small files are renamed without fsync",
	  { RULES_OF(rules_plain) },
	  RECORD_FORGET_FSYNC,
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "no-folder",
	  "folders are not synced after a rename",
	  { RULES_OF(rules_plain) },
	  RECORD_FORGET_FOLDER,
	  ALL_KINDS,
	  2 * CONTROL_STATES,
	  0 },
};

const size_t control_count = sizeof(controls) / sizeof(controls[0]);

const struct control *control_find(const char *name)
{
	for (size_t i = 0; i < control_count; i++)
		if (strcmp(controls[i].name, name) == 0)
			return &controls[i];
	return NULL;
}
