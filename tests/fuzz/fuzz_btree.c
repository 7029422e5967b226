/*
 * fuzz_btree.c - a page of a tree: rows and columns lie inside of it, whatever it says.
 *
 * First octet: 1 it is page 1, else another one. The page is as long as the rest.
 */
#include <errno.h>
#include <stdlib.h>

#include "storage/btree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_row(const struct btree_row *row)
{
	struct btree_value v[7];
	int n = btree_columns(row, v, 7);

	check(n <= 7);
	for (int i = 0; i < n; i++)
		if (v[i].type == BTREE_BLOB || v[i].type == BTREE_TEXT)
			check(v[i].p >= row->payload &&
			      v[i].p + v[i].len <= row->payload + row->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct btree_page p;
	struct btree_row row;
	uint32_t child;
	int64_t key;

	if (size < 36 || btree_parse(data + 1, size - 1, data[0], &p))
		return 0;
	for (unsigned i = 0; i <= p.cells; i++) {
		int r = btree_child(&p, i, &child, &key);

		check(r == 0 || r == -EBADMSG);
		check(i < p.cells || r == (p.kind == BTREE_INNER ? 0 : -EBADMSG));
		if (btree_row(&p, i, &row) == 0) {
			check(i < p.cells && row.payload > data &&
			      row.payload + row.len <= data + size);
			check_row(&row);
		}
	}
	return 0;
}
