/*
 * test_block.c - the Block2 option: its bytes, its limits, and which part of a body it means.
 */
#include "tests/unit/test.h"

#include "coap/block.h"
#include "hub/core/err.h"

static void test_option(void)
{
	static const struct {
		struct block block;
		size_t len;
		uint8_t bytes[3];
	} all[] = {
		/* RFC 7959, 3.1 and 2.2 */
		{ { 0, false, 0 }, 0, { 0 } },
		{ { 0, true, 6 }, 1, { 0x0e } },
		{ { 1, false, 2 }, 1, { 0x12 } },
		{ { 15, true, 6 }, 1, { 0xfe } },
		{ { 16, false, 0 }, 2, { 0x01, 0x00 } },
		{ { 4095, true, 5 }, 2, { 0xff, 0xfd } },
		{ { 4096, false, 6 }, 3, { 0x01, 0x00, 0x06 } },
		{ { BLOCK_NUM_MAX, true, 6 }, 3, { 0xff, 0xff, 0xfe } },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		uint8_t b[BLOCK_OPTION_MAX] = { 0 };
		struct block out;

		CHECK_UINT(block_encode(&all[i].block, b), all[i].len);
		CHECK_MEM(b, all[i].bytes, all[i].len);
		CHECK_INT(block_decode(b, all[i].len, &out), 0);
		CHECK_UINT(out.num, all[i].block.num);
		CHECK_INT(out.more, all[i].block.more);
		CHECK_UINT(out.szx, all[i].block.szx);
	}
}

static void test_bad_options(void)
{
	struct block out = { .num = 77 };

	CHECK_INT(block_decode((const uint8_t *)"\0\0\0\0", 4, &out), -EBADMSG);
	CHECK_INT(block_decode((const uint8_t *)"\x07", 1, &out), -EBADMSG);
	CHECK_INT(block_decode((const uint8_t *)"\xff\xff\xff", 3, &out), -EBADMSG);
	CHECK_UINT(out.num, 77);
	CHECK_INT(block_decode((const uint8_t *)"\0\0\0", 3, &out), 0); /* longer, good */
	CHECK_UINT(out.num, 0);
}

static void test_parts(void)
{
	struct block b = { .szx = 6 };
	struct block_part p;

	CHECK_UINT(block_size(0), 16);
	CHECK_UINT(block_size(6), 1024);
	CHECK_INT(block_find(&b, 0, &p), 0);
	CHECK_UINT(p.len, 0);
	CHECK(!p.more);
	CHECK_INT(block_find(&b, 1024, &p), 0);
	CHECK_UINT(p.len, 1024);
	CHECK(!p.more);
	CHECK_INT(block_find(&b, 1025, &p), 0);
	CHECK_UINT(p.len, 1024);
	CHECK(p.more);
	b.num = 1;
	CHECK_INT(block_find(&b, 1024, &p), -ERANGE);
	CHECK_INT(block_find(&b, 0, &p), -ERANGE);
	CHECK_INT(block_find(&b, 1025, &p), 0);
	CHECK_UINT(p.offset, 1024);
	CHECK_UINT(p.len, 1);
	CHECK(!p.more);
	b.num = BLOCK_NUM_MAX;
	CHECK_INT(block_find(&b, 32768, &p), -ERANGE);
}

/* All parts of a body are the body, whatever the size of the blocks. */
static void test_whole(void)
{
	for (int run = 0; run < 2000; run++) {
		struct block b = { .szx = (uint8_t)(test_random() % 7) };
		size_t len = test_random() % 3000, at = 0;
		struct block_part p = { .more = true };

		for (; p.more; b.num++) {
			CHECK_INT(block_find(&b, len, &p), 0);
			CHECK_UINT(p.offset, at);
			CHECK(p.len <= block_size(b.szx));
			CHECK(!p.more || p.len == block_size(b.szx));
			at += p.len;
		}
		CHECK_UINT(at, len);
		if (len > 0)
			CHECK_INT(block_find(&b, len, &p), -ERANGE);
	}
}

TEST_MAIN("block", test_option, test_bad_options, test_parts, test_whole)
