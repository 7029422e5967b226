#pragma once

/*
 * enrol_client.h - one question of an enrolment to the clinic: a connection of its own, the request, its answer.
 *
 * On the same DTLS shell as uploads (client.h), with whatever credential the question is asked by. It decides nothing; what
 * is asked when says enrol.h, what an answer is worth says enrolling.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coap/client.h"
#include "hub/core/config.h"
#include "hub/rt/rt.h"

enum {
	ENROL_BODY_MAX =
		1536, /* of a request, and of an answer in one piece: a certificate is at most 1,500 octets */
	ENROL_REPLY_MAX = 4608, /* of an answer in blocks: some certificates */
	ENROL_QUERY_MAX = 32,
};

struct enrol_client;

struct enrol_question {
	uint32_t number; /* comes back with the answer */
	struct config_endpoint to;
	struct client_config as;     /* borrowed for the call */
	const char *path;	     /* static */
	char query[ENROL_QUERY_MAX]; /* "": none */
	unsigned format;	     /* of the body; 0: it is a GET, without one */
	unsigned accept; /* of a GET: what the answer must be; it may come in blocks */
	size_t len;
	uint8_t body[ENROL_BODY_MAX];
};

struct enrol_reply {
	uint32_t number;
	bool answered;	       /* by this server, whose identity was checked */
	enum client_loss loss; /* if not */
	int code;	       /* class * 32 + detail */
	uint32_t max_age_s;
	int64_t peer_end_ms; /* when the server's certificate ends */
	size_t len;
	uint8_t body
		[ENROL_REPLY_MAX]; /* one that is longer, or none such, is cut to nothing */
};

/* Once for each enrol_client_ask that returned 0, unless another one or a release comes before; from the loop. */
typedef void enrol_client_fn(void *arg, const struct enrol_reply *r);

int enrol_client_new(struct rt *rt, enrol_client_fn *fn, void *arg,
		     struct enrol_client **ret);
void enrol_client_free(struct enrol_client *c); /* NULL is fine */

/* enrol_client_ask - what was under way before is released. Returns 0, -EBADMSG (the credential), or as client_connect. */
int enrol_client_ask(struct enrol_client *c, const struct enrol_question *q);
void enrol_client_release(struct enrol_client *c);
