/*
 * timefloor.c - see timefloor.h.
 *
 * Invariant: what timefloor_ms says never falls, and what is written is never below what was read.
 */
#include "hub/timefloor.h"

#include <errno.h>

#include "hub/core/cbor.h"
#include "hub/core/config.h"

enum { FILE_VERSION = 1, FILE_ITEMS = 2 };

void timefloor_open(struct timefloor *f, int64_t ms)
{
	*f = (struct timefloor){ .saved_ms = ms };
}

/* What was said, less what it may be off by, and what has passed since. */
static int64_t said_ms(const struct timefloor *f, struct mono now)
{
	return f->said.ms - f->said.uncertainty_ms + (int64_t)mono_since(now, f->at);
}

int64_t timefloor_ms(const struct timefloor *f, struct mono now)
{
	int64_t said = f->known ? said_ms(f, now) : 0;

	return said > f->saved_ms ? said : f->saved_ms;
}

void timefloor_on_time(struct timefloor *f, const struct wall *utc, struct mono at)
{
	if (utc->quality != CLOCK_QUALITY_CLINIC || utc->ms < 0 ||
	    utc->ms / 1000 > CONFIG_CHANGE_MAX_S)
		return;
	/* A time that falls behind: the floor stays where it is until that has caught up. */
	if (timefloor_ms(f, at) > f->saved_ms)
		f->saved_ms = timefloor_ms(f, at);
	f->known = true;
	f->said = *utc;
	f->at = at;
}

bool timefloor_due(struct timefloor *f, struct mono now, int64_t *ret_ms)
{
	if (!f->known || (f->tried && mono_since(now, f->tried_at) < TIMEFLOOR_SAVE_MS))
		return false;
	*ret_ms = timefloor_ms(f, now);
	f->tried = true;
	f->tried_at = now;
	return true;
}

void timefloor_on_saved(struct timefloor *f, int64_t ms)
{
	if (ms > f->saved_ms)
		f->saved_ms = ms;
}

size_t timefloor_encode(int64_t ms, uint8_t ret[static TIMEFLOOR_BYTES_MAX])
{
	struct writer w;

	writer_init(&w, ret, TIMEFLOOR_BYTES_MAX);
	cb_put_array(&w, FILE_ITEMS);
	cb_put_uint(&w, FILE_VERSION);
	cb_put_uint(&w, (uint64_t)(ms > 0 ? ms : 0));
	return (size_t)writer_len(&w);
}

int timefloor_decode(const uint8_t *buf, size_t len, int64_t *ret_ms)
{
	uint64_t version, ms;
	struct cb c;
	int r;

	cb_init(&c, buf, len);
	if (cb_get_array(&c, FILE_ITEMS) != FILE_ITEMS)
		cb_fail(&c, -EBADMSG);
	version = cb_get_uint(&c);
	ms = cb_get_uint_max(&c, CONFIG_CHANGE_MAX_S * 1000ull);
	r = cb_error(&c) ? cb_error(&c) : cb_finish(&c);
	if (r == 0 && version != FILE_VERSION)
		r = -ENOTSUP;
	if (r == 0)
		*ret_ms = (int64_t)ms;
	return r;
}
