#pragma once

/*
 * sql.h - the door to the database engine: parameters in, rows out, errors of ours.
 *
 * Two users: the store (store_*.c, enrol_store.c, witness.c, schema.c), which holds all SQL, and the backends behind the
 * door: an SQLCipher file (sql_sqlcipher.c) and a PostgreSQL server (sql_postgres.c). SQL is written in the subset that
 * both understand: parameters ?1, ?2, ...; 64-bit integers, text, bytes; INSERT ... ON CONFLICT, RETURNING; no triggers, no
 * sequences, no locks by name; time always a parameter. A sum is of 32-bit numbers, a query that may have many rows has a
 * LIMIT.
 *
 * What differs, and what the users of the door must bear:
 *   sql_begin    on the file takes the lock of everything; on the server it locks nothing: what two programs must not do
 *                at once begins with a change of one row that both change (store.h says which one).
 *   an error     within a transaction on the server ends it: nothing but sql_rollback may follow. So everywhere.
 *
 * A query has a sticky error: bind and read everything, sql_end says what went wrong first.
 *
 *	struct sql_query q;
 *
 *	sql_start(db, &q, "SELECT name FROM hub WHERE hub_id = ?1");
 *	sql_bind_bytes(&q, 1, id, HUB_ID_LEN);
 *	while (sql_row(&q))
 *		sql_get_text(&q, 0, name, sizeof(name));
 *	return sql_end(&q);
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SQL_KEY_LEN = 32 + 16 };

struct sql;

/* Fields are private. */
struct sql_query {
	struct sql *db;
	void *statement;
	int err;
};

/* sql_open - create: the file must not exist yet. Errors as store_create and store_open. */
int sql_open(const char *path, const uint8_t key[static SQL_KEY_LEN], bool create,
	     unsigned wait_ms, struct sql **ret);
/*
 * sql_open_server - a session with a PostgreSQL server.
 *
 * conninfo  as libpq has it, a URL or 'key=value ...', of one host or several; the one that takes writes is looked for.
 *           Copied
 * why       what the server or libpq said, one line, if that fails; SQL_WHY_MAX bytes
 *
 * A session that breaks is opened anew by the next sql_begin, with a pause that grows from try to try; until then
 * everything returns -EIO.
 *
 * Returns 0, -EBADMSG (not a conninfo), -EACCES (the server does not let us in), -ENOENT (no such database), -EIO.
 */
enum { SQL_WHY_MAX = 300 };
int sql_open_server(const char *conninfo, struct sql **ret, char why[static SQL_WHY_MAX]);
void sql_close(struct sql *db); /* NULL is fine */

int sql_begin(struct sql *db);
/* For a change of tables: it may take its time. */
int sql_begin_schema(struct sql *db);
/* All that is read from now on is of one moment; ended by sql_rollback. Nobody waits for it. */
int sql_begin_read(struct sql *db);
/*
 * sql_commit - 0: durable, on the synchronous standby too if the server has one. -EIO and -ECONNRESET: nobody knows. After
 * -EIO db is to be closed; after -ECONNRESET it opens a new session by itself. Anything else: rolled back.
 */
int sql_commit(struct sql *db);
void sql_rollback(struct sql *db);

/* sql_run - a statement without parameters and rows. */
int sql_run(struct sql *db, const char *text);

/* sql_start - text must live as long as db: the prepared statement is kept under its address. */
void sql_start(struct sql *db, struct sql_query *q, const char *text);
void sql_bind_int(struct sql_query *q, int at, int64_t v);
void sql_bind_bytes(struct sql_query *q, int at, const uint8_t *p,
		    size_t n); /* borrowed until sql_end */
void sql_bind_text(struct sql_query *q, int at, const char *s); /* the same */
/* Next row; false at the end and after an error. */
bool sql_row(struct sql_query *q);
/* The same where there is to be one row: none is the query's error, -ENOENT. */
bool sql_one(struct sql_query *q);
int64_t sql_get_int(struct sql_query *q, int column);
/* Exactly n bytes, else the query fails with -EIO: the database is not ours or damaged. */
void sql_get_fixed(struct sql_query *q, int column, uint8_t *dst, size_t n);
/* Borrowed until the next sql_row or sql_end. */
const uint8_t *sql_get_bytes(struct sql_query *q, int column, size_t *ret_len);
/* NUL-terminated; longer than cap - 1: -EIO as above. */
void sql_get_text(struct sql_query *q, int column, char *dst, size_t cap);
/* Must follow each sql_start. Returns 0 or the first error; -EEXIST: a unique key is taken; -EAGAIN: others were in the
 * way, the whole transaction may be tried again. */
int sql_end(struct sql_query *q);
/* The whole of a query of which is asked whether it has a row: sql_row once, then sql_end. Returns 1, 0 or an error. */
int sql_has(struct sql_query *q);
/* The whole of a query without rows: sql_row once, then sql_end. */
int sql_finish(struct sql_query *q);
