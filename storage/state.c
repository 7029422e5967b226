/*
 * state.c - the registry of readings that were taken; see state.h.
 */
#include "storage/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/crypto/crypto.h"
#include "storage/secret.h"

enum {
	SCHEMA_VERSION = 1,
	PATH_BYTES = 1024,
	PAGES_MAX = 1024,
	CACHE_PAGES = 32,
	CHECKPOINT_PAGES = 100,
};

static const char schema[] =
	"CREATE TABLE meta (k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;"
	"CREATE TABLE taken (n INTEGER PRIMARY KEY, device INTEGER NOT NULL, hash BLOB "
	"NOT NULL,"
	" timed INTEGER NOT NULL, UNIQUE (device, hash)) STRICT;";

enum statement { ST_HAS = 0, ST_ADD, ST_TRIM, ST_COUNT };

static const char *const statement_sql[ST_COUNT] = {
	[ST_HAS] =
		"SELECT 1 FROM taken WHERE device = ?1 AND hash = ?2 AND (timed OR ?3)",
	[ST_ADD] = ("INSERT INTO taken (device, hash, timed) VALUES (?1, ?2, ?3)"
		    " ON CONFLICT (device, hash) DO UPDATE SET timed = max(timed, ?3)"),
	[ST_TRIM] = "DELETE FROM taken WHERE n <= (SELECT max(n) FROM taken) - ?1",
};

/* Lives in secret memory because of the key. */
struct state {
	struct db *db;
	struct db_stmt *st[ST_COUNT];
	uint8_t hash_key[KEY_LEN];
};

/* The key makes the hashes useless to whoever gets them: blood pressure has few possible values. */
static int load_hash_key(struct state *s)
{
	struct db_stmt *get, *put;
	size_t len = 0;
	int r = db_prepare(s->db, "SELECT v FROM meta WHERE k = 'hash_key'", &get);

	if (r)
		return r;
	r = db_step(get);
	if (r == 1) {
		const uint8_t *key = db_blob(get, 0, &len);

		if (len == KEY_LEN)
			memcpy(s->hash_key, key, KEY_LEN);
	}
	db_stmt_free(get);
	if (r)
		return r < 0 ? r : len == KEY_LEN ? 0 : -EBADMSG;
	r = db_prepare(s->db, "INSERT INTO meta VALUES ('hash_key', ?1)", &put);
	if (r)
		return r;
	crypto_random(s->hash_key, KEY_LEN);
	db_bind_blob(put, 1, s->hash_key, KEY_LEN);
	r = db_run(put);
	db_stmt_free(put);
	return r;
}

int state_open(const char *dir, const struct db_key *key, struct state **ret)
{
	char path[PATH_BYTES];
	struct db_options o = {
		.path = path,
		.key = key,
		.create = true,
		.pages_max = PAGES_MAX,
		.cache_pages = CACHE_PAGES,
		.checkpoint_pages = CHECKPOINT_PAGES,
		.schema = schema,
		.schema_version = SCHEMA_VERSION,
	};
	struct state *s = secret_map(sizeof(*s), NULL);
	int r;

	if (!s)
		return -ENOMEM;
	(void)snprintf(path, sizeof(path), "%s/%s", dir, STATE_FILE);
	r = db_open(&o, &s->db);
	if (r == 0)
		r = load_hash_key(s);
	for (int i = 0; i < ST_COUNT && r == 0; i++)
		r = db_prepare(s->db, statement_sql[i], &s->st[i]);
	if (r) {
		state_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void state_close(struct state *s)
{
	if (!s)
		return;
	for (int i = 0; i < ST_COUNT; i++)
		db_stmt_free(s->st[i]);
	db_close(s->db);
	secret_unmap(s, sizeof(*s));
}

bool state_mark_of(const struct state *s, const struct reading *rd,
		   struct state_mark *ret)
{
	uint8_t in[KEY_LEN + 2 + READING_RAW_MAX], hash[KEY_LEN];
	bool undecoded = rd->decoded.marks & MARK_UNDECODED;

	if (!undecoded && !rd->decoded.has_device_time)
		return false;
	ret->timed = !undecoded;
	memcpy(in, s->hash_key, KEY_LEN);
	in[KEY_LEN] = (uint8_t)(rd->characteristic >> 8);
	in[KEY_LEN + 1] = (uint8_t)rd->characteristic;
	memcpy(in + KEY_LEN + 2, rd->raw, rd->raw_len);
	ret->device = rd->peripheral.num;
	/* HKDF over a fixed-length key and the value: a keyed hash made of what we have. */
	crypto_derive(in, (size_t)KEY_LEN + 2 + rd->raw_len, "hub/v1/taken", hash);
	memcpy(ret->hash, hash, STATE_HASH_LEN);
	crypto_wipe(in, sizeof(in));
	return true;
}

void state_mark_encode(const struct state_mark *m, uint8_t ret[static STATE_MARK_LEN])
{
	ret[0] = m->timed;
	ret[1] = (uint8_t)(m->device >> 8);
	ret[2] = (uint8_t)m->device;
	memcpy(ret + 3, m->hash, STATE_HASH_LEN);
}

void state_mark_decode(const uint8_t in[static STATE_MARK_LEN], struct state_mark *ret)
{
	ret->timed = in[0] != 0;
	ret->device = (uint16_t)(in[1] << 8 | in[2]);
	memcpy(ret->hash, in + 3, STATE_HASH_LEN);
}

bool state_mark_same(const struct state_mark *a, const struct state_mark *b)
{
	return a->device == b->device && crypto_equal(a->hash, b->hash, STATE_HASH_LEN) &&
	       (a->timed || b->timed);
}

static void bind_mark(struct db_stmt *st, const struct state_mark *m)
{
	db_bind_u64(st, 1, m->device);
	db_bind_blob(st, 2, m->hash, STATE_HASH_LEN);
	db_bind_u64(st, 3, m->timed);
}

int state_has(struct state *s, const struct state_mark *m)
{
	int r;

	bind_mark(s->st[ST_HAS], m);
	r = db_step(s->st[ST_HAS]);
	db_reset(s->st[ST_HAS]);
	return r;
}

int state_add(struct state *s, const struct state_mark *m, size_t count)
{
	int r = db_begin(s->db);

	if (r)
		return r;
	for (size_t i = 0; i < count && r == 0; i++) {
		bind_mark(s->st[ST_ADD], &m[i]);
		r = db_run(s->st[ST_ADD]);
	}
	if (r == 0) {
		db_bind_u64(s->st[ST_TRIM], 1, STATE_READINGS_MAX);
		r = db_run(s->st[ST_TRIM]);
	}
	if (r == 0)
		return db_commit(s->db);
	db_rollback(s->db);
	return r;
}
