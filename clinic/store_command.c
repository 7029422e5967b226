/*
 * store_command.c - signers and orders in SQL; see store_command.h.
 */
#include "clinic/store_command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/store_inside.h"
#include "clinic/store_status.h"
#include "hub/command.h"

/* --- signers ------------------------------------------------------------------------------------ */

#define SIGNER_COLUMNS "person, name, role, public_key, added_ms, kind"

static void get_row(struct sql_query *q, struct signer_row *ret)
{
	ret->signer.kind = SIGNER_PLAIN;
	ret->signer.person = (uint32_t)sql_get_int(q, 0);
	sql_get_text(q, 1, ret->name, sizeof(ret->name));
	ret->signer.role = (enum signer_role)sql_get_int(q, 2);
	sql_get_fixed(q, 3, ret->signer.public, SIGNER_PUBLIC_LEN);
	ret->added_ms = sql_get_int(q, 4);
	ret->signer.kind = (enum signer_kind)sql_get_int(q, 5);
}

static int count_and_last(struct store *s, int64_t *ret_count, int64_t *ret_last)
{
	struct sql_query q;

	*ret_count = *ret_last = 0;
	/* the number of one who was removed is not given again: old orders name him */
	sql_start(s->db, &q,
		  "SELECT (SELECT count(*) FROM signer WHERE removed_ms = 0),"
		  " (SELECT coalesce(max(person), 0) FROM signer)");
	if (sql_row(&q)) {
		*ret_count = sql_get_int(&q, 0);
		*ret_last = sql_get_int(&q, 1);
	}
	return sql_end(&q);
}

int store_signer_add(struct store *s, struct signer_row *row)
{
	int64_t count, last;
	struct sql_query q;
	int r = count_and_last(s, &count, &last);

	if (r < 0)
		return r;
	if (count >= SIGNERS_MAX)
		return -ENOSPC;
	row->signer.person = (uint32_t)last + 1;
	sql_start(s->db, &q,
		  "INSERT INTO signer (person, name, role, public_key, added_ms, "
		  "removed_ms, kind)"
		  " VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)");
	sql_bind_int(&q, 1, row->signer.person);
	sql_bind_text(&q, 2, row->name);
	sql_bind_int(&q, 3, row->signer.role);
	sql_bind_bytes(&q, 4, row->signer.public, SIGNER_PUBLIC_LEN);
	sql_bind_int(&q, 5, row->added_ms);
	sql_bind_int(&q, 6, row->signer.kind);
	return sql_finish(&q);
}

/* One that is on its way is not called back: what the hub says of it takes the place of this. */
static int withdraw_orders(struct store *s, uint32_t person, int64_t now_ms,
			   unsigned *ret)
{
	struct sql_query q;
	unsigned n = 0;
	int r;

	sql_start(s->db, &q,
		  "UPDATE hub_order SET result = ?2, result_ms = ?3"
		  " WHERE (person = ?1 OR person_2 = ?1) AND result = 0"
		  " AND not_after_s >= ?4 RETURNING counter");
	sql_bind_int(&q, 1, person);
	sql_bind_int(&q, 2, COMMAND_WITHDRAWN);
	sql_bind_int(&q, 3, now_ms);
	sql_bind_int(&q, 4, now_ms / 1000);
	while (sql_row(&q))
		n++;
	r = sql_end(&q);
	if (r == 0)
		*ret = n;
	return r;
}

/* His name stays with his orders; another may have it afterwards. */
int store_signer_remove(struct store *s, const char *name, int64_t now_ms,
			unsigned *ret_withdrawn)
{
	struct signer_row row = { 0 };
	char kept[SIGNER_NAME_MAX + 32];
	struct sql_query q;
	int r = store_signer_by_name(s, name, &row);

	if (r == 0)
		r = withdraw_orders(s, row.signer.person, now_ms, ret_withdrawn);
	if (r < 0)
		return r;
	snprintf(kept, sizeof(kept), "%s (removed, %u)", row.name, row.signer.person);
	sql_start(s->db, &q,
		  "UPDATE signer SET removed_ms = ?3, name = ?2 WHERE person = ?1");
	sql_bind_int(&q, 1, row.signer.person);
	sql_bind_text(&q, 2, kept);
	sql_bind_int(&q, 3, now_ms);
	return sql_finish(&q);
}

static int one_row(struct sql_query *q, struct signer_row *ret)
{
	if (sql_one(q))
		get_row(q, ret);
	return sql_end(q);
}

int store_signer_by_name(struct store *s, const char *name, struct signer_row *ret)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT " SIGNER_COLUMNS
		  " FROM signer WHERE name = ?1 AND removed_ms = 0");
	sql_bind_text(&q, 1, name);
	return one_row(&q, ret);
}

int store_signer_by_person(struct store *s, uint32_t person, struct signer_row *ret)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT " SIGNER_COLUMNS
		  " FROM signer WHERE person = ?1 AND removed_ms = 0");
	sql_bind_int(&q, 1, person);
	return one_row(&q, ret);
}

int store_signers(struct store *s, struct signer_row ret[static SIGNERS_MAX],
		  size_t *ret_count)
{
	struct sql_query q;
	size_t n = 0;

	sql_start(s->db, &q,
		  "SELECT " SIGNER_COLUMNS
		  " FROM signer WHERE removed_ms = 0 ORDER BY person LIMIT 16");
	while (n < SIGNERS_MAX && sql_row(&q)) {
		ret[n] = (struct signer_row){ 0 };
		get_row(&q, &ret[n++]);
	}
	*ret_count = n;
	return sql_end(&q);
}

int store_signers_config(struct store *s, struct config *c)
{
	struct signer_row rows[SIGNERS_MAX];
	size_t n;
	int r = store_signers(s, rows, &n);

	if (r < 0)
		return r;
	memset(c->signers, 0, sizeof(c->signers));
	c->signer_count = n;
	for (size_t i = 0; i < n; i++)
		c->signers[i] = rows[i].signer;
	return 0;
}

/* --- orders ------------------------------------------------------------------------------------- */

#define ORDER_COLUMNS                                                                    \
	"hub_id, epoch, counter, payload, ordered_ms, why, person, name, role, cose,"    \
	" person_2, name_2, role_2, cose_2, result, result_ms"

enum order_state order_state(const struct order *o, int64_t now_ms)
{
	if (o->result == COMMAND_DONE)
		return ORDER_DONE;
	if (o->result == COMMAND_PENDING)
		return ORDER_PENDING;
	if (o->result != COMMAND_NOTHING)
		return ORDER_REFUSED;
	if (now_ms / 1000 > o->command.not_after_s)
		return ORDER_EXPIRED;
	return o->count < o->needs ? ORDER_WAITS_FOR_SIGNATURE : ORDER_WAITS_FOR_HUB;
}

const char *order_state_text(enum order_state s)
{
	switch (s) {
	case ORDER_WAITS_FOR_SIGNATURE: return "waits-for-signature";
	case ORDER_WAITS_FOR_HUB: return "waits-for-hub";
	case ORDER_EXPIRED: return "expired";
	case ORDER_DONE: return "done";
	case ORDER_PENDING: return "pending";
	case ORDER_REFUSED: return "refused";
	}
	return "?";
}

static void get_signature(struct sql_query *q, int column, size_t i, struct order *ret)
{
	const uint8_t *bytes;
	size_t len;

	ret->persons[i] = (uint32_t)sql_get_int(q, column);
	sql_get_text(q, column + 1, ret->names[i], sizeof(ret->names[i]));
	ret->roles[i] = (enum signer_role)sql_get_int(q, column + 2);
	bytes = sql_get_bytes(q, column + 3, &len);
	if (!bytes || len == 0 || len > COMMAND_SIGNED_MAX) {
		if (q->err == 0)
			q->err = -EIO;
		return;
	}
	memcpy(ret->signed_bytes[i], bytes, len);
	ret->lens[i] = len;
}

static void get_order(struct sql_query *q, struct order *ret)
{
	const uint8_t *payload;
	size_t len;

	*ret = (struct order){ .count = 1 };
	payload = sql_get_bytes(q, 3, &len);
	if (q->err == 0 && (!payload || command_decode(payload, len, &ret->command)))
		q->err = -EIO;
	ret->ordered_ms = sql_get_int(q, 4);
	sql_get_text(q, 5, ret->why, sizeof(ret->why));
	get_signature(q, 6, 0, ret);
	if (sql_get_int(q, 10) != 0) {
		ret->count = 2;
		get_signature(q, 10, 1, ret);
	}
	ret->result = (enum command_result)sql_get_int(q, 14);
	ret->result_ms = sql_get_int(q, 15);
	ret->needs = command_needs(&ret->command);
}

/* A clinic that was restored from a backup goes above what the hub has taken. */
int store_order_counter(struct store *s, const struct hub *h, uint64_t *ret)
{
	struct hub_status st;
	struct sql_query q;
	int r;

	*ret = 0;
	sql_start(s->db, &q,
		  "SELECT coalesce(max(counter), 0) FROM hub_order"
		  " WHERE hub_id = ?1 AND epoch = ?2");
	sql_bind_bytes(&q, 1, h->id, HUB_ID_LEN);
	sql_bind_int(&q, 2, h->epoch);
	if (sql_row(&q))
		*ret = (uint64_t)sql_get_int(&q, 0);
	r = sql_end(&q);
	if (r < 0)
		return r;
	r = store_status_get(s, h->id, h->epoch, &st);
	if (r == 0 && st.status.command.counter > *ret)
		*ret = st.status.command.counter;
	++*ret;
	return r == -ENOENT ? 0 : r;
}

/* There is, or may be, something for this hub. */
static int mark(struct store *s, const uint8_t hub[static HUB_ID_LEN], bool waiting)
{
	struct sql_query q;

	sql_start(s->db, &q, "UPDATE hub SET orders = ?2 WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, waiting);
	return sql_finish(&q);
}

int store_order_add(struct store *s, const struct order *o)
{
	uint8_t payload[COMMAND_PAYLOAD_MAX];
	struct sql_query q;
	int n = command_encode(&o->command, payload, sizeof(payload)), r;

	if (n < 0)
		return n;
	sql_start(s->db, &q,
		  "INSERT INTO hub_order (hub_id, epoch, counter, verb, payload, needs,"
		  " not_after_s, ordered_ms, why, person, name, role, cose, person_2,"
		  " name_2, role_2, cose_2, result, result_ms)"
		  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0,"
		  " '', 0, ?14, 0, 0)");
	sql_bind_bytes(&q, 1, o->command.hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, o->command.epoch);
	sql_bind_int(&q, 3, (int64_t)o->command.counter);
	sql_bind_int(&q, 4, o->command.verb);
	sql_bind_bytes(&q, 5, payload, (size_t)n);
	sql_bind_int(&q, 6, (int64_t)command_needs(&o->command));
	sql_bind_int(&q, 7, o->command.not_after_s);
	sql_bind_int(&q, 8, o->ordered_ms);
	sql_bind_text(&q, 9, o->why);
	sql_bind_int(&q, 10, o->persons[0]);
	sql_bind_text(&q, 11, o->names[0]);
	sql_bind_int(&q, 12, o->roles[0]);
	sql_bind_bytes(&q, 13, o->signed_bytes[0], o->lens[0]);
	sql_bind_bytes(&q, 14, (const uint8_t *)"", 0);
	r = sql_finish(&q);
	return r < 0 ? r : mark(s, o->command.hub, true);
}

int store_order_sign(struct store *s, const struct order *o)
{
	struct sql_query q;
	bool found;
	int r;

	sql_start(s->db, &q,
		  "UPDATE hub_order SET person_2 = ?4, name_2 = ?5, role_2 = ?6,"
		  " cose_2 = ?7 WHERE hub_id = ?1 AND epoch = ?2 AND counter = ?3"
		  " AND person_2 = 0 RETURNING counter");
	sql_bind_bytes(&q, 1, o->command.hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, o->command.epoch);
	sql_bind_int(&q, 3, (int64_t)o->command.counter);
	sql_bind_int(&q, 4, o->persons[1]);
	sql_bind_text(&q, 5, o->names[1]);
	sql_bind_int(&q, 6, o->roles[1]);
	sql_bind_bytes(&q, 7, o->signed_bytes[1], o->lens[1]);
	found = sql_row(&q);
	r = sql_end(&q);
	if (r < 0)
		return r;
	return found ? mark(s, o->command.hub, true) : -EEXIST;
}

static int one_order(struct sql_query *q, struct order *ret)
{
	if (sql_one(q))
		get_order(q, ret);
	return sql_end(q);
}

int store_order_get(struct store *s, const struct hub *h, uint64_t counter,
		    struct order *ret)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT " ORDER_COLUMNS " FROM hub_order"
		  " WHERE hub_id = ?1 AND epoch = ?2 AND counter = ?3");
	sql_bind_bytes(&q, 1, h->id, HUB_ID_LEN);
	sql_bind_int(&q, 2, h->epoch);
	sql_bind_int(&q, 3, (int64_t)counter);
	return one_order(&q, ret);
}

int store_order_each(struct store *s, const struct hub *h, store_order_fn *fn, void *arg)
{
	struct sql_query q;
	struct order o;
	int r = 0, err;

	sql_start(s->db, &q,
		  "SELECT " ORDER_COLUMNS " FROM hub_order"
		  " WHERE hub_id = ?1 AND epoch = ?2 ORDER BY counter");
	sql_bind_bytes(&q, 1, h->id, HUB_ID_LEN);
	sql_bind_int(&q, 2, h->epoch);
	while (r == 0 && sql_row(&q)) {
		get_order(&q, &o);
		if (q.err == 0)
			r = fn(arg, &o);
	}
	err = sql_end(&q);
	return r ? r : err;
}

int store_orders_waiting(struct store *s, int64_t now_ms, store_waiting_fn *fn, void *arg)
{
	char name[HUB_NAME_MAX + 1];
	struct sql_query q;
	struct order o;
	int r = 0, err;

	sql_start(s->db, &q,
		  "SELECT o.hub_id, o.epoch, o.counter, o.payload, o.ordered_ms, o.why,"
		  " o.person, o.name, o.role, o.cose, o.person_2, o.name_2, o.role_2,"
		  " o.cose_2, o.result, o.result_ms, h.name FROM hub_order o"
		  " JOIN hub h ON h.hub_id = o.hub_id AND h.epoch = o.epoch"
		  " WHERE o.result = 0 AND o.needs > 1 AND o.person_2 = 0"
		  " AND o.not_after_s >= ?1 ORDER BY h.name, o.counter");
	sql_bind_int(&q, 1, now_ms / 1000);
	while (r == 0 && sql_row(&q)) {
		get_order(&q, &o);
		sql_get_text(&q, 16, name, sizeof(name));
		if (q.err == 0)
			r = fn(arg, name, &o);
	}
	err = sql_end(&q);
	return r ? r : err;
}

static int pack(const struct order *o, uint8_t buf[static COMMAND_BYTES_MAX])
{
	struct command_order out = { .count = o->count };

	for (size_t i = 0; i < o->count; i++)
		out.parts[i] = (struct command_part){ .person = o->persons[i],
						      .cose = o->signed_bytes[i],
						      .len = o->lens[i] };
	return command_order_encode(&out, buf, COMMAND_BYTES_MAX);
}

int store_order_next(struct store *s, const struct hub *h, int64_t now_ms,
		     uint8_t buf[static COMMAND_BYTES_MAX], uint64_t *ret_counter)
{
	struct sql_query q;
	struct order o = { 0 };
	int r;

	if (!h->orders)
		return 0;
	sql_start(s->db, &q,
		  "SELECT " ORDER_COLUMNS " FROM hub_order"
		  " WHERE hub_id = ?1 AND epoch = ?2 AND result = 0 AND not_after_s >= ?3"
		  " AND (needs = 1 OR person_2 <> 0)"
		  " AND (?5 = ?6 OR verb = ?4 OR verb = ?7 OR verb = ?8)"
		  " ORDER BY CASE WHEN verb = ?4 THEN 0 WHEN verb = ?8 THEN 1 ELSE 2 END,"
		  " counter LIMIT 1");
	sql_bind_bytes(&q, 1, h->id, HUB_ID_LEN);
	sql_bind_int(&q, 2, h->epoch);
	sql_bind_int(&q, 3, now_ms / 1000);
	sql_bind_int(&q, 4, COMMAND_LOCK);
	sql_bind_int(&q, 5, h->state);
	sql_bind_int(&q, 6, HUB_ACTIVE);
	sql_bind_int(&q, 7, COMMAND_RETIRE);
	sql_bind_int(&q, 8, COMMAND_CANCEL);
	r = one_order(&q, &o);
	if (r == -ENOENT) /* what waits for a signature marks it again */
		return h->state == HUB_ACTIVE ? mark(s, h->id, false) : 0;
	if (r < 0)
		return r;
	*ret_counter = o.command.counter;
	r = pack(&o, buf);
	return r < 0 ? -EIO : r;
}

int store_order_note(struct store *s, const struct hub *h, const uint8_t *status,
		     size_t len, int64_t now_ms)
{
	struct status st;
	struct sql_query q;

	if (status_decode(status, len, &st))
		return -EIO; /* it was good when it was put */
	if (st.command.counter == 0)
		return 0;
	sql_start(s->db, &q,
		  "UPDATE hub_order SET result = ?4, result_ms = ?5 WHERE hub_id = ?1"
		  " AND epoch = ?2 AND counter = ?3 AND result <> ?4");
	sql_bind_bytes(&q, 1, h->id, HUB_ID_LEN);
	sql_bind_int(&q, 2, h->epoch);
	sql_bind_int(&q, 3, (int64_t)st.command.counter);
	sql_bind_int(&q, 4, st.command.result);
	sql_bind_int(&q, 5, now_ms);
	return sql_finish(&q);
}

int store_locks_since(struct store *s, const struct hub *h, int64_t since_ms,
		      uint64_t *ret_locked, uint64_t *ret_hubs)
{
	struct sql_query q;

	*ret_locked = *ret_hubs = 0;
	sql_start(s->db, &q,
		  "SELECT (SELECT count(DISTINCT hub_id) FROM hub_order WHERE verb = ?1"
		  " AND ordered_ms > ?2 AND hub_id <> ?5),"
		  " (SELECT count(*) FROM hub WHERE state = ?3"
		  " OR state = ?4)");
	sql_bind_int(&q, 1, COMMAND_LOCK);
	sql_bind_int(&q, 2, since_ms);
	sql_bind_int(&q, 3, HUB_ACTIVE);
	sql_bind_int(&q, 4, HUB_SUSPENDED);
	sql_bind_bytes(&q, 5, h->id, HUB_ID_LEN);
	if (sql_row(&q)) {
		*ret_locked = (uint64_t)sql_get_int(&q, 0);
		*ret_hubs = (uint64_t)sql_get_int(&q, 1);
	}
	return sql_end(&q);
}
