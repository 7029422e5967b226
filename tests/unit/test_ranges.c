/*
 * test_ranges.c - sets of numbers against a plain array, their block, and their file.
 */
#include "storage/ranges.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "storage/crc32.h"
#include "storage/ranges_file.h"
#include "temp_dir.h"
#include "test.h"

static const uint8_t hub[HUB_ID_LEN] = { 1, 2, 3 };
static struct seq_range places[RANGE_KINDS][64];
static struct ranges sets[RANGE_KINDS];
static char dir[64];

static struct seq_range range(uint64_t first, uint64_t last)
{
	return (struct seq_range){ first, last };
}

static void test_crc(void)
{
	CHECK_UINT(crc32_of((const uint8_t *)"123456789", 9), 0xcbf43926);
	CHECK_UINT(crc32_of(NULL, 0), 0);
}

static void test_add(void)
{
	struct seq_range at[3];
	struct ranges r;

	ranges_init(&r, at, 3);
	CHECK_UINT(ranges_top(&r), 0);
	CHECK_UINT(ranges_next(&r, 0), 0);
	CHECK_INT(ranges_add(&r, range(10, 20)), 0);
	CHECK_INT(ranges_add(&r, range(22, 30)), 0);
	CHECK_UINT(r.count, 2);
	CHECK_INT(ranges_add(&r, range(21, 21)), 0); /* closes the gap */
	CHECK_UINT(r.count, 1);
	CHECK_INT(ranges_add(&r, range(9, 9)), 0);
	CHECK_INT(ranges_add(&r, range(31, 31)), 0);
	CHECK_UINT(r.count, 1);
	CHECK_UINT(r.at[0].first, 9);
	CHECK_UINT(r.at[0].last, 31);
	CHECK_INT(ranges_add(&r, range(7, 7)), 0);
	CHECK_INT(ranges_add(&r, range(33, 33)), 0);
	CHECK_UINT(r.count, 3);
	CHECK_INT(ranges_add(&r, range(35, 35)), -ENOSPC);
	CHECK_INT(ranges_subtract(&r, range(15, 15)), -ENOSPC);
	CHECK_UINT(ranges_count(&r), 25);
	CHECK_INT(ranges_add(&r, range(15, 15)), 0);
	CHECK_UINT(ranges_count(&r), 25);
	CHECK_INT(ranges_add(&r, range(1, INT64_MAX)), 0);
	CHECK_UINT(r.count, 1);
	CHECK_UINT(ranges_count(&r), INT64_MAX);
	CHECK_UINT(ranges_next(&r, INT64_MAX - 1), INT64_MAX);
	CHECK_UINT(ranges_next(&r, INT64_MAX), 0);
	CHECK_UINT(ranges_top(&r), INT64_MAX);
}

static void test_bad_range(void)
{
	struct seq_range at[2];
	struct ranges r;

	ranges_init(&r, at, 2);
	CHECK_INT(ranges_add(&r, range(0, 1)), -ERANGE);
	CHECK_INT(ranges_add(&r, range(2, 1)), -ERANGE);
	CHECK_INT(ranges_add(&r, range(1, (uint64_t)INT64_MAX + 1)), -ERANGE);
	CHECK_INT(ranges_subtract(&r, range(0, 1)), -ERANGE);
	CHECK_UINT(r.count, 0);
}

/* Random sets against one byte per number. */
static void test_against_array(void)
{
	enum { N = 100 };
	struct seq_range at[N];
	struct ranges r;
	bool in[N + 2] = { false };

	ranges_init(&r, at, N);
	for (int round = 0; round < 20000; round++) {
		uint64_t a = 1 + test_random() % N, b = a + test_random() % 9;
		bool add = test_random() % 2;
		uint64_t count = 0, overlap = 0, next = 0;

		b = b > N ? N : b;
		CHECK_INT(add ? ranges_add(&r, range(a, b))
			      : ranges_subtract(&r, range(a, b)),
			  0);
		memset(in + a, add, b - a + 1);
		a = 1 + test_random() % N;
		b = a + test_random() % (N - a + 1);
		for (uint64_t i = 1; i <= N; i++) {
			CHECK_INT(ranges_contains(&r, i), in[i]);
			count += in[i];
			overlap += in[i] && i >= a && i <= b;
			if (in[i] && i > a && !next)
				next = i;
		}
		CHECK_UINT(ranges_count(&r), count);
		CHECK_UINT(ranges_overlap(&r, range(a, b)), overlap);
		CHECK_UINT(ranges_next(&r, a), next);
		for (size_t i = 1; i < r.count; i++)
			CHECK(r.at[i].first > r.at[i - 1].last + 1);
	}
}

static void fill_block(struct ranges_block *b, size_t count)
{
	*b = (struct ranges_block){ .epoch = 7, .index = 3, .count = count };
	memcpy(b->hub, hub, HUB_ID_LEN);
	for (size_t i = 0; i < count; i++)
		b->items[i] = (struct ranges_item){ (enum range_kind)(1 + i % 3),
						    range(1 + 10 * i, 5 + 10 * i) };
}

static void test_block(void)
{
	static struct ranges_block b, got;
	uint8_t buf[RANGES_BLOCK];

	for (size_t count = 0; count <= RANGES_ITEMS_MAX; count += RANGES_ITEMS_MAX) {
		fill_block(&b, count);
		ranges_block_encode(&b, buf);
		memset(&got, 0xff, sizeof(got));
		CHECK_INT(ranges_block_decode(buf, &got), 0);
		CHECK_MEM(got.hub, hub, HUB_ID_LEN);
		CHECK_UINT(got.epoch, 7);
		CHECK_UINT(got.index, 3);
		CHECK_UINT(got.count, count);
		CHECK_MEM(got.items, b.items, count * sizeof(b.items[0]));
	}
	for (size_t i = 0; i < RANGES_BLOCK; i++) {
		buf[i] ^= 1;
		CHECK_INT(ranges_block_decode(buf, &got), -EBADMSG);
		buf[i] ^= 1;
	}
}

/* A field changed, and the checksum made to fit. */
static int decode_with(size_t at, uint8_t value)
{
	static struct ranges_block b;
	uint8_t buf[RANGES_BLOCK];
	uint32_t crc;

	fill_block(&b, 1);
	ranges_block_encode(&b, buf);
	buf[at] = value;
	crc = crc32_of(buf, RANGES_BLOCK - 4);
	for (int i = 0; i < 4; i++)
		buf[RANGES_BLOCK - 1 - i] = (uint8_t)(crc >> 8 * i);
	return ranges_block_decode(buf, &b);
}

static void test_block_fields(void)
{
	CHECK_INT(decode_with(0, 'H'), 0);
	CHECK_INT(decode_with(0, 'X'), -EBADMSG);
	CHECK_INT(decode_with(4, RANGES_VERSION + 1), -ENOTSUP);
	CHECK_INT(decode_with(RANGES_HEAD_LEN - 2, 255), -ERANGE);
	CHECK_INT(decode_with(RANGES_HEAD_LEN - 1, 2), -ERANGE);  /* of zeros */
	CHECK_INT(decode_with(RANGES_HEAD_LEN - 1, 0), -EBADMSG); /* bytes left over */
	CHECK_INT(decode_with(RANGES_HEAD_LEN, 0), -ERANGE);
	CHECK_INT(decode_with(RANGES_HEAD_LEN, RANGE_KINDS), -ERANGE);
	CHECK_INT(decode_with(RANGES_HEAD_LEN, RANGE_EVICTED), 0);
	CHECK_INT(decode_with(RANGES_HEAD_LEN + 8, 0), -ERANGE);
	CHECK_INT(decode_with(RANGES_HEAD_LEN + 9, 0x80), -ERANGE);
	CHECK_INT(decode_with(RANGES_BLOCK - 5, 1), -EBADMSG);
}

/* --- the file ------------------------------------------------------------------------- */

static struct ranges_file file;
static struct ranges_file_notes notes;

static int open_file(uint32_t epoch)
{
	for (size_t k = 0; k < RANGE_KINDS; k++)
		ranges_init(&sets[k], places[k], 64);
	return ranges_file_open(&file, dir, hub, epoch, sets, &notes);
}

static void again(void)
{
	ranges_file_close(&file);
	CHECK_INT(open_file(7), 0);
}

static void add(enum range_kind kind, uint64_t first, uint64_t last)
{
	struct ranges_item item = { kind, range(first, last) };

	CHECK_INT(ranges_file_append(&file, &item, 1), 0);
}

static void start(void)
{
	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(open_file(7), 0);
	CHECK_INT(ranges_file_rewrite(&file, sets), 0);
}

static void stop(void)
{
	ranges_file_close(&file);
	temp_dir_remove(dir);
}

static void path_of(char *path, size_t cap)
{
	snprintf(path, cap, "%s/%s", dir, RANGES_FILE);
}

static void test_file(void)
{
	struct ranges_item item = { RANGE_ACKED, { 1, 1 } };

	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(open_file(7), 0);
	CHECK_INT(ranges_file_append(&file, &item, 1), -EAGAIN); /* no file yet */
	CHECK_INT(ranges_file_rewrite(&file, sets), 0);
	add(RANGE_ACKED, 1, 10);
	add(RANGE_REFUSED, 12, 12);
	add(RANGE_ACKED, 11, 11);
	add(RANGE_EVICTED, 20, 29);
	again();
	CHECK_UINT(sets[RANGE_ACKED].count, 1);
	CHECK_UINT(ranges_count(&sets[RANGE_ACKED]), 11);
	CHECK_UINT(ranges_count(&sets[RANGE_REFUSED]), 1);
	CHECK_UINT(ranges_count(&sets[RANGE_EVICTED]), 10);
	CHECK_UINT(notes.cut_bytes + notes.damaged_bytes, 0);
	ranges_file_close(&file);
	CHECK_INT(open_file(8), -EACCES);
	ranges_file_close(&file);
	CHECK_INT(open_file(7), 0);
	CHECK_UINT(file.blocks, 5);
	while (file.blocks < RANGES_FILE_BLOCKS_MAX)
		add(RANGE_ACKED, 100 + file.blocks, 100 + file.blocks);
	CHECK_INT(ranges_file_append(&file, &item, 1), -EAGAIN); /* too many blocks */
	again();
	CHECK_INT(ranges_file_rewrite(&file, sets), 0);
	CHECK_UINT(file.blocks, 1);
	add(RANGE_ACKED, 500, 500);
	again();
	CHECK_UINT(file.blocks, 2);
	CHECK_UINT(ranges_count(&sets[RANGE_ACKED]), 11 + 59 + 1);
	stop();
}

/* A rewriting that needs more than one block. */
static void test_many(void)
{
	static struct seq_range many[RANGES_ITEMS_MAX + 1];
	struct ranges big[RANGE_KINDS];

	start();
	for (size_t k = 0; k < RANGE_KINDS; k++)
		ranges_init(&big[k], many, k == RANGE_ACKED ? RANGES_ITEMS_MAX + 1 : 0);
	for (uint64_t i = 0; i <= RANGES_ITEMS_MAX; i++)
		CHECK_INT(ranges_add(&big[RANGE_ACKED], range(1 + 2 * i, 1 + 2 * i)), 0);
	CHECK_INT(ranges_file_rewrite(&file, big), 0);
	CHECK_UINT(file.blocks, 2);
	ranges_file_close(&file);
	CHECK_INT(open_file(7), -ENOSPC); /* 64 are too few */
	ranges_file_close(&file);
	memset(many, 0, sizeof(many));
	ranges_init(&big[RANGE_ACKED], many, RANGES_ITEMS_MAX + 1);
	CHECK_INT(ranges_file_open(&file, dir, hub, 7, big, &notes), 0);
	CHECK_UINT(ranges_count(&big[RANGE_ACKED]), RANGES_ITEMS_MAX + 1);
	stop();
}

/* Whatever of the last block is on the disk: what was before it stands, and it is there or not. */
static void test_torn(void)
{
	char path[128];

	for (unsigned at = 0; at <= RANGES_BLOCK; at += 512)
		for (int mode = 0; mode < 3; mode++) {
			uint8_t junk[RANGES_BLOCK];
			bool whole;
			int fd;

			start();
			add(RANGE_ACKED, 1, 10);
			add(RANGE_ACKED, 20, 30);
			ranges_file_close(&file);
			path_of(path, sizeof(path));
			fd = open(path, O_RDWR);
			memset(junk, mode == 1 ? 0 : 0x5a, sizeof(junk));
			if (mode == 0)
				CHECK_INT(ftruncate(fd, 2 * RANGES_BLOCK + at), 0);
			else
				CHECK(pwrite(fd, junk, RANGES_BLOCK - at,
					     2 * RANGES_BLOCK + at) >= 0);
			close(fd);
			CHECK_INT(open_file(7), 0);
			whole = ranges_contains(&sets[RANGE_ACKED], 20);
			CHECK_INT(whole, at == RANGES_BLOCK);
			CHECK_UINT(ranges_count(&sets[RANGE_ACKED]), whole ? 21 : 10);
			CHECK_UINT(notes.cut_bytes, whole ? 0 : mode ? RANGES_BLOCK : at);
			add(RANGE_ACKED, 40, 50); /* and it goes on */
			again();
			CHECK_UINT(ranges_count(&sets[RANGE_ACKED]), whole ? 32 : 21);
			CHECK_UINT(notes.cut_bytes + notes.damaged_bytes, 0);
			stop();
		}
}

static void test_damaged_middle(void)
{
	char path[128];
	int fd;

	start();
	add(RANGE_ACKED, 1, 10);
	add(RANGE_ACKED, 20, 30);
	add(RANGE_ACKED, 40, 50);
	path_of(path, sizeof(path));
	fd = open(path, O_RDWR);
	CHECK_INT(pwrite(fd, "x", 1, 2 * RANGES_BLOCK + 1000), 1);
	close(fd);
	again();
	CHECK_UINT(notes.damaged_bytes, RANGES_BLOCK);
	CHECK_UINT(notes.cut_bytes, 0);
	CHECK_UINT(ranges_count(&sets[RANGE_ACKED]), 21);
	CHECK(!ranges_contains(&sets[RANGE_ACKED], 25));
	stop();
}

TEST_MAIN("ranges", test_crc, test_add, test_bad_range, test_against_array, test_block,
	  test_block_fields, test_file, test_many, test_torn, test_damaged_middle)
