#pragma once

/*
 * server.h - a CoAP/DTLS server in our loop: one UDP port, one context, requests of known
 * keys only.
 *
 * For clinicd. No libcoap or wolfSSL name leaves coap/.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coap/code.h"
#include "hub/core/config.h"
#include "hub/rt/rt.h"

struct coap_server;

enum {
	COAP_SERVER_REPLY_MAX = 1024,
	COAP_SERVER_GROUP_MAX = 32, /* requests that are answered together */
	COAP_SERVER_GROUP_MS = 10,  /* no further one joins a group that is older */
};

struct coap_server_request {
	/* SHA-256 of the peer's SubjectPublicKeyInfo, PIN_LEN bytes, proved by DTLS */
	const uint8_t *spki;
	const char *path; /* without leading slash, e.g. "u" */
	const uint8_t *body;
	size_t len;
	int format, accept; /* Content-Format and Accept, -1: not said */
	const char *
		query; /* Uri-Query with '&' between, "": none, or longer than we look at */
};

/* What the body of an answer is. */
enum coap_server_body {
	COAP_SERVER_CBOR = 0,
	COAP_SERVER_TEXT = 1,	     /* a diagnostic, RFC 7252, 5.5.2 */
	COAP_SERVER_CERTIFICATE = 2, /* application/pkix-cert */
};

struct coap_server_response {
	int code;	    /* enum coap_code; 0: send no answer at all */
	bool waits;	    /* not answered yet: see settle */
	uint32_t max_age_s; /* with COAP_CODE_UNAVAILABLE and COAP_CODE_TOO_MANY */
	enum coap_server_body kind;
	size_t len;
	uint8_t body[COAP_SERVER_REPLY_MAX];
};

/* One GET, of the whole or of a part: which part is not the handler's affair. */
struct coap_server_get {
	const uint8_t *spki; /* as above */
	const char *path;
	int accept; /* -1: not said */
};

enum { COAP_SERVER_ETAG_MAX = 8 };

struct coap_server_content {
	int code;	    /* COAP_CODE_CONTENT, or why there is none */
	uint32_t max_age_s; /* as above */
	enum coap_format format;
	/* names these bytes: other ones have another one. 1..COAP_SERVER_ETAG_MAX octets */
	uint8_t etag[COAP_SERVER_ETAG_MAX];
	size_t etag_len;
	const uint8_t *body; /* borrowed until the next GET; any length */
	size_t len;
};

struct coap_server_config {
	const char *address; /* literal IPv4 or IPv6 to bind, "" = all */
	uint16_t port;	     /* 0: any free one, see coap_server_port */
	enum dtls_profile profile;
	bool both; /* DTLS 1.2 as well as 1.3, whatever the profile */
	/* the row alone decides on a client's certificate: its chain and its dates are not looked at, see admit */
	bool any_chain;
	const char *cert_pem; /* NUL-terminated PEM texts, copied */
	const char *key_pem;
	const char
		*ca_pem; /* one or several, each signed by one before it or by itself */
	/* May this key talk to us at all? Called in the handshake;
	 * unless any_chain, chain and dates are good already. */
	bool (*admit)(void *arg, const uint8_t spki[static PIN_LEN]);
	/* Its handshake came to nothing because of that; 'from' is its address as text. NULL: nobody wants to know. Called
	 * outside of all transactions, but within the library: it must only take a note. */
	void (*refused)(void *arg, const uint8_t spki[static PIN_LEN], const char *from);
	/* Bodies of POSTs may come in blocks (at most BLOCK_BODY_MAX octets), and answers go in blocks of the size that is asked
	 * for; else what carries Block1 is 4.13. 'request' gets and gives them whole. */
	bool blocks;
	/* One POST. Fill *ret before returning. The same request
	 * may come twice, from another session: must be idempotent. */
	void (*request)(void *arg, const struct coap_server_request *rq,
			struct coap_server_response *ret);
	/*
	 * After one or several requests; NULL if 'request' always answers at once. What 'request' left with ret->waits is
	 * answered here: *ret is filled and 'waits' taken away, for one of them at least. What still waits is settled in a
	 * later turn of the loop, and until then there is no new request. rq's key and body, and *ret, stay where they are.
	 *
	 * Requests of a group come in the order of their keys, and those of one key in the order in which they arrived. A
	 * request whose connection has ended meanwhile is settled like the others, and its answer thrown away.
	 */
	void (*settle)(void *arg);
	/* One GET, answered at once and never between 'request' and 'settle'; NULL: 4.05 for all. */
	void (*get)(void *arg, const struct coap_server_get *rq,
		    struct coap_server_content *ret);
	void *arg;
};

/* coap_server_new - Returns 0 with *ret, -EBADMSG (certificate or key), -EIO (port taken, ...). */
int coap_server_new(struct rt *rt, const struct coap_server_config *cfg,
		    struct coap_server **ret);
uint16_t coap_server_port(const struct coap_server *s);

/* coap_server_sessions - sessions now: peers whose address is proved, shaking hands or connected. */
size_t coap_server_sessions(const struct coap_server *s);

/* coap_server_free - tells all peers that their connections end. */
void coap_server_free(struct coap_server *s);
