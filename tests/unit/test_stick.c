/*
 * test_stick.c - a technician's file: its octets, read in pieces of any size and cut off anywhere; and which records of a queue go into it.
 */
#include "hub/core/stick.h"

#include <errno.h>
#include <string.h>

#include "hub/core/batch.h"
#include "hub/core/reading.h"
#include "hub/crypto/crypto.h"
#include "storage/exporter.h"
#include "storage/queue_inside.h"
#include "storage/records_inside.h"
#include "tests/unit/records_world.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/test.h"

enum { FILE_MAX = 1 << 20, BODY_LEN = 90, MANY = 150, EPOCH = 3 };

static const uint8_t hub[HUB_ID_LEN] = "a hub of sixteen";

static uint8_t file[FILE_MAX];
static size_t file_len;

/* --- the file ----------------------------------------------------------------------------- */

static void add_batch(size_t len)
{
	stick_length_encode((uint32_t)len, file + file_len);
	file_len += STICK_LENGTH_LEN;
	memset(file + file_len, (int)len & UINT8_MAX, len);
	file_len += len;
}

static void make_file(void)
{
	struct stick_head h = { EXPORT_QUEUE, { 1, 2 }, EPOCH, 40, 5, 44 };
	struct stick_end e = { 40, 3, 5, 44 };

	stick_head_encode(&h, file);
	file_len = STICK_HEAD_LEN;
	add_batch(1);
	add_batch(STICK_BATCH_MAX);
	add_batch(300);
	stick_end_encode(&e, file + file_len);
	file_len += STICK_END_LEN;
}

/* Returns the last item, or what it ended with. */
static int read_pieces(struct stick_reader *r, size_t len, size_t piece)
{
	int item = STICK_MORE, last = STICK_MORE;

	stick_reader_init(r);
	for (size_t at = 0, used; at < len && item >= 0; at += used) {
		item = stick_read(r, file + at, len - at < piece ? len - at : piece,
				  &used);
		if (item == STICK_BATCH)
			CHECK_UINT(r->batch[0], r->batch_len & UINT8_MAX);
		last = item == STICK_MORE ? last : item;
	}
	return last;
}

static void test_pieces(void)
{
	static const size_t sizes[] = { 1, 2, 3, 63, 64, 65, 8192, FILE_MAX };
	static struct stick_reader r;

	make_file();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		CHECK_INT(read_pieces(&r, file_len, sizes[i]), STICK_END);
		CHECK(stick_at_end(&r));
		CHECK_UINT(r.batches, 3);
		CHECK_UINT(r.head.epoch, EPOCH);
		CHECK_UINT(r.head.records, 40);
		CHECK_UINT(r.head.to, 44);
		CHECK_INT(r.head.what, EXPORT_QUEUE);
		CHECK_UINT(r.end.records, 40);
		CHECK_UINT(r.end.last, 44);
	}
}

/* Whatever is missing at its end, it is no whole file; what is whole of it was given out. */
static void test_cut(void)
{
	static struct stick_reader r;

	make_file();
	for (size_t len = 0; len < file_len; len++) {
		CHECK(read_pieces(&r, len, FILE_MAX) >= 0);
		CHECK(!stick_at_end(&r));
	}
	CHECK_UINT(r.batches, 3);
}

static int with(size_t at, uint8_t value)
{
	static struct stick_reader r;

	make_file();
	file[at] = value;
	return read_pieces(&r, file_len, FILE_MAX);
}

static void test_bad(void)
{
	static struct stick_reader r;
	size_t end;

	make_file();
	end = file_len - STICK_END_LEN;
	CHECK_INT(with(0, 'x'), -EBADMSG);
	CHECK_INT(with(8, STICK_VERSION + 1), -ENOTSUP);
	CHECK_INT(with(9, 0), -ERANGE);
	CHECK_INT(with(9, EXPORT_WHAT_LAST + 1), -ERANGE);
	CHECK_INT(with(11, 1), -EBADMSG);
	CHECK_INT(with(31, 0), -ERANGE); /* epoch 0 */
	CHECK_INT(with(63, 1), -EBADMSG);
	CHECK_INT(with(STICK_HEAD_LEN + 2, 0x20), -ERANGE); /* one more than any */
	CHECK_INT(with(end + 4, 'x'), -EBADMSG);
	CHECK_INT(with(end + 27, 4), -ERANGE); /* batches */
	CHECK_INT(with(end + 28, 9), -ERANGE); /* first above last */
	make_file();
	file[file_len++] = 0;
	CHECK_INT(read_pieces(&r, file_len, FILE_MAX), -EBADMSG);
}

/* --- from a queue --------------------------------------------------------------------------- */

static char dir[128];
static struct records *q;
static uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];

static void start(void)
{
	CHECK_INT(crypto_init(), 0);
	temp_dir_make(dir, sizeof(dir));
	q = world_open(dir, 0, true);
	CHECK_INT(records_set_owner(q, hub, EPOCH, 1), 0);
	p256_generate(private, public);
}

static void stop(void)
{
	world_close(q);
	temp_dir_remove(dir);
}

static void insert_long(enum record_class class, uint8_t kind, size_t len)
{
	uint8_t body[SEALED_BODY_MAX];
	struct queue_entry e = { .record = { .assignment = 1,
					     .seq = records_next_seq(q),
					     .class = class,
					     .kind = kind,
					     .body = body,
					     .body_len = len },
				 .instance = 1,
				 .capture = records_next_seq(q) };

	memset(body, (int)e.record.seq, sizeof(body));
	records_reserve(q, 1);
	CHECK_INT(records_insert(q, &e, 1), 0);
}

static void insert(enum record_class class, uint8_t kind)
{
	insert_long(class, kind, BODY_LEN);
}

/* What a clinic would get of it; seen has room for each number. */
static struct stick_end export(enum export_what what, uint8_t level, uint8_t *seen)
{
	static uint8_t head[STICK_HEAD_LEN], buf[STICK_FRAME_MAX];
	struct exporter e;
	int n;

	CHECK_INT(exporter_begin(&e, what, q, head), 0);
	while ((n = exporter_next(&e, q, level, private, buf)) > 0 || n == -EAGAIN) {
		const uint8_t *payload;
		struct batch b;
		size_t len;

		if (n == -EAGAIN)
			continue;
		CHECK_INT(sign1_open(SIGN_CONTEXT_BATCH, public, buf + STICK_LENGTH_LEN,
				     (size_t)n - STICK_LENGTH_LEN, &payload, &len),
			  0);
		CHECK_INT(batch_decode(payload, len, &b), 0);
		CHECK_MEM(b.hub, hub, HUB_ID_LEN);
		CHECK_UINT(b.epoch, EPOCH);
		CHECK_UINT((b.flags & BATCH_SUSPECT) != 0, level >= 2);
		CHECK_UINT((b.flags & BATCH_SEALED) != 0, level == 3);
		for (size_t i = 0; i < b.record_count; i++) {
			const struct record *r = &b.records[i];

			CHECK_UINT(r->body[0], r->seq & UINT8_MAX);
			CHECK_UINT((b.flags & BATCH_ALARM) != 0, r->class == CLASS_ALARM);
			seen[r->seq]++;
		}
	}
	CHECK_INT(n, 0);
	return e.end;
}

/* All that the clinic does not have, each once; of the evidence what is nobody's reading; and nothing leaves the queue. */
static void test_export(void)
{
	static uint8_t seen[MANY + 2];
	struct reply got = { .has_contig = true, .contig = 10 };
	struct queue_ack ack;
	struct stick_end end;

	start();
	for (unsigned i = 1; i <= MANY; i++)
		insert(i % 10 == 0 ? CLASS_ALARM : CLASS_ROUTINE,
		       i == 100 ? READING_EVIDENCE : 1);
	CHECK_INT(records_acknowledge(q, &got, NULL, 0, &ack), 0);
	for (uint8_t level = 0; level <= 3; level++) {
		memset(seen, 0, sizeof(seen));
		end = export(EXPORT_QUEUE, level, seen);
		for (unsigned i = 1; i <= MANY; i++)
			CHECK_UINT(seen[i], i > 10);
		CHECK_UINT(end.records, MANY - 10);
		CHECK_UINT(end.first, 11);
		CHECK_UINT(end.last, MANY);
	}
	memset(seen, 0, sizeof(seen));
	end = export(EXPORT_EVIDENCE, 0, seen);
	CHECK_UINT(end.records, 1);
	CHECK_UINT(seen[100], 1);
	CHECK_UINT(records_unsent(q), MANY - 10);
	stop();
}

/* As many as fit are one batch: nine of these would, but for what is around them. None is left out. */
static void test_long(void)
{
	static uint8_t seen[MANY + 2];
	struct stick_end end;

	start();
	for (unsigned i = 1; i <= MANY; i++)
		insert_long(CLASS_ROUTINE, 1, 900);
	memset(seen, 0, sizeof(seen));
	end = export(EXPORT_QUEUE, 0, seen);
	for (unsigned i = 1; i <= MANY; i++)
		CHECK_UINT(seen[i], 1);
	CHECK_UINT(end.records, MANY);
	CHECK_UINT(end.batches, (MANY + 7) / 8);
	stop();
}

/* Nobody else waits while many are passed over, and what is behind them is not missed. */
static void test_passed_over(void)
{
	static uint8_t head[STICK_HEAD_LEN], buf[STICK_FRAME_MAX];
	struct exporter e;
	unsigned again = 0;

	start();
	for (unsigned i = 1; i <= MANY; i++)
		insert(CLASS_ROUTINE, i == MANY ? READING_EVIDENCE : 1);
	CHECK_INT(exporter_begin(&e, EXPORT_EVIDENCE, q, head), 0);
	while (exporter_next(&e, q, 0, private, buf) == -EAGAIN)
		again++;
	CHECK_UINT(again, MANY / EXPORTER_READS_MAX);
	CHECK_UINT(e.end.last, MANY);
	stop();
}

/* What could not be read is no end. */
static void test_broken(void)
{
	static uint8_t head[STICK_HEAD_LEN], buf[STICK_FRAME_MAX];
	struct exporter e;

	start();
	for (unsigned i = 1; i <= MANY; i++)
		insert(CLASS_ROUTINE, 1);
	CHECK_INT(exporter_begin(&e, EXPORT_QUEUE, q, head), 0);
	CHECK(exporter_next(&e, q, 0, private, buf) > 0);
	CHECK_INT(db_exec(q->at[0].queue->db, "DROP TABLE q_routine"), 0);
	CHECK(exporter_next(&e, q, 0, private, buf) < 0);
	stop();
}

/* A queue that is nobody's is nobody's to export. */
static void test_no_owner(void)
{
	uint8_t head[STICK_HEAD_LEN];
	struct exporter e;

	temp_dir_make(dir, sizeof(dir));
	q = world_open(dir, 0, true);
	CHECK_INT(exporter_begin(&e, EXPORT_QUEUE, q, head), -EACCES);
	stop();
}

/* What comes while it is written is for the next one, but for what the evidence waits for. */
static void test_meanwhile(void)
{
	static uint8_t head[STICK_HEAD_LEN], buf[STICK_FRAME_MAX];
	struct exporter e;

	start();
	insert(CLASS_ROUTINE, 1);
	CHECK_INT(exporter_begin(&e, EXPORT_QUEUE, q, head), 0);
	insert(CLASS_ALARM, 1);
	insert(CLASS_ROUTINE, 1);
	CHECK(exporter_next(&e, q, 0, private, buf) > 0);
	CHECK_INT(exporter_next(&e, q, 0, private, buf), 0);
	CHECK_UINT(e.end.records, 1);
	CHECK_INT(exporter_begin(&e, EXPORT_EVIDENCE, q, head), 0);
	CHECK_INT(exporter_next(&e, q, 0, private, buf), 0);
	insert(CLASS_ROUTINE, READING_SNAPSHOT);
	CHECK(exporter_next(&e, q, 0, private, buf) > 0);
	CHECK_UINT(e.end.last, 4);
	stop();
}

TEST_MAIN("stick", test_pieces, test_cut, test_bad, test_export, test_long,
	  test_passed_over, test_broken, test_no_owner, test_meanwhile)
