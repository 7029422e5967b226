#pragma once

/*
 * ranges.h - a set of sequence numbers as ascending ranges, and the block in which such ranges lie
 * on the disk. Pure; the file is ranges_file.h.
 *
 * Invariants of a set: ranges ascend, are disjoint and do not touch each other; every number is in
 * 1..INT64_MAX. What does not fit changes nothing.
 *
 *   block: magic "HRNG" | version u8 | hub 16 | epoch u32 | index u32 | count u16
 *          | count x (kind u8 | first u64 | last u64) | zeros | crc32 u32
 *
 * Numbers are big-endian. A block is RANGES_BLOCK bytes and never shares a sector with another, so
 * that a torn write costs the block that was being written and no earlier one. The CRC covers
 * everything before it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/batch.h"

enum {
	RANGES_BLOCK = 4096,
	RANGES_VERSION = 1,
	RANGES_HEAD_LEN = 4 + 1 + HUB_ID_LEN + 4 + 4 + 2,
	RANGES_ITEM_LEN = 1 + 8 + 8,
	RANGES_ITEMS_MAX = (RANGES_BLOCK - RANGES_HEAD_LEN - 4) / RANGES_ITEM_LEN,
};

/* Fields are private but for reading. */
struct ranges {
	struct seq_range *at; /* the caller's; ascending */
	size_t count, cap;
};

/* ranges_init - an empty set in the caller's memory, which must live as long. Pure. */
void ranges_init(struct ranges *r, struct seq_range *at, size_t cap);

/*
 * ranges_add, ranges_subtract - numbers into the set, or out of it; those that are there already,
 * or are not, are fine.
 *
 * Returns 0, -ERANGE (first 0, last below first or above INT64_MAX), or -ENOSPC: it would be more
 * than cap ranges; nothing was changed. Pure.
 */
int ranges_add(struct ranges *r, struct seq_range g);
int ranges_subtract(struct ranges *r, struct seq_range g);

bool ranges_contains(const struct ranges *r, uint64_t seq);
/* How many numbers are in the set. Pure. */
uint64_t ranges_count(const struct ranges *r);
/* How many numbers of g are in the set. Pure. */
uint64_t ranges_overlap(const struct ranges *r, struct seq_range g);
/* The lowest number of the set above 'after', or 0. Pure. */
uint64_t ranges_next(const struct ranges *r, uint64_t after);
/* The highest number of the set, or 0. Pure. */
uint64_t ranges_top(const struct ranges *r);

/* Why a number needs no hand-over any more. The numbers are on the disk. */
enum range_kind {
	RANGE_NONE = 0,
	RANGE_ACKED = 1,   /* durable at the clinic */
	RANGE_REFUSED = 2, /* the clinic does not take it; kept aside here */
	RANGE_EVICTED = 3, /* given up for lack of space */
	RANGE_MOVED =
		4, /* the queue has taken it over: what becomes of it is known there */
	RANGE_KINDS = 5,
};

struct ranges_item {
	enum range_kind kind;
	struct seq_range range;
};

struct ranges_block {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint32_t index; /* of the block in its file, from 0 */
	size_t count;
	struct ranges_item items[RANGES_ITEMS_MAX];
};

/* ranges_block_encode - the whole block; count is at most RANGES_ITEMS_MAX. Pure. */
void ranges_block_encode(const struct ranges_block *b, uint8_t buf[static RANGES_BLOCK]);

/*
 * ranges_block_decode - Returns 0, -EBADMSG (not a block, torn, rotten), -ENOTSUP (version), or
 * -ERANGE (a kind or a range that cannot be). Pure.
 */
int ranges_block_decode(const uint8_t buf[static RANGES_BLOCK], struct ranges_block *ret);
