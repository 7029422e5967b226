/*
 * test_revive.c - the radio off and on after a pause: for whom, when, and never too often.
 */
#include "ble/revive.h"
#include "tests/unit/test.h"

static struct mono at(uint64_t ms)
{
	return (struct mono){ ms };
}

static const struct revive_view alone = { 0 };

static void test_link_comes(void)
{
	struct revive r;

	revive_init(&r);
	CHECK_UINT(revive_deadline(&r, alone).ms, MONO_NEVER.ms);
	revive_on_armed(&r, 3, at(1000));
	CHECK_UINT(revive_deadline(&r, alone).ms, 1000 + REVIVE_QUIET_MS);
	CHECK(!revive_turn(&r, alone, at(1000 + REVIVE_QUIET_MS - 1)));
	revive_on_linked(&r, 2); /* another's says nothing */
	CHECK_UINT(revive_deadline(&r, alone).ms, 1000 + REVIVE_QUIET_MS);
	revive_on_linked(&r, 3);
	CHECK_UINT(revive_deadline(&r, alone).ms, MONO_NEVER.ms);
	CHECK(!revive_turn(&r, alone, at(1000 + REVIVE_LONGEST_MS)));
}

static void test_no_link(void)
{
	const struct revive_view off = { .radio_off = true };
	struct revive r;

	revive_init(&r);
	revive_on_armed(&r, 0, at(1000));
	CHECK(revive_turn(&r, alone, at(1000 + REVIVE_QUIET_MS)));
	CHECK(revive_turn(&r, alone, at(1000 + REVIVE_QUIET_MS)));
	CHECK_UINT(revive_deadline(&r, alone).ms, MONO_NEVER.ms);
	CHECK(!revive_turn(&r, off, at(2000 + REVIVE_QUIET_MS)));
	/* once */
	CHECK(!revive_turn(&r, alone, at(2000 + REVIVE_LONGEST_MS)));
	revive_on_armed(&r, 0, at(500000));
	CHECK(revive_turn(&r, alone, at(500000 + REVIVE_QUIET_MS)));
}

static void test_others(void)
{
	const struct revive_view linked = { .linked = true };
	const struct revive_view window = { .window = true };
	struct revive r;

	revive_init(&r);
	revive_on_armed(&r, 0, at(1000));
	revive_on_armed(&r, 1, at(50000));
	CHECK_UINT(revive_deadline(&r, linked).ms, 1000 + REVIVE_LONGEST_MS);
	CHECK(!revive_turn(&r, linked, at(1000 + REVIVE_LONGEST_MS - 1)));
	CHECK(!revive_turn(&r, window, at(1000 + 2 * REVIVE_LONGEST_MS)));
	CHECK_UINT(revive_deadline(&r, window).ms, MONO_NEVER.ms);
	CHECK(revive_turn(&r, linked, at(1000 + REVIVE_LONGEST_MS)));
}

/* Invariants 1 and 2 against a kernel that goes deaf now and then. */
static void test_random_life(void)
{
	bool deaf[3] = { 0 }, asked[3] = { 0 }, radio = true;
	uint64_t now = 1000, since = 0;
	unsigned arms = 0, offs = 0;
	struct revive r;

	revive_init(&r);
	for (int n = 0; n < 300000; n++) {
		unsigned i = (unsigned)(test_random() % 3);
		struct revive_view v = { .radio_off = !radio,
					 .linked = test_random() % 4 == 0 };

		if (test_random() % 40 == 0 && radio) {
			revive_on_armed(&r, i, at(now));
			deaf[i] |= test_random() % 2;
			asked[i] = true;
			since = since ? since : now;
			arms++;
		} else if (!deaf[i] && radio && test_random() % 8 == 0) {
			revive_on_linked(&r, i);
			asked[i] = false;
		}
		if (revive_turn(&r, v, at(now))) {
			offs += radio;
			radio = false;
			for (unsigned k = 0; k < 3; k++)
				deaf[k] = asked[k] = false;
		} else {
			radio = true;
		}
		if (!asked[0] && !asked[1] && !asked[2])
			since = 0;
		CHECK(!since || now - since < REVIVE_LONGEST_MS + 2000);
		now += test_random() % 2000;
	}
	CHECK(offs > 100 && offs <= arms);
}

TEST_MAIN("revive", test_link_comes, test_no_link, test_others, test_random_life)
