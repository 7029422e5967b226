/*
 * test_store_console.c - hub-store and what was done at the console: durable before hubd hears of it, once, and never instead of a reading.
 */
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "storage/store.h"
#include "temp_dir.h"
#include "test.h"

static char dir[64];
static struct store *store;
static struct mono now;
static unsigned taken; /* told */
static uint64_t taken_number, highest;
static struct msg_store_config config;

static int on_send(void *arg, enum role to, const struct msg *m)
{
	(void)arg;
	if (m->kind == MSG_ACCOUNT_TAKEN) {
		CHECK_INT(to, ROLE_HUBD);
		taken++;
		taken_number = m->account_taken.number;
	}
	if (m->kind == MSG_QUEUE_STATE)
		highest = m->queue_state.highest;
	return 0;
}

static void run_for(uint64_t ms)
{
	for (uint64_t at = 0; at < ms; at += 100) {
		now.ms += 100;
		store_run(store, now);
	}
}

static void open_store(void)
{
	const struct store_host host = { NULL, on_send };

	taken = 0;
	store = store_new(dir, &host, now);
	CHECK(store);
	store_on_link(store, ROLE_COAP, true, now);
	store_on_link(store, ROLE_HUBD, true, now);
	run_for(1000);
}

static void configure(uint8_t level, enum command_retire retire)
{
	struct msg m = { .kind = MSG_STORE_CONFIG };

	config.level = level;
	config.retire = retire;
	config.has_share = level < 2;
	m.store_config = config;
	store_on_message(store, &m, now);
	run_for(2000);
}

static void start(void)
{
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];

	CHECK_INT(crypto_init(), 0);
	temp_dir_make(dir, sizeof(dir));
	now.ms = 10000;
	highest = 0;
	p256_generate(private, public);
	CHECK_INT(file_replace(dir, "sign.key", private, sizeof(private)), 0);
	config = (struct msg_store_config){ .hub = { 7 },
					    .epoch = 1,
					    .assignment = 1,
					    .seal_key_id = 1,
					    .share = { 9 } };
	x25519_generate(config.share, config.seal_public);
	open_store();
}

static void stop(void)
{
	char path[96];

	store_free(store);
	snprintf(path, sizeof(path), "%s/audit", dir);
	temp_dir_remove(path);
	temp_dir_remove(dir);
}

static void tell(uint64_t number)
{
	const struct console_account a = { .number = number,
					   .end = CONSOLE_END_LOGOUT,
					   .technician = 7,
					   .signer_count = 1,
					   .signers = { 9 } };
	struct msg m = { .kind = MSG_ACCOUNT, .account = { .number = number } };
	int n = console_account_encode(&a, m.account.bytes, sizeof(m.account.bytes));

	CHECK(n > 0);
	m.account.len = (uint16_t)n;
	store_on_message(store, &m, now);
	run_for(1000);
}

/* At each level at which there is a console; told again to the same hub-store it is no second record. */
static void test_levels(void)
{
	start();
	for (uint8_t level = 0; level < 4; level++) {
		configure(level, COMMAND_RETIRE_NONE);
		tell(level + 1u);
		CHECK_UINT(taken, 2 * level + 1u);
		CHECK_UINT(taken_number, level + 1u);
		CHECK_UINT(highest, level + 1u);
		tell(level + 1u);
		CHECK_UINT(taken, 2 * level + 2u);
		CHECK_UINT(highest, level + 1u);
	}
	stop();
}

/* Before it is known for whom, and while the hub is about to be erased, it waits; what hubd was not told is forgotten with its link. */
static void test_waits(void)
{
	start();
	tell(1);
	CHECK_UINT(taken, 0);
	configure(0, COMMAND_RETIRE_NONE);
	CHECK_UINT(taken, 1);
	configure(4, COMMAND_RETIRE_DRAIN);
	tell(2);
	CHECK_UINT(taken, 1);
	store_on_link(store, ROLE_HUBD, false, now);
	store_on_link(store, ROLE_HUBD, true, now);
	configure(0, COMMAND_RETIRE_NONE);
	CHECK_UINT(taken, 1);
	CHECK_UINT(highest, 1);
	tell(2);
	CHECK_UINT(taken, 2);
	CHECK_UINT(highest, 2);
	stop();
}

TEST_MAIN("store_console", test_levels, test_waits)
