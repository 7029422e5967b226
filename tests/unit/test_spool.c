/*
 * test_spool.c - the spool in a temporary folder: every cut of a write, every call that fails, damage, full, packed.
 *
 * The calls that write are defined here: they count, and at the chosen one end the process (a power
 * cut between two calls), do half of it and end the process (a torn write), or fail. No power is lost here, so nothing need be synced.
 */
#include "storage/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "hub/crypto/crypto.h"
#include "storage/ranges_file.h"
#include "temp_dir.h"
#include "test.h"

enum { SEGMENT_BYTES = SPOOL_SEGMENT_BYTES_MIN, SEGMENTS = 4, LONE = 15 };

/* --- calls that fail --------------------------------------------------------------------- */

enum fault { FAULT_NONE = 0, FAULT_CUT, FAULT_TORN, FAULT_EIO };

static enum fault fault;
static unsigned calls, fault_at;

/* Only a write can be torn; the others would be cut once more. */
static bool strikes(bool write)
{
	if (fault != FAULT_TORN || write)
		calls++;
	return fault != FAULT_NONE && calls == fault_at && (fault != FAULT_TORN || write);
}

static int fails(void)
{
	if (fault != FAULT_EIO)
		_exit(0);
	errno = EIO;
	return -1;
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	if (strikes(true)) {
		if (fault == FAULT_TORN)
			syscall(SYS_pwrite64, fd, buf, n / 2 / 512 * 512, at);
		return fails();
	}
	return syscall(SYS_pwrite64, fd, buf, n, at);
}

int fdatasync(int fd)
{
	(void)fd;
	return strikes(false) ? fails() : 0;
}

int fsync(int fd)
{
	(void)fd;
	return strikes(false) ? fails() : 0;
}

int ftruncate(int fd, off_t len)
{
	return strikes(false) ? fails() : (int)syscall(SYS_ftruncate, fd, len);
}

int rename(const char *from, const char *to)
{
	return strikes(false)
		       ? fails()
		       : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* --- helpers ----------------------------------------------------------------------------- */

static const struct spool_owner owner = { { 1, 2, 3 }, 7 };
static char dir[64];
static struct spool *s;

static void start(void)
{
	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(spool_prepare(dir, SEGMENTS, SEGMENT_BYTES), 0);
	CHECK_INT(spool_open(dir, &owner, &s), 0);
}

static void again(void)
{
	spool_close(s);
	CHECK_INT(spool_open(dir, &owner, &s), 0);
}

static void stop(void)
{
	spool_close(s);
	s = NULL;
	temp_dir_remove(dir);
}

/* What record seq is, so that it can be told from any other: everything follows from its number. */
static struct queue_entry entry(uint64_t seq, size_t body_len, uint8_t *body)
{
	struct queue_entry e = { .record = { .assignment = (uint32_t)(seq * 3),
					     .seq = seq,
					     .class = seq % 5 ? CLASS_ROUTINE
							      : CLASS_ALARM,
					     .kind = (uint8_t)(1 + seq % 9),
					     .body = body,
					     .body_len = body_len },
				 .instance = UINT64_C(0xfedcba9876543210),
				 .capture = seq,
				 .has_mark = seq % 2 };

	memset(body, (int)(seq * 31 & 0xff), body_len);
	if (e.has_mark)
		memset(e.mark, (int)(seq & 0xff), sizeof(e.mark));
	return e;
}

static size_t body_len_of(uint64_t seq)
{
	return 100 + seq * 37 % 200;
}

static int append_len(uint64_t first, size_t count, size_t body_len)
{
	static uint8_t bodies[QUEUE_GROUP_MAX][SEALED_BODY_MAX];
	struct queue_entry e[QUEUE_GROUP_MAX];

	for (size_t i = 0; i < count; i++)
		e[i] = entry(first + i, body_len ? body_len : body_len_of(first + i),
			     bodies[i]);
	return spool_append(s, e, count);
}

static int append(uint64_t first, size_t count)
{
	return append_len(first, count, 0);
}

static int settle(int (*how)(struct spool *, const struct seq_range *, size_t,
			     uint64_t *),
		  uint64_t first, uint64_t last)
{
	struct seq_range g = { first, last };
	uint64_t removed;

	return how(s, &g, 1, &removed);
}

/* The next record above 'after' is this one, with every field. */
static void check_record(uint64_t after, uint64_t seq, size_t body_len)
{
	uint8_t want_body[SEALED_BODY_MAX], buf[SEALED_BODY_MAX];
	struct queue_entry want, got;
	struct record rec;

	want = entry(seq, body_len ? body_len : body_len_of(seq), want_body);
	CHECK_INT(spool_read_entry(s, after, buf, sizeof(buf), &got), 1);
	CHECK_UINT(got.record.seq, seq);
	CHECK_UINT(got.record.assignment, want.record.assignment);
	CHECK_INT(got.record.class, want.record.class);
	CHECK_INT(got.record.kind, want.record.kind);
	CHECK_UINT(got.record.body_len, want.record.body_len);
	CHECK_MEM(got.record.body, want_body, want.record.body_len);
	CHECK_UINT(got.instance, want.instance);
	CHECK_UINT(got.capture, want.capture);
	CHECK_INT(got.has_mark, want.has_mark);
	CHECK_MEM(got.mark, want.mark, sizeof(want.mark));
	CHECK_INT(spool_read(s, want.record.class, seq - 1, buf, sizeof(buf), &rec), 1);
	CHECK_UINT(rec.seq, seq);
	CHECK_MEM(rec.body, want_body, want.record.body_len);
}

/* Exactly first..last are unsent. */
static void check_all(uint64_t first, uint64_t last)
{
	uint8_t buf[SEALED_BODY_MAX];
	struct queue_entry e;

	CHECK_UINT(spool_unsent(s), last + 1 - first);
	for (uint64_t seq = first; seq <= last; seq++)
		check_record(seq == first ? 0 : seq - 1, seq, 0);
	CHECK_INT(spool_read_entry(s, last, buf, sizeof(buf), &e), 0);
}

static void check_clean(void)
{
	const struct spool_notes *n = spool_notes_of(s);

	CHECK_UINT(n->cut_bytes, 0);
	CHECK_UINT(n->damaged_bytes, 0);
	CHECK_UINT(n->lost, 0);
	CHECK_UINT(n->broken_links, 0);
	CHECK_UINT(n->set_aside, 0);
	CHECK_UINT(n->unusable, 0);
	CHECK(!n->ranges_bad);
}

static void segment_path(char *path, size_t cap, unsigned num, const char *suffix)
{
	snprintf(path, cap, "%s/spool-%u%s", dir, num, suffix);
}

static bool segment_exists(unsigned num, const char *suffix)
{
	char path[128];

	segment_path(path, sizeof(path), num, suffix);
	return access(path, F_OK) == 0;
}

static void segment_get(unsigned num, uint8_t buf[static SEGMENT_BYTES])
{
	char path[128];
	int fd;

	segment_path(path, sizeof(path), num, "");
	fd = open(path, O_RDONLY);
	CHECK_INT(read(fd, buf, SEGMENT_BYTES), SEGMENT_BYTES);
	close(fd);
}

static void segment_put(unsigned num, const uint8_t buf[static SEGMENT_BYTES])
{
	char path[128];
	int fd;

	segment_path(path, sizeof(path), num, "");
	fd = open(path, O_WRONLY);
	CHECK_INT(write(fd, buf, SEGMENT_BYTES), SEGMENT_BYTES);
	close(fd);
}

static void segment_spoil(unsigned num, off_t at, size_t len, int with)
{
	static uint8_t buf[SEGMENT_BYTES];

	segment_get(num, buf);
	memset(buf + at, with, len);
	segment_put(num, buf);
}

/* --- plain ------------------------------------------------------------------------------- */

static void test_read_back(void)
{
	uint8_t buf[SEALED_BODY_MAX];
	struct record rec;

	start();
	CHECK_UINT(spool_highest(s), 0);
	CHECK_UINT(spool_unsent(s), 0);
	CHECK_INT(spool_read(s, CLASS_ROUTINE, 0, buf, sizeof(buf), &rec), 0);
	CHECK_INT(append(11, 1), 0);
	CHECK_INT(append(12, 9), 0);
	CHECK_INT(append_len(21, 1, SEALED_BODY_MAX), 0);
	for (int round = 0; round < 2; round++, again()) {
		CHECK_UINT(spool_highest(s), 21);
		CHECK_UINT(spool_unsent(s), 11);
		for (uint64_t seq = 11; seq <= 20; seq++)
			check_record(seq - 1, seq, 0);
		check_record(20, 21, SEALED_BODY_MAX);
		CHECK_INT(spool_read(s, CLASS_ALARM, 0, buf, sizeof(buf), &rec), 1);
		CHECK_UINT(rec.seq, 15);
		CHECK_INT(spool_read(s, CLASS_ALARM, 20, buf, sizeof(buf), &rec), 0);
		CHECK_INT(
			spool_read(s, CLASS_ROUTINE, 20, buf, SEALED_BODY_MAX - 1, &rec),
			-EMSGSIZE);
		CHECK_UINT(rec.seq, 21);
		CHECK_UINT(rec.body_len, SEALED_BODY_MAX);
		CHECK(spool_has(s, UINT64_C(0xfedcba9876543210), 11));
		CHECK(spool_has(s, UINT64_C(0xfedcba9876543210), 21));
		CHECK(!spool_has(s, UINT64_C(0xfedcba9876543210), 22));
		CHECK(!spool_has(s, 1, 11));
		check_clean();
	}
	stop();
}

static void test_prepare(void)
{
	static uint8_t buf[SEGMENT_BYTES];
	struct stat st;
	char path[128];

	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(spool_prepare(dir, SPOOL_SEGMENTS_MIN - 1, SEGMENT_BYTES), -ERANGE);
	CHECK_INT(spool_prepare(dir, SPOOL_SEGMENTS_MAX + 1, SEGMENT_BYTES), -ERANGE);
	CHECK_INT(spool_prepare(dir, 3, SEGMENT_BYTES - SPOOL_BLOCK), -ERANGE);
	CHECK_INT(spool_prepare(dir, 3, SEGMENT_BYTES + 1), -ERANGE);
	CHECK_INT(spool_prepare(dir, 3, SPOOL_SEGMENT_BYTES_MAX + SPOOL_BLOCK), -ERANGE);
	CHECK_INT(spool_open(dir, &owner, &s), 0); /* without a segment it is full */
	CHECK_INT(append(1, 1), -ENOSPC);
	spool_close(s);
	CHECK_INT(spool_prepare(dir, 3, SEGMENT_BYTES), 0);
	for (unsigned num = 1; num <= 3; num++) {
		segment_path(path, sizeof(path), num, "");
		CHECK_INT(stat(path, &st), 0);
		CHECK_INT(st.st_mode & 0777, 0600);
		CHECK_UINT(st.st_size, SEGMENT_BYTES);
		CHECK(st.st_blocks * 512 >= SEGMENT_BYTES); /* it has its place */
		segment_get(num, buf);
		for (size_t i = 0; i < sizeof(buf); i++)
			CHECK_INT(buf[i], 0);
	}
	CHECK(!segment_exists(4, ""));
	CHECK_INT(spool_open(dir, &owner, &s), 0);
	CHECK_INT(append(1, 20), 0);
	spool_close(s);
	CHECK_INT(spool_prepare(dir, 4, SEGMENT_BYTES), 0); /* what is there stays */
	CHECK_INT(spool_open(dir, &owner, &s), 0);
	check_all(1, 20);
	check_clean();
	stop();
}

static void test_owner(void)
{
	struct spool_owner other = owner;
	struct spool *none;

	start();
	CHECK_INT(spool_open(dir, NULL, &none), -ENOENT);
	CHECK_INT(append(1, 3), 0);
	spool_close(s);
	other.epoch++;
	CHECK_INT(spool_open(dir, &other, &none), -EACCES);
	other = owner;
	other.hub[0]++;
	CHECK_INT(spool_open(dir, &other, &none), -EACCES);
	CHECK_INT(spool_open(dir, NULL, &s), 0);
	CHECK_MEM(spool_owner_of(s), &owner, sizeof(owner));
	check_all(1, 3);
	/* its settled numbers are not another's either */
	CHECK_INT(settle(spool_acknowledge, 1, 2), 0);
	spool_close(s);
	segment_spoil(1, 0, SEGMENT_BYTES, 0);
	CHECK_INT(spool_open(dir, &other, &none), -EACCES);
	CHECK_INT(spool_open(dir, &owner, &s), 0);
	stop();
}

static void test_mac(void)
{
	static uint8_t buf[SEGMENT_BYTES];
	static const uint8_t key[32] = { 1, 2, 3 }, zeros[32];
	const struct spool_mac mac = { crypto_hmac, key };
	struct spool_record rec;
	struct spool_commit c;
	uint8_t want[32];
	size_t at = 0;

	start();
	CHECK_INT(append(1, 1), 0);
	spool_set_mac(s, &mac);
	CHECK_INT(append(2, 1), 0);
	spool_set_mac(s, NULL);
	CHECK_INT(append(3, 1), 0);
	segment_get(1, buf);
	for (uint32_t block = 1; block <= 3; block++, at = 0) {
		CHECK_INT(spool_commit_decode(buf + block * SPOOL_BLOCK, SPOOL_BLOCK,
					      &owner, block, crypto_sha256, &c),
			  0);
		CHECK_INT(spool_commit_next(&c, &at, &rec), 1);
		crypto_hmac(key, rec.bytes, rec.len - 32, want);
		CHECK_MEM(rec.mac, block == 2 ? want : zeros, 32);
	}
	again();
	check_all(1, 3);
	stop();
}

/* Our own mistake ends the process. */
static void check_aborts(uint64_t first, size_t count, size_t body_len)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct sigaction dfl = { .sa_handler = SIG_DFL };

		sigaction(SIGABRT, &dfl, NULL);
		_exit(append_len(first, count, body_len) ? 1 : 2);
	}
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void test_order_of_numbers(void)
{
	start();
	CHECK_INT(append(5, 5), 0);
	check_aborts(9, 1, 10);
	check_aborts(10, 0, 10);
	CHECK_INT(append(10, 1), 0);
	again();
	check_aborts(10, 1, 10);
	CHECK_INT(append(1000, 1), 0); /* numbers may be skipped */
	again();
	check_clean();
	CHECK_UINT(spool_highest(s), 1000);
	CHECK_UINT(spool_unsent(s), 7);
	stop();
}

/* --- settling ----------------------------------------------------------------------------- */

static void test_settle(void)
{
	struct seq_range g[2] = { { 3, 4 }, { 8, 20 } };
	uint8_t buf[SEALED_BODY_MAX];
	struct queue_entry e;
	uint64_t removed = 99;

	start();
	CHECK_INT(append(1, 10), 0);
	CHECK_INT(spool_acknowledge(s, g, 2, &removed), 0);
	CHECK_UINT(removed, 5);
	CHECK_INT(spool_acknowledge(s, g, 2, &removed), 0);
	CHECK_UINT(removed, 0);
	CHECK_INT(settle(spool_refuse, 1, 1), 0);
	CHECK_INT(settle(spool_evict, 5, 6), 0);
	CHECK_INT(settle(spool_evict, 0, 6), -ERANGE);
	CHECK_INT(settle(spool_evict, 6, 5), -ERANGE);
	CHECK_INT(spool_evict(s, g, RANGES_ITEMS_MAX + 1, &removed), -ERANGE);
	for (int round = 0; round < 2; round++, again()) {
		CHECK_UINT(spool_unsent(s), 2);
		check_record(0, 2, 0);
		check_record(2, 7, 0);
		CHECK_INT(spool_read_entry(s, 7, buf, sizeof(buf), &e), 0);
		CHECK_UINT(ranges_count(spool_settled(s, RANGE_ACKED)), 15);
		CHECK_UINT(ranges_count(spool_settled(s, RANGE_REFUSED)), 1);
		CHECK_UINT(ranges_count(spool_settled(s, RANGE_EVICTED)), 2);
	}
	CHECK_UINT(spool_highest(s),
		   20); /* the queue's, acknowledged while it was closed */
	CHECK_INT(spool_forget(s), 0);
	again();
	CHECK_UINT(spool_unsent(s), 2); /* they are still in a segment */
	check_clean();
	stop();
}

/* All is settled, then forgotten: the file does not grow, and numbers are not lost. */
static void test_settle_long(void)
{
	uint64_t seq = 1;

	start();
	for (int round = 0; round < 400; round++, seq++) {
		CHECK_INT(append(seq, 1), 0);
		CHECK_INT(settle(spool_acknowledge, seq, seq), 0);
		if (round % 70 == 69)
			again();
	}
	CHECK_UINT(spool_unsent(s), 0);
	CHECK_UINT(spool_settled(s, RANGE_ACKED)->count, 1);
	while (spool_tidy(s) == 1)
		;
	check_clean();
	CHECK_INT(spool_forget(s), 0);
	CHECK(ranges_count(spool_settled(s, RANGE_ACKED)) < LONE + 1);
	again();
	check_clean();
	CHECK_UINT(spool_highest(s), 400);
	CHECK_UINT(spool_unsent(s), 0);
	stop();
}

/* What the clinic refused is not read again, and keeps its place. */
static void test_refused_stays(void)
{
	static uint8_t buf[SEGMENT_BYTES];

	start();
	for (uint64_t seq = 1; seq <= LONE + 1; seq++)
		CHECK_INT(append(seq, 1), 0);
	CHECK_INT(settle(spool_refuse, 9, 9), 0);
	CHECK_INT(settle(spool_acknowledge, 1, 8), 0);
	CHECK_INT(settle(spool_acknowledge, 10, LONE + 1), 0);
	CHECK_UINT(spool_unsent(s), 0);
	CHECK_INT(spool_tidy(s), 0);
	segment_get(1, buf);
	CHECK_INT(buf[0], 'H');
	CHECK_INT(settle(spool_acknowledge, 9, 9), 0); /* after all */
	CHECK_INT(spool_tidy(s), 1);
	segment_get(1, buf);
	CHECK_INT(buf[0], 0);
	stop();
}

static void test_ranges_file_gone(void)
{
	char path[128];
	struct stat st;

	start();
	CHECK_INT(append(1, 5), 0);
	CHECK_INT(settle(spool_acknowledge, 1, 3), 0);
	snprintf(path, sizeof(path), "%s/%s", dir, RANGES_FILE);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(mkdir(path, 0700), 0); /* something that does not read as a file */
	again();
	CHECK(spool_notes_of(s)->ranges_bad);
	check_all(1, 5); /* again, which is harmless */
	CHECK_INT(settle(spool_acknowledge, 1, 4), 0);
	again();
	check_all(5, 5);
	check_clean();
	snprintf(path, sizeof(path), "%s/%s.aside", dir, RANGES_FILE);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(rmdir(path), 0);
	stop();
}

/* --- torn ---------------------------------------------------------------------------------- */

/* How the part of the last commit that did not reach the disk looks. */
enum tear { TEAR_ZEROS, TEAR_JUNK, TEAR_HEAD_LOST, TEAR_ONE_SECTOR, TEARS };

static void tear(const uint8_t *before, const uint8_t *after, uint8_t *disk, size_t from,
		 size_t to, size_t at, enum tear how)
{
	memcpy(disk, after, SEGMENT_BYTES);
	switch (how) {
	case TEAR_ZEROS: memcpy(disk + at, before + at, to - at); break;
	case TEAR_JUNK: memset(disk + at, 0xa5, to - at); break;
	case TEAR_HEAD_LOST: memcpy(disk + from, before + from, at - from); break;
	case TEAR_ONE_SECTOR:
		if (at < to)
			memset(disk + at, 0xa5, 512);
		break;
	case TEARS: break;
	}
}

/* The last commit, count records of body_len, torn at every sector in every way. */
static void torn(size_t count, size_t body_len)
{
	static uint8_t before[SEGMENT_BYTES], after[SEGMENT_BYTES], disk[SEGMENT_BYTES];
	size_t from = 4 * SPOOL_BLOCK, to;

	start();
	CHECK_INT(append(1, 1), 0);
	CHECK_INT(append(2, 3), 0);
	CHECK_INT(append(5, 7), 0);
	segment_get(1, before);
	CHECK_INT(append_len(12, count, body_len), 0);
	segment_get(1, after);
	for (to = from; memcmp(after + to, before + to, SPOOL_BLOCK) != 0;)
		to += SPOOL_BLOCK;
	for (size_t at = from; at <= to; at += 512)
		for (enum tear how = 0; how < TEARS; how++) {
			const struct spool_notes *n;
			bool whole;

			tear(before, after, disk, from, to, at, how);
			spool_close(s);
			segment_put(1, disk);
			CHECK_INT(spool_open(dir, &owner, &s), 0);
			n = spool_notes_of(s);
			whole = spool_highest(s) > 11;
			/* padding may be lost without harm */
			if (memcmp(disk, after, SEGMENT_BYTES) == 0)
				CHECK(whole);
			if (whole) {
				CHECK_UINT(spool_unsent(s), 11 + count);
				for (uint64_t seq = 12; seq < 12 + count; seq++)
					check_record(seq - 1, seq, body_len);
				CHECK_UINT(n->cut_bytes, 0);
				continue;
			}
			check_all(1, 11);
			CHECK(n->cut_bytes <= to - from);
			CHECK_INT(n->cut_bytes > 0,
				  memcmp(disk, before, SEGMENT_BYTES) != 0);
			CHECK_UINT(n->damaged_bytes + n->lost + n->broken_links, 0);
			CHECK_UINT(n->set_aside, 0);
			/* the same numbers again, shorter: nothing of the torn one is left */
			CHECK_INT(append(12, 2), 0);
			again();
			check_clean();
			check_all(1, 13);
		}
	stop();
}

static void test_torn(void)
{
	torn(1, 150);
	torn(32, 150);
	torn(32, 1000);
}

/* --- damage -------------------------------------------------------------------------------- */

static void test_damaged_middle(void)
{
	start();
	for (uint64_t seq = 1; seq <= 21; seq += 3)
		CHECK_INT(append(seq, 3), 0); /* seven commits, blocks 1..7 */
	spool_close(s);
	segment_spoil(1, 3 * SPOOL_BLOCK + 700, 1, 0x11);
	CHECK_INT(spool_open(dir, &owner, &s), 0);
	CHECK_UINT(spool_unsent(s), 18);
	CHECK_UINT(spool_notes_of(s)->lost, 3);
	CHECK_UINT(spool_notes_of(s)->broken_links, 1);
	CHECK_UINT(spool_notes_of(s)->damaged_bytes, SPOOL_BLOCK);
	CHECK_UINT(spool_notes_of(s)->cut_bytes, 0);
	CHECK_UINT(spool_notes_of(s)->set_aside, 1);
	CHECK_UINT(spool_lost(s)->count, 1);
	CHECK_UINT(spool_lost(s)->at[0].first, 7);
	CHECK_UINT(spool_lost(s)->at[0].last, 9);
	CHECK(segment_exists(1, ".aside") && !segment_exists(1, ""));
	check_record(0, 1, 0);
	check_record(6, 10, 0);
	check_record(20, 21, 0);
	CHECK_UINT(spool_highest(s), 21);
	CHECK_INT(append(22, 2), 0); /* into another one */
	CHECK_INT(settle(spool_evict, 7, 9), 0);
	again();
	CHECK_UINT(spool_notes_of(s)->lost, 0); /* there is a tombstone now */
	CHECK_UINT(spool_unsent(s), 20);
	CHECK_INT(settle(spool_acknowledge, 1, 21), 0);
	CHECK_INT(spool_tidy(s), 1);
	CHECK(segment_exists(1, ".done"));
	check_all(22, 23);
	spool_close(s);
	CHECK_INT(spool_prepare(dir, SEGMENTS, SEGMENT_BYTES), 0);
	CHECK(segment_exists(5, "")); /* in place of the one that was lost */
	CHECK_INT(spool_open(dir, &owner, &s), 0);
	check_all(22, 23);
	check_clean();
	stop();
}

/* Damage of a full segment, of its header, and of one that nothing reads in. */
static void test_damaged_elsewhere(void)
{
	static uint8_t buf[SEGMENT_BYTES];

	for (int what = 0; what < 5; what++) {
		bool all = what == 3, tail = what == 4;

		start();
		for (uint64_t seq = 1; seq <= LONE + 5; seq++)
			CHECK_INT(append(seq, 1), 0);
		spool_close(s);
		segment_get(1, buf);
		if (what == 0)
			buf[30] ^= 1; /* header */
		if (what == 1)
			memset(buf, 0, SPOOL_BLOCK);
		if (what == 2)
			memset(buf, 0xff, 2 * SPOOL_BLOCK); /* and the first commit */
		if (all)
			memset(buf, 0xff, SEGMENT_BYTES);
		if (tail)
			buf[15 * SPOOL_BLOCK] ^= 1; /* the last commit of a full one */
		segment_put(1, buf);
		CHECK_INT(spool_open(dir, &owner, &s), 0);
		CHECK_UINT(spool_notes_of(s)->set_aside, 1);
		CHECK(segment_exists(1, ".aside"));
		/* before the first that reads, freed and lost look the same */
		CHECK_UINT(spool_notes_of(s)->lost, tail);
		CHECK_UINT(spool_unsent(s), all ? 5 : LONE + 5 - (what == 2) - tail);
		if (what < 2)
			check_all(1, LONE + 5);
		CHECK_UINT(spool_highest(s), LONE + 5);
		CHECK_INT(append(LONE + 6, 1), 0);
		again();
		CHECK_UINT(spool_notes_of(s)->set_aside, 0);
		CHECK_UINT(spool_highest(s), LONE + 6);
		CHECK_UINT(spool_unsent(s), all ? 6 : LONE + 6 - (what == 2) - tail);
		stop();
	}
}

/* A header that was being written, and a segment whose length is wrong. */
static void test_torn_header(void)
{
	char path[128];

	start();
	CHECK_INT(append(1, 1), 0);
	spool_close(s);
	segment_spoil(2, 0, 512, 0x5a);
	CHECK_INT(spool_open(dir, &owner, &s), 0);
	CHECK_UINT(spool_notes_of(s)->cut_bytes, SPOOL_BLOCK);
	CHECK_UINT(spool_notes_of(s)->set_aside, 0);
	check_all(1, 1);
	again();
	check_clean();
	spool_close(s);
	segment_path(path, sizeof(path), 3, "");
	CHECK_INT(truncate(path, SPOOL_SEGMENT_BYTES_MIN - 1), 0);
	CHECK_INT(spool_open(dir, &owner, &s), 0);
	CHECK_UINT(spool_notes_of(s)->unusable, 1);
	check_all(1, 1);
	stop();
}

/* A byte changes while the spool is open. */
static void test_rot(void)
{
	uint8_t buf[SEALED_BODY_MAX];
	struct record rec;

	start();
	for (uint64_t seq = 1; seq <= 9; seq += 3)
		CHECK_INT(append(seq, 3), 0);
	segment_spoil(1, 2 * SPOOL_BLOCK + 300, 1, 0x11);
	CHECK_INT(spool_read(s, CLASS_ROUTINE, 3, buf, sizeof(buf), &rec), 1);
	CHECK_UINT(rec.seq, 7);
	CHECK_UINT(spool_notes_of(s)->lost, 3);
	CHECK_UINT(spool_notes_of(s)->set_aside, 1);
	CHECK_UINT(spool_unsent(s), 6);
	CHECK_UINT(spool_lost(s)->at[0].first, 4);
	CHECK_INT(append(10, 1), 0);
	again();
	CHECK_UINT(spool_notes_of(s)->lost, 3);
	CHECK_UINT(spool_unsent(s), 7);
	stop();
}

/* A commit that was copied to another place, and one of another epoch: not ours. */
static void test_moved_commit(void)
{
	static uint8_t buf[SEGMENT_BYTES];

	start();
	CHECK_INT(append(1, 1), 0);
	CHECK_INT(append(2, 1), 0);
	spool_close(s);
	segment_get(1, buf);
	memcpy(buf + 3 * SPOOL_BLOCK, buf + SPOOL_BLOCK, SPOOL_BLOCK);
	segment_put(1, buf);
	CHECK_INT(spool_open(dir, &owner, &s), 0);
	CHECK_UINT(spool_notes_of(s)->cut_bytes, SPOOL_BLOCK);
	check_all(1, 2);
	spool_close(s);
	segment_get(1, buf);
	segment_put(2, buf); /* a whole segment twice: the second says nothing new */
	CHECK_INT(spool_open(dir, &owner, &s), 0);
	CHECK_UINT(spool_unsent(s), 2);
	CHECK_INT(append(3, 1), 0);
	again();
	check_all(1, 3);
	stop();
}

/* --- full, free, packed --------------------------------------------------------------------- */

static void test_full(void)
{
	uint64_t seq = 1, full;
	int r;

	start();
	/* nothing can be packed: each commit fills its blocks */
	while ((r = append_len(seq, 6, 540)) == 0)
		seq += 6;
	CHECK_INT(r, -ENOSPC);
	full = seq;
	CHECK_UINT(seq - 1, 6 * (SEGMENTS - 1) * LONE);
	CHECK_INT(append_len(seq, 6, 540), -ENOSPC);
	CHECK_UINT(spool_highest(s), full - 1);
	again();
	CHECK_UINT(spool_unsent(s), full - 1);
	CHECK_INT(append_len(seq, 6, 540), -ENOSPC);
	CHECK_INT(settle(spool_evict, 1, 6 * LONE - 1),
		  0); /* all but one of the first segment */
	CHECK_INT(append_len(seq, 6, 540), -ENOSPC);
	CHECK_INT(settle(spool_acknowledge, 6 * LONE, 6 * LONE), 0);
	CHECK_INT(append_len(seq, 6, 540), 0);
	again();
	check_clean();
	CHECK_UINT(spool_unsent(s), full + 5 - 6 * LONE);
	check_record(0, 6 * LONE + 1, 540);
	stop();
}

/* Alarms between routine records that have to go: they stay, and there is room. */
static void test_evict_around(void)
{
	uint64_t seq = 1, alarms = 0, routine = 0;
	uint8_t buf[SEALED_BODY_MAX];
	struct record rec;

	start();
	for (int round = 0; round < 3000; round++) {
		while (append_len(seq, 1, 400) != 0) {
			CHECK_INT(spool_read(s, CLASS_ROUTINE, 0, buf, sizeof(buf), &rec),
				  1);
			CHECK_INT(settle(spool_evict, rec.seq, rec.seq), 0);
			routine--;
		}
		if (seq % 5) {
			routine++;
		} else if (++alarms > 30) {
			CHECK_INT(spool_read(s, CLASS_ALARM, 0, buf, sizeof(buf), &rec),
				  1);
			CHECK_INT(settle(spool_acknowledge, rec.seq, rec.seq), 0);
			alarms--;
		}
		seq++;
		if (round % 500 == 0)
			again();
		CHECK_UINT(spool_unsent(s), alarms + routine);
	}
	CHECK(alarms + routine > 60); /* packed: as lone ones they would be 45 */
	check_clean();
	again();
	check_clean();
	CHECK_UINT(spool_unsent(s), alarms + routine);
	stop();
}

/* Lone records: what filled three segments becomes one, byte for byte. */
static void test_repack(void)
{
	const uint64_t n = (SEGMENTS - 1) * LONE;
	static const uint8_t key[32] = { 5 };
	const struct spool_mac mac = { crypto_hmac, key };

	start();
	spool_set_mac(s, &mac);
	for (uint64_t seq = 1; seq <= n; seq++)
		CHECK_INT(append(seq, 1), 0);
	spool_set_mac(s, NULL); /* what was made with the key keeps its MAC */
	CHECK_INT(settle(spool_refuse, 2, 2), 0);
	CHECK_INT(settle(spool_acknowledge, 5, 10), 0);
	CHECK_INT(append(n + 1, 1), 0);
	for (int round = 0; round < 2; round++, again()) {
		unsigned in_use = 0;
		static uint8_t buf[SEGMENT_BYTES];

		check_clean();
		CHECK_UINT(spool_unsent(s), n + 1 - 7);
		check_record(0, 1, 0);
		check_record(1, 3, 0);
		check_record(4, 11, 0);
		for (uint64_t seq = 11; seq <= n + 1; seq++)
			check_record(seq - 1, seq, 0);
		for (unsigned num = 1; num <= SEGMENTS; num++) {
			segment_get(num, buf);
			in_use += buf[0] != 0;
		}
		CHECK_UINT(in_use, 2);
	}
	CHECK_UINT(ranges_count(spool_settled(s, RANGE_REFUSED)), 1);
	/* again and again: more fits than lone records would */
	for (uint64_t seq = n + 2; seq <= 5 * n; seq++)
		CHECK_INT(append(seq, 1), 0);
	again();
	check_clean();
	CHECK_UINT(spool_unsent(s), 5 * n - 7);
	for (uint64_t seq = 11; seq <= 5 * n; seq++)
		check_record(seq - 1, seq, 0);
	stop();
}

/* --- every call -------------------------------------------------------------------------------- */

/* What was promised, in memory that the child shares. Each number is given at most once as durable. */
struct promise {
	volatile uint64_t tried; /* highest that was given to spool_append */
	volatile uint8_t durable[512], settling[512], settled[512];
};

/* A life with everything in it: lone and grouped commits, acknowledgements in and out of order,
 * packing, freeing, forgetting, opening again. Goes on over errors. */
static void live(struct promise *p)
{
	uint64_t seq = 1;

	for (int step = 0; step < 70; step++) {
		size_t count = step % 9 == 8 ? 3 : 1;

		for (size_t i = 0; i < count; i++)
			p->tried = seq + i;
		if (append(seq, count) == 0) {
			for (size_t i = 0; i < count; i++)
				p->durable[seq + i] = 1;
			seq += count;
		}
		if (step % 4 == 3) {
			uint64_t first =
				step % 8 == 7 ? seq / 3 + 1 : (uint64_t)step / 4 + 1;
			uint64_t last = step % 8 == 7 ? first + 1 : first;

			memset((void *)&p->settling[first], 1, last + 1 - first);
			if (settle(step % 16 == 15 ? spool_evict : spool_acknowledge,
				   first, last) == 0)
				memset((void *)&p->settled[first], 1, last + 1 - first);
		}
		if (step % 10 == 9)
			(void)spool_tidy(s);
		if (step == 60)
			(void)spool_forget(s);
		if (step == 45) {
			spool_close(s);
			s = NULL;
			if (spool_open(dir, &owner, &s))
				return;
		}
	}
}

/* exact: a power cut alone never makes damage. */
static void check_promises(const struct promise *p, bool exact)
{
	static uint8_t got[512];
	uint8_t buf[SEALED_BODY_MAX];
	struct queue_entry e;

	memset(got, 0, sizeof(got));
	for (uint64_t after = 0; spool_read_entry(s, after, buf, sizeof(buf), &e) == 1;) {
		CHECK(e.record.seq <= p->tried);
		check_record(after, e.record.seq, 0);
		after = e.record.seq;
		got[after] = 1;
	}
	for (uint64_t seq = 1; seq < sizeof(got); seq++) {
		if (p->durable[seq] && !p->settling[seq])
			CHECK(got[seq]);
		if (p->settled[seq])
			CHECK(!got[seq]);
		if (p->durable[seq])
			CHECK(spool_highest(s) >= seq);
	}
	CHECK_UINT(spool_notes_of(s)->lost, 0);
	CHECK_UINT(spool_notes_of(s)->broken_links, 0);
	if (exact) {
		CHECK_UINT(spool_notes_of(s)->damaged_bytes, 0);
		CHECK_UINT(spool_notes_of(s)->set_aside, 0);
		CHECK_UINT(spool_notes_of(s)->unusable, 0);
	}
}

static void go_on(bool exact)
{
	uint64_t next = spool_highest(s) + 1;

	CHECK_INT(append(next, 2), 0);
	again();
	if (exact)
		check_clean();
	check_record(next - 1, next, 0);
	check_record(next, next + 1, 0);
}

/* Returns false when the life ended before that call. */
static bool cut_at(struct promise *p, unsigned at, enum fault how)
{
	int status;
	pid_t child;

	memset((void *)p, 0, sizeof(*p));
	start();
	spool_close(s);
	s = NULL;
	child = fork();
	if (child == 0) {
		fault = how;
		fault_at = at;
		calls = 0;
		if (spool_open(dir, &owner, &s) == 0)
			live(p);
		spool_close(s);
		_exit(calls < at ? 3 : 0);
	}
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3);
	CHECK_INT(spool_prepare(dir, SEGMENTS, SEGMENT_BYTES), 0);
	CHECK_INT(spool_open(dir, &owner, &s), 0);
	check_promises(p, how != FAULT_EIO);
	go_on(how != FAULT_EIO);
	stop();
	return WEXITSTATUS(status) == 0;
}

static void every_call(enum fault how)
{
	struct promise *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned at = 1;

	CHECK(p != MAP_FAILED);
	while (cut_at(p, at, how))
		at++;
	CHECK(at > 100);
	munmap(p, sizeof(*p));
}

static void test_cut_at_each_call(void)
{
	every_call(FAULT_CUT);
}

static void test_torn_at_each_call(void)
{
	every_call(FAULT_TORN);
}

static void test_each_call_fails(void)
{
	every_call(FAULT_EIO);
}

/* A failed commit may be whole on the disk all the same: its numbers are there once. */
static void test_failed_sync(void)
{
	start();
	CHECK_INT(append(1, 3), 0);
	fault = FAULT_EIO;
	calls = 0;
	fault_at = 2; /* the write succeeds, the sync does not */
	CHECK_INT(append(4, 2), 0);
	fault = FAULT_NONE;
	CHECK_UINT(spool_notes_of(s)->set_aside, 1);
	CHECK(segment_exists(1, ".aside"));
	check_all(1, 5);
	CHECK_INT(append(6, 1), 0);
	again();
	check_all(1, 6);
	CHECK_UINT(spool_notes_of(s)->lost + spool_notes_of(s)->broken_links, 0);
	CHECK_INT(settle(spool_acknowledge, 1, 5), 0);
	while (spool_tidy(s) == 1)
		;
	CHECK(segment_exists(1, ".done"));
	again();
	check_all(6, 6);
	stop();
}

/* Every segment fails: -EIO, and what was durable can still be read. */
static void test_all_fail(void)
{
	start();
	CHECK_INT(append(1, 3), 0);
	for (int i = 0; i < SEGMENTS; i++) {
		fault = FAULT_EIO;
		calls = 0;
		fault_at = 1;
		(void)append(4, 1);
		fault = FAULT_NONE;
		if (spool_highest(s) == 4)
			break;
	}
	check_all(1, 4);
	for (uint64_t seq = 5; seq < 9; seq++) {
		int r;

		fault = FAULT_EIO;
		calls = 0;
		fault_at = 1;
		r = append(seq, 1);
		fault = FAULT_NONE;
		CHECK(r == 0 || r == -EIO || r == -ENOSPC);
		if (r)
			break;
	}
	CHECK_INT(append(spool_highest(s) + 1, 1), -ENOSPC);
	check_all(1, spool_highest(s));
	stop();
}

/* --- long ---------------------------------------------------------------------------------------- */

static void random_settle(bool *gone, uint64_t top)
{
	uint64_t first = 1 + test_random() % top, last = first + test_random() % 12;

	last = last > top ? top : last;
	if (test_random() % 3 == 0)
		first = 1; /* as a reply's contig */
	CHECK_INT(
		settle(test_random() % 4 ? spool_acknowledge : spool_evict, first, last),
		0);
	memset(gone + first, 1, last + 1 - first);
}

static void test_random_run(void)
{
	enum { N = 4000 };
	static bool gone[N + QUEUE_GROUP_MAX];
	uint64_t seq = 1;

	memset(gone, 0, sizeof(gone));
	start();
	while (seq < N) {
		size_t count = 1 + test_random() % (test_random() % 4 ? 2 : 8);
		uint64_t left = 0;
		int r = append(seq, count);

		CHECK(r == 0 || r == -ENOSPC);
		seq += r ? 0 : count;
		if (r || test_random() % 9 == 0)
			random_settle(gone, seq - 1);
		if (test_random() % 20 == 0)
			CHECK(spool_tidy(s) >= 0);
		if (test_random() % 50 == 0)
			again();
		if (test_random() % 300 == 0)
			CHECK_INT(spool_forget(s), 0);
		for (uint64_t i = 1; i < seq; i++)
			left += !gone[i];
		CHECK_UINT(spool_unsent(s), left);
		CHECK_UINT(spool_highest(s), seq - 1);
	}
	check_clean();
	for (uint64_t after = 0, i = 1; i < seq; i++)
		if (!gone[i]) {
			check_record(after, i, 0);
			after = i;
		}
	stop();
}

TEST_MAIN("spool", test_read_back, test_prepare, test_owner, test_mac,
	  test_order_of_numbers, test_settle, test_settle_long, test_refused_stays,
	  test_ranges_file_gone, test_torn, test_damaged_middle, test_damaged_elsewhere,
	  test_torn_header, test_rot, test_moved_commit, test_full, test_evict_around,
	  test_repack, test_cut_at_each_call, test_torn_at_each_call,
	  test_each_call_fails, test_failed_sync, test_all_fail, test_random_run)
