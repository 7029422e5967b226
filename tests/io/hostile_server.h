#pragma once

/*
 * hostile_server.h - a DTLS server that does as it is told: any chain, any version, and after a good handshake any bytes.
 *
 * It is a child of the test, on wolfSSL without libcoap, so that nothing of ours decides what it sends. What it shall
 * do, and what it saw, stands on a page shared with the test. One client at a time: a datagram from another address
 * ends the session before.
 *
 * It takes what uplink_world.h hands over (a batch is its number in two bytes), and answers honestly with HOSTILE_NOT.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "tests/io/uplink_world.h"

enum { DATAGRAM = 2048, PEM_ROOM = 65536 };

/* What it does instead of answering. */
enum hostile {
	HOSTILE_NOT = 0,
	HOSTILE_MUTE,
	HOSTILE_EMPTY_ACK,     /* an empty acknowledgement and never a response */
	HOSTILE_FOREIGN_TOKEN, /* a good reply to a question that was not asked */
	HOSTILE_RST_STORM,
	HOSTILE_CON_STORM, /* answers, confirmable: empty ones, and to nobody's question */
	HOSTILE_REQUEST_STORM, /* requests and pings of its own */
	HOSTILE_REPLY,	       /* 2.04 with the bytes of 'reply' */
	HOSTILE_OPTION, /* the code of 'code', the option bytes of 'reply', no payload */
	HOSTILE_TOKEN_LONG,	/* an extended token (RFC 8974) */
	HOSTILE_TOKEN_RESERVED, /* token length 15 */
	HOSTILE_GARBAGE,	/* not CoAP at all, inside the session */
	HOSTILE_CLEAR,		/* nothing inside; alerts and garbage in clear */
};

/* What it throws at a client that begins a handshake, in clear, before its own part. */
enum inject {
	INJECT_NOT = 0,
	INJECT_GARBAGE,
	INJECT_ALERTS,
	INJECT_FRAGMENTS, /* handshake messages that lie about their length */
};

/* Shared with the test. */
struct hostile_page {
	/* set before the start */
	bool dtls13, cid, no_ems;
	char suites[64];
	char chain[PEM_ROOM], key[4096];
	/* may be changed at any time */
	volatile enum hostile act;
	volatile enum inject inject;
	volatile unsigned code;
	volatile size_t reply_len;
	uint8_t reply[256];
	/* what it saw */
	volatile uint16_t port;
	volatile unsigned hellos, handshakes, requests;
	volatile unsigned came, sent; /* datagrams */
	volatile bool has_cid;
};

struct hostile_run {
	struct hostile_page *h;
	struct page *page; /* of the world: which numbers came */
	int fd;
	struct sockaddr_in peer;
	WOLFSSL_CTX *ctx;
	WOLFSSL *ssl; /* NULL: nobody is there */
	bool open;
};

static void hostile_throw(struct hostile_run *r, const void *p, size_t len)
{
	r->h->sent++;
	(void)sendto(r->fd, p, len, 0, (struct sockaddr *)&r->peer, sizeof(r->peer));
}

static int hostile_recv(WOLFSSL *ssl, char *buf, int len, void *arg)
{
	struct hostile_run *r = arg;
	ssize_t n = recv(r->fd, buf, (size_t)len, MSG_DONTWAIT);

	(void)ssl;
	if (n < 0)
		return WOLFSSL_CBIO_ERR_WANT_READ;
	r->h->came++;
	return (int)n;
}

static int hostile_send(WOLFSSL *ssl, char *buf, int len, void *arg)
{
	(void)ssl;
	hostile_throw(arg, buf, (size_t)len);
	return len;
}

/* --- CoAP ------------------------------------------------------------------------------- */

struct request {
	uint8_t mid[2], token[8];
	size_t token_len;
	bool con, post;
	unsigned seq; /* SEQ_MAX + 1: none */
};

static bool parse_request(const uint8_t *p, size_t len, struct request *ret)
{
	const uint8_t *mark;

	*ret = (struct request){ .seq = SEQ_MAX + 1 };
	if (len < 4 || p[0] >> 6 != 1 || (p[0] & 15) > 8 || len < 4u + (p[0] & 15))
		return false;
	ret->con = (p[0] >> 4 & 3) == 0;
	ret->post = p[1] == 2;
	memcpy(ret->mid, p + 2, 2);
	ret->token_len = p[0] & 15;
	memcpy(ret->token, p + 4, ret->token_len);
	mark = memchr(p + 4 + ret->token_len, 0xff, len - 4 - ret->token_len);
	if (mark && p + len - mark == 3)
		ret->seq = (unsigned)mark[1] << 8 | mark[2];
	return true;
}

static void write_message(struct hostile_run *r, const uint8_t *p, size_t len)
{
	(void)wolfSSL_write(r->ssl, p, (int)len);
}

/* type 0 CON, 1 NON, 2 ACK, 3 RST; rest: what follows the token. */
static void respond(struct hostile_run *r, const struct request *q, unsigned type,
		    unsigned code, const uint8_t *rest, size_t rest_len)
{
	uint8_t b[DATAGRAM];
	size_t n = 4;

	b[0] = (uint8_t)(1u << 6 | type << 4 | q->token_len);
	b[1] = (uint8_t)code;
	memcpy(b + 2, q->mid, 2);
	memcpy(b + n, q->token, q->token_len);
	n += q->token_len;
	if (rest_len)
		memcpy(b + n, rest, rest_len);
	write_message(r, b, n + rest_len);
}

static void respond_cbor(struct hostile_run *r, const struct request *q, unsigned type,
			 const uint8_t *cbor, size_t len)
{
	uint8_t rest[DATAGRAM / 2] = { 0xc1, 60, 0xff }; /* Content-Format 60 */

	memcpy(rest + 3, cbor, len);
	respond(r, q, type, COAP_CODE_CHANGED, rest, len ? len + 3 : 2);
}

/* What an honest server would say that has everything. */
static size_t all_of_it(const struct hostile_run *r, uint8_t *ret, size_t cap)
{
	struct reply all = { .has_contig = true, .contig = r->page->batches };

	return (size_t)reply_encode(&all, ret, cap);
}

static void answer_honestly(struct hostile_run *r, const struct request *q)
{
	uint8_t b[REPLY_BYTES_MAX];
	struct reply reply;
	int n;

	if (q->seq >= 1 && q->seq <= SEQ_MAX)
		r->page->times[q->seq]++;
	make_reply(r->page, &reply);
	n = reply_encode(&reply, b, sizeof(b));
	respond_cbor(r, q, 2, b, (size_t)n);
}

static void storm(struct hostile_run *r, struct request q)
{
	uint8_t lie[REPLY_BYTES_MAX];
	size_t len = all_of_it(r, lie, sizeof(lie));

	for (unsigned i = 0; i < 50; i++) {
		q.mid[1]++;
		if (r->h->act == HOSTILE_RST_STORM) {
			q.token_len = 0;
			respond(r, &q, 3, 0, NULL, 0);
		} else if (r->h->act == HOSTILE_REQUEST_STORM) {
			/* a GET, or a ping */
			respond(r, &q, 0, i % 2 ? 1 : 0, NULL, 0);
			q.token_len = 0;
		} else {
			uint8_t first = q.token[0];

			respond_cbor(r, &q, 0, (const uint8_t *)"\xa0", 1);
			q.mid[0]++;
			q.token[0] ^= (uint8_t)(1 + i);
			respond_cbor(r, &q, 0, lie, len);
			q.token[0] = first;
		}
	}
}

/* Alerts and other records as anybody on the way can make them. */
static void throw_clear(struct hostile_run *r, enum inject what)
{
	/* alert, DTLS 1.2, epoch 0 */
	uint8_t alert[] = { 21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40 };
	/* server hello of 2^24 - 1 bytes in a fragment of 12 that begins in its middle */
	uint8_t lie[] = { 22,	0xfe, 0xfd, 0,	  0, 0, 0,    0,    0,	  0, 9, 0,  24,
			  2,	0xff, 0xff, 0xff, 0, 0, 0x7f, 0xff, 0xff, 0, 0, 12, 0xfe,
			  0xfd, 1,    2,    3,	  4, 5, 6,    7,    8,	  9, 0 };
	uint8_t noise[64];

	for (unsigned i = 0; i < 20; i++) {
		if (what == INJECT_ALERTS) {
			alert[10] = (uint8_t)i;
			alert[13] = (uint8_t)(1 + i % 2); /* warning, fatal */
			alert[14] = (uint8_t)(i % 5 ? 40 + i : 0);
			hostile_throw(r, alert, sizeof(alert));
		} else if (what == INJECT_FRAGMENTS) {
			lie[13] = (uint8_t)i;
			hostile_throw(r, lie, sizeof(lie) - i);
		} else {
			for (size_t k = 0; k < sizeof(noise); k++)
				noise[k] = (uint8_t)test_random();
			noise[0] = (uint8_t)(i % 2 ? 20 + i % 6 : i * 13);
			hostile_throw(r, noise, 1 + test_random() % sizeof(noise));
		}
	}
}

static void send_noise(struct hostile_run *r)
{
	uint8_t b[100];

	for (unsigned i = 0; i < 20; i++) {
		for (size_t k = 0; k < sizeof(b); k++)
			b[k] = (uint8_t)test_random();
		write_message(r, b, 1 + test_random() % sizeof(b));
	}
}

static void answer(struct hostile_run *r, struct request q)
{
	uint8_t lie[REPLY_BYTES_MAX], token[64] = { 13, 30 };
	size_t len = all_of_it(r, lie, sizeof(lie));

	switch (r->h->act) {
	case HOSTILE_NOT: answer_honestly(r, &q); break;
	case HOSTILE_MUTE: break;
	case HOSTILE_EMPTY_ACK:
		q.token_len = 0;
		respond(r, &q, 2, 0, NULL, 0);
		break;
	case HOSTILE_FOREIGN_TOKEN:
		q.token[0] ^= 0x55;
		respond_cbor(r, &q, 2, lie, len);
		break;
	case HOSTILE_RST_STORM:
	case HOSTILE_CON_STORM:
	case HOSTILE_REQUEST_STORM: storm(r, q); break;
	case HOSTILE_REPLY: respond_cbor(r, &q, 2, r->h->reply, r->h->reply_len); break;
	case HOSTILE_OPTION:
		respond(r, &q, 2, r->h->code, r->h->reply, r->h->reply_len);
		break;
	case HOSTILE_TOKEN_LONG:
		q.token_len = 0;
		token[0] = 30; /* 13 + 30 bytes of token */
		memcpy(token + 44, "\xc1\x3c\xff\xa0", 4);
		{
			uint8_t b[4 + 48] = { 1u << 6 | 2u << 4 | 13, COAP_CODE_CHANGED,
					      q.mid[0], q.mid[1] };

			memcpy(b + 4, token, 48);
			write_message(r, b, sizeof(b));
		}
		break;
	case HOSTILE_TOKEN_RESERVED: {
		uint8_t b[32] = { 1u << 6 | 2u << 4 | 15, COAP_CODE_CHANGED, q.mid[0],
				  q.mid[1] };

		write_message(r, b, sizeof(b));
		break;
	}
	case HOSTILE_GARBAGE: send_noise(r); break;
	case HOSTILE_CLEAR:
		throw_clear(r, INJECT_ALERTS);
		throw_clear(r, INJECT_GARBAGE);
		throw_clear(r, INJECT_FRAGMENTS);
		break;
	}
}

/* --- sessions --------------------------------------------------------------------------- */

static void open_session(struct hostile_run *r)
{
	WOLFSSL *s = wolfSSL_new(r->ctx);

	if (!s)
		abort();
	wolfSSL_SSLSetIORecv(s, hostile_recv);
	wolfSSL_SSLSetIOSend(s, hostile_send);
	wolfSSL_SetIOReadCtx(s, r);
	wolfSSL_SetIOWriteCtx(s, r);
	wolfSSL_dtls_set_using_nonblock(s, 1);
	wolfSSL_dtls_set_peer(s, &r->peer, sizeof(r->peer));
	if (r->h->dtls13 && wolfSSL_send_hrr_cookie(s, NULL, 0) != WOLFSSL_SUCCESS)
		abort();
	if (r->h->cid &&
	    (wolfSSL_dtls_cid_use(s) != WOLFSSL_SUCCESS ||
	     wolfSSL_dtls_cid_set(s, (unsigned char *)"8 bytes!", 8) != WOLFSSL_SUCCESS))
		abort();
	r->ssl = s;
	r->open = false;
}

static void close_session(struct hostile_run *r)
{
	wolfSSL_free(r->ssl);
	r->ssl = NULL;
	r->open = false;
}

/* A datagram waits: of the peer of this session, or of a new one. */
static void meet(struct hostile_run *r)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint8_t first[14];
	ssize_t n = recvfrom(r->fd, first, sizeof(first), MSG_PEEK | MSG_DONTWAIT,
			     (struct sockaddr *)&from, &len);
	bool same = r->ssl && from.sin_port == r->peer.sin_port;

	if (n < 0 || same)
		return;
	close_session(r);
	r->peer = from;
	open_session(r);
	r->h->hellos++;
}

static void serve(struct hostile_run *r)
{
	uint8_t b[DATAGRAM];
	struct request q;
	int n = 0;

	if (!r->open) {
		if (r->h->inject)
			throw_clear(r, r->h->inject);
		n = wolfSSL_accept(r->ssl);
		r->open = n == WOLFSSL_SUCCESS;
		if (!r->open && wolfSSL_get_error(r->ssl, n) != WOLFSSL_ERROR_WANT_READ)
			close_session(r);
		if (!r->open)
			return;
		r->h->handshakes++;
		r->h->has_cid = wolfSSL_dtls_cid_is_enabled(r->ssl);
	}
	while (r->ssl && (n = wolfSSL_read(r->ssl, b, sizeof(b))) > 0) {
		if (!parse_request(b, (size_t)n, &q) || !q.post || !q.con)
			continue;
		r->h->requests++;
		answer(r, q);
	}
	if (r->ssl && wolfSSL_get_error(r->ssl, n) != WOLFSSL_ERROR_WANT_READ)
		close_session(r);
}

static WOLFSSL_CTX *hostile_context(const struct hostile_page *h)
{
	WOLFSSL_CTX *c;

	wolfSSL_Init();
	c = wolfSSL_CTX_new(h->dtls13 ? wolfDTLSv1_3_server_method()
				      : wolfDTLSv1_2_server_method());
	if (!c || (h->suites[0] &&
		   wolfSSL_CTX_set_cipher_list(c, h->suites) != WOLFSSL_SUCCESS))
		return NULL;
	if (h->no_ems)
		wolfSSL_CTX_DisableExtendedMasterSecret(c);
	wolfSSL_CTX_set_verify(c, WOLFSSL_VERIFY_NONE, NULL);
	if (wolfSSL_CTX_use_certificate_chain_buffer(c, (const uint8_t *)h->chain,
						     (long)strlen(h->chain)) !=
		    WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_use_PrivateKey_buffer(c, (const uint8_t *)h->key,
					      (long)strlen(h->key),
					      WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS)
		return NULL;
	return c;
}

static void hostile_main(struct hostile_run *r)
{
	for (;;) {
		struct pollfd p = { .fd = r->fd, .events = POLLIN };

		if (poll(&p, 1, 500) > 0)
			meet(r);
		if (!r->ssl)
			continue;
		if (p.revents)
			serve(r);
		else if (!r->open && wolfSSL_dtls_got_timeout(r->ssl) != WOLFSSL_SUCCESS)
			close_session(r);
	}
}

/* --- for the test ------------------------------------------------------------------------ */

__attribute__((unused)) static struct hostile_page *hostile_new(void)
{
	struct hostile_page *h = mmap(NULL, sizeof(*h), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(h != MAP_FAILED);
	h->cid = true;
	return h;
}

/* hostile_start - Returns its process, to be ended with SIGKILL, or 0 if it cannot use such a certificate. */
__attribute__((unused)) static pid_t hostile_start(struct hostile_page *h,
						   struct page *page)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct hostile_run r = { .h = h, .page = page };
	socklen_t len = sizeof(a);
	pid_t pid;

	r.ctx = hostile_context(h);
	if (!r.ctx)
		return 0;
	r.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(r.fd >= 0);
	CHECK_INT(bind(r.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_INT(getsockname(r.fd, (struct sockaddr *)&a, &len), 0);
	h->port = ntohs(a.sin_port);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		hostile_main(&r);
	}
	CHECK(pid > 0);
	close(r.fd);
	wolfSSL_CTX_free(r.ctx);
	return pid;
}
