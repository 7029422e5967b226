#pragma once

/*
 * store_life.h - how a hub's life ends, as it is kept: what life.h decides becomes the row of the hub; who stands in a hub's
 * place; which hubs called that are told nothing any more. A part of the interface of store.h, with its rules.
 *
 * Who changes a hub's life holds its row: store_hub_lock, or store_hub_take in an upload.
 */
#include "clinic/life.h"
#include "clinic/store.h"
#include "clinic/store_held.h"

/*
 * store_life_on - one event of life.h; with LIFE_CHANGED the row has it, and of a hub that is retired or lost no key is left
 * that could be confirmed.
 *
 * h   locked; its state and drain are changed
 *
 * Returns an enum life_result, or an error of store.h.
 */
int store_life_on(struct store *s, struct hub *h, const struct life_request *rq);

/* store_life_told - the highest number that this hub ever told of, or that is here. */
int store_life_told(struct store *s, const struct hub *h, uint64_t *ret);

/*
 * store_life_settle - what a hub says of its end. One that says that it has retired is to be drained, if it is not yet: an order that
 * was taken back too late has taken effect. And the end of a drain, in the transaction that has just stored a batch: the hub is RETIRED if
 * life_drained says so, with a line in its journal.
 *
 * h        as it was read before the batch
 * contig   the mark after it
 * suspect  the batch showed that the hub was set back or copied
 *
 * Returns 1: it is retired; 0; or an error of store.h.
 */
int store_life_settle(struct store *s, const struct hub *h, const struct batch *b,
		      uint64_t contig, bool suspect, int64_t now_ms);

/*
 * store_successor_put - 'successor' stands in the place of 'hub', or will; the same again is fine. Neither needs a row.
 *
 * Returns also -EEXIST: another one does, or it stands in another one's place.
 */
int store_successor_put(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			const uint8_t successor[static HUB_ID_LEN], int64_t now_ms);
/* store_successor_get - who stands in the place of hub; -ENOENT. */
int store_successor_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint8_t ret[static HUB_ID_LEN]);

enum { CALL_ADDRESS_MAX = 64 };

/* The last call of a hub that nothing is taken from. */
struct refused_call {
	int64_t at_ms;
	char address[CALL_ADDRESS_MAX]; /* "[::1]:5684", "": not known */
	uint64_t calls;			/* so many in all */
};

/* store_call_add - one more; not within another transaction. store_call_get - -ENOENT: it never did. */
int store_call_add(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		   const struct refused_call *c);
int store_call_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		   struct refused_call *ret);
