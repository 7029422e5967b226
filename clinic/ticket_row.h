#pragma once

/*
 * ticket_row.h - what a ticket (hub/core/ticket.h) is worth at its clinic: (row, event) -> (new row, result). Pure.
 *
 * A ticket stands for somebody who would scan a label: a hub that proves the ticket's key says which device key it has, and
 * that is claimed (store_claim.h). Who is claimed enrols with its device key as every other hub, so that nobody gets in under
 * another one's id. Several hubs may have been claimed by one ticket, if it was copied; the first that confirms has it.
 *
 *	OPEN -confirm-> USED        OPEN -revoke-> REVOKED        after expires_ms an open one is nothing any more
 *
 * Invariants
 *   1. A ticket ends in at most one hub: only the step OPEN -> USED lets a hub in, and nothing leads back to OPEN.
 *   2. The same hub may ask again, and is answered the same.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/config.h"

enum {
	/* Hubs that are claimed by one open ticket: a leaked one must not be used up by who found it, nor fill the clinic. */
	TICKET_HUBS_MAX = 5,
};

/* The numbers are in the database. */
enum ticket_state {
	TICKET_STATE_NONE = 0,
	TICKET_STATE_OPEN = 1,
	TICKET_STATE_USED = 2,
	TICKET_STATE_REVOKED = 3,
	TICKET_STATES = 4,
};

struct ticket_row {
	enum ticket_state state;
	int64_t expires_ms;	 /* UTC */
	uint8_t hub[HUB_ID_LEN]; /* USED: whose it was */
};

enum ticket_event {
	TICKET_CLAIM = 1, /* a hub proves the ticket's key */
	TICKET_CONFIRM,	  /* a hub that was claimed by it confirms its first key */
	TICKET_REVOKE,	  /* by a person */
};

enum ticket_result {
	TICKET_GOOD = 0, /* also once more */
	TICKET_WAS_USED, /* by another hub, or before it could be revoked */
	TICKET_WAS_REVOKED,
	TICKET_IS_OVER,
	TICKET_TOO_MANY_HUBS,
	TICKET_OTHER_CLAIM, /* said by who calls: that hub cannot be claimed */
	TICKET_RESULTS,
};

struct ticket_request {
	enum ticket_event event;
	int64_t now_ms;
	const uint8_t *hub; /* HUB_ID_LEN octets; TICKET_REVOKE: NULL */
	unsigned others;    /* TICKET_CLAIM: other hubs that are claimed by it */
};

/* ticket_on - one event; with anything but TICKET_GOOD the row is as it was. Pure. */
enum ticket_result ticket_on(struct ticket_row *row, const struct ticket_request *rq);

/* ticket_result_name - "ticket-used": for the diagnostic payload, logs and programs. */
const char *ticket_result_name(enum ticket_result r);
/* ticket_state_text - "open", "used", "revoked" or "expired". */
const char *ticket_state_text(const struct ticket_row *row, int64_t now_ms);
