/*
 * test_hostile_server.c - the real hub-coap and a server with the right certificate that means ill.
 *
 * For each thing that it may do: hub-coap lives (it runs under the sanitizers), sends no more than a bounded number
 * of datagrams, acknowledges nothing to hub-store that it should not, and delivers everything once the server is honest.
 */
#include "tests/io/hostile_server.h"

enum {
	BATCHES = 12,
	WATCH_MS = 6000, /* how long it means ill, once it has been asked something */
	/* Datagrams of hub-coap in that time, beside one for each of the server's: handshakes with their repetitions,
	 * and requests. A hub that answers without a pause sends thousands. */
	OWN_MAX = 80,
	RECOVER_S = 100,
};

struct act {
	const char *name;
	enum hostile act;
	enum inject inject;
	const char *bytes; /* hex, for HOSTILE_REPLY and HOSTILE_OPTION */
	unsigned code;
	bool waits; /* the server's word is obeyed: a new process must come to see its change of mind */
};

static const struct act acts[] = {
	{ "nothing-hostile", HOSTILE_NOT, 0, NULL, 0, false },
	{ "mute", HOSTILE_MUTE, 0, NULL, 0, false },
	{ "empty-ack", HOSTILE_EMPTY_ACK, 0, NULL, 0, false },
	{ "foreign-token", HOSTILE_FOREIGN_TOKEN, 0, NULL, 0, false },
	{ "rst-storm", HOSTILE_RST_STORM, 0, NULL, 0, false },
	{ "con-storm", HOSTILE_CON_STORM, 0, NULL, 0, false },
	{ "request-storm", HOSTILE_REQUEST_STORM, 0, NULL, 0, false },
	/* contig */
	{ "contig-0", HOSTILE_REPLY, 0, "a10100", 0, false },
	{ "contig-beyond", HOSTILE_REPLY, 0, "a1010d", 0, false },
	{ "contig-2^63", HOSTILE_REPLY, 0, "a1011b8000000000000000", 0, false },
	{ "contig-2^64-1", HOSTILE_REPLY, 0, "a1011bffffffffffffffff", 0, false },
	{ "contig-negative", HOSTILE_REPLY, 0, "a10120", 0, false },
	{ "range-beyond", HOSTILE_REPLY, 0, "a2010002818201190fff", 0, false },
	{ "ranges-unordered", HOSTILE_REPLY, 0, "a20100028282030482 0102", 0, false },
	{ "refused-beyond", HOSTILE_REPLY, 0, "a20100038182190fff01", 0, false },
	/* CBOR */
	{ "nothing", HOSTILE_REPLY, 0, "", 0, false },
	{ "empty-map", HOSTILE_REPLY, 0, "a0", 0, false },
	{ "not-a-map", HOSTILE_REPLY, 0, "8101", 0, false },
	{ "indefinite-map", HOSTILE_REPLY, 0, "bf010cff", 0, false },
	{ "indefinite-list", HOSTILE_REPLY, 0, "a20100029f82010cff", 0, false },
	{ "count-2^64", HOSTILE_REPLY, 0, "bbffffffffffffffff010c", 0, false },
	{ "ranges-2^64", HOSTILE_REPLY, 0, "a20100029bffffffffffffffff82010c", 0, false },
	{ "nested", HOSTILE_REPLY, 0,
	  "a2010c1863"
	  "8181818181818181818181818181818181818181818181818181818181818181818180",
	  0, false },
	{ "duplicate-keys", HOSTILE_REPLY, 0, "a20100010c", 0, false },
	{ "trailing", HOSTILE_REPLY, 0, "a1010c00", 0, false },
	{ "cut", HOSTILE_REPLY, 0, "a10119", 0, false },
	{ "long-text", HOSTILE_REPLY, 0, "a2010c18637b00000000ffffffff41", 0, false },
	/* options: Max-Age is 14, Block2 23 */
	{ "max-age-2^32-1", HOSTILE_OPTION, 0, "d401ffffffff", COAP_CODE_UNAVAILABLE,
	  true },
	{ "max-age-5-bytes", HOSTILE_OPTION, 0, "d5010100000000", COAP_CODE_UNAVAILABLE,
	  false },
	{ "option-too-long", HOSTILE_OPTION, 0, "ce00ffffa1010c", COAP_CODE_CHANGED,
	  false },
	{ "option-reserved", HOSTILE_OPTION, 0, "f1ffa1010c", COAP_CODE_CHANGED, false },
	{ "option-delta", HOSTILE_OPTION, 0, "e0ffffe0ffffffa1010c", COAP_CODE_CHANGED,
	  false },
	{ "critical-option", HOSTILE_OPTION, 0, "e125e400ffa1010c", COAP_CODE_CHANGED,
	  false },
	{ "block2-more", HOSTILE_OPTION, 0, "d10a0effa1010c", COAP_CODE_CHANGED, false },
	{ "block2-later", HOSTILE_OPTION, 0, "d20a00feffa1010c", COAP_CODE_CHANGED,
	  false },
	{ "block2-szx-7", HOSTILE_OPTION, 0, "d10a0fffa1010c", COAP_CODE_CHANGED, false },
	{ "code-0.00", HOSTILE_OPTION, 0, "ffa1010c", 0, false },
	{ "code-7.31", HOSTILE_OPTION, 0, "ffa1010c", 255, false },
	{ "long-token", HOSTILE_TOKEN_LONG, 0, NULL, 0, false },
	{ "reserved-token", HOSTILE_TOKEN_RESERVED, 0, NULL, 0, false },
	{ "noise-inside", HOSTILE_GARBAGE, 0, NULL, 0, false },
	{ "noise-outside", HOSTILE_CLEAR, 0, NULL, 0, false },
	/* into the handshake */
	{ "handshake-garbage", HOSTILE_NOT, INJECT_GARBAGE, NULL, 0, false },
	{ "handshake-alerts", HOSTILE_NOT, INJECT_ALERTS, NULL, 0, false },
	{ "handshake-fragments", HOSTILE_NOT, INJECT_FRAGMENTS, NULL, 0, false },
};

enum { ACTS = sizeof(acts) / sizeof(*acts) };

static struct hostile_page *h;

static bool was_asked(struct world *w)
{
	(void)w;
	return h->requests > 0 || (h->inject && h->hellos > 0);
}

static bool is_time(struct world *w)
{
	return mono_reached(rt_mono(), w->kill_at);
}

static void set_act(const struct act *a)
{
	size_t n = 0;

	for (const char *p = a->bytes ? a->bytes : ""; p[0]; p += 2) {
		unsigned v;

		while (*p == ' ')
			p++;
		CHECK_INT(sscanf(p, "%2x", &v), 1);
		h->reply[n++] = (uint8_t)v;
	}
	h->reply_len = n;
	h->code = a->code;
	h->inject = a->inject;
	h->act = a->act;
}

/* hub-store hands over again what was not named. */
static void hand_over_again(struct world *w)
{
	w->next = 1;
	hand_over_all(w);
}

static void check_alive(struct world *w)
{
	int status;

	CHECK_INT(waitpid(w->coap, &status, WNOHANG), 0);
}

static unsigned count_acked(const struct world *w)
{
	unsigned n = 0;

	for (unsigned seq = 1; seq <= BATCHES; seq++)
		n += w->acked[seq];
	return n;
}

static void one(const struct act *a, enum dtls_profile profile)
{
	struct world w;
	pid_t server;
	unsigned own;

	h = hostile_new();
	make_world(&w, BATCHES);
	w.page->profile = profile;
	snprintf(h->chain, sizeof(h->chain), "%s", w.page->server.cert);
	snprintf(h->key, sizeof(h->key), "%s", w.page->server.key);
	h->dtls13 = profile == DTLS_PROFILE_13_CID;
	set_act(a);
	server = hostile_start(h, w.page);
	CHECK(server > 0);
	w.port = h->port;
	start_coap(&w);
	CHECK(wait_for(&w, was_asked, 60));
	w.kill_at = mono_add(rt_mono(), WATCH_MS);
	wait_for(&w, is_time, WATCH_MS / 1000 + 60);
	check_alive(&w);
	own = h->came > h->sent ? h->came - h->sent : 0;
	if (own > OWN_MAX)
		fprintf(stderr, "%s: %u datagrams came, %u went\n", a->name, h->came,
			h->sent);
	CHECK(own <= OWN_MAX);
	if (a->act != HOSTILE_NOT)
		CHECK_UINT(count_acked(&w), 0);
	h->inject = INJECT_NOT;
	h->act = HOSTILE_NOT;
	if (a->waits) {
		end(&w.coap, SIGTERM);
		start_coap(&w);
	}
	hand_over_again(&w);
	CHECK(wait_for(&w, all_acked, RECOVER_S));
	check_alive(&w);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	end_world(&w);
}

/* Most of the time is waiting: each is a process of its own, all at once. */
int main(int argc, char **argv)
{
	pid_t pids[2 * ACTS];
	int status, bad = 0;

	CHECK_INT(crypto_init(), 0);
	for (unsigned i = 0; i < 2 * ACTS; i++) {
		const struct act *a = &acts[i / 2];

		fflush(stdout);
		pids[i] = 0;
		if (argc == 2 && strcmp(argv[1], a->name) != 0)
			continue;
		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			test_name = a->name;
			test_seed = (uint64_t)time(NULL) + i;
			test_state = test_seed | 1;
			one(a, i % 2 ? DTLS_PROFILE_12_CID : DTLS_PROFILE_13_CID);
			exit(0);
		}
	}
	for (unsigned i = 0; i < 2 * ACTS; i++) {
		if (pids[i] == 0)
			continue;
		CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
		if (status)
			fprintf(stderr, "failed: %s, DTLS 1.%d\n", acts[i / 2].name,
				i % 2 ? 2 : 3);
		bad |= status;
	}
	if (bad)
		return 1;
	printf("ok hostile-server (%d)\n", 2 * ACTS);
	return 0;
}
