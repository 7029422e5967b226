/*
 * uplink.c - the shell around the pure machines of hub-coap.
 *
 *   hub-store --batch, queue state--> forward --send--> client ==DTLS==> clinic
 *   hub-store <------ack, want------- forward <-answer- client
 *   hubd -----config, time---> here        here ---status, time, incident---> hubd
 *   hubd <---order----- here, as a reply had it; hubd --that there is a result--> here
 *   hubd <-offer- fetch <-blocks of a config- client;  hubd --verdict--> fetch
 *
 * The supervisor has two lines, each with a client; forward speaks over the active one, or over none.
 *
 * Must never: look into a batch; act on a connection from inside one of its handlers.
 *
 * Each event is noted in a machine with one look at the clock; then drain() carries out
 * what the machines ask for until they ask for nothing, and arms the one timer.
 */
#include <stdlib.h>
#include <string.h>

#include "coap/route.h"
#include "coap/uplink_inside.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"

enum { COMMAND_EVERY_MS = 5000 };

uint32_t uplink_dice(void)
{
	uint32_t d;

	crypto_random((uint8_t *)&d, sizeof(d));
	return d;
}

/* The first endpoint that is another server says more than four where nobody is. */
static void note_trial(struct line *line, enum trial why)
{
	struct uplink *u = line->uplink;

	if (line->trial && u->targets.fresh && why > u->trial)
		u->trial = why;
}

static void tell_trial(struct uplink *u)
{
	const struct msg m = { .kind = MSG_STATUS,
			       .status = { .what = STATUS_ENDPOINTS,
					   .a = u->version,
					   .b = (uint64_t)u->trial } };

	if (u->trial == u->trial_told || !u->targets.fresh || !ipc_is_up(u->hubd))
		return;
	uplink_tell_hubd(u, &m);
	u->trial_told = u->trial;
}

void uplink_forget_trial(struct uplink *u)
{
	u->trial = u->trial_told = TRIAL_NONE;
	for (size_t i = 0; i < SUPERVISOR_LINES; i++)
		u->lines[i].trial = false;
}

static void set_connected(struct uplink *u, bool connected)
{
	if (u->connected == connected)
		return;
	u->connected = connected;
	log_info(connected ? "uplink-up" : "uplink-down", "handshakes=%u failures=%u",
		 u->supervisor.handshakes, u->supervisor.failures);
	uplink_tell_status(u);
}

/* hubd judges it; it comes again with each reply until the clinic knows what became of it. */
static void pass_command(struct uplink *u, const struct reply *r, struct mono now)
{
	struct msg m = { .kind = MSG_COMMAND };

	if (r->command_len == 0 || !r->has_time || r->utc_ms < 0 ||
	    r->time_quality == CLOCK_QUALITY_NONE)
		return;
	if (r->command_counter == u->command &&
	    mono_since(now, u->command_at) < COMMAND_EVERY_MS)
		return;
	u->command = r->command_counter;
	u->command_at = now;
	m.command.counter = r->command_counter;
	m.command.utc_ms = r->utc_ms;
	m.command.len = (uint16_t)r->command_len;
	memcpy(m.command.bytes, r->command, r->command_len);
	uplink_tell_hubd(u, &m);
	FAILPOINT("coap.command.passed");
}

/* --- what forward asks for ------------------------------------------------------------ */

static void set_patience(struct uplink *u, struct mono now)
{
	uint32_t ms = rtt_timeout_ms(&u->rtt);

	if (u->active)
		client_set_patience(u->active->client, ms, rtt_retransmits(&u->rtt, now));
	supervisor_set_ack_timeout(&u->supervisor, ms);
}

static void do_send(struct uplink *u, const struct forward_action *a, struct mono now)
{
	set_patience(u, now);
	rtt_on_sent(&u->rtt, a->token, now);
	supervisor_on_sent(&u->supervisor, now);
	if (u->active && client_send(u->active->client, a->token, a->batch->bytes,
				     a->batch->len) == 0) {
		FAILPOINT("coap.request.sent");
		return;
	}
	supervisor_on_failed(&u->supervisor, SUPERVISOR_LOST, now);
	forward_on_session_down(&u->forward);
}

/* Whoever says that it is later than his certificate is good for is wrong, and the floor is for ever. */
static void do_time(struct uplink *u, const struct msg_time *t)
{
	const struct msg m = { .kind = MSG_TIME, .time = *t };

	if (!u->active || t->utc.ms > client_peer_end_ms(u->active->client)) {
		report_note(&u->report, INCIDENT_TIME);
		return;
	}
	client_set_time_floor(t->utc.ms);
	if (u->enrolling)
		enrolling_on_time(u->enrolling, t);
	uplink_tell_hubd(u, &m);
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
		uplink_tell_store(u, &m);
		break;
	case FORWARD_ACK:
		if (a->good) {
			supervisor_on_acknowledged(&u->supervisor);
			u->proven = true;
			uplink_note_result(u, false);
			u->acknowledged = true;
			fetch_on_wanted(&u->fetch, a->ack.reply.config_version, now);
			pass_command(u, &a->ack.reply, now);
		}
		m.kind = MSG_ACK;
		m.ack = a->ack;
		m.ack.reply.command_len = 0; /* not for hub-store */
		uplink_tell_store(u, &m);
		FAILPOINT("coap.ack.sent");
		break;
	case FORWARD_TIME: do_time(u, &a->time); break;
	case FORWARD_INCIDENT: report_note(&u->report, a->incident); break;
	case FORWARD_LEAVE:
		log_warn("uplink-leave", "endpoint=%d forbidden=%d",
			 supervisor_endpoint(&u->supervisor), a->forbidden);
		if (a->forbidden)
			uplink_note_result(u, true);
		supervisor_on_failed(
			&u->supervisor,
			a->forbidden ? SUPERVISOR_FORBIDDEN : SUPERVISOR_LOST, now);
		break;
	}
}

/* --- what fetch asks for -------------------------------------------------------------- */

static void do_fetch(struct uplink *u, const struct fetch_action *a, struct mono now)
{
	struct msg m = { .kind = MSG_OFFER };
	struct client_part part;

	switch (a->what) {
	case FETCH_NOTHING: break;
	case FETCH_GET:
		set_patience(u, now);
		supervisor_on_sent(&u->supervisor, now);
		part = (struct client_part){ .path = "hub/cfg",
					     .block = a->block,
					     .etag = a->etag,
					     .etag_len = a->etag_len };
		if (!u->active || client_get(u->active->client, a->token, &part))
			supervisor_on_failed(&u->supervisor, SUPERVISOR_LOST, now);
		break;
	case FETCH_OFFER:
		FAILPOINT("coap.config.fetched");
		m.offer = a->offer;
		uplink_tell_hubd(u, &m); /* one that it does not get has no verdict */
		explicit_bzero(&m, sizeof(m));
		break;
	}
}

/* --- what the supervisor asks for ----------------------------------------------------- */

static void found(struct line *line, size_t count, const uint8_t (*addrs)[16],
		  struct mono now)
{
	struct supervisor *s = &line->uplink->supervisor;

	line->address_count = count;
	memcpy(line->addresses, addrs, count * sizeof(*addrs));
	if (count == 0 && route_find(NULL) < 0)
		supervisor_on_line_failed(s, line->number, SUPERVISOR_NO_ROUTE, now);
	else
		supervisor_on_found(s, line->number, count, now);
}

static void on_addresses(void *arg, size_t count, const uint8_t (*addrs)[16])
{
	struct line *line = arg;

	rt_resolve_free(line->question);
	line->question = NULL;
	if (count == 0)
		log_warn("uplink-no-address",
			 "line=%u do=\"check the clinic's name and "
			 "the network's name server\"",
			 line->number);
	found(line, count, addrs, rt_mono());
	rt_timer_set(line->uplink->timer, rt_mono()); /* drain, next */
}

static void do_find(struct uplink *u, const struct supervisor_action *a, struct mono now)
{
	const struct config_endpoint *e = &u->targets.list[a->endpoint];
	struct line *line = &u->lines[a->line];

	line->trial = a->endpoint < u->targets.fresh;
	if (config_has_addr(e))
		found(line, 1, &e->addr, now);
	else if (rt_resolve_new(u->rt, e->name, on_addresses, line, &line->question) < 0)
		supervisor_on_line_failed(&u->supervisor, a->line, SUPERVISOR_LOST, now);
}

static void do_connect(struct uplink *u, const struct supervisor_action *a,
		       struct mono now)
{
	struct line *line = &u->lines[a->line];
	const struct client_target to = { .endpoint = &u->targets.list[a->endpoint],
					  .addr = line->addresses[a->address],
					  .small = a->small };
	int r = client_connect(line->client, &to);

	if (r < 0)
		supervisor_on_line_failed(
			&u->supervisor, a->line,
			r == -ENETUNREACH ? SUPERVISOR_NO_ROUTE : SUPERVISOR_LOST, now);
}

/* What is unanswered on the line before goes again, on this one. */
static void do_switch(struct uplink *u, const struct supervisor_action *a)
{
	if (u->active)
		forward_on_session_down(&u->forward);
	fetch_on_session(&u->fetch, false);
	u->active = &u->lines[a->line];
	rtt_init(&u->rtt, rt_mono()); /* another way */
	forward_on_session_up(&u->forward);
	fetch_on_session(&u->fetch, true);
	log_info("uplink-endpoint", "endpoint=%zu confirmed=%d", a->endpoint,
		 u->targets.fresh == 0 || a->endpoint >= u->targets.fresh);
	set_connected(u, true);
}

static void do_release(struct uplink *u, const struct supervisor_action *a)
{
	struct line *line = &u->lines[a->line];

	note_trial(line, TRIAL_SILENT); /* unless somebody was heard there */
	line->trial = false;
	client_release(line->client);
	rt_resolve_free(line->question);
	line->question = NULL;
	if (u->active != line)
		return;
	u->active = NULL;
	forward_on_session_down(&u->forward);
	fetch_on_session(&u->fetch, false);
	set_connected(u, false);
}

/* Where an address is given, the way to it counts: a clinic may be on a network without the internet. */
static void do_probe(struct uplink *u, struct mono now)
{
	bool found = false, named = false;

	for (size_t i = 0; i < u->targets.count && !found; i++) {
		const struct config_endpoint *e = &u->targets.list[i];

		if (config_has_addr(e))
			found = route_find(e->addr) == 0;
		else
			named = true;
	}
	if (!found && !(named && route_find(NULL) == 0))
		return;
	supervisor_on_route(&u->supervisor, uplink_dice(), now);
	if (u->enrolling)
		enrolling_on_route(u->enrolling);
}

static void do_supervisor(struct uplink *u, const struct supervisor_action *a,
			  struct mono now)
{
	switch (a->what) {
	case SUPERVISOR_NOTHING: break;
	case SUPERVISOR_FIND: do_find(u, a, now); break;
	case SUPERVISOR_CONNECT: do_connect(u, a, now); break;
	case SUPERVISOR_SWITCH: do_switch(u, a); break;
	case SUPERVISOR_RELEASE: do_release(u, a); break;
	case SUPERVISOR_PROBE: do_probe(u, now); break;
	case SUPERVISOR_CONFIRMED:
		targets_confirm(&u->targets);
		log_info("uplink-confirmed", "endpoints=%zu", u->targets.count);
		break;
	case SUPERVISOR_UNCONFIRMED:
		log_err("uplink-unconfirmed",
			"error=\"the endpoints of the new config do not answer\" "
			"running-on=the-ones-before do=\"check the endpoints in the "
			"config\"");
		report_note(&u->report, INCIDENT_CONFIG);
		break;
	case SUPERVISOR_TALLY:
		log_info("uplink-day", "handshakes=%u", a->handshakes);
		break;
	}
}

/* --- the loop ------------------------------------------------------------------------- */

static struct mono earlier(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

void uplink_drain(struct uplink *u)
{
	struct forward_action fa;
	struct supervisor_action sa;
	struct fetch_action ga;
	struct mono now = rt_mono();
	bool more;

	if (u->draining)
		/* called from within a handler: the loop below goes round again */
		return;
	u->draining = true;
	do {
		more = false;
		supervisor_on_work(
			&u->supervisor,
			u->ready && (forward_has_work(&u->forward, now) ||
				     (!u->sealed && fetch_has_work(&u->fetch, now))),
			forward_has_alarm(&u->forward));
		if (supervisor_next(&u->supervisor, uplink_dice(), now, &sa)) {
			do_supervisor(u, &sa, now);
			more = true;
		} else if (forward_next(&u->forward, now, &fa)) {
			do_forward(u, &fa, now);
			more = true;
		} else if (!u->sealed && fetch_next(&u->fetch, uplink_dice(), now, &ga)) {
			do_fetch(u, &ga, now);
			more = true;
		}
	} while (more);
	u->draining = false;
	report_send(&u->report, u->hubd, now);
	uplink_tell_proven(u);
	tell_trial(u);
	uplink_tell_enrolling(u);
	rt_timer_set(u->timer,
		     earlier(supervisor_deadline(&u->supervisor),
			     earlier(forward_deadline(&u->forward, now),
				     u->sealed ? MONO_NEVER
					       : fetch_deadline(&u->fetch, now))));
}

static void on_timer(void *arg)
{
	uplink_drain(arg);
}

/* --- from the connections; all but on_turn run inside the library --------------------- */

static void on_up(void *arg)
{
	struct line *line = arg;

	line->trial = false;
	supervisor_on_connected(&line->uplink->supervisor, line->number, rt_mono());
}

static void on_down(void *arg, enum client_loss why)
{
	struct line *line = arg;
	struct uplink *u = line->uplink;

	note_trial(line, why == CLIENT_IDENTITY				? TRIAL_IDENTITY
			 : why == CLIENT_REFUSED || why == CLIENT_CHAIN ? TRIAL_REFUSED
									: TRIAL_SILENT);
	if (why == CLIENT_IDENTITY)
		report_note(&u->report, INCIDENT_SERVER_IDENTITY);
	else if (why == CLIENT_REFUSED || why == CLIENT_CHAIN)
		report_note(&u->report, INCIDENT_HANDSHAKE);
	if (why == CLIENT_REFUSED)
		uplink_note_result(u, true);
	supervisor_on_line_failed(
		&u->supervisor, line->number,
		why == CLIENT_GOODBYE ? SUPERVISOR_GOODBYE : SUPERVISOR_LOST, rt_mono());
}

/* Something else than what is out would do as well to know that the server lives. */
static void note_heard(struct uplink *u, struct mono now)
{
	supervisor_on_heard(&u->supervisor,
			    forward_is_owed(&u->forward) || fetch_is_owed(&u->fetch),
			    now);
}

static void on_response(void *arg, const struct forward_response *r)
{
	struct line *line = arg;
	struct uplink *u = line->uplink;
	struct mono now = rt_mono();

	FAILPOINT("coap.reply.received");
	if (line != u->active)
		return; /* it stands by; what it was asked is asked of the other one */
	rtt_on_answered(&u->rtt, r->token, now);
	if (!forward_on_response(&u->forward, r, uplink_dice(), now))
		log_debug("uplink-stray-answer", "code=%d", r->code);
	uplink_tell_path(u, now);
	note_heard(u, now);
}

static void on_part(void *arg, const struct fetch_part *p)
{
	struct line *line = arg;
	struct uplink *u = line->uplink;
	struct mono now = rt_mono();

	if (line != u->active)
		return;
	if (!fetch_on_part(&u->fetch, p, uplink_dice(), now))
		log_debug("uplink-stray-answer", "code=%d", p->code);
	note_heard(u, now);
}

static void on_retransmitted(void *arg)
{
	struct line *line = arg;
	struct uplink *u = line->uplink;

	if (line != u->active)
		return;
	rtt_on_retransmitted(&u->rtt);
	forward_on_retransmitted(&u->forward, rt_mono());
}

static void on_undelivered(void *arg, uint32_t token)
{
	struct line *line = arg;
	struct uplink *u = line->uplink;

	if (line == u->active &&
	    !fetch_on_undelivered(&u->fetch, token, uplink_dice(), rt_mono()))
		forward_on_undelivered(&u->forward, token, rt_mono());
}

static void on_turn(void *arg)
{
	struct line *line = arg;

	uplink_drain(line->uplink);
}

static int make_lines(struct uplink *u, struct rt *rt, const struct uplink_config *cfg)
{
	static const struct client_handlers handlers = {
		on_up,		on_down, on_response, on_part, on_retransmitted,
		on_undelivered, on_turn
	};
	int r = 0;

	for (unsigned i = 0; i < SUPERVISOR_LINES && r == 0; i++) {
		u->lines[i].uplink = u;
		u->lines[i].number = i;
		r = client_new(rt, &cfg->identity, &handlers, &u->lines[i],
			       &u->lines[i].client);
	}
	return r;
}

int uplink_new(struct rt *rt, const struct uplink_config *cfg, struct uplink **ret)
{
	struct uplink *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	u->rt = rt;
	u->enrolling = cfg->enrolling;
	u->has_told = true;
	u->ready = cfg->identity.cert_pem != NULL;
	supervisor_init(&u->supervisor);
	forward_init(&u->forward);
	fetch_init(&u->fetch);
	u->timer = rt_timer_new(rt, on_timer, u);
	r = make_lines(u, rt, cfg);
	if (r == 0)
		r = uplink_connect_peers(u, rt, cfg);
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
	for (size_t i = 0; i < SUPERVISOR_LINES; i++) {
		rt_resolve_free(u->lines[i].question);
		client_free(u->lines[i].client);
	}
	rt_timer_free(u->timer);
	free(u);
}
