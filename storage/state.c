/*
 * state.c - readings that were taken, memories of devices; see state.h.
 *
 * 'taken' is kept by device and a number that grows by one with each of its readings, so that the oldest are
 * found, and go, without a scan. The index by hash is what readings are looked up by.
 */
#include "storage/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/cursor.h"
#include "hub/crypto/crypto.h"
#include "storage/secret.h"

enum {
	SCHEMA_VERSION = 2,
	PATH_BYTES = 1024,
	CACHE_PAGES = 64,
	CHECKPOINT_PAGES = 400,
	PENDING_MAX = 64,
	ID_BYTES = KEY_LEN + 2 + READING_RAW_MAX + 4 + 4 + 7,
};

#define CREATE_META "CREATE TABLE meta (k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;"
#define CREATE_TAKEN                                                                     \
	"CREATE TABLE taken (device INTEGER NOT NULL, n INTEGER NOT NULL, hash BLOB NOT" \
	" NULL, timed INTEGER NOT NULL, PRIMARY KEY (device, n), UNIQUE (device, hash))" \
	" STRICT, WITHOUT ROWID;"
#define CREATE_MEMORY                                                                    \
	"CREATE TABLE memory (num INTEGER NOT NULL, service INTEGER NOT NULL, asg "      \
	"INTEGER NOT NULL, history INTEGER NOT NULL, anchor INTEGER NOT NULL, empty "    \
	"INTEGER NOT NULL, mark INTEGER NOT NULL, fenced INTEGER NOT NULL, fence "       \
	"INTEGER NOT NULL, PRIMARY KEY (num, service)) STRICT, WITHOUT ROWID;"

/* Is the row about the memory that is told of? Of one memory nothing goes back; another one takes the row. */
#define SAME "history = ?4 AND anchor = ?5"

/* Version 1 had one order of age over all devices. */
static const char *const upgrades[SCHEMA_VERSION - 1] = {
	"ALTER TABLE taken RENAME TO taken_1;" CREATE_TAKEN
	"INSERT INTO taken SELECT device, n, hash, timed FROM taken_1;"
	"DROP TABLE taken_1;" CREATE_MEMORY,
};

enum statement {
	ST_HAS = 0,
	ST_ADD,
	ST_TRIM,
	ST_OTHERS,
	ST_REMEMBER,
	ST_MEMORIES,
	ST_SIZE,
	ST_COUNT
};

static const char *const statement_sql[ST_COUNT] = {
	[ST_HAS] =
		"SELECT 1 FROM taken WHERE device = ?1 AND hash = ?2 AND (timed OR ?3)",
	[ST_ADD] =
		("INSERT INTO taken VALUES (?1, (SELECT ifnull(max(n), 0) + 1 FROM taken"
		 " WHERE device = ?1), ?2, ?3) ON CONFLICT (device, hash)"
		 " DO UPDATE SET timed = 1 WHERE excluded.timed > timed"),
	[ST_TRIM] = ("DELETE FROM taken WHERE device = ?1"
		     " AND n <= (SELECT max(n) FROM taken WHERE device = ?1) - ?2"),
	[ST_OTHERS] = "DELETE FROM memory WHERE asg <> ?1",
	[ST_REMEMBER] =
		("INSERT INTO memory SELECT ?2, ?3, ?1, ?4, ?5, ?6, ?7, ?8, ?9"
		 " WHERE (SELECT count(*) FROM memory) < ?10 OR EXISTS"
		 "  (SELECT 1 FROM memory WHERE num = ?2 AND service = ?3)"
		 " ON CONFLICT (num, service) DO UPDATE SET history = ?4, anchor = ?5,"
		 "  empty = iif(" SAME ", min(empty, ?6), ?6),"
		 "  mark = iif(" SAME ", max(mark, ?7), ?7),"
		 "  fenced = iif(" SAME ", max(fenced, ?8), ?8),"
		 "  fence = iif(" SAME ", max(fence, ?9), ?9)"
		 " WHERE ?4 > history OR (?4 = history AND (?5 <> anchor OR ?6 < empty"
		 "  OR ?7 > mark OR ?8 > fenced OR ?9 > fence))"),
	[ST_MEMORIES] =
		("SELECT num, service, history, anchor, empty, mark, fenced, fence"
		 " FROM memory WHERE asg = ?1 LIMIT ?2"),
	[ST_SIZE] = ("SELECT page_count - freelist_count, max_page_count FROM"
		     " pragma_page_count, pragma_freelist_count, pragma_max_page_count"),
};

struct pending {
	uint32_t assignment;
	struct msg_memory memory;
};

/* Lives in secret memory because of the key. */
struct state {
	struct db *db;
	struct db_stmt *st[ST_COUNT];
	uint8_t hash_key[KEY_LEN];
	struct pending pending[PENDING_MAX]; /* in the order in which they came */
	size_t pending_count;
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

int state_open(const char *dir, const struct db_key *key, uint32_t pages_max,
	       struct state **ret)
{
	char path[PATH_BYTES];
	struct db_options o = {
		.path = path,
		.key = key,
		.create = true,
		.pages_max = pages_max ? pages_max : STATE_PAGES_MAX,
		.cache_pages = CACHE_PAGES,
		.checkpoint_pages = CHECKPOINT_PAGES,
		.schema = CREATE_META CREATE_TAKEN CREATE_MEMORY,
		.schema_version = SCHEMA_VERSION,
		.upgrades = upgrades,
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

/* --- marks ---------------------------------------------------------------------------- */

static void write_date_time(struct writer *w, const struct date_time *t)
{
	write_be16(w, t->year);
	write_u8(w, t->month);
	write_u8(w, t->day);
	write_u8(w, t->hour);
	write_u8(w, t->minute);
	write_u8(w, t->second);
}

/*
 * What identifies the reading beside its raw bytes; nothing if these do it alone. Returns the name of the way of
 * hashing, NULL if nothing identifies it. Ways must never meet: a name each.
 */
static const char *write_identity(struct writer *w, const struct reading *rd,
				  uint32_t assignment)
{
	const struct decoded *d = &rd->decoded;

	if (d->marks & MARK_UNDECODED)
		return "hub/v1/taken";
	if (d->has_device_time && rd->kind != READING_CGM)
		return "hub/v1/taken";
	if (d->has_device_time) {
		write_date_time(w, &d->device_time);
		return "hub/v1/taken-cgm";
	}
	/* A CGM value whose session is not known is no record of one either. */
	if (d->marks & MARK_STORED && d->has_sequence && rd->kind != READING_CGM) {
		write_be32(w, assignment);
		write_be32(w, rd->history);
		return "hub/v1/taken-stored";
	}
	return NULL;
}

bool state_mark_of(const struct state *s, const struct reading *rd, uint32_t assignment,
		   struct state_mark *ret)
{
	uint8_t in[ID_BYTES], hash[KEY_LEN];
	const char *name;
	struct writer w;

	writer_init(&w, in, sizeof(in));
	write_bytes(&w, s->hash_key, KEY_LEN);
	write_be16(&w, rd->characteristic);
	write_bytes(&w, rd->raw, rd->raw_len);
	name = write_identity(&w, rd, assignment);
	if (!name) {
		crypto_wipe(in, sizeof(in));
		return false;
	}
	/* HKDF over key, characteristic, value and identity: a keyed hash made of what we have. In each
	 * way of hashing what follows the value has one length, so that no two inputs run together. */
	crypto_derive(in, (size_t)writer_len(&w), name, hash);
	crypto_wipe(in, sizeof(in));
	ret->timed = !(rd->decoded.marks & MARK_UNDECODED);
	ret->device = rd->peripheral.num;
	memcpy(ret->hash, hash, STATE_HASH_LEN);
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

/* --- taken ---------------------------------------------------------------------------- */

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

static int add_all(struct state *s, const struct state_mark *m, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		bind_mark(s->st[ST_ADD], &m[i]);
		r = db_run(s->st[ST_ADD]);
		if (r || (i + 1 < count && m[i + 1].device == m[i].device))
			continue;
		db_bind_u64(s->st[ST_TRIM], 1, m[i].device);
		db_bind_u64(s->st[ST_TRIM], 2, STATE_READINGS_MAX);
		r = db_run(s->st[ST_TRIM]);
	}
	return r;
}

/* Is the quota used up, and not the disk? Device numbers without end would do it. */
static bool is_full(struct state *s)
{
	struct db_stmt *st = s->st[ST_SIZE];
	bool full = db_step(st) == 1 && db_u64(st, 0) + CACHE_PAGES >= db_u64(st, 1);

	db_reset(st);
	return full;
}

/* --- memory --------------------------------------------------------------------------- */

static int write_memory(struct state *s, const struct pending *p)
{
	struct db_stmt *st = s->st[ST_OTHERS];
	const struct msg_memory *m = &p->memory;
	int r;

	db_bind_u64(st, 1, p->assignment);
	r = db_run(st);
	if (r)
		return r;
	st = s->st[ST_REMEMBER];
	db_bind_u64(st, 1, p->assignment);
	db_bind_u64(st, 2, m->num);
	db_bind_u64(st, 3, m->service);
	db_bind_u64(st, 4, m->history);
	db_bind_i64(st, 5, (int64_t)m->anchor); /* all 64 bits are used */
	db_bind_u64(st, 6, m->empty);
	db_bind_u64(st, 7, m->empty ? 0 : m->mark);
	db_bind_u64(st, 8, m->has_fence);
	db_bind_u64(st, 9, m->has_fence ? m->fence : 0);
	db_bind_u64(st, 10, STATE_MEMORIES_MAX);
	return db_run(st);
}

/* Marks and memories in one transaction. */
static int write_all(struct state *s, const struct state_mark *m, size_t count)
{
	int r = db_begin(s->db);

	if (r)
		return r;
	r = add_all(s, m, count);
	for (size_t i = 0; i < s->pending_count && r == 0; i++)
		r = write_memory(s, &s->pending[i]);
	if (r) {
		db_rollback(s->db);
		return r;
	}
	r = db_commit(s->db);
	if (r == 0)
		s->pending_count = 0;
	return r;
}

int state_add(struct state *s, const struct state_mark *m, size_t count)
{
	int r = write_all(s, m, count);

	if (r != -ENOSPC || !is_full(s))
		return r;
	r = db_exec(s->db, "DELETE FROM taken");
	return r ? r : write_all(s, m, count);
}

int state_remember(struct state *s, uint32_t assignment, const struct msg_memory *m)
{
	int r = s->pending_count == PENDING_MAX ? state_flush(s) : 0;

	if (r)
		return r;
	s->pending[s->pending_count++] =
		(struct pending){ .assignment = assignment, .memory = *m };
	return 0;
}

int state_flush(struct state *s)
{
	return s->pending_count ? state_add(s, NULL, 0) : 0;
}

int state_memories(struct state *s, uint32_t assignment,
		   struct msg_memory ret[static STATE_MEMORIES_MAX], size_t *ret_count)
{
	struct db_stmt *st = s->st[ST_MEMORIES];
	size_t n = 0;
	int r;

	db_bind_u64(st, 1, assignment);
	db_bind_u64(st, 2, STATE_MEMORIES_MAX);
	while ((r = db_step(st)) == 1)
		ret[n++] = (struct msg_memory){ .num = (uint16_t)db_u64(st, 0),
						.service = (uint16_t)db_u64(st, 1),
						.history = (uint32_t)db_u64(st, 2),
						.anchor = (uint64_t)db_i64(st, 3),
						.empty = db_u64(st, 4) != 0,
						.mark = (uint32_t)db_u64(st, 5),
						.has_fence = db_u64(st, 6) != 0,
						.fence = (uint32_t)db_u64(st, 7) };
	db_reset(st);
	if (r == 0)
		*ret_count = n;
	return r;
}
