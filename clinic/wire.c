/*
 * wire.c - see wire.h. One version and one suite, P-256 and ECDSA with SHA-256 only, a certificate always demanded: as
 * towards hubs (coap/mend.c).
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "clinic/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coap/identity.h"
#include "hub/rt/rt.h"

enum { CHUNK_MAX = 16384 };

struct wire_tls {
	WOLFSSL_CTX *ctx;
	bool server;
};

struct wire {
	int fd;
	WOLFSSL *ssl; /* NULL: plain */
	bool server;
	char name[CONFIG_NAME_MAX + 1];
	int wants;
	bool has_peer;
	uint8_t peer[PIN_LEN];
};

/* --- one end ---------------------------------------------------------------------------- */

static bool configure(WOLFSSL_CTX *ctx, const char *cert, const char *key,
		      const char *root)
{
	int group = WOLFSSL_ECC_SECP256R1;
	const unsigned char *c = (const unsigned char *)cert,
			    *k = (const unsigned char *)key,
			    *r = (const unsigned char *)root;

	wolfSSL_CTX_set_verify(
		ctx, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return wolfSSL_CTX_set_cipher_list(ctx, "TLS13-AES128-GCM-SHA256") ==
		       WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_set_groups(ctx, &group, 1) == WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_set1_sigalgs_list(ctx, "ECDSA+SHA256") == WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_use_certificate_chain_buffer(ctx, c, (long)strlen(cert)) ==
		       WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_use_PrivateKey_buffer(ctx, k, (long)strlen(key),
						 WOLFSSL_FILETYPE_PEM) ==
		       WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_check_private_key(ctx) == WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_load_verify_buffer(ctx, r, (long)strlen(root),
					      WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS;
}

int wire_tls_new(bool server, const char *cert, const char *key, const char *root,
		 struct wire_tls **ret)
{
	struct wire_tls *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->server = server;
	t->ctx = wolfSSL_CTX_new(server ? wolfTLSv1_3_server_method()
					: wolfTLSv1_3_client_method());
	if (!t->ctx || !configure(t->ctx, cert, key, root)) {
		int r = t->ctx ? -EBADMSG : -ENOMEM;

		wire_tls_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void wire_tls_free(struct wire_tls *t)
{
	if (!t)
		return;
	wolfSSL_CTX_free(t->ctx);
	free(t);
}

/* --- one connection --------------------------------------------------------------------- */

int wire_new(int fd, struct wire_tls *tls, const char *name, struct wire **ret)
{
	struct wire *w = calloc(1, sizeof(*w));

	if (!w) {
		close(fd);
		return -ENOMEM;
	}
	w->fd = fd;
	w->wants = RT_READ;
	if (name)
		memcpy(w->name, name, strnlen(name, sizeof(w->name) - 1));
	if (tls) {
		w->server = tls->server;
		w->ssl = wolfSSL_new(tls->ctx);
		if (!w->ssl || wolfSSL_set_fd(w->ssl, fd) != WOLFSSL_SUCCESS) {
			wire_free(w);
			return -ENOMEM;
		}
		wolfSSL_SetIOReadFlags(w->ssl, MSG_NOSIGNAL);
		wolfSSL_SetIOWriteFlags(w->ssl, MSG_NOSIGNAL);
	}
	*ret = w;
	return 0;
}

void wire_free(struct wire *w)
{
	if (!w)
		return;
	if (w->ssl)
		wolfSSL_free(w->ssl);
	close(w->fd);
	free(w);
}

int wire_fd(const struct wire *w)
{
	return w->fd;
}

int wire_wants(const struct wire *w)
{
	return w->wants;
}

/* What became of a call that did not do what was asked. */
static int tls_error(struct wire *w, int result)
{
	switch (wolfSSL_get_error(w->ssl, result)) {
	case WOLFSSL_ERROR_WANT_READ: w->wants = RT_READ; return -EAGAIN;
	case WOLFSSL_ERROR_WANT_WRITE: w->wants = RT_WRITE; return -EAGAIN;
	}
	return -ECONNRESET;
}

/* Chain and dates are good; the rest is ours. */
static int check_peer(struct wire *w)
{
	WOLFSSL_X509 *x = wolfSSL_get_peer_certificate(w->ssl);
	const uint8_t *der;
	int len = 0, r = -EKEYREJECTED;

	if (!x)
		return -EKEYREJECTED;
	der = wolfSSL_X509_get_der(x, &len);
	if (der && len > 0 && identity_check_form(der, (size_t)len, true) == 0 &&
	    (w->server || identity_check_dns(der, (size_t)len, w->name) == 0) &&
	    identity_pin(der, (size_t)len, w->peer) == 0)
		r = 0;
	w->has_peer = r == 0;
	wolfSSL_X509_free(x);
	return r;
}

int wire_handshake(struct wire *w)
{
	int n, r;

	if (!w->ssl || w->has_peer)
		return 0;
	n = w->server ? wolfSSL_accept(w->ssl) : wolfSSL_connect(w->ssl);
	if (n == WOLFSSL_SUCCESS)
		return check_peer(w);
	r = tls_error(w, n);
	switch (wolfSSL_get_error(w->ssl, n)) {
	case ASN_NO_SIGNER_E:
	case ASN_SIG_CONFIRM_E:
	case ASN_AFTER_DATE_E:
	case ASN_BEFORE_DATE_E:
	case NO_PEER_CERT: return -EKEYREJECTED;
	}
	return r;
}

int wire_peer(const struct wire *w, uint8_t ret[static PIN_LEN])
{
	if (!w->has_peer)
		return -ENOENT;
	memcpy(ret, w->peer, PIN_LEN);
	return 0;
}

static int plain_error(struct wire *w, int wants)
{
	if (errno != EAGAIN && errno != EINTR)
		return -ECONNRESET;
	w->wants = wants;
	return -EAGAIN;
}

int wire_read(struct wire *w, uint8_t *buf, size_t cap)
{
	int n = (int)(cap < CHUNK_MAX ? cap : CHUNK_MAX);

	if (!w->ssl) {
		n = (int)recv(w->fd, buf, (size_t)n, 0);
		return n < 0 ? plain_error(w, RT_READ) : n;
	}
	n = wolfSSL_read(w->ssl, buf, n);
	if (n > 0)
		return n;
	if (wolfSSL_get_error(w->ssl, n) == WOLFSSL_ERROR_ZERO_RETURN)
		return 0;
	return tls_error(w, n);
}

int wire_write(struct wire *w, const uint8_t *buf, size_t len)
{
	int n = (int)(len < CHUNK_MAX ? len : CHUNK_MAX);

	if (!w->ssl) {
		n = (int)send(w->fd, buf, (size_t)n, MSG_NOSIGNAL);
		return n < 0 ? plain_error(w, RT_WRITE) : n;
	}
	n = wolfSSL_write(w->ssl, buf, n);
	return n > 0 ? n : tls_error(w, n);
}
