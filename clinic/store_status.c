/*
 * store_status.c - the status of hubs in SQL; see store_status.h.
 */
#include "clinic/store_status.h"

#include <errno.h>

#include "clinic/store_inside.h"

static void bind_hub(struct sql_query *q, const uint8_t *hub, uint32_t epoch)
{
	sql_bind_bytes(q, 1, hub, HUB_ID_LEN);
	sql_bind_int(q, 2, epoch);
}

/* A hub's clock that is ahead of ours is not believed. */
static int64_t made_at(const struct status *st, int64_t now_ms)
{
	return st->has_made && st->made_ms > 0 && st->made_ms < now_ms ? st->made_ms
								       : now_ms;
}

static int put_status(struct store *s, const uint8_t *hub, uint32_t epoch,
		      const uint8_t *bytes, size_t len, int64_t at_ms, int64_t now_ms)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO hub_status (hub_id, epoch, made_ms, received_ms, status)"
		  " VALUES (?1, ?2, ?3, ?4, ?5)"
		  " ON CONFLICT (hub_id, epoch) DO UPDATE"
		  " SET made_ms = ?3, received_ms = ?4, status = ?5"
		  " WHERE hub_status.made_ms <= ?3");
	bind_hub(&q, hub, epoch);
	sql_bind_int(&q, 3, at_ms);
	sql_bind_int(&q, 4, now_ms);
	sql_bind_bytes(&q, 5, bytes, len);
	return sql_finish(&q);
}

static int64_t before(int64_t at_ms, bool there, uint32_t age_s)
{
	int64_t age_ms = (int64_t)age_s * 1000;

	return there && at_ms > age_ms ? at_ms - age_ms : 0;
}

static int put_device(struct store *s, const uint8_t *hub, uint32_t epoch,
		      const struct status_device *d, int64_t at_ms)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO device_sign"
		  " (hub_id, epoch, num, first_ms, seen_ms, reading_ms)"
		  " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
		  " ON CONFLICT (hub_id, epoch, num) DO UPDATE SET"
		  " seen_ms = CASE WHEN device_sign.seen_ms < ?5 THEN ?5"
		  " ELSE device_sign.seen_ms END,"
		  " reading_ms = CASE WHEN device_sign.reading_ms < ?6 THEN ?6"
		  " ELSE device_sign.reading_ms END");
	bind_hub(&q, hub, epoch);
	sql_bind_int(&q, 3, d->num);
	sql_bind_int(&q, 4, at_ms);
	sql_bind_int(&q, 5, before(at_ms, d->seen, d->seen_s));
	sql_bind_int(&q, 6, before(at_ms, d->read, d->read_s));
	return sql_finish(&q);
}

int store_status_put(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     uint32_t epoch, const uint8_t *bytes, size_t len, int64_t now_ms)
{
	struct status st;
	int64_t at_ms;
	int r;

	if (status_decode(bytes, len, &st))
		return -EBADMSG;
	at_ms = made_at(&st, now_ms);
	r = put_status(s, hub, epoch, bytes, len, at_ms, now_ms);
	for (size_t i = 0; r == 0 && i < st.device_count; i++)
		r = put_device(s, hub, epoch, &st.devices[i], at_ms);
	return r;
}

int store_status_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     uint32_t epoch, struct hub_status *ret)
{
	struct hub_status h = { 0 };
	struct sql_query q;
	int r;

	sql_start(s->db, &q,
		  "SELECT made_ms, received_ms, status FROM hub_status"
		  " WHERE hub_id = ?1 AND epoch = ?2");
	bind_hub(&q, hub, epoch);
	if (sql_one(&q)) {
		size_t len;
		const uint8_t *bytes = sql_get_bytes(&q, 2, &len);

		h.at_ms = sql_get_int(&q, 0);
		h.received_ms = sql_get_int(&q, 1);
		if (q.err == 0 && status_decode(bytes, len, &h.status))
			q.err = -EIO;
	}
	r = sql_end(&q);
	if (r == 0)
		*ret = h;
	return r;
}

int store_device_sign(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      uint32_t epoch, uint16_t num, struct device_sign *ret)
{
	struct sql_query q;

	*ret = (struct device_sign){ .num = num };
	sql_start(s->db, &q,
		  "SELECT first_ms, seen_ms, reading_ms FROM device_sign"
		  " WHERE hub_id = ?1 AND epoch = ?2 AND num = ?3");
	bind_hub(&q, hub, epoch);
	sql_bind_int(&q, 3, num);
	if (sql_row(&q)) {
		ret->first_ms = sql_get_int(&q, 0);
		ret->seen_ms = sql_get_int(&q, 1);
		ret->reading_ms = sql_get_int(&q, 2);
	}
	return sql_end(&q);
}
