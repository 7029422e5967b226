/*
 * devices_link.c - connections of configured devices, and their clocks; see devices.h.
 */
#include <errno.h>

#include "ble/devices_internal.h"
#include "hub/rt/log.h"

static int64_t hub_local_ms(const struct devices *ds, struct mono now)
{
	return devices_wall(ds, now).ms + ds->utc_offset_min * INT64_C(60000);
}

static void clock_failed(struct device *d, struct mono now)
{
	if (d->session.state == SESSION_CLOCK_SET)
		session_on_clock_set(&d->session, false, now);
	else
		session_on_clock_read(&d->session, false, now);
}

static void begin_clock(struct devices *ds, size_t i, bool set, struct mono now)
{
	struct device *d = &ds->devices[i];
	uint8_t buf[CLOCK_LEN_MAX];
	uint16_t uuid = clock_uuid(d->clock_kind);
	int r;

	d->tag++;
	d->op_before = now;
	if (set) {
		d->op_local_ms = clock_settable_ms(d->clock_kind, hub_local_ms(ds, now));
		r = clock_encode(d->clock_kind, d->op_local_ms, buf);
		if (r > 0)
			r = bluez_write(ds->bluez, i, uuid, buf, (size_t)r, d->tag);
	} else {
		r = bluez_read(ds->bluez, i, uuid, d->tag);
	}
	if (r)
		clock_failed(d, now);
}

void devices_act(struct devices *ds, size_t i, enum session_action action,
		 struct mono now)
{
	switch (action) {
	case SESSION_NOTHING: break;
	case SESSION_READ_CLOCK: begin_clock(ds, i, false, now); break;
	case SESSION_SET_CLOCK: begin_clock(ds, i, true, now); break;
	case SESSION_DISCONNECT: bluez_do(ds->bluez, BLUEZ_DISCONNECT, i, 0); break;
	case SESSION_DISARM:
		log_warn("links-fail",
			 "device=%u do=\"pair the device again if this lasts\"",
			 ds->devices[i].cfg.num);
		devices_incident(ds, INCIDENT_RADIO_IMPOSTOR, i);
		bluez_do(ds->bluez, BLUEZ_DISTRUST, i, 0);
		bluez_do(ds->bluez, BLUEZ_DISCONNECT, i, 0);
		break;
	case SESSION_ARM:
		bluez_do(ds->bluez, BLUEZ_TRUST, i, 0);
		bluez_do(ds->bluez, BLUEZ_CONNECT, i, 0);
		break;
	}
}

static void on_clock_read(struct devices *ds, size_t i, int err, const uint8_t *value,
			  size_t len, struct mono now)
{
	struct device *d = &ds->devices[i];
	struct clock_face face;
	bool set;

	if (!err)
		err = clock_decode(d->clock_kind, value, len, &face);
	if (!err)
		clock_on_read(&d->clock, &face, d->op_before, now);
	else
		log_info("clock-unread", "device=%u error=%d", d->cfg.num, err);
	/* A device that says it does not know the time may be told. */
	set = clock_should_set(&d->clock, devices_wall(ds, now), now, ds->utc_offset_min,
			       err != -ERANGE);
	session_on_clock_read(&d->session, set, now);
}

static void on_clock_set(struct devices *ds, size_t i, int err, struct mono now)
{
	struct device *d = &ds->devices[i];

	if (err)
		log_warn("clock-set", "device=%u error=%d", d->cfg.num, err);
	else
		log_info("clock-set", "device=%u", d->cfg.num);
	if (!err)
		clock_on_set(&d->clock, d->op_local_ms, d->op_before, now);
	session_on_clock_set(&d->session, err == 0, now);
}

static enum clock_kind find_clock(struct object_device *o, bool *ret_read,
				  bool *ret_write)
{
	static const enum clock_kind kinds[] = { CLOCK_KIND_CURRENT_TIME,
						 CLOCK_KIND_DATE_TIME };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		uint16_t uuid = clock_uuid(kinds[i]);

		*ret_read = objects_find_uuid(o, uuid, CHAR_READ) != NULL;
		*ret_write = objects_find_uuid(o, uuid, CHAR_WRITE) != NULL;
		if (*ret_read || *ret_write)
			return kinds[i];
	}
	return CLOCK_KIND_NONE;
}

static bool has_measurement(struct object_device *o)
{
	for (size_t i = 0; profile_at(i); i++)
		if (objects_find_uuid(o, profile_at(i)->characteristic, CHAR_NOTIFY))
			return true;
	return false;
}

static void on_linked(struct devices *ds, struct device *d, struct mono now)
{
	bool write = d->clock_writable;

	if (!d->linked) {
		log_info("connected", "device=%u", d->cfg.num);
		d->linked = true;
		clock_on_linked(&d->clock);
		session_on_linked(&d->session, now);
	}
	if (!d->has_services || d->session.state != SESSION_LINKED)
		return;
	if (!d->clock_readable && write)
		write = clock_should_set(&d->clock, devices_wall(ds, now), now,
					 ds->utc_offset_min, false);
	session_on_ready(&d->session, d->clock_readable, write, now);
}

/* A bond from before that nobody trusts was interrupted
 * in a pause of the session: go on with it. */
static void keep_trusted(struct devices *ds, size_t i)
{
	struct device *d = &ds->devices[i];

	if (!d->bonded || d->is & PROP_TRUSTED || d->trusting ||
	    session_is_disarmed(&d->session))
		return;
	d->trusting = bluez_do(ds->bluez, BLUEZ_TRUST, i, 0) == 0;
}

void devices_follow(struct devices *ds, size_t i, struct mono now)
{
	const unsigned bond = PROP_PAIRED | PROP_BONDED;
	struct device *d = &ds->devices[i];

	d->bonded = (d->is & bond) == bond && !pairing_is_busy_with(&ds->pairing, i);
	keep_trusted(ds, i);
	if (d->bonded && d->is & PROP_CONNECTED) {
		on_linked(ds, d, now);
	} else if (d->linked) {
		log_info("disconnected", "device=%u", d->cfg.num);
		d->linked = false;
		d->gone_at = now;
		session_on_gone(&d->session, now);
	}
}

/* What bluetoothd says; the consequences are drawn in follow_device. */
void devices_on_object(void *arg, size_t i, struct object_device *o)
{
	struct devices *ds = arg;
	struct device *d = &ds->devices[i];
	struct pairing_facts facts = { .present = o != NULL };

	if (i >= ds->count)
		return;
	d->is = o ? o->is : 0;
	d->trusting &= o != NULL;
	facts.paired = d->is & PROP_PAIRED;
	facts.bonded = d->is & PROP_BONDED;
	pairing_on_facts(&ds->pairing, i, facts, rt_mono());
	/* Resolved is a level, and may be there at once; without the objects it means nothing. */
	d->has_services = o && d->is & PROP_RESOLVED && has_measurement(o);
	if (d->has_services)
		d->clock_kind = find_clock(o, &d->clock_readable, &d->clock_writable);
	/* At once, not in run: a link may come and go within one batch of messages. */
	devices_follow(ds, i, rt_mono());
}

void devices_on_clock(struct devices *ds, enum bluez_op op, size_t i, int err,
		      const uint8_t *value, size_t len, struct mono now)
{
	if (op == BLUEZ_READ)
		on_clock_read(ds, i, err, value, len, now);
	else if (op == BLUEZ_WRITE)
		on_clock_set(ds, i, err, now);
}
