/*
 * bench_drain.c - how fast a backlog leaves: the real hub-coap, a path that delays and loses, a real clinicd.
 *
 *	bench_drain CLINIC PORT HUB_COAP DELAY_MS LOSS_PERCENT READINGS
 *
 * CLINIC is the folder of the clinicd that listens on PORT. hub-store and hubd are played here: batches are signed and
 * filled as hub-store does it, with bodies as long as that of a cuff's reading, sealed; what is not acknowledged
 * goes again. DELAY_MS is one way. Prints
 *
 *	readings=<n> seconds=<s> rate=<readings/s> late=<the same of the last half> datagrams=<n> lost=<n>
 *
 * from the first hand-over to a session that is up until the last acknowledgement.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clinic/files.h"
#include "clinic/folder.h"
#include "hub/core/batch.h"
#include "hub/core/cose.h"
#include "hub/rt/file.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "tests/bench/measure.h"
#include "tests/io/udp_proxy.h"
#include "tests/swarm/enrol.h"

enum {
	BODY_LEN = 165,
	READINGS_MAX = 100000,
	OUT_MAX = 16,
	PAYLOAD_MAX = BATCH_BYTES_FULL - COSE_OVERHEAD_MAX,
};

struct drain {
	struct rt *rt;
	struct ipc *store, *hubd;
	struct home_identity id;
	struct config_endpoint endpoint;
	char root[PKI_PEM_MAX], dir[64];
	bool up, want_time;
	unsigned credits, wanted, acked;
	uint32_t next_id;
	bool done[READINGS_MAX + 1], under_way[READINGS_MAX + 1];
	unsigned lowest; /* all before it are done */
	struct {
		uint32_t id; /* 0: free */
		unsigned first, last;
	} out[OUT_MAX];
	double begun_us, half_us, ended_us;
};

static unsigned next_open(const struct drain *d, unsigned seq)
{
	while (seq <= d->wanted && (d->done[seq] || d->under_way[seq]))
		seq++;
	return seq;
}

/* As many as fit, in a row from the first that is open; returns false if none is. */
static bool make_batch(struct drain *d, struct msg_batch *ret)
{
	static const uint8_t body[BODY_LEN];
	uint8_t payload[PAYLOAD_MAX];
	unsigned seq = next_open(d, d->lowest);
	struct batch b = { .epoch = 1, .queued = d->wanted, .highest = d->wanted };
	int n, with;

	if (seq > d->wanted)
		return false;
	b.acked = d->lowest - 1;
	b.flags = d->want_time ? BATCH_WANT_TIME : 0;
	memcpy(b.hub, d->id.hub, HUB_ID_LEN);
	ret->first = seq;
	n = batch_encode(&b, payload, sizeof(payload));
	for (; next_open(d, seq) == seq && seq <= d->wanted; seq++) {
		b.records[b.record_count++] =
			(struct record){ .assignment = HOME_ASSIGNMENT,
					 .seq = seq,
					 .class = CLASS_ROUTINE,
					 .kind = 1,
					 .body = body,
					 .body_len = BODY_LEN };
		with = batch_encode(&b, payload, sizeof(payload));
		if (with < 0)
			b.record_count--;
		if (with < 0)
			break;
		d->under_way[seq] = true;
	}
	ret->last = ret->first + b.record_count - 1;
	n = batch_encode(&b, payload, sizeof(payload));
	measure_must(n < 0, "batch");
	n = sign1_make(SIGN_CONTEXT_BATCH, d->id.sign_private, payload, (size_t)n,
		       ret->bytes, sizeof(ret->bytes));
	measure_must(n < 0, "signature");
	ret->len = (uint16_t)n;
	ret->flags = b.flags;
	d->want_time = false;
	return true;
}

static void hand_over(struct drain *d)
{
	for (size_t i = 0; i < OUT_MAX && d->up && d->credits; i++) {
		struct msg m = { .kind = MSG_UPLOAD };

		if (d->out[i].id)
			continue;
		if (!make_batch(d, &m.batch))
			return;
		m.batch.id = ++d->next_id;
		d->out[i].id = m.batch.id;
		d->out[i].first = (unsigned)m.batch.first;
		d->out[i].last = (unsigned)m.batch.last;
		d->credits--;
		measure_must(ipc_send(d->store, &m) != 0, "hand-over");
		if (d->begun_us == 0)
			d->begun_us = measure_now_us();
	}
}

static void settle(struct drain *d, size_t i, const struct reply *r)
{
	for (unsigned seq = d->out[i].first; seq <= d->out[i].last; seq++) {
		d->under_way[seq] = false;
		if (d->done[seq] || !reply_covers(r, seq))
			continue;
		d->done[seq] = true;
		d->acked++;
		if (d->acked == d->wanted / 2)
			d->half_us = measure_now_us();
	}
	d->out[i].id = 0;
	while (d->lowest <= d->wanted && d->done[d->lowest])
		d->lowest++;
	if (d->acked == d->wanted) {
		d->ended_us = measure_now_us();
		rt_stop(d->rt);
	}
}

static void on_store_up(void *arg, struct ipc *link)
{
	const struct drain *d = arg;
	struct msg m = { .kind = MSG_QUEUE_STATE };

	m.queue_state.unsent = m.queue_state.highest = d->wanted;
	measure_must(ipc_send(link, &m) != 0, "queue state");
}

/* A heartbeat is what makes hub-coap connect before there is work. */
static void send_heartbeat(struct drain *d)
{
	struct batch b = { .epoch = 1,
			   .flags = BATCH_WANT_TIME,
			   .queued = d->wanted,
			   .highest = d->wanted };
	struct msg m = { .kind = MSG_UPLOAD, .batch = { .flags = BATCH_WANT_TIME } };
	uint8_t payload[PAYLOAD_MAX];
	int n;

	memcpy(b.hub, d->id.hub, HUB_ID_LEN);
	n = batch_encode(&b, payload, sizeof(payload));
	n = sign1_make(SIGN_CONTEXT_BATCH, d->id.sign_private, payload, (size_t)n,
		       m.batch.bytes, sizeof(m.batch.bytes));
	measure_must(n < 0, "heartbeat");
	m.batch.len = (uint16_t)n;
	m.batch.id = ++d->next_id;
	d->credits--;
	measure_must(ipc_send(d->store, &m) != 0, "heartbeat");
}

static void on_store_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct drain *d = arg;

	(void)link;
	if (m->kind == MSG_WANT) {
		d->credits += m->want.batches;
		d->want_time |= m->want.want_time;
		if (!d->up && d->next_id == 0)
			send_heartbeat(d);
	}
	for (size_t i = 0; m->kind == MSG_ACK && i < OUT_MAX; i++)
		if (d->out[i].id == m->ack.batch)
			settle(d, i, &m->ack.reply);
	hand_over(d);
}

static void on_hubd_up(void *arg, struct ipc *link)
{
	const struct drain *d = arg;
	struct msg m = { .kind = MSG_COAP_CONFIG };

	m.coap_config.heartbeat_s = 60;
	m.coap_config.endpoint_count = 1;
	m.coap_config.endpoints[0] = d->endpoint;
	measure_must(ipc_send(link, &m) != 0, "config");
}

static void on_hubd_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct drain *d = arg;

	(void)link;
	if (m->kind == MSG_STATUS && m->status.what == STATUS_UPLINK)
		d->up = m->status.a;
	hand_over(d);
}

static void read_clinic(struct drain *d, const char *clinic, uint16_t port)
{
	static char cert[PKI_PEM_MAX];
	char why[FOLDER_WHY_MAX];
	struct conf conf;

	measure_must(folder_read_conf(clinic, &conf, why) < 0, "clinic.conf");
	measure_must(folder_read_text(clinic, FILES_ROOT_CRT, d->root, sizeof(d->root),
				      why) < 0,
		     "root.crt");
	measure_must(folder_read_text(clinic, FILES_SERVER_CRT, cert, sizeof(cert), why) <
			     0,
		     "server.crt");
	snprintf(d->endpoint.name, sizeof(d->endpoint.name), "%s", conf.name);
	memcpy(d->endpoint.addr,
	       (uint8_t[16]){ [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 }, 16);
	d->endpoint.port = port;
	d->endpoint.profile = DTLS_PROFILE_13_CID;
	d->endpoint.pin_count = 1;
	measure_must(pki_spki(cert, d->endpoint.pins[0]) != 0, "server's key");
}

static void write_text(const struct drain *d, const char *name, const char *text)
{
	measure_must(file_replace(d->dir, name, (const uint8_t *)text, strlen(text)) != 0,
		     name);
}

static void open_links(struct drain *d)
{
	static const struct ipc_handlers store = { .up = on_store_up,
						   .message = on_store_message };
	static const struct ipc_handlers hubd = { .up = on_hubd_up,
						  .message = on_hubd_message };
	struct ipc_config c = { .self = ROLE_STORE,
				.peer = ROLE_COAP,
				.run_dir = d->dir,
				.same_user = true };

	d->rt = rt_new();
	measure_must(ipc_listen(d->rt, &c, &store, d, &d->store) != 0, "socket");
	c.self = ROLE_HUBD;
	measure_must(ipc_listen(d->rt, &c, &hubd, d, &d->hubd) != 0, "socket");
}

static pid_t start_coap(const struct drain *d, const char *program)
{
	char *const argv[] = { (char *)(uintptr_t)program,
			       "--state",
			       (char *)(uintptr_t)d->dir,
			       "--run",
			       (char *)(uintptr_t)d->dir,
			       "--same-user",
			       NULL };
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(program, argv);
		_exit(127);
	}
	measure_must(pid < 0, program);
	return pid;
}

static void clean_up(struct drain *d, pid_t coap, pid_t proxy)
{
	static const char *const files[] = { "identity.crt", "identity.key", "root.crt",
					     "store-coap", "hubd-coap" };
	char path[128];

	kill(coap, SIGTERM);
	waitpid(coap, NULL, 0);
	kill(proxy, SIGKILL);
	waitpid(proxy, NULL, 0);
	ipc_free(d->store);
	ipc_free(d->hubd);
	rt_free(d->rt);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", d->dir, files[i]);
		unlink(path);
	}
	rmdir(d->dir);
}

int main(int argc, char **argv)
{
	static struct drain d = { .dir = "/tmp/bench-drain-XXXXXX", .lowest = 1 };
	struct udp_proxy *p = proxy_page();
	pid_t coap, proxy;
	double seconds;

	if (argc != 7) {
		fputs("usage: bench_drain CLINIC PORT HUB_COAP DELAY_MS LOSS_PERCENT "
		      "READINGS\n",
		      stderr);
		return 2;
	}
	log_init("bench");
	measure_must(crypto_init() != 0, "crypto");
	measure_must(!mkdtemp(d.dir), "folder");
	d.wanted = (unsigned)strtoul(argv[6], NULL, 10);
	measure_must(d.wanted < 2 || d.wanted > READINGS_MAX, "READINGS");
	enrol(argv[1], 1, &d.id);
	p->to = (uint16_t)strtoul(argv[2], NULL, 10);
	p->delay_ms = (unsigned)strtoul(argv[4], NULL, 10);
	p->loss_percent = (unsigned)strtoul(argv[5], NULL, 10);
	proxy = proxy_start(p);
	read_clinic(&d, argv[1], p->port);
	write_text(&d, "identity.crt", d.id.pair.cert);
	write_text(&d, "identity.key", d.id.pair.key);
	write_text(&d, "root.crt", d.root);
	open_links(&d);
	coap = start_coap(&d, argv[3]);
	rt_run(d.rt);
	measure_must(d.acked != d.wanted, "all acknowledged");
	seconds = (d.ended_us - d.begun_us) / 1e6;
	printf("readings=%u seconds=%.2f rate=%.1f late=%.1f datagrams=%u lost=%u\n",
	       d.wanted, seconds, d.wanted / seconds,
	       (d.wanted - d.wanted / 2) / ((d.ended_us - d.half_us) / 1e6),
	       p->datagrams[0] + p->datagrams[1], p->dropped);
	clean_up(&d, coap, proxy);
	return 0;
}
