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

/* Without one transaction around them a row goes before its tombstone is there. */
static const struct setting_rule rules_apart[] = {
	{ "BEGIN IMMEDIATE", "SELECT 1", "", "" },
	{ "COMMIT", "SELECT 1", "", "" },
};
/* A queue's tables without the number that says so. */
static const struct setting_rule rules_version[] = {
	{ "PRAGMA user_version=4", "COMMIT; BEGIN IMMEDIATE; PRAGMA user_version=4", "",
	  "" },
};
static const struct setting_rule rules_store[] = {
	{ "PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL", "PRAGMA synchronous",
	  "SELECT 2" },
};

#define TORN_ONLY (1u << KIND_TORN)

const struct control controls[] = {
	{ "psow",
	  "torn writes are believed to harm nothing beside them",
	  &queue_small_workload,
	  { .psow = true, RULES_OF(rules_plain) },
	  { 0 },
	  TORN_ONLY,
	  CONTROL_STATES,
	  0 },
	{ "salt",
	  "salt in page 1 instead of with the key",
	  &queue_small_workload,
	  { .salt_in_file = true, RULES_OF(rules_plain) },
	  { 0 },
	  TORN_ONLY,
	  2 * CONTROL_STATES,
	  0 },
	{ "off",
	  "synchronous=OFF",
	  &queue_small_workload,
	  { RULES_OF(rules_off) },
	  { 0 },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "normal",
	  "synchronous=NORMAL",
	  &queue_small_workload,
	  { RULES_OF(rules_normal) },
	  { 0 },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "wal-first",
	  "WAL is made before synchronous=EXTRA, and SQLite's own syncs of the folder "
	  "are lost",
	  &queue_small_workload,
	  { RULES_OF(rules_wal_first) },
	  { .forget = RECORD_FORGET_LIBRARY_FOLDER },
	  ALL_KINDS,
	  3 * CONTROL_STATES,
	  0 },
	{ "delete",
	  "rollback journal, synchronous=FULL",
	  &queue_small_workload,
	  { .salt_late = true, RULES_OF(rules_delete) },
	  { 0 },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "append",
	  "the WAL that a cut has left is not written back before it grows",
	  &queue_small_workload,
	  { RULES_OF(rules_append) },
	  { 0 },
	  ALL_KINDS,
	  4 * CONTROL_STATES,
	  1u << KIND_TORN | 1u << KIND_WRITES },
	{ "no-fsync",
	  "small files are renamed without fsync",
	  &queue_small_workload,
	  { RULES_OF(rules_plain) },
	  { .forget = RECORD_FORGET_FSYNC },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "no-folder",
	  "folders are not synced after a rename",
	  &queue_small_workload,
	  { RULES_OF(rules_plain) },
	  { .forget = RECORD_FORGET_FOLDER },
	  ALL_KINDS,
	  2 * CONTROL_STATES,
	  0 },
	{ "evict-apart",
	  "a row that is given up, and its tombstone, are two transactions",
	  &evict_workload,
	  { RULES_OF(rules_apart) },
	  { 0 },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "keep-parted",
	  "that copies are records again, and that the clinic has them, are two "
	  "transactions",
	  &keep_workload,
	  { .parted = "DELETE FROM kept WHERE seq >= ?1" },
	  { 0 },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "upgrade",
	  "an older file gets its tables and its version in two transactions",
	  &upgrade_workload,
	  { RULES_OF(rules_version) },
	  { 0 },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "spool-sync",
	  "commits of the spool are not synced",
	  &spool_workload,
	  { 0 },
	  { .forget = RECORD_FORGET_DATA, .only = "spool-" },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "spool-settled",
	  "settled numbers are not synced",
	  &spool_workload,
	  { 0 },
	  { .forget = RECORD_FORGET_DATA, .only = "spool-ranges" },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "spool-folder",
	  "a packed copy has no durable name before its sources go",
	  &spool_workload,
	  { 0 },
	  { .forget = RECORD_FORGET_FOLDER },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "seq-sync",
	  "reserved numbers are not synced",
	  &seqblock_workload,
	  { 0 },
	  { .forget = RECORD_FORGET_DATA },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "seq-one",
	  "both copies of the reserved numbers are one",
	  &seqblock_workload,
	  { 0 },
	  { .only = "seq", .from = 4096, .to = 0, .len = 4096 },
	  TORN_ONLY,
	  CONTROL_STATES,
	  0 },
	{ "audit-sync",
	  "the audit log is not synced",
	  &audit_workload,
	  { 0 },
	  { .forget = RECORD_FORGET_DATA, .only = "audit-" },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "audit-slots",
	  "both slots of the audit log's end are one",
	  &audit_workload,
	  { 0 },
	  { .only = "audit-", .from = 12288, .to = 4096, .len = 8192 },
	  TORN_ONLY,
	  CONTROL_STATES,
	  0 },
	{ "audit-key",
	  "the audit log's key is renamed without fsync",
	  &audit_workload,
	  { 0 },
	  { .forget = RECORD_FORGET_FSYNC, .only = "key-" },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "audit-folder",
	  "a new segment of the audit log has no durable name",
	  &audit_workload,
	  { 0 },
	  { .forget = RECORD_FORGET_FOLDER },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "keys-fsync",
	  "key slots are renamed without fsync",
	  &keys_workload,
	  { 0 },
	  { .forget = RECORD_FORGET_FSYNC, .only = "slots-" },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "keys-folder",
	  "a weaker root secret goes before the slots have durable names",
	  &keys_workload,
	  { 0 },
	  { .forget = RECORD_FORGET_FOLDER },
	  ALL_KINDS,
	  CONTROL_STATES,
	  0 },
	{ "store-normal",
	  "the whole store with synchronous=NORMAL",
	  &store_workload,
	  { RULES_OF(rules_store) },
	  { 0 },
	  ALL_KINDS,
	  CONTROL_STATES / 2,
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
