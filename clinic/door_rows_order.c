/*
 * door_rows_order.c - the rows of door_rows.h that are about orders to a hub: who signs, what was signed, what became of it.
 */
#include "clinic/door_rows.h"

#include <errno.h>
#include <string.h>

#include "clinic/door_row.h"
#include "hub/command.h"

enum {
	SIGNER_ITEMS = 6,
	SIGNATURE_ITEMS = 4,
	ORDER_ITEMS = 6,
	WAITING_ITEMS = 2,
	FACTS_ITEMS = 8,
	CHALLENGE_ITEMS = 2,
	TAKEN_ITEMS = 4,
	END_ITEMS = 5,
	ESCROW_ITEMS = 2,
};

_Static_assert(DOOR_PAGE_LONG *(ORDER_WHY_MAX + COMMAND_PAYLOAD_MAX + HUB_NAME_MAX +
				COMMAND_SIGNATURES_MAX *
					(SIGNER_NAME_MAX + COMMAND_SIGNED_MAX + 16) +
				64) < DOOR_BYTES_MAX,
	       "a page of orders is one answer");

void door_put_signer(struct writer *w, const struct signer_row *s)
{
	cb_put_array(w, SIGNER_ITEMS);
	cb_put_uint(w, s->signer.person);
	row_put_text(w, s->name);
	cb_put_uint(w, s->signer.role);
	cb_put_bytes(w, s->signer.public, sizeof(s->signer.public));
	row_put_ms(w, s->added_ms);
	cb_put_uint(w, s->signer.kind);
}

void door_get_signer(struct cb *c, struct signer_row *ret)
{
	size_t more = row_begin(c, SIGNER_ITEMS);

	memset(ret, 0, sizeof(*ret));
	ret->signer.person = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	row_get_text(c, ret->name, sizeof(ret->name));
	ret->signer.role = (enum signer_role)cb_get_uint_max(c, SIGNER_ROLES - 1);
	cb_get_fixed(c, ret->signer.public, sizeof(ret->signer.public));
	ret->added_ms = row_get_ms(c);
	ret->signer.kind = (enum signer_kind)cb_get_uint_max(c, SIGNER_KINDS - 1);
	row_end(c, more);
}

static void put_signature(struct writer *w, const struct order *o, size_t i)
{
	cb_put_array(w, SIGNATURE_ITEMS);
	cb_put_uint(w, o->persons[i]);
	row_put_text(w, o->names[i]);
	cb_put_uint(w, o->roles[i]);
	cb_put_bytes(w, o->signed_bytes[i], o->lens[i]);
}

static void get_signature(struct cb *c, struct order *ret, size_t i)
{
	size_t more = row_begin(c, SIGNATURE_ITEMS), n;
	const uint8_t *bytes;

	ret->persons[i] = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	row_get_text(c, ret->names[i], sizeof(ret->names[i]));
	ret->roles[i] = (enum signer_role)cb_get_uint_max(c, SIGNER_ROLES - 1);
	bytes = cb_get_bytes(c, &n);
	if (cb_error(c) == 0 && (n == 0 || n > COMMAND_SIGNED_MAX))
		cb_fail(c, -EMSGSIZE);
	if (cb_error(c) == 0) {
		memcpy(ret->signed_bytes[i], bytes, n);
		ret->lens[i] = n;
	}
	row_end(c, more);
}

void door_put_order(struct writer *w, const struct order *o)
{
	uint8_t payload[COMMAND_PAYLOAD_MAX];
	int n = command_encode(&o->command, payload, sizeof(payload));

	cb_put_array(w, ORDER_ITEMS);
	cb_put_bytes(w, payload, n > 0 ? (size_t)n : 0);
	w->failed |= n < 0;
	row_put_ms(w, o->ordered_ms);
	row_put_text(w, o->why);
	cb_put_array(w, o->count);
	for (size_t i = 0; i < o->count; i++)
		put_signature(w, o, i);
	cb_put_uint(w, o->result);
	row_put_ms(w, o->result_ms);
}

void door_get_order(struct cb *c, struct order *ret)
{
	size_t more = row_begin(c, ORDER_ITEMS), n;
	const uint8_t *payload;

	memset(ret, 0, sizeof(*ret));
	payload = cb_get_bytes(c, &n);
	if (cb_error(c) == 0 && command_decode(payload, n, &ret->command) < 0)
		cb_fail(c, -EBADMSG);
	ret->ordered_ms = row_get_ms(c);
	row_get_text(c, ret->why, sizeof(ret->why));
	n = cb_get_array(c, COMMAND_SIGNATURES_MAX);
	if (cb_error(c) == 0 && n == 0)
		cb_fail(c, -EMSGSIZE);
	for (size_t i = 0; i < n && cb_error(c) == 0; i++)
		get_signature(c, ret, ret->count++);
	ret->result = (enum command_result)cb_get_uint_max(c, COMMAND_RESULT_LAST);
	ret->result_ms = row_get_ms(c);
	row_end(c, more);
	ret->needs = command_needs(&ret->command);
}

void door_put_waiting(struct writer *w, const char *hub, const struct order *o)
{
	cb_put_array(w, WAITING_ITEMS);
	row_put_text(w, hub);
	door_put_order(w, o);
}

void door_get_waiting(struct cb *c, char ret_hub[static HUB_NAME_MAX + 1],
		      struct order *ret)
{
	size_t more = row_begin(c, WAITING_ITEMS);

	row_get_text(c, ret_hub, HUB_NAME_MAX + 1);
	door_get_order(c, ret);
	row_end(c, more);
}

void door_put_order_facts(struct writer *w, const struct order_facts *f)
{
	cb_put_array(w, FACTS_ITEMS);
	cb_put_bytes(w, f->hub, sizeof(f->hub));
	cb_put_uint(w, f->epoch);
	cb_put_uint(w, f->counter);
	row_put_ms(w, f->now_ms);
	cb_put_uint(w, f->level);
	if (f->challenged) {
		cb_put_array(w, CHALLENGE_ITEMS);
		cb_put_uint(w, f->lock_epoch);
		cb_put_bytes(w, f->nonce, sizeof(f->nonce));
	} else {
		cb_put_null(w);
	}
	if (f->has_signer)
		door_put_signer(w, &f->signer);
	else
		cb_put_null(w);
	if (f->has_order)
		door_put_order(w, &f->order);
	else
		cb_put_null(w);
}

void door_get_order_facts(struct cb *c, struct order_facts *ret)
{
	size_t more = row_begin(c, FACTS_ITEMS), within;

	memset(ret, 0, sizeof(*ret));
	cb_get_fixed(c, ret->hub, sizeof(ret->hub));
	ret->epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->counter = cb_get_uint_max(c, INT64_MAX);
	ret->now_ms = row_get_ms(c);
	ret->level = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
	ret->challenged = !cb_take_null(c);
	if (ret->challenged) {
		within = row_begin(c, CHALLENGE_ITEMS);
		ret->lock_epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		cb_get_fixed(c, ret->nonce, sizeof(ret->nonce));
		row_end(c, within);
	}
	ret->has_signer = !cb_take_null(c);
	if (ret->has_signer)
		door_get_signer(c, &ret->signer);
	ret->has_order = !cb_take_null(c);
	if (ret->has_order)
		door_get_order(c, &ret->order);
	row_end(c, more);
}

void door_put_taken(struct writer *w, const struct order_taken *t)
{
	cb_put_array(w, TAKEN_ITEMS);
	cb_put_uint(w, t->refusal);
	cb_put_uint(w, t->a);
	cb_put_uint(w, t->b);
	if (t->order.count > 0)
		door_put_order(w, &t->order);
	else
		cb_put_null(w);
}

void door_get_taken(struct cb *c, struct order_taken *ret)
{
	size_t more = row_begin(c, TAKEN_ITEMS);

	memset(ret, 0, sizeof(*ret));
	ret->refusal = (enum order_refusal)cb_get_uint_max(c, ROW_STATE_MAX);
	ret->a = cb_get_uint(c);
	ret->b = cb_get_uint(c);
	if (!cb_take_null(c))
		door_get_order(c, &ret->order);
	row_end(c, more);
}

void door_put_end(struct writer *w, const struct door_end *e)
{
	cb_put_array(w, END_ITEMS);
	door_put_hub(w, &e->was);
	cb_put_uint(w, e->told);
	cb_put_uint(w, e->missing);
	cb_put_bool(w, e->discard);
	cb_put_bool(w, e->ended);
}

void door_get_end(struct cb *c, struct door_end *ret)
{
	size_t more = row_begin(c, END_ITEMS);

	memset(ret, 0, sizeof(*ret));
	door_get_hub(c, &ret->was);
	ret->told = cb_get_uint(c);
	ret->missing = cb_get_uint(c);
	ret->discard = cb_get_bool(c);
	ret->ended = cb_get_bool(c);
	row_end(c, more);
}

void door_put_escrow(struct writer *w, const struct escrow_sealed *e)
{
	if (!e->there) {
		cb_put_null(w);
		return;
	}
	cb_put_array(w, ESCROW_ITEMS);
	cb_put_uint(w, e->lock_epoch);
	cb_put_bytes(w, e->bytes, sizeof(e->bytes));
}

void door_get_escrow(struct cb *c, struct escrow_sealed *ret)
{
	size_t more;

	memset(ret, 0, sizeof(*ret));
	ret->there = !cb_take_null(c);
	if (!ret->there)
		return;
	more = row_begin(c, ESCROW_ITEMS);
	ret->lock_epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	cb_get_fixed(c, ret->bytes, sizeof(ret->bytes));
	row_end(c, more);
}
