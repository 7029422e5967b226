#pragma once

/*
 * block.h - the Block2 option and which part of a body it means (RFC 7959, 2.2).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BLOCK_SZX_MAX = 6, /* 1,024 octets; 7 is not for datagrams */
	BLOCK_NUM_MAX = (1 << 20) - 1,
	BLOCK_OPTION_MAX = 3,
};

struct block {
	uint32_t num; /* counts blocks of this size from 0 */
	bool more;    /* others follow */
	uint8_t szx;  /* 16 << szx octets */
};

/* What a block means in a body. */
struct block_part {
	size_t offset, len;
	bool more;
};

static inline size_t block_size(uint8_t szx)
{
	return (size_t)16 << szx;
}

/* block_decode - an option's value. Returns 0, or -EBADMSG: too long, or a size that is none. Pure. */
int block_decode(const uint8_t *value, size_t len, struct block *ret);

/* block_encode - the value in as few octets as it needs. Returns how many, 0..BLOCK_OPTION_MAX. Pure. */
size_t block_encode(const struct block *b, uint8_t ret[static BLOCK_OPTION_MAX]);

/*
 * block_find - the part of a body that is asked for.
 *
 * len   octets of the whole
 *
 * Returns 0, or -ERANGE: behind the end; the first block of an empty body is there, and empty. Pure.
 */
int block_find(const struct block *b, size_t len, struct block_part *ret);
