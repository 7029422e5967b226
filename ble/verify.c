/*
 * verify.c - is this the bonded device's link? See verify.h.
 */
#include "ble/verify.h"

static struct verify_connection begin(struct mono from)
{
	return (struct verify_connection){ .from = from };
}

void verify_init(struct verify *v, enum link_strength minimum, bool strict_early)
{
	*v = (struct verify){ .minimum = minimum,
			      .strict_early = strict_early,
			      .now = begin(MONO_NEVER),
			      .past = begin(MONO_NEVER),
			      .waiting_since = MONO_NEVER };
}

static void wait_for_nothing(struct verify *v)
{
	v->outstanding = false;
	v->away = false;
	v->waiting_since = v->helper_up ? MONO_NEVER : v->waiting_since;
}

void verify_on_linked(struct verify *v, struct mono now)
{
	if (v->linked)
		return;
	v->linked = true;
	v->past = v->now;
	/* What came in this very millisecond may belong to the one before: it gets the lesser verdict. */
	v->now = begin(mono_add(now, 1));
	v->wanted = true;
}

void verify_on_gone(struct verify *v, struct mono now)
{
	(void)now;
	if (!v->linked)
		return;
	v->linked = false;
	wait_for_nothing(v); /* what is still answered may be about the next connection */
}

void verify_on_resolved(struct verify *v, bool resolved, struct mono now)
{
	(void)now;
	v->now.resolved |= resolved && v->linked;
}

void verify_on_helper(struct verify *v, bool up, struct mono now)
{
	if (up && !v->helper_up) {
		v->helper_up = true;
		wait_for_nothing(v);
		v->wanted = true;
	} else if (!up) {
		v->helper_up = false;
		v->outstanding = false;
		if (v->waiting_since.ms == MONO_NEVER.ms)
			v->waiting_since = now;
	}
}

void verify_on_value(struct verify *v, struct mono now)
{
	(void)now;
	v->wanted = true;
}

static enum verify_bond bond_of(const struct verify *v, const struct msg_link_facts *f)
{
	/* A record whose key is refused outright (debug) is told as no bond with a key size. */
	if (!f->bonded)
		return f->key_size ? VERIFY_BOND_REFUSED : VERIFY_BOND_UNSEEN;
	return f->key_size == VERIFY_KEY_SIZE && f->strength != LINK_UNKNOWN &&
			       f->strength >= v->minimum
		       ? VERIFY_BOND_GOOD
		       : VERIFY_BOND_REFUSED;
}

/* Invariant 2. A plain link that becomes encrypted stays the same connection. */
static bool is_another(const struct verify_connection *c, const struct msg_link_facts *f)
{
	return c->seen &&
	       (!f->linked || f->handle != c->handle || (c->encrypted && !f->encrypted));
}

static void look(struct verify *v, const struct msg_link_facts *f, struct mono now)
{
	struct verify_connection *c = &v->now;

	if (is_another(c, f)) {
		v->past = *c;
		*c = begin(mono_add(now, 1));
		c->resolved = v->past.resolved;
	}
	if (!f->linked)
		return;
	c->seen = true;
	c->handle = f->handle;
	if (!f->encrypted) {
		c->was_plain = true;
		c->plain_asked = v->asked_at;
	} else if (!c->encrypted) {
		c->encrypted = true;
		c->encrypted_at = now;
	} else if (mono_reached(v->asked_at,
				mono_add(c->encrypted_at, VERIFY_SETTLE_MS))) {
		c->confirmed = true;
		c->confirmed_asked = v->asked_at;
	}
}

void verify_on_facts(struct verify *v, const struct msg_link_facts *f, struct mono now)
{
	if (!v->outstanding || (uint16_t)f->cookie != v->cookie)
		return;
	wait_for_nothing(v);
	look(v, f, now);
	v->now.bond = bond_of(v, f);
	v->strength = f->bonded ? f->strength : LINK_UNKNOWN;
	v->key_size = f->bonded ? f->key_size : 0;
}

static bool is_good(const struct verify_connection *c)
{
	return c->confirmed && c->bond == VERIFY_BOND_GOOD && c->resolved;
}

/* When the next ask is due on a link, with hub-bondinfo there. */
static struct mono ask_at(const struct verify *v)
{
	if (v->outstanding)
		return mono_add(v->asked_at, VERIFY_ASK_AGAIN_MS);
	if (v->wanted)
		return mono_add(v->asked_at, VERIFY_ASK_LEAST_MS);
	if (v->now.bond == VERIFY_BOND_REFUSED || is_good(&v->now))
		return MONO_NEVER;
	return mono_add(v->asked_at,
			mono_since(v->asked_at, v->now.from) < VERIFY_EAGER_MS
				? VERIFY_ASK_MS
				: VERIFY_ASK_SLOW_MS);
}

static bool is_away(const struct verify *v, struct mono now)
{
	return v->waiting_since.ms != MONO_NEVER.ms &&
	       mono_since(now, v->waiting_since) >= VERIFY_AWAY_MS;
}

enum verify_action verify_next(struct verify *v, struct mono now)
{
	v->away = is_away(v, now);
	if (!v->linked || !v->helper_up || !mono_reached(now, ask_at(v)))
		return VERIFY_NOTHING;
	v->wanted = false;
	v->outstanding = true;
	v->cookie++;
	v->asked_at = now;
	if (v->waiting_since.ms == MONO_NEVER.ms)
		v->waiting_since = now;
	return VERIFY_ASK;
}

uint16_t verify_cookie(const struct verify *v)
{
	return v->cookie;
}

struct mono verify_deadline(const struct verify *v)
{
	struct mono ask = v->helper_up ? ask_at(v) : MONO_NEVER;
	struct mono away = MONO_NEVER;

	if (!v->linked)
		return MONO_NEVER;
	if (v->waiting_since.ms != MONO_NEVER.ms && !v->away)
		away = mono_add(v->waiting_since, VERIFY_AWAY_MS);
	return ask.ms < away.ms ? ask : away;
}

static const struct verify_connection *connection_of(const struct verify *v,
						     struct mono captured)
{
	if (mono_reached(captured, v->now.from))
		return &v->now;
	return mono_reached(captured, v->past.from) ? &v->past : NULL;
}

/* The link was plain when, or just before, a value came; and it was never anything else. */
static bool came_plain(const struct verify_connection *c, struct mono captured)
{
	return c->was_plain && !c->encrypted &&
	       mono_reached(mono_add(c->plain_asked, VERIFY_FRESH_MS), captured);
}

static bool came_early(const struct verify_connection *c, struct mono captured)
{
	return c->was_plain && mono_reached(c->plain_asked, captured);
}

enum verify_verdict verify_judge(const struct verify *v, struct mono captured,
				 struct mono now)
{
	const struct verify_connection *c = connection_of(v, captured);

	if (!c)
		return VERIFY_UNKNOWN;
	if (c->bond == VERIFY_BOND_REFUSED ||
	    (v->strict_early && came_early(c, captured)))
		return VERIFY_BAD;
	if (is_good(c) && mono_reached(c->confirmed_asked, captured))
		return VERIFY_GOOD;
	if (c == &v->now && v->linked) {
		if (is_away(v, now))
			return VERIFY_UNKNOWN;
		if (mono_since(now, captured) < VERIFY_PATIENCE_MS)
			return VERIFY_PENDING;
	}
	return came_plain(c, captured) ? VERIFY_BAD : VERIFY_UNKNOWN;
}

enum verify_verdict verify_link(const struct verify *v, struct mono now)
{
	const struct verify_connection *c = &v->now;

	if (!v->linked)
		return VERIFY_UNKNOWN;
	if (c->bond == VERIFY_BOND_REFUSED)
		return VERIFY_BAD;
	if (is_good(c))
		return VERIFY_GOOD;
	if (is_away(v, now))
		return VERIFY_UNKNOWN;
	if (mono_since(now, c->from) < VERIFY_PATIENCE_MS)
		return VERIFY_PENDING;
	return c->was_plain && !c->encrypted ? VERIFY_BAD : VERIFY_UNKNOWN;
}

bool verify_is_refused(const struct verify *v)
{
	return v->linked && v->now.bond == VERIFY_BOND_REFUSED;
}

enum link_strength verify_strength(const struct verify *v)
{
	return v->strength;
}

uint8_t verify_key_size(const struct verify *v)
{
	return v->key_size;
}
