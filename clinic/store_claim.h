#pragma once

/*
 * store_claim.h - hubs that people have claimed by their labels: which device key may enrol here, under which name, by
 * whom. A part of the interface of store.h, with its rules.
 *
 * Invariants
 *   1. A claim names a key and no secret: whoever copies a label has nothing without the key. The key's hash is whole;
 *      the hub's id is its first half.
 *   2. At most one claim of a key, of a name, and of a hub that is replaced; the database sees to the first two when two
 *      people claim at once.
 *   3. A claim stays when the hub has enrolled: after a factory reset it enrols again by it. It goes only by claim_cancel,
 *      and only as long as there is no row of the hub.
 *   4. Each claim and each cancellation leaves a line in the hub's journal (store_held.h).
 */
#include "clinic/store.h"
#include "clinic/store_held.h"

enum { CLAIM_SITE_MAX = 120 };

struct claim {
	uint8_t spki[PIN_LEN]; /* SHA-256 of the SubjectPublicKeyInfo of its device key */
	uint8_t id[HUB_ID_LEN];	     /* the first of that; claim_put sees to it */
	char name[HUB_NAME_MAX + 1]; /* the clinic's own, for the row of the hub */
	char by[JOURNAL_WHO_MAX + 1];
	int64_t at_ms;		       /* UTC */
	char site[CLAIM_SITE_MAX + 1]; /* where it shall stand; "": not said */
	bool has_replaces;
	uint8_t replaces[HUB_ID_LEN]; /* the hub in whose place it comes */
	int64_t contacted_ms; /* UTC, it last proved its key; 0: never. claim_put: not used */
	/* of its row; HUB_PREREGISTERED as long as there is none. claim_put: not used */
	enum hub_state state;
};

enum claim_result {
	CLAIM_DONE = 1,
	CLAIM_THERE,  /* this key is claimed already, perhaps under another name */
	CLAIM_NAME,   /* the name is that of another claim, or of a hub */
	CLAIM_HUB,    /* there is a row of this hub: it is past claiming and cancelling */
	CLAIM_NO_HUB, /* no hub of the id 'replaces' */
	CLAIM_REPLACED, /* another claim replaces that hub */
};

/*
 * claim_put - claims a key, and writes the journal's line.
 *
 * ret_other   CLAIM_THERE: the claim that is there; CLAIM_NAME, CLAIM_REPLACED: the other claim, or, if it is a hub's name,
 *             all zero
 *
 * Returns an enum claim_result, nothing being written but with CLAIM_DONE; or an error of store.h.
 */
int claim_put(struct store *s, const struct claim *c, struct claim *ret_other);

/* claim_by_device_spki - of the key that a peer has proved, or that a label names; claim_by_name. Both: -ENOENT */
int claim_by_device_spki(struct store *s, const uint8_t spki[static PIN_LEN],
			 struct claim *ret);
int claim_by_name(struct store *s, const char *name, struct claim *ret);
/* claim_by_hub - by the hub's id; -ENOENT */
int claim_by_hub(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		 struct claim *ret);

/*
 * claim_device_key - the device key of the hub, or claim, of this name, as its label has it.
 *
 * Returns also -ENOENT: no such name; or the hub was added before hubs had labels, with a key that is not its device's.
 */
int claim_device_key(struct store *s, const char *name, uint8_t ret_spki[static PIN_LEN]);

/*
 * claim_contacted - its hub was here and has proved its key. Nobody else changes or cancels the claim until the
 * transaction ends: what enrols a hub begins with this, then reads the claim and makes the row.
 *
 * Returns also -ENOENT: not claimed.
 */
int claim_contacted(struct store *s, const uint8_t spki[static PIN_LEN], int64_t now_ms);

/*
 * claim_cancel - takes a claim back, and writes the journal's line.
 *
 * who, why   as in struct journal_entry
 *
 * Returns CLAIM_DONE, CLAIM_HUB (to be rolled back), -ENOENT (not claimed), or an error of store.h.
 */
int claim_cancel(struct store *s, const uint8_t spki[static PIN_LEN], int64_t now_ms,
		 const char *who, const char *why);

/* claim_list - by name; fn as in store_hub_each. */
typedef int claim_fn(void *arg, const struct claim *c);
int claim_list(struct store *s, claim_fn *fn, void *arg);
