/*
 * store_held.c - assignments in SQL, and what of an upload is filed; see store_held.h.
 */
#include "clinic/store_held.h"

#include <errno.h>
#include <string.h>

#include "clinic/store_inside.h"

int store_assignment_give(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			  uint32_t epoch, uint32_t number)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO assignment (hub_id, epoch, number, state, first_seq)"
		  " VALUES (?1, ?2, ?3, 1, 0)"
		  " ON CONFLICT (hub_id, epoch, number) DO NOTHING");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, number);
	return sql_finish(&q);
}

int store_assignment_set(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			 uint32_t epoch, uint32_t number, enum assignment_state state)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "UPDATE assignment SET state = ?4 WHERE hub_id = ?1 AND epoch = ?2"
		  " AND number = ?3 RETURNING number");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, number);
	sql_bind_int(&q, 4, state);
	sql_one(&q);
	return sql_end(&q);
}

/* *ret_held: the highest number that is held, whatever was decided; without any assignment it is not looked for. */
static int load(struct store *s, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		struct assignments *ret, uint64_t *ret_held)
{
	struct sql_query q;

	ret->count = 0;
	*ret_held = INT64_MAX;
	sql_start(s->db, &q,
		  "SELECT number, state, first_seq, coalesce((SELECT seq FROM quarantine"
		  " WHERE hub_id = ?1 AND epoch = ?2 AND reason >= 3"
		  " ORDER BY seq DESC LIMIT 1), 0)"
		  " FROM assignment WHERE hub_id = ?1 AND epoch = ?2"
		  " ORDER BY number DESC LIMIT 64");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	while (ret->count < ASSIGNMENTS_MAX && sql_row(&q)) {
		ret->rows[ret->count++] = (struct assignment){
			.number = (uint32_t)sql_get_int(&q, 0),
			.state = (enum assignment_state)sql_get_int(&q, 1),
			.first_seq = (uint64_t)sql_get_int(&q, 2),
		};
		*ret_held = (uint64_t)sql_get_int(&q, 3);
	}
	return sql_end(&q);
}
_Static_assert((int)ASSIGNMENTS_MAX == 64, "as in the statement");

int store_assignments(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      uint32_t epoch, struct assignments *ret)
{
	uint64_t held;

	return load(s, hub, epoch, ret, &held);
}

/* *ret: for what a number is held, or was until a person decided; QUARANTINE_NONE if it never was. */
static int find_held(struct store *s, const struct batch *b, uint64_t seq,
		     enum quarantine_reason *ret)
{
	struct sql_query q;

	*ret = QUARANTINE_NONE;
	sql_start(s->db, &q,
		  "SELECT reason FROM quarantine WHERE hub_id = ?1 AND epoch = ?2"
		  " AND seq = ?3 AND reason >= 3 LIMIT 1");
	sql_bind_bytes(&q, 1, b->hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, b->epoch);
	sql_bind_int(&q, 3, (int64_t)seq);
	if (sql_row(&q))
		*ret = (enum quarantine_reason)sql_get_int(&q, 0);
	return sql_end(&q);
}

/* For each record why it is held. Returns how many are. */
static int decide(struct store *s, const struct hub *h, const struct batch *b,
		  struct assignments t, uint64_t held,
		  enum quarantine_reason why[static BATCH_RECORDS_MAX])
{
	struct hub_life life = hub_life_of(h);
	int n = 0, r = 0;

	for (size_t i = 0; r == 0 && i < b->record_count; i++) {
		const struct record *rec = &b->records[i];

		why[i] = QUARANTINE_NONE;
		if (rec->seq <= held) /* comes again, perhaps when the reason is gone */
			r = find_held(s, b, rec->seq, &why[i]);
		if (why[i] == QUARANTINE_NONE)
			why[i] = filing_decide(rec, &t, &life, b->flags & BATCH_SEALED);
		if (why[i] == QUARANTINE_NONE)
			filing_taken(&t, rec);
		n += why[i] != QUARANTINE_NONE;
	}
	return r < 0 ? r : n;
}

static int put_one(struct store *s, const struct batch *b, size_t i, int64_t now_ms,
		   enum quarantine_reason why, enum insert_result *ret)
{
	struct batch one = { .epoch = b->epoch, .flags = b->flags, .record_count = 1 };

	memcpy(one.hub, b->hub, HUB_ID_LEN);
	one.records[0] = b->records[i];
	if (why == QUARANTINE_NONE)
		return store_record_insert_batch(s, &one, now_ms, ret);
	return store_quarantine_batch(s, &one, why, now_ms, ret);
}

static int write_first(struct store *s, const struct batch *b, const struct assignment *a)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "UPDATE assignment SET first_seq = ?4"
		  " WHERE hub_id = ?1 AND epoch = ?2 AND number = ?3");
	sql_bind_bytes(&q, 1, b->hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, b->epoch);
	sql_bind_int(&q, 3, a->number);
	sql_bind_int(&q, 4, (int64_t)a->first_seq);
	return sql_finish(&q);
}

int store_file_batch(struct store *s, const struct hub *h, const struct batch *b,
		     int64_t now_ms, enum quarantine_reason why[static BATCH_RECORDS_MAX],
		     enum insert_result ret[static BATCH_RECORDS_MAX])
{
	struct assignments t;
	uint64_t held;
	int r = b->record_count == 0 ? 0 : load(s, b->hub, b->epoch, &t, &held);
	int n;

	if (r < 0 || b->record_count == 0)
		return r;
	n = decide(s, h, b, t, held, why);
	if (n <= 0)
		r = n < 0 ? n : store_record_insert_batch(s, b, now_ms, ret);
	for (size_t i = 0; r == 0 && n > 0 && i < b->record_count; i++)
		r = put_one(s, b, i, now_ms, why[i], &ret[i]);
	for (size_t i = 0; r == 0 && i < b->record_count; i++)
		if (why[i] == QUARANTINE_NONE && ret[i] == INSERT_STORED &&
		    filing_taken(&t, &b->records[i]))
			r = write_first(s, b, filing_find(&t, b->records[i].assignment));
	return r;
}
