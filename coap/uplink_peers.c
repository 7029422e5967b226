/*
 * uplink_peers.c - hub-coap's links to hub-store and hubd; see uplink_inside.h.
 */
#include <stdlib.h>
#include <string.h>

#include "coap/uplink_inside.h"
#include "hub/core/err.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"

enum { REPORT_AFTER_MS = 3000, PATH_EVERY_MS = 5000 };

void uplink_tell_hubd(struct uplink *u, const struct msg *m)
{
	/* Status and time are told anew, incidents are kept: a hubd that is away misses nothing. */
	if (ipc_is_up(u->hubd) && ipc_send(u->hubd, m))
		log_warn("uplink-hubd-slow", "kind=0x%02x", (unsigned)m->kind);
}

/* A hub-store that reads none of 256 messages is stuck: then both sides must start anew. */
void uplink_tell_store(struct uplink *u, const struct msg *m)
{
	if (!ipc_is_up(u->store)) {
		forward_on_store_down(&u->forward);
		return;
	}
	if (ipc_send(u->store, m) == 0)
		return;
	log_err("uplink-store-stuck",
		"restarting; hub-store hands everything over again");
	abort();
}

void uplink_tell_status(struct uplink *u)
{
	struct msg m = { .kind = MSG_STATUS };

	m.status.what = STATUS_UPLINK;
	m.status.a = u->connected;
	m.status.b = u->supervisor.handshakes;
	uplink_tell_hubd(u, &m);
}

/* Not after each answer: hubd passes it on, and what it passes on is answered, too. */
void uplink_tell_path(struct uplink *u, struct mono now)
{
	struct path_quality q = rtt_quality(&u->rtt);
	struct msg m = { .kind = MSG_STATUS,
			 .status = { .what = STATUS_PATH,
				     .a = q.trip_ms,
				     .b = (uint64_t)q.requests << 8 | q.again } };

	if (!ipc_is_up(u->hubd) ||
	    (u->path_told && mono_since(now, u->path_at) < PATH_EVERY_MS))
		return;
	uplink_tell_hubd(u, &m);
	u->path_told = true;
	u->path_at = now;
}

void uplink_tell_proven(struct uplink *u)
{
	struct msg m = { .kind = MSG_STATUS,
			 .status = { .what = STATUS_ENDPOINTS, .a = u->version } };

	if (!u->proven || u->proven_told || u->targets.fresh || !ipc_is_up(u->hubd))
		return;
	uplink_tell_hubd(u, &m);
	u->proven_told = true;
}

/* --- from hub-store ------------------------------------------------------------------- */

static void on_store_up(void *arg, struct ipc *link)
{
	struct uplink *u = arg;

	(void)link;
	forward_on_store_up(&u->forward);
	if (u->enrolling)
		enrolling_on_store(u->enrolling);
	uplink_drain(u);
}

static void on_store_down(void *arg, struct ipc *link)
{
	struct uplink *u = arg;

	(void)link;
	forward_on_store_down(&u->forward);
	uplink_drain(u);
}

/* A batch too many goes straight back, with nothing acknowledged. */
static void return_batch(struct uplink *u, uint32_t id)
{
	struct msg m = { .kind = MSG_ACK };

	log_err("uplink-no-credit", "batch=%u", id);
	m.ack.batch = id;
	uplink_tell_store(u, &m);
}

static void on_store_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct uplink *u = arg;

	(void)link;
	if (m->kind == MSG_UPLOAD) {
		FAILPOINT("coap.batch.received");
		if (forward_on_batch(&u->forward, &m->batch))
			return_batch(u, m->batch.id);
	} else if (m->kind == MSG_QUEUE_STATE) {
		forward_on_queue_state(&u->forward, &m->queue_state);
	} else if (m->kind == MSG_SIGN_KEYS && u->enrolling) {
		enrolling_on_sign_keys(u->enrolling, &m->sign_keys);
	}
	uplink_drain(u);
}

/* --- from hubd ------------------------------------------------------------------------ */

static void on_hubd_up(void *arg, struct ipc *link)
{
	struct uplink *u = arg;

	(void)link;
	u->proven_told = false;
	u->path_told = false;
	u->trial_told = TRIAL_NONE;
	fetch_on_hubd(&u->fetch, true, uplink_dice(), rt_mono());
	uplink_tell_status(u);
	if (u->enrolling)
		enrolling_on_hubd(u->enrolling);
	uplink_drain(u);
}

static void on_hubd_down(void *arg, struct ipc *link)
{
	struct uplink *u = arg;

	(void)link;
	fetch_on_hubd(&u->fetch, false, uplink_dice(), rt_mono());
	uplink_drain(u);
}

/* The status that says so is made by others: hubd tells hub-store every two seconds at most. */
static void on_verdict(struct uplink *u, const struct msg_verdict *v)
{
	struct mono now = rt_mono();

	if (fetch_on_verdict(&u->fetch, v, uplink_dice(), now))
		forward_report_at(&u->forward, mono_add(now, REPORT_AFTER_MS));
}

static void on_config(struct uplink *u, const struct msg_coap_config *c)
{
	struct targets_change change;

	forward_on_config(&u->forward, c->heartbeat_s);
	fetch_on_config(&u->fetch, c->version, rt_mono());
	u->proven_told &= u->version == c->version;
	if (u->version != c->version)
		u->trial_told = TRIAL_NONE; /* said of that one */
	u->version = c->version;
	if (!targets_replace(&u->targets, c->endpoints, c->endpoint_count,
			     supervisor_endpoint(&u->supervisor), &change))
		return; /* hubd says all again after a restart: no reason to reconnect */
	u->proven = u->proven && change.used >= 0 && change.kept == 0;
	uplink_forget_trial(u);
	supervisor_on_endpoints(&u->supervisor, change.count, change.kept, change.used,
				rt_mono());
	log_info("uplink-config", "endpoints=%zu kept=%zu heartbeat-s=%u", change.count,
		 change.kept, c->heartbeat_s);
}

static void on_time(struct uplink *u, const struct msg_time *t)
{
	client_set_time_floor(t->utc.ms);
	if (u->enrolling)
		enrolling_on_time(u->enrolling, t);
}

static void on_hubd_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct uplink *u = arg;

	(void)link;
	if (m->kind == MSG_COAP_CONFIG)
		on_config(u, &m->coap_config);
	else if (m->kind == MSG_TIME)
		on_time(u, &m->time);
	else if (m->kind == MSG_LEAVING && u->enrolling)
		enrolling_on_leaving(u->enrolling, m->leaving.leaving);
	else if (m->kind == MSG_ANCHOR && u->enrolling)
		enrolling_on_anchor(u->enrolling, &m->anchor);
	else if (m->kind == MSG_IDENTITY && u->enrolling)
		enrolling_on_identity(u->enrolling, &m->identity);
	else if (m->kind == MSG_VERDICT)
		on_verdict(u, &m->verdict);
	else if (m->kind == MSG_COMMAND_RESULT)
		forward_report_at(&u->forward, mono_add(rt_mono(), REPORT_AFTER_MS));
	uplink_drain(u);
}

static void on_violation(void *arg, struct ipc *link, unsigned count)
{
	struct uplink *u = arg;

	(void)link;
	(void)count;
	report_note(&u->report, INCIDENT_IPC);
}

int uplink_connect_peers(struct uplink *u, struct rt *rt, const struct uplink_config *cfg)
{
	static const struct ipc_handlers store = { on_store_up, on_store_down,
						   on_store_message, on_violation };
	static const struct ipc_handlers hubd = { on_hubd_up, on_hubd_down,
						  on_hubd_message, on_violation };
	struct ipc_config link = { .self = ROLE_COAP,
				   .peer = ROLE_HUBD,
				   .run_dir = cfg->run_dir,
				   .same_user = cfg->same_user };
	int r = ipc_connect(rt, &link, &hubd, u, &u->hubd);

	if (r < 0)
		return r;
	link.peer = ROLE_STORE;
	return ipc_connect(rt, &link, &store, u, &u->store);
}
