/*
 * test_bad_servers.c - whatever a server with the right certificate answers, hub-coap's datagrams, handshakes and
 * processor time have a bound, nothing is taken for acknowledged, and a good server finds it well.
 */
#include "tests/io/bad_server.h"
#include "tests/io/udp_proxy.h"

enum {
	BATCHES = 30,
	LOOK_S = 20,
	/* In that time, of the hub: handshakes of about 6 datagrams, each with up to 8 requests and their repetitions. */
	DATAGRAMS_MAX = 150,
	HANDSHAKES_MAX = 12,
	CPU_MS_MAX = 4000, /* with sanitizers */
};

static const char *const names[BAD_MODES] = {
	"right", "reset", "ack-only", "garbage", "block",
	"token", "flood", "contig",   "close",	 "code",
};

static bool some_requests(struct world *w)
{
	(void)w;
	return false;
}

static uint64_t cpu_ms(pid_t pid)
{
	unsigned long user = 0, sys = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	CHECK(f != NULL);
	CHECK_INT(fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			 &user, &sys),
		  2);
	fclose(f);
	return (user + sys) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
}

static struct bad_page *map_bad(struct world *w)
{
	struct bad_page *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(b != MAP_FAILED);
	b->world = w->page;
	return b;
}

static void one(enum bad_mode mode, enum dtls_profile profile)
{
	struct udp_proxy *p = proxy_page();
	struct bad_page *b;
	struct world w;
	pid_t proxy, server;
	unsigned sent;

	make_world(&w, BATCHES);
	w.page->profile = profile;
	b = map_bad(&w);
	b->mode = mode;
	b->port = proxy_free_port();
	server = bad_start(b);
	p->to = b->port;
	proxy = proxy_start(p);
	w.port = p->port;
	start_coap(&w);
	wait_for(&w, some_requests, LOOK_S);
	sent = p->datagrams[PROXY_CLIENT];
	printf("  %s: %u datagrams, %u handshakes, %u requests, %u ms of processor in %d "
	       "s\n",
	       names[mode], sent, (unsigned)w.handshakes, b->requests,
	       (unsigned)cpu_ms(w.coap), LOOK_S);
	CHECK(b->requests > 0);
	CHECK(sent <= DATAGRAMS_MAX);
	CHECK(w.handshakes <= HANDSHAKES_MAX);
	CHECK(cpu_ms(w.coap) <= CPU_MS_MAX);
	for (unsigned seq = 1; seq <= BATCHES; seq++)
		CHECK(!w.acked[seq]);
	if (mode == BAD_CONTIG)
		CHECK(w.incidents[INCIDENT_ROLLBACK] > 0);
	b->mode = BAD_NOT;
	CHECK(wait_for(&w, all_acked, 120));
	kill(proxy, SIGKILL);
	waitpid(proxy, NULL, 0);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	end_world(&w);
}

int main(int argc, char **argv)
{
	pid_t pids[BAD_MODES];
	int status, bad = 0;

	(void)argv;
	CHECK_INT(crypto_init(), 0);
	for (int i = 1; i < BAD_MODES; i++) {
		fflush(stdout);
		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			test_name = names[i];
			test_state = (uint64_t)time(NULL) | 1;
			if (argc < 2 || strcmp(argv[1], names[i]) == 0)
				one((enum bad_mode)i,
				    i % 2 ? DTLS_PROFILE_13_CID : DTLS_PROFILE_12_CID);
			exit(0);
		}
	}
	for (int i = 1; i < BAD_MODES; i++) {
		CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
		if (status)
			fprintf(stderr, "failed: %s\n", names[i]);
		bad |= status;
	}
	if (bad)
		return 1;
	printf("ok bad-servers (%d)\n", BAD_MODES - 1);
	return 0;
}
