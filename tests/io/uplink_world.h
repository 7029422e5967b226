#pragma once

/*
 * uplink_world.h - a real hub-coap between a test that plays hub-store and hubd, and a real coap/server.
 *
 * The server is the test program started again ('server DIR'), so that it can be stopped, killed and started
 * like a machine; both sides share one page. Certificates are made on the fly by clinic/pki. HUB_COAP names
 * the program under test; default: ../../hub-coap from the test, as the build folder has it.
 *
 * A batch here is its seq in two bytes (0: a heartbeat) and whatever follows, unless make_batch says otherwise.
 */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "clinic/pki.h"
#include "coap/server.h"
#include "hub/core/cose.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "tests/unit/test.h"

enum { SEQ_MAX = 1000, POLL_MS = 5 };

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
	bool refuse_key, told_time;
	int64_t time_offset_ms; /* what the server says the time is, less what it is */
	volatile enum mode mode;
	volatile uint16_t port; /* 0: any; then the one it got */
	uint64_t batches;	/* seqs 1 to this exist */
	volatile unsigned started;
	volatile unsigned requests, handshakes_seen;
	volatile unsigned times[SEQ_MAX + 1]; /* how often each seq came */
	uint8_t spki[PIN_LEN];
	char path[16];
	char address[16];     /* of the server; empty: 127.0.0.1 */
	char store[PATH_MAX]; /* whose seqs are the clinic's; empty: those of this page */
	/* the server's network namespace as a file, all of whose addresses it takes; empty: ours, loopback */
	char space[32];
};

/* --- the server's process ----------------------------------------------------------- */

__attribute__((unused)) static struct page *server_store; /* NULL: its own page */

__attribute__((unused)) static bool on_admit(void *arg,
					     const uint8_t spki[static PIN_LEN])
{
	struct page *p = arg;

	(void)spki;
	p->handshakes_seen++;
	return !p->refuse_key;
}

/* Stores the seqs of a request, once as real batches have them, once as most tests make them. */
__attribute__((unused)) static void take_seqs(struct page *p,
					      const struct coap_server_request *rq)
{
	struct cose_sign1 c;
	struct batch b;

	if (cose_parse(rq->body, rq->len, &c) == 0 &&
	    batch_decode(c.payload, c.payload_len, &b) == 0) {
		for (size_t i = 0; i < b.record_count; i++)
			if (b.records[i].seq <= SEQ_MAX)
				p->times[b.records[i].seq]++;
	} else if (rq->len >= 2) {
		unsigned seq = (unsigned)rq->body[0] << 8 | rq->body[1];

		if (seq >= 1 && seq <= SEQ_MAX)
			p->times[seq]++;
	}
}

__attribute__((unused)) static void make_reply(const struct page *p, struct reply *ret)
{
	*ret = (struct reply){ .has_contig = true };
	while (ret->contig < p->batches && p->times[ret->contig + 1])
		ret->contig++;
	for (uint64_t seq = ret->contig + 1; seq <= p->batches; seq++) {
		struct seq_range *last =
			ret->range_count ? &ret->ranges[ret->range_count - 1] : NULL;

		if (!p->times[seq])
			continue;
		if (last && last->last == seq - 1)
			last->last = seq;
		else if (ret->range_count < REPLY_RANGES_MAX)
			ret->ranges[ret->range_count++] = (struct seq_range){ seq, seq };
	}
	if (!p->told_time) {
		ret->has_time = true;
		ret->utc_ms = rt_wall().ms + p->time_offset_ms;
		ret->time_quality = CLOCK_QUALITY_NTP;
	}
}

__attribute__((unused)) static void on_request(void *arg,
					       const struct coap_server_request *rq,
					       struct coap_server_response *ret)
{
	struct page *p = arg, *store = server_store ? server_store : p;
	struct reply r = { 0 };
	int n;

	p->requests++;
	memcpy(p->spki, rq->spki, PIN_LEN);
	snprintf(p->path, sizeof(p->path), "%s", rq->path);
	ret->code = COAP_CODE_CHANGED;
	switch (p->mode) {
	case MODE_UNAVAILABLE:
		ret->code = COAP_CODE_UNAVAILABLE;
		ret->max_age_s = 1;
		return;
	case MODE_FORBIDDEN: ret->code = COAP_CODE_FORBIDDEN; return;
	case MODE_MUTE:
		take_seqs(store, rq);
		ret->code = 0;
		return;
	case MODE_NO_CONTIG: take_seqs(store, rq); break;
	case MODE_ANSWER:
		take_seqs(store, rq);
		make_reply(store, &r);
		p->told_time = true;
		break;
	}
	n = reply_encode(&r, ret->body, sizeof(ret->body));
	ret->len = n > 0 ? (size_t)n : 0;
}

__attribute__((unused)) static struct page *map_page(const char *dir)
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

__attribute__((unused)) static int server_main(const char *dir)
{
	struct page *p = map_page(dir);
	struct coap_server_config cfg = { .address = p->address[0] ? p->address
						     : p->space[0] ? ""
								   : "127.0.0.1",
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

	if (p->store[0])
		server_store = map_page(p->store);
	log_init("server");
	if (p->space[0] && setns(open(p->space, O_RDONLY | O_CLOEXEC), CLONE_NEWNET))
		return 1;
	if (crypto_init() || coap_server_new(rt, &cfg, &s))
		return 1;
	p->port = coap_server_port(s);
	p->started++;
	rt_run(rt);
	coap_server_free(s);
	rt_free(rt);
	return 0;
}

/* --- the world around hub-coap ------------------------------------------------------ */

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
	unsigned credits, next, handed[SEQ_MAX + 1], heartbeats;
	unsigned acks, quota; /* quota: batches that may still be handed over */
	bool want_time, acked[SEQ_MAX + 1];
	struct mono kill_at;
	/* as hubd */
	bool connected, ever_connected, has_time;
	struct msg_time time;
	unsigned incidents[32];
	uint16_t port; /* where the config says the clinic is; 0: where it is */
	void (*make_batch)(struct world *w, unsigned seq,
			   struct msg_batch *ret);			 /* may be NULL */
	void (*make_config)(struct world *w, struct msg_coap_config *c); /* may be NULL */
	unsigned
		went_down; /* how often hub-coap said that it is not connected any more */
	uint64_t handshakes; /* as last told */
	uint64_t proven;  /* version of the config that has proven itself, as last told */
	int64_t floor_ms; /* what hubd says how late it is at least; 0: nothing */
	/* waiting */
	bool (*until)(struct world *);
	struct mono deadline;
	bool timed_out;
};

__attribute__((unused)) static void hand_over(struct world *w, unsigned seq)
{
	struct msg m = { .kind = MSG_UPLOAD };

	m.batch.id = seq ? seq : SEQ_MAX + ++w->heartbeats;
	m.batch.first = m.batch.last = seq;
	m.batch.flags = w->want_time ? BATCH_WANT_TIME : 0;
	m.batch.len = 2;
	m.batch.bytes[0] = (uint8_t)(seq >> 8);
	m.batch.bytes[1] = (uint8_t)seq;
	if (w->make_batch && seq)
		w->make_batch(w, seq, &m.batch);
	w->want_time = false;
	w->credits--;
	w->handed[seq]++;
	CHECK_INT(ipc_send(w->store, &m), 0);
}

__attribute__((unused)) static void hand_over_all(struct world *w)
{
	for (; w->quota && w->credits && w->next <= w->page->batches; w->next++)
		if (!w->acked[w->next]) {
			hand_over(w, w->next);
			w->quota--;
		}
}

__attribute__((unused)) static void on_store_up(void *arg, struct ipc *link)
{
	struct world *w = arg;
	struct msg m = { .kind = MSG_QUEUE_STATE };

	(void)link;
	w->credits = 0;
	w->next = 1;
	m.queue_state.highest = w->page->batches;
	CHECK_INT(ipc_send(w->store, &m), 0);
}

__attribute__((unused)) static void on_store_message(void *arg, struct ipc *link,
						     const struct msg *m)
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
		/* as hub-store: a reply that names what never was acknowledges nothing, and its batch is offered again */
		if (reply_highest(&m->ack.reply) > w->page->batches) {
			w->next = 1;
			return;
		}
		for (unsigned seq = 1; seq <= w->page->batches; seq++)
			if (reply_covers(&m->ack.reply, seq)) {
				CHECK(w->page->times[seq] >
				      0); /* nothing acknowledged that is not there */
				w->acked[seq] = true;
			}
	}
}

__attribute__((unused)) static void make_endpoint(struct world *w, const struct page *p,
						  struct config_endpoint *e)
{
	*e = (struct config_endpoint){ .profile = p->profile, .pin_count = 1 };
	snprintf(e->name, sizeof(e->name), NAME);
	memcpy(e->addr, (uint8_t[16]){ [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 },
	       16);
	e->port = p == w->page && w->port ? w->port : p->port;
	memcpy(e->pins[0], p == w->page ? w->pin : p->server.spki, PIN_LEN);
}

__attribute__((unused)) static void send_config(struct world *w)
{
	struct msg m = { .kind = MSG_COAP_CONFIG };

	m.coap_config.heartbeat_s = 60;
	m.coap_config.endpoint_count = 1;
	make_endpoint(w, w->page, &m.coap_config.endpoints[0]);
	if (w->make_config)
		w->make_config(w, &m.coap_config);
	CHECK_INT(ipc_send(w->hubd, &m), 0);
}

__attribute__((unused)) static void on_hubd_up(void *arg, struct ipc *link)
{
	struct world *w = arg;
	struct msg m = { .kind = MSG_TIME };

	(void)link;
	m.time.utc.ms = w->floor_ms;
	if (w->floor_ms)
		CHECK_INT(ipc_send(w->hubd, &m), 0);
	send_config(w);
}

__attribute__((unused)) static void on_hubd_message(void *arg, struct ipc *link,
						    const struct msg *m)
{
	struct world *w = arg;

	(void)link;
	if (m->kind == MSG_STATUS && m->status.what == STATUS_UPLINK) {
		w->went_down += w->connected && !m->status.a;
		w->connected = m->status.a;
		w->handshakes = m->status.b;
		w->ever_connected |= w->connected;
	} else if (m->kind == MSG_STATUS && m->status.what == STATUS_ENDPOINTS) {
		if (m->status.b == TRIAL_NONE)
			w->proven = m->status.a; /* else: why none is, so far */
	} else if (m->kind == MSG_TIME) {
		w->has_time = true;
		w->time = m->time;
	} else if (m->kind == MSG_INCIDENT) {
		w->incidents[m->incident.what] += m->incident.count;
	}
}

__attribute__((unused)) static void on_poll(void *arg)
{
	struct world *w = arg;

	w->timed_out = mono_reached(rt_mono(), w->deadline);
	if (w->until(w) || w->timed_out)
		rt_stop(w->rt);
	else
		rt_timer_set(w->poll, mono_add(rt_mono(), POLL_MS));
}

/* Runs the world until the condition holds; false after so many seconds. */
__attribute__((unused)) static bool
wait_for(struct world *w, bool (*until)(struct world *), unsigned seconds)
{
	w->until = until;
	w->deadline = mono_add(rt_mono(), seconds * 1000);
	rt_timer_set(w->poll, rt_mono());
	rt_run(w->rt);
	return !w->timed_out || until(w);
}

__attribute__((unused)) static pid_t spawn(const char *const argv[])
{
	sigset_t term;
	pid_t pid;

	/* Until it is another program it has our loop's handler, which swallows signals. */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG,
		      SIGKILL); /* a failed check leaves nothing behind */
		signal(SIGTERM, SIG_DFL);
		sigprocmask(SIG_UNBLOCK, &term, NULL);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	CHECK(pid > 0);
	return pid;
}

__attribute__((unused)) static void end(pid_t *pid, int sig)
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

__attribute__((unused)) static pid_t start_server_of(const char *dir, struct page *p)
{
	const char *const argv[] = { "/proc/self/exe", "server", dir, NULL };
	unsigned before = p->started;
	pid_t pid = spawn(argv);

	for (int i = 0; i < 1000 && p->started == before; i++)
		usleep(10000);
	CHECK(p->started == before + 1);
	return pid;
}

__attribute__((unused)) static void start_server(struct world *w)
{
	w->server = start_server_of(w->dir, w->page);
}

__attribute__((unused)) static void start_coap(struct world *w)
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

__attribute__((unused)) static void write_file(struct world *w, const char *name,
					       const char *text)
{
	CHECK_INT(file_replace(w->dir, name, (const uint8_t *)text, strlen(text)), 0);
}

__attribute__((unused)) static void write_identity(struct world *w,
						   const struct pki_pair *p)
{
	write_file(w, "identity.crt", p->cert);
	write_file(w, "identity.key", p->key);
	write_file(w, "root.crt", w->root.cert);
}

/* Everything made, nothing started yet: a test may change certificates and pins before. */
__attribute__((unused)) static void make_world(struct world *w, unsigned batches)
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
	w->page->batches = batches;
	w->page->profile = DTLS_PROFILE_13_CID;
	memcpy(w->pin, w->page->server.spki, PIN_LEN);
	write_identity(w, &w->hub);
	w->rt = rt_new();
	w->poll = rt_timer_new(w->rt, on_poll, w);
	CHECK_INT(ipc_listen(w->rt, &cfg, &store, w, &w->store), 0);
	cfg.self = ROLE_HUBD;
	CHECK_INT(ipc_listen(w->rt, &cfg, &hubd, w, &w->hubd), 0);
}

__attribute__((unused)) static void end_world(struct world *w)
{
	static const char *const files[] = {
		"identity.crt", "identity.key",	      "root.crt",
		"page",		"hub-store-hub-coap", "hubd-hub-coap",
		"store-coap",	"hubd-coap",	      "device",
		"device.copy"
	};

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

__attribute__((unused)) static bool all_acked(struct world *w)
{
	for (unsigned seq = 1; seq <= w->page->batches; seq++)
		if (!w->acked[seq])
			return false;
	return true;
}

/* --- main --------------------------------------------------------------------------- */

struct named_test {
	const char *name;
	test_fn *fn;
};

/*
 * run_at_once - main of a test of hub-coap: as most of the time is waiting, each test is a process of its own, all at
 * once. With one argument only the test of that name; as 'PROGRAM server DIR' it is the server.
 */
__attribute__((unused)) static int run_at_once(int argc, char **argv, const char *what,
					       const struct named_test *all, size_t count)
{
	pid_t pids[32];
	int status, bad = 0;

	if (argc == 3 && strcmp(argv[1], "server") == 0)
		return server_main(argv[2]);
	CHECK_INT(crypto_init(), 0);
	CHECK(count <= sizeof(pids) / sizeof(*pids));
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
	printf("ok %s (%zu)\n", what, count);
	return 0;
}
