#pragma once

/*
 * client.h - one DTLS connection to the clinic and the requests on it; a thin shell around libcoap. There may
 * be several clients.
 *
 * It decides nothing about when to connect or what to send: supervisor.h and forward.h
 * do. No libcoap or wolfSSL name leaves coap/.
 */
#include <stddef.h>
#include <stdint.h>

#include "coap/fetch.h"
#include "coap/forward.h"
#include "hub/core/config.h"
#include "hub/rt/rt.h"

struct client;

/* Why there is no connection. */
enum client_loss {
	CLIENT_LOST = 1, /* no route, no answer, or the transport ended it */
	CLIENT_GOODBYE,	 /* the server closed it in order */
	CLIENT_REFUSED, /* handshake failed: certificate, version, alert; also right after its end */
	CLIENT_IDENTITY, /* chain and dates good, but not the configured name or pin */
	CLIENT_CHAIN, /* the server's chain does not lead to our root, or is not good any more */
};

/*
 * All but turn run inside the library: they may note what happened, but must not call
 * client_*. turn follows, outside: now act.
 */
struct client_handlers {
	/* Handshake complete, identity checked in it. */
	void (*up)(void *arg);
	/* At most once for each client_connect that returned 0. */
	void (*down)(void *arg, enum client_loss why);
	/* An authenticated answer; r is borrowed, its token may be unknown. */
	void (*response)(void *arg, const struct forward_response *r);
	/* The same to a request of client_get. */
	void (*part)(void *arg, const struct fetch_part *p);
	/* The library resent a request. */
	void (*retransmitted)(void *arg);
	/* A request was given up, or reset by the server. */
	void (*undelivered)(void *arg, uint32_t token);
	void (*turn)(void *arg);
};

struct client_config {
	const char *cert_pem; /* our certificate chain; NUL-terminated PEM, copied */
	const char *key_pem;
	const char *root_pem; /* what the server must chain to */
};

/* client_new - cfg: NULL: none yet. Returns 0 with *ret, -EBADMSG (certificate or key), or -ENOMEM. */
int client_new(struct rt *rt, const struct client_config *cfg,
	       const struct client_handlers *h, void *arg, struct client **ret);
void client_free(struct client *c); /* NULL is fine */

/*
 * client_set_identity - from the next client_connect on this one; NULL: none, and nothing connects. What is up is released;
 * no handler runs.
 *
 * Returns as client_new; on failure there is none.
 */
int client_set_identity(struct client *c, const struct client_config *cfg);

/* Where to, and how. */
struct client_target {
	const struct config_endpoint *endpoint; /* copied; its address is not looked at */
	const uint8_t *addr; /* 16 bytes: IPv6, or IPv4 as ::ffff:a.b.c.d */
	bool small; /* a handshake of small datagrams, for ways that lose larger ones */
};

/*
 * client_connect - begin a handshake with an endpoint; what was connected before must
 * have been released.
 *
 * Returns 0 (up or down will follow), -ENETUNREACH: no packet can leave, or -EIO: no socket, no memory.
 */
int client_connect(struct client *c, const struct client_target *to);

/* client_release - end the connection, whatever state it is in. No handler runs. */
void client_release(struct client *c);

/*
 * client_send - POST a signed batch to /u on the connection that is up.
 *
 * Returns 0, or -EIO: the connection is of no use any more.
 */
int client_send(struct client *c, uint32_t token, const uint8_t *body, size_t len);

/* What is asked for, in one datagram. */
struct client_request {
	const char *path;    /* "est/sen" */
	const char *query;   /* NULL: none */
	unsigned format;     /* Content-Format of the body, 1..65535; 0: not said */
	const uint8_t *body; /* NULL: it is a GET, else a POST */
	size_t len;
};

/*
 * client_ask - a request on the connection that is up; 'response' brings the answer.
 *
 * token   1..FETCH_TOKEN_FIRST - 1
 *
 * Returns 0, or -EIO: the connection is of no use any more.
 */
int client_ask(struct client *c, uint32_t token, const struct client_request *rq);

/* What is fetched block by block. */
struct client_part {
	const char *path; /* "hub/cfg" */
	unsigned accept;  /* Content-Format; 0: not said */
	struct block block;
	const uint8_t *etag; /* of bytes that need not be sent again */
	size_t etag_len;     /* 0: none */
};

/*
 * client_get - GET a block on the connection that is up; 'part' brings it.
 *
 * token      FETCH_TOKEN_FIRST or above
 *
 * Returns 0, or -EIO: the connection is of no use any more.
 */
int client_get(struct client *c, uint32_t token, const struct client_part *p);

/* client_set_patience - how requests are sent again, see tune.h; without effect unless up. */
void client_set_patience(struct client *c, uint32_t ack_timeout_ms, uint16_t retransmits);

/* client_peer_end_ms - when the certificate of the server ends, UTC in ms since 1970; 0: not up. */
int64_t client_peer_end_ms(const struct client *c);

/*
 * client_set_time_floor - it is at least this late; never lowered.
 *
 * The dates of the server's certificate are judged by the later of this and the system's
 * clock; if that is the floor, one that has not begun is taken too, as nobody knows whether it has. It starts
 * with the time of the build and of our own certificate's making.
 */
void client_set_time_floor(int64_t utc_ms);
