/*
 * file.c - small durable files; see file.h.
 */
#include "hub/rt/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NAME_BYTES = 64 };

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define AUTO_FD __attribute__((cleanup(close_fd))) int

static int from_errno(int e)
{
	switch (e) {
	case ENOENT: return -ENOENT;
	case ENOSPC:
	case EDQUOT: return -ENOSPC;
	case EACCES:
	case EPERM:
	case EROFS: return -EACCES;
	}
	return -EIO;
}

static int open_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 ? fd : errno == EACCES ? -EACCES : -EIO;
}

int file_read(const char *dir, const char *name, uint8_t *buf, size_t cap)
{
	AUTO_FD at = open_dir(dir);
	AUTO_FD fd = at < 0 ? -1 : openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t len = 0;
	uint8_t more;

	if (at < 0)
		return at;
	if (fd < 0)
		return from_errno(errno);
	while (len < cap) {
		ssize_t n = read(fd, buf + len, cap - len);

		if (n < 0)
			return -EIO;
		if (n == 0)
			return (int)len;
		len += (size_t)n;
	}
	return read(fd, &more, 1) == 0 ? (int)len : -EMSGSIZE;
}

static int write_all(int fd, const uint8_t *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, buf, len);

		if (n < 0)
			return from_errno(errno);
		buf += n;
		len -= (size_t)n;
	}
	return fsync(fd) ? -EIO : 0;
}

int file_replace(const char *dir, const char *name, const uint8_t *buf, size_t len)
{
	char temp[NAME_BYTES];
	AUTO_FD at = open_dir(dir);
	AUTO_FD fd = -1;
	int r;

	if (at < 0)
		return at;
	(void)snprintf(temp, sizeof(temp), "%s.new", name);
	fd = openat(at, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return from_errno(errno);
	r = write_all(fd, buf, len);
	if (r == 0 && renameat(at, temp, at, name))
		r = from_errno(errno);
	if (r == 0 && fsync(at))
		r = -EIO;
	if (r)
		/* the next replacement overwrites it anyway */
		(void)unlinkat(at, temp, 0);
	return r;
}

int file_remove(const char *dir, const char *name)
{
	AUTO_FD at = open_dir(dir);

	if (at < 0)
		return at;
	if (unlinkat(at, name, 0) && errno != ENOENT)
		return -EIO;
	return fsync(at) ? -EIO : 0;
}

bool file_exists(const char *dir, const char *name)
{
	AUTO_FD at = open_dir(dir);

	return at >= 0 && faccessat(at, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void *file_share(const char *dir, const char *name, size_t size, int *ret_error)
{
	AUTO_FD at = open_dir(dir);
	AUTO_FD fd = at < 0 ? -1
			    : openat(at, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
				     0600);
	void *p;

	*ret_error = at < 0 ? at : fd < 0 ? from_errno(errno) : 0;
	if (*ret_error)
		return NULL;
	/* allocated, so that a full disk is found here and not as a signal later */
	if (ftruncate(fd, (off_t)size) || posix_fallocate(fd, 0, (off_t)size)) {
		*ret_error = -ENOSPC;
		return NULL;
	}
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	*ret_error = p == MAP_FAILED ? from_errno(errno) : 0;
	return *ret_error ? NULL : p;
}
