/*
 * store_mailbox.c - emergency keys in SQL; see store_mailbox.h. Their numbers are those of enrol_store.c: role 2, state 5.
 */
#include "clinic/store_mailbox.h"

#include <errno.h>

#include "clinic/store_inside.h"

int store_mailbox_hub(struct store *s, const uint8_t spki[static PIN_LEN],
		      struct hub *ret)
{
	uint8_t hub[HUB_ID_LEN];
	struct sql_query q;
	int64_t epoch = 0;
	struct hub h;
	int r;

	sql_start(s->db, &q,
		  "SELECT hub_id, epoch FROM hub_key WHERE spki = ?1 AND state = 5");
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	if (sql_one(&q)) {
		sql_get_fixed(&q, 0, hub, sizeof(hub));
		epoch = sql_get_int(&q, 1);
	}
	r = sql_end(&q);
	if (r == 0)
		r = store_hub_by_id(s, hub, &h);
	if (r == 0 && epoch != h.epoch)
		r = -ENOENT;
	if (r == 0)
		*ret = h;
	return r;
}

int store_mailbox_add(struct store *s, const struct hub *h,
		      const uint8_t spki[static PIN_LEN], const struct pki_cert *cert)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO hub_key (spki, hub_id, role, state, serial, epoch,"
		  " renewal, certificate, issued_ms, ends_ms, confirmed_ms)"
		  " VALUES (?1, ?2, 2, 5, ?3, ?4, 1, ?5, ?6, ?7, ?6)");
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	sql_bind_bytes(&q, 2, h->id, HUB_ID_LEN);
	sql_bind_bytes(&q, 3, cert->serial, PKI_SERIAL_LEN);
	sql_bind_int(&q, 4, h->epoch);
	sql_bind_bytes(&q, 5, cert->der, cert->len);
	sql_bind_int(&q, 6, h->added_ms);
	sql_bind_int(&q, 7, cert->ends_ms);
	return sql_finish(&q);
}
