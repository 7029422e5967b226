#pragma once

/*
 * audit_files.h - the folder of the audit log: which files there are, and how one becomes another.
 *
 *   audit-N         segment N of the log, the highest is written
 *   audit-N.aside   segment N, set aside because of a fault; never written, never deleted
 *   audit-spare-K   written once and free: becomes the next segment
 *   audit-new       a spare that is being made
 *
 * Every step is one rename made durable, so that after a power cut each file is one of these as a whole. Segments and
 * spares together are never more than the quota; they are made at the first start, so that a full disk cannot stop the log.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/crypto/audit_segment.h"

enum { AUDIT_SEGMENTS_MAX = 512 };

struct audit_file {
	uint32_t segment;
	bool aside;
	bool readable;	/* its header is whole */
	uint64_t first; /* number of its first record, if readable */
};

/* Fields may be read. */
struct audit_files {
	int dir; /* owned */
	size_t bytes;
	unsigned quota;
	uint64_t keep_free; /* octets of the disk that spares leave to others */
	unsigned spares;
	unsigned failures; /* spares that could not be written */
	size_t count;
	struct audit_file file[AUDIT_SEGMENTS_MAX]; /* ascending segment */
};

/* audit_files_open - what is in the folder. Returns 0, -EACCES, -ENOENT, -ENOSPC (more files than the table holds), -EIO. */
int audit_files_open(struct audit_files *f, const char *dir, size_t bytes, unsigned quota,
		     uint64_t keep_free);
void audit_files_close(struct audit_files *f);

/* audit_files_reserve - make spares up to the quota, at most max now. Returns 0, or -ENOSPC, -EIO with as many as there was
 * space for. */
int audit_files_reserve(struct audit_files *f, unsigned max);
/* Are there as many files as the quota says? */
bool audit_files_complete(const struct audit_files *f);

/* audit_files_read - a whole file into buf, AUDIT_SEGMENT_MAX octets. Returns its length, -EMSGSIZE or -EIO. */
int audit_files_read(const struct audit_files *f, const struct audit_file *file,
		     uint8_t *buf);

/* audit_files_continue - opens a segment to write on; what it holds is durable on return. Returns a descriptor or -EIO. */
int audit_files_continue(const struct audit_files *f, const struct audit_file *file);

/*
 * audit_files_begin - a spare becomes the segment of this header, durably.
 *
 * page0   from audit_page0_encode of h
 *
 * Returns a descriptor, -ENOSPC (no spare) or -EIO.
 */
int audit_files_begin(struct audit_files *f, const struct audit_header *h,
		      const uint8_t page0[static AUDIT_PAGE]);

/* The number for the next segment: above every file's, and above 'before'. */
uint32_t audit_files_next(const struct audit_files *f, uint32_t before);

/* audit_files_aside - segment to segment.aside. Returns 0, -ENOENT or -EIO. */
int audit_files_aside(struct audit_files *f, uint32_t segment);
/* audit_files_give_up - an old segment becomes a spare. Returns 0, -ENOENT or -EIO. */
int audit_files_give_up(struct audit_files *f, uint32_t segment);
