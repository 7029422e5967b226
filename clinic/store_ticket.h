#pragma once

/*
 * store_ticket.h - tickets, and which hubs were claimed by one. A part of the interface of store.h, with its rules; what a
 * ticket is worth says ticket_row.h.
 *
 * Invariants
 *   1. No private key of a ticket is kept: who has lost the file makes another ticket.
 *   2. Whoever changes a ticket or claims by it holds it (store_ticket_take), until the transaction ends.
 *   3. A claim was made by a ticket if and only if a row says so ('made'); it goes with the claim.
 */
#include "clinic/store_claim.h"
#include "clinic/ticket_row.h"
#include "hub/core/ticket.h"

struct store_ticket {
	uint8_t spki[PIN_LEN]; /* of its key */
	char id[TICKET_ID_MAX];
	char name[HUB_NAME_MAX + 1];   /* for the hub that comes; "": from its label */
	char site[CLAIM_SITE_MAX + 1]; /* where it shall stand; "": not said */
	char by[JOURNAL_WHO_MAX + 1];  /* who made it */
	int64_t at_ms;		       /* UTC */
	struct ticket_row row;
	int64_t ended_ms; /* used or revoked; 0: neither */
	char ended_by[JOURNAL_WHO_MAX + 1], why[JOURNAL_WHY_MAX + 1]; /* revoked */
	/* a hub was refused with it, or was the second to come with it: the ticket was copied */
	uint64_t alarms;
	int64_t alarm_ms; /* the last time */
	uint8_t alarm_hub[HUB_ID_LEN];
};

/* store_ticket_add - a new one, which is open. Returns 0, -EEXIST (its id), or an error of store.h. */
int store_ticket_add(struct store *s, const struct store_ticket *t);

/* store_ticket_known - is this the key of a ticket, whatever became of it? Returns 1 or 0. */
int store_ticket_known(struct store *s, const uint8_t spki[static PIN_LEN]);

/* store_ticket_take - by its key, and nobody else changes it until the transaction ends; store_ticket_take_id by its id, of
 * either case. -ENOENT */
int store_ticket_take(struct store *s, const uint8_t spki[static PIN_LEN],
		      struct store_ticket *ret);
int store_ticket_take_id(struct store *s, const char *id, struct store_ticket *ret);

/* store_ticket_put - its row, ended_..., why and alarms. */
int store_ticket_put(struct store *s, const struct store_ticket *t);

/* store_ticket_each - all, the newest first; fn as in store_hub_each. */
typedef int store_ticket_fn(void *arg, const struct store_ticket *t);
int store_ticket_each(struct store *s, store_ticket_fn *fn, void *arg);

/* Which ticket a hub came with last. */
struct ticket_use {
	uint8_t spki[PIN_LEN];
	bool made; /* its claim was made by a ticket; else somebody has scanned its label as well */
};

/* ticket_use_get - of a hub; -ENOENT. ticket_use_put: its claim was 'made' just now, or it stays as it is. */
int ticket_use_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		   struct ticket_use *ret);
int ticket_use_put(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		   const uint8_t spki[static PIN_LEN], bool made, int64_t now_ms);

/* ticket_uses_other - how many hubs but this one came with it. Returns the count or an error. */
int ticket_uses_other(struct store *s, const uint8_t spki[static PIN_LEN],
		      const uint8_t hub[static HUB_ID_LEN]);

/*
 * ticket_drop_claims - the claims that it has made are taken back, but of this hub (NULL: all), and of those that have enrolled.
 *
 * who, why   as in struct journal_entry
 */
int ticket_drop_claims(struct store *s, const uint8_t spki[static PIN_LEN],
		       const uint8_t *but, int64_t now_ms, const char *who,
		       const char *why);
