/*
 * requests.c - POSTs of peers whose key is proved are gathered and go to one handler, their GETs to another at once; all
 * else is refused.
 *
 * Must never: call the handler without the SPKI of the key that DTLS proved; answer a
 * request that the handler wants unanswered (no empty acknowledgement either, it would stop
 * the client from sending again); answer one before the handler has settled it.
 *
 * Invariants
 *   1. A session's SPKI is read from its own DTLS state and kept with the session; it goes with it.
 *   2. One datagram is one request, and whatever carries Block1 is 4.13; but where the server says so a request comes in
 *      blocks, put together (block_body.h) before it waits, and its answer goes in blocks if the peer asks for them. Then
 *      the last answer is kept with the peer, for its further blocks (RFC 7959, 3.3).
 *   3. A request that comes again, while its reply is among the last few of its session, gets that
 *      reply and is not handed over again; one that comes again while the first still waits gets the
 *      answer of the first. The handler is idempotent all the same (server.h).
 *   4. A GET is answered from what its handler has in one piece, block by block, and remembers nothing: the same block of
 *      the same content is the same answer, and of another content has another ETag.
 *   5. A waiting request names its session only as long as that lives and its peer is the same.
 *
 *   on_post -> waits -hand_over-> handed -settle-> answered or not, forgotten
 *           -> answered from what is kept, or refused
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coap/block.h"
#include "coap/block_body.h"
#include "coap/replies.h"
#include "coap/requests.h"
#include "coap/respond.h"
#include "hub/rt/rt.h"

enum {
	PATH_MAX_LEN = 64,
	QUERY_MAX_LEN = 128,
};

/* What we know of one session's peer. */
struct peer {
	struct requests *requests;
	uint8_t spki[PIN_LEN];
	struct replies replies;
	struct block_body *body; /* that comes in blocks; NULL: none ever did */
	struct coap_server_response
		*large; /* that went in blocks, for the path; NULL: none ever did */
	char large_path[PATH_MAX_LEN];
};

struct waiting {
	coap_session_t *session; /* NULL: it has ended */
	struct replies_key key;
	coap_pdu_type_t type; /* of the answer */
	bool handed;
	uint8_t spki[PIN_LEN];
	char path[PATH_MAX_LEN];
	char query[QUERY_MAX_LEN];
	int format, accept;
	struct cut cut;
	struct coap_server_response answer;
	size_t len;
	uint8_t body[];
};

/* NULL if the peer has no certificate that we could read: its requests are not for us. */
static struct peer *peer_of(struct requests *r, coap_session_t *session)
{
	struct peer *p = coap_session_get_app_data(session);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	if (r->read_spki(session, p->spki)) {
		free(p);
		return NULL;
	}
	p->requests = r;
	coap_session_set_app_data(session, p);
	return p;
}

/* The Uri-Path as text with '/' between; false if it does not fit or holds a zero byte. */
static bool read_path(const coap_pdu_t *request, char path[static PATH_MAX_LEN])
{
	coap_string_t *p = coap_get_uri_path(request);
	bool good = p && p->length < PATH_MAX_LEN && !memchr(p->s, '\0', p->length);

	if (good) {
		memcpy(path, p->s, p->length);
		path[p->length] = '\0';
	}
	coap_delete_string(p);
	return good;
}

/* A number of at most two octets, or -1. */
static int read_number(const coap_pdu_t *request, coap_option_num_t option)
{
	coap_opt_iterator_t it;
	const coap_opt_t *o = coap_check_option(request, option, &it);

	if (!o || coap_opt_length(o) > 2)
		return -1;
	return (int)coap_decode_var_bytes(coap_opt_value(o), coap_opt_length(o));
}

static void read_query(const coap_string_t *query, char ret[static QUERY_MAX_LEN])
{
	*ret = '\0';
	if (!query || query->length >= QUERY_MAX_LEN ||
	    memchr(query->s, '\0', query->length))
		return;
	memcpy(ret, query->s, query->length);
	ret[query->length] = '\0';
}

/* What makes it the same request if it comes again. */
static struct replies_key key_of(const coap_pdu_t *request)
{
	coap_bin_const_t token = coap_pdu_get_token(request);
	struct replies_key k = { .mid = (uint16_t)coap_pdu_get_mid(request) };

	k.token_len = (uint8_t)(token.length < sizeof(k.token) ? token.length
							       : sizeof(k.token));
	if (k.token_len)
		memcpy(k.token, token.s, k.token_len);
	return k;
}

static bool same_key(const struct replies_key *a, const struct replies_key *b)
{
	return a->mid == b->mid && a->token_len == b->token_len &&
	       memcmp(a->token, b->token, a->token_len) == 0;
}

static bool is_waiting(const struct requests *r, const coap_session_t *session,
		       const struct replies_key *key)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->waiting[i]->session == session &&
		    same_key(&r->waiting[i]->key, key))
			return true;
	return false;
}

/* Behind those of a lower or the same key: whoever locks what belongs to a key always does it in one order. No room or no
 * memory: no answer, it comes again. */
static void gather(struct requests *r, struct waiting *w)
{
	size_t at = r->count;

	if (r->count == COAP_SERVER_GROUP_MAX) {
		free(w);
		return;
	}
	for (; at > 0 && !r->waiting[at - 1]->handed &&
	       memcmp(r->waiting[at - 1]->spki, w->spki, PIN_LEN) > 0;
	     at--)
		r->waiting[at] = r->waiting[at - 1];
	r->waiting[at] = w;
	r->count++;
}

static void wait(struct requests *r, const struct peer *peer, coap_session_t *session,
		 const coap_pdu_t *request, const coap_string_t *query,
		 const char path[static PATH_MAX_LEN], const struct cut *cut)
{
	struct waiting *w;
	const uint8_t *body;
	size_t len;

	if (cut->has_in) {
		body = peer->body->bytes;
		len = peer->body->len;
	} else if (!coap_get_data(request, &len, &body)) {
		len = 0;
	}
	w = calloc(1, sizeof(*w) + len);
	if (!w)
		return;
	w->session = session;
	w->key = key_of(request);
	w->type = coap_pdu_get_type(request) == COAP_MESSAGE_CON ? COAP_MESSAGE_ACK
								 : COAP_MESSAGE_NON;
	memcpy(w->spki, peer->spki, PIN_LEN);
	memcpy(w->path, path, PATH_MAX_LEN);
	read_query(query, w->query);
	w->format = read_number(request, COAP_OPTION_CONTENT_FORMAT);
	w->accept = read_number(request, COAP_OPTION_ACCEPT);
	w->cut = *cut;
	w->len = len;
	if (len)
		memcpy(w->body, body, len);
	gather(r, w);
}

/* Returns 0: the request is whole, or the code of the answer to a part of it. */
static int assemble(struct peer *p, const coap_pdu_t *request, const char *path,
		    struct cut *cut)
{
	const uint8_t *data = NULL;
	uint64_t name = 0;
	size_t len = 0;

	if (!p->body)
		p->body = calloc(1, sizeof(*p->body));
	if (!p->body)
		return COAP_CODE_UNAVAILABLE;
	(void)coap_get_data(request, &len, &data);
	for (const char *c = path; *c; c++)
		name = name * 31 + (uint8_t)*c;
	switch (block_body_add(p->body, &cut->in, name, data, len)) {
	case BLOCK_BODY_WHOLE: return 0;
	case BLOCK_BODY_MORE: return COAP_CODE_CONTINUE;
	case -ENOENT: return COAP_CODE_INCOMPLETE;
	case -EMSGSIZE: return COAP_CODE_TOO_LARGE;
	}
	return COAP_CODE_BAD_REQUEST;
}

/* Further blocks of an answer are asked for without a body. Returns true with *ret if that is what it is. */
static bool is_further(const struct peer *p, const coap_pdu_t *request, const char *path,
		       const struct cut *cut, struct coap_server_response *ret)
{
	const uint8_t *data;
	size_t len;

	if (!cut->has_out || cut->out.num == 0 || cut->has_in ||
	    coap_get_data(request, &len, &data))
		return false;
	if (p->large && strcmp(p->large_path, path) == 0)
		*ret = *p->large;
	else
		ret->code = COAP_CODE_INCOMPLETE;
	return true;
}

/* Returns 0, or the code of what is wrong. */
static int look(const struct requests *r, const coap_pdu_t *request,
		char path[static PATH_MAX_LEN], struct cut *cut)
{
	int bad = respond_read_block(request, COAP_OPTION_BLOCK1, &cut->has_in, &cut->in);

	if (cut->has_in && !r->blocks)
		return COAP_CODE_TOO_LARGE;
	if (r->blocks)
		bad |= respond_read_block(request, COAP_OPTION_BLOCK2, &cut->has_out,
					  &cut->out);
	if (bad)
		return COAP_CODE_BAD_OPTION;
	if (coap_pdu_get_token(request).length > REPLIES_TOKEN_MAX)
		return COAP_CODE_BAD_REQUEST;
	return read_path(request, path) ? 0 : COAP_CODE_NOT_FOUND;
}

static void on_post(coap_resource_t *resource, coap_session_t *session,
		    const coap_pdu_t *request, const coap_string_t *query,
		    coap_pdu_t *response)
{
	struct requests *r = coap_resource_get_userdata(resource);
	struct peer *peer = peer_of(r, session);
	struct replies_key key = key_of(request);
	struct coap_server_response a = { 0 };
	char path[PATH_MAX_LEN] = { 0 };
	struct cut cut = { 0 };

	a.code = peer ? look(r, request, path, &cut) : COAP_CODE_FORBIDDEN;
	if (a.code) {
		cut = (struct cut){ 0 };
	} else if (!replies_find(&peer->replies, &key, rt_mono(), &a) &&
		   !is_waiting(r, session, &key) &&
		   !is_further(peer, request, path, &cut, &a)) {
		a.code = cut.has_in ? assemble(peer, request, path, &cut) : 0;
		if (a.code == 0)
			wait(r, peer, session, request, query, path, &cut);
	}
	respond(response, &a, &cut);
}

static void on_get(coap_resource_t *resource, coap_session_t *session,
		   const coap_pdu_t *request, const coap_string_t *query,
		   coap_pdu_t *response)
{
	struct requests *r = coap_resource_get_userdata(resource);
	struct peer *peer = peer_of(r, session);
	struct coap_server_response a = { .code = COAP_CODE_FORBIDDEN };
	struct coap_server_content c = { 0 };
	char path[PATH_MAX_LEN] = { 0 };
	struct block b = { .szx = BLOCK_SZX_MAX };
	bool cut;

	(void)query;
	if (peer && !r->get)
		a.code = COAP_CODE_NOT_ALLOWED;
	else if (peer && respond_read_block(request, COAP_OPTION_BLOCK2, &cut, &b))
		a.code = COAP_CODE_BAD_OPTION;
	else if (peer && !read_path(request, path))
		a.code = COAP_CODE_NOT_FOUND;
	else if (peer)
		r->get(r->arg,
		       &(struct coap_server_get){
			       .spki = peer->spki,
			       .path = path,
			       .accept = read_number(request, COAP_OPTION_ACCEPT) },
		       &c);
	if (c.code == COAP_CODE_CONTENT && respond_has_etag(request, &c)) {
		coap_pdu_set_code(response, (coap_pdu_code_t)COAP_CODE_VALID);
		coap_add_option(response, COAP_OPTION_ETAG, c.etag_len, c.etag);
	} else if (c.code == COAP_CODE_CONTENT) {
		respond_part(response, &c, &b);
	} else {
		a.code = c.code ? c.code : a.code;
		a.max_age_s = c.max_age_s;
		respond(response, &a, &(struct cut){ 0 });
	}
}

static void on_other(coap_resource_t *resource, coap_session_t *session,
		     const coap_pdu_t *request, const coap_string_t *query,
		     coap_pdu_t *response)
{
	(void)resource;
	(void)session;
	(void)request;
	(void)query;
	coap_pdu_set_code(response, (coap_pdu_code_t)COAP_CODE_NOT_ALLOWED);
}

/* One resource stands for every path, .well-known/core
 * included: which of them exist is the handler's affair. */
int requests_add(coap_context_t *ctx, struct requests *requests)
{
	static const coap_request_t others[] = { COAP_REQUEST_PUT, COAP_REQUEST_DELETE,
						 COAP_REQUEST_FETCH, COAP_REQUEST_PATCH,
						 COAP_REQUEST_IPATCH };
	coap_resource_t *r = coap_resource_unknown_init2(
		on_other, COAP_RESOURCE_HANDLE_WELLKNOWN_CORE);

	if (!r)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		coap_register_request_handler(r, others[i], on_other);
	coap_register_request_handler(r, COAP_REQUEST_POST, on_post);
	coap_register_request_handler(r, COAP_REQUEST_GET, on_get);
	coap_resource_set_userdata(r, requests);
	coap_add_resource(ctx, r);
	return 0;
}

/* At least one, and no more after a while: what came first has waited as long. */
static void hand_over(struct requests *r)
{
	struct mono end = mono_add(rt_mono(), COAP_SERVER_GROUP_MS);

	for (size_t i = 0; i < r->count; i++) {
		struct waiting *w = r->waiting[i];
		const struct coap_server_request rq = {
			.spki = w->spki,
			.path = w->path,
			.body = w->body,
			.len = w->len,
			.format = w->format,
			.accept = w->accept,
			.query = w->query,
		};

		if (i > 0 && mono_reached(rt_mono(), end))
			return;
		w->handed = true;
		r->request(r->arg, &rq, &w->answer);
	}
}

/* As libcoap would have done after the handler. A session that has ended, or shakes hands anew, is none to send to. */
static void send_answer(const struct waiting *w)
{
	coap_pdu_t *pdu;

	if (w->answer.code == 0 ||
	    coap_session_get_state(w->session) != COAP_SESSION_STATE_ESTABLISHED)
		return;
	pdu = coap_pdu_init(w->type, 0, w->key.mid,
			    coap_session_max_pdu_size(w->session));
	if (!pdu)
		return;
	if (!coap_add_token(pdu, w->key.token_len, w->key.token)) {
		coap_delete_pdu(pdu);
		return;
	}
	respond(pdu, &w->answer, &w->cut);
	if (coap_pdu_get_code(pdu) == (coap_pdu_code_t)RESPOND_NEVER)
		coap_delete_pdu(pdu);
	else
		coap_send(w->session, pdu); /* takes pdu; lost is lost, it comes again */
}

/* Its further blocks are asked for one by one. No memory: they are not there. */
static void keep_large(struct peer *p, const struct waiting *w)
{
	if (!respond_is_cut(&w->answer, &w->cut))
		return;
	if (!p->large)
		p->large = malloc(sizeof(*p->large));
	if (!p->large)
		return;
	*p->large = w->answer;
	memcpy(p->large_path, w->path, PATH_MAX_LEN);
}

static void finish(struct waiting *w)
{
	struct peer *peer = w->session ? coap_session_get_app_data(w->session) : NULL;

	if (peer) {
		replies_keep(&peer->replies, &w->key, rt_mono(), &w->answer);
		keep_large(peer, w);
		send_answer(w);
	}
	free(w);
}

/* Sending may end sessions, and they look for what waits of them: each is out of the list before. */
static struct waiting *take_answered(struct requests *r)
{
	struct waiting *w;

	for (size_t i = 0; i < r->count; i++) {
		w = r->waiting[i];
		if (!w->handed || w->answer.waits)
			continue;
		r->count--;
		memmove(&r->waiting[i], &r->waiting[i + 1],
			(r->count - i) * sizeof(struct waiting *));
		return w;
	}
	return NULL;
}

void requests_answer(struct requests *r)
{
	struct waiting *w;

	if (r->count == 0)
		return;
	if (!r->waiting[0]->handed)
		hand_over(r);
	if (r->settle)
		r->settle(r->arg);
	while ((w = take_answered(r)))
		finish(w);
}

void requests_forget(coap_session_t *session)
{
	struct peer *p = coap_session_get_app_data(session);

	if (!p)
		return;
	for (size_t i = 0; i < p->requests->count; i++)
		if (p->requests->waiting[i]->session == session)
			p->requests->waiting[i]->session = NULL;
	replies_done(&p->replies);
	free(p->body);
	free(p->large);
	free(p);
	coap_session_set_app_data(session, NULL);
}

void requests_done(struct requests *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->waiting[i]);
	r->count = 0;
}
