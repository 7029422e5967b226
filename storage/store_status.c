/*
 * store_status.c - what the clinic is told of the hub and its devices; see status.h and store_inside.h.
 *
 * What hubd says of devices, level, light and clock, and what hub-store knows itself. It rides on heartbeats, and
 * on any batch if the clinic would learn something from it or has heard nothing for TELL_EVERY_MS: a hub that has
 * something to send all the time has no heartbeats. A batch that carries one reading stays as small as it was.
 */
#include "storage/store_inside.h"

#include <stdlib.h>
#include <string.h>

enum { TELL_EVERY_MS = 60 * 60 * 1000 };

static enum bond_state bond_of(const struct health_device *d)
{
	if (!d->told)
		return BOND_UNKNOWN;
	switch (d->state) {
	case DEVICE_UNBONDED: return BOND_NONE;
	case DEVICE_PAIRING: return BOND_PAIRING;
	case DEVICE_BONDED:
	case DEVICE_CONNECTED: return BOND_GOOD;
	case DEVICE_BOND_LOST: return BOND_LOST;
	case DEVICE_PAIRING_FAILED: return BOND_FAILED;
	}
	return BOND_UNKNOWN;
}

static uint32_t age_s(struct mono now, struct mono at)
{
	uint64_t s = mono_since(now, at) / 1000;

	return s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

static void add_device(const struct health_device *d, struct mono now, struct status *s)
{
	s->devices[s->device_count++] = (struct status_device){
		.num = d->num,
		.bond = bond_of(d),
		.cause = d->reason,
		.seen = d->seen,
		.seen_s = d->seen ? age_s(now, d->seen_at) : 0,
		.read = d->read,
		.read_s = d->read ? age_s(now, d->read_at) : 0,
		.battery = d->battery,
		.has_clock_error = d->has_clock_error,
		.clock_error_s = d->clock_error_s,
		.signal_dbm = d->signal_dbm,
	};
}

static void note_waiting(struct store *s, struct mono now)
{
	struct told_status *t = &s->status;
	bool waiting = records_unsent(s->records) > 0 || store_retire_waits(s);

	if (waiting && !t->waiting)
		t->waiting_since = now;
	t->waiting = waiting;
}

static struct status gather(const struct store *s, struct mono now)
{
	const struct told_status *t = &s->status;
	struct status r = {
		.level = s->has_config ? s->config.level : LEVEL_UNKNOWN,
		.clock = t->health.clock,
		.radio = t->health.radio,
		.blocked = s->blocked,
		.config_version = t->health.config_version,
		.refused_version = t->health.refused_version,
		.refusal = t->health.refusal,
		.proven_version = t->health.proven_version,
		.trial = t->health.trial,
		.has_made = s->has_time,
		.waiting = t->waiting,
		.waiting_s = t->waiting ? age_s(now, t->waiting_since) : 0,
		.spool = records_is_spooling(s->records),
		.refused = t->refused,
		.light = t->health.light,
		.has_assignment = t->has_health,
		.assignment = t->health.assignment,
		.fence = t->health.fence,
		.enrolment = t->health.enrolment,
		.trouble = t->health.trouble,
		.command = t->health.command,
		.retiring = t->health.retiring,
		.challenged = t->health.challenged,
		.lock_epoch = t->health.lock_epoch,
		.path = t->health.path,
		.escrow = t->health.escrow,
		.software = HUB_VERSION,
	};

	_Static_assert(sizeof(HUB_VERSION) <= STATUS_SOFTWARE_MAX + 1,
		       "a version that the status can tell");

	memcpy(r.nonce, t->health.nonce, sizeof(r.nonce));
	r.trigger_count = t->health.trigger_count;
	memcpy(r.triggers, t->health.triggers, sizeof(r.triggers));
	if (s->has_time)
		r.made_ms = msg_time_ms(&s->time, now);
	for (size_t i = 0; i < t->health.device_count; i++)
		add_device(&t->health.devices[i], now, &r);
	return r;
}

/* The batch that it rode on was answered: the clinic keeps both, or neither. */
static void tell_kept(struct store *s, const struct escrow_sealed *e)
{
	const struct msg m = { .kind = MSG_STATUS,
			       .status = { STATUS_ESCROW, e->lock_epoch,
					   escrow_name(e->bytes) } };

	if (e->there)
		(void)store_send(s, ROLE_HUBD, &m);
}

void store_status_offer(struct store *s, struct mono now)
{
	struct told_status *t = &s->status;
	uint8_t bytes[BATCH_STATUS_MAX];
	bool due;
	int n;

	note_waiting(s, now);
	if (s->handover.status_told) {
		s->handover.status_told = false;
		t->told = t->going;
		t->has_told = true;
		t->told_at = now;
		tell_kept(s, &t->going.escrow);
	}
	if (!t->has_health || !handover_takes_status(&s->handover, now))
		return;
	t->going = gather(s, now);
	due = !t->has_told || !status_same(&t->told, &t->going) ||
	      mono_since(now, t->told_at) >= TELL_EVERY_MS;
	n = due || s->handover.heartbeat ? status_encode(&t->going, bytes, sizeof(bytes))
					 : 0;
	if (n < 0)
		abort(); /* it is larger than status.h promises */
	handover_set_status(&s->handover, bytes, (size_t)n);
}
