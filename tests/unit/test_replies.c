/*
 * test_replies.c - the last replies to a peer: found by Message-ID and token, for as long and as many as the header says.
 */
#include "coap/replies.h"
#include "tests/unit/test.h"

static struct replies_key key(unsigned mid)
{
	return (struct replies_key){ .mid = (uint16_t)mid,
				     .token_len = 2,
				     .token = { (uint8_t)(mid >> 8), (uint8_t)mid } };
}

static struct coap_server_response reply(unsigned n, size_t len)
{
	struct coap_server_response r = { .code = COAP_CODE_CHANGED,
					  .max_age_s = n,
					  .len = len };

	memset(r.body, (int)n, sizeof(r.body));
	return r;
}

static void keep(struct replies *r, unsigned mid, uint64_t at_ms)
{
	struct replies_key k = key(mid);
	struct coap_server_response a = reply(mid, mid % (COAP_SERVER_REPLY_MAX + 1));

	replies_keep(r, &k, (struct mono){ at_ms }, &a);
}

static bool finds(const struct replies *r, unsigned mid, uint64_t at_ms)
{
	struct replies_key k = key(mid);
	struct coap_server_response want = reply(mid, mid % (COAP_SERVER_REPLY_MAX + 1)),
				    got;

	if (!replies_find(r, &k, (struct mono){ at_ms }, &got))
		return false;
	CHECK_INT(got.code, want.code);
	CHECK_UINT(got.max_age_s, want.max_age_s);
	CHECK_UINT(got.len, want.len);
	CHECK_MEM(got.body, want.body, got.len);
	return true;
}

static void test_number(void)
{
	struct replies r = { 0 };

	CHECK(!finds(&r, 0, 0)); /* nothing is not Message-ID 0 */
	for (unsigned mid = 1; mid <= REPLIES_KEPT; mid++)
		keep(&r, mid * 127, 10);
	for (unsigned mid = 1; mid <= REPLIES_KEPT; mid++)
		CHECK(finds(&r, mid * 127, 10));
	keep(&r, 5000, 10);
	CHECK(!finds(&r, 127, 10)); /* the oldest makes room, no other */
	for (unsigned mid = 2; mid <= REPLIES_KEPT; mid++)
		CHECK(finds(&r, mid * 127, 10));
	CHECK(finds(&r, 5000, 10));
	replies_done(&r);
	CHECK(!finds(&r, 5000, 10));
}

static void test_lifetime(void)
{
	struct replies r = { 0 };

	keep(&r, 7, 1000);
	CHECK(finds(&r, 7, 1000));
	CHECK(finds(&r, 7, 1000 + REPLIES_LIFETIME_MS - 1));
	CHECK(!finds(&r, 7, 1000 + REPLIES_LIFETIME_MS));
	replies_done(&r);
}

static void test_key(void)
{
	struct replies r = { 0 };
	struct replies_key k = key(7);
	struct coap_server_response got;

	keep(&r, 7, 0);
	k.mid++;
	CHECK(!replies_find(&r, &k, (struct mono){ 0 }, &got));
	k = key(7);
	k.token[1]++;
	CHECK(!replies_find(&r, &k, (struct mono){ 0 }, &got));
	k = key(7);
	k.token_len--;
	CHECK(!replies_find(&r, &k, (struct mono){ 0 }, &got));
	k = key(7);
	CHECK(replies_find(&r, &k, (struct mono){ 0 }, &got));
	replies_done(&r);
}

/* What was not answered, or cannot be, pushes nothing out. */
static void test_not_kept(void)
{
	struct replies r = { 0 };
	struct replies_key k = key(9);
	struct coap_server_response none = { .len = 1 }, got;
	struct coap_server_response much = { .code = COAP_CODE_CHANGED,
					     .len = COAP_SERVER_REPLY_MAX + 1 };

	keep(&r, 8, 0);
	for (unsigned i = 0; i < REPLIES_KEPT; i++) {
		replies_keep(&r, &k, (struct mono){ 0 }, &none);
		replies_keep(&r, &k, (struct mono){ 0 }, &much);
	}
	CHECK(!replies_find(&r, &k, (struct mono){ 0 }, &got));
	CHECK(finds(&r, 8, 0));
	replies_done(&r);
}

TEST_MAIN("replies", test_number, test_lifetime, test_key, test_not_kept)
