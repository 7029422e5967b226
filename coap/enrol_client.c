/*
 * enrol_client.c - see enrol_client.h.
 *
 * Handlers of the connection only note; on_turn, outside the library, acts.
 */
#include "coap/enrol_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coap/code.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/resolve.h"

enum { TOKEN_FIRST = 1, ACK_TIMEOUT_MS = 2000, RETRANSMITS = 4 };
/* 256 octets get through where larger datagrams do not */
enum { BLOCK_SZX = 4 };

struct enrol_client {
	struct rt *rt;
	enrol_client_fn *fn;
	void *arg;
	struct client *client;
	struct rt_resolve *lookup;
	struct rt_timer *soon;	      /* tells what was known at once, from the loop */
	bool busy;		      /* a question is under way */
	bool up;		      /* it, or a further block, may be sent */
	bool done;		      /* reply is to be told */
	uint32_t token;		      /* of the present question, or block of it */
	uint32_t block;		      /* which one is asked for next */
	uint8_t etag[FETCH_ETAG_MAX]; /* of the first block */
	size_t etag_len;
	unsigned nth; /* which of several addresses */
	struct enrol_question question;
	struct enrol_reply reply;
};

static void note_loss(struct enrol_client *c, enum client_loss why)
{
	if (!c->busy || c->done)
		return;
	c->reply.loss = why;
	c->nth++;
	c->done = true;
}

static void on_up(void *arg)
{
	struct enrol_client *c = arg;

	c->up = true;
	c->reply.peer_end_ms = client_peer_end_ms(c->client);
}

static void on_down(void *arg, enum client_loss why)
{
	note_loss(arg, why);
}

static void on_response(void *arg, const struct forward_response *r)
{
	struct enrol_client *c = arg;

	if (!c->busy || c->done || r->token != c->token)
		return;
	c->done = c->reply.answered = true;
	c->reply.code = r->code;
	c->reply.max_age_s = r->max_age_s;
	c->reply.len = r->len <= sizeof(c->reply.body) ? r->len : 0;
	if (c->reply.len)
		memcpy(c->reply.body, r->body, c->reply.len);
}

/* Is it what is wanted, and goes on where the last one ended? */
static bool fits(const struct enrol_client *c, const struct fetch_part *p)
{
	return p->format == (int)c->question.accept && p->len > 0 &&
	       p->len <= sizeof(c->reply.body) - c->reply.len &&
	       (p->has_block ? p->block.num == c->block && p->block.szx == BLOCK_SZX &&
				       (!p->block.more || p->len == block_size(BLOCK_SZX))
			     : c->block == 0) &&
	       (c->block == 0 || (p->etag_len == c->etag_len &&
				  memcmp(p->etag, c->etag, c->etag_len) == 0));
}

static void on_part(void *arg, const struct fetch_part *p)
{
	struct enrol_client *c = arg;

	if (!c->busy || c->done || p->token != c->token)
		return;
	c->reply.answered = true;
	c->reply.code = p->code;
	c->reply.max_age_s = p->max_age_s;
	if (p->code != COAP_CODE_CONTENT || !fits(c, p)) {
		c->reply.len = 0;
		c->done = true;
		return;
	}
	memcpy(c->reply.body + c->reply.len, p->body, p->len);
	c->reply.len += p->len;
	memcpy(c->etag, p->etag, sizeof(c->etag));
	c->etag_len = p->etag_len;
	c->block++;
	c->done = !p->has_block || !p->block.more;
	c->up = !c->done;
}

static void on_retransmitted(void *arg)
{
	(void)arg;
}

static void on_undelivered(void *arg, uint32_t token)
{
	struct enrol_client *c = arg;

	if (token == c->token)
		note_loss(c, CLIENT_LOST);
}

static void send_question(struct enrol_client *c)
{
	const struct enrol_question *q = &c->question;
	const struct client_request rq = { .path = q->path,
					   .query = *q->query ? q->query : NULL,
					   .format = q->format,
					   .body = q->format ? q->body : NULL,
					   .len = q->len };

	const struct client_part part = { .path = q->path,
					  .accept = q->accept,
					  .block = { c->block, false, BLOCK_SZX } };

	c->up = false;
	client_set_patience(c->client, ACK_TIMEOUT_MS, RETRANSMITS);
	if (q->accept)
		c->token = FETCH_TOKEN_FIRST + c->block;
	if (q->accept ? client_get(c->client, c->token, &part)
		      : client_ask(c->client, c->token, &rq))
		note_loss(c, CLIENT_LOST);
	else
		FAILPOINT("coap.enrol.asked");
}

/* From the loop, with nothing of the library up the stack. */
static void act(struct enrol_client *c)
{
	struct enrol_reply reply;

	if (c->up && !c->done)
		send_question(c);
	if (!c->done)
		return;
	reply = c->reply;
	enrol_client_release(c);
	FAILPOINT("coap.enrol.answered");
	c->fn(c->arg, &reply);
}

static void on_turn(void *arg)
{
	act(arg);
}

static void on_soon(void *arg)
{
	act(arg);
}

static void connect_to(struct enrol_client *c, const uint8_t addr[static 16])
{
	const struct client_target to = { .endpoint = &c->question.to, .addr = addr };

	if (client_connect(c->client, &to) < 0) {
		note_loss(c, CLIENT_LOST);
		rt_timer_set(c->soon, rt_mono());
	}
}

static void on_addresses(void *arg, size_t count, const uint8_t (*addrs)[16])
{
	struct enrol_client *c = arg;

	rt_resolve_free(c->lookup);
	c->lookup = NULL;
	if (count > 0) {
		connect_to(c, addrs[c->nth % count]);
		return;
	}
	note_loss(c, CLIENT_LOST);
	rt_timer_set(c->soon, rt_mono());
}

int enrol_client_new(struct rt *rt, enrol_client_fn *fn, void *arg,
		     struct enrol_client **ret)
{
	static const struct client_handlers handlers = {
		on_up,		on_down, on_response, on_part, on_retransmitted,
		on_undelivered, on_turn
	};
	struct enrol_client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->rt = rt;
	c->fn = fn;
	c->arg = arg;
	c->soon = rt_timer_new(rt, on_soon, c);
	r = client_new(rt, NULL, &handlers, c, &c->client);
	if (r < 0) {
		enrol_client_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void enrol_client_free(struct enrol_client *c)
{
	if (!c)
		return;
	rt_resolve_free(c->lookup);
	client_free(c->client);
	rt_timer_free(c->soon);
	crypto_wipe(c, sizeof(*c));
	free(c);
}

void enrol_client_release(struct enrol_client *c)
{
	rt_resolve_free(c->lookup);
	c->lookup = NULL;
	(void)client_set_identity(c->client, NULL);
	rt_timer_set(c->soon, MONO_NEVER);
	c->busy = c->up = c->done = false;
	crypto_wipe(&c->question, sizeof(c->question));
}

int enrol_client_ask(struct enrol_client *c, const struct enrol_question *q)
{
	int r;

	enrol_client_release(c);
	r = client_set_identity(c->client, &q->as);
	if (r < 0)
		return r;
	c->question = *q;
	c->question.as = (struct client_config){ NULL, NULL, NULL };
	c->reply = (struct enrol_reply){ .number = q->number, .loss = CLIENT_LOST };
	c->token = c->token % UINT16_MAX + TOKEN_FIRST;
	c->block = 0;
	c->busy = true;
	if (config_has_addr(&q->to)) {
		connect_to(c, q->to.addr);
		return 0;
	}
	r = rt_resolve_new(c->rt, q->to.name, on_addresses, c, &c->lookup);
	if (r < 0)
		enrol_client_release(c);
	return r;
}
