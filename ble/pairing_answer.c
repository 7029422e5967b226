/*
 * pairing_answer.c - what bluetoothd, hub-bondinfo and devices tell the pairing machine; see
 * pairing.h.
 */
#include <errno.h>

#include "ble/pairing_internal.h"

/* ---- failures ---- */

static void back_off(struct pairing_device *d, enum pairing_reason reason,
		     struct mono now)
{
	uint64_t wait = PAIRING_BACKOFF_MIN_MS;

	for (unsigned i = 0; i < d->failures && wait < PAIRING_BACKOFF_MAX_MS; i++)
		wait *= 2;
	if (wait > PAIRING_BACKOFF_MAX_MS)
		wait = PAIRING_BACKOFF_MAX_MS;
	d->failures++;
	d->reason = reason;
	d->not_before = mono_add(now, wait);
}

void pairing_discard(struct pairing *p)
{
	pairing_current(p)->condemned = true;
	pairing_enter(p, PAIRING_DISCARD, MONO_NEVER);
}

void pairing_fail(struct pairing *p, enum pairing_reason reason, struct mono now)
{
	if (!p->abort)
		back_off(pairing_current(p), reason, now);
	pairing_discard(p);
}

void pairing_begin_attempt(struct pairing *p)
{
	p->asked = false;
	p->passkey_missing = false;
	pairing_enter(p,
		      pairing_current(p)->traits->pair_first ? PAIRING_PAIR
							     : PAIRING_CONNECTING,
		      MONO_NEVER);
}

void pairing_fail_attempt(struct pairing *p, int err, struct mono now)
{
	if (p->passkey_missing) {
		/* asking again changes nothing */
		pairing_fail(p, PAIRING_REASON_NO_PASSKEY, now);
	} else if (!p->retried && !p->abort) {
		p->retried = true;
		pairing_enter(p, PAIRING_RETRY, mono_add(now, PAIRING_RETRY_MS));
	} else {
		pairing_fail(p,
			     err == -EKEYREJECTED || err == -EACCES
				     ? PAIRING_REASON_REJECTED
				     : PAIRING_REASON_FAILED,
			     now);
	}
}

void pairing_condemn(struct pairing_device *d, enum pairing_reason reason,
		     struct mono now)
{
	back_off(d, reason, now);
	d->condemned = true;
	d->finished = d->testing = d->announce = d->proven = false;
	d->strength = LINK_UNKNOWN;
}

void pairing_unpair(struct pairing *p, size_t device, bool configured)
{
	struct pairing_device *d;

	if (device >= p->count)
		return;
	d = &p->devices[device];
	d->condemned = true;
	d->finished = d->testing = d->announce = d->proven = false;
	d->in_window = d->forget = d->heard = false;
	d->strength = LINK_UNKNOWN;
	d->reason = PAIRING_REASON_NONE;
	d->remove_at = (struct mono){ 0 };
	if (configured)
		return;
	d->has_addr = false;
	d->adopted = true;
}

bool pairing_is_unpaired(const struct pairing *p, size_t device)
{
	const struct pairing_device *d = &p->devices[device];

	return device < p->count && !d->condemned && !d->adopted && !d->facts.bonded;
}

/* The agent or the search could not be had: try again later, for all devices. */
static void on_no_search(struct pairing *p, struct mono now)
{
	for (size_t i = 0; i < p->count; i++)
		if (pairing_is_wanted(p, &p->devices[i], now))
			p->devices[i].not_before = mono_add(now, PAIRING_BACKOFF_MIN_MS);
	pairing_enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
}

/* ---- events ---- */

void pairing_on_facts(struct pairing *p, size_t device, struct pairing_facts facts,
		      struct mono now)
{
	struct pairing_device *d;
	bool dropped;

	if (device >= p->count)
		return;
	d = &p->devices[device];
	dropped = d->facts.connected && !facts.connected;
	if (facts.present && !d->facts.present)
		d->seen = now;
	d->facts = facts;
	if (p->radio && !facts.bonded) /* somebody removed the bond */
		d->finished = d->testing = false;
	if (dropped && p->state == PAIRING_RESOLVE && device == p->candidate)
		pairing_fail_attempt(p, -EIO, now);
}

void pairing_on_radio(struct pairing *p, bool on)
{
	if (!on) {
		/* What bluetoothd had begun is not known, and may be known to it later. */
		if (p->state >= PAIRING_CONNECTING && p->state <= PAIRING_TRUST)
			pairing_current(p)->condemned = true;
		pairing_enter(p, PAIRING_IDLE, MONO_NEVER);
	}
	p->radio = on;
	p->tries = 0;
	p->tidy_at = (struct mono){ 0 };
}

void pairing_on_bondable(struct pairing *p, bool bondable)
{
	p->bondable = bondable;
}

void pairing_on_quiet(struct pairing *p, bool quiet)
{
	p->quiet = quiet;
}

int pairing_on_passkey(struct pairing *p, size_t device, uint32_t *ret_passkey)
{
	const struct pairing_device *d = pairing_current(p);
	/* Some devices ask for security by themselves as soon as they are connected. */
	bool under_way = p->outstanding == PAIRING_START ||
			 p->outstanding == PAIRING_CONNECT || p->state == PAIRING_RESOLVE;

	if (!under_way || p->abort || device != p->candidate || p->asked)
		return -EACCES;
	p->asked = true;
	p->passkey_missing = d->passkey == CONFIG_NO_PASSKEY;
	if (p->passkey_missing)
		return -EACCES;
	*ret_passkey = d->passkey;
	return 0;
}

/* ---- is the bond good? ---- */

static bool is_authenticated(enum link_strength s)
{
	return s == LINK_LEGACY_PASSKEY || s == LINK_SC_AUTHENTICATED;
}

/* What is wrong with a bond whose record was seen. */
static enum pairing_reason judge_record(const struct pairing_device *d,
					enum link_strength strength, uint8_t key_size)
{
	if (strength == LINK_UNKNOWN)
		return PAIRING_REASON_KEY_BAD;
	if (key_size < PAIRING_KEY_SIZE_MIN)
		return PAIRING_REASON_KEY_SHORT;
	if (!is_authenticated(strength) &&
	    (d->passkey != CONFIG_NO_PASSKEY || !d->just_works))
		return PAIRING_REASON_WEAK;
	return traits_accepts(d->traits, strength) ? PAIRING_REASON_NONE
						   : PAIRING_REASON_WEAK;
}

void pairing_judge(struct pairing *p, bool known, enum link_strength strength,
		   uint8_t key_size, struct mono now)
{
	struct pairing_device *d = pairing_current(p);
	enum pairing_reason wrong = PAIRING_REASON_NONE;

	if (known)
		wrong = judge_record(d, strength, key_size);
	else if (d->passkey != CONFIG_NO_PASSKEY && !p->asked)
		wrong = PAIRING_REASON_WEAK;
	if (wrong != PAIRING_REASON_NONE) {
		pairing_fail(p, wrong, now);
		return;
	}
	d->proven = known;
	d->strength = known ? strength : LINK_UNKNOWN;
	pairing_enter(p, PAIRING_TRUST, MONO_NEVER);
}

void pairing_on_bond_facts(struct pairing *p, size_t device, bool known,
			   enum link_strength strength, uint8_t key_size, struct mono now)
{
	struct pairing_device *d;
	enum pairing_reason wrong;

	if (device >= p->count)
		return;
	d = &p->devices[device];
	if (p->outstanding == PAIRING_ASK_FACTS && device == p->candidate) {
		pairing_judge(p, known, strength, key_size, now);
		return;
	}
	if (!known || !d->finished || d->proven)
		return;
	wrong = judge_record(d, strength, key_size);
	if (wrong != PAIRING_REASON_NONE) {
		pairing_condemn(d, wrong, now);
		return;
	}
	d->proven = true;
	d->strength = strength;
	d->announce = d->identified; /* again: the strength is new */
}

static void on_trusted(struct pairing *p, int err, struct mono now)
{
	struct pairing_device *d = pairing_current(p);

	if (err || p->abort) {
		pairing_fail(p, PAIRING_REASON_FAILED, now);
		return;
	}
	d->failures = 0;
	d->reason = PAIRING_REASON_NONE;
	d->finished = true;
	d->testing = true;
	d->tested = false;
	d->identified = !d->has_serial;
	d->announce = d->identified;
	pairing_enter(p,
		      d->traits->just_bonded_disconnect ? PAIRING_HANG_UP
							: PAIRING_CLOSE_SEARCH,
		      MONO_NEVER);
}

/* ---- answers ---- */

static void on_paired(struct pairing *p, int err, struct mono now)
{
	if (err == 0 || err == -EEXIST)
		pairing_enter(p, PAIRING_CHECK, mono_add(now, PAIRING_CHECK_MS));
	else
		pairing_fail_attempt(p, err, now);
}

static void on_connected(struct pairing *p, int err, struct mono now)
{
	if (err && !pairing_current(p)->facts.connected)
		pairing_fail_attempt(p, err, now);
	else
		pairing_enter(p, PAIRING_RESOLVE, mono_add(now, PAIRING_RESOLVE_MS));
}

static void on_removed(struct pairing *p, int err, struct mono now)
{
	struct pairing_device *d = pairing_current(p);

	if (err && err != -ENOENT) {
		d->remove_at = mono_add(now, PAIRING_BACKOFF_MIN_MS);
		if (p->state == PAIRING_CLEANING)
			on_no_search(p, now);
		else
			pairing_enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
		return;
	}
	d->facts = (struct pairing_facts){ 0 };
	d->finished = d->condemned = d->proven = d->announce = false;
	d->strength = LINK_UNKNOWN;
	d->remove_at = (struct mono){ 0 };
	if (d->forget)
		p->repair = d->forget = false;
	/* DISCARD goes on by itself: there is nothing left to remove */
}

/* Something was switched off, or could not be. */
static void on_closed(struct pairing *p, int err, enum pairing_state next,
		      struct mono now)
{
	if (err && err != -ENOENT && ++p->tries < PAIRING_CLOSE_TRIES) {
		p->deadline = mono_add(now, PAIRING_CLOSE_AGAIN_MS);
		return;
	}
	if (err && err != -ENOENT)
		p->tidy_at = mono_add(now, PAIRING_TIDY_MS); /* enough for now */
	p->tries = 0;
	pairing_enter(p, next, MONO_NEVER);
}

static void on_search_off(struct pairing *p)
{
	p->searching = false; /* an error means that there was none */
	if (p->state == PAIRING_FOUND)
		pairing_begin_attempt(p);
	else
		pairing_enter(p, PAIRING_CLOSE_BONDABLE, MONO_NEVER);
}

static void on_announced(struct pairing *p)
{
	struct pairing_device *d = pairing_current(p);

	d->announce = false;
	d->has_addr |= d->adopted;
	d->adopted = false;
}

static void on_answer(struct pairing *p, enum pairing_op op, int err, struct mono now)
{
	switch (op) {
	case PAIRING_NOTHING: break;
	case PAIRING_AGENT_ON:
		if (err)
			on_no_search(p, now);
		else
			pairing_enter(p, PAIRING_BONDABLE, MONO_NEVER);
		break;
	case PAIRING_BONDABLE_ON:
		if (err)
			on_no_search(p, now);
		else
			p->bondable = true;
		break;
	case PAIRING_SEARCH_ON:
		p->searching = err == 0;
		if (err)
			on_no_search(p, now);
		else
			pairing_enter(p, PAIRING_LOOKING, MONO_NEVER);
		break;
	case PAIRING_REMOVE: on_removed(p, err, now); break;
	case PAIRING_SEARCH_OFF: on_search_off(p); break;
	case PAIRING_ADOPT:
		if (err)
			pairing_fail(p, PAIRING_REASON_FAILED, now);
		else
			pairing_enter(p, PAIRING_FOUND, MONO_NEVER);
		break;
	case PAIRING_RELEASE:
		pairing_current(p)->adopted = false;
		pairing_enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
		break;
	case PAIRING_CONNECT: on_connected(p, err, now); break;
	case PAIRING_START: on_paired(p, err, now); break;
	case PAIRING_STOP: pairing_fail(p, PAIRING_REASON_TIMEOUT, now); break;
	case PAIRING_ASK_FACTS: pairing_judge(p, false, LINK_UNKNOWN, 0, now); break;
	case PAIRING_SET_TRUSTED: on_trusted(p, err, now); break;
	case PAIRING_DISCONNECT:
		pairing_enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
		break;
	case PAIRING_BONDABLE_OFF:
		p->bondable &= err != 0;
		on_closed(p, err, PAIRING_CLOSE_AGENT, now);
		break;
	case PAIRING_AGENT_OFF:
		p->agent &= err != 0 && err != -ENOENT;
		on_closed(p, err, PAIRING_IDLE, now);
		break;
	case PAIRING_BONDED: on_announced(p); break;
	}
}

void pairing_on_done(struct pairing *p, enum pairing_op op, int err, struct mono now)
{
	if (op == PAIRING_NOTHING || op != p->outstanding)
		return; /* answer to something we have given up */
	if (op == PAIRING_ASK_FACTS && !err)
		return; /* asked; the facts are the answer */
	p->outstanding = PAIRING_NOTHING;
	on_answer(p, op, err, now);
}
