#pragma once

/*
 * enroller.h - a hub asks for a certificate, or confirms the one it got: from the request to the answer, one transaction each.
 *
 * Invariants
 *   1. The row of the key that DTLS proved decides, read for each request, and again when the transaction holds it.
 *   2. A certificate leaves only after the COMMIT that has it; a confirmation is answered after the COMMIT that makes it
 *      true. If nobody knows what became of that, there is no answer, and the request comes again.
 *   3. What decides is enrolment.h; here is only what it cannot know.
 *   4. No certificate for a key whose private half the peer has not used to sign its request, and none with another name
 *      than the hub's id.
 *
 *   request -> a path and formats of ours?   no: 4.04, 4.05, 4.06, 4.15
 *           -> is there a row?               no: 4.03; a ticket's key may ask for hub/claim and nothing else (enroller_ticket.h)
 *           -> a good request for this hub?  no: 4.00
 *           -> BEGIN, what enrolment_on says, certificate, COMMIT
 *           -> answer
 */
#include <stdbool.h>
#include <stdint.h>

#include "clinic/enrol_store.h"
#include "clinic/pki.h"
#include "coap/server.h"
#include "hub/core/certs_only.h"
#include "hub/core/ticket.h"
#include "hub/core/time.h"

/* What became of a request, for the log and the counters. */
enum enroller_outcome {
	ENROLLER_NONE = 0,
	ENROLLER_ISSUED = 1,	/* a new certificate */
	ENROLLER_REPEATED = 2,	/* one that was issued before */
	ENROLLER_CONFIRMED = 3, /* a key is in use from now on */
	ENROLLER_CONFIRMED_AGAIN = 4,
	ENROLLER_WAITS = 5,	/* for a person: 5.03 */
	ENROLLER_REFUSED = 6,	/* by the row */
	ENROLLER_MALFORMED = 7, /* no request that can be looked at */
	ENROLLER_STORE_DOWN = 8,
	ENROLLER_IN_DOUBT =
		9, /* COMMIT failed: no answer; after -EIO the store must not be used again */
	ENROLLER_FLOOD = 10,	      /* seen by who calls us: 4.29 */
	ENROLLER_ROOT = 11,	      /* was given */
	ENROLLER_CLAIMED = 12,	      /* by its ticket */
	ENROLLER_TICKET_REFUSED = 13, /* it was used, revoked or is over; an alarm */
	ENROLLER_OUTCOMES = 14,
};

const char *enroller_outcome_text(enum enroller_outcome o);

/* What one request did. */
struct enroller_note {
	enum enroller_outcome outcome;
	const char *why; /* a word, "" none */
	int err;	 /* from the store, or 0 */
	bool has_hub;
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch; /* issued or confirmed */
	bool renewal;
	bool emergency;		    /* it is about the hub's emergency identity */
	char ticket[TICKET_ID_MAX]; /* that it came with, or was refused with; "" none */
	bool copied;		    /* another hub had come with the same ticket before */
};

/* Fields are private. */
struct enroller {
	struct store *store;
	bool ask;
	int64_t life_ms;
	bool has_ca;
	struct pki_pair ca;
	struct pki_cert root;
	size_t cas_len; /* as certs_only.h, the root too */
	uint8_t cas[CERTS_ONLY_LEN_MAX];
};

/*
 * enroller_init - store is borrowed until the last call.
 *
 * ca         signs; copied. NULL: no certificates are made here, confirmations are taken all the same
 * cas        PEM: the root, then the CAs below it that hubs may meet, as enrol_role_read_ca has them; not with ca NULL
 * ask        a person must approve each enrolment
 * life_s     that a certificate is good for; 0: ENROLMENT_DAYS
 *
 * Returns 0, -EBADMSG (none, or one that does not parse), or -ERANGE (more than CERTS_ONLY_MAX).
 */
int enroller_init(struct enroller *e, struct store *store, const struct pki_pair *ca,
		  const char *cas, bool ask, uint32_t life_s);
void enroller_done(struct enroller *e); /* wipes the key */

/*
 * enroller_admit - may a peer with this key finish its handshake on the enrol port? True for a hub's own key and for the one
 * it uses, unless nothing is taken from the hub any more (life.h); for a ticket's, whatever became of it, so that who tries
 * again with one is known by name; also if the store cannot be asked.
 * enroller_admit_issued - the same on the port of uploads, for a key that waits for its confirmation. False if the store cannot
 * be asked: that is ingest_admit's to say.
 */
bool enroller_admit(struct enroller *e, const uint8_t spki[static PIN_LEN],
		    int64_t now_ms);
bool enroller_admit_issued(struct enroller *e, const uint8_t spki[static PIN_LEN],
			   int64_t now_ms);

/* enroller_handle - one request on the enrol port. ret and note are filled always; code 0: send no answer. */
void enroller_handle(struct enroller *e, const struct coap_server_request *rq,
		     struct wall now, struct coap_server_response *ret,
		     struct enroller_note *note);

/* enroller_get - GET on the enrol port: the root, or with Accept 281 all CAs. ret borrows until enroller_done. */
void enroller_get(struct enroller *e, const struct coap_server_get *rq,
		  struct coap_server_content *ret, struct enroller_note *note);

/* enroller_confirm - POST "hub/confirm" on the port of uploads. No transaction may be open. */
void enroller_confirm(struct enroller *e, const struct coap_server_request *rq,
		      struct wall now, struct coap_server_response *ret,
		      struct enroller_note *note);

/*
 * enroller_said_decode - the body of a confirmation; enroller_confirm_answer - of its answer.
 *
 * {1: epoch, 2: version text, 3: sign_public 65, 4: audit key 32}; further keys are skipped. An emergency identity is confirmed
 * without 3 and 4.
 * {1: [UTC ms, quality], 2: version of the wanted config}; without 2 there is none. Of 4.09: {3: the epoch that will do}.
 *
 * enroller_said_decode returns 0 or -EBADMSG, -ERANGE, -EMSGSIZE; ret is to be wiped. The others return the length. Pure.
 */
int enroller_said_decode(const uint8_t *body, size_t len, struct enrol_said *ret);
int enroller_confirm_answer(struct wall now, uint64_t config_version, uint8_t *buf,
			    size_t cap);
int enroller_epoch_answer(uint32_t epoch, uint8_t *buf, size_t cap);

/*
 * enroller_claim_decode - the body of POST "hub/claim": {1: SHA-256 of the SubjectPublicKeyInfo of the hub's device key};
 * further keys are skipped. Returns 0 or -EBADMSG, -ERANGE. Pure.
 */
int enroller_claim_decode(const uint8_t *body, size_t len, uint8_t ret[static PIN_LEN]);
