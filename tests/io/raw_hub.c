#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/io/raw_hub.h"

enum {
	AGAIN_MS = 1000,
	TURN_MS = 250,
	HANDSHAKE = 22,
	HANDSHAKE_AT = 13, /* its type in a record without connection id */
	SERVER_HELLO = 2,
	HELLO_VERIFY_REQUEST = 3,
	RANDOM_AT = HANDSHAKE_AT + 12 + 2,
};

/* RFC 8446 section 4.1.3: the random of a Server Hello that is a Hello Retry Request; its beginning */
static const uint8_t retry_random[8] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11 };

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "raw_hub: %s\n", what);
	exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool raw_hub_is_cookie_request(const uint8_t *buf, size_t len)
{
	if (len <= HANDSHAKE_AT || buf[0] != HANDSHAKE)
		return false;
	if (buf[HANDSHAKE_AT] == HELLO_VERIFY_REQUEST)
		return true;
	return buf[HANDSHAKE_AT] == SERVER_HELLO &&
	       len >= RANDOM_AT + sizeof(retry_random) &&
	       memcmp(buf + RANDOM_AT, retry_random, sizeof(retry_random)) == 0;
}

static int on_send(WOLFSSL *ssl, char *buf, int len, void *arg)
{
	struct raw_hub *h = arg;

	(void)ssl;
	must((size_t)len <= sizeof(h->sent), "datagram too long");
	memcpy(h->sent, buf, (size_t)len);
	h->sent_len = (size_t)len;
	if (!h->hold && send(h->fd, buf, (size_t)len, 0) < 0 && errno != ECONNREFUSED)
		return WOLFSSL_CBIO_ERR_GENERAL;
	return len;
}

static int on_receive(WOLFSSL *ssl, char *buf, int cap, void *arg)
{
	struct raw_hub *h = arg;
	ssize_t n = recv(h->fd, buf, (size_t)cap, MSG_DONTWAIT);

	(void)ssl;
	if (n < 0)
		return WOLFSSL_CBIO_ERR_WANT_READ;
	h->received++;
	h->asked_cookie |= raw_hub_is_cookie_request((const uint8_t *)buf, (size_t)n);
	return (int)n;
}

WOLFSSL_CTX *raw_hub_context(enum dtls_profile profile, const struct pki_pair *hub,
			     const struct pki_pair *root)
{
	bool is_13 = profile == DTLS_PROFILE_13_CID;
	int group = WOLFSSL_ECC_SECP256R1;
	WOLFSSL_CTX *ctx;

	wolfSSL_Init();
	ctx = wolfSSL_CTX_new(is_13 ? wolfDTLSv1_3_client_method()
				    : wolfDTLSv1_2_client_method());
	must(ctx != NULL, "no context");
	must(wolfSSL_CTX_set_cipher_list(ctx, is_13 ? "TLS13-AES128-GCM-SHA256"
						    : "ECDHE-ECDSA-AES128-GCM-SHA256") ==
			     WOLFSSL_SUCCESS &&
		     wolfSSL_CTX_set_groups(ctx, &group, 1) == WOLFSSL_SUCCESS &&
		     wolfSSL_CTX_set1_sigalgs_list(ctx, "ECDSA+SHA256") ==
			     WOLFSSL_SUCCESS,
	     "profile");
	must(wolfSSL_CTX_load_verify_buffer(ctx, (const uint8_t *)root->cert,
					    (long)strlen(root->cert),
					    WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS,
	     "root");
	if (hub)
		must(wolfSSL_CTX_use_certificate_chain_buffer(
			     ctx, (const uint8_t *)hub->cert, (long)strlen(hub->cert)) ==
				     WOLFSSL_SUCCESS &&
			     wolfSSL_CTX_use_PrivateKey_buffer(
				     ctx, (const uint8_t *)hub->key,
				     (long)strlen(hub->key),
				     WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS,
		     "certificate");
	wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER, NULL);
	wolfSSL_SetIOSend(ctx, on_send);
	wolfSSL_SetIORecv(ctx, on_receive);
	return ctx;
}

void raw_hub_context_free(WOLFSSL_CTX *ctx)
{
	wolfSSL_CTX_free(ctx);
}

int raw_hub_socket(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "socket");
	return fd;
}

void raw_hub_open(struct raw_hub *h, WOLFSSL_CTX *ctx, uint16_t port, bool cid)
{
	*h = (struct raw_hub){ .fd = raw_hub_socket(port), .ssl = wolfSSL_new(ctx) };
	must(h->ssl != NULL, "no connection");
	wolfSSL_SetIOWriteCtx(h->ssl, h);
	wolfSSL_SetIOReadCtx(h->ssl, h);
	wolfSSL_dtls_set_using_nonblock(h->ssl, 1);
	if (cid)
		must(wolfSSL_dtls_cid_use(h->ssl) == WOLFSSL_SUCCESS, "connection id");
}

void raw_hub_close(struct raw_hub *h)
{
	wolfSSL_free(h->ssl);
	if (h->fd >= 0)
		close(h->fd);
	*h = (struct raw_hub){ .fd = -1 };
}

bool raw_hub_wait(const struct raw_hub *h, unsigned ms)
{
	struct pollfd p = { .fd = h->fd, .events = POLLIN };

	return poll(&p, 1, (int)ms) == 1;
}

bool raw_hub_step(struct raw_hub *h)
{
	int r = wolfSSL_connect(h->ssl), error;

	if (r == WOLFSSL_SUCCESS)
		return true;
	error = wolfSSL_get_error(h->ssl, r);
	if (error != WOLFSSL_ERROR_WANT_READ && error != WOLFSSL_ERROR_WANT_WRITE) {
		h->closed = true;
		h->error = error;
	}
	return false;
}

void raw_hub_again(struct raw_hub *h)
{
	wolfSSL_dtls_got_timeout(h->ssl);
}

bool raw_hub_connect(struct raw_hub *h, unsigned ms)
{
	uint64_t begin = now_ms(), last = begin;

	while (!raw_hub_step(h)) {
		if (h->closed || now_ms() - begin >= ms)
			return false;
		if (raw_hub_wait(h, TURN_MS)) {
			last = now_ms();
		} else if (now_ms() - last >= AGAIN_MS) {
			raw_hub_again(h);
			last = now_ms();
		}
	}
	return true;
}

void raw_hub_write(struct raw_hub *h, const void *bytes, size_t len)
{
	must(wolfSSL_write(h->ssl, bytes, (int)len) == (int)len, "cannot write");
}

void raw_hub_say(struct raw_hub *h, uint16_t mid, const void *body, size_t len)
{
	uint8_t m[1500] = { 0x42,
			    0x02,
			    (uint8_t)(mid >> 8),
			    (uint8_t)mid,
			    (uint8_t)(mid >> 8),
			    (uint8_t)mid, /* token */
			    0xb1,
			    'u',
			    0xff };
	size_t at = len ? 9 : 8;

	must(len <= sizeof(m) - at, "body too long");
	if (len)
		memcpy(m + at, body, len);
	h->mid = mid;
	raw_hub_write(h, m, at + len);
}

int raw_hub_hear(struct raw_hub *h, uint8_t *buf, size_t cap, unsigned ms)
{
	uint64_t begin = now_ms();

	for (;;) {
		int n = wolfSSL_read(h->ssl, buf, (int)cap), error;
		uint64_t passed = now_ms() - begin;

		if (n > 0)
			return n;
		error = wolfSSL_get_error(h->ssl, n);
		if (error != WOLFSSL_ERROR_WANT_READ &&
		    error != WOLFSSL_ERROR_WANT_WRITE) {
			h->closed = true;
			return -2;
		}
		if (passed >= ms || !raw_hub_wait(h, (unsigned)(ms - passed)))
			return -1;
	}
}

int raw_hub_ask(struct raw_hub *h, const void *body, size_t len, unsigned ms)
{
	uint16_t mid = (uint16_t)(h->mid + 1);
	uint64_t begin = now_ms();
	uint8_t m[1500];

	while (now_ms() - begin < ms) {
		int n;

		raw_hub_say(h, mid, body, len);
		while ((n = raw_hub_hear(h, m, sizeof(m), AGAIN_MS)) >= 0)
			if (n >= 4 && (m[2] << 8 | m[3]) == mid)
				return m[1];
		if (n == -2)
			return n;
	}
	return -1;
}
