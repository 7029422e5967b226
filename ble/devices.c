/*
 * devices.c - the configured peripherals; see devices.h.
 *
 * Handlers only tell the machines what happened; run() lets them act, once per event.
 */
#include "ble/devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ble/bluez.h"
#include "ble/bucket.h"
#include "ble/capture.h"
#include "ble/clock.h"
#include "ble/handover.h"
#include "ble/pairing.h"
#include "ble/profile.h"
#include "ble/report.h"
#include "ble/session.h"
#include "hub/core/err.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"

enum {
	STOP_MS = 3000,
	LATE_MS = 2000, /* a value may be told just after the end of its link */
	/* Decoded values wait this long for the device's clock to be read; hub-store
	   waits a second for them. */
	HOLD_MS = 600,
};

struct device {
	struct config_device cfg;
	struct session session;
	struct clock_track clock;
	struct bucket bucket;
	const struct profile *profile; /* of the bucket; NULL: no value yet */
	unsigned is;	   /* what bluetoothd says of it, PROP_PAIRED .. PROP_RESOLVED */
	bool bonded;	   /* a bond that was found good */
	bool linked;	   /* connected, and bonded */
	bool has_services; /* resolved, and the measurement is among them */
	bool trusting;	   /* trust was asked for on this attachment */
	struct mono gone_at;
	enum clock_kind clock_kind;
	bool clock_readable, clock_writable;
	unsigned tag;	       /* of the clock operation under way */
	struct mono op_before; /* when it began */
	int64_t op_local_ms;   /* what it sets */
	int told;	       /* enum device_state told to hubd, -1: none */
};

struct devices {
	struct rt *rt;
	struct bluez *bluez;
	struct handover *handover;
	struct report *report;
	struct rt_timer *timer;
	devices_stopped_fn *stopped;
	void *arg;
	uint8_t boot[BOOT_ID_LEN];
	bool configured, radio, stopping;
	struct mono stop_by;
	bool has_time;
	struct msg_time time; /* of the clinic */
	int16_t utc_offset_min;
	struct pairing pairing;
	size_t count;
	struct device devices[CONFIG_DEVICES_MAX];
};

static struct wall hub_wall(const struct devices *ds, struct mono now)
{
	return ds->has_time ? clock_wall_at(ds->time.utc, ds->time.at, now) : rt_wall();
}

static int64_t hub_local_ms(const struct devices *ds, struct mono now)
{
	return hub_wall(ds, now).ms + ds->utc_offset_min * INT64_C(60000);
}

/* ---- values
 * -------------------------------------------------------------------------------------
 */

static void incident(struct devices *ds, enum incident what, size_t i)
{
	report_incident(ds->report, what, i < ds->count ? ds->devices[i].cfg.num : 0);
}

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
	struct capture_time captured = { .mono = now, .wall = hub_wall(ds, now) };
	struct backlog_entry *e;
	struct msg_raw raw;

	memcpy(captured.boot, ds->boot, BOOT_ID_LEN);
	raw = capture_raw(p, &d->cfg, value, len, &captured, ds->utc_offset_min);
	e = handover_raw(ds->handover, i, &raw);
	if (!e) {
		log_err("value-lost",
			"device=%u do=\"find out why hub-store takes nothing\"",
			d->cfg.num);
		incident(ds, INCIDENT_STORAGE, i);
		return;
	}
	session_on_value(&d->session, now);
	e->decoded = capture_decode(p, value, len);
	e->hold_until = mono_add(now, HOLD_MS);
	if (e->decoded.marks & MARK_UNDECODED)
		incident(ds, INCIDENT_RADIO_GARBAGE, i);
}

static void on_value(void *arg, size_t i, uint16_t uuid, const uint8_t *value, size_t len)
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
		incident(ds, INCIDENT_RADIO_IMPOSTOR, i);
	} else if (is_flood(&ds->devices[i], p, now)) {
		log_warn("value-refused", "device=%u reason=flood",
			 ds->devices[i].cfg.num);
		incident(ds, INCIDENT_RADIO_GARBAGE, i);
		bluez_do(ds->bluez, BLUEZ_DISCONNECT, i, 0);
	} else {
		take_value(ds, i, p, value, len, now);
	}
}

/* Give hub-store the decoded values whose wait for the device's clock is over. Returns
 * the next deadline. */
static struct mono finish_values(struct devices *ds, struct mono now)
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

/* ---- sessions
 * ----------------------------------------------------------------------------------- */

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

static void act_session(struct devices *ds, size_t i, enum session_action action,
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
		incident(ds, INCIDENT_RADIO_IMPOSTOR, i);
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
	set = clock_should_set(&d->clock, hub_wall(ds, now), now, ds->utc_offset_min,
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
		write = clock_should_set(&d->clock, hub_wall(ds, now), now,
					 ds->utc_offset_min, false);
	session_on_ready(&d->session, d->clock_readable, write, now);
}

/* A bond from before that nobody trusts was interrupted in a pause of the session: go on
 * with it. */
static void keep_trusted(struct devices *ds, size_t i)
{
	struct device *d = &ds->devices[i];

	if (!d->bonded || d->is & PROP_TRUSTED || d->trusting ||
	    session_is_disarmed(&d->session))
		return;
	d->trusting = bluez_do(ds->bluez, BLUEZ_TRUST, i, 0) == 0;
}

static void follow_device(struct devices *ds, size_t i, struct mono now)
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
static void on_device(void *arg, size_t i, struct object_device *o)
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
	/* Resolved is a level, and may be there at once; without the objects it means
	 * nothing. */
	d->has_services = o && d->is & PROP_RESOLVED && has_measurement(o);
	if (d->has_services)
		d->clock_kind = find_clock(o, &d->clock_readable, &d->clock_writable);
	/* At once, not in run: a link may come and go within one batch of messages. */
	follow_device(ds, i, rt_mono());
}

/* ---- pairing
 * ------------------------------------------------------------------------------------ */

static enum bluez_op bluez_op_of(enum pairing_op op)
{
	switch (op) {
	case PAIRING_NOTHING: break;
	case PAIRING_AGENT_ON: return BLUEZ_AGENT_ON;
	case PAIRING_AGENT_OFF: return BLUEZ_AGENT_OFF;
	case PAIRING_BONDABLE_ON: return BLUEZ_BONDABLE_ON;
	case PAIRING_BONDABLE_OFF: return BLUEZ_BONDABLE_OFF;
	case PAIRING_SEARCH_ON: return BLUEZ_SEARCH_ON;
	case PAIRING_SEARCH_OFF: return BLUEZ_SEARCH_OFF;
	case PAIRING_REMOVE: return BLUEZ_REMOVE;
	case PAIRING_START: return BLUEZ_PAIR;
	case PAIRING_STOP: return BLUEZ_CANCEL_PAIRING;
	case PAIRING_SET_TRUSTED: return BLUEZ_TRUST;
	}
	return BLUEZ_NONE;
}

/* Operations of pairing carry their own number as tag, with a bit that sessions do not
 * use. */
enum { PAIRING_TAG = 1 << 30 };

static void act_pairing(struct devices *ds, struct pairing_action a, struct mono now)
{
	int err;

	log_debug("pairing", "step=%d", (int)a.op);
	err = bluez_do(ds->bluez, bluez_op_of(a.op), a.device, PAIRING_TAG | a.op);
	if (err)
		pairing_on_done(&ds->pairing, a.op, err, now);
}

static void on_done(void *arg, enum bluez_op op, size_t i, unsigned tag, int err,
		    const uint8_t *value, size_t len)
{
	struct devices *ds = arg;
	struct mono now = rt_mono();

	if (tag & PAIRING_TAG)
		pairing_on_done(&ds->pairing,
				(enum pairing_op)(tag & ~(unsigned)PAIRING_TAG), err,
				now);
	else if (op == BLUEZ_READ && i < ds->count && tag == ds->devices[i].tag)
		on_clock_read(ds, i, err, value, len, now);
	else if (op == BLUEZ_WRITE && i < ds->count && tag == ds->devices[i].tag)
		on_clock_set(ds, i, err, now);
}

static int on_passkey(void *arg, size_t i, uint32_t *ret_passkey)
{
	struct devices *ds = arg;

	return pairing_on_passkey(&ds->pairing, i, ret_passkey);
}

/* ---- acting
 * -------------------------------------------------------------------------------------
 */

static enum device_state device_state(const struct devices *ds, size_t i)
{
	const struct device *d = &ds->devices[i];

	if (!d->bonded)
		return pairing_device_state(&ds->pairing, i);
	if (session_bond_doubtful(&d->session))
		return DEVICE_BOND_LOST;
	return d->linked ? DEVICE_CONNECTED : DEVICE_BONDED;
}

static void tell_state(struct devices *ds, size_t i)
{
	struct device *d = &ds->devices[i];
	enum device_state state = device_state(ds, i);

	if ((int)state == d->told)
		return;
	if (state == DEVICE_PAIRING_FAILED)
		log_warn("pairing-failed", "device=%u reason=%s", d->cfg.num,
			 pairing_reason_text(pairing_device_reason(&ds->pairing, i)));
	else if (state == DEVICE_BONDED && d->told == DEVICE_PAIRING)
		log_info("paired", "device=%u", d->cfg.num);
	d->told = (int)state;
	report_device(ds->report, d->cfg.num, state);
}

static void follow_all(struct devices *ds, bool ready, struct mono now)
{
	bool linked = false;

	for (size_t i = 0; i < ds->count; i++) {
		session_on_store(&ds->devices[i].session, ready, now);
		follow_device(ds, i, now);
		linked |= ds->devices[i].linked;
	}
	pairing_on_quiet(&ds->pairing, linked);
}

static struct mono run_machines(struct devices *ds, struct mono now)
{
	struct mono next = MONO_NEVER;
	struct pairing_action a;

	for (size_t i = 0; i < ds->count; i++) {
		struct session *s = &ds->devices[i].session;
		enum session_action action;

		while ((action = session_next(s, now)) != SESSION_NOTHING)
			act_session(ds, i, action, now);
		if (session_deadline(s).ms < next.ms)
			next = session_deadline(s);
	}
	while ((a = pairing_next(&ds->pairing, now)).op != PAIRING_NOTHING)
		act_pairing(ds, a, now);
	return pairing_deadline(&ds->pairing).ms < next.ms
		       ? pairing_deadline(&ds->pairing)
		       : next;
}

static bool is_stopped(const struct devices *ds, struct mono now)
{
	return ds->stopping &&
	       (mono_reached(now, ds->stop_by) ||
		(bluez_is_off(ds->bluez) && handover_is_empty(ds->handover)));
}

static void run(void *arg)
{
	struct devices *ds = arg;
	struct mono now = rt_mono();
	bool ready = handover_is_ready(ds->handover) && !ds->stopping;
	struct mono next, held;

	follow_all(ds, ready, now);
	next = run_machines(ds, now);
	bluez_want_power(ds->bluez, ready && ds->configured); /* after the farewells */
	held = finish_values(ds, now);
	for (size_t i = 0; ds->radio && i < ds->count; i++)
		tell_state(ds, i);
	if (held.ms < next.ms)
		next = held;
	if (ds->stopping && ds->stop_by.ms < next.ms)
		next = ds->stop_by;
	rt_timer_set(ds->timer, next);
	if (is_stopped(ds, now))
		ds->stopped(ds->arg);
}

/* ---- what others say
 * ---------------------------------------------------------------------------- */

static void on_radio(void *arg, bool on)
{
	struct devices *ds = arg;

	ds->radio = on;
	log_info("radio", "on=%d", (int)on);
	pairing_on_radio(&ds->pairing, on);
	report_adapter(ds->report, on);
}

static void on_bondable(void *arg, bool on)
{
	struct devices *ds = arg;

	pairing_on_bondable(&ds->pairing, on);
}

static void on_incident(void *arg, enum incident what, size_t i)
{
	incident(arg, what, i);
}

static void on_changed(void *arg)
{
	run(arg);
}

static void on_durable(void *arg, size_t i)
{
	struct devices *ds = arg;

	if (i < ds->count)
		session_on_durable(&ds->devices[i].session, rt_mono());
}

static void on_store_violation(void *arg, unsigned count)
{
	struct devices *ds = arg;

	(void)count;
	report_incident(ds->report, INCIDENT_IPC, ROLE_STORE);
}

static bool is_same(const struct devices *ds, const struct msg_ble_config *c)
{
	if (!ds->configured || c->device_count != ds->count)
		return false;
	for (size_t i = 0; i < ds->count; i++)
		if (memcmp(&ds->devices[i].cfg, &c->devices[i], sizeof(c->devices[i])) !=
		    0)
			return false;
	return true;
}

/* Values of the old configuration still waiting get what is known of them before their
 * devices change. */
static void finish_all(struct devices *ds)
{
	finish_values(ds, MONO_NEVER);
}

static void on_config(void *arg, const struct msg_ble_config *c)
{
	struct devices *ds = arg;

	ds->utc_offset_min = c->utc_offset_min;
	if (is_same(ds, c))
		return;
	log_info("configured", "devices=%u", c->device_count);
	finish_all(ds);
	ds->count = c->device_count;
	ds->configured = true;
	for (size_t i = 0; i < ds->count; i++) {
		struct device *d = &ds->devices[i];

		*d = (struct device){ .cfg = c->devices[i], .told = -1 };
		session_init(&d->session);
		clock_init(&d->clock);
	}
	pairing_set_devices(&ds->pairing, c->devices, ds->count);
	bluez_set_devices(ds->bluez, c->devices, ds->count);
	run(ds);
}

static void on_time(void *arg, const struct msg_time *t)
{
	struct devices *ds = arg;

	if (t->utc.quality != CLOCK_QUALITY_CLINIC || t->utc.ms < 0 ||
	    t->utc.ms > INT64_C(253402300799999)) /* end of year 9999 */
		return;
	ds->time = *t;
	ds->has_time = true;
}

/* ---- life
 * ---------------------------------------------------------------------------------------
 */

static const struct bluez_handlers bluez_handlers = {
	.radio = on_radio,
	.bondable = on_bondable,
	.device = on_device,
	.value = on_value,
	.done = on_done,
	.passkey = on_passkey,
	.incident = on_incident,
	.settle = run,
};

static const struct handover_handlers handover_handlers = {
	.changed = on_changed,
	.durable = on_durable,
	.violation = on_store_violation,
};

static const struct report_handlers report_handlers = {
	.config = on_config,
	.time = on_time,
};

int devices_new(struct rt *rt, const struct options *opt, devices_stopped_fn *stopped,
		void *arg, struct devices **ret)
{
	struct devices *ds = calloc(1, sizeof(*ds));
	int r;

	if (!ds)
		return -ENOMEM;
	ds->rt = rt;
	ds->stopped = stopped;
	ds->arg = arg;
	pairing_init(&ds->pairing);
	r = rt_boot_id(ds->boot);
	if (!r)
		r = report_new(rt, opt, &report_handlers, ds, &ds->report);
	if (!r)
		r = handover_new(rt, opt, &handover_handlers, ds, &ds->handover);
	if (r) {
		devices_free(ds);
		return r;
	}
	ds->timer = rt_timer_new(rt, run, ds);
	ds->bluez = bluez_new(rt, opt->bus, &bluez_handlers, ds);
	*ret = ds;
	return 0;
}

void devices_stop(struct devices *ds)
{
	ds->stopping = true;
	ds->stop_by = mono_add(rt_mono(), STOP_MS);
	finish_all(ds);
	rt_timer_set(ds->timer, rt_mono());
}

void devices_free(struct devices *ds)
{
	if (!ds)
		return;
	bluez_free(ds->bluez);
	rt_timer_free(ds->timer);
	handover_free(ds->handover);
	report_free(ds->report);
	free(ds);
}
