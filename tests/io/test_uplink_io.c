/*
 * test_uplink_io.c - the real hub-coap against the real coap/server over DTLS on loopback.
 */
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "tests/io/udp_proxy.h"
#include "tests/io/uplink_world.h"

enum { BATCHES = 40 };

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

/* --- tests -------------------------------------------------------------------------- */

static void deliver(enum dtls_profile profile)
{
	struct world w;

	make_world(&w, BATCHES);
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

/* One record as large as there can be, with the largest numbers around it: signed as hub-store would. */
static void make_largest(struct world *w, unsigned seq, struct msg_batch *ret)
{
	static const uint8_t body[SEALED_BODY_MAX], private[P256_PRIVATE_LEN] = { 1 };
	struct batch b = { .epoch = UINT32_MAX,
			   .acked = INT64_MAX,
			   .flags = BATCH_ALARM | BATCH_RESEND,
			   .queued = INT64_MAX,
			   .highest = INT64_MAX,
			   .record_count = 1 };
	uint8_t payload[BATCH_BYTES_MAX];
	int n;

	(void)w;
	b.records[0] = (struct record){ .assignment = UINT32_MAX,
					.seq = seq,
					.class = CLASS_ALARM,
					.kind = UINT8_MAX,
					.body = body,
					.body_len = sizeof(body) };
	n = batch_encode(&b, payload, sizeof(payload));
	CHECK(n > SEALED_BODY_MAX);
	n = sign1_make(SIGN_CONTEXT_BATCH, private, payload, (size_t)n, ret->bytes,
		       sizeof(ret->bytes));
	CHECK(n > BATCH_BYTES_FULL && n + 8 <= BATCH_BYTES_MAX); /* seq is short here */
	/* what is signed is not looked at here: as long as a batch can be */
	memset(ret->bytes + n, 0, sizeof(ret->bytes) - (size_t)n);
	ret->len = (uint16_t)n;
}

/* The largest batch is one datagram, too, and no larger than IPv6 lets any path be. */
static void largest(enum dtls_profile profile)
{
	struct udp_proxy *p = proxy_page();
	struct world w;
	pid_t proxy;

	make_world(&w, 5);
	w.page->profile = profile;
	w.make_batch = make_largest;
	start_server(&w);
	p->to = w.page->port;
	proxy = proxy_start(p);
	w.port = p->port;
	start_coap(&w);
	CHECK(wait_for(&w, all_acked, 20));
	for (unsigned seq = 1; seq <= 5; seq++)
		CHECK_UINT(w.page->times[seq], 1);
	CHECK_UINT(w.page->handshakes_seen, 1);
	CHECK(p->seen[PROXY_CLIENT] > BATCH_BYTES_FULL);
	CHECK(p->seen[PROXY_CLIENT] <= 1280 - 48); /* IPv6 and UDP */
	kill(proxy, SIGKILL);
	waitpid(proxy, NULL, 0);
	end_world(&w);
}

static void test_largest(void)
{
	largest(DTLS_PROFILE_13_CID);
	largest(DTLS_PROFILE_12_CID);
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

	make_world(&w, BATCHES); /* good chain and name, key not pinned */
	w.page->profile = profile;
	w.pin[0] ^= 1;
	refuse(&w, INCIDENT_SERVER_IDENTITY);

	make_world(&w, BATCHES); /* pinned key, good chain, other name */
	w.page->profile = profile;
	CHECK_INT(pki_make_server(&w.root, "x" NAME, rt_wall().ms, &w.page->server), 0);
	memcpy(w.pin, w.page->server.spki, PIN_LEN);
	refuse(&w, INCIDENT_SERVER_IDENTITY);

	make_world(&w, BATCHES); /* name and pin right, other CA */
	w.page->profile = profile;
	CHECK_INT(pki_make_root("Test", rt_wall().ms, &other_root), 0);
	CHECK_INT(pki_make_server(&other_root, NAME, rt_wall().ms, &w.page->server), 0);
	memcpy(w.pin, w.page->server.spki, PIN_LEN);
	refuse(&w, INCIDENT_HANDSHAKE);

	make_world(&w, BATCHES); /* ended */
	w.page->profile = profile;
	CHECK_INT(pki_make_server(&w.root, NAME,
				  rt_wall().ms - (PKI_SERVER_DAYS + 2) * DAY_MS,
				  &w.page->server),
		  0);
	memcpy(w.pin, w.page->server.spki, PIN_LEN);
	refuse(&w, INCIDENT_HANDSHAKE);

	make_world(&w, BATCHES); /* not begun */
	w.page->profile = profile;
	CHECK_INT(pki_make_server(&w.root, NAME, rt_wall().ms + 3 * DAY_MS,
				  &w.page->server),
		  0);
	memcpy(w.pin, w.page->server.spki, PIN_LEN);
	refuse(&w, INCIDENT_HANDSHAKE);

	make_world(&w, BATCHES); /* signed by itself */
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

	make_world(&w, BATCHES);
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

		make_world(&w, BATCHES);
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

		make_world(&w, BATCHES);
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

	make_world(&w, BATCHES);
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

/* The server freezes: the connection is called dead, the port stays open and says nothing. */
static void test_server_frozen(void)
{
	struct world w;

	make_world(&w, BATCHES);
	leave_unanswered(&w);
	kill(w.server, SIGSTOP);
	CHECK(wait_for(&w, is_disconnected, 45));
	CHECK(!has_incident(&w)); /* silence is not an attack */
	w.page->mode = MODE_ANSWER;
	kill(w.server, SIGCONT);
	CHECK(wait_for(&w, all_acked, 60));
	end_world(&w);
}

/* --- a full window, and the server forgets us or sleeps ------------------------------- */

enum { WARM = 150, REST = 40, WINDOW = 8 };

static unsigned unanswered(struct world *w)
{
	unsigned n = 0;

	for (unsigned seq = 1; seq < w->next; seq++)
		n += !w->acked[seq];
	return n;
}

static bool all_handed_are_acked(struct world *w)
{
	return w->next > WARM && unanswered(w) == 0;
}

/* Enough clean exchanges for the largest window; then the server is stopped, and the window fills up. */
static void fill_window(struct world *w)
{
	make_world(w, WARM + REST);
	w->quota = WARM;
	start_server(w);
	start_coap(w);
	CHECK(wait_for(w, all_handed_are_acked, 60));
	CHECK_UINT(w->credits, WINDOW);
	kill(w->server, SIGSTOP);
	w->quota = UINT_MAX;
	hand_over_all(w);
	CHECK_UINT(unanswered(w), WINDOW);
}

static void each_once(struct world *w, const char *what, struct mono begin)
{
	CHECK(wait_for(w, all_acked, 60));
	printf("  %s: readings flow %llu s later\n", what,
	       (unsigned long long)mono_since(rt_mono(), begin) / 1000);
	for (unsigned seq = 1; seq <= WARM + REST; seq++) {
		CHECK(w->page->times[seq] >= 1);
		CHECK_UINT(w->handed[seq], 1); /* hub-store is not asked for it again */
	}
	end_world(w);
}

static void test_full_window_killed(void)
{
	struct mono begin;
	struct world w;

	fill_window(&w);
	end(&w.server, SIGKILL);
	begin = rt_mono();
	start_server(&w);
	each_once(&w, "full window, server killed", begin);
}

/* It sleeps for less than it takes to call it dead, and for more. */
static void sleep_for(unsigned seconds)
{
	struct mono begin;
	struct world w;

	fill_window(&w);
	w.kill_at = mono_add(rt_mono(), seconds * 1000);
	wait_for(&w, is_kill_time, seconds + 5);
	CHECK_INT(w.went_down, seconds > 30);
	CHECK(!has_incident(&w)); /* silence is not an attack */
	kill(w.server, SIGCONT);
	begin = rt_mono();
	each_once(&w,
		  seconds > 30 ? "full window, server slept 45 s"
			       : "full window, server slept 15 s",
		  begin);
}

static void test_full_window_short_sleep(void)
{
	sleep_for(15);
}

static void test_full_window_long_sleep(void)
{
	sleep_for(45);
}

/* hub-coap is there first, its packets are refused by the clinic's machine; then the server comes. */
static void test_server_late(void)
{
	struct world w;

	make_world(&w, BATCHES);
	start_server(&w);
	end(&w.server, SIGTERM);
	start_coap(&w);
	CHECK(!wait_for(&w, is_connected, 3));
	CHECK(!has_incident(&w)); /* a closed port is not an attack */
	start_server(&w);
	CHECK(wait_for(&w, all_acked, 20));
	end_world(&w);
}

static void set_link(bool up)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK_INT(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

/* The cable is pulled with requests in flight, longer than a session lives, and
 * put back: sending fails at once, in the session and in each new attempt. */
static void test_link_down(void)
{
	struct mono back;
	struct world w;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) && unshare(CLONE_NEWNET)) {
		printf("  SKIP link-down: no network namespace for this user\n");
		return;
	}
	set_link(true);
	make_world(&w, BATCHES);
	w.quota = 10;
	start_server(&w);
	start_coap(&w);
	CHECK(wait_for(&w, some_acked, 10));
	set_link(false);
	w.quota = 20;
	hand_over_all(&w);
	CHECK(wait_for(&w, is_disconnected, 45));
	CHECK(!wait_for(&w, is_connected, 5));
	CHECK(!has_incident(&w));
	set_link(true);
	back = rt_mono();
	w.quota = UINT_MAX;
	CHECK(wait_for(&w, all_acked, 40));
	printf("  link-down: readings flow %llu s after the link's return\n",
	       (unsigned long long)mono_since(rt_mono(), back) / 1000);
	end_world(&w);
}

/* hub-coap is killed again and again, at any moment: everything arrives all the same. */
static void test_coap_killed(void)
{
	unsigned rounds = 0;
	struct world w;

	make_world(&w, BATCHES);
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
	static const struct named_test all[] = {
		{ "deliver", test_deliver },
		{ "largest", test_largest },
		{ "wrong-servers", test_wrong_servers },
		{ "no-downgrade", test_no_downgrade },
		{ "wrong-hubs", test_wrong_hubs },
		{ "useless-answers", test_useless_answers },
		{ "server-killed", test_server_killed },
		{ "server-frozen", test_server_frozen },
		{ "full-window-killed", test_full_window_killed },
		{ "full-window-short", test_full_window_short_sleep },
		{ "full-window-long", test_full_window_long_sleep },
		{ "server-late", test_server_late },
		{ "link-down", test_link_down },
		{ "coap-killed", test_coap_killed }
	};

	return run_at_once(argc, argv, "uplink-io", all, sizeof(all) / sizeof(*all));
}
