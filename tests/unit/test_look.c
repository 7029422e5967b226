/*
 * test_look.c - when a locked hub is measured.
 */
#include "hub/look.h"

#include "tests/unit/test.h"

enum { MINUTE = 60 * 1000 };

static bool due_at(struct look *l, uint8_t level, uint64_t minute)
{
	return look_due(l, level, (struct mono){ minute * MINUTE });
}

static void test_normal(void)
{
	struct look l = { 0 };

	for (uint64_t minute = 0; minute < 2000; minute++)
		CHECK(!due_at(&l, minute % 2, minute));
}

static void test_locked(void)
{
	static const uint64_t want[] = { 100, 111, 122, 182, 242 };
	struct look l = { 0 };
	size_t n = 0;

	CHECK(!due_at(&l, 0, 0));
	for (uint64_t minute = 100; minute < 300; minute++) {
		if (!due_at(&l, 2, minute))
			continue;
		CHECK(n < sizeof(want) / sizeof(*want));
		CHECK_UINT(minute, want[n++]);
	}
	CHECK_UINT(n, sizeof(want) / sizeof(*want));
	/* a higher level begins anew, a release ends it */
	CHECK(due_at(&l, 3, 300));
	CHECK(due_at(&l, 3, 311));
	/* down to 2 by a release: it goes on as before */
	CHECK(!due_at(&l, 2, 312));
	CHECK(due_at(&l, 2, 322));
	CHECK(!due_at(&l, 2, 333));
	CHECK(!due_at(&l, 0, 400));
	CHECK(!due_at(&l, 0, 4000));
	/* another lock */
	CHECK(due_at(&l, 2, 4001));
	CHECK(due_at(&l, 2, 4012));
}

TEST_MAIN("look", test_normal, test_locked)
