/*
 * test_rtt.c - what is measured, what is not, and the bounds of the timeout.
 */
#include "coap/rtt.h"

#include "test.h"

static struct mono at(uint64_t ms)
{
	return (struct mono){ 1000000 + ms };
}

/* n exchanges of this round trip, one after the other. */
static void exchanges(struct rtt *r, unsigned n, uint64_t ms)
{
	for (unsigned i = 1; i <= n; i++) {
		rtt_on_sent(r, i, at(0));
		rtt_on_answered(r, i, at(ms));
	}
}

static void test_bounds(void)
{
	static const struct {
		uint64_t round_trip;
		uint32_t timeout;
	} rows[] = { { 0, 1000 },      { 20, 1000 },	    { 666, 1000 },
		     { 667, 1000 },    { 668, 1002 },	    { 1000, 1500 },
		     { 1999, 2998 },   { 2000, 3000 },	    { 2001, 3000 },
		     { 100000, 3000 }, { 1ull << 40, 3000 } };
	struct rtt r;

	rtt_init(&r, at(0));
	CHECK_UINT(rtt_timeout_ms(&r), RTT_TIMEOUT_START_MS);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rtt_init(&r, at(0));
		exchanges(&r, 1, rows[i].round_trip);
		CHECK_UINT(rtt_timeout_ms(&r), rows[i].timeout);
		exchanges(&r, 50, rows[i].round_trip); /* the same again moves nothing */
		CHECK_UINT(rtt_timeout_ms(&r), rows[i].timeout);
	}
}

/* One slow answer moves it by an eighth; many move it all the way. */
static void test_smooth(void)
{
	struct rtt r;

	rtt_init(&r, at(0));
	exchanges(&r, 1, 800);
	exchanges(&r, 1, 1600);
	CHECK_UINT(rtt_timeout_ms(&r), 1350); /* 1.5 x (800 + 800 / 8) */
	exchanges(&r, 60, 1600);
	CHECK(rtt_timeout_ms(&r) >= 2395);
	CHECK(rtt_timeout_ms(&r) <= 2400);
	exchanges(&r, 100, 10);
	CHECK_UINT(rtt_timeout_ms(&r), RTT_TIMEOUT_MIN_MS);
}

/* Karn: after a retransmission, what was in flight is not measured; what follows is. */
static void test_karn(void)
{
	struct rtt r;

	rtt_init(&r, at(0));
	rtt_on_sent(&r, 7, at(0));
	rtt_on_sent(&r, 8, at(0));
	rtt_on_retransmitted(&r);
	CHECK_UINT(rtt_timeout_ms(&r),
		   RTT_TIMEOUT_MAX_MS); /* nothing measured, but lost */
	rtt_on_sent(&r, 9, at(100));
	rtt_on_answered(&r, 7, at(1800));
	rtt_on_answered(&r, 8, at(1800));
	CHECK_UINT(rtt_timeout_ms(&r), RTT_TIMEOUT_MAX_MS);
	rtt_on_answered(&r, 9, at(1100));
	CHECK_UINT(rtt_timeout_ms(&r), 1500);
}

/* Answers that nobody waits for, twice, after the session's end, or to a token that is none. */
static void test_strays(void)
{
	struct rtt r;

	rtt_init(&r, at(0));
	rtt_on_answered(&r, 1, at(0));
	rtt_on_answered(&r, 0, at(900));
	CHECK_UINT(rtt_timeout_ms(&r), RTT_TIMEOUT_START_MS);
	rtt_on_sent(&r, 1, at(0));
	rtt_on_answered(&r, 1, at(1000));
	rtt_on_answered(&r, 1, at(9000));
	CHECK_UINT(rtt_timeout_ms(&r), 1500);
	rtt_on_sent(&r, 2, at(0));
	rtt_init(&r, at(0)); /* another session */
	rtt_on_answered(&r, 2, at(9000));
	CHECK_UINT(rtt_timeout_ms(&r), RTT_TIMEOUT_START_MS);
}

/* The first request after an idle hour is given up sooner; whatever answer comes ends that. */
static void test_idle(void)
{
	struct rtt r;

	rtt_init(&r, at(0));
	CHECK_UINT(rtt_retransmits(&r, at(0)), RTT_RETRANSMITS);
	CHECK_UINT(rtt_retransmits(&r, at(RTT_IDLE_MS - 1)), RTT_RETRANSMITS);
	CHECK_UINT(rtt_retransmits(&r, at(RTT_IDLE_MS)), RTT_RETRANSMITS_IDLE);
	rtt_on_sent(&r, 1, at(RTT_IDLE_MS));
	CHECK_UINT(rtt_retransmits(&r, at(RTT_IDLE_MS)), RTT_RETRANSMITS_IDLE);
	rtt_on_answered(&r, 1, at(RTT_IDLE_MS + 50));
	CHECK_UINT(rtt_retransmits(&r, at(RTT_IDLE_MS + 50)), RTT_RETRANSMITS);
}

/* More than it has room for: those are not measured, and nothing else breaks. */
static void test_full(void)
{
	struct rtt r;

	rtt_init(&r, at(0));
	for (uint32_t i = 1; i <= RTT_PENDING_MAX + 1; i++)
		rtt_on_sent(&r, i, at(0));
	rtt_on_answered(&r, RTT_PENDING_MAX + 1, at(2000));
	CHECK_UINT(rtt_timeout_ms(&r), RTT_TIMEOUT_START_MS);
	rtt_on_answered(&r, RTT_PENDING_MAX, at(1000));
	CHECK_UINT(rtt_timeout_ms(&r), 1500);
}

/* Whatever happens, the timeout is within its bounds. */
static void test_random_events(void)
{
	struct rtt r;

	rtt_init(&r, at(0));
	for (int i = 0; i < 100000; i++) {
		uint32_t token = 1 + (uint32_t)(test_random() % 12);

		switch (test_random() % 8) {
		case 0: rtt_on_retransmitted(&r); break;
		case 1: rtt_init(&r, at(0)); break;
		case 2:
		case 3:
		case 4: rtt_on_sent(&r, token, at(test_random() % 5000)); break;
		default: rtt_on_answered(&r, token, at(test_random() % 50000)); break;
		}
		CHECK(rtt_timeout_ms(&r) >= RTT_TIMEOUT_MIN_MS);
		CHECK(rtt_timeout_ms(&r) <= RTT_TIMEOUT_MAX_MS);
	}
}

/* One of five had to be sent again; more than the last twenty are not remembered. */
static void test_quality(void)
{
	struct path_quality q;
	struct rtt r;

	rtt_init(&r, at(0));
	q = rtt_quality(&r);
	CHECK_UINT(q.requests + q.again + q.trip_ms, 0);
	exchanges(&r, 4, 800);
	rtt_on_sent(&r, 9, at(0));
	rtt_on_retransmitted(&r);
	CHECK_UINT(rtt_quality(&r).again, 0); /* not answered yet */
	rtt_on_answered(&r, 9, at(5000));
	q = rtt_quality(&r);
	CHECK_UINT(q.requests, 5);
	CHECK_UINT(q.again, 1);
	CHECK_UINT(q.trip_ms, 800);
	exchanges(&r, PATH_REQUESTS_MAX - 1, 800);
	CHECK_UINT(rtt_quality(&r).requests, PATH_REQUESTS_MAX);
	CHECK_UINT(rtt_quality(&r).again, 1);
	exchanges(&r, 1, 1 << 30);
	CHECK_UINT(rtt_quality(&r).again, 0);
	exchanges(&r, 100, 1 << 30);
	CHECK(rtt_quality(&r).trip_ms > PATH_TRIP_MAX_MS - 100 &&
	      rtt_quality(&r).trip_ms <= PATH_TRIP_MAX_MS);
}

TEST_MAIN("rtt", test_bounds, test_smooth, test_karn, test_strays, test_idle, test_full,
	  test_random_events, test_quality)
