#pragma once

/*
 * server.h - a CoAP/DTLS server in our loop: one UDP port, one context, requests of known
 * keys only.
 *
 * For clinicd. No libcoap or wolfSSL name leaves coap/.
 */
#include <stddef.h>
#include <stdint.h>

#include "coap/code.h"
#include "hub/core/config.h"
#include "hub/rt/rt.h"

struct coap_server;

enum { COAP_SERVER_REPLY_MAX = 1024 };

struct coap_server_request {
	/* SHA-256 of the peer's SubjectPublicKeyInfo, PIN_LEN bytes, proved by DTLS */
	const uint8_t *spki;
	const char *path; /* without leading slash, e.g. "u" */
	const uint8_t *body;
	size_t len;
};

struct coap_server_response {
	int code;	    /* enum coap_code; 0: send no answer at all */
	uint32_t max_age_s; /* with COAP_CODE_UNAVAILABLE */
	size_t len;
	uint8_t body[COAP_SERVER_REPLY_MAX]; /* CBOR */
};

struct coap_server_config {
	const char *address; /* literal IPv4 or IPv6 to bind, "" = all */
	uint16_t port;	     /* 0: any free one, see coap_server_port */
	enum dtls_profile profile;
	const char *cert_pem; /* NUL-terminated PEM texts, copied */
	const char *key_pem;
	const char *ca_pem;
	/* May this key talk to us at all? Called in the
	 * handshake; chain and dates are good already. */
	bool (*admit)(void *arg, const uint8_t spki[static PIN_LEN]);
	/* One POST. Fill *ret before returning. The same
	 * request may come twice: must be idempotent. */
	void (*request)(void *arg, const struct coap_server_request *rq,
			struct coap_server_response *ret);
	void *arg;
};

/* coap_server_new - Returns 0 with *ret, -EBADMSG (certificate or key), -EIO (port taken, ...). */
int coap_server_new(struct rt *rt, const struct coap_server_config *cfg,
		    struct coap_server **ret);
uint16_t coap_server_port(const struct coap_server *s);
void coap_server_free(struct coap_server *s);
