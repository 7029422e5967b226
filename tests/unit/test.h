#pragma once

/*
 * test.h - what a test program needs: checks that print both values, a seeded random, a main.
 *
 *   static void test_limits(void) { CHECK_INT(decode(...), -EMSGSIZE); }
 *   TEST_MAIN("bls", test_limits, test_flags)
 *
 * The first failed check ends the program with exit status 1. '-s N' repeats a random run; the seed is printed
 * when a check fails.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t test_seed, test_state;
static const char *test_name;

__attribute__((unused)) static void test_fail(const char *file, int line)
{
	fprintf(stderr, "%s:%d: FAILED in %s (seed %" PRIu64 ", repeat with -s)\n", file,
		line, test_name, test_seed);
	exit(1);
}

/* xorshift64*: the same numbers for the same seed on every machine. */
__attribute__((unused)) static uint64_t test_random(void)
{
	test_state ^= test_state >> 12;
	test_state ^= test_state << 25;
	test_state ^= test_state >> 27;
	return test_state * 2685821657736338717ull;
}

#define CHECK(cond)                                                                      \
	do {                                                                             \
		if (!(cond)) {                                                           \
			fprintf(stderr, "not true: %s\n", #cond);                        \
			test_fail(__FILE__, __LINE__);                                   \
		}                                                                        \
	} while (0)

#define CHECK_INT(got, want)                                                             \
	do {                                                                             \
		long long g_ = (long long)(got), w_ = (long long)(want);                 \
		if (g_ != w_) {                                                          \
			fprintf(stderr, "%s: got %lld, want %lld (%s)\n", #got, g_, w_,  \
				#want);                                                  \
			test_fail(__FILE__, __LINE__);                                   \
		}                                                                        \
	} while (0)

#define CHECK_UINT(got, want)                                                            \
	do {                                                                             \
		unsigned long long g_ = (unsigned long long)(got),                       \
				   w_ = (unsigned long long)(want);                      \
		if (g_ != w_) {                                                          \
			fprintf(stderr, "%s: got %llu, want %llu (%s)\n", #got, g_, w_,  \
				#want);                                                  \
			test_fail(__FILE__, __LINE__);                                   \
		}                                                                        \
	} while (0)

#define CHECK_STR(got, want)                                                             \
	do {                                                                             \
		const char *g_ = (got), *w_ = (want);                                    \
		if (strcmp(g_, w_) != 0) {                                               \
			fprintf(stderr, "%s: got \"%s\", want \"%s\"\n", #got, g_, w_);  \
			test_fail(__FILE__, __LINE__);                                   \
		}                                                                        \
	} while (0)

__attribute__((unused)) static void test_hex(const char *label, const void *p, size_t len)
{
	const uint8_t *b = (const uint8_t *)p;

	fprintf(stderr, "  %s ", label);
	for (size_t i = 0; i < len; i++)
		fprintf(stderr, "%02x", b[i]);
	fprintf(stderr, "\n");
}

#define CHECK_MEM(got, want, len)                                                        \
	do {                                                                             \
		if (memcmp((got), (want), (len)) != 0) {                                 \
			fprintf(stderr, "%s is not %s\n", #got, #want);                  \
			test_hex("got ", (got), (len));                                  \
			test_hex("want", (want), (len));                                 \
			test_fail(__FILE__, __LINE__);                                   \
		}                                                                        \
	} while (0)

typedef void test_fn(void);

__attribute__((unused)) static int test_main(int argc, char **argv, const char *name,
					     test_fn *const *tests, const char *names,
					     size_t count)
{
	test_seed = (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();
	if (argc == 3 && strcmp(argv[1], "-s") == 0)
		test_seed = strtoull(argv[2], NULL, 10);
	test_name = name;
	(void)names;
	for (size_t i = 0; i < count; i++) {
		test_state = test_seed | 1;
		tests[i]();
	}
	printf("ok %s (%zu)\n", name, count);
	return 0;
}

#define TEST_MAIN(name, ...)                                                             \
	int main(int argc, char **argv)                                                  \
	{                                                                                \
		static test_fn *const tests[] = { __VA_ARGS__ };                         \
		return test_main(argc, argv, name, tests, #__VA_ARGS__,                  \
				 sizeof(tests) / sizeof(*tests));                        \
	}
