/*
 * test_segment.c - joining of segmented values: counters, order, limits, what is given
 * back.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdbool.h>

#include "ble/segment.h"

enum { FIRST = 1, LAST = 2 };

static struct segment_join join;
static const uint8_t *whole;
static size_t whole_len;

static int add(unsigned counter, unsigned flags, const char *text)
{
	uint8_t buf[1 + SEGMENT_MAX + 1];
	size_t len = strlen(text);

	buf[0] = (uint8_t)(counter << 2 | flags);
	memcpy(buf + 1, text, len);
	whole = NULL;
	whole_len = 0xDEAD;
	return segment_add(&join, buf, 1 + len, &whole, &whole_len);
}

static void check_whole(const char *want)
{
	CHECK_UINT(whole_len, strlen(want));
	CHECK_MEM(whole, want, strlen(want));
}

static void test_one(void)
{
	join = (struct segment_join){ 0 };
	CHECK_INT(add(0, FIRST | LAST, "abc"), 1);
	check_whole("abc");
	CHECK(!segment_is_open(&join));
	/* header 0x8B: counter 34, first and last; an empty value */
	CHECK_INT(add(34, FIRST | LAST, ""), 1);
	check_whole("");
}

static void test_several(void)
{
	join = (struct segment_join){ 0 };
	CHECK_INT(add(5, FIRST, "ab"), 0);
	CHECK(segment_is_open(&join));
	CHECK_INT(add(6, 0, "cd"), 0);
	CHECK_INT(add(7, LAST, "e"), 1);
	check_whole("abcde");
	CHECK_INT(add(8, FIRST, "x"), 0);
	CHECK_INT(add(9, LAST, "y"), 1);
	check_whole("xy");
}

static void test_roll_over(void)
{
	join = (struct segment_join){ 0 };
	CHECK_INT(add(62, FIRST, "a"), 0);
	CHECK_INT(add(63, 0, "b"), 0);
	CHECK_INT(add(0, 0, "c"), 0);
	CHECK_INT(add(1, LAST, "d"), 1);
	check_whole("abcd");
}

/* Each counter but the next one ends the join, and gives back what there was. */
static void test_counter(void)
{
	for (unsigned c = 0; c < 64; c++) {
		join = (struct segment_join){ 0 };
		CHECK_INT(add(10, FIRST, "ab"), 0);
		CHECK_INT(add(11, 0, "cd"), 0);
		CHECK_INT(add(c, LAST, "e"), c == 12 ? 1 : -EPROTO);
		check_whole(c == 12 ? "abcde" : "abcd");
		CHECK(!segment_is_open(&join));
	}
}

static void test_no_first(void)
{
	join = (struct segment_join){ 0 };
	CHECK_INT(add(0, LAST, "ab"), -EPROTO);
	CHECK_UINT(whole_len, 0);
	CHECK_INT(add(1, 0, "ab"), -EPROTO);
	CHECK_UINT(whole_len, 0);
	/* after a whole value the next one must begin again */
	CHECK_INT(add(2, FIRST | LAST, "ab"), 1);
	CHECK_INT(add(3, LAST, "cd"), -EPROTO);
	CHECK_UINT(whole_len, 0);
}

/* A new value begins although the last one was not finished: the beginning is given back,
 * and the segment can be added again. */
static void test_cut_off(void)
{
	join = (struct segment_join){ 0 };
	CHECK_INT(add(0, FIRST, "ab"), 0);
	CHECK_INT(add(1, FIRST, "cd"), -ECANCELED);
	check_whole("ab");
	CHECK_INT(add(1, FIRST, "cd"), 0);
	CHECK_INT(add(2, LAST, "e"), 1);
	check_whole("cde");
}

static void test_empty(void)
{
	uint8_t header = FIRST;

	join = (struct segment_join){ 0 };
	CHECK_INT(segment_add(&join, &header, 0, &whole, &whole_len), -EMSGSIZE);
	CHECK_INT(add(0, FIRST, "ab"), 0);
	CHECK_INT(segment_add(&join, &header, 0, &whole, &whole_len), -EMSGSIZE);
	CHECK_INT(add(1, LAST, "c"), 1); /* nothing was changed by it */
	check_whole("abc");
}

static int fill(size_t len)
{
	static const uint8_t zero[SEGMENT_MAX + 2];
	uint8_t buf[SEGMENT_MAX + 3] = { 7 << 2 | LAST };

	join = (struct segment_join){ 0 };
	CHECK_INT(add(6, FIRST, "ab"), 0);
	memcpy(buf + 1, zero, len);
	return segment_add(&join, buf, 1 + len, &whole, &whole_len);
}

static void test_too_long(void)
{
	CHECK_INT(fill(SEGMENT_MAX - 3), 1);
	CHECK_UINT(whole_len, SEGMENT_MAX - 1);
	CHECK_INT(fill(SEGMENT_MAX - 2), 1);
	CHECK_UINT(whole_len, SEGMENT_MAX);
	CHECK_INT(fill(SEGMENT_MAX - 1), -ENOSPC);
	check_whole("ab");
	CHECK(!segment_is_open(&join));
	CHECK_INT(add(8, LAST, "c"), -EPROTO);
	CHECK_UINT(whole_len, 0);
}

static void test_first_too_long(void)
{
	static const uint8_t buf[SEGMENT_MAX + 2] = { FIRST | LAST };

	join = (struct segment_join){ 0 };
	CHECK_INT(segment_add(&join, buf, SEGMENT_MAX + 1, &whole, &whole_len), 1);
	CHECK_UINT(whole_len, SEGMENT_MAX);
	CHECK_INT(segment_add(&join, buf, SEGMENT_MAX + 2, &whole, &whole_len), -ENOSPC);
	CHECK_UINT(whole_len, 0);
}

static void test_take(void)
{
	join = (struct segment_join){ 0 };
	segment_take(&join, &whole, &whole_len);
	CHECK_UINT(whole_len, 0);
	CHECK_INT(add(0, FIRST, "ab"), 0);
	segment_take(&join, &whole, &whole_len);
	check_whole("ab");
	CHECK(!segment_is_open(&join));
	segment_take(&join, &whole, &whole_len);
	CHECK_UINT(whole_len, 0);
}

/* Values cut at random and sent in order come out as they went in; with one segment lost,
 * doubled or swapped nothing comes out that was not sent. */
static void test_cut_at_random(void)
{
	for (int i = 0; i < 20000; i++) {
		uint8_t value[60], segments[60][61];
		size_t lens[60], n = 0, at = 0, len = test_random() % sizeof(value);
		unsigned counter = test_random() % 64;
		size_t harm = test_random() % 4, where;
		int r = 0;

		for (size_t k = 0; k < len; k++)
			value[k] = (uint8_t)(test_random() >> 16);
		do {
			size_t part = 1 + test_random() % 20;

			part = part > len - at ? len - at : part;
			segments[n][0] = (uint8_t)((counter++ % 64) << 2 | (at == 0));
			memcpy(segments[n] + 1, value + at, part);
			at += part;
			if (at == len)
				segments[n][0] |= LAST;
			lens[n++] = 1 + part;
		} while (at < len);
		where = test_random() % n;
		join = (struct segment_join){ 0 };
		for (size_t k = 0; k < n && r >= 0; k++) {
			if (harm == 1 && k == where)
				continue;
			r = segment_add(&join, segments[k], lens[k], &whole, &whole_len);
			if (harm == 2 && k == where && r >= 0)
				r = segment_add(&join, segments[k], lens[k], &whole,
						&whole_len);
		}
		if (r == 1) {
			CHECK_UINT(whole_len, len);
			CHECK_MEM(whole, value, len);
		}
		if (harm == 0 || harm == 3)
			CHECK_INT(r, 1);
		else if (n > 1)
			CHECK(r != 1);
	}
}

TEST_MAIN("segment", test_one, test_several, test_roll_over, test_counter, test_no_first,
	  test_cut_off, test_empty, test_too_long, test_first_too_long, test_take,
	  test_cut_at_random)
