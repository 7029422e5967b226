/*
 * segment.c - joins segmented values; see segment.h.
 */
#include "ble/segment.h"

#include <errno.h>

#include "hub/core/cursor.h"

enum {
	HEADER_FIRST = 1 << 0,
	HEADER_LAST = 1 << 1,
	COUNTER_SHIFT = 2,
	COUNTERS = 64,
};

bool segment_is_open(const struct segment_join *s)
{
	return s->open;
}

void segment_take(struct segment_join *s, const uint8_t **ret_part, size_t *ret_len)
{
	*ret_part = s->buf;
	*ret_len = s->open ? s->len : 0;
	s->open = false;
}

int segment_add(struct segment_join *s, const uint8_t *buf, size_t len,
		const uint8_t **ret_whole, size_t *ret_len)
{
	struct reader r;
	uint8_t header;
	bool first;
	int err = 0;

	reader_init(&r, buf, len);
	header = read_u8(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	first = header & HEADER_FIRST;
	if (first && s->open)
		err = -ECANCELED;
	else if (!first && (!s->open || header >> COUNTER_SHIFT != s->next))
		err = -EPROTO;
	else if (reader_left(&r) > SEGMENT_MAX - (first ? 0u : s->len))
		err = -ENOSPC;
	if (err) {
		segment_take(s, ret_whole, ret_len);
		return err;
	}
	if (first)
		s->len = 0;
	s->open = true;
	s->next = (uint8_t)(((header >> COUNTER_SHIFT) + 1) % COUNTERS);
	len = reader_left(&r);
	read_bytes(&r, s->buf + s->len, len);
	s->len = (uint16_t)(s->len + len);
	if (!(header & HEADER_LAST))
		return 0;
	segment_take(s, ret_whole, ret_len);
	return 1;
}
