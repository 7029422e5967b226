/*
 * store_tombstone.c - numbers that hubs have given up, in SQL: disjoint ranges, whatever comes; see store.h.
 */
#include <errno.h>

#include "clinic/store_inside.h"

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
