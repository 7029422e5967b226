/*
 * store_record.c - sealed records in SQL: stored once, or set aside; see store.h.
 */
#include <errno.h>
#include <string.h>

#include "clinic/store_inside.h"

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
	sql_bind_int(q, 10, rec->suspect);
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
		  " received_ms, suspect) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
		  " ?10)"
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
	struct sealed rec = { .epoch = b->epoch,
			      .received_ms = now_ms,
			      .suspect = b->flags & BATCH_SUSPECT };
	int r = 0;

	memcpy(rec.hub, b->hub, HUB_ID_LEN);
	for (size_t i = 0; r == 0 && i < b->record_count; i++) {
		rec.record = b->records[i];
		r = rec.record.seq > INT64_MAX ? -ERANGE : insert_one(s, &rec, &ret[i]);
	}
	return r;
}

int store_record_has(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     uint32_t epoch, uint64_t seq)
{
	struct sql_query q;

	if (seq > INT64_MAX)
		return 0;
	sql_start(s->db, &q,
		  "SELECT 1 FROM record WHERE hub_id = ?1 AND epoch = ?2 AND seq = ?3");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, (int64_t)seq);
	return sql_has(&q);
}

/* --- quarantine --------------------------------------------------------------------- */

int store_quarantine_put(struct store *s, const struct sealed *rec,
			 enum quarantine_reason why)
{
	uint8_t hash[SHA256_LEN];
	struct sql_query q;

	crypto_sha256(rec->record.body, rec->record.body_len, hash);
	sql_start(s->db, &q,
		  "INSERT INTO quarantine (hub_id, epoch, seq, assignment, class, kind, "
		  "body,"
		  " body_hash, received_ms, suspect, reason)"
		  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
		  " ON CONFLICT (hub_id, epoch, seq, body_hash) DO NOTHING");
	bind_record(&q, rec, hash);
	sql_bind_int(&q, 11, why);
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
	struct sealed rec = { .epoch = b->epoch,
			      .received_ms = now_ms,
			      .suspect = b->flags & BATCH_SUSPECT };
	int r = 0;

	memcpy(rec.hub, b->hub, HUB_ID_LEN);
	for (size_t i = 0; r == 0 && i < b->record_count; i++) {
		rec.record = b->records[i];
		r = rec.record.seq > INT64_MAX ? -ERANGE
					       : hold_one(s, &rec, why, &ret[i]);
	}
	return r;
}
