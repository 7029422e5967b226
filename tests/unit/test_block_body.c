/*
 * test_block_body.c - bodies in blocks: in order, again, out of order, too long; and at random against what was sent.
 */
#include "tests/unit/test.h"

#include "coap/block_body.h"
#include "hub/core/err.h"

enum { NAME = 7, SIZE = 64 };

static struct block_body b;
static uint8_t sent[BLOCK_BODY_MAX + SIZE];

static void fill(void)
{
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)test_random();
	b = (struct block_body){ 0 };
}

/* Block num of 64 octets of what is sent. */
static int add(uint32_t num, bool more, size_t len)
{
	const struct block at = { num, more, 2 };

	return block_body_add(&b, &at, NAME, sent + (size_t)num * SIZE, len);
}

static void test_order(void)
{
	fill();
	CHECK_INT(add(0, true, SIZE), BLOCK_BODY_MORE);
	CHECK_INT(add(1, true, SIZE), BLOCK_BODY_MORE);
	CHECK_INT(add(1, true, SIZE), BLOCK_BODY_MORE); /* its answer was lost */
	CHECK_INT(add(2, false, 5), BLOCK_BODY_WHOLE);
	CHECK_UINT(b.len, 2 * SIZE + 5);
	CHECK_MEM(b.bytes, sent, b.len);
	CHECK_INT(add(2, false, 5), BLOCK_BODY_WHOLE);
	CHECK_UINT(b.len, 2 * SIZE + 5);
	CHECK_INT(add(0, false, 3), BLOCK_BODY_WHOLE); /* another one, in one block */
	CHECK_UINT(b.len, 3);
}

static void test_refused(void)
{
	const struct block second = { 1, false, 2 };

	fill();
	CHECK_INT(add(1, true, SIZE), -ENOENT);
	CHECK_INT(add(0, true, SIZE - 1), -EBADMSG);
	CHECK_INT(add(0, true, SIZE + 1), -EBADMSG);
	CHECK_INT(add(0, false, SIZE + 1), -EBADMSG);
	CHECK_INT(add(0, true, SIZE), BLOCK_BODY_MORE);
	CHECK_INT(add(2, true, SIZE), -ENOENT);
	CHECK_INT(block_body_add(&b, &second, NAME + 1, sent, 1), -ENOENT);
	CHECK_INT(add(1, true, SIZE), BLOCK_BODY_MORE); /* it goes on where it was */
	CHECK_UINT(b.len, 2 * SIZE);
	CHECK_MEM(b.bytes, sent, b.len);
}

/* Another body after the first was broken off, or the same once more; and a block that came late. */
static void test_anew(void)
{
	fill();
	for (uint32_t i = 0; i < 4; i++)
		CHECK_INT(add(i, true, SIZE), BLOCK_BODY_MORE);
	CHECK_INT(add(0, true, SIZE), BLOCK_BODY_MORE);
	CHECK_INT(add(4, true, SIZE), BLOCK_BODY_MORE); /* that first one was late */
	CHECK_INT(add(0, true, SIZE), BLOCK_BODY_MORE);
	sent[SIZE]++;
	CHECK_INT(add(1, true, SIZE), BLOCK_BODY_MORE); /* another one from here on */
	CHECK_INT(add(3, true, SIZE), -ENOENT);
	CHECK_INT(add(2, false, SIZE), BLOCK_BODY_WHOLE);
	CHECK_UINT(b.len, 3 * SIZE);
	CHECK_MEM(b.bytes, sent, b.len);
	sent[0]++;
	CHECK_INT(add(0, true, SIZE), BLOCK_BODY_MORE);
	CHECK_INT(add(2, true, SIZE), -ENOENT);
}

static void test_largest(void)
{
	const uint32_t last = BLOCK_BODY_MAX / SIZE - 1;
	const struct block far = { BLOCK_NUM_MAX, false, BLOCK_SZX_MAX };

	fill();
	for (uint32_t i = 0; i < last; i++)
		CHECK_INT(add(i, true, SIZE), BLOCK_BODY_MORE);
	CHECK_INT(add(last, true, SIZE), BLOCK_BODY_MORE);
	CHECK_INT(add(last + 1, false, 1), -EMSGSIZE);
	CHECK_INT(block_body_add(&b, &far, NAME, sent, 1), -EMSGSIZE);
	CHECK_INT(add(last + 1, false, 0), BLOCK_BODY_WHOLE);
	CHECK_UINT(b.len, BLOCK_BODY_MAX);
	CHECK_MEM(b.bytes, sent, b.len);
}

/* Whatever comes, in blocks of any size: what is whole is what was sent, and a beginning at each time. */
static void test_random_blocks(void)
{
	unsigned whole = 0;

	fill();
	for (unsigned round = 0; round < 200000; round++) {
		struct block at = { test_random() % 4, test_random() % 4 != 0,
				    (uint8_t)(test_random() % 3) };
		size_t size = block_size(at.szx);
		size_t len =
			at.more && test_random() % 8 ? size : test_random() % (size + 2);
		int r;

		/* mostly what follows */
		if (test_random() % 2)
			at.num = (uint32_t)(b.len / size);
		if ((at.num + 1) * size > BLOCK_BODY_MAX / 4)
			at.num = 0;
		r = block_body_add(&b, &at, NAME, sent + at.num * size, len);
		CHECK(b.len <= BLOCK_BODY_MAX);
		if (r == BLOCK_BODY_WHOLE)
			CHECK_UINT(b.len, at.num * size + len);
		CHECK(memcmp(b.bytes, sent, b.len) == 0);
		whole += r == BLOCK_BODY_WHOLE;
	}
	CHECK(whole > 1000);
}

TEST_MAIN("block_body", test_order, test_refused, test_anew, test_largest,
	  test_random_blocks)
