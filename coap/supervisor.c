/*
 * supervisor.c - the life of the one connection to the clinic.
 *
 *   IDLE      -> HANDSHAKE on work due and an endpoint known, in supervisor_next
 *   HANDSHAKE -> UP        on supervisor_on_connected
 *   HANDSHAKE -> CLOSE     on failure, or after 60 s
 *   UP        -> CLOSE     on failure, or 30 s without a message while an answer is owed
 *   CLOSE     -> BACKOFF   once released
 *   CLOSE     -> IDLE      once released, after an orderly end or a new list of endpoints
 *   BACKOFF   -> IDLE      when the wait is over, or cut short by an alarm
 *
 * Must never: let an unauthenticated event (an ICMP error) count as anything but silence;
 * reconnect without a wait after a failure.
 *
 * Invariants
 *   1. At most one connection: CONNECT is given in IDLE only, RELEASE lies between any two of them.
 *   2. Every wait after a failure is between half of 1 s and SUPERVISOR_BACKOFF_MAX_MS, or
 *      SUPERVISOR_REFUSED_MAX_MS if the clinic refuses us, or SUPERVISOR_SPREAD_MS once in a long
 *      silence.
 *   3. A failure moves to the next endpoint.
 *
 * The wait doubles up to two thirds of its bound and is then drawn from +/- 50 %:
 * clamping the drawn value instead would gather half of a fleet at exactly the bound.
 */
#include "coap/supervisor.h"

const char *supervisor_state_text(enum supervisor_state s)
{
	switch (s) {
	case SUPERVISOR_NONE: break;
	case SUPERVISOR_IDLE: return "idle";
	case SUPERVISOR_HANDSHAKE: return "handshake";
	case SUPERVISOR_UP: return "up";
	case SUPERVISOR_CLOSE: return "close";
	case SUPERVISOR_BACKOFF: return "back-off";
	}
	return "none";
}

static void enter(struct supervisor *s, enum supervisor_state state)
{
	s->state = state;
	s->deadline = MONO_NEVER;
	s->owed = false;
}

/* dice scaled to 0..range-1. */
static uint64_t draw(uint32_t dice, uint64_t range)
{
	return (uint64_t)dice * range >> 32;
}

static uint64_t backoff_ms(const struct supervisor *s, uint32_t dice)
{
	uint64_t bound =
		s->forbidden ? SUPERVISOR_REFUSED_MAX_MS : SUPERVISOR_BACKOFF_MAX_MS;
	uint64_t nominal = SUPERVISOR_BACKOFF_MIN_MS;

	for (unsigned i = 1; i < s->failures && nominal < bound; i++)
		nominal *= 2;
	if (nominal > bound / 3 * 2)
		nominal = bound / 3 * 2;
	return nominal / 2 + draw(dice, nominal + 1);
}

static void begin_wait(struct supervisor *s, uint32_t dice, struct mono now)
{
	uint64_t wait = backoff_ms(s, dice);

	if (s->silent && !s->spread && !s->alarm &&
	    mono_since(now, s->silent_since) > SUPERVISOR_SPREAD_AFTER_MS) {
		s->spread = true;
		wait = draw(dice, SUPERVISOR_SPREAD_MS);
	}
	enter(s, SUPERVISOR_BACKOFF);
	s->deadline = mono_add(now, wait);
}

static void begin_silence(struct supervisor *s, struct mono now)
{
	if (s->silent)
		return;
	s->silent = true;
	s->spread = false;
	s->silent_since = s->state == SUPERVISOR_UP ? s->heard_at : now;
}

static bool connected_or_trying(const struct supervisor *s)
{
	return s->state == SUPERVISOR_HANDSHAKE || s->state == SUPERVISOR_UP;
}

static bool silence_is_over_bound(const struct supervisor *s, struct mono now)
{
	return s->owed && mono_since(now, s->heard_at) >= SUPERVISOR_SILENCE_MS;
}

void supervisor_init(struct supervisor *s)
{
	*s = (struct supervisor){ 0 };
	enter(s, SUPERVISOR_IDLE);
}

void supervisor_on_endpoints(struct supervisor *s, size_t count)
{
	s->endpoint_count = count;
	s->endpoint = 0;
	s->failures = 0;
	s->forbidden = false;
	s->wait_next = false;
	if (connected_or_trying(s))
		enter(s, SUPERVISOR_CLOSE);
	else if (s->state == SUPERVISOR_BACKOFF)
		enter(s, SUPERVISOR_IDLE);
}

void supervisor_on_work(struct supervisor *s, bool work, bool alarm, struct mono now)
{
	s->work = work;
	s->alarm = work && alarm;
	if (!s->alarm || s->state != SUPERVISOR_BACKOFF)
		return;
	if (s->cut && mono_since(now, s->cut_at) < SUPERVISOR_CUT_MS)
		return;
	s->cut = true;
	s->cut_at = now;
	enter(s, SUPERVISOR_IDLE);
}

void supervisor_on_connected(struct supervisor *s, struct mono now)
{
	if (s->state != SUPERVISOR_HANDSHAKE)
		return;
	enter(s, SUPERVISOR_UP);
	s->up_at = now;
	s->heard_at = now;
}

void supervisor_on_failed(struct supervisor *s, enum supervisor_failure why,
			  struct mono now)
{
	if (!connected_or_trying(s))
		return;
	if (s->state == SUPERVISOR_UP &&
	    mono_since(now, s->up_at) >= SUPERVISOR_STABLE_MS)
		s->failures = 0;
	s->wait_next = why != SUPERVISOR_GOODBYE || s->work || s->owed ||
		       s->state == SUPERVISOR_HANDSHAKE;
	s->forbidden = why == SUPERVISOR_FORBIDDEN;
	if (s->wait_next) {
		s->failures++;
		s->endpoint = (s->endpoint + 1) % s->endpoint_count;
		begin_silence(s, now);
	}
	enter(s, SUPERVISOR_CLOSE);
}

void supervisor_on_sent(struct supervisor *s, struct mono now)
{
	if (s->state != SUPERVISOR_UP || s->owed)
		return;
	s->owed = true;
	s->heard_at =
		now; /* the silence counts from the first thing that could be answered */
}

void supervisor_on_heard(struct supervisor *s, bool owed, struct mono now)
{
	if (s->state != SUPERVISOR_UP)
		return;
	s->heard_at = now;
	s->owed = owed;
	s->silent = false;
}

bool supervisor_next(struct supervisor *s, uint32_t dice, struct mono now,
		     struct supervisor_action *ret)
{
	if ((s->state == SUPERVISOR_HANDSHAKE && mono_reached(now, s->deadline)) ||
	    (s->state == SUPERVISOR_UP && silence_is_over_bound(s, now)))
		supervisor_on_failed(s, SUPERVISOR_LOST, now);
	if (s->state == SUPERVISOR_CLOSE) {
		if (s->wait_next)
			begin_wait(s, dice, now);
		else
			enter(s, SUPERVISOR_IDLE);
		*ret = (struct supervisor_action){ .what = SUPERVISOR_RELEASE };
		return true;
	}
	if (s->state == SUPERVISOR_BACKOFF && mono_reached(now, s->deadline))
		enter(s, SUPERVISOR_IDLE);
	if (s->state != SUPERVISOR_IDLE || !s->work || s->endpoint_count == 0)
		return false;
	enter(s, SUPERVISOR_HANDSHAKE);
	s->deadline = mono_add(now, SUPERVISOR_HANDSHAKE_MS);
	s->handshakes++;
	*ret = (struct supervisor_action){ .what = SUPERVISOR_CONNECT,
					   .endpoint = s->endpoint };
	return true;
}

struct mono supervisor_deadline(const struct supervisor *s)
{
	if (s->state == SUPERVISOR_UP && s->owed)
		return mono_add(s->heard_at, SUPERVISOR_SILENCE_MS);
	return s->deadline;
}
