/*
 * store_visit.c - visits in SQL; see store_visit.h.
 */
#include "clinic/store_visit.h"

#include <errno.h>
#include <string.h>

#include "clinic/store_claim.h"
#include "clinic/store_command.h"
#include "clinic/store_config.h"
#include "clinic/store_inside.h"
#include "hub/crypto/crypto.h"

int store_visit_add(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		    struct visit_entry *e)
{
	struct sql_query q;
	int r;

	sql_start(s->db, &q,
		  "SELECT coalesce(max(number), 0) FROM visit WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	e->number = sql_row(&q) ? (uint64_t)sql_get_int(&q, 0) + 1 : 1;
	r = sql_end(&q);
	if (r < 0)
		return r;
	sql_start(s->db, &q,
		  "INSERT INTO visit (hub_id, number, at_ms, step, outcome, who, words)"
		  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, (int64_t)e->number);
	sql_bind_int(&q, 3, e->at_ms);
	sql_bind_int(&q, 4, e->step);
	sql_bind_int(&q, 5, e->outcome);
	sql_bind_text(&q, 6, e->who);
	sql_bind_text(&q, 7, e->words);
	return sql_finish(&q);
}

int store_visit_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     store_visit_fn *fn, void *arg)
{
	struct visit_entry e;
	struct sql_query q;
	int r = 0, err;

	sql_start(s->db, &q,
		  "SELECT number, at_ms, step, outcome, who, words FROM visit"
		  " WHERE hub_id = ?1 ORDER BY number");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	while (r == 0 && sql_row(&q)) {
		e.number = (uint64_t)sql_get_int(&q, 0);
		e.at_ms = sql_get_int(&q, 1);
		e.step = (enum visit_step)sql_get_int(&q, 2);
		e.outcome = (enum visit_outcome)sql_get_int(&q, 3);
		sql_get_text(&q, 4, e.who, sizeof(e.who));
		sql_get_text(&q, 5, e.words, sizeof(e.words));
		if (e.step >= VISIT_PLAN && e.step < VISIT_STEPS)
			r = fn(arg, &e);
	}
	err = sql_end(&q);
	return r ? r : err;
}

/* When a record of this kind came last, or a test: a hub that is set up has no patient yet. */
static int last_received(struct store *s, const struct hub *h, enum reading_kind kind,
			 int64_t *ret_ms)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT coalesce(max(at), 0) FROM (SELECT max(received_ms) AS at FROM"
		  " record WHERE hub_id = ?1 AND epoch = ?2 AND kind = ?3 UNION ALL"
		  " SELECT max(received_ms) AS at FROM quarantine WHERE hub_id = ?1"
		  " AND epoch = ?2 AND kind = ?3 AND reason = 8) AS came");
	sql_bind_bytes(&q, 1, h->id, HUB_ID_LEN);
	sql_bind_int(&q, 2, h->epoch);
	sql_bind_int(&q, 3, kind);
	*ret_ms = sql_row(&q) ? sql_get_int(&q, 0) : 0;
	return sql_end(&q);
}

static void take_told(struct visit_device *d, const struct status *st)
{
	for (size_t i = 0; i < st->device_count; i++) {
		const struct status_device *t = &st->devices[i];

		if (t->num != d->num)
			continue;
		d->told = true;
		d->bond = t->bond;
		d->battery = t->battery;
		d->has_clock_error = t->has_clock_error;
		d->clock_error_s = t->clock_error_s;
		d->signal_dbm = t->signal_dbm;
	}
}

static bool is_alone(const struct visit_facts *f, size_t of)
{
	for (size_t i = 0; i < f->device_count; i++)
		if (i != of && f->devices[i].kind == f->devices[of].kind)
			return false;
	return true;
}

static int load_devices(struct store *s, const struct hub *h, const struct hub_status *st,
			struct visit_facts *f)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->device_count; i++) {
		struct visit_device *d = &f->devices[i];
		struct device_sign sign;

		d->alone = is_alone(f, i);
		if (f->has_status)
			take_told(d, &st->status);
		r = store_device_sign(s, h->id, h->epoch, d->num, &sign);
		if (r == 0)
			d->reading_ms = sign.reading_ms;
		if (r == 0)
			r = last_received(s, h, d->kind, &d->received_ms);
	}
	return r;
}

static bool has_technician(const struct config *c)
{
	for (size_t i = 0; i < c->signer_count; i++)
		if (c->signers[i].role == SIGNER_TECHNICIAN)
			return true;
	return false;
}

static int on_order(void *arg, const struct order *o)
{
	struct visit_facts *f = arg;
	int64_t until_ms = o->result_ms + o->command.minutes * INT64_C(60000);

	if (o->command.verb == COMMAND_TEST && o->result == COMMAND_DONE &&
	    until_ms > f->test_until_ms)
		f->test_until_ms = until_ms;
	return 0;
}

static int load_hash(struct store *s, const struct hub *h, struct visit_facts *f)
{
	uint8_t cose[CONFIG_BYTES_MAX], hash[SHA256_LEN];
	uint64_t version;
	int n = store_config_signed(s, h->id, h->epoch, cose, &version);

	if (n < 0)
		return n == -ENOENT ? 0 : n;
	crypto_sha256(cose, (size_t)n, hash);
	crypto_wipe(cose, sizeof(cose)); /* passkeys */
	f->has_hash = version == f->config_wanted;
	memcpy(f->config_hash, hash, VISIT_HASH_LEN);
	return 0;
}

static int load_config(struct store *s, const uint8_t *id, struct visit_facts *f)
{
	struct config c;
	int r = store_config_get(s, id, &c);

	f->has_config = r == 0;
	if (r == 0) {
		f->config_wanted = c.version;
		f->device_count = c.device_count;
		f->may_test = has_technician(&c);
		for (size_t i = 0; i < c.device_count; i++)
			f->devices[i] =
				(struct visit_device){ .num = c.devices[i].num,
						       .kind = c.devices[i].kind,
						       .battery =
							       STATUS_BATTERY_UNKNOWN };
	}
	crypto_wipe(&c, sizeof(c)); /* passkeys */
	return r == -ENOENT ? 0 : r;
}

static int load_hub(struct store *s, const struct hub *h, struct visit_facts *f)
{
	struct hub_status st;
	int r = store_status_get(s, h->id, h->epoch, &st);

	f->is_there = true;
	f->state = h->state;
	f->seen_ms = h->seen_ms;
	f->has_status = r == 0;
	if (r == 0) {
		f->config_used = st.status.config_version;
		f->clock = st.status.clock;
		f->radio = st.status.radio;
		f->blocked = st.status.blocked;
		f->path = st.status.path;
		memcpy(f->software, st.status.software, sizeof(f->software));
	}
	label_code(h->id, f->code);
	if (r == 0 || r == -ENOENT) {
		int err = store_order_each(s, h, on_order, f);

		if (err == 0)
			err = load_hash(s, h, f);
		if (err < 0)
			return err;
	}
	return r == 0 || r == -ENOENT ? load_devices(s, h, &st, f) : r;
}

int store_visit_facts(struct store *s, const char *name, struct visit_facts *ret,
		      uint8_t ret_id[static HUB_ID_LEN], uint8_t ret_key[static PIN_LEN])
{
	struct visit_facts f = { .now_ms = ret->now_ms, .since_ms = ret->since_ms };
	struct claim claim;
	struct hub h;
	int there = store_hub_by_name(s, name, &h), claimed, key, r;

	if (there < 0 && there != -ENOENT)
		return there;
	claimed = there == 0 ? claim_by_hub(s, h.id, &claim)
			     : claim_by_name(s, name, &claim);
	if (claimed < 0 && (claimed != -ENOENT || there == -ENOENT))
		return claimed;
	f.claimed = claimed == 0;
	memcpy(ret_id, there == 0 ? h.id : claim.id, HUB_ID_LEN);
	key = claim_device_key(s, name, ret_key);
	if (key < 0 && key != -ENOENT)
		return key;
	f.has_key = key == 0;
	r = load_config(s, ret_id, &f);
	if (r == 0 && there == 0)
		r = load_hub(s, &h, &f);
	if (r == 0)
		*ret = f;
	return r;
}
