/*
 * devices_steps.c - the steps of a session, carried out one operation at a time; see
 * session.h for their order.
 *
 * Whatever a step meets, it ends with session_on_step: a device that cannot do something
 * is asked the next thing.
 */
#include <errno.h>

#include "ble/bls.h"
#include "ble/cgm.h"
#include "ble/devices_internal.h"
#include "ble/ghs.h"
#include "ble/uds.h"
#include "hub/rt/log.h"

static int64_t hub_local_ms(const struct devices *ds, struct mono now)
{
	struct wall wall = devices_wall(ds, now);

	return wall.ms + devices_offset_min(ds, wall) * INT64_C(60000);
}

void devices_end_step(struct device *d, enum session_step step, struct mono now)
{
	d->doing = STEP_COUNT;
	session_on_step(&d->session, step, now);
}

unsigned devices_begin_operation(struct device *d, enum session_step step,
				 struct mono now)
{
	d->doing = step;
	d->op_before = now;
	return ++d->tag;
}

/* ---- chains of reads ---- */

static void read_next(struct devices *ds, size_t i, enum session_step step,
		      struct mono now)
{
	struct device *d = &ds->devices[i];
	struct chain *c = &d->chain;

	while (c->next < c->count) {
		unsigned tag = devices_begin_operation(d, step, now);

		if (bluez_read(ds->bluez, i, 0, c->uuids[c->next], tag) == 0)
			return;
		c->next++;
	}
	if (step == STEP_INFO)
		devices_info_done(ds, i, now);
	devices_end_step(d, step, now);
}

static void put_prepared(struct device *d, uint16_t uuid, const uint8_t *value,
			 size_t len)
{
	struct cgm_session_start start;
	struct cgm_feature feature;
	uint16_t bls;

	if (uuid == CGM_UUID_FEATURE && cgm_decode_feature(value, len, &feature) == 0)
		d->ctx.has_crc = feature.features & CGM_FEATURE_CRC;
	else if (uuid == BLS_UUID_FEATURE && bls_decode_feature(value, len, &bls) == 0)
		d->ctx.has_crc |= (bls & BLS_FEATURE_E2E_CRC) != 0;
	else if (uuid == clock_feature_uuid(d->clock_at.kind))
		clock_form_learn(&d->form, value, len);
	else if (uuid == CGM_UUID_SESSION_START &&
		 cgm_decode_session_start(value, len, &d->ctx, &start) == 0) {
		d->ctx.has_session_start = true;
		d->ctx.session_start = start.time;
	}
}

static void on_chain_read(struct devices *ds, size_t i, int err, const uint8_t *value,
			  size_t len, struct mono now)
{
	struct device *d = &ds->devices[i];
	enum session_step step = d->doing;
	uint16_t uuid = d->chain.uuids[d->chain.next];

	if (!err && step == STEP_PREPARE)
		put_prepared(d, uuid, value, len);
	if (!err)
		devices_info_put(d, uuid, value, len);
	d->chain.next++;
	read_next(ds, i, step, now);
}

static void begin_chain(struct devices *ds, size_t i, enum session_step step,
			struct mono now)
{
	struct device *d = &ds->devices[i];
	struct object_device *o = objects_find_config(bluez_objects(ds->bluez), i);

	d->chain = (struct chain){ 0 };
	if (o && step == STEP_PREPARE)
		d->chain.count = choose_prepare(o, d->chain.uuids);
	else if (o)
		d->chain.count = choose_info(o, d->info.read, d->chain.uuids);
	read_next(ds, i, step, now);
}

/* ---- the clock ---- */

static int write_clock(struct devices *ds, size_t i, unsigned tag, struct mono now)
{
	struct device *d = &ds->devices[i];
	int16_t offset_min = devices_offset_min(ds, devices_wall(ds, now));
	uint8_t buf[CLOCK_LEN_MAX];
	int n;

	d->op_local_ms = clock_form_settable_ms(&d->form, hub_local_ms(ds, now));
	n = clock_form_encode(&d->form, d->op_local_ms, offset_min, buf);
	return n < 0 ? n
		     : bluez_write(ds->bluez, i, 0, clock_set_uuid(d->form.kind), buf,
				   (size_t)n, tag);
}

static void begin_clock(struct devices *ds, size_t i, enum session_step step,
			struct mono now)
{
	struct device *d = &ds->devices[i];
	unsigned tag = devices_begin_operation(d, step, now);
	int r = step == STEP_CLOCK_SET
			? write_clock(ds, i, tag, now)
			: bluez_read(ds->bluez, i, 0, clock_uuid(d->form.kind), tag);

	if (r)
		devices_end_step(d, step, now);
}

/* A device that says it does not know the time may be told. */
bool devices_shall_set(const struct devices *ds, const struct device *d, bool readable,
		       struct mono now)
{
	struct wall wall = devices_wall(ds, now);

	return d->clock_at.writable &&
	       (clock_should_set(&d->clock, wall, now, devices_offset_min(ds, wall),
				 readable) ||
		(d->traits->clock_each_time && clock_may_set(wall)));
}

static void on_clock_read(struct devices *ds, size_t i, int err, const uint8_t *value,
			  size_t len, struct mono now)
{
	struct device *d = &ds->devices[i];
	enum session_step step = d->doing;
	struct clock_face face;

	if (!err)
		err = clock_form_decode(&d->form, value, len, &face);
	if (!err)
		clock_on_read(&d->clock, &face, d->op_before, now);
	else
		log_info("clock-unread", "device=%u error=%d", d->cfg.num, err);
	if (step == STEP_CLOCK_READ && !devices_shall_set(ds, d, err != -ERANGE, now))
		session_skip_clock(&d->session);
	devices_end_step(d, step, now);
}

static void on_clock_set(struct devices *ds, size_t i, int err, struct mono now)
{
	struct device *d = &ds->devices[i];

	if (err)
		log_warn("clock-set", "device=%u error=%d", d->cfg.num, err);
	else
		log_info("clock-set", "device=%u", d->cfg.num);
	if (!err)
		clock_on_set(&d->clock, &d->form, d->op_local_ms,
			     devices_offset_min(ds, devices_wall(ds, now)), d->op_before,
			     now);
	devices_end_step(d, STEP_CLOCK_SET, now);
}

/* Some clocks are set through a control point, which answers later. */
static void on_clock_written(struct devices *ds, size_t i, int err, struct mono now)
{
	enum clock_kind kind = ds->devices[i].form.kind;

	if (err || clock_set_uuid(kind) == clock_uuid(kind))
		on_clock_set(ds, i, err, now);
}

void devices_on_clock_reply(struct devices *ds, size_t i, const uint8_t *value,
			    size_t len, struct mono now)
{
	if (ds->devices[i].doing == STEP_CLOCK_SET)
		on_clock_set(ds, i, clock_form_reply(&ds->devices[i].form, value, len),
			     now);
}

/* ---- consent ---- */

static void begin_consent(struct devices *ds, size_t i, struct mono now)
{
	struct device *d = &ds->devices[i];
	uint8_t buf[UDS_LEN_CONSENT];
	int n = uds_encode_consent(d->cfg.user, d->cfg.consent, buf);

	if (n < 0 || bluez_write(ds->bluez, i, 0, UDS_UUID_CONTROL_POINT, buf, (size_t)n,
				 devices_begin_operation(d, STEP_CONSENT, now)) != 0)
		devices_end_step(d, STEP_CONSENT, now);
}

void devices_on_consent(struct devices *ds, size_t i, const uint8_t *value, size_t len,
			struct mono now)
{
	struct device *d = &ds->devices[i];
	struct uds_response r;

	if (d->doing != STEP_CONSENT)
		return;
	if (uds_decode_response(value, len, &r) != 0 || r.request != UDS_CONSENT) {
		devices_incident(ds, INCIDENT_RADIO_GARBAGE, i);
		return; /* the right answer may still come */
	}
	d->consent = r.result == UDS_OK ? CONSENT_GIVEN : CONSENT_REFUSED;
	if (r.result == UDS_OK)
		d->refusals = 0;
	else if (++d->refusals >= DEVICE_REFUSALS_MAX)
		log_warn("consent-refused",
			 "device=%u do=\"check the patient's number and code on the "
			 "device; it is not asked again\"",
			 d->cfg.num);
	doctor_on_consent(&d->doctor, r.result == UDS_OK, now);
	devices_end_step(d, STEP_CONSENT, now);
}

/* ---- live observations ---- */

static void begin_live(struct devices *ds, size_t i, struct mono now)
{
	struct device *d = &ds->devices[i];
	uint8_t buf[GHS_LEN_REQUEST];
	int n = ghs_encode_live(true, buf);

	if (n < 0 ||
	    bluez_write(ds->bluez, i, GHS_UUID_SERVICE, GHS_UUID_CONTROL_POINT, buf,
			(size_t)n, devices_begin_operation(d, STEP_LIVE, now)) != 0)
		devices_end_step(d, STEP_LIVE, now);
}

void devices_on_live(struct devices *ds, size_t i, const uint8_t *value, size_t len)
{
	uint8_t result;

	if (ghs_decode_response(value, len, &result) != 0)
		devices_incident(ds, INCIDENT_RADIO_GARBAGE, i);
	else if (result != GHS_OK)
		log_warn("live-refused", "device=%u result=%u", ds->devices[i].cfg.num,
			 result);
}

/* ---- all of them ---- */

void devices_begin_step(struct devices *ds, size_t i, struct mono now)
{
	enum session_step step = session_step(&ds->devices[i].session);

	switch (step) {
	case STEP_PREPARE: begin_chain(ds, i, step, now); break;
	case STEP_CLOCK_READ: begin_clock(ds, i, step, now); break;
	case STEP_CONSENT: begin_consent(ds, i, now); break;
	case STEP_HISTORY: devices_memory_begin(ds, i, now); break;
	case STEP_LIVE: begin_live(ds, i, now); break;
	case STEP_SETTLE: break; /* is waited for, not begun */
	case STEP_CLOCK_SET: begin_clock(ds, i, step, now); break;
	case STEP_CLOCK_CHECK: begin_clock(ds, i, step, now); break;
	case STEP_INFO: begin_chain(ds, i, step, now); break;
	case STEP_COUNT: break;
	}
}

void devices_on_operation(struct devices *ds, size_t i, int err, const uint8_t *value,
			  size_t len, struct mono now)
{
	struct device *d = &ds->devices[i];

	switch (d->doing) {
	case STEP_PREPARE:
	case STEP_INFO: on_chain_read(ds, i, err, value, len, now); break;
	case STEP_CLOCK_READ:
	case STEP_CLOCK_CHECK: on_clock_read(ds, i, err, value, len, now); break;
	case STEP_CLOCK_SET: on_clock_written(ds, i, err, now); break;
	case STEP_CONSENT: /* the answer comes as an indication */
		if (err)
			devices_end_step(d, STEP_CONSENT, now);
		break;
	case STEP_HISTORY: devices_memory_on_write(ds, i, err, now); break;
	case STEP_LIVE: devices_end_step(d, STEP_LIVE, now); break;
	case STEP_SETTLE: break;
	case STEP_COUNT: break;
	}
}
