/*
 * file.c - small durable files; see file.h.
 */
#include "hub/rt/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 64 };

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define AUTO_FD __attribute__((cleanup(close_fd))) int

int file_error(int e)
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

int file_write_at(int fd, const uint8_t *buf, size_t len, size_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, buf, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? file_error(errno) : -EIO;
		buf += n;
		at += (size_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int file_read_all(int fd, uint8_t *buf, size_t cap)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n = pread(fd, buf + len, cap - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -EIO;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (int)len;
}

int file_read(const char *dir, const char *name, uint8_t *buf, size_t cap)
{
	AUTO_FD at = open_dir(dir);
	AUTO_FD fd = at < 0 ? -1 : openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t more;
	int n;

	if (at < 0)
		return at;
	if (fd < 0)
		return file_error(errno);
	n = file_read_all(fd, buf, cap);
	if (n < 0 || (size_t)n < cap)
		return n;
	return pread(fd, &more, 1, n) == 0 ? n : -EMSGSIZE;
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
		return file_error(errno);
	r = file_write_at(fd, buf, len, 0);
	if (r == 0 && fsync(fd))
		r = -EIO;
	if (r == 0 && renameat(at, temp, at, name))
		r = file_error(errno);
	if (r == 0 && fsync(at))
		r = -EIO;
	if (r)
		/* the next replacement overwrites it anyway */
		(void)unlinkat(at, temp, 0);
	return r;
}

int file_rename(const char *dir, const char *from, const char *to)
{
	AUTO_FD at = open_dir(dir);

	if (at < 0)
		return at;
	if (renameat(at, from, at, to))
		return file_error(errno);
	return fsync(at) ? -EIO : 0;
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

static int overwrite(int fd)
{
	static const uint8_t zeros[4096];
	struct stat st;
	off_t done = 0;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return -EIO;
	while (done < st.st_size) {
		size_t n = (size_t)(st.st_size - done);
		int r;

		n = n < sizeof(zeros) ? n : sizeof(zeros);
		r = file_write_at(fd, zeros, n, (size_t)done);
		if (r)
			return r;
		done += (off_t)n;
	}
	return fsync(fd) ? -EIO : 0;
}

int file_erase(const char *dir, const char *name)
{
	AUTO_FD at = open_dir(dir);
	AUTO_FD fd = at < 0 ? -1 : openat(at, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	int r;

	if (at < 0)
		return at;
	if (fd < 0)
		return errno == ENOENT ? 0 : file_error(errno);
	r = overwrite(fd);
	return r ? r : file_remove(dir, name);
}

int file_sync(const char *dir, const char *name)
{
	AUTO_FD at = open_dir(dir);
	AUTO_FD fd = at < 0 ? -1 : openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (at < 0)
		return at;
	if (fd < 0)
		return file_error(errno);
	return fsync(fd) || fsync(at) ? -EIO : 0;
}

/* Without a descriptor, of which there may be none left. Returns 1, 0 or -EIO. */
static int look(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -EIO;
	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : -EIO;
}

bool file_exists(const char *dir, const char *name)
{
	return look(dir, name) == 1;
}

bool file_is_gone(const char *dir, const char *name)
{
	return look(dir, name) == 0;
}

static bool is_like(const char *name, const char *begin, const char *end)
{
	size_t len = strlen(name), b = strlen(begin), e = strlen(end);

	return len >= b + e && strncmp(name, begin, b) == 0 &&
	       strcmp(name + len - e, end) == 0;
}

bool file_exists_like(const char *dir, const char *begin, const char *end)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	bool found = false;

	if (!d)
		return true;
	while (!found && (e = readdir(d)))
		found = is_like(e->d_name, begin, end);
	closedir(d);
	return found;
}

void *file_share(const char *dir, const char *name, size_t size, int *ret_error)
{
	AUTO_FD at = open_dir(dir);
	AUTO_FD fd = at < 0 ? -1
			    : openat(at, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
				     0600);
	void *p;

	*ret_error = at < 0 ? at : fd < 0 ? file_error(errno) : 0;
	if (*ret_error)
		return NULL;
	/* allocated, so that a full disk is found here and not as a signal later */
	if (ftruncate(fd, (off_t)size) || posix_fallocate(fd, 0, (off_t)size)) {
		*ret_error = -ENOSPC;
		return NULL;
	}
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	*ret_error = p == MAP_FAILED ? file_error(errno) : 0;
	return *ret_error ? NULL : p;
}
