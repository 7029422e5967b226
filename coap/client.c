/*
 * client.c - libcoap in our loop, as a client of exactly one server at a time.
 *
 * Must never: free or send anything inside a libcoap callback (a use after free there is what
 * CVE-2025-50518 is about); count a server as connected whose identity was not checked in this
 * handshake; take an ICMP error for more than silence, as anyone can forge one.
 *
 * Invariants
 *   1. One coap_context per connection: libcoap keeps certificate, trust and version in it.
 *   2. Callbacks only note and pass on; the library is acted upon after its call has returned.
 *   3. Every call into libcoap from outside is followed by library_kick() or is coap_io_process().
 *   4. The peer is accepted if chain and dates are good, its key's pin is one of the endpoint's, and
 *      one DNS name is the endpoint's, all three in verify(); identity_ok says that this happened.
 *
 * libcoap's own keep-alive and re-connect are not used: it keeps a dead session for ever.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "coap/client.h"
#include "coap/code.h"
#include "coap/identity.h"
#include "coap/library.h"
#include "coap/mend.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/log.h"

/* No clock can truly show a time before this code was written: 2026-11-01. */
#define OLDEST_TIME_S 1793491200

enum {
	RETRANSMIT_HANDSHAKE =
		5, /* libcoap counts a handshake's retries by the same number */
	RETRANSMIT_REQUEST = 4,
	CONTENT_FORMAT_SIGN1 = 18, /* application/cose; cose-type="cose-sign1" */
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
	bool identity_ok;  /* verify() accepted the server's own certificate */
	bool identity_bad; /* chain good, but it is somebody else */
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

/* The decision on the server, in every handshake; see mend.h. */
static int verify(void *user, const uint8_t *der, size_t len, int depth, int error)
{
	struct client *c = user;

	if (error != 0)
		return 0;
	if (depth > 0)
		return 1;
	c->identity_ok = pin_is_known(&c->endpoint, der, len) &&
			 identity_check_dns(der, len, c->endpoint.name) == 0;
	c->identity_bad = !c->identity_ok;
	return c->identity_ok;
}

static void report_down(struct client *c, enum client_loss why)
{
	if (c->down)
		return;
	c->down = true;
	c->up = false;
	c->handlers.down(c->arg, c->identity_bad ? CLIENT_IDENTITY : why);
}

static void on_connected(struct client *c)
{
	WOLFSSL **ssl = coap_session_get_tls(c->session, NULL);

	if (!c->identity_ok) {
		report_down(c, CLIENT_REFUSED);
		return;
	}
	if (!ssl || !*ssl || !wolfSSL_dtls_cid_is_enabled(*ssl))
		log_warn("uplink-no-cid", "an address change will cost a new handshake");
	coap_session_set_max_retransmit(c->session, RETRANSMIT_REQUEST);
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
		report_down(c, c->up ? CLIENT_LOST : CLIENT_REFUSED);
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
	r.token = token_of(received);
	r.code = (int)coap_pdu_get_code(received);
	if (age)
		r.max_age_s =
			coap_decode_var_bytes(coap_opt_value(age), coap_opt_length(age));
	if (!coap_get_data(received, &r.len, &r.body))
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
	r = library_identity_init(&c->identity, cfg->cert_pem, cfg->key_pem,
				  cfg->root_pem);
	if (r < 0) {
		free(c);
		return r;
	}
	library_start();
	/* A board without a clock of its own starts in the past; our certificate was made later. */
	client_set_time_floor(library_identity_begin(&c->identity) * 1000);
	if (mend_set_time(certificate_now)) {
		client_free(c);
		return -EIO;
	}
	*ret = c;
	return 0;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	client_release(c);
	library_identity_done(&c->identity);
	free(c);
}

static coap_session_t *open_session(struct client *c)
{
	coap_dtls_pki_t pki = library_pki(&c->identity, c->endpoint.name);
	coap_session_t *s;
	coap_address_t to;

	library_addr(c->endpoint.addr, c->endpoint.port, &to);
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
		s, FORWARD_SLOTS); /* the window is ours, nothing waits inside */
	coap_session_set_max_retransmit(s, RETRANSMIT_HANDSHAKE);
	library_kick(c->ctx);
	return s;
}

int client_connect(struct client *c, const struct config_endpoint *ep)
{
	client_release(c);
	c->endpoint = *ep;
	c->up = c->down = c->identity_ok = c->identity_bad = false;
	c->ctx = coap_new_context(NULL);
	if (!c->ctx)
		return -EIO;
	coap_register_response_handler(c->ctx, on_response);
	coap_register_nack_handler(c->ctx, on_nack);
	coap_register_event_handler(c->ctx, on_event);
	c->session = open_session(c);
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
	if (session)
		coap_session_release(session);
	if (ctx)
		coap_free_context(ctx);
}

static coap_pdu_t *make_post(coap_session_t *s, uint32_t token, const uint8_t *body,
			     size_t len)
{
	uint8_t t[TOKEN_MAX];
	const uint8_t format = CONTENT_FORMAT_SIGN1;
	coap_pdu_t *p = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST, s);

	if (!p)
		return NULL;
	if (coap_add_token(p, put_token(token, t), t) &&
	    coap_add_option(p, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"u") &&
	    coap_add_option(p, COAP_OPTION_CONTENT_FORMAT, 1, &format) &&
	    coap_add_data(p, len, body))
		return p;
	coap_delete_pdu(p);
	return NULL;
}

int client_send(struct client *c, uint32_t token, const uint8_t *body, size_t len)
{
	coap_pdu_t *p = c->up ? make_post(c->session, token, body, len) : NULL;
	coap_mid_t mid;

	if (!p)
		return -EIO;
	mid = coap_send(c->session, p); /* takes p */
	library_kick(c->ctx);
	return mid == COAP_INVALID_MID ? -EIO : 0;
}
