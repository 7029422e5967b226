#pragma once

/*
 * seqblock.h - up to which number records of this hub and epoch may have been numbered.
 *
 * Queue and spool know the last number that they hold. Should both be gone, counting goes on after
 * the block that is reserved here, so that no number is ever given twice.
 *
 *   file 'seq': two equal copies of one block, one after the other
 *   block: magic "HSEQ" | version u8 | hub 16 | epoch u32 | end u64 | zeros | crc32 u32
 *
 * Numbers are big-endian; a block is SEQBLOCK_BYTES bytes, the CRC covers everything before it.
 *
 * Invariants
 *   1. seqblock_reserve has returned 0  =>  both copies say so after a power cut at any later
 *      moment; either of them may rot.
 *   2. 'end' never goes down.
 */
#include <stdint.h>

#include "hub/core/envelope.h"

enum {
	SEQBLOCK_NUMBERS = 256, /* reserved at once */
	SEQBLOCK_BYTES = 4096,	/* one copy */
	SEQBLOCK_COPIES = 2,
	SEQBLOCK_DIR_BYTES = 1024,
};

#define SEQBLOCK_FILE "seq"

/* Fields are private but for reading. */
struct seqblock {
	char dir[SEQBLOCK_DIR_BYTES];
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint64_t end; /* the highest number that is reserved, 0: none */
	unsigned
		copies; /* that were read, 0: and cannot be synced; fewer than SEQBLOCK_COPIES: worth a line in the log */
};

/*
 * seqblock_open - read what is reserved.
 *
 * Returns 0 with *ret, or
 *   -ENOENT   no file yet
 *   -EBADMSG  no copy reads
 *   -EACCES   it belongs to another hub identity or epoch, or may not be read
 *   -ENOTSUP  a newer version wrote it
 *   -EIO
 * After -ENOENT and -EBADMSG *ret is good too, with end 0: the next reservation writes the file.
 */
int seqblock_open(const char *dir, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		  struct seqblock *ret);

/*
 * seqblock_reserve - call before numbers up to and with 'seq' are given.
 *
 * Writes where seq is above the end, then seq + SEQBLOCK_NUMBERS - 1 is the end; and where a copy
 * was bad or behind. Returns 0
 * when it is durable, -ERANGE (0, or near INT64_MAX), -ENOSPC, -EACCES or -EIO: then none of the
 * new numbers may be given.
 */
int seqblock_reserve(struct seqblock *b, uint64_t seq);
