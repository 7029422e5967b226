/*
 * test_targets.c - lists of endpoints that follow each other, confirmed or not.
 */
#include "coap/targets.h"

#include "test.h"

static struct config_endpoint make(char name)
{
	struct config_endpoint e = { .port = 5684,
				     .profile = DTLS_PROFILE_13_CID,
				     .pin_count = 1 };

	e.name[0] = name;
	return e;
}

static struct targets_change got;

/* A list of endpoints, a letter each. */
static bool replace(struct targets *t, const char *names, int used)
{
	struct config_endpoint e[CONFIG_ENDPOINTS_MAX];
	size_t n = strlen(names);

	for (size_t i = 0; i < n; i++)
		e[i] = make(names[i]);
	return targets_replace(t, e, n, used, &got);
}

static void check(const struct targets *t, const char *names, size_t fresh)
{
	char text[TARGETS_MAX + 1] = "";

	for (size_t i = 0; i < t->count; i++)
		text[i] = t->list[i].name[0];
	CHECK_STR(text, names);
	CHECK_UINT(t->fresh, fresh);
}

static void check_change(size_t count, size_t kept, int used)
{
	CHECK_UINT(got.count, count);
	CHECK_UINT(got.kept, kept);
	CHECK_INT(got.used, used);
}

static void test_first(void)
{
	struct targets t = { 0 };

	CHECK(replace(&t, "ab", -1));
	check(&t, "ab", 0); /* there is nothing to fall back to */
	check_change(2, 0, -1);
	CHECK(!replace(&t, "ab", -1));
	CHECK(!replace(&t, "ab", 1));
	check(&t, "ab", 0);
}

static void test_replaced(void)
{
	struct targets t = { 0 };

	replace(&t, "ab", -1);
	CHECK(replace(&t, "cd", 1));
	check(&t, "cdab", 2);
	check_change(2, 2, 3);
	CHECK(!replace(&t, "cd", 3)); /* hubd says it again */
	targets_confirm(&t);
	check(&t, "cd", 0);
	targets_confirm(&t);
	check(&t, "cd", 0);
	CHECK(replace(&t, "e", -1)); /* without a connection */
	check(&t, "ecd", 1);
	check_change(1, 2, -1);
}

/* The one in use is in the new list too: that is proof enough. */
static void test_used_is_kept(void)
{
	struct targets t = { 0 };

	replace(&t, "ab", -1);
	CHECK(replace(&t, "cb", 1));
	check(&t, "cb", 0);
	check_change(2, 0, 1);
	CHECK(replace(&t, "bc", 1)); /* only the order */
	check(&t, "bc", 0);
	check_change(2, 0, 0);
}

/* Some of the old ones are in the new list, but not the one in use. */
static void test_overlap(void)
{
	struct targets t = { 0 };

	replace(&t, "abc", -1);
	CHECK(replace(&t, "xb", 0));
	check(&t, "xbac", 2);
	check_change(2, 2, 2);
}

/* A second new list before the first was confirmed: the confirmed ones stay, those between go. */
static void test_twice(void)
{
	struct targets t = { 0 };

	replace(&t, "ab", -1);
	replace(&t, "cd", 0);
	CHECK(replace(&t, "ef", 2));
	check(&t, "efab", 2);
	check_change(2, 2, 2);
	CHECK(replace(&t, "gh", 0)); /* e is in use, and has acknowledged nothing */
	check(&t, "ghab", 2);
	check_change(2, 2, -1);
	CHECK(replace(&t, "ab", 3)); /* taken back */
	check(&t, "ab", 0);
	check_change(2, 0, 1);
}

/* Without a connection the confirmed ones that are all in the new list leave nothing to fall back to. */
static void test_superset(void)
{
	struct targets t = { 0 };

	replace(&t, "ab", -1);
	CHECK(replace(&t, "cba", -1));
	check(&t, "cba", 0);
	check_change(3, 0, -1);
}

static void test_largest(void)
{
	struct targets t = { 0 };

	replace(&t, "abcd", -1);
	CHECK(replace(&t, "efgh", 3));
	check(&t, "efghabcd", 4);
	check_change(4, 4, 7);
	CHECK(replace(&t, "ijkl", 7));
	check(&t, "ijklabcd", 4);
}

/* What makes another server of it, and what does not. */
static void test_what_counts(void)
{
	for (int i = 0; i < 7; i++) {
		struct config_endpoint a = make('a'), b = make('a');
		struct targets t = { 0 };

		switch (i) {
		case 0: b.name[1] = 'b'; break;
		case 1: b.addr[0] = 1; break;
		case 2: b.port++; break;
		case 3: b.profile = DTLS_PROFILE_12_CID; break;
		case 4: b.pins[0][31] = 1; break;
		case 5: b.pin_count = 2; break;
		case 6: b.weight = 9; break;
		}
		CHECK(targets_replace(&t, &a, 1, -1, &got));
		CHECK_INT(targets_replace(&t, &b, 1, 0, &got), i < 6);
	}
}

TEST_MAIN("targets", test_first, test_replaced, test_used_is_kept, test_overlap,
	  test_twice, test_superset, test_largest, test_what_counts)
