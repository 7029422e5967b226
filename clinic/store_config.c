/*
 * store_config.c - configs in SQL, as they were signed and as they are read; see store_config.h and store.h.
 */
#include "clinic/store_config.h"

#include <errno.h>
#include <string.h>

#include "clinic/store_held.h"
#include "clinic/store_inside.h"
#include "hub/core/status.h"

static int want(struct store *s, const struct config *c)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "UPDATE hub SET config_wanted = ?2 WHERE hub_id = ?1 AND epoch = ?3");
	sql_bind_bytes(&q, 1, c->hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, (int64_t)c->version);
	sql_bind_int(&q, 3, c->epoch);
	return sql_finish(&q);
}

int store_config_offer(struct store *s, const struct config *c, const uint8_t *cose,
		       size_t len, int64_t now_ms)
{
	struct sql_query q;
	int r;

	if (len > CONFIG_BYTES_MAX || c->version > INT64_MAX)
		return -EMSGSIZE;
	sql_start(s->db, &q,
		  "INSERT INTO signed_config (hub_id, epoch, version, cose, signed_ms)"
		  " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (hub_id) DO UPDATE"
		  " SET epoch = ?2, version = ?3, cose = ?4, signed_ms = ?5");
	sql_bind_bytes(&q, 1, c->hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, c->epoch);
	sql_bind_int(&q, 3, (int64_t)c->version);
	sql_bind_bytes(&q, 4, cose, len);
	sql_bind_int(&q, 5, now_ms);
	r = sql_finish(&q);
	return r < 0 ? r : want(s, c);
}

int store_config_signed(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, uint8_t buf[static CONFIG_BYTES_MAX],
			uint64_t *ret_version)
{
	struct sql_query q;
	const uint8_t *bytes;
	size_t len = 0;
	int r;

	sql_start(s->db, &q,
		  "SELECT version, cose FROM signed_config"
		  " WHERE hub_id = ?1 AND epoch = ?2");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	if (sql_row(&q)) {
		*ret_version = (uint64_t)sql_get_int(&q, 0);
		bytes = sql_get_bytes(&q, 1, &len);
		if (bytes && len > 0 && len <= CONFIG_BYTES_MAX)
			memcpy(buf, bytes, len);
		else if (q.err == 0)
			q.err = -EIO;
	}
	r = sql_end(&q);
	if (r < 0)
		return r;
	return len > 0 ? (int)len : -ENOENT;
}

int store_config_note(struct store *s, const struct hub *h, const uint8_t *status,
		      size_t len, uint64_t *ret)
{
	struct status st;
	struct sql_query q;

	if (status_decode(status, len, &st))
		return -EIO; /* it was good when it was put */
	*ret = st.config_version;
	if (st.config_version == h->config_used)
		return 0;
	sql_start(s->db, &q, "UPDATE hub SET config_used = ?2 WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, h->id, HUB_ID_LEN);
	sql_bind_int(&q, 2, (int64_t)st.config_version);
	return sql_finish(&q);
}

int store_config_put(struct store *s, const struct config *c)
{
	static uint8_t buf[CONFIG_BYTES_MAX];
	int n = config_encode(c, buf, sizeof(buf)), r;
	struct sql_query q;

	if (n < 0)
		return -EIO;
	sql_start(s->db, &q,
		  "INSERT INTO hub_config (hub_id, config) VALUES (?1, ?2)"
		  " ON CONFLICT (hub_id) DO UPDATE SET config = ?2");
	sql_bind_bytes(&q, 1, c->hub, HUB_ID_LEN);
	sql_bind_bytes(&q, 2, buf, (size_t)n);
	r = sql_finish(&q);
	crypto_wipe(buf, sizeof(buf));
	if (r == 0 && c->assignment != 0)
		r = store_assignment_give(s, c->hub, c->epoch, c->assignment);
	return r;
}

int store_config_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     struct config *ret)
{
	const char *field;
	const uint8_t *bytes;
	struct sql_query q;
	size_t len;

	sql_start(s->db, &q, "SELECT config FROM hub_config WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	if (sql_one(&q)) {
		bytes = sql_get_bytes(&q, 0, &len);
		if (q.err == 0 && (!bytes || config_decode(bytes, len, ret, &field) ||
				   memcmp(ret->hub, hub, HUB_ID_LEN) != 0))
			q.err = -EIO;
	}
	return sql_end(&q);
}
