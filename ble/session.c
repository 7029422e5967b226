/*
 * session.c - the life of one connection; see session.h for the diagram and the invariants.
 */
#include "ble/session.h"

static const enum session_step usual[STEP_COUNT] = {
	STEP_CONSENT, STEP_PREPARE,   STEP_CLOCK_READ,	STEP_HISTORY, STEP_LIVE,
	STEP_SETTLE,  STEP_CLOCK_SET, STEP_CLOCK_CHECK, STEP_INFO,
};

static const enum session_step clock_first[STEP_COUNT] = {
	STEP_CONSENT,	  STEP_PREPARE, STEP_CLOCK_READ, STEP_SETTLE, STEP_CLOCK_SET,
	STEP_CLOCK_CHECK, STEP_HISTORY, STEP_LIVE,	 STEP_INFO,
};

static const uint64_t limits_ms[STEP_COUNT] = {
	[STEP_PREPARE] = SESSION_CHAIN_MS,
	[STEP_CLOCK_READ] = SESSION_OPERATION_MS,
	[STEP_CONSENT] = SESSION_CONSENT_MS,
	[STEP_HISTORY] = SESSION_HISTORY_MS,
	[STEP_LIVE] = SESSION_OPERATION_MS,
	[STEP_CLOCK_SET] = SESSION_OPERATION_MS,
	[STEP_CLOCK_CHECK] = SESSION_OPERATION_MS,
	[STEP_INFO] = SESSION_CHAIN_MS,
};

static void enter(struct session *s, enum session_state state, struct mono deadline)
{
	s->state = state;
	s->deadline = deadline;
}

static struct mono sooner(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

static enum session_step step_at(const struct session *s, unsigned place)
{
	return place >= STEP_COUNT   ? STEP_COUNT
	       : s->plan.clock_first ? clock_first[place]
				     : usual[place];
}

static bool wants(const struct session *s, enum session_step step)
{
	return s->plan.steps & 1u << step;
}

static void close_link(struct session *s, struct mono now)
{
	s->action = SESSION_DISCONNECT;
	enter(s, SESSION_CLOSING, mono_add(now, SESSION_FAREWELL_MS));
}

static void listen(struct session *s, struct mono now)
{
	s->settled = true;
	s->quiet_at = mono_add(now, s->plan.idle_ms);
	enter(s, SESSION_LISTEN, s->plan.endless ? MONO_NEVER : s->quiet_at);
}

/* Is a step still to come, or under way, that a decoded value should wait for? */
static bool is_awaited(const struct session *s, unsigned place)
{
	for (; place < STEP_COUNT; place++) {
		enum session_step step = step_at(s, place);

		if (wants(s, step) && (step == STEP_PREPARE || step == STEP_CLOCK_READ ||
				       step == STEP_CONSENT))
			return true;
	}
	return false;
}

/* Go to the first planned step from 'place' on. */
static void go_on(struct session *s, unsigned place, struct mono now)
{
	enum session_step step;

	while (place < STEP_COUNT && !wants(s, step_at(s, place)))
		place++;
	s->place = place;
	step = step_at(s, place);
	s->settled = !is_awaited(s, place);
	if (step == STEP_COUNT) {
		listen(s, now);
	} else if (step == STEP_SETTLE) {
		enter(s, SESSION_STEPS, s->quiet_at);
	} else {
		s->action = SESSION_BEGIN_STEP;
		enter(s, SESSION_STEPS, mono_add(now, limits_ms[step]));
	}
}

void session_init(struct session *s)
{
	*s = (struct session){ .deadline = MONO_NEVER,
			       .settled = true,
			       .place = STEP_COUNT,
			       .pause_ms = SESSION_PAUSE_MIN_MS };
}

void session_on_linked(struct session *s, struct mono now)
{
	if (s->linked)
		return;
	s->linked = true;
	s->settled = false;
	s->linked_at = now;
	s->place = STEP_COUNT;
	s->plan.endless = false; /* until the new one is known */
	s->action = SESSION_NOTHING;
	if (s->store_ready)
		enter(s, SESSION_LINKED, mono_add(now, SESSION_SERVICES_MS));
	else
		close_link(s, now);
}

/* A link that died before it was of use. bluetoothd 5.82 makes several of
 * them a second if the device lost its bond; pauses keep the radio usable
 * for others, and the bond is left alone: an impostor can do this too. */
static void on_failure(struct session *s, struct mono now)
{
	uint64_t longest = s->plan.pause_max_ms ? s->plan.pause_max_ms
						: (uint64_t)SESSION_PAUSE_MAX_MS;

	if (s->failures == 0 || mono_since(now, s->first_failure) > SESSION_STORM_MS) {
		if (!session_bond_doubtful(s))
			s->failures = 0;
		s->first_failure = now;
	}
	s->failures++;
	if (!session_bond_doubtful(s))
		return;
	s->action = SESSION_DISARM;
	s->disarmed = true;
	s->again = false;
	enter(s, SESSION_PAUSED, mono_add(now, s->pause_ms));
	s->pause_ms *= 2;
	if (s->pause_ms > longest)
		s->pause_ms = longest;
}

void session_on_gone(struct session *s, struct mono now)
{
	enum session_state was = s->state;

	if (!s->linked)
		return;
	s->linked = false;
	s->settled = true;
	s->place = STEP_COUNT;
	s->action = SESSION_NOTHING;
	s->again = s->unsure;
	s->unsure = false;
	enter(s, SESSION_ABSENT, MONO_NEVER);
	if (was == SESSION_LINKED)
		on_failure(s, now);
}

void session_on_ready(struct session *s, const struct session_plan *plan, struct mono now)
{
	if (s->state != SESSION_LINKED)
		return;
	s->failures = 0;
	s->pause_ms = SESSION_PAUSE_MIN_MS;
	s->plan = *plan;
	s->quiet_at = mono_add(now, SESSION_QUIET_MS);
	go_on(s, 0, now);
}

enum session_step session_step(const struct session *s)
{
	return s->state == SESSION_STEPS ? step_at(s, s->place) : STEP_COUNT;
}

void session_on_step(struct session *s, enum session_step step, struct mono now)
{
	if (step == STEP_COUNT || session_step(s) != step)
		return;
	if (s->action == SESSION_BEGIN_STEP)
		s->action = SESSION_NOTHING;
	go_on(s, s->place + 1, now);
}

void session_skip_clock(struct session *s)
{
	s->plan.steps &=
		~(1u << STEP_CLOCK_SET | 1u << STEP_CLOCK_CHECK | 1u << STEP_SETTLE);
}

void session_on_value(struct session *s, struct mono now)
{
	s->undurable++;
	if (s->state == SESSION_LISTEN) {
		listen(s, now);
		return;
	}
	s->quiet_at = mono_add(now, SESSION_QUIET_MS);
	if (session_step(s) == STEP_SETTLE)
		s->deadline = s->quiet_at;
}

void session_on_durable(struct session *s, struct mono now)
{
	(void)now;
	if (s->undurable > 0)
		s->undurable--;
}

void session_close(struct session *s, struct mono now)
{
	if (s->linked && s->state != SESSION_CLOSING)
		close_link(s, now);
}

void session_on_store(struct session *s, bool ready, struct mono now)
{
	s->store_ready = ready;
	if (!ready)
		session_close(s, now);
}

static void on_deadline(struct session *s, struct mono now)
{
	switch (s->state) {
	case SESSION_ABSENT: s->deadline = MONO_NEVER; break;
	case SESSION_LINKED: close_link(s, now); break;
	case SESSION_STEPS: session_on_step(s, session_step(s), now); break;
	case SESSION_LISTEN:
		if (s->undurable)
			s->deadline = mono_add(now, SESSION_IDLE_AGAIN_MS);
		else
			close_link(s, now);
		break;
	case SESSION_CLOSING: close_link(s, now); break;
	case SESSION_PAUSED: enter(s, SESSION_ABSENT, MONO_NEVER); break;
	}
}

static bool is_limited(const struct session *s)
{
	return s->linked && s->state != SESSION_CLOSING && !s->plan.endless;
}

enum session_action session_next(struct session *s, struct mono now)
{
	enum session_action action;

	if (is_limited(s) && mono_since(now, s->linked_at) >= SESSION_LONGEST_MS)
		close_link(s, now);
	/* each sets another deadline, the last one in the future */
	while (s->action == SESSION_NOTHING && mono_reached(now, s->deadline))
		on_deadline(s, now);
	action = s->action;
	s->action = SESSION_NOTHING;
	if (action == SESSION_NOTHING && s->state == SESSION_ABSENT &&
	    (s->disarmed || s->again)) {
		s->unsure = s->disarmed;
		s->disarmed = s->again = false;
		action = SESSION_ARM;
	}
	return action;
}

struct mono session_deadline(const struct session *s)
{
	if (is_limited(s))
		return sooner(s->deadline, mono_add(s->linked_at, SESSION_LONGEST_MS));
	return s->deadline;
}

bool session_clock_settled(const struct session *s)
{
	return s->settled || s->state == SESSION_CLOSING;
}

bool session_is_worn(const struct session *s)
{
	return s->state == SESSION_LISTEN && s->plan.endless;
}

bool session_is_disarmed(const struct session *s)
{
	return s->disarmed;
}

bool session_bond_doubtful(const struct session *s)
{
	return s->failures >= SESSION_STORM_COUNT;
}

const char *session_state_text(enum session_state state)
{
	switch (state) {
	case SESSION_ABSENT: return "absent";
	case SESSION_LINKED: return "linked";
	case SESSION_STEPS: return "steps";
	case SESSION_LISTEN: return "listen";
	case SESSION_CLOSING: return "closing";
	case SESSION_PAUSED: return "paused";
	}
	return "?";
}
