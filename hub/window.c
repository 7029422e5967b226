/*
 * window.c - see window.h.
 */
#include "hub/window.h"

#include <errno.h>

#include "hub/core/cbor.h"

enum { FILE_VERSION = 1, FILE_ITEMS = 3 };

/* Of windows that are opened here: never the clinic's, which count from 1; and another one each time, for hub-ble knows the last. */
#define HERE_FIRST (UINT32_C(1) << 31)

static bool running(const struct window *w)
{
	return w->order.id && w->ends.ms != MONO_NEVER.ms;
}

static bool is_open(const struct window *w)
{
	return running(w) && w->level < WINDOW_LEVEL;
}

static void say(struct window *w, uint32_t id, enum window_state state)
{
	w->say = true;
	w->say_id = id;
	w->say_state = state;
}

static void start(struct window *w, struct mono now)
{
	if (!w->order.id || running(w) || !w->usable || w->level >= WINDOW_LEVEL)
		return;
	w->ends = mono_add(now, w->order.minutes * 60000ull);
	say(w, w->order.id, WINDOW_OPEN);
}

static void forget_order(struct window *w)
{
	w->order = (struct config_window){ .id = 0 };
	w->here = false;
	w->ends = MONO_NEVER;
}

static void serve(struct window *w, enum window_state how)
{
	if (!w->here) {
		w->served = (struct window_served){ w->epoch, w->order.id };
		w->changed = true;
	}
	say(w, w->order.id, how);
	forget_order(w);
}

void window_init(struct window *w, const struct window_served *served)
{
	*w = (struct window){ .ends = MONO_NEVER, .doubt = !served };
	if (served)
		w->served = *served;
}

void window_on_config(struct window *w, uint32_t epoch, const struct config_window *order,
		      struct mono now)
{
	bool served;

	if (w->doubt) {
		w->served = (struct window_served){ epoch, order->id };
		w->doubt = false;
		w->changed = true;
	}
	served = epoch == w->served.epoch && order->id <= w->served.id;
	if (!w->here && w->order.id && epoch == w->epoch && order->id == w->order.id)
		return; /* the one that we have: only a new id is a new order */
	if (is_open(w))
		say(w, w->order.id, 0);
	w->epoch = epoch;
	forget_order(w);
	if (!served)
		w->order = *order;
	start(w, now);
}

void window_on_level(struct window *w, uint8_t level, struct mono now)
{
	bool was_open = is_open(w);

	w->level = level;
	start(w, now);
	if (is_open(w) != was_open)
		say(w, w->order.id, is_open(w) ? WINDOW_OPEN : 0);
}

bool window_on_console(struct window *w, uint16_t device, uint16_t minutes,
		       struct mono now)
{
	if (w->order.id || !w->usable || w->level >= WINDOW_LEVEL)
		return false;
	w->here = true;
	w->order =
		(struct config_window){ .id = HERE_FIRST | (uint32_t)(now.ms & INT32_MAX),
					.device = device,
					.minutes = minutes };
	start(w, now);
	return true;
}

void window_on_adapter(struct window *w, bool usable, struct mono now)
{
	w->usable = usable;
	start(w, now);
}

void window_on_ble(struct window *w)
{
	w->usable = false;
	w->told = 0;
}

void window_on_status(struct window *w, uint64_t id, uint64_t state)
{
	if (!w->order.id || id != w->order.id)
		return;
	if (state == WINDOW_DONE || state == WINDOW_OVER ||
	    state == WINDOW_TWO_CANDIDATES)
		serve(w, (enum window_state)state);
}

void window_on_time(struct window *w, struct mono now)
{
	if (running(w) && mono_reached(now, w->ends))
		serve(w, WINDOW_OVER);
}

static void tell(struct window *w, uint32_t id, struct mono now, struct msg_window *ret)
{
	w->told = id;
	*ret = (struct msg_window){ .id = id };
	if (id == 0)
		return;
	ret->device = w->order.device;
	ret->repair = w->order.repair;
	ret->ms_left = (uint32_t)mono_since(w->ends, now);
}

void window_next(struct window *w, struct mono now, struct window_action *ret)
{
	uint32_t target;

	window_on_time(w, now);
	target = is_open(w) ? w->order.id : 0;
	*ret = (struct window_action){ .kind = WINDOW_NOTHING };
	if (w->changed) {
		w->changed = false;
		ret->kind = WINDOW_REMEMBER;
		ret->served = w->served;
	} else if (w->say) {
		w->say = false;
		ret->kind = WINDOW_SAY;
		ret->id = w->say_id;
		ret->state = w->say_state;
	} else if (w->told != target && (target == 0 || w->usable)) {
		ret->kind = WINDOW_TELL;
		tell(w, target, now, &ret->tell);
	}
}

struct mono window_deadline(const struct window *w)
{
	return running(w) ? w->ends : MONO_NEVER;
}

int window_encode(const struct window_served *s, uint8_t buf[static WINDOW_BYTES_MAX])
{
	struct writer w;

	writer_init(&w, buf, WINDOW_BYTES_MAX);
	cb_put_array(&w, FILE_ITEMS);
	cb_put_uint(&w, FILE_VERSION);
	cb_put_uint(&w, s->epoch);
	cb_put_uint(&w, s->id);
	return writer_len(&w);
}

int window_decode(const uint8_t *buf, size_t len, struct window_served *ret)
{
	struct window_served s;
	struct cb c;
	int r;

	cb_init(&c, buf, len);
	if (cb_get_array(&c, FILE_ITEMS) != FILE_ITEMS)
		cb_fail(&c, -EBADMSG);
	if (!cb_error(&c) && cb_get_uint(&c) != FILE_VERSION)
		cb_fail(&c, -ENOTSUP);
	s.epoch = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	s.id = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	r = cb_finish(&c);
	if (!r)
		*ret = s;
	return r;
}
