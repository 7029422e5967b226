/*
 * block.c - see block.h.
 */
#include "coap/block.h"

#include "hub/core/err.h"

enum { SZX_BITS = 7, MORE_BIT = 8, NUM_SHIFT = 4 };

int block_decode(const uint8_t *value, size_t len, struct block *ret)
{
	uint32_t v = 0;

	if (len > BLOCK_OPTION_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++)
		v = v << 8 | value[i];
	if ((v & SZX_BITS) > BLOCK_SZX_MAX)
		return -EBADMSG;
	*ret = (struct block){ .num = v >> NUM_SHIFT,
			       .more = v & MORE_BIT,
			       .szx = v & SZX_BITS };
	return 0;
}

size_t block_encode(const struct block *b, uint8_t ret[static BLOCK_OPTION_MAX])
{
	uint32_t v = b->num << NUM_SHIFT | (b->more ? MORE_BIT : 0u) | b->szx;
	size_t len = 0;

	for (int shift = 16; shift >= 0; shift -= 8)
		if (len || v >> shift)
			ret[len++] = (uint8_t)(v >> shift);
	return len;
}

int block_find(const struct block *b, size_t len, struct block_part *ret)
{
	size_t size = block_size(b->szx), offset = b->num * size;

	if (offset >= len && offset > 0)
		return -ERANGE;
	*ret = (struct block_part){ .offset = offset,
				    .len = len - offset < size ? len - offset : size };
	ret->more = offset + ret->len < len;
	return 0;
}
