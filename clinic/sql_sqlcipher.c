/*
 * sql_sqlcipher.c - an SQLCipher file behind the door of sql.h, by way of storage/db.h.
 *
 * The file is shared: clinicctl reads and adds hubs while clinicd writes. Bodies in it
 * are sealed; what SQLCipher protects is who measured how often and when.
 *
 * Invariant: a statement is prepared once and kept; each sql_start ends in sql_end, which
 * frees its locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clinic/sql_inside.h"
#include "hub/crypto/crypto.h"
#include "storage/db.h"

_Static_assert((int)SQL_KEY_LEN == DB_KEY_LEN + DB_SALT_LEN, "key and salt");

enum {
	CACHE_PAGES = 2000,
	CHECKPOINT_PAGES = 500,
};

struct kept {
	const char *text;
	struct db_stmt *statement;
};

struct file {
	struct sql door;
	struct db *db;
	size_t kept_count;
	struct kept kept[SQL_KEPT_MAX];
};

static struct file *of(struct sql *door)
{
	return (struct file *)door;
}

static void file_close(struct sql *door)
{
	struct file *f = of(door);

	for (size_t i = 0; i < f->kept_count; i++)
		db_stmt_free(f->kept[i].statement);
	db_close(f->db);
	free(f);
}

static int file_run(struct sql *door, const char *text)
{
	return db_exec(of(door)->db, text);
}

static int file_begin(struct sql *door)
{
	return db_begin(of(door)->db);
}

static int file_begin_read(struct sql *door)
{
	return db_exec(of(door)->db, "BEGIN DEFERRED");
}

static int file_commit(struct sql *door)
{
	return db_commit(of(door)->db);
}

static void file_rollback(struct sql *door)
{
	db_rollback(of(door)->db);
}

static void *file_prepare(struct sql *door, const char *text, int *ret_err)
{
	struct file *f = of(door);
	struct db_stmt *st;
	int r;

	for (size_t i = 0; i < f->kept_count; i++) {
		if (f->kept[i].text == text)
			return f->kept[i].statement;
	}
	if (f->kept_count == SQL_KEPT_MAX)
		abort(); /* our own bug: the number of statements is fixed */
	r = db_prepare(f->db, text, &st);
	if (r < 0) {
		*ret_err = r;
		return NULL;
	}
	f->kept[f->kept_count++] = (struct kept){ text, st };
	return st;
}

static void file_bind_int(void *st, int at, int64_t v)
{
	db_bind_i64(st, at, v);
}

static void file_bind_bytes(void *st, int at, const uint8_t *p, size_t n)
{
	db_bind_blob(st, at, p, n);
}

static void file_bind_text(void *st, int at, const char *s)
{
	db_bind_text(st, at, s);
}

static int file_step(void *st)
{
	return db_step(st);
}

static int file_get_int(void *st, int column, int64_t *ret)
{
	*ret = db_i64(st, column);
	return 0;
}

static const uint8_t *file_get_bytes(void *st, int column, size_t *ret_len)
{
	return db_blob(st, column, ret_len);
}

static int file_reset(void *st)
{
	db_reset(st);
	return 0;
}

static const struct sql_backend file_backend = {
	.close = file_close,
	.begin = file_begin,
	.begin_read = file_begin_read,
	.begin_schema = file_begin,
	.commit = file_commit,
	.rollback = file_rollback,
	.run = file_run,
	.prepare = file_prepare,
	.bind_int = file_bind_int,
	.bind_bytes = file_bind_bytes,
	.bind_text = file_bind_text,
	.step = file_step,
	.get_int = file_get_int,
	.get_bytes = file_get_bytes,
	.reset = file_reset,
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
	struct file *f;
	int r = check_file(path, create);

	if (r < 0)
		return r;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	memcpy(split.key, key, DB_KEY_LEN);
	memcpy(split.salt, key + DB_KEY_LEN, DB_SALT_LEN);
	r = db_open(&options, &f->db);
	crypto_wipe(&split, sizeof(split));
	if (r < 0) {
		free(f);
		return r == -EBADMSG ? -EKEYREJECTED : r;
	}
	f->door.backend = &file_backend;
	*ret = &f->door;
	return 0;
}
