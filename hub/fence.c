/*
 * fence.c - see fence.h.
 *
 * The file is an array [1, epoch, assignment in force, step].
 */
#include "hub/fence.h"

#include <errno.h>

#include "hub/core/cbor.h"

enum { FILE_VERSION = 1, FILE_ITEMS = 4 };

static bool is_in_force(const struct fence *f)
{
	return f->held.epoch == f->epoch && f->held.assignment == f->assignment;
}

static void remember(struct fence *f)
{
	f->unsaved = true;
	f->writing = false;
}

/* The one function that changes the step. */
static void enter(struct fence *f, enum fence_step step)
{
	f->step = step;
	f->asked = f->use = false;
	switch (step) {
	case FENCE_QUIET: f->close = true; break;
	case FENCE_FORGET:
	case FENCE_SEAL:
		f->held.step = step;
		remember(f);
		break;
	case FENCE_SETTLED: f->use = true; break;
	case FENCE_SAVED:
	case FENCE_CLEARED: break;
	}
}

static void settle(struct fence *f)
{
	f->held = (struct fence_held){ .known = true,
				       .epoch = f->epoch,
				       .assignment = f->assignment,
				       .step = FENCE_SETTLED };
	remember(f);
	enter(f, FENCE_SETTLED);
}

void fence_init(struct fence *f, const struct fence_held *held)
{
	*f = (struct fence){ .held = *held, .step = held->step };
	f->close = f->step != FENCE_SETTLED;
}

void fence_on_config(struct fence *f, uint32_t epoch, uint32_t assignment)
{
	bool same = f->has_config && f->epoch == epoch && f->assignment == assignment;

	f->has_config = true;
	f->epoch = epoch;
	f->assignment = assignment;
	if (!f->held.known) {
		settle(f);
		return;
	}
	switch (f->step) {
	case FENCE_SETTLED: enter(f, is_in_force(f) ? FENCE_SETTLED : FENCE_QUIET); break;
	case FENCE_QUIET:
	case FENCE_SAVED:
		if (is_in_force(f))
			enter(f, FENCE_SETTLED);
		break;
	case FENCE_FORGET:
	case FENCE_CLEARED: break; /* what is going goes, whoever comes */
	case FENCE_SEAL: f->asked &= same; break;
	}
}

/* Who does a step. */
static enum role role_of(enum fence_step step)
{
	switch (step) {
	case FENCE_QUIET:
	case FENCE_FORGET: return ROLE_BLE;
	case FENCE_SAVED:
	case FENCE_CLEARED:
	case FENCE_SEAL: return ROLE_STORE;
	case FENCE_SETTLED: break;
	}
	return ROLE_NONE;
}

void fence_on_link(struct fence *f, enum role role, bool up)
{
	if (role == ROLE_BLE)
		f->ble_up = up;
	else if (role == ROLE_STORE)
		f->store_up = up;
	if (role == role_of(f->step))
		f->asked = false;
}

static void advance(struct fence *f)
{
	switch (f->step) {
	case FENCE_SETTLED: break;
	case FENCE_QUIET: enter(f, FENCE_SAVED); break;
	case FENCE_SAVED: enter(f, FENCE_FORGET); break;
	case FENCE_FORGET: enter(f, FENCE_CLEARED); break;
	case FENCE_CLEARED: enter(f, FENCE_SEAL); break;
	case FENCE_SEAL: settle(f); break;
	}
}

void fence_on_done(struct fence *f, enum role from, const struct msg_fence *done)
{
	if (f->asked && from == role_of(f->step) && done->step == f->step &&
	    done->ask == f->last_ask && done->assignment == f->assignment)
		advance(f);
}

void fence_on_saved(struct fence *f)
{
	f->unsaved = f->writing = false;
}

void fence_again(struct fence *f)
{
	f->asked = f->writing = false;
}

static bool is_up(const struct fence *f, enum role role)
{
	return role == ROLE_BLE ? f->ble_up : role == ROLE_STORE && f->store_up;
}

static void ask(struct fence *f, struct fence_action *ret)
{
	f->asked = true;
	ret->kind = FENCE_ASK;
	ret->role = role_of(f->step);
	ret->ask = (struct msg_fence){ .ask = ++f->last_ask,
				       .step = f->step,
				       .assignment = f->assignment };
}

void fence_next(struct fence *f, struct fence_action *ret)
{
	*ret = (struct fence_action){ .kind = FENCE_NOTHING };
	if (f->unsaved && !f->writing) {
		f->writing = true;
		ret->kind = FENCE_REMEMBER;
		ret->held = f->held;
	} else if (f->close) {
		f->close = false;
		ret->kind = FENCE_CLOSE;
	} else if (f->unsaved || !f->has_config) {
		return;
	} else if (f->step == FENCE_SETTLED) {
		ret->kind = f->use ? FENCE_USE : FENCE_NOTHING;
		f->use = false;
	} else if (!f->asked && is_up(f, role_of(f->step))) {
		ask(f, ret);
	}
}

bool fence_for_ble(const struct fence *f)
{
	return f->has_config && f->step == FENCE_SETTLED && !f->unsaved;
}

bool fence_for_store(const struct fence *f, uint32_t *ret_assignment)
{
	bool is_new = f->step == FENCE_SEAL && !f->unsaved;

	if (!f->has_config || (!is_new && f->held.epoch != f->epoch))
		return false;
	*ret_assignment = is_new ? f->assignment : f->held.assignment;
	return true;
}

uint32_t fence_in_force(const struct fence *f)
{
	return f->held.assignment;
}

enum fence_step fence_at(const struct fence *f)
{
	return f->step;
}

int fence_encode(const struct fence_held *h, uint8_t buf[static FENCE_BYTES_MAX])
{
	struct writer w;

	writer_init(&w, buf, FENCE_BYTES_MAX);
	cb_put_array(&w, FILE_ITEMS);
	cb_put_uint(&w, FILE_VERSION);
	cb_put_uint(&w, h->epoch);
	cb_put_uint(&w, h->assignment);
	cb_put_uint(&w, (uint64_t)h->step);
	return writer_len(&w);
}

int fence_decode(const uint8_t *buf, size_t len, struct fence_held *ret)
{
	struct fence_held h = { .known = true };
	struct cb c;
	int r;

	cb_init(&c, buf, len);
	if (cb_get_array(&c, FILE_ITEMS) != FILE_ITEMS)
		cb_fail(&c, -EBADMSG);
	if (!cb_error(&c) && cb_get_uint(&c) != FILE_VERSION)
		cb_fail(&c, -ENOTSUP);
	h.epoch = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	h.assignment = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	h.step = (enum fence_step)cb_get_uint_max(&c, FENCE_STEP_LAST);
	if (!cb_error(&c) && h.step != FENCE_SETTLED && h.step != FENCE_FORGET &&
	    h.step != FENCE_SEAL)
		cb_fail(&c, -ERANGE);
	r = cb_finish(&c);
	if (!r)
		*ret = h;
	return r;
}
