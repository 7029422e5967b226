/*
 * test_coap_group.c - requests that arrive together at coap/server: handed over in order, answered when they are settled
 * and not before, each once.
 *
 * The server is a child process, stopped while requests are sent to it, so that it finds several. This side speaks plain
 * libcoap. How many a group has depends on the machine: what must hold, holds for each size, and a case that wants a
 * large one tries again.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "clinic/pki.h"
#include "coap/library.h"
#include "coap/mend.h"
#include "coap/server.h"
#include "coap/tune.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/rt.h"
#include "tests/unit/test.h"

enum { HUBS = 2, CALLS = 200, PATIENCE_MS = 20000, TRIES = 20, TOKENS = 256 };

/* What the server saw; in shared memory. */
struct page {
	volatile uint16_t port;
	volatile bool one_by_one; /* settle finishes one of those that wait */
	volatile bool silent;	  /* and answers nothing */
	volatile unsigned calls, settles, largest;
	volatile uint8_t asked[CALLS]; /* the bodies, one byte each */
	uint8_t spki[CALLS][PIN_LEN];
};

struct hub_end {
	struct pki_pair pair;
	struct library_identity id;
	coap_context_t *ctx;
	coap_session_t *session;
	bool connected;
};

static struct page *page;
static struct pki_pair root, server;
static struct hub_end hubs[HUBS];
static pid_t pid;
static unsigned answers[TOKENS]; /* by the body's byte, which is the token too */
static uint8_t next_token;

/* --- the server ---------------------------------------------------------------------- */

static struct {
	struct coap_server_response *ret;
	const uint8_t *body;
} held[COAP_SERVER_GROUP_MAX];
static unsigned held_count;
static bool settled_once; /* since the last request, and some wait */

static bool on_admit(void *arg, const uint8_t spki[static PIN_LEN])
{
	(void)arg;
	(void)spki;
	return true;
}

static void on_request(void *arg, const struct coap_server_request *rq,
		       struct coap_server_response *ret)
{
	(void)arg;
	if (page->calls == CALLS || held_count == COAP_SERVER_GROUP_MAX || settled_once ||
	    rq->len != 1)
		abort();
	page->asked[page->calls] = rq->body[0];
	memcpy(page->spki[page->calls++], rq->spki, PIN_LEN);
	ret->waits = true;
	held[held_count].body = rq->body;
	held[held_count++].ret = ret;
	if (held_count > page->largest)
		page->largest = held_count;
}

static void on_settle(void *arg)
{
	unsigned done = page->one_by_one ? 1 : held_count;

	(void)arg;
	page->settles++;
	for (unsigned i = 0; i < done; i++) {
		struct coap_server_response *ret = held[i].ret;

		ret->waits = false;
		ret->code = page->silent ? 0 : COAP_CODE_CHANGED;
		ret->len = 1;
		ret->body[0] = held[i].body[0];
	}
	held_count -= done;
	memmove(held, held + done, held_count * sizeof(*held));
	settled_once = held_count > 0;
}

static void run_server(void)
{
	struct coap_server_config cfg = { .address = "127.0.0.1",
					  .profile = DTLS_PROFILE_13_CID,
					  .cert_pem = server.cert,
					  .key_pem = server.key,
					  .ca_pem = root.cert,
					  .admit = on_admit,
					  .request = on_request,
					  .settle = on_settle };
	struct coap_server *s;
	struct rt *rt = rt_new();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (coap_server_new(rt, &cfg, &s))
		_exit(1);
	page->port = coap_server_port(s);
	rt_run(rt);
	coap_server_free(s);
	rt_free(rt);
	_exit(0);
}

static void start_server(void)
{
	memset(page, 0, sizeof(*page));
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		run_server();
	for (int ms = 0; !page->port; ms += 10) {
		CHECK(ms < PATIENCE_MS);
		usleep(10000);
	}
}

static void stop_server(void)
{
	int status;

	kill(pid, SIGTERM);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
}

/* --- the hubs ------------------------------------------------------------------------ */

static int accept_all(void *user, const uint8_t *der, size_t len, int depth, int error)
{
	(void)user;
	(void)der;
	(void)len;
	(void)depth;
	(void)error;
	return 1;
}

static int on_event(coap_session_t *s, const coap_event_t e)
{
	for (unsigned i = 0; i < HUBS; i++)
		if (hubs[i].session == s || !hubs[i].session)
			hubs[i].connected |= e == COAP_EVENT_DTLS_CONNECTED;
	return 0;
}

static coap_response_t on_response(coap_session_t *s, const coap_pdu_t *sent,
				   const coap_pdu_t *received, const coap_mid_t mid)
{
	coap_bin_const_t token = coap_pdu_get_token(received);
	const uint8_t *body;
	size_t len;

	(void)s;
	(void)sent;
	(void)mid;
	CHECK_INT(coap_pdu_get_code(received), COAP_CODE_CHANGED);
	CHECK_INT(coap_get_data(received, &len, &body), 1);
	CHECK_UINT(len, 1);
	CHECK_UINT(token.length, 1);
	CHECK_UINT(body[0], token.s[0]); /* its own answer */
	answers[body[0]]++;
	return COAP_RESPONSE_OK;
}

static void process(unsigned ms)
{
	for (unsigned i = 0; i < HUBS; i++)
		if (hubs[i].ctx)
			coap_io_process(hubs[i].ctx, ms ? ms : COAP_IO_NO_WAIT);
}

static void process_for(unsigned ms)
{
	struct mono end = mono_add(rt_mono(), ms);

	while (!mono_reached(rt_mono(), end))
		process(5);
}

static void connect_hub(struct hub_end *h)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
	struct mono end = mono_add(rt_mono(), PATIENCE_MS);
	coap_dtls_pki_t pki;
	coap_address_t to;

	CHECK_INT(library_identity_init(&h->id, h->pair.cert, h->pair.key, root.cert), 0);
	pki = library_pki(&h->id, "clinic.test");
	library_profile(DTLS_PROFILE_13_CID);
	library_addr(addr, page->port, &to);
	h->connected = false;
	h->ctx = coap_new_context(NULL);
	coap_register_event_handler(h->ctx, on_event);
	coap_register_response_handler(h->ctx, on_response);
	h->session =
		coap_new_client_session_pki(h->ctx, NULL, &to, COAP_PROTO_DTLS, &pki);
	CHECK(h->session);
	while (!h->connected) {
		CHECK(!mono_reached(rt_mono(), end));
		process(5);
	}
	tune_patience(h->session, TUNE_ACK_TIMEOUT_MIN_MS, 4);
}

static void leave(struct hub_end *h)
{
	coap_session_release(h->session);
	coap_free_context(h->ctx);
	library_identity_done(&h->id);
	h->ctx = NULL;
	h->session = NULL;
}

static void connect_hubs(void)
{
	for (unsigned i = 0; i < HUBS; i++)
		connect_hub(&hubs[i]);
	memset(answers, 0, sizeof(answers));
}

static void leave_hubs(void)
{
	for (unsigned i = 0; i < HUBS; i++)
		leave(&hubs[i]);
}

static uint8_t ask(unsigned hub, coap_pdu_type_t type)
{
	coap_pdu_t *p = coap_new_pdu(type, COAP_REQUEST_CODE_POST, hubs[hub].session);

	next_token++;
	coap_add_token(p, 1, &next_token);
	coap_add_option(p, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"u");
	coap_add_data(p, 1, &next_token);
	CHECK(coap_send(hubs[hub].session, p) != COAP_INVALID_MID);
	return next_token;
}

static void wait_for(uint8_t token)
{
	struct mono end = mono_add(rt_mono(), PATIENCE_MS);

	while (!answers[token]) {
		CHECK(!mono_reached(rt_mono(), end));
		process(5);
	}
}

/* --- cases --------------------------------------------------------------------------- */

/* Three of the one and two of the other, sent in turns. NON: nothing but the server's own turns goes on with them. */
static void send_five(uint8_t token[static 5])
{
	kill(pid, SIGSTOP);
	for (unsigned i = 0; i < 5; i++)
		token[i] = ask(i % 2, COAP_MESSAGE_NON);
	process(0);
	kill(pid, SIGCONT);
	for (unsigned i = 0; i < 5; i++)
		wait_for(token[i]);
}

/* In a group of all five: the lower key first, and each hub's own in their order. */
static void check_order(unsigned from, const uint8_t token[static 5])
{
	bool low_first = memcmp(hubs[0].pair.spki, hubs[1].pair.spki, PIN_LEN) < 0;
	const unsigned order[2][5] = { { 1, 3, 0, 2, 4 }, { 0, 2, 4, 1, 3 } };

	for (unsigned i = 0; i < 5; i++) {
		unsigned want = order[low_first][i];

		CHECK_UINT(page->asked[from + i], token[want]);
		CHECK_MEM(page->spki[from + i], hubs[want % 2].pair.spki, PIN_LEN);
	}
}

static void test_together(bool one_by_one)
{
	uint8_t token[5] = { 0 };
	unsigned from = 0;

	start_server();
	connect_hubs();
	page->one_by_one = one_by_one;
	for (int try = 0; page->largest < 5; try++) {
		CHECK(try < TRIES);
		from = page->calls;
		send_five(token);
		CHECK_UINT(page->calls, from + 5);
		for (unsigned i = 0; i < 5; i++)
			CHECK_UINT(answers[token[i]], 1);
	}
	check_order(from, token);
	CHECK(!one_by_one || page->settles == page->calls);
	leave_hubs();
	stop_server();
}

/* It comes again while the first waits: done once, and answered. */
static void test_duplicate(void)
{
	uint8_t token;

	start_server();
	connect_hubs();
	for (int i = 0; i < 2; i++) {
		kill(pid, SIGSTOP);
		token = ask(0, COAP_MESSAGE_CON);
		process_for(2 * TUNE_ACK_TIMEOUT_MIN_MS); /* 1 to 1.5 s, then again */
		ask(1, COAP_MESSAGE_NON);
		kill(pid, SIGCONT);
		wait_for(token);
		wait_for(next_token);
		process_for(100);
		CHECK_UINT(answers[token], 1);
		CHECK_UINT(page->calls, 2U * (unsigned)(i + 1));
	}
	leave_hubs();
	stop_server();
}

/* No answer is wanted: none comes, and the next time it is handed over again. */
static void test_silent(void)
{
	uint8_t token;

	start_server();
	connect_hubs();
	page->silent = true;
	token = ask(0, COAP_MESSAGE_CON);
	for (int ms = 0; page->calls < 2; ms += 5) {
		CHECK(ms < PATIENCE_MS);
		process(5);
	}
	CHECK_UINT(answers[token], 0);
	page->silent = false;
	wait_for(token);
	CHECK_UINT(answers[token], 1);
	leave_hubs();
	stop_server();
}

/* The connection ends behind its request: done, the answer goes nowhere, and the others have theirs. */
static void test_gone(void)
{
	uint8_t token;

	start_server();
	for (unsigned i = 0; i < 4; i++) {
		connect_hubs();
		page->one_by_one = i % 2;
		kill(pid, SIGSTOP);
		ask(0, COAP_MESSAGE_NON);
		leave(&hubs[0]); /* says so */
		token = ask(1, COAP_MESSAGE_NON);
		kill(pid, SIGCONT);
		wait_for(token);
		CHECK_UINT(page->calls, 2 * (i + 1));
		connect_hub(&hubs[0]);
		leave_hubs();
	}
	stop_server();
}

/* More than one group holds. */
static void test_many(void)
{
	unsigned sent = 0;

	start_server();
	connect_hubs();
	kill(pid, SIGSTOP);
	for (; sent < 2 * COAP_SERVER_GROUP_MAX + 3; sent++)
		ask(sent % 2, COAP_MESSAGE_NON);
	kill(pid, SIGCONT);
	for (unsigned i = 0; i < sent; i++)
		wait_for((uint8_t)(next_token - i));
	CHECK_UINT(page->calls, sent);
	CHECK(page->largest <= COAP_SERVER_GROUP_MAX);
	leave_hubs();
	stop_server();
}

static void test_all(void)
{
	CHECK_INT(crypto_init(), 0);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	CHECK_INT(pki_make_root("Test", rt_wall().ms, &root), 0);
	CHECK_INT(pki_make_server(&root, "clinic.test", rt_wall().ms, &server), 0);
	for (unsigned i = 0; i < HUBS; i++)
		CHECK_INT(pki_make_hub(&root, rt_wall().ms, &hubs[i].pair,
				       (uint8_t[HUB_ID_LEN]){ (uint8_t)i }),
			  0);
	library_start();
	mend_set_verifier(accept_all, NULL);
	test_together(false);
	test_together(true);
	test_duplicate();
	test_silent();
	test_gone();
	test_many();
}

TEST_MAIN("coap-group", test_all)
