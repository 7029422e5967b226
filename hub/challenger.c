/*
 * challenger.c - see challenger.h.
 *
 *   nothing -> out    challenger_draw
 *   out     -> out    challenger_draw: the old one is void
 *   out     -> nothing  challenger_use; CHALLENGER_MS of being powered on; another lock epoch; the end of the process
 *
 * Invariants
 *   1. (INV-6) An answer counts once, for one hub, one lock epoch, one nonce, and not after CHALLENGER_MS of monotonic time.
 *   2. Wrong answers slow this channel and nothing else: 1 s after the first, doubling, never above CHALLENGER_DELAY_MAX_MS;
 *      whoever has the right one is heard at the latest then. Each is forgotten after CHALLENGER_FORGET_MS.
 */
#include "hub/challenger.h"

#include <stddef.h>

enum { SECOND_MS = 1000, DOUBLINGS_MAX = 10, COUNTED_MAX = 16 };

void challenger_draw(struct challenger *c, const struct challenge *said, struct mono now)
{
	c->out = true;
	c->said = *said;
	c->drawn = now;
}

const struct challenge *challenger_out(const struct challenger *c, uint32_t lock_epoch,
				       struct mono now)
{
	bool good = c->out && c->said.lock_epoch == lock_epoch &&
		    mono_since(now, c->drawn) < CHALLENGER_MS;

	return good ? &c->said : NULL;
}

void challenger_use(struct challenger *c)
{
	c->out = false;
	c->bad = 0;
}

/* Those that are not forgotten. */
static uint32_t counted(const struct challenger *c, struct mono now)
{
	uint64_t forgotten = mono_since(now, c->bad_at) / CHALLENGER_FORGET_MS;

	return forgotten < c->bad ? c->bad - (uint32_t)forgotten : 0;
}

void challenger_bad(struct challenger *c, struct mono now)
{
	uint32_t n = counted(c, now);

	c->bad = n < COUNTED_MAX ? n + 1 : n;
	c->bad_at = now;
}

uint64_t challenger_wait_ms(const struct challenger *c, struct mono now)
{
	uint32_t n = c->bad;
	uint64_t delay, passed = mono_since(now, c->bad_at);

	if (n == 0)
		return 0;
	delay = (uint64_t)SECOND_MS << (n - 1 < DOUBLINGS_MAX ? n - 1 : DOUBLINGS_MAX);
	if (delay > CHALLENGER_DELAY_MAX_MS)
		delay = CHALLENGER_DELAY_MAX_MS;
	return passed < delay ? delay - passed : 0;
}
