/*
 * cursor.c - bounded reading and writing of bytes; see cursor.h.
 */
#include "hub/core/cursor.h"

#include <errno.h>
#include <string.h>

void reader_init(struct reader *r, const uint8_t *buf, size_t len)
{
	*r = (struct reader){ .p = buf, .end = buf + len };
}

size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->p);
}

const uint8_t *read_span(struct reader *r, size_t n)
{
	const uint8_t *at = r->p;

	if (r->failed || reader_left(r) < n) {
		r->failed = true;
		return NULL;
	}
	r->p += n;
	return at;
}

void read_bytes(struct reader *r, uint8_t *dst, size_t n)
{
	const uint8_t *src = read_span(r, n);

	if (src)
		memcpy(dst, src, n);
	else
		memset(dst, 0, n);
}

static uint64_t read_be(struct reader *r, size_t n)
{
	const uint8_t *src = read_span(r, n);
	uint64_t v = 0;

	for (size_t i = 0; src && i < n; i++)
		v = v << 8 | src[i];
	return v;
}

static uint32_t read_le(struct reader *r, size_t n)
{
	const uint8_t *src = read_span(r, n);
	uint32_t v = 0;

	for (size_t i = n; src && i > 0; i--)
		v = v << 8 | src[i - 1];
	return v;
}

uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_be(r, 1);
}

uint16_t read_le16(struct reader *r)
{
	return (uint16_t)read_le(r, 2);
}

uint32_t read_le24(struct reader *r)
{
	return read_le(r, 3);
}

uint32_t read_le32(struct reader *r)
{
	return read_le(r, 4);
}

uint16_t read_be16(struct reader *r)
{
	return (uint16_t)read_be(r, 2);
}

uint32_t read_be32(struct reader *r)
{
	return (uint32_t)read_be(r, 4);
}

uint64_t read_be64(struct reader *r)
{
	return read_be(r, 8);
}

bool reader_ok(const struct reader *r)
{
	return !r->failed;
}

bool reader_done(const struct reader *r)
{
	return !r->failed && r->p == r->end;
}

void writer_init(struct writer *w, uint8_t *buf, size_t cap)
{
	*w = (struct writer){ .start = buf, .p = buf, .end = buf + cap };
}

void write_bytes(struct writer *w, const uint8_t *src, size_t n)
{
	if (w->failed || (size_t)(w->end - w->p) < n) {
		w->failed = true;
		return;
	}
	if (n)
		memcpy(w->p, src, n);
	w->p += n;
}

static void write_be(struct writer *w, uint64_t v, size_t n)
{
	uint8_t b[8] = { 0 };

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
	write_bytes(w, b, n);
}

void write_u8(struct writer *w, uint8_t v)
{
	write_bytes(w, &v, 1);
}

void write_le16(struct writer *w, uint16_t v)
{
	const uint8_t b[2] = { (uint8_t)v, (uint8_t)(v >> 8) };

	write_bytes(w, b, sizeof(b));
}

void write_be16(struct writer *w, uint16_t v)
{
	write_be(w, v, 2);
}

void write_be32(struct writer *w, uint32_t v)
{
	write_be(w, v, 4);
}

void write_be64(struct writer *w, uint64_t v)
{
	write_be(w, v, 8);
}

int writer_len(const struct writer *w)
{
	return w->failed ? -ENOSPC : (int)(w->p - w->start);
}
