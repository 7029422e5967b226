#pragma once

/*
 * store_escrow.h - what ends level 3 of each hub, as the hubs sealed it to the clinic's release authority; nothing here can open it. A
 * part of the interface of store.h, with its rules.
 */
#include "clinic/store.h"
#include "hub/core/msg.h"

/* store_escrow_note - what a hub's status says of it, if it does; a status that store_status_put took. */
int store_escrow_note(struct store *s, const struct hub *h, const uint8_t *status,
		      size_t len, int64_t now_ms);

/*
 * store_escrow_get - the one in force in this lock epoch: the last one that was drawn in it or before. -ENOENT: there is none.
 */
int store_escrow_get(struct store *s, const struct hub *h, uint32_t lock_epoch,
		     struct escrow_sealed *ret);
