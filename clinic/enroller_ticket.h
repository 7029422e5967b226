#pragma once

/*
 * enroller_ticket.h - the part of enroller.h that deals with tickets: who claims by one, and who may have it in the end. Each is
 * called within the transaction of its request; what a refusal leaves (an alarm) is to be committed like all else.
 *
 * Invariant: of the confirmations of hubs that were claimed by one ticket at most one is let through (ticket_row.h); the row
 * of the ticket is held from before it is looked at.
 */
#include "clinic/enroller.h"

/*
 * enroller_ticket_claim - a peer has proved the ticket's key 'by', and says that it is the hub with this device key.
 *
 * note   .ticket, .copied and .hub are filled
 *
 * Returns an enum ticket_result, -ENOENT (no such ticket), or an error of store.h.
 */
int enroller_ticket_claim(struct store *s, const uint8_t by[static PIN_LEN],
			  const uint8_t device[static PIN_LEN], int64_t now_ms,
			  struct enroller_note *note);

/*
 * enroller_ticket_confirm - a hub is about to have a key activated by its own word. If it was claimed by a ticket this ends the
 * ticket, and the other claims that were made by it; or, if the ticket is nothing any more, the claim of this hub.
 *
 * first   the clinic had no row of this hub
 *
 * Returns TICKET_GOOD (also: it has none), why it must not go on, or an error of store.h.
 */
int enroller_ticket_confirm(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			    bool first, int64_t now_ms, struct enroller_note *note);
