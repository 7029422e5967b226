#pragma once

/*
 * library.h - what our client and our server have in common in their use of libcoap and wolfSSL.
 *
 * Inside coap/ only: the one header of ours that shows libcoap's types.
 */
#include <stdbool.h>
#include <stdint.h>

#include <coap3/coap.h>

#include "hub/core/config.h"

/* Certificates of one side, as PEM texts. */
struct library_identity {
	char *pair; /* certificate chain, then private key */
	char *root; /* the one root that the peer must chain to; of a server also CAs below it */
};

/* library_start - initialise libcoap once per process and send its log through ours. */
void library_start(void);

/*
 * library_identity_init - check and copy the three PEM texts.
 *
 * Returns 0, -EBADMSG (one does not parse, or key and certificate do not belong
 * together), or -ENOMEM.
 */
int library_identity_init(struct library_identity *id, const char *cert_pem,
			  const char *key_pem, const char *root_pem);
void library_identity_done(struct library_identity *id); /* wipes the key */

/* library_identity_begin - the certificate's own
 * notBefore, seconds since 1970; 0 if it has none. */
int64_t library_identity_begin(const struct library_identity *id);

/* library_is_root - is it the SHA-256 of the SubjectPublicKeyInfo of one of the roots? */
bool library_is_root(const struct library_identity *id,
		     const uint8_t pin[static PIN_LEN]);

/* library_pki - libcoap's set-up for mutual certificates;
 * borrows from id. name: SNI, NULL for a server. */
coap_dtls_pki_t library_pki(const struct library_identity *id, const char *name);

/* library_profile - the next DTLS context speaks this, and nothing else. */
void library_profile(enum dtls_profile profile);

/* library_profile_both - the same with DTLS 1.3, and 1.2 for who has no other. For a server. */
void library_profile_both(void);

/* library_addr - 16 bytes, IPv4 as ::ffff:a.b.c.d, to libcoap's form. */
void library_addr(const uint8_t addr[static 16], uint16_t port, coap_address_t *ret);

/* library_addr_text - "192.0.2.1:5684" or "[2001:db8::1]:5684"; "" if it cannot be said. */
enum { LIBRARY_ADDR_TEXT_MAX = 64 };
void library_addr_text(const coap_address_t *a, char ret[static LIBRARY_ADDR_TEXT_MAX]);

/*
 * library_kick - must follow every call into libcoap that is made outside its callbacks and is not
 * coap_io_process(): without it nothing arms the timer, and a lost first datagram stays lost.
 */
void library_kick(coap_context_t *ctx);
