#pragma once

/*
 * snapshot_load.h - what a hub looked like each time it locked itself, from the records that the pieces are.
 */
#include "clinic/opening.h"
#include "clinic/store.h"
#include "hub/core/snapshot.h"

enum { SNAPSHOT_LOAD_MAX = 16 }; /* the newest */

struct snapshot_item {
	uint8_t *bytes; /* owned by the list; NULL: not here, or not whole */
	size_t len;
	uint32_t came, total; /* pieces, of the last attempt */
};

struct snapshot_kept {
	uint64_t number;
	int64_t received_ms;   /* its last piece, by the clinic's clock */
	bool good;	       /* 'texts' are there, and signed by the key in them */
	struct snapshot texts; /* borrows from items[0] */
	struct snapshot_item items[SNAPSHOT_ITEMS_MAX];
};

struct snapshot_list {
	size_t count; /* oldest first */
	struct snapshot_kept kept[SNAPSHOT_LOAD_MAX];
	unsigned older, broken, unopened; /* left out; pieces that are none; records */
};

/*
 * snapshot_load - of the hub's present enrolment.
 *
 * ret   caller's; snapshot_list_free, whatever is returned
 *
 * Returns 0, -EKEYREJECTED (the sealing key is another one), -ENOMEM, or an error of store.h.
 */
int snapshot_load(struct store *store, const struct hub *h, const struct opening_key *key,
		  struct snapshot_list *ret);
void snapshot_list_free(struct snapshot_list *l);
