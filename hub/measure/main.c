/*
 * hub-measure - once, from a timer: looks at all that runs, holds it against the image's list of files, and says what it
 * found.
 *
 *   look -> nothing in the hub's own processes -----------------------> sign -> hub-store: EVIDENCE .. EVIDENCE_TAKEN -> end
 *        -> something: look again after five seconds, what is still there is confirmed -^  and hubd: INCIDENT
 *   hub-store asks for a snapshot, of a locked hub: texts.h -> sign -> SNAPSHOT .. SNAPSHOT_TAKEN, before the end
 *
 * It has CAP_SYS_PTRACE to read what others have mapped, and no network. It must never: write to another process, trace one,
 * say anything of a reading. It writes its own folder only (seen.h).
 *
 * Exit status: 0 delivered; 1 not.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/measure/calls.h"
#include "hub/measure/measure_inside.h"
#include "hub/rt/log.h"
#include "hub/rt/notify.h"
#include "hub/rt/sandbox.h"

enum {
	CONFIRM_MS = 5000,
	AGAIN_MS = 200,
};

static void finish(struct measure *m)
{
	m->seen.full = m->now.same_as ? m->seen.full : m->now.counter;
	memcpy(m->seen.digest, m->digest, SHA256_LEN);
	memcpy(m->seen.boot, m->now.boot, EVIDENCE_BOOT_LEN);
	if (seen_save(m->options.state_dir, &m->seen))
		log_warn("seen-not-saved", "do=\"nothing: the lists are sent again\"");
	/* hubd knows of the change */
	if (hardware_save(m->options.state_dir, &m->hardware))
		log_warn("hardware-not-saved", "do=\"nothing: it is told again\"");
	if (m->has_drops && drops_save(m->options.state_dir, &m->drops))
		log_warn("drops-not-saved", "do=\"nothing: they are told again\"");
	rt_stop(m->rt);
}

static void go_on(struct measure *m)
{
	if (!m->signed_off)
		return;
	measure_tell_hubd(m);
	measure_send_evidence(m);
	measure_send_snapshot(m);
	if (m->taken && !handing_waits(&m->handing) &&
	    (m->told || (!measure_has_incident(m) && !ipc_is_up(m->hubd)))) {
		finish(m);
		return;
	}
	if (mono_reached(rt_mono(), m->give_up_at)) {
		log_warn("not-delivered",
			 "taken=%d told=%d do=\"nothing: the next run "
			 "tells it again\"",
			 m->taken, m->told);
		rt_stop(m->rt);
		return;
	}
	rt_timer_set(m->timer, mono_add(rt_mono(), AGAIN_MS));
}

static void conclude(struct measure *m)
{
	int r;

	measure_look_at_drops(m);
	m->earlier = m->now; /* what the incident is of */
	measure_look_at_hardware(m);
	r = measure_sign(m);
	if (r) {
		log_err("not-signed", "error=\"%s\"", err_text(r));
		rt_stop(m->rt);
		return;
	}
	m->give_up_at = mono_add(rt_mono(), MEASURE_DELIVER_MS);
	go_on(m);
}

static void on_timer(void *arg)
{
	struct measure *m = arg;

	if (m->signed_off) {
		go_on(m);
		return;
	}
	/* the second look */
	m->earlier = m->now;
	if (measure_look(m)) {
		rt_stop(m->rt);
		return;
	}
	survey_confirm(&m->now, &m->earlier);
	conclude(m);
}

static void on_up(void *arg, struct ipc *link)
{
	struct measure *m = arg;

	if (link == m->store) {
		m->sent = 0;
		handing_on_link(&m->handing);
	}
	go_on(m);
}

static void on_message(void *arg, struct ipc *link, const struct msg *in)
{
	struct measure *m = arg;

	(void)link;
	if (in->kind == MSG_SNAPSHOT_TAKEN) {
		measure_on_snapshot_taken(m, &in->snapshot_taken);
	} else if (in->kind == MSG_EVIDENCE_TAKEN &&
		   in->evidence_taken.counter == m->seen.counter) {
		m->taken = true;
		measure_begin_snapshot(m, in->evidence_taken.snapshot);
	}
	go_on(m);
}

static int open_links(struct measure *m)
{
	static const struct ipc_handlers h = { .up = on_up, .message = on_message };
	struct ipc_config cfg = { ROLE_MEASURE, ROLE_STORE, m->options.run_dir,
				  m->options.same_user };
	int r = ipc_connect(m->rt, &cfg, &h, m, &m->store);

	cfg.peer = ROLE_HUBD;
	return r ? r : ipc_connect(m->rt, &cfg, &h, m, &m->hubd);
}

static int confine(void)
{
	const struct sandbox s = { .calls = measure_calls,
				   .sockets = SANDBOX_UNIX,
				   .sees_others = true };

	return sandbox_confine(&s);
}

static int start(struct measure *m)
{
	int r = crypto_init();

	if (r == 0)
		r = confine();
	if (r == 0)
		r = measure_read_list(m);
	if (r)
		return r;
	measure_check_word(m);
	r = seen_key(m->options.state_dir, m->private);
	if (r == 0)
		r = p256_public(m->private, m->now.public_key);
	if (r == 0)
		r = rt_boot_id(m->now.boot);
	if (r)
		return r;
	seen_load(m->options.state_dir, m->now.image, rt_wall().ms / 1000, &m->seen);
	m->timer = rt_timer_new(m->rt, on_timer, m);
	return open_links(m);
}

static void begin(struct measure *m)
{
	if (measure_look(m))
		rt_stop(m->rt);
	else if (survey_hub_findings(&m->now) > 0)
		rt_timer_set(m->timer, mono_add(rt_mono(), CONFIRM_MS));
	else
		conclude(m);
}

int main(int argc, char **argv)
{
	static struct measure m;
	int r;

	options_parse(argc, argv, "hub-measure",
		      "Looks once at all that runs, and says what is not of the image.",
		      &m.options);
	log_init("hub-measure");
	umask(077);
	m.rt = rt_new();
	r = start(&m);
	if (r) {
		log_err("start", "error=\"%s\"", err_text(r));
		return EXIT_FAILURE;
	}
	notify_ready(m.rt);
	begin(&m);
	rt_run(m.rt);
	notify_stopping();
	ipc_free(m.store);
	ipc_free(m.hubd);
	rt_timer_free(m.timer);
	rt_free(m.rt);
	free(m.texts);
	free(m.snapshot);
	free(m.list);
	crypto_wipe(m.private, sizeof(m.private));
	crypto_done();
	return m.taken && (m.told || !measure_has_incident(&m)) ? EXIT_SUCCESS
								: EXIT_FAILURE;
}
