/*
 * client.c - libcoap in our loop, each client for exactly one server at a time.
 *
 * Must never: free or send anything inside a libcoap callback (a use after free there is what
 * CVE-2025-50518 is about); count a server as connected whose identity was not checked in this
 * handshake; take an ICMP error for more than silence, as anyone can forge one.
 *
 * Invariants
 *   1. One coap_context per connection: libcoap keeps certificate, trust and version in it.
 *   2. Callbacks only note and pass on; the library is acted upon after its call has returned.
 *   3. Every call into libcoap from outside is followed by library_kick() or is coap_io_process().
 *   4. The peer is accepted if chain, form and dates are good, its key's pin is one of the endpoint's, and
 *      one DNS name is the endpoint's, all three in verify(); identity_ok says that this happened.
 *   5. The verifier is this client's whenever libcoap is entered for it: there is one for all of libcoap.
 *
 * libcoap's own keep-alive and re-connect are not used: it keeps a dead session for ever.
 */
#include <wolfssl/options.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "coap/client.h"
#include "coap/code.h"
#include "coap/identity.h"
#include "coap/library.h"
#include "coap/mend.h"
#include "coap/route.h"
#include "coap/tune.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/log.h"

/* No clock can truly show a time before this code was written: 2026-11-01. */
#define OLDEST_TIME_S 1793491200

enum {
	/* libcoap counts a handshake's retries by the number for requests */
	RETRANSMIT_HANDSHAKE = 5,
	HANDSHAKE_ACK_TIMEOUT_MS = 2000, /* the handshake's own timer is a fixed one */
	TOKEN_MAX = 4,
};

struct client {
	struct rt *rt;
	struct client_handlers handlers;
	void *arg;
	struct library_identity identity;
	/* From here on: of the present connection. */
	struct config_endpoint endpoint;
	coap_context_t *ctx; /* NULL: none */
	coap_session_t *session;
	struct rt_fd *fd;
	bool up, down;
	bool heard;	    /* an answer came */
	bool identity_ok;   /* verify() accepted the server's own certificate */
	bool identity_bad;  /* chain good, but it is somebody else */
	bool chain_bad;	    /* not of our root, or its dates are over */
	int64_t peer_end_s; /* of the server's certificate */
};

static int64_t floor_s = OLDEST_TIME_S;

static int64_t certificate_now(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_REALTIME, &t) != 0 || t.tv_sec < floor_s)
		return floor_s;
	return t.tv_sec;
}

void client_set_time_floor(int64_t utc_ms)
{
	if (utc_ms / 1000 > floor_s)
		floor_s = utc_ms / 1000;
}

static bool pin_is_known(const struct config_endpoint *ep, const uint8_t *der, size_t len)
{
	uint8_t pin[PIN_LEN];

	if (identity_pin(der, len, pin))
		return false;
	for (size_t i = 0; i < ep->pin_count && i < CONFIG_PINS_MAX; i++)
		if (crypto_equal(pin, ep->pins[i], PIN_LEN))
			return true;
	return false;
}

/*
 * A machine whose clock is behind the floor does not know what time it is, only how late it is at least: a
 * certificate that had not begun by then may have begun since. One that had ended, has.
 */
static bool may_have_begun(int error)
{
	struct timespec t;

	return error == ASN_BEFORE_DATE_E &&
	       (clock_gettime(CLOCK_REALTIME, &t) != 0 || t.tv_sec < floor_s);
}

/*
 * While a clinic goes over to another root its server sends the certificate by which the one before vouches for that, too. Who
 * has the new one alone cannot follow it up, and need not: it is for a key that is trusted as a root's. wolfSSL takes it as a CA
 * then, which says no more than that root does; a certificate for any other key stays out.
 */
static bool is_a_roots_key(const struct client *c, const uint8_t *der, size_t len)
{
	uint8_t pin[PIN_LEN];

	return identity_pin(der, len, pin) == 0 && library_is_root(&c->identity, pin);
}

/* The decision on the server, in every handshake; see mend.h. */
static int verify(void *user, const uint8_t *der, size_t len, int depth, int error)
{
	struct client *c = user;

	if (depth > 0 && error == ASN_NO_SIGNER_E && is_a_roots_key(c, der, len))
		error = 0;
	if ((error != 0 && !may_have_begun(error)) ||
	    identity_check_form(der, len, depth == 0)) {
		c->chain_bad = true;
		return 0;
	}
	if (depth > 0)
		return 1;
	c->identity_ok = pin_is_known(&c->endpoint, der, len) &&
			 identity_check_dns(der, len, c->endpoint.name) == 0 &&
			 identity_end(der, len, &c->peer_end_s) == 0;
	c->identity_bad = !c->identity_ok;
	return c->identity_ok;
}

static void report_down(struct client *c, enum client_loss why)
{
	if (c->down)
		return;
	c->down = true;
	c->up = false;
	c->handlers.down(c->arg, c->identity_bad ? CLIENT_IDENTITY
				 : c->chain_bad	 ? CLIENT_CHAIN
						 : why);
}

/* The server knows us by an id, wherever our records come from. wolfSSL_dtls_cid_is_enabled() does not tell: a DTLS 1.2
 * client keeps its offer although the server has not taken it. */
static bool has_cid(WOLFSSL *ssl)
{
	unsigned size = 0;

	return wolfSSL_dtls_cid_get_tx_size(ssl, &size) == WOLFSSL_SUCCESS && size > 0;
}

static void on_connected(struct client *c)
{
	WOLFSSL **ssl = coap_session_get_tls(c->session, NULL);

	if (!c->identity_ok) {
		report_down(c, CLIENT_REFUSED);
		return;
	}
	if (!ssl || !*ssl || !has_cid(*ssl))
		log_warn("uplink-no-cid", "an address change will cost a new handshake");
	tune_size(c->session);
	c->up = true;
	c->handlers.up(c->arg);
}

static struct client *client_of(coap_session_t *session)
{
	struct client *c = coap_session_get_app_data(session);

	return c && c->session == session ? c : NULL;
}

static int on_event(coap_session_t *session, const coap_event_t event)
{
	struct client *c = client_of(session);

	if (!c)
		return 0;
	if (event == COAP_EVENT_DTLS_CONNECTED)
		on_connected(c);
	else if (event == COAP_EVENT_DTLS_CLOSED)
		report_down(c, c->up ? CLIENT_GOODBYE : CLIENT_REFUSED);
	else if (event == COAP_EVENT_DTLS_ERROR)
		/* DTLS 1.3 is up at our end before the server has looked at our certificate */
		report_down(c, c->up && c->heard ? CLIENT_LOST : CLIENT_REFUSED);
	else if (event == COAP_EVENT_SESSION_FAILED)
		report_down(c, CLIENT_LOST);
	else if (event == COAP_EVENT_MSG_RETRANSMITTED && c->up)
		c->handlers.retransmitted(c->arg);
	return 0;
}

/* 0 for anything but a token of ours; forward.h never uses 0. */
static uint32_t token_of(const coap_pdu_t *pdu)
{
	coap_bin_const_t t = coap_pdu_get_token(pdu);
	uint32_t token = 0;

	if (t.length == 0 || t.length > TOKEN_MAX || t.s[0] == 0)
		return 0;
	for (size_t i = 0; i < t.length; i++)
		token = token << 8 | t.s[i];
	return token;
}

/* Big-endian, without leading zeros: each byte of it crosses the network twice. */
static size_t put_token(uint32_t token, uint8_t ret[static TOKEN_MAX])
{
	size_t len = 0;

	for (int shift = 24; shift >= 0; shift -= 8)
		if (len || token >> shift)
			ret[len++] = (uint8_t)(token >> shift);
	return len;
}

static void on_nack(coap_session_t *session, const coap_pdu_t *sent,
		    const coap_nack_reason_t why, const coap_mid_t mid)
{
	struct client *c = client_of(session);

	(void)mid;
	if (!c || why == COAP_NACK_ICMP_ISSUE)
		return;
	if (c->up && sent &&
	    (why == COAP_NACK_TOO_MANY_RETRIES || why == COAP_NACK_RST ||
	     why == COAP_NACK_BAD_RESPONSE))
		c->handlers.undelivered(c->arg, token_of(sent));
	else if (why != COAP_NACK_RST)
		report_down(c, CLIENT_LOST);
}

/* An ETag or a block that is none stays out, and the part is then of no use. */
static void read_part(const coap_pdu_t *received, struct fetch_part *p)
{
	coap_opt_iterator_t it;
	coap_opt_t *etag = coap_check_option(received, COAP_OPTION_ETAG, &it);
	coap_opt_t *format = coap_check_option(received, COAP_OPTION_CONTENT_FORMAT, &it);
	coap_opt_t *block = coap_check_option(received, COAP_OPTION_BLOCK2, &it);

	if (etag && coap_opt_length(etag) <= FETCH_ETAG_MAX) {
		p->etag_len = coap_opt_length(etag);
		if (p->etag_len)
			memcpy(p->etag, coap_opt_value(etag), p->etag_len);
	}
	p->format = !format ? -1
			    : (int)coap_decode_var_bytes(coap_opt_value(format),
							 coap_opt_length(format));
	p->has_block = block != NULL;
	if (!coap_get_data(received, &p->len, &p->body) ||
	    (block &&
	     block_decode(coap_opt_value(block), coap_opt_length(block), &p->block)))
		p->len = 0;
}

static coap_response_t on_response(coap_session_t *session, const coap_pdu_t *sent,
				   const coap_pdu_t *received, const coap_mid_t mid)
{
	struct client *c = client_of(session);
	struct forward_response r = { .max_age_s = COAP_MAX_AGE_DEFAULT_S };
	coap_opt_iterator_t it;
	coap_opt_t *age = coap_check_option(received, COAP_OPTION_MAXAGE, &it);

	(void)sent;
	(void)mid;
	if (!c || !c->up)
		return COAP_RESPONSE_OK;
	c->heard = true;
	r.token = token_of(received);
	r.code = (int)coap_pdu_get_code(received);
	if (age)
		r.max_age_s =
			coap_decode_var_bytes(coap_opt_value(age), coap_opt_length(age));
	if (r.token >= FETCH_TOKEN_FIRST) {
		struct fetch_part p = { .token = r.token,
					.code = r.code,
					.max_age_s = r.max_age_s };

		read_part(received, &p);
		c->handlers.part(c->arg, &p);
		return COAP_RESPONSE_OK;
	}
	/* A part of a body is none: no answer to a batch needs more than one message. */
	if (coap_check_option(received, COAP_OPTION_BLOCK2, &it) ||
	    !coap_get_data(received, &r.len, &r.body))
		r.len = 0;
	c->handlers.response(c->arg, &r);
	return COAP_RESPONSE_OK;
}

static void on_readable(void *arg, int events)
{
	struct client *c = arg;

	(void)events;
	mend_set_verifier(verify, c);
	coap_io_process(c->ctx, COAP_IO_NO_WAIT);
	c->handlers.turn(c->arg);
}

int client_new(struct rt *rt, const struct client_config *cfg,
	       const struct client_handlers *h, void *arg, struct client **ret)
{
	struct client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->rt = rt;
	c->handlers = *h;
	c->arg = arg;
	library_start();
	r = mend_set_time(certificate_now) ? -EIO : client_set_identity(c, cfg);
	if (r < 0) {
		client_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

int client_set_identity(struct client *c, const struct client_config *cfg)
{
	int r;

	client_release(c);
	library_identity_done(&c->identity);
	if (!cfg || !cfg->cert_pem)
		return 0;
	r = library_identity_init(&c->identity, cfg->cert_pem, cfg->key_pem,
				  cfg->root_pem);
	/* A board without a clock of its own starts in the past; our certificate was made later. */
	if (r == 0)
		client_set_time_floor(library_identity_begin(&c->identity) * 1000);
	return r;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	client_release(c);
	library_identity_done(&c->identity);
	free(c);
}

static coap_session_t *open_session(struct client *c, const struct client_target *target)
{
	coap_dtls_pki_t pki = library_pki(&c->identity, c->endpoint.name);
	coap_session_t *s;
	coap_address_t to;

	library_addr(target->addr, c->endpoint.port, &to);
	library_profile(c->endpoint.profile);
	mend_set_verifier(verify, c);
	s = coap_new_client_session_pki(c->ctx, NULL, &to, COAP_PROTO_DTLS, &pki);
	if (!s)
		return NULL;
	if (coap_session_get_state(s) == COAP_SESSION_STATE_NONE) {
		coap_session_release(
			s); /* failed at once, and said so before it had our name */
		return NULL;
	}
	coap_session_set_app_data(s, c);
	coap_session_set_nstart(
		s, FORWARD_SLOTS + 1); /* the window is ours, nothing waits inside */
	tune_patience(s, HANDSHAKE_ACK_TIMEOUT_MS, RETRANSMIT_HANDSHAKE);
	if (target->small)
		tune_handshake_mtu(s, TUNE_MTU_SMALL); /* the hello is out, and smaller */
	library_kick(c->ctx);
	return s;
}

int client_connect(struct client *c, const struct client_target *to)
{
	int r = route_find(to->addr);

	client_release(c);
	if (r < 0)
		return r;
	c->endpoint = *to->endpoint;
	c->up = c->down = c->heard = false;
	c->identity_ok = c->identity_bad = c->chain_bad = false;
	if (!c->identity.pair)
		return -EIO;
	c->ctx = coap_new_context(NULL);
	if (!c->ctx)
		return -EIO;
	coap_register_response_handler(c->ctx, on_response);
	coap_register_nack_handler(c->ctx, on_nack);
	coap_register_event_handler(c->ctx, on_event);
	c->session = open_session(c, to);
	if (!c->session) {
		client_release(c);
		return -EIO;
	}
	c->fd = rt_fd_new(c->rt, coap_context_get_coap_fd(c->ctx), RT_READ, on_readable,
			  c);
	return 0;
}

void client_release(struct client *c)
{
	coap_context_t *ctx = c->ctx;
	coap_session_t *session = c->session;

	rt_fd_free(c->fd);
	c->fd = NULL;
	c->ctx = NULL;
	c->session = NULL; /* callbacks from here on find no client */
	c->up = false;
	mend_set_verifier(verify, c);
	if (session)
		coap_session_release(session);
	if (ctx)
		coap_free_context(ctx);
}

/* Segments are between slashes. */
static bool put_path(coap_pdu_t *p, const char *at)
{
	size_t len;

	for (; *at; at += len + (at[len] == '/')) {
		len = strcspn(at, "/");
		if (!coap_add_option(p, COAP_OPTION_URI_PATH, len, (const uint8_t *)at))
			return false;
	}
	return true;
}

/* A format of 0 has no octet. */
static bool put_number(coap_pdu_t *p, coap_option_num_t option, unsigned number)
{
	const uint8_t octets[2] = { (uint8_t)(number >> 8), (uint8_t)number };
	size_t skip = number > UINT8_MAX ? 0 : 1;

	return coap_add_option(p, option, 2 - skip, octets + skip);
}

static bool put_options(coap_pdu_t *p, const struct client_request *rq)
{
	return put_path(p, rq->path) &&
	       (!rq->format || put_number(p, COAP_OPTION_CONTENT_FORMAT, rq->format)) &&
	       (!rq->query || coap_add_option(p, COAP_OPTION_URI_QUERY, strlen(rq->query),
					      (const uint8_t *)rq->query));
}

static coap_pdu_t *make_request(coap_session_t *s, uint32_t token,
				const struct client_request *rq)
{
	uint8_t t[TOKEN_MAX];
	coap_pdu_t *p = coap_new_pdu(
		COAP_MESSAGE_CON,
		rq->body ? COAP_REQUEST_CODE_POST : COAP_REQUEST_CODE_GET, s);

	if (!p)
		return NULL;
	if (coap_add_token(p, put_token(token, t), t) && put_options(p, rq) &&
	    (!rq->body || coap_add_data(p, rq->len, rq->body)))
		return p;
	coap_delete_pdu(p);
	return NULL;
}

static coap_pdu_t *make_get(coap_session_t *s, uint32_t token,
			    const struct client_part *part)
{
	uint8_t t[TOKEN_MAX], block[BLOCK_OPTION_MAX];
	coap_pdu_t *p = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, s);

	if (!p)
		return NULL;
	if (coap_add_token(p, put_token(token, t), t) &&
	    (part->etag_len == 0 ||
	     coap_add_option(p, COAP_OPTION_ETAG, part->etag_len, part->etag)) &&
	    put_path(p, part->path) &&
	    (!part->accept || put_number(p, COAP_OPTION_ACCEPT, part->accept)) &&
	    coap_add_option(p, COAP_OPTION_BLOCK2, block_encode(&part->block, block),
			    block))
		return p;
	coap_delete_pdu(p);
	return NULL;
}

void client_set_patience(struct client *c, uint32_t ack_timeout_ms, uint16_t retransmits)
{
	if (c->up)
		tune_patience(c->session, ack_timeout_ms, retransmits);
}

int64_t client_peer_end_ms(const struct client *c)
{
	return c->up ? c->peer_end_s * 1000 : 0;
}

/* Takes p. */
static int send_pdu(struct client *c, coap_pdu_t *p)
{
	coap_mid_t mid;

	if (!p)
		return -EIO;
	mend_set_verifier(verify, c);
	mid = coap_send(c->session, p);
	library_kick(c->ctx);
	return mid == COAP_INVALID_MID ? -EIO : 0;
}

int client_ask(struct client *c, uint32_t token, const struct client_request *rq)
{
	return send_pdu(c, c->up ? make_request(c->session, token, rq) : NULL);
}

int client_send(struct client *c, uint32_t token, const uint8_t *body, size_t len)
{
	const struct client_request rq = { "u", NULL, COAP_FORMAT_SIGN1, body, len };

	return client_ask(c, token, &rq);
}

int client_get(struct client *c, uint32_t token, const struct client_part *p)
{
	return send_pdu(c, c->up ? make_get(c->session, token, p) : NULL);
}
