/*
 * store_life.c - the end of hubs' lives in SQL; see store_life.h.
 */
#include "clinic/store_life.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/store_inside.h"
#include "hub/core/status.h"

enum { LEVEL_RETIRED = 4 };

/* As in enrol_store.c: 1 issued, 2 active, 3 dead; 4 and 5 as 1 and 2, of the emergency identity. Of a lost hub the active ones
 * stay: it may be found. */
static int end_keys(struct store *s, const uint8_t *hub, bool all)
{
	struct sql_query q;

	sql_start(
		s->db, &q,
		"UPDATE hub_key SET state = 3 WHERE hub_id = ?1"
		" AND (state = 1 OR state = 4 OR ((state = 2 OR state = 5) AND ?2 = 1))");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, all);
	return sql_finish(&q);
}

static int put(struct store *s, const struct hub *h)
{
	struct sql_query q;
	int r;

	sql_start(s->db, &q,
		  "UPDATE hub SET state = ?2, drain = ?3, drain_upto = ?4, drain_ms = ?5,"
		  " drain_end_ms = ?6 WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, h->id, HUB_ID_LEN);
	sql_bind_int(&q, 2, h->state);
	sql_bind_int(&q, 3, h->drain.kind);
	sql_bind_int(&q, 4, (int64_t)h->drain.upto);
	sql_bind_int(&q, 5, h->drain.since_ms);
	sql_bind_int(&q, 6, h->drain.end_ms);
	r = sql_finish(&q);
	if (r < 0 || (h->state != HUB_RETIRED && h->state != HUB_LOST))
		return r;
	return end_keys(s, h->id, h->state == HUB_RETIRED);
}

int store_life_on(struct store *s, struct hub *h, const struct life_request *rq)
{
	struct hub_life l = hub_life_of(h);
	enum life_result done = life_on(&l, rq);
	int r;

	if (done != LIFE_CHANGED)
		return (int)done;
	h->state = l.state;
	h->drain = l.drain;
	r = put(s, h);
	return r < 0 ? r : (int)done;
}

int store_life_told(struct store *s, const struct hub *h, uint64_t *ret)
{
	struct store_counts c;
	int r = store_counts(s, h->id, h->epoch, &c);

	if (r == 0)
		*ret = c.highest > h->highest ? c.highest : h->highest;
	return r;
}

static int write_line(struct store *s, const struct hub *h, uint64_t contig,
		      int64_t now_ms)
{
	struct journal_entry e = {
		.act = JOURNAL_DRAINED,
		.at_ms = now_ms,
		.count = contig,
		.who = "clinicd",
		.why = "every number that it told of is here, held, or "
		       "given up, and nothing waits"
	};
	int r = store_journal_next(s, h->id, &e.number);

	return r < 0 ? r : store_journal_add(s, h->id, &e);
}

/* The batch itself says so: what was kept of earlier ones may be of before something new came. */
static bool is_at_end(const struct batch *b)
{
	struct status st;

	return b->status_len > 0 && status_decode(b->status, b->status_len, &st) == 0 &&
	       st.level >= LEVEL_RETIRED && !st.waiting && b->tombstone_count == 0;
}

static bool says_retired(const struct batch *b)
{
	struct status st;

	return b->status_len > 0 && status_decode(b->status, b->status_len, &st) == 0 &&
	       st.level >= LEVEL_RETIRED;
}

/*
 * Two people have ordered it at the hub's console; or what was ordered was taken back here, but the hub had come to its end before it
 * heard of that: there is no way back from level 4, and it erases itself. So its word decides, and here it is retired, too.
 */
static int follow(struct store *s, struct hub *h, const struct batch *b, int64_t now_ms)
{
	struct life_request rq = { .event = LIFE_RETIRE, .now_ms = now_ms };
	struct journal_entry e = {
		.act = JOURNAL_RETIRE,
		.at_ms = now_ms,
		.who = "clinicd",
		.why = "the hub says that it has retired: two people have "
		       "ordered it there, or what took the order back came too late"
	};
	int r;

	if (h->drain.kind == LIFE_DRAIN_RETIRING || b->epoch != h->epoch ||
	    !says_retired(b))
		return 0;
	r = store_life_told(s, h, &rq.told);
	if (r == 0 && b->highest > rq.told)
		rq.told = b->highest;
	if (r == 0)
		r = store_life_on(s, h, &rq);
	if (r != LIFE_CHANGED)
		return r < 0 ? r : 0;
	e.count = rq.told;
	r = store_journal_next(s, h->id, &e.number);
	return r < 0 ? r : store_journal_add(s, h->id, &e);
}

int store_life_settle(struct store *s, const struct hub *h, const struct batch *b,
		      uint64_t contig, bool suspect, int64_t now_ms)
{
	struct life_request rq = { .event = LIFE_DRAINED, .now_ms = now_ms };
	struct life_ledger k = { .contig = contig,
				 .highest = b->highest > h->highest ? b->highest
								    : h->highest,
				 .queued = b->queued,
				 .rolled_back = suspect || h->rolled_back,
				 .at_end = is_at_end(b),
				 .now_ms = now_ms };
	struct hub copy = *h;
	struct hub_life l;
	int r = follow(s, &copy, b, now_ms);

	if (r < 0)
		return r;
	l = hub_life_of(&copy);
	if (!life_drained(&l, &k))
		return 0;
	r = store_life_on(s, &copy, &rq);
	if (r == LIFE_CHANGED)
		r = write_line(s, h, contig, now_ms);
	return r < 0 ? r : 1;
}

/* --- who stands in whose place --------------------------------------------------------- */

int store_successor_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint8_t ret[static HUB_ID_LEN])
{
	struct sql_query q;

	sql_start(s->db, &q, "SELECT successor_id FROM successor WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	if (sql_one(&q))
		sql_get_fixed(&q, 0, ret, HUB_ID_LEN);
	return sql_end(&q);
}

int store_successor_put(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			const uint8_t successor[static HUB_ID_LEN], int64_t now_ms)
{
	uint8_t is[HUB_ID_LEN];
	struct sql_query q;
	int r;

	sql_start(s->db, &q,
		  "INSERT INTO successor (hub_id, successor_id, at_ms)"
		  " VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_bytes(&q, 2, successor, HUB_ID_LEN);
	sql_bind_int(&q, 3, now_ms);
	r = sql_finish(&q);
	if (r == 0)
		r = store_successor_get(s, hub, is);
	if (r == -ENOENT || (r == 0 && memcmp(is, successor, HUB_ID_LEN) != 0))
		return -EEXIST;
	return r;
}

/* --- calls that are refused ------------------------------------------------------------ */

int store_call_add(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		   const struct refused_call *c)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO refused_call (hub_id, at_ms, address, calls)"
		  " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (hub_id) DO UPDATE"
		  " SET at_ms = ?2, address = ?3, calls = refused_call.calls + ?4");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, c->at_ms);
	sql_bind_text(&q, 3, c->address);
	sql_bind_int(&q, 4, (int64_t)c->calls);
	return sql_finish(&q);
}

int store_call_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		   struct refused_call *ret)
{
	struct refused_call c = { 0 };
	struct sql_query q;
	int r;

	sql_start(s->db, &q,
		  "SELECT at_ms, address, calls FROM refused_call WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	if (sql_one(&q)) {
		c.at_ms = sql_get_int(&q, 0);
		sql_get_text(&q, 1, c.address, sizeof(c.address));
		c.calls = (uint64_t)sql_get_int(&q, 2);
	}
	r = sql_end(&q);
	if (r == 0)
		*ret = c;
	return r;
}
