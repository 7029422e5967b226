/*
 * test_keep.c - what the clinic has named stays for a while and comes back when the clinic was restored: the queue
 * of one segment, then segments in a row.
 */
#include "storage/queue.h"

#include <errno.h>

#include "records_world.h"
#include "storage/db.h"
#include "temp_dir.h"
#include "test.h"

enum { BODY_LEN = 120, SEQ_MAX = 2000, ROUNDS = 400 };

static const struct db_key key = { { 1 }, { 2 } };
static char dir[64];
static struct queue *q;
static uint32_t quota;

static void start(void)
{
	quota = 0;
	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(queue_open(dir, 1, &key, quota, &q), 0);
}

static void again(void)
{
	queue_close(q);
	CHECK_INT(queue_open(dir, 1, &key, quota, &q), 0);
}

static void stop(void)
{
	queue_close(q);
	temp_dir_remove(dir);
}

/* Its number is in its body. */
static void fill(uint64_t seq, uint8_t buf[static BODY_LEN])
{
	for (size_t i = 0; i < BODY_LEN; i++)
		buf[i] = (uint8_t)(seq * 31 + i * (seq >> 8 | 1));
}

static enum record_class class_of(uint64_t seq)
{
	return seq % 5 == 0 ? CLASS_ALARM : CLASS_ROUTINE;
}

static void add(size_t n)
{
	static uint8_t bodies[QUEUE_GROUP_MAX][BODY_LEN];

	while (n > 0) {
		struct queue_entry e[QUEUE_GROUP_MAX] = { 0 };
		size_t count = n < QUEUE_GROUP_MAX ? n : QUEUE_GROUP_MAX;

		for (size_t i = 0; i < count; i++) {
			uint64_t seq = queue_next_seq(q) + i;

			fill(seq, bodies[i]);
			e[i].record = (struct record){ .assignment = (uint32_t)seq + 7,
						       .seq = seq,
						       .class = class_of(seq),
						       .kind = (uint8_t)(1 + seq % 9),
						       .body = bodies[i],
						       .body_len = BODY_LEN };
			e[i].instance = 1;
			e[i].capture = seq;
		}
		CHECK_INT(queue_insert(q, e, count), 0);
		n -= count;
	}
}

static void ack(uint64_t contig, uint64_t first, uint64_t last)
{
	struct reply r = { .has_contig = true, .contig = contig };
	struct queue_ack a;

	r.range_count = first > contig;
	r.ranges[0] = (struct seq_range){ first, last };
	CHECK_INT(queue_acknowledge(q, &r, &a), 0);
}

/* Is it here to be sent, as it was? */
static bool is_record(uint64_t seq)
{
	uint8_t buf[SEALED_BODY_MAX], want[BODY_LEN];
	struct record rec;
	int r = queue_read(q, class_of(seq), seq - 1, buf, sizeof(buf), &rec);

	CHECK(r >= 0);
	if (r == 0 || rec.seq != seq)
		return false;
	fill(seq, want);
	CHECK_UINT(rec.body_len, BODY_LEN);
	CHECK_MEM(rec.body, want, BODY_LEN);
	CHECK_UINT(rec.assignment, seq + 7);
	CHECK_INT(rec.kind, (int)(1 + seq % 9));
	CHECK_INT(rec.class, class_of(seq));
	return true;
}

static void check_records(uint64_t first, uint64_t last)
{
	for (uint64_t seq = first; seq <= last; seq++)
		CHECK(is_record(seq));
}

static void check_tombstone(size_t at, uint64_t first, uint64_t last,
			    enum tombstone_cause cause)
{
	struct tombstone t[16];
	size_t n;

	CHECK_INT(queue_tombstones(q, 16, t, &n), 0);
	CHECK(at < n);
	CHECK_UINT(t[at].first, first);
	CHECK_UINT(t[at].last, last);
	CHECK_INT(t[at].cause, cause);
}

static void resync(uint64_t from, uint64_t records, uint64_t gone)
{
	struct queue_resync done = { 0 };

	CHECK_INT(queue_resync(q, from, &done), 0);
	CHECK_UINT(done.again, records);
	CHECK_UINT(done.gone, gone);
}

/* --- one segment ----------------------------------------------------------------------- */

static void test_comes_back(void)
{
	start();
	add(12);
	ack(10, 0, 0);
	CHECK_UINT(queue_unsent(q), 2);
	resync(4, 7, 0);
	CHECK_UINT(queue_contig(q), 3);
	CHECK_UINT(queue_unsent(q), 9);
	check_records(4, 12);
	CHECK(!is_record(3));
	again();
	CHECK_UINT(queue_contig(q), 3);
	CHECK_UINT(queue_unsent(q), 9);
	check_records(4, 12);
	CHECK_UINT(queue_next_seq(q), 13);
	ack(12, 0, 0); /* and once more, from the beginning */
	CHECK_UINT(queue_unsent(q), 0);
	resync(1, 12, 0);
	check_records(1, 12);
	CHECK_UINT(queue_contig(q), 0);
	stop();
}

/* What was named above the mark, and a wish in the middle of it. */
static void test_islands(void)
{
	start();
	add(30);
	ack(5, 11, 20);
	resync(15, 6, 0);
	CHECK_UINT(queue_contig(q), 5);
	CHECK_UINT(queue_unsent(q), 15 + 6);
	CHECK(!is_record(14));
	check_records(15, 30);
	ack(10, 0, 0); /* 11 to 14 are still known to be there */
	CHECK_UINT(queue_contig(q), 14);
	again();
	CHECK_UINT(queue_contig(q), 14);
	ack(14, 25, 30);
	resync(2, 13 + 6, 0);
	CHECK_UINT(queue_contig(q), 1);
	CHECK_UINT(queue_unsent(q), 29);
	check_records(2, 30);
	stop();
}

static void test_errors(void)
{
	struct queue_resync done = { 0 };

	start();
	CHECK_INT(queue_resync(q, 1, &done), -ERANGE); /* nothing was ever given */
	add(4);
	ack(3, 0, 0);
	CHECK_INT(queue_resync(q, 0, &done), -ERANGE);
	CHECK_INT(queue_resync(q, 5, &done), -ERANGE);
	resync(4, 0, 0); /* which was never named */
	CHECK_UINT(queue_contig(q), 3);
	CHECK_UINT(queue_unsent(q), 1);
	stop();
}

/* The span is kept and not one number more. */
static void test_span(void)
{
	enum { MORE = 100, ALL = QUEUE_KEEP_SPAN + MORE };

	start();
	add(ALL);
	for (uint64_t at = 50; at < ALL; at += 50)
		ack(at, 0, 0);
	ack(ALL, 0, 0);
	for (int i = 0; i < 3; i++) { /* what is too old goes piece by piece */
		add(1);
		ack(ALL + 1 + (uint64_t)i, 0, 0);
	}
	resync(1, QUEUE_KEEP_SPAN, MORE + 3);
	check_tombstone(0, 1, MORE + 3, TOMBSTONE_DELIVERED);
	CHECK(is_record(MORE + 4));
	CHECK(!is_record(MORE + 3));
	CHECK_UINT(queue_unsent(q), QUEUE_KEEP_SPAN);
	stop();
}

static void test_days(void)
{
	for (uint32_t age = QUEUE_KEEP_DAYS - 1; age <= QUEUE_KEEP_DAYS + 1; age++) {
		uint64_t left = age <= QUEUE_KEEP_DAYS ? 5 : 0;

		start();
		queue_set_day(q, 20000);
		add(6);
		ack(5, 0, 0);
		queue_set_day(q, 20000 + age);
		ack(6, 0, 0);
		resync(1, 1 + left, 5 - left);
		stop();
	}
	start(); /* nobody knows the day: nothing is too old */
	add(6);
	ack(5, 0, 0);
	ack(6, 0, 0);
	resync(1, 6, 0);
	stop();
}

/* A tombstone that the clinic had comes back as what it was. */
static void test_tombstones(void)
{
	struct reply refused = { .refused_count = 1,
				 .refused = { { 7, REFUSED_MALFORMED } } };
	struct queue_evicted ev;
	struct queue_ack a;

	start();
	add(8);
	CHECK_INT(queue_evict(q, 3, QUEUE_ROUTINE, &ev), 0);
	CHECK_UINT(ev.routine, 3);
	CHECK_INT(queue_acknowledge(q, &refused, &a), 0);
	ack(2, 0, 0); /* a part of the first one */
	ack(8, 0, 0);
	resync(1, 4, 0);
	check_tombstone(0, 1, 3, TOMBSTONE_EVICTED);
	check_tombstone(1, 7, 7, TOMBSTONE_REFUSED);
	check_records(4, 6);
	ack(8, 0, 0);
	resync(2, 4, 0); /* a part of it again */
	check_tombstone(0, 2, 3, TOMBSTONE_EVICTED);
	resync(1, 0, 0); /* and what lies before */
	check_tombstone(0, 1, 3, TOMBSTONE_EVICTED);
	stop();
}

/* Copies are the first to go, and the oldest of them first. */
static void test_forgotten(void)
{
	unsigned n = 0;

	start();
	add(20);
	ack(15, 0, 0);
	CHECK_INT(queue_forget_kept(q, 4, &n), 0);
	CHECK_UINT(n, 4);
	CHECK_UINT(queue_unsent(q), 5);
	resync(3, 11, 2);
	check_tombstone(0, 3, 4, TOMBSTONE_DELIVERED);
	check_records(5, 20);
	n = 9;
	CHECK_INT(queue_forget_kept(q, 4, &n), 0);
	CHECK_UINT(n, 0);
	stop();
}

/* Nothing is kept that could need the room of a reading, and an acknowledgement never fails for it. */
static void test_no_room(void)
{
	uint64_t rows;
	int r = 0;

	start();
	quota = 40;
	again();
	for (rows = 0; r == 0; rows++) {
		struct queue_entry e = { .record = { .assignment = 1,
						     .seq = queue_next_seq(q),
						     .class = CLASS_ROUTINE,
						     .kind = 1,
						     .body = (const uint8_t *)dir,
						     .body_len = sizeof(dir) } };

		r = queue_insert(q, &e, 1);
	}
	CHECK_INT(r, -ENOSPC);
	ack(rows - 1, 0, 0);
	CHECK_UINT(queue_unsent(q), 0);
	resync(1, 0, rows - 1);
	check_tombstone(0, 1, rows - 1, TOMBSTONE_DELIVERED);
	stop();
}

/* --- against a model ------------------------------------------------------------------- */

enum fate { UNSENT = 0, SETTLED, BURIED };

static enum fate fate[SEQ_MAX];

static void check_model(void)
{
	uint64_t unsent = 0, contig = 0;

	for (uint64_t seq = 1; seq < queue_next_seq(q); seq++) {
		CHECK_INT(is_record(seq), fate[seq] == UNSENT);
		unsent += fate[seq] == UNSENT;
		if (contig + 1 == seq && fate[seq] == SETTLED)
			contig = seq;
	}
	CHECK_UINT(queue_unsent(q), unsent);
	CHECK_UINT(queue_contig(q), contig);
}

static void bury_model(void)
{
	static struct tombstone t[SEQ_MAX];
	size_t n;

	for (uint64_t seq = 1; seq < SEQ_MAX; seq++)
		if (fate[seq] == BURIED)
			fate[seq] = UNSENT;
	CHECK_INT(queue_tombstones(q, SEQ_MAX, t, &n), 0);
	for (size_t i = 0; i < n; i++)
		for (uint64_t seq = t[i].first; seq <= t[i].last; seq++) {
			CHECK_INT(fate[seq], UNSENT); /* in one place, and once */
			fate[seq] = BURIED;
		}
}

static void random_ack(uint64_t top)
{
	uint64_t contig = test_random() % (top + 1) / 2, first, last;

	if (contig < queue_contig(q) || test_random() % 4)
		contig = queue_contig(q);
	first = contig + 2 + test_random() % 40;
	last = first + test_random() % 30;
	if (last > top)
		first = last = 0;
	ack(contig, first, last);
	for (uint64_t seq = 1; seq <= top; seq++)
		if (seq <= contig || (seq >= first && seq <= last))
			fate[seq] = SETTLED;
}

static void random_step(uint64_t top)
{
	struct queue_resync done;
	struct queue_evicted ev;
	unsigned n;
	uint64_t from;

	switch (test_random() % 8) {
	case 0:
		from = 1 + test_random() % top;
		CHECK_INT(queue_resync(q, from, &done), 0);
		for (uint64_t seq = from; seq <= top; seq++)
			fate[seq] = UNSENT; /* or buried, see below */
		break;
	case 1:
		CHECK_INT(queue_forget_kept(q, 1 + (unsigned)(test_random() % 9), &n), 0);
		break;
	case 2:
		CHECK_INT(queue_evict(q, 1 + (unsigned)(test_random() % 5), QUEUE_ALARMS,
				      &ev),
			  0);
		break;
	case 3: again(); break;
	case 4:
		if (top + 20 < SEQ_MAX)
			add(1 + test_random() % 20);
		break;
	default: random_ack(top); break;
	}
}

static void test_random_run(void)
{
	start();
	memset(fate, 0, sizeof(fate));
	add(50);
	for (int i = 0; i < ROUNDS; i++) {
		random_step(queue_highest(q));
		bury_model();
		check_model();
	}
	stop();
}

/* --- segments in a row ------------------------------------------------------------------ */

static struct records *rs;
static const uint8_t hub[HUB_ID_LEN] = { 3 };

static void insert(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t body[BODY_LEN];
		struct queue_entry e = {
			.record = { .assignment = 1,
				    .seq = records_next_seq(rs),
				    .class = class_of(records_next_seq(rs)),
				    .kind = 1,
				    .body = body,
				    .body_len = BODY_LEN },
			.instance = 1,
			.capture = records_next_seq(rs),
		};

		fill(e.record.seq, body);
		CHECK_INT(records_insert(rs, &e, 1), 0);
	}
}

static void acknowledge(uint64_t contig)
{
	struct reply r = { .has_contig = true, .contig = contig };
	struct queue_ack a;

	CHECK_INT(records_acknowledge(rs, &r, NULL, 0, &a), 0);
	while (records_step(rs) > 0)
		;
}

static void check_resync(uint64_t from, uint64_t records, uint64_t gone, uint64_t first,
			 uint64_t last, uint64_t unsent)
{
	struct queue_resync done;

	CHECK_INT(records_resync(rs, from, &done), 0);
	CHECK_UINT(done.again, records);
	CHECK_UINT(done.gone, gone);
	CHECK_UINT(done.gone_first, first);
	CHECK_UINT(done.gone_last, last);
	CHECK_UINT(records_contig(rs), from - 1);
	CHECK_UINT(records_unsent(rs), unsent);
}

/* A drained segment takes its copies along: its key is gone. */
static void test_segments(void)
{
	struct queue_resync done;

	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(crypto_init(), 0);
	rs = world_open(dir, 0, true);
	CHECK_INT(records_set_owner(rs, hub, 1, 1), 0);
	CHECK_INT(records_resync(rs, 1, &done), -ERANGE);
	insert(10);
	CHECK_INT(records_set_owner(rs, hub, 1, 2), 0); /* another patient: a new key */
	insert(10);
	acknowledge(5);
	check_resync(3, 3, 0, 0, 0, 18);
	acknowledge(20);
	CHECK_UINT(records_unsent(rs), 0);
	check_resync(3, 10, 8, 3, 10, 10);
	acknowledge(20);
	check_resync(13, 8, 0, 0, 0, 8);
	CHECK_INT(records_resync(rs, 21, &done), -ERANGE);
	records_close(rs);
	CHECK_INT(records_resync(rs, 3, &done), -EAGAIN);
	world_close(rs);
	temp_dir_remove(dir);
}

TEST_MAIN("keep", test_comes_back, test_islands, test_errors, test_span, test_days,
	  test_tombstones, test_forgotten, test_no_room, test_random_run, test_segments)
