/*
 * test_hubd_io.c - the real hubd with a scripted hub-ble: pins, pairing windows, another assignment, over kills of either.
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
#include "hub/timefloor.h"
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
	unsigned fences;
	struct msg_fence fence;
	int64_t time_ms; /* what hubd says that the clinic's clock showed */
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
	} else if (m->kind == MSG_FENCE) {
		heard.fences++;
		heard.fence = m->fence;
	} else if (m->kind == MSG_TIME) {
		heard.time_ms = m->time.utc.ms;
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

static uint32_t assignment;
static bool quiet;	/* hours, all day long */
static int64_t lists_s; /* date of the lists of vulnerabilities; 0: nothing of them */

static void put_config(uint64_t version, struct config_window window)
{
	struct config c = { .hub = { 1 },
			    .epoch = 1,
			    .version = version,
			    .assignment = assignment,
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
	c.limit_count = 1;
	c.limits[0] = (struct limit){ VALUE_SYSTOLIC, false, true, 0, 180000 };
	c.quiet_count = quiet;
	c.quiet[0] = (struct config_quiet){ 0, quiet ? CONFIG_DAY_MIN - 1 : 0 };
	c.has_risk = lists_s != 0;
	c.risk.feed_s = lists_s;
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
	quiet = true;
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
	UNTIL(light_is("pairing"));
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
	UNTIL(!light_is("pairing"));
	CHECK(file_exists(state_dir, "window"));
	restart_hubd();
	say(STATUS_ADAPTER, 1, 0);
	say(STATUS_WINDOW, 1, WINDOW_DONE); /* told again */
	pass_ms(QUIET_MS);
	CHECK_UINT(heard.windows, 0);
}

/* What was measured is outside the limits, and nobody may be asked now. */
static void test_quiet_hours(void)
{
	say(STATUS_LIMITS, 1, rt_mono().ms);
	pass_ms(QUIET_MS);
	CHECK(!light_is("needs-you"));
}

static void test_new_order(void)
{
	quiet = false;
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
	CHECK_INT(file_replace(state_dir, "engine.share", nonsense, 3), 0);
	restart_hubd(); /* hub-ble has its config: readings are taken */
	CHECK_INT(file_remove(state_dir, "engine.share"), 0);
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

/* What cannot be read is not made anew: hub-coap's key is wrapped under it. A link, which is not followed, stands for a bad sector. */
static void test_unreadable_identity(void)
{
	static const char *const names[] = { "identity.share", "identity.share.copy" };
	char path[PATH_MAX], to[PATH_MAX];
	ssize_t n;

	end_child(SIGKILL);
	CHECK_INT(file_rename(state_dir, names[0], "kept"), 0);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", state_dir, names[i]);
		CHECK_INT(file_remove(state_dir, names[i]), 0);
		CHECK_INT(symlink("kept", path), 0);
	}
	memset(&heard, 0, sizeof(heard));
	launch();
	UNTIL(heard.ups == 1 && heard.configs == 1);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", state_dir, names[i]);
		n = readlink(path, to, sizeof(to));
		CHECK_INT(n, 4);
		CHECK_INT(file_remove(state_dir, names[i]), 0);
	}
	/* one of them is enough */
	CHECK_INT(file_rename(state_dir, "kept", names[1]), 0);
	restart_hubd();
	CHECK(file_exists(state_dir, names[0]));
}

/* Outside the limits: somebody is asked to measure again, until that is done. */
static void test_limits(void)
{
	CHECK_UINT(heard.config.limit_count, 1);
	CHECK_INT(heard.config.limits[0].vital, VALUE_SYSTOLIC);
	say(STATUS_LIMITS, 1, rt_mono().ms);
	UNTIL(light_is("needs-you"));
	say(STATUS_LIMITS, 1, 0);
	UNTIL(!light_is("needs-you"));
}

/* --- as hub-coap ------------------------------------------------------------------------------ */

static struct {
	unsigned configs;
	uint64_t versions[4]; /* of the configs */
	int64_t floor_ms;     /* as told before the config; 0: not told */
} coap_heard;

static void on_coap_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l;
	if (m->kind == MSG_TIME && coap_heard.configs == 0)
		coap_heard.floor_ms = m->time.utc.ms;
	else if (m->kind == MSG_COAP_CONFIG)
		coap_heard.versions[coap_heard.configs++ % 4] = m->coap_config.version;
}

static struct ipc *connect_coap(void)
{
	static const struct ipc_handlers h = { .up = on_up,
					       .down = on_down,
					       .message = on_coap_message };
	const struct ipc_config c = { .self = ROLE_COAP,
				      .peer = ROLE_HUBD,
				      .run_dir = run_dir,
				      .same_user = true };
	struct ipc *link;

	memset(&coap_heard, 0, sizeof(coap_heard));
	CHECK_INT(ipc_connect(rt, &c, &h, NULL, &link), 0);
	UNTIL(coap_heard.configs >= 1);
	return link;
}

/* Of both copies. */
static bool is_locked(void)
{
	static const char *const names[] = { "lockdown-a", "lockdown-b" };
	const size_t at = 4 + 1 + 8; /* of the level */
	uint8_t buf[256];

	for (size_t i = 0; i < 2; i++)
		if (file_read(state_dir, names[i], buf, sizeof(buf)) <= (int)at ||
		    buf[at] != 2)
			return false;
	return true;
}

#define PRESENT_MS INT64_C(1850000000000)
#define YEARS_30_MS (INT64_C(30) * 365 * 24 * 3600 * 1000)

/* As hub-coap, whoever that is now: so late it is, by the clinic's clock. */
static void say_time(int64_t utc_ms)
{
	struct ipc *coap = connect_coap();
	const struct msg m = { .kind = MSG_TIME,
			       .time = { .at = rt_mono(),
					 .utc = { .ms = utc_ms,
						  .quality = CLOCK_QUALITY_CLINIC } } };

	CHECK_INT(ipc_send(coap, &m), 0);
	if (utc_ms >= TIMEFLOOR_OLDEST_MS)
		UNTIL(heard.time_ms == utc_ms);
	else
		pass_ms(QUIET_MS);
	ipc_free(coap);
}

/* What the next hub-coap hears of how late it is: this, and the minutes of this test at most. */
static void floor_is(int64_t ms)
{
	ipc_free(connect_coap());
	CHECK(coap_heard.floor_ms >= ms);
	CHECK(coap_heard.floor_ms < ms + 3600 * 1000);
}

/* How late it is at least comes before the endpoints; a hub-coap that was taken over moves nothing of it. */
static void test_time_floor(void)
{
	const uint8_t nonsense[] = { 1, 2, 3 };
	uint8_t file[TIMEFLOOR_BYTES_MAX];
	size_t n;

	floor_is(TIMEFLOOR_OLDEST_MS);
	say_time(PRESENT_MS + YEARS_30_MS);
	floor_is(TIMEFLOOR_OLDEST_MS);
	say_time(PRESENT_MS); /* an honest one is believed at once */
	for (int i = 0; i < 20; i++)
		say_time(PRESENT_MS + (i % 2 ? YEARS_30_MS : 0));
	say_time(TIMEFLOOR_OLDEST_MS -
		 YEARS_30_MS); /* that time is over: nobody hears of it */
	CHECK_INT(heard.time_ms, PRESENT_MS + YEARS_30_MS);
	restart_hubd();
	CHECK_INT(heard.time_ms, 0);
	floor_is(TIMEFLOOR_OLDEST_MS);
	CHECK(file_is_gone(state_dir, "time-floor"));
	CHECK(!is_locked()); /* an outsider can do as much */
	/* from the disk, over restarts */
	n = timefloor_encode(PRESENT_MS, file);
	CHECK_INT(file_replace(state_dir, "time-floor", file, n), 0);
	restart_hubd();
	floor_is(PRESENT_MS);
	restart_hubd();
	floor_is(PRESENT_MS);
	/* as a hubd of before wrote it, by whoever was hub-coap then */
	n = timefloor_encode(PRESENT_MS + YEARS_30_MS, file);
	file[1] = 1; /* its version */
	CHECK_INT(file_replace(state_dir, "time-floor", file, n), 0);
	restart_hubd();
	floor_is(TIMEFLOOR_OLDEST_MS);
	CHECK_INT(file_replace(state_dir, "time-floor", nonsense, 3), 0);
	restart_hubd();
	floor_is(TIMEFLOOR_OLDEST_MS);
}

static void prove(struct ipc *coap, uint64_t version)
{
	const struct msg m = { .kind = MSG_STATUS,
			       .status = { STATUS_ENDPOINTS, version, 0 } };

	CHECK_INT(ipc_send(coap, &m), 0);
}

/* Endpoints that have proven themselves are told before those of a config that has not, over restarts. */
static void test_proven(void)
{
	struct ipc *coap = connect_coap();

	CHECK_UINT(coap_heard.versions[0], 2);
	prove(coap, 1); /* not the one in use */
	pass_ms(QUIET_MS);
	CHECK(!file_exists(state_dir, "config.proven"));
	prove(coap, 2);
	UNTIL(file_exists(state_dir, "config.proven"));
	put_config(3, (struct config_window){ 2, 2, 5, true });
	UNTIL(coap_heard.configs == 2); /* hub-coap has the ones before already */
	CHECK_UINT(coap_heard.versions[1], 3);
	ipc_free(coap);
	restart_hubd();
	coap = connect_coap();
	UNTIL(coap_heard.configs == 2);
	CHECK_UINT(coap_heard.versions[0], 2);
	CHECK_UINT(coap_heard.versions[1], 3);
	prove(coap, 3);
	pass_ms(QUIET_MS);
	ipc_free(coap);
	restart_hubd();
	coap = connect_coap();
	pass_ms(QUIET_MS);
	CHECK_UINT(coap_heard.configs, 1);
	CHECK_UINT(coap_heard.versions[0], 3);
	ipc_free(coap);
}

/* --- as hub-ble and hub-store, when another patient comes ------------------------------------ */

static struct {
	unsigned configs, fences;
	struct msg_store_config config;
	struct msg_fence fence;
} store_heard;
static struct ipc *store;

static void on_store_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l;
	if (m->kind == MSG_STORE_CONFIG) {
		store_heard.configs++;
		store_heard.config = m->store_config;
	} else if (m->kind == MSG_FENCE) {
		store_heard.fences++;
		store_heard.fence = m->fence;
	}
}

static void connect_store(void)
{
	static const struct ipc_handlers h = { .message = on_store_message };
	const struct ipc_config c = { .self = ROLE_STORE,
				      .peer = ROLE_HUBD,
				      .run_dir = run_dir,
				      .same_user = true };

	memset(&store_heard, 0, sizeof(store_heard));
	CHECK_INT(ipc_connect(rt, &c, &h, NULL, &store), 0);
}

static void fenced(struct ipc *link, const struct msg_fence *f)
{
	const struct msg m = { .kind = MSG_FENCED, .fence = *f };

	CHECK_INT(ipc_send(link, &m), 0);
}

static bool ble_asked(enum fence_step step)
{
	return heard.fences > 0 && heard.fence.step == step &&
	       heard.fence.assignment == assignment;
}

static bool store_asked(enum fence_step step)
{
	return store_heard.fences > 0 && store_heard.fence.step == step &&
	       store_heard.fence.assignment == assignment;
}

/* hubd is killed; until it asks for this step nobody gets a config of the new assignment. */
static void restart_hubd_in(enum fence_step step, bool of_ble)
{
	end_child(SIGKILL);
	memset(&heard, 0, sizeof(heard));
	memset(&store_heard, 0, sizeof(store_heard));
	launch();
	UNTIL(of_ble ? ble_asked(step) : store_asked(step));
	CHECK_UINT(heard.configs, 0);
}

static void pair_second(void)
{
	const struct msg m = { .kind = MSG_BONDED,
			       .bonded = { .num = 2,
					   .pin = { .known = true,
						    .addr = { 7 },
						    .addr_type = ADDR_RANDOM,
						    .strength = LINK_SC_JUST_WORKS } } };
	unsigned before = heard.configs;

	CHECK_INT(ipc_send(ble, &m), 0);
	UNTIL(heard.configs > before && heard.config.pins[1].known);
}

/* Killed in each step: nothing of the new one before all of the old one is gone. */
static void test_another_patient(void)
{
	connect_store();
	UNTIL(store_heard.configs == 1);
	pair_second();
	CHECK_UINT(store_heard.config.assignment, 0);
	assignment = 2;
	put_config(4, (struct config_window){ 3, 0, 10, false });
	UNTIL(ble_asked(FENCE_QUIET));
	say(STATUS_ADAPTER, 1, 0);
	restart_hubd_in(FENCE_QUIET, true);
	CHECK_UINT(store_heard.config.assignment, 0);
	fenced(ble, &heard.fence);
	UNTIL(store_asked(FENCE_SAVED));
	fenced(ble, &heard.fence); /* it is not hub-ble's to say */
	fenced(store, &store_heard.fence);
	UNTIL(ble_asked(FENCE_FORGET));
	restart_hubd_in(FENCE_FORGET, true);
	CHECK_UINT(store_heard.config.assignment, 0);
	fenced(ble, &heard.fence);
	UNTIL(store_asked(FENCE_CLEARED));
	restart_hubd_in(FENCE_FORGET, true);
	fenced(ble, &heard.fence);
	UNTIL(store_asked(FENCE_CLEARED));
	fenced(store, &store_heard.fence);
	UNTIL(store_asked(FENCE_SEAL));
	CHECK_UINT(store_heard.config.assignment, 2); /* told before it was asked */
	restart_hubd_in(FENCE_SEAL, false);
	CHECK_UINT(store_heard.config.assignment, 2);
	say(STATUS_ADAPTER, 1, 0);
	pass_ms(QUIET_MS);
	CHECK_UINT(heard.configs + heard.windows, 0);
	fenced(store, &store_heard.fence);
	UNTIL(heard.configs == 1 && heard.windows == 1);
	CHECK_UINT(heard.config.assignment, 2);
	CHECK_UINT(heard.window.id, 3);
	CHECK(!heard.config.pins[1].known);
	restart_hubd();
	CHECK_UINT(heard.config.assignment, 2);
	CHECK_UINT(heard.fences, 0);
}

/* The clinic takes it back before anything is gone. */
static void test_taken_back(void)
{
	pair_second();
	assignment = 3;
	put_config(5, (struct config_window){ 3, 0, 10, false });
	UNTIL(ble_asked(FENCE_QUIET));
	heard.configs = 0;
	assignment = 2;
	put_config(6, (struct config_window){ 3, 0, 10, false });
	UNTIL(heard.configs == 1);
	CHECK_UINT(heard.config.assignment, 2);
	CHECK(heard.config.pins[1].known);
}

/* What the clinic has signed moves the floor, as far as its clock is; whoever lies about that gains nothing. */
static void test_signed_date(void)
{
	lists_s = PRESENT_MS / 1000;
	heard.configs = 0;
	put_config(7, (struct config_window){ 3, 0, 10, false });
	UNTIL(heard.configs == 1);
	floor_is(TIMEFLOOR_OLDEST_MS);
	say_time(TIMEFLOOR_OLDEST_MS + 24 * 3600 * 1000);
	floor_is(TIMEFLOOR_OLDEST_MS + 24 * 3600 * 1000);
	say_time(PRESENT_MS + YEARS_30_MS);
	floor_is(PRESENT_MS);
	UNTIL(file_exists(state_dir, "time-floor"));
	restart_hubd();
	floor_is(TIMEFLOOR_OLDEST_MS + 24 * 3600 * 1000); /* saved a moment before */
	say_time(PRESENT_MS);
	floor_is(PRESENT_MS);
	restart_hubd();
	floor_is(PRESENT_MS);
	lists_s = 0;
}

/* Whose the bonds are is not known: they go. */
static void test_damaged_assignment(void)
{
	const uint8_t nonsense[] = { 1, 2, 3 };

	end_child(SIGKILL);
	CHECK_INT(file_replace(state_dir, "assignment", nonsense, 3), 0);
	memset(&heard, 0, sizeof(heard));
	launch();
	UNTIL(ble_asked(FENCE_QUIET));
	CHECK_UINT(heard.configs, 0);
	ipc_free(store);
}

/* What it may send by its kind, and may not say: its sender is not what it was, and the hub locks itself. */
static void test_breach(void)
{
	CHECK(!is_locked());
	say(STATUS_DELIVERED, 0, 7); /* hub-ble knows nothing of it */
	UNTIL(is_locked());
	UNTIL(file_exists(state_dir, "restart-ble"));
	CHECK(file_is_gone(state_dir, "restart-store"));
	/* once, and not again for an hour */
	CHECK_INT(file_remove(state_dir, "restart-ble"), 0);
	say(STATUS_ENDPOINTS, 9, 0);
	say(STATUS_ADAPTER, 1, 0);
	UNTIL(file_exists(state_dir, "look"));
	CHECK(file_is_gone(state_dir, "restart-ble"));
	end_child(SIGKILL);
	memset(&heard, 0, sizeof(heard));
	launch();
	UNTIL(heard.ups == 1);
	CHECK(is_locked());
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
		test_start,
		test_window_opens,
		test_pin,
		test_kills,
		test_served_for_good,
		test_quiet_hours,
		test_new_order,
		test_damaged_files,
		test_unreadable_identity,
		test_limits,
		test_time_floor,
		test_proven,
		test_another_patient,
		test_taken_back,
		test_signed_date,
		test_damaged_assignment,
		test_breach,
		test_end,
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
