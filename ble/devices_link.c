/*
 * devices_link.c - connections of configured devices: bond, verification, what they have;
 * see devices.h.
 */
#include <errno.h>
#include <string.h>

#include "ble/devices_internal.h"
#include "ble/ghs.h"
#include "ble/uds.h"
#include "hub/rt/log.h"

enum { IDLE_ASKED_MS = 5000, NUDGE_MS = 5000 };

void devices_act(struct devices *ds, size_t i, enum session_action action,
		 struct mono now)
{
	struct device *d = &ds->devices[i];

	switch (action) {
	case SESSION_NOTHING: break;
	case SESSION_BEGIN_STEP: devices_begin_step(ds, i, now); break;
	case SESSION_DISCONNECT:
		doctor_on_dismissed(&d->doctor, now);
		bluez_do(ds->bluez, BLUEZ_DISCONNECT, i, 0);
		break;
	case SESSION_DISARM:
		log_warn("links-fail",
			 "device=%u do=\"pair the device again if this lasts\"",
			 d->cfg.num);
		devices_incident(ds, INCIDENT_RADIO_IMPOSTOR, i);
		bluez_do(ds->bluez, BLUEZ_DISTRUST, i, 0);
		bluez_do(ds->bluez, BLUEZ_DISCONNECT, i, 0);
		break;
	case SESSION_ARM:
		bluez_do(ds->bluez, BLUEZ_TRUST, i, 0);
		bluez_do(ds->bluez, BLUEZ_CONNECT, i, 0);
		revive_on_armed(&ds->revive, (unsigned)i, now);
		break;
	}
}

/* A device all of whose values are asked for has nothing more to say; what it measures while it
 * is still connected it would only tell on the next connection. */
static uint64_t idle_of(const struct device *d, const struct traits *t)
{
	if (t->hub_ends_ms)
		return t->hub_ends_ms;
	return d->memory.where.key_bits ? IDLE_ASKED_MS : SESSION_IDLE_MS;
}

static struct session_plan plan_of(const struct devices *ds, const struct device *d,
				   struct object_device *o, struct mono now)
{
	const struct traits *t = d->traits;
	struct session_plan plan = {
		.steps = 1u << STEP_PREPARE | 1u << STEP_INFO,
		.clock_first = t->clock_first,
		.endless = choose_is_endless(o) && !t->hub_ends_ms,
		.idle_ms = idle_of(d, t),
		.pause_max_ms = t->advertising_s * UINT64_C(1000) / 3,
	};
	const unsigned set = 1u << STEP_SETTLE | 1u << STEP_CLOCK_SET;

	if (d->clock_at.readable)
		plan.steps |= 1u << STEP_CLOCK_READ;
	if (d->clock_at.readable && d->clock_at.writable)
		plan.steps |= set | 1u << STEP_CLOCK_CHECK;
	else if (d->clock_at.writable && devices_shall_set(ds, d, false, now))
		plan.steps |= set; /* only a set will tell its offset */
	if (d->has_users && d->cfg.has_consent && d->cfg.has_user &&
	    d->refusals < DEVICE_REFUSALS_MAX)
		plan.steps |= 1u << STEP_CONSENT;
	if (d->memory.where.service)
		plan.steps |= 1u << STEP_HISTORY;
	if (objects_find_in_service(o, GHS_UUID_SERVICE, GHS_UUID_CONTROL_POINT,
				    CHAR_WRITE))
		plan.steps |= 1u << STEP_LIVE;
	return plan;
}

/* Nothing is asked of a device before it is known who it is; if that cannot be known, it is
 * asked all the same, for its readings are taken too. */
static bool may_begin(const struct device *d, struct mono now)
{
	return d->has_services && d->session.state == SESSION_LINKED &&
	       verify_link(&d->verify, now) != VERIFY_PENDING;
}

static void on_linked(struct devices *ds, size_t i, struct mono now)
{
	struct device *d = &ds->devices[i];
	struct object_device *o = objects_find_config(bluez_objects(ds->bluez), i);
	struct session_plan plan;

	if (!d->linked) {
		log_info("connected", "device=%u", d->cfg.num);
		d->linked = true;
		d->links++;
		d->heard = d->asked_again = false;
		d->ctx = (struct profile_context){ .bcs_stub = d->traits->bcs_stub };
		devices_end_joins(
			ds, i,
			now); /* of a value that came before the news of its link */
		clock_form_init(&d->form, d->clock_at.kind);
		clock_on_linked(&d->clock);
		devices_fill_unproven(d, now);
		verify_on_linked(&d->verify, now);
		session_on_linked(&d->session, now);
		revive_on_linked(&ds->revive, (unsigned)i);
		doctor_on_linked(&d->doctor, now);
	}
	verify_on_resolved(&d->verify, d->has_services, now);
	if (!o || !may_begin(d, now))
		return;
	plan = plan_of(ds, d, o, now);
	d->ready_at = now;
	doctor_on_ready(&d->doctor, now);
	session_on_ready(&d->session, &plan, now);
}

static void on_gone(struct devices *ds, size_t i, struct mono now)
{
	struct device *d = &ds->devices[i];

	log_info("disconnected", "device=%u", d->cfg.num);
	d->linked = false;
	d->doubtful |= d->session.state == SESSION_LINKED;
	d->gone_at = now;
	d->doing = STEP_COUNT;
	d->tag++; /* answers to what was asked on that link are void */
	devices_end_joins(ds, i, now);
	devices_close_streams(ds, i, true, now);
	devices_memory_on_gone(ds, i, now);
	verify_on_gone(&d->verify, now);
	session_on_gone(&d->session, now);
	doctor_on_gone(&d->doctor, now);
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
	if (d->bonded && d->is & PROP_CONNECTED)
		on_linked(ds, i, now);
	else if (d->linked)
		on_gone(ds, i, now);
}

static void look_at_services(struct device *d, struct object_device *o)
{
	d->clock_at = choose_clock(o, d->traits);
	if (d->form.kind != d->clock_at.kind)
		clock_form_init(&d->form, d->clock_at.kind);
	d->memory.where = choose_memory(o);
	d->has_users = objects_find_uuid(o, UDS_UUID_CONTROL_POINT, CHAR_WRITE) != NULL;
}

static void tell_pairing(struct devices *ds, size_t i, bool present)
{
	const struct device *d = &ds->devices[i];
	const struct pairing_facts facts = {
		.present = present,
		.paired = d->is & PROP_PAIRED,
		.bonded = d->is & PROP_BONDED,
		.connected = d->is & PROP_CONNECTED,
		.resolved = d->is & PROP_RESOLVED,
		.unfinished = d->is & PROP_BONDED && !(d->is & PROP_TRUSTED) &&
			      !d->pin.known && !d->was_trusted,
	};

	pairing_on_facts(&ds->pairing, i, facts, rt_mono());
}

/* What bluetoothd says; the consequences are drawn in devices_follow. */
void devices_on_object(void *arg, size_t i, struct object_device *o)
{
	struct devices *ds = arg;
	struct device *d = &ds->devices[i];

	if (i >= ds->count)
		return;
	d->is = o ? o->is : 0;
	d->trusting &= o != NULL;
	d->was_trusted |= (d->is & PROP_TRUSTED) != 0;
	if (o) {
		devices_choose_traits(d, o->name);
		doctor_on_seen(&d->doctor, o->rssi, rt_mono());
		if (o->rssi != DOCTOR_RSSI_UNKNOWN)
			devices_health_on_seen(d, o->rssi, rt_mono());
	}
	pairing_set_traits(&ds->pairing, i, d->traits);
	tell_pairing(ds, i, o != NULL);
	/* Resolved is a level, and may be there at once; without the objects it means nothing. */
	d->has_services = o && d->is & PROP_RESOLVED && choose_has_measurement(o);
	if (d->has_services)
		look_at_services(d, o);
	/* At once, not in run: a link may come and go within one batch of messages. */
	devices_follow(ds, i, rt_mono());
}

/* After a link that was never encrypted, an impostor's, bluetoothd may hold a value for want of a
 * subscriber although it tells that we are one. We ask once more on the next link, and on any link
 * that stays silent for a while: a device with something to say says it at once. What is held then
 * comes. */
struct mono devices_nudge(struct devices *ds, size_t i, struct mono now)
{
	struct device *d = &ds->devices[i];
	struct object_device *o = objects_find_config(bluez_objects(ds->bluez), i);
	struct mono due = d->doubtful ? d->ready_at : mono_add(d->ready_at, NUDGE_MS);

	if (!o || !d->linked || d->heard || d->asked_again || d->memory.where.service ||
	    d->session.plan.endless || d->session.state != SESSION_LISTEN)
		return MONO_NEVER;
	if (!mono_reached(now, due))
		return due;
	d->asked_again = true;
	d->doubtful = false;
	for (size_t k = 0; k < o->char_count; k++)
		if (profile_by_characteristic(o->chars[k].uuid) && o->chars[k].armed)
			bluez_subscribe_again(ds->bluez, i, o->chars[k].service,
					      o->chars[k].uuid);
	return MONO_NEVER;
}

/* The cookie names the device, and the ask that verify.h has ordered; or it is pairing's. */
enum { COOKIE_PAIRING = 1u << 31, COOKIE_DEVICE_SHIFT = 16 };

static int ask(struct devices *ds, size_t i, uint32_t cookie)
{
	const struct peripheral *who = &ds->devices[i].who;
	struct msg_link_ask m = { .cookie = cookie, .addr_type = who->addr_type };

	memcpy(m.addr, who->addr, PERIPHERAL_ADDR_LEN);
	if (!bluez_adapter(ds->bluez, m.adapter))
		return -EAGAIN;
	return bondlink_ask(ds->bondlink, &m);
}

int devices_ask_bond(struct devices *ds, size_t i)
{
	return ask(ds, i, COOKIE_PAIRING | (uint32_t)i << COOKIE_DEVICE_SHIFT);
}

struct mono devices_verify(struct devices *ds, size_t i, struct mono now)
{
	struct verify *v = &ds->devices[i].verify;

	verify_on_helper(v, bondlink_is_up(ds->bondlink), now);
	while (verify_next(v, now) == VERIFY_ASK)
		/* unanswered it is asked again */
		(void)ask(ds, i, (uint32_t)i << COOKIE_DEVICE_SHIFT | verify_cookie(v));
	if (ds->devices[i].linked && verify_is_refused(v) &&
	    ds->devices[i].session.state != SESSION_CLOSING) {
		log_warn("bond-refused", "device=%u strength=%d key_size=%u",
			 ds->devices[i].cfg.num, (int)verify_strength(v),
			 verify_key_size(v));
		devices_incident(ds, INCIDENT_RADIO_IMPOSTOR, i);
		session_close(&ds->devices[i].session, now);
	}
	return verify_deadline(v);
}

void devices_on_facts(void *arg, const struct msg_link_facts *f)
{
	struct devices *ds = arg;
	size_t i = (f->cookie & ~COOKIE_PAIRING) >> COOKIE_DEVICE_SHIFT;
	struct mono now = rt_mono();

	if (i >= ds->count)
		return; /* of an older configuration */
	if (f->linked && f->encrypted)
		doctor_on_encrypted(&ds->devices[i].doctor, now);
	if (!(f->cookie & COOKIE_PAIRING))
		verify_on_facts(&ds->devices[i].verify, f, now);
	pairing_on_bond_facts(&ds->pairing, i, f->bonded || f->strength != LINK_UNKNOWN,
			      f->strength, f->key_size, now);
	devices_changed(ds);
}
