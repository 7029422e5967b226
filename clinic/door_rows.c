/*
 * door_rows.c - see door_rows.h. A row is an array; its items stand in the order of the functions below, new ones at the
 * end. What may be missing is null.
 */
#include "clinic/door_rows.h"

#include <errno.h>
#include <string.h>

#include "clinic/door_row.h"
#include "hub/crypto/crypto.h"

enum {
	HUB_ITEMS = 14,
	HUB_MORE = 5, /* not from an older clinicd; so below */
	CLAIM_ITEMS = 9,
	KNOWN_ITEMS = 4,
	KNOWN_MORE = 2,
	CALL_ITEMS = 3,
	TOMBSTONE_ITEMS = 4,
	ASSIGNED_ITEMS = 5,
	COUNTS_ITEMS = 10,
	WITNESS_ITEMS = 5,
	STATUS_ITEMS = 3,
	SIGN_ITEMS = 4,
	FACTS_ITEMS = 7,
};

/* --- hubs and claims -------------------------------------------------------------------- */

void door_put_hub(struct writer *w, const struct hub *h)
{
	cb_put_array(w, HUB_ITEMS + HUB_MORE);
	cb_put_bytes(w, h->id, sizeof(h->id));
	row_put_text(w, h->name);
	cb_put_uint(w, h->epoch);
	cb_put_uint(w, h->state);
	cb_put_bytes(w, h->spki, sizeof(h->spki));
	cb_put_bytes(w, h->sign_public, sizeof(h->sign_public));
	row_put_ms(w, h->added_ms);
	row_put_ms(w, h->seen_ms);
	cb_put_uint(w, h->queued);
	cb_put_uint(w, h->highest);
	cb_put_uint(w, h->acked);
	cb_put_bool(w, h->rolled_back);
	cb_put_uint(w, h->config_wanted);
	cb_put_uint(w, h->config_used);
	cb_put_uint(w, h->drain.kind);
	cb_put_uint(w, h->drain.upto);
	row_put_ms(w, h->drain.since_ms);
	row_put_ms(w, h->drain.end_ms);
	row_put_ms(w, h->again_ms);
}

void door_get_hub(struct cb *c, struct hub *ret)
{
	size_t more = row_begin(c, HUB_ITEMS);

	memset(ret, 0, sizeof(*ret));
	cb_get_fixed(c, ret->id, sizeof(ret->id));
	row_get_text(c, ret->name, sizeof(ret->name));
	ret->epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->state = (enum hub_state)cb_get_uint_max(c, ROW_STATE_MAX);
	cb_get_fixed(c, ret->spki, sizeof(ret->spki));
	cb_get_fixed(c, ret->sign_public, sizeof(ret->sign_public));
	ret->added_ms = row_get_ms(c);
	ret->seen_ms = row_get_ms(c);
	ret->queued = cb_get_uint(c);
	ret->highest = cb_get_uint(c);
	ret->acked = cb_get_uint(c);
	ret->rolled_back = cb_get_bool(c);
	ret->config_wanted = cb_get_uint(c);
	ret->config_used = cb_get_uint(c);
	if (more >= HUB_MORE) {
		ret->drain.kind = (enum life_drain_kind)cb_get_uint_max(c, ROW_STATE_MAX);
		ret->drain.upto = cb_get_uint(c);
		ret->drain.since_ms = row_get_ms(c);
		ret->drain.end_ms = row_get_ms(c);
		ret->again_ms = row_get_ms(c);
		more -= HUB_MORE;
	}
	row_end(c, more);
}

void door_put_claim(struct writer *w, const struct claim *k)
{
	cb_put_array(w, CLAIM_ITEMS);
	cb_put_bytes(w, k->spki, sizeof(k->spki));
	cb_put_bytes(w, k->id, sizeof(k->id));
	row_put_text(w, k->name);
	row_put_text(w, k->by);
	row_put_ms(w, k->at_ms);
	row_put_text(w, k->site);
	if (k->has_replaces)
		cb_put_bytes(w, k->replaces, sizeof(k->replaces));
	else
		cb_put_null(w);
	row_put_ms(w, k->contacted_ms);
	cb_put_uint(w, k->state);
}

void door_get_claim(struct cb *c, struct claim *ret)
{
	size_t more = row_begin(c, CLAIM_ITEMS);

	memset(ret, 0, sizeof(*ret));
	cb_get_fixed(c, ret->spki, sizeof(ret->spki));
	cb_get_fixed(c, ret->id, sizeof(ret->id));
	row_get_text(c, ret->name, sizeof(ret->name));
	row_get_text(c, ret->by, sizeof(ret->by));
	ret->at_ms = row_get_ms(c);
	row_get_text(c, ret->site, sizeof(ret->site));
	ret->has_replaces = !cb_take_null(c);
	if (ret->has_replaces)
		cb_get_fixed(c, ret->replaces, sizeof(ret->replaces));
	ret->contacted_ms = row_get_ms(c);
	ret->state = (enum hub_state)cb_get_uint_max(c, ROW_STATE_MAX);
	row_end(c, more);
}

static void put_call(struct writer *w, const struct refused_call *k)
{
	cb_put_array(w, CALL_ITEMS);
	row_put_ms(w, k->at_ms);
	row_put_text(w, k->address);
	cb_put_uint(w, k->calls);
}

static void get_call(struct cb *c, struct refused_call *ret)
{
	size_t more = row_begin(c, CALL_ITEMS);

	ret->at_ms = row_get_ms(c);
	row_get_text(c, ret->address, sizeof(ret->address));
	ret->calls = cb_get_uint(c);
	row_end(c, more);
}

void door_put_known(struct writer *w, const struct door_known *k)
{
	cb_put_array(w, KNOWN_ITEMS + KNOWN_MORE);
	if (k->has_hub)
		door_put_hub(w, &k->hub);
	else
		cb_put_null(w);
	if (k->has_claim)
		door_put_claim(w, &k->claim);
	else
		cb_put_null(w);
	if (k->has_key)
		cb_put_bytes(w, k->key, sizeof(k->key));
	else
		cb_put_null(w);
	if (k->has_old)
		door_put_hub(w, &k->old);
	else
		cb_put_null(w);
	row_put_text(w, k->successor);
	if (k->has_call)
		put_call(w, &k->call);
	else
		cb_put_null(w);
}

static void get_known_more(struct cb *c, struct door_known *ret)
{
	row_get_text(c, ret->successor, sizeof(ret->successor));
	ret->has_call = !cb_take_null(c);
	if (ret->has_call)
		get_call(c, &ret->call);
}

void door_get_known(struct cb *c, struct door_known *ret)
{
	size_t more = row_begin(c, KNOWN_ITEMS);

	memset(ret, 0, sizeof(*ret));
	ret->has_hub = !cb_take_null(c);
	if (ret->has_hub)
		door_get_hub(c, &ret->hub);
	ret->has_claim = !cb_take_null(c);
	if (ret->has_claim)
		door_get_claim(c, &ret->claim);
	ret->has_key = !cb_take_null(c);
	if (ret->has_key)
		cb_get_fixed(c, ret->key, sizeof(ret->key));
	ret->has_old = !cb_take_null(c);
	if (ret->has_old)
		door_get_hub(c, &ret->old);
	if (more >= KNOWN_MORE) {
		get_known_more(c, ret);
		more -= KNOWN_MORE;
	}
	row_end(c, more);
}

/* --- numbers and assignments ------------------------------------------------------------ */

void door_put_tombstone(struct writer *w, const struct tombstone *t)
{
	cb_put_array(w, TOMBSTONE_ITEMS);
	cb_put_uint(w, t->first);
	cb_put_uint(w, t->last);
	cb_put_uint(w, t->cause);
	cb_put_uint(w, t->class);
}

void door_get_tombstone(struct cb *c, struct tombstone *ret)
{
	size_t more = row_begin(c, TOMBSTONE_ITEMS);

	memset(ret, 0, sizeof(*ret));
	ret->first = cb_get_uint(c);
	ret->last = cb_get_uint(c);
	ret->cause = (enum tombstone_cause)cb_get_uint_max(c, TOMBSTONE_CAUSES - 1);
	ret->class = (enum record_class)cb_get_uint_max(c, ROW_STATE_MAX);
	row_end(c, more);
}

void door_put_assigned(struct writer *w, const struct assigned *a)
{
	cb_put_array(w, ASSIGNED_ITEMS);
	cb_put_uint(w, a->number);
	cb_put_uint(w, a->state);
	cb_put_uint(w, a->first_seq);
	row_put_ms(w, a->since_ms);
	row_put_text(w, a->patient);
}

void door_get_assigned(struct cb *c, struct assigned *ret)
{
	size_t more = row_begin(c, ASSIGNED_ITEMS);

	memset(ret, 0, sizeof(*ret));
	ret->number = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->state = (enum assignment_state)cb_get_uint_max(c, ROW_STATE_MAX);
	ret->first_seq = cb_get_uint(c);
	ret->since_ms = row_get_ms(c);
	row_get_text(c, ret->patient, sizeof(ret->patient));
	row_end(c, more);
}

/* --- facts ------------------------------------------------------------------------------ */

void door_put_config(struct writer *w, const struct config *c)
{
	uint8_t buf[CONFIG_BYTES_MAX];
	int n = config_encode(c, buf, sizeof(buf));

	if (n < 0)
		w->failed = true;
	else
		cb_put_bytes(w, buf, (size_t)n);
	crypto_wipe(buf, sizeof(buf));
}

void door_get_config(struct cb *c, struct config *ret)
{
	const char *field;
	size_t n;
	const uint8_t *p = cb_get_bytes(c, &n);

	if (cb_error(c) == 0 && config_decode(p, n, ret, &field))
		cb_fail(c, -EBADMSG);
}

static void put_counts(struct writer *w, const struct store_counts *c)
{
	cb_put_array(w, COUNTS_ITEMS);
	cb_put_uint(w, c->contig);
	cb_put_uint(w, c->highest);
	cb_put_uint(w, c->records);
	cb_put_uint(w, c->manifests);
	cb_put_array(w, TOMBSTONE_CAUSES);
	for (size_t i = 0; i < TOMBSTONE_CAUSES; i++)
		cb_put_uint(w, c->given_up[i]);
	cb_put_uint(w, c->quarantined);
	cb_put_uint(w, c->recovered);
	cb_put_uint(w, c->held);
	cb_put_uint(w, c->held_unassigned);
	cb_put_uint(w, c->discarded);
}

static void get_counts(struct cb *c, struct store_counts *ret)
{
	size_t more = row_begin(c, COUNTS_ITEMS), causes;

	ret->contig = cb_get_uint(c);
	ret->highest = cb_get_uint(c);
	ret->records = cb_get_uint(c);
	ret->manifests = cb_get_uint(c);
	causes = cb_get_array(c, TOMBSTONE_CAUSES);
	for (size_t i = 0; i < causes; i++)
		ret->given_up[i] = cb_get_uint(c);
	ret->quarantined = cb_get_uint(c);
	ret->recovered = cb_get_uint(c);
	ret->held = cb_get_uint(c);
	ret->held_unassigned = cb_get_uint(c);
	ret->discarded = cb_get_uint(c);
	row_end(c, more);
}

void door_put_witness(struct writer *w, const struct witness_state *s)
{
	cb_put_array(w, WITNESS_ITEMS);
	cb_put_uint(w, s->size);
	row_put_ms(w, s->received_ms);
	cb_put_bool(w, s->distrusted);
	cb_put_uint(w, s->distrusted_size);
	row_put_ms(w, s->distrusted_ms);
}

void door_get_witness(struct cb *c, struct witness_state *ret)
{
	size_t more = row_begin(c, WITNESS_ITEMS);

	ret->size = cb_get_uint(c);
	ret->received_ms = row_get_ms(c);
	ret->distrusted = cb_get_bool(c);
	ret->distrusted_size = cb_get_uint(c);
	ret->distrusted_ms = row_get_ms(c);
	row_end(c, more);
}

static void put_status(struct writer *w, const struct hub_status *s)
{
	uint8_t buf[BATCH_STATUS_MAX];
	int n = status_encode(&s->status, buf, sizeof(buf));

	cb_put_array(w, STATUS_ITEMS);
	row_put_ms(w, s->received_ms);
	row_put_ms(w, s->at_ms);
	cb_put_bytes(w, buf, n > 0 ? (size_t)n : 0);
	w->failed |= n < 0;
}

static void get_status(struct cb *c, struct hub_status *ret)
{
	size_t more = row_begin(c, STATUS_ITEMS), n;
	const uint8_t *p;

	ret->received_ms = row_get_ms(c);
	ret->at_ms = row_get_ms(c);
	p = cb_get_bytes(c, &n);
	if (cb_error(c) == 0 && status_decode(p, n, &ret->status))
		cb_fail(c, -EBADMSG);
	row_end(c, more);
}

static void put_signs(struct writer *w, const struct hub_facts *f)
{
	size_t n = f->has_config ? f->config.device_count : 0;

	cb_put_array(w, n);
	for (size_t i = 0; i < n; i++) {
		cb_put_array(w, SIGN_ITEMS);
		cb_put_uint(w, f->signs[i].num);
		row_put_ms(w, f->signs[i].first_ms);
		row_put_ms(w, f->signs[i].seen_ms);
		row_put_ms(w, f->signs[i].reading_ms);
	}
}

static void get_signs(struct cb *c, struct hub_facts *ret)
{
	size_t n = cb_get_array(c, CONFIG_DEVICES_MAX);

	if (cb_error(c) == 0 && n != (ret->has_config ? ret->config.device_count : 0))
		cb_fail(c, -EMSGSIZE);
	for (size_t i = 0; i < n && cb_error(c) == 0; i++) {
		size_t more = row_begin(c, SIGN_ITEMS);

		ret->signs[i].num = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
		ret->signs[i].first_ms = row_get_ms(c);
		ret->signs[i].seen_ms = row_get_ms(c);
		ret->signs[i].reading_ms = row_get_ms(c);
		row_end(c, more);
	}
}

void door_put_facts(struct writer *w, const struct hub_facts *f, bool patient)
{
	cb_put_array(w, FACTS_ITEMS);
	door_put_hub(w, &f->hub);
	put_counts(w, &f->counts);
	door_put_witness(w, &f->witness);
	if (f->has_config)
		door_put_config(w, &f->config);
	else
		cb_put_null(w);
	if (f->has_status)
		put_status(w, &f->status);
	else
		cb_put_null(w);
	if (f->has_assigned && patient)
		door_put_assigned(w, &f->assigned);
	else
		cb_put_null(w);
	put_signs(w, f);
}

void door_get_facts(struct cb *c, struct hub_facts *ret)
{
	size_t more = row_begin(c, FACTS_ITEMS);

	memset(ret, 0, sizeof(*ret));
	door_get_hub(c, &ret->hub);
	get_counts(c, &ret->counts);
	door_get_witness(c, &ret->witness);
	ret->has_config = !cb_take_null(c);
	if (ret->has_config)
		door_get_config(c, &ret->config);
	ret->has_status = !cb_take_null(c);
	if (ret->has_status)
		get_status(c, &ret->status);
	ret->has_assigned = !cb_take_null(c);
	if (ret->has_assigned)
		door_get_assigned(c, &ret->assigned);
	get_signs(c, ret);
	row_end(c, more);
}
