/*
 * report.c - the link to hubd; see report.h.
 */
#include "ble/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/rt/log.h"

enum {
	DEVICE_STATES =
		8, /* device, reason, seen, reading, battery, clock, signal, limits */
	STATES_MAX = DEVICE_STATES * CONFIG_DEVICES_MAX + 2, /* and adapter, window */
	INCIDENTS_MAX = 32,
	QUIET_MS = 10000,
	RETRY_MS = 1000
};

struct state {
	struct msg_status status;
	bool told;
};

struct counted {
	enum incident what;
	uint16_t subject;
	uint32_t count; /* not yet told */
	struct mono next;
};

struct bond {
	struct msg_bonded bonded; /* num 0: free */
	bool told;
};

struct report {
	struct report_handlers h;
	void *arg;
	struct ipc *link;
	struct rt_timer *timer;
	struct state states[STATES_MAX];
	size_t state_count;
	struct counted incidents[INCIDENTS_MAX];
	size_t incident_count;
	struct bond bonds[CONFIG_DEVICES_MAX];
};

static struct mono sooner(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

static bool tell_states(struct report *r)
{
	for (size_t i = 0; i < r->state_count; i++) {
		struct msg m = { .kind = MSG_STATUS, .status = r->states[i].status };

		if (!r->states[i].told && ipc_send(r->link, &m) != 0)
			return false;
		r->states[i].told = true;
	}
	return true;
}

static bool tell_bonds(struct report *r)
{
	for (size_t i = 0; i < CONFIG_DEVICES_MAX; i++) {
		struct bond *b = &r->bonds[i];
		struct msg m = { .kind = MSG_BONDED, .bonded = b->bonded };

		if (b->bonded.num == 0 || b->told)
			continue;
		if (ipc_send(r->link, &m) != 0)
			return false;
		b->told = true;
	}
	return true;
}

static bool tell_incidents(struct report *r, struct mono now, struct mono *next)
{
	for (size_t i = 0; i < r->incident_count; i++) {
		struct counted *c = &r->incidents[i];
		struct msg m = { .kind = MSG_INCIDENT,
				 .incident = { c->what, c->subject, c->count } };

		if (!c->count)
			continue;
		if (!mono_reached(now, c->next)) {
			*next = sooner(*next, c->next);
			continue;
		}
		if (ipc_send(r->link, &m) != 0)
			return false;
		c->count = 0;
		c->next = mono_add(now, QUIET_MS);
	}
	return true;
}

static void pump(void *arg)
{
	struct report *r = arg;
	struct mono now = rt_mono(), next = MONO_NEVER;

	if (!ipc_is_up(r->link))
		return;
	if (!tell_states(r) || !tell_bonds(r) || !tell_incidents(r, now, &next))
		next = mono_add(now, RETRY_MS);
	rt_timer_set(r->timer, next);
}

static void on_up(void *arg, struct ipc *link)
{
	struct report *r = arg;

	(void)link;
	for (size_t i = 0; i < r->state_count; i++)
		r->states[i].told = false;
	for (size_t i = 0; i < CONFIG_DEVICES_MAX; i++)
		r->bonds[i].told = false;
	rt_timer_set(r->timer, rt_mono());
}

static void on_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct report *r = arg;

	(void)link;
	if (m->kind == MSG_BLE_CONFIG)
		r->h.config(r->arg, &m->ble_config);
	else if (m->kind == MSG_TIME)
		r->h.time(r->arg, &m->time);
	else if (m->kind == MSG_WINDOW)
		r->h.window(r->arg, &m->window);
	else if (m->kind == MSG_TEST)
		r->h.test(r->arg, &m->test);
	else if (m->kind == MSG_FENCE)
		r->h.fence(r->arg, &m->fence);
	else if (m->kind == MSG_UNPAIR)
		r->h.unpair(r->arg, m->unpair.num);
}

static void on_violation(void *arg, struct ipc *link, unsigned count)
{
	(void)link, (void)count;
	report_incident(arg, INCIDENT_IPC, ROLE_HUBD);
}

int report_new(struct rt *rt, const struct options *opt, const struct report_handlers *h,
	       void *arg, struct report **ret)
{
	static const struct ipc_handlers ipc = { .up = on_up,
						 .message = on_message,
						 .violation = on_violation };
	const struct ipc_config cfg = { ROLE_BLE, ROLE_HUBD, opt->run_dir,
					opt->same_user };
	struct report *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->h = *h;
	r->arg = arg;
	err = ipc_connect(rt, &cfg, &ipc, r, &r->link);
	if (err) {
		free(r);
		return err;
	}
	r->timer = rt_timer_new(rt, pump, r);
	*ret = r;
	return 0;
}

/* Of a device there is one state of each kind, of all else one. */
static void set_state(struct report *r, enum status_what what, uint64_t a, uint64_t b)
{
	bool each = what != STATUS_ADAPTER && what != STATUS_WINDOW;
	struct state *s = NULL;

	for (size_t i = 0; i < r->state_count && !s; i++)
		if (r->states[i].status.what == what &&
		    (!each || r->states[i].status.a == a))
			s = &r->states[i];
	if (!s) {
		/* Devices of an older configuration make room. */
		if (r->state_count == STATES_MAX)
			r->state_count = 0;
		s = &r->states[r->state_count++];
	}
	*s = (struct state){ .status = { what, a, b } };
	rt_timer_set(r->timer, rt_mono());
}

void report_adapter(struct report *r, bool usable)
{
	set_state(r, STATUS_ADAPTER, usable, 0);
}

void report_device(struct report *r, uint16_t num, enum device_state state)
{
	set_state(r, STATUS_DEVICE, num, (uint64_t)state);
}

void report_reason(struct report *r, uint16_t num, enum silence_reason reason)
{
	set_state(r, STATUS_REASON, num, (uint64_t)reason);
}

void report_health(struct report *r, enum status_what what, uint16_t num, uint64_t b)
{
	set_state(r, what, num, b);
}

void report_window(struct report *r, uint32_t id, enum window_state state)
{
	set_state(r, STATUS_WINDOW, id, (uint64_t)state);
}

void report_bonded(struct report *r, const struct msg_bonded *bonded)
{
	struct bond *b = NULL;

	for (size_t i = 0; i < CONFIG_DEVICES_MAX && !b; i++)
		if (r->bonds[i].bonded.num == bonded->num)
			b = &r->bonds[i];
	for (size_t i = 0; i < CONFIG_DEVICES_MAX && !b; i++)
		if (r->bonds[i].bonded.num == 0)
			b = &r->bonds[i];
	if (!b) /* devices of an older configuration make room */
		b = &r->bonds[0];
	*b = (struct bond){ .bonded = *bonded };
	rt_timer_set(r->timer, rt_mono());
}

void report_incident(struct report *r, enum incident what, uint16_t subject)
{
	struct counted *c = NULL;

	for (size_t i = 0; i < r->incident_count && !c; i++)
		if (r->incidents[i].what == what && r->incidents[i].subject == subject)
			c = &r->incidents[i];
	if (!c && r->incident_count == INCIDENTS_MAX)
		/* more kinds than there can be: count, lose the subject */
		c = &r->incidents[INCIDENTS_MAX - 1];
	if (!c) {
		c = &r->incidents[r->incident_count++];
		*c = (struct counted){ .what = what, .subject = subject };
	}
	if (c->count < UINT32_MAX)
		c->count++;
	rt_timer_set(r->timer, rt_mono());
}

bool report_fenced(struct report *r, const struct msg_fence *done)
{
	const struct msg m = { .kind = MSG_FENCED, .fence = *done };

	return ipc_is_up(r->link) && ipc_send(r->link, &m) == 0;
}

void report_forget(struct report *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->state_count; i++)
		if (r->states[i].status.what == STATUS_ADAPTER ||
		    r->states[i].status.what == STATUS_WINDOW)
			r->states[kept++] = r->states[i];
	r->state_count = kept;
	memset(r->bonds, 0, sizeof(r->bonds));
}

void report_free(struct report *r)
{
	if (!r)
		return;
	rt_timer_free(r->timer);
	ipc_free(r->link);
	free(r);
}
