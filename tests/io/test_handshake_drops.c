/*
 * test_handshake_drops.c - lose exactly one datagram of a connection, once for each position in both
 * directions: hub-coap must get every batch through all the same.
 *
 * Unmended libcoap 4.3.5 on wolfSSL dies at 21 of 29 positions. All positions run at once, as nearly all of
 * the time is waiting for retransmissions. 0 is the control: nothing is lost.
 */
#include "tests/io/udp_proxy.h"
#include "tests/io/uplink_world.h"

enum {
	BATCHES = 4,
	FROM_CLIENT = 7,
	FROM_SERVER = 10,
	POSITIONS = 1 + FROM_CLIENT + FROM_SERVER
};

/* A handshake's own deadline is 60 s; a mended one recovers in a few. */
enum { RECOVER_S = 20 };

static void one(enum dtls_profile profile, unsigned position)
{
	struct udp_proxy *p = proxy_page();
	struct mono begin;
	struct world w;
	pid_t proxy;

	make_world(&w, BATCHES);
	w.page->profile = profile;
	start_server(&w);
	p->to = w.page->port;
	p->delay_ms = 20;
	p->drop_from = position > FROM_CLIENT ? PROXY_SERVER : PROXY_CLIENT;
	p->drop_at = position > FROM_CLIENT ? position - FROM_CLIENT : position;
	proxy = proxy_start(p);
	w.port = p->port;
	begin = rt_mono();
	start_coap(&w);
	CHECK(wait_for(&w, all_acked, RECOVER_S));
	CHECK(p->dropped == (position ? 1u : 0u));
	if (mono_since(rt_mono(), begin) > 5000)
		printf("  profile %d %s%u: %llu ms\n", (int)profile,
		       p->drop_from == PROXY_CLIENT ? "c" : "s", p->drop_at,
		       (unsigned long long)mono_since(rt_mono(), begin));
	kill(proxy, SIGKILL);
	waitpid(proxy, NULL, 0);
	end_world(&w);
}

int main(int argc, char **argv)
{
	pid_t pids[2 * POSITIONS];
	unsigned fatal = 0;
	int status;

	if (argc == 3 && strcmp(argv[1], "server") == 0)
		return server_main(argv[2]);
	CHECK_INT(crypto_init(), 0);
	for (unsigned i = 0; i < 2 * POSITIONS; i++) {
		fflush(stdout);
		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			test_name = "handshake-drops";
			one(i < POSITIONS ? DTLS_PROFILE_13_CID : DTLS_PROFILE_12_CID,
			    i % POSITIONS);
			exit(0);
		}
	}
	for (unsigned i = 0; i < 2 * POSITIONS; i++) {
		unsigned at = i % POSITIONS;

		CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
		if (status == 0)
			continue;
		fatal++;
		fprintf(stderr, "fatal: DTLS 1.%d, datagram %s%u lost\n",
			i < POSITIONS ? 3 : 2, at > FROM_CLIENT ? "s" : "c",
			at > FROM_CLIENT ? at - FROM_CLIENT : at);
	}
	if (fatal)
		return 1;
	printf("ok handshake-drops (%d positions, 0 fatal)\n", 2 * POSITIONS);
	return 0;
}
