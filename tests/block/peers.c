/*
 * peers.c - hub-ble, hubd, and the process between them; see peers.h.
 */
#include "tests/block/peers_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/explore/dice.h"

enum {
	TICK_MS = 20,
	RAW_MORE = 40,
	INSTANCE = 0xb10c,
	ALARM = 3,
	FIRST_DOOR = 3, /* SD_LISTEN_FDS_START */
};

static const struct msg_store_config config_of_hub = { .hub = { 5, 6 },
						       .epoch = 2,
						       .assignment = 8,
						       .seal_key_id = 1,
						       .has_share = true,
						       .share = { 77 } };

void peers_fail(const char *what)
{
	(void)fprintf(stderr, "peers: %s\n", what);
	exit(1);
}

void peers_bad(struct peers *p, const char *fmt, ...)
{
	va_list args;

	if (*p->bad)
		return;
	va_start(args, fmt);
	(void)vsnprintf(p->bad, sizeof(p->bad), fmt, args);
	va_end(args);
}

/* A line for the ledger; what does not fit into it has been looked for before. */
void peers_promise(struct peers *p, const char *fmt, ...)
{
	char line[LEDGER_LINE];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (ledger_apply(p->ledger, line, strlen(line)))
		peers_fail(line);
	if (p->config.promise)
		p->config.promise(line);
}

void peers_told(struct peers *p, uint64_t highest)
{
	if (highest > p->ledger->told)
		peers_promise(p, "told %" PRIu64, highest);
}

/* --- hub-ble ---------------------------------------------------------------------------------- */

size_t peers_raw(uint64_t capture, uint8_t ret[static READING_RAW_MAX])
{
	struct dice d = dice_seed(capture, INSTANCE);
	size_t len = PEERS_RAW_MIN + dice_below(&d, RAW_MORE);

	for (size_t i = 0; i < len; i++)
		ret[i] = (uint8_t)dice_below(&d, 256);
	memcpy(ret, &capture, sizeof(capture));
	return len;
}

static void offer(struct peers *p, uint64_t capture)
{
	struct msg m = { .kind = MSG_RAW,
			 .raw = { .instance = INSTANCE,
				  .capture = capture,
				  .assignment = 8,
				  .kind = READING_BLOOD_PRESSURE,
				  .characteristic = 0x2a35,
				  .peripheral = {
					  1, { 1, 2, 3, 4, 5, 6 }, ADDR_PUBLIC } } };

	m.raw.raw_len = (uint16_t)peers_raw(capture, m.raw.raw);
	(void)ipc_send(p->ble, &m); /* not there: offered when it is */
	m = (struct msg){ .kind = MSG_DECODED,
			  .decoded = {
				  .capture = capture,
				  .class = capture % PEERS_CLASS_EVERY == ALARM
						   ? CLASS_ALARM
						   : CLASS_ROUTINE,
				  .decoded = { .value_count = 1,
					       .values = { { VALUE_SYSTOLIC,
							     UNIT_MMHG,
							     { (int32_t)capture, 0, 0 },
							     0,
							     0 } } } } };
	(void)ipc_send(p->ble, &m);
}

static void offer_unanswered(struct peers *p)
{
	for (uint64_t c = 1; c <= p->ledger->offered; c++)
		if (!p->ledger->durable[c])
			offer(p, c);
}

void peers_offer(struct peers *p, unsigned n)
{
	uint64_t first = p->ledger->offered + 1;

	peers_promise(p, "offered %" PRIu64, p->ledger->offered + n);
	for (uint64_t c = first; c <= p->ledger->offered && p->ready; c++)
		offer(p, c);
}

bool peers_all_durable(const struct peers *p)
{
	for (uint64_t c = 1; c <= p->ledger->offered; c++)
		if (!p->ledger->durable[c])
			return false;
	return true;
}

static void on_ble_message(void *arg, struct ipc *l, const struct msg *m)
{
	struct peers *p = arg;

	(void)l;
	if (m->kind == MSG_STORE_STATE) {
		bool was = p->ready;

		p->ready = m->store_state.blocked == STORE_READY;
		if (p->ready && !was)
			offer_unanswered(p);
	} else if (m->kind == MSG_DURABLE) {
		if (m->durable.capture == 0 || m->durable.capture > p->ledger->offered)
			peers_bad(p,
				  "answered capture %" PRIu64
				  ", which nobody has offered",
				  m->durable.capture);
		else if (m->durable.durable && !p->ledger->durable[m->durable.capture])
			peers_promise(p, "durable %" PRIu64, m->durable.capture);
		peers_answer_waiting(p);
	}
	rt_stop(p->rt);
}

static void on_ble_down(void *arg, struct ipc *l)
{
	struct peers *p = arg;

	(void)l;
	p->ready = false;
}

/* --- hubd ------------------------------------------------------------------------------------- */

static void on_hubd_up(void *arg, struct ipc *l)
{
	struct peers *p = arg;
	struct msg m = { .kind = MSG_STORE_CONFIG, .store_config = config_of_hub };

	memcpy(m.store_config.seal_public, p->ledger->seal_public,
	       sizeof(m.store_config.seal_public));
	(void)ipc_send(l, &m);
}

static void on_hubd_message(void *arg, struct ipc *l, const struct msg *m)
{
	struct peers *p = arg;

	(void)l;
	if (m->kind == MSG_INCIDENT) {
		p->incidents += m->incident.count;
		if (m->incident.what == INCIDENT_ROLLBACK ||
		    m->incident.what == INCIDENT_IPC)
			peers_bad(p, "incident: %s", incident_text(m->incident.what));
	} else if (m->kind == MSG_STATUS && m->status.what == STATUS_SAVED) {
		peers_told(p, m->status.b);
	}
	rt_stop(p->rt);
}

/* --- the process ------------------------------------------------------------------------------ */

/* As systemd does: they are there before hub-store is, so nobody waits for its start. */
static const char *const doors[PEERS_DOORS] = { "store-ble", "store-coap" };
static char door_names[] = "LISTEN_FDNAMES=store-ble:store-coap";

static int open_door(const char *run_dir, const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int n = snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", run_dir, name);

	(void)unlink(at.sun_path); /* of the state before, if there is one */
	if (fd < 0 || n < 0 || (size_t)n >= sizeof(at.sun_path) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 4))
		peers_fail(name);
	return fd;
}

/* Its own numbers: what they take the place of is not hub-store's. */
static void give_doors(const struct peers *p)
{
	int high[PEERS_DOORS];

	for (int i = 0; i < PEERS_DOORS; i++)
		high[i] = fcntl(p->doors[i], F_DUPFD_CLOEXEC, FIRST_DOOR + PEERS_DOORS);
	for (int i = 0; i < PEERS_DOORS; i++)
		if (high[i] < 0 || dup2(high[i], FIRST_DOOR + i) < 0)
			_exit(127);
}

void peers_launch(struct peers *p)
{
	const struct peers_config *c = &p->config;
	char *const argv[] = { (char *)c->program,
			       "--state",
			       (char *)c->state_dir,
			       "--run",
			       (char *)c->run_dir,
			       "--same-user",
			       NULL };
	char pid[32];
	int fd;

	p->child = fork();
	if (p->child < 0)
		peers_fail("fork");
	if (p->child > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(c->log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(127);
	give_doors(p);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)setenv("LISTEN_PID", pid, 1);
	(void)putenv(door_names);
	execv(c->program, argv);
	_exit(127);
}

static void look_after_child(struct peers *p)
{
	int status;

	if (p->child > 0 && waitpid(p->child, &status, WNOHANG) == p->child) {
		p->child = 0;
		peers_bad(p, "hub-store has ended, status %x", (unsigned)status);
	}
}

void peers_kill(struct peers *p, int signal)
{
	if (p->child <= 0)
		return;
	(void)kill(p->child, signal);
	(void)waitpid(p->child, NULL, 0);
	p->child = 0;
}

static void on_tick(void *arg)
{
	struct peers *p = arg;

	rt_timer_set(p->tick, mono_add(rt_mono(), TICK_MS));
	look_after_child(p);
	rt_stop(p->rt);
}

static const struct ipc_handlers coap_handlers = { .up = peers_on_coap_up,
						   .message = peers_on_coap_message };

static struct ipc_config link_config(const struct peers *p, enum role self)
{
	return (struct ipc_config){ .self = self,
				    .peer = ROLE_STORE,
				    .run_dir = p->config.run_dir,
				    .same_user = true };
}

static void open_links(struct peers *p)
{
	static const struct ipc_handlers ble = { .message = on_ble_message,
						 .down = on_ble_down };
	static const struct ipc_handlers hubd = { .up = on_hubd_up,
						  .message = on_hubd_message };
	struct ipc_config c = link_config(p, ROLE_HUBD);
	int r = ipc_listen(p->rt, &c, &hubd, p, &p->hubd);

	c = link_config(p, ROLE_BLE);
	r = r ? r : ipc_connect(p->rt, &c, &ble, p, &p->ble);
	c = link_config(p, ROLE_COAP);
	r = r ? r : ipc_connect(p->rt, &c, &coap_handlers, p, &p->coap);
	if (r)
		peers_fail("sockets");
}

void peers_start(struct peers *p, const struct peers_config *config, struct ledger *l)
{
	*p = (struct peers){ .config = *config, .ledger = l };
	for (size_t i = 0; i < PEERS_DOORS; i++)
		p->doors[i] = open_door(config->run_dir, doors[i]);
	p->rt = rt_new();
	p->tick = rt_timer_new(p->rt, on_tick, p);
	on_tick(p);
	open_links(p);
	peers_launch(p);
}

void peers_set_away(struct peers *p, bool away)
{
	struct ipc_config c = link_config(p, ROLE_COAP);

	p->away = away;
	if (away)
		return;
	ipc_free(p->coap);
	if (ipc_connect(p->rt, &c, &coap_handlers, p, &p->coap))
		peers_fail("sockets");
}

void peers_stop(struct peers *p)
{
	peers_kill(p, SIGKILL);
	ipc_free(p->ble);
	ipc_free(p->coap);
	ipc_free(p->hubd);
	for (size_t i = 0; i < PEERS_DOORS; i++)
		close(p->doors[i]);
	rt_timer_free(p->tick);
	rt_free(p->rt);
}

bool peers_wait(struct peers *p, bool (*condition)(const struct peers *p),
		uint64_t limit_ms)
{
	struct mono end = mono_add(rt_mono(), limit_ms);

	while (!*p->bad && !condition(p)) {
		if (mono_reached(rt_mono(), end))
			return false;
		rt_run(p->rt);
	}
	return !*p->bad;
}

static bool never(const struct peers *p)
{
	(void)p;
	return false;
}

void peers_pass(struct peers *p, uint64_t ms)
{
	(void)peers_wait(p, never, ms);
}

static bool is_drained(const struct peers *p)
{
	return p->drained;
}

bool peers_settle(struct peers *p, uint64_t limit_ms)
{
	if (!peers_wait(p, peers_all_durable, limit_ms)) {
		peers_bad(p, "readings are not taken");
		return false;
	}
	p->drain = true;
	p->drained = false;
	peers_want(p, 1);
	if (!peers_wait(p, is_drained, limit_ms)) {
		peers_bad(p, "never says that nothing is left");
		return false;
	}
	p->drain = false;
	for (uint64_t c = 1; c <= p->ledger->offered; c++) {
		uint64_t seq = p->ledger->seq_of[c];

		if (!seq || !p->ledger->seqs[seq].settled)
			peers_bad(p, "capture %" PRIu64 " is lost", c);
	}
	return !*p->bad;
}
