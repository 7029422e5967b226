#pragma once

/*
 * cbor.h - deterministic CBOR (RFC 8949, 4.2) in and out, on libcbor's streaming coder; no allocation.
 * The prefix is cb_ because libcbor owns cbor_.
 *
 * The writer makes shortest forms only; the caller writes map keys in ascending order. The reader takes
 * only what this project writes: definite lengths, no tags, no floats, depth at most CB_DEPTH_MAX, and
 * has a sticky error like cursor.h: read everything, ask once.
 */
#include "hub/core/cursor.h"

enum { CB_DEPTH_MAX = 8 };

/* Write one item. They share the writer's sticky error. */
void cb_put_uint(struct writer *w, uint64_t v);
void cb_put_int(struct writer *w, int64_t v);
void cb_put_bytes(struct writer *w, const uint8_t *p, size_t n);
/* s is ASCII or UTF-8, n bytes of it. */
void cb_put_text(struct writer *w, const char *s, size_t n);
void cb_put_array(struct writer *w, size_t items);
void cb_put_map(struct writer *w, size_t pairs);
void cb_put_null(struct writer *w);
void cb_put_bool(struct writer *w, bool v);

enum cb_type {
	CB_NONE = 0, /* end of input or error */
	CB_UINT,
	CB_NEGATIVE,
	CB_BYTES,
	CB_TEXT,
	CB_ARRAY,
	CB_MAP,
	CB_NULL,
	CB_BOOL,
};

/* Fields are private. */
struct cb {
	const uint8_t *p;
	const uint8_t *end;
	int err; /* first error, negative, or 0 */
};

void cb_init(struct cb *c, const uint8_t *buf, size_t len);
/* What comes next, without taking it. */
enum cb_type cb_peek(const struct cb *c);
uint64_t cb_get_uint(struct cb *c);
/* As cb_get_uint, but the value must lie in 0..max, else -ERANGE sticks. */
uint64_t cb_get_uint_max(struct cb *c, uint64_t max);
int64_t cb_get_int(struct cb *c);
/* Borrowed from the buffer; ret_len is written always (0 after an error). */
const uint8_t *cb_get_bytes(struct cb *c, size_t *ret_len);
const char *cb_get_text(struct cb *c, size_t *ret_len);
/* Exactly n bytes into dst, else -EMSGSIZE sticks. */
void cb_get_fixed(struct cb *c, uint8_t *dst, size_t n);
bool cb_get_bool(struct cb *c);
/* If null is next, takes it and says true. */
bool cb_take_null(struct cb *c);
/* Number of items (array) or pairs (map); more than max: -ERANGE sticks and 0 comes back. */
size_t cb_get_array(struct cb *c, size_t max);
size_t cb_get_map(struct cb *c, size_t max);
/* Skip one whole item, whatever is in it, without recursion; for unknown keys. */
void cb_skip(struct cb *c);
/* Let a caller add its own finding (-ERANGE ...); the first error stays. */
void cb_fail(struct cb *c, int err);
/* 0 if nothing failed, else the first error: -EBADMSG, -ERANGE, -EMSGSIZE. */
int cb_error(const struct cb *c);
/* As cb_error, and -EBADMSG if bytes are left. */
int cb_finish(const struct cb *c);
