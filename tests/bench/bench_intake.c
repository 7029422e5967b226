/*
 * bench_intake.c - how fast the memory of a device gets durable: the real hub-store process, fed over its socket
 * by hub-ble's own ble/handover.c.
 *
 *   bench_intake [DIR]      DIR is on the disk to be measured (default: here); on a tmpfs the figures say nothing
 *
 * The bus is a loop that gives values as long as handover_is_full does not say stop. One line per figure:
 *   bench <name> <value> <unit> [target <op><number> <ok|short>]
 *
 *   burst   a meter's memory at once, as a download that is faster than the disk
 *   again   the same records sent again: each is recognised, none is stored
 *   paced   one value each 20 ms, as the radio brings them
 */
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ble/handover.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/log.h"
#include "tests/unit/temp_dir.h"

enum { VALUES_MAX = 3000, PER_TURN = 64, LIMIT_S = 120 };

static char state_dir[PATH_MAX], run_dir[64];
static pid_t child;
static struct rt *rt;
static struct rt_timer *feed, *stopper;
static struct handover *handover;
static struct ipc *hubd;
static struct msg config;
static uint64_t saved; /* highest seq that hub-store has told */

static struct {
	size_t want, given, durable, held;
	uint64_t pace_ms; /* 0: as fast as it goes */
	uint64_t first;	  /* capture before the first one */
	uint32_t record;  /* number of the first one */
	bool memory;	  /* tell how far it is durable with each answer */
	double start, end;
	double at[VALUES_MAX], took[VALUES_MAX]; /* us */
} run;

static void fail(const char *what)
{
	fprintf(stderr, "bench_intake: %s\n", what);
	if (child > 0)
		kill(child, SIGKILL);
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* A glucose record: flags, sequence, base time, concentration, type and location, status. */
static void give(uint32_t number)
{
	struct msg_raw raw = { .assignment = 1,
			       .kind = READING_GLUCOSE,
			       .characteristic = 0x2a18,
			       .peripheral = { 1, { 1, 2, 3, 4, 5, 6 }, ADDR_RANDOM },
			       .link = LINK_SC_AUTHENTICATED,
			       .raw_len = 15,
			       .raw = { 0x0b, (uint8_t)number, (uint8_t)(number >> 8),
					0xea, 7, 11, 21, 10, 30, 0, 0, 0, 0x5a, 0xb0,
					0x11 } };
	struct msg_decoded d = {
		.class = CLASS_ROUTINE,
		.decoded = { .value_count = 3,
			     .values = { { .name = VALUE_GLUCOSE,
					   .unit = UNIT_KG_PER_L,
					   .number = { 90, -5, 0 } },
					 { .name = VALUE_SAMPLE_TYPE,
					   .unit = UNIT_CODE,
					   .number = { 1, 0, 0 } },
					 { .name = VALUE_SAMPLE_LOCATION,
					   .unit = UNIT_CODE,
					   .number = { 1, 0, 0 } } },
			     .has_device_time = true,
			     .device_time = { 2026, 11, 21, 10, 30, 0 },
			     .has_sequence = true,
			     .sequence = number,
			     .marks = MARK_STORED },
		.attribution = ATTRIBUTION_PROBABLE,
		.history = 1,
		.link = LINK_SC_AUTHENTICATED,
	};
	struct backlog_entry *e;

	run.at[run.given++] = now_us();
	e = handover_raw(handover, 0, &raw);
	if (!e)
		fail("no room although it was not full");
	handover_finish(handover, e, &d);
}

static void on_feed(void *arg)
{
	(void)arg;
	for (int i = 0; i < PER_TURN && run.given < run.want; i++) {
		if (handover_is_full(handover)) {
			run.held++;
			return; /* on_changed goes on */
		}
		give(run.record + (uint32_t)run.given);
		if (run.pace_ms)
			break;
	}
	if (run.given < run.want)
		rt_timer_set(feed, mono_add(rt_mono(), run.pace_ms));
}

static void on_changed(void *arg)
{
	(void)arg;
	if (run.given < run.want && run.pace_ms == 0 && !handover_is_full(handover))
		rt_timer_set(feed, rt_mono());
}

static void on_durable(void *arg, const struct backlog_entry *e)
{
	size_t i = (size_t)(e->raw.capture - run.first) - 1;

	(void)arg;
	run.end = now_us();
	run.took[i] = run.end - run.at[i];
	if (run.memory) {
		const struct msg_memory m = { .num = 1,
					      .service = 0x1808,
					      .assignment = 1,
					      .history = 1,
					      .mark = run.record + (uint32_t)i };

		handover_memory(handover, &m);
	}
	if (++run.durable == run.want)
		rt_stop(rt);
}

static void on_memory(void *arg, const struct msg_memory *m)
{
	(void)arg, (void)m;
}

static void on_violation(void *arg, unsigned count)
{
	(void)arg, (void)count;
	fail("hub-store broke the rules of the link");
}

static void on_hubd_up(void *arg, struct ipc *l)
{
	(void)arg;
	(void)ipc_send(l, &config);
}

static void on_hubd_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l;
	if (m->kind == MSG_STATUS && m->status.what == STATUS_SAVED)
		saved = m->status.b;
}

static void launch(const char *self)
{
	char copy[PATH_MAX], program[PATH_MAX + 32];
	const char *env = getenv("HUB_STORE");

	snprintf(copy, sizeof(copy), "%s", self);
	snprintf(program, sizeof(program), "%s/../../hub-store", dirname(copy));
	child = fork();
	if (child < 0)
		fail("fork");
	if (child > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!freopen("/dev/null", "w", stderr)) /* its warnings about a test's keys */
		_exit(127);
	execl(env ? env : program, "hub-store", "--state", state_dir, "--run", run_dir,
	      "--same-user", (char *)NULL);
	_exit(127);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void on_stopper(void *arg)
{
	(void)arg;
	rt_stop(rt);
}

/* Let the loop run, for what comes after the last answer. */
static void pass_ms(uint64_t ms)
{
	rt_timer_set(stopper, mono_add(rt_mono(), ms));
	rt_run(rt);
}

static void report(const char *name)
{
	double p50 = run.took[run.want / 2] / 1e3,
	       p99 = run.took[run.want * 99 / 100] / 1e3;

	if (!run.pace_ms)
		printf("bench intake-%s %.0f records/s\n", name,
		       (double)run.want / (run.end - run.start) * 1e6);
	printf("bench intake-%s-p50 %.1f ms\n", name, p50);
	printf("bench intake-%s-p99 %.1f ms", name, p99);
	if (run.pace_ms)
		printf(" target <=50 %s", p99 <= 50 ? "ok" : "short");
	printf("\n");
	if (run.held)
		printf("# intake-%s: the bus was held %zu times\n", name, run.held);
}

/* count records from number 'record' on; 'stored' of them must become records of the queue. */
static void measure(const char *name, size_t count, uint32_t record, uint64_t pace_ms,
		    bool memory, uint64_t stored)
{
	uint64_t before = saved, capture = run.first + run.want;

	memset(&run, 0, sizeof(run));
	run.want = count;
	run.first = capture;
	run.record = record;
	run.pace_ms = pace_ms;
	run.memory = memory;
	run.start = now_us();
	alarm(LIMIT_S);
	rt_timer_set(feed, rt_mono());
	rt_run(rt);
	if (run.durable != count)
		fail("ended early");
	pass_ms(100);
	if (saved - before != stored)
		fail("stored something twice, or not at all");
	qsort(run.took, count, sizeof(run.took[0]), by_size);
	report(name);
}

static void open_all(const char *self)
{
	static const struct ipc_handlers hh = { .up = on_hubd_up,
						.message = on_hubd_message };
	static const struct handover_handlers hb = { .changed = on_changed,
						     .durable = on_durable,
						     .memory = on_memory,
						     .violation = on_violation };
	struct ipc_config c = { .self = ROLE_HUBD,
				.peer = ROLE_STORE,
				.run_dir = run_dir,
				.same_user = true };
	struct options o = { 0 };

	o.run_dir = run_dir;
	o.same_user = true;
	launch(self);
	rt = rt_new();
	feed = rt_timer_new(rt, on_feed, NULL);
	stopper = rt_timer_new(rt, on_stopper, NULL);
	if (ipc_listen(rt, &c, &hh, NULL, &hubd) ||
	    handover_new(rt, &o, &hb, NULL, &handover))
		fail("cannot open the links");
}

static void close_all(void)
{
	handover_free(handover);
	ipc_free(hubd);
	rt_timer_free(feed);
	rt_timer_free(stopper);
	rt_free(rt);
	kill(child, SIGTERM);
	(void)waitpid(child, NULL, 0);
	temp_dir_remove(state_dir);
	temp_dir_remove(run_dir);
}

int main(int argc, char **argv)
{
	uint8_t private[X25519_LEN];
	char self[PATH_MAX] = "";

	log_init("bench_intake");
	if (crypto_init() || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		fail("cannot start");
	snprintf(state_dir, sizeof(state_dir), "%s/bench-intake-XXXXXX",
		 argc > 1 ? argv[1] : ".");
	if (!mkdtemp(state_dir))
		fail("cannot make a folder");
	temp_dir_make(run_dir, sizeof(run_dir));
	config = (struct msg){ .kind = MSG_STORE_CONFIG,
			       .store_config = { .hub = { 1 },
						 .epoch = 1,
						 .assignment = 1,
						 .seal_key_id = 1,
						 .has_share = true,
						 .share = { 7 } } };
	x25519_generate(private, config.store_config.seal_public);
	open_all(self);
	alarm(LIMIT_S);
	while (!handover_is_ready(handover))
		pass_ms(10);
	measure("burst", 500, 0, 0, false, 500);
	measure("burst-with-marks", 500, 1000, 0, true, 500);
	measure("burst-3000", 3000, 2000, 0, true, 3000);
	measure("again", 3000, 2000, 0, false, 0);
	measure("paced", 200, 10000, 20, true, 200);
	close_all();
	return 0;
}
