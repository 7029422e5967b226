/*
 * store_mark.c - the mark of a (hub, epoch) in SQL: up to where no number is missing; see store.h.
 */
#include "clinic/store_inside.h"

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
