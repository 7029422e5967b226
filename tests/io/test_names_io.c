/*
 * test_names_io.c - the real hub-coap and a clinic that has a name only, with a name server that may lie.
 *
 * In a network and mount namespace of its own, where resolv.conf names that server and nothing else is reachable.
 */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "hub/rt/resolve.h"
#include "tests/io/dns_server.h"
#include "tests/io/uplink_world.h"

enum { BATCHES = 20 };

static struct dns_page *dns;

static bool is_connected(struct world *w)
{
	return w->connected;
}

static bool identity_refused(struct world *w)
{
	return w->incidents[INCIDENT_SERVER_IDENTITY] > 0;
}

static bool dns_was_asked(struct world *w)
{
	(void)w;
	return dns->queries > 0;
}

static void make_config(struct world *w, struct msg_coap_config *c)
{
	(void)w;
	memset(c->endpoints[0].addr, 0, sizeof(c->endpoints[0].addr));
}

static void set_link(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK_INT(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

static void put_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	CHECK(f != NULL);
	fputs(text, f);
	fclose(f);
}

/* false: this user may not. */
static bool make_namespaces(void)
{
	char path[] = "/tmp/names-io-XXXXXX";
	uid_t uid = getuid();
	char map[32];
	int fd;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS)) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS))
			return false;
		snprintf(map, sizeof(map), "0 %u 1", uid);
		put_text("/proc/self/uid_map", map);
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return false;
	fd = mkstemp(path);
	CHECK(fd >= 0);
	close(fd);
	put_text(path, "nameserver 127.0.0.1\n");
	if (mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL))
		return false;
	put_text("/etc/resolv.conf", "nameserver 127.0.0.1\n");
	unlink(path);
	set_link();
	return true;
}

static void dns_says(const char *const *addresses)
{
	dns->count = 0;
	for (; *addresses; addresses++)
		CHECK_INT(inet_pton(AF_INET, *addresses, dns->addresses[dns->count++]),
			  1);
	dns->mode = DNS_ANSWER;
}

static void begin(struct world *w)
{
	static const char *const right[] = { "127.0.0.1", NULL };

	dns_says(right);
	dns->queries = 0;
	make_world(w, BATCHES);
	w->make_config = make_config;
	start_server(w);
}

static void test_name_only(void)
{
	struct world w;

	begin(&w);
	start_coap(&w);
	CHECK(wait_for(&w, all_acked, 30));
	CHECK(dns->queries > 0);
	end_world(&w);
}

/* No such name, no address, no answer, nonsense: nothing is sent to anybody, and then it is right again. */
static void test_bad_answers(void)
{
	static const enum dns_mode modes[] = { DNS_NO_NAME, DNS_NOTHING, DNS_SILENT,
					       DNS_GARBAGE, DNS_LIE_LENGTH };

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct world w;

		begin(&w);
		dns->mode = modes[i];
		start_coap(&w);
		CHECK(wait_for(&w, dns_was_asked, 20));
		CHECK(!wait_for(&w, is_connected, 3));
		CHECK_UINT(w.page->handshakes_seen, 0);
		CHECK_UINT(w.incidents[INCIDENT_HANDSHAKE], 0);
		dns->mode = DNS_ANSWER;
		CHECK(wait_for(&w, all_acked, 60));
		end_world(&w);
	}
}

/* An impostor with a certificate of the same CA and name, but another key, on the address that DNS says first. */
static void test_impostor(void)
{
	static const char *const lie[] = { "127.0.0.2", NULL };
	static const char *const both[] = { "127.0.0.2", "127.0.0.1", NULL };
	char dir[PATH_MAX], path[PATH_MAX + 8];
	struct page *p;
	struct world w;
	pid_t server;

	begin(&w);
	snprintf(dir, sizeof(dir), "%s/b", w.dir);
	CHECK_INT(mkdir(dir, 0700), 0);
	p = map_page(dir);
	p->root = w.root;
	p->profile = DTLS_PROFILE_13_CID;
	p->port = w.page->port;
	snprintf(p->address, sizeof(p->address), "127.0.0.2");
	CHECK_INT(pki_make_server(&w.root, NAME, rt_wall().ms, &p->server), 0);
	server = start_server_of(dir, p);
	dns_says(lie);
	start_coap(&w);
	CHECK(wait_for(&w, identity_refused, 20));
	CHECK(!wait_for(&w, is_connected, 1));
	dns_says(
		both); /* all of them are tried, in whatever order the resolver gives them */
	CHECK(wait_for(&w, all_acked, 60));
	CHECK_UINT(p->requests, 0);
	end(&server, SIGTERM);
	munmap(p, sizeof(*p));
	snprintf(path, sizeof(path), "%s/page", dir);
	unlink(path);
	rmdir(dir);
	end_world(&w);
}

/* An address where nobody is: nothing happens but tries. */
static void test_nobody_there(void)
{
	static const char *const nobody[] = { "127.0.0.9", NULL };
	struct world w;

	begin(&w);
	dns_says(nobody);
	start_coap(&w);
	CHECK(wait_for(&w, dns_was_asked, 20));
	CHECK(!wait_for(&w, is_connected, 3));
	CHECK_UINT(w.page->handshakes_seen, 0);
	CHECK_UINT(w.incidents[INCIDENT_HANDSHAKE], 0); /* silence is not an attack */
	end_world(&w);
}

struct answers {
	struct rt *rt;
	size_t count;
	uint8_t addrs[RESOLVE_ADDRESSES_MAX][16];
};

static void on_answer(void *arg, size_t count, const uint8_t (*addrs)[16])
{
	struct answers *a = arg;

	a->count = count;
	memcpy(a->addrs, addrs, count * sizeof(*addrs));
	rt_stop(a->rt);
}

/* More addresses than anybody has, and some twice: the first few, each once. */
static void test_many_addresses(void)
{
	struct answers a = { .rt = rt_new(), .count = 99 };
	struct rt_resolve *r;

	for (unsigned i = 0; i < 40; i++)
		memcpy(dns->addresses[i],
		       (uint8_t[4]){ 127, 0, 0, (uint8_t)(10 + i / 2) }, 4);
	dns->count = 40;
	dns->mode = DNS_ANSWER;
	CHECK_INT(rt_resolve_new(a.rt, "many.test", on_answer, &a, &r), 0);
	rt_run(a.rt);
	rt_resolve_free(r);
	rt_free(a.rt);
	CHECK_UINT(a.count, RESOLVE_ADDRESSES_MAX);
	for (size_t i = 0; i < a.count; i++) {
		CHECK_UINT(a.addrs[i][10], 0xff);
		CHECK_UINT(a.addrs[i][12], 127);
		for (size_t k = 0; k < i; k++)
			CHECK(memcmp(a.addrs[i], a.addrs[k], 16) != 0);
	}
}

/* Names that are no names: nothing is asked, nothing breaks. */
static void test_asked_too_much(void)
{
	char name[RESOLVE_NAME_MAX + 2];
	struct rt_resolve *r[RESOLVE_PENDING_MAX + 1];
	struct rt *rt = rt_new();

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	CHECK_INT(rt_resolve_new(rt, name, NULL, NULL, &r[0]), -EMSGSIZE);
	CHECK_INT(rt_resolve_new(rt, "", NULL, NULL, &r[0]), -EMSGSIZE);
	dns->mode = DNS_SILENT;
	for (size_t i = 0; i < RESOLVE_PENDING_MAX; i++)
		CHECK_INT(rt_resolve_new(rt, NAME, NULL, NULL, &r[i]), 0);
	CHECK_INT(rt_resolve_new(rt, NAME, NULL, NULL, &r[RESOLVE_PENDING_MAX]), -ENOSPC);
	for (size_t i = 0; i < RESOLVE_PENDING_MAX; i++)
		rt_resolve_free(r[i]);
	rt_free(rt); /* waits for those that a thread has begun with */
}

int main(int argc, char **argv)
{
	static test_fn *const tests[] = { test_name_only,      test_bad_answers,
					  test_impostor,       test_nobody_there,
					  test_many_addresses, test_asked_too_much };
	pid_t server;

	if (argc == 3 && strcmp(argv[1], "server") == 0)
		return server_main(argv[2]);
	CHECK_INT(crypto_init(), 0);
	test_name = "names-io";
	if (!make_namespaces()) {
		printf("  SKIP names-io: no namespaces for this user\n");
		return 0;
	}
	server = dns_start(&dns);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		tests[i]();
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	printf("ok names-io (%zu)\n", sizeof(tests) / sizeof(*tests));
	return 0;
}
