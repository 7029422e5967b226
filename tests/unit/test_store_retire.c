/*
 * test_store_retire.c - hub-store at the end of an order to retire: when it asks for the factory reset, and never before; what it
 * writes down for a reset that somebody else asks for.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "storage/reset.h"
#include "storage/reset_left.h"
#include "storage/reset_rule.h"
#include "storage/store.h"
#include "temp_dir.h"
#include "test.h"

enum { DAY_MS = 24 * 3600 * 1000 };

static char dir[64], stick[80];
static unsigned exported; /* told that it is done */
static uint64_t left;	  /* as it was refused with last */
static uint32_t upload;	  /* the last batch */
static struct store *store;
static struct mono now;
static unsigned durable, retired, refused; /* told */
static struct msg_store_config config;

static int on_send(void *arg, enum role to, const struct msg *m)
{
	(void)arg;
	if (m->kind == MSG_DURABLE && m->durable.durable)
		durable++;
	if (m->kind == MSG_UPLOAD)
		upload = m->batch.id;
	if (m->kind == MSG_EXPORTED && m->exported.state == EXPORT_DONE)
		exported++;
	if (m->kind == MSG_STATUS && m->status.what == STATUS_RETIRED) {
		CHECK_INT(to, ROLE_HUBD);
		retired++;
	}
	if (m->kind == MSG_STATUS && m->status.what == STATUS_RESET_REFUSED) {
		CHECK_INT(to, ROLE_HUBD);
		CHECK(m->status.a > 0);
		left = m->status.a;
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

/* With a key that signs, without which nothing goes to a stick. */
static void start_with_stick(void)
{
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];

	exported = 0;
	start();
	store_free(store);
	p256_generate(private, public);
	CHECK_INT(file_replace(dir, "sign.key", private, sizeof(private)), 0);
	open_store();
	temp_dir_make(stick, sizeof(stick));
	order(0, COMMAND_RETIRE_NONE);
}

static void stop_with_stick(void)
{
	stop();
	temp_dir_remove(stick);
}

/* As the unit with the stick: reads all, and says so. */
static void begin_export(void)
{
	static const struct msg m = { .kind = MSG_EXPORT, .export = { 7, EXPORT_QUEUE } };
	char path[96];

	snprintf(path, sizeof(path), "%s/pipe", stick);
	CHECK_INT(mkfifo(path, 0600), 0);
	store_use_stick(store, stick);
	store_on_message(store, &m, now);
	run_for(1000);
}

static void end_export(const char *word)
{
	char path[96];
	uint8_t buf[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/pipe", stick);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	CHECK(fd >= 0);
	for (int i = 0; i < 20; i++) {
		run_for(500);
		while (read(fd, buf, sizeof(buf)) > 0)
			;
	}
	close(fd);
	CHECK_INT(file_replace(stick, "result", (const uint8_t *)word, strlen(word)), 0);
	run_for(3000);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(file_remove(stick, "result"), 0);
}

static void export_queue(const char *word)
{
	begin_export();
	end_export(word);
}

/* All is on a stick: what came afterwards is not, and what was not finished is none. */
static void test_reset_with_stick(void)
{
	uint64_t up_to;

	start_with_stick();
	measure();
	export_queue("failed\n");
	CHECK_UINT(exported, 0);
	order(0, COMMAND_RETIRE_RESET);
	CHECK_UINT(refused, 1);
	order(0, COMMAND_RETIRE_NONE);
	export_queue("done\n");
	CHECK_UINT(exported, 1);
	measure();
	order(0, COMMAND_RETIRE_RESET);
	CHECK_UINT(refused, 2);
	CHECK(!is_asked());
	order(0, COMMAND_RETIRE_NONE);
	export_queue("done\n");
	CHECK_UINT(exported, 2);
	order(0, COMMAND_RETIRE_RESET);
	CHECK_UINT(refused, 2);
	CHECK_UINT(retired, 1);
	CHECK(reset_asked(dir, &up_to));
	CHECK_UINT(up_to, 2);
	try_to_measure();
	/* killed before hubd has heard of it: it goes on */
	store_free(store);
	open_store();
	CHECK_UINT(retired, 1);
	order(0, COMMAND_RETIRE_RESET);
	CHECK_UINT(refused, 0);
	CHECK(is_asked());
	/* void, and hub-store was away: it does not happen weeks later */
	store_free(store);
	open_store();
	order(0, COMMAND_RETIRE_NONE);
	CHECK(!is_asked());
	/* what is on a stick was known to the hub-store before */
	order(0, COMMAND_RETIRE_RESET);
	CHECK_UINT(refused, 1);
	stop_with_stick();
}

/* Takes a batch and answers it. */
static void clinic_says(uint64_t contig, uint64_t resync_from)
{
	const struct msg want = { .kind = MSG_WANT, .want = { .batches = 1 } };
	struct msg ack = { .kind = MSG_ACK };

	store_on_message(store, &want, now);
	run_for(2000);
	ack.ack.batch = upload;
	ack.ack.reply = (struct reply){ .has_contig = true,
					.contig = contig,
					.resync_from = resync_from };
	store_on_message(store, &ack, now);
	run_for(2000);
}

/* The clinic lost a reading that was not unsent when the others went to the stick. */
static void test_stick_before_resync(void)
{
	start_with_stick();
	measure();
	clinic_says(1, 0);
	measure();
	export_queue("done\n");
	CHECK_UINT(exported, 1);
	clinic_says(0, 1);
	order(0, COMMAND_RETIRE_RESET);
	CHECK_UINT(refused, 1);
	CHECK_UINT(left, 2);
	CHECK(!is_asked());
	stop_with_stick();
}

/* What the clinic named while it was written is no reason to believe that the rest is there; nor is what could not be read then. */
static void test_stick_of_a_part(void)
{
	start_with_stick();
	measure();
	measure();
	begin_export();
	clinic_says(1, 0);
	end_export("done\n");
	CHECK_UINT(exported, 1);
	order(0, COMMAND_RETIRE_RESET);
	CHECK_UINT(refused, 1);
	order(0, COMMAND_RETIRE_NONE);
	CHECK_INT(file_replace(dir, "queue-7.db.aside", (const uint8_t *)"x", 1), 0);
	export_queue("done\n");
	CHECK_UINT(exported, 2);
	CHECK_INT(file_remove(dir, "queue-7.db.aside"), 0);
	order(0, COMMAND_RETIRE_RESET);
	CHECK_UINT(refused, 2);
	order(0, COMMAND_RETIRE_NONE);
	export_queue("done\n");
	order(0, COMMAND_RETIRE_RESET);
	CHECK_UINT(retired, 1);
	stop_with_stick();
}

/* Numbers of another enrolment are on no stick. */
static void test_stick_of_another_time(void)
{
	start_with_stick();
	measure();
	export_queue("done\n");
	CHECK_UINT(exported, 1);
	config.epoch = 2;
	order(0, COMMAND_RETIRE_RESET);
	CHECK_UINT(refused, 1);
	CHECK(!is_asked());
	stop_with_stick();
}

TEST_MAIN("store_retire", test_last_word_is_lost, test_never_with_something_left,
	  test_rule, test_reset_is_asked_for, test_reset_is_refused,
	  test_reset_with_stick, test_stick_before_resync, test_stick_of_a_part,
	  test_stick_of_another_time)
