/*
 * test_queue.c - the queue on a real SQLCipher file in a temporary folder.
 */
#include "storage/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "hub/core/reading.h"
#include "storage/db.h"
#include "temp_dir.h"
#include "test.h"

static char dir[64];
static const struct db_key key = { { 1, 2, 3 }, { 4, 5, 6 } };
static struct queue *q;
static uint8_t body[SEALED_BODY_MAX];

static void start(void)
{
	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
}

static void again(void)
{
	queue_close(q);
	CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
}

static void stop(void)
{
	queue_close(q);
	q = NULL;
	temp_dir_remove(dir);
}

static struct queue_entry entry(uint64_t offset, uint64_t capture,
				enum record_class class)
{
	struct queue_entry e = { .record = { .assignment = 5,
					     .seq = queue_next_seq(q) + offset,
					     .class = class,
					     .kind = READING_BLOOD_PRESSURE,
					     .body = body,
					     .body_len = 150 },
				 .instance = UINT64_C(0xfedcba9876543210),
				 .capture = capture };

	return e;
}

/* n records of a class, captures numbered like seq. */
static void add(size_t n, enum record_class class)
{
	while (n > 0) {
		struct queue_entry e[QUEUE_GROUP_MAX];
		size_t count = n < QUEUE_GROUP_MAX ? n : QUEUE_GROUP_MAX;

		for (size_t i = 0; i < count; i++)
			e[i] = entry(i, queue_next_seq(q) + i, class);
		CHECK_INT(queue_insert(q, e, count), 0);
		n -= count;
	}
}

static int ack(uint64_t contig, size_t count, const struct seq_range *ranges)
{
	struct reply r = { .has_contig = true, .contig = contig, .range_count = count };
	struct queue_ack a;

	for (size_t i = 0; i < count; i++)
		r.ranges[i] = ranges[i];
	return queue_acknowledge(q, &r, &a);
}

#define RANGES(...)                                                                      \
	sizeof((struct seq_range[]){ __VA_ARGS__ }) / sizeof(struct seq_range),          \
		(struct seq_range[])                                                     \
	{                                                                                \
		__VA_ARGS__                                                              \
	}

static uint64_t next_of(enum record_class class, uint64_t after)
{
	uint8_t buf[SEALED_BODY_MAX];
	struct record rec;
	int r = queue_read(q, class, after, buf, sizeof(buf), &rec);

	CHECK(r >= 0);
	return r ? rec.seq : 0;
}

/* Unsent as a reader of the tables would count. */
static uint64_t count_rows(void)
{
	uint64_t n = 0;

	for (uint64_t s = 0; (s = next_of(CLASS_ROUTINE, s)) != 0;)
		n++;
	for (uint64_t s = 0; (s = next_of(CLASS_ALARM, s)) != 0;)
		n++;
	return n;
}

/* --- the tables as they are ------------------------------------------------------------ */

enum { PLACES_MAX = 20000 };
static uint8_t places[PLACES_MAX];

static void run_sql(int version, const char *schema, const char *sql)
{
	char path[128];
	const struct db_options o = { .path = path,
				      .key = &key,
				      .create = schema != NULL,
				      .schema = schema,
				      .schema_version = version };
	struct db *db;

	snprintf(path, sizeof(path), "%s/%s", dir, QUEUE_FILE);
	CHECK_INT(db_open(&o, &db), 0);
	CHECK_INT(db_exec(db, sql), 0);
	db_close(db);
}

static void count_places(struct db *db, const char *sql)
{
	struct db_stmt *st;
	int r;

	CHECK_INT(db_prepare(db, sql, &st), 0);
	while ((r = db_step(st)) == 1)
		for (uint64_t s = db_u64(st, 0); s <= db_u64(st, 1); s++) {
			CHECK(s > 0 && s < PLACES_MAX);
			places[s]++;
		}
	CHECK_INT(r, 0);
	db_stmt_free(st);
}

/* Invariant 4, as a stranger would check it. */
static void check_places(void)
{
	char path[128];
	const struct db_options o = { .path = path, .key = &key, .schema_version = 4 };
	uint64_t contig = queue_contig(q), highest = queue_highest(q);
	struct db *db;

	queue_close(q);
	memset(places, 0, sizeof(places));
	snprintf(path, sizeof(path), "%s/%s", dir, QUEUE_FILE);
	CHECK_INT(db_open(&o, &db), 0);
	count_places(db, "SELECT seq, seq FROM q_routine");
	count_places(db, "SELECT seq, seq FROM q_alarm");
	count_places(db, "SELECT lo, hi FROM acked");
	count_places(db, "SELECT lo, hi FROM tomb");
	db_close(db);
	for (uint64_t s = 1; s < PLACES_MAX; s++)
		CHECK_UINT(places[s], s > contig && s <= highest);
	CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
	CHECK_UINT(queue_contig(q), contig);
	CHECK_UINT(queue_highest(q), highest);
}

/* The tombstones are these and no others. */
static void check_tombstones(size_t count, const struct tombstone *want)
{
	struct tombstone got[8];
	size_t n;

	CHECK_INT(queue_tombstones(q, 8, got, &n), 0);
	CHECK_UINT(n, count);
	for (size_t i = 0; i < n; i++) {
		CHECK_UINT(got[i].first, want[i].first);
		CHECK_UINT(got[i].last, want[i].last);
		CHECK_INT(got[i].class, want[i].class);
		CHECK_INT(got[i].cause, want[i].cause);
	}
}

#define TOMBS(...)                                                                       \
	sizeof((struct tombstone[]){ __VA_ARGS__ }) / sizeof(struct tombstone),          \
		(struct tombstone[])                                                     \
	{                                                                                \
		__VA_ARGS__                                                              \
	}

static void check_evict(unsigned max, unsigned parked, unsigned routine, unsigned alarm)
{
	uint64_t before = queue_unsent(q);
	struct queue_evicted ev = { 9, 9, 9, 9, 9, 9, 9 };

	CHECK_INT(queue_evict(q, max, QUEUE_ALARMS, &ev), 0);
	CHECK_UINT(ev.parked, parked);
	CHECK_UINT(ev.routine, routine);
	CHECK_UINT(ev.alarm, alarm);
	CHECK_UINT(ev.evidence, 0);
	CHECK_UINT(queue_unsent(q), before - routine - alarm);
	CHECK_UINT(queue_unsent(q), count_rows());
}

static int refuse(uint64_t seq)
{
	struct reply r = { .refused_count = 1,
			   .refused = { { seq, REFUSED_MALFORMED } } };
	struct queue_ack a;

	return queue_acknowledge(q, &r, &a);
}

/* --- cases ----------------------------------------------------------------------------- */

static void test_gapless(void)
{
	start();
	CHECK_UINT(queue_next_seq(q), 1);
	CHECK_UINT(queue_highest(q), 0);
	add(3, CLASS_ROUTINE);
	add(1, CLASS_ALARM);
	CHECK_UINT(queue_next_seq(q), 5);
	again();
	CHECK_UINT(queue_next_seq(q), 5);
	CHECK_UINT(queue_unsent(q), 4);
	CHECK_INT(ack(4, 0, NULL), 0); /* drained: no row knows the number */
	CHECK_UINT(queue_unsent(q), 0);
	CHECK_UINT(count_rows(), 0);
	again();
	CHECK_UINT(queue_next_seq(q), 5);
	CHECK_UINT(queue_contig(q), 4);
	CHECK_UINT(queue_unsent(q), 0);
	add(1, CLASS_ROUTINE);
	CHECK_UINT(next_of(CLASS_ROUTINE, 0), 5);
	stop();
}

static void test_read(void)
{
	uint8_t buf[SEALED_BODY_MAX];
	struct queue_entry e;
	struct record rec;

	start();
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7);
	e = entry(0, 1, CLASS_ALARM);
	e.record.body_len = 313;
	CHECK_INT(queue_insert(q, &e, 1), 0);
	CHECK_INT(queue_read(q, CLASS_ROUTINE, 0, buf, sizeof(buf), &rec), 0);
	CHECK_INT(queue_read(q, CLASS_ALARM, 1, buf, sizeof(buf), &rec), 0);
	CHECK_INT(queue_read(q, CLASS_ALARM, 0, buf, 312, &rec), -EMSGSIZE);
	CHECK_UINT(rec.seq, 1);
	CHECK_INT(queue_read(q, CLASS_ALARM, 0, buf, 313, &rec), 1);
	CHECK_UINT(rec.seq, 1);
	CHECK_UINT(rec.assignment, 5);
	CHECK_INT(rec.kind, READING_BLOOD_PRESSURE);
	CHECK_INT(rec.class, CLASS_ALARM);
	CHECK_UINT(rec.body_len, 313);
	CHECK_MEM(rec.body, body, 313);
	stop();
}

static void test_ranges_out_of_order(void)
{
	start();
	add(100, CLASS_ROUTINE);
	CHECK_INT(ack(0, RANGES({ 50, 60 })), 0);
	CHECK_UINT(queue_contig(q), 0);
	CHECK_UINT(queue_unsent(q), 89);
	CHECK_UINT(next_of(CLASS_ROUTINE, 49), 61);
	CHECK_INT(ack(0, RANGES({ 20, 30 }, { 61, 70 })), 0);
	CHECK_INT(ack(0, RANGES({ 25, 55 })), 0); /* overlaps two */
	CHECK_UINT(queue_unsent(q), 100 - 51);
	again();
	CHECK_UINT(queue_unsent(q), 100 - 51);
	CHECK_UINT(count_rows(), 49);
	CHECK_INT(ack(19, 0, NULL), 0); /* closes the gap: 20..70 are known already */
	CHECK_UINT(queue_contig(q), 70);
	CHECK_UINT(queue_unsent(q), 30);
	CHECK_INT(ack(5, 0, NULL), 0); /* an older answer that comes late */
	CHECK_UINT(queue_contig(q), 70);
	CHECK_INT(ack(60, RANGES({ 65, 75 })), 0);
	CHECK_UINT(queue_contig(q), 75);
	CHECK_INT(ack(75, RANGES({ 77, 100 })), 0);
	CHECK_UINT(queue_unsent(q), 1);
	CHECK_UINT(next_of(CLASS_ROUTINE, 0), 76);
	again();
	CHECK_UINT(queue_next_seq(q), 101);
	CHECK_UINT(queue_unsent(q), 1);
	CHECK_INT(ack(76, 0, NULL), 0);
	CHECK_UINT(queue_contig(q), 100);
	again();
	CHECK_UINT(queue_unsent(q), 0);
	CHECK_UINT(queue_contig(q), 100);
	stop();
}

static void test_beyond_highest(void)
{
	struct reply r = { .has_contig = true,
			   .refused_count = 1,
			   .refused = { { 11, 1 } } };
	struct queue_ack a;

	start();
	add(10, CLASS_ROUTINE);
	CHECK_INT(ack(11, 0, NULL), -EPROTO);
	CHECK_INT(ack(3, RANGES({ 5, 11 })), -EPROTO);
	CHECK_INT(queue_acknowledge(q, &r, &a), -EPROTO);
	CHECK_UINT(queue_unsent(q), 10);
	CHECK_UINT(queue_contig(q), 0);
	CHECK_UINT(count_rows(), 10);
	CHECK_INT(ack(10, 0, NULL), 0);
	stop();
}

static void test_no_contig(void)
{
	struct reply r = {
		.has_contig = false, .contig = 5, .range_count = 1, .ranges = { { 6, 7 } }
	};
	struct queue_ack a;

	start();
	add(10, CLASS_ROUTINE);
	CHECK_INT(queue_acknowledge(q, &r, &a), 0);
	CHECK_UINT(queue_unsent(q), 10);
	CHECK_UINT(a.removed, 0);
	CHECK_UINT(count_rows(), 10);
	stop();
}

static void test_refused(void)
{
	struct reply r = { .has_contig = true,
			   .contig = 2,
			   .refused_count = 2,
			   .refused = { { 3, REFUSED_MALFORMED },
					{ 5, REFUSED_TOO_LARGE } } };
	struct queue_ack a;

	start();
	add(4, CLASS_ROUTINE);
	add(2, CLASS_ALARM);
	CHECK_INT(queue_acknowledge(q, &r, &a), 0);
	CHECK_UINT(a.removed, 2);
	CHECK_UINT(a.refused, 2);
	CHECK_UINT(queue_unsent(q), 2);
	CHECK_UINT(count_rows(), 2);
	CHECK_UINT(next_of(CLASS_ALARM, 0), 6);
	check_tombstones(TOMBS({ 3, 3, CLASS_ROUTINE, TOMBSTONE_REFUSED },
			       { 5, 5, CLASS_ALARM, TOMBSTONE_REFUSED }));
	check_places();
	CHECK_INT(queue_acknowledge(q, &r, &a), 0); /* the same answer again */
	CHECK_UINT(a.removed + a.refused, 0);
	again();
	CHECK_UINT(queue_unsent(q), 2);
	CHECK_INT(ack(2, RANGES({ 3, 6 })), 0); /* contradicts itself */
	CHECK_UINT(queue_unsent(q), 0);
	again();
	CHECK_UINT(queue_unsent(q), 0);
	CHECK_UINT(queue_next_seq(q), 7);
	check_tombstones(0, NULL);
	check_places();
	CHECK_INT(ack(2, RANGES({ 3, 6 })), 0);
	CHECK_UINT(queue_contig(q), 6); /* nothing that was refused holds the mark */
	stop();
}

/* What the clinic refuses while it is being given up is given up; what it refuses twice is refused once. */
static void test_refused_late(void)
{
	start();
	add(3, CLASS_ROUTINE);
	check_evict(2, 0, 2, 0);
	CHECK_INT(refuse(1), 0);
	check_tombstones(TOMBS({ 1, 2, CLASS_ROUTINE, TOMBSTONE_EVICTED }));
	CHECK_INT(refuse(3), 0);
	CHECK_INT(refuse(3), 0);
	check_tombstones(TOMBS({ 1, 2, CLASS_ROUTINE, TOMBSTONE_EVICTED },
			       { 3, 3, CLASS_ROUTINE, TOMBSTONE_REFUSED }));
	CHECK_UINT(queue_unsent(q), 0);
	check_places();
	stop();
}

static void test_evict_order(void)
{
	start();
	add(2, CLASS_ALARM);
	add(5, CLASS_ROUTINE);
	add(3, CLASS_ALARM);
	add(2, CLASS_ROUTINE);
	CHECK_INT(refuse(3), 0);
	CHECK_INT(refuse(8), 0);
	check_evict(1, 1, 0, 0); /* first what was refused: given up already */
	check_evict(3, 1, 2, 0);
	check_tombstones(TOMBS({ 3, 3, CLASS_ROUTINE, TOMBSTONE_REFUSED },
			       { 4, 5, CLASS_ROUTINE, TOMBSTONE_EVICTED },
			       { 8, 8, CLASS_ALARM, TOMBSTONE_REFUSED }));
	check_evict(1, 0, 1, 0); /* touches the one before */
	check_places();
	check_evict(QUEUE_EVICT_MAX, 0, 3, 0); /* no alarm in the same go */
	check_tombstones(TOMBS({ 3, 3, CLASS_ROUTINE, TOMBSTONE_REFUSED },
			       { 4, 7, CLASS_ROUTINE, TOMBSTONE_EVICTED },
			       { 8, 8, CLASS_ALARM, TOMBSTONE_REFUSED },
			       { 11, 12, CLASS_ROUTINE, TOMBSTONE_EVICTED }));
	CHECK_UINT(next_of(CLASS_ALARM, 0), 1);
	check_evict(3, 0, 0, 3);
	check_tombstones(TOMBS({ 1, 2, CLASS_ALARM, TOMBSTONE_EVICTED },
			       { 3, 3, CLASS_ROUTINE, TOMBSTONE_REFUSED },
			       { 4, 7, CLASS_ROUTINE, TOMBSTONE_EVICTED },
			       { 8, 8, CLASS_ALARM, TOMBSTONE_REFUSED },
			       { 9, 9, CLASS_ALARM, TOMBSTONE_EVICTED },
			       { 11, 12, CLASS_ROUTINE, TOMBSTONE_EVICTED }));
	check_evict(2, 0, 0, 1);
	check_evict(1, 0, 0, 0); /* nothing is left to give up */
	CHECK_UINT(queue_unsent(q), 0);
	check_places();
	again();
	CHECK_UINT(queue_next_seq(q), 13);
	CHECK_UINT(queue_unsent(q), 0);
	CHECK_INT(ack(12, 0, NULL), 0);
	check_tombstones(0, NULL);
	stop();
}

/* Neighbours of another class or cause stay apart. */
static void test_evict_apart(void)
{
	start();
	add(2, CLASS_ROUTINE);
	add(2, CLASS_ALARM);
	add(2, CLASS_ROUTINE);
	CHECK_INT(refuse(5), 0);
	check_evict(3, 1, 2, 0);
	check_evict(1, 0, 1, 0);
	check_evict(3, 0, 0, 2);
	check_tombstones(TOMBS({ 1, 2, CLASS_ROUTINE, TOMBSTONE_EVICTED },
			       { 3, 4, CLASS_ALARM, TOMBSTONE_EVICTED },
			       { 5, 5, CLASS_ROUTINE, TOMBSTONE_REFUSED },
			       { 6, 6, CLASS_ROUTINE, TOMBSTONE_EVICTED }));
	check_places();
	stop();
}

static void test_evict_limits(void)
{
	struct tombstone t[2];
	size_t n;

	start();
	add(QUEUE_EVICT_MAX - 1, CLASS_ROUTINE);
	check_evict(QUEUE_EVICT_MAX, 0, QUEUE_EVICT_MAX - 1, 0);
	add(QUEUE_EVICT_MAX, CLASS_ROUTINE);
	check_evict(QUEUE_EVICT_MAX, 0, QUEUE_EVICT_MAX, 0);
	add(QUEUE_EVICT_MAX + 1, CLASS_ROUTINE);
	check_evict(QUEUE_EVICT_MAX, 0, QUEUE_EVICT_MAX, 0);
	CHECK_UINT(queue_unsent(q), 1);
	add(1, CLASS_ALARM);
	add(1, CLASS_ROUTINE);
	check_evict(2, 0, 2, 0);
	CHECK_INT(queue_tombstones(q, 1, t, &n), 0); /* not more than asked for */
	CHECK_UINT(n, 1);
	CHECK_UINT(t[0].last, 3 * QUEUE_EVICT_MAX);
	CHECK_INT(queue_tombstones(q, 2, t, &n), 0);
	CHECK_UINT(n, 2);
	CHECK_UINT(t[1].first, 3 * QUEUE_EVICT_MAX + 2);
	stop();
}

/* The clinic names a part of a tombstone: only that goes. */
static void test_cut(void)
{
	start();
	add(30, CLASS_ROUTINE);
	check_evict(10, 0, 10, 0);
	CHECK_INT(ack(0, RANGES({ 4, 5 })), 0); /* out of its middle */
	check_tombstones(TOMBS({ 1, 3, CLASS_ROUTINE, TOMBSTONE_EVICTED },
			       { 6, 10, CLASS_ROUTINE, TOMBSTONE_EVICTED }));
	check_places();
	CHECK_INT(ack(0, RANGES({ 9, 12 })), 0); /* its end, and records */
	check_tombstones(TOMBS({ 1, 3, CLASS_ROUTINE, TOMBSTONE_EVICTED },
			       { 6, 8, CLASS_ROUTINE, TOMBSTONE_EVICTED }));
	CHECK_UINT(queue_unsent(q), 18);
	check_places();
	CHECK_INT(ack(1, 0, NULL), 0); /* its beginning */
	check_tombstones(TOMBS({ 2, 3, CLASS_ROUTINE, TOMBSTONE_EVICTED },
			       { 6, 8, CLASS_ROUTINE, TOMBSTONE_EVICTED }));
	check_places();
	check_evict(2, 0, 2, 0);
	CHECK_INT(ack(1, RANGES({ 3, 6 })), 0); /* the ends of two */
	check_tombstones(TOMBS({ 2, 2, CLASS_ROUTINE, TOMBSTONE_EVICTED },
			       { 7, 8, CLASS_ROUTINE, TOMBSTONE_EVICTED },
			       { 13, 14, CLASS_ROUTINE, TOMBSTONE_EVICTED }));
	check_places();
	CHECK_INT(ack(2, RANGES({ 7, 7 })), 0);
	CHECK_UINT(queue_contig(q), 7);
	CHECK_INT(ack(14, 0, NULL), 0);
	check_tombstones(0, NULL);
	CHECK_UINT(queue_contig(q), 14);
	CHECK_UINT(queue_unsent(q), 16);
	check_places();
	stop();
}

/* A full queue takes each reading for the oldest ones; alarms stay to the last. */
static void test_evict_when_full(void)
{
	struct queue_evicted ev, all = { 0 };
	uint64_t room;
	int r, percent = 0;

	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(queue_open(dir, 1, &key, 40, &q), 0);
	add(30, CLASS_ALARM);
	for (int i = 0; i < 400; i++) {
		struct queue_entry e = entry(0, queue_next_seq(q), CLASS_ROUTINE);
		int now;

		e.record.body_len = 500;
		while ((r = queue_insert(q, &e, 1)) == -ENOSPC) {
			CHECK_INT(queue_evict(q, 64, QUEUE_ALARMS, &ev), 0);
			CHECK(ev.routine > 0);
			CHECK_UINT(ev.alarm, 0);
			all.routine += ev.routine;
			CHECK_INT(queue_room(q, &room), 0);
			CHECK(room > 0);
		}
		CHECK_INT(r, 0);
		now = queue_fill_percent(q);
		CHECK(now >= 0 && now <= 100);
		if (all.routine == 0) {
			CHECK(now >= percent);
			percent = now;
		}
	}
	CHECK(percent >= 98);
	CHECK(all.routine > 100);
	CHECK_UINT(queue_unsent(q), 430 - all.routine);
	CHECK_UINT(next_of(CLASS_ALARM, 0), 1);
	CHECK_UINT(next_of(CLASS_ROUTINE, 0), 31 + all.routine);
	check_tombstones(
		TOMBS({ 31, 30 + all.routine, CLASS_ROUTINE, TOMBSTONE_EVICTED }));
	check_places();
	stop();
}

/* Alarms and routine records by turns, so that a tombstone stands for few rows: something can always go. */
static void test_evict_mixed(void)
{
	struct queue_evicted ev;
	unsigned evicted = 0;

	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(queue_open(dir, 1, &key, 24, &q), 0);
	for (int i = 0; i < 3000; i++) {
		struct queue_entry e = entry(
			0, queue_next_seq(q),
			i / 100 % 3 && test_random() % 8 ? CLASS_ALARM : CLASS_ROUTINE);
		int r;

		e.record.body_len = 100 + test_random() % 900;
		while ((r = queue_insert(q, &e, 1)) == -ENOSPC) {
			bool routine = next_of(CLASS_ROUTINE, 0) != 0;

			CHECK_INT(queue_evict(q, QUEUE_EVICT_MAX, QUEUE_ALARMS, &ev), 0);
			CHECK(ev.routine > 0 || !routine);
			CHECK(ev.routine + ev.alarm > 0);
			CHECK(ev.alarm == 0 || next_of(CLASS_ROUTINE, 0) == 0);
			evicted += ev.routine + ev.alarm;
		}
		CHECK_INT(r, 0);
	}
	CHECK(evicted > 1500);
	CHECK_UINT(queue_unsent(q), 3000 - evicted);
	check_places();
	stop();
}

/* --- evidence ------------------------------------------------------------------------------ */

static void add_kinds(size_t n, const uint8_t *kinds)
{
	struct queue_entry e[QUEUE_GROUP_MAX];

	for (size_t i = 0; i < n; i++) {
		e[i] = entry(i, reading_is_hubs(kinds[i]) ? 0 : queue_next_seq(q) + i,
			     CLASS_ROUTINE);
		e[i].record.kind = kinds[i];
	}
	CHECK_INT(queue_insert(q, e, n), 0);
}

static void check_evidence(unsigned max, enum queue_expendable upto, unsigned evidence,
			   unsigned routine)
{
	struct queue_evicted ev = { 9, 9, 9, 9, 9, 9, 9 };
	uint64_t before = queue_unsent(q);

	CHECK_INT(queue_evict(q, max, upto, &ev), 0);
	CHECK_UINT(ev.evidence, evidence);
	CHECK_UINT(ev.routine, routine);
	CHECK_UINT(ev.alarm + ev.parked, 0);
	CHECK_UINT(queue_evicted_records(&ev), evidence + routine);
	CHECK_UINT(queue_unsent(q), before - evidence - routine);
	CHECK_UINT(queue_unsent(q), count_rows());
}

#define GONE(seq)                                                                        \
	{                                                                                \
		seq, seq, CLASS_ROUTINE, TOMBSTONE_EVIDENCE                              \
	}

/* Newer evidence goes before older readings, the oldest first; a manifest goes as readings do. */
static void test_evidence_first(void)
{
	static const uint8_t kinds[] = {
		READING_BLOOD_PRESSURE, READING_MANIFEST, READING_EVIDENCE_FIRST - 1,
		READING_EVIDENCE,	READING_WEIGHT,	  READING_SNAPSHOT,
		READING_SNAPSHOT,	READING_GLUCOSE,  READING_EVIDENCE_FIRST,
	};

	start();
	add_kinds(sizeof(kinds), kinds);
	add(1, CLASS_ALARM);
	check_evidence(1, QUEUE_ALARMS, 1, 0);
	check_tombstones(TOMBS(GONE(4)));
	check_evidence(2, QUEUE_ALARMS, 2, 0);
	check_tombstones(TOMBS(GONE(4), { 6, 7, CLASS_ROUTINE, TOMBSTONE_EVIDENCE }));
	check_places();
	CHECK_INT(refuse(8), 0);
	check_evidence(QUEUE_EVICT_MAX, QUEUE_ROUTINE, 1, 0);  /* before a refused body */
	check_evidence(QUEUE_EVICT_MAX, QUEUE_EVIDENCE, 0, 0); /* none is left */
	check_evict(1, 1, 0, 0);
	check_evict(QUEUE_EVICT_MAX, 0, 4, 0);
	check_tombstones(TOMBS({ 1, 3, CLASS_ROUTINE, TOMBSTONE_EVICTED }, GONE(4),
			       { 5, 5, CLASS_ROUTINE, TOMBSTONE_EVICTED },
			       { 6, 7, CLASS_ROUTINE, TOMBSTONE_EVIDENCE },
			       { 8, 8, CLASS_ROUTINE, TOMBSTONE_REFUSED }, GONE(9)));
	check_evict(1, 0, 0, 1);
	check_places();
	CHECK_INT(ack(10, 0, NULL), 0);
	check_tombstones(0, NULL);
	stop();
}

/* What was delivered is not given up as well, and comes back as evidence if the clinic has lost it. */
static void test_evidence_delivered(void)
{
	static const uint8_t kinds[] = { READING_EVIDENCE, READING_WEIGHT,
					 READING_EVIDENCE, READING_EVIDENCE };
	struct queue_resync back;

	start();
	add_kinds(sizeof(kinds), kinds);
	CHECK_INT(ack(1, RANGES({ 3, 3 })), 0);
	again();
	check_evidence(1, QUEUE_ROUTINE, 1, 0);
	check_tombstones(TOMBS(GONE(4)));
	CHECK_INT(queue_resync(q, 1, &back), 0);
	CHECK_UINT(back.again, 2);
	check_evidence(QUEUE_EVICT_MAX, QUEUE_ROUTINE, 2, 0);
	check_tombstones(TOMBS(GONE(1), { 3, 4, CLASS_ROUTINE, TOMBSTONE_EVIDENCE }));
	check_places();
	stop();
}

/* A few rows at a time: each may lie on a page of its own. */
static void test_evidence_limits(void)
{
	uint8_t kinds[QUEUE_GROUP_MAX];
	struct queue_evicted ev;

	start();
	memset(kinds, READING_SNAPSHOT, sizeof(kinds));
	add(1, CLASS_ROUTINE);
	add_kinds(QUEUE_EVICT_EVIDENCE_MAX + 1, kinds);
	check_evidence(QUEUE_EVICT_MAX, QUEUE_ALARMS, QUEUE_EVICT_EVIDENCE_MAX, 0);
	check_evidence(QUEUE_EVICT_MAX, QUEUE_ALARMS, 1, 0);
	add_kinds(2, kinds);
	CHECK_INT(queue_discard(q, QUEUE_EVICT_MAX, &ev), 0);
	CHECK_UINT(ev.evidence, 2);
	CHECK_UINT(ev.routine, 1);
	CHECK_UINT(queue_unsent(q), 0);
	check_tombstones(TOMBS(
		{ 1, 1, CLASS_ROUTINE, TOMBSTONE_DISCARDED },
		{ 2, QUEUE_EVICT_EVIDENCE_MAX + 2, CLASS_ROUTINE, TOMBSTONE_EVIDENCE },
		{ QUEUE_EVICT_EVIDENCE_MAX + 3, QUEUE_EVICT_EVIDENCE_MAX + 4,
		  CLASS_ROUTINE, TOMBSTONE_DISCARDED }));
	check_places();
	stop();
}

static unsigned count_evidence(void)
{
	uint8_t buf[SEALED_BODY_MAX];
	struct record rec = { .seq = 0 };
	unsigned n = 0;

	while (queue_read(q, CLASS_ROUTINE, rec.seq, buf, sizeof(buf), &rec) == 1)
		n += reading_is_evidence(rec.kind);
	return n;
}

/* A full queue of all kinds always takes the next record. Readings go when no evidence is left, but for a few when evidence
 * lies apart: where no page is free, and none by its going, a page for its tombstones must come from somewhere. */
static void fill_with_evidence(bool apart)
{
	unsigned evidence = 0, readings = 0, early = 0, spared = 0;
	struct queue_evicted ev;

	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(queue_open(dir, 1, &key, 24, &q), 0);
	for (int i = 0; i < 3000; i++) {
		bool own = apart ? i % 10 == 0 : i % 160 > 144;
		struct queue_entry e = entry(
			0, own ? 0 : queue_next_seq(q),
			!own && test_random() % 9 == 0 ? CLASS_ALARM : CLASS_ROUTINE);
		int r;

		if (own)
			e.record.kind = READING_SNAPSHOT;
		e.record.body_len = own ? 950 : 100 + test_random() % 300;
		while ((r = queue_insert(q, &e, 1)) == -ENOSPC) {
			unsigned had = count_evidence();

			if (had > QUEUE_EVICT_EVIDENCE_MAX)
				had = QUEUE_EVICT_EVIDENCE_MAX;
			CHECK_INT(queue_evict(q, QUEUE_EVICT_MAX, QUEUE_ALARMS, &ev), 0);
			CHECK(queue_evicted_records(&ev) > 0);
			evidence += ev.evidence;
			readings += ev.routine + ev.alarm;
			spared += ev.evidence != had;
			early += had ? ev.routine + ev.alarm : 0;
		}
		CHECK_INT(r, 0);
	}
	CHECK(evidence > 250 && readings > 1000);
	CHECK(early <= (apart ? readings / 10 : 0));
	/* it goes together with them, as long as the WAL has a place for both */
	CHECK(spared <= 4);
	CHECK_UINT(queue_unsent(q), 3000 - evidence - readings);
	check_places();
	stop();
}

static void test_evidence_when_full(void)
{
	fill_with_evidence(false);
	fill_with_evidence(true);
}

/* The disk is smaller than the quota: what is in use stays, more does not come. */
static void test_limit(void)
{
	struct queue_entry e[QUEUE_GROUP_MAX];
	const struct queue_space plenty = { UINT64_MAX, UINT64_MAX / 2, 256 };
	uint64_t before = 0, room;
	int r = 0;

	start();
	add(200, CLASS_ROUTINE);
	CHECK(queue_fill_percent(q) < 5);
	CHECK_INT(queue_room(q, &room), 0);
	CHECK(room > QUEUE_PAGES_MAX - 50 && room < QUEUE_PAGES_MAX);
	CHECK_INT(queue_limit(q, &(struct queue_space){ .free = 1 << 20 }), 0);
	CHECK_INT(queue_room(q, &room), 0);
	CHECK_UINT(room, 0);
	CHECK_INT(queue_checkpoint(q), 0);
	for (int i = 0; i < 20 && r == 0; i++) {
		before = queue_next_seq(q);
		for (size_t k = 0; k < QUEUE_GROUP_MAX; k++)
			e[k] = entry(k, before + k, CLASS_ROUTINE);
		r = queue_insert(q, e, QUEUE_GROUP_MAX);
	}
	CHECK_INT(r, -ENOSPC);
	CHECK_UINT(queue_next_seq(q), before);
	CHECK_UINT(queue_unsent(q), count_rows());
	CHECK_INT(queue_fill_percent(q), 100);
	CHECK_INT(queue_limit(q, &plenty), 0); /* no more than the quota */
	CHECK(queue_fill_percent(q) < 5);
	CHECK_INT(queue_insert(q, e, QUEUE_GROUP_MAX), 0);
	stop();
}

static uint64_t on_disk(void)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/" QUEUE_FILE_OF, dir, (uint32_t)1);
	CHECK_INT(stat(path, &st), 0);
	return (uint64_t)st.st_blocks * 512 / DB_PAGE_SIZE;
}

/* What the next commits need in the file is its own on the disk, also after the WAL was written back; and what the WAL
 * needs for an eviction is left to it. */
static void test_owned_space(void)
{
	const struct queue_space large = { UINT64_MAX, 100000, 256 };
	const struct queue_space full = { UINT64_MAX, 0, 256 };
	uint64_t room, size;

	start();
	add(200, CLASS_ROUTINE);
	CHECK_INT(queue_limit(q, &full), 0); /* the disk has the pages after all */
	CHECK_INT(queue_limit(q, &large), 0);
	CHECK_INT(queue_pages(q, &size), 0);
	CHECK(on_disk() >= size + 256);
	CHECK_INT(queue_checkpoint(q), 0);
	CHECK(on_disk() < size + 256); /* the library has cut it */
	CHECK_INT(queue_limit(q, &large), 0);
	CHECK(on_disk() >= size + 256);
	CHECK_INT(queue_limit(q, &(struct queue_space){ UINT64_MAX, 0, 0 }), 0);
	CHECK_INT(queue_room(q, &room), 0);
	CHECK(room >= 256); /* owned before */
	stop();
}

/* --- files of an older program --------------------------------------------------------- */

#define OLD_CLASS                                                                        \
	"(seq INTEGER PRIMARY KEY, asg INTEGER NOT NULL, kind INTEGER NOT NULL,"         \
	" inst INTEGER NOT NULL, cap INTEGER NOT NULL, mark BLOB, body BLOB NOT NULL)"   \
	" STRICT;"

static const char schema_1[] =
	"CREATE TABLE meta (k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;"
	"CREATE TABLE cur (id INTEGER PRIMARY KEY CHECK (id = 1), next_seq INTEGER NOT "
	"NULL, contig INTEGER NOT NULL, inst INTEGER NOT NULL, cap INTEGER NOT NULL,"
	" mask INTEGER NOT NULL) STRICT;"
	"CREATE TABLE q_alarm " OLD_CLASS "CREATE TABLE q_routine " OLD_CLASS
	"CREATE TABLE acked (lo INTEGER PRIMARY KEY, hi INTEGER NOT NULL) STRICT;"
	"CREATE TABLE dead (seq INTEGER PRIMARY KEY, asg INTEGER NOT NULL, class INTEGER "
	"NOT NULL, kind INTEGER NOT NULL, reason INTEGER NOT NULL, body BLOB NOT NULL) "
	"STRICT;"
	"INSERT INTO cur VALUES (1, 1, 0, 0, 0, 0);";

static void test_upgrade(void)
{
	temp_dir_make(dir, sizeof(dir));
	run_sql(1, schema_1,
		"INSERT INTO meta VALUES ('hub', x'01020304050607080910111213141516');"
		"INSERT INTO meta VALUES ('epoch', 4);"
		"UPDATE cur SET next_seq = 8, contig = 3;"
		"INSERT INTO q_routine VALUES (4, 1, 1, 1, 4, NULL, x'aa');"
		"INSERT INTO q_alarm VALUES (6, 1, 1, 1, 6, NULL, x'bb');"
		"INSERT INTO q_routine VALUES (10, 1, 1, 1, 10, NULL, x'cc');"
		"INSERT INTO acked VALUES (8, 9);"
		"INSERT INTO dead VALUES (2, 1, 1, 1, 1, x'dd');" /* below the mark */
		"INSERT INTO dead VALUES (5, 1, 2, 1, 1, x'ee');" /* holds the mark */
		"INSERT INTO dead VALUES (7, 1, 1, 1, 1, x'ff');"
		"INSERT INTO dead VALUES (9, 1, 1, 1, 1, x'ab');"); /* contradicted */
	CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
	CHECK_UINT(queue_unsent(q), 3);
	CHECK_UINT(count_rows(), 3);
	CHECK_UINT(queue_next_seq(q), 11);
	check_tombstones(TOMBS({ 5, 5, CLASS_ALARM, TOMBSTONE_REFUSED },
			       { 7, 7, CLASS_ROUTINE, TOMBSTONE_REFUSED }));
	check_places();
	check_evict(4, 4, 0, 0); /* the bodies were kept */
	CHECK_INT(ack(10, 0, NULL), 0);
	CHECK_UINT(queue_contig(q), 10);
	stop();
}

/* Of a program that did not tell them apart, and of one before that wrote no class beside the kind. */
static void test_upgrade_evidence(void)
{
	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
	queue_close(q);
	run_sql(4, NULL,
		"DROP INDEX evidence;"
		"PRAGMA user_version=3;"
		"UPDATE cur SET next_seq = 6;"
		"INSERT INTO q_routine VALUES (1, 1, 257, 1, 4, NULL, x'aa');"
		"INSERT INTO q_routine VALUES (2, 1, 510, 0, 0, NULL, x'aa');"
		"INSERT INTO q_routine VALUES (3, 1, 508, 0, 0, NULL, x'aa');"
		"INSERT INTO q_routine VALUES (4, 1, 257, 1, 5, NULL, x'aa');"
		"INSERT INTO q_routine VALUES (5, 1, 253, 0, 0, NULL, x'aa');");
	CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
	CHECK_UINT(queue_unsent(q), 5);
	check_evidence(1, QUEUE_ROUTINE, 1, 0);
	check_tombstones(TOMBS(GONE(3)));
	check_evidence(9, QUEUE_ROUTINE, 1, 0);
	check_evidence(9, QUEUE_ROUTINE, 0, 3);
	check_places();
	stop();
}

/* Full to the last page: it opens, with all that was unsent. */
static void test_upgrade_full(void)
{
	enum { PAGES = 40 };
	char path[128];
	const struct db_options o = { .path = path,
				      .key = &key,
				      .create = true,
				      .pages_max = PAGES,
				      .schema = schema_1,
				      .schema_version = 1 };
	uint64_t rows = 0, room;
	struct db *db;
	int r;

	temp_dir_make(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, QUEUE_FILE);
	CHECK_INT(db_open(&o, &db), 0);
	while ((r = db_exec(db,
			    "INSERT INTO q_routine SELECT ifnull(max(seq), 0) + 1, 1, 1,"
			    " 1, 1, NULL, zeroblob(500) FROM q_routine")) == 0)
		rows++;
	CHECK_INT(r, -ENOSPC);
	db_close(db);
	CHECK_INT(queue_open(dir, 1, &key, PAGES, &q), 0);
	CHECK_UINT(queue_unsent(q), rows);
	CHECK_UINT(count_rows(), rows);
	CHECK_INT(queue_fill_percent(q), 100);
	CHECK_INT(queue_room(q, &room), 0);
	CHECK_UINT(room, 0);
	check_evict(QUEUE_EVICT_MAX, 0, QUEUE_EVICT_MAX, 0);
	check_places();
	stop();
}

/* A newer file is left alone. */
static void test_newer(void)
{
	struct queue *other;

	start();
	add(2, CLASS_ROUTINE);
	queue_close(q);
	run_sql(4, NULL, "PRAGMA user_version=5");
	CHECK_INT(queue_open(dir, 1, &key, 0, &other), -ENOTSUP);
	run_sql(5, NULL, "PRAGMA user_version=4");
	CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
	CHECK_UINT(queue_unsent(q), 2);
	stop();
}

static void test_same_capture(void)
{
	const uint64_t inst = UINT64_C(0xfedcba9876543210);
	struct queue_entry e;

	start();
	CHECK(!queue_has(q, inst, 1));
	add(3, CLASS_ROUTINE);
	e = entry(0, 9, CLASS_ALARM); /* 4 to 8 were refused and may still come */
	CHECK_INT(queue_insert(q, &e, 1), 0);
	again();
	CHECK(queue_has(q, inst, 3));
	CHECK(queue_has(q, inst, 9));
	CHECK(!queue_has(q, inst, 4));
	CHECK(!queue_has(q, inst, 10));
	CHECK(!queue_has(q, inst + 1, 3));
	CHECK_INT(ack(4, 0, NULL), 0);
	CHECK(queue_has(q, inst, 3));
	again(); /* no row is left */
	CHECK(queue_has(q, inst, 3));
	CHECK(queue_has(q, inst, 9));
	CHECK(!queue_has(q, inst, 4));
	e = entry(0, 4, CLASS_ROUTINE);
	CHECK_INT(queue_insert(q, &e, 1), 0);
	again();
	CHECK(queue_has(q, inst, 4));
	CHECK(queue_has(q, inst, 9));
	CHECK(!queue_has(q, inst, 5));
	stop();
}

static void test_owner(void)
{
	uint8_t hub[HUB_ID_LEN] = { 9, 8, 7 }, got[HUB_ID_LEN];
	uint32_t epoch;

	start();
	CHECK(!queue_owner(q, got, &epoch));
	CHECK_INT(queue_set_owner(q, hub, 3, 7), 0);
	CHECK_INT(queue_set_owner(q, hub, 3, 7), 0);
	again();
	CHECK(queue_owner(q, got, &epoch));
	CHECK_MEM(got, hub, HUB_ID_LEN);
	CHECK_UINT(epoch, 3);
	CHECK_INT(queue_set_owner(q, hub, 4, 7), -EACCES);
	hub[0] = 1;
	CHECK_INT(queue_set_owner(q, hub, 3, 7), -EACCES);
	stop();
}

/* Quota: nothing of the group that does not fit is in; space comes back with acknowledgements. */
static void test_full(void)
{
	struct queue_entry e[QUEUE_GROUP_MAX];
	uint64_t before;
	int r;

	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(queue_open(dir, 1, &key, 40, &q), 0);
	do {
		before = queue_next_seq(q);
		for (size_t i = 0; i < QUEUE_GROUP_MAX; i++) {
			e[i] = entry(i, before + i, CLASS_ROUTINE);
			e[i].record.body_len = 500;
		}
		r = queue_insert(q, e, QUEUE_GROUP_MAX);
	} while (r == 0);
	CHECK_INT(r, -ENOSPC);
	CHECK(before > 100);
	CHECK_UINT(queue_next_seq(q), before);
	CHECK_UINT(count_rows(), before - 1);
	CHECK_INT(queue_insert(q, e, QUEUE_GROUP_MAX), -ENOSPC);
	CHECK_INT(ack(before / 2, 0, NULL), 0);
	CHECK_INT(queue_insert(q, e, QUEUE_GROUP_MAX), 0);
	CHECK_UINT(queue_next_seq(q), before + QUEUE_GROUP_MAX);
	CHECK_INT(queue_probe(q), 0);
	queue_close(q);
	CHECK_INT(queue_open(dir, 1, &key, 10, &q),
		  0); /* quota below what is there already */
	CHECK_UINT(queue_unsent(q), count_rows());
	stop();
}

static void test_alarms_apart(void)
{
	start();
	add(5, CLASS_ROUTINE);
	add(2, CLASS_ALARM);
	add(1, CLASS_ROUTINE);
	CHECK_UINT(next_of(CLASS_ALARM, 0), 6);
	CHECK_UINT(next_of(CLASS_ALARM, 6), 7);
	CHECK_UINT(next_of(CLASS_ALARM, 7), 0);
	CHECK_UINT(next_of(CLASS_ROUTINE, 5), 8);
	CHECK_INT(ack(0, RANGES({ 6, 7 })), 0); /* the alarm overtook the backlog */
	CHECK_UINT(queue_unsent(q), 6);
	CHECK_UINT(next_of(CLASS_ROUTINE, 0), 1);
	stop();
}

/* A child commits and acknowledges until it is killed; it writes down what was promised to it. */
static void test_kill(void)
{
	struct promise {
		volatile uint64_t inserted, acked;
	} *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		    0);

	CHECK(p != MAP_FAILED);
	temp_dir_make(dir, sizeof(dir));
	for (int round = 0; round < 12; round++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			if (queue_open(dir, 1, &key, 0, &q))
				_exit(1);
			for (;;) {
				add(1 + test_random() % 5, CLASS_ROUTINE);
				p->inserted = queue_highest(q);
				if (test_random() % 3 == 0) {
					uint64_t to =
						queue_contig(q) + queue_unsent(q) / 2;

					CHECK_INT(ack(to, 0, NULL), 0);
					p->acked = to;
				}
			}
		}
		usleep(20000 + (useconds_t)(test_random() % 30000));
		test_random();
		kill(child, SIGKILL);
		CHECK_INT(waitpid(child, &status, 0), child);
		CHECK(WIFSIGNALED(status)); /* and not by a failed check */
		CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
		CHECK(queue_highest(q) >= p->inserted);
		CHECK(queue_contig(q) >= p->acked);
		CHECK_UINT(queue_unsent(q), count_rows());
		CHECK_UINT(queue_unsent(q), queue_highest(q) - queue_contig(q));
		queue_close(q);
		q = NULL;
	}
	CHECK(p->inserted > 12);
	munmap(p, 4096);
	temp_dir_remove(dir);
}

/* The same with a file of some pages: each insertion may need an eviction, each eviction may be cut off. */
static void test_kill_full(void)
{
	struct promise {
		volatile uint64_t inserted, evictions;
	} *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		    0);

	CHECK(p != MAP_FAILED);
	temp_dir_make(dir, sizeof(dir));
	for (int round = 0; round < 12 || p->evictions < 12; round++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			if (queue_open(dir, 1, &key, 24, &q))
				_exit(1);
			for (;;) {
				struct queue_entry e = entry(
					0, queue_next_seq(q),
					test_random() % 4 ? CLASS_ROUTINE : CLASS_ALARM);
				struct queue_evicted ev;

				e.record.body_len = 900;
				while (queue_insert(q, &e, 1) == -ENOSPC) {
					CHECK_INT(queue_evict(q, 8, QUEUE_ALARMS, &ev),
						  0);
					p->evictions++;
				}
				p->inserted = queue_highest(q);
				while (test_random() % 20 == 0 &&
				       refuse(queue_highest(q)) == -ENOSPC)
					CHECK_INT(queue_evict(q, 8, QUEUE_ALARMS, &ev),
						  0);
				if (test_random() % 20 == 0)
					CHECK_INT(ack(queue_contig(q) + 1, 0, NULL), 0);
			}
		}
		CHECK(round < 100);
		usleep(20000 + (useconds_t)(test_random() % 30000));
		test_random();
		kill(child, SIGKILL);
		CHECK_INT(waitpid(child, &status, 0), child);
		CHECK(WIFSIGNALED(status)); /* and not by a failed check */
		CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
		CHECK(queue_highest(q) >= p->inserted);
		CHECK_UINT(queue_unsent(q), count_rows());
		check_places();
		queue_close(q);
		q = NULL;
	}
	munmap(p, 4096);
	temp_dir_remove(dir);
}

static void test_wrong_key_and_damage(void)
{
	struct db_key wrong = key;
	struct queue *other;
	char path[128];
	struct stat st;
	int fd;

	start();
	add(5, CLASS_ROUTINE);
	queue_close(q);
	wrong.key[31] ^= 1;
	CHECK_INT(queue_open(dir, 1, &wrong, 0, &other), -EBADMSG);
	wrong = key;
	wrong.salt[0] ^= 1;
	CHECK_INT(queue_open(dir, 1, &wrong, 0, &other), -EBADMSG);
	CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
	CHECK_UINT(queue_unsent(q), 5);
	queue_close(q);
	snprintf(path, sizeof(path), "%s/%s", dir, QUEUE_FILE);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s/%s-wal", dir, QUEUE_FILE);
	CHECK_INT(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/%s", dir, QUEUE_FILE);
	fd = open(path, O_WRONLY);
	CHECK_INT(pwrite(fd, "damage", 6, 100), 6);
	close(fd);
	CHECK_INT(queue_open(dir, 1, &key, 0, &q), -EBADMSG);
	CHECK_INT(access(path, F_OK), 0); /* never deleted */
	q = NULL;
	temp_dir_remove(dir);
}

/* Two processes must not write one queue. */
static void test_alone(void)
{
	int status;
	pid_t child;

	start();
	add(1, CLASS_ROUTINE);
	child = fork();
	if (child == 0) {
		struct queue *other;

		_exit(queue_open(dir, 1, &key, 0, &other) == -EAGAIN ? 0 : 1);
	}
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK_INT(status, 0);
	stop();
}

/* A year of insertions and answers, in order, out of order, repeated, with reopening. */
static void test_random_run(void)
{
	enum { N = 1500 };
	static uint8_t gone[N + 64];
	struct queue_evicted ev;
	uint64_t left = 0;

	memset(gone, 0, sizeof(gone));
	start();
	while (queue_highest(q) < N) {
		uint64_t top;

		add(1 + test_random() % 8,
		    test_random() % 4 ? CLASS_ROUTINE : CLASS_ALARM);
		top = queue_highest(q);
		if (test_random() % 3 == 0) {
			uint64_t lo = queue_contig(q) + 1 +
				      test_random() % (top - queue_contig(q));
			uint64_t hi = lo + test_random() % (top - lo + 1);

			if (hi - lo > 20)
				hi = lo + 20;
			CHECK_INT(ack(0, RANGES({ lo, hi })), 0);
			memset(gone + lo, 1, hi - lo + 1);
		} else if (test_random() % 5 == 0) {
			uint64_t to = queue_contig(q) + test_random() % 10;

			to = to > top ? top : to;
			CHECK_INT(ack(to, 0, NULL), 0);
			memset(gone + 1, 1, to);
		}
		if (test_random() % 10 ==
		    0) { /* refused, or given up: gone from the rows */
			uint64_t seq = 1 + test_random() % top, rows = count_rows();

			CHECK_INT(refuse(seq), 0);
			gone[seq] = 1;
			CHECK(count_rows() + 1 >= rows);
		}
		if (test_random() % 10 == 0) {
			uint64_t first = next_of(CLASS_ROUTINE, 0);
			uint64_t alarm = next_of(CLASS_ALARM, 0);

			CHECK_INT(queue_evict(q, 1, QUEUE_ALARMS, &ev), 0);
			CHECK(!first || !ev.alarm);
			if (ev.routine + ev.alarm)
				gone[ev.routine ? first : alarm] = 1;
		}
		if (test_random() % 40 == 0)
			again();
		left = 0;
		for (uint64_t i = 1; i <= top; i++)
			left += !gone[i];
		CHECK_UINT(queue_unsent(q), left);
		for (uint64_t i = 1; i <= queue_contig(q); i++)
			CHECK(gone[i]);
		if (test_random() % 40 == 0)
			check_places();
	}
	CHECK_UINT(count_rows(), left);
	check_places();
	stop();
}

TEST_MAIN("queue", test_gapless, test_read, test_ranges_out_of_order, test_beyond_highest,
	  test_no_contig, test_refused, test_refused_late, test_evict_order,
	  test_evict_apart, test_evict_limits, test_cut, test_evict_when_full,
	  test_evict_mixed, test_evidence_first, test_evidence_delivered,
	  test_evidence_limits, test_evidence_when_full, test_upgrade_evidence,
	  test_limit, test_owned_space, test_upgrade, test_upgrade_full, test_newer,
	  test_same_capture, test_owner, test_full, test_alarms_apart, test_kill,
	  test_kill_full, test_wrong_key_and_damage, test_alone, test_random_run)
