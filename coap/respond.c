/*
 * respond.c - see respond.h. Options are added in the order of their numbers.
 */
#include "coap/respond.h"

#include <string.h>

enum { CONTENT_FORMAT_CERTIFICATE = 287 /* RFC 9148, 9.1 */ };

bool respond_is_cut(const struct coap_server_response *r, const struct cut *c)
{
	return c->has_out && r->code < COAP_CODE_BAD_REQUEST &&
	       (c->out.num > 0 || r->len > block_size(c->out.szx));
}

static void add_block(coap_pdu_t *response, coap_option_num_t option,
		      const struct block *b)
{
	uint8_t buf[BLOCK_OPTION_MAX];

	coap_add_option(response, option, block_encode(b, buf), buf);
}

void respond(coap_pdu_t *response, const struct coap_server_response *r,
	     const struct cut *cut)
{
	const bool cuts = r->code != 0 && respond_is_cut(r, cut);
	struct block_part part = { .len = r->len };
	struct block out = cut->out;
	uint8_t buf[4];

	if (cuts && block_find(&cut->out, r->len, &part)) {
		coap_pdu_set_code(response, (coap_pdu_code_t)COAP_CODE_BAD_REQUEST);
		return;
	}
	out.more = part.more;
	if (r->code == 0 || r->len > sizeof(r->body)) {
		coap_pdu_set_code(response, (coap_pdu_code_t)RESPOND_NEVER);
		return;
	}
	coap_pdu_set_code(response, (coap_pdu_code_t)r->code);
	if (r->len && r->kind != COAP_SERVER_TEXT)
		coap_add_option(response, COAP_OPTION_CONTENT_FORMAT,
				coap_encode_var_safe(buf, sizeof(buf),
						     r->kind == COAP_SERVER_CERTIFICATE
							     ? CONTENT_FORMAT_CERTIFICATE
							     : COAP_FORMAT_CBOR),
				buf);
	if (r->code == COAP_CODE_UNAVAILABLE || r->code == COAP_CODE_TOO_MANY)
		coap_add_option(response, COAP_OPTION_MAXAGE,
				coap_encode_var_safe(buf, sizeof(buf), r->max_age_s),
				buf);
	if (cuts)
		add_block(response, COAP_OPTION_BLOCK2, &out);
	if (cut->has_in)
		add_block(response, COAP_OPTION_BLOCK1, &cut->in);
	if (part.len && !coap_add_data(response, part.len, r->body + part.offset))
		coap_pdu_set_code(response, (coap_pdu_code_t)RESPOND_NEVER);
}

int respond_read_block(const coap_pdu_t *request, coap_option_num_t option, bool *ret_has,
		       struct block *ret)
{
	coap_opt_iterator_t it;
	coap_opt_t *o = coap_check_option(request, option, &it);

	*ret_has = o != NULL;
	return o ? block_decode(coap_opt_value(o), coap_opt_length(o), ret) : 0;
}

bool respond_has_etag(const coap_pdu_t *request, const struct coap_server_content *c)
{
	coap_opt_filter_t filter;
	coap_opt_iterator_t it;
	coap_opt_t *o;

	coap_option_filter_clear(&filter);
	coap_option_filter_set(&filter, COAP_OPTION_ETAG);
	coap_option_iterator_init(request, &it, &filter);
	while ((o = coap_option_next(&it)))
		if (coap_opt_length(o) == c->etag_len &&
		    memcmp(coap_opt_value(o), c->etag, c->etag_len) == 0)
			return true;
	return false;
}

void respond_part(coap_pdu_t *response, const struct coap_server_content *c,
		  const struct block *asked)
{
	struct block_part part;
	struct block b = *asked;
	uint8_t buf[4];

	if (block_find(asked, c->len, &part)) {
		coap_pdu_set_code(response, (coap_pdu_code_t)COAP_CODE_BAD_REQUEST);
		return;
	}
	b.more = part.more;
	coap_pdu_set_code(response, (coap_pdu_code_t)COAP_CODE_CONTENT);
	coap_add_option(response, COAP_OPTION_ETAG, c->etag_len, c->etag);
	coap_add_option(response, COAP_OPTION_CONTENT_FORMAT,
			coap_encode_var_safe(buf, sizeof(buf), (unsigned)c->format), buf);
	if (part.len < c->len) {
		coap_add_option(response, COAP_OPTION_BLOCK2, block_encode(&b, buf), buf);
		coap_add_option(response, COAP_OPTION_SIZE2,
				coap_encode_var_safe(buf, sizeof(buf), (unsigned)c->len),
				buf);
	}
	if (part.len && !coap_add_data(response, part.len, c->body + part.offset))
		coap_pdu_set_code(response, (coap_pdu_code_t)RESPOND_NEVER);
}
