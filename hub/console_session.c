/*
 * console_session.c - see console_session.h.
 *
 *   closed -> open     a good token, in session_on_grant
 *   open -> open       the technician's own signature under a token that is alive, in session_on_grant: another SESSION_MS
 *   open -> waits      a verb that changes something, in session_may; -> open in session_on_button, session_button_over
 *   open -> closed     logout, cable, idle, SESSION_MS, the end of the token, level 4: in close_session
 *
 * Invariants
 *   1. At most one session, of one person; another one's token does not take it over.
 *   2. The technician's own signature alone opens nothing that somebody else has not granted.
 *   3. A session lasts SESSION_MS and the token's life at most, whatever is typed.
 *   4. What is wrong closes no session and touches nothing here.
 *   5. Without a button on the hub a verb that wants one takes two signatures.
 *   6. A verb that hubd does not do is at no level.
 */
#include "hub/console_session.h"

enum { LEVEL_RETIRED = 4, VOICE_LEVEL_LAST = 2 };

void session_init(struct console_session *s, bool has_button, uint32_t offered)
{
	*s = (struct console_session){ .has_button = has_button, .offered = offered };
}

static void close_session(struct console_session *s)
{
	s->open = s->waits = false;
}

enum console_end session_on_cable(struct console_session *s, bool there, bool senses)
{
	bool ends = s->open && !there;

	s->there = there;
	s->senses = senses;
	if (!ends)
		return CONSOLE_END_NONE;
	close_session(s);
	return CONSOLE_END_CABLE;
}

/* --- wrong tokens --------------------------------------------------------------------- */

void session_on_wrong(struct console_session *s, struct mono now)
{
	if (s->untold++ == 0)
		s->untold_since = now;
}

uint32_t session_tell_wrong(struct console_session *s, struct mono now)
{
	uint32_t n = s->untold;

	if (n == 0 || mono_since(now, s->untold_since) < SESSION_TELL_MS)
		return 0;
	s->untold = 0;
	return n;
}

/* --- the session ------------------------------------------------------------------------ */

static bool is_alive(const struct console_session *s, struct mono now)
{
	return s->granted && !mono_reached(now, s->granted_until);
}

static void open_session(struct console_session *s, struct mono now)
{
	s->open = true;
	s->waits = false;
	s->opened = s->touched = now;
}

enum console_why session_on_grant(struct console_session *s,
				  const struct session_grant *g, struct mono now)
{
	bool same = s->granted && s->grant.technician == g->technician;

	if (s->open && !same)
		return CONSOLE_WHY_BUSY;
	if (g->own && !(is_alive(s, now) && same && g->technician != 0))
		return CONSOLE_WHY_ROLE;
	if (!g->own) {
		s->grant = *g;
		s->granted = true;
		s->granted_until = mono_add(now, (uint64_t)g->seconds * 1000);
	}
	open_session(s, now);
	return CONSOLE_WHY_NONE;
}

bool session_is_open(const struct console_session *s)
{
	return s->open;
}

uint64_t session_idle_ms(const struct console_session *s)
{
	return s->senses ? SESSION_IDLE_MS : SESSION_IDLE_BLIND_MS;
}

static struct mono earlier(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

static struct mono ends_at(const struct console_session *s)
{
	return earlier(mono_add(s->opened, SESSION_MS), s->granted_until);
}

uint64_t session_left_ms(const struct console_session *s, struct mono now)
{
	struct mono end = ends_at(s);

	return s->open && !mono_reached(now, end) ? end.ms - now.ms : 0;
}

bool session_logout(struct console_session *s)
{
	bool was = s->open;

	close_session(s);
	s->granted = false;
	return was;
}

enum console_end session_over(struct console_session *s, uint8_t level, struct mono now)
{
	enum console_end e = CONSOLE_END_NONE;

	if (!s->open)
		return CONSOLE_END_NONE;
	if (level >= LEVEL_RETIRED)
		e = CONSOLE_END_LEVEL;
	else if (mono_reached(now, ends_at(s)))
		e = CONSOLE_END_OVER;
	else if (mono_reached(now, mono_add(s->touched, session_idle_ms(s))))
		e = CONSOLE_END_IDLE;
	if (e != CONSOLE_END_NONE)
		close_session(s);
	return e;
}

/* --- verbs ------------------------------------------------------------------------------- */

/* How many signatures this verb takes here and now. */
static unsigned needs(const struct console_session *s, const struct verb_row *r,
		      uint8_t level)
{
	unsigned n = verb_signatures(r, level);

	return r->button && !s->has_button ? 2 : n;
}

enum console_why session_judge(const struct console_session *s, enum verb v,
			       uint8_t level, struct mono now)
{
	const struct verb_row *r = verb_row(v);
	unsigned n;

	if (!r || !(s->offered & VERB_BIT(v)))
		return CONSOLE_WHY_UNKNOWN;
	if (!verb_at(r, level))
		return CONSOLE_WHY_LEVEL;
	n = needs(s, r, level);
	if (n == 0)
		return CONSOLE_WHY_NONE;
	if (!s->open || mono_reached(now, ends_at(s)))
		return CONSOLE_WHY_LOGIN;
	if (!(s->grant.verbs & VERB_BIT(v)))
		return CONSOLE_WHY_GRANT;
	if (s->grant.voice && (r->by != VERB_BY_VOICE || level > VOICE_LEVEL_LAST))
		return CONSOLE_WHY_GRANT;
	if (n > s->grant.signatures)
		return CONSOLE_WHY_SECOND;
	return CONSOLE_WHY_NONE;
}

enum console_why session_may(struct console_session *s, enum verb v, uint8_t level,
			     struct mono now, bool *ret_button)
{
	const struct verb_row *r = verb_row(v);
	enum console_why why = session_judge(s, v, level, now);

	if (s->open)
		s->touched = now;
	if (s->waits)
		return CONSOLE_WHY_BUSY;
	if (why != CONSOLE_WHY_NONE)
		return why;
	*ret_button = r->button && s->has_button;
	s->waits = *ret_button;
	s->waits_until = mono_add(now, SESSION_BUTTON_MS);
	return CONSOLE_WHY_NONE;
}

bool session_lists(const struct console_session *s, enum verb v, uint8_t level,
		   struct mono now)
{
	return session_judge(s, v, level, now) == CONSOLE_WHY_NONE;
}

bool session_on_button(struct console_session *s, struct mono now)
{
	bool was = s->waits && !mono_reached(now, s->waits_until);

	if (was) {
		s->waits = false;
		s->touched = now;
	}
	return was;
}

bool session_button_over(struct console_session *s, struct mono now)
{
	if (!s->waits || !mono_reached(now, s->waits_until))
		return false;
	s->waits = false;
	return true;
}

struct mono session_deadline(const struct console_session *s)
{
	struct mono at = MONO_NEVER;

	if (s->open)
		at = earlier(ends_at(s), mono_add(s->touched, session_idle_ms(s)));
	if (s->waits)
		at = earlier(at, s->waits_until);
	if (s->untold)
		at = earlier(at, mono_add(s->untold_since, SESSION_TELL_MS));
	return at;
}
