#pragma once

/*
 * audit_tail.h - the growing end of the audit log: frames that wait, and the slots and pages they go to.
 *
 * Invariant: between two calls the file holds everything up to 'durable' for good, whatever happens to later writes
 * (audit_segment.h says how).
 */
#include <stdbool.h>

#include "hub/crypto/audit_segment.h"

enum { AUDIT_TAIL_MAX = 3 * AUDIT_PAGE };

/* Fields are private to storage/audit*.c. */
struct audit_tail {
	int fd; /* the current segment, -1: none; owned */
	uint32_t segment;
	uint32_t pages; /* of the stream that fit in the file */
	unsigned slot;	/* to be written next */
	uint64_t generation;
	uint32_t page;	/* of the stream, where buf begins */
	size_t len;	/* octets in buf */
	size_t durable; /* of them on the disk for good */
	uint8_t buf[AUDIT_TAIL_MAX];
	uint8_t image[AUDIT_SLOT_LEN];
};

void audit_tail_init(struct audit_tail *t);
/* audit_tail_begin - a new segment; what was not durable moves to its beginning. Takes fd, closes the one before. */
void audit_tail_begin(struct audit_tail *t, int fd, const struct audit_header *h);
/* audit_tail_resume - an old segment, after its last frame. stream: as audit_segment_read found it. Takes fd. */
void audit_tail_resume(struct audit_tail *t, int fd, const struct audit_found *f,
		       const uint8_t *stream);
void audit_tail_close(struct audit_tail *t);

/* Is there room for so many octets in the segment? */
bool audit_tail_fits(const struct audit_tail *t, size_t len);
/* Is there room for so many octets in memory? */
bool audit_tail_holds(const struct audit_tail *t, size_t len);
/* audit_tail_put - one frame; both of the above must be true. */
void audit_tail_put(struct audit_tail *t, const uint8_t *frame, size_t len);
/* audit_tail_sync - make all durable. Returns 0, or -EIO: nothing is known about this file any more, leave it. */
int audit_tail_sync(struct audit_tail *t);
bool audit_tail_pending(const struct audit_tail *t);
