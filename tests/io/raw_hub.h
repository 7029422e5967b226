#pragma once

/*
 * raw_hub.h - the hub's end of DTLS and CoAP without libcoap and without our client, for tests that do what neither would:
 * hold a datagram back, send it from elsewhere, say the same thing twice, go away without a word.
 *
 * One connected UDP socket on loopback each. Nothing happens by itself: a call runs until its answer is there or its time
 * is over.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinic/pki.h"
#include "hub/core/config.h"

struct WOLFSSL_CTX;
struct WOLFSSL;

enum { RAW_HUB_DATAGRAM = 2048 };

struct raw_hub {
	struct WOLFSSL *ssl;
	int fd;
	bool hold;	   /* what it wants to send is only kept in 'sent' */
	bool closed;	   /* the server said goodbye, or DTLS gave up */
	bool asked_cookie; /* the server has asked for a cookie */
	int error;	   /* of DTLS, in a handshake that failed */
	uint16_t mid;	   /* of the last request */
	unsigned received; /* datagrams */
	size_t sent_len;
	uint8_t sent[RAW_HUB_DATAGRAM]; /* the last datagram */
};

/*
 * raw_hub_context - what many of them share; the caller frees it by raw_hub_context_free.
 *
 * hub    its certificate and key; NULL: it has none
 * root   whom it believes
 */
struct WOLFSSL_CTX *raw_hub_context(enum dtls_profile profile, const struct pki_pair *hub,
				    const struct pki_pair *root);
void raw_hub_context_free(struct WOLFSSL_CTX *ctx);

/* raw_hub_open - a socket of its own, no datagram yet. cid: ask the server for a connection id. */
void raw_hub_open(struct raw_hub *h, struct WOLFSSL_CTX *ctx, uint16_t port, bool cid);
/* raw_hub_close - without a word to the server. */
void raw_hub_close(struct raw_hub *h);
/* raw_hub_socket - a loopback socket connected to the port; a stranger, or a hub's next address. */
int raw_hub_socket(uint16_t port);

/* raw_hub_is_cookie_request - HelloVerifyRequest or HelloRetryRequest? */
bool raw_hub_is_cookie_request(const uint8_t *buf, size_t len);

/* raw_hub_step - as far in the handshake as what was received allows. True if it is done. */
bool raw_hub_step(struct raw_hub *h);
/* raw_hub_connect - the whole handshake, lost datagrams sent again. False if it came to nothing in 'ms'. */
bool raw_hub_connect(struct raw_hub *h, unsigned ms);
/* raw_hub_again - send the last flight of the handshake again. */
void raw_hub_again(struct raw_hub *h);
/* raw_hub_wait - until there is something to read. False after 'ms'. */
bool raw_hub_wait(const struct raw_hub *h, unsigned ms);

/* raw_hub_say - one CON POST to /u with this body, as one record. */
void raw_hub_say(struct raw_hub *h, uint16_t mid, const void *body, size_t len);
/* raw_hub_write - any bytes as one record. */
void raw_hub_write(struct raw_hub *h, const void *bytes, size_t len);
/* raw_hub_hear - one CoAP message. Its length, or -1 after 'ms', or -2 at the end of the connection. */
int raw_hub_hear(struct raw_hub *h, uint8_t *buf, size_t cap, unsigned ms);
/* raw_hub_ask - a new request, said again each second until it is answered. The code of the reply, or as raw_hub_hear. */
int raw_hub_ask(struct raw_hub *h, const void *body, size_t len, unsigned ms);
