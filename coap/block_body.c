/*
 * block_body.c - see block_body.h.
 */
#include "coap/block_body.h"

#include <string.h>

#include "hub/core/err.h"

int block_body_add(struct block_body *b, const struct block *at, uint64_t name,
		   const uint8_t *data, size_t len)
{
	size_t size = block_size(at->szx), offset = at->num * size;

	if (len > size || (at->more && len != size))
		return -EBADMSG;
	if (offset > BLOCK_BODY_MAX || len > BLOCK_BODY_MAX - offset)
		return -EMSGSIZE;
	if (at->num == 0 && b->name != name) {
		b->name = name;
		b->len = 0;
	}
	if (b->name != name || offset > b->len)
		return -ENOENT;
	if (at->more && len <= b->len - offset &&
	    memcmp(b->bytes + offset, data, len) == 0)
		return BLOCK_BODY_MORE;
	if (len > 0)
		memcpy(b->bytes + offset, data, len);
	b->len = offset + len;
	return at->more ? BLOCK_BODY_MORE : BLOCK_BODY_WHOLE;
}
