/*
 * devices_health.c - what hubd hears of a device besides its state: when it was last there, when it last gave a reading,
 * its battery, its clock, how well it was heard before it. hubd passes it on to the clinic, which must know why a device is silent.
 *
 * A sign of life goes up at most once a minute, for a strap gives a value each second; a reading at most once a second, for a
 * device may give all of its memory.
 */
#include "ble/bas.h"
#include "ble/devices_internal.h"

enum {
	SEEN_EVERY_MS = 60000,
	READ_EVERY_MS = 1000,
	/* the error of a clock is told again when it is another one by more than this */
	CLOCK_STEP_MS = 60000,
	/* what is heard of it at shorter intervals than this comes from one place */
	APPROACH_MS = 30000,
};

/* What was heard long before belongs to another place in the home. */
void devices_health_on_seen(struct device *d, int rssi, struct mono now)
{
	bool anew =
		!d->health.signal || mono_since(now, d->health.seen_at) >= APPROACH_MS;

	d->health.seen_at = now;
	if (rssi < SIGNAL_MIN_DBM || rssi > SIGNAL_MAX_DBM)
		return;
	d->health.signal = anew ? rssi : (3 * d->health.signal + rssi) / 4;
}

void devices_health_on_durable(struct device *d, const struct backlog_entry *e)
{
	struct mono at = e->raw.captured.mono;

	if (e->raw.kind != READING_DEVICE_INFORMATION && at.ms > d->health.read_at.ms)
		d->health.read_at = at;
}

void devices_health_forget(struct device *d)
{
	d->health.seen_told = d->health.read_told = (struct mono){ 0 };
	d->health.battery_told = d->health.clock_told = false;
	d->health.signal = d->health.signal_told = 0;
}

static bool is_due(struct mono at, struct mono told, uint64_t every_ms)
{
	return at.ms && (told.ms == 0 || mono_since(at, told) >= every_ms);
}

static void tell_clock(struct devices *ds, struct device *d, struct mono now)
{
	struct wall utc = devices_wall(ds, now);
	int64_t error_ms, change_ms;

	if (!clock_error(&d->clock, utc, now, devices_offset_min(ds, utc), &error_ms))
		return;
	change_ms = error_ms - d->health.clock_told_ms;
	if (d->health.clock_told && change_ms < CLOCK_STEP_MS &&
	    change_ms > -CLOCK_STEP_MS)
		return;
	d->health.clock_told = true;
	d->health.clock_told_ms = error_ms;
	report_health(ds->report, STATUS_CLOCK, d->cfg.num, (uint64_t)error_ms);
}

static void tell_signal(struct devices *ds, struct device *d)
{
	if (d->health.signal == d->health.signal_told)
		return;
	d->health.signal_told = d->health.signal;
	report_health(ds->report, STATUS_SIGNAL, d->cfg.num,
		      (uint64_t)(int64_t)d->health.signal);
}

void devices_tell_health(struct devices *ds, size_t i, struct mono now)
{
	struct device *d = &ds->devices[i];

	if (d->linked)
		d->health.seen_at = now;
	if (is_due(d->health.seen_at, d->health.seen_told, SEEN_EVERY_MS)) {
		d->health.seen_told = d->health.seen_at;
		report_health(ds->report, STATUS_SEEN, d->cfg.num, d->health.seen_at.ms);
	}
	if (is_due(d->health.read_at, d->health.read_told, READ_EVERY_MS)) {
		d->health.read_told = d->health.read_at;
		report_health(ds->report, STATUS_READING, d->cfg.num,
			      d->health.read_at.ms);
	}
	if (d->linked)
		tell_signal(ds, d);
	if (d->info.battery <= 100 &&
	    (!d->health.battery_told || d->info.battery != d->health.battery)) {
		d->health.battery_told = true;
		d->health.battery = d->info.battery;
		report_health(ds->report, STATUS_BATTERY, d->cfg.num, d->info.battery);
	}
	tell_clock(ds, d, now);
}
