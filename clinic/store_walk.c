/*
 * store_walk.c - walks over records and quarantine, whole or page by page, in SQL; see store.h.
 */
#include <string.h>

#include "clinic/store_inside.h"

static int get_sealed(struct sql_query *q, struct sealed *rec)
{
	rec->epoch = (uint32_t)sql_get_int(q, 0);
	rec->record.seq = (uint64_t)sql_get_int(q, 1);
	rec->record.assignment = (uint32_t)sql_get_int(q, 2);
	rec->record.class = (enum record_class)sql_get_int(q, 3);
	rec->record.kind = (uint8_t)sql_get_int(q, 4);
	rec->record.body = sql_get_bytes(q, 5, &rec->record.body_len);
	rec->received_ms = sql_get_int(q, 6);
	rec->suspect = sql_get_int(q, 7) != 0;
	return q->err;
}

#define RECORD_COLUMNS "epoch, seq, assignment, class, kind, body, received_ms, suspect"

/* Every row of q, which selects RECORD_COLUMNS. */
static int walk_records(struct sql_query *q, const uint8_t hub[static HUB_ID_LEN],
			store_record_fn *fn, void *arg)
{
	struct sealed rec = { 0 };
	int r = 0, err;

	memcpy(rec.hub, hub, HUB_ID_LEN);
	while (r == 0 && sql_row(q)) {
		if (get_sealed(q, &rec) == 0)
			r = fn(arg, &rec);
	}
	err = sql_end(q);
	return err < 0 ? err : r;
}

int store_record_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      store_record_fn *fn, void *arg)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT " RECORD_COLUMNS " FROM record WHERE hub_id = ?1"
		  " ORDER BY epoch, seq");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	return walk_records(&q, hub, fn, arg);
}

int store_record_page(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      uint32_t epoch, uint64_t seq, unsigned most, store_record_fn *fn,
		      void *arg)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT " RECORD_COLUMNS " FROM record WHERE hub_id = ?1"
		  " AND (epoch, seq) > (?2, ?3) ORDER BY epoch, seq LIMIT ?4");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, (int64_t)seq);
	sql_bind_int(&q, 4, most);
	return walk_records(&q, hub, fn, arg);
}

int store_kind_page(struct store *s, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		    uint64_t seq, uint8_t kind, unsigned most, store_record_fn *fn,
		    void *arg)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT " RECORD_COLUMNS " FROM record WHERE hub_id = ?1"
		  " AND epoch = ?2 AND seq > ?3 AND kind = ?4 UNION ALL"
		  " SELECT " RECORD_COLUMNS " FROM quarantine WHERE hub_id = ?1"
		  " AND epoch = ?2 AND seq > ?3 AND kind = ?4 AND reason > ?6"
		  " AND verdict = 0 ORDER BY seq LIMIT ?5");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, (int64_t)seq);
	sql_bind_int(&q, 4, kind);
	sql_bind_int(&q, 5, most);
	sql_bind_int(&q, 6, QUARANTINE_RECOVERED);
	return walk_records(&q, hub, fn, arg);
}

int store_number_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      uint32_t epoch, enum store_numbers what, uint64_t seq,
		      store_number_fn *fn, void *arg)
{
	/* those of enum quarantine_reason that hold their number follow QUARANTINE_RECOVERED */
	static const char here[] =
		"SELECT seq FROM record WHERE hub_id = ?1 AND epoch = ?2 AND seq > ?3"
		" UNION SELECT seq FROM quarantine WHERE hub_id = ?1 AND epoch = ?2"
		" AND seq > ?3 AND reason > ?4 ORDER BY seq";
	static const char aside[] =
		"SELECT DISTINCT seq FROM quarantine WHERE hub_id = ?1 AND epoch = ?2"
		" AND seq > ?3 AND reason = ?4 ORDER BY seq";
	enum quarantine_reason why =
		what == NUMBERS_CONFLICT ? QUARANTINE_SEQ_CONFLICT : QUARANTINE_RECOVERED;
	struct sql_query q;
	int r = 0, err;

	sql_start(s->db, &q, what == NUMBERS_HERE ? here : aside);
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, (int64_t)seq);
	sql_bind_int(&q, 4, why);
	while (r == 0 && sql_row(&q))
		r = fn(arg, (uint64_t)sql_get_int(&q, 0));
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
		enum quarantine_reason why = (enum quarantine_reason)sql_get_int(q, 8);

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

	sql_start(
		s->db, &q,
		"SELECT epoch, seq, assignment, class, kind, body, received_ms, suspect,"
		" reason"
		" FROM quarantine WHERE hub_id = ?1 AND epoch = ?2"
		" ORDER BY seq, received_ms, body_hash");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	return store_quarantine_walk(&q, hub, fn, arg);
}
