/*
 * test_endpoints_io.c - the real hub-coap between two servers of one clinic: failing over, and another config.
 *
 * The second server has a page of its own and counts the seqs in the first one's, as both ends of a clinic have
 * one database.
 */
#include "tests/io/uplink_world.h"

enum { BATCHES = 200 };

struct two {
	struct world w; /* first: handlers are given a world */
	char dir[PATH_MAX];
	struct page *page;
	pid_t server;
	/* of the config: a, b, x (b with a wrong pin) */
	char list[CONFIG_ENDPOINTS_MAX + 1];
	uint64_t version; /* of the config */
	bool before_bad;  /* a new hub-coap is told the list "a" first */
};

static void make_config(struct world *w, struct msg_coap_config *c)
{
	struct two *t = (struct two *)w;
	struct msg before = { .kind = MSG_COAP_CONFIG, .coap_config = *c };

	if (t->before_bad) {
		before.coap_config.version = t->version - 1;
		CHECK_INT(ipc_send(w->hubd, &before), 0);
	}
	c->version = t->version;
	c->endpoint_count = (uint8_t)strlen(t->list);
	for (size_t i = 0; i < c->endpoint_count; i++) {
		struct config_endpoint *e = &c->endpoints[i];

		make_endpoint(w, t->list[i] == 'a' ? w->page : t->page, e);
		if (t->list[i] == 'x')
			e->pins[0][0] ^= 1;
	}
}

static void make_two(struct two *t, const char *list)
{
	struct world *w = &t->w;

	*t = (struct two){ .version = 7 };
	make_world(w, BATCHES);
	w->make_config = make_config;
	w->quota = 10;
	snprintf(t->list, sizeof(t->list), "%s", list);
	snprintf(t->dir, sizeof(t->dir), "%s/b", w->dir);
	CHECK_INT(mkdir(t->dir, 0700), 0);
	t->page = map_page(t->dir);
	CHECK_INT(pki_make_server(&w->root, NAME, rt_wall().ms, &t->page->server), 0);
	t->page->root = w->root;
	t->page->profile = DTLS_PROFILE_13_CID;
	snprintf(t->page->store, sizeof(t->page->store), "%s", w->dir);
	start_server(w);
	t->server = start_server_of(t->dir, t->page);
	start_coap(w);
}

static void end_two(struct two *t)
{
	char path[PATH_MAX + 8];

	end(&t->server, SIGTERM);
	munmap(t->page, sizeof(*t->page));
	snprintf(path, sizeof(path), "%s/page", t->dir);
	unlink(path);
	rmdir(t->dir);
	end_world(&t->w);
}

static bool first_acked(struct world *w)
{
	for (unsigned seq = 1; seq < w->next; seq++)
		if (!w->acked[seq])
			return false;
	return w->next > 1;
}

static bool second_asked(struct world *w)
{
	return ((struct two *)w)->page->requests > 0;
}

static bool identity_refused(struct world *w)
{
	return w->incidents[INCIDENT_SERVER_IDENTITY] > 0;
}

/* So many more batches are handed over and arrive. */
static void deliver(struct two *t, unsigned batches, unsigned seconds)
{
	t->w.quota = batches;
	hand_over_all(&t->w);
	CHECK(wait_for(&t->w, first_acked, seconds));
}

static void new_list(struct two *t, const char *list)
{
	snprintf(t->list, sizeof(t->list), "%s", list);
	t->version++;
	send_config(&t->w);
}

static bool is_proven(struct world *w)
{
	return w->proven == ((struct two *)w)->version;
}

/* The endpoint in use falls silent: the next one has the readings less than a minute later. */
static void test_fails_over(void)
{
	struct mono begin;
	struct two t;

	make_two(&t, "ab");
	deliver(&t, 10, 20);
	CHECK_UINT(t.page->requests, 0);
	kill(t.w.server, SIGSTOP);
	begin = rt_mono();
	deliver(&t, 20, 60);
	printf("  failover: readings flow %llu s after the first endpoint fell silent\n",
	       (unsigned long long)mono_since(rt_mono(), begin) / 1000);
	CHECK(t.page->requests > 0);
	CHECK_UINT(t.page->handshakes_seen, 1);
	end_two(&t);
}

/* Another config: readings go on, over the new connection, and at no moment there is none. */
static void test_new_config(void)
{
	struct two t;

	make_two(&t, "a");
	deliver(&t, 10, 20);
	new_list(&t, "b");
	CHECK(wait_for(&t.w, second_asked, 20));
	deliver(&t, 30, 20);
	CHECK(wait_for(&t.w, is_proven, 20));
	CHECK_UINT(t.w.went_down, 0);
	CHECK_UINT(t.page->handshakes_seen, 1);
	CHECK_UINT(t.w.page->handshakes_seen, 1);
	end(&t.w.server, SIGKILL); /* it is not needed any more */
	deliver(&t, 30, 20);
	CHECK_UINT(t.w.went_down, 0);
	end_two(&t);
}

/* A config with a wrong pin: refused, told, and the endpoint before serves on. Then a good one. */
static void test_bad_config(void)
{
	struct two t;

	make_two(&t, "a");
	deliver(&t, 10, 20);
	new_list(&t, "x");
	CHECK(wait_for(&t.w, identity_refused, 20));
	deliver(&t, 30, 20);
	CHECK_UINT(t.page->requests, 0);
	CHECK_UINT(t.w.went_down, 0);
	CHECK_UINT(t.w.proven, 7); /* the one before, not this one */
	new_list(&t, "b");
	CHECK(wait_for(&t.w, second_asked, 20));
	deliver(&t, 30, 20);
	CHECK_UINT(t.w.went_down, 0);
	end_two(&t);
}

/* A server that lets us in and acknowledges nothing: back to the one before. */
static void test_useless_config(void)
{
	struct two t;

	make_two(&t, "a");
	deliver(&t, 10, 20);
	t.page->mode = MODE_NO_CONTIG;
	new_list(&t, "b");
	CHECK(wait_for(&t.w, second_asked, 20));
	deliver(&t, 30, 90); /* over the first one again */
	CHECK(t.page->requests <
	      60); /* a few useless answers at each of a few attempts */
	CHECK_UINT(t.w.page->handshakes_seen, 1); /* which was kept all the time */
	CHECK_UINT(t.w.went_down, 0);
	end_two(&t);
}

/* hub-coap starts anew while the config is a bad one: hubd tells it the way back first. */
static void test_bad_config_and_restart(void)
{
	struct two t;

	make_two(&t, "a");
	deliver(&t, 10, 20);
	CHECK(wait_for(&t.w, is_proven, 20));
	new_list(&t, "x");
	t.before_bad = true;
	end(&t.w.coap, SIGKILL);
	start_coap(&t.w);
	deliver(&t, 30, 60);
	CHECK_UINT(t.page->requests, 0);
	CHECK_UINT(t.w.proven, 7);
	end_two(&t);
}

/* Both in the list, only the order changes: the connection is not touched. */
static void test_same_endpoints(void)
{
	struct two t;

	make_two(&t, "ab");
	deliver(&t, 10, 20);
	new_list(&t, "ba");
	deliver(&t, 30, 20);
	CHECK_UINT(t.page->requests, 0);
	CHECK_UINT(t.w.went_down, 0);
	end_two(&t);
}

int main(int argc, char **argv)
{
	static const struct named_test all[] = {
		{ "fails-over", test_fails_over },
		{ "new-config", test_new_config },
		{ "bad-config", test_bad_config },
		{ "useless-config", test_useless_config },
		{ "bad-config-restart", test_bad_config_and_restart },
		{ "same-endpoints", test_same_endpoints }
	};

	return run_at_once(argc, argv, "endpoints-io", all, sizeof(all) / sizeof(*all));
}
