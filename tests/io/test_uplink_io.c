/*
 * test_uplink_io.c - the real hub-coap against the real coap/server over DTLS on
 * loopback.
 *
 * This program plays hub-store and hubd on hub-coap's sockets. The server is this same
 * program started again ('server DIR'), so that it can be stopped, killed and started
 * like a machine; both sides of it share one page. Certificates are made on the fly by
 * clinic/pki.
 *
 * HUB_COAP names the program under test; default: ../../hub-coap from here, as the build
 * folder has it.
 */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "clinic/pki.h"
#include "coap/server.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "tests/unit/test.h"

enum { BATCHES = 40, POLL_MS = 10 };

#define DAY_MS (86400LL * 1000)
#define NAME "clinic.test"

/* What the server does with a request. */
enum mode {
	MODE_ANSWER = 0,
	MODE_MUTE,	  /* stores, but answers nothing */
	MODE_UNAVAILABLE, /* 5.03, Max-Age 1 */
	MODE_FORBIDDEN,	  /* 4.03 */
	MODE_NO_CONTIG,	  /* 2.04 with an empty map */
};

/* Shared between test and server. */
struct page {
	struct pki_pair server, root; /* what the server shows; whom it trusts */
	enum dtls_profile profile;
	bool refuse_key;
	volatile enum mode mode;
	volatile uint16_t port; /* 0: any; then the one it got */
	volatile unsigned started;
	volatile unsigned requests, handshakes_seen;
	volatile unsigned times[BATCHES + 1]; /* how often each seq came */
	uint8_t spki[PIN_LEN];
	char path[16];
};

/* ---- the server's process ------------------------------------------------------------
 */

static bool on_admit(void *arg, const uint8_t spki[static PIN_LEN])
{
	struct page *p = arg;

	(void)spki;
	p->handshakes_seen++;
	return !p->refuse_key;
}

/* A batch of this test: one byte, its seq; 0 is a heartbeat. */
static void on_request(void *arg, const struct coap_server_request *rq,
		       struct coap_server_response *ret)
{
	struct page *p = arg;
	struct reply r = { .has_contig = true,
			   .has_time = true,
			   .time_quality = CLOCK_QUALITY_NTP };
	int n;

	p->requests++;
	memcpy(p->spki, rq->spki, PIN_LEN);
	snprintf(p->path, sizeof(p->path), "%s", rq->path);
	if (p->mode == MODE_UNAVAILABLE) {
		ret->code = COAP_CODE_UNAVAILABLE;
		ret->max_age_s = 1;
		return;
	}
	if (p->mode == MODE_FORBIDDEN) {
		ret->code = COAP_CODE_FORBIDDEN;
		return;
	}
	if (rq->len && rq->body[0] && rq->body[0] <= BATCHES)
		p->times[rq->body[0]]++;
	if (p->mode == MODE_MUTE)
		return;
	while (r.contig < BATCHES && p->times[r.contig + 1])
		r.contig++;
	if (p->mode == MODE_NO_CONTIG)
		r = (struct reply){ 0 };
	for (uint64_t seq = r.contig + 1; r.has_contig && seq <= BATCHES; seq++)
		if (p->times[seq] && r.range_count < REPLY_RANGES_MAX)
			r.ranges[r.range_count++] = (struct seq_range){ seq, seq };
	r.utc_ms = rt_wall().ms;
	n = reply_encode(&r, ret->body, sizeof(ret->body));
	ret->code = COAP_CODE_CHANGED;
	ret->len = n > 0 ? (size_t)n : 0;
}

static struct page *map_page(const char *dir)
{
	char path[PATH_MAX];
	void *p;
	int fd;

	snprintf(path, sizeof(path), "%s/page", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(struct page)))
		abort();
	p = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return p;
}

static int server_main(const char *dir)
{
	struct page *p = map_page(dir);
	struct coap_server_config cfg = { .address = "127.0.0.1",
					  .port = p->port,
					  .profile = p->profile,
					  .cert_pem = p->server.cert,
					  .key_pem = p->server.key,
					  .ca_pem = p->root.cert,
					  .admit = on_admit,
					  .request = on_request,
					  .arg = p };
	struct coap_server *s;
	struct rt *rt = rt_new();

	log_init("server");
	if (crypto_init() || coap_server_new(rt, &cfg, &s))
		return 1;
	p->port = coap_server_port(s);
	p->started++;
	rt_run(rt);
	coap_server_free(s);
	rt_free(rt);
	return 0;
}

/* ---- the world around hub-coap -------------------------------------------------------
 */

struct world {
	char dir[64];
	struct page *page;
	struct pki_pair root, hub;
	uint8_t hub_id[HUB_ID_LEN], pin[PIN_LEN];
	pid_t server, coap;
	struct rt *rt;
	struct rt_timer *poll;
	struct ipc *store, *hubd;
	/* as hub-store */
	unsigned credits, next, handed[BATCHES + 1], heartbeats;
	unsigned acks, quota; /* quota: batches that may still be handed over */
	bool want_time, acked[BATCHES + 1];
	struct mono kill_at;
	/* as hubd */
	bool connected, ever_connected, has_time;
	struct msg_time time;
	unsigned incidents[32];
	/* waiting */
	bool (*until)(struct world *);
	struct mono deadline;
	bool timed_out;
};

static void hand_over(struct world *w, uint8_t seq)
{
	struct msg m = { .kind = MSG_UPLOAD };

	m.batch.id = seq ? seq : 1000 + ++w->heartbeats;
	m.batch.first = m.batch.last = seq;
	m.batch.flags = w->want_time ? BATCH_WANT_TIME : 0;
	m.batch.len = 1;
	m.batch.bytes[0] = seq;
	w->want_time = false;
	w->credits--;
	w->handed[seq]++;
	CHECK_INT(ipc_send(w->store, &m), 0);
}

static void hand_over_all(struct world *w)
{
	for (; w->quota && w->credits && w->next <= BATCHES; w->next++)
		if (!w->acked[w->next]) {
			hand_over(w, (uint8_t)w->next);
			w->quota--;
		}
}

static void on_store_up(void *arg, struct ipc *link)
{
	struct world *w = arg;
	struct msg m = { .kind = MSG_QUEUE_STATE };

	(void)link;
	w->credits = 0;
	w->next = 1;
	m.queue_state.highest = BATCHES;
	CHECK_INT(ipc_send(w->store, &m), 0);
}

static void on_store_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct world *w = arg;

	(void)link;
	if (m->kind == MSG_WANT) {
		w->credits += m->want.batches;
		CHECK(w->credits <= 8);
		w->want_time |= m->want.want_time;
		hand_over_all(w);
		if (m->want.heartbeat && w->credits)
			hand_over(w, 0);
	} else if (m->kind == MSG_ACK) {
		w->acks++;
		for (unsigned seq = 1; seq <= BATCHES; seq++)
			if (reply_covers(&m->ack.reply, seq)) {
				CHECK(w->page->times[seq] >
				      0); /* nothing acknowledged that is not there */
				w->acked[seq] = true;
			}
	}
}

static void send_config(struct world *w)
{
	struct msg m = { .kind = MSG_COAP_CONFIG };
	struct config_endpoint *e = &m.coap_config.endpoints[0];

	m.coap_config.heartbeat_s = 60;
	m.coap_config.endpoint_count = 1;
	snprintf(e->name, sizeof(e->name), NAME);
	memcpy(e->addr, (uint8_t[16]){ [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 },
	       16);
	e->port = w->page->port;
	e->profile = w->page->profile;
	e->pin_count = 1;
	memcpy(e->pins[0], w->pin, PIN_LEN);
	CHECK_INT(ipc_send(w->hubd, &m), 0);
}

static void on_hubd_up(void *arg, struct ipc *link)
{
	(void)link;
	send_config(arg);
}

static void on_hubd_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct world *w = arg;

	(void)link;
	if (m->kind == MSG_STATUS && m->status.what == STATUS_UPLINK) {
		w->connected = m->status.a;
		w->ever_connected |= w->connected;
	} else if (m->kind == MSG_TIME) {
		w->has_time = true;
		w->time = m->time;
	} else if (m->kind == MSG_INCIDENT) {
		w->incidents[m->incident.what] += m->incident.count;
	}
}

static void on_poll(void *arg)
{
	struct world *w = arg;

	w->timed_out = mono_reached(rt_mono(), w->deadline);
	if (w->until(w) || w->timed_out)
		rt_stop(w->rt);
	else
		rt_timer_set(w->poll, mono_add(rt_mono(), POLL_MS));
}

/* Runs the world until the condition holds; false after so many seconds. */
static bool wait_for(struct world *w, bool (*until)(struct world *), unsigned seconds)
{
	w->until = until;
	w->deadline = mono_add(rt_mono(), seconds * 1000);
	rt_timer_set(w->poll, rt_mono());
	rt_run(w->rt);
	return !w->timed_out || until(w);
}

static pid_t spawn(const char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG,
		      SIGKILL); /* a failed check leaves nothing behind */
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	CHECK(pid > 0);
	return pid;
}

static void end(pid_t *pid, int sig)
{
	int status = 0;

	if (*pid <= 0)
		return;
	kill(*pid, sig);
	kill(*pid, SIGCONT);
	CHECK_INT(waitpid(*pid, &status, 0), *pid);
	if (sig == SIGTERM)
		CHECK(WIFEXITED(status) &&
		      WEXITSTATUS(status) == 0); /* ends in order, nothing leaks */
	*pid = 0;
}

static void start_server(struct world *w)
{
	const char *const argv[] = { "/proc/self/exe", "server", w->dir, NULL };
	unsigned before = w->page->started;

	w->server = spawn(argv);
	for (int i = 0; i < 500 && w->page->started == before; i++)
		usleep(10000);
	CHECK(w->page->started == before + 1);
}

static void start_coap(struct world *w)
{
	char self[PATH_MAX] = { 0 }, path[PATH_MAX + 32];
	const char *program = getenv("HUB_COAP");
	const char *const argv[] = { path,   "--state",	    w->dir, "--run",
				     w->dir, "--same-user", NULL };

	CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	snprintf(path, sizeof(path), "%s/../../hub-coap", dirname(self));
	if (program)
		snprintf(path, sizeof(path), "%s", program);
	CHECK_INT(access(path, X_OK), 0);
	w->coap = spawn(argv);
}

static void write_file(struct world *w, const char *name, const char *text)
{
	CHECK_INT(file_replace(w->dir, name, (const uint8_t *)text, strlen(text)), 0);
}

static void write_identity(struct world *w, const struct pki_pair *p)
{
	write_file(w, "identity.crt", p->cert);
	write_file(w, "identity.key", p->key);
	write_file(w, "root.crt", w->root.cert);
}

/* Everything made, nothing started yet: a test may change certificates and pins before.
 */
static void make_world(struct world *w)
{
	static const struct ipc_handlers store = { .up = on_store_up,
						   .message = on_store_message };
	static const struct ipc_handlers hubd = { .up = on_hubd_up,
						  .message = on_hubd_message };
	struct ipc_config cfg = { .self = ROLE_STORE,
				  .peer = ROLE_COAP,
				  .same_user = true };

	*w = (struct world){ .dir = "/tmp/uplink-io-XXXXXX", .quota = UINT_MAX };
	CHECK(mkdtemp(w->dir));
	cfg.run_dir = w->dir;
	w->page = map_page(w->dir);
	CHECK_INT(pki_make_root("Test", rt_wall().ms, &w->root), 0);
	CHECK_INT(pki_make_hub(&w->root, rt_wall().ms, &w->hub, w->hub_id), 0);
	CHECK_INT(pki_make_server(&w->root, NAME, rt_wall().ms, &w->page->server), 0);
	w->page->root = w->root;
	w->page->profile = DTLS_PROFILE_13_CID;
	memcpy(w->pin, w->page->server.spki, PIN_LEN);
	write_identity(w, &w->hub);
	w->rt = rt_new();
	w->poll = rt_timer_new(w->rt, on_poll, w);
	CHECK_INT(ipc_listen(w->rt, &cfg, &store, w, &w->store), 0);
	cfg.self = ROLE_HUBD;
	CHECK_INT(ipc_listen(w->rt, &cfg, &hubd, w, &w->hubd), 0);
}

static void end_world(struct world *w)
{
	static const char *const files[] = { "identity.crt",	   "identity.key",
					     "root.crt",	   "page",
					     "hub-store-hub-coap", "hubd-hub-coap",
					     "store-coap",	   "hubd-coap" };

	end(&w->coap, SIGTERM);
	end(&w->server, SIGTERM);
	ipc_free(w->store);
	ipc_free(w->hubd);
	rt_timer_free(w->poll);
	rt_free(w->rt);
	munmap(w->page, sizeof(*w->page));
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", w->dir, files[i]);
		unlink(path);
	}
	rmdir(w->dir);
}

/* ---- conditions ----------------------------------------------------------------------
 */

static bool all_acked(struct world *w)
{
	for (unsigned seq = 1; seq <= BATCHES; seq++)
		if (!w->acked[seq])
			return false;
	return true;
}

static bool some_acked(struct world *w)
{
	return w->acks >= 5;
}

static bool some_requests(struct world *w)
{
	return w->page->requests >= 2;
}

static bool has_incident(struct world *w)
{
	return w->incidents[INCIDENT_SERVER_IDENTITY] + w->incidents[INCIDENT_HANDSHAKE] >
	       0;
}

static bool is_connected(struct world *w)
{
	return w->connected;
}

static bool is_disconnected(struct world *w)
{
	return w->ever_connected && !w->connected;
}

static bool is_kill_time(struct world *w)
{
	return mono_reached(rt_mono(), w->kill_at);
}

/* ---- tests ---------------------------------------------------------------------------
 */

static void deliver(enum dtls_profile profile)
{
	struct world w;

	make_world(&w);
	w.page->profile = profile;
	start_server(&w);
	start_coap(&w);
	CHECK(wait_for(&w, all_acked, 20));
	for (unsigned seq = 1; seq <= BATCHES; seq++) {
		CHECK_UINT(w.page->times[seq], 1);
		CHECK_UINT(w.handed[seq], 1);
	}
	CHECK_UINT(w.page->handshakes_seen, 1);
	CHECK_MEM(w.page->spki, w.hub.spki, PIN_LEN); /* the key that DTLS proved */
	CHECK_STR(w.page->path, "u");
	CHECK(w.connected);
	CHECK(!has_incident(&w));
	CHECK(w.has_time);
	CHECK_INT(w.time.utc.quality, CLOCK_QUALITY_CLINIC);
	CHECK(w.time.utc.uncertainty_ms < 2000);
	CHECK(llabs(w.time.utc.ms -
		    (rt_wall().ms - (int64_t)(rt_mono().ms - w.time.at.ms))) <=
	      w.time.utc.uncertainty_ms + 2);
	end_world(&w);
}

static void test_deliver(void)
{
	deliver(DTLS_PROFILE_13_CID);
	deliver(DTLS_PROFILE_12_CID);
}

/* One server that is not the right one; 'what' must be told, and nothing may reach it. */
static void refuse(struct world *w, enum incident what)
{
	start_server(w);
	start_coap(w);
	CHECK(wait_for(w, has_incident, 10));
	CHECK(w->incidents[what] > 0);
	CHECK(!wait_for(w, is_connected, 1));
	CHECK_UINT(w->page->requests, 0);
	CHECK_UINT(w->acks, 0);
	end_world(w);
}

static void refuse_servers(enum dtls_profile profile)
{
	struct pki_pair other_root;
	struct world w;

	make_world(&w); /* good chain and name, key not pinned */
	w.page->profile = profile;
	w.pin[0] ^= 1;
	refuse(&w, INCIDENT_SERVER_IDENTITY);

	make_world(&w); /* pinned key, good chain, other name */
	w.page->profile = profile;
	CHECK_INT(pki_make_server(&w.root, "x" NAME, rt_wall().ms, &w.page->server), 0);
	memcpy(w.pin, w.page->server.spki, PIN_LEN);
	refuse(&w, INCIDENT_SERVER_IDENTITY);

	make_world(&w); /* name and pin right, other CA */
	w.page->profile = profile;
	CHECK_INT(pki_make_root("Test", rt_wall().ms, &other_root), 0);
	CHECK_INT(pki_make_server(&other_root, NAME, rt_wall().ms, &w.page->server), 0);
	memcpy(w.pin, w.page->server.spki, PIN_LEN);
	refuse(&w, INCIDENT_HANDSHAKE);

	make_world(&w); /* ended */
	w.page->profile = profile;
	CHECK_INT(pki_make_server(&w.root, NAME,
				  rt_wall().ms - (PKI_SERVER_DAYS + 2) * DAY_MS,
				  &w.page->server),
		  0);
	memcpy(w.pin, w.page->server.spki, PIN_LEN);
	refuse(&w, INCIDENT_HANDSHAKE);

	make_world(&w); /* not begun */
	w.page->profile = profile;
	CHECK_INT(pki_make_server(&w.root, NAME, rt_wall().ms + 3 * DAY_MS,
				  &w.page->server),
		  0);
	memcpy(w.pin, w.page->server.spki, PIN_LEN);
	refuse(&w, INCIDENT_HANDSHAKE);

	make_world(&w); /* signed by itself */
	w.page->profile = profile;
	CHECK_INT(pki_make_root(NAME, rt_wall().ms, &w.page->server), 0);
	memcpy(w.pin, w.page->server.spki, PIN_LEN);
	refuse(&w, INCIDENT_HANDSHAKE);
}

static void test_wrong_servers(void)
{
	refuse_servers(DTLS_PROFILE_13_CID);
	refuse_servers(DTLS_PROFILE_12_CID);
}

/* A server of the other DTLS version: no fallback. */
static void test_no_downgrade(void)
{
	struct world w;

	make_world(&w);
	w.page->profile = DTLS_PROFILE_12_CID;
	start_server(&w);
	w.page->profile = DTLS_PROFILE_13_CID; /* what the config says */
	start_coap(&w);
	CHECK(!wait_for(&w, is_connected, 3));
	CHECK_UINT(w.page->requests, 0);
	end_world(&w);
}

/* What the server must not take: no row, other CA, ended, signed by itself. */
static void test_wrong_hubs(void)
{
	struct pki_pair other_root, bad;
	uint8_t id[HUB_ID_LEN];

	for (int variant = 0; variant < 4; variant++) {
		struct world w;

		make_world(&w);
		CHECK_INT(pki_make_root("Test", rt_wall().ms, &other_root), 0);
		if (variant == 0)
			w.page->refuse_key = true;
		else if (variant == 1)
			CHECK_INT(pki_make_hub(&other_root, rt_wall().ms, &bad, id), 0);
		else if (variant == 2)
			CHECK_INT(pki_make_hub(&w.root,
					       rt_wall().ms - (PKI_HUB_DAYS + 2) * DAY_MS,
					       &bad, id),
				  0);
		else
			bad = other_root;
		write_identity(&w, variant ? &bad : &w.hub);
		start_server(&w);
		start_coap(&w);
		CHECK(!wait_for(&w, some_acked, 2));
		CHECK_UINT(w.page->requests, 0);
		end_world(&w);
	}
}

/* Answers that acknowledge nothing; then the server comes to its senses. */
static void test_useless_answers(void)
{
	static const enum mode modes[] = { MODE_UNAVAILABLE, MODE_NO_CONTIG,
					   MODE_FORBIDDEN };

	for (size_t i = 0; i < 3; i++) {
		struct world w;

		make_world(&w);
		w.page->mode = modes[i];
		start_server(&w);
		start_coap(&w);
		CHECK(wait_for(&w, some_requests, 10));
		CHECK(!wait_for(&w, some_acked, 1));
		CHECK(w.page->requests < 10);
		w.page->mode = MODE_ANSWER;
		CHECK(wait_for(&w, all_acked, 30));
		end_world(&w);
	}
}

/* Some batches are delivered; then requests are stored at the server, but unanswered. */
static void leave_unanswered(struct world *w)
{
	w->quota = 10;
	start_server(w);
	start_coap(w);
	CHECK(wait_for(w, some_acked, 10));
	w->page->mode = MODE_MUTE;
	w->page->requests = 0;
	w->quota = UINT_MAX;
	hand_over_all(w);
	CHECK(wait_for(w, some_requests, 10));
}

/* The server dies with requests stored but unanswered, and comes back without state. */
static void test_server_killed(void)
{
	struct mono begin;
	struct world w;

	make_world(&w);
	leave_unanswered(&w);
	end(&w.server, SIGKILL);
	w.page->mode = MODE_ANSWER;
	begin = rt_mono();
	start_server(&w);
	CHECK(wait_for(&w, all_acked, 60));
	printf("  readings flow %llu s after the server's restart\n",
	       (unsigned long long)mono_since(rt_mono(), begin) / 1000);
	CHECK_UINT(w.page->handshakes_seen, 2);
	end_world(&w);
}

/* The server freezes: the connection is called dead, the port stays open and says
 * nothing. */
static void test_server_frozen(void)
{
	struct world w;

	make_world(&w);
	leave_unanswered(&w);
	kill(w.server, SIGSTOP);
	CHECK(wait_for(&w, is_disconnected, 45));
	CHECK(!has_incident(&w)); /* silence is not an attack */
	w.page->mode = MODE_ANSWER;
	kill(w.server, SIGCONT);
	CHECK(wait_for(&w, all_acked, 60));
	end_world(&w);
}

/* hub-coap is killed again and again, at any moment: everything arrives all the same. */
static void test_coap_killed(void)
{
	unsigned rounds = 0;
	struct world w;

	make_world(&w);
	start_server(&w);
	for (; rounds < 60 && !all_acked(&w); rounds++) {
		start_coap(&w);
		w.quota = 3; /* so that there is something on its way in every round */
		w.kill_at = mono_add(rt_mono(), 5 + test_random() % 40);
		wait_for(&w, is_kill_time, 5);
		end(&w.coap, SIGKILL);
	}
	w.quota = UINT_MAX;
	w.connected = false;
	start_coap(&w);
	CHECK(wait_for(&w, is_connected, 20));
	CHECK(wait_for(&w, all_acked, 20));
	CHECK(rounds >= 10);
	end_world(&w);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		test_fn *fn;
	} all[] = { { "deliver", test_deliver },
		    { "wrong-servers", test_wrong_servers },
		    { "no-downgrade", test_no_downgrade },
		    { "wrong-hubs", test_wrong_hubs },
		    { "useless-answers", test_useless_answers },
		    { "server-killed", test_server_killed },
		    { "server-frozen", test_server_frozen },
		    { "coap-killed", test_coap_killed } };
	size_t count = sizeof(all) / sizeof(*all);
	pid_t pids[sizeof(all) / sizeof(*all)];
	int status, bad = 0;

	if (argc == 3 && strcmp(argv[1], "server") == 0)
		return server_main(argv[2]);
	CHECK_INT(crypto_init(), 0);
	/* Most of the time is waiting: each test is a process of its own, all at once. */
	for (size_t i = 0; i < count; i++) {
		fflush(stdout);
		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			test_name = all[i].name;
			test_seed = argc == 3 ? strtoull(argv[2], NULL, 10)
					      : (uint64_t)time(NULL);
			test_state = test_seed | 1;
			if (argc != 2 || strcmp(argv[1], all[i].name) == 0)
				all[i].fn();
			exit(0);
		}
	}
	for (size_t i = 0; i < count; i++) {
		CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
		if (status)
			fprintf(stderr, "failed: %s\n", all[i].name);
		bad |= status;
	}
	if (bad)
		return 1;
	printf("ok uplink-io (%zu)\n", count);
	return 0;
}
