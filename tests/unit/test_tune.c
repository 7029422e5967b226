/*
 * test_tune.c - what is set on a session is what the session then has; asked by libcoap's own getters.
 */
#include "coap/tune.h"

#include "test.h"

static coap_context_t *ctx;
static coap_session_t *session;

static void open_session(void)
{
	coap_address_t to;

	coap_startup();
	coap_address_init(&to);
	to.addr.sin.sin_family = AF_INET;
	to.addr.sin.sin_port = htons(9);
	to.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.size = sizeof(to.addr.sin);
	ctx = coap_new_context(NULL);
	CHECK(ctx != NULL);
	session = coap_new_client_session(ctx, NULL, &to, COAP_PROTO_UDP);
	CHECK(session != NULL);
}

static void close_session(void)
{
	coap_session_release(session);
	coap_free_context(ctx);
	coap_cleanup();
}

static uint32_t ack_timeout_ms(void)
{
	coap_fixed_point_t t = coap_session_get_ack_timeout(session);

	return t.integer_part * 1000u + t.fractional_part;
}

static void test_patience(void)
{
	static const struct {
		uint32_t ms, seen;
	} rows[] = { { 2000, 2000 }, { 1000, 1000 }, { 1001, 1001 }, { 2999, 2999 },
		     { 3000, 3000 }, { 999, 1000 },  { 1, 1000 },    { 0, 1000 } };

	open_session();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (uint16_t n = 1; n <= 5; n++) {
			tune_patience(session, 1500, 3);
			tune_patience(session, rows[i].ms, n);
			CHECK_UINT(ack_timeout_ms(), rows[i].seen);
			CHECK_UINT(coap_session_get_max_retransmit(session), n);
		}
	close_session();
}

/* Why there is a floor: without it the session keeps, without a word, what it had. */
static void test_silent_floor(void)
{
	coap_fixed_point_t half = { .integer_part = 0, .fractional_part = 500 };

	open_session();
	tune_patience(session, 3000, 4);
	coap_session_set_ack_timeout(session, half);
	CHECK_UINT(ack_timeout_ms(), 3000);
	close_session();
}

TEST_MAIN("tune", test_patience, test_silent_floor)
