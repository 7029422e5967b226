/*
 * test_queue.c - the queue on a real SQLCipher file in a temporary folder.
 */
#include "storage/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "hub/core/reading.h"
#include "temp_dir.h"
#include "test.h"

static char dir[64];
static const struct db_key key = { { 1, 2, 3 }, { 4, 5, 6 } };
static struct queue *q;
static uint8_t body[SEALED_BODY_MAX];

static void start(void)
{
	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(queue_open(dir, &key, 0, &q), 0);
}

static void again(void)
{
	queue_close(q);
	CHECK_INT(queue_open(dir, &key, 0, &q), 0);
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
	CHECK_INT(queue_acknowledge(q, &r, &a), 0); /* the same answer again */
	CHECK_UINT(a.removed + a.refused, 0);
	again();
	CHECK_UINT(queue_unsent(q), 2);
	CHECK_INT(ack(2, RANGES({ 3, 6 })), 0); /* contradicts itself */
	CHECK_UINT(queue_unsent(q), 0);
	again();
	CHECK_UINT(queue_unsent(q), 0);
	CHECK_UINT(queue_next_seq(q), 7);
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
	CHECK_INT(queue_set_owner(q, hub, 3), 0);
	CHECK_INT(queue_set_owner(q, hub, 3), 0);
	again();
	CHECK(queue_owner(q, got, &epoch));
	CHECK_MEM(got, hub, HUB_ID_LEN);
	CHECK_UINT(epoch, 3);
	CHECK_INT(queue_set_owner(q, hub, 4), -EACCES);
	hub[0] = 1;
	CHECK_INT(queue_set_owner(q, hub, 3), -EACCES);
	stop();
}

/* Quota: nothing of the group that does not fit is in; space comes back with acknowledgements. */
static void test_full(void)
{
	struct queue_entry e[QUEUE_GROUP_MAX];
	uint64_t before;
	int r;

	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(queue_open(dir, &key, 40, &q), 0);
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
	CHECK_INT(queue_open(dir, &key, 10, &q),
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

		if (child == 0) {
			if (queue_open(dir, &key, 0, &q))
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
		CHECK_INT(waitpid(child, NULL, 0), child);
		CHECK_INT(queue_open(dir, &key, 0, &q), 0);
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
	CHECK_INT(queue_open(dir, &wrong, 0, &other), -EBADMSG);
	wrong = key;
	wrong.salt[0] ^= 1;
	CHECK_INT(queue_open(dir, &wrong, 0, &other), -EBADMSG);
	CHECK_INT(queue_open(dir, &key, 0, &q), 0);
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
	CHECK_INT(queue_open(dir, &key, 0, &q), -EBADMSG);
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

		_exit(queue_open(dir, &key, 0, &other) == -EAGAIN ? 0 : 1);
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
		if (test_random() % 40 == 0)
			again();
		left = 0;
		for (uint64_t i = 1; i <= top; i++)
			left += !gone[i];
		CHECK_UINT(queue_unsent(q), left);
		for (uint64_t i = 1; i <= queue_contig(q); i++)
			CHECK(gone[i]);
	}
	CHECK_UINT(count_rows(), left);
	stop();
}

TEST_MAIN("queue", test_gapless, test_read, test_ranges_out_of_order, test_beyond_highest,
	  test_no_contig, test_refused, test_same_capture, test_owner, test_full,
	  test_alarms_apart, test_kill, test_wrong_key_and_damage, test_alone,
	  test_random_run)
