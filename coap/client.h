#pragma once

/*
 * client.h - one DTLS connection to the clinic and the requests on it; a thin shell around libcoap.
 *
 * It decides nothing about when to connect or what to send: supervisor.h and forward.h
 * do. No libcoap or wolfSSL name leaves coap/.
 */
#include <stddef.h>
#include <stdint.h>

#include "coap/forward.h"
#include "hub/core/config.h"
#include "hub/rt/rt.h"

struct client;

/* Why there is no connection. */
enum client_loss {
	CLIENT_LOST = 1, /* no route, no answer, or the transport ended it */
	CLIENT_GOODBYE,	 /* the server closed it in order */
	CLIENT_REFUSED,	 /* handshake failed: certificate, version, alert */
	CLIENT_IDENTITY, /* chain and dates good, but not the configured name or pin */
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

/* client_new - Returns 0 with *ret, -EBADMSG (certificate or key), or -ENOMEM. */
int client_new(struct rt *rt, const struct client_config *cfg,
	       const struct client_handlers *h, void *arg, struct client **ret);
void client_free(struct client *c); /* NULL is fine */

/*
 * client_connect - begin a handshake with an endpoint; what was connected before must
 * have been released.
 *
 * ep   copied
 *
 * Returns 0 (up or down will follow), or -EIO: no route, no socket, no memory.
 */
int client_connect(struct client *c, const struct config_endpoint *ep);

/* client_release - end the connection, whatever state it is in. No handler runs. */
void client_release(struct client *c);

/*
 * client_send - POST a signed batch to /u on the connection that is up.
 *
 * Returns 0, or -EIO: the connection is of no use any more.
 */
int client_send(struct client *c, uint32_t token, const uint8_t *body, size_t len);

/*
 * client_set_time_floor - it is at least this late; never lowered.
 *
 * The dates of the server's certificate are judged by the later of this and the system's
 * clock. It starts with the time of the build and of our own certificate's making.
 */
void client_set_time_floor(int64_t utc_ms);
