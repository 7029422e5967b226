/*
 * test_clinic_store.c - the configs that the clinic keeps, tombstones and the mark, what is held in quarantine, and a
 * database of an older program; on either backend (clinic_place.h).
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "clinic/schema.h"
#include "clinic/store.h"
#include "hub/core/err.h"
#include "tests/unit/clinic_place.h"

static struct place place;

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

	CHECK_INT(crypto_init(), 0);
	place_make(&place);
	CHECK_INT(place_create(&place, &s), 0);
	CHECK_INT(store_config_get(s, one.hub, &got), -ENOENT);
	put(s, &one);
	put(s, &two);
	one.version = 2;
	one.window.id = 2;
	put(s, &one); /* takes the place of the first */
	store_close(s);
	CHECK_INT(place_open(&place, &s), 0);
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
	place_run(&place, text);
}

/* Not a config, or another hub's: said, not used. */
static void test_damaged(void)
{
	struct config one = config(1, 1), two = config(2, 1), got;
	struct store *s;

	run("UPDATE hub_config SET config = x'a0' WHERE hub_id = "
	    "x'01000000000000000000000000000000'");
	CHECK_INT(place_open(&place, &s), 0);
	CHECK_INT(store_config_get(s, one.hub, &got), -EIO);
	store_close(s);
	run("UPDATE hub_config SET config = (SELECT config FROM hub_config WHERE hub_id "
	    "= "
	    "x'02000000000000000000000000000000')");
	CHECK_INT(place_open(&place, &s), 0);
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

	CHECK_INT(place_open(&place, &s), 0);
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

	CHECK_INT(place_open(&place, &s), 0);
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
	run("UPDATE tombstone SET cause = 99 WHERE epoch = 3 AND lo = 10");
	CHECK_INT(place_open(&place, &s), 0);
	CHECK_INT(store_counts(s, home, 3, &c), -EIO); /* not by this program */
	store_close(s);
}

/* Any order of any ranges and records: each number is counted once, and the mark is right. */
static void test_random_tombstones(void)
{
	bool record[SEQS + 1] = { false }, gone[SEQS + 1] = { false };
	struct store *s;

	CHECK_INT(place_open(&place, &s), 0);
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

/* --- held in quarantine ----------------------------------------------------------------- */

static enum insert_result hold(struct store *s, uint64_t seq, const char *body,
			       enum quarantine_reason why)
{
	struct batch b = { .hub = { 9 }, .epoch = 5, .record_count = 1 };
	enum insert_result r;

	b.records[0] =
		(struct record){ 1,	      seq, CLASS_ALARM, 1, (const uint8_t *)body,
				 strlen(body) };
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(store_quarantine_batch(s, &b, why, 1000, &r), 0);
	CHECK_INT(store_commit(s), 0);
	return r;
}

/* A number that is held counts as come: the mark passes it, together with records and tombstones. */
static void test_held(void)
{
	struct store_counts c;
	struct store *s;

	CHECK_INT(place_open(&place, &s), 0);
	CHECK_INT(hold(s, 1, "a", QUARANTINE_SUSPENDED), INSERT_STORED);
	CHECK_INT(hold(s, 1, "a", QUARANTINE_SUSPECT), INSERT_DUPLICATE);
	CHECK_UINT(contig(s, 5), 1);
	CHECK_INT(hold(s, 3, "c", QUARANTINE_SUSPECT), INSERT_STORED);
	CHECK_UINT(contig(s, 5), 1);
	CHECK_INT(store_counts(s, home, 5, &c), 0);
	CHECK_UINT(c.highest, 3);
	put_record(s, 5, 2);
	bury(s, 5, 4, 5, E);
	CHECK_INT(hold(s, 6, "f", QUARANTINE_SUSPENDED), INSERT_STORED);
	put_record(s, 5, 7);
	CHECK_UINT(contig(s, 5), 7);
	/* other bodies: of one that is held, and of a record */
	CHECK_INT(hold(s, 3, "C", QUARANTINE_SUSPECT), INSERT_CONFLICT);
	CHECK_INT(hold(s, 2, "B", QUARANTINE_SUSPECT), INSERT_CONFLICT);
	CHECK_INT(store_counts(s, home, 5, &c), 0);
	CHECK_UINT(c.held, 3);
	CHECK_UINT(c.quarantined, 2);
	CHECK_UINT(c.records, 2);
	CHECK_UINT(c.contig, 7);
	store_close(s);
}

/* More records in a row than are walked over at once, one less and as many. */
static void test_long_walk(void)
{
	struct store *s;

	CHECK_INT(place_open(&place, &s), 0);
	for (uint32_t epoch = 63; epoch <= 66; epoch++) {
		struct batch b = { .hub = { 9 }, .epoch = epoch };
		enum insert_result r[BATCH_RECORDS_MAX];

		CHECK_INT(store_begin(s), 0);
		for (uint64_t seq = 1; seq <= epoch; seq++) {
			b.record_count = 1;
			b.records[0] = (struct record){ 1, seq, CLASS_ALARM, 1, home, 1 };
			CHECK_INT(store_record_insert_batch(s, &b, 1000, r), 0);
		}
		CHECK_INT(store_commit(s), 0);
		put_record(s, epoch, epoch + 2);
		CHECK_UINT(contig(s, epoch), epoch);
	}
	store_close(s);
}

/* The clinic's tables are made once, and not in a place that has none. */
static void test_places(void)
{
	struct place other;
	struct store *s;

	CHECK_INT(place_create(&place, &s), -EEXIST);
	place_make(&other);
	CHECK_INT(place_open(&other, &s), -ENOENT);
	CHECK_INT(place_create(&other, &s), 0);
	store_close(s);
	CHECK_INT(place_open(&other, &s), 0);
	store_close(s);
	place_remove(&other);
}

static int count_marked(void *arg, const struct sealed *rec)
{
	*(unsigned *)arg += rec->suspect;
	return 0;
}

static int count_marked_aside(void *arg, const struct sealed *rec,
			      enum quarantine_reason why)
{
	CHECK_INT(rec->suspect, why == QUARANTINE_SUSPECT);
	return count_marked(arg, rec);
}

/* What was held because its hub was suspect keeps that as a mark, also what somebody has released since. */
static void check_marked(struct store *s)
{
	unsigned filed = 0, aside = 0;

	CHECK_INT(store_record_each(s, home, count_marked, &filed), 0);
	CHECK_UINT(filed, 1);
	CHECK_INT(store_quarantine_each(s, home, 5, count_marked_aside, &aside), 0);
	CHECK_UINT(aside, 1);
}

static void test_older_database(void)
{
	struct config one = config(1, 1), got;
	struct store *s;

	run("DROP TABLE signer");
	run("DROP TABLE hub_order");
	run("ALTER TABLE hub DROP COLUMN orders");
	run("DROP TABLE hub_config");
	run("DROP TABLE tombstone");
	run("DROP TABLE audit_key");
	run("DROP TABLE checkpoint");
	run("DROP TABLE audit_incident");
	run("DROP TABLE hub_status");
	run("DROP TABLE device_sign");
	run("DROP TABLE assignment");
	run("DROP TABLE journal");
	run("DROP TABLE claim");
	run("DROP TABLE visit");
	run("DROP TABLE signed_config");
	run("ALTER TABLE hub DROP COLUMN config_wanted");
	run("ALTER TABLE hub DROP COLUMN config_used");
	run("DROP TABLE enrolment");
	run("DROP TABLE hub_key");
	run("DROP TABLE person");
	run("DROP TABLE asked");
	run("ALTER TABLE hub DROP COLUMN drain");
	run("ALTER TABLE hub DROP COLUMN drain_upto");
	run("ALTER TABLE hub DROP COLUMN drain_ms");
	run("ALTER TABLE hub DROP COLUMN drain_end_ms");
	run("ALTER TABLE hub DROP COLUMN again_ms");
	run("DROP TABLE successor");
	run("DROP TABLE refused_call");
	run("DROP TABLE ticket");
	run("DROP TABLE ticket_hub");
	run("DROP TABLE hub_escrow");
	run("ALTER TABLE quarantine DROP COLUMN verdict");
	run("ALTER TABLE quarantine DROP COLUMN journal");
	run("ALTER TABLE quarantine DROP COLUMN suspect");
	run("ALTER TABLE record DROP COLUMN suspect");
	run("INSERT INTO record (hub_id, epoch, seq, assignment, class, kind, body,"
	    " body_hash, received_ms) SELECT hub_id, epoch, seq, assignment, class, kind,"
	    " body, body_hash, received_ms FROM quarantine WHERE epoch = 5 AND seq = 3"
	    " AND reason = 4");
	run("UPDATE meta SET value = 1 WHERE name = 'schema'");
	CHECK_INT(place_open(&place, &s), 0);
	check_marked(s);
	CHECK_INT(store_config_get(s, one.hub, &got), -ENOENT);
	check_given_up(s, 1, 0, NULL);
	bury(s, 1, 1, 2, E);
	check_given_up(s, 1, TOMBS({ 1, 2, 0, E }));
	put(s, &one);
	CHECK_INT(store_config_get(s, one.hub, &got), 0);
	store_close(s);
	/* a newer program's, which says that this one may go on beside it; then not */
	run("UPDATE meta SET value = 99 WHERE name = 'schema'");
	CHECK_INT(place_open(&place, &s), 0);
	CHECK_INT(store_config_get(s, one.hub, &got), 0);
	store_close(s);
	run("UPDATE meta SET value = 99 WHERE name = 'oldest'");
	CHECK_INT(place_open(&place, &s), -ENOTSUP);
	run("DELETE FROM meta WHERE name = 'oldest'");
	CHECK_INT(place_open(&place, &s), -ENOTSUP);
	place_remove(&place);
	crypto_done();
}

TEST_MAIN("clinic_store", test_config, test_damaged, test_overlaps, test_records_count,
	  test_random_tombstones, test_held, test_long_walk, test_places,
	  test_older_database)
