/*
 * queue.c - the queue's tables, opening, inserting and reading; see queue.h. What the
 * clinic's answers do to them is in queue_ack.c, what lack of space does in queue_evict.c.
 *
 * One table per class and no secondary index: an alarm overtakes without one, and deletions stay
 * contiguous. 'cur' is written when rows leave, never per insert: what rows know need not be
 * written twice, and a drained queue still knows its next number and the latest captures.
 */
#include "storage/queue_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SCHEMA_VERSION = 2,
	PATH_BYTES = 1024,
	CACHE_PAGES = 128,
	CHECKPOINT_PAGES = 400,
};

#define CLASS_COLUMNS                                                                    \
	"(seq INTEGER PRIMARY KEY, asg INTEGER NOT NULL, kind INTEGER NOT NULL,"         \
	" inst INTEGER NOT NULL, cap INTEGER NOT NULL, mark BLOB, body BLOB NOT NULL)"   \
	" STRICT;"

#define TOMB                                                                             \
	"CREATE TABLE tomb (lo INTEGER PRIMARY KEY, hi INTEGER NOT NULL, class INTEGER"  \
	" NOT NULL, cause INTEGER NOT NULL) STRICT;"

static const char schema[] =
	"CREATE TABLE meta (k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;"
	"CREATE TABLE cur (id INTEGER PRIMARY KEY CHECK (id = 1), next_seq INTEGER NOT "
	"NULL,"
	" contig INTEGER NOT NULL, inst INTEGER NOT NULL, cap INTEGER NOT NULL,"
	" mask INTEGER NOT NULL) STRICT;"
	"CREATE TABLE q_alarm " CLASS_COLUMNS "CREATE TABLE q_routine " CLASS_COLUMNS
	"CREATE TABLE acked (lo INTEGER PRIMARY KEY, hi INTEGER NOT NULL) STRICT;"
	"CREATE TABLE dead (seq INTEGER PRIMARY KEY, asg INTEGER NOT NULL, class INTEGER "
	"NOT NULL,"
	" kind INTEGER NOT NULL, reason INTEGER NOT NULL, body BLOB NOT NULL) "
	"STRICT;" TOMB "INSERT INTO cur VALUES (1, 1, 0, 0, 0, 0);";

/* Version 1 parked what the clinic refused and said no more of it: the clinic's mark stopped there. */
static const char upgrade_1[] = TOMB
	"INSERT INTO tomb SELECT seq, seq, class, 5 FROM dead WHERE seq > (SELECT contig "
	"FROM cur)"
	" AND NOT EXISTS (SELECT 1 FROM acked WHERE dead.seq BETWEEN lo AND hi);";

_Static_assert(TOMBSTONE_REFUSED == 5, "as upgrade_1 says");

static const char *const upgrades[SCHEMA_VERSION - 1] = { upgrade_1 };

static const char *const class_sql[ST_PER_CLASS] = {
	[ST_INSERT] = "INSERT INTO %s VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[ST_READ] =
		"SELECT seq, asg, kind, body FROM %s WHERE seq > ?1 ORDER BY seq LIMIT 1",
	[ST_REMOVE] = "DELETE FROM %s WHERE seq BETWEEN ?1 AND ?2",
	[ST_MARKS] = "SELECT mark FROM %s ORDER BY seq DESC LIMIT ?1",
	[ST_PARK] = ("INSERT INTO dead SELECT seq, asg, ?2, kind, ?3, body FROM %s"
		     " WHERE seq = ?1"),
	[ST_OLDEST] = "SELECT seq FROM %s ORDER BY seq LIMIT ?1",
};

static const char *const table[QUEUE_CLASSES] = { "q_routine", "q_alarm" };

static const char *const plain_sql[ST_COUNT] = {
	[ST_CUR] = ("UPDATE cur SET next_seq = ?1, contig = ?2, inst = ?3, cap = ?4,"
		    " mask = ?5"),
	[ST_MERGE] =
		"DELETE FROM acked WHERE lo <= ?2 + 1 AND hi >= ?1 - 1 RETURNING lo, hi",
	[ST_SWALLOW] = "DELETE FROM acked WHERE lo <= ?1 + 1 RETURNING hi",
	[ST_ACKED] = "INSERT INTO acked VALUES (?1, ?2)",
	[ST_TOMB] = "INSERT INTO tomb VALUES (?1, ?2, ?3, ?4)",
	[ST_TOMB_TOUCH] =
		("DELETE FROM tomb WHERE ((lo = (SELECT max(lo) FROM tomb WHERE lo < ?1)"
		 " AND hi = ?1 - 1) OR lo = ?2 + 1) AND class = ?3 AND cause = ?4"
		 " RETURNING lo, hi"),
	[ST_TOMB_CUT] = ("DELETE FROM tomb WHERE lo BETWEEN"
			 " ifnull((SELECT max(lo) FROM tomb WHERE lo <= ?1), ?1) AND ?2"
			 " AND hi >= ?1 RETURNING lo, hi, class, cause"),
	[ST_TOMBS] = "SELECT lo, hi, class, cause FROM tomb ORDER BY lo LIMIT ?1",
	[ST_FORGET] = ("DELETE FROM dead WHERE seq IN"
		       " (SELECT seq FROM dead ORDER BY seq LIMIT ?1)"),
	[ST_PAGES] = "PRAGMA page_count",
	[ST_FREE_PAGES] = "PRAGMA freelist_count",
	[ST_CHECKPOINT] = "PRAGMA wal_checkpoint(PASSIVE)",
};

static size_t class_index(enum record_class c)
{
	if (c != CLASS_ROUTINE && c != CLASS_ALARM)
		abort();
	return c == CLASS_ALARM;
}

/* --- opening ------------------------------------------------------------------------ */

static int prepare_all(struct queue *q)
{
	char sql[256];
	int r = 0;

	for (int i = 0; i < ST_COUNT && r == 0; i++)
		r = db_prepare(q->db, plain_sql[i], &q->plain[i]);
	for (int c = 0; c < QUEUE_CLASSES; c++)
		for (int i = 0; i < ST_PER_CLASS && r == 0; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			(void)snprintf(sql, sizeof(sql), class_sql[i], table[c]);
#pragma GCC diagnostic pop
			r = db_prepare(q->db, sql, &q->by_class[c][i]);
		}
	return r;
}

/* First row of a statement without parameters; numbers into
 * ret[0..count-1]. Returns 1, 0 (no row) or an error. */
static int first_row(struct queue *q, const char *sql, int64_t *ret, int count)
{
	struct db_stmt *st;
	int r = db_prepare(q->db, sql, &st);

	if (r)
		return r;
	r = db_step(st);
	for (int i = 0; i < count && r == 1; i++)
		ret[i] = db_i64(st, i);
	db_stmt_free(st);
	return r;
}

static int load_owner(struct queue *q)
{
	struct db_stmt *st;
	size_t len = 0;
	int r = db_prepare(q->db,
			   "SELECT (SELECT v FROM meta WHERE k = 'hub'), "
			   "(SELECT v FROM meta WHERE k = 'epoch')",
			   &st);

	if (r)
		return r;
	r = db_step(st);
	if (r == 1 && !db_is_null(st, 0) && !db_is_null(st, 1)) {
		const uint8_t *hub = db_blob(st, 0, &len);

		if (len == HUB_ID_LEN) {
			memcpy(q->hub, hub, HUB_ID_LEN);
			q->epoch = (uint32_t)db_u64(st, 1);
			q->owned = true;
		}
	}
	db_stmt_free(st);
	return r < 0 ? r : len == 0 || len == HUB_ID_LEN ? 0 : -EBADMSG;
}

static int load_cur(struct queue *q)
{
	int64_t v[5] = { 0 };
	int r = first_row(q, "SELECT next_seq, contig, inst, cap, mask FROM cur", v, 5);

	if (r != 1)
		return r < 0 ? r : -EBADMSG;
	if (v[0] < 1 || v[1] < 0 || v[1] >= v[0])
		return -EBADMSG;
	q->next_seq = (uint64_t)v[0];
	q->contig = (uint64_t)v[1];
	q->window = (struct window){ (uint64_t)v[2], (uint64_t)v[3], (uint64_t)v[4] };
	return 0;
}

/* The newest rows that 'cur' does not know yet say which captures are durable. */
static int load_window(struct queue *q)
{
	struct db_stmt *st;
	int r = db_prepare(
		q->db,
		"SELECT seq, inst, cap FROM ("
		" SELECT * FROM (SELECT seq, inst, cap FROM q_alarm WHERE seq >= ?1"
		"  ORDER BY seq DESC LIMIT 65)"
		" UNION ALL"
		" SELECT * FROM (SELECT seq, inst, cap FROM q_routine WHERE seq >= ?1"
		"  ORDER BY seq DESC LIMIT 65)) ORDER BY seq",
		&st);

	if (r)
		return r;
	db_bind_u64(st, 1, q->next_seq);
	while ((r = db_step(st)) == 1)
		window_add(&q->window, (uint64_t)db_i64(st, 1), (uint64_t)db_i64(st, 2));
	db_stmt_free(st);
	return r;
}

/* Next number: above everything that was ever written down. */
static int load_next(struct queue *q)
{
	int64_t top;
	int r = first_row(q,
			  "SELECT max(ifnull((SELECT max(seq) FROM q_alarm), 0),"
			  " ifnull((SELECT max(seq) FROM q_routine), 0),"
			  " ifnull((SELECT max(hi) FROM acked), 0),"
			  " ifnull((SELECT max(hi) FROM tomb), 0),"
			  " ifnull((SELECT max(seq) FROM dead), 0))",
			  &top, 1);

	if (r != 1)
		return r < 0 ? r : -EBADMSG;
	q->next_seq = queue_larger(q->next_seq, (uint64_t)top + 1);
	return 0;
}

/* Number of unsent records, from invariant 4; if the
 * numbers do not fit together, by counting them. */
static int load_unsent(struct queue *q)
{
	uint64_t all = q->next_seq - 1 - q->contig;
	int64_t gone;
	int r = first_row(q,
			  "SELECT ifnull((SELECT sum(hi - lo + 1) FROM acked), 0) +"
			  " ifnull((SELECT sum(hi - lo + 1) FROM tomb), 0)",
			  &gone, 1);

	if (r != 1)
		return r < 0 ? r : -EBADMSG;
	if (gone < 0 || (uint64_t)gone > all) {
		r = first_row(q,
			      "SELECT (SELECT count(*) FROM q_alarm) +"
			      " (SELECT count(*) FROM q_routine)",
			      &gone, 1);
		q->unsent = r == 1 ? (uint64_t)gone : 0;
		return r < 0 ? r : 0;
	}
	q->unsent = all - (uint64_t)gone;
	return 0;
}

static int load(struct queue *q)
{
	int r = load_owner(q);

	if (r == 0)
		r = load_cur(q);
	if (r == 0)
		r = load_window(q);
	if (r == 0)
		r = load_next(q);
	if (r == 0)
		r = load_unsent(q);
	if (r == 0)
		r = prepare_all(q);
	return r;
}

int queue_open(const char *dir, const struct db_key *key, uint32_t pages_max,
	       struct queue **ret)
{
	char path[PATH_BYTES];
	uint32_t quota = pages_max ? pages_max : QUEUE_PAGES_MAX;
	struct db_options o = {
		.path = path,
		.key = key,
		.create = true,
		.pages_max = quota + QUEUE_UPGRADE_PAGES,
		.cache_pages = CACHE_PAGES,
		.checkpoint_pages = CHECKPOINT_PAGES,
		.schema = schema,
		.schema_version = SCHEMA_VERSION,
		.upgrades = upgrades,
	};
	struct queue *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return -ENOMEM;
	q->quota = q->limit = quota;
	(void)snprintf(path, sizeof(path), "%s/%s", dir, QUEUE_FILE);
	r = db_open(&o, &q->db);
	if (r == 0)
		r = load(q);
	if (r) {
		queue_close(q);
		return r;
	}
	*ret = q;
	return 0;
}

void queue_close(struct queue *q)
{
	if (!q)
		return;
	for (int i = 0; i < ST_COUNT; i++)
		db_stmt_free(q->plain[i]);
	for (int c = 0; c < QUEUE_CLASSES; c++)
		for (int i = 0; i < ST_PER_CLASS; i++)
			db_stmt_free(q->by_class[c][i]);
	db_close(q->db);
	free(q);
}

/* --- facts -------------------------------------------------------------------------- */

uint64_t queue_next_seq(const struct queue *q)
{
	return q->next_seq;
}

uint64_t queue_highest(const struct queue *q)
{
	return q->next_seq - 1;
}

uint64_t queue_contig(const struct queue *q)
{
	return q->contig;
}

uint64_t queue_unsent(const struct queue *q)
{
	return q->unsent;
}

bool queue_has(const struct queue *q, uint64_t instance, uint64_t capture)
{
	return window_has(&q->window, instance, capture);
}

bool queue_owner(const struct queue *q, uint8_t ret_hub[static HUB_ID_LEN],
		 uint32_t *ret_epoch)
{
	if (!q->owned)
		return false;
	memcpy(ret_hub, q->hub, HUB_ID_LEN);
	*ret_epoch = q->epoch;
	return true;
}

/* --- transactions ------------------------------------------------------------------- */

int queue_finish(struct queue *q, int r)
{
	if (r == 0)
		return db_commit(q->db);
	db_rollback(q->db);
	return r;
}

int queue_write_cur(struct queue *q, uint64_t contig)
{
	struct db_stmt *st = q->plain[ST_CUR];

	db_bind_u64(st, 1, q->next_seq);
	db_bind_u64(st, 2, contig);
	db_bind_i64(st, 3, (int64_t)q->window.instance);
	db_bind_i64(st, 4, (int64_t)q->window.last);
	db_bind_i64(st, 5, (int64_t)q->window.mask);
	return db_run(st);
}

static int put_meta(struct queue *q, const char *key, const uint8_t *blob, size_t len,
		    uint64_t number)
{
	struct db_stmt *st;
	int r = db_prepare(q->db, "INSERT INTO meta VALUES (?1, ?2)", &st);

	if (r)
		return r;
	db_bind_text(st, 1, key);
	if (blob)
		db_bind_blob(st, 2, blob, len);
	else
		db_bind_u64(st, 2, number);
	r = db_run(st);
	db_stmt_free(st);
	return r;
}

int queue_set_owner(struct queue *q, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch)
{
	int r;

	if (q->owned)
		return memcmp(q->hub, hub, HUB_ID_LEN) == 0 && q->epoch == epoch
			       ? 0
			       : -EACCES;
	r = db_begin(q->db);
	if (r)
		return r;
	r = put_meta(q, "hub", hub, HUB_ID_LEN, 0);
	if (r == 0)
		r = put_meta(q, "epoch", NULL, 0, epoch);
	r = queue_finish(q, r);
	if (r)
		return r;
	memcpy(q->hub, hub, HUB_ID_LEN);
	q->epoch = epoch;
	q->owned = true;
	return 0;
}

static int insert_one(struct queue *q, const struct queue_entry *e, uint64_t seq)
{
	struct db_stmt *st = q->by_class[class_index(e->record.class)][ST_INSERT];

	if (e->record.seq != seq)
		abort(); /* it is sealed with another number than it would get */
	db_bind_u64(st, 1, seq);
	db_bind_u64(st, 2, e->record.assignment);
	db_bind_u64(st, 3, e->record.kind);
	db_bind_i64(st, 4, (int64_t)e->instance); /* all 64 bits are used */
	db_bind_i64(st, 5, (int64_t)e->capture);
	db_bind_blob(st, 6, e->has_mark ? e->mark : NULL,
		     e->has_mark ? QUEUE_MARK_LEN : 0);
	db_bind_blob(st, 7, e->record.body, e->record.body_len);
	return db_run(st);
}

int queue_insert(struct queue *q, const struct queue_entry *e, size_t count)
{
	int r = db_begin(q->db);

	if (r)
		return r;
	for (size_t i = 0; i < count && r == 0; i++)
		r = insert_one(q, &e[i], q->next_seq + i);
	r = queue_finish(q, r);
	if (r)
		return r;
	q->next_seq += count;
	q->unsent += count;
	for (size_t i = 0; i < count; i++)
		window_add(&q->window, e[i].instance, e[i].capture);
	return 0;
}

int queue_newest_marks(struct queue *q, uint8_t ret[][QUEUE_MARK_LEN], size_t *ret_count)
{
	*ret_count = 0;
	for (size_t c = 0; c < QUEUE_CLASSES; c++) {
		struct db_stmt *st = q->by_class[c][ST_MARKS];
		int r;

		db_bind_u64(st, 1, QUEUE_GROUP_MAX);
		while ((r = db_step(st)) == 1) {
			size_t len;
			const uint8_t *mark = db_blob(st, 0, &len);

			if (len == QUEUE_MARK_LEN)
				memcpy(ret[(*ret_count)++], mark, len);
		}
		db_reset(st);
		if (r < 0)
			return r;
	}
	return 0;
}

int queue_read(struct queue *q, enum record_class class, uint64_t after, uint8_t *buf,
	       size_t cap, struct record *ret)
{
	struct db_stmt *st = q->by_class[class_index(class)][ST_READ];
	const uint8_t *body;
	int r;

	db_bind_u64(st, 1, after);
	r = db_step(st);
	if (r == 1) {
		ret->seq = db_u64(st, 0);
		ret->assignment = (uint32_t)db_u64(st, 1);
		ret->class = class;
		ret->kind = (uint8_t)db_u64(st, 2);
		body = db_blob(st, 3, &ret->body_len);
		ret->body = buf;
		if (ret->body_len > cap)
			r = -EMSGSIZE;
		else
			memcpy(buf, body, ret->body_len);
	}
	db_reset(st);
	return r;
}

int queue_probe(struct queue *q)
{
	int r = db_begin(q->db);

	return r ? r : queue_finish(q, queue_write_cur(q, q->contig));
}
