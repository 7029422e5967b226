/*
 * recover_spool.c - reads the spool of a dead hub; see recover.h. Its bytes are those of storage/spool_format.h.
 *
 * Every block is looked at, also behind one that is damaged: a commit is bound to hub, enrolment and place by its digest,
 * so nothing else can pass for one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clinic/recover.h"
#include "storage/spool_format.h"

enum { PATH_BYTES = 1024 };

static int open_segment(const char *dir, const char *name, int *ret)
{
	char path[PATH_BYTES];
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -ENOENT;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : errno == EACCES ? -EACCES : -EIO;
	*ret = fd;
	return 0;
}

/* Returns the bytes read: less than len at the end of the file. */
static int read_at(int fd, uint32_t block, uint8_t *buf, size_t len)
{
	off_t at = (off_t)block * SPOOL_BLOCK;
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, buf + got, len - got, at + (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -EIO;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (int)got;
}

static bool is_empty(const uint8_t *buf)
{
	static const uint8_t zeros[SPOOL_BLOCK];

	return memcmp(buf, zeros, SPOOL_BLOCK) == 0;
}

static int give(const struct spool_owner *owner, const struct spool_commit *c,
		store_record_fn *fn, void *arg, struct recover_segment *ret)
{
	struct spool_record rec;
	size_t at = 0;
	int r, err = 0;

	while (err == 0 && (r = spool_commit_next(c, &at, &rec)) == 1) {
		struct sealed s = { .epoch = rec.epoch, .record = rec.entry.record };

		memcpy(s.hub, owner->hub, HUB_ID_LEN);
		ret->records++;
		if (fn)
			err = fn(arg, &s);
	}
	if (err == 0 && r < 0)
		ret->damaged++; /* whole, and yet not ours to read: a newer form */
	return err;
}

/* The commit that begins at this block, if there is one. Returns how many blocks it was, 0 at the end, or an error. */
static int look_at(int fd, uint32_t block, const struct spool_owner *owner,
		   store_record_fn *fn, void *arg, uint8_t *buf,
		   struct recover_segment *ret)
{
	struct spool_commit c;
	int n = read_at(fd, block, buf, SPOOL_BLOCK), size, r;

	if (n < 0)
		return n;
	if (n < SPOOL_BLOCK)
		return 0;
	if (is_empty(buf))
		return 1;
	size = spool_commit_size(buf);
	if (size > SPOOL_BLOCK)
		n = read_at(fd, block, buf, (size_t)size);
	if (n < 0)
		return n;
	if (size < 0 || n < size ||
	    spool_commit_decode(buf, (size_t)size, owner, block, crypto_sha256, &c)) {
		ret->damaged++;
		return 1;
	}
	r = give(owner, &c, fn, arg, ret);
	return r ? r : size / SPOOL_BLOCK;
}

static int read_head(int fd, struct spool_owner *ret, struct recover_segment *count)
{
	uint8_t buf[SPOOL_BLOCK];
	struct spool_header h;
	int n = read_at(fd, 0, buf, sizeof(buf));

	if (n < 0)
		return n;
	if (n == SPOOL_BLOCK && spool_header_decode(buf, crypto_sha256, &h) == 0) {
		*ret = h.owner;
		return 0;
	}
	if (n < SPOOL_BLOCK || !is_empty(buf))
		count->damaged++;
	return -EBADMSG;
}

int recover_spool_owner(const char *dir, const char *name, struct recover_owner *ret)
{
	struct recover_segment count = { 0 };
	struct spool_owner o;
	int fd = -1, r = open_segment(dir, name, &fd);

	if (r)
		return r;
	r = read_head(fd, &o, &count);
	(void)close(fd);
	if (r)
		return r;
	memcpy(ret->hub, o.hub, HUB_ID_LEN);
	ret->epoch = o.epoch;
	return 0;
}

int recover_spool(const char *dir, const char *name, const struct recover_owner *owner,
		  store_record_fn *fn, void *arg, struct recover_segment *ret)
{
	struct spool_owner o = { .epoch = owner->epoch }, named;
	struct recover_segment count = { 0 };
	uint32_t block = 1;
	int fd = -1, r = open_segment(dir, name, &fd);
	uint8_t *buf;

	if (r)
		return r;
	buf = malloc(SPOOL_COMMIT_MAX);
	memcpy(o.hub, owner->hub, HUB_ID_LEN);
	r = buf ? read_head(fd, &named, &count) : -ENOMEM;
	if (r == 0 &&
	    (memcmp(named.hub, o.hub, HUB_ID_LEN) != 0 || named.epoch != o.epoch))
		r = -EPROTO;
	if (r == -EBADMSG)
		r = 0; /* its commits say whose they are */
	while (r == 0) {
		r = look_at(fd, block, &o, fn, arg, buf, &count);
		if (r <= 0)
			break;
		block += (uint32_t)r;
		r = 0;
	}
	free(buf);
	(void)close(fd);
	if (r == 0)
		*ret = count;
	return r;
}
