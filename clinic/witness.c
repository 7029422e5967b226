/*
 * witness.c - key 0, checkpoints and what was wrong with them, in SQL; see witness.h.
 */
#include "clinic/witness.h"

#include <errno.h>
#include <string.h>

#include "clinic/store_inside.h"
#include "hub/crypto/audit_chain.h"

const char *witness_text(enum witness w)
{
	switch (w) {
	case WITNESS_NONE: return "none";
	case WITNESS_STORED: return "stored";
	case WITNESS_BAD: return "bad";
	case WITNESS_OLDER: return "older";
	case WITNESS_FORKED: return "forked";
	case WITNESS_DISTRUSTED: return "distrusted";
	}
	return "?";
}

static void bind_log(struct sql_query *q, const uint8_t *hub, uint32_t epoch)
{
	sql_bind_bytes(q, 1, hub, HUB_ID_LEN);
	sql_bind_int(q, 2, epoch);
}

/* --- key 0 --------------------------------------------------------------------------- */

int witness_key_put(struct store *s, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		    const uint8_t key0[static KEY_LEN])
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO audit_key (hub_id, epoch, key0) VALUES (?1, ?2, ?3)");
	bind_log(&q, hub, epoch);
	sql_bind_bytes(&q, 3, key0, KEY_LEN);
	return sql_finish(&q);
}

int witness_key_get(struct store *s, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		    uint8_t ret[static KEY_LEN])
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT key0 FROM audit_key WHERE hub_id = ?1 AND epoch = ?2");
	bind_log(&q, hub, epoch);
	if (sql_one(&q))
		sql_get_fixed(&q, 0, ret, KEY_LEN);
	return sql_end(&q);
}

/* --- checkpoints --------------------------------------------------------------------- */

static int open_stored(struct sql_query *q, int column, const struct hub *h,
		       struct audit_checkpoint *ret)
{
	size_t len;
	const uint8_t *bytes = sql_get_bytes(q, column, &len);

	if (q->err == 0 && audit_checkpoint_open(h->sign_public, bytes, len, ret))
		q->err = -EIO;
	return q->err;
}

/* The newest one. Returns 0, -ENOENT, or an error. */
static int read_newest(struct store *s, const struct hub *h, struct audit_checkpoint *ret)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT bytes FROM checkpoint WHERE hub_id = ?1 AND epoch = ?2"
		  " ORDER BY size DESC LIMIT 1");
	bind_log(&q, h->id, h->epoch);
	if (sql_one(&q))
		(void)open_stored(&q, 0, h, ret); /* sql_end says it */
	return sql_end(&q);
}

static int insert_checkpoint(struct store *s, const struct hub *h, uint64_t size,
			     const uint8_t *bytes, size_t len, int64_t now_ms)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO checkpoint (hub_id, epoch, size, bytes, received_ms)"
		  " VALUES (?1, ?2, ?3, ?4, ?5)");
	bind_log(&q, h->id, h->epoch);
	sql_bind_int(&q, 3, (int64_t)size);
	sql_bind_bytes(&q, 4, bytes, len);
	sql_bind_int(&q, 5, now_ms);
	return sql_finish(&q);
}

static int insert_incident(struct store *s, const struct hub *h, enum witness why,
			   uint64_t size, const uint8_t *bytes, size_t len,
			   int64_t now_ms)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO audit_incident (hub_id, epoch, reason, size, bytes,"
		  " received_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	bind_log(&q, h->id, h->epoch);
	sql_bind_int(&q, 3, why);
	sql_bind_int(&q, 4, (int64_t)size);
	sql_bind_bytes(&q, 5, bytes, len);
	sql_bind_int(&q, 6, now_ms);
	return sql_finish(&q);
}

int witness_state(struct store *s, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		  struct witness_state *ret)
{
	struct witness_state w = { 0 };
	struct sql_query q;
	int r;

	sql_start(s->db, &q,
		  "SELECT size, received_ms FROM checkpoint WHERE hub_id = ?1 AND epoch "
		  "= ?2 ORDER BY size DESC LIMIT 1");
	bind_log(&q, hub, epoch);
	if (sql_row(&q)) {
		w.size = (uint64_t)sql_get_int(&q, 0);
		w.received_ms = sql_get_int(&q, 1);
	}
	r = sql_end(&q);
	if (r < 0)
		return r;
	sql_start(s->db, &q,
		  "SELECT size, received_ms FROM audit_incident WHERE hub_id = ?1 AND "
		  "epoch = ?2 ORDER BY received_ms LIMIT 1");
	bind_log(&q, hub, epoch);
	if (sql_row(&q)) {
		w.distrusted = true;
		w.distrusted_size = (uint64_t)sql_get_int(&q, 0);
		w.distrusted_ms = sql_get_int(&q, 1);
	}
	r = sql_end(&q);
	if (r == 0)
		*ret = w;
	return r;
}

static bool same_log(const struct audit_checkpoint *a, const struct audit_checkpoint *b)
{
	return memcmp(a->root, b->root, sizeof(a->root)) == 0 &&
	       memcmp(a->head, b->head, sizeof(a->head)) == 0;
}

/* Can c come after 'newest'? */
static enum witness compare(const struct audit_checkpoint *newest,
			    const struct audit_checkpoint *c)
{
	if (c->size < newest->size || c->boot < newest->boot ||
	    c->highest_seq < newest->highest_seq)
		return WITNESS_OLDER;
	if (c->size == newest->size && !same_log(c, newest))
		return WITNESS_FORKED;
	return WITNESS_STORED;
}

/* A good checkpoint of this hub against those before it. */
static int take_good(struct store *s, const struct hub *h,
		     const struct audit_checkpoint *c, const uint8_t *bytes, size_t len,
		     int64_t now_ms, enum witness *ret)
{
	struct audit_checkpoint newest = { 0 };
	struct witness_state state = { 0 };
	int r = witness_state(s, h->id, h->epoch, &state);

	if (r < 0)
		return r;
	*ret = WITNESS_DISTRUSTED;
	if (state.distrusted)
		return 0;
	r = read_newest(s, h, &newest);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = r == 0 ? compare(&newest, c) : WITNESS_STORED;
	if (*ret != WITNESS_STORED)
		return insert_incident(s, h, *ret, c->size, bytes, len, now_ms);
	if (r == 0 && c->size == newest.size)
		return 0;
	return insert_checkpoint(s, h, c->size, bytes, len, now_ms);
}

int witness_take(struct store *s, const struct hub *h, const uint8_t *bytes, size_t len,
		 int64_t now_ms, enum witness *ret, struct witness_receipt *ret_receipt)
{
	struct audit_checkpoint c;
	int r;

	*ret = WITNESS_NONE;
	if (len == 0)
		return 0;
	*ret = WITNESS_BAD;
	if (audit_checkpoint_open(h->sign_public, bytes, len, &c) ||
	    memcmp(c.hub, h->id, HUB_ID_LEN) != 0 || c.enrolment != h->epoch ||
	    c.size > INT64_MAX)
		return 0;
	r = take_good(s, h, &c, bytes, len, now_ms, ret);
	if (r == 0 && *ret == WITNESS_STORED) {
		ret_receipt->size = c.size;
		crypto_sha256(bytes, len, ret_receipt->hash);
	}
	return r;
}

int witness_each(struct store *s, const struct hub *h, witness_fn *fn, void *arg)
{
	struct audit_checkpoint c;
	struct sql_query q;
	int r = 0, err;

	sql_start(s->db, &q,
		  "SELECT bytes FROM checkpoint WHERE hub_id = ?1 AND epoch = ?2"
		  " ORDER BY size");
	bind_log(&q, h->id, h->epoch);
	while (r == 0 && sql_row(&q))
		if (open_stored(&q, 0, h, &c) == 0)
			r = fn(arg, &c);
	err = sql_end(&q);
	return err < 0 ? err : r;
}
