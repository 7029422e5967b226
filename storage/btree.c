/*
 * btree.c - pages and records of SQLite's file format, read through the cursor; see btree.h.
 */
#include "storage/btree.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"

enum {
	FILE_HEADER_LEN = 100,
	LEAF_HEADER_LEN = 8,
	INNER_HEADER_LEN = 12,
	LEAF_OVERHEAD = 35, /* a table's leaf keeps a payload of up to usable - 35 */
	VARINT_LEN = 9,
};

static bool is_inner(const struct btree_page *p)
{
	return p->kind == BTREE_INNER || p->kind == BTREE_INDEX_INNER;
}

static size_t header_len(const struct btree_page *p)
{
	return is_inner(p) ? INNER_HEADER_LEN : LEAF_HEADER_LEN;
}

/* Big endian, seven bits a byte, and the ninth has eight. */
static uint64_t read_varint(struct reader *r)
{
	uint64_t v = 0;

	for (int i = 1; i < VARINT_LEN; i++) {
		uint8_t b = read_u8(r);

		v = v << 7 | (b & 0x7f);
		if (b < 0x80)
			return v;
	}
	return v << 8 | read_u8(r);
}

int btree_parse(const uint8_t *data, size_t usable, uint32_t number,
		struct btree_page *ret)
{
	struct btree_page p = { .data = data, .usable = usable };
	struct reader r;

	reader_init(&r, data, usable);
	if (number == 1)
		(void)read_span(&r, p.start = FILE_HEADER_LEN);
	switch (read_u8(&r)) {
	case BTREE_INDEX_INNER: p.kind = BTREE_INDEX_INNER; break;
	case BTREE_INNER: p.kind = BTREE_INNER; break;
	case BTREE_INDEX_LEAF: p.kind = BTREE_INDEX_LEAF; break;
	case BTREE_LEAF: p.kind = BTREE_LEAF; break;
	default: return -EBADMSG;
	}
	(void)read_be16(&r); /* first free block */
	p.cells = read_be16(&r);
	(void)read_be16(&r); /* where the cells begin */
	(void)read_u8(&r);   /* bytes lost between them */
	if (is_inner(&p))
		p.right = read_be32(&r);
	(void)read_span(&r, 2 * (size_t)p.cells);
	if (!reader_ok(&r))
		return -EBADMSG;
	*ret = p;
	return 0;
}

/* A reader that stands on a cell. */
static int find_cell(const struct btree_page *p, unsigned i, struct reader *ret)
{
	struct reader r;

	if (i >= p->cells)
		return -EBADMSG;
	reader_init(&r, p->data, p->usable);
	(void)read_span(&r, p->start + header_len(p) + 2 * (size_t)i);
	*ret = r;
	reader_init(ret, p->data, p->usable);
	(void)read_span(ret, read_be16(&r));
	return reader_ok(&r) && reader_ok(ret) ? 0 : -EBADMSG;
}

int btree_child(const struct btree_page *p, unsigned i, uint32_t *ret_child,
		int64_t *ret_key)
{
	struct reader r;
	uint32_t child;
	uint64_t key;

	if (p->kind != BTREE_INNER)
		return -EBADMSG;
	if (i == p->cells) {
		*ret_child = p->right;
		*ret_key = INT64_MAX;
		return 0;
	}
	if (find_cell(p, i, &r))
		return -EBADMSG;
	child = read_be32(&r);
	key = read_varint(&r);
	if (!reader_ok(&r))
		return -EBADMSG;
	*ret_child = child;
	*ret_key = (int64_t)key;
	return 0;
}

int btree_row(const struct btree_page *p, unsigned i, struct btree_row *ret)
{
	struct btree_row row = { 0 };
	struct reader r;
	uint64_t len;

	if (is_inner(p) || find_cell(p, i, &r))
		return -EBADMSG;
	len = read_varint(&r);
	if (p->kind == BTREE_LEAF)
		row.rowid = (int64_t)read_varint(&r);
	if (len > p->usable - LEAF_OVERHEAD)
		return reader_ok(&r) ? -ENOTSUP : -EBADMSG;
	row.len = (size_t)len;
	row.payload = read_span(&r, row.len);
	if (!reader_ok(&r))
		return -EBADMSG;
	*ret = row;
	return 0;
}

/* Two's complement of 1..8 bytes. */
static int64_t read_number(struct reader *r, unsigned bytes)
{
	uint64_t v = 0;
	const uint8_t *p = read_span(r, bytes);

	for (unsigned i = 0; p && i < bytes; i++)
		v = (i == 0 && p[0] >= 0x80 ? UINT64_MAX : v) << 8 | p[i];
	return (int64_t)v;
}

static int read_value(struct reader *r, uint64_t type, struct btree_value *ret)
{
	static const uint8_t width[] = { 0, 1, 2, 3, 4, 6, 8 };

	*ret = (struct btree_value){ .type = BTREE_INT };
	if (type == 0) {
		ret->type = BTREE_NULL;
	} else if (type < sizeof(width)) {
		ret->number = read_number(r, width[type]);
	} else if (type == 8 || type == 9) {
		ret->number = type == 9;
	} else if (type >= 12 && (type - 12) / 2 <= reader_left(r)) {
		ret->type = type % 2 ? BTREE_TEXT : BTREE_BLOB;
		ret->len = (size_t)((type - 12) / 2);
		ret->p = read_span(r, ret->len);
	} else {
		return -EBADMSG; /* a float, or longer than the row */
	}
	return 0;
}

int btree_columns(const struct btree_row *row, struct btree_value *ret, size_t max)
{
	struct reader types, values;
	uint64_t header;
	size_t n = 0;

	reader_init(&types, row->payload, row->len);
	header = read_varint(&types);
	if (!reader_ok(&types) || header > row->len ||
	    header < row->len - reader_left(&types))
		return -EBADMSG;
	reader_init(&values, row->payload, row->len);
	(void)read_span(&values, (size_t)header);
	reader_init(&types, row->payload, (size_t)header);
	(void)read_varint(&types);
	for (; n < max && reader_left(&types); n++)
		if (read_value(&values, read_varint(&types), &ret[n]))
			return -EBADMSG;
	return reader_ok(&types) && reader_ok(&values) ? (int)n : -EBADMSG;
}
