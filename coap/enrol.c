/*
 * enrol.c - see enrol.h.
 *
 *   FACTORY -trust-> TRUSTED -key kept-> ENROLLING -certificate kept-> CONFIRMING -confirmed-> ACTIVE
 *   any -reset-> FACTORY
 *
 * The state is what is on disk (enrol_state), so that a kill at any moment changes nothing but the waits. A renewal
 * goes the same way beside ACTIVE, with 'next' for key and certificate, and ends in the same promotion.
 *
 * The emergency identity's machine is another one of these: ACTIVE always, or idle, with renewals of its own.
 *
 * Invariants
 *   1. Durable first, then sent: a request is sent for a key that is kept, a confirmation for a certificate that is.
 *   2. The credential in use stays in use until the clinic has confirmed the next one, on the next one.
 *   3. A key that has had a certificate is given up for a confirmed one only: the clinic may have switched to it
 *      although its answer was lost. What is refused is asked for again with the same request, and the clinic says
 *      the same.
 *   4. No epoch is begun twice: an enrolment begins one above all that were in use, or a later one that the clinic
 *      names; a renewal goes on in the one in use.
 *   5. No answer and no date takes a credential from the uplink. Only promotion and reset say ENROL_USE.
 *   6. An answer counts for the request that is awaited, and once.
 */
#include "coap/enrol.h"

#include <errno.h>

/* --- waits ---------------------------------------------------------------------------------------- */

static uint64_t doubled(uint64_t min, uint64_t max, unsigned times)
{
	uint64_t ms = min;

	while (times-- > 0 && ms < max)
		ms *= 2;
	return ms < max ? ms : max;
}

/* Half of it to one and a half. */
static void pause_for(struct enrol *e, uint64_t ms)
{
	e->draw = true;
	e->pause_ms = ms / 2;
	e->jitter_ms = ms;
}

static void pause_failed(struct enrol *e)
{
	pause_for(e, doubled(ENROL_PAUSE_MIN_MS, ENROL_PAUSE_MAX_MS, e->failures));
	e->failures++;
}

static void pause_refused(struct enrol *e)
{
	pause_for(e, doubled(ENROL_REFUSED_MIN_MS, ENROL_REFUSED_MAX_MS, e->failures));
	e->failures++;
}

/* As the clinic says and a fifth, never less than it says. */
static void pause_later(struct enrol *e, uint32_t max_age_s)
{
	uint64_t ms = max_age_s < 1		      ? 1000u
		      : max_age_s > ENROL_LATER_MAX_S ? ENROL_LATER_MAX_S * 1000u
						      : max_age_s * 1000u;

	e->draw = true;
	e->pause_ms = ms;
	e->jitter_ms = ms / 5;
}

static void draw_wait(struct enrol *e, uint32_t dice, struct mono now)
{
	if (!e->draw)
		return;
	e->draw = false;
	e->wait_until = mono_add(now, e->pause_ms + (e->jitter_ms * dice >> 32));
}

/* --- events --------------------------------------------------------------------------------------- */

void enrol_init(struct enrol *e, const struct enrol_kept *kept, uint32_t dice)
{
	*e = (struct enrol){ .kept = *kept, .spread = dice };
	pause_for(e, ENROL_PAUSE_MIN_MS);
}

void enrol_init_emergency(struct enrol *e, const struct enrol_kept *kept, uint32_t dice)
{
	enrol_init(e, kept, dice);
	e->emergency = true;
}

enum enrol_state enrol_state(const struct enrol *e)
{
	const struct enrol_kept *k = &e->kept;

	if (k->has_current)
		return ENROL_ACTIVE;
	if (k->has_next)
		return ENROL_CONFIRMING;
	if (k->has_key)
		return ENROL_ENROLLING;
	return k->trusted ? ENROL_TRUSTED : ENROL_FACTORY;
}

struct enrol_kept enrol_kept(const struct enrol *e)
{
	return e->kept;
}

/* The conversation begins from its first question. */
static void start_over(struct enrol *e)
{
	e->asked = ENROL_ASK_NOTHING;
	e->rooted = e->claimed = e->again = e->door = false;
	e->refusals = 0;
}

int enrol_on_trust(struct enrol *e)
{
	if (enrol_state(e) == ENROL_ACTIVE && !e->kept.trusted &&
	    e->todo == ENROL_NOTHING) {
		e->kept.trusted = true;
		return 0;
	}
	if (enrol_state(e) != ENROL_FACTORY || e->todo != ENROL_NOTHING)
		return -EACCES;
	e->todo = ENROL_KEEP_TRUST;
	return 0;
}

void enrol_on_reset(struct enrol *e)
{
	start_over(e);
	e->todo = ENROL_FORGET;
	e->storing = ENROL_NOTHING;
	e->draw = false;
	e->wait_until = (struct mono){ 0 };
}

void enrol_on_person(struct enrol *e)
{
	e->kept.tries = 0;
	e->failures = 0;
	e->called = e->call_due = e->paused = e->draw = false;
	e->wait_until = (struct mono){ 0 };
}

void enrol_on_due(struct enrol *e, bool due)
{
	if (due && !e->due && e->asked == ENROL_ASK_NOTHING && !e->kept.has_key) {
		e->failures = 0;
		e->draw = false;
		e->wait_until = (struct mono){ 0 };
	}
	e->due = due;
}

void enrol_on_sealed(struct enrol *e, bool sealed)
{
	if (sealed && !e->sealed && !(e->emergency && e->asked == ENROL_ASK_CONFIRM))
		start_over(e);
	e->sealed = sealed;
}

void enrol_on_route(struct enrol *e)
{
	if (e->asked != ENROL_ASK_NOTHING || e->paused)
		return;
	e->failures = 0;
	e->draw = true;
	e->pause_ms = 0;
	e->jitter_ms = ENROL_ROUTE_JITTER_MS;
}

void enrol_on_uplink(struct enrol *e, bool refused, struct mono now)
{
	if (refused && !e->refused)
		e->refused_since = now;
	e->refused = refused;
	e->doubt = refused && mono_since(now, e->refused_since) >= ENROL_DOUBT_MS;
}

static void apply_certificate(struct enrol *e, struct mono now)
{
	e->kept.has_next = true;
	e->kept.next = e->came;
	e->kept.next_epoch = e->epoch;
	e->kept.next_renewal = e->renewal;
	e->has_confirm_until = true;
	e->confirm_until = mono_add(now, ENROL_ISSUED_MS);
	e->doomed = false;
	start_over(e);
}

static void apply_promotion(struct enrol *e)
{
	struct enrol_kept *k = &e->kept;

	k->epoch = e->epoch > k->epoch ? e->epoch : k->epoch;
	k->has_current = true;
	k->current_epoch = k->next_epoch;
	k->current = k->next;
	k->has_key = k->has_next = k->has_ticket = false;
	k->tries = 0;
	e->has_confirm_until = e->called = e->refused = e->doubt = e->doomed = false;
	e->due = false;
	e->use_due = true;
	start_over(e);
}

/* What is on disk now that it was kept. */
static void apply(struct enrol *e, enum enrol_do what, struct mono now)
{
	struct enrol_kept *k = &e->kept;

	switch (what) {
	case ENROL_KEEP_TRUST: k->trusted = true; break;
	case ENROL_MAKE_KEY:
		k->has_key = true;
		k->has_next = e->wrong_key = e->doomed = false;
		k->next_epoch = e->epoch;
		k->next_renewal = e->renewal;
		k->tries++;
		break;
	case ENROL_KEEP_CERT: apply_certificate(e, now); break;
	case ENROL_KEEP_EPOCH:
		k->next_epoch = e->epoch;
		start_over(e);
		break;
	case ENROL_PROMOTE: apply_promotion(e); break;
	case ENROL_FORGET:
		*k = (struct enrol_kept){ .epoch = k->epoch };
		e->has_confirm_until = e->wrong_key = e->doomed = e->refused = e->doubt =
			false;
		e->called = e->call_due = e->paused = false;
		e->use_due = true;
		break;
	case ENROL_NOTHING:
	case ENROL_SEND:
	case ENROL_USE:
	case ENROL_CALL: break;
	}
}

void enrol_on_stored(struct enrol *e, bool ok, struct mono now)
{
	enum enrol_do what = e->storing;

	if (what == ENROL_NOTHING)
		return;
	e->storing = ENROL_NOTHING;
	if (!ok) {
		pause_failed(e);
		return;
	}
	e->todo = ENROL_NOTHING;
	/* whoever grants the same again and again is not to wear out the card */
	if (what != ENROL_KEEP_EPOCH && !(what == ENROL_KEEP_CERT && e->kept.has_next))
		e->failures = 0;
	apply(e, what, now);
}

/* A renewal goes on in the epoch in use. The door for new hubs begins one, if the key was not made for one already. */
static void keep_certificate(struct enrol *e, bool renewal,
			     const struct enrol_validity *validity)
{
	const struct enrol_kept *k = &e->kept;

	e->came = *validity;
	e->renewal = renewal;
	e->epoch = renewal	     ? k->current_epoch
		   : k->next_renewal ? k->epoch + 1
				     : k->next_epoch;
	e->todo = ENROL_KEEP_CERT;
}

static void on_granted(struct enrol *e, enum enrol_request asked,
		       const struct enrol_answer *a)
{
	switch (asked) {
	case ENROL_ASK_NOTHING: break;
	case ENROL_ASK_ROOT: e->rooted = true; break;
	case ENROL_ASK_CLAIM: e->claimed = true; break;
	case ENROL_ASK_FIRST: keep_certificate(e, false, &a->validity); break;
	case ENROL_ASK_RENEWAL:
	case ENROL_ASK_EMERGENCY: keep_certificate(e, true, &a->validity); break;
	case ENROL_ASK_CONFIRM:
		e->epoch = e->kept.next_epoch;
		e->todo = ENROL_PROMOTE;
		break;
	}
}

/*
 * Nothing is given up for it, but it may be asked in another way: a confirmation for its certificate once more, a renewal
 * at the door for new hubs; then from the beginning.
 */
static void on_refused(struct enrol *e, enum enrol_request asked)
{
	bool renewal = e->kept.has_current && !e->door;
	bool enough;

	e->refusals += e->refusals < ENROL_REFUSALS;
	enough = e->refusals == ENROL_REFUSALS;
	pause_refused(e);
	if (asked == ENROL_ASK_CLAIM) {
		/* somebody may have scanned the label: the next try is without it, the one after that with it again */
		e->claimed = true;
		return;
	}
	if (asked != ENROL_ASK_CONFIRM && !renewal)
		e->claimed = false;
	if (asked == ENROL_ASK_CONFIRM && e->sealed) {
		/* nothing else can be asked: the clinic may be using it, and take it back into favour */
	} else if (asked == ENROL_ASK_CONFIRM && e->doomed) {
		e->wrong_key = true;
	} else if (asked == ENROL_ASK_CONFIRM) {
		e->again = enough;
		e->refusals = enough ? 0 : e->refusals;
	} else if (renewal && enough && e->doubt) {
		e->door = true;
		e->rooted = false;
		e->refusals = 0;
	} else if (!renewal && (e->door || e->again)) {
		start_over(e);
	}
}

/*
 * The clinic takes no request for this key, or answers for another one. Without a certificate it is done with. With one
 * the clinic may be using it, and then a confirmation will not be refused: that is asked first.
 */
static void on_wrong(struct enrol *e, enum enrol_request asked)
{
	bool about_key = asked == ENROL_ASK_FIRST || asked == ENROL_ASK_RENEWAL ||
			 asked == ENROL_ASK_EMERGENCY;

	pause_refused(e);
	start_over(e);
	e->claimed = asked == ENROL_ASK_CLAIM;
	e->wrong_key = about_key && !e->kept.has_next;
	e->doomed = about_key && e->kept.has_next;
}

/*
 * The clinic knows of a later life than we do, as after another card was put in; or it means the key for something else
 * than we do. An epoch that was lived in is taken for a renewal only, which goes on in it.
 */
static void on_stale(struct enrol *e, enum enrol_request asked, uint32_t epoch)
{
	const struct enrol_kept *k = &e->kept;
	bool same_life = k->next_renewal && epoch == k->epoch;

	if (asked != ENROL_ASK_CONFIRM || (epoch <= k->epoch && !same_life)) {
		on_refused(e, asked);
		return;
	}
	pause_refused(e);
	e->epoch = epoch;
	e->todo = ENROL_KEEP_EPOCH;
}

void enrol_on_answer(struct enrol *e, uint32_t number, const struct enrol_answer *a)
{
	enum enrol_request asked = e->asked;

	if (asked == ENROL_ASK_NOTHING || number != e->number)
		return;
	e->asked = ENROL_ASK_NOTHING;
	switch (a->result) {
	case ENROL_GONE:
		e->rooted = false;
		if (e->again) /* the other end may be there */
			start_over(e);
		pause_failed(e);
		break;
	case ENROL_GRANTED: on_granted(e, asked, a); break;
	case ENROL_LATER: pause_later(e, a->max_age_s); break;
	case ENROL_REFUSED: on_refused(e, asked); break;
	case ENROL_STALE: on_stale(e, asked, a->epoch); break;
	case ENROL_WRONG: on_wrong(e, asked); break;
	}
}

/* --- what to do ----------------------------------------------------------------------------------- */

int64_t enrol_renewal_ms(const struct enrol_validity *v, uint32_t spread)
{
	int64_t life = v->end_ms - v->begin_ms;

	return v->begin_ms + life / 3 * 2 + (life / 16 / 1024) * (int64_t)(spread >> 22);
}

static bool renewal_is_due(const struct enrol *e, int64_t floor_ms)
{
	const struct enrol_validity *v = &e->kept.current;

	if (e->doubt || e->due)
		return true;
	return floor_ms > 0 && v->end_ms > v->begin_ms &&
	       floor_ms >= enrol_renewal_ms(v, e->spread);
}

/* A new key, unless there were too many. With a credential in use a day is waited, else for a person. */
static void want_key(struct enrol *e)
{
	struct enrol_kept *k = &e->kept;

	if (k->tries >= ENROL_TRIES && e->paused) {
		e->paused = false;
		k->tries = 0;
	}
	if (k->tries < ENROL_TRIES) {
		e->renewal = k->has_current;
		e->epoch = e->renewal ? k->current_epoch : k->epoch + 1;
		e->todo = ENROL_MAKE_KEY;
		return;
	}
	if (!e->called)
		e->call_due = e->called = true;
	if (k->has_current) {
		e->paused = true;
		pause_for(e, ENROL_DAY_MS);
	}
}

/* Of a key that is kept: how to get its certificate, or to have that confirmed. */
static enum enrol_request question(struct enrol *e, struct mono now)
{
	const struct enrol_kept *k = &e->kept;

	if (k->has_next && e->has_confirm_until && !e->sealed &&
	    mono_reached(now, e->confirm_until)) {
		e->has_confirm_until = false;
		start_over(e);
		e->again = true;
	}
	if (k->has_next && !e->again)
		return ENROL_ASK_CONFIRM;
	if (k->has_ticket && !e->claimed)
		return ENROL_ASK_CLAIM;
	if (!e->rooted)
		return ENROL_ASK_ROOT;
	if (e->emergency)
		return ENROL_ASK_EMERGENCY;
	return k->has_current && !e->door ? ENROL_ASK_RENEWAL : ENROL_ASK_FIRST;
}

static bool by_bootstrap(const struct enrol *e)
{
	return !e->kept.has_current || e->door;
}

static bool ask(struct enrol *e, struct mono now, struct enrol_action *ret)
{
	e->asked = question(e, now);
	e->number++;
	e->answer_by = mono_add(now, ENROL_ANSWER_MS);
	*ret = (struct enrol_action){ .what = ENROL_SEND,
				      .request = e->asked,
				      .emergency = e->emergency,
				      .bootstrap = by_bootstrap(e),
				      .number = e->number,
				      .epoch = e->kept.next_epoch };
	return true;
}

static bool keep(struct enrol *e, struct enrol_action *ret)
{
	e->storing = e->todo;
	*ret = (struct enrol_action){ .what = e->todo,
				      .emergency = e->emergency,
				      .renewal = e->renewal,
				      .epoch = e->epoch,
				      .tries = (uint8_t)(e->kept.tries + 1) };
	return true;
}

static bool tell(struct enrol *e, struct enrol_action *ret)
{
	*ret = (struct enrol_action){ .what = e->use_due ? ENROL_USE : ENROL_CALL,
				      .emergency = e->emergency };
	if (e->use_due)
		e->use_due = false;
	else
		e->call_due = false;
	return true;
}

/* Is there anything to ask the clinic for? */
static bool is_busy(const struct enrol *e, int64_t floor_ms)
{
	const struct enrol_kept *k = &e->kept;

	if (e->emergency && !k->has_current)
		return false;
	if (e->sealed && !(e->emergency && k->has_next && !e->again && !e->wrong_key))
		return false;
	return k->trusted &&
	       (!k->has_current || k->has_key || renewal_is_due(e, floor_ms));
}

/* Nothing of it can be kept or asked. */
static bool is_shut(const struct enrol *e)
{
	return e->sealed && !e->emergency;
}

bool enrol_next(struct enrol *e, uint32_t dice, int64_t floor_ms, struct mono now,
		struct enrol_action *ret)
{
	const struct enrol_answer none = { .result = ENROL_GONE };

	if (e->use_due || e->call_due)
		return tell(e, ret);
	if (is_shut(e))
		return false;
	if (e->storing != ENROL_NOTHING)
		return false;
	if (e->asked != ENROL_ASK_NOTHING && mono_reached(now, e->answer_by))
		enrol_on_answer(e, e->number, &none);
	draw_wait(e, dice, now);
	if (e->asked != ENROL_ASK_NOTHING || !mono_reached(now, e->wait_until))
		return false;
	if (e->todo == ENROL_NOTHING && is_busy(e, floor_ms)) {
		if (e->kept.has_key && !e->wrong_key)
			return ask(e, now, ret);
		want_key(e);
		draw_wait(e, dice, now);
	}
	if (e->todo != ENROL_NOTHING)
		return keep(e, ret);
	return e->call_due && tell(e, ret);
}

/* Nothing to wait for but news. */
static bool is_stuck(const struct enrol *e)
{
	const struct enrol_kept *k = &e->kept;

	return !k->trusted || (e->emergency && !k->has_current) ||
	       (!k->has_current && (!k->has_key || e->wrong_key) &&
		k->tries >= ENROL_TRIES);
}

/* At least once in ENROL_LOOK_PARTS of the life of the certificate in use. */
static uint64_t look_ms(const struct enrol_kept *k)
{
	int64_t part = (k->current.end_ms - k->current.begin_ms) / ENROL_LOOK_PARTS;

	return !k->has_current || part <= 0 || part > ENROL_LOOK_MS ? ENROL_LOOK_MS
	       : part < 1000					    ? 1000
								    : (uint64_t)part;
}

struct mono enrol_deadline(const struct enrol *e, struct mono now)
{
	if (e->use_due || e->call_due)
		return now;
	if (is_shut(e))
		return MONO_NEVER;
	if (e->draw)
		return now;
	if (e->storing != ENROL_NOTHING)
		return MONO_NEVER;
	if (e->asked != ENROL_ASK_NOTHING)
		return e->answer_by;
	if (!mono_reached(now, e->wait_until))
		return e->wait_until;
	if (e->todo != ENROL_NOTHING)
		return now;
	return is_stuck(e) ? MONO_NEVER : mono_add(now, look_ms(&e->kept));
}
