/*
 * session.c - the life of one connection; see session.h for the diagram and the invariants.
 */
#include "ble/session.h"

static void enter(struct session *s, enum session_state state, struct mono deadline)
{
	s->state = state;
	s->deadline = deadline;
}

static struct mono sooner(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

static void close_link(struct session *s, struct mono now)
{
	s->action = SESSION_DISCONNECT;
	enter(s, SESSION_CLOSING, mono_add(now, SESSION_FAREWELL_MS));
}

static void listen(struct session *s, struct mono now)
{
	s->settled = true;
	s->quiet_at = mono_add(now, SESSION_IDLE_MS);
	enter(s, SESSION_LISTEN, s->quiet_at);
}

void session_init(struct session *s)
{
	*s = (struct session){ .deadline = MONO_NEVER,
			       .settled = true,
			       .pause_ms = SESSION_PAUSE_MIN_MS };
}

void session_on_linked(struct session *s, struct mono now)
{
	if (s->linked)
		return;
	s->linked = true;
	s->settled = false;
	s->linked_at = now;
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
	enter(s, SESSION_PAUSED, mono_add(now, s->pause_ms));
	s->pause_ms *= 2;
	if (s->pause_ms > SESSION_PAUSE_MAX_MS)
		s->pause_ms = SESSION_PAUSE_MAX_MS;
}

void session_on_gone(struct session *s, struct mono now)
{
	enum session_state was = s->state;

	if (!s->linked)
		return;
	s->linked = false;
	s->settled = true;
	s->action = SESSION_NOTHING;
	enter(s, SESSION_ABSENT, MONO_NEVER);
	if (was == SESSION_LINKED)
		on_failure(s, now);
}

void session_on_ready(struct session *s, bool may_read, bool may_set, struct mono now)
{
	if (s->state != SESSION_LINKED)
		return;
	s->failures = 0;
	s->pause_ms = SESSION_PAUSE_MIN_MS;
	s->may_read = may_read;
	s->may_set = may_set;
	s->quiet_at = mono_add(now, SESSION_QUIET_MS);
	if (may_read) {
		s->action = SESSION_READ_CLOCK;
		enter(s, SESSION_CLOCK_READ, mono_add(now, SESSION_OPERATION_MS));
	} else if (may_set) {
		s->settled = true; /* write-only clock: only a set will tell its offset */
		enter(s, SESSION_HISTORY, s->quiet_at);
	} else {
		listen(s, now);
	}
}

void session_on_clock_read(struct session *s, bool set, struct mono now)
{
	if (s->state == SESSION_CLOCK_CHECK) {
		listen(s, now);
	} else if (s->state == SESSION_CLOCK_READ) {
		s->settled = true;
		if (set && s->may_set)
			enter(s, SESSION_HISTORY, s->quiet_at);
		else
			listen(s, now);
	}
}

void session_on_clock_set(struct session *s, bool ok, struct mono now)
{
	if (s->state != SESSION_CLOCK_SET)
		return;
	if (!ok || !s->may_read) {
		listen(s, now);
		return;
	}
	s->action = SESSION_READ_CLOCK;
	enter(s, SESSION_CLOCK_CHECK, mono_add(now, SESSION_OPERATION_MS));
}

void session_on_value(struct session *s, struct mono now)
{
	s->undurable++;
	if (s->state == SESSION_LISTEN) {
		listen(s, now);
		return;
	}
	s->quiet_at = mono_add(now, SESSION_QUIET_MS);
	if (s->state == SESSION_HISTORY)
		s->deadline = s->quiet_at;
}

void session_on_durable(struct session *s, struct mono now)
{
	(void)now;
	if (s->undurable > 0)
		s->undurable--;
}

void session_on_store(struct session *s, bool ready, struct mono now)
{
	s->store_ready = ready;
	if (!ready && s->linked && s->state != SESSION_CLOSING)
		close_link(s, now);
}

static void on_deadline(struct session *s, struct mono now)
{
	switch (s->state) {
	case SESSION_ABSENT: s->deadline = MONO_NEVER; break;
	case SESSION_LINKED: close_link(s, now); break;
	case SESSION_CLOCK_READ: listen(s, now); break;
	case SESSION_HISTORY:
		s->action = SESSION_SET_CLOCK;
		enter(s, SESSION_CLOCK_SET, mono_add(now, SESSION_OPERATION_MS));
		break;
	case SESSION_CLOCK_SET: listen(s, now); break;
	case SESSION_CLOCK_CHECK: listen(s, now); break;
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

enum session_action session_next(struct session *s, struct mono now)
{
	enum session_action action;

	if (s->linked && s->state != SESSION_CLOSING &&
	    mono_since(now, s->linked_at) >= SESSION_LONGEST_MS)
		close_link(s, now);
	if (s->action == SESSION_NOTHING && mono_reached(now, s->deadline))
		on_deadline(s, now);
	action = s->action;
	s->action = SESSION_NOTHING;
	if (action == SESSION_NOTHING && s->disarmed && s->state != SESSION_PAUSED) {
		s->disarmed = false;
		action = SESSION_ARM;
	}
	return action;
}

struct mono session_deadline(const struct session *s)
{
	if (s->linked && s->state != SESSION_CLOSING)
		return sooner(s->deadline, mono_add(s->linked_at, SESSION_LONGEST_MS));
	return s->deadline;
}

bool session_clock_settled(const struct session *s)
{
	return s->settled || s->state == SESSION_CLOSING;
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
	case SESSION_CLOCK_READ: return "clock-read";
	case SESSION_HISTORY: return "history";
	case SESSION_CLOCK_SET: return "clock-set";
	case SESSION_CLOCK_CHECK: return "clock-check";
	case SESSION_LISTEN: return "listen";
	case SESSION_CLOSING: return "closing";
	case SESSION_PAUSED: return "paused";
	}
	return "?";
}
