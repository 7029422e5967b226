/*
 * der.c - see der.h.
 */
#include "hub/core/der.h"

#include <string.h>

/* X.690 8.1.3 and 10.1. What does not fit makes the reader fail. */
static size_t read_length(struct reader *r)
{
	uint8_t first = read_u8(r);
	size_t n = first;

	if (first == 0x81) {
		n = read_u8(r);
		r->failed |= n < 0x80;
	} else if (first == 0x82) {
		n = read_be16(r);
		r->failed |= n < 0x100;
	} else if (first >= 0x80) {
		r->failed = true;
	}
	return n;
}

struct reader der_read(struct reader *r, uint8_t tag)
{
	struct reader inner;
	const uint8_t *p;
	size_t n;

	r->failed |= read_u8(r) != tag;
	n = read_length(r);
	p = read_span(r, n);
	reader_init(&inner, p ? p : r->p, p ? n : 0);
	inner.failed = r->failed;
	return inner;
}

bool der_is_next(const struct reader *r, uint8_t tag)
{
	return reader_left(r) > 0 && *r->p == tag;
}

bool der_is_bytes(const struct reader *r, const uint8_t *want, size_t len)
{
	return !r->failed && reader_left(r) == len && memcmp(r->p, want, len) == 0;
}

size_t der_head_len(size_t len)
{
	return len > 0xff ? 4 : len > 0x7f ? 3 : 2;
}

void der_put_head(struct writer *w, uint8_t tag, size_t len)
{
	w->failed |= len > UINT16_MAX;
	write_u8(w, tag);
	if (len > 0xff) {
		write_u8(w, 0x82);
		write_be16(w, (uint16_t)len);
		return;
	}
	if (len > 0x7f)
		write_u8(w, 0x81);
	write_u8(w, (uint8_t)len);
}
