/*
 * store_ticket.c - tickets in SQL; see store_ticket.h.
 */
#include "clinic/store_ticket.h"

#include <errno.h>
#include <string.h>

#include "clinic/store_inside.h"

#define TICKET_COLUMNS                                                                   \
	"spki, id, name, site, who, at_ms, expires_ms, state, hub_id, ended_ms, "        \
	"ended_by,"                                                                      \
	" why, alarms, alarm_ms, alarm_hub"

static void get_ticket(struct sql_query *q, struct store_ticket *ret)
{
	*ret = (struct store_ticket){ 0 };
	sql_get_fixed(q, 0, ret->spki, sizeof(ret->spki));
	sql_get_text(q, 1, ret->id, sizeof(ret->id));
	sql_get_text(q, 2, ret->name, sizeof(ret->name));
	sql_get_text(q, 3, ret->site, sizeof(ret->site));
	sql_get_text(q, 4, ret->by, sizeof(ret->by));
	ret->at_ms = sql_get_int(q, 5);
	ret->row.expires_ms = sql_get_int(q, 6);
	ret->row.state = (enum ticket_state)sql_get_int(q, 7);
	sql_get_fixed(q, 8, ret->row.hub, HUB_ID_LEN);
	ret->ended_ms = sql_get_int(q, 9);
	sql_get_text(q, 10, ret->ended_by, sizeof(ret->ended_by));
	sql_get_text(q, 11, ret->why, sizeof(ret->why));
	ret->alarms = (uint64_t)sql_get_int(q, 12);
	ret->alarm_ms = sql_get_int(q, 13);
	sql_get_fixed(q, 14, ret->alarm_hub, HUB_ID_LEN);
}

static int one_ticket(struct sql_query *q, struct store_ticket *ret)
{
	struct store_ticket t = { 0 };
	int r;

	if (sql_one(q))
		get_ticket(q, &t);
	r = sql_end(q);
	if (r == 0)
		*ret = t;
	return r;
}

int store_ticket_add(struct store *s, const struct store_ticket *t)
{
	static const uint8_t no_hub[HUB_ID_LEN];
	struct sql_query q;
	int r;

	sql_start(s->db, &q,
		  "INSERT INTO ticket (" TICKET_COLUMNS ")"
		  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, '', '', 0, 0, ?9)"
		  " ON CONFLICT DO NOTHING RETURNING 1");
	sql_bind_bytes(&q, 1, t->spki, PIN_LEN);
	sql_bind_text(&q, 2, t->id);
	sql_bind_text(&q, 3, t->name);
	sql_bind_text(&q, 4, t->site);
	sql_bind_text(&q, 5, t->by);
	sql_bind_int(&q, 6, t->at_ms);
	sql_bind_int(&q, 7, t->row.expires_ms);
	sql_bind_int(&q, 8, TICKET_STATE_OPEN);
	sql_bind_bytes(&q, 9, no_hub, HUB_ID_LEN);
	r = sql_has(&q);
	return r < 0 ? r : r ? 0 : -EEXIST;
}

int store_ticket_known(struct store *s, const uint8_t spki[static PIN_LEN])
{
	struct sql_query q;

	sql_start(s->db, &q, "SELECT 1 FROM ticket WHERE spki = ?1");
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	return sql_has(&q);
}

/* A row that is written is held. */
int store_ticket_take(struct store *s, const uint8_t spki[static PIN_LEN],
		      struct store_ticket *ret)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "UPDATE ticket SET state = state WHERE spki = ?1"
		  " RETURNING " TICKET_COLUMNS);
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	return one_ticket(&q, ret);
}

int store_ticket_take_id(struct store *s, const char *id, struct store_ticket *ret)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "UPDATE ticket SET state = state WHERE id = upper(?1)"
		  " RETURNING " TICKET_COLUMNS);
	sql_bind_text(&q, 1, id);
	return one_ticket(&q, ret);
}

int store_ticket_put(struct store *s, const struct store_ticket *t)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "UPDATE ticket SET state = ?2, hub_id = ?3, ended_ms = ?4,"
		  " ended_by = ?5, why = ?6, alarms = ?7, alarm_ms = ?8, alarm_hub = ?9"
		  " WHERE spki = ?1");
	sql_bind_bytes(&q, 1, t->spki, PIN_LEN);
	sql_bind_int(&q, 2, t->row.state);
	sql_bind_bytes(&q, 3, t->row.hub, HUB_ID_LEN);
	sql_bind_int(&q, 4, t->ended_ms);
	sql_bind_text(&q, 5, t->ended_by);
	sql_bind_text(&q, 6, t->why);
	sql_bind_int(&q, 7, (int64_t)t->alarms);
	sql_bind_int(&q, 8, t->alarm_ms);
	sql_bind_bytes(&q, 9, t->alarm_hub, HUB_ID_LEN);
	return sql_finish(&q);
}

int store_ticket_each(struct store *s, store_ticket_fn *fn, void *arg)
{
	struct sql_query q;
	int r = 0, err;

	sql_start(s->db, &q,
		  "SELECT " TICKET_COLUMNS " FROM ticket ORDER BY at_ms DESC, id");
	while (r == 0 && sql_row(&q)) {
		struct store_ticket t;

		get_ticket(&q, &t);
		if (q.err == 0)
			r = fn(arg, &t);
	}
	err = sql_end(&q);
	return err < 0 ? err : r;
}

/* --- which hubs came with it --------------------------------------------------------------- */

int ticket_use_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		   struct ticket_use *ret)
{
	struct ticket_use use = { .made = false };
	struct sql_query q;
	int r;

	sql_start(s->db, &q, "SELECT ticket, made FROM ticket_hub WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	if (sql_one(&q)) {
		sql_get_fixed(&q, 0, use.spki, PIN_LEN);
		use.made = sql_get_int(&q, 1) != 0;
	}
	r = sql_end(&q);
	if (r == 0)
		*ret = use;
	return r;
}

int ticket_use_put(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		   const uint8_t spki[static PIN_LEN], bool made, int64_t now_ms)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO ticket_hub (hub_id, ticket, made, at_ms)"
		  " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (hub_id) DO UPDATE SET"
		  " ticket = ?2, at_ms = ?4,"
		  " made = CASE WHEN ?3 = 1 THEN 1 ELSE ticket_hub.made END");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_bytes(&q, 2, spki, PIN_LEN);
	sql_bind_int(&q, 3, made);
	sql_bind_int(&q, 4, now_ms);
	return sql_finish(&q);
}

int ticket_uses_other(struct store *s, const uint8_t spki[static PIN_LEN],
		      const uint8_t hub[static HUB_ID_LEN])
{
	struct sql_query q;
	int64_t n = 0;
	int r;

	sql_start(s->db, &q,
		  "SELECT count(*) FROM ticket_hub WHERE ticket = ?1 AND hub_id <> ?2");
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	sql_bind_bytes(&q, 2, hub, HUB_ID_LEN);
	if (sql_row(&q))
		n = sql_get_int(&q, 0);
	r = sql_end(&q);
	return r < 0 ? r : (int)n;
}

/* The next claim to be taken back: the spki of its device key. -ENOENT: there is none. */
static int next_claim(struct store *s, const uint8_t spki[static PIN_LEN],
		      const uint8_t *but, uint8_t ret[static PIN_LEN])
{
	static const uint8_t nobody[HUB_ID_LEN];
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT c.spki FROM claim c JOIN ticket_hub t ON t.hub_id = c.hub_id"
		  " LEFT JOIN hub h ON h.hub_id = c.hub_id"
		  " WHERE t.ticket = ?1 AND t.made = 1 AND c.hub_id <> ?2"
		  " AND h.hub_id IS NULL LIMIT 1");
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	sql_bind_bytes(&q, 2, but ? but : nobody, HUB_ID_LEN);
	if (sql_one(&q))
		sql_get_fixed(&q, 0, ret, PIN_LEN);
	return sql_end(&q);
}

int ticket_drop_claims(struct store *s, const uint8_t spki[static PIN_LEN],
		       const uint8_t *but, int64_t now_ms, const char *who,
		       const char *why)
{
	uint8_t device[PIN_LEN];
	int r = 0;

	while (r >= 0) {
		r = next_claim(s, spki, but, device);
		if (r == 0)
			r = claim_cancel(s, device, now_ms, who, why);
		if (r == CLAIM_HUB)
			r = -EAGAIN; /* it has enrolled just now: look again */
	}
	return r == -ENOENT ? 0 : r;
}
