/*
 * cbor.c - see cbor.h. libcbor encodes and decodes one item head at a time; what is allowed is decided here.
 */
#include "hub/core/cbor.h"

#include <errno.h>
#include <string.h>

#include <cbor.h>

/* The longest head: one byte and a 64-bit number. */
enum { HEAD_MAX = 9 };

static void put_head(struct writer *w, size_t len, const uint8_t *head)
{
	if (len == 0)
		w->failed = true;
	else
		write_bytes(w, head, len);
}

void cb_put_uint(struct writer *w, uint64_t v)
{
	uint8_t head[HEAD_MAX];

	put_head(w, cbor_encode_uint(v, head, sizeof(head)), head);
}

void cb_put_int(struct writer *w, int64_t v)
{
	uint8_t head[HEAD_MAX];

	if (v >= 0)
		cb_put_uint(w, (uint64_t)v);
	else
		put_head(w, cbor_encode_negint((uint64_t)(-1 - v), head, sizeof(head)),
			 head);
}

void cb_put_bytes(struct writer *w, const uint8_t *p, size_t n)
{
	uint8_t head[HEAD_MAX];

	put_head(w, cbor_encode_bytestring_start(n, head, sizeof(head)), head);
	write_bytes(w, p, n);
}

void cb_put_text(struct writer *w, const char *s, size_t n)
{
	uint8_t head[HEAD_MAX];

	put_head(w, cbor_encode_string_start(n, head, sizeof(head)), head);
	write_bytes(w, (const uint8_t *)s, n);
}

void cb_put_array(struct writer *w, size_t items)
{
	uint8_t head[HEAD_MAX];

	put_head(w, cbor_encode_array_start(items, head, sizeof(head)), head);
}

void cb_put_map(struct writer *w, size_t pairs)
{
	uint8_t head[HEAD_MAX];

	put_head(w, cbor_encode_map_start(pairs, head, sizeof(head)), head);
}

void cb_put_null(struct writer *w)
{
	uint8_t head[HEAD_MAX];

	put_head(w, cbor_encode_null(head, sizeof(head)), head);
}

void cb_put_bool(struct writer *w, bool v)
{
	uint8_t head[HEAD_MAX];

	put_head(w, cbor_encode_bool(v, head, sizeof(head)), head);
}

/* One decoded head. */
struct item {
	enum cb_type type;
	uint64_t number; /* value, length, or count; for CB_NEGATIVE: -1 - value */
	const uint8_t *data;
};

static void on_uint8(void *ctx, uint8_t v)
{
	*(struct item *)ctx = (struct item){ .type = CB_UINT, .number = v };
}

static void on_uint16(void *ctx, uint16_t v)
{
	*(struct item *)ctx = (struct item){ .type = CB_UINT, .number = v };
}

static void on_uint32(void *ctx, uint32_t v)
{
	*(struct item *)ctx = (struct item){ .type = CB_UINT, .number = v };
}

static void on_uint64(void *ctx, uint64_t v)
{
	*(struct item *)ctx = (struct item){ .type = CB_UINT, .number = v };
}

static void on_negint8(void *ctx, uint8_t v)
{
	*(struct item *)ctx = (struct item){ .type = CB_NEGATIVE, .number = v };
}

static void on_negint16(void *ctx, uint16_t v)
{
	*(struct item *)ctx = (struct item){ .type = CB_NEGATIVE, .number = v };
}

static void on_negint32(void *ctx, uint32_t v)
{
	*(struct item *)ctx = (struct item){ .type = CB_NEGATIVE, .number = v };
}

static void on_negint64(void *ctx, uint64_t v)
{
	*(struct item *)ctx = (struct item){ .type = CB_NEGATIVE, .number = v };
}

/* libcbor 0.8 passes size_t, later versions uint64_t; both are 64 bits on every target. */
_Static_assert(sizeof(size_t) == sizeof(uint64_t), "64-bit targets only");

static void on_bytes(void *ctx, cbor_data data, uint64_t len)
{
	*(struct item *)ctx =
		(struct item){ .type = CB_BYTES, .number = len, .data = data };
}

static void on_text(void *ctx, cbor_data data, uint64_t len)
{
	*(struct item *)ctx =
		(struct item){ .type = CB_TEXT, .number = len, .data = data };
}

static void on_array(void *ctx, uint64_t count)
{
	*(struct item *)ctx = (struct item){ .type = CB_ARRAY, .number = count };
}

static void on_map(void *ctx, uint64_t count)
{
	*(struct item *)ctx = (struct item){ .type = CB_MAP, .number = count };
}

static void on_null(void *ctx)
{
	*(struct item *)ctx = (struct item){ .type = CB_NULL };
}

static void on_bool(void *ctx, bool v)
{
	*(struct item *)ctx = (struct item){ .type = CB_BOOL, .number = v };
}

/* Everything not named here (floats, tags, indefinite lengths, undefined) stays CB_NONE: refused. */
static enum cb_type next(const struct cb *c, struct item *ret, size_t *ret_len)
{
	struct cbor_callbacks calls = cbor_empty_callbacks;
	struct cbor_decoder_result r;

	*ret = (struct item){ .type = CB_NONE };
	*ret_len = 0;
	if (c->err || c->p == c->end)
		return CB_NONE;
	calls.uint8 = on_uint8;
	calls.uint16 = on_uint16;
	calls.uint32 = on_uint32;
	calls.uint64 = on_uint64;
	calls.negint8 = on_negint8;
	calls.negint16 = on_negint16;
	calls.negint32 = on_negint32;
	calls.negint64 = on_negint64;
	calls.byte_string = on_bytes;
	calls.string = on_text;
	calls.array_start = on_array;
	calls.map_start = on_map;
	calls.null = on_null;
	calls.boolean = on_bool;
	r = cbor_stream_decode(c->p, (size_t)(c->end - c->p), &calls, ret);
	if (r.status != CBOR_DECODER_FINISHED) {
		*ret = (struct item){ .type = CB_NONE };
		return CB_NONE;
	}
	*ret_len = r.read;
	return ret->type;
}

/* Take the next item if it is of this type, else fail. */
static struct item take(struct cb *c, enum cb_type want)
{
	struct item it;
	size_t len;

	if (next(c, &it, &len) != want || c->err) {
		cb_fail(c, -EBADMSG);
		return (struct item){ .type = CB_NONE };
	}
	c->p += len;
	return it;
}

void cb_init(struct cb *c, const uint8_t *buf, size_t len)
{
	*c = (struct cb){ .p = buf, .end = buf + len };
}

enum cb_type cb_peek(const struct cb *c)
{
	struct item it;
	size_t len;

	return next(c, &it, &len);
}

void cb_fail(struct cb *c, int err)
{
	if (!c->err)
		c->err = err;
}

int cb_error(const struct cb *c)
{
	return c->err;
}

int cb_finish(const struct cb *c)
{
	if (c->err)
		return c->err;
	return c->p == c->end ? 0 : -EBADMSG;
}

uint64_t cb_get_uint(struct cb *c)
{
	return take(c, CB_UINT).number;
}

uint64_t cb_get_uint_max(struct cb *c, uint64_t max)
{
	uint64_t v = cb_get_uint(c);

	if (v > max) {
		cb_fail(c, -ERANGE);
		return 0;
	}
	return v;
}

int64_t cb_get_int(struct cb *c)
{
	bool negative = cb_peek(c) == CB_NEGATIVE;
	uint64_t v = take(c, negative ? CB_NEGATIVE : CB_UINT).number;

	if (v > INT64_MAX) {
		cb_fail(c, -ERANGE);
		return 0;
	}
	return negative ? -1 - (int64_t)v : (int64_t)v;
}

const uint8_t *cb_get_bytes(struct cb *c, size_t *ret_len)
{
	struct item it = take(c, CB_BYTES);

	*ret_len = (size_t)it.number;
	return it.data;
}

const char *cb_get_text(struct cb *c, size_t *ret_len)
{
	struct item it = take(c, CB_TEXT);

	*ret_len = (size_t)it.number;
	return (const char *)it.data;
}

void cb_get_fixed(struct cb *c, uint8_t *dst, size_t n)
{
	size_t len;
	const uint8_t *src = cb_get_bytes(c, &len);

	if (!c->err && len != n)
		cb_fail(c, -EMSGSIZE);
	if (c->err)
		memset(dst, 0, n);
	else
		memcpy(dst, src, n);
}

bool cb_get_bool(struct cb *c)
{
	return take(c, CB_BOOL).number != 0;
}

bool cb_take_null(struct cb *c)
{
	if (cb_peek(c) != CB_NULL)
		return false;
	take(c, CB_NULL);
	return true;
}

static size_t get_count(struct cb *c, enum cb_type type, size_t max)
{
	uint64_t n = take(c, type).number;

	if (n > max) {
		cb_fail(c, -ERANGE);
		return 0;
	}
	return (size_t)n;
}

size_t cb_get_array(struct cb *c, size_t max)
{
	return get_count(c, CB_ARRAY, max);
}

size_t cb_get_map(struct cb *c, size_t max)
{
	return get_count(c, CB_MAP, max);
}

void cb_skip(struct cb *c)
{
	uint64_t left[CB_DEPTH_MAX]; /* items still to skip at each depth */
	unsigned depth = 0;
	struct item it;
	size_t len;

	left[0] = 1;
	for (;;) {
		while (left[depth] == 0) {
			if (depth-- == 0)
				return;
		}
		if (next(c, &it, &len) == CB_NONE) {
			cb_fail(c, -EBADMSG);
			return;
		}
		c->p += len;
		left[depth]--;
		if (it.type != CB_ARRAY && it.type != CB_MAP)
			continue;
		/* each item takes a byte at least: a larger count cannot be true */
		if (depth + 1 == CB_DEPTH_MAX || it.number > (uint64_t)(c->end - c->p)) {
			cb_fail(c, -EBADMSG);
			return;
		}
		left[++depth] = it.type == CB_MAP ? it.number * 2 : it.number;
	}
}
