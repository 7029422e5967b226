/*
 * store_claim.c - claims in SQL; see store_claim.h.
 */
#include "clinic/store_claim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/store_inside.h"

/* No hub has this id: it is the first half of a hash. */
static const uint8_t no_hub[HUB_ID_LEN];

/* The state is the row's; without one it is HUB_PREREGISTERED. */
#define CLAIM_SELECT                                                                     \
	"SELECT c.spki, c.hub_id, c.name, c.who, c.at_ms, c.site, c.replaces,"           \
	" c.contacted_ms, coalesce(h.state, 1)"                                          \
	" FROM claim c LEFT JOIN hub h ON h.hub_id = c.hub_id"
_Static_assert((int)HUB_PREREGISTERED == 1, "as in the statement");

static void get_claim(struct sql_query *q, struct claim *ret)
{
	sql_get_fixed(q, 0, ret->spki, sizeof(ret->spki));
	sql_get_fixed(q, 1, ret->id, sizeof(ret->id));
	sql_get_text(q, 2, ret->name, sizeof(ret->name));
	sql_get_text(q, 3, ret->by, sizeof(ret->by));
	ret->at_ms = sql_get_int(q, 4);
	sql_get_text(q, 5, ret->site, sizeof(ret->site));
	sql_get_fixed(q, 6, ret->replaces, sizeof(ret->replaces));
	ret->has_replaces = memcmp(ret->replaces, no_hub, sizeof(no_hub)) != 0;
	ret->contacted_ms = sql_get_int(q, 7);
	ret->state = (enum hub_state)sql_get_int(q, 8);
}

static int one_claim(struct sql_query *q, struct claim *ret)
{
	struct claim c = { 0 };
	int r;

	if (sql_one(q))
		get_claim(q, &c);
	r = sql_end(q);
	if (r == 0)
		*ret = c;
	return r;
}

int claim_by_device_spki(struct store *s, const uint8_t spki[static PIN_LEN],
			 struct claim *ret)
{
	struct sql_query q;

	sql_start(s->db, &q, CLAIM_SELECT " WHERE c.spki = ?1");
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	return one_claim(&q, ret);
}

int claim_by_name(struct store *s, const char *name, struct claim *ret)
{
	struct sql_query q;

	sql_start(s->db, &q, CLAIM_SELECT " WHERE c.name = ?1");
	sql_bind_text(&q, 1, name);
	return one_claim(&q, ret);
}

int claim_by_hub(struct store *s, const uint8_t hub[static HUB_ID_LEN], struct claim *ret)
{
	struct sql_query q;

	sql_start(s->db, &q, CLAIM_SELECT " WHERE c.hub_id = ?1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	return one_claim(&q, ret);
}

/* A hub that came as a bundle has one key for both, and its id is of that key. */
int claim_device_key(struct store *s, const char *name, uint8_t ret_spki[static PIN_LEN])
{
	struct claim c;
	struct hub h;
	int r = store_hub_by_name(s, name, &h);
	bool is_hub = r == 0;

	if (r == 0 || r == -ENOENT)
		r = is_hub ? claim_by_hub(s, h.id, &c) : claim_by_name(s, name, &c);
	if (r == 0)
		memcpy(ret_spki, c.spki, PIN_LEN);
	if (r != -ENOENT || !is_hub || memcmp(h.id, h.spki, HUB_ID_LEN) != 0)
		return r;
	memcpy(ret_spki, h.spki, PIN_LEN);
	return 0;
}

static int by_replaces(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		       struct claim *ret)
{
	struct sql_query q;

	sql_start(s->db, &q, CLAIM_SELECT " WHERE c.replaces = ?1 LIMIT 1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	return one_claim(&q, ret);
}

/* 1 or 0: is there a row of this hub? */
static int has_hub(struct store *s, const uint8_t hub[static HUB_ID_LEN])
{
	struct sql_query q;

	sql_start(s->db, &q, "SELECT 1 FROM hub WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	return sql_has(&q);
}

/* A result of a search, as 'found: say so'. */
static int found_is(int r, enum claim_result what)
{
	return r == 0 ? (int)what : r == -ENOENT ? 0 : r;
}

/* What stands against a claim by what is there now: 0 or why not. */
static int stands_against(struct store *s, const struct claim *c, struct claim *other)
{
	struct hub named;
	int r = found_is(claim_by_hub(s, c->id, other), CLAIM_THERE);

	if (r == 0) {
		r = has_hub(s, c->id);
		if (r > 0)
			return CLAIM_HUB;
	}
	if (r == 0)
		r = found_is(claim_by_name(s, c->name, other), CLAIM_NAME);
	if (r == 0)
		r = found_is(store_hub_by_name(s, c->name, &named), CLAIM_NAME);
	if (r != 0 || !c->has_replaces)
		return r;
	r = has_hub(s, c->replaces);
	if (r == 0)
		return CLAIM_NO_HUB;
	return r < 0 ? r : found_is(by_replaces(s, c->replaces, other), CLAIM_REPLACED);
}

/* *ret false: of two people who claim at once the other one was first. */
static int insert(struct store *s, const struct claim *c, bool *ret)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO claim (spki, hub_id, name, who, at_ms, site, replaces,"
		  " contacted_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)"
		  " ON CONFLICT DO NOTHING RETURNING hub_id");
	sql_bind_bytes(&q, 1, c->spki, sizeof(c->spki));
	sql_bind_bytes(&q, 2, c->id, sizeof(c->id));
	sql_bind_text(&q, 3, c->name);
	sql_bind_text(&q, 4, c->by);
	sql_bind_int(&q, 5, c->at_ms);
	sql_bind_text(&q, 6, c->site);
	sql_bind_bytes(&q, 7, c->has_replaces ? c->replaces : no_hub, HUB_ID_LEN);
	*ret = sql_row(&q);
	return sql_end(&q);
}

static int write_line(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      enum journal_act act, int64_t now_ms, const char *who,
		      const char *why)
{
	struct journal_entry e = { .act = act, .at_ms = now_ms };
	int r = store_journal_next(s, hub, &e.number);

	snprintf(e.who, sizeof(e.who), "%s", who);
	snprintf(e.why, sizeof(e.why), "%s", why);
	return r < 0 ? r : store_journal_add(s, hub, &e);
}

int claim_put(struct store *s, const struct claim *given, struct claim *ret_other)
{
	struct claim c = *given, other = { 0 };
	char why[JOURNAL_WHY_MAX + 1];
	bool done = false;
	int r;

	memcpy(c.id, c.spki, sizeof(c.id));
	r = stands_against(s, &c, &other);
	if (r == 0)
		r = insert(s, &c, &done);
	if (r == 0 && !done)
		return -EAGAIN; /* the next try sees what the other one did */
	if (r == 0) {
		snprintf(why, sizeof(why), "as %s%s%s", c.name, *c.site ? ", for " : "",
			 c.site);
		r = write_line(s, c.id, JOURNAL_CLAIM, c.at_ms, c.by, why);
	}
	if (r < 0)
		return r;
	/* committed by somebody else while we looked: the claim of this very hub has its name, and stands in its place */
	if ((r == CLAIM_NAME || r == CLAIM_REPLACED) &&
	    memcmp(other.id, c.id, sizeof(c.id)) == 0)
		r = CLAIM_THERE;
	*ret_other = other;
	return r == 0 ? (int)CLAIM_DONE : r;
}

int claim_contacted(struct store *s, const uint8_t spki[static PIN_LEN], int64_t now_ms)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "UPDATE claim SET contacted_ms = ?2 WHERE spki = ?1 RETURNING hub_id");
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	sql_bind_int(&q, 2, now_ms);
	sql_one(&q);
	return sql_end(&q);
}

/* Taken away first, then looked whether it may be: the row of the claim is the lock, and a hub that enrols has it. */
static int take_away(struct store *s, const uint8_t spki[static PIN_LEN],
		     uint8_t ret_hub[static HUB_ID_LEN])
{
	struct sql_query q;

	sql_start(s->db, &q, "DELETE FROM claim WHERE spki = ?1 RETURNING hub_id");
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	if (sql_one(&q))
		sql_get_fixed(&q, 0, ret_hub, HUB_ID_LEN);
	return sql_end(&q);
}

/* By which ticket it was made (store_ticket.h) goes with it. */
static int forget_ticket(struct store *s, const uint8_t hub[static HUB_ID_LEN])
{
	struct sql_query q;

	sql_start(s->db, &q, "DELETE FROM ticket_hub WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	return sql_finish(&q);
}

int claim_cancel(struct store *s, const uint8_t spki[static PIN_LEN], int64_t now_ms,
		 const char *who, const char *why)
{
	uint8_t hub[HUB_ID_LEN];
	int r = take_away(s, spki, hub);

	if (r == 0)
		r = has_hub(s, hub);
	if (r > 0)
		return CLAIM_HUB;
	if (r == 0)
		r = forget_ticket(s, hub);
	if (r == 0)
		r = write_line(s, hub, JOURNAL_CLAIM_CANCEL, now_ms, who, why);
	return r < 0 ? r : (int)CLAIM_DONE;
}

int claim_list(struct store *s, claim_fn *fn, void *arg)
{
	struct sql_query q;
	int r = 0, err;

	sql_start(s->db, &q, CLAIM_SELECT " ORDER BY c.name");
	while (r == 0 && sql_row(&q)) {
		struct claim c = { 0 };

		get_claim(&q, &c);
		if (q.err == 0)
			r = fn(arg, &c);
	}
	err = sql_end(&q);
	return err < 0 ? err : r;
}
