#pragma once

/*
 * cursor.h - the one bounded way to read and write bytes.
 *
 * Both cursors have a sticky error: do all reads or writes, then ask once. After the first error a
 * reader gives zeros and a writer writes nothing; neither ever touches a byte outside its buffer.
 * 'le' is Bluetooth's order; 'be' is the order of every format of ours.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fields are private; copying a reader copies its position. */
struct reader {
	const uint8_t *p;   /* next byte */
	const uint8_t *end; /* first byte that is not ours */
	bool failed;
};

void reader_init(struct reader *r, const uint8_t *buf, size_t len);
uint8_t read_u8(struct reader *r);
uint16_t read_le16(struct reader *r);
uint32_t read_le24(struct reader *r);
uint32_t read_le32(struct reader *r);
uint16_t read_be16(struct reader *r);
uint32_t read_be32(struct reader *r);
uint64_t read_be64(struct reader *r);
/* n bytes into dst, which the caller owns and which holds at least n. */
void read_bytes(struct reader *r, uint8_t *dst, size_t n);
/* The next n bytes in place, borrowed from the buffer; NULL after an error. */
const uint8_t *read_span(struct reader *r, size_t n);
size_t reader_left(const struct reader *r);
/* True if no read went over the end. */
bool reader_ok(const struct reader *r);
/* True if no read went over the end and every byte was read. */
bool reader_done(const struct reader *r);

struct writer {
	uint8_t *start;
	uint8_t *p;
	uint8_t *end;
	bool failed;
};

void writer_init(struct writer *w, uint8_t *buf, size_t cap);
void write_u8(struct writer *w, uint8_t v);
void write_le16(struct writer *w, uint16_t v);
void write_be16(struct writer *w, uint16_t v);
void write_be32(struct writer *w, uint32_t v);
void write_be64(struct writer *w, uint64_t v);
void write_bytes(struct writer *w, const uint8_t *src, size_t n);
/* Bytes written so far, or -ENOSPC if one write did not fit. */
int writer_len(const struct writer *w);
