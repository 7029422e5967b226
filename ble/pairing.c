/*
 * pairing.c - bonds with configured peripherals; see pairing.h for the diagram and the invariants.
 */
#include "ble/pairing.h"

#include <errno.h>
#include <string.h>

#include "ble/pairing_internal.h"

void pairing_enter(struct pairing *p, enum pairing_state state, struct mono deadline)
{
	p->state = state;
	p->deadline = deadline;
	p->outstanding = PAIRING_NOTHING;
}

struct pairing_device *pairing_current(struct pairing *p)
{
	return &p->devices[p->candidate];
}

bool pairing_is_on_device(enum pairing_state state)
{
	return state >= PAIRING_ADOPTING && state <= PAIRING_RELEASING;
}

bool pairing_is_wanted(const struct pairing *p, const struct pairing_device *d,
		       struct mono now)
{
	return pairing_needs(p, d) && !d->condemned && mono_reached(now, d->not_before);
}

static bool any_wanted(const struct pairing *p, struct mono now)
{
	for (size_t i = 0; i < p->count; i++)
		if (pairing_is_wanted(p, &p->devices[i], now))
			return true;
	return false;
}

static bool may_search(const struct pairing *p, struct mono now)
{
	return p->radio && !p->quiet && !p->abort && any_wanted(p, now);
}

void pairing_init(struct pairing *p)
{
	*p = (struct pairing){ .deadline = MONO_NEVER };
}

/* ---- the states ---- */

/* First wanted device that has an object; -1 if there is none. */
static int find_present(const struct pairing *p, struct mono now)
{
	for (size_t i = 0; i < p->count; i++)
		if (pairing_is_wanted(p, &p->devices[i], now) &&
		    p->devices[i].facts.present)
			return (int)i;
	return -1;
}

/* First device with a bond to be removed whoever ordered what; -1 if there is none. */
static int find_leftover(const struct pairing *p, struct mono now)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct pairing_device *d = &p->devices[i];
		bool left = d->condemned ||
			    (!d->finished && (d->facts.unfinished || d->adopted));

		if (left && mono_reached(now, d->remove_at))
			return (int)i;
	}
	return -1;
}

static int find_announce(const struct pairing *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->devices[i].announce)
			return (int)i;
	return -1;
}

static struct mono sooner(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

/* When a device may be tried again, or its bond be removed again. */
static struct mono next_try(const struct pairing *p, struct mono now)
{
	struct mono at = MONO_NEVER;

	for (size_t i = 0; i < p->count; i++) {
		const struct pairing_device *d = &p->devices[i];

		if (pairing_needs(p, d) && !mono_reached(now, d->not_before))
			at = sooner(at, d->not_before);
		if (!mono_reached(now, d->remove_at))
			at = sooner(at, d->remove_at);
	}
	return at;
}

/* The step functions: return the operation of a state,
 * or PAIRING_NOTHING after they moved on or to wait. */

static enum pairing_op step_idle(struct pairing *p, struct mono now)
{
	bool untidy = p->agent || p->searching || p->bondable;
	int i = find_announce(p);

	p->abort = false;
	p->deadline = next_try(p, now);
	if (i >= 0) {
		p->candidate = (size_t)i;
		return PAIRING_BONDED;
	}
	if (!p->radio)
		return PAIRING_NOTHING;
	i = find_leftover(p, now);
	if (i >= 0) {
		p->candidate = (size_t)i;
		pairing_enter(p, PAIRING_DISCARD, MONO_NEVER);
	} else if (untidy && mono_reached(now, p->tidy_at)) {
		p->tidy_at = mono_add(now, PAIRING_TIDY_MS);
		pairing_enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
	} else if (may_search(p, now)) {
		pairing_enter(p, PAIRING_AGENT, MONO_NEVER);
	} else if (untidy) {
		p->deadline = sooner(p->deadline, p->tidy_at);
	}
	return PAIRING_NOTHING;
}

static enum pairing_op step_agent(struct pairing *p)
{
	p->agent = true;
	return PAIRING_AGENT_ON;
}

static enum pairing_op step_bondable(struct pairing *p)
{
	if (!p->bondable)
		return PAIRING_BONDABLE_ON;
	pairing_enter(p, PAIRING_CLEANING, MONO_NEVER);
	return PAIRING_NOTHING;
}

static enum pairing_op step_cleaning(struct pairing *p, struct mono now)
{
	int i = find_present(p, now);

	if (i >= 0) {
		p->candidate = (size_t)i;
		return PAIRING_REMOVE;
	}
	for (size_t k = 0; k < p->count; k++)
		if (p->devices[k].forget && !p->devices[k].facts.present)
			/* it has no object, and so no bond */
			p->repair = p->devices[k].forget = false;
	pairing_enter(p, p->searching ? PAIRING_LOOKING : PAIRING_SEARCH, MONO_NEVER);
	return PAIRING_NOTHING;
}

static enum pairing_op step_search(struct pairing *p, struct mono now)
{
	for (size_t i = 0; i < p->count; i++)
		p->devices[i].heard = false;
	p->search_at = now;
	return PAIRING_SEARCH_ON;
}

/* The device whose only candidate had its time to be contradicted; -1 if there is none.
 * again: bluetoothd tells of who advertises once per search, so look anew. */
static int find_collected(const struct pairing *p, struct mono now, bool *ret_again)
{
	*ret_again = false;
	for (size_t i = 0; i < p->count; i++) {
		const struct pairing_device *d = &p->devices[i];

		if (d->has_addr || d->adopted || !pairing_is_wanted(p, d, now))
			continue;
		if (!d->heard)
			*ret_again |= d->not_before.ms > p->search_at.ms;
		else if (mono_since(now, d->heard_last) >= PAIRING_FRESH_MS)
			*ret_again = true;
		else if (mono_since(now, d->heard_first) >= PAIRING_COLLECT_MS)
			return (int)i;
	}
	return -1;
}

static struct mono collect_deadline(const struct pairing *p, struct mono now)
{
	struct mono at = next_try(p, now);

	for (size_t i = 0; i < p->count; i++)
		if (p->devices[i].heard && pairing_is_wanted(p, &p->devices[i], now))
			at = sooner(at, mono_add(p->devices[i].heard_first,
						 PAIRING_COLLECT_MS));
	return at;
}

static enum pairing_op step_looking(struct pairing *p, struct mono now)
{
	bool again;
	int i = find_present(p, now);
	int found = find_collected(p, now, &again);

	p->deadline = collect_deadline(p, now);
	p->retried = false;
	if (!may_search(p, now)) {
		pairing_enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
	} else if (i >= 0 && mono_since(now, p->devices[i].seen) < PAIRING_FRESH_MS) {
		p->candidate = (size_t)i;
		pairing_enter(p, PAIRING_FOUND, MONO_NEVER);
	} else if (i >= 0) {
		pairing_enter(p, PAIRING_CLEANING, MONO_NEVER);
	} else if (found >= 0) {
		p->candidate = (size_t)found;
		pairing_enter(p, PAIRING_ADOPTING, MONO_NEVER);
	} else if (again) {
		pairing_enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
	}
	return PAIRING_NOTHING;
}

static enum pairing_op step_adopting(struct pairing *p)
{
	pairing_current(p)->adopted = true;
	return PAIRING_ADOPT;
}

/* May the candidate be asked for a bond? Otherwise the attempt is over. */
static bool is_askable(struct pairing *p, struct mono now)
{
	/* Gone, or bonded by somebody else's doing: neither is a candidate any more. */
	if (pairing_current(p)->facts.present && !pairing_current(p)->facts.bonded)
		return true;
	pairing_fail(p, PAIRING_REASON_FAILED, now);
	return false;
}

static enum pairing_op step_connecting(struct pairing *p, struct mono now)
{
	if (!is_askable(p, now))
		return PAIRING_NOTHING;
	if (!p->bondable) /* it may ask for a bond by itself */
		return PAIRING_BONDABLE_ON;
	p->deadline = mono_add(now, PAIRING_CONNECT_MS);
	return PAIRING_CONNECT;
}

static enum pairing_op step_resolve(struct pairing *p, struct mono now)
{
	const struct pairing_device *d = pairing_current(p);

	if (d->facts.bonded)
		pairing_enter(p, PAIRING_CHECK, mono_add(now, PAIRING_CHECK_MS));
	else if (d->facts.resolved)
		pairing_enter(p, PAIRING_PAIR, MONO_NEVER);
	else if (mono_reached(now, p->deadline))
		pairing_fail_attempt(p, -ETIMEDOUT, now);
	return PAIRING_NOTHING;
}

static enum pairing_op step_pair(struct pairing *p, struct mono now)
{
	if (!is_askable(p, now))
		return PAIRING_NOTHING;
	if (!p->bondable)
		/* bluetoothd switches it off after PairableTimeout */
		return PAIRING_BONDABLE_ON;
	p->deadline = mono_add(now, PAIRING_PAIR_MS);
	return PAIRING_START;
}

static enum pairing_op step_check(struct pairing *p, struct mono now)
{
	const struct pairing_device *d = pairing_current(p);

	if (d->facts.paired && d->facts.bonded)
		pairing_enter(p, PAIRING_FACTS, MONO_NEVER);
	else if (mono_reached(now, p->deadline))
		pairing_fail(p, PAIRING_REASON_NOT_BONDED, now);
	return PAIRING_NOTHING;
}

static enum pairing_op step_facts(struct pairing *p, struct mono now)
{
	p->deadline = mono_add(now, PAIRING_FACTS_MS);
	return PAIRING_ASK_FACTS;
}

static enum pairing_op step_trust(struct pairing *p, struct mono now)
{
	if (pairing_current(p)->facts.bonded)
		return PAIRING_SET_TRUSTED;
	pairing_fail(p, PAIRING_REASON_NOT_BONDED, now); /* lost again meanwhile */
	return PAIRING_NOTHING;
}

static enum pairing_op step_retry(struct pairing *p, struct mono now)
{
	if (mono_reached(now, p->deadline))
		pairing_begin_attempt(p);
	return PAIRING_NOTHING;
}

static enum pairing_op step_discard(struct pairing *p)
{
	struct pairing_device *d = pairing_current(p);

	if (d->facts.present)
		return PAIRING_REMOVE;
	d->condemned = d->finished = d->announce = false;
	pairing_enter(p, d->adopted ? PAIRING_RELEASING : PAIRING_CLOSE_SEARCH,
		      MONO_NEVER);
	return PAIRING_NOTHING;
}

static enum pairing_op step_close(struct pairing *p, bool is_on, enum pairing_op off,
				  enum pairing_state next, struct mono now)
{
	if (p->tries && !mono_reached(now, p->deadline))
		return PAIRING_NOTHING;
	if (is_on)
		return off;
	p->tries = 0;
	pairing_enter(p, next, MONO_NEVER);
	return PAIRING_NOTHING;
}

static enum pairing_op step(struct pairing *p, struct mono now)
{
	switch (p->state) {
	case PAIRING_IDLE: return step_idle(p, now);
	case PAIRING_AGENT: return step_agent(p);
	case PAIRING_BONDABLE: return step_bondable(p);
	case PAIRING_CLEANING: return step_cleaning(p, now);
	case PAIRING_SEARCH: return step_search(p, now);
	case PAIRING_LOOKING: return step_looking(p, now);
	case PAIRING_ADOPTING: return step_adopting(p);
	case PAIRING_FOUND: return PAIRING_SEARCH_OFF;
	case PAIRING_CONNECTING: return step_connecting(p, now);
	case PAIRING_RESOLVE: return step_resolve(p, now);
	case PAIRING_PAIR: return step_pair(p, now);
	case PAIRING_RETRY: return step_retry(p, now);
	case PAIRING_CANCEL: return PAIRING_STOP;
	case PAIRING_CHECK: return step_check(p, now);
	case PAIRING_FACTS: return step_facts(p, now);
	case PAIRING_TRUST: return step_trust(p, now);
	case PAIRING_HANG_UP: return PAIRING_DISCONNECT;
	case PAIRING_DISCARD: return step_discard(p);
	case PAIRING_RELEASING: return PAIRING_RELEASE;
	case PAIRING_CLOSE_SEARCH:
		return step_close(p, p->searching, PAIRING_SEARCH_OFF,
				  PAIRING_CLOSE_BONDABLE, now);
	case PAIRING_CLOSE_BONDABLE:
		return step_close(p, p->bondable, PAIRING_BONDABLE_OFF,
				  PAIRING_CLOSE_AGENT, now);
	case PAIRING_CLOSE_AGENT:
		return step_close(p, p->agent, PAIRING_AGENT_OFF, PAIRING_IDLE, now);
	}
	return PAIRING_NOTHING;
}

/* The window of what is under way is over: undo what is not trusted, and close. */
static void obey_abort(struct pairing *p)
{
	if (!p->abort || p->state == PAIRING_CANCEL)
		return;
	if (p->state >= PAIRING_ADOPTING && p->state <= PAIRING_TRUST)
		pairing_discard(p);
	else if (p->state >= PAIRING_AGENT && p->state <= PAIRING_LOOKING)
		pairing_enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
}

/* Operations that may last: give up what took too long, or is not wanted any more. */
static void give_up(struct pairing *p, struct mono now)
{
	if (!p->abort && !mono_reached(now, p->deadline))
		return;
	if (p->outstanding == PAIRING_START)
		pairing_enter(p, PAIRING_CANCEL, MONO_NEVER);
	else if (p->outstanding == PAIRING_CONNECT)
		pairing_fail_attempt(p, -ETIMEDOUT, now);
	else if (p->outstanding == PAIRING_ASK_FACTS)
		pairing_judge(p, false, LINK_UNKNOWN, 0, now);
}

static struct pairing_action action_of(struct pairing *p)
{
	struct pairing_action a = { .op = p->outstanding, .device = p->candidate };

	if (a.op == PAIRING_ADOPT) {
		memcpy(a.addr, pairing_current(p)->addr, PERIPHERAL_ADDR_LEN);
		a.addr_type = pairing_current(p)->addr_type;
	}
	return a;
}

struct pairing_action pairing_next(struct pairing *p, struct mono now)
{
	enum pairing_state before;

	if (p->open && mono_reached(now, p->window_end))
		pairing_end_time(p);
	give_up(p, now);
	if (p->outstanding != PAIRING_NOTHING)
		return (struct pairing_action){ 0 };
	do {
		obey_abort(p);
		before = p->state;
		p->outstanding = step(p, now);
	} while (p->outstanding == PAIRING_NOTHING && p->state != before);
	return action_of(p);
}

struct mono pairing_deadline(const struct pairing *p)
{
	struct mono at = p->radio ? p->deadline : MONO_NEVER;

	return p->open ? sooner(at, p->window_end) : at;
}

bool pairing_is_busy_with(const struct pairing *p, size_t device)
{
	const struct pairing_device *d;

	if (device >= p->count)
		return false;
	d = &p->devices[device];
	if (pairing_is_on_device(p->state) && device == p->candidate)
		return true;
	return d->condemned || d->forget ||
	       (!d->finished && (d->facts.unfinished || d->adopted));
}
