/*
 * test_seqblock.c - the file of reserved numbers, torn at every sector of either copy.
 */
#include "storage/seqblock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "storage/crc32.h"
#include "temp_dir.h"
#include "test.h"

static const uint8_t hub[HUB_ID_LEN] = { 9, 8, 7 };
static char dir[64], path[128];
static struct seqblock b;

static void start(void)
{
	temp_dir_make(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, SEQBLOCK_FILE);
	CHECK_INT(seqblock_open(dir, hub, 3, &b), -ENOENT);
	CHECK_UINT(b.end, 0);
}

static void get(uint8_t buf[static SEQBLOCK_COPIES * SEQBLOCK_BYTES])
{
	int fd = open(path, O_RDONLY);

	CHECK_INT(read(fd, buf, SEQBLOCK_COPIES * SEQBLOCK_BYTES),
		  SEQBLOCK_COPIES * SEQBLOCK_BYTES);
	close(fd);
}

static void put(const uint8_t *buf, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK_INT(write(fd, buf, len), len);
	close(fd);
}

static void test_blocks(void)
{
	struct stat st;

	start();
	CHECK_INT(seqblock_reserve(&b, 0), -ERANGE);
	CHECK_INT(seqblock_reserve(&b, INT64_MAX - SEQBLOCK_NUMBERS + 1), -ERANGE);
	CHECK_INT(seqblock_reserve(&b, 1), 0);
	CHECK_UINT(b.end, 256);
	CHECK_INT(stat(path, &st), 0);
	CHECK_UINT(st.st_size, 8192);
	CHECK_INT(st.st_mode & 0777, 0600);
	CHECK_INT(unlink(path), 0); /* to see when it is written */
	CHECK_INT(seqblock_reserve(&b, 256), 0);
	CHECK_INT(access(path, F_OK), -1);
	CHECK_INT(seqblock_reserve(&b, 257), 0); /* not in place: made anew */
	CHECK_UINT(b.end, 512);
	CHECK_INT(seqblock_open(dir, hub, 3, &b), 0);
	CHECK_UINT(b.end, 512);
	CHECK_UINT(b.copies, 2);
	CHECK_INT(seqblock_reserve(&b, 10000), 0);
	CHECK_INT(seqblock_open(dir, hub, 3, &b), 0);
	CHECK_UINT(b.end, 10255);
	CHECK_INT(seqblock_reserve(&b, INT64_MAX - SEQBLOCK_NUMBERS), 0);
	CHECK_INT(seqblock_open(dir, hub, 3, &b), 0);
	CHECK_UINT(b.end, INT64_MAX - 1);
	temp_dir_remove(dir);
}

static void test_owner(void)
{
	uint8_t other[HUB_ID_LEN] = { 1 };

	start();
	CHECK_INT(seqblock_reserve(&b, 1), 0);
	CHECK_INT(seqblock_open(dir, hub, 4, &b), -EACCES);
	CHECK_INT(seqblock_open(dir, other, 3, &b), -EACCES);
	CHECK_INT(seqblock_open(dir, hub, 3, &b), 0);
	CHECK_UINT(b.end, 256);
	temp_dir_remove(dir);
}

/* Every cut of a reservation from 256 to 512: what 'before' and 'after' differ in is on the disk up
 * to a sector, with zeros or junk in the sector that was being written. */
static void test_torn(void)
{
	uint8_t before[8192], after[8192], disk[8192];

	start();
	CHECK_INT(seqblock_reserve(&b, 1), 0);
	get(before);
	CHECK_INT(seqblock_reserve(&b, 257), 0);
	get(after);
	CHECK_MEM(after, after + SEQBLOCK_BYTES, SEQBLOCK_BYTES);
	for (size_t cut = 0; cut <= 8192; cut += 512)
		for (int mode = 0; mode < 3; mode++) {
			memcpy(disk, before, sizeof(disk));
			memcpy(disk, after, cut);
			if (mode && cut < 8192)
				memset(disk + cut, mode == 1 ? 0 : 0x5a, 512);
			put(disk, sizeof(disk));
			CHECK_INT(seqblock_open(dir, hub, 3, &b), 0);
			/* the first copy is synced before the second is begun */
			if (cut >= 4096)
				CHECK_UINT(b.end, 512);
			else
				CHECK(b.end == 256 || b.end == 512);
			/* whichever was taken stands in both before a number of it is given */
			CHECK_INT(seqblock_reserve(&b, b.end), 0);
			get(disk);
			CHECK_MEM(disk, disk + SEQBLOCK_BYTES, SEQBLOCK_BYTES);
			CHECK_INT(seqblock_open(dir, hub, 3, &b), 0);
			CHECK_UINT(b.copies, 2);
		}
	temp_dir_remove(dir);
}

static void test_rot(void)
{
	uint8_t good[8192], disk[8192];

	start();
	CHECK_INT(seqblock_reserve(&b, 300), 0);
	get(good);
	for (size_t i = 0; i < 8192; i += 37) {
		memcpy(disk, good, sizeof(disk));
		disk[i] ^= 0x10;
		put(disk, sizeof(disk));
		CHECK_INT(seqblock_open(dir, hub, 3, &b), 0);
		CHECK_UINT(b.end, 555);
		CHECK_UINT(b.copies, 1);
	}
	disk[0] ^= 1;
	disk[4096] ^= 1;
	put(disk, sizeof(disk));
	CHECK_INT(seqblock_open(dir, hub, 3, &b), -EBADMSG);
	CHECK_UINT(b.end, 0);
	put(good, 4096); /* one copy is there, the other missing */
	CHECK_INT(seqblock_open(dir, hub, 3, &b), 0);
	CHECK_UINT(b.end, 555);
	put(good, 4095);
	CHECK_INT(seqblock_open(dir, hub, 3, &b), -EBADMSG);
	CHECK_INT(seqblock_reserve(&b, 900), 0); /* the queue knew better */
	CHECK_INT(seqblock_open(dir, hub, 3, &b), 0);
	CHECK_UINT(b.end, 1155);
	CHECK_UINT(b.copies, 2);
	temp_dir_remove(dir);
}

static void test_version(void)
{
	uint8_t disk[8192];
	uint32_t crc;

	start();
	CHECK_INT(seqblock_reserve(&b, 1), 0);
	get(disk);
	disk[4]++;
	crc = crc32_of(disk, 4092);
	for (int i = 0; i < 4; i++)
		disk[4095 - i] = (uint8_t)(crc >> 8 * i);
	put(disk, sizeof(disk));
	CHECK_INT(seqblock_open(dir, hub, 3, &b), -ENOTSUP);
	temp_dir_remove(dir);
}

static void test_no_folder(void)
{
	start();
	temp_dir_remove(dir);
	CHECK(seqblock_reserve(&b, 1) < 0);
	CHECK_UINT(b.end, 0); /* nothing was promised */
}

TEST_MAIN("seqblock", test_blocks, test_owner, test_torn, test_rot, test_version,
	  test_no_folder)
