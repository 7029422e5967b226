#pragma once

/*
 * ranges_file.h - settled sequence numbers on the disk, while the queue cannot take them: blocks of
 * ranges.h, appended one per settlement, and written densely when there are too many.
 *
 * Invariant: ranges_file_append or ranges_file_rewrite has returned 0  =>  the ranges survive a
 * power cut at any later moment.
 *
 * The sets are an array of RANGE_KINDS, indexed by kind; place 0 is not used.
 */
#include "storage/ranges.h"

enum {
	RANGES_FILE_BLOCKS_MAX = 64, /* then it is to be rewritten */
	RANGES_FILE_DIR_BYTES = 1024,
};

#define RANGES_FILE "spool-ranges"

/* Fields are private. */
struct ranges_file {
	int fd; /* -1: none; the next writing makes a new file */
	char dir[RANGES_FILE_DIR_BYTES];
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint32_t blocks;
};

struct ranges_file_notes {
	uint64_t cut_bytes;	/* a torn tail, cut */
	uint64_t damaged_bytes; /* blocks before the tail that do not read */
};

/*
 * ranges_file_open - read all of it into the sets.
 *
 * Returns 0, also if there is no file yet, or
 *   -EACCES   it belongs to another hub identity or epoch; nothing was changed
 *   -ENOTSUP  a newer version wrote it
 *   -ENOSPC   a set is too small
 *   -EIO
 * To be closed also after an error.
 */
int ranges_file_open(struct ranges_file *f, const char *dir,
		     const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		     struct ranges sets[static RANGE_KINDS],
		     struct ranges_file_notes *ret_notes);
void ranges_file_close(struct ranges_file *f);

/*
 * ranges_file_append - one block, at most RANGES_ITEMS_MAX items.
 *
 * Returns 0, -EAGAIN (there is no file, or it is full: rewrite), -ENOSPC, or -EIO: this file is not
 * written any more, rewrite makes a new one.
 */
int ranges_file_append(struct ranges_file *f, const struct ranges_item *items,
		       size_t count);

/* ranges_file_rewrite - a new file that holds exactly these sets.
 * Returns 0, -ENOSPC, -EACCES, -EIO or -ENOMEM. */
int ranges_file_rewrite(struct ranges_file *f,
			const struct ranges sets[static RANGE_KINDS]);
