#pragma once

/*
 * door_rows.h - the rows that answers are made of, to CBOR and back. Pure; byte tables: docs/MESSAGES.md, 'The clinic's
 * door'.
 *
 * Reading: errors stick in c; ret is filled as far as it goes, and all text in it ends. A row with more items than we know
 * is taken: a newer clinicd may say more.
 */
#include "clinic/door.h"
#include "clinic/hub_facts.h"
#include "clinic/store_life.h"
#include "hub/core/cbor.h"

/* All that is kept under one name. */
struct door_known {
	bool has_hub, has_claim, has_key, has_old;
	struct hub hub, old; /* old: in whose place the claimed one comes */
	struct claim claim;
	uint8_t key[PIN_LEN];		  /* of the device, which its label names */
	char successor[HUB_NAME_MAX + 1]; /* in its place; "": none */
	bool has_call; /* it called when nothing was taken of it any more */
	struct refused_call call;
};

void door_put_hub(struct writer *w, const struct hub *h);
void door_get_hub(struct cb *c, struct hub *ret);
void door_put_claim(struct writer *w, const struct claim *k);
void door_get_claim(struct cb *c, struct claim *ret);
void door_put_known(struct writer *w, const struct door_known *k);
void door_get_known(struct cb *c, struct door_known *ret);
void door_put_tombstone(struct writer *w, const struct tombstone *t);
void door_get_tombstone(struct cb *c, struct tombstone *ret);
void door_put_assigned(struct writer *w, const struct assigned *a);
void door_get_assigned(struct cb *c, struct assigned *ret);
/* As bytes, in the form that hubs get. */
void door_put_config(struct writer *w, const struct config *c);
void door_get_config(struct cb *c, struct config *ret);
/* patient: false leaves out whose the readings are. */
void door_put_facts(struct writer *w, const struct hub_facts *f, bool patient);
void door_get_facts(struct cb *c, struct hub_facts *ret);
