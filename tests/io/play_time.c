/*
 * play_time.c - plays a hub-coap that somebody has taken over: it tells hubd once what time it is, by the clinic's word as it
 * says.
 *
 *   play_time RUN_DIR UTC_MS     ends when hubd has passed it on to hub-ble, which is played too
 *   play_time RUN_DIR            as hub-ble alone: prints what time it is now by what hubd tells, UTC in ms
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "hub/rt/ipc.h"
#include "hub/rt/log.h"

enum { PATIENCE_MS = 60000 };

static struct {
	struct rt *rt;
	int64_t utc_ms; /* 0: says nothing */
	bool heard;
} play;

static void on_coap_up(void *arg, struct ipc *link)
{
	const struct msg m = { .kind = MSG_TIME,
			       .time = { .at = rt_mono(),
					 .utc = { .ms = play.utc_ms,
						  .uncertainty_ms = 1,
						  .quality = CLOCK_QUALITY_CLINIC } } };

	(void)arg;
	if (ipc_send(link, &m))
		exit(1);
}

static void on_ble_message(void *arg, struct ipc *link, const struct msg *m)
{
	(void)arg, (void)link;
	if (m->kind != MSG_TIME || (play.utc_ms && m->time.utc.ms != play.utc_ms))
		return;
	if (!play.utc_ms)
		printf("%" PRId64 "\n", msg_time_ms(&m->time, rt_mono()));
	play.heard = true;
	rt_stop(play.rt);
}

static void ignore_link(void *arg, struct ipc *link)
{
	(void)arg, (void)link;
}

static void ignore_message(void *arg, struct ipc *link, const struct msg *m)
{
	(void)arg, (void)link, (void)m;
}

static void on_timer(void *arg)
{
	(void)arg;
	rt_stop(play.rt);
}

static struct ipc *connect_as(enum role self, const char *run_dir,
			      const struct ipc_handlers *handlers)
{
	const struct ipc_config c = {
		.self = self, .peer = ROLE_HUBD, .run_dir = run_dir, .same_user = true
	};
	struct ipc *link;

	if (ipc_connect(play.rt, &c, handlers, NULL, &link))
		exit(1);
	return link;
}

int main(int argc, char **argv)
{
	static const struct ipc_handlers as_ble = { ignore_link, ignore_link,
						    on_ble_message, NULL };
	static const struct ipc_handlers as_coap = { on_coap_up, ignore_link,
						     ignore_message, NULL };
	struct rt_timer *timer;
	struct ipc *ble, *coap = NULL;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: play_time RUN_DIR [UTC_MS]\n");
		return 64;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	log_init("play_time");
	play.rt = rt_new();
	play.utc_ms = argc == 3 ? strtoll(argv[2], NULL, 10) : 0;
	timer = rt_timer_new(play.rt, on_timer, NULL);
	rt_timer_set(timer, mono_add(rt_mono(), PATIENCE_MS));
	ble = connect_as(ROLE_BLE, argv[1], &as_ble);
	if (play.utc_ms)
		coap = connect_as(ROLE_COAP, argv[1], &as_coap);
	rt_run(play.rt);
	ipc_free(coap);
	ipc_free(ble);
	rt_timer_free(timer);
	rt_free(play.rt);
	return play.heard ? 0 : 1;
}
