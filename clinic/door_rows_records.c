/*
 * door_rows_records.c - the rows of door_rows.h that are about records: sealed, held, decided about.
 */
#include "clinic/door_rows.h"

#include <errno.h>
#include <string.h>

#include "clinic/door_row.h"

enum {
	SEALED_ITEMS = 9,
	SEALED_ITEMS_LEAST =
		8, /* a clinicd of an older version marks nothing: it holds */
	ASIDE_ITEMS = 2,
	NUMBERS_ITEMS = 2,
	HELD_ITEMS = 7,
	HELD_DONE_ITEMS = 2,
	JOURNAL_ITEMS = 7,
	REPLACED_ITEMS = 13,
	LIFE_ITEMS = 6,
};

/* A full page of the longest rows is an answer; 64 for heads and numbers. */
_Static_assert(DOOR_PAGE *(SEALED_BODY_MAX + HUB_ID_LEN + 64) < DOOR_BYTES_MAX,
	       "a page of records is one answer");
_Static_assert(DOOR_PAGE *(JOURNAL_WHO_MAX + JOURNAL_WHY_MAX + 64) < DOOR_BYTES_MAX,
	       "a page of the journal is one answer");

/* --- sealed ----------------------------------------------------------------------------- */

void door_put_sealed(struct writer *w, const struct sealed *s)
{
	cb_put_array(w, SEALED_ITEMS);
	cb_put_bytes(w, s->hub, sizeof(s->hub));
	cb_put_uint(w, s->epoch);
	cb_put_uint(w, s->record.seq);
	cb_put_uint(w, s->record.assignment);
	cb_put_uint(w, s->record.class);
	cb_put_uint(w, s->record.kind);
	cb_put_bytes(w, s->record.body, s->record.body_len);
	row_put_ms(w, s->received_ms);
	cb_put_bool(w, s->suspect);
}

void door_get_sealed(struct cb *c, struct sealed *ret)
{
	size_t more = row_begin(c, SEALED_ITEMS_LEAST);

	memset(ret, 0, sizeof(*ret));
	cb_get_fixed(c, ret->hub, sizeof(ret->hub));
	ret->epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->record.seq = cb_get_uint_max(c, INT64_MAX);
	ret->record.assignment = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->record.class = (enum record_class)cb_get_uint_max(c, ROW_STATE_MAX);
	ret->record.kind = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
	ret->record.body = cb_get_bytes(c, &ret->record.body_len);
	ret->received_ms = row_get_ms(c);
	if (more > 0) {
		ret->suspect = cb_get_bool(c);
		more--;
	}
	if (cb_error(c) == 0 &&
	    (ret->record.body_len == 0 || ret->record.body_len > SEALED_BODY_MAX))
		cb_fail(c, -EMSGSIZE);
	row_end(c, more);
}

void door_put_aside(struct writer *w, const struct sealed *s, enum quarantine_reason why)
{
	cb_put_array(w, ASIDE_ITEMS);
	door_put_sealed(w, s);
	cb_put_uint(w, why);
}

void door_get_aside(struct cb *c, struct sealed *ret, enum quarantine_reason *ret_why)
{
	size_t more = row_begin(c, ASIDE_ITEMS);

	door_get_sealed(c, ret);
	*ret_why = (enum quarantine_reason)cb_get_uint_max(c, QUARANTINE_REASONS - 1);
	row_end(c, more);
}

void door_put_numbers(struct writer *w, uint64_t first, uint64_t last)
{
	cb_put_array(w, NUMBERS_ITEMS);
	cb_put_uint(w, first);
	cb_put_uint(w, last);
}

void door_get_numbers(struct cb *c, uint64_t *ret_first, uint64_t *ret_last)
{
	size_t more = row_begin(c, NUMBERS_ITEMS);

	*ret_first = cb_get_uint_max(c, INT64_MAX);
	*ret_last = cb_get_uint_max(c, INT64_MAX);
	if (cb_error(c) == 0 && (*ret_first == 0 || *ret_last < *ret_first))
		cb_fail(c, -ERANGE);
	row_end(c, more);
}

/* --- held and decided --------------------------------------------------------------------- */

void door_put_held(struct writer *w, const struct held_group *g)
{
	cb_put_array(w, HELD_ITEMS);
	cb_put_uint(w, g->epoch);
	cb_put_uint(w, g->why);
	cb_put_uint(w, g->assignment);
	cb_put_uint(w, g->count);
	cb_put_uint(w, g->first);
	cb_put_uint(w, g->last);
	row_put_ms(w, g->since_ms);
}

void door_get_held(struct cb *c, struct held_group *ret)
{
	size_t more = row_begin(c, HELD_ITEMS);

	memset(ret, 0, sizeof(*ret));
	ret->epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->why = (enum quarantine_reason)cb_get_uint_max(c, QUARANTINE_REASONS - 1);
	ret->assignment = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->count = cb_get_uint(c);
	ret->first = cb_get_uint(c);
	ret->last = cb_get_uint(c);
	ret->since_ms = row_get_ms(c);
	row_end(c, more);
}

void door_put_held_done(struct writer *w, const struct held_done *d)
{
	cb_put_array(w, HELD_DONE_ITEMS);
	cb_put_uint(w, d->done);
	cb_put_array(w, QUARANTINE_REASONS);
	for (size_t i = 0; i < QUARANTINE_REASONS; i++)
		cb_put_uint(w, d->left[i]);
}

void door_get_held_done(struct cb *c, struct held_done *ret)
{
	size_t more = row_begin(c, HELD_DONE_ITEMS), n;

	memset(ret, 0, sizeof(*ret));
	ret->done = cb_get_uint(c);
	n = cb_get_array(c, QUARANTINE_REASONS);
	for (size_t i = 0; i < n; i++)
		ret->left[i] = cb_get_uint(c);
	row_end(c, more);
}

void door_put_journal(struct writer *w, const struct journal_entry *e)
{
	cb_put_array(w, JOURNAL_ITEMS);
	cb_put_uint(w, e->number);
	row_put_ms(w, e->at_ms);
	cb_put_uint(w, e->act);
	cb_put_uint(w, e->count);
	cb_put_uint(w, e->assignment);
	row_put_text(w, e->who);
	row_put_text(w, e->why);
}

void door_get_journal(struct cb *c, struct journal_entry *ret)
{
	size_t more = row_begin(c, JOURNAL_ITEMS);

	memset(ret, 0, sizeof(*ret));
	ret->number = cb_get_uint_max(c, INT64_MAX);
	ret->at_ms = row_get_ms(c);
	ret->act = (enum journal_act)cb_get_uint_max(c, ROW_STATE_MAX);
	ret->count = cb_get_uint(c);
	ret->assignment = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	row_get_text(c, ret->who, sizeof(ret->who));
	row_get_text(c, ret->why, sizeof(ret->why));
	row_end(c, more);
}

void door_put_life(struct writer *w, const struct door_life *l)
{
	cb_put_array(w, LIFE_ITEMS);
	cb_put_uint(w, l->result);
	door_put_hub(w, &l->was);
	door_put_hub(w, &l->is);
	cb_put_uint(w, l->told);
	cb_put_uint(w, l->missing);
	cb_put_uint(w, l->held);
}

void door_get_life(struct cb *c, struct door_life *ret)
{
	size_t more = row_begin(c, LIFE_ITEMS);

	memset(ret, 0, sizeof(*ret));
	ret->result = (enum life_result)cb_get_uint_max(c, LIFE_CHANGED);
	door_get_hub(c, &ret->was);
	door_get_hub(c, &ret->is);
	ret->told = cb_get_uint(c);
	ret->missing = cb_get_uint(c);
	ret->held = cb_get_uint(c);
	row_end(c, more);
}

void door_put_replaced(struct writer *w, const struct door_replaced *o)
{
	cb_put_array(w, REPLACED_ITEMS);
	cb_put_uint(w, o->result);
	door_put_hub(w, &o->old);
	cb_put_uint(w, o->drain);
	cb_put_bytes(w, o->id, sizeof(o->id));
	row_put_text(w, o->name);
	cb_put_bool(w, o->claimed_now);
	cb_put_bool(w, o->is_active);
	cb_put_bool(w, o->handed_over);
	cb_put_bool(w, o->was_over);
	cb_put_uint(w, o->assignment);
	cb_put_uint(w, o->version);
	row_put_text(w, o->other);
	cb_put_uint(w, o->device);
}

void door_get_replaced(struct cb *c, struct door_replaced *ret)
{
	size_t more = row_begin(c, REPLACED_ITEMS);

	memset(ret, 0, sizeof(*ret));
	ret->result = (enum door_replace)cb_get_uint_max(c, ROW_STATE_MAX);
	door_get_hub(c, &ret->old);
	ret->drain = (enum life_result)cb_get_uint_max(c, LIFE_CHANGED);
	cb_get_fixed(c, ret->id, sizeof(ret->id));
	row_get_text(c, ret->name, sizeof(ret->name));
	ret->claimed_now = cb_get_bool(c);
	ret->is_active = cb_get_bool(c);
	ret->handed_over = cb_get_bool(c);
	ret->was_over = cb_get_bool(c);
	ret->assignment = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->version = cb_get_uint(c);
	row_get_text(c, ret->other, sizeof(ret->other));
	ret->device = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
	row_end(c, more);
}
