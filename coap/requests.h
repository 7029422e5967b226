#pragma once

/*
 * requests.h - what a server does with a request: POSTs of a known key are gathered and go to one function, GETs to another
 * at once, all else is answered here.
 *
 * Inside coap/ only.
 */
#include "coap/library.h"
#include "coap/server.h"

struct waiting;

struct requests {
	/* The key that DTLS proved of a session's peer; 0 or negative. */
	int (*read_spki)(const coap_session_t *session, uint8_t ret[static PIN_LEN]);
	/* As in struct coap_server_config. */
	bool blocks;
	void (*request)(void *arg, const struct coap_server_request *rq,
			struct coap_server_response *ret);
	void (*settle)(void *arg);
	void (*get)(void *arg, const struct coap_server_get *rq,
		    struct coap_server_content *ret); /* may be NULL */
	void *arg;
	struct waiting *waiting[COAP_SERVER_GROUP_MAX]; /* private */
	size_t count;					/* of them; only to be read */
};

/*
 * requests_add - take all requests of a context. r is borrowed for as long as the context lives.
 *
 * What is known of a peer is kept as its session's app data, until requests_forget. Returns
 * 0 or -ENOMEM.
 */
int requests_add(coap_context_t *ctx, struct requests *r);

/*
 * requests_answer - hand over what waits, settle it and send the answers. Outside of libcoap's callbacks.
 *
 * r->count is less afterwards, and often 0; more must not be gathered before it is.
 */
void requests_answer(struct requests *r);

/* requests_forget - at the end of a session, and when its peer has proved its key anew. */
void requests_forget(coap_session_t *session);

/* requests_done - what waits is thrown away. */
void requests_done(struct requests *r);
