/*
 * uplink.c - the shell around the two pure machines of hub-coap.
 *
 *   hub-store --batch, queue state--> forward --send--> client ==DTLS==> clinic
 *   hub-store <------ack, want------- forward <-answer- client
 *   hubd -----config, time---> here        here ---status, time, incident---> hubd
 *
 * Must never: look into a batch; act on the connection from inside one of its handlers.
 *
 * Each event is noted in a machine with one look at the clock; then drain() carries out
 * what the machines ask for until they ask for nothing, and arms the one timer.
 */
#include <stdlib.h>
#include <string.h>

#include "coap/forward.h"
#include "coap/supervisor.h"
#include "coap/uplink.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"

enum {
	INCIDENT_EVERY_MS = 60 * 1000, /* the same incident is told at most this often */
	TALLY_COUNT = 4,
};

/* One kind of incident, with what was not told yet. */
struct tally {
	enum incident what;
	uint32_t count;
	bool told;
	struct mono told_at;
};

struct uplink {
	struct ipc *store, *hubd;
	struct client *client;
	struct rt_timer *timer;
	struct supervisor supervisor;
	struct forward forward;
	size_t endpoint_count;
	struct config_endpoint endpoints[CONFIG_ENDPOINTS_MAX];
	bool connected; /* as last told to hubd */
	bool draining;	/* drain() is at work further up the stack */
	struct tally tallies[TALLY_COUNT];
};

static uint32_t dice(void)
{
	uint32_t d;

	crypto_random((uint8_t *)&d, sizeof(d));
	return d;
}

static void tell_hubd(struct uplink *u, const struct msg *m)
{
	/* Status and time are told anew, incidents are kept: a hubd that is away misses nothing. */
	if (ipc_is_up(u->hubd) && ipc_send(u->hubd, m))
		log_warn("uplink-hubd-slow", "kind=0x%02x", (unsigned)m->kind);
}

/* A hub-store that reads none of 256 messages is stuck: then both sides must start anew. */
static void tell_store(struct uplink *u, const struct msg *m)
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

static void tell_status(struct uplink *u)
{
	struct msg m = { .kind = MSG_STATUS };

	m.status.what = STATUS_UPLINK;
	m.status.a = u->connected;
	tell_hubd(u, &m);
}

static void tell_incidents(struct uplink *u, struct mono now)
{
	for (size_t i = 0; i < TALLY_COUNT; i++) {
		struct tally *t = &u->tallies[i];
		struct msg m = { .kind = MSG_INCIDENT };

		if (t->count == 0 || !ipc_is_up(u->hubd) ||
		    (t->told && mono_since(now, t->told_at) < INCIDENT_EVERY_MS))
			continue;
		m.incident.what = t->what;
		m.incident.count = t->count;
		tell_hubd(u, &m);
		t->count = 0;
		t->told = true;
		t->told_at = now;
	}
}

static void note_incident(struct uplink *u, enum incident what)
{
	for (size_t i = 0; i < TALLY_COUNT; i++) {
		struct tally *t = &u->tallies[i];

		if (t->what != INCIDENT_NONE && t->what != what)
			continue;
		t->what = what;
		if (t->count < UINT32_MAX)
			t->count++;
		log_warn("uplink-incident", "what=\"%s\" untold=%u", incident_text(what),
			 t->count);
		return;
	}
}

static void set_connected(struct uplink *u, bool connected)
{
	if (u->connected == connected)
		return;
	u->connected = connected;
	log_info(connected ? "uplink-up" : "uplink-down",
		 "endpoint=%zu handshakes=%u failures=%u", u->supervisor.endpoint,
		 u->supervisor.handshakes, u->supervisor.failures);
	tell_status(u);
}

static void do_send(struct uplink *u, const struct forward_action *a, struct mono now)
{
	supervisor_on_sent(&u->supervisor, now);
	if (client_send(u->client, a->token, a->batch->bytes, a->batch->len) == 0) {
		FAILPOINT("coap.request.sent");
		return;
	}
	supervisor_on_failed(&u->supervisor, SUPERVISOR_LOST, now);
	forward_on_session_down(&u->forward);
}

static void do_forward(struct uplink *u, const struct forward_action *a, struct mono now)
{
	struct msg m = { 0 };

	switch (a->what) {
	case FORWARD_NOTHING: break;
	case FORWARD_SEND: do_send(u, a, now); break;
	case FORWARD_WANT:
		m.kind = MSG_WANT;
		m.want = a->want;
		tell_store(u, &m);
		break;
	case FORWARD_ACK:
		m.kind = MSG_ACK;
		m.ack = a->ack;
		tell_store(u, &m);
		FAILPOINT("coap.ack.sent");
		break;
	case FORWARD_TIME:
		m.kind = MSG_TIME;
		m.time = a->time;
		client_set_time_floor(a->time.utc.ms);
		tell_hubd(u, &m);
		break;
	case FORWARD_INCIDENT: note_incident(u, a->incident); break;
	case FORWARD_LEAVE:
		log_warn("uplink-leave", "endpoint=%zu forbidden=%d",
			 u->supervisor.endpoint, a->forbidden);
		supervisor_on_failed(
			&u->supervisor,
			a->forbidden ? SUPERVISOR_FORBIDDEN : SUPERVISOR_LOST, now);
		break;
	}
}

static void do_supervisor(struct uplink *u, const struct supervisor_action *a,
			  struct mono now)
{
	switch (a->what) {
	case SUPERVISOR_NOTHING: break;
	case SUPERVISOR_CONNECT:
		if (client_connect(u->client, &u->endpoints[a->endpoint]))
			supervisor_on_failed(&u->supervisor, SUPERVISOR_LOST, now);
		break;
	case SUPERVISOR_RELEASE:
		client_release(u->client);
		forward_on_session_down(&u->forward);
		set_connected(u, false);
		break;
	}
}

static struct mono earlier(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

static void drain(struct uplink *u)
{
	struct forward_action fa;
	struct supervisor_action sa;
	struct mono now = rt_mono();
	bool more;

	if (u->draining)
		/* called from within a handler: the loop below goes round again */
		return;
	u->draining = true;
	do {
		more = false;
		supervisor_on_work(&u->supervisor, forward_has_work(&u->forward, now),
				   forward_has_alarm(&u->forward), now);
		if (supervisor_next(&u->supervisor, dice(), now, &sa)) {
			do_supervisor(u, &sa, now);
			more = true;
		} else if (forward_next(&u->forward, now, &fa)) {
			do_forward(u, &fa, now);
			more = true;
		}
	} while (more);
	u->draining = false;
	tell_incidents(u, now);
	rt_timer_set(u->timer, earlier(supervisor_deadline(&u->supervisor),
				       forward_deadline(&u->forward, now)));
}

static void on_timer(void *arg)
{
	drain(arg);
}

/* From the connection; all but on_turn run inside the library. */

static void on_up(void *arg)
{
	struct uplink *u = arg;

	supervisor_on_connected(&u->supervisor, rt_mono());
	forward_on_session_up(&u->forward);
	set_connected(u, true);
}

static void on_down(void *arg, enum client_loss why)
{
	struct uplink *u = arg;

	if (why == CLIENT_IDENTITY)
		note_incident(u, INCIDENT_SERVER_IDENTITY);
	else if (why == CLIENT_REFUSED)
		note_incident(u, INCIDENT_HANDSHAKE);
	forward_on_session_down(&u->forward);
	supervisor_on_failed(&u->supervisor,
			     why == CLIENT_GOODBYE ? SUPERVISOR_GOODBYE : SUPERVISOR_LOST,
			     rt_mono());
}

static void on_response(void *arg, const struct forward_response *r)
{
	struct uplink *u = arg;
	struct mono now = rt_mono();

	FAILPOINT("coap.reply.received");
	if (!forward_on_response(&u->forward, r, dice(), now))
		log_debug("uplink-stray-answer", "code=%d", r->code);
	supervisor_on_heard(&u->supervisor, forward_is_owed(&u->forward), now);
}

static void on_retransmitted(void *arg)
{
	struct uplink *u = arg;

	forward_on_retransmitted(&u->forward, rt_mono());
}

static void on_undelivered(void *arg, uint32_t token)
{
	struct uplink *u = arg;

	forward_on_undelivered(&u->forward, token, rt_mono());
}

static void on_turn(void *arg)
{
	drain(arg);
}

/* From hub-store. */

static void on_store_up(void *arg, struct ipc *link)
{
	struct uplink *u = arg;

	(void)link;
	forward_on_store_up(&u->forward);
	drain(u);
}

static void on_store_down(void *arg, struct ipc *link)
{
	struct uplink *u = arg;

	(void)link;
	forward_on_store_down(&u->forward);
	drain(u);
}

/* A batch too many goes straight back, with nothing acknowledged. */
static void return_batch(struct uplink *u, uint32_t id)
{
	struct msg m = { .kind = MSG_ACK };

	log_err("uplink-no-credit", "batch=%u", id);
	m.ack.batch = id;
	tell_store(u, &m);
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
	}
	drain(u);
}

/* From hubd. */

static void on_hubd_up(void *arg, struct ipc *link)
{
	struct uplink *u = arg;

	(void)link;
	tell_status(u);
	drain(u);
}

static void on_hubd_down(void *arg, struct ipc *link)
{
	(void)arg;
	(void)link;
}

static bool same_endpoints(const struct uplink *u, const struct msg_coap_config *c)
{
	if (u->endpoint_count != c->endpoint_count)
		return false;
	for (size_t i = 0; i < u->endpoint_count; i++) {
		const struct config_endpoint *a = &u->endpoints[i], *b = &c->endpoints[i];

		if (strcmp(a->name, b->name) != 0 ||
		    memcmp(a->addr, b->addr, sizeof(a->addr)) != 0 ||
		    a->port != b->port || a->profile != b->profile ||
		    a->pin_count != b->pin_count ||
		    memcmp(a->pins, b->pins, a->pin_count * PIN_LEN) != 0)
			return false;
	}
	return true;
}

static void on_config(struct uplink *u, const struct msg_coap_config *c)
{
	forward_on_config(&u->forward, c->heartbeat_s);
	if (same_endpoints(u, c))
		return; /* hubd says all again after a restart: no reason to reconnect */
	u->endpoint_count = c->endpoint_count;
	for (size_t i = 0; i < c->endpoint_count; i++)
		u->endpoints[i] = c->endpoints[i];
	supervisor_on_endpoints(&u->supervisor, u->endpoint_count);
	log_info("uplink-config", "endpoints=%zu heartbeat-s=%u", u->endpoint_count,
		 c->heartbeat_s);
}

static void on_hubd_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct uplink *u = arg;

	(void)link;
	if (m->kind == MSG_COAP_CONFIG)
		on_config(u, &m->coap_config);
	else if (m->kind == MSG_TIME)
		client_set_time_floor(m->time.utc.ms);
	drain(u);
}

static void on_violation(void *arg, struct ipc *link, unsigned count)
{
	(void)link;
	(void)count;
	note_incident(arg, INCIDENT_IPC);
}

static int connect_links(struct uplink *u, struct rt *rt, const struct uplink_config *cfg)
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

int uplink_new(struct rt *rt, const struct uplink_config *cfg, struct uplink **ret)
{
	static const struct client_handlers handlers = { on_up,		 on_down,
							 on_response,	 on_retransmitted,
							 on_undelivered, on_turn };
	struct uplink *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	supervisor_init(&u->supervisor);
	forward_init(&u->forward);
	u->timer = rt_timer_new(rt, on_timer, u);
	r = client_new(rt, &cfg->identity, &handlers, u, &u->client);
	if (r == 0)
		r = connect_links(u, rt, cfg);
	if (r < 0) {
		uplink_free(u);
		return r;
	}
	*ret = u;
	return 0;
}

void uplink_free(struct uplink *u)
{
	if (!u)
		return;
	ipc_free(u->store);
	ipc_free(u->hubd);
	client_free(u->client);
	rt_timer_free(u->timer);
	free(u);
}
