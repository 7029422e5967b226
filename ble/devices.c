/*
 * devices.c - the configured peripherals; see devices.h.
 *
 * Handlers only tell the machines what happened; run() lets them act, once per event.
 */
#include "ble/devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ble/devices_internal.h"
#include "hub/rt/log.h"

enum { STOP_MS = 3000 };

struct wall devices_wall(const struct devices *ds, struct mono now)
{
	return ds->has_time ? clock_wall_at(ds->time.utc, ds->time.at, now) : rt_wall();
}

void devices_incident(struct devices *ds, enum incident what, size_t i)
{
	report_incident(ds->report, what, i < ds->count ? ds->devices[i].cfg.num : 0);
}

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

/* Operations of pairing carry their own number as tag, with a bit that sessions do not use. */
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
	else if (i < ds->count && tag == ds->devices[i].tag)
		devices_on_clock(ds, op, i, err, value, len, now);
}

static int on_passkey(void *arg, size_t i, uint32_t *ret_passkey)
{
	struct devices *ds = arg;

	return pairing_on_passkey(&ds->pairing, i, ret_passkey);
}

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
		devices_follow(ds, i, now);
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
			devices_act(ds, i, action, now);
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
	held = devices_finish_values(ds, now);
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
	devices_incident(arg, what, i);
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

/* Member by member: what lies between the members is not part of a configuration. */
static bool is_same_device(const struct config_device *a, const struct config_device *b)
{
	return a->num == b->num && a->kind == b->kind && a->addr_type == b->addr_type &&
	       memcmp(a->addr, b->addr, sizeof(a->addr)) == 0 &&
	       a->passkey == b->passkey && a->has_user == b->has_user &&
	       a->user == b->user && a->sole_user == b->sole_user;
}

static bool is_same(const struct devices *ds, const struct msg_ble_config *c)
{
	if (!ds->configured || c->device_count != ds->count)
		return false;
	for (size_t i = 0; i < ds->count; i++)
		if (!is_same_device(&ds->devices[i].cfg, &c->devices[i]))
			return false;
	return true;
}

/* Values of the old configuration still waiting get
 * what is known of them before their devices change. */
static void finish_all(struct devices *ds)
{
	devices_finish_values(ds, MONO_NEVER);
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

static const struct bluez_handlers bluez_handlers = {
	.radio = on_radio,
	.bondable = on_bondable,
	.device = devices_on_object,
	.value = devices_on_value,
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
