/*
 * test_btree.c - pages and rows made by hand.
 */
#include "storage/btree.h"

#include <errno.h>
#include <stdbool.h>

#include "test.h"

enum { USABLE = 512 };

static uint8_t page[USABLE];
static struct btree_page p;
static struct btree_row row;

/* A leaf with one cell at 100. */
static void leaf(const uint8_t *cell, size_t n)
{
	memset(page, 0, sizeof(page));
	page[0] = BTREE_LEAF;
	page[4] = 1;
	page[9] = 100;
	memcpy(page + 100, cell, n);
	CHECK_INT(btree_parse(page, USABLE, 2, &p), 0);
}

#define LEAF(...)                                                                        \
	leaf((const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }))

static void test_kinds(void)
{
	for (int kind = 0; kind < 256; kind++) {
		bool ok = kind == 2 || kind == 5 || kind == 10 || kind == 13;

		memset(page, 0, sizeof(page));
		page[0] = (uint8_t)kind;
		CHECK_INT(btree_parse(page, USABLE, 2, &p), ok ? 0 : -EBADMSG);
	}
	memset(page, 0, sizeof(page));
	page[100] = BTREE_LEAF;
	CHECK_INT(btree_parse(page, USABLE, 1, &p), 0);
	CHECK_INT(btree_parse(page, USABLE, 2, &p), -EBADMSG);
}

/* As many cells as there is room for pointers. */
static void test_cell_count(void)
{
	for (int inner = 0; inner < 2; inner++)
		for (unsigned n = 240; n < 260; n++) {
			memset(page, 0, sizeof(page));
			page[0] = inner ? BTREE_INNER : BTREE_LEAF;
			page[3] = (uint8_t)(n >> 8);
			page[4] = (uint8_t)n;
			CHECK_INT(btree_parse(page, USABLE, 2, &p),
				  (inner ? 12 : 8) + 2 * n <= USABLE ? 0 : -EBADMSG);
		}
}

static void test_varints(void)
{
	LEAF(0, 1);
	CHECK_INT(btree_row(&p, 0, &row), 0);
	CHECK_INT(row.rowid, 1);
	CHECK_UINT(row.len, 0);
	CHECK_INT(btree_row(&p, 1, &row), -EBADMSG);
	LEAF(0, 0x81, 0x00);
	CHECK_INT(btree_row(&p, 0, &row), 0);
	CHECK_INT(row.rowid, 128);
	LEAF(0, 0xff, 0x7f);
	CHECK_INT(btree_row(&p, 0, &row), 0);
	CHECK_INT(row.rowid, 16383);
	LEAF(0, 0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
	CHECK_INT(btree_row(&p, 0, &row), 0);
	CHECK_INT(row.rowid, INT64_MAX);
	LEAF(0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe);
	CHECK_INT(btree_row(&p, 0, &row), 0);
	CHECK_INT(row.rowid, -2);
}

static void test_row_limits(void)
{
	uint8_t cell[3] = { 0x80 | (USABLE - 35) >> 7, (USABLE - 35) & 0x7f, 1 };

	leaf(cell, sizeof(cell)); /* fits a page, but not behind 100 */
	CHECK_INT(btree_row(&p, 0, &row), -EBADMSG);
	page[9] = USABLE - (USABLE - 35) - 3;
	memcpy(page + page[9], cell, sizeof(cell));
	CHECK_INT(btree_row(&p, 0, &row), 0);
	CHECK_UINT(row.len, USABLE - 35);
	page[page[9] + 1]++;
	CHECK_INT(btree_row(&p, 0, &row), -ENOTSUP);
	LEAF(3, 1);
	page[8] = (USABLE - 4) >> 8; /* the cell ends outside */
	page[9] = (uint8_t)(USABLE - 4);
	page[USABLE - 4] = 3;
	CHECK_INT(btree_row(&p, 0, &row), -EBADMSG);
	page[USABLE - 4] = 2;
	CHECK_INT(btree_row(&p, 0, &row), 0);
	page[8] = USABLE >> 8;
	page[9] = (uint8_t)USABLE;
	CHECK_INT(btree_row(&p, 0, &row), -EBADMSG);
}

static void test_children(void)
{
	uint32_t child;
	int64_t k;

	memset(page, 0, sizeof(page));
	page[0] = BTREE_INNER;
	page[4] = 1;
	page[11] = 77;
	page[13] = 200;
	memcpy(page + 200, (const uint8_t[]){ 0, 0, 1, 2, 0x82, 0x03 }, 6);
	CHECK_INT(btree_parse(page, USABLE, 2, &p), 0);
	CHECK_INT(btree_child(&p, 0, &child, &k), 0);
	CHECK_UINT(child, 0x102);
	CHECK_INT(k, 0x103);
	CHECK_INT(btree_child(&p, 1, &child, &k), 0);
	CHECK_UINT(child, 77);
	CHECK(k == INT64_MAX);
	CHECK_INT(btree_child(&p, 2, &child, &k), -EBADMSG);
	CHECK_INT(btree_row(&p, 0, &row), -EBADMSG);
	page[12] = 1;
	page[13] = 0xfd; /* at 509 */
	CHECK_INT(btree_child(&p, 0, &child, &k), -EBADMSG);
	LEAF(0, 1);
	CHECK_INT(btree_child(&p, 0, &child, &k), -EBADMSG);
}

static uint8_t payload[64]; /* what the columns of a test are borrowed from */

static int columns(struct btree_value *v, size_t max, const uint8_t *from, size_t n)
{
	struct btree_row r = { .payload = payload, .len = n };

	memcpy(payload, from, n);
	return btree_columns(&r, v, max);
}

#define COLUMNS(max, ...)                                                                \
	columns(v, max, (const uint8_t[]){ __VA_ARGS__ },                                \
		sizeof((uint8_t[]){ __VA_ARGS__ }))

static void test_columns(void)
{
	struct btree_value v[8];

	CHECK_INT(COLUMNS(8, 9, 0, 1, 2, 8, 9, 16, 15, 3, 0xff, 0x80, 1, 'a', 'b', 'c',
			  0x12, 0x34, 0x56),
		  8);
	CHECK_INT(v[0].type, BTREE_NULL);
	CHECK_INT(v[1].number, -1);
	CHECK_INT(v[2].number, -32767);
	CHECK_INT(v[3].number, 0);
	CHECK_INT(v[4].number, 1);
	CHECK_INT(v[5].type, BTREE_BLOB);
	CHECK_UINT(v[5].len, 2);
	CHECK_MEM(v[5].p, "ab", 2);
	CHECK_INT(v[6].type, BTREE_TEXT);
	CHECK_UINT(v[6].len, 1);
	CHECK_MEM(v[6].p, "c", 1);
	CHECK_INT(v[7].type, BTREE_INT);
	CHECK_INT(v[7].number, 0x123456);
	CHECK_INT(COLUMNS(2, 4, 0, 8, 9), 2); /* more are not looked at */
	CHECK_INT(COLUMNS(8, 2, 6, 0x80, 0, 0, 0, 0, 0, 0, 1), 1);
	CHECK(v[0].number == INT64_MIN + 1);
	CHECK_INT(COLUMNS(8, 2, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe), 1);
	CHECK_INT(v[0].number, -2);
	CHECK_INT(COLUMNS(8, 2, 12), 1); /* an empty blob */
	CHECK_UINT(v[0].len, 0);
}

static void test_bad_columns(void)
{
	struct btree_value v[8];

	CHECK_INT(COLUMNS(8, 2, 1), -EBADMSG);	  /* a number that is not there */
	CHECK_INT(COLUMNS(8, 2, 14), -EBADMSG);	  /* a blob that is not there */
	CHECK_INT(COLUMNS(8, 4, 0, 0), -EBADMSG); /* the header is longer than all */
	CHECK_INT(COLUMNS(8, 0, 0), -EBADMSG);	  /* shorter than its own length */
	CHECK_INT(COLUMNS(8, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0), -EBADMSG); /* a float */
	CHECK_INT(COLUMNS(8, 2, 10), -EBADMSG);
	CHECK_INT(COLUMNS(8, 2, 11), -EBADMSG);
	CHECK_INT(COLUMNS(8, 2, 0x80), -EBADMSG); /* a type that is cut off */
	CHECK_INT(columns(v, 8, payload + 1, 0), -EBADMSG);
}

/* Any bytes at all: nothing outside of the page is touched. */
static void test_garbage(void)
{
	struct btree_value v[7];
	uint32_t child;
	int64_t k;

	for (int n = 0; n < 20000; n++) {
		uint8_t *exact = malloc(USABLE);

		for (size_t i = 0; i < USABLE; i++)
			exact[i] = (uint8_t)test_random();
		exact[0] = (const uint8_t[]){ 2, 5, 10, 13 }[n % 4];
		exact[3] = 0;
		if (btree_parse(exact, USABLE, 2, &p) == 0)
			for (unsigned i = 0; i <= p.cells + 1; i++) {
				(void)btree_child(&p, i, &child, &k);
				if (btree_row(&p, i, &row) == 0)
					CHECK(btree_columns(&row, v, 7) <= 7);
			}
		free(exact);
	}
}

TEST_MAIN("btree", test_kinds, test_cell_count, test_varints, test_row_limits,
	  test_children, test_columns, test_bad_columns, test_garbage)
