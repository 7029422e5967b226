/*
 * sql_sqlcipher.c - an SQLCipher file behind the door of sql.h, by way of storage/db.h.
 *
 * The file is shared: clinicctl reads and adds hubs while clinicd writes. Bodies in it
 * are sealed; what SQLCipher protects is who measured how often and when.
 *
 * Invariant: a statement is prepared once and kept; each sql_start ends in sql_end, which
 * frees its locks.
 */
#include "clinic/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/crypto/crypto.h"
#include "storage/db.h"

_Static_assert((int)SQL_KEY_LEN == DB_KEY_LEN + DB_SALT_LEN, "key and salt");

enum {
	KEPT_MAX = 32, /* more different statements than store.c and schema.c have */
	CACHE_PAGES = 2000,
	CHECKPOINT_PAGES = 500,
};

struct kept {
	const char *text;
	struct db_stmt *statement;
};

struct sql {
	struct db *db;
	size_t kept_count;
	struct kept kept[KEPT_MAX];
};

/* A new file is made by us, so that nobody else can read it from its first byte on. */
static int check_file(const char *path, bool create)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0), 0600);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	switch (errno) {
	case EEXIST:
	case ENOENT:
	case ENOSPC:
	case EACCES: return -errno;
	case EPERM:
	case EROFS: return -EACCES;
	}
	return -EIO;
}

int sql_open(const char *path, const uint8_t key[static SQL_KEY_LEN], bool create,
	     unsigned wait_ms, struct sql **ret)
{
	struct db_key split;
	const struct db_options options = {
		.path = path,
		.key = &split,
		.create = create,
		.shared = true,
		.busy_ms = wait_ms,
		.cache_pages = CACHE_PAGES,
		.checkpoint_pages = CHECKPOINT_PAGES,
	};
	struct sql *db;
	int r = check_file(path, create);

	if (r < 0)
		return r;
	db = calloc(1, sizeof(*db));
	if (!db)
		return -ENOMEM;
	memcpy(split.key, key, DB_KEY_LEN);
	memcpy(split.salt, key + DB_KEY_LEN, DB_SALT_LEN);
	r = db_open(&options, &db->db);
	crypto_wipe(&split, sizeof(split));
	if (r < 0) {
		free(db);
		return r == -EBADMSG ? -EKEYREJECTED : r;
	}
	*ret = db;
	return 0;
}

void sql_close(struct sql *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < db->kept_count; i++)
		db_stmt_free(db->kept[i].statement);
	db_close(db->db);
	free(db);
}

int sql_run(struct sql *db, const char *text)
{
	return db_exec(db->db, text);
}

int sql_begin(struct sql *db)
{
	return db_begin(db->db);
}

int sql_commit(struct sql *db)
{
	return db_commit(db->db);
}

void sql_rollback(struct sql *db)
{
	db_rollback(db->db);
}

static struct db_stmt *keep(struct sql *db, const char *text, int *ret_err)
{
	struct db_stmt *st;
	int r;

	for (size_t i = 0; i < db->kept_count; i++) {
		if (db->kept[i].text == text)
			return db->kept[i].statement;
	}
	if (db->kept_count == KEPT_MAX)
		abort(); /* our own bug: the number of statements is fixed */
	r = db_prepare(db->db, text, &st);
	if (r < 0) {
		*ret_err = r;
		return NULL;
	}
	db->kept[db->kept_count++] = (struct kept){ text, st };
	return st;
}

void sql_start(struct sql *db, struct sql_query *q, const char *text)
{
	*q = (struct sql_query){ 0 };
	q->statement = keep(db, text, &q->err);
}

void sql_bind_int(struct sql_query *q, int at, int64_t v)
{
	if (q->err == 0)
		db_bind_i64(q->statement, at, v);
}

void sql_bind_bytes(struct sql_query *q, int at, const uint8_t *p, size_t n)
{
	if (q->err == 0)
		db_bind_blob(q->statement, at, p, n);
}

void sql_bind_text(struct sql_query *q, int at, const char *s)
{
	if (q->err == 0)
		db_bind_text(q->statement, at, s);
}

bool sql_row(struct sql_query *q)
{
	int r = q->err == 0 ? db_step(q->statement) : 0;

	if (r < 0)
		q->err = r;
	return r == 1;
}

int64_t sql_get_int(struct sql_query *q, int column)
{
	return q->err == 0 ? db_i64(q->statement, column) : 0;
}

const uint8_t *sql_get_bytes(struct sql_query *q, int column, size_t *ret_len)
{
	*ret_len = 0;
	return q->err == 0 ? db_blob(q->statement, column, ret_len) : NULL;
}

void sql_get_fixed(struct sql_query *q, int column, uint8_t *dst, size_t n)
{
	size_t len;
	const uint8_t *p = sql_get_bytes(q, column, &len);

	if (q->err == 0 && len != n)
		q->err = -EIO;
	if (q->err == 0)
		memcpy(dst, p, n);
	else
		memset(dst, 0, n);
}

void sql_get_text(struct sql_query *q, int column, char *dst, size_t cap)
{
	const char *s = q->err == 0 ? db_text(q->statement, column) : NULL;
	size_t len = s ? strlen(s) : 0;

	if (len >= cap) {
		q->err = -EIO;
		len = 0;
	}
	if (len > 0)
		memcpy(dst, s, len);
	dst[len] = '\0';
}

int sql_end(struct sql_query *q)
{
	if (q->statement)
		db_reset(q->statement);
	return q->err;
}

int sql_finish(struct sql_query *q)
{
	sql_row(q);
	return sql_end(q);
}
