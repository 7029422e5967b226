/*
 * store_hub.c - the rows of hubs in SQL; see store.h.
 */
#include <errno.h>
#include <string.h>

#include "clinic/store_inside.h"

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
	struct hub h = { 0 };
	int r;

	if (sql_one(q))
		get_hub(q, &h);
	r = sql_end(q);
	if (r == 0)
		*ret = h;
	return r;
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
	/* of what is carried: not of the row as it was read, for an upload may have changed it since */
	static const char *const sql[] = {
		"UPDATE hub SET highest = ?2, seen_ms = ?3, queued = ?4, acked = ?5"
		" WHERE hub_id = ?1 RETURNING " HUB_COLUMNS,
		"UPDATE hub SET highest = CASE WHEN highest < ?2 THEN ?2 ELSE highest END"
		" WHERE hub_id = ?1 RETURNING " HUB_COLUMNS,
	};
	struct hub now = { 0 };
	struct sql_query q;
	int r;

	sql_start(s->db, &q, sql[h->carried]);
	sql_bind_bytes(&q, 1, h->id, HUB_ID_LEN);
	sql_bind_int(&q, 2, clamp(b->highest));
	if (!h->carried) {
		sql_bind_int(&q, 3, now_ms);
		sql_bind_int(&q, 4, clamp(b->queued));
		sql_bind_int(&q, 5, clamp(b->acked));
	}
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
