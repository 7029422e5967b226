/*
 * store_escrow.c - see store_escrow.h.
 *
 * Invariant: of one lock epoch the last one that came is kept. A hub draws a second one only before it has heard that the first is
 * here, and uses the last.
 */
#include "clinic/store_escrow.h"

#include <errno.h>
#include <string.h>

#include "clinic/store_inside.h"
#include "hub/core/status.h"

int store_escrow_note(struct store *s, const struct hub *h, const uint8_t *status,
		      size_t len, int64_t now_ms)
{
	struct status st;
	struct sql_query q;

	if (status_decode(status, len, &st))
		return -EIO; /* it was good when it was put */
	if (!st.escrow.there)
		return 0;
	sql_start(
		s->db, &q,
		"INSERT INTO hub_escrow (hub_id, epoch, lock_epoch, sealed, received_ms)"
		" VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (hub_id, epoch, lock_epoch)"
		" DO UPDATE SET sealed = ?4, received_ms = ?5"
		" WHERE hub_escrow.sealed <> ?4");
	sql_bind_bytes(&q, 1, h->id, HUB_ID_LEN);
	sql_bind_int(&q, 2, h->epoch);
	sql_bind_int(&q, 3, st.escrow.lock_epoch);
	sql_bind_bytes(&q, 4, st.escrow.bytes, ESCROW_SEALED_LEN);
	sql_bind_int(&q, 5, now_ms);
	return sql_finish(&q);
}

int store_escrow_get(struct store *s, const struct hub *h, uint32_t lock_epoch,
		     struct escrow_sealed *ret)
{
	struct escrow_sealed e = { 0 };
	struct sql_query q;
	int r;

	sql_start(
		s->db, &q,
		"SELECT lock_epoch, sealed FROM hub_escrow WHERE hub_id = ?1"
		" AND epoch = ?2 AND lock_epoch <= ?3 ORDER BY lock_epoch DESC LIMIT 1");
	sql_bind_bytes(&q, 1, h->id, HUB_ID_LEN);
	sql_bind_int(&q, 2, h->epoch);
	sql_bind_int(&q, 3, lock_epoch);
	if (sql_row(&q)) {
		e.there = true;
		e.lock_epoch = (uint32_t)sql_get_int(&q, 0);
		sql_get_fixed(&q, 1, e.bytes, sizeof(e.bytes));
	}
	r = sql_end(&q);
	if (r < 0)
		return r;
	if (!e.there)
		return -ENOENT;
	*ret = e;
	return 0;
}
