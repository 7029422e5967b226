/*
 * devices_value.c - from a value over the air to the two messages for hub-store; see devices.h.
 *
 * RAW goes at once. DECODED, or DISCARD, follows when it is known whether the link was the
 * bonded device's (verify.h), and what its clock shows; whatever is still unknown when the
 * wait is over is said in the reading. The one exception: a record that was only asked for to
 * learn its number (racp.h) is not taken at all; the device still has it.
 */
#include <errno.h>
#include <string.h>

#include "ble/devices_internal.h"
#include "ble/ghs.h"
#include "ble/uds.h"
#include "hub/core/limits.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"

enum {
	SAME_STEP_MS = 5000,
	/* Decoded values wait so long for the device's clock; hub-store waits a second. */
	HOLD_MS = 600,
	/* More than this is a flood. A device that sends its whole memory by itself: none that
	 * is known keeps more than 100 readings. */
	VALUES_BURST = 120,
	VALUES_PER_SECOND = 2,
	UNPROVEN_BURST = 32, /* what hub-store keeps in quarantine */
	SAMPLES_BURST = 30,
	SAMPLES_PER_SECOND = 10,
};

static const uint16_t joined[DEVICE_JOINS] = { 0x2B36, 0x2B8B, 0x2BDD };
static const uint16_t streamed[DEVICE_STREAMS] = { 0x2A37, 0x2A5F };

static bool is_flood(struct device *d, const struct profile *p, struct mono now)
{
	/* What was asked for may come as fast as it can; racp.h bounds how much. */
	if (d->memory.running && p->flags & PROFILE_STORED)
		return false;
	if (verify_link(&d->verify, now) != VERIFY_GOOD)
		return !bucket_take(&d->unproven, now);
	return !bucket_take(p->flags & PROFILE_STREAM ? &d->samples : &d->values, now);
}

void devices_fill_unproven(struct device *d, struct mono now)
{
	bucket_init(&d->unproven, UNPROVEN_BURST, VALUES_PER_SECOND, now);
}

void devices_fill_buckets(struct device *d, struct mono now)
{
	bucket_init(&d->values, VALUES_BURST, VALUES_PER_SECOND, now);
	bucket_init(&d->samples, SAMPLES_BURST, SAMPLES_PER_SECOND, now);
}

static struct capture_link link_at(const struct device *d, struct mono at,
				   struct mono now)
{
	return (struct capture_link){
		.strength = verify_strength(&d->verify),
		.unverified = verify_judge(&d->verify, at, now) != VERIFY_GOOD,
	};
}

void devices_take(struct devices *ds, size_t i, const struct profile *p,
		  const uint8_t *value, size_t len, const struct decoded *decoded,
		  struct mono at)
{
	struct device *d = &ds->devices[i];
	struct mono now = rt_mono();
	struct capture_time captured = { .mono = at, .wall = devices_wall(ds, at) };
	struct backlog_entry *e;
	struct msg_raw raw;

	memcpy(captured.boot, ds->boot, BOOT_ID_LEN);
	raw = capture_raw(p, &d->who, value, len, &captured,
			  devices_offset_min(ds, captured.wall), link_at(d, at, now));
	raw.assignment = ds->assignment;
	e = handover_raw(ds->handover, i, &raw);
	if (!e) {
		log_err("value-lost",
			"device=%u do=\"find out why hub-store takes nothing\"",
			d->cfg.num);
		devices_incident(ds, INCIDENT_STORAGE, i);
		return;
	}
	verify_on_value(&d->verify, now); /* wants a look of its own */
	session_on_value(&d->session, now);
	e->hold_until = mono_add(now, HOLD_MS);
	e->history = devices_memory_history(ds, i);
	e->has_decoded = decoded != NULL;
	if (decoded)
		e->decoded = *decoded;
}

/* The one place where decoders run. */
static struct decoded decode(struct devices *ds, size_t i, const struct profile *p,
			     const uint8_t *value, size_t len)
{
	struct device *d = &ds->devices[i];
	struct decoded decoded = { .marks = MARK_UNDECODED };

	if (crashes_is_raw(ds->crashes, p->characteristic, rt_mono()))
		return decoded;
	crashes_begin(ds->crashes, p->characteristic, d->cfg.num);
	FAILPOINT("ble.decode");
	decoded = capture_decode(p, value, len, &d->ctx);
	crashes_end(ds->crashes);
	return decoded;
}

/* Of a record from the device's memory the number is needed at once. */
static void take_stored(struct devices *ds, size_t i, const struct profile *p,
			const uint8_t *value, size_t len, struct mono now)
{
	struct decoded decoded = decode(ds, i, p, value, len);

	if (devices_memory_on_record(ds, i, p, &decoded, now) == RACP_IGNORE)
		return;
	decoded.marks |= MARK_STORED;
	devices_take(ds, i, p, value, len, &decoded, now);
}

static void take_records(struct devices *ds, size_t i, const struct profile *p,
			 const uint8_t *value, size_t len, struct mono now)
{
	size_t at = 0;

	do {
		size_t n =
			p->split && at < len ? p->split(value + at, len - at) : len - at;

		if (p->flags & PROFILE_STORED && ds->devices[i].memory.running)
			take_stored(ds, i, p, value + at, n, now);
		else
			devices_take(ds, i, p, value + at, n, NULL, now);
		at += n;
	} while (at < len);
}

/* Octets that could not be joined are kept as they are. */
static void take_pieces(struct devices *ds, size_t i, const struct profile *p,
			const uint8_t *value, size_t len, struct mono now)
{
	static const struct decoded lost = { .marks = MARK_UNDECODED | MARK_SEGMENT };

	if (len)
		devices_take(ds, i, p, value, len, &lost, now);
}

static void take_segment(struct devices *ds, size_t i, const struct profile *p,
			 const uint8_t *value, size_t len, struct mono now)
{
	struct segment_join *s = NULL;
	const uint8_t *whole = NULL;
	size_t whole_len = 0;
	int r;

	for (size_t k = 0; k < DEVICE_JOINS; k++)
		if (joined[k] == p->characteristic)
			s = &ds->devices[i].joins[k];
	if (!s)
		return;
	r = segment_add(s, value, len, &whole, &whole_len);
	if (r == -ECANCELED) {
		take_pieces(ds, i, p, whole, whole_len, now);
		r = segment_add(s, value, len, &whole, &whole_len);
	}
	if (r == 1)
		take_records(ds, i, p, whole, whole_len, now);
	if (r >= 0)
		return;
	devices_incident(ds, INCIDENT_RADIO_GARBAGE, i);
	if (r == -EPROTO || r == -ENOSPC)
		take_pieces(ds, i, p, whole, whole_len, now);
	take_pieces(ds, i, p, value, len, now);
}

void devices_end_joins(struct devices *ds, size_t i, struct mono now)
{
	for (size_t k = 0; k < DEVICE_JOINS; k++) {
		const uint8_t *part;
		size_t len;

		segment_take(&ds->devices[i].joins[k], &part, &len);
		take_pieces(ds, i, profile_by_characteristic(joined[k]), part, len, now);
	}
}

static size_t stream_of(const struct profile *p)
{
	size_t k = 0;

	while (k < DEVICE_STREAMS - 1 && streamed[k] != p->characteristic)
		k++;
	return k;
}

static void close_stream(struct devices *ds, size_t i, size_t k)
{
	const struct profile *p = profile_by_characteristic(streamed[k]);
	struct stream *s = &ds->devices[i].streams[k];
	uint8_t raw[READING_RAW_MAX];
	struct decoded decoded;
	struct mono at;
	size_t len;

	if (stream_is_empty(s))
		return;
	at = stream_newest(s); /* the window ends with its last sample */
	len = stream_close(s, p->kind, raw, &decoded);
	devices_take(ds, i, p, raw, len, &decoded, at);
}

void devices_close_streams(struct devices *ds, size_t i, bool all, struct mono now)
{
	for (size_t k = 0; k < DEVICE_STREAMS; k++)
		if (all || mono_reached(now, stream_deadline(&ds->devices[i].streams[k])))
			close_stream(ds, i, k);
}

/* A sample is nothing by itself: before the link is known to be the device's it is left out. */
static void take_sample(struct devices *ds, size_t i, const struct profile *p,
			const uint8_t *value, size_t len, struct mono now)
{
	struct device *d = &ds->devices[i];
	struct stream *s = &d->streams[stream_of(p)];
	enum verify_verdict verdict = verify_link(&d->verify, now);
	struct decoded decoded;

	if (verdict != VERIFY_GOOD && verdict != VERIFY_UNKNOWN)
		return;
	decoded = decode(ds, i, p, value, len);
	if (stream_add(s, value, len, &decoded, now))
		return;
	close_stream(ds, i, stream_of(p));
	stream_add(s, value, len, &decoded, now);
}

static void take_value(struct devices *ds, size_t i, const struct profile *p,
		       const uint8_t *value, size_t len, struct mono now)
{
	if (p->flags & PROFILE_STREAM)
		take_sample(ds, i, p, value, len, now);
	else if (p->flags & PROFILE_SEGMENTS)
		take_segment(ds, i, p, value, len, now);
	else
		take_records(ds, i, p, value, len, now);
}

void devices_on_value(void *arg, size_t i, uint16_t service, uint16_t uuid,
		      const uint8_t *value, size_t len)
{
	struct devices *ds = arg;
	const struct profile *p = profile_by_characteristic(uuid);
	struct mono now = rt_mono();
	struct device *d = &ds->devices[i];

	if (i >= ds->count)
		return;
	FAILPOINT("ble.value.received");
	if (!d->bonded) {
		log_warn("value-refused", "device=%u reason=no-bond", d->cfg.num);
		devices_incident(ds, INCIDENT_RADIO_IMPOSTOR, i);
		return;
	}
	/* bluetoothd tells values at once and links when it is idle, short ones never: the device has its confirmation and will not
	 * send this again, so it is taken. Its link is nobody's (verify.h): it is marked. */
	if (!d->linked)
		log_info("value-before-link", "device=%u", d->cfg.num);
	d->heard = true;
	verify_on_value(&d->verify, now);
	doctor_on_value(&d->doctor, now);
	if (uuid == CHOOSE_UUID_RACP && service == d->memory.where.service) {
		devices_memory_on_indication(ds, i, value, len, now);
	} else if (uuid == UDS_UUID_CONTROL_POINT) {
		devices_on_consent(ds, i, value, len, now);
	} else if (uuid == GHS_UUID_CONTROL_POINT) {
		devices_on_live(ds, i, value, len);
	} else if (uuid == DTS_UUID_CONTROL_POINT) {
		devices_on_clock_reply(ds, i, value, len, now);
	} else if (p && is_flood(d, p, now)) {
		log_warn("value-refused", "device=%u reason=flood", d->cfg.num);
		devices_incident(ds, INCIDENT_RADIO_GARBAGE, i);
		session_close(&d->session, now);
	} else if (p) {
		take_value(ds, i, p, value, len, now);
	}
}

static enum consent consent_of(const struct device *d)
{
	if (!d->cfg.has_consent || !d->has_users)
		return CONSENT_NOT_NEEDED;
	return d->consent;
}

/* One step on a scale is told in two values, weight and body composition: both are the test. */
static bool is_test(struct devices *ds, const struct backlog_entry *e, struct mono now)
{
	struct device *d = &ds->devices[e->device];

	if (e->raw.kind == READING_DEVICE_INFORMATION)
		return false;
	if (pairing_on_value(&ds->pairing, e->device, now)) {
		d->test_kind = e->raw.kind;
		d->test_until = mono_add(e->raw.captured.mono, SAME_STEP_MS);
		return true;
	}
	return e->raw.kind != d->test_kind && e->raw.captured.mono.ms < d->test_until.ms;
}

/* What a device has stored, or measured before, is no test. */
static bool is_ordered_test(const struct devices *ds, const struct backlog_entry *e)
{
	const struct capture_time *c = &e->raw.captured;
	int64_t since_ms;

	if (c->mono.ms < ds->test_from.ms || c->mono.ms >= ds->test_until.ms ||
	    e->history)
		return false;
	since_ms = c->wall.ms - (int64_t)mono_since(c->mono, ds->test_from);
	return c->wall.quality == CLOCK_QUALITY_NONE || since_ms <= 0 ||
	       capture_age(&e->decoded, &ds->devices[e->device].clock, c,
			   ds->utc_offset_min, since_ms) != CAPTURE_BEFORE;
}

/* Somebody stands at the device, and can measure again. */
static bool is_spot_measurement(enum reading_kind k)
{
	return k == READING_BLOOD_PRESSURE || k == READING_WEIGHT ||
	       k == READING_OXIMETRY || k == READING_TEMPERATURE || k == READING_GLUCOSE;
}

/* The patient's own, of now, and a number that counts. What it shows stays here: hubd hears on which side it is. */
static void tell_limits(struct devices *ds, const struct backlog_entry *e,
			const struct msg_decoded *m)
{
	enum {
		NOT_JUDGED = MARK_NO_RESULT | MARK_UNDECODED | MARK_TEST |
			     MARK_UNVERIFIED | MARK_CONTROL | MARK_STUB | MARK_CRC |
			     MARK_STORED | MARK_BEFORE
	};
	enum limits_verdict v;

	if (ds->limit_count == 0 || e->history || !is_spot_measurement(e->raw.kind) ||
	    m->attribution == ATTRIBUTION_UNASSIGNED || m->unverified ||
	    m->decoded.marks & NOT_JUDGED)
		return;
	v = limits_judge(ds->limits, ds->limit_count, m->decoded.values,
			 m->decoded.value_count);
	if (v != LIMITS_NOT_JUDGED)
		report_health(ds->report, STATUS_LIMITS, ds->devices[e->device].cfg.num,
			      v == LIMITS_OUTSIDE ? e->raw.captured.mono.ms : 0);
}

static void finish(struct devices *ds, struct backlog_entry *e, struct mono now)
{
	struct device *d = &ds->devices[e->device];
	const struct profile *p = profile_by_characteristic(e->raw.characteristic);
	struct capture_facts facts = {
		.device = &d->cfg,
		.clock = &d->clock,
		.link = link_at(d, e->raw.captured.mono, now),
		.consent = consent_of(d),
		.changed = d->info.changed,
		.history = e->history,
		.since_ms = d->pin.since_ms,
	};
	struct msg_decoded m;

	if (!p)
		p = devices_info_profile();
	if (!e->has_decoded)
		e->decoded = decode(ds, e->device, p, e->raw.raw, e->raw.raw_len);
	if (e->decoded.marks & MARK_UNDECODED)
		devices_incident(ds, INCIDENT_RADIO_GARBAGE, e->device);
	/* without a patient there is nothing but tests */
	facts.test =
		is_test(ds, e, now) || is_ordered_test(ds, e) || e->raw.assignment == 0;
	if (e->decoded.has_device_time && !e->decoded.time_is_utc && ds->has_change &&
	    clock_is_ambiguous(&e->decoded.device_time, ds->change_utc_ms,
			       ds->utc_offset_min, ds->change_offset_min))
		e->decoded.marks |= MARK_AMBIGUOUS;
	m = capture_finish(&e->raw, &e->decoded, &facts);
	tell_limits(ds, e, &m);
	handover_finish(ds->handover, e, &m);
}

static void discard(struct devices *ds, struct backlog_entry *e, struct mono now)
{
	struct device *d = &ds->devices[e->device];

	log_warn("value-refused", "device=%u reason=link-not-verified", d->cfg.num);
	devices_incident(ds, INCIDENT_RADIO_IMPOSTOR, e->device);
	session_on_durable(&d->session, now);
	handover_discard(ds->handover, e);
}

void devices_finish_waiting(struct devices *ds, size_t i, struct mono now)
{
	struct backlog_entry *e = handover_unfinished(ds->handover, NULL);

	while (e) {
		struct backlog_entry *after = handover_unfinished(ds->handover, e);
		bool bad = verify_judge(&ds->devices[i].verify, e->raw.captured.mono,
					now) == VERIFY_BAD;

		if (e->device == i && bad)
			discard(ds, e, now);
		else if (e->device == i)
			finish(ds, e, now);
		e = after;
	}
}

struct mono devices_finish_values(struct devices *ds, struct mono now)
{
	struct mono next = MONO_NEVER;
	struct backlog_entry *e = handover_unfinished(ds->handover, NULL);

	while (e) {
		struct device *d = &ds->devices[e->device];
		enum verify_verdict v =
			verify_judge(&d->verify, e->raw.captured.mono, now);
		bool wait = v == VERIFY_PENDING || (!session_clock_settled(&d->session) &&
						    !mono_reached(now, e->hold_until));
		struct backlog_entry *after = handover_unfinished(ds->handover, e);

		if (v == VERIFY_BAD)
			discard(ds, e, now);
		else if (!wait)
			finish(ds, e, now);
		else if (v != VERIFY_PENDING && e->hold_until.ms < next.ms)
			next = e->hold_until; /* verify.h has its own deadline */
		e = after;
	}
	return next;
}
