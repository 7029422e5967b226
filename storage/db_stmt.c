/*
 * db_stmt.c - prepared statements over SQLCipher, and the translation of its result
 * codes; see db.h.
 */
#include "storage/db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/db_sqlite.h"

/* struct db_stmt is never defined: its pointer is a sqlite3_stmt pointer in other clothes. */
static sqlite3_stmt *raw(struct db_stmt *st)
{
	return (sqlite3_stmt *)st;
}

int db_translate(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE: return 0;
	case SQLITE_ROW: return 1;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT: return -EBADMSG;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EAGAIN;
	case SQLITE_CONSTRAINT: return -EEXIST;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_IOERR:
		/* SQLite says FULL for ENOSPC of a write, but not for a quota. */
		if (db && rc == SQLITE_IOERR_WRITE && sqlite3_system_errno(db) == EDQUOT)
			return -ENOSPC;
		return -EIO;
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		(void)fprintf(stderr, "db: library used in a way that it forbids\n");
		abort();
	default: return -EIO;
	}
}

int db_prepare(struct db *db, const char *sql, struct db_stmt **ret)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v3(db->lib, sql, -1, SQLITE_PREPARE_PERSISTENT, &st,
				    NULL);
	int r = db_translate(db->lib, rc);

	if (r == 0)
		*ret = (struct db_stmt *)st;
	return r;
}

void db_stmt_free(struct db_stmt *st)
{
	(void)sqlite3_finalize(raw(st)); /* repeats the error of the last step */
}

static void must(int rc)
{
	if (rc != SQLITE_OK) {
		(void)fprintf(stderr, "db: cannot bind a value (%d)\n", rc);
		abort();
	}
}

void db_bind_i64(struct db_stmt *st, int i, int64_t v)
{
	must(sqlite3_bind_int64(raw(st), i, v));
}

void db_bind_u64(struct db_stmt *st, int i, uint64_t v)
{
	must(v <= INT64_MAX ? SQLITE_OK : SQLITE_RANGE);
	must(sqlite3_bind_int64(raw(st), i, (int64_t)v));
}

void db_bind_blob(struct db_stmt *st, int i, const uint8_t *p, size_t n)
{
	must(sqlite3_bind_blob64(raw(st), i, n ? p : (const uint8_t *)"", n,
				 SQLITE_STATIC));
}

void db_bind_text(struct db_stmt *st, int i, const char *s)
{
	must(sqlite3_bind_text(raw(st), i, s, -1, SQLITE_STATIC));
}

void db_bind_null(struct db_stmt *st, int i)
{
	must(sqlite3_bind_null(raw(st), i));
}

int db_step(struct db_stmt *st)
{
	return db_translate(sqlite3_db_handle(raw(st)), sqlite3_step(raw(st)));
}

void db_reset(struct db_stmt *st)
{
	(void)sqlite3_reset(raw(st)); /* repeats the error of the last step */
	(void)sqlite3_clear_bindings(raw(st));
}

int db_run(struct db_stmt *st)
{
	int r;

	do
		r = db_step(st);
	while (r == 1);
	db_reset(st);
	return r;
}

int64_t db_i64(struct db_stmt *st, int col)
{
	return sqlite3_column_int64(raw(st), col);
}

uint64_t db_u64(struct db_stmt *st, int col)
{
	int64_t v = sqlite3_column_int64(raw(st), col);

	return v < 0 ? 0 : (uint64_t)v;
}

const uint8_t *db_blob(struct db_stmt *st, int col, size_t *ret_len)
{
	const uint8_t *p = sqlite3_column_blob(raw(st), col);

	*ret_len = (size_t)sqlite3_column_bytes(raw(st), col);
	return p;
}

const char *db_text(struct db_stmt *st, int col)
{
	return (const char *)sqlite3_column_text(raw(st), col);
}

bool db_is_null(struct db_stmt *st, int col)
{
	return sqlite3_column_type(raw(st), col) == SQLITE_NULL;
}
