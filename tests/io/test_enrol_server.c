/*
 * test_enrol_server.c - one process with two servers, as clinicd is: one where a certificate's chain and dates count, one where
 * its key alone does. Each with whoever may come there and who may not, in both versions of DTLS, by turns: the library has
 * one verifier for all of them.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "clinic/pki.h"
#include "coap/server.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/rt/rt.h"
#include "tests/io/raw_hub.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/test.h"

enum { PATIENCE_MS = 30000, REFUSED_MS = 1500, ROUNDS = 3, PEM_TWO = 2 * PKI_PEM_MAX };

static const int64_t day_ms = 86400000;

struct page {
	volatile uint16_t strict_port, open_port;
	volatile unsigned gets; /* of the handler */
	uint8_t known[PIN_LEN]; /* the one that is admitted */
};

static struct page *page;
static struct pki_pair root, clinic, enrol_ca, other_root;
static char both_cas[PEM_TWO];
static pid_t server_pid;

static bool on_admit(void *arg, const uint8_t spki[static PIN_LEN])
{
	(void)arg;
	return memcmp(spki, page->known, PIN_LEN) == 0;
}

static void on_request(void *arg, const struct coap_server_request *rq,
		       struct coap_server_response *ret)
{
	(void)arg;
	(void)rq;
	ret->code = COAP_CODE_CHANGED;
}

static void on_get(void *arg, const struct coap_server_get *rq,
		   struct coap_server_content *ret)
{
	(void)arg;
	CHECK_INT(rq->accept, COAP_FORMAT_CERTS_ONLY);
	page->gets++;
	*ret = (struct coap_server_content){ .code = COAP_CODE_CONTENT,
					     .format = COAP_FORMAT_CERTS_ONLY,
					     .etag_len = 1,
					     .body = (const uint8_t *)"x",
					     .len = 1 };
}

static void serve(void)
{
	struct coap_server_config strict = { .address = "127.0.0.1",
					     .profile = DTLS_PROFILE_13_CID,
					     .cert_pem = clinic.cert,
					     .key_pem = clinic.key,
					     .ca_pem = both_cas,
					     .admit = on_admit,
					     .request = on_request };
	struct coap_server_config open = strict;
	struct coap_server *a, *b;
	struct rt *rt = rt_new();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	open.both = open.any_chain = open.blocks = true;
	open.get = on_get;
	if (coap_server_new(rt, &strict, &a) || coap_server_new(rt, &open, &b))
		_exit(1);
	page->strict_port = coap_server_port(a);
	page->open_port = coap_server_port(b);
	rt_run(rt);
	coap_server_free(b);
	coap_server_free(a);
	rt_free(rt);
	_exit(0);
}

static void test_begin(void)
{
	int64_t now = rt_wall().ms;

	CHECK_INT(crypto_init(), 0);
	CHECK_INT(pki_make_root("Test", now, &root), 0);
	CHECK_INT(pki_make_root("Other", now, &other_root), 0);
	CHECK_INT(pki_make_server(&root, "clinic.test", now, &clinic), 0);
	CHECK_INT(pki_make_enrol(&root, now, &enrol_ca), 0);
	snprintf(both_cas, sizeof(both_cas), "%s\n%s", root.cert, enrol_ca.cert);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	fflush(stdout);
	server_pid = fork();
	CHECK(server_pid >= 0);
	if (server_pid == 0)
		serve();
	for (int i = 0; i < PATIENCE_MS / 10 && !page->open_port; i++)
		usleep(10000);
	CHECK(page->open_port);
}

static void read_text(const char *dir, const char *name, char ret[static PKI_PEM_MAX])
{
	int n = file_read(dir, name, (uint8_t *)ret, PKI_PEM_MAX - 1);

	CHECK(n > 0);
	ret[n] = '\0';
}

/* As openssl makes it, a CA, so that it is not only our own form that is taken. */
static void make_self_signed(struct pki_pair *ret)
{
	char dir[64], command[512];

	temp_dir_make(dir, sizeof(dir));
	snprintf(command, sizeof(command),
		 "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
		 "-nodes "
		 "-sha256 -days 3650 -subj /CN=hub -keyout %s/key -out %s/crt 2>%s/said",
		 dir, dir, dir);
	CHECK_INT(system(command), 0);
	read_text(dir, "key", ret->key);
	read_text(dir, "crt", ret->cert);
	CHECK_INT(pki_spki(ret->cert, ret->spki), 0);
	temp_dir_remove(dir);
}

/* May this peer shake hands there and be answered? */
static bool gets_in(const struct pki_pair *p, uint16_t port, enum dtls_profile profile,
		    bool expected)
{
	struct WOLFSSL_CTX *ctx = raw_hub_context(profile, p, &root);
	struct raw_hub h;
	bool in;

	raw_hub_open(&h, ctx, port, true);
	in = raw_hub_connect(&h, expected ? PATIENCE_MS : REFUSED_MS);
	/* in 1.3 the client is done before the server has looked at its certificate */
	in = in && raw_hub_ask(&h, "x", 1, expected ? PATIENCE_MS : REFUSED_MS) ==
			   COAP_CODE_CHANGED;
	raw_hub_close(&h);
	raw_hub_context_free(ctx);
	return in;
}

static void try_everywhere(const struct pki_pair *p, bool strict, bool open)
{
	memcpy(page->known, p->spki, PIN_LEN);
	CHECK_INT(gets_in(p, page->open_port, DTLS_PROFILE_13_CID, open), open);
	CHECK_INT(gets_in(p, page->strict_port, DTLS_PROFILE_13_CID, strict), strict);
	CHECK_INT(gets_in(p, page->open_port, DTLS_PROFILE_12_CID, open), open);
	CHECK(!gets_in(p, page->strict_port, DTLS_PROFILE_12_CID, false));
	memset(page->known, 0, PIN_LEN);
	CHECK(!gets_in(p, page->open_port, DTLS_PROFILE_13_CID, false));
}

static void test_who(void)
{
	struct pki_pair p;
	uint8_t id[HUB_ID_LEN];
	int64_t now = rt_wall().ms;

	CHECK_INT(pki_make_hub(&root, now, &p, id), 0);
	try_everywhere(&p, true, true);
	/* by the CA for hubs that enrol: the leaf alone is enough */
	CHECK_INT(pki_make_hub(&enrol_ca, now, &p, id), 0);
	try_everywhere(&p, true, true);
	make_self_signed(&p);
	try_everywhere(&p, false, true);
	/* ended, and not begun */
	CHECK_INT(pki_make_hub(&enrol_ca, now - (PKI_HUB_DAYS + 2) * day_ms, &p, id), 0);
	try_everywhere(&p, false, true);
	CHECK_INT(pki_make_hub(&root, now + 3 * day_ms, &p, id), 0);
	try_everywhere(&p, false, true);
	/* of another clinic */
	CHECK_INT(pki_make_hub(&other_root, now, &p, id), 0);
	try_everywhere(&p, false, true);
}

/* What stands above a peer's own certificate must be good, or it could bring a CA of its own along. */
static void test_chain(void)
{
	struct pki_pair ca, p;
	uint8_t id[HUB_ID_LEN];

	CHECK_INT(pki_make_enrol(&other_root, rt_wall().ms, &ca), 0);
	CHECK_INT(pki_make_hub(&ca, rt_wall().ms, &p, id), 0);
	CHECK(strlen(p.cert) + strlen(ca.cert) < sizeof(p.cert));
	strcat(p.cert, ca.cert);
	try_everywhere(&p, false, false);
}

/* By turns, without an end between: neither server judges with the other one's rule. */
static void test_turns(void)
{
	struct pki_pair self;

	make_self_signed(&self);
	memcpy(page->known, self.spki, PIN_LEN);
	for (int i = 0; i < ROUNDS; i++) {
		CHECK(gets_in(&self, page->open_port, DTLS_PROFILE_13_CID, true));
		CHECK(!gets_in(&self, page->strict_port, DTLS_PROFILE_13_CID, false));
		CHECK(gets_in(&self, page->open_port, DTLS_PROFILE_12_CID, true));
	}
}

static void test_get(void)
{
	static const uint8_t get[] = { 0x41, 0x01, 0x12, 0x34, 0x07,
				       0xb1, 'u',  0x62, 0x01, 0x19 /* Accept: 281 */ };
	const uint16_t ports[] = { page->open_port, page->strict_port };
	const int codes[] = { COAP_CODE_CONTENT, COAP_CODE_NOT_ALLOWED };
	struct pki_pair p;
	uint8_t id[HUB_ID_LEN], m[64];

	CHECK_INT(pki_make_hub(&root, rt_wall().ms, &p, id), 0);
	memcpy(page->known, p.spki, PIN_LEN);
	for (int i = 0; i < 2; i++) {
		struct WOLFSSL_CTX *ctx = raw_hub_context(DTLS_PROFILE_13_CID, &p, &root);
		struct raw_hub h;

		raw_hub_open(&h, ctx, ports[i], true);
		CHECK(raw_hub_connect(&h, PATIENCE_MS));
		raw_hub_write(&h, get, sizeof(get));
		CHECK(raw_hub_hear(&h, m, sizeof(m), PATIENCE_MS) >= 4);
		CHECK_INT(m[1], codes[i]);
		raw_hub_close(&h);
		raw_hub_context_free(ctx);
	}
	CHECK_UINT(page->gets, 1);
}

static void test_end(void)
{
	int status;

	CHECK_INT(kill(server_pid, SIGTERM), 0);
	CHECK_INT(waitpid(server_pid, &status, 0), server_pid);
	CHECK_INT(status, 0);
}

TEST_MAIN("enrol-server", test_begin, test_who, test_chain, test_turns, test_get,
	  test_end)
