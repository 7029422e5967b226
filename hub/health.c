/*
 * health.c - see health.h.
 */
#include "hub/health.h"

#include <string.h>

enum { BATTERY_UNKNOWN = UINT8_MAX };

void health_init(struct health *h)
{
	*h = (struct health){ .changed = true };
}

static struct health_device *find(struct health *h, uint64_t num)
{
	for (size_t i = 0; i < h->now.device_count; i++)
		if (h->now.devices[i].num == num)
			return &h->now.devices[i];
	return NULL;
}

/* Ascending by number, whatever the order of the config. */
static void insert(struct msg_health *m, const struct health_device *d)
{
	size_t at = m->device_count++;

	for (; at > 0 && m->devices[at - 1].num > d->num; at--)
		m->devices[at] = m->devices[at - 1];
	m->devices[at] = *d;
}

void health_on_config(struct health *h, const struct config *c)
{
	struct msg_health next = h->now;

	next.config_version = c->version;
	next.device_count = 0;
	for (size_t i = 0; i < c->device_count; i++) {
		const struct health_device *old = find(h, c->devices[i].num);
		const struct health_device fresh = { .num = c->devices[i].num,
						     .battery = BATTERY_UNKNOWN };

		insert(&next, old ? old : &fresh);
	}
	h->now = next;
	h->changed = true;
}

void health_set_proven(struct health *h, uint64_t version)
{
	h->changed |= h->now.proven_version != version;
	h->now.proven_version = version;
}

void health_set_trial(struct health *h, enum trial why)
{
	h->changed |= h->now.trial != why;
	h->now.trial = why;
}

void health_set_refused(struct health *h, uint64_t version, enum refusal why)
{
	h->changed |= h->now.refused_version != version || h->now.refusal != why;
	h->now.refused_version = version;
	h->now.refusal = why;
}

static void on_device(struct health_device *d, const struct msg_status *s)
{
	switch (s->what) {
	case STATUS_DEVICE:
		d->told = s->b <= DEVICE_PAIRING_FAILED;
		d->state = d->told ? (enum device_state)s->b : DEVICE_UNBONDED;
		break;
	case STATUS_REASON:
		d->reason = s->b <= SILENCE_REASON_LAST ? (enum silence_reason)s->b
							: SILENCE_NONE;
		break;
	case STATUS_SEEN:
		d->seen = true;
		d->seen_at.ms = s->b;
		break;
	case STATUS_READING:
		d->read = true;
		d->read_at.ms = s->b;
		break;
	case STATUS_BATTERY:
		d->battery = s->b <= 100 ? (uint8_t)s->b : BATTERY_UNKNOWN;
		break;
	case STATUS_CLOCK: {
		int64_t error_s = (int64_t)s->b / 1000;

		d->has_clock_error = true;
		d->clock_error_s = error_s > INT32_MAX	 ? INT32_MAX
				   : error_s < INT32_MIN ? INT32_MIN
							 : (int32_t)error_s;
		break;
	}
	case STATUS_SIGNAL: {
		int64_t dbm = (int64_t)s->b;

		d->signal_dbm = 0;
		if (dbm >= SIGNAL_MIN_DBM && dbm <= SIGNAL_MAX_DBM)
			d->signal_dbm = (int8_t)dbm;
		break;
	}
	case STATUS_NONE:
	case STATUS_ADAPTER:
	case STATUS_SAVED:
	case STATUS_BLOCKED:
	case STATUS_UPLINK:
	case STATUS_DELIVERED:
	case STATUS_ENDPOINTS:
	case STATUS_PATH:
	case STATUS_ANCHOR:
	case STATUS_ESCROW:
	case STATUS_MEASURED:
	case STATUS_RETIRED:
	case STATUS_RESET_REFUSED:
	case STATUS_UNPAIRED:
	case STATUS_LIMITS:
	case STATUS_WINDOW: break;
	}
}

static void on_path(struct health *h, const struct msg_status *s)
{
	uint64_t requests = s->b >> 8, again = s->b & UINT8_MAX;

	h->now.path = (struct path_quality){ 0 };
	if (s->a > PATH_TRIP_MAX_MS || requests > PATH_REQUESTS_MAX || again > requests)
		return;
	h->now.path.trip_ms = (uint16_t)s->a;
	h->now.path.requests = (uint8_t)requests;
	h->now.path.again = (uint8_t)again;
}

void health_on_status(struct health *h, const struct msg_status *s)
{
	bool of_device = s->what == STATUS_DEVICE || s->what == STATUS_REASON ||
			 s->what == STATUS_SEEN || s->what == STATUS_READING ||
			 s->what == STATUS_BATTERY || s->what == STATUS_CLOCK ||
			 s->what == STATUS_SIGNAL;
	struct health_device *d = of_device ? find(h, s->a) : NULL;

	if (s->what == STATUS_ADAPTER)
		h->now.radio = s->a == 1;
	if (s->what == STATUS_PATH)
		on_path(h, s);
	if (d)
		on_device(d, s);
	h->changed |= d || s->what == STATUS_ADAPTER || s->what == STATUS_PATH;
}

void health_on_ble_down(struct health *h)
{
	h->changed |= h->now.radio;
	h->now.radio = false;
}

void health_on_store_up(struct health *h)
{
	h->changed = true;
	h->not_before = (struct mono){ 0 };
}

void health_set(struct health *h, uint8_t level, uint8_t light, enum clock_quality clock)
{
	h->changed |=
		h->now.level != level || h->now.light != light || h->now.clock != clock;
	h->now.level = level;
	h->now.light = light;
	h->now.clock = clock;
}

void health_set_command(struct health *h, const struct msg_health *m)
{
	struct msg_health *now = &h->now;

	h->changed |= now->command.counter != m->command.counter ||
		      now->command.result != m->command.result ||
		      now->retiring != m->retiring || now->challenged != m->challenged ||
		      now->lock_epoch != m->lock_epoch ||
		      memcmp(now->nonce, m->nonce, sizeof(now->nonce)) != 0;
	now->command = m->command;
	now->retiring = m->retiring;
	now->challenged = m->challenged;
	now->lock_epoch = m->lock_epoch;
	memcpy(now->nonce, m->nonce, sizeof(now->nonce));
}

void health_set_escrow(struct health *h, const struct escrow_sealed *e)
{
	struct escrow_sealed *now = &h->now.escrow;

	h->changed |= now->there != e->there || now->lock_epoch != e->lock_epoch ||
		      memcmp(now->bytes, e->bytes, sizeof(now->bytes)) != 0;
	*now = *e;
}

void health_set_triggers(struct health *h, const struct msg_health *m)
{
	struct msg_health *now = &h->now;
	bool same = now->trigger_count == m->trigger_count;

	for (size_t i = 0; same && i < m->trigger_count; i++)
		same = now->triggers[i].id == m->triggers[i].id &&
		       now->triggers[i].peer == m->triggers[i].peer &&
		       now->triggers[i].to == m->triggers[i].to;
	h->changed |= !same;
	now->trigger_count = m->trigger_count;
	memcpy(now->triggers, m->triggers, sizeof(now->triggers));
}

void health_on_fence(struct health *h, uint32_t assignment, enum fence_step step)
{
	h->changed |= h->now.assignment != assignment || h->now.fence != step;
	h->now.assignment = assignment;
	h->now.fence = step;
}

void health_on_enrolment(struct health *h, enum enrol_state state,
			 enum enrol_trouble trouble)
{
	h->changed |= h->now.enrolment != state || h->now.trouble != trouble;
	h->now.enrolment = state;
	h->now.trouble = trouble;
}

bool health_next(const struct health *h, struct mono now, struct msg_health *ret)
{
	if (!h->changed || !mono_reached(now, h->not_before))
		return false;
	*ret = h->now;
	return true;
}

void health_sent(struct health *h, struct mono now)
{
	h->changed = false;
	h->not_before = mono_add(now, HEALTH_EVERY_MS);
}

struct mono health_deadline(const struct health *h)
{
	return h->changed ? h->not_before : MONO_NEVER;
}
