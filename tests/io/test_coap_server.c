/*
 * test_coap_server.c - what coap/server hands over, what it answers itself, and what it never answers.
 *
 * The server is a child process; this side speaks plain libcoap to it, so that it can send what hub-coap
 * never would.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "clinic/pki.h"
#include "coap/library.h"
#include "coap/mend.h"
#include "coap/server.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/rt.h"
#include "tests/unit/test.h"

struct page {
	volatile uint16_t port;
	volatile unsigned calls;
	volatile int code; /* what the handler answers */
	uint8_t spki[PIN_LEN];
	char path[80];
	size_t len;
	uint8_t body[2048];
};

static struct page *page;
static struct pki_pair root, server, hub;
static coap_context_t *ctx;
static coap_session_t *session;
static struct library_identity id;
static bool connected;
static int got_code; /* -1: none yet */
static uint32_t got_max_age;
static size_t got_len;

static bool on_admit(void *arg, const uint8_t spki[static PIN_LEN])
{
	(void)arg;
	return memcmp(spki, hub.spki, PIN_LEN) == 0;
}

static void on_request(void *arg, const struct coap_server_request *rq,
		       struct coap_server_response *ret)
{
	(void)arg;
	page->calls++;
	memcpy(page->spki, rq->spki, PIN_LEN);
	snprintf(page->path, sizeof(page->path), "%s", rq->path);
	page->len = rq->len;
	if (rq->len)
		memcpy(page->body, rq->body, rq->len);
	ret->code = page->code;
	ret->max_age_s = 77;
	ret->len = page->code == COAP_CODE_CHANGED ? COAP_SERVER_REPLY_MAX : 0;
}

static void run_server(void)
{
	struct coap_server_config cfg = { .address = "127.0.0.1",
					  .profile = DTLS_PROFILE_13_CID,
					  .cert_pem = server.cert,
					  .key_pem = server.key,
					  .ca_pem = root.cert,
					  .admit = on_admit,
					  .request = on_request };
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
	(void)s;
	connected |= e == COAP_EVENT_DTLS_CONNECTED;
	return 0;
}

static coap_response_t on_response(coap_session_t *s, const coap_pdu_t *sent,
				   const coap_pdu_t *received, const coap_mid_t mid)
{
	coap_opt_iterator_t it;
	coap_opt_t *age = coap_check_option(received, COAP_OPTION_MAXAGE, &it);
	const uint8_t *body;

	(void)s;
	(void)sent;
	(void)mid;
	got_code = (int)coap_pdu_get_code(received);
	got_max_age =
		age ? coap_decode_var_bytes(coap_opt_value(age), coap_opt_length(age))
		    : 0;
	if (!coap_get_data(received, &got_len, &body))
		got_len = 0;
	return COAP_RESPONSE_OK;
}

static void process(bool (*until)(void), unsigned ms)
{
	struct mono end = mono_add(rt_mono(), ms);

	while (!until() && !mono_reached(rt_mono(), end))
		coap_io_process(ctx, 50);
}

static bool is_connected(void)
{
	return connected;
}

static bool has_answer(void)
{
	return got_code >= 0;
}

static void connect_to_server(void)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
	coap_dtls_pki_t pki;
	coap_address_t to;

	library_start();
	CHECK_INT(library_identity_init(&id, hub.cert, hub.key, root.cert), 0);
	pki = library_pki(&id, "clinic.test");
	library_profile(DTLS_PROFILE_13_CID);
	mend_set_verifier(accept_all, NULL);
	library_addr(addr, page->port, &to);
	ctx = coap_new_context(NULL);
	coap_register_event_handler(ctx, on_event);
	coap_register_response_handler(ctx, on_response);
	session = coap_new_client_session_pki(ctx, NULL, &to, COAP_PROTO_DTLS, &pki);
	CHECK(session);
	process(is_connected, 5000);
	CHECK(connected);
}

/* One request; returns the answer's code, -1 if none came within ms. block1: -1 for none. */
static int ask(coap_pdu_code_t method, const char *path, const void *body, size_t len,
	       int block1, unsigned ms)
{
	static uint8_t token;
	coap_pdu_t *p = coap_new_pdu(COAP_MESSAGE_CON, method, session);
	uint8_t buf[4];

	token++;
	got_code = -1;
	coap_add_token(p, 1, &token);
	if (*path) {
		char copy[200], *part, *save = NULL;

		snprintf(copy, sizeof(copy), "%s", path);
		for (part = strtok_r(copy, "/", &save); part;
		     part = strtok_r(NULL, "/", &save))
			coap_add_option(p, COAP_OPTION_URI_PATH, strlen(part),
					(uint8_t *)part);
	}
	if (block1 >= 0)
		coap_add_option(p, COAP_OPTION_BLOCK1,
				coap_encode_var_safe(buf, sizeof(buf), (unsigned)block1),
				buf);
	if (len)
		coap_add_data(p, len, body);
	CHECK(coap_send(session, p) != COAP_INVALID_MID);
	process(has_answer, ms);
	return got_code;
}

static void test_server(void)
{
	uint8_t body[1024];
	char longest[64], too_long[65];
	pid_t pid;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)test_random();
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	page->code = COAP_CODE_CHANGED;
	CHECK_INT(pki_make_root("Test", rt_wall().ms, &root), 0);
	CHECK_INT(pki_make_server(&root, "clinic.test", rt_wall().ms, &server), 0);
	CHECK_INT(pki_make_hub(&root, rt_wall().ms, &hub, (uint8_t[HUB_ID_LEN]){ 0 }), 0);
	pid = fork();
	if (pid == 0)
		run_server();
	for (int i = 0; i < 500 && !page->port; i++)
		usleep(10000);
	connect_to_server();

	/* A whole batch, and a whole reply. */
	CHECK_INT(ask(COAP_REQUEST_CODE_POST, "u", body, sizeof(body), -1, 5000),
		  COAP_CODE_CHANGED);
	CHECK_UINT(page->calls, 1);
	CHECK_STR(page->path, "u");
	CHECK_UINT(page->len, sizeof(body));
	CHECK_MEM(page->body, body, sizeof(body));
	CHECK_MEM(page->spki, hub.spki, PIN_LEN);
	CHECK_UINT(got_len, COAP_SERVER_REPLY_MAX);

	/* Paths are the handler's affair, up to 63 bytes. */
	CHECK_INT(ask(COAP_REQUEST_CODE_POST, "est/sen", body, 1, -1, 5000),
		  COAP_CODE_CHANGED);
	CHECK_STR(page->path, "est/sen");
	CHECK_INT(ask(COAP_REQUEST_CODE_POST, "", NULL, 0, -1, 5000), COAP_CODE_CHANGED);
	CHECK_STR(page->path, "");
	memset(longest, 'a', 63);
	longest[63] = '\0';
	memset(too_long, 'a', 64);
	too_long[64] = '\0';
	CHECK_INT(ask(COAP_REQUEST_CODE_POST, longest, body, 1, -1, 5000),
		  COAP_CODE_CHANGED);
	CHECK_STR(page->path, longest);
	CHECK_INT(ask(COAP_REQUEST_CODE_POST, too_long, body, 1, -1, 5000),
		  COAP_CODE_NOT_FOUND);
	CHECK_UINT(page->calls, 4);

	/* Answered here, never handed over. */
	CHECK_INT(ask(COAP_REQUEST_CODE_GET, "u", NULL, 0, -1, 5000),
		  COAP_CODE_NOT_ALLOWED);
	CHECK_INT(ask(COAP_REQUEST_CODE_PUT, "u", body, 1, -1, 5000),
		  COAP_CODE_NOT_ALLOWED);
	CHECK_INT(ask(COAP_REQUEST_CODE_DELETE, "u", NULL, 0, -1, 5000),
		  COAP_CODE_NOT_ALLOWED);
	CHECK_INT(ask(COAP_REQUEST_CODE_GET, ".well-known/core", NULL, 0, -1, 5000),
		  COAP_CODE_NOT_ALLOWED);
	CHECK_INT(ask(COAP_REQUEST_CODE_POST, "u", body, 64, 2 << 0 | 1 << 3, 5000),
		  COAP_CODE_TOO_LARGE); /* first of several blocks */
	CHECK_INT(ask(COAP_REQUEST_CODE_POST, "u", body, 64, 5 << 4 | 2, 5000),
		  COAP_CODE_TOO_LARGE);
	CHECK_UINT(page->calls, 4);

	page->code = COAP_CODE_UNAVAILABLE;
	CHECK_INT(ask(COAP_REQUEST_CODE_POST, "u", body, 1, -1, 5000),
		  COAP_CODE_UNAVAILABLE);
	CHECK_UINT(got_max_age, 77);

	/* No answer at all: the client sends again, and the handler sees it again. */
	page->code = 0;
	page->calls = 0;
	CHECK_INT(ask(COAP_REQUEST_CODE_POST, "u", body, 1, -1, 4000), -1);
	CHECK(page->calls >= 2);
	page->code = COAP_CODE_FORBIDDEN;
	process(has_answer, 10000);
	CHECK_INT(got_code, COAP_CODE_FORBIDDEN);

	coap_session_release(session);
	coap_free_context(ctx);
	library_identity_done(&id);
	kill(pid, SIGTERM);
	int status;
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
}

/* What cannot be started says so. */
static void test_bad_set_up(void)
{
	struct pki_pair a, b;
	struct coap_server_config cfg = { .address = "127.0.0.1",
					  .profile = DTLS_PROFILE_13_CID,
					  .admit = on_admit,
					  .request = on_request };
	struct coap_server *s;
	struct rt *rt = rt_new();

	CHECK_INT(pki_make_root("Test", rt_wall().ms, &a), 0);
	CHECK_INT(pki_make_root("Test", rt_wall().ms, &b), 0);
	cfg.cert_pem = a.cert;
	cfg.ca_pem = a.cert;
	cfg.key_pem = b.key; /* of another certificate */
	CHECK_INT(coap_server_new(rt, &cfg, &s), -EBADMSG);
	cfg.key_pem = "no key";
	CHECK_INT(coap_server_new(rt, &cfg, &s), -EBADMSG);
	cfg.key_pem = a.key;
	cfg.cert_pem = "";
	CHECK_INT(coap_server_new(rt, &cfg, &s), -EBADMSG);
	cfg.cert_pem = a.cert;
	cfg.ca_pem = "no root";
	CHECK_INT(coap_server_new(rt, &cfg, &s), -EBADMSG);
	cfg.ca_pem = a.cert;
	cfg.address = "nowhere";
	CHECK_INT(coap_server_new(rt, &cfg, &s), -EIO);
	cfg.address = "192.0.2.1"; /* not ours */
	CHECK_INT(coap_server_new(rt, &cfg, &s), -EIO);
	cfg.address = "";
	CHECK_INT(coap_server_new(rt, &cfg, &s), 0);
	CHECK(coap_server_port(s) != 0);
	coap_server_free(s);
	coap_server_free(NULL);
	rt_free(rt);
}

static void test_all(void)
{
	CHECK_INT(crypto_init(), 0);
	test_server();
	test_bad_set_up();
}

TEST_MAIN("coap-server", test_all)
