/*
 * writes.c - the log of dm-log-writes; see writes.h. All numbers are little-endian:
 *
 *   sector 0       magic u64 | version u64 (1) | entries u64 | sector size u32
 *   each entry     one sector: sector u64 | sectors u64 | flags u64 | bytes of data u64, with the data of a mark
 *                  behind it; then the sectors written, but for a discard
 */
#include "tests/block/writes.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x6a736677736872)

enum {
	VERSION = 1,
	HEADER = 32,
	ENTRIES_MAX = 1 << 20,
	SECTOR_MIN = 512,
	SECTOR_MAX = 4096
};

static uint64_t number(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static int read_at(int fd, uint64_t at, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, (off_t)at);

		if (n <= 0)
			return -EIO;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_entry(const struct writes *l, uint64_t at, uint64_t sector, uint64_t disk,
		      struct write_entry *ret)
{
	uint8_t h[HEADER];
	uint64_t flags, mark_len;

	if (read_at(l->fd, at, h, sizeof(h)))
		return -EIO;
	flags = number(h + 16);
	mark_len = number(h + 24);
	if (flags > WRITE_FLAGS_KNOWN || mark_len > WRITE_MARK_MAX)
		return -EBADMSG;
	if (number(h) > disk / sector || number(h + 8) > disk / sector - number(h))
		return -ERANGE;
	*ret = (struct write_entry){ .to = number(h) * sector,
				     .len = number(h + 8) * sector,
				     .flags = (uint32_t)flags,
				     .mark_len = (uint32_t)mark_len,
				     .at = at + (flags & WRITE_MARK ? HEADER : sector) };
	return 0;
}

static int read_all(struct writes *l, uint64_t disk)
{
	uint8_t head[28];
	uint64_t at, sector;
	uint32_t size;

	if (read_at(l->fd, 0, head, sizeof(head)))
		return -EIO;
	memcpy(&size, head + 24, sizeof(size));
	sector = le32toh(size);
	if (number(head) != MAGIC || number(head + 8) != VERSION || sector < SECTOR_MIN ||
	    sector > SECTOR_MAX || number(head + 16) > ENTRIES_MAX)
		return -EBADMSG;
	l->count = number(head + 16);
	l->entries = calloc(l->count + 1, sizeof(*l->entries));
	if (!l->entries)
		return -ENOMEM;
	at = sector;
	for (size_t i = 0; i < l->count; i++) {
		struct write_entry *e = &l->entries[i];
		int r = read_entry(l, at, sector, disk, e);

		if (r)
			return r;
		at += sector + (e->flags & (WRITE_MARK | WRITE_DISCARD) ? 0 : e->len);
	}
	return 0;
}

int writes_open(const char *path, uint64_t disk, struct writes *ret)
{
	struct writes l = { .fd = open(path, O_RDONLY | O_CLOEXEC) };
	int r = l.fd < 0 ? -EIO : read_all(&l, disk);

	if (r) {
		writes_close(&l);
		return r;
	}
	*ret = l;
	return 0;
}

void writes_close(struct writes *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->entries);
	*l = (struct writes){ .fd = -1 };
}

int writes_read(const struct writes *l, const struct write_entry *e, void *ret)
{
	return read_at(l->fd, e->at, ret, e->flags & WRITE_MARK ? e->mark_len : e->len);
}
