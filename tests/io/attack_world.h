#pragma once

/*
 * attack_world.h - a coap/server in a process of its own, and what raw hubs need to talk to it.
 *
 * Its handler counts, and answers 2.04 with one byte. The page is shared with it. What it does with a GET is the test's.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "clinic/pki.h"
#include "coap/server.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/rt.h"
#include "tests/io/raw_hub.h"
#include "tests/unit/test.h"

enum { PATIENCE_MS = 30000 };

struct attack_page {
	volatile uint16_t port;
	volatile unsigned calls;    /* of the request handler */
	volatile unsigned admitted; /* handshakes that came as far as the certificate */
	volatile size_t sessions;   /* when the handler ran last */
};

static struct attack_page *page;
static struct pki_pair root, clinic, hub_pair;
static struct WOLFSSL_CTX *hubs; /* the context of all raw hubs */
static struct coap_server *in_child;
static pid_t server_pid;
/* NULL: it takes none */
__attribute__((unused)) static void (*world_get)(void *arg,
						 const struct coap_server_get *rq,
						 struct coap_server_content *ret);

static inline bool world_admit(void *arg, const uint8_t spki[static PIN_LEN])
{
	(void)arg;
	page->admitted++;
	return memcmp(spki, hub_pair.spki, PIN_LEN) == 0;
}

static inline void world_request(void *arg, const struct coap_server_request *rq,
				 struct coap_server_response *ret)
{
	(void)arg;
	(void)rq;
	page->calls++;
	page->sessions = coap_server_sessions(in_child);
	ret->code = COAP_CODE_CHANGED;
	ret->len = 1;
	ret->body[0] = (uint8_t)page->calls;
}

static inline void world_serve(enum dtls_profile profile)
{
	struct coap_server_config cfg = { .address = "127.0.0.1",
					  .profile = profile,
					  .cert_pem = clinic.cert,
					  .key_pem = clinic.key,
					  .ca_pem = root.cert,
					  .admit = world_admit,
					  .request = world_request,
					  .get = world_get };
	struct rt *rt = rt_new();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (coap_server_new(rt, &cfg, &in_child))
		_exit(1);
	page->port = coap_server_port(in_child);
	rt_run(rt);
	coap_server_free(in_child);
	rt_free(rt);
	_exit(0);
}

/* A server with nothing in it. */
static inline void world_begin(enum dtls_profile profile)
{
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	CHECK_INT(crypto_init(), 0);
	if (!root.cert[0]) {
		uint8_t id[HUB_ID_LEN];

		CHECK_INT(pki_make_root("Test", rt_wall().ms, &root), 0);
		CHECK_INT(pki_make_server(&root, "clinic.test", rt_wall().ms, &clinic),
			  0);
		CHECK_INT(pki_make_hub(&root, rt_wall().ms, &hub_pair, id), 0);
	}
	fflush(stdout);
	server_pid = fork();
	CHECK(server_pid >= 0);
	if (server_pid == 0)
		world_serve(profile);
	hubs = raw_hub_context(profile, &hub_pair, &root);
	for (int i = 0; i < PATIENCE_MS / 10 && !page->port; i++)
		usleep(10000);
	CHECK(page->port);
}

/* It ends as it should when asked to, and not before. */
static inline void world_end_server(void)
{
	int status;

	CHECK_INT(kill(server_pid, SIGTERM), 0);
	CHECK_INT(waitpid(server_pid, &status, 0), server_pid);
	CHECK_INT(status, 0);
}

static inline void world_end(void)
{
	raw_hub_context_free(hubs);
	munmap(page, sizeof(*page));
}

static inline void world_connect(struct raw_hub *h, bool cid)
{
	bool up;

	raw_hub_open(h, hubs, page->port, cid);
	up = raw_hub_connect(h, PATIENCE_MS);
	CHECK_INT(h->error, 0);
	CHECK(up);
}

#define CHECK_ANSWERED(h)                                                                \
	CHECK_INT(raw_hub_ask((h), "x", 1, PATIENCE_MS), COAP_CODE_CHANGED)
