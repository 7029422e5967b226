/*
 * test_crashes.c - a decoder that killed its process again and again is left out, and only it.
 */
#include "tests/unit/test.h"

#include "ble/crashes.h"

enum { BPM = 0x2A35, GLUCOSE = 0x2A18, HOUR = CRASHES_FORGET_MS };

static struct crashes c;

static struct mono at(uint64_t ms)
{
	return (struct mono){ ms };
}

static struct crashes_found die_in(uint16_t characteristic, struct mono now)
{
	crashes_begin(&c, characteristic, 7);
	return crashes_start(&c, "1.0", now);
}

static void reset(void)
{
	memset(&c, 0, sizeof(c));
	CHECK_UINT(crashes_start(&c, "1.0", at(1000)).characteristic, 0);
}

static void test_no_decoder(void)
{
	reset();
	crashes_begin(&c, BPM, 7);
	crashes_end(&c);
	CHECK_UINT(crashes_start(&c, "1.0", at(2000)).characteristic, 0);
	CHECK(!crashes_is_raw(&c, BPM, at(2000)));
	CHECK(!crashes_is_raw(&c, 0, at(2000)));
}

static void test_limit(void)
{
	struct crashes_found found;

	reset();
	for (uint32_t i = 1; i <= CRASHES_MAX; i++) {
		found = die_in(BPM, at(1000 + i));
		CHECK_UINT(found.characteristic, BPM);
		CHECK_UINT(found.device, 7);
		CHECK_UINT(found.count, i);
		CHECK(!found.raw && !crashes_is_raw(&c, BPM, at(1000 + i)));
	}
	found = die_in(BPM, at(5000));
	CHECK(found.raw && found.count == CRASHES_MAX + 1);
	CHECK(crashes_is_raw(&c, BPM, at(5000)));
	CHECK(!crashes_is_raw(&c, GLUCOSE, at(5000)));
	/* kept over an orderly restart, and tried again after a day */
	CHECK_UINT(crashes_start(&c, "1.0", at(6000)).characteristic, 0);
	CHECK(crashes_is_raw(&c, BPM, at(5000 + CRASHES_RAW_MS - 1)));
	CHECK(!crashes_is_raw(&c, BPM, at(5000 + CRASHES_RAW_MS)));
	/* once more after that day is once in a day */
	CHECK_UINT(die_in(BPM, at(5000 + CRASHES_RAW_MS)).count, 1);
}

static void test_forgets(void)
{
	reset();
	for (uint64_t i = 1; i <= CRASHES_MAX; i++)
		die_in(BPM, at(1000));
	CHECK_UINT(die_in(BPM, at(1000 + HOUR)).count, CRASHES_MAX);
	CHECK_UINT(die_in(BPM, at(1000 + 2 * HOUR - 1)).count, CRASHES_MAX + 1);
	reset();
	for (uint64_t i = 0; i < 100; i++)
		CHECK_UINT(die_in(BPM, at(1000 + i * HOUR)).count, 1);
}

static void test_new_version(void)
{
	reset();
	for (uint64_t i = 0; i <= CRASHES_MAX; i++)
		die_in(BPM, at(1000));
	CHECK(crashes_is_raw(&c, BPM, at(1000)));
	crashes_begin(&c, BPM, 7);
	CHECK_UINT(crashes_start(&c, "1.1", at(2000)).characteristic, 0);
	CHECK(!crashes_is_raw(&c, BPM, at(2000)));
}

/* More characteristics than rows: those that died last are remembered. */
static void test_many(void)
{
	reset();
	for (uint16_t i = 1; i <= CRASHES_DECODERS + 5; i++)
		for (int k = 0; k <= CRASHES_MAX; k++)
			die_in(i, at(1000 + i));
	CHECK(crashes_is_raw(&c, CRASHES_DECODERS + 5, at(2000)));
	CHECK(crashes_is_raw(&c, 6, at(2000)));
	CHECK(!crashes_is_raw(&c, 5, at(2000)));
}

/* Any bytes of another process. */
static void test_garbage(void)
{
	for (int i = 0; i < 20000; i++) {
		uint8_t *p = (uint8_t *)&c;

		for (size_t k = 0; k < sizeof(c); k++)
			p[k] = (uint8_t)test_random();
		if (i & 1)
			strcpy(c.version, "1.0");
		crashes_start(&c, "1.0", at(test_random() % 100000));
		CHECK_UINT(crashes_start(&c, "1.0", at(5000)).characteristic, 0);
		for (int k = 0; k < 3; k++) {
			uint16_t ch = (uint16_t)test_random();

			if (crashes_is_raw(&c, ch, at(5000)))
				CHECK(!crashes_is_raw(&c, ch, at(5000 + CRASHES_RAW_MS)));
		}
	}
}

TEST_MAIN("crashes", test_no_decoder, test_limit, test_forgets, test_new_version,
	  test_many, test_garbage)
