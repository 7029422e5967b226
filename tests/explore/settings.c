/*
 * settings.c - calls of the product into SQLCipher, caught at link time; see settings.h.
 */
#include "tests/explore/settings.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/db.h"

enum {
	RULES_MAX = 8,
	OPEN_MAX_ = 8,
	SQL_BYTES = 128,
	KEY_HEX = 2 * DB_KEY_LEN,
	SALT_HEX = 2 * DB_SALT_LEN
};

static const struct settings plain, *now = &plain;
static bool met_rule[RULES_MAX], met_psow, met_salt, met_parted;
static char answer_ask[SQL_BYTES], answer[SQL_BYTES]; /* for the next question */
static char salt_answer[SQL_BYTES];
static sqlite3 *connections[OPEN_MAX_];

int __real_sqlite3_open_v2(const char *uri, sqlite3 **ret, int flags, const char *vfs);
int __real_sqlite3_close(sqlite3 *db);
int __real_sqlite3_key(sqlite3 *db, const void *key, int len);
int __real_sqlite3_exec(sqlite3 *db, const char *sql,
			int (*row)(void *, int, char **, char **), void *arg, char **err);
int __real_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int len, unsigned flags,
			      sqlite3_stmt **ret, const char **tail);
int __real_sqlite3_step(sqlite3_stmt *st);
int __real_sqlite3_file_control(sqlite3 *db, const char *name, int what, void *arg);

int __wrap_sqlite3_open_v2(const char *uri, sqlite3 **ret, int flags, const char *vfs);
int __wrap_sqlite3_close(sqlite3 *db);
int __wrap_sqlite3_key(sqlite3 *db, const void *key, int len);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql,
			int (*row)(void *, int, char **, char **), void *arg, char **err);
int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int len, unsigned flags,
			      sqlite3_stmt **ret, const char **tail);
int __wrap_sqlite3_step(sqlite3_stmt *st);
int __wrap_sqlite3_file_control(sqlite3 *db, const char *name, int what, void *arg);

void settings_use(const struct settings *s)
{
	now = s ? s : &plain;
	memset(met_rule, 0, sizeof(met_rule));
	met_psow = met_salt = met_parted = false;
	answer_ask[0] = '\0';
}

bool settings_met(void)
{
	for (size_t i = 0; i < now->rule_count; i++)
		if (!met_rule[i])
			return false;
	return met_psow == now->psow && met_salt == now->salt_in_file &&
	       met_parted == (now->parted != NULL);
}

static void set_text(char to[static SQL_BYTES], const char *from)
{
	(void)snprintf(to, SQL_BYTES, "%s", from);
}

int __wrap_sqlite3_open_v2(const char *uri, sqlite3 **ret, int flags, const char *vfs)
{
	char copy[1024];
	char *at;
	int rc;

	(void)snprintf(copy, sizeof(copy), "%s", uri);
	at = strstr(copy, "psow=0");
	if (now->psow && at) {
		at[5] = '1';
		met_psow = true;
	}
	rc = __real_sqlite3_open_v2(copy, ret, flags, vfs);
	for (size_t i = 0; *ret && i < OPEN_MAX_; i++)
		if (!connections[i]) {
			connections[i] = *ret;
			break;
		}
	return rc;
}

int __wrap_sqlite3_close(sqlite3 *db)
{
	int rc = __real_sqlite3_close(db);

	for (size_t i = 0; rc == SQLITE_OK && i < OPEN_MAX_; i++)
		if (connections[i] == db)
			connections[i] = NULL;
	return rc;
}

/* x'<key><salt>': without the salt the library makes one and keeps it in the file. */
int __wrap_sqlite3_key(sqlite3 *db, const void *key, int len)
{
	char copy[SQL_BYTES];

	if (len != 2 + KEY_HEX + SALT_HEX + 1)
		return __real_sqlite3_key(db, key, len);
	(void)snprintf(salt_answer, sizeof(salt_answer), "SELECT '%.*s'", SALT_HEX,
		       (const char *)key + 2 + KEY_HEX);
	if (!now->salt_in_file)
		return __real_sqlite3_key(db, key, len);
	memcpy(copy, key, 2 + KEY_HEX);
	copy[2 + KEY_HEX] = '\'';
	met_salt = true;
	return __real_sqlite3_key(db, copy, 2 + KEY_HEX + 1);
}

int __wrap_sqlite3_exec(sqlite3 *db, const char *sql,
			int (*row)(void *, int, char **, char **), void *arg, char **err)
{
	for (size_t i = 0; i < now->rule_count; i++) {
		const struct setting_rule *r = &now->rules[i];

		if (!r->set || strcmp(sql, r->set) != 0)
			continue;
		met_rule[i] = true;
		set_text(answer_ask, r->ask);
		set_text(answer, r->answer);
		sql = r->instead;
		break;
	}
	return __real_sqlite3_exec(db, sql, row, arg, err);
}

int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int len, unsigned flags,
			      sqlite3_stmt **ret, const char **tail)
{
	char copy[SQL_BYTES];

	if ((now->salt_in_file || now->salt_late) &&
	    strcmp(sql, "PRAGMA cipher_salt") == 0)
		sql = salt_answer;
	if (*answer_ask && strcmp(sql, answer_ask) == 0) {
		set_text(copy, answer);
		answer_ask[0] = '\0';
		sql = copy;
	}
	return __real_sqlite3_prepare_v3(db, sql, len, flags, ret, tail);
}

int __wrap_sqlite3_step(sqlite3_stmt *st)
{
	int rc = __real_sqlite3_step(st);
	const char *sql = now->parted && rc == SQLITE_DONE ? sqlite3_sql(st) : NULL;
	sqlite3 *db = sqlite3_db_handle(st);

	if (!sql || strcmp(sql, now->parted) != 0 || sqlite3_get_autocommit(db))
		return rc;
	met_parted = true;
	rc = __real_sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = __real_sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	return rc == SQLITE_OK ? SQLITE_DONE : rc;
}

int __wrap_sqlite3_file_control(sqlite3 *db, const char *name, int what, void *arg)
{
	int rc = __real_sqlite3_file_control(db, name, what, arg);

	if (now->psow && what == SQLITE_FCNTL_POWERSAFE_OVERWRITE)
		*(int *)arg = 0;
	return rc;
}

/* --- looking in ------------------------------------------------------------------------------ */

static sqlite3 *connection_of(const char *file)
{
	for (size_t i = 0; i < OPEN_MAX_; i++) {
		const char *path = connections[i]
					   ? sqlite3_db_filename(connections[i], "main")
					   : NULL;
		size_t len = path ? strlen(path) : 0, want = strlen(file);

		if (path && len >= want && strcmp(path + len - want, file) == 0)
			return connections[i];
	}
	return NULL;
}

int library_ask(const char *file, const char *sql,
		void (*row)(void *arg, int64_t number, const uint8_t *bytes, size_t len),
		void *arg)
{
	sqlite3 *db = connection_of(file);
	sqlite3_stmt *st;
	int count = 0, rc;

	if (!db || __real_sqlite3_prepare_v3(db, sql, -1, 0, &st, NULL) != SQLITE_OK)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const uint8_t *bytes = sqlite3_column_blob(st, 1);

		count++;
		if (row)
			row(arg, sqlite3_column_int64(st, 0), bytes,
			    (size_t)sqlite3_column_bytes(st, 1));
	}
	(void)sqlite3_finalize(st);
	return rc == SQLITE_DONE ? count : -1;
}

static void see_ok(void *arg, int64_t number, const uint8_t *bytes, size_t len)
{
	(void)number;
	*(bool *)arg = len == 2 && memcmp(bytes, "ok", 2) == 0;
}

bool library_is_whole(const char *file)
{
	bool ok = false;

	return library_ask(file, "SELECT 0, integrity_check FROM pragma_integrity_check",
			   see_ok, &ok) == 1 &&
	       ok;
}

void library_forget(void)
{
	db_heap_wipe();
	sqlite3_randomness(0, NULL);
}

size_t library_open_count(void)
{
	size_t n = 0;

	for (size_t i = 0; i < OPEN_MAX_; i++)
		n += connections[i] != NULL;
	return n;
}
