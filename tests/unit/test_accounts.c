/*
 * test_accounts.c - what the clinic is to hear of sessions: each once, in their order, over a start at any moment; wrong tokens summed up.
 */
#include <errno.h>

#include "hub/accounts.h"
#include "hub/core/verbs.h"
#include "test.h"

static struct accounts a;
static struct mono now;

static struct console_account who(uint32_t technician)
{
	return (struct console_account){ .level = 1,
					 .began_s = 1790000000,
					 .clock = CLOCK_QUALITY_CLINIC,
					 .technician = technician,
					 .signer_count = 1,
					 .signers = { 9 } };
}

static void log_in(uint32_t technician)
{
	struct console_account w = who(technician);

	accounts_on_login(&a, &w, now);
}

static void start(void)
{
	now.ms = 1000;
	accounts_init(&a);
}

/* hubd is killed, or the power goes: what the disk has. */
static void restart(void)
{
	static uint8_t buf[ACCOUNTS_BYTES_MAX];
	int n = accounts_encode(&a, buf);

	CHECK(n > 0);
	memset(&a, 0x55, sizeof(a));
	CHECK_INT(accounts_decode(buf, (size_t)n, now, &a), 0);
}

static void verb(enum verb v, unsigned result, uint64_t ms)
{
	const struct mono asked = now;

	now.ms += ms;
	accounts_on_verb(&a, (uint8_t)v, (uint8_t)result, asked, now);
}

static const struct console_account *first(uint64_t number)
{
	const struct console_account *c = accounts_first(&a);
	uint8_t buf[CONSOLE_ACCOUNT_BYTES_MAX];

	CHECK(c);
	CHECK_UINT(c->number, number);
	CHECK(console_account_encode(c, buf, sizeof(buf)) > 0);
	return c;
}

static void test_session(void)
{
	const struct console_account *c;

	start();
	log_in(7);
	CHECK(a.changed);
	CHECK(!accounts_first(&a));
	verb(VERB_QUEUE, CONSOLE_WHY_NONE, 5);
	verb(VERB_REBOOT, CONSOLE_WHY_BUTTON, 10000);
	now.ms += 2000;
	a.changed = false;
	accounts_on_end(&a, CONSOLE_END_IDLE, now);
	CHECK(a.changed);
	c = first(1);
	CHECK_UINT(c->end, CONSOLE_END_IDLE);
	CHECK_UINT(c->lasted_s, 12);
	CHECK_UINT(c->technician, 7);
	CHECK_UINT(c->signers[0], 9);
	CHECK_UINT(c->level, 1);
	CHECK_UINT(c->row_count, 2);
	CHECK_UINT(c->rows[1].verb, VERB_REBOOT);
	CHECK_UINT(c->rows[1].result, CONSOLE_WHY_BUTTON);
	CHECK_UINT(c->rows[1].ms, 10000);
	/* nobody is logged in: nothing is written down */
	accounts_on_verb(&a, VERB_QUEUE, 0, now, now);
	accounts_on_end(&a, CONSOLE_END_CABLE, now);
	CHECK_UINT(first(1)->row_count, 2);
	CHECK_UINT(first(1)->end, CONSOLE_END_IDLE);
	accounts_on_taken(&a, 2);
	first(1);
	a.changed = false;
	accounts_on_taken(&a, 1);
	CHECK(a.changed && !accounts_first(&a));
}

/* What takes long has its row from the beginning on, and its time when it is done, whatever is typed meanwhile. */
static void test_begun(void)
{
	const struct console_account *c;

	start();
	log_in(7);
	verb(VERB_EXPORT_QUEUE, CONSOLE_ACCOUNT_BEGUN, 1);
	verb(VERB_QUEUE, CONSOLE_WHY_NONE, 999);
	verb(VERB_EXPORT_QUEUE, CONSOLE_WHY_NO_STICK, 4000);
	verb(VERB_UNPAIR, CONSOLE_ACCOUNT_BEGUN, 1);
	accounts_on_end(&a, CONSOLE_END_CABLE, now);
	verb(VERB_UNPAIR, CONSOLE_WHY_NONE, 1);
	c = first(1);
	CHECK_UINT(c->row_count, 3);
	CHECK_UINT(c->rows[0].result, CONSOLE_WHY_NO_STICK);
	CHECK_UINT(c->rows[0].ms, 5000);
	CHECK_UINT(c->rows[2].result, CONSOLE_ACCOUNT_BEGUN);
}

static void test_too_many(void)
{
	start();
	log_in(7);
	for (unsigned i = 0; i < CONSOLE_ACCOUNT_ROWS_MAX; i++)
		verb(VERB_QUEUE, CONSOLE_WHY_NONE, 1);
	a.changed = false;
	for (unsigned i = 0; i < 1000; i++)
		verb(VERB_RISK, CONSOLE_WHY_NONE, 1);
	CHECK(!a.changed); /* nobody wears the flash out by typing */
	accounts_on_end(&a, CONSOLE_END_LOGOUT, now);
	CHECK_UINT(first(1)->row_count, CONSOLE_ACCOUNT_ROWS_MAX);
	CHECK_UINT(first(1)->more, 1000);
}

/* One token after the other of the same person: two accounts. */
static void test_another_token(void)
{
	start();
	log_in(7);
	verb(VERB_QUEUE, CONSOLE_WHY_NONE, 3000);
	log_in(7);
	verb(VERB_RISK, CONSOLE_WHY_NONE, 1);
	CHECK_UINT(first(1)->end, CONSOLE_ACCOUNT_AGAIN);
	CHECK_UINT(first(1)->lasted_s, 3);
	accounts_on_taken(&a, 1);
	CHECK(!accounts_first(&a));
	accounts_on_end(&a, CONSOLE_END_LOGOUT, now);
	CHECK_UINT(first(2)->row_count, 1);
}

/* Cut off: as far as it had come; what waited waits on; the numbers go on. */
static void test_start(void)
{
	start();
	log_in(7);
	accounts_on_end(&a, CONSOLE_END_LOGOUT, now);
	log_in(8);
	verb(VERB_REBOOT, CONSOLE_WHY_NONE, 4000);
	restart();
	CHECK_UINT(first(1)->end, CONSOLE_END_LOGOUT);
	accounts_on_taken(&a, 1);
	restart();
	CHECK_UINT(first(2)->end, CONSOLE_ACCOUNT_CUT_OFF);
	CHECK_UINT(first(2)->lasted_s, 4);
	CHECK_UINT(first(2)->rows[0].verb, VERB_REBOOT);
	accounts_on_end(&a, CONSOLE_END_IDLE, now); /* of no session */
	CHECK_UINT(first(2)->end, CONSOLE_ACCOUNT_CUT_OFF);
	log_in(9);
	restart();
	accounts_on_taken(&a, 2);
	CHECK_UINT(first(3)->technician, 9);
}

/* hub-store takes nothing for long: the newest are kept, and the numbers say that some are not. */
static void test_full(void)
{
	start();
	for (uint32_t i = 1; i <= 3 * ACCOUNTS_MAX; i++) {
		log_in(i);
		if (i % 2)
			accounts_on_end(&a, CONSOLE_END_LOGOUT, now);
		restart();
	}
	for (uint32_t i = 2 * ACCOUNTS_MAX + 1; i <= 3 * ACCOUNTS_MAX; i++) {
		CHECK_UINT(first(i)->technician, i);
		accounts_on_taken(&a, i);
	}
	CHECK(!accounts_first(&a));
}

static void on_time(void)
{
	const struct console_account when = { .level = 1, .began_s = 5000 };

	accounts_on_time(&a, &when, now);
}

/* A day of guessing: at most one an hour, and each token is counted once. */
static void test_wrong(void)
{
	uint64_t sum = 0, told = 0, count = 0;

	start();
	on_time();
	CHECK(!accounts_first(&a));
	for (unsigned i = 0; i < 24 * 6; i++) {
		accounts_on_wrong(&a, i % 3, now);
		sum += i % 3;
		CHECK(accounts_deadline(&a).ms == MONO_NEVER.ms || a.wrong > 0);
		on_time();
		if (i % 20 == 0)
			restart();
		now.ms += 10 * 60 * 1000;
		while (accounts_first(&a)) {
			const struct console_account *c = accounts_first(&a);

			CHECK_UINT(c->end, CONSOLE_ACCOUNT_WRONG);
			CHECK_UINT(c->technician, 0);
			CHECK(c->began_s + c->lasted_s == 5000);
			told += c->wrong;
			count++;
			accounts_on_taken(&a, c->number);
		}
	}
	CHECK(count <= 24 + 8); /* a start begins the hour anew */
	CHECK(count >= 23);
	CHECK_UINT(told + a.wrong, sum);
	/* with whoever gets in then */
	accounts_on_wrong(&a, 5, now);
	sum = a.wrong;
	log_in(7);
	CHECK(accounts_deadline(&a).ms == MONO_NEVER.ms);
	accounts_on_end(&a, CONSOLE_END_LOGOUT, now);
	CHECK_UINT(accounts_first(&a)->wrong, sum);
	CHECK_UINT(a.wrong, 0);
	accounts_on_wrong(&a, UINT32_MAX - 1, now);
	accounts_on_wrong(&a, 7, now);
	CHECK_UINT(a.wrong, UINT32_MAX);
}

/* Bytes of another kind are refused. */
static void test_damaged(void)
{
	static uint8_t buf[ACCOUNTS_BYTES_MAX];
	struct accounts got;
	int n;

	start();
	log_in(7);
	accounts_on_end(&a, CONSOLE_END_LOGOUT, now);
	log_in(8);
	n = accounts_encode(&a, buf);
	CHECK(n > 0);
	for (int i = 0; i < n; i++)
		CHECK(accounts_decode(buf, (size_t)i, now, &got) < 0);
	CHECK_INT(accounts_decode(buf, ACCOUNTS_BYTES_MAX + 1, now, &got), -EMSGSIZE);
	buf[1] = 2;
	CHECK_INT(accounts_decode(buf, (size_t)n, now, &got), -ENOTSUP);
	buf[1] = 1;
	buf[2] = 2; /* next: number 2 would be given twice */
	CHECK_INT(accounts_decode(buf, (size_t)n, now, &got), -ERANGE);
	a.list[1].number = 1;
	n = accounts_encode(&a, buf);
	CHECK_INT(accounts_decode(buf, (size_t)n, now, &got), -ERANGE);
}

TEST_MAIN("accounts", test_session, test_begun, test_too_many, test_another_token,
	  test_start, test_full, test_wrong, test_damaged)
