/*
 * test_store_retire.c - hub-store at the end of an order to retire: when it asks for the factory reset, and never before; what it
 * writes down for a reset that somebody else asks for.
 */
#include <errno.h>
#include <sys/stat.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "storage/reset.h"
#include "storage/reset_rule.h"
#include "storage/store.h"
#include "temp_dir.h"
#include "test.h"

enum { DAY_MS = 24 * 3600 * 1000 };

static char dir[64];
static struct store *store;
static struct mono now;
static unsigned durable, retired, refused; /* told */
static struct msg_store_config config;

static int on_send(void *arg, enum role to, const struct msg *m)
{
	(void)arg;
	if (m->kind == MSG_DURABLE && m->durable.durable)
		durable++;
	if (m->kind == MSG_STATUS && m->status.what == STATUS_RETIRED) {
		CHECK_INT(to, ROLE_HUBD);
		retired++;
	}
	if (m->kind == MSG_STATUS && m->status.what == STATUS_RESET_REFUSED) {
		CHECK_INT(to, ROLE_HUBD);
		CHECK(m->status.a > 0);
		refused++;
	}
	return 0;
}

static void run_for(uint64_t ms)
{
	const uint64_t step = ms / 50 + 1;

	for (uint64_t at = 0; at < ms; at += step) {
		now.ms += at + step > ms ? ms - at : step;
		store_run(store, now);
	}
}

static void open_store(void)
{
	const struct store_host host = { NULL, on_send };

	durable = retired = refused = 0;
	store = store_new(dir, &host, now);
	CHECK(store);
	store_on_link(store, ROLE_BLE, true, now);
	store_on_link(store, ROLE_COAP, true, now);
	store_on_link(store, ROLE_HUBD, true, now);
	store_run(store, now);
}

static void start(void)
{
	CHECK_INT(crypto_init(), 0);
	temp_dir_make(dir, sizeof(dir));
	now.ms = 10000;
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

static void order(uint8_t level, enum command_retire retire)
{
	struct msg m = { .kind = MSG_STORE_CONFIG };

	config.level = level;
	config.retire = retire;
	config.has_share = level < 2;
	m.store_config = config;
	store_on_message(store, &m, now);
	run_for(2000);
}

static void measure(void)
{
	static uint64_t captures;
	struct msg m = { .kind = MSG_RAW,
			 .raw = { .instance = 5,
				  .capture = ++captures,
				  .assignment = 1,
				  .kind = READING_BLOOD_PRESSURE,
				  .characteristic = 0x2A35,
				  .peripheral = { .num = 1 },
				  .link = LINK_SC_AUTHENTICATED,
				  .raw_len = 7,
				  .raw = { 0, 120, 0, 80, 0, 90, 0 } } };
	unsigned before = durable;

	store_on_message(store, &m, now);
	run_for(3000);
	CHECK_UINT(durable, before + 1);
}

static bool is_asked(void)
{
	return file_exists(dir, RESET_ASKED);
}

/* A clinic that has all, and answers no more. */
static void test_last_word_is_lost(void)
{
	uint64_t from;

	start();
	order(0, COMMAND_RETIRE_NONE);
	order(0, COMMAND_RETIRE_DRAIN); /* it has not taken effect */
	run_for(2ull * DAY_MS);
	CHECK(!is_asked());
	from = now.ms;
	order(4, COMMAND_RETIRE_DRAIN);
	run_for(DAY_MS - 1000 - (now.ms - from));
	CHECK(!is_asked());
	CHECK_UINT(retired, 0);
	run_for(2000);
	CHECK(is_asked());
	CHECK_UINT(retired, 1);
	/* hubd was killed before it did anything of it */
	store_on_link(store, ROLE_HUBD, false, now);
	store_on_link(store, ROLE_HUBD, true, now);
	run_for(1000);
	CHECK_UINT(retired, 2);
	stop();
}

/* While a number is neither at the clinic nor named to it, whatever time it is. */
static void test_never_with_something_left(void)
{
	static const enum command_retire how[] = { COMMAND_RETIRE_DRAIN,
						   COMMAND_RETIRE_DISCARD };

	for (size_t i = 0; i < 2; i++) {
		start();
		order(0, COMMAND_RETIRE_NONE);
		measure();
		order(0, how[i]);
		measure(); /* the day is not over */
		order(4, how[i]);
		run_for(3ull * DAY_MS);
		CHECK(!is_asked());
		CHECK_UINT(retired, 0);
		stop();
	}
}

/* What a reset by button will find. */
static void test_rule(void)
{
	static const struct {
		uint8_t level;
		enum command_retire retire;
		enum reset_rule want;
	} cases[] = {
		{ 0, COMMAND_RETIRE_NONE, RESET_RULE_NONE },
		{ 2, COMMAND_RETIRE_NONE, RESET_RULE_LOCKED },
		{ 1, COMMAND_RETIRE_NONE, RESET_RULE_NONE },
		{ 3, COMMAND_RETIRE_NONE, RESET_RULE_LOCKED },
		{ 3, COMMAND_RETIRE_DRAIN, RESET_RULE_NONE },
		{ 3, COMMAND_RETIRE_DISCARD, RESET_RULE_DISCARD },
		{ 2, COMMAND_RETIRE_NONE, RESET_RULE_LOCKED }, /* cancelled */
		{ 0, COMMAND_RETIRE_DISCARD, RESET_RULE_DISCARD },
		{ 4, COMMAND_RETIRE_DISCARD, RESET_RULE_DISCARD },
		{ 4, COMMAND_RETIRE_DRAIN, RESET_RULE_NONE },
	};

	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		order(cases[i].level, cases[i].retire);
		CHECK_INT(reset_rule_load(dir), cases[i].want);
		store_free(store); /* and over a start */
		open_store();
		CHECK_INT(reset_rule_load(dir), cases[i].want);
	}
	stop();
}

static void try_to_measure(void)
{
	struct msg m = { .kind = MSG_RAW,
			 .raw = { .instance = 6,
				  .capture = 1,
				  .assignment = 1,
				  .kind = READING_BLOOD_PRESSURE,
				  .characteristic = 0x2A35,
				  .peripheral = { .num = 1 },
				  .link = LINK_SC_AUTHENTICATED,
				  .raw_len = 7,
				  .raw = { 0, 120, 0, 80, 0, 90, 0 } } };
	unsigned before = durable;

	store_on_message(store, &m, now);
	run_for(3000);
	CHECK_UINT(durable, before);
}

/* Two people at a locked hub: nothing is unsent, so it is asked for at once, and no reading comes in between; again after a start. */
static void test_reset_is_asked_for(void)
{
	start();
	order(3, COMMAND_RETIRE_NONE);
	CHECK_INT(reset_rule_load(dir), RESET_RULE_LOCKED);
	order(3, COMMAND_RETIRE_RESET);
	CHECK_INT(reset_rule_load(dir), RESET_RULE_NONE);
	CHECK(is_asked());
	CHECK_UINT(retired, 1);
	CHECK_UINT(refused, 0);
	try_to_measure();
	store_free(store);
	open_store();
	order(3, COMMAND_RETIRE_RESET);
	CHECK_UINT(retired, 1);
	/* it is void: what was asked for does not happen weeks later */
	order(3, COMMAND_RETIRE_NONE);
	CHECK(!is_asked());
	CHECK_INT(reset_rule_load(dir), RESET_RULE_LOCKED);
	order(0, COMMAND_RETIRE_NONE);
	measure();
	stop();
}

/* Something is unsent: refused, once, and the hub measures on. */
static void test_reset_is_refused(void)
{
	start();
	order(0, COMMAND_RETIRE_NONE);
	measure();
	order(0, COMMAND_RETIRE_RESET);
	CHECK(!is_asked());
	CHECK_UINT(retired, 0);
	CHECK_UINT(refused, 1);
	run_for(DAY_MS);
	CHECK(!is_asked());
	CHECK_UINT(refused, 1);
	measure(); /* it is not blocked by what was refused */
	/* another hubd that has not heard of it */
	store_on_link(store, ROLE_HUBD, false, now);
	store_on_link(store, ROLE_HUBD, true, now);
	run_for(1000);
	CHECK_UINT(refused, 2);
	order(0, COMMAND_RETIRE_NONE);
	order(0, COMMAND_RETIRE_RESET); /* said anew, answered anew */
	CHECK_UINT(refused, 3);
	CHECK(!is_asked());
	stop();
}

TEST_MAIN("store_retire", test_last_word_is_lost, test_never_with_something_left,
	  test_rule, test_reset_is_asked_for, test_reset_is_refused)
