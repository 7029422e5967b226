/*
 * spool_file.c - names, blocks and zeros of segments, and making them; see spool.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/spool_inside.h"

static const uint8_t zeros[SPOOL_BLOCK];

void spool_path(const char *dir, unsigned num, const char *suffix,
		char ret[static SPOOL_PATH_BYTES])
{
	(void)snprintf(ret, SPOOL_PATH_BYTES, "%s/spool-%u%s", dir, num, suffix);
}

int spool_sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return errno == EACCES ? -EACCES : -EIO;
	r = fsync(fd) ? -EIO : 0;
	(void)close(fd);
	return r;
}

int spool_rename(const char *dir, unsigned num, const char *from, const char *to)
{
	char old[SPOOL_PATH_BYTES], new[SPOOL_PATH_BYTES];

	spool_path(dir, num, from, old);
	spool_path(dir, num, to, new);
	if (rename(old, new))
		return -EIO;
	return spool_sync_dir(dir) ? -EIO : 0;
}

int spool_write(int fd, uint32_t block, const uint8_t *buf, size_t len)
{
	off_t at = (off_t)block * SPOOL_BLOCK;

	while (len > 0) {
		ssize_t n = pwrite(fd, buf, len, at);

		if (n < 0 && (errno == ENOSPC || errno == EDQUOT))
			return -ENOSPC;
		if (n <= 0)
			return -EIO;
		buf += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int spool_load(int fd, uint32_t block, uint8_t *buf, size_t len)
{
	off_t at = (off_t)block * SPOOL_BLOCK;

	while (len > 0) {
		ssize_t n = pread(fd, buf, len, at);

		if (n <= 0)
			return -EIO;
		buf += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

bool spool_is_zero(const uint8_t *buf, size_t len)
{
	return len == 0 || (buf[0] == 0 && memcmp(buf, buf + 1, len - 1) == 0);
}

int spool_zero(int fd, uint32_t from, uint32_t to)
{
	uint8_t buf[SPOOL_BLOCK];
	int r = 0;

	for (uint32_t i = from; i < to && r == 0; i++)
		if (spool_load(fd, i, buf, sizeof(buf)) ||
		    !spool_is_zero(buf, sizeof(buf)))
			r = spool_write(fd, i, zeros, sizeof(buf));
	if (r)
		return r;
	return fdatasync(fd) ? -EIO : 0;
}

int spool_open_file(const char *dir, struct segment *seg, const char *suffix)
{
	char path[SPOOL_PATH_BYTES];
	struct stat st;
	int fd;

	spool_path(dir, seg->num, suffix, path);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -EIO;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    st.st_size < SPOOL_SEGMENT_BYTES_MIN ||
	    st.st_size > SPOOL_SEGMENT_BYTES_MAX) {
		(void)close(fd);
		return -EIO;
	}
	seg->commits = calloc((size_t)(st.st_size / SPOOL_BLOCK), sizeof(*seg->commits));
	if (!seg->commits) {
		(void)close(fd);
		return -ENOMEM;
	}
	seg->fd = fd;
	seg->blocks = (uint32_t)(st.st_size / SPOOL_BLOCK);
	seg->end = 1;
	seg->state = SEGMENT_UNUSABLE; /* until it was read */
	return 0;
}

static bool has_file(const char *dir, unsigned num, const char *suffix)
{
	char path[SPOOL_PATH_BYTES];

	spool_path(dir, num, suffix, path);
	return access(path, F_OK) == 0;
}

/* Zeros over the whole length, also where there were some: that is what gives it its place. Block by
 * block: the page cache keeps what was written at once together, and a later commit of one block
 * would count, and may be written, as all of it. */
static int fill(int fd, uint32_t bytes)
{
	uint32_t blocks = bytes / SPOOL_BLOCK;
	int r = 0;

	for (uint32_t i = 0; i < blocks && r == 0; i++)
		r = spool_write(fd, i, zeros, SPOOL_BLOCK);
	if (r == 0 && (ftruncate(fd, (off_t)bytes) || fsync(fd)))
		r = -EIO;
	return r;
}

static int make_segment(const char *dir, unsigned num, uint32_t bytes)
{
	char path[SPOOL_PATH_BYTES];
	int fd, r;

	spool_path(dir, num, SPOOL_IN_WORK, path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno == ENOSPC || errno == EDQUOT  ? -ENOSPC
		       : errno == EACCES || errno == EROFS ? -EACCES
							   : -EIO;
	r = fill(fd, bytes);
	if (close(fd) && r == 0)
		r = -EIO;
	return r ? r : spool_rename(dir, num, SPOOL_IN_WORK, "");
}

int spool_prepare(const char *dir, unsigned count, uint32_t bytes)
{
	unsigned good = 0;

	if (count < SPOOL_SEGMENTS_MIN || count > SPOOL_SEGMENTS_MAX ||
	    bytes % SPOOL_BLOCK || bytes < SPOOL_SEGMENT_BYTES_MIN ||
	    bytes > SPOOL_SEGMENT_BYTES_MAX || strlen(dir) >= SPOOL_DIR_BYTES)
		return -ERANGE;
	for (unsigned num = 1; num <= SPOOL_SEGMENTS_MAX && good < count; num++) {
		int r = 0;

		if (has_file(dir, num, SPOOL_ASIDE) || has_file(dir, num, SPOOL_DONE))
			continue; /* another one takes its place */
		if (!has_file(dir, num, ""))
			r = make_segment(dir, num, bytes);
		if (r)
			return r;
		good++;
	}
	return 0;
}
