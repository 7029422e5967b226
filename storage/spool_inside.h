#pragma once

/*
 * spool_inside.h - what spool*.c share and nobody else sees.
 */
#include "storage/ranges_file.h"
#include "storage/spool.h"
#include "storage/window.h"

enum { SPOOL_DIR_BYTES = 1024, SPOOL_PATH_BYTES = SPOOL_DIR_BYTES + 32 };

#define SPOOL_IN_WORK ".free"
#define SPOOL_ASIDE ".aside"
#define SPOOL_DONE ".done"

enum segment_state {
	SEGMENT_NONE = 0,
	SEGMENT_FREE,
	SEGMENT_USED,
	SEGMENT_ASIDE,
	SEGMENT_UNUSABLE, /* until the next start */
};

/* Where a commit lies. */
struct commit_ref {
	uint64_t first, last; /* seq; between them there may be gaps */
	uint32_t block;
	uint32_t bytes;	 /* whole blocks */
	uint8_t classes; /* bit: enum record_class */
};

struct segment {
	enum segment_state state;
	unsigned num; /* in its name */
	int fd;
	uint32_t blocks, end; /* of the file; first one behind the last commit */
	struct spool_header header;
	struct commit_ref *commits; /* ascending; place for one per block */
	size_t commit_count;
};

struct spool {
	char dir[SPOOL_DIR_BYTES];
	struct spool_owner owner;
	struct spool_mac mac;
	struct spool_notes notes;
	struct segment segments[SPOOL_SEGMENTS_MAX];
	struct segment *order[SPOOL_SEGMENTS_MAX]; /* used and set aside, by serial */
	size_t order_count;
	struct segment *open; /* the last one in order, appended to; or NULL */
	uint32_t next_serial;
	uint8_t prev[SPOOL_HASH_LEN]; /* of the last record */
	uint64_t highest;
	struct ranges unsent, lost, settled[RANGE_KINDS];
	struct ranges_file file;
	struct window window;
	/* the commit in 'loaded' */
	const struct segment *loaded_segment;
	uint32_t loaded_block;
	uint8_t loaded[SPOOL_COMMIT_MAX];
	uint8_t draft[SPOOL_COMMIT_MAX]; /* a commit that is being made */
	/* what the sets will be if the disk takes it */
	struct ranges trial_set, trial_unsent;
	struct seq_range places[RANGE_KINDS + 4][SPOOL_RANGES_MAX];
};

/* --- spool_file.c: files and blocks -------------------------------------------------- */

void spool_path(const char *dir, unsigned num, const char *suffix,
		char ret[static SPOOL_PATH_BYTES]);
int spool_sync_dir(const char *dir);
/* The file of seg->num with this suffix into seg. Returns 0, -ENOENT, -EIO (also: no segment) or -ENOMEM. */
int spool_open_file(const char *dir, struct segment *seg, const char *suffix);
/* Durable on return. Returns 0 or -EIO. */
int spool_rename(const char *dir, unsigned num, const char *from, const char *to);
/* Whole blocks, not yet durable. Return 0, -ENOSPC (write) or -EIO. */
int spool_write(int fd, uint32_t block, const uint8_t *buf, size_t len);
int spool_load(int fd, uint32_t block, uint8_t *buf, size_t len);
bool spool_is_zero(const uint8_t *buf, size_t len);
/* Zeros where there are others, durable; a block that does not read is written too. */
int spool_zero(int fd, uint32_t from, uint32_t to);

/* --- spool.c -------------------------------------------------------------------------- */

/* The commit, checked. Returns 0, -EBADMSG or -EIO. */
int spool_load_commit(struct spool *s, const struct segment *seg,
		      const struct commit_ref *ref, struct spool_commit *ret);
/* A commit that was good does not read any more: its records are lost, its segment is set aside. */
void spool_lose_commit(struct spool *s, struct segment *seg,
		       const struct commit_ref *ref);
void spool_set_aside(struct spool *s, struct segment *seg);
/* Numbers that are unsent in this range are lost. */
void spool_lose_range(struct spool *s, struct seq_range g);
/* Must this record stay on the disk? */
bool spool_holds(const struct spool *s, uint64_t seq);
/* Seqs and classes of a commit's records. Returns 0, or -EBADMSG: one is not what it should be.
 * above: each seq must be greater, and greater than the one before. */
int spool_survey(const struct spool *s, const struct spool_commit *c, uint64_t above,
		 struct commit_ref *ret);

/* --- spool_tidy.c --------------------------------------------------------------------- */

/* s->open has room for so many blocks, or there is a new one that begins with 'seq'.
 * Returns 0, -ENOSPC or -EIO. */
int spool_make_room(struct spool *s, uint32_t blocks, uint64_t seq);
/* To zeros again; it is in no list. */
int spool_free_segment(struct spool *s, struct segment *seg);
