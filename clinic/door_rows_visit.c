/*
 * door_rows_visit.c - the rows of door_rows.h that are about bringing a hub in: its enrolment, visits; and about its audit log.
 */
#include "clinic/door_rows.h"

#include <errno.h>
#include <string.h>

#include "clinic/door_row.h"

enum {
	ENROL_ITEMS = 10,
	ENROL_KEY_ITEMS = 4,
	VISIT_ITEMS = 23,
	VISIT_DEVICE_ITEMS = 11,
	ENTRY_ITEMS = 6,
	AUDIT_ITEMS = 3,
	CHECKPOINT_ITEMS = 7,
	TICKET_ITEMS = 14,
};

_Static_assert(DOOR_PAGE_LONG *(VISIT_WORDS_MAX + JOURNAL_WHO_MAX + 64) < DOOR_BYTES_MAX,
	       "a page of visits is one answer");

/* --- enrolment -------------------------------------------------------------------------- */

static void put_key(struct writer *w, const struct enrolment_key *k)
{
	if (!k->there) {
		cb_put_null(w);
		return;
	}
	cb_put_array(w, ENROL_KEY_ITEMS);
	cb_put_uint(w, k->epoch);
	cb_put_bool(w, k->renewal);
	row_put_ms(w, k->issued_ms);
	row_put_ms(w, k->ends_ms);
}

static void get_key(struct cb *c, struct enrolment_key *ret)
{
	size_t more;

	ret->there = !cb_take_null(c);
	if (!ret->there)
		return;
	more = row_begin(c, ENROL_KEY_ITEMS);
	ret->epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->renewal = cb_get_bool(c);
	ret->issued_ms = row_get_ms(c);
	ret->ends_ms = row_get_ms(c);
	row_end(c, more);
}

void door_put_enrol(struct writer *w, const struct enrol_row *row)
{
	cb_put_array(w, ENROL_ITEMS);
	cb_put_bytes(w, row->hub, sizeof(row->hub));
	row_put_text(w, row->name);
	cb_put_bool(w, row->has_hub);
	cb_put_uint(w, row->e.state);
	cb_put_uint(w, row->e.epoch);
	put_key(w, &row->e.active);
	put_key(w, &row->e.issued);
	cb_put_uint(w, row->e.tries);
	cb_put_bool(w, row->e.asked);
	cb_put_bool(w, row->e.approved);
}

void door_get_enrol(struct cb *c, struct enrol_row *ret)
{
	size_t more = row_begin(c, ENROL_ITEMS);

	memset(ret, 0, sizeof(*ret));
	cb_get_fixed(c, ret->hub, sizeof(ret->hub));
	row_get_text(c, ret->name, sizeof(ret->name));
	ret->has_hub = cb_get_bool(c);
	ret->e.state = (enum hub_state)cb_get_uint_max(c, ROW_STATE_MAX);
	ret->e.epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	get_key(c, &ret->e.active);
	get_key(c, &ret->e.issued);
	ret->e.tries = (unsigned)cb_get_uint_max(c, UINT16_MAX);
	ret->e.asked = cb_get_bool(c);
	ret->e.approved = cb_get_bool(c);
	row_end(c, more);
}

/* --- tickets ---------------------------------------------------------------------------- */

void door_put_ticket(struct writer *w, const struct store_ticket *t)
{
	cb_put_array(w, TICKET_ITEMS);
	row_put_text(w, t->id);
	row_put_text(w, t->name);
	row_put_text(w, t->site);
	row_put_text(w, t->by);
	row_put_ms(w, t->at_ms);
	cb_put_uint(w, t->row.state);
	row_put_ms(w, t->row.expires_ms);
	cb_put_bytes(w, t->row.hub, sizeof(t->row.hub));
	row_put_ms(w, t->ended_ms);
	row_put_text(w, t->ended_by);
	row_put_text(w, t->why);
	cb_put_uint(w, t->alarms);
	row_put_ms(w, t->alarm_ms);
	cb_put_bytes(w, t->alarm_hub, sizeof(t->alarm_hub));
}

void door_get_ticket(struct cb *c, struct store_ticket *ret)
{
	size_t more = row_begin(c, TICKET_ITEMS);

	memset(ret, 0, sizeof(*ret));
	row_get_text(c, ret->id, sizeof(ret->id));
	row_get_text(c, ret->name, sizeof(ret->name));
	row_get_text(c, ret->site, sizeof(ret->site));
	row_get_text(c, ret->by, sizeof(ret->by));
	ret->at_ms = row_get_ms(c);
	ret->row.state = (enum ticket_state)cb_get_uint_max(c, TICKET_STATES - 1);
	ret->row.expires_ms = row_get_ms(c);
	cb_get_fixed(c, ret->row.hub, sizeof(ret->row.hub));
	ret->ended_ms = row_get_ms(c);
	row_get_text(c, ret->ended_by, sizeof(ret->ended_by));
	row_get_text(c, ret->why, sizeof(ret->why));
	ret->alarms = cb_get_uint(c);
	ret->alarm_ms = row_get_ms(c);
	cb_get_fixed(c, ret->alarm_hub, sizeof(ret->alarm_hub));
	row_end(c, more);
}

/* --- visits ----------------------------------------------------------------------------- */

static void put_device(struct writer *w, const struct visit_device *d)
{
	cb_put_array(w, VISIT_DEVICE_ITEMS);
	cb_put_uint(w, d->num);
	cb_put_uint(w, d->kind);
	cb_put_bool(w, d->alone);
	cb_put_bool(w, d->told);
	cb_put_uint(w, d->bond);
	cb_put_uint(w, d->battery);
	cb_put_bool(w, d->has_clock_error);
	cb_put_int(w, d->clock_error_s);
	cb_put_int(w, d->signal_dbm);
	row_put_ms(w, d->reading_ms);
	row_put_ms(w, d->received_ms);
}

static int64_t get_int(struct cb *c, int64_t min, int64_t max)
{
	int64_t v = cb_get_int(c);

	if (v < min || v > max)
		cb_fail(c, -ERANGE);
	return cb_error(c) ? 0 : v;
}

static void get_device(struct cb *c, struct visit_device *ret)
{
	size_t more = row_begin(c, VISIT_DEVICE_ITEMS);

	ret->num = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
	ret->kind = (enum reading_kind)cb_get_uint_max(c, ROW_STATE_MAX);
	ret->alone = cb_get_bool(c);
	ret->told = cb_get_bool(c);
	ret->bond = (enum bond_state)cb_get_uint_max(c, ROW_STATE_MAX);
	ret->battery = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
	ret->has_clock_error = cb_get_bool(c);
	ret->clock_error_s = (int32_t)get_int(c, INT32_MIN, INT32_MAX);
	ret->signal_dbm = (int8_t)get_int(c, INT8_MIN, INT8_MAX);
	ret->reading_ms = row_get_ms(c);
	ret->received_ms = row_get_ms(c);
	row_end(c, more);
}

void door_put_visit(struct writer *w, const struct door_visit *v)
{
	const struct visit_facts *f = &v->facts;

	cb_put_array(w, VISIT_ITEMS);
	cb_put_bytes(w, v->id, sizeof(v->id));
	if (f->has_key)
		cb_put_bytes(w, v->key, sizeof(v->key));
	else
		cb_put_null(w);
	cb_put_bool(w, f->claimed);
	cb_put_bool(w, f->is_there);
	cb_put_uint(w, f->state);
	row_put_ms(w, f->seen_ms);
	cb_put_bool(w, f->has_config);
	cb_put_uint(w, f->config_wanted);
	cb_put_uint(w, f->heartbeat_s);
	cb_put_bool(w, f->has_status);
	cb_put_uint(w, f->config_used);
	cb_put_uint(w, f->clock);
	cb_put_bool(w, f->radio);
	cb_put_uint(w, f->blocked);
	row_put_text(w, f->code);
	cb_put_bool(w, f->may_test);
	row_put_ms(w, f->test_until_ms);
	cb_put_uint(w, f->path.trip_ms);
	cb_put_uint(w, f->path.requests);
	cb_put_uint(w, f->path.again);
	row_put_text(w, f->software);
	if (f->has_hash)
		cb_put_bytes(w, f->config_hash, sizeof(f->config_hash));
	else
		cb_put_null(w);
	cb_put_array(w, f->device_count);
	for (size_t i = 0; i < f->device_count; i++)
		put_device(w, &f->devices[i]);
}

static void get_path(struct cb *c, struct path_quality *ret)
{
	ret->trip_ms = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
	ret->requests = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
	ret->again = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
}

static void get_hub_facts(struct cb *c, struct visit_facts *f)
{
	f->claimed = cb_get_bool(c);
	f->is_there = cb_get_bool(c);
	f->state = (enum hub_state)cb_get_uint_max(c, ROW_STATE_MAX);
	f->seen_ms = row_get_ms(c);
	f->has_config = cb_get_bool(c);
	f->config_wanted = cb_get_uint(c);
	f->heartbeat_s = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	f->has_status = cb_get_bool(c);
	f->config_used = cb_get_uint(c);
	f->clock = (enum clock_quality)cb_get_uint_max(c, ROW_STATE_MAX);
	f->radio = cb_get_bool(c);
	f->blocked = (enum store_blocked)cb_get_uint_max(c, ROW_STATE_MAX);
	row_get_text(c, f->code, sizeof(f->code));
	f->may_test = cb_get_bool(c);
	f->test_until_ms = row_get_ms(c);
	get_path(c, &f->path);
	row_get_text(c, f->software, sizeof(f->software));
}

void door_get_visit(struct cb *c, struct door_visit *ret)
{
	size_t more = row_begin(c, VISIT_ITEMS);
	struct visit_facts *f = &ret->facts;

	memset(ret, 0, sizeof(*ret));
	cb_get_fixed(c, ret->id, sizeof(ret->id));
	f->has_key = !cb_take_null(c);
	if (f->has_key)
		cb_get_fixed(c, ret->key, sizeof(ret->key));
	get_hub_facts(c, f);
	f->has_hash = !cb_take_null(c);
	if (f->has_hash)
		cb_get_fixed(c, f->config_hash, sizeof(f->config_hash));
	f->device_count = cb_get_array(c, CONFIG_DEVICES_MAX);
	for (size_t i = 0; i < f->device_count && cb_error(c) == 0; i++)
		get_device(c, &f->devices[i]);
	row_end(c, more);
}

void door_put_visit_entry(struct writer *w, const struct visit_entry *e)
{
	cb_put_array(w, ENTRY_ITEMS);
	cb_put_uint(w, e->number);
	row_put_ms(w, e->at_ms);
	cb_put_uint(w, e->step);
	cb_put_uint(w, e->outcome);
	row_put_text(w, e->who);
	row_put_text(w, e->words);
}

void door_get_visit_entry(struct cb *c, struct visit_entry *ret)
{
	size_t more = row_begin(c, ENTRY_ITEMS);

	memset(ret, 0, sizeof(*ret));
	ret->number = cb_get_uint_max(c, INT64_MAX);
	ret->at_ms = row_get_ms(c);
	ret->step = (enum visit_step)cb_get_uint_max(c, VISIT_STEPS - 1);
	ret->outcome = (enum visit_outcome)cb_get_uint_max(c, VISIT_FAILED);
	row_get_text(c, ret->who, sizeof(ret->who));
	row_get_text(c, ret->words, sizeof(ret->words));
	if (cb_error(c) == 0 && ret->step < VISIT_PLAN)
		cb_fail(c, -ERANGE);
	row_end(c, more);
}

/* --- the audit log ---------------------------------------------------------------------- */

void door_put_audit(struct writer *w, const struct door_audit *a)
{
	cb_put_array(w, AUDIT_ITEMS);
	door_put_hub(w, &a->hub);
	door_put_witness(w, &a->state);
	if (a->has_key)
		cb_put_bytes(w, a->key0, sizeof(a->key0));
	else
		cb_put_null(w);
}

void door_get_audit(struct cb *c, struct door_audit *ret)
{
	size_t more = row_begin(c, AUDIT_ITEMS);

	memset(ret, 0, sizeof(*ret));
	door_get_hub(c, &ret->hub);
	door_get_witness(c, &ret->state);
	ret->has_key = !cb_take_null(c);
	if (ret->has_key)
		cb_get_fixed(c, ret->key0, sizeof(ret->key0));
	row_end(c, more);
}

void door_put_checkpoint(struct writer *w, const struct audit_checkpoint *k)
{
	cb_put_array(w, CHECKPOINT_ITEMS);
	cb_put_bytes(w, k->hub, sizeof(k->hub));
	cb_put_uint(w, k->enrolment);
	cb_put_uint(w, k->size);
	cb_put_bytes(w, k->root, sizeof(k->root));
	cb_put_bytes(w, k->head, sizeof(k->head));
	cb_put_uint(w, k->boot);
	cb_put_uint(w, k->highest_seq);
}

void door_get_checkpoint(struct cb *c, struct audit_checkpoint *ret)
{
	size_t more = row_begin(c, CHECKPOINT_ITEMS);

	memset(ret, 0, sizeof(*ret));
	cb_get_fixed(c, ret->hub, sizeof(ret->hub));
	ret->enrolment = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->size = cb_get_uint_max(c, INT64_MAX);
	cb_get_fixed(c, ret->root, sizeof(ret->root));
	cb_get_fixed(c, ret->head, sizeof(ret->head));
	ret->boot = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->highest_seq = cb_get_uint(c);
	row_end(c, more);
}
