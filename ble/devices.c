/*
 * devices.c - the configured peripherals; see devices.h.
 *
 * Handlers only tell the machines what happened; run() lets them act, once per event.
 */
#include "ble/devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ble/bas.h"
#include "ble/devices_internal.h"
#include "hub/core/err.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"

enum { STOP_MS = 3000 };

struct wall devices_wall(const struct devices *ds, struct mono now)
{
	return ds->has_time ? clock_wall_at(ds->time.utc, ds->time.at, now)
			    : clock_wall_at(rt_wall(), rt_mono(), now);
}

int16_t devices_offset_min(const struct devices *ds, struct wall at)
{
	if (ds->has_change && at.ms >= ds->change_utc_ms)
		return ds->change_offset_min;
	return ds->utc_offset_min;
}

void devices_incident(struct devices *ds, enum incident what, size_t i)
{
	report_incident(ds->report, what, i < ds->count ? ds->devices[i].cfg.num : 0);
}

void devices_choose_traits(struct device *d, const char *name)
{
	if (name && *name)
		snprintf(d->name, sizeof(d->name), "%s", name);
	d->traits = traits_find(d->name, d->info.dis.maker, d->info.dis.model);
}

static enum bluez_op bluez_op_of(enum pairing_op op)
{
	switch (op) {
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
	case PAIRING_CONNECT: return BLUEZ_CONNECT;
	case PAIRING_DISCONNECT: return BLUEZ_DISCONNECT;
	case PAIRING_NOTHING:
	case PAIRING_ADOPT:
	case PAIRING_RELEASE:
	case PAIRING_ASK_FACTS:
	case PAIRING_BONDED: break; /* not bluetoothd's */
	}
	return BLUEZ_NONE;
}

/* Operations of pairing carry their own number as tag, with a bit that sessions do not use. */
enum { PAIRING_TAG = 1 << 30 };

static void set_address(struct device *d, const uint8_t addr[PERIPHERAL_ADDR_LEN],
			enum addr_type type)
{
	d->has_addr = true;
	memcpy(d->who.addr, addr, PERIPHERAL_ADDR_LEN);
	d->who.addr_type = type;
}

static void adopt(struct devices *ds, const struct pairing_action *a)
{
	set_address(&ds->devices[a->device], a->addr, a->addr_type);
	bluez_set_address(ds->bluez, a->device, a->addr, a->addr_type);
}

static void release(struct devices *ds, size_t i)
{
	ds->devices[i].has_addr = false;
	bluez_unset_address(ds->bluez, i);
}

/* 0: not known. */
static int64_t utc_ms(struct wall at)
{
	bool known = at.quality != CLOCK_QUALITY_NONE && at.ms > 0 &&
		     at.ms <= PIN_SINCE_MAX_MS;

	return known ? at.ms : 0;
}

/* Paired: what it was found to be is kept by hubd, and it is held to that. */
static void bonded(struct devices *ds, size_t i)
{
	struct object_device *o = objects_find_config(bluez_objects(ds->bluez), i);
	struct device *d = &ds->devices[i];
	int64_t since_ms = d->pin.since_ms;

	if (o) /* after pairing it is the identity address */
		set_address(d, o->addr, o->addr_type);
	/* The same one, bonded anew, still has what it measured meanwhile. */
	if (!d->pin.known || d->pin.addr_type != d->who.addr_type ||
	    memcmp(d->pin.addr, d->who.addr, PERIPHERAL_ADDR_LEN) != 0) {
		devices_memory_forget(ds, i);
		since_ms = d->cfg.import ? 0 : utc_ms(devices_wall(ds, rt_mono()));
	}
	d->pin = (struct device_pin){ .known = true,
				      .addr_type = d->who.addr_type,
				      .strength = pairing_strength(&ds->pairing, i),
				      .since_ms = since_ms };
	memcpy(d->pin.addr, d->who.addr, PERIPHERAL_ADDR_LEN);
	d->info = (struct info){ .battery = BAS_LEVEL_UNKNOWN };
	d->consent = CONSENT_UNKNOWN;
	d->refusals = 0;
	clock_init(&d->clock);
	report_bonded(ds->report,
		      &(struct msg_bonded){ .num = d->cfg.num, .pin = d->pin });
}

/* Returns 0 if the answer comes later, 1 if it is done, or an error. */
static int do_pairing(struct devices *ds, const struct pairing_action *a)
{
	enum bluez_op op = bluez_op_of(a->op);

	if (op != BLUEZ_NONE)
		return bluez_do(ds->bluez, op, a->device, PAIRING_TAG | (unsigned)a->op);
	if (a->op == PAIRING_ASK_FACTS)
		return devices_ask_bond(ds, a->device);
	if (a->op == PAIRING_ADOPT)
		adopt(ds, a);
	else if (a->op == PAIRING_RELEASE)
		release(ds, a->device);
	else if (a->op == PAIRING_BONDED)
		bonded(ds, a->device);
	return 1;
}

static void act_pairing(struct devices *ds, struct pairing_action a, struct mono now)
{
	int r;

	log_debug("pairing", "step=%d", (int)a.op);
	r = do_pairing(ds, &a);
	if (r)
		pairing_on_done(&ds->pairing, a.op, r > 0 ? 0 : r, now);
	else if (a.op == PAIRING_SEARCH_ON || a.op == PAIRING_SEARCH_OFF)
		doctor_ear_on_search(&ds->ear, a.op == PAIRING_SEARCH_ON, now);
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
	else if (i < ds->count && tag == ds->devices[i].tag &&
		 (op == BLUEZ_READ || op == BLUEZ_WRITE))
		devices_on_operation(ds, i, err, value, len, now);
}

static int on_passkey(void *arg, size_t i, uint32_t *ret_passkey)
{
	struct devices *ds = arg;

	return pairing_on_passkey(&ds->pairing, i, ret_passkey);
}

static void on_heard(void *arg)
{
	struct devices *ds = arg;

	doctor_ear_on_heard(&ds->ear, rt_mono());
}

static void on_candidate(void *arg, const struct object_candidate *c)
{
	struct devices *ds = arg;
	struct pairing_candidate p = { .addr_type = c->addr_type,
				       .services = c->services,
				       .rssi = c->rssi };

	memcpy(p.addr, c->addr, PERIPHERAL_ADDR_LEN);
	pairing_on_candidate(&ds->pairing, &p, rt_mono());
}

/* ---- what hubd is told ---- */

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

static void tell_reason(struct devices *ds, size_t i)
{
	struct device *d = &ds->devices[i];
	enum silence_reason reason = doctor_reason(&d->doctor);

	if ((int)reason == d->told_reason)
		return;
	if (reason != SILENCE_NONE)
		log_info("silent", "device=%u reason=\"%s\"", d->cfg.num,
			 silence_reason_text(reason));
	d->told_reason = (int)reason;
	report_reason(ds->report, d->cfg.num, reason);
}

static void tell_window(struct devices *ds)
{
	uint32_t id = pairing_window_id(&ds->pairing);
	enum window_state state = pairing_window_state(&ds->pairing);

	if (id == 0 || (id == ds->window_id && (int)state == ds->window_told))
		return;
	ds->window_id = id;
	ds->window_told = (int)state;
	log_info("pairing-window", "id=%u state=%d", id, (int)state);
	report_window(ds->report, id, state);
}

/* ---- one turn ---- */

static void follow_all(struct devices *ds, bool ready, struct mono now)
{
	bool busy = false;

	for (size_t i = 0; i < ds->count; i++) {
		session_on_store(&ds->devices[i].session, ready, now);
		devices_follow(ds, i, now);
		busy |= ds->devices[i].linked &&
			!session_is_worn(&ds->devices[i].session);
	}
	pairing_on_quiet(&ds->pairing, busy);
}

static void sooner(struct mono *next, struct mono at)
{
	if (at.ms < next->ms)
		*next = at;
}

static void run_device(struct devices *ds, size_t i, struct mono now, struct mono *next)
{
	struct device *d = &ds->devices[i];
	enum session_action action;

	sooner(next, devices_verify(ds, i, now));
	/* the end of one step may be the beginning of the next */
	sooner(next, devices_memory_run(ds, i, now));
	while ((action = session_next(&d->session, now)) != SESSION_NOTHING) {
		devices_act(ds, i, action, now);
		sooner(next, devices_memory_run(ds, i, now));
	}
	devices_close_streams(ds, i, false, now);
	for (size_t k = 0; k < DEVICE_STREAMS; k++)
		sooner(next, stream_deadline(&d->streams[k]));
	sooner(next, session_deadline(&d->session));
	sooner(next, devices_nudge(ds, i, now));
	doctor_on_bond(&d->doctor, d->bonded,
		       pairing_reason_silence(pairing_device_reason(&ds->pairing, i)),
		       now);
	doctor_on_adapter(&d->doctor, doctor_ear_works(&ds->ear, now), now);
	(void)doctor_run(&d->doctor, now); /* told with the states */
	sooner(next, doctor_deadline(&d->doctor));
}

static struct mono run_machines(struct devices *ds, struct mono now)
{
	struct mono next = doctor_ear_deadline(&ds->ear, now);
	struct pairing_action a;

	for (size_t i = 0; i < ds->count; i++)
		run_device(ds, i, now, &next);
	if (bluez_is_listing(ds->bluez))
		return next; /* who is bonded, and who is on the air: soon */
	while ((a = pairing_next(&ds->pairing, now)).op != PAIRING_NOTHING)
		act_pairing(ds, a, now);
	bluez_watch_candidates(ds->bluez, pairing_wants_candidates(&ds->pairing));
	sooner(&next, pairing_deadline(&ds->pairing));
	return next;
}

/* Shall the radio be off for a moment, for the sake of a device that was paused? */
static bool is_reviving(struct devices *ds, struct mono now, struct mono *next)
{
	struct revive_view v = {
		.radio_off = bluez_is_off(ds->bluez),
		.window = pairing_window_state(&ds->pairing) == WINDOW_OPEN,
	};
	bool was = ds->revive.off, is;

	for (size_t i = 0; i < ds->count; i++)
		v.linked |= ds->devices[i].linked;
	is = revive_turn(&ds->revive, v, now);
	if (is && !was)
		log_info("radio-renewed", "reason=pause");
	sooner(next, revive_deadline(&ds->revive, v));
	return is;
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
	bool ready = handover_is_ready(ds->handover) && !ds->stopping &&
		     devices_may_connect(ds);
	bool power = ready && ds->configured;
	struct mono next;

	follow_all(ds, ready, now);
	/* switched off by us is not out of order */
	doctor_ear_on_adapter(&ds->ear,
			      ds->radio || ds->revive.off || !(ready && ds->configured));
	next = run_machines(ds, now);
	if (is_reviving(ds, now, &next))
		power = false;
	if (parting_is_on(&ds->parting))
		power = devices_part(ds) && !ds->stopping;
	bluez_want_power(ds->bluez, power); /* after the farewells */
	sooner(&next, devices_finish_values(ds, now));
	/* What a device sends on request comes faster than it can be saved. */
	bluez_hold(ds->bluez, handover_is_full(ds->handover));
	for (size_t i = 0; ds->radio && i < ds->count; i++) {
		tell_state(ds, i);
		tell_reason(ds, i);
		devices_tell_health(ds, i, now);
	}
	tell_window(ds);
	devices_tell_unpaired(ds);
	if (ds->stopping)
		sooner(&next, ds->stop_by);
	rt_timer_set(ds->timer, next);
	if (is_stopped(ds, now))
		ds->stopped(ds->arg);
}

void devices_changed(struct devices *ds)
{
	run(ds);
}

static void on_radio(void *arg, bool on)
{
	struct devices *ds = arg;

	ds->radio = on;
	log_info("radio", "on=%d", (int)on);
	pairing_on_radio(&ds->pairing, on);
	if (on || !ds->revive.off)
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

static void on_durable(void *arg, const struct backlog_entry *e)
{
	struct devices *ds = arg;

	log_debug("durable", "device=%zu ms=%llu", e->device + 1,
		  (unsigned long long)mono_since(rt_mono(), e->raw.captured.mono));
	if (e->device < ds->count)
		session_on_durable(&ds->devices[e->device].session, rt_mono());
	if (e->device < ds->count)
		devices_health_on_durable(&ds->devices[e->device], e);
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
	return a->num == b->num && a->kind == b->kind && a->has_addr == b->has_addr &&
	       a->addr_type == b->addr_type &&
	       memcmp(a->addr, b->addr, sizeof(a->addr)) == 0 &&
	       a->passkey == b->passkey && a->just_works == b->just_works &&
	       a->has_user == b->has_user && a->user == b->user &&
	       a->sole_user == b->sole_user && a->has_consent == b->has_consent &&
	       a->consent == b->consent && a->import == b->import &&
	       strcmp(a->serial, b->serial) == 0;
}

enum { NOBODY = CONFIG_DEVICES_MAX };

/* Of a new configuration: which of its devices goes to each place, and whether it has been there before. */
struct places {
	size_t from[CONFIG_DEVICES_MAX]; /* or NOBODY */
	bool stays[CONFIG_DEVICES_MAX];
};

void devices_finish(struct devices *ds, size_t i)
{
	struct mono now = rt_mono();

	devices_close_streams(ds, i, true, now);
	devices_finish_waiting(ds, i, now);
}

/* The weakest bond that is good enough for it. */
static enum link_strength weakest(const struct config_device *c)
{
	return c->passkey != CONFIG_NO_PASSKEY ? LINK_LEGACY_PASSKEY
					       : LINK_LEGACY_JUST_WORKS;
}

static void set_device(struct device *d, const struct config_device *cfg,
		       const struct device_pin *pin)
{
	unsigned tag = d->tag;

	*d = (struct device){ .cfg = *cfg,
			      .pin = *pin,
			      .who = { .num = cfg->num },
			      .info = { .battery = BAS_LEVEL_UNKNOWN },
			      .consent = CONSENT_UNKNOWN,
			      .doing = STEP_COUNT,
			      .told = -1,
			      .told_reason = -1 };
	d->tag = tag + 1; /* answers to what was asked for the one before are void */
	if (cfg->has_addr)
		set_address(d, cfg->addr, cfg->addr_type);
	else if (pin->known)
		set_address(d, pin->addr, pin->addr_type);
	devices_choose_traits(d, NULL);
	devices_fill_buckets(d, rt_mono());
	devices_fill_unproven(d, rt_mono());
	session_init(&d->session);
	clock_init(&d->clock);
	verify_init(&d->verify, weakest(cfg), d->traits->strict_early);
	doctor_init(&d->doctor);
	for (size_t k = 0; k < DEVICE_STREAMS; k++)
		stream_init(&d->streams[k]);
}

/* Where each device of the new configuration goes: one that is as it was stays at its place, whatever
 * its place in the list, so that neither its link nor what it sends is disturbed. */
static void find_places(const struct devices *ds, const struct msg_ble_config *c,
			struct places *ret)
{
	for (size_t k = 0; k < CONFIG_DEVICES_MAX; k++)
		ret->from[k] = NOBODY;
	for (size_t n = 0; n < c->device_count; n++)
		for (size_t i = 0; i < ds->count && i < c->device_count; i++)
			if (is_same_device(&ds->devices[i].cfg, &c->devices[n])) {
				ret->from[i] = n;
				ret->stays[i] = true;
			}
	for (size_t n = 0, free = 0; n < c->device_count; n++) {
		bool placed = false;

		for (size_t k = 0; k < c->device_count; k++)
			placed |= ret->from[k] == n;
		while (!placed && ret->from[free] != NOBODY)
			free++;
		if (!placed)
			ret->from[free] = n;
	}
}

void devices_set(struct devices *ds, const struct msg_ble_config *c)
{
	struct config_device found[CONFIG_DEVICES_MAX];
	struct places places = { 0 };

	find_places(ds, c, &places);
	for (size_t i = 0; i < ds->count; i++) {
		if (places.stays[i])
			continue;
		devices_finish(ds, i);
		handover_disown(ds->handover, i);
	}
	report_forget(ds->report);
	ds->count = c->device_count;
	ds->configured = true;
	for (size_t i = 0; i < ds->count; i++) {
		struct device *d = &ds->devices[i];
		size_t n = places.from[i];

		if (!places.stays[i])
			set_device(d, &c->devices[n], &c->pins[n]);
		d->told = d->told_reason = -1;
		devices_health_forget(d);
		found[i] = d->cfg;
		found[i].has_addr = d->has_addr;
		found[i].addr_type = d->who.addr_type;
		memcpy(found[i].addr, d->who.addr, PERIPHERAL_ADDR_LEN);
	}
	pairing_set_devices(&ds->pairing, found, ds->count);
	bluez_set_devices(ds->bluez, found, ds->count);
	devices_unpair_again(ds);
}

static bool is_same(const struct devices *ds, const struct msg_ble_config *c)
{
	struct places places = { 0 };
	bool same = ds->configured && c->device_count == ds->count;

	find_places(ds, c, &places);
	for (size_t i = 0; i < ds->count; i++)
		same &= places.stays[i];
	return same;
}

/* Another patient, though hubd has asked for no hand-over: what the devices keep is not his. */
static void set_assignment(struct devices *ds, const struct msg_ble_config *c)
{
	bool changed = ds->configured && ds->assignment != c->assignment;

	for (size_t i = 0; i < ds->count; i++) {
		struct device *d = &ds->devices[i];

		if (changed) {
			devices_finish(ds, i);
			if (d->linked) /* what it keeps is asked for anew on the next link */
				session_close(&d->session, rt_mono());
		}
		for (size_t n = 0; n < c->device_count; n++)
			if (c->devices[n].num == d->cfg.num && c->pins[n].known)
				d->pin.since_ms = c->pins[n].since_ms;
	}
	ds->assignment = c->assignment; /* what was open was the old one's */
	devices_memory_drop_foreign(ds);
}

static void on_config(void *arg, const struct msg_ble_config *c)
{
	struct devices *ds = arg;

	ds->utc_offset_min = c->utc_offset_min;
	ds->has_change = c->has_change;
	ds->change_utc_ms = c->change_utc_s * 1000;
	ds->change_offset_min = c->change_offset_min;
	ds->limit_count = c->limit_count;
	memcpy(ds->limits, c->limits, sizeof(ds->limits));
	parting_on_config(&ds->parting);
	set_assignment(ds, c);
	if (is_same(ds, c)) {
		run(ds);
		return;
	}
	log_info("configured", "devices=%u", c->device_count);
	devices_set(ds, c);
	run(ds);
}

static void on_window(void *arg, const struct msg_window *w)
{
	struct devices *ds = arg;

	pairing_on_window(&ds->pairing, w, rt_mono());
	run(ds);
}

/* A longer one takes the place of a shorter one; hubd says it again when it is there anew. */
static void on_test(void *arg, const struct msg_test *t)
{
	struct devices *ds = arg;
	struct mono now = rt_mono();

	if (mono_reached(now, ds->test_until))
		ds->test_from = now;
	ds->test_until = mono_add(now, t->ms_left);
	log_info("test-readings", "ms-left=%u", t->ms_left);
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

/* Local time of the home for a device that asks; only if the clinic said what time it is. */
static int on_current_time(void *arg, uint8_t ret[10])
{
	const struct devices *ds = arg;
	struct wall wall = devices_wall(ds, rt_mono());
	uint8_t buf[CLOCK_LEN_MAX];
	int n;

	if (!clock_may_set(wall))
		return -EAGAIN;
	n = clock_encode(CLOCK_KIND_CURRENT_TIME,
			 wall.ms + devices_offset_min(ds, wall) * INT64_C(60000), buf);
	if (n != CLOCK_LEN_CURRENT_TIME)
		return -ERANGE;
	memcpy(ret, buf, CLOCK_LEN_CURRENT_TIME);
	return 0;
}

/* Zone in quarters of an hour, daylight saving included: the hub does not tell them apart. */
static int on_local_time(void *arg, uint8_t ret[2])
{
	const struct devices *ds = arg;
	struct wall wall = devices_wall(ds, rt_mono());

	if (!clock_may_set(wall))
		return -EAGAIN;
	ret[0] = (uint8_t)(devices_offset_min(ds, wall) / 15);
	ret[1] = 0;
	return 0;
}

static void on_bond_violation(void *arg, unsigned count)
{
	struct devices *ds = arg;

	(void)count;
	report_incident(ds->report, INCIDENT_IPC, ROLE_BOND);
}

static const struct bluez_handlers bluez_handlers = {
	.radio = on_radio,
	.bondable = on_bondable,
	.device = devices_on_object,
	.value = devices_on_value,
	.done = on_done,
	.passkey = on_passkey,
	.candidate = on_candidate,
	.heard = on_heard,
	.current_time = on_current_time,
	.local_time = on_local_time,
	.incident = on_incident,
	.settle = run,
};

static const struct handover_handlers handover_handlers = {
	.changed = on_changed,
	.durable = on_durable,
	.violation = on_store_violation,
	.memory = devices_on_memory,
};

static const struct bondlink_handlers bondlink_handlers = {
	.facts = devices_on_facts,
	.changed = on_changed,
	.violation = on_bond_violation,
};

static const struct report_handlers report_handlers = {
	.config = on_config,
	.time = on_time,
	.window = on_window,
	.test = on_test,
	.fence = devices_on_fence,
	.unpair = devices_on_unpair,
};

/* What the process before this one died of, if a decoder was at work. */
static void look_back(struct devices *ds)
{
	const char *dir = getenv("RUNTIME_DIRECTORY"); /* systemd's */
	static struct crashes forgetful;
	struct crashes_found found;
	int err = 0;

	if (dir)
		ds->crashes = file_share(dir, "decoders", sizeof(*ds->crashes), &err);
	if (err)
		log_warn("crash-memory", "error=\"%s\"", err_text(err));
	if (!ds->crashes)
		ds->crashes = &forgetful;
	found = crashes_start(ds->crashes, HUB_VERSION, rt_mono());
	if (!found.characteristic)
		return;
	log_err("decoder-died", "device=%u characteristic=%04x times=%u%s", found.device,
		found.characteristic, found.count,
		found.raw
			? " note=\"values are kept undecoded for 24 hours\" do=\"update "
			  "the hub\""
			: "");
	report_incident(ds->report, INCIDENT_DECODER, found.device);
}

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
	doctor_ear_init(&ds->ear);
	r = rt_boot_id(ds->boot);
	if (!r)
		r = report_new(rt, opt, &report_handlers, ds, &ds->report);
	if (!r)
		r = handover_new(rt, opt, &handover_handlers, ds, &ds->handover);
	if (!r)
		r = bondlink_new(rt, opt, &bondlink_handlers, ds, &ds->bondlink);
	if (r) {
		devices_free(ds);
		return r;
	}
	look_back(ds);
	ds->window_told = -1;
	revive_init(&ds->revive);
	ds->timer = rt_timer_new(rt, run, ds);
	ds->bluez = bluez_new(rt, opt->bus, &bluez_handlers, ds);
	*ret = ds;
	return 0;
}

void devices_stop(struct devices *ds)
{
	ds->stopping = true;
	ds->stop_by = mono_add(rt_mono(), STOP_MS);
	for (size_t i = 0; i < ds->count; i++)
		devices_finish(ds, i);
	rt_timer_set(ds->timer, rt_mono());
}

void devices_free(struct devices *ds)
{
	if (!ds)
		return;
	bluez_free(ds->bluez);
	rt_timer_free(ds->timer);
	bondlink_free(ds->bondlink);
	handover_free(ds->handover);
	report_free(ds->report);
	free(ds);
}
