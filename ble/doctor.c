/*
 * doctor.c - the bond doctor; see doctor.h for the table and the patterns.
 */
#include "ble/doctor.h"

void doctor_init(struct doctor *d)
{
	*d = (struct doctor){ .rssi = DOCTOR_RSSI_UNKNOWN, .deadline = MONO_NEVER };
}

static void on_sign(struct doctor *d, struct mono now)
{
	d->started = true;
	d->last_sign = now;
}

/* ---- links ---- */

void doctor_on_linked(struct doctor *d, struct mono now)
{
	on_sign(d, now);
	if (d->linked)
		return;
	d->linked = true;
	d->linked_at = now;
	d->encrypted = d->ready = d->dismissed = false;
}

void doctor_on_encrypted(struct doctor *d, struct mono now)
{
	(void)now;
	d->encrypted = d->linked;
}

static void learn_gap(struct doctor *d, struct mono now)
{
	uint64_t gap = mono_since(now, d->last_good);

	if (d->has_good && gap < DOCTOR_GAP_MIN_MS)
		return; /* the same measurement: last_good stays its beginning */
	if (d->has_good && gap <= DOCTOR_GAP_MAX_MS)
		d->usual_ms = d->usual_ms ? (3 * d->usual_ms + gap) / 4 : gap;
	d->has_good = true;
	d->last_good = now;
}

void doctor_on_ready(struct doctor *d, struct mono now)
{
	on_sign(d, now);
	if (!d->linked || d->ready)
		return;
	d->ready = true;
	d->refused = d->refused_due = d->dropped = d->missing = 0;
	learn_gap(d, now);
}

/* Quarters of its usual time after it was here; at once if that is not known. */
static struct mono after_good(const struct doctor *d, unsigned quarters)
{
	return mono_add(d->last_good, d->usual_ms / 4 * quarters);
}

static struct mono due_at(const struct doctor *d)
{
	return after_good(d, 3);
}

static struct mono missed_at(const struct doctor *d)
{
	return after_good(d, 6);
}

static void count_failure(struct doctor *d, struct mono now)
{
	bool long_enough = mono_since(now, d->linked_at) >= DOCTOR_SERVICES_MS;

	if (d->ready || (d->dismissed && !long_enough))
		return;
	if (!d->encrypted) {
		d->refused++;
		d->refused_due += mono_reached(now, due_at(d));
	} else if (long_enough) {
		d->missing++;
	} else {
		d->dropped++;
	}
}

void doctor_on_gone(struct doctor *d, struct mono now)
{
	on_sign(d, now);
	if (d->linked)
		count_failure(d, now);
	d->linked = false;
}

void doctor_on_dismissed(struct doctor *d, struct mono now)
{
	if (!d->linked)
		return;
	d->dismissed = true;
	/* Counted now: how long it takes to hang up is no evidence. */
	count_failure(d, now);
	d->linked = false;
}

/* ---- other evidence ---- */

void doctor_on_seen(struct doctor *d, int rssi, struct mono now)
{
	on_sign(d, now);
	if (rssi == DOCTOR_RSSI_UNKNOWN)
		return;
	d->rssi = d->rssi == DOCTOR_RSSI_UNKNOWN ? rssi : (3 * d->rssi + rssi) / 4;
	if (d->rssi < DOCTOR_RSSI_WEAK)
		d->signal_weak = true;
	else if (d->rssi >= DOCTOR_RSSI_GOOD)
		d->signal_weak = false;
}

void doctor_on_value(struct doctor *d, struct mono now)
{
	on_sign(d, now);
}

void doctor_on_consent(struct doctor *d, bool accepted, struct mono now)
{
	(void)now;
	d->consent_refused = !accepted;
}

void doctor_on_info(struct doctor *d, bool changed, uint8_t battery, struct mono now)
{
	(void)now;
	d->changed = changed;
	if (battery < DOCTOR_BATTERY_LOW)
		d->battery_low = true;
	else if (battery >= DOCTOR_BATTERY_GOOD && battery <= 100)
		d->battery_low = false;
}

void doctor_on_bond(struct doctor *d, bool bonded, enum silence_reason pairing,
		    struct mono now)
{
	(void)now;
	if (bonded && d->unbonded) {
		d->refused = d->refused_due = d->dropped = d->missing = 0;
		d->changed = d->consent_refused = false;
	}
	d->unbonded = !bonded;
	d->pairing = pairing;
}

void doctor_on_adapter(struct doctor *d, bool works, struct mono now)
{
	(void)now;
	d->adapter_bad = !works;
}

/* ---- conclusions ---- */

static struct mono unseen_at(const struct doctor *d)
{
	uint64_t limit = d->usual_ms ? 2 * d->usual_ms : DOCTOR_UNSEEN_MS;

	return mono_add(d->last_sign,
			limit > DOCTOR_UNSEEN_MIN_MS ? limit : DOCTOR_UNSEEN_MIN_MS);
}

static bool has_forgotten(const struct doctor *d, struct mono now)
{
	return d->refused_due >= DOCTOR_REFUSED ||
	       (d->refused >= DOCTOR_REFUSED && mono_reached(now, missed_at(d)));
}

static enum silence_reason judge(const struct doctor *d, struct mono now)
{
	if (d->adapter_bad)
		return SILENCE_ADAPTER;
	if (d->changed)
		return SILENCE_CHANGED;
	if (d->unbonded)
		return d->pairing != SILENCE_NONE ? d->pairing : SILENCE_HUB_FORGOT;
	/* Links also end because the device is too far away. */
	if (!d->signal_weak && has_forgotten(d, now))
		return SILENCE_DEVICE_FORGOT;
	if (!d->signal_weak && d->dropped >= DOCTOR_DROPPED)
		return SILENCE_TAKEN;
	if (d->missing >= DOCTOR_MISSING)
		return SILENCE_SERVICES;
	if (d->consent_refused)
		return SILENCE_CONSENT;
	if (d->battery_low || d->signal_weak)
		return SILENCE_WEAK;
	if (!d->linked && mono_reached(now, unseen_at(d)))
		return SILENCE_UNSEEN;
	return SILENCE_NONE;
}

static struct mono sooner(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

/* When the passing of time alone may change something. */
static struct mono next_look(const struct doctor *d, struct mono now)
{
	struct mono at = MONO_NEVER;

	if (d->next != d->reason)
		at = mono_add(d->next_since, DOCTOR_HOLD_MS);
	if (d->refused >= DOCTOR_REFUSED && !mono_reached(now, missed_at(d)))
		at = sooner(at, missed_at(d));
	if (!mono_reached(now, unseen_at(d)))
		at = sooner(at, unseen_at(d));
	return at;
}

bool doctor_run(struct doctor *d, struct mono now)
{
	enum silence_reason r;
	bool shown;

	if (!d->started)
		on_sign(d, now); /* its time begins */
	r = judge(d, now);
	if (r != d->next) {
		d->next = r;
		d->next_since = now;
	}
	shown = d->next != d->reason && mono_since(now, d->next_since) >= DOCTOR_HOLD_MS;
	if (shown) {
		d->reason = d->next;
		d->since = d->next_since;
	}
	d->deadline = next_look(d, now);
	return shown;
}

struct mono doctor_deadline(const struct doctor *d)
{
	return d->deadline;
}

enum silence_reason doctor_reason(const struct doctor *d)
{
	return d->reason;
}

struct mono doctor_since(const struct doctor *d)
{
	return d->since;
}

/* ---- the hub's ear ---- */

void doctor_ear_init(struct doctor_ear *e)
{
	*e = (struct doctor_ear){ 0 };
}

void doctor_ear_on_adapter(struct doctor_ear *e, bool up)
{
	e->down = !up;
	e->searching &= up;
}

void doctor_ear_on_search(struct doctor_ear *e, bool on, struct mono now)
{
	if (on && !e->searching)
		e->silent_since = now;
	e->searching = on;
}

void doctor_ear_on_heard(struct doctor_ear *e, struct mono now)
{
	e->silent_since = now;
}

static bool is_deaf(const struct doctor_ear *e, struct mono now)
{
	return e->searching && mono_since(now, e->silent_since) >= DOCTOR_DEAF_MS;
}

bool doctor_ear_works(const struct doctor_ear *e, struct mono now)
{
	return !e->down && !is_deaf(e, now);
}

struct mono doctor_ear_deadline(const struct doctor_ear *e, struct mono now)
{
	return e->searching && !is_deaf(e, now)
		       ? mono_add(e->silent_since, DOCTOR_DEAF_MS)
		       : MONO_NEVER;
}
