/*
 * supervisor.c - the life of the connections to the clinic: one, and at times a second one.
 *
 * Each line:
 *   IDLE      -> RESOLVE   the current line: work due; the other one: a candidate is due (begin)
 *   RESOLVE   -> HANDSHAKE on supervisor_on_found
 *   RESOLVE   -> CLOSE     no address, or after 10 s
 *   HANDSHAKE -> UP        on supervisor_on_connected
 *   HANDSHAKE -> CLOSE     on failure, or after 60 s
 *   UP        -> CLOSE     on failure, or 30 s and more without a message while an answer is owed
 *   CLOSE     -> BACKOFF   once released, the current line after a failure
 *   CLOSE     -> IDLE      once released, else
 *   BACKOFF   -> IDLE      the wait is over, cut short by an alarm, or there is a way to the network again
 *
 * Which line is the current one:
 *   a candidate comes UP            it takes over (SWITCH); the connection before stands by
 *   something is acknowledged       the one that stands by is released; new endpoints are confirmed
 *   60 s without that, or it fails  the one that stands by takes over again
 *   the current line fails          a candidate that is on its way becomes the current line
 *
 * Must never: let an unauthenticated event (an ICMP error) count as anything but silence;
 * reconnect without a wait after a failure.
 *
 * Invariants
 *   1. One connection a line: RESOLVE begins in IDLE only, RELEASE lies between any two of them.
 *   2. A second one is begun only while the current one is UP and has acknowledged something.
 *   3. Every wait after a failure is between half of 1 s and SUPERVISOR_BACKOFF_MAX_MS, or
 *      SUPERVISOR_REFUSED_MAX_MS if the clinic refuses us, or SUPERVISOR_SPREAD_MS once in a long
 *      silence; or shorter, but then at most one in SUPERVISOR_PROBE_MS, if no packet could leave.
 *   4. A failure moves to the next address, after the last one to the next endpoint.
 *   5. Old endpoints leave the list only when a new one has acknowledged something.
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
	case SUPERVISOR_RESOLVE: return "resolve";
	case SUPERVISOR_HANDSHAKE: return "handshake";
	case SUPERVISOR_UP: return "up";
	case SUPERVISOR_CLOSE: return "close";
	case SUPERVISOR_BACKOFF: return "back-off";
	}
	return "none";
}

static void enter(struct supervisor_line *x, enum supervisor_state state)
{
	x->state = state;
	x->begin = false;
	x->owed = false;
	x->deadline = MONO_NEVER;
}

static bool is_busy(const struct supervisor_line *x)
{
	return x->state == SUPERVISOR_RESOLVE || x->state == SUPERVISOR_HANDSHAKE ||
	       x->state == SUPERVISOR_UP;
}

static struct supervisor_line *current(struct supervisor *s)
{
	return &s->lines[s->current];
}

static struct supervisor_line *other(struct supervisor *s)
{
	return &s->lines[s->current ^ 1];
}

/* dice scaled to 0..range-1. */
static uint64_t draw(uint32_t dice, uint64_t range)
{
	return (uint64_t)dice * range >> 32;
}

static uint64_t backoff_ms(unsigned failures, uint64_t bound, uint32_t dice)
{
	uint64_t nominal = SUPERVISOR_BACKOFF_MIN_MS;

	for (unsigned i = 1; i < failures && nominal < bound; i++)
		nominal *= 2;
	if (nominal > bound / 3 * 2)
		nominal = bound / 3 * 2;
	return nominal / 2 + draw(dice, nominal + 1);
}

static void begin_wait(struct supervisor *s, uint32_t dice, struct mono now)
{
	uint64_t wait = backoff_ms(s->failures,
				   s->forbidden ? SUPERVISOR_REFUSED_MAX_MS
						: SUPERVISOR_BACKOFF_MAX_MS,
				   dice);

	if (s->silent && !s->spread && !s->alarm &&
	    mono_since(now, s->silent_since) > SUPERVISOR_SPREAD_AFTER_MS) {
		s->spread = true;
		wait = draw(dice, SUPERVISOR_SPREAD_MS);
	}
	enter(current(s), SUPERVISOR_BACKOFF);
	current(s)->deadline = mono_add(now, wait);
	s->probe_at = mono_add(now, SUPERVISOR_PROBE_MS);
}

static void begin_silence(struct supervisor *s, struct mono now)
{
	if (s->silent)
		return;
	s->silent = true;
	s->spread = false;
	s->silent_since = now;
}

/* The next address of the same endpoint, after the last one the next endpoint of these. */
static void advance(struct supervisor_target *t, const struct supervisor_line *x,
		    size_t count)
{
	if (x->state == SUPERVISOR_HANDSHAKE && x->address + 1 < x->addresses) {
		t->address = x->address + 1;
		return;
	}
	t->address = 0;
	t->endpoint = count ? (x->endpoint + 1) % count : 0;
}

/* --- the second connection ------------------------------------------------------------ */

static bool wants_confirmation(const struct supervisor *s)
{
	return s->fresh && s->lines[s->current].endpoint >= s->fresh;
}

/* It has one to come: new endpoints to be proven, or the first endpoint, which is not the one in use. */
static bool wants_candidate(const struct supervisor *s)
{
	const struct supervisor_line *x = &s->lines[s->current];

	return x->state == SUPERVISOR_UP && x->proven && x->endpoint > 0 &&
	       s->lines[s->current ^ 1].state == SUPERVISOR_IDLE;
}

static void plan_candidate(struct supervisor *s, uint32_t dice, struct mono now)
{
	uint64_t wait = SUPERVISOR_HOME_MS + draw(dice, SUPERVISOR_HOME_JITTER_MS);

	if (wants_confirmation(s) && !mono_reached(now, s->confirm_until))
		wait = s->misses ? backoff_ms(s->misses, SUPERVISOR_BACKOFF_MAX_MS, dice)
				 : 0;
	s->plan = false;
	s->candidate_at = mono_add(now, wait);
	if (!wants_confirmation(s))
		s->candidate = (struct supervisor_target){ 0 };
}

/* Requests go to the other line from now on. */
static void swap(struct supervisor *s)
{
	s->current ^= 1;
	s->switched = false;
	s->plan = true;
}

static void close_line(struct supervisor_line *x, bool wait_next)
{
	enter(x, SUPERVISOR_CLOSE);
	x->wait_next = wait_next;
}

static void candidate_failed(struct supervisor *s, struct supervisor_line *x)
{
	if (x->state != SUPERVISOR_UP) { /* else it stood by, and was good once */
		s->misses++;
		advance(&s->candidate, x, s->fresh ? s->fresh : 1);
		s->plan = true;
	}
	close_line(x, false);
}

/* The one that took over is not good for it: back to the one that stands by. */
static void fall_back(struct supervisor *s)
{
	struct supervisor_line *bad = current(s);

	s->misses++;
	advance(&s->candidate, bad, s->fresh ? s->fresh : 1);
	swap(s);
	close_line(bad, false);
}

/* --- failures ------------------------------------------------------------------------- */

static void current_failed(struct supervisor *s, enum supervisor_failure why,
			   struct mono now)
{
	struct supervisor_line *x = current(s);

	if (x->state == SUPERVISOR_UP &&
	    mono_since(now, x->up_at) >= SUPERVISOR_STABLE_MS)
		s->failures = 0;
	else if (x->state == SUPERVISOR_UP && x->proven && why != SUPERVISOR_FORBIDDEN &&
		 s->failures > SUPERVISOR_PROVEN_FAILURES)
		s->failures = SUPERVISOR_PROVEN_FAILURES;
	s->forbidden = why == SUPERVISOR_FORBIDDEN;
	s->no_route = why == SUPERVISOR_NO_ROUTE;
	x->wait_next = why != SUPERVISOR_GOODBYE || s->work || x->owed ||
		       x->state != SUPERVISOR_UP;
	if (x->wait_next) {
		s->failures++;
		advance(&s->next, x, s->endpoint_count);
		begin_silence(s, now);
	}
	close_line(x, x->wait_next);
	if (is_busy(other(
		    s))) { /* a candidate on its way: no wait, the attempt is made already */
		x->wait_next = false;
		swap(s);
	}
}

void supervisor_on_line_failed(struct supervisor *s, unsigned line,
			       enum supervisor_failure why, struct mono now)
{
	struct supervisor_line *x = &s->lines[line];

	if (!is_busy(x))
		return;
	if (x->state == SUPERVISOR_HANDSHAKE && why == SUPERVISOR_LOST) {
		s->small =
			!s->small; /* the other size: nobody says which of them got lost */
		s->small_until = mono_add(now, SUPERVISOR_DAY_MS);
	}
	if (x == other(s))
		candidate_failed(s, x);
	else if (other(s)->state == SUPERVISOR_UP)
		fall_back(s);
	else
		current_failed(s, why, now);
}

void supervisor_on_failed(struct supervisor *s, enum supervisor_failure why,
			  struct mono now)
{
	supervisor_on_line_failed(s, s->current, why, now);
}

/* --- events --------------------------------------------------------------------------- */

void supervisor_init(struct supervisor *s)
{
	*s = (struct supervisor){ .silence_ms = SUPERVISOR_SILENCE_MS };
	for (size_t i = 0; i < SUPERVISOR_LINES; i++)
		enter(&s->lines[i], SUPERVISOR_IDLE);
	s->candidate_at = MONO_NEVER;
}

void supervisor_on_endpoints(struct supervisor *s, size_t count, size_t kept, int used,
			     struct mono now)
{
	struct supervisor_line *x = current(s);

	s->endpoint_count = count + kept;
	s->fresh = kept ? count : 0;
	s->next = s->candidate = (struct supervisor_target){ 0 };
	s->failures = s->misses = 0;
	s->forbidden = s->no_route = s->confirmed = s->unconfirmed = false;
	s->confirm_until = mono_add(now, SUPERVISOR_CONFIRM_MS);
	s->plan = true;
	if (is_busy(other(s)))
		close_line(other(s), false);
	if (x->state == SUPERVISOR_UP && used >= 0)
		x->endpoint = (size_t)used;
	else if (is_busy(x))
		close_line(x, false);
	else if (x->state == SUPERVISOR_BACKOFF)
		enter(x, SUPERVISOR_IDLE);
}

void supervisor_on_work(struct supervisor *s, bool work, bool alarm)
{
	s->work = work;
	s->alarm = work && alarm;
}

void supervisor_set_ack_timeout(struct supervisor *s, uint32_t ms)
{
	uint64_t silence = (uint64_t)ms * SUPERVISOR_SILENCE_TIMES;

	s->silence_ms = silence > SUPERVISOR_SILENCE_MS ? silence : SUPERVISOR_SILENCE_MS;
}

void supervisor_on_found(struct supervisor *s, unsigned line, size_t addresses,
			 struct mono now)
{
	struct supervisor_line *x = &s->lines[line];

	if (x->state != SUPERVISOR_RESOLVE)
		return;
	if (addresses == 0) {
		supervisor_on_line_failed(s, line, SUPERVISOR_LOST, now);
		return;
	}
	enter(x, SUPERVISOR_HANDSHAKE);
	x->begin = true;
	x->addresses = addresses;
	if (x->address >= addresses)
		x->address = 0;
	x->deadline = mono_add(now, SUPERVISOR_HANDSHAKE_MS);
}

void supervisor_on_connected(struct supervisor *s, unsigned line, struct mono now)
{
	struct supervisor_line *x = &s->lines[line];

	if (x->state != SUPERVISOR_HANDSHAKE)
		return;
	enter(x, SUPERVISOR_UP);
	x->up_at = now;
	x->heard_at = now;
	x->proven = false;
	if (x == current(s)) {
		s->switched = false;
		s->plan = true;
		return;
	}
	current(s)->owed = false; /* what it owes is asked of the new one */
	swap(s);
}

void supervisor_on_route(struct supervisor *s, uint32_t dice, struct mono now)
{
	struct mono at = mono_add(now, draw(dice, SUPERVISOR_ROUTE_JITTER_MS));

	if (!s->no_route || current(s)->state != SUPERVISOR_BACKOFF)
		return;
	s->no_route = false;
	s->failures = 0; /* they were no server's */
	s->silent = false;
	current(s)->deadline = at;
}

void supervisor_on_sent(struct supervisor *s, struct mono now)
{
	struct supervisor_line *x = current(s);

	if (x->state != SUPERVISOR_UP || x->owed)
		return;
	x->owed = true;
	x->heard_at =
		now; /* the silence counts from the first thing that could be answered */
}

void supervisor_on_heard(struct supervisor *s, bool owed, struct mono now)
{
	struct supervisor_line *x = current(s);

	if (x->state != SUPERVISOR_UP)
		return;
	x->heard_at = now;
	x->owed = owed;
	s->silent = false;
}

void supervisor_on_acknowledged(struct supervisor *s)
{
	struct supervisor_line *x = current(s);

	if (x->state != SUPERVISOR_UP)
		return;
	x->proven = true;
	if (other(s)->state == SUPERVISOR_UP)
		close_line(other(s), false);
	if (s->fresh == 0 || x->endpoint >= s->fresh)
		return;
	s->endpoint_count = s->fresh;
	s->fresh = 0;
	s->confirmed = true;
	s->plan = true;
	if (s->next.endpoint >= s->endpoint_count)
		s->next = (struct supervisor_target){ 0 };
}

int supervisor_endpoint(const struct supervisor *s)
{
	const struct supervisor_line *x = &s->lines[s->current];

	return x->state == SUPERVISOR_UP ? (int)x->endpoint : SUPERVISOR_NOWHERE;
}

/* --- what to do ----------------------------------------------------------------------- */

static bool silence_is_over_bound(const struct supervisor *s,
				  const struct supervisor_line *x, struct mono now)
{
	return x->owed && mono_since(now, x->heard_at) >= s->silence_ms;
}

/* One stands by, and the one that took over has brought nothing. */
static bool trial_is_over(struct supervisor *s, struct mono now)
{
	return other(s)->state == SUPERVISOR_UP && current(s)->state == SUPERVISOR_UP &&
	       mono_since(now, current(s)->up_at) >= SUPERVISOR_TRIAL_MS;
}

/* Whatever lasts too long fails. */
static void expire(struct supervisor *s, struct mono now)
{
	for (unsigned i = 0; i < SUPERVISOR_LINES; i++) {
		struct supervisor_line *x = &s->lines[i];

		if (((x->state == SUPERVISOR_RESOLVE ||
		      x->state == SUPERVISOR_HANDSHAKE) &&
		     mono_reached(now, x->deadline)) ||
		    (x->state == SUPERVISOR_UP && silence_is_over_bound(s, x, now)))
			supervisor_on_line_failed(s, i, SUPERVISOR_LOST, now);
	}
	if (trial_is_over(s, now))
		fall_back(s);
	if (s->small && mono_reached(now, s->small_until))
		s->small = false;
}

static void begin(struct supervisor_line *x, const struct supervisor_target *t,
		  struct mono now)
{
	enter(x, SUPERVISOR_RESOLVE);
	x->begin = true;
	x->endpoint = t->endpoint;
	x->address = t->address;
	x->deadline = mono_add(now, SUPERVISOR_RESOLVE_MS);
}

/* When an alarm may end the wait. */
static struct mono next_cut(const struct supervisor *s)
{
	if (!s->alarm || s->lines[s->current].state != SUPERVISOR_BACKOFF)
		return MONO_NEVER;
	return s->cut ? mono_add(s->cut_at, SUPERVISOR_CUT_MS) : (struct mono){ 0 };
}

static void cut_short(struct supervisor *s, struct mono now)
{
	if (!mono_reached(now, next_cut(s)))
		return;
	s->cut = true;
	s->cut_at = now;
	enter(current(s), SUPERVISOR_IDLE);
}

/* Moves the lines that need nobody for it. */
static void step(struct supervisor *s, uint32_t dice, struct mono now)
{
	struct supervisor_line *x;

	expire(s, now);
	if (s->plan && current(s)->state == SUPERVISOR_UP)
		plan_candidate(s, dice, now);
	x = current(s);
	cut_short(s, now);
	if (x->state == SUPERVISOR_BACKOFF && mono_reached(now, x->deadline))
		enter(x, SUPERVISOR_IDLE);
	if (x->state == SUPERVISOR_IDLE && s->work && s->endpoint_count)
		begin(x, &s->next, now);
	if (wants_candidate(s) && mono_reached(now, s->candidate_at))
		begin(other(s), &s->candidate, now);
}

/* What one line needs done; false: nothing. */
static bool line_next(struct supervisor *s, unsigned line, uint32_t dice, struct mono now,
		      struct supervisor_action *ret)
{
	struct supervisor_line *x = &s->lines[line];

	ret->line = line;
	ret->endpoint = x->endpoint;
	ret->address = x->address;
	ret->small = s->small;
	if (x->state == SUPERVISOR_CLOSE) {
		if (x->wait_next)
			begin_wait(s, dice, now);
		else
			enter(x, SUPERVISOR_IDLE);
		ret->what = SUPERVISOR_RELEASE;
		return true;
	}
	if (!x->begin)
		return false;
	x->begin = false;
	ret->what = x->state == SUPERVISOR_RESOLVE ? SUPERVISOR_FIND : SUPERVISOR_CONNECT;
	if (ret->what == SUPERVISOR_CONNECT)
		s->handshakes++;
	return true;
}

static bool tell(struct supervisor *s, struct supervisor_action *ret,
		 enum supervisor_do what)
{
	ret->what = what;
	ret->line = s->current;
	ret->endpoint = current(s)->endpoint;
	return true;
}

/* What is said about all of it; false: nothing. */
static bool whole_next(struct supervisor *s, struct mono now,
		       struct supervisor_action *ret)
{
	if (s->confirmed) {
		s->confirmed = false;
		return tell(s, ret, SUPERVISOR_CONFIRMED);
	}
	if (s->fresh && !s->unconfirmed && mono_reached(now, s->confirm_until)) {
		s->unconfirmed = true;
		return tell(s, ret, SUPERVISOR_UNCONFIRMED);
	}
	if (s->no_route && current(s)->state == SUPERVISOR_BACKOFF &&
	    mono_reached(now, s->probe_at)) {
		s->probe_at = mono_add(now, SUPERVISOR_PROBE_MS);
		return tell(s, ret, SUPERVISOR_PROBE);
	}
	return false;
}

static bool tally_next(struct supervisor *s, struct mono now,
		       struct supervisor_action *ret)
{
	if (!s->counting || !mono_reached(now, s->day_at)) {
		if (!s->counting)
			s->day_at = mono_add(now, SUPERVISOR_DAY_MS);
		s->counting = true;
		return false;
	}
	ret->handshakes = s->handshakes - s->day_before;
	s->day_before = s->handshakes;
	s->day_at = mono_add(s->day_at, SUPERVISOR_DAY_MS);
	return tell(s, ret, SUPERVISOR_TALLY);
}

bool supervisor_next(struct supervisor *s, uint32_t dice, struct mono now,
		     struct supervisor_action *ret)
{
	*ret = (struct supervisor_action){ 0 };
	step(s, dice, now);
	/* first: so that a connection which takes over from another one is no gap */
	if (current(s)->state == SUPERVISOR_UP && !s->switched) {
		s->switched = true;
		return tell(s, ret, SUPERVISOR_SWITCH);
	}
	return line_next(s, 0, dice, now, ret) || line_next(s, 1, dice, now, ret) ||
	       whole_next(s, now, ret) || tally_next(s, now, ret);
}

static struct mono earlier(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

struct mono supervisor_deadline(const struct supervisor *s)
{
	const struct supervisor_line *x = &s->lines[s->current],
				     *y = &s->lines[s->current ^ 1];
	struct mono d = earlier(earlier(x->deadline, y->deadline), next_cut(s));

	if (x->state == SUPERVISOR_UP && x->owed)
		d = earlier(d, mono_add(x->heard_at, s->silence_ms));
	if (x->state == SUPERVISOR_UP && y->state == SUPERVISOR_UP)
		d = earlier(d, mono_add(x->up_at, SUPERVISOR_TRIAL_MS));
	if (wants_candidate(s))
		d = earlier(d, s->candidate_at);
	if (s->no_route && x->state == SUPERVISOR_BACKOFF)
		d = earlier(d, s->probe_at);
	if (s->fresh && !s->unconfirmed)
		d = earlier(d, s->confirm_until);
	return s->counting ? earlier(d, s->day_at) : d;
}
