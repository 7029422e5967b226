/*
 * recover.c - reads a dead hub's queue; see recover.h. Its tables are those of storage/queue.c.
 */
#include "clinic/recover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/rt/file.h"

enum {
	/* of storage/queue.c; the test reads what that writes. The card may be an older hub's: the tables that are read
	 * here are the same since the first of these */
	QUEUE_SCHEMA = 4,
	QUEUE_SCHEMA_OLDEST = 2,
	CACHE_PAGES = 128,
	PATH_BYTES = 1024,
};

int recover_read(const char *dir, struct recovery *ret)
{
	uint8_t buf[RECOVERY_BYTES_MAX];
	int n = file_read(dir, RECOVERY_FILE, buf, sizeof(buf));

	if (n < 0)
		return n == -EMSGSIZE ? -EBADMSG : n;
	return recovery_decode(buf, (size_t)n, ret);
}

int recover_key(const struct recovery *r, const struct opening_key *key,
		enum slot_purpose purpose, uint32_t segment, struct db_key *ret)
{
	const struct recovery_entry *e = recovery_find(r, purpose, segment);
	uint8_t ad[RECOVERY_AD_LEN], plain[RECOVERY_KEY_LEN];
	const uint8_t *private;

	if (!e)
		return -ENOENT;
	private = opening_private(key, sealed_key_id(e->sealed, sizeof(e->sealed)));
	if (!private)
		return -ENOTSUP;
	recovery_ad(r, e, ad);
	if (unseal(private, ad, sizeof(ad), e->sealed, sizeof(e->sealed), plain))
		return -EKEYREJECTED;
	memcpy(ret->key, plain, DB_KEY_LEN);
	memcpy(ret->salt, plain + DB_KEY_LEN, DB_SALT_LEN);
	crypto_wipe(plain, sizeof(plain));
	return 0;
}

static void read_row(struct db_stmt *st, const struct recovery *r, struct sealed *ret)
{
	*ret = (struct sealed){ .epoch = r->epoch };
	memcpy(ret->hub, r->hub, sizeof(ret->hub));
	ret->record.seq = db_u64(st, 0);
	ret->record.assignment = (uint32_t)db_u64(st, 1);
	ret->record.kind = (uint8_t)db_u64(st, 2);
	ret->record.class = db_u64(st, 3) == CLASS_ALARM ? CLASS_ALARM : CLASS_ROUTINE;
	ret->record.body = db_blob(st, 4, &ret->record.body_len);
}

static int each_row(struct db *db, const char *sql, const struct recovery *r,
		    store_record_fn *fn, void *arg, uint64_t *ret_count)
{
	struct db_stmt *st = NULL;
	int err = db_prepare(db, sql, &st), got = 0;

	*ret_count = 0;
	while (err == 0 && (got = db_step(st)) == 1) {
		struct sealed rec;

		read_row(st, r, &rec);
		(*ret_count)++;
		if (fn)
			err = fn(arg, &rec);
	}
	db_stmt_free(st);
	return err ? err : got;
}

static int count_given_up(struct db *db, uint64_t *ret)
{
	struct db_stmt *st = NULL;
	int r = db_prepare(db, "SELECT ifnull(sum(hi - lo + 1), 0) FROM tomb", &st);

	if (r == 0)
		r = db_step(st);
	if (r == 1)
		*ret = db_u64(st, 0);
	db_stmt_free(st);
	return r == 1 ? 0 : r < 0 ? r : -EBADMSG;
}

/* Whichever of the versions it has. */
static int open_queue(const char *path, const struct db_key *key, struct db **ret)
{
	struct db_options o = { .path = path,
				.key = key,
				.shared = true,
				.read_only = true,
				.cache_pages = CACHE_PAGES,
				.schema_version = QUEUE_SCHEMA };
	int err = db_open(&o, ret);

	while (err == -ENOTSUP && --o.schema_version >= QUEUE_SCHEMA_OLDEST)
		err = db_open(&o, ret);
	return err;
}

int recover_queue(const char *dir, const struct recovery *r, uint32_t segment,
		  const struct db_key *key, store_record_fn *fn, void *arg,
		  struct recover_counts *ret)
{
	struct recover_counts c = { 0 };
	char path[PATH_BYTES];
	struct db *db;
	int err;

	if (snprintf(path, sizeof(path), "%s/queue-%u.db", dir, segment) >=
	    (int)sizeof(path))
		return -ENOENT;
	err = open_queue(path, key, &db);
	if (err == -ENOENT && snprintf(path, sizeof(path), "%s/queue-%u.db.aside", dir,
				       segment) < (int)sizeof(path))
		err = open_queue(path, key, &db);
	if (err)
		return err;
	err = each_row(db, "SELECT seq, asg, kind, 2, body FROM q_alarm ORDER BY seq", r,
		       fn, arg, &c.alarm);
	if (err == 0)
		err = each_row(
			db, "SELECT seq, asg, kind, 1, body FROM q_routine ORDER BY seq",
			r, fn, arg, &c.routine);
	if (err == 0)
		err = each_row(
			db, "SELECT seq, asg, kind, class, body FROM dead ORDER BY seq",
			r, fn, arg, &c.refused);
	if (err == 0)
		err = count_given_up(db, &c.given_up);
	db_close(db);
	if (err == 0)
		*ret = c;
	return err;
}
