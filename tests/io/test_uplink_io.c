/*
 * test_uplink_io.c - the real hub-coap against the real coap/server over DTLS on loopback.
 */
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

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
		    { "server-late", test_server_late },
		    { "link-down", test_link_down },
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
