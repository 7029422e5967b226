#pragma once

/*
 * bad_server.h - a server with the right certificate that answers wrongly, in one way at a time. A child process.
 *
 * It is libcoap's server without ours around it: what ours would never send, this one does.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "coap/library.h"
#include "coap/mend.h"
#include "tests/io/uplink_world.h"

enum bad_mode {
	BAD_NOT = 0,  /* a right answer */
	BAD_RESET,    /* RST to each request */
	BAD_ACK_ONLY, /* an empty acknowledgement and never a response */
	BAD_GARBAGE,  /* 2.04 and random bytes */
	BAD_BLOCK, /* 2.04 with all acknowledged, as the first block of a body without end */
	BAD_TOKEN,  /* a right answer with somebody else's token, and no other */
	BAD_FLOOD,  /* hundreds of answers that nobody waits for, then nothing */
	BAD_CONTIG, /* acknowledges what never was */
	BAD_CLOSE,  /* ends the connection at each request */
	BAD_CODE,   /* a code that says nothing */
	BAD_MODES,
};

struct bad_page {
	volatile enum bad_mode mode;
	volatile uint16_t port;
	volatile unsigned requests;
	struct page *world; /* its certificates, its seqs */
};

enum { BAD_FLOOD_SIZE = 300 };

static int bad_verify(void *user, const uint8_t *der, size_t len, int depth, int error)
{
	(void)user, (void)der, (void)len, (void)depth;
	return error == 0;
}

/* What a right answer says; all: everything there is, whether it came or not. */
static size_t bad_body(const struct page *w, bool all, uint64_t more, uint8_t *buf,
		       size_t cap)
{
	struct reply r;
	int n;

	make_reply(w, &r);
	if (all)
		r = (struct reply){ .has_contig = true, .contig = w->batches + more };
	n = reply_encode(&r, buf, cap);
	return n > 0 ? (size_t)n : 0;
}

static void bad_send(coap_session_t *session, const coap_pdu_t *request,
		     uint8_t token_change)
{
	coap_bin_const_t token = coap_pdu_get_token(request);
	coap_pdu_t *p =
		coap_new_pdu(COAP_MESSAGE_NON, COAP_RESPONSE_CODE_CHANGED, session);
	uint8_t other[8] = { 0 };

	if (!p || token.length > sizeof(other))
		abort();
	memcpy(other, token.s, token.length);
	other[token.length - 1] ^= token_change;
	other[0] ^= token_change;
	coap_add_token(p, token.length, other);
	coap_add_data(p, 3, (const uint8_t *)"\xa1\x01\x18");
	coap_send(session, p);
}

static void bad_post(coap_resource_t *resource, coap_session_t *session,
		     const coap_pdu_t *request, const coap_string_t *query,
		     coap_pdu_t *response)
{
	struct bad_page *b = coap_context_get_app_data(coap_session_get_context(session));
	struct coap_server_request rq = { 0 };
	uint8_t body[REPLY_BYTES_MAX], block[3];
	size_t len = 0;

	(void)resource, (void)query;
	b->requests++;
	if (!coap_get_data(request, &rq.len, &rq.body))
		rq.len = 0;
	switch (b->mode) {
	case BAD_NOT:
		take_seqs(b->world, &rq);
		len = bad_body(b->world, false, 0, body, sizeof(body));
		break;
	case BAD_RESET: coap_send_rst(session, request); return;
	case BAD_ACK_ONLY: coap_send_ack(session, request); return;
	case BAD_GARBAGE:
		for (len = 0; len < 200; len++)
			body[len] = (uint8_t)test_random();
		break;
	case BAD_BLOCK:
		len = bad_body(b->world, true, 0, body, sizeof(body));
		coap_add_option(response, COAP_OPTION_BLOCK2,
				coap_encode_var_safe(block, sizeof(block), 0x8 | 2),
				block);
		break;
	case BAD_TOKEN: bad_send(session, request, 1); return;
	case BAD_FLOOD:
		for (int i = 0; i < BAD_FLOOD_SIZE; i++)
			bad_send(session, request, (uint8_t)(1 + i % 255));
		return;
	case BAD_CONTIG: len = bad_body(b->world, true, 1, body, sizeof(body)); break;
	case BAD_CLOSE: coap_session_disconnected(session, COAP_NACK_RST); return;
	case BAD_CODE:
		coap_pdu_set_code(response, (coap_pdu_code_t)231); /* 7.07 */
		return;
	case BAD_MODES: return;
	}
	coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
	coap_add_data(response, len, body);
}

static void bad_other(coap_resource_t *resource, coap_session_t *session,
		      const coap_pdu_t *request, const coap_string_t *query,
		      coap_pdu_t *response)
{
	(void)resource, (void)session, (void)request, (void)query, (void)response;
}

static void bad_run(struct bad_page *b)
{
	struct library_identity id;
	coap_resource_t *r;
	coap_context_t *ctx;
	coap_address_t at;
	coap_dtls_pki_t pki;
	const uint8_t loopback[16] = { [10] = 0xff, 0xff, 127, 0, 0, 1 };

	log_init("bad-server");
	if (library_identity_init(&id, b->world->server.cert, b->world->server.key,
				  b->world->root.cert))
		abort();
	library_start();
	coap_set_log_level(COAP_LOG_EMERG);
	ctx = coap_new_context(NULL);
	coap_context_set_app_data(ctx, b);
	r = coap_resource_unknown_init2(bad_other, 0);
	coap_register_request_handler(r, COAP_REQUEST_POST, bad_post);
	coap_add_resource(ctx, r);
	pki = library_pki(&id, NULL);
	library_addr(loopback, b->port, &at);
	library_profile(b->world->profile);
	mend_set_verifier(bad_verify, NULL);
	if (!coap_context_set_pki(ctx, &pki) ||
	    !coap_new_endpoint(ctx, &at, COAP_PROTO_DTLS))
		abort();
	b->world->started++;
	for (;;)
		coap_io_process(ctx, 100);
}

/* bad_start - listens at b->port, which the caller has chosen. Returns its process; end it with SIGKILL. */
static pid_t bad_start(struct bad_page *b)
{
	unsigned before = b->world->started;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bad_run(b);
	}
	for (int i = 0; i < 1000 && b->world->started == before; i++)
		usleep(10000);
	CHECK(b->world->started == before + 1);
	return pid;
}
