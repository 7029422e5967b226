/*
 * bench_ingest.c - load on a CoAP/DTLS server of the clinic's kind, and what it costs the server's process.
 *
 *	bench_ingest requests   CLINIC PID PORT 12|13 SESSIONS WINDOW SECONDS
 *	bench_ingest handshakes CLINIC PID PORT 12|13 SESSIONS -      SECONDS
 *
 * requests: SESSIONS hubs, each with a certificate of its own, keep WINDOW requests in flight; each request is a batch
 * with one reading of the size of a sealed one, signed as hub-store does it, under a seq of its own. handshakes:
 * each of SESSIONS hubs connects, leaves, and connects again. Both print
 *
 *	done=<n> seconds=<s> cpu=<s of the server PID> failed=<n>
 *
 * of the time after a warm-up. The server's CPU time is counted and not the wall clock, as client and server share the
 * machine. The hubs get rows in the store of folder CLINIC; a server that knows none of it trusts its root.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coap/client.h"
#include "coap/code.h"
#include "hub/core/batch.h"
#include "hub/core/cose.h"
#include "hub/rt/log.h"
#include "tests/bench/bench_ingest.h"
#include "tests/bench/measure.h"
#include "tests/swarm/enrol.h"

enum {
	SESSIONS_MAX = 256,
	WARM_UP_MS = 2000,
	BODY_LEN = 165, /* a cuff's reading with all its fields, sealed */
	PAYLOAD_MAX = BATCH_BYTES_FULL - COSE_OVERHEAD_MAX,
	AGAIN_MS = 100, /* after a failed connection */
};

struct session {
	struct bench *bench;
	struct home_identity *id;
	struct client *client;
	struct rt_timer *again;
	bool up, down, was_up;
	unsigned flying;
	uint32_t token;
	uint64_t seq;
};

struct bench {
	struct rt *rt;
	struct config_endpoint endpoint;
	pid_t server;
	bool handshakes;
	unsigned count, window, seconds;
	struct session sessions[SESSIONS_MAX];
	struct rt_timer *clock;
	bool warm, measuring;
	uint64_t done, failed;
	double begun_us, cpu_s;
	char root[PKI_PEM_MAX];
};

static double cpu_of(pid_t pid)
{
	unsigned long long user = 0, kernel = 0;
	char path[64], line[1024];
	const char *after;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	measure_must(!f, "the server's process");
	n = fread(line, 1, sizeof(line) - 1, f);
	fclose(f);
	line[n] = '\0';
	after = strrchr(line, ')'); /* fields from 3 on; 14 and 15 are wanted */
	measure_must(!after || sscanf(after + 1,
				      " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu "
				      "%llu",
				      &user, &kernel) != 2,
		     "reading /proc");
	return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static void count(struct bench *b, bool good)
{
	if (b->measuring)
		*(good ? &b->done : &b->failed) += 1;
}

static size_t make_batch(struct session *s, uint8_t buf[static BATCH_BYTES_MAX])
{
	static uint8_t body[BODY_LEN];
	uint8_t payload[PAYLOAD_MAX];
	struct batch b = {
		.epoch = 1, .acked = s->seq, .highest = s->seq + 1, .record_count = 1
	};
	int n;

	if (s->seq == 0)
		crypto_random(body, sizeof(body));
	memcpy(b.hub, s->id->hub, HUB_ID_LEN);
	b.records[0] = (struct record){ .assignment = HOME_ASSIGNMENT,
					.seq = ++s->seq,
					.class = CLASS_ROUTINE,
					.kind = READING_BLOOD_PRESSURE,
					.body = body,
					.body_len = sizeof(body) };
	n = batch_encode(&b, payload, sizeof(payload));
	if (n > 0)
		n = sign1_make(SIGN_CONTEXT_BATCH, s->id->sign_private, payload,
			       (size_t)n, buf, BATCH_BYTES_MAX);
	measure_must(n <= 0, "making a batch");
	return (size_t)n;
}

static void connect_session(struct session *s)
{
	const struct client_target to = { .endpoint = &s->bench->endpoint,
					  .addr = s->bench->endpoint.addr };

	s->up = s->down = false;
	s->flying = 0;
	if (client_connect(s->client, &to)) {
		count(s->bench, false);
		rt_timer_set(s->again, mono_add(rt_mono(), AGAIN_MS));
	}
}

static void on_again(void *arg)
{
	connect_session(arg);
}

static void on_up(void *arg)
{
	struct session *s = arg;

	s->up = s->was_up = true;
	if (s->bench->handshakes)
		count(s->bench, true);
}

static void on_down(void *arg, enum client_loss why)
{
	struct session *s = arg;

	(void)why;
	s->up = false;
	s->down = true;
}

static void on_response(void *arg, const struct forward_response *r)
{
	struct session *s = arg;

	s->flying--;
	count(s->bench, r->code == COAP_CODE_CHANGED);
}

static void on_retransmitted(void *arg)
{
	(void)arg;
}

static void on_undelivered(void *arg, uint32_t token)
{
	struct session *s = arg;

	(void)token;
	s->flying--;
	count(s->bench, false);
}

static void on_turn(void *arg)
{
	struct session *s = arg;
	uint8_t buf[BATCH_BYTES_MAX];

	if (s->down) {
		count(s->bench, false);
		client_release(s->client);
		s->down = false;
		rt_timer_set(s->again, mono_add(rt_mono(), AGAIN_MS));
	} else if (s->up && s->bench->handshakes) {
		connect_session(s); /* releases what is there */
	}
	while (s->up && !s->bench->handshakes && s->flying < s->bench->window) {
		size_t len = make_batch(s, buf);

		if (client_send(s->client, ++s->token, buf, len))
			break;
		s->flying++;
	}
}

static bool all_were_up(const struct bench *b)
{
	for (unsigned i = 0; i < b->count; i++)
		if (!b->sessions[i].was_up)
			return false;
	return true;
}

/* Until all have been connected, a while to warm up, and the time that counts. */
static void on_clock(void *arg)
{
	struct bench *b = arg;
	double cpu = cpu_of(b->server), now = measure_now_us();

	if (!b->warm) {
		b->warm = all_were_up(b);
		rt_timer_set(b->clock,
			     mono_add(rt_mono(), b->warm ? WARM_UP_MS : AGAIN_MS));
		return;
	}
	if (b->measuring) {
		printf("done=%llu seconds=%.3f cpu=%.2f failed=%llu\n",
		       (unsigned long long)b->done, (now - b->begun_us) / 1e6,
		       cpu - b->cpu_s, (unsigned long long)b->failed);
		rt_stop(b->rt);
		return;
	}
	b->measuring = true;
	b->begun_us = now;
	b->cpu_s = cpu;
	rt_timer_set(b->clock, mono_add(rt_mono(), b->seconds * 1000));
}

static void start_sessions(struct bench *b, const char *clinic)
{
	static const struct client_handlers handlers = { .up = on_up,
							 .down = on_down,
							 .response = on_response,
							 .retransmitted =
								 on_retransmitted,
							 .undelivered = on_undelivered,
							 .turn = on_turn };
	static struct home_identity ids[SESSIONS_MAX];

	enrol(clinic, b->count, ids);
	for (unsigned i = 0; i < b->count; i++) {
		struct session *s = &b->sessions[i];
		struct client_config cfg = { ids[i].pair.cert, ids[i].pair.key, b->root };

		s->bench = b;
		s->id = &ids[i];
		s->token = FORWARD_TOKEN_FIRST;
		s->again = rt_timer_new(b->rt, on_again, s);
		measure_must(client_new(b->rt, &cfg, &handlers, s, &s->client), "client");
		connect_session(s);
	}
}

static int load(char **argv)
{
	static struct bench b;
	static struct pki_pair server;
	struct conf conf;

	ingest_read_clinic(argv[2], &server, b.root, &conf);
	b.rt = rt_new();
	b.handshakes = strcmp(argv[1], "handshakes") == 0;
	b.server = (pid_t)strtol(argv[3], NULL, 10);
	snprintf(b.endpoint.name, sizeof(b.endpoint.name), "%s", conf.name);
	memcpy(b.endpoint.addr, conf.addr, sizeof(b.endpoint.addr));
	b.endpoint.port = (uint16_t)strtoul(argv[4], NULL, 10);
	b.endpoint.profile = ingest_profile(argv[5]);
	b.endpoint.pin_count = 1;
	memcpy(b.endpoint.pins[0], server.spki, PIN_LEN);
	b.count = (unsigned)strtoul(argv[6], NULL, 10);
	b.window = (unsigned)strtoul(argv[7], NULL, 10);
	b.seconds = (unsigned)strtoul(argv[8], NULL, 10);
	measure_must(b.count == 0 || b.count > SESSIONS_MAX, "number of sessions");
	start_sessions(&b, argv[2]);
	b.clock = rt_timer_new(b.rt, on_clock, &b);
	rt_timer_set(b.clock, rt_mono());
	rt_run(b.rt);
	for (unsigned i = 0; i < b.count; i++) {
		client_free(b.sessions[i].client);
		rt_timer_free(b.sessions[i].again);
	}
	rt_timer_free(b.clock);
	rt_free(b.rt);
	return 0;
}

int main(int argc, char **argv)
{
	int r = 2;

	log_init("bench_ingest");
	measure_must(crypto_init(), "random numbers");
	if (argc == 9 &&
	    (strcmp(argv[1], "requests") == 0 || strcmp(argv[1], "handshakes") == 0))
		r = load(argv);
	else
		fputs("usage: see the first lines of bench_ingest.c\n", stderr);
	crypto_done();
	return r;
}
