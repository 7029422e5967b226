/*
 * test_coap_profiles.c - what our ends of DTLS offer, accept and refuse: coap/mend.c on both of them.
 *
 * - the Client Hello of the hub's libcoap, field by field: one version, one suite, one group, one signature;
 * - profile against profile, with a connection id and without;
 * - hubs whose certificate is another clinic's, out of its dates, or missing: the server never asks whether to admit them.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <poll.h>

#include "coap/library.h"
#include "coap/mend.h"
#include "hub/core/cursor.h"
#include "tests/io/attack_world.h"

enum {
	REFUSED_MS = 1500, /* for what must not happen */
	A_DAY_MS = 86400 * 1000,
	EXT_SNI = 0,
	EXT_GROUPS = 10,
	EXT_SIGNATURES = 13,
	EXT_VERSIONS = 43,
	EXT_KEY_SHARE = 51,
	EXT_CONNECTION_ID = 54,
	EXT_MAX = 64,
};

/* --- a client of libcoap, as hub-coap is one ----------------------------------------- */

struct client {
	struct library_identity id;
	coap_context_t *ctx;
	coap_session_t *session;
};

static bool connected, failed;

static int accept_good(void *user, const uint8_t *der, size_t len, int depth, int error)
{
	(void)user;
	(void)der;
	(void)len;
	(void)depth;
	return error == 0;
}

static int on_event(coap_session_t *s, const coap_event_t e)
{
	(void)s;
	connected |= e == COAP_EVENT_DTLS_CONNECTED;
	failed |= e == COAP_EVENT_DTLS_ERROR || e == COAP_EVENT_DTLS_CLOSED;
	return 0;
}

static void client_start(struct client *c, enum dtls_profile profile, bool cid,
			 uint16_t port)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
	coap_dtls_pki_t pki;
	coap_address_t to;

	connected = failed = false;
	library_start();
	CHECK_INT(library_identity_init(&c->id, hub_pair.cert, hub_pair.key, root.cert),
		  0);
	pki = library_pki(&c->id, "clinic.test");
	pki.use_cid = cid;
	library_profile(profile);
	mend_set_verifier(accept_good, NULL);
	library_addr(addr, port, &to);
	c->ctx = coap_new_context(NULL);
	CHECK(c->ctx);
	coap_register_event_handler(c->ctx, on_event);
	c->session =
		coap_new_client_session_pki(c->ctx, NULL, &to, COAP_PROTO_DTLS, &pki);
	CHECK(c->session);
	library_kick(c->ctx);
}

static void client_run(struct client *c, unsigned ms)
{
	struct mono end = mono_add(rt_mono(), ms);

	while (!connected && !failed && !mono_reached(rt_mono(), end))
		coap_io_process(c->ctx, 50);
}

static void client_end(struct client *c)
{
	coap_session_release(c->session);
	coap_free_context(c->ctx);
	library_identity_done(&c->id);
}

/* --- the hello ----------------------------------------------------------------------- */

struct hello {
	uint16_t version, suites[4], groups[4], signatures[4], versions[4];
	size_t suite_count, group_count, signature_count, version_count;
	bool seen[EXT_MAX];
	char name[64];
};

static size_t read_list(struct reader *r, size_t bytes, uint16_t ret[static 4])
{
	size_t n = 0;

	CHECK(bytes % 2 == 0);
	for (; n < bytes / 2; n++) {
		uint16_t value = read_be16(r);

		if (n < 4)
			ret[n] = value;
	}
	return n;
}

static void read_extension(struct reader *r, struct hello *ret)
{
	uint16_t type = read_be16(r), len = read_be16(r), name_len;

	if (type < EXT_MAX)
		ret->seen[type] = true;
	switch (type) {
	case EXT_GROUPS:
		ret->group_count = read_list(r, read_be16(r), ret->groups);
		break;
	case EXT_SIGNATURES:
		ret->signature_count = read_list(r, read_be16(r), ret->signatures);
		break;
	case EXT_VERSIONS:
		ret->version_count = read_list(r, read_u8(r), ret->versions);
		break;
	case EXT_SNI:
		CHECK_UINT(read_be16(r), len - 2u);
		CHECK_UINT(read_u8(r), 0); /* a host name */
		name_len = read_be16(r);
		CHECK(name_len < sizeof(ret->name));
		memcpy(ret->name, read_span(r, name_len), name_len);
		break;
	default: read_span(r, len); break;
	}
}

/* RFC 9147 section 5.3, RFC 6347 section 4.2.1: one record, one message, whole. */
static void parse_hello(const uint8_t *buf, size_t len, struct hello *ret)
{
	struct reader r;
	size_t n;

	reader_init(&r, buf, len);
	CHECK_UINT(read_u8(&r), 22);
	CHECK_UINT(read_be16(&r), 0xfefd);
	read_span(&r, 8); /* epoch, number */
	CHECK_UINT(read_be16(&r), reader_left(&r));
	CHECK_UINT(read_u8(&r), 1);
	read_span(&r, 11); /* length, number, fragment */
	ret->version = read_be16(&r);
	read_span(&r, 32);
	read_span(&r, read_u8(&r)); /* session id */
	read_span(&r, read_u8(&r)); /* cookie */
	ret->suite_count = read_list(&r, read_be16(&r), ret->suites);
	CHECK_UINT(read_u8(&r), 1); /* no compression */
	CHECK_UINT(read_u8(&r), 0);
	n = read_be16(&r);
	CHECK_UINT(n, reader_left(&r));
	while (reader_left(&r) > 0)
		read_extension(&r, ret);
	CHECK(reader_done(&r));
}

static void get_hello(enum dtls_profile profile, bool cid, struct hello *ret)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t buf[2048];
	struct client c;
	ssize_t n;

	*ret = (struct hello){ 0 };
	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
	      getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	client_start(&c, profile, cid, ntohs(at.sin_port));
	CHECK_INT(poll(&p, 1, PATIENCE_MS), 1);
	n = recv(fd, buf, sizeof(buf), 0);
	CHECK(n > 0);
	parse_hello(buf, (size_t)n, ret);
	close(fd);
	client_end(&c);
}

static void check_hello(enum dtls_profile profile, bool cid)
{
	bool is_13 = profile == DTLS_PROFILE_13_CID;
	struct hello h;

	get_hello(profile, cid, &h);
	CHECK_UINT(h.version, 0xfefd);
	CHECK_UINT(h.version_count, is_13 ? 1 : 0);
	CHECK_UINT(h.versions[0], is_13 ? 0xfefc : 0);
	CHECK_UINT(h.suites[0], is_13 ? 0x1301 : 0xc02b);
	/* 1.2 adds 'no renegotiation', which is no suite (RFC 5746) */
	CHECK(h.suite_count == 1 ||
	      (!is_13 && h.suite_count == 2 && h.suites[1] == 0x00ff));
	CHECK_UINT(h.group_count, 1);
	CHECK_UINT(h.groups[0], 0x0017); /* secp256r1 */
	CHECK_UINT(h.signature_count, 1);
	CHECK_UINT(h.signatures[0], 0x0403); /* ecdsa_secp256r1_sha256 */
	CHECK_INT(h.seen[EXT_KEY_SHARE], is_13);
	CHECK_INT(h.seen[EXT_CONNECTION_ID], cid);
	CHECK_STR(h.name, "clinic.test");
}

static void test_hello(void)
{
	uint8_t id[HUB_ID_LEN];

	CHECK_INT(crypto_init(), 0);
	CHECK_INT(pki_make_root("Test", rt_wall().ms, &root), 0);
	CHECK_INT(pki_make_server(&root, "clinic.test", rt_wall().ms, &clinic), 0);
	CHECK_INT(pki_make_hub(&root, rt_wall().ms, &hub_pair, id), 0);
	for (int cid = 0; cid < 2; cid++) {
		check_hello(DTLS_PROFILE_13_CID, cid);
		check_hello(DTLS_PROFILE_12_CID, cid);
	}
}

/* --- end against end ----------------------------------------------------------------- */

static void check_pair(enum dtls_profile server, enum dtls_profile client, bool cid)
{
	struct client c;
	WOLFSSL *ssl;

	world_begin(server);
	client_start(&c, client, cid, page->port);
	client_run(&c, server == client ? PATIENCE_MS : REFUSED_MS);
	CHECK_INT(connected, server == client);
	if (connected) {
		ssl = *(WOLFSSL **)coap_session_get_tls(c.session, NULL);
		CHECK_INT(wolfSSL_version(ssl), client == DTLS_PROFILE_13_CID
							? DTLS1_3_VERSION
							: DTLS1_2_VERSION);
		CHECK_INT(wolfSSL_dtls_cid_is_enabled(ssl), cid);
		CHECK_UINT(page->admitted, 1);
	} else {
		CHECK_UINT(page->admitted, 0);
	}
	client_end(&c);
	world_end_server();
	world_end();
}

static void test_pairs(void)
{
	static const enum dtls_profile all[] = { DTLS_PROFILE_13_CID,
						 DTLS_PROFILE_12_CID };

	for (size_t s = 0; s < 2; s++)
		for (size_t c = 0; c < 2; c++)
			for (int cid = 0; cid < 2; cid++)
				check_pair(all[s], all[c], cid);
}

/* --- our verifier alone decides, on the hub's side too ---------------------------------- */

static unsigned asked;

static int refuse_good(void *user, const uint8_t *der, size_t len, int depth, int error)
{
	(void)user;
	(void)der;
	(void)len;
	asked++;
	return depth > 0 || error != 0;
}

static void check_verifier(enum dtls_profile profile, mend_verifier *verifier)
{
	struct client c;

	asked = 0;
	world_begin(profile);
	client_start(&c, profile, true, page->port);
	mend_set_verifier(verifier, NULL);
	client_run(&c, PATIENCE_MS);
	CHECK(!connected);
	CHECK(failed);
	CHECK_INT(asked > 0, verifier != NULL);
	CHECK_UINT(page->calls, 0);
	client_end(&c);
	world_end_server();
	world_end();
}

static void test_verifier(void)
{
	check_verifier(DTLS_PROFILE_13_CID, refuse_good);
	check_verifier(DTLS_PROFILE_12_CID, refuse_good);
	check_verifier(DTLS_PROFILE_13_CID, NULL);
	check_verifier(DTLS_PROFILE_12_CID, NULL);
}

/* --- who is not let in --------------------------------------------------------------- */

static void check_refused(enum dtls_profile profile, const struct pki_pair *who)
{
	struct WOLFSSL_CTX *ctx;
	struct raw_hub h;

	world_begin(profile);
	ctx = raw_hub_context(profile, who, &root);
	raw_hub_open(&h, ctx, page->port, true);
	/* A DTLS 1.3 client is done before the server has judged it. */
	if (raw_hub_connect(&h, PATIENCE_MS))
		CHECK_INT(raw_hub_ask(&h, "x", 1, PATIENCE_MS), -2);
	CHECK_UINT(page->admitted, 0);
	CHECK_UINT(page->calls, 0);
	raw_hub_close(&h);
	raw_hub_context_free(ctx);
	/* and one that is let in, so that it is not the server */
	world_connect(&h, true);
	CHECK_ANSWERED(&h);
	raw_hub_close(&h);
	world_end_server();
	world_end();
}

static void test_refused(void)
{
	struct pki_pair other_root, foreign, expired;
	int64_t long_ago = rt_wall().ms - (int64_t)(PKI_HUB_DAYS + 2) * A_DAY_MS;
	uint8_t id[HUB_ID_LEN];

	CHECK_INT(pki_make_root("Other", rt_wall().ms, &other_root), 0);
	CHECK_INT(pki_make_hub(&other_root, rt_wall().ms, &foreign, id), 0);
	CHECK_INT(pki_make_hub(&root, long_ago, &expired, id), 0);
	for (int i = 0; i < 2; i++) {
		enum dtls_profile p = i ? DTLS_PROFILE_12_CID : DTLS_PROFILE_13_CID;

		check_refused(p, &foreign);
		check_refused(p, &other_root); /* signs itself */
		check_refused(p, &expired);
		check_refused(p, NULL);
	}
}

TEST_MAIN("coap-profiles", test_hello, test_pairs, test_verifier, test_refused)
