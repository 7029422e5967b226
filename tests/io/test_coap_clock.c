/*
 * test_coap_clock.c - clocks that jump: libcoap's retransmissions do not follow the wall clock, and a quiet hub keeps its
 * session for two days.
 *
 * Every call of clock_gettime() in this program's own objects is caught at link time (-Wl,--wrap): the wall clock can be
 * stepped, and the server's monotonic clock be put forward while nothing happens.
 */
#include <arpa/inet.h>
#include <poll.h>

#include "coap/library.h"
#include "coap/mend.h"
#include "tests/io/attack_world.h"

enum {
	HEARTBEAT_S = 300,
	A_DAY_S = 86400,
	STEP_AFTER_MS = 300,
	SOON_MS =
		700, /* a retransmission is due 1 s after the first datagram, not before */
};

int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);

static struct {
	volatile int64_t wall_step_s;
	volatile int64_t passed_s;
} * clocks; /* shared with the server */

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
	int r = __real_clock_gettime(id, ret);

	if (clocks && id == CLOCK_REALTIME)
		ret->tv_sec += clocks->wall_step_s;
	if (clocks && (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE))
		ret->tv_sec += clocks->passed_s;
	return r;
}

static uint64_t true_ms(void)
{
	struct timespec t;

	__real_clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void reset_clocks(void)
{
	if (!clocks)
		clocks = mmap(NULL, sizeof(*clocks), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(clocks != MAP_FAILED);
	clocks->wall_step_s = clocks->passed_s = 0;
}

/* --- the wall clock -------------------------------------------------------------------- */

static bool gave_up;

static int on_event(coap_session_t *s, const coap_event_t e)
{
	(void)s;
	gave_up |= e == COAP_EVENT_DTLS_ERROR || e == COAP_EVENT_DTLS_CLOSED;
	return 0;
}

/* The second hello to a port that does not answer comes when it is due, whatever a time service does after the first. */
static void check_step(int64_t step_s)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 }, buf[2048];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct library_identity id;
	socklen_t len = sizeof(at);
	uint64_t begin, end;
	coap_session_t *session;
	coap_context_t *ctx;
	coap_dtls_pki_t pki;
	coap_address_t to;
	unsigned hellos = 0;

	reset_clocks();
	gave_up = false;
	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
	      getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	CHECK_INT(library_identity_init(&id, hub_pair.cert, hub_pair.key, root.cert), 0);
	pki = library_pki(&id, "clinic.test");
	library_profile(DTLS_PROFILE_13_CID);
	library_addr(addr, ntohs(at.sin_port), &to);
	ctx = coap_new_context(NULL);
	coap_register_event_handler(ctx, on_event);
	begin = true_ms();
	session = coap_new_client_session_pki(ctx, NULL, &to, COAP_PROTO_DTLS, &pki);
	CHECK(session);
	library_kick(ctx);
	for (end = begin + PATIENCE_MS; hellos < 2 && true_ms() < end;) {
		coap_io_process(ctx, 50);
		if (true_ms() - begin >= STEP_AFTER_MS)
			clocks->wall_step_s = step_s;
		while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			hellos++;
	}
	CHECK_UINT(hellos, 2);
	CHECK(true_ms() - begin >= SOON_MS);
	CHECK(!gave_up);
	coap_session_release(session);
	coap_free_context(ctx);
	library_identity_done(&id);
	close(fd);
}

static void test_wall_clock(void)
{
	world_begin(DTLS_PROFILE_13_CID); /* makes the certificates */
	world_end_server();
	world_end();
	library_start();
	check_step(0);
	check_step(-60);
	check_step(-3600);
	check_step(10LL * 366 * A_DAY_S);
}

/* --- quiet sessions -------------------------------------------------------------------- */

static void test_quiet(void)
{
	struct raw_hub h, other;

	reset_clocks();
	world_begin(DTLS_PROFILE_13_CID);
	world_connect(&h, true);
	CHECK_ANSWERED(&h);
	for (int i = 0; i < A_DAY_S / HEARTBEAT_S; i++) {
		clocks->passed_s += HEARTBEAT_S;
		CHECK_ANSWERED(&h);
	}
	clocks->passed_s += 2 * A_DAY_S - HEARTBEAT_S; /* a long night without network */
	CHECK_ANSWERED(&h);
	CHECK_UINT(page->admitted, 1);
	CHECK_UINT(page->sessions, 1);
	/* Who never comes back is forgotten, and nobody else. */
	world_connect(&other, true);
	for (int i = 0; i < 3; i++) {
		CHECK_ANSWERED(&other);
		clocks->passed_s += A_DAY_S;
	}
	CHECK_ANSWERED(&other);
	CHECK_UINT(page->admitted, 2);
	CHECK_UINT(page->sessions, 1);
	world_end_server();
	raw_hub_close(&h);
	raw_hub_close(&other);
	world_end();
}

TEST_MAIN("coap-clock", test_wall_clock, test_quiet)
