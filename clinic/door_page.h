#pragma once

/*
 * door_page.h - an answer that is a list: up to DOOR_PAGE rows behind those that were asked for before.
 *
 * The walks of store.h call a function for each row; it asks door_page_skips, puts the row into ->rows and gives back what
 * door_page_added says, which ends the walk when the page is full. One page is under way at a time.
 */
#include <stdbool.h>

#include "clinic/door.h"
#include "hub/core/cursor.h"

/* Ends a walk: the page is full. */
enum { DOOR_PAGE_FULL = 1 };

struct door_page {
	struct writer rows; /* what was put */
	uint64_t skip;	    /* rows still to be left out */
	size_t count;	    /* rows put */
	size_t most;
	uint64_t
		behind; /* of lists in the order of a number: rows up to it are left out */
};

/* op: of the list, skip: rows that are left out. */
void door_page_begin(struct door_page *p, enum door_op op, uint64_t skip);
/* Is this row one of an earlier page? */
bool door_page_skips(struct door_page *p);
/* Lists in the order of a number, which rq->number says behind which: the same two functions. */
void door_page_begin_behind(struct door_page *p, const struct door_request *rq);
bool door_page_is_before(const struct door_page *p, uint64_t number);
/* A row was put. Returns 0, or DOOR_PAGE_FULL. */
int door_page_added(struct door_page *p);
/*
 * door_page_end - the rows as an array into w.
 *
 * walked  what the walk returned
 *
 * Returns 0, or the walk's error, and nothing is put.
 */
int door_page_end(struct door_page *p, int walked, struct writer *w);
