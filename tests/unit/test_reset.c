/*
 * test_reset.c - a factory reset of hub-store's folder: never while something is unsent, and whole, wherever it was killed.
 */
#include <errno.h>
#include <sys/stat.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "storage/reset.h"
#include "storage/reset_left.h"
#include "storage/reset_rule.h"
#include "tests/unit/killed.h"
#include "tests/unit/records_world.h"
#include "tests/unit/temp_dir.h"

enum { BODY_LEN = 90 };

static char top[160], dir[200];
static const uint8_t hub[HUB_ID_LEN] = "a hub of sixteen";

static void test_start(void)
{
	temp_dir_make(top, sizeof(top));
	snprintf(dir, sizeof(dir), "%s/store", top);
	CHECK_INT(crypto_init(), 0);
}

static void insert_of(struct records *r, unsigned count, uint8_t kind,
		      enum record_class class)
{
	uint64_t seq = records_next_seq(r);

	records_reserve(r, count);
	for (unsigned i = 0; i < count; i++) {
		uint8_t body[BODY_LEN] = { 1, 2, 3 };
		const struct queue_entry e = { .record = { .assignment = 1,
							   .seq = seq + i,
							   .class = class,
							   .kind = kind,
							   .body = body,
							   .body_len = sizeof(body) },
					       .instance = 5,
					       .capture = seq + i };

		CHECK_INT(records_insert(r, &e, 1), 0);
	}
}

static void insert(struct records *r, unsigned count)
{
	insert_of(r, count, READING_BLOOD_PRESSURE, CLASS_ROUTINE);
}

/* The clinic has all up to this number. */
static void acknowledge(struct records *r, uint64_t contig)
{
	const struct reply reply = { .has_contig = true, .contig = contig };
	struct queue_ack ack;
	uint64_t seqs[16];
	size_t n = 0;

	for (uint64_t seq = 1; seq <= contig; seq++)
		seqs[n++] = seq;
	CHECK_INT(records_acknowledge(r, &reply, seqs, n, &ack), 0);
}

static void make_audit_log(void)
{
	char path[240];

	snprintf(path, sizeof(path), "%s/audit", dir);
	CHECK_INT(mkdir(path, 0700), 0);
	CHECK_INT(file_replace(path, "segment-1", (const uint8_t *)"x", 1), 0);
	CHECK_INT(file_replace(path, "segment-2", (const uint8_t *)"y", 1), 0);
}

static void forget_all(void)
{
	char path[240];

	snprintf(path, sizeof(path), "%s/audit", dir);
	temp_dir_remove(path);
	temp_dir_remove(dir);
}

/* A hub that took so many readings, of which the clinic has some. */
static void used(unsigned taken, unsigned acked)
{
	struct records *r;

	forget_all();
	CHECK_INT(mkdir(dir, 0700), 0);
	make_audit_log();
	r = world_open(dir, 0, true);
	CHECK_INT(records_set_owner(r, hub, 1, 1), 0);
	insert(r, taken);
	if (acked)
		acknowledge(r, acked);
	CHECK_UINT(records_unsent(r), taken - acked);
	world_close(r);
}

static void ask(void)
{
	CHECK_INT(file_replace(dir, RESET_ASKED, (const uint8_t *)"", 0), 0);
}

static unsigned count_files(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	unsigned n = 0;

	CHECK(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* What was there before is there, and the queue opens. */
static void check_untouched(unsigned unsent)
{
	struct records *r;

	CHECK(file_is_gone(dir, RESET_ASKED) && file_is_gone(dir, RESET_BEGUN));
	r = world_open(dir, 0, false);
	CHECK_UINT(records_unsent(r), unsent);
	world_close(r);
}

static void test_not_asked(void)
{
	struct reset_answer a;

	used(1, 1);
	CHECK_INT(reset_decide(dir, &a), RESET_NOT_ASKED);
	CHECK_INT(reset_finish(dir), 0);
	check_untouched(0);
}

static void test_unsent(void)
{
	struct reset_answer a;

	for (unsigned unsent = 1; unsent <= 3; unsent++) {
		used(5, 5 - unsent);
		ask();
		CHECK_INT(reset_decide(dir, &a), RESET_UNSENT);
		CHECK_UINT(a.unsent, unsent);
		CHECK_INT(reset_finish(dir), 0);
		check_untouched(unsent);
		/* what was asked once is not done later */
		CHECK_INT(reset_decide(dir, &a), RESET_NOT_ASKED);
	}
}

/* What waits in the spool while the keys were away counts. */
static void test_unsent_in_spool(void)
{
	const struct records_host host = { NULL, world_event };
	struct reset_answer a;
	struct records *r;

	used(2, 2);
	r = records_new(dir, 0, &host);
	CHECK_INT(records_open(r, NULL), -ENOKEY);
	CHECK_INT(records_set_owner(r, hub, 1, 1), 0);
	insert(r, 2);
	CHECK(records_is_spooling(r));
	records_free(r);
	ask();
	CHECK_INT(reset_decide(dir, &a), RESET_UNSENT);
	CHECK_UINT(a.unsent, 2);
	/* even if the queue itself is lost */
	CHECK_INT(file_remove(dir, "queue-1.db"), 0);
	CHECK_INT(file_remove(dir, "queue-1.db-wal"), 0);
	ask();
	CHECK(reset_decide(dir, &a) >= RESET_UNSENT);
	CHECK(file_is_gone(dir, RESET_BEGUN));
}

/* A reading that was given up must be told, too. */
static void test_tombstone(void)
{
	struct queue_evicted gone;
	struct reset_answer a;
	struct records *r;

	used(3, 0);
	r = world_open(dir, 0, false);
	CHECK_INT(world_evict(r, 3, &gone), 0);
	CHECK_UINT(records_unsent(r), 0);
	world_close(r);
	ask();
	CHECK_INT(reset_decide(dir, &a), RESET_UNSENT);
	CHECK(a.unsent > 0);
	check_untouched(0);
}

/* After what is on a stick. */
static void add(unsigned count, uint8_t kind, enum record_class class)
{
	struct records *r = world_open(dir, 0, false);

	insert_of(r, count, kind, class);
	world_close(r);
}

static void check_left(uint64_t on_stick, uint64_t left)
{
	struct reset_answer a;
	uint64_t asked;

	CHECK(!reset_asked(dir, &asked));
	CHECK_INT(reset_ask(dir, on_stick), 0);
	CHECK(reset_asked(dir, &asked));
	CHECK_UINT(asked, on_stick);
	CHECK_INT(reset_decide(dir, &a), left ? RESET_UNSENT : RESET_BEGIN);
	CHECK_UINT(a.unsent, left);
}

/* What is on a stick stands in nobody's way; each reading that came after it does. */
static void test_on_stick(void)
{
	used(5, 2);
	check_left(0, 3);
	check_left(2, 3);
	check_left(4, 1);
	add(1, READING_MANIFEST, CLASS_ROUTINE);
	check_left(4, 1);
	add(1, READING_BLOOD_PRESSURE, CLASS_ALARM);
	check_left(5, 1);
	check_left(6, 1);
	add(1, READING_EVIDENCE, CLASS_ROUTINE);
	check_untouched(6);
	check_left(7, 0);
	CHECK(file_exists(dir, RESET_BEGUN));
}

/* So many of the hub's own came since that nobody looks through them; a number that was given up is still to be told; another form. */
static void test_on_stick_not_known(void)
{
	struct queue_evicted gone;
	struct records *r;

	used(2, 0);
	add(256, READING_EVIDENCE, CLASS_ROUTINE);
	check_left(2, 1);
	used(3, 0);
	r = world_open(dir, 0, false);
	CHECK_INT(world_evict(r, 1, &gone), 0);
	world_close(r);
	check_left(3, 1);
	for (size_t len = 7; len <= 9; len++) {
		static const uint8_t number[9] = { 0, 0, 0, 0, 0, 0, 0, 3, 3 };
		struct reset_answer a;
		uint64_t asked;

		used(3, 0);
		CHECK_INT(file_replace(dir, RESET_ASKED, number, len), 0);
		CHECK(reset_asked(dir, &asked) == (len == 8));
		CHECK_INT(reset_decide(dir, &a), len == 8 ? RESET_BEGIN : RESET_UNSENT);
	}
}

static void test_unknown(void)
{
	struct reset_answer a;

	used(2, 0);
	ask();
	CHECK_INT(file_rename(dir, "root.key", "root.away"), 0);
	CHECK_INT(reset_decide(dir, &a), RESET_UNKNOWN);
	CHECK(a.err < 0 && a.problem && *a.problem);
	CHECK_INT(file_rename(dir, "root.away", "root.key"), 0);
	check_untouched(2);

	CHECK_INT(file_replace(dir, "queue-7.db.aside", (const uint8_t *)"x", 1), 0);
	ask();
	CHECK_INT(reset_decide(dir, &a), RESET_UNKNOWN);
	CHECK_INT(a.err, -EAGAIN);
	CHECK_INT(file_remove(dir, "queue-7.db.aside"), 0);
	check_untouched(2);

	CHECK_INT(file_replace(dir, "queue-1.db", (const uint8_t *)"x", 1), 0);
	ask();
	CHECK_INT(reset_decide(dir, &a), RESET_UNKNOWN);
	CHECK(a.err < 0 && a.problem);
	CHECK(file_is_gone(dir, RESET_BEGUN) && file_is_gone(dir, RESET_ASKED));
}

/* The level does not fall by a button. */
static void test_locked(void)
{
	struct reset_answer a;

	used(3, 3);
	CHECK_INT(reset_rule_save(dir, RESET_RULE_LOCKED), 0);
	ask();
	CHECK_INT(reset_decide(dir, &a), RESET_LOCKED);
	check_untouched(0);
	CHECK_INT(reset_decide(dir, &a), RESET_NOT_ASKED);
	CHECK_INT(reset_rule_load(dir), RESET_RULE_LOCKED);
	CHECK_INT(file_replace(dir, "reset-rule", (const uint8_t *)"locke", 5), 0);
	ask();
	CHECK_INT(reset_decide(dir, &a), RESET_UNKNOWN);
	CHECK_INT(a.err, -EBADMSG);
	check_untouched(0);
	CHECK_INT(reset_rule_save(dir, RESET_RULE_NONE), 0);
	CHECK_INT(reset_rule_load(dir), RESET_RULE_NONE);
	ask();
	CHECK_INT(reset_decide(dir, &a), RESET_BEGIN);
}

static void finish(void)
{
	struct reset_answer a;

	CHECK_INT(reset_decide(dir, &a), RESET_BEGIN);
	CHECK_INT(reset_finish(dir), 0);
	CHECK_UINT(count_files(), 0);
	CHECK_INT(reset_decide(dir, &a), RESET_NOT_ASKED);
}

static void test_done(void)
{
	struct reset_answer a;
	struct records *r;

	used(5, 5);
	ask();
	CHECK_INT(reset_decide(dir, &a), RESET_BEGIN);
	CHECK(file_exists(dir, RESET_BEGUN) && file_is_gone(dir, RESET_ASKED));
	finish();
	/* a new life */
	r = world_open(dir, 0, true);
	CHECK_INT(records_set_owner(r, hub, 2, 1), 0);
	CHECK_UINT(records_next_seq(r), 1);
	insert(r, 1);
	world_close(r);
	/* one that was never used */
	forget_all();
	CHECK_INT(mkdir(dir, 0700), 0);
	ask();
	finish();
}

/* What two people have given up stands in nobody's way, nor what cannot be counted. */
static void test_discard(void)
{
	struct reset_answer a;

	used(5, 3);
	CHECK_INT(reset_rule_save(dir, RESET_RULE_DISCARD), 0);
	ask();
	CHECK_INT(reset_decide(dir, &a), RESET_BEGIN);
	CHECK_UINT(a.unsent, 2);
	finish();
	used(5, 3);
	CHECK_INT(file_rename(dir, "root.key", "root.away"), 0);
	CHECK_INT(reset_rule_save(dir, RESET_RULE_DISCARD), 0);
	ask();
	CHECK_INT(reset_decide(dir, &a), RESET_BEGIN);
	finish();
}

#ifdef HUB_FAILPOINTS
static int decide_and_finish(void *arg)
{
	struct reset_answer a;

	(void)arg;
	return reset_decide(dir, &a) == RESET_BEGIN ? reset_finish(dir) : -EINVAL;
}

static bool killed(const char *place)
{
	return killed_at(top, place, decide_and_finish, NULL);
}

static void test_kills(void)
{
	static const char *const places[] = { "reset.counted", "reset.begun",
					      "reset.keys.between", "reset.erase.between",
					      "reset.erased" };

	struct reset_answer a;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		used(3, 3);
		ask();
		CHECK(killed(places[i]));
		CHECK_INT(file_exists(dir, RESET_BEGUN), i > 0);
		finish();
	}
	used(3, 2);
	ask();
	CHECK(killed("reset.counted"));
	CHECK_INT(reset_decide(dir, &a), RESET_UNSENT);
	check_untouched(1);
}
#else
static void test_kills(void)
{
}
#endif

static void test_end(void)
{
	forget_all();
	temp_dir_remove(top);
}

TEST_MAIN("reset", test_start, test_not_asked, test_unsent, test_unsent_in_spool,
	  test_tombstone, test_on_stick, test_on_stick_not_known, test_unknown,
	  test_locked, test_done, test_discard, test_kills, test_end)
