/*
 * store_settle.c - what people decide about what is held, in SQL; see store_held.h.
 */
#include <errno.h>
#include <string.h>

#include "clinic/store_held.h"
#include "clinic/store_inside.h"

const char *journal_act_text(enum journal_act a)
{
	switch (a) {
	case JOURNAL_NONE: break;
	case JOURNAL_SUSPEND: return "suspended";
	case JOURNAL_RESUME: return "resumed";
	case JOURNAL_RELEASE: return "released";
	case JOURNAL_DISCARD: return "discarded";
	case JOURNAL_WITHDRAW: return "assignment-withdrawn";
	case JOURNAL_GIVE_AGAIN: return "assignment-given-again";
	case JOURNAL_CLAIM: return "claimed";
	case JOURNAL_CLAIM_CANCEL: return "claim-cancelled";
	case JOURNAL_ENROL_APPROVE: return "enrolment-approved";
	case JOURNAL_ASSIGN: return "assigned";
	case JOURNAL_REPLACE: return "replaced";
	case JOURNAL_TAKEN_OVER: return "taken-over";
	case JOURNAL_RETIRE: return "retire-ordered";
	case JOURNAL_DISCARD_HUB: return "retired-by-two";
	case JOURNAL_DRAINED: return "drained-and-retired";
	case JOURNAL_LOSE: return "lost";
	case JOURNAL_FIND: return "found";
	case JOURNAL_NEW_LIFE: return "enrolled-again";
	case JOURNAL_TOKEN: return "token-made";
	case JOURNAL_CODE: return "code-read-out";
	}
	return "?";
}

/* --- the hub's row and its journal ---------------------------------------------------- */

int store_hub_lock(struct store *s, const char *name, struct hub *ret)
{
	struct sql_query q;
	int r;

	sql_start(s->db, &q, "UPDATE hub SET name = ?1 WHERE name = ?1");
	sql_bind_text(&q, 1, name);
	r = sql_finish(&q);
	return r < 0 ? r : store_hub_by_name(s, name, ret);
}

int store_hub_state(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		    enum hub_state state)
{
	struct sql_query q;

	sql_start(s->db, &q, "UPDATE hub SET state = ?2 WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, state);
	return sql_finish(&q);
}

int store_journal_next(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		       uint64_t *ret)
{
	struct sql_query q;

	*ret = 1;
	sql_start(s->db, &q,
		  "SELECT coalesce(max(number), 0) + 1 FROM journal WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	if (sql_row(&q))
		*ret = (uint64_t)sql_get_int(&q, 0);
	return sql_end(&q);
}

int store_journal_add(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      const struct journal_entry *e)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO journal"
		  " (hub_id, number, at_ms, act, count, assignment, who, why)"
		  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, (int64_t)e->number);
	sql_bind_int(&q, 3, e->at_ms);
	sql_bind_int(&q, 4, e->act);
	sql_bind_int(&q, 5, (int64_t)e->count);
	sql_bind_int(&q, 6, e->assignment);
	sql_bind_text(&q, 7, e->who);
	sql_bind_text(&q, 8, e->why);
	return sql_finish(&q);
}

int store_journal_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		       store_journal_fn *fn, void *arg)
{
	struct journal_entry e;
	struct sql_query q;
	int r = 0, err;

	sql_start(s->db, &q,
		  "SELECT number, at_ms, act, count, assignment, who, why FROM journal"
		  " WHERE hub_id = ?1 ORDER BY number");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	while (r == 0 && sql_row(&q)) {
		e.number = (uint64_t)sql_get_int(&q, 0);
		e.at_ms = sql_get_int(&q, 1);
		e.act = (enum journal_act)sql_get_int(&q, 2);
		e.count = (uint64_t)sql_get_int(&q, 3);
		e.assignment = (uint32_t)sql_get_int(&q, 4);
		sql_get_text(&q, 5, e.who, sizeof(e.who));
		sql_get_text(&q, 6, e.why, sizeof(e.why));
		if (q.err == 0)
			r = fn(arg, &e);
	}
	err = sql_end(&q);
	return err < 0 ? err : r;
}

/* --- what is held --------------------------------------------------------------------- */

int store_held_groups(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      store_held_group_fn *fn, void *arg)
{
	struct held_group g;
	struct sql_query q;
	int r = 0, err;

	sql_start(s->db, &q,
		  "SELECT epoch, reason, assignment, count(*), min(seq), max(seq),"
		  " min(received_ms) FROM quarantine"
		  " WHERE hub_id = ?1 AND verdict = 0 AND reason <> 2"
		  " GROUP BY epoch, reason, assignment"
		  " ORDER BY epoch, reason, assignment");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	while (r == 0 && sql_row(&q)) {
		g.epoch = (uint32_t)sql_get_int(&q, 0);
		g.why = (enum quarantine_reason)sql_get_int(&q, 1);
		g.assignment = (uint32_t)sql_get_int(&q, 2);
		g.count = (uint64_t)sql_get_int(&q, 3);
		g.first = (uint64_t)sql_get_int(&q, 4);
		g.last = (uint64_t)sql_get_int(&q, 5);
		g.since_ms = sql_get_int(&q, 6);
		if (q.err == 0)
			r = fn(arg, &g);
	}
	err = sql_end(&q);
	return err < 0 ? err : r;
}

int store_held_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		    store_quarantine_fn *fn, void *arg)
{
	struct sql_query q;

	sql_start(
		s->db, &q,
		"SELECT epoch, seq, assignment, class, kind, body, received_ms, suspect,"
		" reason"
		" FROM quarantine WHERE hub_id = ?1 AND verdict = 0 AND reason <> 2"
		" ORDER BY epoch, seq, received_ms, body_hash");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	return store_quarantine_walk(&q, hub, fn, arg);
}

/* --- deciding ------------------------------------------------------------------------- */

/* A row of quarantine, by its key, and what is asked of it. */
struct row {
	uint32_t epoch;
	uint8_t hash[SHA256_LEN];
	enum quarantine_reason why;
	struct record record; /* without its body */
};

enum { PAGE = 64 }; /* as in the statement */

/* The chosen rows behind 'after'; returns how many, at most PAGE. */
static int read_page(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     const struct held_choice *c, const struct row *after,
		     struct row rows[static PAGE])
{
	struct sql_query q;
	int n = 0, r;

	sql_start(s->db, &q,
		  "SELECT epoch, seq, body_hash, reason, assignment, kind FROM quarantine"
		  " WHERE hub_id = ?1 AND verdict = 0 AND reason <> 2"
		  " AND (epoch, seq, body_hash) > (?2, ?3, ?4)"
		  " AND (?5 = 0 OR reason = ?5) AND seq >= ?6 AND (?7 = 0 OR seq <= ?7)"
		  " ORDER BY epoch, seq, body_hash LIMIT 64");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, after->epoch);
	sql_bind_int(&q, 3, (int64_t)after->record.seq);
	sql_bind_bytes(&q, 4, after->hash, sizeof(after->hash));
	sql_bind_int(&q, 5, c->only);
	sql_bind_int(&q, 6, (int64_t)c->first);
	sql_bind_int(&q, 7, (int64_t)c->last);
	for (; n < PAGE && sql_row(&q); n++) {
		struct row *row = &rows[n];

		*row = (struct row){ .epoch = (uint32_t)sql_get_int(&q, 0) };
		row->record.seq = (uint64_t)sql_get_int(&q, 1);
		sql_get_fixed(&q, 2, row->hash, sizeof(row->hash));
		row->why = (enum quarantine_reason)sql_get_int(&q, 3);
		row->record.assignment = (uint32_t)sql_get_int(&q, 4);
		row->record.kind = (uint8_t)sql_get_int(&q, 5);
	}
	r = sql_end(&q);
	return r < 0 ? r : n;
}

static void bind_row(struct sql_query *q, const uint8_t hub[static HUB_ID_LEN],
		     const struct row *row)
{
	sql_bind_bytes(q, 1, hub, HUB_ID_LEN);
	sql_bind_int(q, 2, row->epoch);
	sql_bind_int(q, 3, (int64_t)row->record.seq);
	sql_bind_bytes(q, 4, row->hash, sizeof(row->hash));
}

/* It becomes the record of its number. *ret false: another body is that. */
static int file_row(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		    const struct row *row, bool *ret)
{
	struct sql_query q;
	int r;

	sql_start(
		s->db, &q,
		"INSERT INTO record (hub_id, epoch, seq, assignment, class, kind, body,"
		" body_hash, received_ms, suspect) SELECT hub_id, epoch, seq, assignment,"
		" class, kind, body, body_hash, received_ms, suspect FROM quarantine "
		"WHERE hub_id = ?1"
		" AND epoch = ?2 AND seq = ?3 AND body_hash = ?4"
		" ON CONFLICT (hub_id, epoch, seq) DO NOTHING");
	bind_row(&q, hub, row);
	r = sql_finish(&q);
	if (r < 0)
		return r;
	sql_start(s->db, &q,
		  "SELECT 1 FROM record WHERE hub_id = ?1 AND epoch = ?2 AND seq = ?3"
		  " AND body_hash = ?4");
	bind_row(&q, hub, row);
	*ret = sql_row(&q);
	return sql_end(&q);
}

static int mark_row(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		    const struct row *row, const struct held_choice *c)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "UPDATE quarantine SET verdict = ?5, journal = ?6 WHERE hub_id = ?1"
		  " AND epoch = ?2 AND seq = ?3 AND body_hash = ?4");
	bind_row(&q, hub, row);
	sql_bind_int(&q, 5, c->verdict);
	sql_bind_int(&q, 6, (int64_t)c->journal);
	return sql_finish(&q);
}

static int settle_row(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      const struct held_choice *c, const struct assignments *t,
		      const struct row *row, struct held_done *done)
{
	enum quarantine_reason left = QUARANTINE_NONE;
	bool filed = true;
	int r = 0;

	if (c->verdict == HELD_RELEASED)
		left = filing_may_release(&row->record, row->why, t, c->accepted);
	if (left == QUARANTINE_NONE && c->verdict == HELD_RELEASED)
		r = file_row(s, hub, row, &filed);
	if (!filed)
		left = QUARANTINE_SEQ_CONFLICT;
	if (r == 0 && left == QUARANTINE_NONE)
		r = mark_row(s, hub, row, c);
	if (left == QUARANTINE_NONE)
		done->done++;
	else if (left < QUARANTINE_REASONS)
		done->left[left]++;
	return r;
}

int store_held_settle(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      const struct held_choice *c, struct held_done *ret)
{
	struct held_done done = { 0 };
	struct assignments t = { 0 };
	struct row rows[PAGE], after = { 0 };
	uint32_t epoch = 0; /* whose assignments are in t; there is no epoch 0 */
	int n, r = 0;

	do {
		n = r < 0 ? r : read_page(s, hub, c, &after, rows);
		for (int i = 0; r == 0 && i < n; i++) {
			if (rows[i].epoch != epoch)
				r = store_assignments(s, hub, rows[i].epoch, &t);
			epoch = rows[i].epoch;
			if (r == 0)
				r = settle_row(s, hub, c, &t, &rows[i], &done);
		}
		if (n > 0)
			after = rows[n - 1];
	} while (r == 0 && n == PAGE);
	if (n < 0)
		r = n;
	if (r == 0)
		*ret = done;
	return r;
}
