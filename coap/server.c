/*
 * server.c - libcoap as a DTLS server: POSTs of admitted keys go to one handler, all else is refused.
 *
 * Must never: call the handler without the SPKI of the key that DTLS proved; assemble
 * blocks; answer a request that the handler wants unanswered (no empty acknowledgement
 * either, it would stop the client from sending again).
 *
 * Invariants
 *   1. One coap_context per server; before each call into the library its own verifier is set.
 *   2. A peer's certificate must have a good chain and dates, and admit() must say yes to its key.
 *   3. A session's SPKI is read from its own DTLS state and kept with the session; it goes with it.
 *   4. One datagram is one request: whatever carries Block1 is 4.13.
 *
 * libcoap runs the handler again for a datagram that comes twice; the handler is idempotent
 * (server.h).
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coap/identity.h"
#include "coap/library.h"
#include "coap/mend.h"
#include "coap/server.h"
#include "hub/core/err.h"

enum {
	IDLE_SESSIONS_MAX = 2000, /* libcoap walks all of them on each turn */
	HANDSHAKES_MAX = 100,
	SESSION_TIMEOUT_S = 2 * 86400, /* libcoap's own, 300 s, is exactly a heartbeat */
	PATH_MAX_LEN = 64,
	CONTENT_FORMAT_CBOR = 60,
	CODE_NEVER_SENT = 32, /* 1.00 is no code: libcoap drops such a response */
};

struct coap_server {
	struct coap_server_config cfg; /* address and PEM texts are not kept */
	struct library_identity identity;
	coap_context_t *ctx;
	struct rt_fd *fd;
	uint16_t port;
};

/* The key of one session's peer. */
struct peer {
	uint8_t spki[PIN_LEN];
};

static int verify(void *user, const uint8_t *der, size_t len, int depth, int error)
{
	struct coap_server *s = user;
	uint8_t spki[PIN_LEN];

	if (error != 0)
		return 0;
	if (depth > 0)
		return 1;
	return identity_pin(der, len, spki) == 0 && s->cfg.admit(s->cfg.arg, spki);
}

static int read_spki(const coap_session_t *session, uint8_t ret[static PIN_LEN])
{
	WOLFSSL **ssl = coap_session_get_tls(session, NULL);
	WOLFSSL_X509 *x = ssl && *ssl ? wolfSSL_get_peer_certificate(*ssl) : NULL;
	const uint8_t *der;
	int len = 0, r = -EACCES;

	if (!x)
		return r;
	der = wolfSSL_X509_get_der(x, &len);
	if (der && len > 0)
		r = identity_pin(der, (size_t)len, ret);
	wolfSSL_X509_free(x);
	return r;
}

static void forget_peer(coap_session_t *session)
{
	free(coap_session_get_app_data(session));
	coap_session_set_app_data(session, NULL);
}

/* NULL if the peer has no certificate that we could read: its requests are not for us. */
static const struct peer *peer_of(coap_session_t *session)
{
	struct peer *p = coap_session_get_app_data(session);

	if (p)
		return p;
	p = malloc(sizeof(*p));
	if (!p)
		return NULL;
	if (read_spki(session, p->spki)) {
		free(p);
		return NULL;
	}
	coap_session_set_app_data(session, p);
	return p;
}

static int on_event(coap_session_t *session, const coap_event_t event)
{
	if (event == COAP_EVENT_DTLS_CONNECTED || event == COAP_EVENT_SERVER_SESSION_DEL)
		forget_peer(session);
	return 0;
}

static void answer(coap_pdu_t *response, const struct coap_server_response *r)
{
	uint8_t buf[4];

	if (r->code == 0 || r->len > sizeof(r->body)) {
		coap_pdu_set_code(response, (coap_pdu_code_t)CODE_NEVER_SENT);
		return;
	}
	coap_pdu_set_code(response, (coap_pdu_code_t)r->code);
	if (r->len)
		coap_add_option(
			response, COAP_OPTION_CONTENT_FORMAT,
			coap_encode_var_safe(buf, sizeof(buf), CONTENT_FORMAT_CBOR), buf);
	if (r->code == COAP_CODE_UNAVAILABLE)
		coap_add_option(response, COAP_OPTION_MAXAGE,
				coap_encode_var_safe(buf, sizeof(buf), r->max_age_s),
				buf);
	if (r->len && !coap_add_data(response, r->len, r->body))
		coap_pdu_set_code(response, (coap_pdu_code_t)CODE_NEVER_SENT);
}

/* The Uri-Path as text with '/' between; false if it does not fit or holds a zero byte. */
static bool read_path(const coap_pdu_t *request, char path[static PATH_MAX_LEN])
{
	coap_string_t *p = coap_get_uri_path(request);
	bool good = p && p->length < PATH_MAX_LEN && !memchr(p->s, '\0', p->length);

	if (good) {
		memcpy(path, p->s, p->length);
		path[p->length] = '\0';
	}
	coap_delete_string(p);
	return good;
}

static void on_post(coap_resource_t *resource, coap_session_t *session,
		    const coap_pdu_t *request, const coap_string_t *query,
		    coap_pdu_t *response)
{
	struct coap_server *s =
		coap_context_get_app_data(coap_session_get_context(session));
	const struct peer *peer = peer_of(session);
	struct coap_server_response r = { 0 };
	struct coap_server_request rq = { 0 };
	char path[PATH_MAX_LEN];
	coap_opt_iterator_t it;

	(void)resource;
	(void)query;
	if (!coap_get_data(request, &rq.len, &rq.body))
		rq.len = 0;
	if (!peer) {
		r.code = COAP_CODE_FORBIDDEN;
	} else if (coap_check_option(request, COAP_OPTION_BLOCK1, &it)) {
		r.code = COAP_CODE_TOO_LARGE;
	} else if (!read_path(request, path)) {
		r.code = COAP_CODE_NOT_FOUND;
	} else {
		rq.spki = peer->spki;
		rq.path = path;
		s->cfg.request(s->cfg.arg, &rq, &r);
	}
	answer(response, &r);
}

static void on_other(coap_resource_t *resource, coap_session_t *session,
		     const coap_pdu_t *request, const coap_string_t *query,
		     coap_pdu_t *response)
{
	(void)resource;
	(void)session;
	(void)request;
	(void)query;
	coap_pdu_set_code(response, (coap_pdu_code_t)COAP_CODE_NOT_ALLOWED);
}

/* One resource stands for every path, .well-known/core
 * included: which of them exist is the handler's affair. */
static int add_resource(coap_context_t *ctx)
{
	static const coap_request_t others[] = {
		COAP_REQUEST_GET,   COAP_REQUEST_PUT,	COAP_REQUEST_DELETE,
		COAP_REQUEST_FETCH, COAP_REQUEST_PATCH, COAP_REQUEST_IPATCH
	};
	coap_resource_t *r = coap_resource_unknown_init2(
		on_other, COAP_RESOURCE_HANDLE_WELLKNOWN_CORE);

	if (!r)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		coap_register_request_handler(r, others[i], on_other);
	coap_register_request_handler(r, COAP_REQUEST_POST, on_post);
	coap_add_resource(ctx, r);
	return 0;
}

static int parse_address(const char *text, uint16_t port, coap_address_t *ret)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };

	if (*text == '\0')
		memset(addr, 0, sizeof(addr)); /* :: takes IPv4 as well */
	else if (inet_pton(AF_INET, text, addr + 12) != 1 &&
		 inet_pton(AF_INET6, text, addr) != 1)
		return -EIO;
	library_addr(addr, port, ret);
	return 0;
}

/* The port is only shown at the end of the endpoint's text. */
static uint16_t bound_port(coap_endpoint_t *ep, uint16_t asked)
{
	const char *text = coap_endpoint_str(ep);
	const char *colon = text ? strrchr(text, ':') : NULL;

	if (asked || !colon)
		return asked;
	return (uint16_t)strtoul(colon + 1, NULL, 10);
}

/* libcoap binds with SO_REUSEADDR, and Linux then lets two servers have one UDP port and
 * gives the datagrams to either. Bound without it first, a taken port is an error. */
static int check_port_free(const coap_address_t *at)
{
	int fd = socket(at->addr.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), off = 0,
	    r = 0;

	if (fd < 0)
		return -EIO;
	if (at->addr.sa.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0)
		r = -EIO;
	if (r == 0 && bind(fd, &at->addr.sa, at->size) != 0)
		r = -EIO;
	close(fd);
	return r;
}

static void on_readable(void *arg, int events)
{
	struct coap_server *s = arg;

	(void)events;
	mend_set_verifier(verify, s);
	coap_io_process(s->ctx, COAP_IO_NO_WAIT);
}

static int open_endpoint(struct coap_server *s, const struct coap_server_config *cfg)
{
	coap_dtls_pki_t pki = library_pki(&s->identity, NULL);
	coap_endpoint_t *ep;
	coap_address_t at;

	if (parse_address(cfg->address, cfg->port, &at) || check_port_free(&at))
		return -EIO;
	library_profile(cfg->profile);
	mend_set_verifier(verify, s);
	if (!coap_context_set_pki(s->ctx, &pki))
		return -EBADMSG;
	ep = coap_new_endpoint(s->ctx, &at, COAP_PROTO_DTLS);
	if (!ep)
		return -EIO;
	s->port = bound_port(ep, cfg->port);
	return 0;
}

static int start(struct coap_server *s, struct rt *rt,
		 const struct coap_server_config *cfg)
{
	int r = library_identity_init(&s->identity, cfg->cert_pem, cfg->key_pem,
				      cfg->ca_pem);

	if (r < 0)
		return r;
	library_start();
	s->ctx = coap_new_context(NULL);
	if (!s->ctx)
		return -EIO;
	coap_context_set_app_data(s->ctx, s);
	coap_context_set_max_idle_sessions(s->ctx, IDLE_SESSIONS_MAX);
	coap_context_set_max_handshake_sessions(s->ctx, HANDSHAKES_MAX);
	coap_context_set_session_timeout(s->ctx, SESSION_TIMEOUT_S);
	coap_register_event_handler(s->ctx, on_event);
	r = add_resource(s->ctx);
	if (r == 0)
		r = open_endpoint(s, cfg);
	if (r < 0)
		return r;
	library_kick(s->ctx);
	s->fd = rt_fd_new(rt, coap_context_get_coap_fd(s->ctx), RT_READ, on_readable, s);
	return 0;
}

int coap_server_new(struct rt *rt, const struct coap_server_config *cfg,
		    struct coap_server **ret)
{
	struct coap_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->cfg = *cfg;
	s->cfg.address = s->cfg.cert_pem = s->cfg.key_pem = s->cfg.ca_pem = NULL;
	r = start(s, rt, cfg);
	if (r < 0) {
		coap_server_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

uint16_t coap_server_port(const struct coap_server *s)
{
	return s->port;
}

void coap_server_free(struct coap_server *s)
{
	if (!s)
		return;
	rt_fd_free(s->fd);
	if (s->ctx)
		coap_free_context(s->ctx);
	library_identity_done(&s->identity);
	free(s);
}
