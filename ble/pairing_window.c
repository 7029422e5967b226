/*
 * pairing_window.c - pairing windows: who may be paired, who was heard, the test reading; and
 * what people are told. See pairing.h.
 */
#include <string.h>

#include "ble/pairing_internal.h"

/* No passkey, and no bond without one allowed. */
static bool is_forbidden(const struct pairing_device *d)
{
	return d->passkey == CONFIG_NO_PASSKEY && !d->just_works;
}

bool pairing_needs(const struct pairing *p, const struct pairing_device *d)
{
	return p->open && d->in_window && !is_forbidden(d) &&
	       (!d->facts.bonded || d->forget);
}

bool pairing_any_testing(const struct pairing *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->devices[i].testing)
			return true;
	return false;
}

/* ---- who is meant ---- */

static void put_in_window(const struct pairing *p, struct pairing_device *d)
{
	bool named = p->window_device == d->num;

	d->in_window = p->open && (named || p->window_device == 0);
	d->forget = d->in_window && named && p->repair;
	if (d->in_window)
		d->reason =
			is_forbidden(d) ? PAIRING_REASON_NO_PASSKEY : PAIRING_REASON_NONE;
}

void pairing_set_devices(struct pairing *p, const struct config_device *devices,
			 size_t count)
{
	p->count = count;
	for (size_t i = 0; i < count; i++) {
		const struct config_device *c = &devices[i];

		p->devices[i] = (struct pairing_device){
			.num = c->num,
			.services = traits_services_of(c->kind),
			.passkey = c->passkey,
			.just_works = c->just_works,
			.has_addr = c->has_addr,
			.has_serial = c->serial[0] != '\0',
			.traits = traits_find(NULL, NULL, NULL),
		};
		put_in_window(p, &p->devices[i]);
	}
	/* What is under way is closed by the next pairing_next: its device may be gone from
	 * the list. What its bond comes to is told by the facts: 'unfinished'. */
	if (pairing_is_on_device(p->state) || p->state == PAIRING_CLEANING ||
	    p->state == PAIRING_LOOKING) {
		pairing_enter(p, PAIRING_CLOSE_SEARCH, MONO_NEVER);
	} else if (p->outstanding == PAIRING_BONDED) {
		p->outstanding = PAIRING_NOTHING;
	}
}

void pairing_set_traits(struct pairing *p, size_t device, const struct traits *traits)
{
	if (device < p->count)
		p->devices[device].traits = traits;
}

/* ---- the window ---- */

void pairing_end_window(struct pairing *p, enum window_state state)
{
	p->open = false;
	p->window_state = state;
	p->abort = p->state != PAIRING_IDLE;
	for (size_t i = 0; i < p->count; i++) {
		struct pairing_device *d = &p->devices[i];

		d->in_window = d->forget = d->heard = d->testing = false;
	}
}

void pairing_end_time(struct pairing *p)
{
	pairing_end_window(p, p->served && !pairing_any_testing(p) ? WINDOW_DONE
								   : WINDOW_OVER);
}

void pairing_on_window(struct pairing *p, const struct msg_window *w, struct mono now)
{
	if (p->open && w->id == p->window_id) {
		p->window_end = mono_add(now, w->ms_left);
		return;
	}
	if (w->id == p->window_id)
		return;
	if (p->open)
		pairing_end_window(p, WINDOW_OVER);
	if (w->id == 0)
		return;
	p->window_id = w->id;
	p->window_device = w->device;
	p->window_state = WINDOW_OPEN;
	p->window_end = mono_add(now, w->ms_left);
	p->repair = w->repair && w->device != 0;
	p->open = true;
	p->served = false;
	p->refused_count = 0;
	for (size_t i = 0; i < p->count; i++) {
		struct pairing_device *d = &p->devices[i];

		put_in_window(p, d);
		if (d->in_window) {
			d->failures = 0;
			d->not_before = (struct mono){ 0 };
		}
	}
}

uint32_t pairing_window_id(const struct pairing *p)
{
	return p->window_id;
}

enum window_state pairing_window_state(const struct pairing *p)
{
	return p->window_state;
}

/* ---- candidates for devices without address ---- */

static bool is_sought(const struct pairing *p, const struct pairing_device *d)
{
	return pairing_needs(p, d) && !d->has_addr && !d->adopted;
}

bool pairing_wants_candidates(const struct pairing *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (is_sought(p, &p->devices[i]))
			return true;
	return false;
}

static bool is_refused(const struct pairing *p, const struct pairing_candidate *c)
{
	for (size_t i = 0; i < p->refused_count; i++)
		if (p->refused[i].type == c->addr_type &&
		    memcmp(p->refused[i].addr, c->addr, PERIPHERAL_ADDR_LEN) == 0)
			return true;
	return false;
}

static bool is_near(const struct pairing_candidate *c)
{
	return c->rssi == PAIRING_RSSI_UNKNOWN || c->rssi >= PAIRING_RSSI_FLOOR;
}

/* Never guess: not which of two candidates is meant, nor which of two devices a candidate is. */
static void refuse_all(struct pairing *p)
{
	pairing_end_window(p, WINDOW_TWO_CANDIDATES);
}

void pairing_on_candidate(struct pairing *p, const struct pairing_candidate *c,
			  struct mono now)
{
	struct pairing_device *d = NULL;

	if ((p->state != PAIRING_SEARCH && p->state != PAIRING_LOOKING) || p->abort ||
	    !is_near(c) || is_refused(p, c))
		return;
	for (size_t i = 0; i < p->count; i++) {
		if (!is_sought(p, &p->devices[i]) ||
		    !(p->devices[i].services & c->services))
			continue;
		if (d) {
			refuse_all(p);
			return;
		}
		d = &p->devices[i];
	}
	if (!d)
		return;
	if (d->heard && (d->addr_type != c->addr_type ||
			 memcmp(d->addr, c->addr, PERIPHERAL_ADDR_LEN) != 0)) {
		refuse_all(p);
		return;
	}
	if (!d->heard)
		d->heard_first = now;
	d->heard = true;
	d->heard_last = now;
	memcpy(d->addr, c->addr, PERIPHERAL_ADDR_LEN);
	d->addr_type = c->addr_type;
}

/* ---- after the bond: who it is, and the test reading ---- */

/* Its test may be over, and the window with it if nobody else is to be paired or tested. */
static void check_served(struct pairing *p, struct pairing_device *d)
{
	if (!d->testing || !d->tested || !d->identified)
		return;
	d->testing = false;
	p->served = true;
	/* Somebody who is just being paired has a bond already, but not for good. */
	if (pairing_is_on_device(p->state) || pairing_any_testing(p))
		return;
	for (size_t i = 0; i < p->count; i++)
		if (pairing_needs(p, &p->devices[i]))
			return;
	pairing_end_window(p, WINDOW_DONE);
}

/* Not to be found again in this window. */
static void refuse_address(struct pairing *p, const struct pairing_device *d)
{
	struct pairing_address *a = &p->refused[p->refused_count];

	if (d->has_addr || p->refused_count == PAIRING_REFUSED_MAX)
		return;
	p->refused_count++;
	memcpy(a->addr, d->addr, PERIPHERAL_ADDR_LEN);
	a->type = d->addr_type;
}

void pairing_on_identity(struct pairing *p, size_t device, bool good, struct mono now)
{
	struct pairing_device *d;

	if (device >= p->count)
		return;
	d = &p->devices[device];
	if (!d->finished || d->identified)
		return;
	if (!good) {
		refuse_address(p, d);
		pairing_condemn(d, PAIRING_REASON_IDENTITY, now);
		return;
	}
	d->identified = true;
	d->announce = true;
	check_served(p, d);
}

bool pairing_wants_test(const struct pairing *p, size_t device)
{
	return device < p->count && p->devices[device].testing &&
	       !p->devices[device].tested;
}

bool pairing_on_value(struct pairing *p, size_t device, struct mono now)
{
	if (!pairing_wants_test(p, device) || mono_reached(now, p->window_end))
		return false;
	p->devices[device].tested = true;
	check_served(p, &p->devices[device]);
	return true;
}

/* ---- what people are told ---- */

enum device_state pairing_device_state(const struct pairing *p, size_t device)
{
	if (device == p->candidate && p->state >= PAIRING_FOUND &&
	    p->state <= PAIRING_TRUST)
		return DEVICE_PAIRING;
	if (device < p->count && p->devices[device].reason != PAIRING_REASON_NONE)
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
	case PAIRING_REASON_WEAK: return "too-weak";
	case PAIRING_REASON_NOT_BONDED: return "not-bonded";
	case PAIRING_REASON_KEY_SHORT: return "key-short";
	case PAIRING_REASON_KEY_BAD: return "key-bad";
	case PAIRING_REASON_IDENTITY: return "another-device";
	}
	return "?";
}

enum silence_reason pairing_reason_silence(enum pairing_reason reason)
{
	switch (reason) {
	case PAIRING_REASON_NONE: return SILENCE_NONE;
	/* too weak a bond is what a wrong passkey, or none, comes to */
	case PAIRING_REASON_REJECTED:
	case PAIRING_REASON_NO_PASSKEY:
	case PAIRING_REASON_WEAK:
	case PAIRING_REASON_KEY_BAD: return SILENCE_PASSKEY;
	case PAIRING_REASON_KEY_SHORT: return SILENCE_KEY_SHORT;
	case PAIRING_REASON_IDENTITY: return SILENCE_CHANGED;
	case PAIRING_REASON_FAILED:
	case PAIRING_REASON_TIMEOUT:
	case PAIRING_REASON_NOT_BONDED: return SILENCE_HUB_FORGOT;
	}
	return SILENCE_NONE;
}

enum link_strength pairing_strength(const struct pairing *p, size_t device)
{
	return device < p->count ? p->devices[device].strength : LINK_UNKNOWN;
}

bool pairing_is_proven(const struct pairing *p, size_t device)
{
	return device < p->count && p->devices[device].proven;
}
