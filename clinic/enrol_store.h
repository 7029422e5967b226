#pragma once

/*
 * enrol_store.h - what the clinic keeps of enrolment: the row that enrolment.h works on, and every certificate that was
 * issued. A part of the interface of store.h, with its rules.
 *
 * Invariants
 *   1. A key is of one hub, for ever: once it had a certificate, or is another hub's own, nobody else gets one for it.
 *   2. A hub that was claimed (store_claim.h) gets its row in 'hub' when its first key is confirmed, with that; whoever
 *      has no such row cannot upload.
 *   3. Who changes what is kept of a hub's enrolment holds it (enrol_store_take), until the transaction ends.
 */
#include "clinic/enrolment.h"
#include "clinic/pki.h"
#include "clinic/store.h"

/* One hub's row, put together from what there is of it. */
struct enrol_row {
	uint8_t hub[HUB_ID_LEN];
	char name[HUB_NAME_MAX + 1];
	bool has_hub; /* there is a row in 'hub' */
	struct enrolment e;
};

/* What a hub says when it confirms: what 'clinicctl hub add' puts down for others. */
struct enrol_said {
	uint32_t epoch;
	bool has_sign; /* false of an emergency identity, which says nothing of keys */
	uint8_t sign_public[P256_PUBLIC_LEN];
	/* key 0 of its audit log; secret. Not said: the log has begun, and the hub has it no more */
	bool has_audit;
	uint8_t audit_key[KEY_LEN];
};

/* enrol_store_find - the row of the hub whose key this is or was, by whatever role; -ENOENT. Locks nothing. */
int enrol_store_find(struct store *s, const uint8_t spki[static PIN_LEN],
		     struct enrol_row *ret);
/* enrol_store_take - the row of this hub, and nobody else changes it until the transaction ends. -ENOENT */
int enrol_store_take(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     int64_t now_ms, struct enrol_row *ret);

/* enrol_store_taken - is or was this a key of another hub, an earlier one of this, or a ticket's? Returns 1 or 0. */
int enrol_store_taken(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      const uint8_t spki[static PIN_LEN]);

/* enrol_store_put - what is not in a key: tries, asked, approved, emergency_tries. */
int enrol_store_put(struct store *s, const struct enrol_row *row, int64_t now_ms);
/* enrol_store_issue - row->e.issued, or row->e.emergency_issued, with its certificate; the one issued before is dead. */
int enrol_store_issue(struct store *s, const struct enrol_row *row, bool emergency,
		      const struct pki_cert *cert);
/* enrol_store_certificate - of a key, without 'serial'; -ENOENT: none was issued here. */
int enrol_store_certificate(struct store *s, const uint8_t spki[static PIN_LEN],
			    struct pki_cert *ret);
/*
 * enrol_store_activate - row->e.active has just been confirmed: the one before is dead, and the hub's row says so.
 *
 * Returns also -EEXIST, and the transaction is to be rolled back: in this epoch the hub has said other keys before.
 */
int enrol_store_activate(struct store *s, const struct enrol_row *row,
			 const struct enrol_said *said, int64_t now_ms);
/* enrol_store_activate_emergency - row->e.emergency has just been confirmed: the one before is dead. */
int enrol_store_activate_emergency(struct store *s, const struct enrol_row *row,
				   int64_t now_ms);
/* enrol_store_agrees - does the hub say what is kept? Returns 1 or 0. */
int enrol_store_agrees(struct store *s, const struct enrol_row *row,
		       const struct enrol_said *said);

/* enrol_store_each - every hub that has or waits for a key by enrolment, by id; fn as in store_hub_each, and it may use
 * the store. At most ENROL_LIST_MAX. */
enum { ENROL_LIST_MAX = 10000 };
typedef int enrol_row_fn(void *arg, const struct enrol_row *row);
int enrol_store_each(struct store *s, enrol_row_fn *fn, void *arg);
/* enrol_store_page - the same of those whose id is above 'after', at most 'most' of them. */
int enrol_store_page(struct store *s, const uint8_t after[static HUB_ID_LEN],
		     unsigned most, enrol_row_fn *fn, void *arg);
