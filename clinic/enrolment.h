#pragma once

/*
 * enrolment.h - how a hub gets its certificates and how it loses them: (row, event) -> (new row, answer). Pure.
 *
 * A row is what the clinic keeps of one hub: its state, and of each key only the SHA-256 of its SubjectPublicKeyInfo
 * ('spki'). Whoever calls makes the new row durable before it sends the answer, so that every event may come again at any
 * time: the same request has the same answer.
 *
 * Its states and what leads from one to another are in life.h; here is what becomes of the keys.
 *
 *	ACTIVE or SUSPENDED, -renew->, and ACTIVE, -enrol-> (after a factory reset): the state stays, a second key is issued
 *	                                                   beside the active one until it is confirmed.
 *	ACTIVE or SUSPENDED, -emergency->                  a key of another kind is issued to the active one, and confirmed
 *	                                                   on itself: that of the emergency identity.
 *
 * Invariants
 *   1. At most one key of a hub is active. It stays so until another one is confirmed, and is dead from then on.
 *   2. At most one key is issued and not confirmed: a newer one takes its place. Nothing but a confirmation can be done
 *      with it. A key that was issued and not confirmed for ENROLMENT_ISSUED_MS is as if it had never been.
 *   3. Only ENROLMENT_TRIES_MAX keys take the place of a live one that was not confirmed; then a person has to say 'approve'.
 *   4. A key that enrols has an epoch above every one that was ever confirmed; a key that renews has the active one's.
 *   5. In RETIRED and LOST no key has a role, and none is issued. A hub that was not lost after all finds its active key
 *      again; one that is retired has none.
 *   6. The row's epoch never goes down.
 *   7. Invariants 1 and 2 hold of emergency keys by themselves. No key is ever of both kinds, and with an emergency key nothing
 *      can be done but an upload that is held, and its own confirmation. It is of the active key's epoch, and dead with a
 *      new one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinic/store.h"
#include "hub/core/config.h"

enum {
	ENROLMENT_ISSUED_MS = 24 * 3600 * 1000,
	ENROLMENT_TRIES_MAX = 5,
	ENROLMENT_EPOCHS_AHEAD =
		100000, /* that a hub may skip: nobody enrols that often */
	ENROLMENT_DAYS =
		90, /* that a certificate is good for, if clinic.conf does not say */
	/* That one of an emergency identity is good for at least: who needs it cannot renew it, and it is worth little. */
	ENROLMENT_EMERGENCY_DAYS = 3 * 365,
	ENROLMENT_ASK_S = 300,	       /* Max-Age while a person must approve */
	ENROLMENT_TRIES_WAIT_S = 3600, /* Max-Age after too many keys */
};

/* One key. Times are UTC in milliseconds. */
struct enrolment_key {
	bool there;
	uint8_t spki[PIN_LEN];
	uint32_t epoch;
	bool renewal; /* else it enrols */
	int64_t issued_ms;
	int64_t ends_ms; /* of its certificate */
};

/* All zeros is a hub that nobody has claimed. */
struct enrolment {
	enum hub_state state;
	struct life_drain drain;
	/* spki of the hub's own key, from its label; all zero for one that was added without: it can renew, not enrol */
	uint8_t device[PIN_LEN];
	uint32_t epoch; /* highest that was confirmed; 0 none */
	struct enrolment_key active;
	struct enrolment_key issued; /* and not confirmed */
	struct enrolment_key emergency, emergency_issued;
	unsigned
		emergency_tries; /* as 'tries', and nobody is asked: see ENROLMENT_ISSUED_MS */
	unsigned tries; /* see invariant 3; since the last confirmation or approval */
	bool asked;	/* it waits for a person */
	bool approved;	/* by a person, for the next enrolment */
};

enum enrolment_event {
	ENROLMENT_ENROL = 1, /* POST /est/sen */
	ENROLMENT_RENEW,     /* POST /est/sren */
	ENROLMENT_CONFIRM,   /* POST /hub/confirm */
	ENROLMENT_EMERGENCY, /* POST /est/emergency/sen */
	/* by a person */
	ENROLMENT_CLAIM, /* the label was scanned */
	ENROLMENT_CANCEL,
	ENROLMENT_APPROVE, /* the next enrolment may go on, and is not one too many */
	ENROLMENT_SUSPEND,
	ENROLMENT_RESUME,
	ENROLMENT_RETIRE,
	ENROLMENT_LOSE,
	ENROLMENT_FIND, /* it was not lost */
	ENROLMENT_EVENTS,
};

struct enrolment_request {
	enum enrolment_event event;
	int64_t now_ms;
	/* of a hub: the spki that DTLS proved, PIN_LEN octets */
	const uint8_t *by;
	/* ENROL, RENEW, EMERGENCY: the spki in the request for a certificate, whose possession is proved */
	const uint8_t *key;
	/* that key is or was another one's, or an earlier one of this hub */
	bool key_taken;
	/* ENROL: the epoch that the hub means to use, 0 not said. CONFIRM: the one it uses */
	uint32_t epoch;
	bool ask; /* ENROL: a person must approve */
};

/* What is to be done. */
enum enrolment_action {
	ENROLMENT_REFUSE = 0, /* the row stays as it was */
	ENROLMENT_ISSUE, /* make and keep a certificate for row->issued, send it: 2.04 */
	ENROLMENT_SEND_ISSUED, /* send the one that is kept for it: 2.04 */
	ENROLMENT_SEND_ACTIVE, /* the same for row->active */
	ENROLMENT_WAIT,	       /* 5.03 with Max-Age; the row may have changed ('asked') */
	/* row->issued has become row->active; what the hub said with it is to be kept: 2.04 */
	ENROLMENT_ACTIVATE,
	ENROLMENT_CONFIRMED, /* as before; what the hub says must be what is kept: 2.04 */
	ENROLMENT_CHANGED,   /* a person's word was done, maybe before */
};

/* Why not, or why not yet. The words are in the answer and in the log. */
enum enrolment_reason {
	ENROLMENT_FINE = 0,
	ENROLMENT_UNKNOWN_KEY,	/* 4.03 that key may not do this */
	ENROLMENT_NOT_CLAIMED,	/* 4.03 */
	ENROLMENT_IS_SUSPENDED, /* 4.03 */
	ENROLMENT_IS_RETIRED,	/* 4.03 */
	ENROLMENT_IS_LOST,	/* 4.03 */
	ENROLMENT_NOT_ACTIVE,	/* 4.03 there is nothing to renew or to resume */
	ENROLMENT_NOT_CONFIRMED, /* 4.03 a key that was issued can do nothing but confirm */
	ENROLMENT_MAILBOX_ONLY, /* 4.03 a key of an emergency identity can do nothing of the kind */
	ENROLMENT_RAN_OUT, /* 4.03 it was not confirmed in time: enrol or renew again */
	ENROLMENT_OLD_KEY, /* 4.00 a new certificate needs a new key */
	ENROLMENT_OTHER_EPOCH,	  /* 4.09 see epoch of the answer */
	ENROLMENT_WAITS_APPROVAL, /* 5.03 */
	ENROLMENT_TOO_MANY_KEYS,  /* 5.03 */
	ENROLMENT_REASONS,
};

struct enrolment_answer {
	enum enrolment_action action;
	enum enrolment_reason reason;
	bool emergency; /* read row->emergency and row->emergency_issued for row->active and row->issued */
	uint32_t max_age_s; /* with ENROLMENT_WAIT */
	uint32_t
		epoch; /* with ENROLMENT_OTHER_EPOCH: the lowest one (after RENEW the only one) that will do */
};

/*
 * enrolment_on - one event.
 *
 * row   changed as the answer says; with ENROLMENT_REFUSE it is as it was. The caller fills the issued key's ends_ms in
 *       when it has made the certificate
 *
 * Pure.
 */
struct enrolment_answer enrolment_on(struct enrolment *row,
				     const struct enrolment_request *rq);

/* Whose key this is, at a time. */
enum enrolment_role {
	ENROLMENT_ROLE_NONE = 0,
	ENROLMENT_ROLE_DEVICE,
	ENROLMENT_ROLE_ACTIVE,
	ENROLMENT_ROLE_ENDED,  /* the active one, after the end of its certificate */
	ENROLMENT_ROLE_ISSUED, /* confirmed by nobody yet, and not too old to be */
	ENROLMENT_ROLE_EMERGENCY,
	ENROLMENT_ROLE_EMERGENCY_ISSUED,
};
enum enrolment_role enrolment_role(const struct enrolment *row,
				   const uint8_t spki[static PIN_LEN], int64_t now_ms);

/* enrolment_code - as enum coap_code: of an answer to a hub. */
int enrolment_code(const struct enrolment_answer *a);

/* "not-claimed": for the diagnostic payload, logs and programs. */
const char *enrolment_reason_name(enum enrolment_reason why);

/* enrolment_invariants - do 1 to 5 and 7 hold of this row, as far as one row shows it? For tests and models. */
bool enrolment_invariants(const struct enrolment *row);
