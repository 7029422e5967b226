#pragma once

/*
 * writes.h - reads what the kernel's dm-log-writes has recorded: every write to a disk, in the order in which it became
 * durable, with flushes and marks.
 *
 * A write is in the log when it had ended and, unless it was FUA, when the next flush began. So what stands before
 * a flush is on the disk when that flush has ended; what stands between two flushes may be there or not.
 *
 * Source: Linux, Documentation/admin-guide/device-mapper/log-writes.rst; drivers/md/dm-log-writes.c.
 */
#include <stddef.h>
#include <stdint.h>

enum write_flag {
	WRITE_FLUSH =
		1 << 0, /* what stands before it is durable; its own bytes are not yet */
	WRITE_FUA = 1 << 1, /* its own bytes are durable */
	WRITE_DISCARD = 1 << 2,
	WRITE_MARK = 1 << 3,
	WRITE_FLAGS_KNOWN =
		(1 << 5) - 1, /* and 'metadata', which says nothing about order */
};

enum { WRITE_MARK_MAX = 480 };

struct write_entry {
	uint64_t to, len; /* place on the disk, in bytes */
	uint32_t flags;
	uint32_t mark_len;
	uint64_t at; /* where its bytes are in the log's file */
};

struct writes {
	int fd;
	size_t count;
	struct write_entry *entries;
};

/*
 * writes_open - the index of all entries.
 *
 * disk   bytes of the disk; an entry beyond it is refused
 *
 * Returns 0, -EIO, -ENOMEM, -EBADMSG (no log, or an entry that cannot be), -ERANGE (beyond the disk).
 */
int writes_open(const char *path, uint64_t disk, struct writes *ret);
void writes_close(struct writes *l);

/* writes_read - an entry's bytes, e->len of them, or e->mark_len of a mark. Returns 0 or -EIO. */
int writes_read(const struct writes *l, const struct write_entry *e, void *ret);
