/*
 * blocks.c - see blocks.h.
 */
#include "clinic/blocks.h"

bool blocks_are_samples(const struct reading *rd)
{
	return rd->kind == READING_HEART_RATE_STREAM ||
	       rd->kind == READING_OXIMETRY_STREAM;
}

bool blocks_are_in(const struct reading *rd)
{
	return rd->kind == READING_DEVICE_INFORMATION || blocks_are_samples(rd);
}

void blocks_init(struct reader *r, const struct reading *rd)
{
	reader_init(r, rd->raw, rd->raw_len);
}

bool blocks_next(struct reader *r, struct block *ret)
{
	if (reader_left(r) == 0)
		return false;
	ret->number = read_le16(r);
	ret->len = read_u8(r);
	ret->octets = read_span(r, ret->len);
	return reader_ok(r);
}
