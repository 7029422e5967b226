#pragma once

/*
 * disk.h - what may lie on the disk after a power cut: a log replayed up to a point, and one of the states that are
 * legal there.
 *
 * What is taken for granted
 *   1. What a successful fsync or fdatasync covered is there: bytes and size. Nothing else is certain.
 *   2. Writes and sizes that were not synced may each be there or not, in any order, whole or by sector; a sector
 *      being written may turn to garbage, also the bytes beside the write.
 *   3. Names (create, rename, unlink) are durable after the sync of their folder. Before it: STRICT, any of them;
 *      ORDERED, the first few, and a sync of any file brings all earlier ones along (ext4, one journal).
 *   4. A rename is there or not, never half.
 *   5. After a sync that failed the program reads what it wrote, but it is not on the disk, and no later sync brings
 *      it there, unless the same page of 4,096 bytes is written again. The size is.
 */
#include "tests/explore/dice.h"
#include "tests/explore/record.h"

enum disk_rule { RULE_STRICT = 0, RULE_ORDERED, RULES };
extern const char *const disk_rule_name[RULES];

enum disk_kind {
	KIND_DROP = 0, /* nothing that was not synced */
	KIND_KEEP,     /* all of it: the program was killed, not the power */
	KIND_PREFIX,   /* of each file the first few */
	KIND_WRITES,   /* some of the writes */
	KIND_SECTORS,  /* some of the sectors */
	KIND_NEWEST,   /* only the last of each file */
	KIND_TORN,     /* some of the sectors, and some turned to garbage */
	KIND_NAMES,    /* all names, no bytes */
	KIND_SIZES,    /* all names and sizes, where bytes should be: zeros */
	KIND_SHORT,    /* all bytes, but files as long as they last were for certain */
	KINDS
};
extern const char *const disk_kind_name[KINDS];

struct disk_cut {
	enum disk_kind kind;
	enum disk_rule rule;
	unsigned sector; /* 512 or 4096 */
	uint64_t dice;	 /* seed of what is left to chance */
};

struct disk;

/* disk_new - the log is borrowed and must not change. */
struct disk *disk_new(const struct log *l, enum disk_rule rule);
void disk_free(struct disk *d);

/* disk_advance - replays up to, not including, operation 'point'; never back. */
void disk_advance(struct disk *d, size_t point);

/*
 * disk_write - puts the state into the folder dir, instead of what is there; NULL: makes only the number.
 *
 * Returns a number that is the same for the same state, for leaving out doubles.
 */
uint64_t disk_write(struct disk *d, const struct disk_cut *c, const char *dir);

/* disk_compare - does dir hold exactly what the log says was written? Else something came past the recorder.
 * Returns NULL, or what differs; static. */
const char *disk_compare(const struct log *l, const char *dir);

/* folder_empty - removes what is in it. */
void folder_empty(const char *dir);
