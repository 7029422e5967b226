#pragma once

/*
 * block_body.h - the body of a request that comes in blocks, put together (RFC 7959, 2.5), for one peer at a time.
 *
 * Pure. Invariants
 *   1. What is held is a beginning of the body, without holes, at most BLOCK_BODY_MAX octets.
 *   2. A block that is held already changes nothing: it comes again if its answer was lost, or late. Another one in its
 *      place takes it, and what was behind it is gone: the peer has begun anew.
 *   3. A block before which something is missing is told, and what is held stays.
 */
#include "coap/block.h"

enum { BLOCK_BODY_MAX = 2048 };

/* Fields are private, but for bytes and len once it is whole. All zero is empty. */
struct block_body {
	size_t len;
	uint64_t name;
	uint8_t bytes[BLOCK_BODY_MAX];
};

enum block_body_result {
	BLOCK_BODY_MORE = 0, /* taken; others are to follow */
	BLOCK_BODY_WHOLE = 1,
};

/*
 * block_body_add - one block.
 *
 * at          as its option says
 * name        says what the body is for: a block of another name does not follow
 * data, len   what it carries; borrowed for the call
 *
 * Returns BLOCK_BODY_MORE, BLOCK_BODY_WHOLE: bytes and len are the body, until the next call, or
 *   -EBADMSG    others are to follow, and it is not as long as its option says; or it is longer
 *   -ENOENT     what is before it was never here
 *   -EMSGSIZE   more than BLOCK_BODY_MAX
 */
int block_body_add(struct block_body *b, const struct block *at, uint64_t name,
		   const uint8_t *data, size_t len);
