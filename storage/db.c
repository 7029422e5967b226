/*
 * db.c - opening SQLCipher with settings that keep acknowledged data; see db.h.
 *
 * The settings and why, found by trying the disk states that a power cut can leave behind:
 *   psow=0                the default assumes that a torn write harms nothing outside the
 *                         bytes written; on a sector that turns to garbage it loses
 *                         acknowledged rows
 *   salt with the key     else it lies in page 1, and a checkpoint that tears page 1 loses
 *                         the whole file although the WAL has a good copy
 *   EXTRA before WAL      else a stale rollback journal can come back on a file system that
 *                         does not make a deletion durable with fsync, and rolls the
 *                         database back to empty
 *   FULL from then on     one fdatasync a commit; with NORMAL acknowledged rows are lost
 *   EXCLUSIVE             the index of the WAL is on the heap: no -shm file, nobody else
 *                         opens it
 *   mmap_size, temp_store no plain pages in a mapping or a temporary file
 *   trusted_schema        a damaged or planted schema runs no functions
 */
#include "storage/db.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/db_sqlite.h"
#include "storage/secret.h"

enum {
	PATH_BYTES = 1024,
	VALUE_BYTES = 64,
	KEY_SPEC_LEN = 2 + 2 * (DB_KEY_LEN + DB_SALT_LEN) + 1, /* x'hex' */
	HEAP_MIN_ALLOC = 64,
	WAL_LIMIT_BYTES = 4 << 20,
};

/* Declared by SQLCipher's sqlite3.h only under a macro of the library's own build. */
int sqlite3_key(sqlite3 *db, const void *key, int len);

static void *heap;
static size_t heap_len;

int db_heap_init(size_t bytes, int *ret_grade)
{
	enum secret_grade grade;

	heap = secret_map(bytes, &grade);
	if (!heap)
		return -ENOMEM;
	heap_len = bytes;
	if (sqlite3_config(SQLITE_CONFIG_HEAP, heap, (int)bytes, HEAP_MIN_ALLOC) !=
	    SQLITE_OK)
		return -EIO;
	if (ret_grade)
		*ret_grade = (int)grade;
	return 0;
}

void db_heap_wipe(void)
{
	(void)sqlite3_shutdown(); /* has no failure of its own once nothing is open */
	if (heap)
		explicit_bzero(heap, heap_len);
}

/* 'file:' URI of a path; characters that would end or change it are escaped. */
static int make_uri(const struct db_options *o, char *buf, size_t cap)
{
	size_t n = (size_t)snprintf(buf, cap, "file:");

	for (const char *s = o->path; *s; s++) {
		if (n + sizeof("%xx?psow=0") > cap)
			return -EMSGSIZE;
		if (strchr("%?#", *s))
			n += (size_t)snprintf(buf + n, cap - n, "%%%02x",
					      (unsigned)(uint8_t)*s);
		else
			buf[n++] = *s;
	}
	(void)snprintf(buf + n, cap - n, "?psow=0");
	return 0;
}

static int sync_folder_of(const char *path)
{
	char copy[PATH_BYTES];
	int fd, r;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -EIO;
	r = fsync(fd) ? -EIO : 0;
	close(fd);
	return r;
}

/* Made by us and not by the library: its WAL then takes over mode 0600, and the name is durable. */
static int make_file(const struct db_options *o)
{
	int fd;

	if (access(o->path, F_OK) == 0)
		return 0;
	if (!o->create)
		return -ENOENT;
	fd = open(o->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno == ENOSPC || errno == EDQUOT ? -ENOSPC : -EIO;
	close(fd);
	return sync_folder_of(o->path);
}

static char *put_hex(char *at, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at += sprintf(at, "%02x", p[i]);
	return at;
}

static int give_key(struct db *db, const struct db_key *key)
{
	char spec[KEY_SPEC_LEN + 1] = "x'";
	char *at = put_hex(spec + 2, key->key, DB_KEY_LEN);
	int rc;

	at = put_hex(at, key->salt, DB_SALT_LEN);
	*at = '\'';
	rc = sqlite3_key(db->lib, spec, KEY_SPEC_LEN);
	explicit_bzero(spec, sizeof(spec));
	return db_translate(db->lib, rc);
}

int db_exec(struct db *db, const char *sql)
{
	return db_translate(db->lib, sqlite3_exec(db->lib, sql, NULL, NULL, NULL));
}

/* First column of the first row as text, "" if there is none. */
static int ask(struct db *db, const char *sql, char ret[static VALUE_BYTES])
{
	struct db_stmt *st;
	int r = db_prepare(db, sql, &st);

	if (r)
		return r;
	ret[0] = '\0';
	r = db_step(st);
	if (r == 1) {
		const char *text = db_text(st, 0);

		(void)snprintf(ret, VALUE_BYTES, "%s", text ? text : "");
		r = 0;
	}
	db_stmt_free(st);
	return r;
}

/* Set (value may be NULL: only look) and read back. */
static int set_pragma(struct db *db, const char *name, const char *value,
		      const char *want)
{
	char sql[128], got[VALUE_BYTES];
	int r = 0;

	if (value) {
		(void)snprintf(sql, sizeof(sql), "PRAGMA %s=%s", name, value);
		r = db_exec(db, sql);
	}
	(void)snprintf(sql, sizeof(sql), "PRAGMA %s", name);
	if (r == 0)
		r = ask(db, sql, got);
	if (r)
		return r;
	return strcasecmp(got, want) == 0 ? 0 : -EIO;
}

static int set_number(struct db *db, const char *name, int64_t v)
{
	char text[VALUE_BYTES];

	(void)snprintf(text, sizeof(text), "%" PRId64, v);
	return set_pragma(db, name, text, text);
}

/* The quota cannot be smaller than the file already is; then the file's size is the quota. */
static int set_quota(struct db *db, uint32_t pages_max)
{
	char got[VALUE_BYTES];
	int r = ask(db, "PRAGMA page_count", got);

	if (r || pages_max == 0)
		return r;
	return set_number(db, "max_page_count",
			  strtoll(got, NULL, 10) > pages_max ? strtoll(got, NULL, 10)
							     : pages_max);
}

struct setting {
	const char *name, *value, *want;
};

static int set_all(struct db *db, const struct setting *s, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = set_pragma(db, s[i].name, s[i].value, s[i].want);
	return r;
}

static int check_psow(struct db *db)
{
	int on = -1; /* ask, do not change */
	int rc = sqlite3_file_control(db->lib, "main", SQLITE_FCNTL_POWERSAFE_OVERWRITE,
				      &on);

	if (rc != SQLITE_OK)
		return db_translate(db->lib, rc);
	return on == 0 ? 0 : -EIO;
}

static int check_cipher(struct db *db, const struct db_key *key)
{
	static const struct setting cipher[] = {
		{ "cipher_page_size", NULL, "4096" },
		{ "cipher_use_hmac", NULL, "1" },
		{ "cipher_hmac_algorithm", NULL, "HMAC_SHA512" },
		{ "cipher_plaintext_header_size", NULL, "0" },
	};
	char salt[2 * DB_SALT_LEN + 1];

	put_hex(salt, key->salt, DB_SALT_LEN);
	return set_pragma(db, "cipher_salt", NULL, salt) ||
			       set_all(db, cipher, sizeof(cipher) / sizeof(cipher[0]))
		       ? -EIO
		       : 0;
}

/* The order of the list matters: the lock mode before
 * the WAL is opened, EXTRA before it is made. */
static int apply_settings(struct db *db, const struct db_options *o)
{
	const struct setting before[] = {
		{ "page_size", "4096", "4096" },
		{ "locking_mode", o->shared ? "NORMAL" : "EXCLUSIVE",
		  o->shared ? "normal" : "exclusive" },
		{ "synchronous", "EXTRA", "3" },
	};
	static const struct setting after[] = {
		{ "synchronous", "FULL", "2" },	 { "mmap_size", "0", "0" },
		{ "temp_store", "MEMORY", "2" }, { "trusted_schema", "OFF", "0" },
		{ "foreign_keys", "ON", "1" },
	};
	int r = set_all(db, before, sizeof(before) / sizeof(before[0]));

	if (r == 0) /* a reader cannot make it, only find it */
		r = set_pragma(db, "journal_mode", o->read_only ? NULL : "WAL", "wal");
	if (r == 0)
		r = set_all(db, after, sizeof(after) / sizeof(after[0]));
	if (r == 0)
		r = set_number(db, "wal_autocheckpoint", o->checkpoint_pages);
	if (r == 0)
		r = set_number(db, "journal_size_limit", WAL_LIMIT_BYTES);
	if (r == 0)
		r = set_number(db, "cache_size", o->cache_pages);
	if (r == 0)
		r = set_quota(db, o->pages_max);
	if (r == 0)
		r = check_psow(db);
	if (r == 0 && o->key)
		r = check_cipher(db, o->key);
	return r;
}

int db_begin(struct db *db)
{
	return db_exec(db, "BEGIN IMMEDIATE");
}

void db_rollback(struct db *db)
{
	/* Some errors have rolled back already; nothing
	 * else can be done about a rollback that fails. */
	if (!sqlite3_get_autocommit(db->lib))
		(void)db_exec(db, "ROLLBACK");
}

int db_commit(struct db *db)
{
	int r = db_exec(db, "COMMIT");

	if (r)
		db_rollback(db);
	return r;
}

/* All that is missing between version 'have' and the one we write. */
static int run_schema(struct db *db, const struct db_options *o, long have)
{
	char sql[VALUE_BYTES];
	int r = have == 0 ? db_exec(db, o->schema) : 0;

	for (long v = have; v > 0 && v < o->schema_version && r == 0; v++)
		r = db_exec(db, o->upgrades[v - 1]);
	(void)snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", o->schema_version);
	return r ? r : db_exec(db, sql);
}

/* A file without a schema is new, or its making was cut off before anything was in it. */
static int apply_schema(struct db *db, const struct db_options *o)
{
	char got[VALUE_BYTES];
	long have;
	int r = ask(db, "PRAGMA user_version", got);

	if (r)
		return r;
	have = strtol(got, NULL, 10);
	if (have == o->schema_version)
		return 0;
	if (have < 0 || have > o->schema_version || !o->create ||
	    (have > 0 && !o->upgrades))
		return -ENOTSUP;
	r = db_begin(db);
	if (r)
		return r;
	r = run_schema(db, o, have);
	if (r == 0)
		return db_commit(db);
	db_rollback(db);
	return r;
}

/*
 * What a power cut has left of the WAL is written back before anything is appended to it. Its last valid frame may end
 * in the middle of a sector: the padding behind a commit is not synced. A sector torn by the next write would take the
 * end of that commit along, a second time and too late for anybody to notice. It also puts on the disk what only
 * the page cache may still have, after a sync that failed.
 */
static int settle_wal(struct db *db, const struct db_options *o)
{
	int r = o->read_only ? 0 : db_exec(db, "PRAGMA wal_checkpoint(RESTART)");

	/* No space to write it back: reading, and making space, must go on. Another process at work: it is not the
	 * first after a cut. */
	return r == -ENOSPC || r == -EAGAIN ? 0 : r;
}

static int open_library(const struct db_options *o, struct db *db)
{
	char uri[PATH_BYTES];
	int flags = SQLITE_OPEN_URI | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE |
		    (o->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	int r = make_uri(o, uri, sizeof(uri));

	if (r == 0)
		r = make_file(o);
	if (r)
		return r;
	return db_translate(NULL, sqlite3_open_v2(uri, &db->lib, flags, NULL));
}

static int prepare_library(const struct db_options *o, struct db *db)
{
	int r = o->key ? give_key(db, o->key) : 0;

	if (r == 0)
		r = db_translate(db->lib, sqlite3_busy_timeout(db->lib, (int)o->busy_ms));
	if (r == 0)
		r = db_translate(
			db->lib,
			sqlite3_db_config(db->lib, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL));
	if (r == 0 && !o->shared)
		r = db_translate(db->lib,
				 sqlite3_db_config(db->lib,
						   SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
						   NULL));
	if (r == 0)
		r = apply_settings(db, o);
	if (r == 0)
		r = settle_wal(db, o);
	if (r == 0)
		r = apply_schema(db, o);
	return r;
}

int db_open(const struct db_options *o, struct db **ret)
{
	struct db *db = calloc(1, sizeof(*db));
	int r;

	if (!db)
		return -ENOMEM;
	db->space_fd = -1;
	r = open_library(o, db);
	if (r == 0)
		r = prepare_library(o, db);
	if (r) {
		db_close(db);
		return r;
	}
	*ret = db;
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	if (sqlite3_close(db->lib) != SQLITE_OK) {
		(void)fprintf(stderr, "db: closed with a statement still open\n");
		abort();
	}
	if (db->space_fd >= 0)
		close(db->space_fd);
	free(db);
}

const char *db_message(const struct db *db)
{
	return sqlite3_errmsg(db->lib);
}

uint64_t db_changes(const struct db *db)
{
	return (uint64_t)sqlite3_changes64(db->lib);
}

/* --- space on the disk -------------------------------------------------------------- */

static int open_for_space(struct db *db)
{
	if (db->space_fd < 0)
		db->space_fd = open(sqlite3_db_filename(db->lib, "main"),
				    O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return db->space_fd < 0 ? -EIO : 0;
}

static int read_owned(const struct db *db, uint64_t *ret)
{
	struct stat st;

	if (fstat(db->space_fd, &st))
		return -EIO;
	*ret = (uint64_t)st.st_blocks * 512 / DB_PAGE_SIZE; /* stat(2): in units of 512 */
	return 0;
}

int db_own(struct db *db, uint64_t pages, uint64_t *ret_pages)
{
	int r = open_for_space(db);

	if (r == 0)
		r = read_owned(db, ret_pages);
	if (r || *ret_pages >= pages)
		return r;
	if (fallocate(db->space_fd, FALLOC_FL_KEEP_SIZE, 0,
		      (off_t)(pages * DB_PAGE_SIZE)) == 0 ||
	    errno == EOPNOTSUPP) { /* nobody can promise it then, and it must go on */
		*ret_pages = pages;
		return 0;
	}
	return errno == ENOSPC || errno == EDQUOT ? read_owned(db, ret_pages) : -EIO;
}

int db_wal_pages(const struct db *db, uint64_t *ret)
{
	struct stat st = { 0 };

	if (stat(sqlite3_filename_wal(sqlite3_db_filename(db->lib, "main")), &st) &&
	    errno != ENOENT)
		return -EIO;
	*ret = (uint64_t)st.st_size / DB_PAGE_SIZE;
	return 0;
}
