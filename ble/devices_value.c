/*
 * devices_value.c - from a value over the air to the two messages for hub-store; see devices.h.
 */
#include <string.h>

#include "ble/devices_internal.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"

enum {
	LATE_MS = 2000, /* a value may be told just after the end of its link */
	/* Decoded values wait so long for the device's clock; hub-store waits a second. */
	HOLD_MS = 600,
};

static bool is_credible(const struct device *d, struct mono now)
{
	return d->bonded && (d->linked || mono_since(now, d->gone_at) < LATE_MS);
}

static bool is_flood(struct device *d, const struct profile *p, struct mono now)
{
	if (d->profile != p) {
		d->profile = p;
		bucket_init(&d->bucket, p->burst, p->per_second, now);
	}
	return !bucket_take(&d->bucket, now);
}

static void take_value(struct devices *ds, size_t i, const struct profile *p,
		       const uint8_t *value, size_t len, struct mono now)
{
	struct device *d = &ds->devices[i];
	struct capture_time captured = { .mono = now, .wall = devices_wall(ds, now) };
	struct backlog_entry *e;
	struct msg_raw raw;

	memcpy(captured.boot, ds->boot, BOOT_ID_LEN);
	raw = capture_raw(p, &d->cfg, value, len, &captured, ds->utc_offset_min);
	e = handover_raw(ds->handover, i, &raw);
	if (!e) {
		log_err("value-lost",
			"device=%u do=\"find out why hub-store takes nothing\"",
			d->cfg.num);
		devices_incident(ds, INCIDENT_STORAGE, i);
		return;
	}
	session_on_value(&d->session, now);
	e->decoded = capture_decode(p, value, len);
	e->hold_until = mono_add(now, HOLD_MS);
	if (e->decoded.marks & MARK_UNDECODED)
		devices_incident(ds, INCIDENT_RADIO_GARBAGE, i);
}

void devices_on_value(void *arg, size_t i, uint16_t uuid, const uint8_t *value,
		      size_t len)
{
	struct devices *ds = arg;
	const struct profile *p = profile_by_characteristic(uuid);
	struct mono now = rt_mono();

	if (i >= ds->count || !p)
		return;
	FAILPOINT("ble.value.received");
	if (!is_credible(&ds->devices[i], now)) {
		log_warn("value-refused", "device=%u reason=no-bonded-link",
			 ds->devices[i].cfg.num);
		devices_incident(ds, INCIDENT_RADIO_IMPOSTOR, i);
	} else if (is_flood(&ds->devices[i], p, now)) {
		log_warn("value-refused", "device=%u reason=flood",
			 ds->devices[i].cfg.num);
		devices_incident(ds, INCIDENT_RADIO_GARBAGE, i);
		bluez_do(ds->bluez, BLUEZ_DISCONNECT, i, 0);
	} else {
		take_value(ds, i, p, value, len, now);
	}
}

/* Give hub-store the decoded values whose wait for the
 * device's clock is over. Returns the next deadline. */
struct mono devices_finish_values(struct devices *ds, struct mono now)
{
	struct mono next = MONO_NEVER;
	struct backlog_entry *e = NULL;

	while ((e = handover_unfinished(ds->handover, e))) {
		struct device *d = &ds->devices[e->device];
		struct msg_decoded m;

		if (!session_clock_settled(&d->session) &&
		    !mono_reached(now, e->hold_until)) {
			next = e->hold_until.ms < next.ms ? e->hold_until : next;
			continue;
		}
		m = capture_finish(&e->raw, &e->decoded, &d->clock, &d->cfg);
		handover_finish(ds->handover, e, &m);
	}
	return next;
}
