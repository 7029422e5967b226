/*
 * test_console_account.c - what was done at a console, as bytes: its limits, its shortest form, its words.
 */
#include <errno.h>

#include "hub/core/console_account.h"
#include "hub/core/reading.h"
#include "hub/core/verbs.h"
#include "test.h"

static uint8_t buf[CONSOLE_ACCOUNT_BYTES_MAX + 1];

static struct console_account typical(void)
{
	return (struct console_account){
		.number = 3,
		.end = CONSOLE_END_LOGOUT,
		.level = 2,
		.began_s = 1790000000,
		.clock = CLOCK_QUALITY_CLINIC,
		.lasted_s = 300,
		.technician = 7,
		.signer_count = 2,
		.signers = { 1, 9 },
		.wrong = 2,
		.row_count = 2,
		.rows = { { VERB_QUEUE, CONSOLE_WHY_NONE, 4 },
			  { VERB_RELEASE, CONSOLE_WHY_BUTTON, 10000 } },
	};
}

static struct console_account longest(void)
{
	struct console_account a = typical();

	a.number = UINT64_MAX;
	a.began_s = 253402300799;
	a.lasted_s = a.wrong = a.more = a.technician = a.signers[0] = a.signers[1] =
		UINT32_MAX;
	a.row_count = CONSOLE_ACCOUNT_ROWS_MAX;
	for (size_t i = 0; i < CONSOLE_ACCOUNT_ROWS_MAX; i++)
		a.rows[i] =
			(struct console_account_row){ VERB_LAST, CONSOLE_ACCOUNT_BEGUN,
						      UINT32_MAX };
	return a;
}

static struct console_account wrong_tokens(void)
{
	return (struct console_account){ .number = 1,
					 .end = CONSOLE_ACCOUNT_WRONG,
					 .wrong = 1 };
}

/* It comes back as it was, and in no other form: cut off, longer, one octet changed. */
static void check_through(const struct console_account *a)
{
	int n = console_account_encode(a, buf, sizeof(buf));
	struct console_account got;

	CHECK(n > 0 && n <= CONSOLE_ACCOUNT_BYTES_MAX);
	CHECK_INT(console_account_decode(buf, (size_t)n, &got), 0);
	CHECK_MEM(&got, a, sizeof(got));
	for (int i = 0; i < n; i++) {
		uint8_t again[CONSOLE_ACCOUNT_BYTES_MAX];
		int cap = i, m;

		CHECK_INT(console_account_encode(a, again, (size_t)cap), -ENOSPC);
		CHECK(console_account_decode(buf, (size_t)i, &got) < 0);
		buf[i] ^= (uint8_t)(1 + test_random() % 255);
		if (console_account_decode(buf, (size_t)n, &got) == 0) {
			m = console_account_encode(&got, again, sizeof(again));
			CHECK_INT(m, n);
			CHECK_MEM(again, buf, (size_t)n);
		}
		CHECK_INT(console_account_encode(a, buf, sizeof(buf)), n);
	}
	buf[n] = 0;
	CHECK(console_account_decode(buf, (size_t)n + 1, &got) < 0);
}

static void test_bytes(void)
{
	struct console_account a = typical();

	check_through(&a);
	a = longest();
	check_through(&a);
	a = wrong_tokens();
	check_through(&a);
	a = typical();
	a.voice = true;
	a.technician = a.signer_count = 0;
	a.signers[0] = a.signers[1] = 0;
	check_through(&a);
	CHECK_INT(console_account_decode(buf, sizeof(buf), &a), -EMSGSIZE);
	CHECK_INT(console_account_encode(&a, buf, sizeof(buf)) > 0, 1);
	buf[1] = 2; /* version */
	CHECK_INT(console_account_decode(buf, 30, &a), -ENOTSUP);
}

#define REFUSED(make, change)                                                            \
	do {                                                                             \
		struct console_account a_ = make();                                      \
		CHECK(console_account_encode(&a_, buf, sizeof(buf)) > 0);                \
		a_.change;                                                               \
		CHECK_INT(console_account_encode(&a_, buf, sizeof(buf)), -ERANGE);       \
	} while (0)

static void test_limits(void)
{
	REFUSED(typical, number = 0);
	REFUSED(typical, end = CONSOLE_ACCOUNT_END_LAST + 1);
	REFUSED(typical, end = CONSOLE_ACCOUNT_WRONG);
	REFUSED(typical, level = 5);
	REFUSED(typical, began_s = -1);
	REFUSED(typical, began_s = 253402300800);
	REFUSED(typical, technician = 0);
	REFUSED(typical, signer_count = 0);
	REFUSED(typical, signer_count = 3);
	REFUSED(typical, signers[1] = 0);
	REFUSED(typical, voice = true);
	REFUSED(typical, rows[0].verb = VERB_NONE);
	REFUSED(typical, rows[1].verb = VERB_LAST + 1);
	REFUSED(typical, rows[1].result = CONSOLE_WHY_LAST + 1);
	REFUSED(typical, more = 1); /* there was room */
	REFUSED(longest, row_count = CONSOLE_ACCOUNT_ROWS_MAX - 1);
	REFUSED(longest, row_count = CONSOLE_ACCOUNT_ROWS_MAX + 1);
	REFUSED(wrong_tokens, wrong = 0);
	REFUSED(wrong_tokens, technician = 1);
	REFUSED(wrong_tokens, voice = true);
	REFUSED(wrong_tokens, row_count = 1);
}

static void test_words(void)
{
	for (unsigned e = 0; e <= CONSOLE_ACCOUNT_END_LAST; e++)
		CHECK(console_account_end_text(e)[0] != '?');
	CHECK_STR(console_account_end_text(CONSOLE_END_IDLE), "idle");
	CHECK_STR(console_account_end_text(CONSOLE_ACCOUNT_END_LAST + 1), "?");
	for (unsigned r = 0; r <= CONSOLE_WHY_LAST; r++)
		CHECK(console_result_text(r)[0] != '?');
	CHECK_STR(console_result_text(CONSOLE_WHY_NONE), "OK");
	CHECK_STR(console_result_text(CONSOLE_WHY_NO_STICK), "no-stick");
	CHECK_STR(console_result_text(CONSOLE_ACCOUNT_BEGUN), "begun");
	CHECK_STR(console_result_text(CONSOLE_WHY_LAST + 1), "?");
	CHECK_STR(reading_kind_text(READING_CONSOLE), "console");
	CHECK(reading_is_hubs(READING_CONSOLE));
}

TEST_MAIN("console_account", test_bytes, test_limits, test_words)
