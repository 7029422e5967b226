#pragma once

/*
 * replies.h - the last replies to one peer, so that a request that comes twice is answered twice but done once.
 *
 * RFC 7252 section 4.2: a Message-ID names the same request for EXCHANGE_LIFETIME. The token is compared too: a peer that
 * uses a Message-ID too early, for something else, is not given a foreign answer.
 *
 * No I/O, no clock. Bodies are copied to memory of their own, REPLIES_KEPT times COAP_SERVER_REPLY_MAX at most; most are a
 * few bytes.
 */
#include "coap/server.h"
#include "hub/core/time.h"

enum {
	REPLIES_KEPT = 8,	      /* a hub has at most so many requests under way */
	REPLIES_LIFETIME_MS = 247000, /* RFC 7252 section 4.8.2, EXCHANGE_LIFETIME */
	REPLIES_TOKEN_MAX = 8,
};

/* What makes two requests of one peer the same. */
struct replies_key {
	uint16_t mid;
	uint8_t token_len; /* 0..REPLIES_TOKEN_MAX */
	uint8_t token[REPLIES_TOKEN_MAX];
};

struct replies_slot { /* private */
	struct replies_key key;
	struct mono at;
	int code; /* 0: empty */
	uint32_t max_age_s;
	enum coap_server_body kind;
	uint16_t len;
	uint8_t *body;
};

/* Fields are private; all zero is a good start. */
struct replies {
	struct replies_slot slots[REPLIES_KEPT];
	unsigned next; /* is written next */
};

/*
 * replies_find - the reply that this request had.
 *
 * Returns true and fills *ret, or false: never seen, longer than REPLIES_LIFETIME_MS ago, or
 * more than REPLIES_KEPT requests ago.
 */
bool replies_find(const struct replies *r, const struct replies_key *key, struct mono now,
		  struct coap_server_response *ret);

/*
 * replies_keep - remember what a request was answered; the oldest one is forgotten.
 *
 * An answer with code 0, none at all, is not kept: the request is to be done when it comes
 * again. So is one that there is no memory for.
 */
void replies_keep(struct replies *r, const struct replies_key *key, struct mono now,
		  const struct coap_server_response *answer);

/* replies_done - give the memory back. */
void replies_done(struct replies *r);
