/*
 * fuzz_coap_pdu.c - what a peer may send inside DTLS: libcoap's parser and dispatcher, with our request handler behind it as
 * in clinicd and our response handler as in hub-coap.
 *
 * The input is a run of datagrams, each with its length before it (u16, big endian), all in one session. libcoap is built for
 * the fuzzer (libcoap.sh). The plain UDP session stands for what DTLS hands over; nothing is sent.
 */
#include <stdlib.h>

#include "coap/block_body.h"
#include "coap/forward.h"
#include "coap/requests.h"
#include "hub/core/cursor.h"

/* Of libcoap's internal headers. */
int coap_handle_dgram(coap_context_t *ctx, coap_session_t *session, uint8_t *msg,
		      size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HIGHEST = 100, MESSAGE_MAX = 1472, PATH_MAX_LEN = 64 };

static coap_context_t *ctx;
static struct forward machine;
static struct requests requests;
static volatile uint8_t seen; /* so that every byte of a body is read */

static void check(bool ok)
{
	if (!ok)
		abort();
}

static int read_spki(const coap_session_t *session, uint8_t ret[static PIN_LEN])
{
	(void)session;
	memset(ret, 7, PIN_LEN);
	return 0;
}

static void on_request(void *arg, const struct coap_server_request *rq,
		       struct coap_server_response *ret)
{
	(void)arg;
	check(rq->spki[0] == 7 && rq->spki[PIN_LEN - 1] == 7);
	check(strlen(rq->path) < PATH_MAX_LEN && rq->len <= BLOCK_BODY_MAX);
	for (size_t i = 0; i < rq->len; i++)
		seen ^= rq->body[i];
	ret->code = rq->len & 1 ? COAP_CODE_CHANGED : 0;
	ret->len = rq->len % (COAP_SERVER_REPLY_MAX + 1);
}

/* As coap/client.c does. */
static coap_response_t on_response(coap_session_t *session, const coap_pdu_t *sent,
				   const coap_pdu_t *received, const coap_mid_t mid)
{
	struct forward_response r = { .max_age_s = COAP_MAX_AGE_DEFAULT_S };
	coap_bin_const_t token = coap_pdu_get_token(received);
	struct forward_action a;
	coap_opt_iterator_t it;
	coap_opt_t *age = coap_check_option(received, COAP_OPTION_MAXAGE, &it);

	(void)session;
	(void)sent;
	(void)mid;
	for (size_t i = 0; i < token.length && i < 4; i++)
		r.token = r.token << 8 | token.s[i];
	r.code = (int)coap_pdu_get_code(received);
	if (age)
		r.max_age_s =
			coap_decode_var_bytes(coap_opt_value(age), coap_opt_length(age));
	if (!coap_get_data(received, &r.len, &r.body))
		r.len = 0;
	check(r.len <= MESSAGE_MAX);
	forward_on_response(&machine, &r, 0, (struct mono){ 1000000 });
	while (forward_next(&machine, (struct mono){ 1000000 }, &a))
		if (a.what == FORWARD_ACK)
			check(!a.ack.reply.has_contig || a.ack.reply.contig <= HIGHEST);
	return COAP_RESPONSE_OK;
}

static void start(void)
{
	requests = (struct requests){ .read_spki = read_spki, .request = on_request };
	library_start();
	coap_set_log_level(COAP_LOG_EMERG);
	ctx = coap_new_context(NULL);
	check(ctx && requests_add(ctx, &requests) == 0);
	coap_register_response_handler(ctx, on_response);
	check(coap_debug_set_packet_loss("100%") == 1);
}

static void start_machine(void)
{
	struct forward_action a;
	uint32_t id = 0;

	forward_init(&machine);
	forward_on_config(&machine, 60);
	forward_on_store_up(&machine);
	forward_on_queue_state(&machine, &(struct msg_queue_state){ .highest = HIGHEST });
	forward_on_session_up(&machine);
	while (forward_next(&machine, (struct mono){ 1000000 }, &a)) {
		for (unsigned i = 0; a.what == FORWARD_WANT && i < a.want.batches; i++) {
			struct msg_batch b = { .len = 4 };

			id++;
			b.id = id;
			b.first = b.last = id;
			check(forward_on_batch(&machine, &b) == 0);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
	coap_session_t *session;
	coap_address_t to;
	struct reader r;

	if (!ctx)
		start();
	start_machine();
	requests.blocks = size & 2; /* as on the port for enrolment, or not */
	library_addr(addr, 9, &to);
	session = coap_new_client_session(ctx, NULL, &to, COAP_PROTO_UDP);
	check(session != NULL);
	reader_init(&r, data, size);
	while (reader_left(&r) > 2) {
		size_t len = read_be16(&r);
		uint8_t *m;

		if (len > reader_left(&r))
			len = reader_left(&r);
		if (len == 0 || len > MESSAGE_MAX)
			break;
		m = malloc(len); /* of just that size, so that a read behind it is seen */
		check(m != NULL);
		memcpy(m, read_span(&r, len), len);
		coap_handle_dgram(ctx, session, m, len);
		free(m);
		if (requests.count >= 4) /* some come again while the first waits */
			requests_answer(&requests);
	}
	if (size & 1)
		requests_answer(&requests);
	requests_forget(session);
	coap_session_release(session);
	requests_answer(&requests); /* nobody is left to answer */
	check(requests.count == 0);
	return 0;
}
