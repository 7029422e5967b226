/*
 * bench_sessions.c SIZE [WRAPPER...] - what one message costs a coap/server that has SIZE live sessions: CPU time and, where
 * the machine counts them, instructions, both of the server's process alone; what a handshake costs, and the memory of a
 * session.
 *
 * Messages come from hubs at random, one after the other, in blocks; the cheapest block counts, the others were disturbed.
 * WRAPPER is put before the server's command line (valgrind). Prints the server's pid, and with a WRAPPER 'connected' and
 * waits for a line before the messages and after them; then
 *
 *     <sessions> <messages> <us/message> <instructions/message, 0 if not counted> <us/handshake> <bytes/session>
 */
#include <linux/perf_event.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "coap/server.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/rt.h"
#include "tests/bench/measure.h"
#include "tests/io/raw_hub.h"
#include "tests/unit/test.h"

enum { BLOCKS = 10, PER_BLOCK = 400, PATIENCE_MS = 60000, PAGE_FD = 3, OTHER_FDS = 100 };

/* Shared by both processes. */
struct page {
	struct pki_pair root, server, hub;
	volatile uint16_t port;
	volatile unsigned calls;
	volatile double cpu_us; /* the server's, when its handler ran last */
	volatile uint64_t instructions;
	volatile size_t sessions;
};

static struct page *page;
static struct coap_server *server;
static int counter = -1;

static bool on_admit(void *arg, const uint8_t spki[static PIN_LEN])
{
	(void)arg;
	return memcmp(spki, page->hub.spki, PIN_LEN) == 0;
}

static void on_request(void *arg, const struct coap_server_request *rq,
		       struct coap_server_response *ret)
{
	uint64_t n = 0;

	(void)arg;
	(void)rq;
	page->cpu_us = measure_us_of(CLOCK_PROCESS_CPUTIME_ID);
	if (counter >= 0 && read(counter, &n, sizeof(n)) == (ssize_t)sizeof(n))
		page->instructions = n;
	page->sessions = coap_server_sessions(server);
	page->calls++;
	ret->code = COAP_CODE_CHANGED;
}

/* Instructions in user mode of this process; -1 if the machine does not count. */
static int open_counter(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_HARDWARE,
				     .size = sizeof(a),
				     .config = PERF_COUNT_HW_INSTRUCTIONS,
				     .exclude_kernel = 1 };

	return (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}

static int serve(void)
{
	struct coap_server_config cfg = { .address = "127.0.0.1",
					  .profile = DTLS_PROFILE_13_CID,
					  .admit = on_admit,
					  .request = on_request };
	struct rt *rt = rt_new();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	measure_must(crypto_init(), "crypto");
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, PAGE_FD, 0);
	CHECK(page != MAP_FAILED);
	cfg.cert_pem = page->server.cert;
	cfg.key_pem = page->server.key;
	cfg.ca_pem = page->root.cert;
	counter = open_counter();
	measure_must(coap_server_new(rt, &cfg, &server), "server");
	page->port = coap_server_port(server);
	rt_run(rt);
	coap_server_free(server);
	rt_free(rt);
	return 0;
}

static void make_page(void)
{
	uint8_t id[HUB_ID_LEN];
	int fd = memfd_create("bench", 0);

	CHECK(fd >= 0 && ftruncate(fd, sizeof(*page)) == 0);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(page != MAP_FAILED && dup2(fd, PAGE_FD) == PAGE_FD);
	measure_must(pki_make_root("Bench", rt_wall().ms, &page->root), "root");
	measure_must(
		pki_make_server(&page->root, "clinic.test", rt_wall().ms, &page->server),
		"server's certificate");
	measure_must(pki_make_hub(&page->root, rt_wall().ms, &page->hub, id),
		     "hub's certificate");
}

static pid_t start_server(char *self, char **wrapper)
{
	static char role[] = "serve";
	char *argv[32];
	size_t n = 0;
	pid_t pid = fork();

	if (pid > 0)
		return pid;
	while (n < 28 && wrapper[n]) {
		argv[n] = wrapper[n];
		n++;
	}
	argv[n++] = self;
	argv[n++] = role;
	argv[n] = NULL;
	execvp(argv[0], argv);
	_exit(127);
}

static long resident_bytes(pid_t pid)
{
	long pages = 0, all = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	f = fopen(path, "r");
	if (f && fscanf(f, "%ld %ld", &all, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static void ask(struct raw_hub *h)
{
	static const uint8_t body[60];

	CHECK_INT(raw_hub_ask(h, body, sizeof(body), PATIENCE_MS), COAP_CODE_CHANGED);
}

static void wait_for_line(bool wanted)
{
	char line[16];

	if (wanted && !fgets(line, sizeof(line), stdin))
		exit(1);
}

static void raise_limit(size_t size)
{
	struct rlimit l = { size + OTHER_FDS, size + OTHER_FDS };
	struct rlimit now;

	CHECK_INT(getrlimit(RLIMIT_NOFILE, &now), 0);
	if (now.rlim_cur >= l.rlim_cur)
		return;
	if (now.rlim_max > l.rlim_max)
		l.rlim_max = now.rlim_max;
	measure_must(setrlimit(RLIMIT_NOFILE, &l), "raising the limit of open files");
}

int main(int argc, char **argv)
{
	double cheapest = 1e9, handshakes, begin_us;
	uint64_t fewest = UINT64_MAX;
	struct WOLFSSL_CTX *ctx;
	struct raw_hub *hubs;
	long bytes;
	size_t size;
	pid_t pid;

	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		return serve();
	if (argc < 2 || (size = strtoul(argv[1], NULL, 10)) == 0) {
		fprintf(stderr, "usage: bench_sessions SIZE [WRAPPER...]\n");
		return 64;
	}
	test_name = "bench-sessions";
	test_state = 1;
	raise_limit(size);
	measure_must(crypto_init(), "crypto");
	make_page();
	pid = start_server(argv[0], argv + 2);
	printf("%d\n", (int)pid);
	fflush(stdout);
	for (int i = 0; i < PATIENCE_MS / 10 && !page->port; i++)
		usleep(10000);
	CHECK(page->port);
	ctx = raw_hub_context(DTLS_PROFILE_13_CID, &page->hub, &page->root);
	hubs = calloc(size, sizeof(*hubs));
	CHECK(hubs);
	raw_hub_open(&hubs[0], ctx, page->port, true);
	CHECK(raw_hub_connect(&hubs[0], PATIENCE_MS));
	ask(&hubs[0]);
	begin_us = page->cpu_us;
	bytes = resident_bytes(pid);
	for (size_t i = 1; i < size; i++) {
		raw_hub_open(&hubs[i], ctx, page->port, true);
		CHECK(raw_hub_connect(&hubs[i], PATIENCE_MS));
	}
	ask(&hubs[size - 1]);
	handshakes = (page->cpu_us - begin_us) / (double)(size > 1 ? size - 1 : 1);
	for (size_t i = 0; i < size; i++)
		ask(&hubs[i]); /* the first message of a session reads its certificate */
	bytes = resident_bytes(pid) - bytes;
	if (argc > 2)
		printf("connected\n");
	fflush(stdout);
	wait_for_line(argc > 2);
	for (unsigned b = 0; b < BLOCKS; b++) {
		uint64_t instructions = page->instructions;
		double us = page->cpu_us;

		for (unsigned i = 0; i < PER_BLOCK; i++)
			ask(&hubs[test_random() % size]);
		us = (page->cpu_us - us) / PER_BLOCK;
		instructions = (page->instructions - instructions) / PER_BLOCK;
		cheapest = us < cheapest ? us : cheapest;
		fewest = instructions < fewest ? instructions : fewest;
	}
	CHECK_UINT(page->sessions, size);
	printf("%zu %d %.2f %llu %.1f %ld\n", size, BLOCKS * PER_BLOCK, cheapest,
	       (unsigned long long)fewest, handshakes, bytes / (long)size);
	fflush(stdout);
	wait_for_line(argc > 2);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}
