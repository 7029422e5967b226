#pragma once

/*
 * respond.h - an answer of the server as a message of the library's, whole or the block that is asked for (RFC 7959).
 *
 * Inside coap/ only. Remembers nothing.
 */
#include "coap/block.h"
#include "coap/library.h"
#include "coap/server.h"

enum {
	RESPOND_NEVER = 32, /* 1.00 is no code: libcoap drops such a response */
};

/* How the bodies of a request and of its answer are cut. */
struct cut {
	bool has_in, has_out; /* there is a Block1, a Block2 */
	struct block in, out;
};

/* respond_read_block - an option of a request, if it is there. Returns 0, or -EBADMSG. */
int respond_read_block(const coap_pdu_t *request, coap_option_num_t option, bool *ret_has,
		       struct block *ret);

/* respond_is_cut - is this answer larger than the blocks that are asked for, or a further part of one that was? */
bool respond_is_cut(const struct coap_server_response *r, const struct cut *c);

/* respond - r, or what of it is asked for; a code 0, or what does not fit, becomes RESPOND_NEVER. */
void respond(coap_pdu_t *response, const struct coap_server_response *r,
	     const struct cut *cut);

/* respond_has_etag - does the asker hold these very bytes? */
bool respond_has_etag(const coap_pdu_t *request, const struct coap_server_content *c);

/* respond_part - a part of the content; what all lies in one message needs no Block2. */
void respond_part(coap_pdu_t *response, const struct coap_server_content *c,
		  const struct block *asked);
