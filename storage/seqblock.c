/*
 * seqblock.c - the file of reserved numbers; see seqblock.h.
 *
 * One copy is written and synced, then the other: a power cut tears one of them at most, and what
 * was torn had not been promised yet. What is read at the start is synced before it is said.
 */
#include "storage/seqblock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hub/core/cursor.h"
#include "hub/rt/file.h"
#include "storage/crc32.h"

enum {
	VERSION = 1,
	FILE_BYTES = SEQBLOCK_COPIES * SEQBLOCK_BYTES,
	CRC_AT = SEQBLOCK_BYTES - 4,
	PATH_BYTES = SEQBLOCK_DIR_BYTES + 8,
};

static const uint8_t magic[4] = { 'H', 'S', 'E', 'Q' };

static void encode(const struct seqblock *b, uint64_t end,
		   uint8_t buf[static SEQBLOCK_BYTES])
{
	struct writer w;

	memset(buf, 0, SEQBLOCK_BYTES);
	writer_init(&w, buf, CRC_AT);
	write_bytes(&w, magic, sizeof(magic));
	write_u8(&w, VERSION);
	write_bytes(&w, b->hub, HUB_ID_LEN);
	write_be32(&w, b->epoch);
	write_be64(&w, end);
	writer_init(&w, buf + CRC_AT, 4);
	write_be32(&w, crc32_of(buf, CRC_AT));
}

/* One copy. Returns 0 with *ret_end, -EBADMSG, -ENOTSUP or -EACCES. */
static int decode(const uint8_t *buf, const struct seqblock *b, uint64_t *ret_end)
{
	uint8_t got[sizeof(magic)], hub[HUB_ID_LEN], version;
	uint32_t epoch;
	uint64_t end;
	struct reader r;

	reader_init(&r, buf + CRC_AT, 4);
	if (read_be32(&r) != crc32_of(buf, CRC_AT))
		return -EBADMSG;
	reader_init(&r, buf, CRC_AT);
	read_bytes(&r, got, sizeof(got));
	version = read_u8(&r);
	read_bytes(&r, hub, sizeof(hub));
	epoch = read_be32(&r);
	end = read_be64(&r);
	if (memcmp(got, magic, sizeof(got)) != 0 || end > INT64_MAX)
		return -EBADMSG;
	if (version != VERSION)
		return -ENOTSUP;
	if (memcmp(hub, b->hub, HUB_ID_LEN) != 0 || epoch != b->epoch)
		return -EACCES;
	*ret_end = end;
	return 0;
}

int seqblock_open(const char *dir, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		  struct seqblock *ret)
{
	struct seqblock b = { .epoch = epoch };
	uint8_t buf[FILE_BYTES];
	int len;

	if (snprintf(b.dir, sizeof(b.dir), "%s", dir) >= (int)sizeof(b.dir))
		return -EIO;
	memcpy(b.hub, hub, HUB_ID_LEN);
	*ret = b;
	len = file_read(dir, SEQBLOCK_FILE, buf, sizeof(buf));
	if (len == -EMSGSIZE)
		return -EBADMSG;
	if (len < 0)
		return len;
	for (int i = 0; i < SEQBLOCK_COPIES && (i + 1) * SEQBLOCK_BYTES <= len; i++) {
		uint64_t end;
		int r = decode(buf + (size_t)i * SEQBLOCK_BYTES, &b, &end);

		if (r == -EBADMSG)
			continue;
		if (r)
			return r;
		/* one that is behind counts as bad: both must say what is used from now on */
		b.copies = end == b.end || !b.copies ? b.copies + 1 : 1;
		if (end > b.end)
			b.end = end;
	}
	if (b.copies == 0)
		return -EBADMSG;
	/* a kill may have left it in the page cache only; else the next reservation makes a new file */
	if (file_sync(dir, SEQBLOCK_FILE))
		b.copies = 0;
	*ret = b;
	return 0;
}

static int write_copy(int fd, int copy, const uint8_t buf[static SEQBLOCK_BYTES])
{
	size_t done = 0;

	while (done < SEQBLOCK_BYTES) {
		ssize_t n = pwrite(fd, buf + done, SEQBLOCK_BYTES - done,
				   (off_t)copy * SEQBLOCK_BYTES + (off_t)done);

		if (n <= 0)
			return -EIO;
		done += (size_t)n;
	}
	return fdatasync(fd) ? -EIO : 0;
}

/* Both copies in place. What is in the file must be whole already. */
static int write_in_place(const struct seqblock *b,
			  const uint8_t buf[static SEQBLOCK_BYTES])
{
	char path[PATH_BYTES];
	int fd, r = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", b->dir, SEQBLOCK_FILE);
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -EIO;
	for (int i = 0; i < SEQBLOCK_COPIES && r == 0; i++)
		r = write_copy(fd, i, buf);
	if (close(fd) && r == 0)
		r = -EIO;
	return r;
}

int seqblock_reserve(struct seqblock *b, uint64_t seq)
{
	uint8_t buf[FILE_BYTES];
	uint64_t end = seq > b->end ? seq + SEQBLOCK_NUMBERS - 1 : b->end;
	int r = -EIO;

	if (seq == 0 || seq > INT64_MAX - SEQBLOCK_NUMBERS)
		return -ERANGE;
	if (end == b->end && b->copies == SEQBLOCK_COPIES)
		return 0;
	encode(b, end, buf);
	if (b->copies == SEQBLOCK_COPIES)
		r = write_in_place(b, buf);
	if (r) {
		/* the first one, a damaged one, or one whose sync failed: that file is not used again */
		b->copies = 0;
		memcpy(buf + SEQBLOCK_BYTES, buf, SEQBLOCK_BYTES);
		r = file_replace(b->dir, SEQBLOCK_FILE, buf, sizeof(buf));
	}
	if (r)
		return r;
	b->copies = SEQBLOCK_COPIES;
	b->end = end;
	return 0;
}
