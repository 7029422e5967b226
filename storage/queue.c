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
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/reading.h"

enum {
	SCHEMA_VERSION = 4,
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

/* Last, so that the tables before them begin where they did: salvage.c. Five columns: unlike any that counts. */
#define KEPT                                                                             \
	"CREATE TABLE kept (seq INTEGER PRIMARY KEY, asg INTEGER NOT NULL, kind INTEGER" \
	" NOT NULL, day INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"                   \
	"CREATE TABLE kept_tomb (lo INTEGER PRIMARY KEY, hi INTEGER NOT NULL, class"     \
	" INTEGER NOT NULL, cause INTEGER NOT NULL) STRICT;"

/* As reading_is_evidence. A reading costs the index nothing: it is not in it. */
#define IS_EVIDENCE "(kind & 255) BETWEEN 240 AND 253"
#define EVIDENCE "CREATE INDEX evidence ON q_routine (seq) WHERE " IS_EVIDENCE ";"

_Static_assert(READING_EVIDENCE_FIRST == 240 && READING_EVIDENCE == 253,
	       "as IS_EVIDENCE says");

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
	"STRICT;" TOMB KEPT EVIDENCE "INSERT INTO cur VALUES (1, 1, 0, 0, 0, 0);";

/* Version 1 parked what the clinic refused and said no more of it: the clinic's mark stopped there. */
static const char upgrade_1[] = TOMB
	"INSERT INTO tomb SELECT seq, seq, class, 5 FROM dead WHERE seq > (SELECT contig "
	"FROM cur)"
	" AND NOT EXISTS (SELECT 1 FROM acked WHERE dead.seq BETWEEN lo AND hi);";

_Static_assert(TOMBSTONE_REFUSED == 5, "as upgrade_1 says");

/* Version 2 kept nothing of what was delivered. */
static const char upgrade_2[] = KEPT;

/* Version 3 gave readings and evidence up in the order of their numbers. */
static const char upgrade_3[] = EVIDENCE;

static const char *const upgrades[SCHEMA_VERSION - 1] = { upgrade_1, upgrade_2,
							  upgrade_3 };

static const char *const class_sql[ST_PER_CLASS] = {
	[ST_INSERT] = "INSERT INTO %s VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[ST_READ] =
		"SELECT seq, asg, kind, body FROM %s WHERE seq > ?1 ORDER BY seq LIMIT 1",
	[ST_REMOVE] = "DELETE FROM %s WHERE seq BETWEEN ?1 AND ?2",
	[ST_MARKS] = "SELECT mark FROM %s ORDER BY seq DESC LIMIT ?1",
	[ST_PARK] = ("INSERT INTO dead SELECT seq, asg, ?2, kind, ?3, body FROM %s"
		     " WHERE seq = ?1"),
	[ST_KEEP] =
		("INSERT OR REPLACE INTO kept SELECT seq, asg, (kind & 255) | (?3 << 8),"
		 " ?4, body FROM %s WHERE seq BETWEEN ?1 AND ?2"),
	[ST_RESTORE] = ("INSERT OR IGNORE INTO %s SELECT seq, asg, kind, 0, 0, NULL, body"
			" FROM kept WHERE seq >= ?1 AND (kind >> 8) = ?2"),
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
	[ST_OLDEST_EVIDENCE] =
		("SELECT seq FROM q_routine INDEXED BY evidence WHERE " IS_EVIDENCE
		 " ORDER BY seq LIMIT ?1"),
	[ST_OLDEST_ROUTINE] = ("SELECT seq FROM q_routine WHERE NOT (" IS_EVIDENCE
			       ") ORDER BY seq LIMIT ?1"),
	[ST_OLDEST_ALARM] = "SELECT seq FROM q_alarm ORDER BY seq LIMIT ?1",
	[ST_FORGET] = ("DELETE FROM dead WHERE seq IN"
		       " (SELECT seq FROM dead ORDER BY seq LIMIT ?1)"),
	[ST_REFUSED] = "SELECT seq, asg, class, kind, reason, body FROM dead",
	[ST_KEEP_REFUSED] = "INSERT OR REPLACE INTO dead VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[ST_KEEP_TOMB] = "INSERT OR REPLACE INTO kept_tomb VALUES (?1, ?2, ?3, ?4)",
	[ST_PRUNE] = ("DELETE FROM kept WHERE seq IN"
		      " (SELECT seq FROM kept ORDER BY seq LIMIT ?1)"
		      " AND (seq + ?2 <= (SELECT max(seq) FROM kept) OR day < ?3)"),
	[ST_PRUNE_TOMB] = ("DELETE FROM kept_tomb WHERE lo IN"
			   " (SELECT lo FROM kept_tomb ORDER BY lo LIMIT ?1)"
			   " AND hi + ?2 <= (SELECT max(lo) FROM kept_tomb)"),
	[ST_FORGET_KEPT] = ("DELETE FROM kept WHERE seq IN"
			    " (SELECT seq FROM kept ORDER BY seq LIMIT ?1)"),
	[ST_UNKEEP] = "DELETE FROM kept WHERE seq >= ?1",
	[ST_UNKEEP_TOMB] = "DELETE FROM kept_tomb WHERE lo >= ?1",
	[ST_CUT_TOMB] = "UPDATE kept_tomb SET hi = ?1 - 1 WHERE hi >= ?1",
	[ST_COPIES] =
		("SELECT seq, seq, 0, NULL FROM q_alarm WHERE seq BETWEEN ?1 AND ?2"
		 " UNION ALL"
		 " SELECT seq, seq, 0, NULL FROM q_routine WHERE seq BETWEEN ?1 AND ?2"
		 " UNION ALL"
		 " SELECT lo, hi, class, cause FROM kept_tomb WHERE lo <= ?2 AND hi >= ?1"
		 " ORDER BY 1"),
	[ST_UNACK] = "DELETE FROM acked WHERE hi >= ?1 RETURNING lo, hi",
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

static void take_note(struct queue *q, struct db_stmt *st)
{
	size_t len = 0;
	const uint8_t *note = db_is_null(st, 5) ? NULL : db_blob(st, 5, &len);

	if (len > QUEUE_NOTE_MAX)
		return;
	if (len)
		memcpy(q->note, note, len);
	q->note_len = len;
}

/* What a segment was made with. The first one of a program before segments says only whose it is. */
static int load_owner(struct queue *q)
{
	struct db_stmt *st;
	size_t len = 0;
	int r = db_prepare(q->db,
			   "SELECT (SELECT v FROM meta WHERE k = 'hub'),"
			   " (SELECT v FROM meta WHERE k = 'epoch'),"
			   " (SELECT v FROM meta WHERE k = 'asg'),"
			   " (SELECT v FROM meta WHERE k = 'first'),"
			   " (SELECT v FROM meta WHERE k = 'doubt'),"
			   " (SELECT v FROM meta WHERE k = 'note')",
			   &st);

	if (r)
		return r;
	r = db_step(st);
	if (r == 1 && !db_is_null(st, 0) && !db_is_null(st, 1)) {
		const uint8_t *hub = db_blob(st, 0, &len);

		if (len == HUB_ID_LEN) {
			memcpy(q->hub, hub, HUB_ID_LEN);
			q->epoch = (uint32_t)db_u64(st, 1);
			q->assignment = (uint32_t)db_u64(st, 2);
			q->first = queue_larger(db_u64(st, 3), 1);
			q->doubted = !db_is_null(st, 4);
			take_note(q, st);
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

int queue_open(const char *dir, uint32_t segment, const struct db_key *key,
	       uint32_t pages_max, struct queue **ret)
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
	q->quota = q->limit = q->ready = quota;
	q->first = 1;
	(void)snprintf(path, sizeof(path), "%s/" QUEUE_FILE_OF, dir, segment);
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

uint64_t queue_first(const struct queue *q)
{
	return q->first;
}

uint32_t queue_assignment(const struct queue *q)
{
	return q->assignment;
}

const struct window *queue_window(const struct queue *q)
{
	return &q->window;
}

bool queue_is_doubted(const struct queue *q)
{
	return q->doubted;
}

bool queue_is_drained(const struct queue *q)
{
	return q->contig + 1 == q->next_seq;
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
	int r = db_prepare(q->db, "INSERT OR REPLACE INTO meta VALUES (?1, ?2)", &st);

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

static int put_owner(struct queue *q, const struct queue_begin *b)
{
	int r = put_meta(q, "hub", b->hub, HUB_ID_LEN, 0);

	if (r == 0)
		r = put_meta(q, "epoch", NULL, 0, b->epoch);
	if (r == 0)
		r = put_meta(q, "asg", NULL, 0, b->assignment);
	if (r == 0 && b->note_len)
		r = put_meta(q, "note", b->note, b->note_len, 0);
	return r ? r : put_meta(q, "first", NULL, 0, b->first);
}

static void take_owner(struct queue *q, const struct queue_begin *b)
{
	memcpy(q->hub, b->hub, HUB_ID_LEN);
	q->epoch = b->epoch;
	q->assignment = b->assignment;
	q->first = b->first;
	q->owned = true;
}

static int write_begin(struct queue *q, const struct queue_begin *b)
{
	const struct tombstone lost = { b->first, b->next - 1, CLASS_NONE, b->cause };
	int r = put_owner(q, b);

	if (r == 0 && b->next > b->first)
		r = queue_bury(q, &lost);
	return r ? r : queue_write_cur(q, b->first - 1);
}

int queue_begin(struct queue *q, const struct queue_begin *b)
{
	const struct window before = q->window;
	int r;

	if (q->owned || q->next_seq != 1)
		return -EEXIST;
	r = db_begin(q->db);
	if (r)
		return r;
	q->next_seq = b->next;
	q->window = b->window;
	r = queue_finish(q, write_begin(q, b));
	if (r) {
		q->next_seq = 1;
		q->window = before;
		return r;
	}
	q->contig = b->first - 1;
	take_owner(q, b);
	q->note_len = b->note_len;
	if (b->note_len)
		memcpy(q->note, b->note, b->note_len);
	return 0;
}

int queue_set_owner(struct queue *q, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		    uint32_t assignment)
{
	struct queue_begin b = { .epoch = epoch,
				 .assignment = assignment,
				 .first = q->first };
	int r;

	if (q->owned && (memcmp(q->hub, hub, HUB_ID_LEN) != 0 || q->epoch != epoch))
		return -EACCES;
	if (q->owned && (q->assignment == assignment || q->next_seq != q->first))
		return 0;
	memcpy(b.hub, hub, HUB_ID_LEN);
	r = db_begin(q->db);
	if (r)
		return r;
	r = queue_finish(q, put_owner(q, &b));
	if (r == 0)
		take_owner(q, &b);
	return r;
}

int queue_doubt(struct queue *q)
{
	int r = q->doubted ? 0 : db_begin(q->db);

	if (r || q->doubted)
		return r;
	r = queue_finish(q, put_meta(q, "doubt", NULL, 0, 1));
	q->doubted = r == 0;
	return r;
}

/* The clinic has them: the mark moves if nothing is open before them. */
static int pass_settled(struct queue *q, struct seq_range g, uint64_t *contig)
{
	if (*contig + 1 != g.first)
		return queue_merge(q, g);
	*contig = g.last;
	return 0;
}

int queue_pass(struct queue *q, uint64_t last, enum record_class class,
	       enum tombstone_cause cause)
{
	const struct tombstone t = { q->next_seq, last, class, cause };
	uint64_t contig = q->contig;
	int r;

	if (last < q->next_seq)
		return 0;
	r = db_begin(q->db);
	if (r)
		return r;
	q->next_seq = last + 1;
	r = cause ? queue_bury(q, &t)
		  : pass_settled(q, (struct seq_range){ t.first, last }, &contig);
	if (r == 0)
		r = queue_write_cur(q, contig);
	r = queue_finish(q, r);
	if (r)
		q->next_seq = t.first;
	else
		q->contig = contig;
	return r;
}

static int put_refused(struct queue *q, const struct record *rec, uint8_t reason)
{
	struct db_stmt *st = q->plain[ST_KEEP_REFUSED];

	db_bind_u64(st, 1, rec->seq);
	db_bind_u64(st, 2, rec->assignment);
	db_bind_u64(st, 3, rec->class);
	db_bind_u64(st, 4, rec->kind);
	db_bind_u64(st, 5, reason);
	db_bind_blob(st, 6, rec->body, rec->body_len);
	return db_run(st);
}

int queue_keep_refused(struct queue *q, const struct record *rec, uint8_t reason)
{
	int r = db_begin(q->db);

	return r ? r : queue_finish(q, put_refused(q, rec, reason));
}

static int copy_refused(struct queue *to, struct db_stmt *from)
{
	struct record rec = { .seq = db_u64(from, 0),
			      .assignment = (uint32_t)db_u64(from, 1),
			      .class = (enum record_class)db_u64(from, 2),
			      .kind = (uint8_t)db_u64(from, 3) };

	rec.body = db_blob(from, 5, &rec.body_len);
	return put_refused(to, &rec, (uint8_t)db_u64(from, 4));
}

int queue_move_refused(struct queue *from, struct queue *to)
{
	struct db_stmt *st = from->plain[ST_REFUSED];
	int r = db_begin(to->db), row = 0;

	if (r)
		return r;
	while (r == 0 && (row = db_step(st)) == 1)
		r = copy_refused(to, st);
	db_reset(st);
	return queue_finish(to, r ? r : row);
}

static int insert_one(struct queue *q, const struct queue_entry *e, uint64_t seq)
{
	struct db_stmt *st = q->by_class[class_index(e->record.class)][ST_INSERT];

	if (e->record.seq != seq)
		abort(); /* it is sealed with another number than it would get */
	db_bind_u64(st, 1, seq);
	db_bind_u64(st, 2, e->record.assignment);
	/* a row says its class itself: pages of both tables may be all that is left of a damaged file */
	db_bind_u64(st, 3, (uint64_t)e->record.kind | (uint64_t)e->record.class << 8);
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

int queue_insert_noted(struct queue *q, const struct queue_entry *e, const uint8_t *note,
		       size_t len)
{
	int r = len > QUEUE_NOTE_MAX ? -ERANGE : db_begin(q->db);

	if (r)
		return r;
	r = insert_one(q, e, q->next_seq);
	if (r == 0)
		r = put_meta(q, "note", note, len, 0);
	r = queue_finish(q, r);
	if (r)
		return r;
	q->next_seq++;
	q->unsent++;
	memcpy(q->note, note, len);
	q->note_len = len;
	return 0;
}

size_t queue_note(const struct queue *q, const uint8_t **ret)
{
	*ret = q->note;
	return q->note_len;
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

static int has_rows(struct queue *q, enum record_class class)
{
	struct db_stmt *st = q->by_class[class_index(class)][ST_READ];
	int r;

	db_bind_u64(st, 1, 0);
	r = db_step(st);
	db_reset(st);
	return r;
}

/* Nothing was read: 0, or -EBADMSG if numbers are unsent and no row is left. In such a file a part is older than the
 * rest: a WAL that ends at a frame that does not read, over pages that were written back after it. Each page is whole. */
static int none_left(struct queue *q)
{
	int r = q->unsent ? has_rows(q, CLASS_ROUTINE) : 1;

	if (r == 0)
		r = has_rows(q, CLASS_ALARM);
	return r < 0 ? r : r == 1 ? 0 : -EBADMSG;
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
	if (r == 0)
		return none_left(q);
	return r == 1 && q->unsent == 0 ? -EBADMSG : r;
}

int queue_probe(struct queue *q)
{
	int r = db_begin(q->db);

	return r ? r : queue_finish(q, queue_write_cur(q, q->contig));
}
