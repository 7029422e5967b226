/*
 * test_clinic_store.c - the configs that the clinic keeps, and a database of an older program.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "clinic/schema.h"
#include "clinic/sql.h"
#include "clinic/store.h"
#include "hub/core/err.h"
#include "tests/unit/temp_dir.h"

static char dir[64], path[128];
static const uint8_t key[STORE_KEY_LEN] = { 1, 2, 3 };

static struct config config(uint8_t hub, uint64_t version)
{
	struct config c = { .hub = { hub },
			    .epoch = 1,
			    .version = version,
			    .heartbeat_s = 300,
			    .device_count = 1,
			    .endpoint_count = 1,
			    .window = { (uint32_t)version, 1, 10, true } };

	c.devices[0] = (struct config_device){
		.num = 1, .kind = READING_WEIGHT, .passkey = 123456, .serial = "S/N"
	};
	strcpy(c.endpoints[0].name, "clinic.example");
	c.endpoints[0].port = 5684;
	c.endpoints[0].profile = DTLS_PROFILE_13_CID;
	c.endpoints[0].pin_count = 1;
	return c;
}

static void put(struct store *s, const struct config *c)
{
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(store_config_put(s, c), 0);
	CHECK_INT(store_commit(s), 0);
}

static void test_config(void)
{
	struct config one = config(1, 1), two = config(2, 7), got;
	struct store *s;

	temp_dir_make(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/clinic.db", dir);
	CHECK_INT(crypto_init(), 0);
	CHECK_INT(store_create(path, key, &s), 0);
	CHECK_INT(store_config_get(s, one.hub, &got), -ENOENT);
	put(s, &one);
	put(s, &two);
	one.version = 2;
	one.window.id = 2;
	put(s, &one); /* takes the place of the first */
	store_close(s);
	CHECK_INT(store_open(path, key, &s), 0);
	CHECK_INT(store_config_get(s, one.hub, &got), 0);
	CHECK_UINT(got.version, 2);
	CHECK_UINT(got.window.id, 2);
	CHECK_UINT(got.devices[0].passkey, 123456);
	CHECK_STR(got.devices[0].serial, "S/N");
	CHECK_INT(store_config_get(s, two.hub, &got), 0);
	CHECK_UINT(got.version, 7);
	CHECK_INT(store_begin(s), 0);
	one.version = 3;
	CHECK_INT(store_config_put(s, &one), 0);
	store_rollback(s);
	CHECK_INT(store_config_get(s, one.hub, &got), 0);
	CHECK_UINT(got.version, 2);
	store_close(s);
}

static void run(const char *text)
{
	struct sql *db;

	CHECK_INT(sql_open(path, key, false, 1000, &db), 0);
	CHECK_INT(sql_run(db, text), 0);
	sql_close(db);
}

/* Not a config, or another hub's: said, not used. */
static void test_damaged(void)
{
	struct config one = config(1, 1), two = config(2, 1), got;
	struct store *s;

	run("UPDATE hub_config SET config = x'a0' WHERE hub_id = "
	    "x'01000000000000000000000000000000'");
	CHECK_INT(store_open(path, key, &s), 0);
	CHECK_INT(store_config_get(s, one.hub, &got), -EIO);
	store_close(s);
	run("UPDATE hub_config SET config = (SELECT config FROM hub_config WHERE hub_id "
	    "= "
	    "x'02000000000000000000000000000000')");
	CHECK_INT(store_open(path, key, &s), 0);
	CHECK_INT(store_config_get(s, one.hub, &got), -EIO);
	CHECK_INT(store_config_get(s, two.hub, &got), 0);
	store_close(s);
}

/* --- tombstones ----------------------------------------------------------------------- */

enum { SEQS = 64 };
static const uint8_t home[HUB_ID_LEN] = { 9 };

static void bury(struct store *s, uint32_t epoch, uint64_t first, uint64_t last,
		 enum tombstone_cause cause)
{
	struct batch b = { .hub = { 9 },
			   .epoch = epoch,
			   .tombstone_count = 1,
			   .tombstones = { { first, last, CLASS_ALARM, cause } } };

	CHECK_INT(store_begin(s), 0);
	CHECK_INT(store_tombstones_put(s, &b, 1000), 0);
	CHECK_INT(store_commit(s), 0);
}

static void put_record(struct store *s, uint32_t epoch, uint64_t seq)
{
	struct batch b = { .hub = { 9 }, .epoch = epoch, .record_count = 1 };
	enum insert_result r;

	b.records[0] = (struct record){ 1, seq, CLASS_ALARM, 1, home, 1 };
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(store_record_insert_batch(s, &b, 1000, &r), 0);
	CHECK_INT(r, INSERT_STORED);
	CHECK_INT(store_commit(s), 0);
}

static uint64_t contig(struct store *s, uint32_t epoch)
{
	uint64_t c;

	CHECK_INT(store_begin(s), 0);
	CHECK_INT(store_record_contig(s, home, epoch, &c), 0);
	CHECK_INT(store_commit(s), 0);
	return c;
}

struct seen {
	size_t count;
	struct tombstone t[SEQS];
};

static int see(void *arg, const struct tombstone *t)
{
	struct seen *seen = arg;

	CHECK(seen->count < SEQS);
	seen->t[seen->count++] = *t;
	return 0;
}

static void check_given_up(struct store *s, uint32_t epoch, size_t count,
			   const struct tombstone *want)
{
	struct seen got = { 0 };

	CHECK_INT(store_given_up_each(s, home, epoch, see, &got), 0);
	CHECK_UINT(got.count, count);
	for (size_t i = 0; i < count; i++) {
		CHECK_UINT(got.t[i].first, want[i].first);
		CHECK_UINT(got.t[i].last, want[i].last);
		CHECK_INT(got.t[i].cause, want[i].cause);
		CHECK_INT(got.t[i].class, CLASS_ALARM);
	}
}

#define TOMBS(...)                                                                       \
	sizeof((struct tombstone[]){ __VA_ARGS__ }) / sizeof(struct tombstone),          \
		(struct tombstone[])                                                     \
	{                                                                                \
		__VA_ARGS__                                                              \
	}
#define E TOMBSTONE_EVICTED
#define D TOMBSTONE_DAMAGED

/* The first word on a number stays; of a later one that contradicts it the rest is kept. */
static void test_overlaps(void)
{
	struct store *s;

	CHECK_INT(store_open(path, key, &s), 0);
	bury(s, 1, 4, 6, E);
	bury(s, 1, 4, 6, E);
	check_given_up(s, 1, TOMBS({ 4, 6, 0, E }));
	bury(s, 1, 4, 9, E); /* it has grown while it was under way */
	check_given_up(s, 1, TOMBS({ 4, 6, 0, E }, { 7, 9, 0, E }));
	bury(s, 1, 2, 4, D);
	check_given_up(s, 1, TOMBS({ 2, 3, 0, D }, { 4, 6, 0, E }, { 7, 9, 0, E }));
	bury(s, 1, 12, 13, E);
	bury(s, 1, 1, 15, D); /* around all of them */
	check_given_up(s, 1,
		       TOMBS({ 1, 1, 0, D }, { 2, 3, 0, D }, { 4, 6, 0, E },
			     { 7, 9, 0, E }, { 10, 11, 0, D }, { 12, 13, 0, E },
			     { 14, 15, 0, D }));
	bury(s, 1, 5, 5, D);
	CHECK_UINT(contig(s, 1), 15);
	check_given_up(s, 2, 0, NULL); /* another life of the hub */
	CHECK_UINT(contig(s, 2), 0);
	bury(s, 2, 1, INT64_MAX, E); /* the largest there is */
	bury(s, 2, 7, INT64_MAX, E);
	check_given_up(s, 2, TOMBS({ 1, INT64_MAX, 0, E }));
	CHECK_UINT(contig(s, 2), INT64_MAX);
	store_close(s);
}

static void test_records_count(void)
{
	struct store_counts c;
	struct store *s;

	CHECK_INT(store_open(path, key, &s), 0);
	put_record(s, 3, 2);
	bury(s, 3, 2, 2, E); /* all of it came */
	check_given_up(s, 3, 0, NULL);
	bury(s, 3, 4, 9, E);
	put_record(s, 3, 4);
	put_record(s, 3, 6);
	put_record(s, 3, 7);
	put_record(s, 3, 9);
	check_given_up(s, 3, TOMBS({ 5, 5, 0, E }, { 8, 8, 0, E }));
	bury(s, 3, 10, 11, D);
	check_given_up(s, 3, TOMBS({ 5, 5, 0, E }, { 8, 8, 0, E }, { 10, 11, 0, D }));
	CHECK_UINT(contig(s, 3), 0);
	put_record(s, 3, 1);
	put_record(s, 3, 3);
	CHECK_UINT(contig(s, 3), 11);
	CHECK_INT(store_counts(s, home, 3, &c), 0);
	CHECK_UINT(c.highest, 11);
	CHECK_UINT(c.records, 7);
	CHECK_UINT(c.given_up[E], 2);
	CHECK_UINT(c.given_up[D], 2);
	store_close(s);
	run("UPDATE tombstone SET cause = 6 WHERE epoch = 3 AND lo = 10");
	CHECK_INT(store_open(path, key, &s), 0);
	CHECK_INT(store_counts(s, home, 3, &c), -EIO); /* not by this program */
	store_close(s);
}

/* Any order of any ranges and records: each number is counted once, and the mark is right. */
static void test_random_tombstones(void)
{
	bool record[SEQS + 1] = { false }, gone[SEQS + 1] = { false };
	struct store *s;

	CHECK_INT(store_open(path, key, &s), 0);
	for (int i = 0; i < 60; i++) {
		uint64_t seq = 1 + test_random() % SEQS, mark = 0, n = 0, m = 0;
		uint64_t last = seq + test_random() % 6;
		struct store_counts c;

		if (test_random() % 3 && !record[seq]) {
			put_record(s, 4, seq);
			record[seq] = true;
		} else {
			last = last > SEQS ? SEQS : last;
			bury(s, 4, seq, last, test_random() % 2 ? E : D);
			for (uint64_t k = seq; k <= last; k++)
				gone[k] = true;
		}
		while (mark < SEQS && (record[mark + 1] || gone[mark + 1]))
			mark++;
		for (uint64_t k = 1; k <= SEQS; k++) {
			n += record[k];
			m += gone[k] && !record[k];
		}
		CHECK_UINT(contig(s, 4), mark);
		CHECK_INT(store_counts(s, home, 4, &c), 0);
		CHECK_UINT(c.records, n);
		CHECK_UINT(c.given_up[E] + c.given_up[D], m);
	}
	store_close(s);
}

static void test_older_database(void)
{
	struct config one = config(1, 1), got;
	struct store *s;

	run("DROP TABLE hub_config");
	run("DROP TABLE tombstone");
	run("UPDATE meta SET value = 1 WHERE name = 'schema'");
	CHECK_INT(store_open(path, key, &s), 0);
	CHECK_INT(store_config_get(s, one.hub, &got), -ENOENT);
	check_given_up(s, 1, 0, NULL);
	bury(s, 1, 1, 2, E);
	check_given_up(s, 1, TOMBS({ 1, 2, 0, E }));
	put(s, &one);
	CHECK_INT(store_config_get(s, one.hub, &got), 0);
	store_close(s);
	run("UPDATE meta SET value = 99 WHERE name = 'schema'");
	CHECK_INT(store_open(path, key, &s), -ENOTSUP);
	temp_dir_remove(dir);
	crypto_done();
}

TEST_MAIN("clinic_store", test_config, test_damaged, test_overlaps, test_records_count,
	  test_random_tombstones, test_older_database)
