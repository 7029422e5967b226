/*
 * store.c - hubs, records, tombstones and quarantine in SQL; see store.h. All SQL of the clinic is
 * here, in witness.c and in schema.c.
 */
#include "clinic/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clinic/filing.h"
#include "clinic/schema.h"
#include "clinic/store_held.h"
#include "clinic/store_inside.h"
#include "hub/core/reading.h"

_Static_assert((int)STORE_KEY_LEN == (int)SQL_KEY_LEN, "one key");

/* --- session ------------------------------------------------------------------------ */

/* Takes db over, whatever comes. */
static int make(struct sql *db, bool create, struct store **ret)
{
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		sql_close(db);
		return -ENOMEM;
	}
	s->db = db;
	r = schema_migrate(db, create);
	if (r < 0) {
		store_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

static int make_file(const char *path, const uint8_t key[static STORE_KEY_LEN],
		     bool create, struct store **ret)
{
	struct sql *db;
	int r = sql_open(path, key, create, STORE_WAIT_MS, &db);

	return r < 0 ? r : make(db, create, ret);
}

int store_create(const char *path, const uint8_t key[static STORE_KEY_LEN],
		 struct store **ret)
{
	return make_file(path, key, true, ret);
}

int store_open(const char *path, const uint8_t key[static STORE_KEY_LEN],
	       struct store **ret)
{
	return make_file(path, key, false, ret);
}

_Static_assert((int)STORE_WHY_MAX == (int)SQL_WHY_MAX, "handed through");

static int make_server(const char *conninfo, bool create, struct store **ret,
		       char why[static STORE_WHY_MAX])
{
	struct sql *db;
	int r;

	why[0] = '\0';
	r = sql_open_server(conninfo, &db, why);
	return r < 0 ? r : make(db, create, ret);
}

int store_create_server(const char *conninfo, struct store **ret,
			char why[static STORE_WHY_MAX])
{
	return make_server(conninfo, true, ret, why);
}

int store_open_server(const char *conninfo, struct store **ret,
		      char why[static STORE_WHY_MAX])
{
	return make_server(conninfo, false, ret, why);
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sql_close(s->db);
	free(s);
}

int store_begin(struct store *s)
{
	return sql_begin(s->db);
}

int store_begin_read(struct store *s)
{
	return sql_begin_read(s->db);
}

int store_commit(struct store *s)
{
	return sql_commit(s->db);
}

void store_rollback(struct store *s)
{
	sql_rollback(s->db);
}

void store_pause(unsigned try)
{
	struct timespec t = { 0 };
	uint8_t dice;

	crypto_random(&dice, sizeof(dice));
	t.tv_nsec = (long)try * (dice + 1L) * 40000; /* up to 10 ms for each try before */
	nanosleep(&t, NULL);
}

/* --- hubs --------------------------------------------------------------------------- */

#define HUB_COLUMNS                                                                      \
	"hub_id, name, epoch, state, spki, sign_public, added_ms, seen_ms, queued, "     \
	"highest,"                                                                       \
	" acked, rolled_back, config_wanted, config_used, orders, "                      \
	"drain, drain_upto, drain_ms, drain_end_ms, again_ms"

static void get_hub(struct sql_query *q, struct hub *ret)
{
	sql_get_fixed(q, 0, ret->id, sizeof(ret->id));
	sql_get_text(q, 1, ret->name, sizeof(ret->name));
	ret->epoch = (uint32_t)sql_get_int(q, 2);
	ret->state = (enum hub_state)sql_get_int(q, 3);
	sql_get_fixed(q, 4, ret->spki, sizeof(ret->spki));
	sql_get_fixed(q, 5, ret->sign_public, sizeof(ret->sign_public));
	ret->added_ms = sql_get_int(q, 6);
	ret->seen_ms = sql_get_int(q, 7);
	ret->queued = (uint64_t)sql_get_int(q, 8);
	ret->highest = (uint64_t)sql_get_int(q, 9);
	ret->acked = (uint64_t)sql_get_int(q, 10);
	ret->rolled_back = sql_get_int(q, 11) != 0;
	ret->config_wanted = (uint64_t)sql_get_int(q, 12);
	ret->config_used = (uint64_t)sql_get_int(q, 13);
	ret->orders = sql_get_int(q, 14) != 0;
	ret->drain = (struct life_drain){ (enum life_drain_kind)sql_get_int(q, 15),
					  (uint64_t)sql_get_int(q, 16),
					  sql_get_int(q, 17), sql_get_int(q, 18) };
	ret->again_ms = sql_get_int(q, 19);
}

static int one_hub(struct sql_query *q, struct hub *ret)
{
	bool found = sql_row(q);
	struct hub h;
	int r;

	if (found)
		get_hub(q, &h);
	r = sql_end(q);
	if (r < 0)
		return r;
	if (!found)
		return -ENOENT;
	*ret = h;
	return 0;
}

int store_hub_by_spki(struct store *s, const uint8_t spki[static PIN_LEN],
		      struct hub *ret)
{
	struct sql_query q;

	sql_start(s->db, &q, "SELECT " HUB_COLUMNS " FROM hub WHERE spki = ?1");
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	return one_hub(&q, ret);
}

int store_hub_by_name(struct store *s, const char *name, struct hub *ret)
{
	struct sql_query q;

	sql_start(s->db, &q, "SELECT " HUB_COLUMNS " FROM hub WHERE name = ?1");
	sql_bind_text(&q, 1, name);
	return one_hub(&q, ret);
}

int store_hub_by_id(struct store *s, const uint8_t id[static HUB_ID_LEN], struct hub *ret)
{
	struct sql_query q;

	sql_start(s->db, &q, "SELECT " HUB_COLUMNS " FROM hub WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, id, HUB_ID_LEN);
	return one_hub(&q, ret);
}

int store_hub_put(struct store *s, const struct hub *h)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO hub (" HUB_COLUMNS ")"
		  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,"
		  " 0, 0, 0)");
	sql_bind_bytes(&q, 1, h->id, sizeof(h->id));
	sql_bind_text(&q, 2, h->name);
	sql_bind_int(&q, 3, h->epoch);
	sql_bind_int(&q, 4, h->state);
	sql_bind_bytes(&q, 5, h->spki, sizeof(h->spki));
	sql_bind_bytes(&q, 6, h->sign_public, sizeof(h->sign_public));
	sql_bind_int(&q, 7, h->added_ms);
	return sql_finish(&q);
}

int store_config_put(struct store *s, const struct config *c)
{
	static uint8_t buf[CONFIG_BYTES_MAX];
	int n = config_encode(c, buf, sizeof(buf)), r;
	struct sql_query q;

	if (n < 0)
		return -EIO;
	sql_start(s->db, &q,
		  "INSERT INTO hub_config (hub_id, config) VALUES (?1, ?2)"
		  " ON CONFLICT (hub_id) DO UPDATE SET config = ?2");
	sql_bind_bytes(&q, 1, c->hub, HUB_ID_LEN);
	sql_bind_bytes(&q, 2, buf, (size_t)n);
	r = sql_finish(&q);
	crypto_wipe(buf, sizeof(buf));
	if (r == 0 && c->assignment != 0)
		r = store_assignment_give(s, c->hub, c->epoch, c->assignment);
	return r;
}

int store_config_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     struct config *ret)
{
	const char *field;
	const uint8_t *bytes;
	struct sql_query q;
	bool found, good = false;
	size_t len;
	int r;

	sql_start(s->db, &q, "SELECT config FROM hub_config WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	found = sql_row(&q);
	if (found) {
		bytes = sql_get_bytes(&q, 0, &len);
		good = bytes && config_decode(bytes, len, ret, &field) == 0 &&
		       memcmp(ret->hub, hub, HUB_ID_LEN) == 0;
	}
	r = sql_end(&q);
	if (r < 0)
		return r;
	if (!found)
		return -ENOENT;
	return good ? 0 : -EIO;
}

/* What a hub says of itself is for people; a number beyond the column is as good as the largest. */
static int64_t clamp(uint64_t v)
{
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

/* The change of the row is the lock: a second transaction waits here until the first has ended, and what it
 * reads afterwards is what the first has left. */
int store_hub_take(struct store *s, const struct hub *h, const struct batch *b,
		   int64_t now_ms)
{
	struct hub now;
	struct sql_query q;
	int r;

	sql_start(s->db, &q,
		  "UPDATE hub SET seen_ms = ?2, queued = ?3, highest = ?4, acked = ?5"
		  " WHERE hub_id = ?1 RETURNING " HUB_COLUMNS);
	sql_bind_bytes(&q, 1, h->id, HUB_ID_LEN);
	sql_bind_int(&q, 2, now_ms);
	sql_bind_int(&q, 3, clamp(b->queued));
	sql_bind_int(&q, 4, clamp(b->highest));
	sql_bind_int(&q, 5, clamp(b->acked));
	r = one_hub(&q, &now);
	if (r == -ENOENT)
		return -ESTALE;
	if (r < 0)
		return r;
	return now.epoch == h->epoch && now.state == h->state &&
			       now.drain.kind == h->drain.kind &&
			       now.drain.upto == h->drain.upto &&
			       now.drain.end_ms == h->drain.end_ms &&
			       memcmp(now.spki, h->spki, sizeof(h->spki)) == 0 &&
			       memcmp(now.sign_public, h->sign_public,
				      sizeof(h->sign_public)) == 0
		       ? 0
		       : -ESTALE;
}

int store_hub_rolled_back(struct store *s, const uint8_t hub[static HUB_ID_LEN])
{
	struct sql_query q;

	sql_start(s->db, &q, "UPDATE hub SET rolled_back = 1 WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	return sql_finish(&q);
}

int store_hub_each(struct store *s, store_hub_fn *fn, void *arg)
{
	struct sql_query q;
	struct hub h;
	int r = 0, err;

	sql_start(s->db, &q, "SELECT " HUB_COLUMNS " FROM hub ORDER BY name");
	while (r == 0 && sql_row(&q)) {
		get_hub(&q, &h);
		if (q.err == 0)
			r = fn(arg, &h);
	}
	err = sql_end(&q);
	return err < 0 ? err : r;
}

/* --- records ------------------------------------------------------------------------ */

static void bind_record(struct sql_query *q, const struct sealed *rec,
			const uint8_t hash[static SHA256_LEN])
{
	sql_bind_bytes(q, 1, rec->hub, HUB_ID_LEN);
	sql_bind_int(q, 2, rec->epoch);
	sql_bind_int(q, 3, (int64_t)rec->record.seq);
	sql_bind_int(q, 4, rec->record.assignment);
	sql_bind_int(q, 5, rec->record.class);
	sql_bind_int(q, 6, rec->record.kind);
	sql_bind_bytes(q, 7, rec->record.body, rec->record.body_len);
	sql_bind_bytes(q, 8, hash, SHA256_LEN);
	sql_bind_int(q, 9, rec->received_ms);
}

static int same_body(struct store *s, const struct sealed *rec,
		     const uint8_t hash[static SHA256_LEN], enum insert_result *ret)
{
	uint8_t stored[SHA256_LEN];
	struct sql_query q;
	int r;

	sql_start(s->db, &q,
		  "SELECT body_hash FROM record WHERE hub_id = ?1 AND epoch = ?2 AND seq "
		  "= ?3");
	sql_bind_bytes(&q, 1, rec->hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, rec->epoch);
	sql_bind_int(&q, 3, (int64_t)rec->record.seq);
	if (!sql_row(&q) && q.err == 0)
		q.err = -EIO; /* the insert has just met this key */
	sql_get_fixed(&q, 0, stored, sizeof(stored));
	r = sql_end(&q);
	if (r == 0)
		*ret = memcmp(stored, hash, SHA256_LEN) == 0 ? INSERT_DUPLICATE
							     : INSERT_CONFLICT;
	return r;
}

static int insert_one(struct store *s, const struct sealed *rec, enum insert_result *ret)
{
	uint8_t hash[SHA256_LEN];
	struct sql_query q;
	bool stored;
	int r;

	crypto_sha256(rec->record.body, rec->record.body_len, hash);
	sql_start(s->db, &q,
		  "INSERT INTO record (hub_id, epoch, seq, assignment, class, kind, "
		  "body, body_hash,"
		  " received_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
		  " ON CONFLICT (hub_id, epoch, seq) DO NOTHING RETURNING seq");
	bind_record(&q, rec, hash);
	stored = sql_row(&q);
	r = sql_end(&q);
	if (r < 0)
		return r;
	*ret = INSERT_STORED;
	return stored ? 0 : same_body(s, rec, hash, ret);
}

int store_record_insert_batch(struct store *s, const struct batch *b, int64_t now_ms,
			      enum insert_result *ret)
{
	struct sealed rec = { .epoch = b->epoch, .received_ms = now_ms };
	int r = 0;

	memcpy(rec.hub, b->hub, HUB_ID_LEN);
	for (size_t i = 0; r == 0 && i < b->record_count; i++) {
		rec.record = b->records[i];
		r = rec.record.seq > INT64_MAX ? -ERANGE : insert_one(s, &rec, &ret[i]);
	}
	return r;
}

/* --- tombstones --------------------------------------------------------------------- */

/* *ret: the end of the last tombstone that begins at or before 'at', 0 if there is none. */
static int find_tombstone_end(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			      uint32_t epoch, uint64_t at, uint64_t *ret)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT hi FROM tombstone WHERE hub_id = ?1 AND epoch = ?2 AND lo <= ?3"
		  " ORDER BY lo DESC LIMIT 1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, (int64_t)at);
	*ret = sql_row(&q) ? (uint64_t)sql_get_int(&q, 0) : 0;
	return sql_end(&q);
}

/* *ret: where the first tombstone behind 'at' begins, INT64_MAX + 1 if there is none. */
static int find_tombstone_after(struct store *s, const uint8_t hub[static HUB_ID_LEN],
				uint32_t epoch, uint64_t at, uint64_t *ret)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT lo FROM tombstone WHERE hub_id = ?1 AND epoch = ?2 AND lo > ?3"
		  " ORDER BY lo LIMIT 1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, (int64_t)at);
	*ret = sql_row(&q) ? (uint64_t)sql_get_int(&q, 0) : (uint64_t)INT64_MAX + 1;
	return sql_end(&q);
}

static int insert_tombstone(struct store *s, const struct batch *b,
			    const struct tombstone *t, int64_t now_ms)
{
	struct sql_query q;

	sql_start(
		s->db, &q,
		"INSERT INTO tombstone (hub_id, epoch, lo, hi, class, cause, received_ms)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
	sql_bind_bytes(&q, 1, b->hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, b->epoch);
	sql_bind_int(&q, 3, (int64_t)t->first);
	sql_bind_int(&q, 4, (int64_t)t->last);
	sql_bind_int(&q, 5, t->class);
	sql_bind_int(&q, 6, t->cause);
	sql_bind_int(&q, 7, now_ms);
	return sql_finish(&q);
}

/* A hub's tombstone grows while it is under way, so a later one often covers an earlier one: each
 * part that no row covers yet becomes a row. */
static int put_tombstone(struct store *s, const struct batch *b,
			 const struct tombstone *t, int64_t now_ms)
{
	uint64_t at = t->first;
	int r = 0;

	while (r == 0 && at <= t->last) {
		struct tombstone part = { at, t->last, t->class, t->cause };
		uint64_t end = 0, next = 0;

		r = find_tombstone_end(s, b->hub, b->epoch, at, &end);
		if (r == 0 && end >= at) {
			at = end + 1;
			continue;
		}
		if (r == 0)
			r = find_tombstone_after(s, b->hub, b->epoch, at, &next);
		if (r < 0)
			return r;
		if (next <= t->last)
			part.last = next - 1;
		r = insert_tombstone(s, b, &part, now_ms);
		at = part.last + 1;
	}
	return r;
}

int store_tombstones_put(struct store *s, const struct batch *b, int64_t now_ms)
{
	int r = 0;

	for (size_t i = 0; i < b->tombstone_count && r == 0; i++)
		r = put_tombstone(s, b, &b->tombstones[i], now_ms);
	return r;
}

/* One row of the join below: a tombstone and one of the records in it, 0 if it has none. */
struct covered {
	struct tombstone t;
	uint64_t record;
};

static void get_covered(struct sql_query *q, struct covered *ret)
{
	ret->t = (struct tombstone){ (uint64_t)sql_get_int(q, 0),
				     (uint64_t)sql_get_int(q, 1),
				     (enum record_class)sql_get_int(q, 2),
				     (enum tombstone_cause)sql_get_int(q, 3) };
	ret->record = (uint64_t)sql_get_int(q, 4);
}

/* What is left of a tombstone from 'first' to 'last', if anything. */
static int give(const struct tombstone *t, uint64_t first, uint64_t last,
		store_given_up_fn *fn, void *arg)
{
	struct tombstone part = { first, last, t->class, t->cause };

	return first <= last ? fn(arg, &part) : 0;
}

int store_given_up_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, store_given_up_fn *fn, void *arg)
{
	struct covered c, now = { 0 }; /* 'now' is under way from 'at' on */
	uint64_t at = 1;
	struct sql_query q;
	int r = 0, err;

	sql_start(s->db, &q,
		  "SELECT t.lo, t.hi, t.class, t.cause, r.seq FROM tombstone t"
		  " LEFT JOIN record r ON r.hub_id = t.hub_id AND r.epoch = t.epoch"
		  " AND r.seq BETWEEN t.lo AND t.hi"
		  " WHERE t.hub_id = ?1 AND t.epoch = ?2 ORDER BY t.lo, r.seq");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	while (r == 0 && sql_row(&q)) {
		get_covered(&q, &c);
		if (c.t.first != now.t.first) {
			r = give(&now.t, at, now.t.last, fn, arg);
			now = c;
			at = c.t.first;
		}
		if (r == 0 && c.record) {
			r = give(&now.t, at, c.record - 1, fn, arg);
			at = c.record + 1;
		}
	}
	err = sql_end(&q);
	if (err == 0 && r == 0)
		r = give(&now.t, at, now.t.last, fn, arg);
	return err < 0 ? err : r;
}

/* --- the mark ------------------------------------------------------------------------ */

static int read_contig(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		       uint32_t epoch, uint64_t *ret)
{
	struct sql_query q;

	*ret = 0;
	sql_start(s->db, &q,
		  "SELECT contig FROM hub_epoch WHERE hub_id = ?1 AND epoch = ?2");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	if (sql_row(&q))
		*ret = (uint64_t)sql_get_int(&q, 0);
	return sql_end(&q);
}

/* Each record is walked over once in its life, when the mark passes it: over the records that follow *contig
 * without a hole, some at a time. Returns 1 if there may be more. */
static int walk_records(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, uint64_t *contig)
{
	enum { STEP = 64 }; /* as in the statement */
	struct sql_query q;
	int n = 0, r;

	sql_start(s->db, &q,
		  "SELECT seq FROM record WHERE hub_id = ?1 AND epoch = ?2 AND seq > ?3 "
		  "ORDER BY seq LIMIT 64");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, (int64_t)*contig);
	for (; sql_row(&q) && (uint64_t)sql_get_int(&q, 0) == *contig + 1; n++)
		++*contig;
	r = sql_end(&q);
	return r < 0 ? r : n == STEP;
}

/* *ret: how far that which is no record goes on from 'at': the end of a tombstone over it, or itself if it is
 * held in quarantine. 0: it is missing. */
static int find_cover(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      uint32_t epoch, uint64_t at, uint64_t *ret)
{
	uint64_t held;
	struct sql_query q;
	int r;

	sql_start(s->db, &q,
		  "SELECT coalesce((SELECT hi FROM tombstone WHERE hub_id = ?1 AND epoch "
		  "= ?2 AND lo <= ?3 ORDER BY lo DESC LIMIT 1), 0),"
		  " coalesce((SELECT seq FROM quarantine WHERE hub_id = ?1 AND epoch = "
		  "?2 AND seq = ?3 AND reason >= 3 LIMIT 1), 0)");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, (int64_t)at);
	*ret = 0;
	if (sql_row(&q)) {
		*ret = (uint64_t)sql_get_int(&q, 0);
		held = (uint64_t)sql_get_int(&q, 1);
		if (held > *ret)
			*ret = held;
	}
	r = sql_end(&q);
	if (r == 0 && *ret < at)
		*ret = 0;
	return r;
}

/* Where the walk begins, and up to where there is anything but records: *ret_others. */
static int read_marks(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      uint32_t epoch, uint64_t *ret_contig, uint64_t *ret_others)
{
	uint64_t held;
	struct sql_query q;

	*ret_contig = *ret_others = 0;
	sql_start(s->db, &q,
		  "SELECT coalesce((SELECT contig FROM hub_epoch WHERE hub_id = ?1 AND "
		  "epoch = ?2), 0),"
		  " coalesce((SELECT hi FROM tombstone WHERE hub_id = ?1 AND epoch = ?2 "
		  "ORDER BY lo DESC LIMIT 1), 0),"
		  " coalesce((SELECT seq FROM quarantine WHERE hub_id = ?1 AND epoch = "
		  "?2 AND reason >= 3 ORDER BY seq DESC LIMIT 1), 0)");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	if (sql_row(&q)) {
		*ret_contig = (uint64_t)sql_get_int(&q, 0);
		*ret_others = (uint64_t)sql_get_int(&q, 1);
		held = (uint64_t)sql_get_int(&q, 2);
		if (held > *ret_others)
			*ret_others = held;
	}
	return sql_end(&q);
}

/* A tombstone may end on the largest number of all: *contig + 1 fits an int64_t only before that. */
static int walk_contig(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		       uint32_t epoch, uint64_t others, uint64_t *contig)
{
	uint64_t end;
	int r;

	do {
		end = 0;
		r = walk_records(s, hub, epoch, contig);
		if (r != 0)
			continue;
		if (*contig < others)
			r = find_cover(s, hub, epoch, *contig + 1, &end);
		if (end > *contig)
			*contig = end;
	} while (r > 0 || (r == 0 && end > 0));
	return r;
}

static int write_contig(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, uint64_t contig)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO hub_epoch (hub_id, epoch, contig) VALUES (?1, ?2, ?3)"
		  " ON CONFLICT (hub_id, epoch) DO UPDATE SET contig = ?3");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, (int64_t)contig);
	return sql_finish(&q);
}

int store_record_contig(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, uint64_t *ret_contig)
{
	uint64_t before, contig, others;
	int r = read_marks(s, hub, epoch, &before, &others);

	if (r < 0)
		return r;
	contig = before;
	r = walk_contig(s, hub, epoch, others, &contig);
	if (r == 0 && contig != before)
		r = write_contig(s, hub, epoch, contig);
	if (r == 0)
		*ret_contig = contig;
	return r;
}

int store_quarantine_put(struct store *s, const struct sealed *rec,
			 enum quarantine_reason why)
{
	uint8_t hash[SHA256_LEN];
	struct sql_query q;

	crypto_sha256(rec->record.body, rec->record.body_len, hash);
	sql_start(s->db, &q,
		  "INSERT INTO quarantine (hub_id, epoch, seq, assignment, class, kind, "
		  "body,"
		  " body_hash, received_ms, reason)"
		  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
		  " ON CONFLICT (hub_id, epoch, seq, body_hash) DO NOTHING");
	bind_record(&q, rec, hash);
	sql_bind_int(&q, 10, why);
	return sql_finish(&q);
}

/* Is the number taken by a record, or held? *ret: as if it came now; INSERT_STORED if neither. */
static int find_taken(struct store *s, const struct sealed *rec,
		      const uint8_t hash[static SHA256_LEN], enum insert_result *ret)
{
	uint8_t taken[SHA256_LEN];
	struct sql_query q;

	*ret = INSERT_STORED;
	sql_start(s->db, &q,
		  "SELECT body_hash FROM record WHERE hub_id = ?1 AND epoch = ?2 AND seq "
		  "= ?3 UNION ALL SELECT body_hash FROM quarantine WHERE hub_id = ?1 AND "
		  "epoch = ?2 AND seq = ?3 AND reason <> 2 LIMIT 8");
	sql_bind_bytes(&q, 1, rec->hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, rec->epoch);
	sql_bind_int(&q, 3, (int64_t)rec->record.seq);
	while (*ret != INSERT_DUPLICATE && sql_row(&q)) {
		sql_get_fixed(&q, 0, taken, sizeof(taken));
		*ret = memcmp(taken, hash, SHA256_LEN) == 0 ? INSERT_DUPLICATE
							    : INSERT_CONFLICT;
	}
	return sql_end(&q);
}

static int hold_one(struct store *s, const struct sealed *rec, enum quarantine_reason why,
		    enum insert_result *ret)
{
	uint8_t hash[SHA256_LEN];
	int r;

	crypto_sha256(rec->record.body, rec->record.body_len, hash);
	r = find_taken(s, rec, hash, ret);
	if (r < 0 || *ret == INSERT_DUPLICATE)
		return r;
	return store_quarantine_put(
		s, rec, *ret == INSERT_CONFLICT ? QUARANTINE_SEQ_CONFLICT : why);
}

int store_quarantine_batch(struct store *s, const struct batch *b,
			   enum quarantine_reason why, int64_t now_ms,
			   enum insert_result *ret)
{
	struct sealed rec = { .epoch = b->epoch, .received_ms = now_ms };
	int r = 0;

	memcpy(rec.hub, b->hub, HUB_ID_LEN);
	for (size_t i = 0; r == 0 && i < b->record_count; i++) {
		rec.record = b->records[i];
		r = rec.record.seq > INT64_MAX ? -ERANGE
					       : hold_one(s, &rec, why, &ret[i]);
	}
	return r;
}

static int count_given_up(void *arg, const struct tombstone *t)
{
	struct store_counts *c = arg;

	if (t->cause <= TOMBSTONE_NONE || t->cause >= TOMBSTONE_CAUSES)
		return -EIO;
	c->given_up[t->cause] += t->last - t->first + 1;
	if (t->last > c->highest)
		c->highest = t->last;
	return 0;
}

static int count_records(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			 uint32_t epoch, struct store_counts *c)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT count(*), coalesce(max(seq), 0),"
		  " coalesce(sum(CASE WHEN kind = ?3 THEN 1 ELSE 0 END), 0)"
		  " FROM record WHERE hub_id = ?1 AND epoch = ?2");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, READING_MANIFEST);
	if (sql_row(&q)) {
		c->records = (uint64_t)sql_get_int(&q, 0);
		c->highest = (uint64_t)sql_get_int(&q, 1);
		c->manifests = (uint64_t)sql_get_int(&q, 2);
	}
	return sql_end(&q);
}

static void count_held(struct store_counts *c, enum quarantine_reason why,
		       enum held_verdict verdict, uint64_t n)
{
	bool open = verdict == HELD_OPEN;

	if (why == QUARANTINE_SEQ_CONFLICT)
		c->quarantined += open ? n : 0;
	if (why == QUARANTINE_RECOVERED)
		c->recovered += open ? n : 0;
	if (!filing_holds_number(why))
		return;
	c->held += open ? n : 0;
	c->held_unassigned += open && filing_of_assignment(why) ? n : 0;
	c->discarded += verdict == HELD_DISCARDED ? n : 0;
}

static int count_quarantine(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			    uint32_t epoch, struct store_counts *c)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT reason, verdict, count(*), max(seq) FROM quarantine"
		  " WHERE hub_id = ?1 AND epoch = ?2 GROUP BY reason, verdict");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	while (sql_row(&q)) {
		enum quarantine_reason why = (enum quarantine_reason)sql_get_int(&q, 0);
		uint64_t highest = (uint64_t)sql_get_int(&q, 3);

		count_held(c, why, (enum held_verdict)sql_get_int(&q, 1),
			   (uint64_t)sql_get_int(&q, 2));
		if (filing_holds_number(why) && highest > c->highest)
			c->highest = highest;
	}
	return sql_end(&q);
}

int store_counts(struct store *s, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		 struct store_counts *ret)
{
	struct store_counts c = { 0 };
	int r = read_contig(s, hub, epoch, &c.contig);

	if (r < 0)
		return r;
	r = count_records(s, hub, epoch, &c);
	if (r == 0)
		r = count_quarantine(s, hub, epoch, &c);
	if (r == 0)
		r = store_given_up_each(s, hub, epoch, count_given_up, &c);
	if (r == 0)
		*ret = c;
	return r;
}

static int get_sealed(struct sql_query *q, struct sealed *rec)
{
	rec->epoch = (uint32_t)sql_get_int(q, 0);
	rec->record.seq = (uint64_t)sql_get_int(q, 1);
	rec->record.assignment = (uint32_t)sql_get_int(q, 2);
	rec->record.class = (enum record_class)sql_get_int(q, 3);
	rec->record.kind = (uint8_t)sql_get_int(q, 4);
	rec->record.body = sql_get_bytes(q, 5, &rec->record.body_len);
	rec->received_ms = sql_get_int(q, 6);
	return q->err;
}

int store_record_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      store_record_fn *fn, void *arg)
{
	struct sealed rec = { 0 };
	struct sql_query q;
	int r = 0, err;

	memcpy(rec.hub, hub, HUB_ID_LEN);
	sql_start(s->db, &q,
		  "SELECT epoch, seq, assignment, class, kind, body, received_ms FROM "
		  "record"
		  " WHERE hub_id = ?1 ORDER BY epoch, seq");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	while (r == 0 && sql_row(&q)) {
		if (get_sealed(&q, &rec) == 0)
			r = fn(arg, &rec);
	}
	err = sql_end(&q);
	return err < 0 ? err : r;
}

int store_quarantine_walk(struct sql_query *q, const uint8_t hub[static HUB_ID_LEN],
			  store_quarantine_fn *fn, void *arg)
{
	struct sealed rec = { 0 };
	int r = 0, err;

	memcpy(rec.hub, hub, HUB_ID_LEN);
	while (r == 0 && sql_row(q)) {
		enum quarantine_reason why = (enum quarantine_reason)sql_get_int(q, 7);

		if (get_sealed(q, &rec) == 0)
			r = fn(arg, &rec, why);
	}
	err = sql_end(q);
	return err < 0 ? err : r;
}

int store_quarantine_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			  uint32_t epoch, store_quarantine_fn *fn, void *arg)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT epoch, seq, assignment, class, kind, body, received_ms, reason"
		  " FROM quarantine WHERE hub_id = ?1 AND epoch = ?2"
		  " ORDER BY seq, received_ms, body_hash");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	return store_quarantine_walk(&q, hub, fn, arg);
}

int store_record_has(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     uint32_t epoch, uint64_t seq)
{
	struct sql_query q;
	bool has;
	int r;

	if (seq > INT64_MAX)
		return 0;
	sql_start(s->db, &q,
		  "SELECT 1 FROM record WHERE hub_id = ?1 AND epoch = ?2 AND seq = ?3");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, (int64_t)seq);
	has = sql_row(&q);
	r = sql_end(&q);
	return r < 0 ? r : has;
}
