#pragma once

/*
 * db.h - the one door to SQLCipher: opens a database with settings that survive a power
 * cut, and runs prepared statements. No SQLITE_ code and no SQLite type passes it.
 *
 * What it promises
 *   1. A commit that returned 0 is on the disk, whatever happens to the power afterwards,
 *      also if the sector being written then is lost (psow=0) and if page 1 is torn (the
 *      salt is not in the file).
 *   2. Each setting is read back after it was made; a library that ignores one does not
 *      open the file.
 *   3. Nothing is repaired by deleting: a file that does not open is left as it is.
 *
 * Not thread-safe: one process, one thread. Errors: -ENOSPC disk or quota full, -EBADMSG wrong key
 * or damaged file, -EAGAIN another process has the lock, -EEXIST a row is there already, -ENOMEM,
 * -EIO everything else. After -EIO from db_commit it is not known what is on the disk: leave the
 * process, do not try again, because the kernel may report a failed sync only once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DB_KEY_LEN = 32,
	DB_SALT_LEN = 16,
	DB_PAGE_SIZE = 4096,
	DB_HEAP_BYTES = 4 << 20, /* what db_heap_init takes for a process of the hub */
};

struct db_key {
	uint8_t key[DB_KEY_LEN];
	uint8_t salt[DB_SALT_LEN]; /* kept beside the key, not in the file: promise 1 */
};

struct db_options {
	const char *path;
	const struct db_key
		*key;	  /* NULL: not encrypted; for comparisons only, never for data */
	bool create;	  /* make the file if it is absent or empty; else -ENOENT */
	bool shared;	  /* other processes may open it too; else it is ours alone */
	bool read_only;	  /* only with shared */
	unsigned busy_ms; /* how long to wait for another process; 0: a file of our own */
	uint32_t pages_max;	   /* quota in pages of DB_PAGE_SIZE, 0: none */
	uint32_t cache_pages;	   /* pages kept in memory */
	uint32_t checkpoint_pages; /* pages of WAL after which it is written back */
	const char *schema;	   /* SQL that fills a new file, run in one transaction */
	int schema_version; /* its number, 1 and up; a file with a higher one is not opened */
	/* upgrades[v - 1] makes version v + 1 of version v, up to schema_version; with 'create' only.
	 * All steps are one transaction. NULL: a file with a lower version is not opened either */
	const char *const *upgrades;
};

struct db;
struct db_stmt;

/*
 * db_heap_init - one fixed heap for everything the library allocates, in secret memory (secret.h).
 *
 * Once per process, before the first db_open; bytes is a power of two. ret_grade: enum
 * secret_grade, may be NULL. Returns 0, -ENOMEM or -EIO. A process that does not call it
 * uses malloc.
 */
int db_heap_init(size_t bytes, int *ret_grade);

/* db_heap_wipe - shut the library down and zero its heap; every
 * database must be closed. It starts again with the next db_open. */
void db_heap_wipe(void);

/*
 * db_open - Returns 0 with *ret, closed by db_close, or
 *   -ENOENT   no such file and not 'create'
 *   -ENOTSUP  the file has a schema version that this program does not know; nothing was changed
 *   -EBADMSG  wrong key, or not a database
 * or one of the list above, among them -EIO for a setting that did not take.
 */
int db_open(const struct db_options *o, struct db **ret);

/* db_close - NULL is fine; every statement must be freed before. What is
 * committed stays; a file of our own is left as after a power cut (its WAL
 * is read back at the next open), so that there is one path and not two. */
void db_close(struct db *db);

/*
 * db_own - the disk gives the file 'pages' pages, of which it keeps those that it does not use yet; its size stays.
 *
 * What is committed to the WAL is written back into such pages whatever else fills the disk meanwhile. A checkpoint
 * returns what is beyond the end, so this is asked again before the file may grow.
 * Returns 0 with *ret_pages: what it owns afterwards, less than was asked for if the disk has no more; or -EIO.
 */
int db_own(struct db *db, uint64_t pages, uint64_t *ret_pages);

/* db_wal_pages - pages that the WAL takes on the disk. Returns 0 or -EIO. */
int db_wal_pages(const struct db *db, uint64_t *ret);

/* What the library said last, for a log line; borrowed
 * until the next call. Never contains values. */
const char *db_message(const struct db *db);

/* db_exec - SQL without results and without values. */
int db_exec(struct db *db, const char *sql);

/* A write transaction. db_commit returns only when it is
 * durable; after a failure it is rolled back already. */
int db_begin(struct db *db);
int db_commit(struct db *db);
void db_rollback(struct db *db);

/* Rows changed by the last statement that was run. */
uint64_t db_changes(const struct db *db);

/* db_prepare - freed with db_stmt_free before the database is closed. */
int db_prepare(struct db *db, const char *sql, struct db_stmt **ret);
void db_stmt_free(struct db_stmt *st); /* NULL is fine */

/* Parameters from 1. Bytes are borrowed until db_reset or db_run. A wrong index
 * or a number that does not fit is our own mistake and ends the process. */
void db_bind_i64(struct db_stmt *st, int i, int64_t v);
void db_bind_u64(struct db_stmt *st, int i, uint64_t v); /* up to INT64_MAX */
void db_bind_blob(struct db_stmt *st, int i, const uint8_t *p, size_t n);
void db_bind_text(struct db_stmt *st, int i, const char *s);
void db_bind_null(struct db_stmt *st, int i);

/* db_step - Returns 1 with a row, 0 at the end, or an
 * error. db_reset must follow before it is bound again. */
int db_step(struct db_stmt *st);
void db_reset(struct db_stmt *st);
/* db_run - a statement whose rows, if any, do not matter:
 * step to the end and reset. Returns 0 or an error. */
int db_run(struct db_stmt *st);

/* Columns of the current row from 0; bytes are borrowed until the next db_step or db_reset. */
int64_t db_i64(struct db_stmt *st, int col);
uint64_t db_u64(struct db_stmt *st, int col); /* a negative number reads as 0 */
const uint8_t *db_blob(struct db_stmt *st, int col, size_t *ret_len);
const char *db_text(struct db_stmt *st, int col); /* NULL if null */
bool db_is_null(struct db_stmt *st, int col);
