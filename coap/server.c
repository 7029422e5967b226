/*
 * server.c - libcoap as a DTLS server for admitted keys; what their requests get is in requests.c.
 *
 * Invariants
 *   1. One coap_context per server; before each call into the library its own verifier is set.
 *   2. A peer's certificate must have a good chain, form and dates, and admit() must say yes to its key. With any_chain
 *      its own certificate may have any chain, any dates and be a CA, and nothing above it is accepted that is not good.
 *   3. Requests that have arrived are gathered, and answered in the same turn of the loop; as long as some of them
 *      wait for a later turn, no datagram is read.
 *
 * What libcoap itself does wrong for a server is mended by rootfs/deps/patches/libcoap-*.patch.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coap/identity.h"
#include "coap/library.h"
#include "coap/mend.h"
#include "coap/requests.h"
#include "coap/server.h"
#include "coap/tune.h"
#include "hub/core/err.h"

enum {
	/* 35 KiB each; a message costs the same with one as with all of them */
	IDLE_SESSIONS_MAX = 10000,
	HANDSHAKES_MAX = 500,	       /* whose address is proved; then the oldest goes */
	SESSION_TIMEOUT_S = 2 * 86400, /* libcoap's own, 300 s, is exactly a heartbeat */
};

struct coap_server {
	struct coap_server_config cfg; /* address and PEM texts are not kept */
	struct library_identity identity;
	struct requests requests;
	/* the peer whose key was refused last, until the library says whose handshake that was */
	bool has_refused;
	uint8_t refused[PIN_LEN];
	coap_context_t *ctx;
	struct rt_fd *fd;
	struct rt_timer *more; /* for a next turn if nothing arrives */
	uint16_t port;
	size_t sessions;
};

/* What may be wrong with a certificate of which the key alone counts. */
static bool of_chain(int error)
{
	switch (error) {
	case 0:
	case ASN_SELF_SIGNED_E:
	case ASN_NO_SIGNER_E:
	case ASN_BEFORE_DATE_E:
	case ASN_AFTER_DATE_E: return true;
	}
	return false;
}

static int verify(void *user, const uint8_t *der, size_t len, int depth, int error)
{
	struct coap_server *s = user;
	bool own = depth == 0 && s->cfg.any_chain;
	uint8_t spki[PIN_LEN];

	if ((own ? !of_chain(error) : error != 0) ||
	    identity_check_form(der, len, depth == 0 && !own))
		return 0;
	if (depth > 0)
		return 1;
	if (identity_pin(der, len, spki) != 0)
		return 0;
	if (s->cfg.admit(s->cfg.arg, spki))
		return 1;
	s->has_refused = true;
	memcpy(s->refused, spki, PIN_LEN);
	return 0;
}

/* The refusal is told while the datagram that brought the key is looked at, so it is of this session. */
static void tell_refused(struct coap_server *s, const coap_session_t *session)
{
	char from[LIBRARY_ADDR_TEXT_MAX];

	if (!s->has_refused)
		return;
	s->has_refused = false;
	library_addr_text(coap_session_get_addr_remote(session), from);
	if (s->cfg.refused)
		s->cfg.refused(s->cfg.arg, s->refused, from);
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

static int on_event(coap_session_t *session, const coap_event_t event)
{
	struct coap_server *s =
		coap_context_get_app_data(coap_session_get_context(session));

	if (event == COAP_EVENT_DTLS_ERROR || event == COAP_EVENT_SERVER_SESSION_DEL)
		tell_refused(s, session);
	if (event == COAP_EVENT_DTLS_CONNECTED || event == COAP_EVENT_SERVER_SESSION_DEL)
		requests_forget(session);
	if (event == COAP_EVENT_DTLS_CONNECTED)
		tune_size(session); /* to take the largest batch, too */
	if (event == COAP_EVENT_SERVER_SESSION_NEW)
		s->sessions++;
	if (event == COAP_EVENT_SERVER_SESSION_DEL)
		s->sessions--;
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

static bool is_readable(const struct coap_server *s)
{
	struct pollfd p = { coap_context_get_coap_fd(s->ctx), POLLIN, 0 };

	return poll(&p, 1, 0) == 1;
}

/* The library reads one datagram at a time. One request alone does not wait for another. */
static void gather(struct coap_server *s)
{
	struct mono end = mono_add(rt_mono(), COAP_SERVER_GROUP_MS);

	do {
		coap_io_process(s->ctx, COAP_IO_NO_WAIT);
	} while (s->requests.count > 0 && s->requests.count < COAP_SERVER_GROUP_MAX &&
		 is_readable(s) && !mono_reached(rt_mono(), end));
}

static void on_turn(void *arg)
{
	struct coap_server *s = arg;

	mend_set_verifier(verify, s);
	if (s->requests.count == 0)
		gather(s);
	if (s->requests.count == 0)
		return;
	requests_answer(&s->requests);
	library_kick(s->ctx);
	if (s->requests.count > 0)
		rt_timer_set(s->more, rt_mono());
}

static void on_readable(void *arg, int events)
{
	(void)events;
	on_turn(arg);
}

static int open_endpoint(struct coap_server *s, const struct coap_server_config *cfg)
{
	coap_dtls_pki_t pki = library_pki(&s->identity, NULL);
	coap_endpoint_t *ep;
	coap_address_t at;

	if (parse_address(cfg->address, cfg->port, &at) || check_port_free(&at))
		return -EIO;
	if (cfg->both)
		library_profile_both();
	else
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
	s->requests = (struct requests){ .read_spki = read_spki,
					 .blocks = s->cfg.blocks,
					 .request = s->cfg.request,
					 .settle = s->cfg.settle,
					 .get = s->cfg.get,
					 .arg = s->cfg.arg };
	r = requests_add(s->ctx, &s->requests);
	if (r == 0)
		r = open_endpoint(s, cfg);
	if (r < 0)
		return r;
	library_kick(s->ctx);
	s->more = rt_timer_new(rt, on_turn, s);
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

size_t coap_server_sessions(const struct coap_server *s)
{
	return s->sessions;
}

void coap_server_free(struct coap_server *s)
{
	if (!s)
		return;
	rt_fd_free(s->fd);
	rt_timer_free(s->more);
	requests_done(&s->requests);
	if (s->ctx)
		coap_free_context(s->ctx);
	library_identity_done(&s->identity);
	free(s);
}
