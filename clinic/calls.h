#pragma once

/*
 * calls.h - hubs that call and are told nothing any more, because they are retired or lost: when, and from where. One that is
 * lost may be with a thief.
 *
 * A call is noted in the handshake that is refused, and written down in a later turn of the loop: then no transaction is
 * open, and who calls all the time costs one write in a while.
 */
#include "clinic/store_life.h"

enum { CALLS_KEPT = 16 };

/* Fields are private; all zero is none. */
struct calls {
	size_t count;
	struct {
		uint8_t hub[HUB_ID_LEN];
		struct refused_call call;
	} at[CALLS_KEPT];
};

/*
 * calls_note - a peer with this key was refused. Nothing happens if it is not one of such a hub.
 *
 * from   its address as text
 */
void calls_note(struct calls *c, struct store *s, const uint8_t spki[static PIN_LEN],
		const char *from);
/* calls_keep - outside of a transaction: what was noted is in the store from now on, or told as lost. */
void calls_keep(struct calls *c, struct store *s);
