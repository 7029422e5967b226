/*
 * devices_memory.c - stored records: asked for through racp.h, and how far they are durable.
 *
 * The mark goes to hub-store only when every value taken from the device is durable, so that
 * a hub that dies in the middle asks again from the old mark; what it had got is recognised
 * by its content. Without hub-store's registry (lockdown) there is no mark: everything is
 * asked for again, and the clinic drops the copies.
 *
 * First contact: what the device stored before it was paired stays out. If the hub knows when that was, and the
 * device's clock was measured by the clinic's time, each record is judged by its own stamp, so that what was measured
 * after the pairing comes even if the device connects only weeks later. Else the number that is the highest then is
 * the fence (racp.h).
 */
#include <errno.h>
#include <string.h>

#include "ble/devices_internal.h"
#include "ble/gls.h"
#include "hub/rt/log.h"

enum { UUID_CGM_SERVICE = 0x181F };

/* What tells one memory from another behind the same number: of a sensor the start of its session, of all
 * others the address. 0: not known. */
static uint64_t anchor_of(const struct device *d)
{
	uint64_t address = d->who.addr_type == ADDR_RANDOM;
	int64_t ms;

	if (d->memory.where.service == UUID_CGM_SERVICE) {
		if (!d->ctx.has_session_start ||
		    date_time_to_ms(&d->ctx.session_start, &ms) != 0)
			return 0;
		return (uint64_t)ms / 1000;
	}
	for (size_t i = 0; i < PERIPHERAL_ADDR_LEN; i++)
		address = address << 8 | d->who.addr[i];
	return address;
}

static struct durable_memory *find(struct devices *ds, uint32_t assignment, uint16_t num,
				   uint16_t service)
{
	for (size_t k = 0; k < MEMORIES_MAX; k++)
		if (ds->memories[k].m.num == num &&
		    ds->memories[k].m.service == service &&
		    (num == 0 || ds->memories[k].m.assignment == assignment))
			return &ds->memories[k];
	return NULL;
}

/* More than there is room for cannot be durable: it will be asked for again. */
static void put(struct devices *ds, const struct msg_memory *m)
{
	struct durable_memory *at = find(ds, m->assignment, m->num, m->service);

	if (!at)
		at = find(ds, 0, 0, 0);
	if (at)
		*at = (struct durable_memory){ .m = *m };
}

void devices_memory_drop_foreign(struct devices *ds)
{
	for (size_t k = 0; k < MEMORIES_MAX; k++)
		if (ds->memories[k].m.assignment != ds->assignment)
			ds->memories[k] = (struct durable_memory){ 0 };
}

void devices_memory_forget(struct devices *ds, size_t i)
{
	for (size_t k = 0; k < MEMORIES_MAX; k++) {
		struct durable_memory *at = &ds->memories[k];

		if (at->m.num != ds->devices[i].cfg.num || at->is_void)
			continue;
		at->is_void = true;
		at->m.history++;
	}
}

static struct racp_mark mark_of(struct devices *ds, size_t i)
{
	const struct device *d = &ds->devices[i];
	const struct durable_memory *at =
		find(ds, ds->assignment, d->cfg.num, d->memory.where.service);
	uint64_t anchor = anchor_of(d);

	if (!at)
		return (struct racp_mark){ 0 };
	if (at->is_void)
		return (struct racp_mark){ .history = at->m.history };
	if (anchor && at->m.anchor && anchor != at->m.anchor) {
		/* A new sensor's session began while we knew the device: all of it is new. Of
		 * another meter nothing is known: as at its first contact. */
		bool session = d->memory.where.service == UUID_CGM_SERVICE;

		return (struct racp_mark){ .kind = session ? RACP_MARK_EMPTY
							   : RACP_MARK_NONE,
					   .history = at->m.history + 1 };
	}
	return (struct racp_mark){ .kind = at->m.empty ? RACP_MARK_EMPTY : RACP_MARK_KEY,
				   .key = at->m.mark,
				   .has_fence = at->m.has_fence,
				   .fence = at->m.fence,
				   .history = at->m.history };
}

enum { SCREENING_MAX_MS = 60000 }; /* the hub's time is known at least so well */

static bool is_screened(const struct devices *ds, const struct device *d,
			const struct racp_mark *mark, struct mono now)
{
	struct wall wall = devices_wall(ds, now);

	return mark->kind == RACP_MARK_NONE && d->memory.where.key_bits &&
	       !d->cfg.import && d->pin.since_ms &&
	       (d->clock.now.source == OFFSET_READ ||
		d->clock.now.source == OFFSET_SET) &&
	       wall.quality == CLOCK_QUALITY_CLINIC &&
	       wall.uncertainty_ms <= SCREENING_MAX_MS;
}

void devices_memory_begin(struct devices *ds, size_t i, struct mono now)
{
	struct device *d = &ds->devices[i];
	struct racp_config cfg = {
		.key_bits = d->memory.where.key_bits,
		.filter = d->memory.where.filter,
		.import = d->cfg.import,
		.may_delete = d->traits->racp_delete,
		.mark = mark_of(ds, i),
	};

	d->memory.left_out = d->memory.left_out_top = 0;
	d->memory.screening = is_screened(ds, d, &cfg.mark, now);
	if (d->memory.screening) {
		cfg.import = true;
		cfg.may_delete = false; /* there is no fence yet */
	}
	racp_init(&d->memory.racp, &cfg);
	racp_start(&d->memory.racp, now);
	d->memory.running = true;
	d->memory.mark_due = false;
}

uint32_t devices_memory_history(const struct devices *ds, size_t i)
{
	const struct memory *m = &ds->devices[i].memory;

	return m->running ? racp_result(&m->racp)->mark.history : m->next.history;
}

/* Is this record, which was asked for, from before? Of a context only the number tells. */
static bool is_left_out(struct devices *ds, size_t i, const struct profile *p,
			const struct decoded *decoded, struct mono now)
{
	struct device *d = &ds->devices[i];
	const struct capture_time captured = { .mono = now,
					       .wall = devices_wall(ds, now) };
	struct memory *m = &d->memory;

	if (!m->screening)
		return false;
	if (p->kind == READING_GLUCOSE_CONTEXT)
		return m->left_out && decoded->sequence <= m->left_out_top;
	if (capture_age(decoded, &d->clock, &captured,
			devices_offset_min(ds, captured.wall),
			d->pin.since_ms) == CAPTURE_SINCE)
		return false;
	m->left_out++;
	if (decoded->sequence > m->left_out_top)
		m->left_out_top = decoded->sequence;
	return true;
}

enum racp_verdict devices_memory_on_record(struct devices *ds, size_t i,
					   const struct profile *p,
					   const struct decoded *decoded, struct mono now)
{
	struct racp *r = &ds->devices[i].memory.racp;
	enum racp_verdict v;

	if (!decoded->has_sequence)
		return racp_on_unreadable(r, now);
	if (p->kind == READING_GLUCOSE_CONTEXT)
		v = racp_on_context(r, decoded->sequence, now);
	else
		v = racp_on_record(r, decoded->sequence, now);
	return v == RACP_TAKE && is_left_out(ds, i, p, decoded, now) ? RACP_IGNORE : v;
}

void devices_memory_on_write(struct devices *ds, size_t i, int err, struct mono now)
{
	if (ds->devices[i].memory.running)
		racp_on_write(&ds->devices[i].memory.racp, err, now);
}

void devices_memory_on_indication(struct devices *ds, size_t i, const uint8_t *value,
				  size_t len, struct mono now)
{
	if (ds->devices[i].memory.running)
		racp_on_indication(&ds->devices[i].memory.racp, value, len, now);
}

void devices_memory_on_gone(struct devices *ds, size_t i, struct mono now)
{
	struct memory *m = &ds->devices[i].memory;

	if (m->running)
		racp_on_gone(&m->racp, now);
}

static void subscribe_again(struct devices *ds, size_t i)
{
	const struct choose_memory *where = &ds->devices[i].memory.where;

	/* bluetoothd writes in this order, and before the request that follows */
	bluez_subscribe_again(ds->bluez, i, where->service, where->data);
	bluez_subscribe_again(ds->bluez, i, where->service, CHOOSE_UUID_RACP);
}

/* The run is over: what it came to, to be recorded when its values are durable. */
static void on_done(struct devices *ds, size_t i, struct mono now)
{
	struct device *d = &ds->devices[i];
	struct memory *m = &d->memory;
	const struct racp_result *r = racp_result(&m->racp);

	m->running = false;
	log_info("memory", "device=%u outcome=%d records=%u ignored=%u history=%u",
		 d->cfg.num, (int)r->outcome, r->taken - m->left_out,
		 r->ignored + m->left_out, r->mark.history);
	if (r->mark.kind != RACP_MARK_NONE) {
		m->mark_due = true;
		m->next = (struct msg_memory){ .num = d->cfg.num,
					       .service = m->where.service,
					       .assignment = ds->assignment,
					       .history = r->mark.history,
					       .anchor = anchor_of(d),
					       .empty = r->mark.kind == RACP_MARK_EMPTY,
					       .mark = r->mark.key,
					       .has_fence = r->mark.has_fence,
					       .fence = r->mark.fence };
		if (m->left_out) {
			m->next.has_fence = true;
			m->next.fence = m->left_out_top;
		}
	}
	devices_end_step(d, STEP_HISTORY, now);
	if (r->hung)
		session_close(&d->session, now);
}

static bool same_mark(const struct msg_memory *a, const struct msg_memory *b)
{
	return a->service == b->service && a->history == b->history &&
	       a->anchor == b->anchor && a->empty == b->empty && a->mark == b->mark &&
	       a->has_fence == b->has_fence && a->fence == b->fence;
}

static void record_mark(struct devices *ds, struct memory *m)
{
	const struct durable_memory *at =
		find(ds, m->next.assignment, m->next.num, m->next.service);

	m->mark_due = false;
	if (m->next.assignment != ds->assignment)
		return;
	if (at && !at->is_void && same_mark(&at->m, &m->next))
		return;
	if (at && at->is_void && m->next.history < at->m.history)
		return; /* of a run that began before it was forgotten */
	put(ds, &m->next);
	handover_memory(ds->handover, &m->next);
}

static void act(struct devices *ds, size_t i, enum racp_action action,
		const struct racp_write *w, struct mono now)
{
	struct device *d = &ds->devices[i];
	int err;

	switch (action) {
	case RACP_NOTHING: break;
	case RACP_WRITE:
		err = bluez_write(ds->bluez, i, d->memory.where.service, CHOOSE_UUID_RACP,
				  w->bytes, w->len,
				  devices_begin_operation(d, STEP_HISTORY, now));
		if (err)
			racp_on_write(&d->memory.racp, err, now);
		break;
	case RACP_SUBSCRIBE:
		subscribe_again(ds, i);
		racp_on_subscribed(&d->memory.racp, 0, now);
		break;
	case RACP_DONE: on_done(ds, i, now); break;
	}
}

struct mono devices_memory_run(struct devices *ds, size_t i, struct mono now)
{
	struct device *d = &ds->devices[i];
	struct memory *m = &d->memory;
	enum racp_action action;
	struct racp_write w;

	while (m->running && (action = racp_next(&m->racp, now, &w)) != RACP_NOTHING)
		act(ds, i, action, &w, now);
	if (m->mark_due && d->session.undurable == 0 && !m->running) {
		record_mark(ds, m);
		/* allowed by the model's traits only, and by racp.h's invariant 5 */
		m->running = d->linked && racp_delete(&m->racp, now) == 0;
	}
	return m->running ? racp_deadline(&m->racp) : MONO_NEVER;
}

void devices_on_memory(void *arg, const struct msg_memory *msg)
{
	struct devices *ds = arg;
	const struct durable_memory *at =
		find(ds, msg->assignment, msg->num, msg->service);

	/* What we know is newer than what hub-store has heard of it. */
	if (!at)
		put(ds, msg);
}
