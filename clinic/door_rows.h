#pragma once

/*
 * door_rows.h - the rows that answers are made of, to CBOR and back. Pure; byte tables: docs/MESSAGES.md, 'The clinic's
 * door'.
 *
 * Reading: errors stick in c; ret is filled as far as it goes, and all text in it ends. A row with more items than we know
 * is taken: a newer clinicd may say more.
 */
#include "clinic/door.h"
#include "clinic/enrol_store.h"
#include "clinic/hub_facts.h"
#include "clinic/order_take.h"
#include "clinic/store_life.h"
#include "clinic/store_ticket.h"
#include "clinic/store_visit.h"
#include "clinic/witness.h"
#include "hub/core/cbor.h"
#include "hub/core/msg.h"

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

/* What became of a word on a hub's life. */
struct door_life {
	enum life_result result;
	struct hub was, is;
	uint64_t told;	  /* the highest number that it ever told of */
	uint64_t missing; /* so many of 1..told are not accounted for */
	uint64_t held;
};

/* What became of the word that a hub which is to be retired will say nothing more. */
struct door_end {
	struct hub was;
	uint64_t told, missing; /* as in struct door_life */
	bool discard;		/* the order gives up what is unsent */
	bool ended;		/* it is retired now */
};

/* What became of the word that another hub comes in the place of one. */
struct door_replaced {
	enum door_replace result; /* the rest is as it was found until then */
	struct hub old;
	enum life_result drain;
	uint8_t id[HUB_ID_LEN]; /* of the one in its place */
	char name[HUB_NAME_MAX + 1];
	bool claimed_now, is_active, handed_over, was_over;
	uint32_t assignment;
	uint64_t version;
	char other[HUB_NAME_MAX + 1]; /* whom the result names; "": nobody */
	uint16_t device;	      /* USED: which */
};

/* What a visit looks at. */
struct door_visit {
	uint8_t id[HUB_ID_LEN], key[PIN_LEN]; /* key: if facts.has_key */
	struct visit_facts facts;	      /* since_ms and now_ms are the asker's */
};

/* What a hub's audit log is held against. */
struct door_audit {
	struct hub hub;
	struct witness_state state;
	bool has_key;
	uint8_t key0[KEY_LEN];
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
void door_put_witness(struct writer *w, const struct witness_state *s);
void door_get_witness(struct cb *c, struct witness_state *ret);
/* As bytes, in the form that hubs get. */
void door_put_config(struct writer *w, const struct config *c);
void door_get_config(struct cb *c, struct config *ret);
/* What is sealed, as it lies in the store. The body is borrowed from c. */
void door_put_sealed(struct writer *w, const struct sealed *s);
void door_get_sealed(struct cb *c, struct sealed *ret);
/* The same of quarantine, with its reason. */
void door_put_aside(struct writer *w, const struct sealed *s, enum quarantine_reason why);
void door_get_aside(struct cb *c, struct sealed *ret, enum quarantine_reason *ret_why);
/* Numbers from first to last, both included; first is 1 or more. */
void door_put_numbers(struct writer *w, uint64_t first, uint64_t last);
void door_get_numbers(struct cb *c, uint64_t *ret_first, uint64_t *ret_last);
void door_put_held(struct writer *w, const struct held_group *g);
void door_get_held(struct cb *c, struct held_group *ret);
void door_put_held_done(struct writer *w, const struct held_done *d);
void door_get_held_done(struct cb *c, struct held_done *ret);
void door_put_journal(struct writer *w, const struct journal_entry *e);
void door_get_journal(struct cb *c, struct journal_entry *ret);
void door_put_life(struct writer *w, const struct door_life *l);
void door_get_life(struct cb *c, struct door_life *ret);
/* One that has or waits for a certificate by enrolment; of its keys only that they are there and their dates. */
void door_put_enrol(struct writer *w, const struct enrol_row *row);
void door_get_enrol(struct cb *c, struct enrol_row *ret);
void door_put_visit(struct writer *w, const struct door_visit *v);
void door_get_visit(struct cb *c, struct door_visit *ret);
void door_put_visit_entry(struct writer *w, const struct visit_entry *e);
void door_get_visit_entry(struct cb *c, struct visit_entry *ret);
/* Has key 0: to be wiped. */
void door_put_audit(struct writer *w, const struct door_audit *a);
void door_get_audit(struct cb *c, struct door_audit *ret);
void door_put_checkpoint(struct writer *w, const struct audit_checkpoint *k);
void door_get_checkpoint(struct cb *c, struct audit_checkpoint *ret);
/* Orders to hubs, and who signs them. */
void door_put_signer(struct writer *w, const struct signer_row *s);
void door_get_signer(struct cb *c, struct signer_row *ret);
void door_put_order(struct writer *w, const struct order *o);
void door_get_order(struct cb *c, struct order *ret);
/* One that waits for a signature, of any hub. */
void door_put_waiting(struct writer *w, const char *hub, const struct order *o);
void door_get_waiting(struct cb *c, char ret_hub[static HUB_NAME_MAX + 1],
		      struct order *ret);
void door_put_order_facts(struct writer *w, const struct order_facts *f);
void door_get_order_facts(struct cb *c, struct order_facts *ret);
/* What a hub sealed to the release authority; without .there: null. */
void door_put_escrow(struct writer *w, const struct escrow_sealed *e);
void door_get_escrow(struct cb *c, struct escrow_sealed *ret);
void door_put_taken(struct writer *w, const struct order_taken *t);
void door_get_taken(struct cb *c, struct order_taken *ret);
void door_put_end(struct writer *w, const struct door_end *e);
void door_get_end(struct cb *c, struct door_end *ret);
void door_put_replaced(struct writer *w, const struct door_replaced *o);
void door_get_replaced(struct cb *c, struct door_replaced *ret);
/* Not its key. */
void door_put_ticket(struct writer *w, const struct store_ticket *t);
void door_get_ticket(struct cb *c, struct store_ticket *ret);
/* patient: false leaves out whose the readings are. */
void door_put_facts(struct writer *w, const struct hub_facts *f, bool patient);
void door_get_facts(struct cb *c, struct hub_facts *ret);
