#pragma once

/*
 * door_row.h - what all rows of door_rows.h are made of: an array, whose items stand in a fixed order, new ones at the end.
 * Pure. Errors stick in w or c.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/core/cbor.h"

enum {
	ROW_ITEMS_MAX = 64,  /* of a newer clinicd */
	ROW_STATE_MAX = 255, /* of a number that stands for a word */
};

void row_put_text(struct writer *w, const char *text);
/* One line of at most cap - 1 bytes, maybe none; it goes to a terminal: no control characters. dst ends in every case. */
void row_get_text(struct cb *c, char *dst, size_t cap);
/* UTC in milliseconds; before 1970: 0. */
void row_put_ms(struct writer *w, int64_t ms);
int64_t row_get_ms(struct cb *c);
/* row_begin - returns how many items there are beyond those that are known; row_end skips them. */
size_t row_begin(struct cb *c, size_t items);
void row_end(struct cb *c, size_t more);
