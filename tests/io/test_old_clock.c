/*
 * test_old_clock.c - a hub-coap that believes it is 1970, against real servers: it must connect, and no server whose
 * certificate is known to have ended may be taken.
 */
#include "tests/io/uplink_world.h"

enum { BATCHES = 5 };

static bool is_connected(struct world *w)
{
	return w->connected;
}

static bool is_refused(struct world *w)
{
	return w->incidents[INCIDENT_HANDSHAKE] + w->incidents[INCIDENT_SERVER_IDENTITY] >
	       0;
}

static bool has_time_incident(struct world *w)
{
	return w->incidents[INCIDENT_TIME] > 0;
}

static void make_server_at(struct world *w, const struct pki_pair *root, int64_t ms)
{
	CHECK_INT(pki_make_server(root, NAME, ms, &w->page->server), 0);
	memcpy(w->pin, w->page->server.spki, PIN_LEN);
}

static void make_hub_at(struct world *w, int64_t ms)
{
	CHECK_INT(pki_make_root("Test", ms, &w->root), 0);
	CHECK_INT(pki_make_hub(&w->root, ms, &w->hub, w->hub_id), 0);
	w->page->root = w->root;
	write_identity(w, &w->hub);
}

static void works(struct world *w)
{
	start_server(w);
	start_coap(w);
	CHECK(wait_for(w, all_acked, 30));
	CHECK(!is_refused(w));
	end_world(w);
}

static void refused(struct world *w)
{
	start_server(w);
	start_coap(w);
	CHECK(wait_for(w, is_refused, 30));
	CHECK(!wait_for(w, is_connected, 1));
	CHECK_UINT(w->page->requests, 0);
	end_world(w);
}

static void test_works(enum dtls_profile profile)
{
	int64_t now = rt_wall().ms;
	struct world w;

	make_world(&w, BATCHES); /* our own certificate tells how late it is at least */
	w.page->profile = profile;
	works(&w);

	make_world(&w, BATCHES); /* so does hubd */
	w.page->profile = profile;
	w.floor_ms = now;
	works(&w);

	/* The hub lay in a drawer for 20 days; the server's certificate was made meanwhile. */
	make_world(&w, BATCHES);
	w.page->profile = profile;
	make_hub_at(&w, now - 20 * DAY_MS);
	make_server_at(&w, &w.root, now);
	works(&w);
}

static void test_refused(enum dtls_profile profile)
{
	int64_t now = rt_wall().ms;
	struct pki_pair other_root;
	struct world w;

	make_world(&w, BATCHES); /* ended, by what hubd knows */
	w.page->profile = profile;
	w.floor_ms = now + (PKI_SERVER_DAYS + 2) * DAY_MS;
	refused(&w);

	make_world(&w, BATCHES); /* ended, by our own certificate's date */
	w.page->profile = profile;
	make_server_at(&w, &w.root, now - (PKI_SERVER_DAYS + 2) * DAY_MS);
	refused(&w);

	/* May have begun, but is of another CA, or not the pinned one. */
	make_world(&w, BATCHES);
	w.page->profile = profile;
	make_hub_at(&w, now - 20 * DAY_MS);
	CHECK_INT(pki_make_root("Test", now - 20 * DAY_MS, &other_root), 0);
	make_server_at(&w, &other_root, now);
	refused(&w);

	make_world(&w, BATCHES);
	w.page->profile = profile;
	make_hub_at(&w, now - 20 * DAY_MS);
	make_server_at(&w, &w.root, now);
	w.pin[0] ^= 1;
	refused(&w);
}

/* A server that says it is later than its own certificate is good for: readings flow, its time is not taken. */
static void test_lying_server(void)
{
	struct world w;

	make_world(&w, BATCHES);
	w.page->time_offset_ms = (PKI_SERVER_DAYS + 1) * DAY_MS;
	start_server(&w);
	start_coap(&w);
	CHECK(wait_for(&w, has_time_incident, 30));
	CHECK(wait_for(&w, all_acked, 30));
	CHECK(!w.has_time);
	end_world(&w);
}

int main(int argc, char **argv)
{
	char self[PATH_MAX] = { 0 }, path[PATH_MAX + 32];

	if (argc == 3 && strcmp(argv[1], "server") == 0)
		return server_main(argv[2]);
	CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	snprintf(path, sizeof(path), "%s/hub-coap-old-clock", dirname(self));
	CHECK_INT(setenv("HUB_COAP", path, 1), 0);
	CHECK_INT(crypto_init(), 0);
	test_name = "old-clock";
	test_works(DTLS_PROFILE_13_CID);
	test_works(DTLS_PROFILE_12_CID);
	test_refused(DTLS_PROFILE_13_CID);
	test_refused(DTLS_PROFILE_12_CID);
	test_lying_server();
	printf("ok old-clock (15)\n");
	return 0;
}
