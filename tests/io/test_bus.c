/*
 * test_bus.c - the hub's end of a D-Bus connection, held and let go on, against a private dbus-daemon.
 *
 * 'ours' is the end under test; 'theirs' stands for bluetoothd and sends numbered signals, counts calls and answers
 * them. SKIP if there is no dbus-daemon.
 */
#include "ble/bus.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/io/until.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/test.h"

enum { LIMIT_MS = 10000, TICK_MS = 5, SKIP = 77 };

static const char bus_config[] =
	"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration "
	"1.0//EN\" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	"<busconfig><type>session</type><listen>unix:path=%s/bus</listen>"
	"<auth>EXTERNAL</auth><policy context=\"default\"><allow send_destination=\"*\"/>"
	"<allow receive_sender=\"*\"/><allow own=\"*\"/></policy></busconfig>\n";

static char dir[64], address[128];
static pid_t daemon_pid;

static struct bus *ours, *theirs;
static bool ours_lost;
static uint32_t received, sent; /* signals; each has the next number */
static uint32_t hold_at;	/* hold from inside the callback of this one, 0: never */
static bool release_at_once;	/* and let go in the same callback */
static unsigned called;		/* method calls that 'theirs' got */
static unsigned answered, timed_out; /* what became of ours */

/* --- the daemon ------------------------------------------------------------------------------- */

static bool bus_listens(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	snprintf(to.sun_path, sizeof(to.sun_path), "%s/bus", dir);
	r = connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	return r == 0;
}

static void start_daemon(void)
{
	char conf[96];
	FILE *f;

	snprintf(conf, sizeof(conf), "%s/bus.conf", dir);
	snprintf(address, sizeof(address), "unix:path=%s/bus", dir);
	f = fopen(conf, "w");
	CHECK(f);
	fprintf(f, bus_config, dir);
	fclose(f);
	daemon_pid = fork();
	CHECK(daemon_pid >= 0);
	if (daemon_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		CHECK(freopen("/dev/null", "w", stderr));
		execlp("dbus-daemon", "dbus-daemon", "--nofork", "--config-file", conf,
		       (char *)NULL);
		_exit(SKIP);
	}
	for (int i = 0; i < LIMIT_MS / TICK_MS && !bus_listens(); i++) {
		int status;

		if (waitpid(daemon_pid, &status, WNOHANG) == daemon_pid) {
			printf("SKIP bus: no dbus-daemon\n");
			temp_dir_remove(dir);
			exit(SKIP);
		}
		usleep(TICK_MS * 1000);
	}
}

static void stop_daemon(void)
{
	if (daemon_pid <= 0)
		return;
	kill(daemon_pid, SIGKILL);
	CHECK_INT(waitpid(daemon_pid, NULL, 0), daemon_pid);
	daemon_pid = 0;
}

/* --- the two ends ----------------------------------------------------------------------------- */

static void on_lost(void *arg)
{
	struct bus **b = arg;

	if (b == &ours)
		ours_lost = true;
	bus_free(*b);
	*b = NULL;
}

static int on_signal(sd_bus_message *m, void *arg, sd_bus_error *e)
{
	uint32_t n = 0;

	(void)arg, (void)e;
	CHECK(sd_bus_message_read(m, "u", &n) >= 0);
	CHECK_UINT(n, received + 1); /* in order, none lost, none twice */
	received = n;
	if (n == hold_at)
		bus_hold(ours, true);
	if (n == hold_at && release_at_once)
		bus_hold(ours, false);
	return 0;
}

static int on_call(sd_bus_message *m, void *arg, sd_bus_error *e)
{
	(void)arg, (void)e;
	called++;
	return sd_bus_reply_method_return(m, "");
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Ping", "", "", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Take", "ay", "", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END
};

static int on_reply(sd_bus_message *m, void *arg, sd_bus_error *e)
{
	(void)arg, (void)e;
	if (sd_bus_message_is_method_error(m, SD_BUS_ERROR_NO_REPLY))
		timed_out++;
	else
		answered++;
	return 0;
}

static void ping_for(uint64_t timeout_ms)
{
	sd_bus_message *m = NULL;

	CHECK(sd_bus_message_new_method_call(bus_sd(ours), &m, "test.Theirs", "/",
					     "test.T", "Ping") >= 0);
	CHECK(sd_bus_call_async(bus_sd(ours), NULL, m, on_reply, NULL,
				timeout_ms * 1000) >= 0);
	sd_bus_message_unref(m);
	bus_touch(ours);
}

static void send_signals(unsigned n)
{
	while (n-- > 0)
		CHECK(sd_bus_emit_signal(bus_sd(theirs), "/", "test.T", "Value", "u",
					 ++sent) >= 0);
	bus_touch(theirs);
}

/* --- the loop --------------------------------------------------------------------------------- */

static void start(void)
{
	temp_dir_make(dir, sizeof(dir));
	start_daemon();
	rt = rt_new();
	until_start(LIMIT_MS, TICK_MS);
	ours_lost = release_at_once = false;
	received = sent = hold_at = 0;
	called = answered = timed_out = 0;
	CHECK_INT(bus_open(rt, address, on_lost, &theirs, &theirs), 0);
	CHECK(sd_bus_add_object_vtable(bus_sd(theirs), NULL, "/", "test.T", vtable,
				       NULL) >= 0);
	CHECK(sd_bus_request_name_async(bus_sd(theirs), NULL, "test.Theirs", 0, NULL,
					NULL) >= 0);
	bus_touch(theirs);
	CHECK_INT(bus_open(rt, address, on_lost, &ours, &ours), 0);
	CHECK(sd_bus_match_signal_async(bus_sd(ours), NULL, NULL, "/", "test.T", "Value",
					on_signal, NULL, NULL) >= 0);
	bus_touch(ours);
	while (called == 0) { /* both ends are there, and the match before the call */
		ping_for(LIMIT_MS);
		pass_ms(20);
	}
	UNTIL(answered + timed_out >= 1);
	pass_ms(50);
	called = answered = timed_out = 0;
}

static void stop(void)
{
	bus_free(ours);
	bus_free(theirs);
	rt_timer_free(tick);
	rt_free(rt);
	stop_daemon();
	unlink(address + strlen("unix:path="));
	temp_dir_remove(dir);
}

/* --- cases ------------------------------------------------------------------------------------ */

/* What comes while held waits, and all of it comes afterwards, in order. */
static void test_hold(void)
{
	start();
	send_signals(10);
	UNTIL(received == 10);
	bus_hold(ours, true);
	bus_hold(ours, true);
	send_signals(3000);
	pass_ms(200);
	CHECK_UINT(received, 10);
	bus_hold(ours, false);
	CHECK_UINT(received, 10); /* not inside the call */
	UNTIL(received == 3010);
	send_signals(5);
	UNTIL(received == 3015);
	bus_hold(ours, false); /* not held: nothing */
	stop();
}

/* From inside the callback: that message is the last one. */
static void test_hold_inside(void)
{
	start();
	hold_at = 7;
	send_signals(500);
	UNTIL(received == 7);
	pass_ms(100);
	CHECK_UINT(received, 7);
	for (hold_at = 8; hold_at <= 40; hold_at++) { /* one by one */
		bus_hold(ours, false);
		UNTIL(received == hold_at);
		pass_ms(5);
		CHECK_UINT(received, hold_at);
	}
	release_at_once = true;
	hold_at = 100;
	bus_hold(ours, false);
	UNTIL(received == 500);
	stop();
}

/* A call goes out while held, its answer waits. */
static void test_outgoing(void)
{
	start();
	bus_hold(ours, true);
	ping_for(LIMIT_MS);
	UNTIL(called == 1);
	for (int i = 0; i < 20; i++)
		ping_for(LIMIT_MS);
	UNTIL(called == 21);
	pass_ms(50);
	CHECK_UINT(answered, 0);
	bus_hold(ours, false);
	UNTIL(answered == 21);
	CHECK_UINT(timed_out, 0);
	stop();
}

/* What the socket does not take at once goes out after the release; nothing is lost, nothing dispatched. */
static void test_outgoing_too_much(void)
{
	static const uint8_t block[1 << 20];
	enum { CALLS = 24 }; /* 24 MB: more than a socket holds, also one of root */
	unsigned before;

	start();
	bus_hold(ours, true);
	kill(daemon_pid, SIGSTOP); /* a daemon that does not read */
	send_signals(5);
	for (int i = 0; i < CALLS; i++) {
		sd_bus_message *m = NULL;

		CHECK(sd_bus_message_new_method_call(bus_sd(ours), &m, "test.Theirs", "/",
						     "test.T", "Take") >= 0);
		CHECK(sd_bus_message_append_array(m, 'y', block, sizeof(block)) >= 0);
		CHECK(sd_bus_call_async(bus_sd(ours), NULL, m, on_reply, NULL, 0) >= 0);
		sd_bus_message_unref(m);
		bus_touch(ours);
	}
	kill(daemon_pid, SIGCONT);
	pass_ms(200);
	before = called;
	CHECK(before < CALLS);
	CHECK_UINT(received + answered, 0);
	bus_hold(ours, false);
	UNTIL(called == CALLS && answered == CALLS && received == 5);
	CHECK_UINT(timed_out, 0);
	stop();
}

/* Deadlines do not fire while held; after the release one that is over ends with a timeout, others go on. */
static void test_deadlines(void)
{
	start();
	bus_hold(ours, true);
	ping_for(50);
	ping_for(LIMIT_MS);
	UNTIL(called == 2);
	pass_ms(150);
	CHECK_UINT(answered + timed_out, 0);
	bus_hold(ours, false);
	UNTIL(answered + timed_out == 2);
	CHECK_UINT(timed_out, 1);
	pass_ms(50);
	CHECK_UINT(answered + timed_out, 2); /* the late answer is no second one */
	stop();
}

/* The end of the connection is found at the release, not before. */
static void test_lost_while_held(void)
{
	start();
	send_signals(3);
	UNTIL(received == 3);
	bus_hold(ours, true);
	stop_daemon();
	pass_ms(100);
	CHECK(!ours_lost);
	bus_hold(ours, false);
	UNTIL(ours_lost);
	CHECK(!ours);
	UNTIL(!theirs);
	stop();
}

/* Held and let go at random while signals and calls pass: all arrive, in order. */
static void test_random_run(void)
{
	unsigned calls = 0;

	start();
	for (int step = 0; step < 600; step++) {
		switch (test_random() % 5) {
		case 0: bus_hold(ours, true); break;
		case 1: bus_hold(ours, false); break;
		case 2: send_signals((unsigned)(test_random() % 200)); break;
		case 3:
			ping_for(LIMIT_MS);
			calls++;
			break;
		default: hold_at = received + 1 + (uint32_t)(test_random() % 20);
		}
		rt_run(rt);
	}
	hold_at = 0;
	bus_hold(ours, false);
	UNTIL(received == sent && answered == calls);
	CHECK_UINT(timed_out, 0);
	CHECK_UINT(called, calls);
	stop();
}

TEST_MAIN("bus", test_hold, test_hold_inside, test_outgoing, test_outgoing_too_much,
	  test_deadlines, test_lost_while_held, test_random_run)
