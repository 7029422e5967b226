/*
 * pairing.c - bonds with configured peripherals; see pairing.h for the diagram and the invariants.
 */
#include "ble/pairing.h"

#include <errno.h>

static void enter(struct pairing *p, enum pairing_state state, struct mono deadline)
{
	p->state = state;
	p->deadline = deadline;
	p->outstanding = PAIRING_NOTHING;
}

static struct pairing_device *candidate(struct pairing *p)
{
	return &p->devices[p->candidate];
}

/* A device that has no bond and whose back-off is over. */
static bool is_wanted(const struct pairing_device *d, struct mono now)
{
	return !d->facts.bonded && mono_reached(now, d->not_before);
}

static bool any_wanted(const struct pairing *p, struct mono now)
{
	for (size_t i = 0; i < p->count; i++)
		if (is_wanted(&p->devices[i], now))
			return true;
	return false;
}

static bool may_search(const struct pairing *p, struct mono now)
{
	return p->radio && !p->quiet && any_wanted(p, now);
}

void pairing_init(struct pairing *p)
{
	*p = (struct pairing){ .deadline = MONO_NEVER };
}

/* A search or a Pair under way is closed by the next
 * pairing_next: its device may be gone from the list. */
static bool is_on_device(enum pairing_state state)
{
	return state >= PAIRING_FOUND && state <= PAIRING_DISCARD;
}

void pairing_set_devices(struct pairing *p, const struct config_device *devices,
			 size_t count)
{
	p->count = count;
	for (size_t i = 0; i < count; i++)
		p->devices[i] = (struct pairing_device){ .passkey = devices[i].passkey };
	if (is_on_device(p->state))
		enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
	else if (p->state == PAIRING_LOOKING)
		enter(p, PAIRING_CLEANING, MONO_NEVER);
}

void pairing_on_facts(struct pairing *p, size_t device, struct pairing_facts facts,
		      struct mono now)
{
	struct pairing_device *d = &p->devices[device];

	if (device >= p->count)
		return;
	if (facts.present && !d->facts.present)
		d->seen = now;
	d->facts = facts;
}

void pairing_on_radio(struct pairing *p, bool on)
{
	if (!on) {
		enter(p, PAIRING_IDLE, MONO_NEVER);
		p->searching = false;
	}
	p->radio = on;
}

void pairing_on_bondable(struct pairing *p, bool bondable)
{
	p->bondable = bondable;
}

void pairing_on_quiet(struct pairing *p, bool quiet)
{
	p->quiet = quiet;
}

static void fail(struct pairing *p, enum pairing_reason reason, struct mono now)
{
	struct pairing_device *d = candidate(p);
	uint64_t wait = PAIRING_BACKOFF_MIN_MS;

	for (unsigned i = 0; i < d->failures && wait < PAIRING_BACKOFF_MAX_MS; i++)
		wait *= 2;
	if (wait > PAIRING_BACKOFF_MAX_MS)
		wait = PAIRING_BACKOFF_MAX_MS;
	d->failures++;
	d->reason = reason;
	d->not_before = mono_add(now, wait);
	enter(p, PAIRING_DISCARD, MONO_NEVER);
}

static void on_paired(struct pairing *p, int err, struct mono now)
{
	if (err == 0 || err == -EEXIST) {
		enter(p, PAIRING_CHECK, mono_add(now, PAIRING_CHECK_MS));
	} else if (p->passkey_missing) {
		fail(p, PAIRING_REASON_NO_PASSKEY,
		     now); /* asking again changes nothing */
	} else if (!p->retried) {
		p->retried = true;
		enter(p, PAIRING_RETRY, mono_add(now, PAIRING_RETRY_MS));
	} else {
		fail(p,
		     err == -EKEYREJECTED || err == -EACCES ? PAIRING_REASON_REJECTED
							    : PAIRING_REASON_FAILED,
		     now);
	}
}

static void on_trusted(struct pairing *p, int err, struct mono now)
{
	struct pairing_device *d = candidate(p);

	if (err) {
		fail(p, PAIRING_REASON_FAILED, now);
		return;
	}
	d->failures = 0;
	d->reason = PAIRING_REASON_NONE;
	enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
}

/* The agent or the search could not be had: try again later, for all devices. */
static void on_no_search(struct pairing *p, struct mono now)
{
	for (size_t i = 0; i < p->count; i++)
		if (is_wanted(&p->devices[i], now))
			p->devices[i].not_before = mono_add(now, PAIRING_BACKOFF_MIN_MS);
	enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
}

void pairing_on_done(struct pairing *p, enum pairing_op op, int err, struct mono now)
{
	if (op == PAIRING_NOTHING || op != p->outstanding)
		return; /* answer to something we have given up */
	p->outstanding = PAIRING_NOTHING;
	switch (op) {
	case PAIRING_NOTHING: break;
	case PAIRING_AGENT_ON:
		if (err)
			on_no_search(p, now);
		else
			enter(p, PAIRING_BONDABLE, MONO_NEVER);
		break;
	case PAIRING_BONDABLE_ON:
		if (err)
			on_no_search(p, now);
		else
			p->bondable = true;
		break;
	case PAIRING_REMOVE:
		candidate(p)->facts.present = false;
		if (p->state == PAIRING_DISCARD)
			enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
		break;
	case PAIRING_SEARCH_ON:
		p->searching = err == 0;
		if (err)
			on_no_search(p, now);
		else
			enter(p, PAIRING_LOOKING, MONO_NEVER);
		break;
	case PAIRING_SEARCH_OFF:
		p->searching = false; /* an error means that there was none */
		if (p->state == PAIRING_FOUND)
			enter(p, PAIRING_PAIR, MONO_NEVER);
		else
			enter(p, PAIRING_CLOSE_BONDABLE, MONO_NEVER);
		break;
	case PAIRING_START: on_paired(p, err, now); break;
	case PAIRING_STOP: fail(p, PAIRING_REASON_TIMEOUT, now); break;
	case PAIRING_SET_TRUSTED: on_trusted(p, err, now); break;
	case PAIRING_BONDABLE_OFF: enter(p, PAIRING_CLOSE_AGENT, MONO_NEVER); break;
	case PAIRING_AGENT_OFF: enter(p, PAIRING_IDLE, MONO_NEVER); break;
	}
}

int pairing_on_passkey(struct pairing *p, size_t device, uint32_t *ret_passkey)
{
	const struct pairing_device *d = candidate(p);

	if (p->outstanding != PAIRING_START || device != p->candidate || p->asked)
		return -EACCES;
	p->asked = true;
	p->passkey_missing = d->passkey == CONFIG_NO_PASSKEY;
	if (p->passkey_missing)
		return -EACCES;
	*ret_passkey = d->passkey;
	return 0;
}

/* First wanted device that has an object; -1 if there is none. */
static int find_present(const struct pairing *p, struct mono now)
{
	for (size_t i = 0; i < p->count; i++)
		if (is_wanted(&p->devices[i], now) && p->devices[i].facts.present)
			return (int)i;
	return -1;
}

/* When the next back-off ends. */
static struct mono next_try(const struct pairing *p, struct mono now)
{
	struct mono at = MONO_NEVER;

	for (size_t i = 0; i < p->count; i++) {
		const struct pairing_device *d = &p->devices[i];

		if (!d->facts.bonded && !mono_reached(now, d->not_before) &&
		    d->not_before.ms < at.ms)
			at = d->not_before;
	}
	return at;
}

/* The step functions: return the operation of a state,
 * or PAIRING_NOTHING after they moved on or to wait. */

static enum pairing_op step_idle(struct pairing *p, struct mono now)
{
	p->deadline = next_try(p, now);
	if (may_search(p, now))
		enter(p, PAIRING_AGENT, MONO_NEVER);
	return PAIRING_NOTHING;
}

static enum pairing_op step_bondable(struct pairing *p, struct mono now)
{
	(void)now;
	if (!p->bondable)
		return PAIRING_BONDABLE_ON;
	enter(p, PAIRING_CLEANING, MONO_NEVER);
	return PAIRING_NOTHING;
}

static enum pairing_op step_cleaning(struct pairing *p, struct mono now)
{
	int i = find_present(p, now);

	if (i < 0) {
		enter(p, p->searching ? PAIRING_LOOKING : PAIRING_SEARCH, MONO_NEVER);
		return PAIRING_NOTHING;
	}
	p->candidate = (size_t)i;
	return PAIRING_REMOVE;
}

static enum pairing_op step_looking(struct pairing *p, struct mono now)
{
	int i = find_present(p, now);

	p->deadline = next_try(p, now);
	if (!may_search(p, now)) {
		enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
	} else if (i >= 0 && mono_since(now, p->devices[i].seen) < PAIRING_FRESH_MS) {
		p->candidate = (size_t)i;
		p->retried = false;
		enter(p, PAIRING_FOUND, MONO_NEVER);
	} else if (i >= 0) {
		enter(p, PAIRING_CLEANING, MONO_NEVER);
	}
	return PAIRING_NOTHING;
}

static enum pairing_op step_pair(struct pairing *p, struct mono now)
{
	/* Gone, or bonded by somebody else's doing: neither is a candidate any more. */
	if (!candidate(p)->facts.present || candidate(p)->facts.bonded) {
		fail(p, PAIRING_REASON_FAILED, now);
		return PAIRING_NOTHING;
	}
	if (!p->bondable)
		/* bluetoothd switches it off after PairableTimeout */
		return PAIRING_BONDABLE_ON;
	p->asked = false;
	p->passkey_missing = false;
	p->deadline = mono_add(now, PAIRING_PAIR_MS);
	return PAIRING_START;
}

static enum pairing_op step_check(struct pairing *p, struct mono now)
{
	const struct pairing_device *d = candidate(p);

	if (!d->facts.paired || !d->facts.bonded) {
		if (mono_reached(now, p->deadline))
			fail(p, PAIRING_REASON_NOT_BONDED, now);
	} else if (d->passkey != CONFIG_NO_PASSKEY && !p->asked) {
		fail(p, PAIRING_REASON_WEAK, now);
	} else {
		enter(p, PAIRING_TRUST, MONO_NEVER);
	}
	return PAIRING_NOTHING;
}

static enum pairing_op step_retry(struct pairing *p, struct mono now)
{
	if (mono_reached(now, p->deadline))
		enter(p, PAIRING_PAIR, MONO_NEVER);
	return PAIRING_NOTHING;
}

static enum pairing_op step_discard(struct pairing *p, struct mono now)
{
	(void)now;
	if (candidate(p)->facts.present)
		return PAIRING_REMOVE;
	enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
	return PAIRING_NOTHING;
}

static enum pairing_op step_close_search(struct pairing *p, struct mono now)
{
	(void)now;
	if (p->searching)
		return PAIRING_SEARCH_OFF;
	enter(p, PAIRING_CLOSE_BONDABLE, MONO_NEVER);
	return PAIRING_NOTHING;
}

static enum pairing_op step_close_bondable(struct pairing *p, struct mono now)
{
	(void)now;
	if (p->bondable)
		return PAIRING_BONDABLE_OFF;
	enter(p, PAIRING_CLOSE_AGENT, MONO_NEVER);
	return PAIRING_NOTHING;
}

static enum pairing_op step(struct pairing *p, struct mono now)
{
	switch (p->state) {
	case PAIRING_IDLE: return step_idle(p, now);
	case PAIRING_AGENT: return PAIRING_AGENT_ON;
	case PAIRING_BONDABLE: return step_bondable(p, now);
	case PAIRING_CLEANING: return step_cleaning(p, now);
	case PAIRING_SEARCH: return PAIRING_SEARCH_ON;
	case PAIRING_LOOKING: return step_looking(p, now);
	case PAIRING_FOUND: return PAIRING_SEARCH_OFF;
	case PAIRING_PAIR: return step_pair(p, now);
	case PAIRING_RETRY: return step_retry(p, now);
	case PAIRING_CANCEL: return PAIRING_STOP;
	case PAIRING_CHECK: return step_check(p, now);
	case PAIRING_TRUST: return PAIRING_SET_TRUSTED;
	case PAIRING_DISCARD: return step_discard(p, now);
	case PAIRING_CLOSE_SEARCH: return step_close_search(p, now);
	case PAIRING_CLOSE_BONDABLE: return step_close_bondable(p, now);
	case PAIRING_CLOSE_AGENT: return PAIRING_AGENT_OFF;
	}
	return PAIRING_NOTHING;
}

struct pairing_action pairing_next(struct pairing *p, struct mono now)
{
	enum pairing_state before;

	if (p->outstanding == PAIRING_START && mono_reached(now, p->deadline))
		enter(p, PAIRING_CANCEL, MONO_NEVER);
	if (p->outstanding != PAIRING_NOTHING)
		return (struct pairing_action){ 0 };
	do {
		before = p->state;
		p->outstanding = step(p, now);
	} while (p->outstanding == PAIRING_NOTHING && p->state != before);
	return (struct pairing_action){ p->outstanding, p->candidate };
}

struct mono pairing_deadline(const struct pairing *p)
{
	return p->radio ? p->deadline : MONO_NEVER;
}

bool pairing_is_busy_with(const struct pairing *p, size_t device)
{
	return is_on_device(p->state) && device == p->candidate;
}

enum device_state pairing_device_state(const struct pairing *p, size_t device)
{
	if (device == p->candidate && p->state >= PAIRING_FOUND &&
	    p->state <= PAIRING_TRUST)
		return DEVICE_PAIRING;
	if (device < p->count && p->devices[device].failures)
		return DEVICE_PAIRING_FAILED;
	return DEVICE_UNBONDED;
}

enum pairing_reason pairing_device_reason(const struct pairing *p, size_t device)
{
	return device < p->count ? p->devices[device].reason : PAIRING_REASON_NONE;
}

const char *pairing_reason_text(enum pairing_reason reason)
{
	switch (reason) {
	case PAIRING_REASON_NONE: return "none";
	case PAIRING_REASON_FAILED: return "failed";
	case PAIRING_REASON_REJECTED: return "rejected";
	case PAIRING_REASON_TIMEOUT: return "timeout";
	case PAIRING_REASON_NO_PASSKEY: return "no-passkey-configured";
	case PAIRING_REASON_WEAK: return "passkey-not-asked";
	case PAIRING_REASON_NOT_BONDED: return "not-bonded";
	}
	return "?";
}
