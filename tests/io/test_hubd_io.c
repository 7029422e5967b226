/*
 * test_hubd_io.c - the real hubd with a scripted hub-ble: pins and pairing windows, over kills of either.
 *
 * The program is looked for in $HUBD, else two folders above this one.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "tests/io/until.h"
#include "tests/unit/temp_dir.h"

enum { LIMIT_MS = 20000, TICK_MS = 10, QUIET_MS = 300 };

static char program[PATH_MAX], state_dir[64], run_dir[64];
static pid_t child;

static struct ipc *ble;
static uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];

/* What hubd said to hub-ble since it was last asked. */
static struct {
	unsigned ups, configs, windows;
	struct msg_ble_config config;
	struct msg_window window;
} heard;

static void on_up(void *arg, struct ipc *l)
{
	(void)arg, (void)l;
	heard.ups++;
}

static void on_down(void *arg, struct ipc *l)
{
	(void)arg, (void)l;
}

static void on_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l;
	if (m->kind == MSG_BLE_CONFIG) {
		heard.configs++;
		heard.config = m->ble_config;
	} else if (m->kind == MSG_WINDOW) {
		CHECK(heard.configs > 0); /* the devices first */
		heard.windows++;
		heard.window = m->window;
	}
}

static void launch(void)
{
	char *const argv[] = { program, "--state",     state_dir, "--run",
			       run_dir, "--same-user", NULL };

	child = fork();
	CHECK(child >= 0);
	if (child > 0)
		return;
	/* no process is left behind by a failed check */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execv(program, argv);
	perror(program);
	_exit(127);
}

static int end_child(int sig)
{
	int status = 0;

	kill(child, sig);
	CHECK_INT(waitpid(child, &status, 0), child);
	child = 0;
	return status;
}

static void put_config(uint64_t version, struct config_window window)
{
	struct config c = { .hub = { 1 },
			    .epoch = 1,
			    .version = version,
			    .heartbeat_s = 300,
			    .device_count = 2,
			    .endpoint_count = 1,
			    .window = window };
	uint8_t payload[4096], box[4096];
	int n;

	c.devices[0] = (struct config_device){ .num = 1,
					       .kind = READING_BLOOD_PRESSURE,
					       .has_addr = true,
					       .addr = { 1 },
					       .passkey = 123456 };
	c.devices[1] = (struct config_device){ .num = 2,
					       .kind = READING_WEIGHT,
					       .passkey = CONFIG_NO_PASSKEY,
					       .just_works = true };
	strcpy(c.endpoints[0].name, "clinic.example");
	c.endpoints[0].port = 5684;
	c.endpoints[0].profile = DTLS_PROFILE_13_CID;
	c.endpoints[0].pin_count = 1;
	n = config_encode(&c, payload, sizeof(payload));
	n = sign1_make(SIGN_CONTEXT_CONFIG, private, payload, (size_t)n, box,
		       sizeof(box));
	CHECK(n > 0);
	CHECK_INT(file_replace(state_dir, "config.cose", box, (size_t)n), 0);
}

static void say(enum status_what what, uint64_t a, uint64_t b)
{
	const struct msg m = { .kind = MSG_STATUS, .status = { what, a, b } };

	CHECK_INT(ipc_send(ble, &m), 0);
}

static void connect_ble(void)
{
	static const struct ipc_handlers h = { .up = on_up,
					       .down = on_down,
					       .message = on_message };
	const struct ipc_config c = {
		.self = ROLE_BLE, .peer = ROLE_HUBD, .run_dir = run_dir, .same_user = true
	};

	memset(&heard, 0, sizeof(heard));
	CHECK_INT(ipc_connect(rt, &c, &h, NULL, &ble), 0);
	UNTIL(heard.configs == 1);
}

/* hubd is killed and started again; hub-ble stays. */
static void restart_hubd(void)
{
	end_child(SIGKILL);
	memset(&heard, 0, sizeof(heard));
	launch();
	UNTIL(heard.ups == 1 && heard.configs == 1);
}

static bool light_is(const char *want)
{
	char text[32] = "";
	int n = file_read(state_dir, "light", (uint8_t *)text, sizeof(text) - 1);

	return n > 0 && strcmp(text, want) == 0;
}

static void test_start(void)
{
	CHECK_INT(crypto_init(), 0);
	p256_generate(private, public);
	temp_dir_make(state_dir, sizeof(state_dir));
	temp_dir_make(run_dir, sizeof(run_dir));
	CHECK_INT(file_replace(state_dir, "clinic.pub", public, sizeof(public)), 0);
	put_config(1, (struct config_window){ 1, 0, 10, false });
	rt = rt_new();
	until_start(LIMIT_MS, TICK_MS);
	launch();
	connect_ble();
}

static void test_window_opens(void)
{
	CHECK_UINT(heard.config.device_count, 2);
	CHECK(!heard.config.pins[0].known && !heard.config.pins[1].known);
	pass_ms(QUIET_MS);
	CHECK_UINT(heard.windows, 0); /* no adapter yet */
	say(STATUS_ADAPTER, 1, 0);
	UNTIL(heard.windows == 1);
	CHECK_UINT(heard.window.id, 1);
	CHECK_UINT(heard.window.device, 0);
	CHECK(heard.window.ms_left > 590000 && heard.window.ms_left <= 600000);
	say(STATUS_WINDOW, 1, WINDOW_OPEN);
	UNTIL(light_is("needs-you"));
}

static void test_pin(void)
{
	struct msg m = { .kind = MSG_BONDED,
			 .bonded = { .num = 2,
				     .pin = { .known = true,
					      .addr = { 7 },
					      .addr_type = ADDR_RANDOM,
					      .strength = LINK_SC_JUST_WORKS } } };

	CHECK_INT(ipc_send(ble, &m), 0);
	UNTIL(heard.configs == 2);
	CHECK(!heard.config.pins[0].known && heard.config.pins[1].known);
	CHECK_UINT(heard.config.pins[1].addr[0], 7);
	CHECK_INT(ipc_send(ble, &m), 0); /* nothing new */
	m.bonded.num = 3;		 /* no such device */
	CHECK_INT(ipc_send(ble, &m), 0);
	pass_ms(QUIET_MS);
	CHECK_UINT(heard.configs, 2);
	strcpy(m.bonded.pin.serial, "S/N");
	m.bonded.num = 2;
	CHECK_INT(ipc_send(ble, &m), 0);
	UNTIL(heard.configs == 3);
	CHECK_STR(heard.config.pins[1].serial, "S/N");
}

/* Not served: it opens again. hub-ble gone: with what is left. */
static void test_kills(void)
{
	uint32_t left;

	restart_hubd();
	CHECK_STR(heard.config.pins[1].serial, "S/N");
	say(STATUS_ADAPTER, 1, 0);
	UNTIL(heard.windows == 1);
	CHECK_UINT(heard.window.id, 1);
	left = heard.window.ms_left;
	CHECK(left > 599000);
	pass_ms(1100);
	ipc_free(ble);
	connect_ble();
	say(STATUS_ADAPTER, 1, 0);
	UNTIL(heard.windows == 1);
	CHECK_UINT(heard.window.id, 1);
	CHECK(heard.window.ms_left <= left - 1000);
}

static void test_served_for_good(void)
{
	say(STATUS_WINDOW, 1, WINDOW_DONE);
	UNTIL(heard.windows == 2);
	CHECK_UINT(heard.window.id, 0);
	UNTIL(!light_is("needs-you"));
	CHECK(file_exists(state_dir, "window"));
	restart_hubd();
	say(STATUS_ADAPTER, 1, 0);
	say(STATUS_WINDOW, 1, WINDOW_DONE); /* told again */
	pass_ms(QUIET_MS);
	CHECK_UINT(heard.windows, 0);
}

static void test_new_order(void)
{
	put_config(2, (struct config_window){ 2, 2, 5, true });
	UNTIL(heard.windows == 1); /* looks every five seconds */
	CHECK_UINT(heard.configs, 2);
	CHECK(heard.config.pins[1].known);
	CHECK_UINT(heard.window.id, 2);
	CHECK_UINT(heard.window.device, 2);
	CHECK(heard.window.repair);
	say(STATUS_WINDOW, 2, WINDOW_TWO_CANDIDATES);
	UNTIL(heard.windows == 2);
	CHECK_UINT(heard.window.id, 0);
	UNTIL(light_is("needs-you"));
}

static void test_damaged_files(void)
{
	const uint8_t nonsense[] = { 1, 2, 3 };

	CHECK_INT(file_replace(state_dir, "peripherals", nonsense, 3), 0);
	CHECK_INT(file_replace(state_dir, "window", nonsense, 3), 0);
	restart_hubd();
	CHECK(!heard.config.pins[1].known);
	CHECK(file_exists(state_dir, "peripherals.bad"));
	say(STATUS_ADAPTER, 1, 0);
	pass_ms(QUIET_MS);
	CHECK_UINT(heard.windows, 0); /* it counts as served */
	say(STATUS_REASON, 2, SILENCE_HUB_FORGOT);
	UNTIL(light_is("needs-you"));
	say(STATUS_REASON, 2, SILENCE_NONE);
	UNTIL(!light_is("needs-you"));
}

static void test_end(void)
{
	int status = end_child(SIGTERM);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ipc_free(ble);
	rt_timer_free(tick);
	rt_free(rt);
	temp_dir_remove(state_dir);
	temp_dir_remove(run_dir);
	crypto_done();
}

int main(int argc, char **argv)
{
	static test_fn *const tests[] = {
		test_start,	      test_window_opens, test_pin,	     test_kills,
		test_served_for_good, test_new_order,	 test_damaged_files, test_end,
	};
	const char *env = getenv("HUBD");
	char self[PATH_MAX];

	log_init("test_hubd_io");
	snprintf(self, sizeof(self), "%s", argv[0]);
	if (env)
		snprintf(program, sizeof(program), "%s", env);
	else
		snprintf(program, sizeof(program), "%.*s/../../hubd", PATH_MAX - 20,
			 dirname(self));
	return test_main(argc, argv, "hubd_io", tests, "",
			 sizeof(tests) / sizeof(*tests));
}
