/*
 * silence.c - see silence.h.
 */
#include "clinic/silence.h"

#include "hub/core/schedule.h"

enum {
	HOUR_MS = 3600 * 1000,
	DAILY_MS = 36 * HOUR_MS, /* once a day */
	STREAM_MS = 3 * HOUR_MS, /* a sensor that is worn */
	LEVEL_RETIRED = 4,
};

uint64_t silence_after_ms(enum reading_kind kind, const struct config_plan *plan)
{
	if (plan)
		return schedule_gap_min(plan) * 60ull * 1000 * 3 / 2;
	return kind == READING_CGM ? STREAM_MS : DAILY_MS;
}

/* False for what has not happened yet. */
static bool is_older(int64_t now_ms, int64_t then_ms, uint64_t limit_ms)
{
	return now_ms > then_ms && (uint64_t)(now_ms - then_ms) > limit_ms;
}

static bool is_offline(const struct silence_facts *f, const struct silence_plan *p)
{
	return f->hub_seen_ms == 0 ||
	       is_older(f->now_ms, f->hub_seen_ms, SILENCE_HEARTBEATS * p->heartbeat_ms);
}

/* Blocked or not, a hub that takes over a backlog at level 2 or 3 still takes readings. */
static bool is_locked(const struct status *st)
{
	return st && (st->level >= LEVEL_RETIRED || st->blocked != STORE_READY);
}

/* What the hub found (ble/doctor.h) comes before what it knows of the bond: it may be there and of no use. */
static bool is_bond(const struct status_device *d)
{
	switch (d->cause) {
	case SILENCE_DEVICE_FORGOT:
	case SILENCE_HUB_FORGOT:
	case SILENCE_TAKEN:
	case SILENCE_CHANGED:
	case SILENCE_SERVICES:
	case SILENCE_PASSKEY:
	case SILENCE_KEY_SHORT:
	case SILENCE_CONSENT: return true;
	case SILENCE_NONE:
	case SILENCE_UNSEEN:
	case SILENCE_ADAPTER:
	case SILENCE_WEAK: break;
	}
	return d->bond != BOND_UNKNOWN && d->bond != BOND_GOOD;
}

/* A weak signal is told like a low battery; which of the two it is the battery level says, if it is known. */
static bool is_battery(const struct status_device *d)
{
	return status_battery_low(d) ||
	       (d->cause == SILENCE_WEAK && d->battery == STATUS_BATTERY_UNKNOWN);
}

/* What the hub tells of it is up to an hour old. */
static uint64_t seen_limit_ms(const struct silence_plan *p)
{
	return p->silent_after_ms > SILENCE_SEEN_MS ? p->silent_after_ms
						    : SILENCE_SEEN_MS;
}

struct silence_signs silence_signs(const struct silence_facts *f,
				   const struct silence_plan *p)
{
	const struct status_device *d = f->device;
	int64_t first = f->sign->first_ms ? f->sign->first_ms : f->hub_added_ms;
	int64_t last = f->sign->reading_ms ? f->sign->reading_ms : first;
	int64_t seen = f->sign->seen_ms > f->sign->reading_ms ? f->sign->seen_ms
							      : f->sign->reading_ms;

	return (struct silence_signs){
		.overdue = is_older(f->now_ms, last, p->silent_after_ms),
		.offline = is_offline(f, p),
		.locked = is_locked(f->status),
		.bond = d && is_bond(d),
		.battery = d && is_battery(d),
		.clock = (d && status_clock_wrong(d)) ||
			 (f->status && f->status->clock == CLOCK_QUALITY_NONE),
		.unseen = seen == 0 || (f->status && !f->status->radio) ||
			  is_older(f->now_ms, seen, seen_limit_ms(p)),
	};
}

enum silence_code silence_reason(const struct silence_signs *s)
{
	if (!s->overdue)
		return SILENT_NONE;
	if (s->offline)
		return SILENT_OFFLINE;
	if (s->locked)
		return SILENT_LOCKED;
	if (s->bond)
		return SILENT_BOND;
	if (s->battery)
		return SILENT_BATTERY;
	if (s->clock)
		return SILENT_CLOCK;
	return s->unseen ? SILENT_UNSEEN : SILENT_NO_MEASUREMENT;
}

enum silence_code silence_of_hub(const struct silence_facts *f,
				 const struct silence_plan *p)
{
	if (is_offline(f, p))
		return SILENT_OFFLINE;
	if (is_locked(f->status))
		return SILENT_LOCKED;
	return f->status && f->status->clock == CLOCK_QUALITY_NONE ? SILENT_CLOCK
								   : SILENT_NONE;
}

const char *silence_code_text(enum silence_code c)
{
	switch (c) {
	case SILENT_NONE: return "none";
	case SILENT_OFFLINE: return "offline";
	case SILENT_LOCKED: return "locked";
	case SILENT_BOND: return "bond";
	case SILENT_BATTERY: return "battery";
	case SILENT_CLOCK: return "clock";
	case SILENT_UNSEEN: return "device-unseen";
	case SILENT_NO_MEASUREMENT: return "no-measurement";
	case SILENT_CODES: break;
	}
	return "?";
}

static const char *locked_words(const struct status *st)
{
	if (st && st->level >= LEVEL_RETIRED)
		return "the hub is retired and takes no readings";
	if (st && st->blocked == STORE_FULL)
		return "the hub's storage is full and it takes no readings: let it reach "
		       "the "
		       "clinic";
	if (st && st->blocked == STORE_FAULT)
		return "the hub's storage is at fault and it takes no readings: have it "
		       "looked at";
	return "the hub has no configuration and takes no readings: add it again";
}

static const char *bond_words(const struct status_device *d)
{
	static const char repair[] =
		"the device no longer knows the hub, or a copy of it is near: order a "
		"window with 'clinicctl hub pair-window --repair'";
	static const char pair[] = "the device is not paired: order a window with "
				   "'clinicctl hub pair-window'";

	switch (d ? d->cause : SILENCE_NONE) {
	case SILENCE_DEVICE_FORGOT: return repair;
	case SILENCE_HUB_FORGOT: return pair;
	case SILENCE_TAKEN:
		return "the device belongs to a phone now: remove it there, then order a "
		       "window with 'clinicctl hub pair-window --repair'";
	case SILENCE_CHANGED:
		return "it is not the device that was paired: look whether it was "
		       "replaced, "
		       "then order a window with 'clinicctl hub pair-window --repair'";
	case SILENCE_SERVICES:
		return "the device does not show what it should, as after an update: "
		       "switch "
		       "it off and on";
	case SILENCE_PASSKEY:
		return "it could not be paired: the passkey is wrong, or none is "
		       "configured";
	case SILENCE_KEY_SHORT:
		return "the device offers too short a key and was refused: use another "
		       "one";
	case SILENCE_CONSENT:
		return "the scale refuses the consent code: give the one that it shows "
		       "for "
		       "this person";
	case SILENCE_NONE:
	case SILENCE_UNSEEN:
	case SILENCE_ADAPTER:
	case SILENCE_WEAK: break;
	}
	if (d && d->bond == BOND_PAIRING)
		return "the device is being paired: measure once beside the hub";
	return d && d->bond == BOND_LOST ? repair : pair;
}

static const char *unseen_words(const struct status *st, const struct status_device *d)
{
	if (!d)
		return "the hub has told nothing of this device yet";
	if ((st && !st->radio) || d->cause == SILENCE_ADAPTER)
		return "the hub's Bluetooth hears nobody: switch the hub off and on";
	if (d->cause == SILENCE_WEAK)
		return "the device's signal is weak: bring it closer to the hub";
	return "no sign of the device: nobody measures, or it is out of range, or its "
	       "battery is empty";
}

const char *silence_words(enum silence_code c, const struct status *st,
			  const struct status_device *d)
{
	switch (c) {
	case SILENT_NONE:
	case SILENT_CODES: break;
	case SILENT_OFFLINE:
		return "nothing is heard of the hub: is it switched on, and is its "
		       "network "
		       "up?";
	case SILENT_LOCKED: return locked_words(st);
	case SILENT_BOND: return bond_words(d);
	case SILENT_BATTERY:
		return "the device's battery is low: new batteries, and closer to the "
		       "hub";
	case SILENT_CLOCK:
		return d && status_clock_wrong(d)
			       ? "the device's clock is wrong by a day or more: set it"
			       : "the hub does not know the time: let it reach the "
				 "clinic";
	case SILENT_UNSEEN: return unseen_words(st, d);
	case SILENT_NO_MEASUREMENT:
		return "the device is there and well, but nobody has measured";
	}
	return "";
}
