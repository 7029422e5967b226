/*
 * test_small_path.c - the handshake on a way that loses every datagram above a size, as an MTU of 576 does.
 *
 * With our own certificates all datagrams are smaller than that; so the hub shows its root as well, which makes its
 * flight as large as that of a hub with a longer chain.
 */
#include "tests/io/udp_proxy.h"
#include "tests/io/uplink_world.h"

enum { BATCHES = 10, PAYLOAD = 576 - PROXY_IP_UDP };

static void write_long_chain(struct world *w)
{
	char both[2 * PKI_PEM_MAX];

	snprintf(both, sizeof(both), "%s%s", w->hub.cert, w->root.cert);
	write_file(w, "identity.crt", both);
}

struct path {
	struct world w;
	struct udp_proxy *p;
	pid_t proxy;
};

static void make_path(struct path *t, enum dtls_profile profile, unsigned largest,
		      bool chain)
{
	t->p = proxy_page();
	make_world(&t->w, BATCHES);
	t->w.page->profile = profile;
	if (chain)
		write_long_chain(&t->w);
	start_server(&t->w);
	t->p->to = t->w.page->port;
	t->p->largest = largest;
	t->proxy = proxy_start(t->p);
	t->w.port = t->p->port;
	start_coap(&t->w);
}

static void end_path(struct path *t)
{
	kill(t->proxy, SIGKILL);
	waitpid(t->proxy, NULL, 0);
	end_world(&t->w);
}

/* As it is by default: nothing is lost on such a way, at the first attempt. */
static void test_plain(enum dtls_profile profile)
{
	struct path t;

	make_path(&t, profile, PAYLOAD, false);
	CHECK(wait_for(&t.w, all_acked, 30));
	CHECK_UINT(t.p->too_large[PROXY_CLIENT], 0);
	CHECK_UINT(t.p->too_large[PROXY_SERVER], 0);
	printf("  profile %d: largest datagrams %u and %u\n", (int)profile,
	       t.p->seen[PROXY_CLIENT], t.p->seen[PROXY_SERVER]);
	end_path(&t);
}

/* A flight that does not fit: the second handshake is made of smaller ones. */
static void test_too_large(enum dtls_profile profile)
{
	struct mono begin = rt_mono();
	struct path t;

	make_path(&t, profile, PAYLOAD, true);
	CHECK(wait_for(&t.w, all_acked, 150));
	CHECK(t.p->too_large[PROXY_CLIENT] > 0);
	CHECK(t.p->seen[PROXY_CLIENT] > PAYLOAD); /* so there was something to be lost */
	CHECK(t.w.handshakes >= 2);
	printf("  profile %d: %llu s, handshakes %llu, lost %u\n", (int)profile,
	       (unsigned long long)mono_since(rt_mono(), begin) / 1000,
	       (unsigned long long)t.w.handshakes, t.p->too_large[PROXY_CLIENT]);
	end_path(&t);
}

int main(int argc, char **argv)
{
	static void (*const tests[])(enum dtls_profile) = { test_plain, test_too_large };
	pid_t pids[4];
	int status, bad = 0;

	if (argc == 3 && strcmp(argv[1], "server") == 0)
		return server_main(argv[2]);
	CHECK_INT(crypto_init(), 0);
	for (unsigned i = 0; i < 4; i++) {
		fflush(stdout);
		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			test_name = "small-path";
			tests[i / 2](i % 2 ? DTLS_PROFILE_12_CID : DTLS_PROFILE_13_CID);
			exit(0);
		}
	}
	for (unsigned i = 0; i < 4; i++) {
		CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
		bad |= status;
	}
	if (bad)
		return 1;
	printf("ok small-path (4)\n");
	return 0;
}
