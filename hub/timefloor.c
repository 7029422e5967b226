/*
 * timefloor.c - see timefloor.h.
 *
 * Invariants
 *   1. What timefloor_ms says never falls, and what is written is never below what was read.
 *   2. It is never ahead of the world, whatever one of the clinic's signers and hub-coap says alone.
 */
#include "hub/timefloor.h"

#include <errno.h>

#include "hub/core/cbor.h"
#include "hub/core/config.h"

enum { FILE_VERSION = 2, FILE_ITEMS = 2 };

void timefloor_open(struct timefloor *f, int64_t ms, struct mono now)
{
	*f = (struct timefloor){ .ms = ms > TIMEFLOOR_OLDEST_MS ? ms
								: TIMEFLOOR_OLDEST_MS,
				 .at = now };
	f->saved_ms = f->ms;
}

int64_t timefloor_ms(const struct timefloor *f, struct mono now)
{
	uint64_t age = mono_since(now, f->at);

	return f->ms + (int64_t)(age - age / TIMEFLOOR_DRIFT_DIVISOR);
}

/* A time of the clinic that is one. */
static bool is_heard(const struct wall *said)
{
	return said->quality == CLOCK_QUALITY_CLINIC && said->ms >= 0 &&
	       said->ms / 1000 <= CONFIG_CHANGE_MAX_S;
}

void timefloor_on_signed(struct timefloor *f, int64_t signed_ms, const struct wall *said,
			 struct mono now)
{
	int64_t said_ms = is_heard(said) ? said->ms - (int64_t)said->uncertainty_ms : 0;
	int64_t ms = signed_ms < said_ms ? signed_ms : said_ms;

	if (ms <= timefloor_ms(f, now))
		return;
	f->ms = ms;
	f->at = now;
}

bool timefloor_refutes(const struct timefloor *f, const struct wall *said,
		       struct mono now)
{
	int64_t least = timefloor_ms(f, now) - TIMEFLOOR_SLACK_MS;

	return said->quality == CLOCK_QUALITY_CLINIC &&
	       said->ms < least - (int64_t)said->uncertainty_ms;
}

bool timefloor_due(struct timefloor *f, struct mono now, int64_t *ret_ms)
{
	int64_t ms = timefloor_ms(f, now);

	if (ms - f->saved_ms < TIMEFLOOR_SAVE_MS ||
	    (f->tried && mono_since(now, f->tried_at) < TIMEFLOOR_SAVE_MS))
		return false;
	*ret_ms = ms;
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
