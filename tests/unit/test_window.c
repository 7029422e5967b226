/*
 * test_window.c - captures that are durable, against a plain set.
 */
#include "storage/window.h"

#include "test.h"

static void test_empty(void)
{
	struct window w = { 0 };

	CHECK(!window_has(&w, 0, 0));
	CHECK(!window_has(&w, 0, 1));
	window_add(&w, 7, 1);
	CHECK(window_has(&w, 7, 1));
	CHECK(!window_has(&w, 8, 1));
	CHECK(!window_has(&w, 7, 2));
}

static void test_limits(void)
{
	struct window w = { 0 };

	window_add(&w, 7, 100);
	window_add(&w, 7, 100 - WINDOW_LEN);
	CHECK(window_has(&w, 7, 100 - WINDOW_LEN));
	window_add(&w, 7, 100 - WINDOW_LEN - 1); /* too old to be remembered */
	CHECK(!window_has(&w, 7, 100 - WINDOW_LEN - 1));
	window_add(&w, 7, 100 + WINDOW_LEN);
	CHECK(window_has(&w, 7, 100));
	CHECK(!window_has(&w, 7, 99));
	window_add(&w, 7, 101 + WINDOW_LEN);
	CHECK(!window_has(&w, 7, 100));
	window_add(&w, 7, UINT64_MAX);
	CHECK(window_has(&w, 7, UINT64_MAX));
	CHECK(!window_has(&w, 7, 101 + WINDOW_LEN));
}

static void test_other_instance(void)
{
	struct window w = { 0 };

	window_add(&w, 7, 5);
	window_add(&w, 9, 3);
	CHECK(!window_has(&w, 7, 5));
	CHECK(window_has(&w, 9, 3));
	CHECK(!window_has(&w, 9, 2));
}

/* Captures come roughly in order, some are never durable: the window must never claim
 * one of those, and must know each durable one that is at most WINDOW_LEN behind. */
/* A record of the hub's own has no capture: it makes nothing forgotten. */
static void test_no_capture(void)
{
	struct window w = { 0 };

	window_add(&w, 7, 3);
	window_add(&w, 0, 0);
	window_add(&w, 7, 0);
	CHECK(window_has(&w, 7, 3));
	CHECK(!window_has(&w, 0, 0));
	CHECK(!window_has(&w, 7, 0));
}

static void test_against_set(void)
{
	enum { N = 2000 };
	static uint8_t durable[N + 1];
	struct window w = { 0 };
	uint64_t top = 0;

	memset(durable, 0, sizeof(durable));
	for (int step = 0; step < 20000; step++) {
		uint64_t c = top + 1 + test_random() % 3;

		if (top > 0 && test_random() % 2)
			c = top > 40 ? top - test_random() % 40 : 1 + test_random() % top;
		if (c > N)
			break;
		window_add(&w, 1, c);
		durable[c] = 1;
		top = c > top ? c : top;
		for (uint64_t k = 1; k <= top && k <= N; k++) {
			if (!durable[k])
				CHECK(!window_has(&w, 1, k));
			else if (top - k <= 40)
				CHECK(window_has(&w, 1, k));
		}
	}
}

TEST_MAIN("window", test_empty, test_limits, test_other_instance, test_no_capture,
	  test_against_set)
